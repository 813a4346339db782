/* SPDX-License-Identifier: MIT */
/* From the client: what its packets do, by whatever transport they came. */
#include <stdlib.h>

#include "engine_inner.h"

static void hear_message(struct engine_conn *conn, const struct eio_packet *packet)
{
    const struct engine_ops *ops = conn->engine->ops;

    if (packet->is_binary)
        ops->on_binary(conn, packet->data, conn->upper);
    else
        ops->on_text(conn, packet->data, conn->upper);
}

static void hear_close(struct engine_conn *conn, const struct eio_packet *packet)
{
    (void)packet;
    engine_close(conn, ENGINE_TRANSPORT_CLOSE);
}

static void hear_beat(struct engine_conn *conn, const struct eio_packet *packet)
{
    if (!engine_beat_answer(conn, packet))
        engine_close(conn, ENGINE_TRANSPORT_ERROR);
}

void engine_conn_receive(struct engine_conn *conn, const struct eio_packet *packet)
{
    static void (*const hear[])(struct engine_conn *, const struct eio_packet *) = {
        [EIO_OPEN] = NULL,      [EIO_CLOSE] = hear_close,     [EIO_PING] = hear_beat,
        [EIO_PONG] = hear_beat, [EIO_MESSAGE] = hear_message, [EIO_UPGRADE] = NULL,
        [EIO_NOOP] = NULL, /* those with NULL mean nothing here */
    };

    engine_beat_spare(conn);
    if (hear[packet->type] != NULL)
        hear[packet->type](conn, packet);
}
