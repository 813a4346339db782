/* SPDX-License-Identifier: MIT */
#ifndef SB_SIO_CHANNEL_H
#define SB_SIO_CHANNEL_H

#include "store/channel.h"

/* The channel of a room, "<namespace>#<room>", or of a namespace: what members listen to and emits go to. */
struct sio_channel {
    struct channel_id id; /* points to the text, and to the realm it was made with */
    char text[KEY_PAIR_MAX];
};

/* An empty room: the namespace. False: the names are too long (a protocol 4 socket's own room may be). */
bool sio_channel_of(struct sio_channel *channel, struct slice realm, struct slice nsp,
                    struct slice room);

#endif
