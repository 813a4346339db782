/* SPDX-License-Identifier: MIT */
#ifndef SB_BASE_PACK_H
#define SB_BASE_PACK_H

#include "base/buf.h"

/*
 * State that moves from one process of ours to another: numbers as LEB128 varints, texts as a length and
 * their bytes, one after the other in an order that both sides know.
 */
void pack_number(struct buf *out, uint64_t number);
void pack_slice(struct buf *out, struct slice slice);

/* Reads what was packed. Past the end, or of bytes that make no sense, everything is 0 or empty, and
 * `is_broken` stays set: so a run of reads needs one check at its end. */
struct unpack {
    struct slice left;
    bool is_broken;
};

void unpack_init(struct unpack *unpack, struct slice bytes);
uint64_t unpack_number(struct unpack *unpack);
uint64_t unpack_number_max(struct unpack *unpack, uint64_t max); /* more is broken */
struct slice unpack_slice(struct unpack *unpack);                /* borrowed from the bytes */
bool unpack_is_done(const struct unpack *unpack); /* not broken, and nothing is left */

#endif
