/* SPDX-License-Identifier: MIT */
/*
 * A bot: it claims its channels, or the rest, for all nodes to see, by a lease that is renewed for as
 * long as it is connected. Between two bots of a realm nothing is shared but that claim; what one takes
 * or gives back concerns only the bot of the rest, which is told.
 */
#include "relay_bot.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

static struct claim_id claim_of(const struct relay_conn *conn)
{
    return (struct claim_id){ relay_conn_realm(conn), relay_conn_address(conn) };
}

void relay_bot_create(struct relay_conn *conn, struct relay_handshake *handshake)
{
    struct relay_bot *bot = xcalloc(1, sizeof *bot);

    conn->bot = bot;
    bot->conn = conn;
    bot->has_rest = handshake->channels == NULL;
    list_init(&bot->askers);
    list_init(&bot->viewers);
    for (size_t i = 0; i < handshake->channel_count; i++)
        (void)relay_channel_add(bot, slice_of(handshake->channels[i]));
}

/* It has left before: nothing is listened to, and nobody waits. */
void relay_bot_destroy(struct relay_bot **bot)
{
    if (*bot == NULL)
        return;
    assert((*bot)->channels == NULL && list_is_empty(&(*bot)->askers));
    free(*bot);
    *bot = NULL;
}

bool relay_bot_has(const struct relay_bot *bot, const char *channel_id)
{
    return bot->has_rest || relay_channel_find(bot, slice_of(channel_id)) != NULL;
}

/* ---- joining ----------------------------------------------------------------------------------- */

static void take(struct relay_bot *bot, claim_fn *done)
{
    struct slice *channels = xcalloc(CLAIM_CHANNELS_MAX, sizeof *channels);
    struct claim_id id = claim_of(bot->conn);
    struct relay_channel *channel, *next;
    size_t count = 0;

    if (!bot->has_rest)
        HASH_ITER (hh, bot->channels, channel, next)
            channels[count++] = (struct slice){ channel->id, channel->id_len };
    bot->has_claim = true;
    claim_take(bot->conn->relay->node->store, &id, channels, count, done, bot, &bot->claiming);
    free(channels);
}

/* Whom it concerns that the claim has been taken: the bot of the rest, if this one has its own set. */
static struct slice concerned(const struct relay_bot *bot, const struct claim *claim)
{
    return bot->has_rest ? (struct slice){ 0 } : claim->rest;
}

static void on_taken(enum result result, const struct claim *claim, void *ctx)
{
    struct relay_bot *bot = ctx;

    if (result == RESULT_OK) {
        relay_conn_claimed(bot->conn, concerned(bot, claim), (struct slice){ 0 });
    } else if (result == RESULT_CONFLICT) {
        bot->has_claim = false;
        relay_conn_refuse(bot->conn, RELAY_BOT_TAKEN);
    } else {
        relay_conn_refuse(bot->conn, RELAY_INTERNAL);
    }
}

static void bot_claim(struct relay_conn *conn)
{
    take(conn->bot, on_taken);
}

static void bot_listen(struct relay_conn *conn)
{
    struct relay_bot *bot = conn->bot;
    struct relay_channel *channel, *next;

    if (bot->has_rest) {
        relay_view_start(bot);
        return;
    }
    HASH_ITER (hh, bot->channels, channel, next)
        relay_channel_listen(channel);
}

void relay_bot_try_open(struct relay_bot *bot)
{
    if (bot->conn->state == RELAY_LISTENING && bot->awaited == 0 &&
        (bot->has_view || !bot->has_rest))
        relay_conn_enter(bot->conn, RELAY_OPEN);
}

/* ---- staying ----------------------------------------------------------------------------------- */

static void on_taken_again(enum result result, const struct claim *claim, void *ctx)
{
    struct relay_bot *bot = ctx;
    struct relay_conn *conn = bot->conn;

    if (result == RESULT_CONFLICT) {
        bot->has_claim = false;
        relay_conn_close(conn, CLOSE_NORMAL);
    } else if (result == RESULT_OK && bot->has_rest) {
        relay_view_start(bot);
    } else if (result == RESULT_OK && claim->rest.len > 0) {
        relay_ask_to_serve(conn->relay, claim->rest, relay_conn_address(conn), (struct slice){ 0 });
    }
}

