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
static bool is_expired(struct hub_channel *channel, const struct hub_entry *entry)
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
    struct hub_entry offer = { .number = entry->number, .expires_ms = entry->expires_ms };
    uint64_t *count = &hub->stats.fast[hub_channel_kind(channel)];
    struct hub_listener *listener;
    struct list waiting;
    bool has_expired;

    channel->tip = entry->number;
    if (list_is_empty(&channel->tight) && channel->reading == NULL)
        return;
    offer.frame = frame_of(entry->payload);
    if (channel->reading != NULL)
        hub_stash_add(channel, &offer);
    offer.is_live = true;
    walk_begin(channel, &waiting, &channel->tight);
    has_expired = !list_is_empty(&waiting) && is_expired(channel, &offer);
    while ((listener = walk_next(&waiting, &channel->tight)) != NULL) {
        if (has_expired)
            listener_pass(listener, entry->number);
        else if (listener_offer(hub, listener, &offer))
            ++*count;
    }
    frame_unref(&offer.frame);
    walk_end(channel);
}

/* ---- batches ----------------------------------------------------------------------------------- */

/* A batch, and what the topic brought after it, on their way to the listeners. A frame of the
 * batch is made when the first listener needs it. */
struct serving {
    const struct channel_batch *batch;
    struct hub_entry *offers;
    size_t count;
};

/* The number of the last entry up to which the batch tells everything. */
static uint64_t batch_end(const struct channel_batch *batch)
{
    return batch->has_more && batch->count > 0 ? batch->entries[batch->count - 1].number
                                               : batch->appended;
}

static void serving_init(struct serving *serving, struct hub_channel *channel,
                         const struct channel_batch *batch)
{
    struct hub_stash *stash = channel->stash;
    bool follows_on = stash != NULL && stash->entries[0].number <= batch_end(batch) + 1;
    size_t count = batch->count + (follows_on ? stash->count : 0);

    *serving = (struct serving){ .batch = batch, .count = count };
    serving->offers = xcalloc(count + 1, sizeof *serving->offers);
    for (size_t i = 0; i < batch->count; i++) {
        serving->offers[i].number = batch->entries[i].number;
        serving->offers[i].expires_ms = batch->entries[i].expires_ms;
    }
    if (follows_on) {
        for (size_t i = 0; i < stash->count; i++) {
            serving->offers[batch->count + i] = stash->entries[i];
            frame_ref(stash->entries[i].frame);
        }
    }
    hub_stash_clear(channel); /* the next read brings what did not follow on */
}

static void serving_fini(struct serving *serving)
{
    for (size_t i = 0; i < serving->count; i++)
        frame_unref(&serving->offers[i].frame);
    free(serving->offers);
}

/* False: it has left. */
static bool listener_start(struct hub *hub, struct hub_listener *listener, uint64_t appended)
{
    listener->has_started = true;
    if (listener->ops->starts_at_tip && listener->cursor < appended)
        listener->cursor = listener->written = appended;
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

/* False: it takes no more for now, or it has left. */
static bool serve_entry(struct hub_channel *channel, struct hub_listener *listener,
                        const struct serving *serving, size_t i)
{
    struct hub_entry *offer = &serving->offers[i];

    if (is_expired(channel, offer)) {
        listener_pass(listener, offer->number);
        return true;
    }
    if (offer->frame == NULL)
        offer->frame = frame_of(serving->batch->entries[i].payload);
    if (!listener_offer(channel->hub, listener, offer))
        return false;
    channel->hub->stats.read[hub_channel_kind(channel)]++;
    return true;
}

/* What there is for one listener. False: it takes no more for now, or it has left. */
static bool serve(struct hub_channel *channel, struct hub_listener *listener,
                  const struct serving *serving)
{
    const struct channel_batch *batch = serving->batch;
    uint64_t first = batch->count > 0 ? batch->entries[0].number : batch->appended + 1;
    /* what was gone before a listener came is no gap to it, unless it knows where it stood */
    uint64_t missed_max = listener->has_started || listener->is_placed ? batch->missed : 0;

    if (!listener->has_started && !listener_start(channel->hub, listener, batch->appended))
        return false;
    if (!listener_skip_to(channel->hub, listener, first - 1, missed_max))
        return false;
    for (size_t i = 0; i < serving->count; i++) {
        if (serving->offers[i].number > listener->cursor &&
            !serve_entry(channel, listener, serving, i))
            return false;
    }
    return listener_skip_to(channel->hub, listener, batch_end(batch), 0);
}

/* Whether the read covers what the listener wants next: it may have come, or gone on, only after
 * the read was sent. */
static bool is_served_by(const struct hub_channel *channel, struct hub_listener *listener,
                         const struct channel_batch *batch)
{
    if (hub_listener_is_new(listener) && listener->cursor < batch->settled)
        listener->cursor = listener->written = batch->settled;
    return listener->cursor >= channel->read_from;
}

void hub_deliver_batch(struct hub_channel *channel, const struct channel_batch *batch)
{
    struct hub_listener *listener;
    struct serving serving;
    struct list waiting;

    serving_init(&serving, channel, batch);
    walk_begin(channel, &waiting, &channel->behind);
    while ((listener = walk_next(&waiting, &channel->behind)) != NULL) {
        if (is_served_by(channel, listener, batch) && serve(channel, listener, &serving) &&
            listener->cursor == channel->tip) {
            list_remove(&listener->node);
            list_append(&channel->tight, &listener->node);
        }
    }
    serving_fini(&serving);
    walk_end(channel);
}
