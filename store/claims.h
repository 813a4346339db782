/* SPDX-License-Identifier: MIT */
#ifndef SB_STORE_CLAIMS_H
#define SB_STORE_CLAIMS_H

#include "store/key.h"
#include "store/store.h"

/*
 * Who serves which relay channel of a realm: each bot claims a set of channels or, one of them, the
 * rest. A claim is a lease, by Redis' clock: a bot whose node dies is gone when it runs out. The
 * realm's channels are those whose mods have been seen lately.
 *
 *     sb:{relay:<realm>:all}:bots      zset  bot -> end of its lease
 *     sb:{relay:<realm>:all}:claims    hash  channel or the rest -> bot
 *     sb:{relay:<realm>:all}:channels  zset  channel -> when it is forgotten
 *     sb:{relay:<realm>:all}:version   grows with every change of the others
 */
/* What a dead bot had is free after a lease, and in the hands of the bot of the rest one renewal later:
 * within the grace of its channels. */
enum { CLAIM_LEASE_MS = 7000, CLAIM_RENEW_EVERY_MS = 2000, CLAIM_CHANNELS_MAX = 1000 };

/* `bot` names a connection in the whole installation; 1..128 bytes. */
struct claim_id {
    struct slice realm, bot;
};

/* Ids are borrowed until the callback returns; empty: there is none. */
struct claim {
    uint64_t version;
    struct slice rest; /* another bot, the one that serves the rest                               */
};
typedef void claim_fn(enum result result, const struct claim *claim, void *ctx);

/* Claims `channels`, or without any the rest. CONFLICT: another living bot has one of them. Safe to
 * repeat. (lua/claim_take.lua) */
void claim_take(struct store *store, const struct claim_id *id, const struct slice *channels,
                size_t channel_count, claim_fn *done, void *ctx, struct store_op **slot);

/* To be called every CLAIM_RENEW_EVERY_MS. NOT_FOUND: the lease has been ended; take it anew. Also
 * ends others' leases that have run out: the version shows it. Safe to repeat. `rest` stays empty.
 * (lua/claim_renew.lua) */
void claim_renew(struct store *store, const struct claim_id *id, claim_fn *done, void *ctx,
                 struct store_op **slot);

/* Ends the lease and its claims at once; `rest` is who has to know. Safe to repeat.
 * (lua/claim_release.lua) */
void claim_release(struct store *store, const struct claim_id *id, claim_fn *done, void *ctx,
                   struct store_op **slot);

struct claim_channel {
    struct slice id;
    int64_t ends_ms; /* when it is forgotten unless a mod is seen again; store_now_ms() time */
};

struct claim_view {
    uint64_t version;
    const struct claim_channel *channels; /* the realm's, without those that are taken       */
    size_t channel_count;
    const struct slice *taken; /* those that other bots have claimed              */
    size_t taken_count;
};
typedef void claim_view_fn(enum result result, const struct claim_view *view, void *ctx);

/* For the bot that serves the rest. (lua/claim_view.lua) */
void claim_view(struct store *store, const struct claim_id *id, claim_view_fn *done, void *ctx,
                struct store_op **slot);

/* `bot` is empty when there is none. */
typedef void claim_server_fn(enum result result, struct slice bot, void *ctx);

/* A mod serves `channel`: it is kept among the realm's channels for `keep_ms`. Tells which living bot
 * serves it. Safe to repeat. (lua/claim_touch.lua) */
void claim_touch(struct store *store, struct slice realm, struct slice channel, uint32_t keep_ms,
                 claim_server_fn *done, void *ctx, struct store_op **slot);

#endif
