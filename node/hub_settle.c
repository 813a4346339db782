/* SPDX-License-Identifier: MIT */
#include "hub_channel.h"

/*
 * Settling: what a listener here has written need not be delivered by anybody again. Once per
 * window and not per message; one settle in flight per channel. One that failed is asked for
 * again, later and for more: a settled mark never goes back.
 *
 * Nothing is settled from when the topic breaks until the hold has been answered: Redis may have given a
 * number that was written here to another entry.
 *
 *     settled ≤ settling_to ≤ delivered ≤ tip
 */
enum { SETTLE_AGAIN_MS = 500 };

static bool has_unsettled(const struct hub_channel *channel)
{
    return channel->is_certain && channel->delivered > channel->settled;
}

static void on_settle_due(struct deadline *deadline)
{
    hub_settle_now(LIST_ENTRY(deadline, struct hub_channel, settle));
}

static void on_settled(enum result result, void *ctx)
{
    struct hub_channel *channel = ctx;

    if (result != RESULT_OK) {
        deadline_set(channel->hub->deadlines, &channel->settle, SETTLE_AGAIN_MS, on_settle_due);
        return;
    }
    if (channel->settling_to > channel->settled)
        channel->settled = channel->settling_to;
    hub_settle_note(channel);
}

void hub_settle_soon(struct hub_channel *channel)
{
    struct hub *hub = channel->hub;

    if (has_unsettled(channel) && channel->settling == NULL && !deadline_is_set(&channel->settle))
        deadline_set(hub->deadlines, &channel->settle, hub->options.settle_ms, on_settle_due);
}

void hub_settle_note(struct hub_channel *channel)
{
    if (!has_unsettled(channel) || channel->settling != NULL)
        return;
    if (channel->delivered - channel->settled >= channel->hub->options.settle_count)
        hub_settle_now(channel);
    else
        hub_settle_soon(channel);
}

void hub_settle_now(struct hub_channel *channel)
{
    struct channel_id id = hub_channel_id(channel);

    hub_settle_forget(channel);
    if (!has_unsettled(channel))
        return;
    channel->settling_to = channel->delivered;
    channel->hub->stats.settles++;
    channel_settle(channel->hub->store, &id, channel->settling_to, on_settled, channel,
                   &channel->settling);
}

void hub_settle_last(struct hub_channel *channel)
{
    struct channel_id id = hub_channel_id(channel);

    hub_settle_forget(channel);
    if (!has_unsettled(channel))
        return;
    channel->hub->stats.settles++;
    channel_settle(channel->hub->store, &id, channel->delivered, NULL, NULL, NULL);
}

void hub_settle_forget(struct hub_channel *channel)
{
    store_cancel(&channel->settling);
    deadline_clear(&channel->settle);
}
