/* SPDX-License-Identifier: MIT */
#ifndef SB_STORE_RESP_H
#define SB_STORE_RESP_H

#include "base/buf.h"

/* Appends one command to `out`, whole or not at all. False when it would pass the ceiling. */
bool resp_write(struct buf *out, const struct slice *words, size_t count) MUST_CHECK;

/* The same from NUL-terminated words. */
bool resp_write_words(struct buf *out, const char *const *words, size_t count) MUST_CHECK;

#endif
