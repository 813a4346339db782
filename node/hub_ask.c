/* SPDX-License-Identifier: MIT */
#include "hub_channel.h"

/*
 * What is asked of the store for one channel: where it stands (a hold, renewed while it is listened
 * to) and its entries (a read, one in flight). What fails is asked again, after a while that grows,
 * until the topic breaks: then nothing is asked until it is back.
 */
enum {
    RETRY_MIN_MS = 100,
    RETRY_MAX_MS = 1000,
    OFFERS_MAX = 16384, /* listeners times entries: the work of one turn of the loop */
};

static void on_retry_due(struct deadline *deadline);
static void on_renewal_due(struct deadline *deadline);

static void ask_again(struct hub_channel *channel)
{
    uint32_t wait_ms = RETRY_MIN_MS << channel->tries;

    if (wait_ms < RETRY_MAX_MS)
        channel->tries++;
    else
        wait_ms = RETRY_MAX_MS;
    deadline_set(channel->hub->deadlines, &channel->retry, wait_ms, on_retry_due);
}

void hub_ask_stop(struct hub_channel *channel)
{
    store_cancel(&channel->holding);
    store_cancel(&channel->reading);
    hub_stash_clear(channel);
    deadline_clear(&channel->renewal);
    deadline_clear(&channel->retry);
    channel->tries = 0;
    hub_channel_doubt(channel);
}

static void note_settled(struct hub_channel *channel, uint64_t settled)
{
    if (settled > channel->settled)
        channel->settled = settled;
}

/* ---- reads ------------------------------------------------------------------------------------- */

static void on_batch(enum result result, const struct channel_batch *batch, void *ctx)
{
    struct hub_channel *channel = ctx;

    if (result != RESULT_OK) {
        hub_stash_clear(channel);
        ask_again(channel);
        return;
    }
    channel->tries = 0;
    if (batch->has_gone_back || batch->appended < channel->asked_tip) {
        channel->hub->stats.losses += !batch->has_gone_back; /* the store has counted it */
        hub_channel_note_loss(channel, 0);
        hub_channel_enter(channel, HUB_HOLDING);
        return;
    }
    note_settled(channel, batch->settled);
    hub_channel_raise_tip(channel, batch->appended);
    hub_deliver_batch(channel, batch);
}

/* Where the read begins. Who started before the channel was used wants all there is: nothing of it is older than the
 * listener, whatever others have settled meanwhile. */
static uint64_t cursor_to_read(const struct hub_channel *channel)
{
    LIST_EACH (node, spare, &channel->behind) {
        const struct hub_listener *listener = LIST_ENTRY(node, struct hub_listener, node);

        if (listener->has_started && listener->cursor == 0)
            return CHANNEL_FROM_FIRST;
    }
    return channel->read_from;
}

static uint64_t lowest_cursor(struct list *listeners)
{
    uint64_t lowest = UINT64_MAX;

    LIST_EACH (node, spare, listeners) {
        const struct hub_listener *listener = LIST_ENTRY(node, struct hub_listener, node);

        if (listener->cursor < lowest)
            lowest = listener->cursor;
    }
    return lowest;
}

size_t hub_ask_portion(struct hub_channel *channel)
{
    size_t listeners = 1, entries;

    LIST_EACH (node, spare, &channel->behind)
        listeners++;
    entries = OFFERS_MAX / listeners + 1;
    return entries < CHANNEL_READ_MAX ? entries : CHANNEL_READ_MAX;
}

void hub_ask_read(struct hub_channel *channel)
{
    struct channel_id id = hub_channel_id(channel);

    if (channel->state != HUB_LIVE || channel->reading != NULL || list_is_empty(&channel->behind) ||
        deadline_is_set(&channel->retry))
        return;
    channel->read_from = lowest_cursor(&channel->behind);
    channel->asked_tip = channel->tip;
    channel->hub->stats.reads++;
    channel_read(channel->hub->store, &id, cursor_to_read(channel), hub_ask_portion(channel),
                 on_batch, channel, &channel->reading);
}

/* ---- holds ------------------------------------------------------------------------------------- */

/* Who has not started yet, and does not know better, starts at the settled mark. */
static void place_newcomers(struct hub_channel *channel)
{
    LIST_EACH (node, spare, &channel->behind) {
        struct hub_listener *listener = LIST_ENTRY(node, struct hub_listener, node);

        if (hub_listener_is_new(listener) && listener->cursor < channel->settled)
            listener->cursor = listener->written = channel->settled;
    }
}

static void on_held(enum result result, const struct channel_position *position, void *ctx)
{
    struct hub_channel *channel = ctx;

    if (result != RESULT_OK) {
        ask_again(channel);
        return;
    }
    channel->tries = 0;
    deadline_set(channel->hub->deadlines, &channel->renewal, channel_hold_every_ms(),
                 on_renewal_due);
    if (channel->state == HUB_HOLDING && position->appended < channel->asked_tip) {
        channel->hub->stats.losses++;
        hub_channel_note_loss(channel, 0);
    }
    if (channel->is_lost)
        hub_channel_take_back(channel, position->settled);
    note_settled(channel, position->settled);
    place_newcomers(channel);
    hub_channel_raise_tip(channel, position->appended);
    if (channel->state == HUB_HOLDING)
        hub_channel_enter(channel, HUB_LIVE);
    else
        hub_ask_read(channel);
}

void hub_ask_hold(struct hub_channel *channel)
{
    struct channel_id id = hub_channel_id(channel);

    if (channel->holding != NULL)
        return;
    if (channel->state == HUB_HOLDING)
        channel->asked_tip = channel->tip;
    channel_hold(channel->hub->store, &id, on_held, channel, &channel->holding);
}

static void on_renewal_due(struct deadline *deadline)
{
    hub_ask_hold(LIST_ENTRY(deadline, struct hub_channel, renewal));
}

/* A hold that failed is not due for renewal: that tells what has to be asked again. */
static void on_retry_due(struct deadline *deadline)
{
    struct hub_channel *channel = LIST_ENTRY(deadline, struct hub_channel, retry);

    if (!deadline_is_set(&channel->renewal))
        hub_ask_hold(channel);
    hub_ask_read(channel);
}
