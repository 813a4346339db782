/* SPDX-License-Identifier: MIT */
#ifndef SB_STORE_NODES_H
#define SB_STORE_NODES_H

#include "store/store.h"

/*
 * Which nodes live: each says so every NODES_BEAT_MS. One that was silent for NODES_LEASE_MS is dead,
 * unless all of them were: then it was Redis that was away, and they have another lease to be heard.
 */
enum { NODES_BEAT_MS = 3000, NODES_LEASE_MS = 10000 };

/* Says that this node lives. Safe to repeat. (lua/nodes_beat.lua) */
void nodes_beat(struct store *store, const char *node_id, store_done_fn *done, void *ctx,
                struct store_op **slot);

/* Says that this node stops. */
void nodes_leave(struct store *store, const char *node_id, store_done_fn *done, void *ctx,
                 struct store_op **slot);

typedef void nodes_live_fn(enum result result, const struct slice *ids, size_t count, void *ctx);
void nodes_list_live(struct store *store, nodes_live_fn *done, void *ctx, struct store_op **slot);

#endif
