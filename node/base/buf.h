/* SPDX-License-Identifier: MIT */
#ifndef SB_BASE_BUF_H
#define SB_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/result.h"

/* Bytes that somebody else owns; they may hold NUL. `data` is NULL when there is nothing at all,
 * which is not the same as being empty. */
struct slice {
    const char *data;
    size_t len;
};

#define SLICE_LITERAL(text) ((struct slice){ (text), sizeof(text) - 1 })

struct slice slice_of(const char *text); /* of a NUL-terminated string; NULL gives nothing */
bool slice_equals(struct slice a, struct slice b);
bool slice_is(struct slice slice, const char *text);
struct slice slice_trim(struct slice slice); /* without blanks and tabs at both ends */

/* The same bytes on the heap, with a NUL behind them. */
char *slice_dup(struct slice slice);

/* A decimal number of nothing but digits, within min..max. False otherwise. */
bool slice_to_u64(struct slice slice, uint64_t min, uint64_t max, uint64_t *number_out);

/*
 * A buffer that grows up to its ceiling. An append that would pass the ceiling changes nothing
 * and marks the buffer as overflowed; so a run of appends needs one check at its end.
 */
struct buf {
    char *data;
    size_t len, size, max;
    bool has_overflowed;
};

void buf_init(struct buf *buf, size_t max_bytes);
void buf_fini(struct buf *buf);  /* releases the memory; the buffer may be used again */
void buf_clear(struct buf *buf); /* empties it and keeps the memory */

bool buf_add(struct buf *buf, const void *data, size_t len);
bool buf_add_slice(struct buf *buf, struct slice slice);
bool buf_add_text(struct buf *buf, const char *text);
bool buf_add_byte(struct buf *buf, char byte);
bool buf_printf(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);

/* Room for `len` more bytes at data + len, or NULL. The caller fills it and adds to `len`. */
char *buf_reserve(struct buf *buf, size_t len);

/* Drops the first `len` bytes. */
void buf_consume(struct buf *buf, size_t len);

struct slice buf_slice(const struct buf *buf); /* valid until the next change */

#endif
