/* SPDX-License-Identifier: MIT */
#include "hub.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "hub_channel.h"

/*
 * The door of the hub: finds a listener's channel and moves the listener between the channel's
 * lists. Nothing here calls a listener.
 */
struct hub *hub_create(uv_loop_t *loop, struct store *store, const struct hub_options *options)
{
    struct hub *hub = xcalloc(1, sizeof *hub);

    hub->store = store;
    hub->options = *options;
    hub->deadlines = deadlines_create(loop);
    return hub;
}

void hub_set_options(struct hub *hub, const struct hub_options *options)
{
    hub->options = *options;
}

void hub_destroy(struct hub **hub)
{
    if (*hub == NULL)
        return;
    assert((*hub)->channels == NULL && (*hub)->walked == NULL);
    deadlines_destroy(&(*hub)->deadlines);
    free(*hub);
    *hub = NULL;
}

size_t hub_key_make(char key[HUB_KEY_MAX], const struct channel_id *id)
{
    assert(id->kind < CHANNEL_KINDS);
    assert(id->realm.len > 0 && id->realm.len <= KEY_ID_MAX);
    assert(id->id.len > 0 && id->id.len <= KEY_PAIR_MAX);
    key[0] = (char)id->kind;
    key[1] = (char)(unsigned char)id->realm.len;
    memcpy(key + 2, id->realm.data, id->realm.len);
    memcpy(key + 2 + id->realm.len, id->id.data, id->id.len);
    return 2 + id->realm.len + id->id.len;
}

struct channel_id hub_channel_id(const struct hub_channel *channel)
{
    size_t realm_len = (unsigned char)channel->key[1];

    return (struct channel_id){
        .kind = hub_channel_kind(channel),
        .realm = { channel->key + 2, realm_len },
        .id = { channel->key + 2 + realm_len, channel->key_len - 2 - realm_len },
    };
}

static struct hub_channel *channel_of(struct hub *hub, const struct channel_id *id)
{
    struct hub_channel *channel;
    char key[HUB_KEY_MAX];
    size_t len = hub_key_make(key, id);

    HASH_FIND(hh, hub->channels, key, len, channel);
    return channel != NULL ? channel : hub_channel_create(hub, id);
}

static void listen_on(struct hub *hub, const struct channel_id *id, struct hub_listener *listener,
                      const struct hub_listener_ops *ops, const uint64_t *after)
{
    struct hub_channel *channel;

    assert(listener->channel == NULL && ops->on_entry != NULL);
    channel = channel_of(hub, id);
    *listener = (struct hub_listener){
        .ops = ops,
        .channel = channel,
        .cursor = after != NULL ? *after : channel->settled,
        .written = after != NULL ? *after : channel->settled,
        .is_placed = after != NULL,
    };
    channel->listeners++;
    hub->stats.listeners++;
    list_append(&channel->behind, &listener->node);
    if (channel->state == HUB_LIVE && ops->starts_at_tip && after == NULL) {
        listener->cursor = listener->written = channel->tip;
        hub_channel_start_soon(channel);
    }
    hub_channel_wake(channel);
}

void hub_listen(struct hub *hub, const struct channel_id *id, struct hub_listener *listener,
                const struct hub_listener_ops *ops)
{
    listen_on(hub, id, listener, ops, NULL);
}

void hub_listen_after(struct hub *hub, const struct channel_id *id, struct hub_listener *listener,
                      const struct hub_listener_ops *ops, uint64_t number)
{
    assert(channel_kind_is_feed(id->kind));
    listen_on(hub, id, listener, ops, &number);
}

void hub_leave(struct hub *hub, struct hub_listener *listener, enum channel_leave how)
{
    struct hub_channel *channel = listener->channel;

    if (channel == NULL)
        return;
    if (hub->called == listener)
        hub->called = NULL;
    list_remove(&listener->node);
    listener->channel = NULL;
    channel->listeners--;
    hub->stats.listeners--;
    if (channel->listeners == 0)
        hub_channel_end(channel, how);
    else
        hub_channel_go_on(channel);
}

size_t hub_count(const struct hub_listener *listener)
{
    struct hub_channel *channel = listener->channel;
    size_t count;

    assert(channel != NULL);
    count = channel->listeners;
    LIST_EACH (node, spare, &channel->behind) {
        count -= !LIST_ENTRY(node, struct hub_listener, node)->has_started;
    }
    return count;
}

void hub_written(struct hub *hub, struct hub_listener *listener)
{
    struct hub_channel *channel = listener->channel;

    (void)hub;
    if (channel == NULL)
        return;
    listener->written = listener->cursor;
    if (listener->written > channel->delivered)
        channel->delivered = listener->written;
    hub_settle_note(channel);
}

void hub_resume(struct hub *hub, struct hub_listener *listener)
{
    (void)hub;
    if (listener->channel == NULL || !listener->is_full)
        return;
    listener->is_full = false;
    list_remove(&listener->node);
    list_append(&listener->channel->behind, &listener->node);
    hub_channel_wake(listener->channel);
}

void hub_flush(struct hub *hub)
{
    struct hub_channel *channel, *next;

    HASH_ITER (hh, hub->channels, channel, next)
        hub_settle_now(channel);
}

const struct hub_stats *hub_stats(const struct hub *hub)
{
    return &hub->stats;
}
