/* SPDX-License-Identifier: MIT */
/*
 * The rest is what the realm's mods have made known and no other bot has claimed. It is looked at when
 * the bot comes, when somebody says that it has changed, and when a renewal of the claim shows another
 * version: so what nobody could say (a node died) is noticed too. One look at a time.
 *
 * A channel that the realm no longer lists is kept to the end of its time: that Redis has lost the list
 * is no reason to be deaf until the mods have renewed it.
 */
#include "relay_bot.h"

static void serve(struct relay_bot *bot, const struct claim_channel *listed)
{
    struct relay_channel *channel = relay_channel_find(bot, listed->id);

    if (channel == NULL) {
        channel = relay_channel_add(bot, listed->id);
        relay_channel_listen(channel);
    }
    if (listed->ends_ms > channel->ends_ms)
        channel->ends_ms = listed->ends_ms;
}

static void yield(struct relay_bot *bot, struct slice taken)
{
    struct relay_channel *channel = relay_channel_find(bot, taken);

    if (channel != NULL) /* the other bot is about to listen: a grace bridges the moment between */
        relay_channel_remove(channel, CHANNEL_LEAVE_BROKEN);
}

static void forget_ended(struct relay_bot *bot)
{
    int64_t now = store_now_ms(bot->conn->relay->node->store);
    struct relay_channel *channel, *next;

    bot->next_end_ms = INT64_MAX;
    HASH_ITER (hh, bot->channels, channel, next) {
        if (channel->ends_ms < now)
            relay_channel_remove(channel, CHANNEL_LEAVE_IN_ORDER);
        else if (channel->ends_ms < bot->next_end_ms)
            bot->next_end_ms = channel->ends_ms;
    }
}

static void apply(struct relay_bot *bot, const struct claim_view *view)
{
    for (size_t i = 0; i < view->taken_count; i++)
        yield(bot, view->taken[i]);
    for (size_t i = 0; i < view->channel_count; i++)
        serve(bot, &view->channels[i]);
    forget_ended(bot);
    bot->version = view->version;
    bot->has_view = true;
}

static void on_viewed(enum result result, const struct claim_view *view, void *ctx)
{
    struct relay_bot *bot = ctx;

    if (result == RESULT_OK) {
        apply(bot, view);
    } else if (bot->has_view) {
        bot->version = 0; /* the next renewal sees that it differs */
    } else {
        relay_conn_refuse(bot->conn, RELAY_INTERNAL);
        return;
    }
    relay_askers_answer(bot->conn->relay, &bot->viewers);
    if (bot->must_view_anew)
        relay_view_start(bot);
    relay_bot_try_open(bot);
}

void relay_view_start(struct relay_bot *bot)
{
    struct claim_id id = { relay_conn_realm(bot->conn), relay_conn_address(bot->conn) };

    bot->must_view_anew = bot->viewing != NULL;
    if (bot->must_view_anew)
        return;
    list_splice(&bot->viewers, &bot->askers);
    claim_view(bot->conn->relay->node->store, &id, on_viewed, bot, &bot->viewing);
}

bool relay_view_is_due(const struct relay_bot *bot)
{
    return store_now_ms(bot->conn->relay->node->store) > bot->next_end_ms;
}
