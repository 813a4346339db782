/* SPDX-License-Identifier: MIT */
#ifndef SB_STORE_LEASES_H
#define SB_STORE_LEASES_H

#include "store/key.h"
#include "store/store.h"

/*
 * What one node does for all, and another when that one has died.
 *
 *     sb:{lease:<realm>:<name>}:holder  string  who has it, for the time of the lease
 *
 * A holder that could not renew it in time has lost it, whether it knows or not: it counts the time from
 * when it asked.
 */
struct lease_id {
    struct slice realm, name; /* valid identifiers */
    struct slice holder;      /* 1..128 bytes      */
};

/* Takes the lease, or renews it. CONFLICT: somebody else has it. Safe to repeat. (lua/lease_take.lua) */
void lease_take(struct store *store, const struct lease_id *id, uint32_t ttl_ms,
                store_done_fn *done, void *ctx, struct store_op **slot);

/* OK, too, when it was not the holder's (any more). Safe to repeat. (lua/lease_release.lua) */
void lease_release(struct store *store, const struct lease_id *id, store_done_fn *done, void *ctx,
                   struct store_op **slot);

#endif
