/* SPDX-License-Identifier: MIT */
#ifndef SB_SIO_POST_H
#define SB_SIO_POST_H

#include "sio_entry.h"
#include "sio_inner.h"

/* An entry on its way to its channel: what emits, questions and orders have in common. */
struct sio_post {
    const struct sio_target *to;
    struct sio_entry entry;          /* without its target */
    const struct sio_packet *packet; /* of an event */
    struct slice once;               /* nothing: always */
    uint32_t ttl_ms;                 /* 0: as long as the channel keeps things */
};

/* To exactly one room, and nobody excepted: the room's channel; else the namespace's. */
void sio_post(struct sio *sio, const struct sio_post *post, sio_emitted_fn *done, void *ctx,
              struct store_op **slot);

/* The packet of an emit. */
struct sio_packet sio_packet_of(const struct sio_emit *emit);

#endif
