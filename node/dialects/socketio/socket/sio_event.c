/* SPDX-License-Identifier: MIT */
/* Packets of a connected socket's: events to the first app that wants them, answers to who asked. */
#include <assert.h>

#include "sio_inner.h"

/* The name as it is meant: numbers stand for themselves. It was checked when it was read. */
static void decode_name(struct json first, struct buf *out)
{
    bool is_good =
        first.type == JSON_STRING ? json_text(first, out) : buf_add_slice(out, first.raw);

    assert(is_good);
    (void)is_good;
}

static void offer(struct sio_socket *socket, const struct sio_event *event)
{
    const struct sio_app_list *apps = &socket->sio->apps;

    for (size_t app = 0; app < apps->count && socket->state == SIO_CONNECTED; app++)
        if (apps->items[app]->on_event != NULL &&
            apps->items[app]->on_event(socket, event, socket->sio->opened[app]))
            return;
    log_debug(NULL, "sio.event", "nsp=%s unhandled=%s", socket->nsp,
              log_quote(event->name.data, event->name.len));
}

static void handle_event(struct sio_socket *socket, const struct sio_packet *packet,
                         const struct slice *attachments)
{
    struct sio_event event = {
        .items = packet->payload,
        .attachments = attachments,
        .attachment_count = packet->attachment_count,
        .wants_ack = packet->has_id,
        .ack_id = packet->id,
    };
    struct json first;
    struct buf name;
    size_t offset = 0;

    socket->sio->node->metrics.socketio_events++;
    json_next(packet->payload, &offset, &first);
    buf_init(&name, SIO_NAME_MAX);
    decode_name(first, &name);
    event.name = buf_slice(&name);
    offer(socket, &event);
    buf_fini(&name);
}

static void handle_ack(struct sio_socket *socket, const struct sio_packet *packet,
                       const struct slice *attachments)
{
    socket->sio->node->metrics.socketio_acks[SOCKETIO_IN]++;
    sio_asks_answer(socket, packet->id, packet->payload.raw, attachments, packet->attachment_count);
}

void sio_socket_handle(struct sio_socket *socket, const struct sio_packet *packet,
                       const struct slice *attachments)
{
    switch (packet->type) {
    case SIO_DISCONNECT:
        sio_socket_end(socket, &sio_client_left);
        break;
    case SIO_EVENT:
    case SIO_BINARY_EVENT:
        handle_event(socket, packet, attachments);
        break;
    case SIO_ACK:
    case SIO_BINARY_ACK:
        handle_ack(socket, packet, attachments);
        break;
    case SIO_CONNECT:
    case SIO_CONNECT_ERROR:
        assert(!"handled by the connection");
    }
}

struct json sio_argument(const struct sio_event *event, size_t index)
{
    struct json item;
    size_t offset = 0;

    for (size_t at = 0; json_next(event->items, &offset, &item); at++)
        if (at == index + 1)
            return item;
    return (struct json){ .type = JSON_ABSENT };
}
