/* SPDX-License-Identifier: MIT */
#ifndef SB_ARCHITUS_STAGING_H
#define SB_ARCHITUS_STAGING_H

#include "entity.h"
#include "store/store.h"

/*
 * Replaces a whole pool: its entities are put aside, POOL_ENTITIES_MAX at a time, then take the old ones' place at
 * once.
 */
struct staging {
    const struct entities *entities; /* alive until the end */
    struct pool_id pool;             /* what it points to, likewise */
    uint32_t max;                    /* entities */
    bool has_seen;                   /* only if the pool has changed … */
    uint64_t changes;                /* … so often; else as often as when it begins */
    uint32_t good_for_ms;            /* 0: for good */

    /* its own */
    struct store *store;
    struct store_op *op;
    void (*done)(struct staging *staging, enum result result);
    size_t next;
    char name[32];
};

/* `unique` makes the name, together with the node's. `done` runs once, never before this returns: OK; CONFLICT:
 * the pool has changed meanwhile; REFUSED: too many. */
void staging_begin(struct staging *staging, struct store *store, const char *node_id,
                   uint64_t unique, void (*done)(struct staging *staging, enum result result));
void staging_cancel(struct staging *staging);

#endif
