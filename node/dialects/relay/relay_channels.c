/* SPDX-License-Identifier: MIT */
/*
 * The channels of one bot, found by id. Whoever asked for a channel to be served waits at it until it
 * is listened to, or has gone: then the asker goes on.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "relay_bot.h"

struct asker {
    struct list node;
    struct relay_address address;
};

void relay_asker_add(struct list *askers, struct slice address)
{
    struct asker *asker = xcalloc(1, sizeof *asker);

    (void)relay_address_copy(&asker->address, address);
    list_append(askers, &asker->node);
}

void relay_askers_answer(struct relay *relay, struct list *askers)
{
    LIST_EACH (node, spare, askers) {
        struct asker *asker = LIST_ENTRY(node, struct asker, node);

        relay_tell_served(relay, slice_of(asker->address.text));
        list_remove(&asker->node);
        free(asker);
    }
}

struct relay_channel *relay_channel_find(const struct relay_bot *bot, struct slice id)
{
    struct relay_channel *channel;

    HASH_FIND(hh, bot->channels, id.data, id.len, channel);
    return channel;
}

static struct relay_channel *channel_of(struct relay_ear *ear)
{
    return LIST_ENTRY(ear, struct relay_channel, ear);
}

static void stop_awaiting(struct relay_channel *channel)
{
    if (channel->is_awaited)
        channel->ear.conn->bot->awaited--;
    channel->is_awaited = false;
}

static void on_ear_listening(struct relay_ear *ear)
{
    struct relay_channel *channel = channel_of(ear);

    stop_awaiting(channel);
    relay_askers_answer(ear->conn->relay, &channel->askers);
    relay_bot_try_open(ear->conn->bot);
}

struct relay_channel *relay_channel_add(struct relay_bot *bot, struct slice id)
{
    struct relay_channel *channel = xcalloc(1, sizeof *channel + id.len + 1);

    memcpy(channel->id, id.data, id.len);
    channel->id_len = id.len;
    list_init(&channel->askers);
    relay_ear_init(&channel->ear, bot->conn, on_ear_listening);
    HASH_ADD_KEYPTR(hh, bot->channels, channel->id, channel->id_len, channel);
    return channel;
}

void relay_channel_listen(struct relay_channel *channel)
{
    channel->is_awaited = true;
    channel->ear.conn->bot->awaited++;
    relay_ear_listen(&channel->ear, CHANNEL_BOT, (struct slice){ channel->id, channel->id_len });
}

void relay_channel_remove(struct relay_channel *channel, enum channel_leave how)
{
    struct relay_bot *bot = channel->ear.conn->bot;

    stop_awaiting(channel);
    relay_ear_leave(&channel->ear, how);
    relay_askers_answer(bot->conn->relay, &channel->askers);
    HASH_DELETE(hh, bot->channels, channel);
    free(channel);
}
