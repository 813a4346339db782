/* SPDX-License-Identifier: MIT */
#ifndef SB_STORE_MEMBERS_H
#define SB_STORE_MEMBERS_H

#include "store/key.h"
#include "store/store.h"

/*
 * Which connection speaks for a server in a relay channel: the newest one.
 *
 *     sb:{mods:<realm>:<channel>}:member:<server>  string  the connection
 */
struct member_id {
    struct slice realm, channel, server;
    struct slice connection; /* names it in the whole installation; 1..128 bytes */
};

/* `former`: the connection that had the place and has lost it; empty when there was none. */
typedef void member_fn(enum result result, struct slice former, void *ctx);

/* Safe to repeat. (lua/member_take.lua) */
void member_take(struct store *store, const struct member_id *id, uint32_t ttl_ms, member_fn *done,
                 void *ctx, struct store_op **slot);

/* CONFLICT: a newer connection has the place. Safe to repeat. (lua/member_renew.lua) */
void member_renew(struct store *store, const struct member_id *id, uint32_t ttl_ms,
                  store_done_fn *done, void *ctx, struct store_op **slot);

/* Leaves the place if it is still this connection's. Safe to repeat. (lua/member_release.lua) */
void member_release(struct store *store, const struct member_id *id, store_done_fn *done, void *ctx,
                    struct store_op **slot);

#endif
