/* SPDX-License-Identifier: MIT */
#ifndef SB_STORE_PLAYERS_H
#define SB_STORE_PLAYERS_H

#include "store/key.h"
#include "store/store.h"

/*
 * How many connections a player has, over all nodes.
 *
 *     sb:{player:<realm>:<id>}:conns  hash of "<node>/<connection>"
 *     sb:{player:<realm>:<id>}:swept  other nodes' connections were looked through just now
 *
 * A connection is renewed every PLAYER_RENEW_MS, so that the hash outlives its joins, and comes back
 * after Redis has lost it. What a node that died leaves behind is removed when it stands in the way.
 */
enum { PLAYER_RENEW_MS = 10 * 60 * 1000 };

/* All borrowed; every call copies what it keeps. */
struct player_conn {
    struct slice realm, player;
    const char *node_id; /* no '/' in it */
    uint64_t number;     /* unique in the node's life */
};

/* REFUSED: the player has `max` others. With `live_nodes` (the ids of all nodes that live, each between
 * blanks: " a b "; nothing: do not look) connections of other nodes are removed first, at most once a
 * second. Safe to repeat. (lua/player_join.lua) */
void player_join(struct store *store, const struct player_conn *conn, uint32_t max,
                 struct slice live_nodes, store_done_fn *done, void *ctx, struct store_op **slot);

/* Safe to repeat. */
void player_leave(struct store *store, const struct player_conn *conn, store_done_fn *done,
                  void *ctx, struct store_op **slot);

/* Safe to repeat. (lua/player_renew.lua) */
void player_renew(struct store *store, const struct player_conn *conn, store_done_fn *done,
                  void *ctx, struct store_op **slot);

#endif