static void on_renewed(enum result result, const struct claim *claim, void *ctx)
{
    struct relay_bot *bot = ctx;

    if (result == RESULT_NOT_FOUND) {
        log_peer(LOG_WARN, &bot->conn->log, "relay.claim_lost", "lease_ms=%d", CLAIM_LEASE_MS);
        take(bot, on_taken_again);
    } else if (result == RESULT_OK && bot->has_rest &&
               (claim->version != bot->version || relay_view_is_due(bot))) {
        relay_view_start(bot);
    }
}

static void bot_renew(struct relay_conn *conn)
{
    struct relay_bot *bot = conn->bot;
    struct claim_id id = claim_of(conn);

    if (bot->claiming == NULL)
        claim_renew(conn->relay->node->store, &id, on_renewed, bot, &bot->claiming);
}

static int64_t end_of_new_channel(const struct relay_conn *conn)
{
    return store_now_ms(conn->relay->node->store) + conn->relay->node->config->relay_ttl_ms;
}

/* A channel has got a mod. */
static void asked_for_channel(struct relay_bot *bot, const struct relay_request *request)
{
    struct relay_channel *channel = relay_channel_find(bot, request->channel);

    if (channel == NULL && bot->has_rest) {
        channel = relay_channel_add(bot, request->channel);
        channel->ends_ms = end_of_new_channel(bot->conn);
        relay_channel_listen(channel);
    }
    if (channel == NULL || relay_ear_is_listening(&channel->ear))
        relay_tell_served(bot->conn->relay, request->from);
    else
        relay_asker_add(&channel->askers, request->from);
}

void relay_bot_asked(struct relay_conn *conn, const struct relay_request *request)
{
    struct relay_bot *bot = conn->bot;

    if (request->channel.data != NULL) {
        asked_for_channel(bot, request);
    } else if (bot->has_rest) {
        relay_asker_add(&bot->askers, request->from);
        if (conn->state >= RELAY_LISTENING) /* else the first view is still to come */
            relay_view_start(bot);
    } else {
        relay_tell_served(conn->relay, request->from);
    }
}

/* ---- leaving ----------------------------------------------------------------------------------- */

/* The last will of a bot with channels of its own: give them back, and tell who has them now. */
struct errand {
    struct list node; /* relay->errands */
    struct relay *relay;
    struct store_op *releasing;
    struct relay_address from;
};

static void errand_free(struct errand *errand)
{
    store_cancel(&errand->releasing);
    list_remove(&errand->node);
    free(errand);
}

static void on_released(enum result result, const struct claim *claim, void *ctx)
{
    struct errand *errand = ctx;

    if (result == RESULT_OK && claim->rest.len > 0)
        relay_ask_to_serve(errand->relay, claim->rest, slice_of(errand->from.text),
                           (struct slice){ 0 });
    errand_free(errand);
}

void relay_errands_close(struct relay *relay)
{
    LIST_EACH (node, spare, &relay->errands)
        errand_free(LIST_ENTRY(node, struct errand, node));
}

static void release(struct relay_conn *conn)
{
    struct errand *errand = xcalloc(1, sizeof *errand);
    struct claim_id id = claim_of(conn);

    errand->relay = conn->relay;
    errand->from = conn->address;
    list_append(&conn->relay->errands, &errand->node);
    claim_release(conn->relay->node->store, &id, on_released, errand, &errand->releasing);
}

static void bot_leave(struct relay_conn *conn, enum channel_leave how)
{
    struct relay_bot *bot = conn->bot;
    struct relay_channel *channel, *next;

    store_cancel(&bot->claiming);
    store_cancel(&bot->viewing);
    HASH_ITER (hh, bot->channels, channel, next)
        relay_channel_remove(channel, how);
    list_splice(&bot->viewers, &bot->askers);
    relay_askers_answer(conn->relay, &bot->viewers);
    if (bot->has_claim)
        release(conn); /* after the channels: whoever comes next finds them settled */
}

const struct relay_role relay_bot_role = {
    .renew_every_ms = CLAIM_RENEW_EVERY_MS,
    .claim = bot_claim,
    .listen = bot_listen,
    .renew = bot_renew,
    .leave = bot_leave,
};
