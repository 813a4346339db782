/* SPDX-License-Identifier: MIT */
#ifndef SB_RELAY_BOT_H
#define SB_RELAY_BOT_H

#include "relay_conn.h"
#include "relay_ear.h"
#include "store/claims.h"

/*
 * The inside of a bot; for relay_bot*.c only.
 *
 *     relay_bot       its claim: taken, renewed, released
 *     relay_channels  the channels that it serves now, and who waits for them
 *     relay_view      which ones those are, when they are the rest
 */

/* A channel that the bot serves. */
struct relay_channel {
    struct relay_ear ear;
    UT_hash_handle hh;
    struct list askers; /* they wait until it is listened to                      */
    int64_t ends_ms;    /* when the realm forgets it, as far as known; 0: never   */
    bool is_awaited;    /* it is not listened to yet: counted in bot->awaited     */
    size_t id_len;
    char id[]; /* NUL-terminated */
};

struct relay_bot {
    struct relay_conn *conn;
    struct relay_channel *channels; /* hash by id */
    size_t awaited;
    bool has_rest;       /* it serves whatever no other bot of its realm has claimed          */
    bool has_claim;      /* or may have: an answer may be under way                           */
    bool has_view;       /* of the rest                                                       */
    bool must_view_anew; /* something has changed since the view under way was asked for      */
    uint64_t version;    /* of the last view; 0: it is no good any more                       */
    int64_t next_end_ms; /* the earliest end of a channel that was in the last view           */
    struct store_op *claiming, *viewing;
    struct list askers;  /* they wait for a view that is asked for after they asked …        */
    struct list viewers; /* … and these for the one under way                                 */
};

/* Welcomes the bot if nothing is awaited any more. */
void relay_bot_try_open(struct relay_bot *bot);

/* ---- relay_channels ------------------------------------------------------------------------------ */

struct relay_channel *relay_channel_find(const struct relay_bot *bot, struct slice id);
struct relay_channel *relay_channel_add(struct relay_bot *bot, struct slice id);
void relay_channel_listen(struct relay_channel *channel);
void relay_channel_remove(struct relay_channel *channel, enum channel_leave how);

void relay_asker_add(struct list *askers, struct slice address);
void relay_askers_answer(struct relay *relay, struct list *askers);

/* ---- relay_view ---------------------------------------------------------------------------------- */

/* Looks at the realm's channels, and then serves those that are the rest. */
void relay_view_start(struct relay_bot *bot);

/* Is it time, even though nothing is known to have changed? */
bool relay_view_is_due(const struct relay_bot *bot);

#endif
