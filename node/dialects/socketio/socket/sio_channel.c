/* SPDX-License-Identifier: MIT */
/*
 * Rooms and namespaces as channels: their names, and how long they keep what. Nothing is stored for a room
 * without listeners, unless one broke off: then everything, for the grace. With --recovery a client that has
 * broken off may come back to any room, whoever left it in order meanwhile: so everything is stored.
 */
#include "sio_channel.h"

#include <string.h>

#include "sio_inner.h"

/* A client that moves to another node takes less, and so does a node whose subscriptions broke. */
enum { GRACE_MIN_MS = 10 * 1000, TTL_MIN_MS = 60 * 1000 };

bool sio_channel_of(struct sio_channel *channel, struct slice realm, struct slice nsp,
                    struct slice room)
{
    size_t len = room.len > 0 ? nsp.len + 1 + room.len : nsp.len;

    if (len > sizeof channel->text)
        return false;
    memcpy(channel->text, nsp.data, nsp.len);
    if (room.len > 0) {
        channel->text[nsp.len] = '#';
        memcpy(channel->text + nsp.len + 1, room.data, room.len);
    }
    channel->id = (struct channel_id){
        .kind = room.len > 0 ? CHANNEL_ROOM : CHANNEL_NAMESPACE,
        .realm = realm,
        .id = { channel->text, len },
    };
    return true;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* An entry must outlive the slowest client that is still alive, and every client that may still come back: it
 * has its time from when its end is noticed, and half as much again when its node died (sio_session.c). */
void sio_rooms_configure(struct sio *sio)
{
    const struct config *config = sio->node->config;
    uint32_t patience_ms = config->socketio_ping_interval_ms + config->socketio_ping_timeout_ms;
    uint32_t keep_ms = patience_ms + 2 * config->recovery_ms;
    struct channel_bounds bounds = {
        .offline_cap = config->recovery_ms > 0 ? config->room_keep : 0,
        .live_bound = larger(config->live_bound, config->room_keep),
        .ttl_ms = larger(2 * keep_ms, TTL_MIN_MS),
        .keep_ms = keep_ms,
        .keep_count = config->room_keep,
        .grace_ms = larger(config->recovery_ms, GRACE_MIN_MS),
    };

    channel_set_bounds(sio->node->store, CHANNEL_ROOM, &bounds);
    channel_set_bounds(sio->node->store, CHANNEL_NAMESPACE, &bounds);
}
