/* SPDX-License-Identifier: MIT */
#ifndef SB_STORE_MEMBERS_H
#define SB_STORE_MEMBERS_H

#include "store/key.h"
#include "store/store.h"

/*
 * Which connection speaks for a server in a relay channel: the newest one.
 *
 *     sb:{mods:<realm>:<channel>}:member:<server>  string  the connection
 *     sb:{mods:<realm>:<channel>}:mark:<server>    integer the last entry that it was delivered
 *
 * The channel is a feed, whose settled mark says what somebody was delivered. A server that comes back
 * goes on at its own mark.
 */
struct member_id {
    struct slice realm, channel, server;
    struct slice connection; /* names it in the whole installation; 1..128 bytes */
};

struct member {
    struct slice
        former;    /* the connection that had the place and has lost it; empty: there was none */
    uint64_t mark; /* 0: there is none                                                         */
};
typedef void member_fn(enum result result, const struct member *member, void *ctx);

/* Safe to repeat. (lua/member_take.lua) */
void member_take(struct store *store, const struct member_id *id, uint32_t ttl_ms, member_fn *done,
                 void *ctx, struct store_op **slot);

/* CONFLICT: a newer connection has the place. Safe to repeat. (lua/member_renew.lua) */
void member_renew(struct store *store, const struct member_id *id, uint32_t ttl_ms,
                  store_done_fn *done, void *ctx, struct store_op **slot);

/* Everything up to `number` was delivered to this server. Safe to repeat. */
void member_mark(struct store *store, const struct member_id *id, uint64_t number, uint32_t ttl_ms,
                 store_done_fn *done, void *ctx, struct store_op **slot);

/* Leaves the place if it is still this connection's; the mark stays for `grace_ms`. Safe to repeat.
 * (lua/member_release.lua) */
void member_release(struct store *store, const struct member_id *id, uint32_t grace_ms,
                    store_done_fn *done, void *ctx, struct store_op **slot);

#endif
