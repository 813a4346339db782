/* SPDX-License-Identifier: MIT */
#ifndef SB_STORE_POOL_INSIDE_H
#define SB_STORE_POOL_INSIDE_H

#include "store/pools.h"

/* What pools.c and pool_read.c share. For store/ only. */

/* A key of a guild: part, or part:<type>. */
void pool_key(struct key *key, const struct pool_id *id, const char *part);
void pool_type_key(struct key *key, const struct pool_id *id, const char *part);

/* A text behind its length: 4 bytes, big endian (Lua's ">I4c0"). */
void pool_pack(struct buf *out, struct slice text);

#endif
