/* SPDX-License-Identifier: MIT */
#include "hub_channel.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

/*
 * Entries to listeners. A walk takes the listeners off the channel's list and puts each back where
 * it belongs before calling it; so in a callback any listener may leave, come, or be freed, the
 * called one included (`hub->called` is NULL then), and even the channel may end.
 */
static void walk_begin(struct hub_channel *channel, struct list *waiting, struct list *listeners)
{
    assert(channel->hub->walked == NULL);
    channel->hub->walked = channel;
    list_init(waiting);
    list_splice(waiting, listeners);
}

static struct hub_listener *walk_next(struct list *waiting, struct list *back_to)
{
    struct list *node = waiting->next;

    if (node == waiting)
        return NULL;
    list_remove(node);
    list_append(back_to, node);
    return LIST_ENTRY(node, struct hub_listener, node);
}

static void walk_end(struct hub_channel *channel)
{
    channel->hub->walked = NULL;
    channel->hub->called = NULL;
    if (channel->state == HUB_OVER) {
        free(channel);
        return;
    }
    hub_settle_note(channel);
    hub_channel_go_on(channel);
}

/* The listener has gone past it and has nothing of it left to write. */
static void listener_pass(struct hub_listener *listener, uint64_t number)
{
    if (listener->written == listener->cursor) {
        listener->written = number;
        if (number > listener->channel->delivered)
            listener->channel->delivered = number;
    }
    listener->cursor = number;
}

/* False: it takes no more for now, or it has left. */
static bool listener_offer(struct hub *hub, struct hub_listener *listener,
                           const struct hub_entry *entry)
{
    enum hub_take take;

    hub->called = listener;
    take = listener->ops->on_entry(listener, entry);
    if (hub->called == NULL)
        return false;
    if (take == HUB_FULL) {
        listener->is_full = true;
        list_remove(&listener->node);
        list_append(&listener->channel->full, &listener->node);
        return false;
    }
    if (take == HUB_WRITTEN)
        listener_pass(listener, entry->number);
    else
        listener->cursor = entry->number;
    return true;
}

/* Counted once, however many listeners skip it. */
static bool is_expired(struct hub_channel *channel, const struct channel_entry *entry)
{
    if (entry->expires_ms == 0 || entry->expires_ms >= store_now_ms(channel->hub->store))
        return false;
    if (entry->number > channel->expired) {
        channel->expired = entry->number;
        channel_count_expired(channel->hub->store, hub_channel_kind(channel), 1);
    }
    return true;
}

void hub_deliver_live(struct hub_channel *channel, const struct channel_entry *entry)
{
    struct hub *hub = channel->hub;
    struct hub_entry offer = { .number = entry->number,
                               .expires_ms = entry->expires_ms,
                               .is_live = true };
    uint64_t *count = &hub->stats.fast[hub_channel_kind(channel)];
    struct hub_listener *listener;
    struct list waiting;

    channel->tip = entry->number;
    if (list_is_empty(&channel->tight))
        return;
    walk_begin(channel, &waiting, &channel->tight);
    if (!is_expired(channel, entry))
        offer.frame = frame_of(entry->payload);
    while ((listener = walk_next(&waiting, &channel->tight)) != NULL) {
        if (offer.frame == NULL)
            listener_pass(listener, entry->number);
        else if (listener_offer(hub, listener, &offer))
            ++*count;
    }
    frame_unref(&offer.frame);
    walk_end(channel);
}

/* ---- batches ----------------------------------------------------------------------------------- */

/* A batch on its way to the listeners: each entry's frame is made when the first one needs it. */
struct serving {
    const struct channel_batch *batch;
    struct hub_entry *offers; /* one per entry */
};

/* False: it has left. */
static bool listener_start(struct hub *hub, struct hub_listener *listener)
{
    listener->has_started = true;
    hub->called = listener;
    if (listener->ops->on_listening != NULL)
        listener->ops->on_listening(listener);
    return hub->called != NULL;
}

/* Everything up to `number` that the listener has not had is gone. False: it has left. */
static bool listener_skip_to(struct hub *hub, struct hub_listener *listener, uint64_t number,
                             uint64_t missed_max)
{
    uint64_t missed = number - listener->cursor;

    if (number <= listener->cursor)
        return true;
    if (missed > missed_max)
        missed = missed_max;
    listener_pass(listener, number);
    if (missed == 0)
        return true;
    hub->stats.gaps[hub_channel_kind(listener->channel)]++;
    hub->called = listener;
    if (listener->ops->on_gap != NULL)
        listener->ops->on_gap(listener, missed);
    return hub->called != NULL;
}

static bool serve_entry(struct hub_channel *channel, struct hub_listener *listener,
                        const struct channel_entry *entry, struct hub_entry *offer)
{
    struct hub *hub = channel->hub;

    if (is_expired(channel, entry)) {
        listener_pass(listener, entry->number);
        return true;
    }
    if (offer->frame == NULL)
        *offer = (struct hub_entry){ .number = entry->number,
                                     .expires_ms = entry->expires_ms,
                                     .frame = frame_of(entry->payload) };
    if (!listener_offer(hub, listener, offer))
        return false;
    hub->stats.read[hub_channel_kind(channel)]++;
    return true;
}

/* What the batch holds for one listener. False: it takes no more for now, or it has left. */
static bool serve(struct hub_channel *channel, struct hub_listener *listener,
                  const struct serving *serving)
{
    const struct channel_batch *batch = serving->batch;
    const struct channel_entry *entries = batch->entries;
    uint64_t first = batch->count > 0 ? entries[0].number : batch->appended + 1;
    uint64_t last = batch->has_more ? 0 : batch->appended;
    /* what was gone before a listener came is no gap to it */
    uint64_t missed_max = listener->has_started ? batch->missed : 0;

    if (!listener->has_started && !listener_start(channel->hub, listener))
        return false;
    if (!listener_skip_to(channel->hub, listener, first - 1, missed_max))
        return false;
    for (size_t i = 0; i < batch->count; i++) {
        if (entries[i].number > listener->cursor &&
            !serve_entry(channel, listener, &entries[i], &serving->offers[i]))
            return false;
    }
    return listener_skip_to(channel->hub, listener, last, 0);
}

/* Whether the read covers what the listener wants next: it may have come, or gone on, only after
 * the read was sent. */
static bool is_served_by(const struct hub_channel *channel, struct hub_listener *listener,
                         const struct channel_batch *batch)
{
    if (!listener->has_started && listener->cursor < batch->settled)
        listener->cursor = listener->written = batch->settled;
    return listener->cursor >= channel->read_from;
}

void hub_deliver_batch(struct hub_channel *channel, const struct channel_batch *batch)
{
    struct serving serving = { .batch = batch };
    struct hub_listener *listener;
    struct list waiting;

    serving.offers = xcalloc(batch->count + 1, sizeof *serving.offers);
    walk_begin(channel, &waiting, &channel->behind);
    while ((listener = walk_next(&waiting, &channel->behind)) != NULL) {
        if (is_served_by(channel, listener, batch) && serve(channel, listener, &serving) &&
            listener->cursor == channel->tip) {
            list_remove(&listener->node);
            list_append(&channel->tight, &listener->node);
        }
    }
    for (size_t i = 0; i < batch->count; i++)
        frame_unref(&serving.offers[i].frame);
    free(serving.offers);
    walk_end(channel);
}
