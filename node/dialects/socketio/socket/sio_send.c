/* SPDX-License-Identifier: MIT */
/*
 * To one client. What answers it goes straight to its connection. So does an event for it alone, unless it
 * can be recovered: then the event takes the way of its private room, where it is kept and has a number, and
 * an answer that is sent after it may be there before it.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "sio_session.h"

/* Each of those that can be recovered has a text of its own; attachments are shared by all. */
static enum engine_sent send_stamped(struct sio_socket *socket, struct packet *packet)
{
    size_t places = (size_t)socket->member_count + 2;
    struct packet *stamped;
    struct buf offset;
    enum engine_sent sent;

    buf_init(&offset, SIO_OFFSET_TAG_LEN + places * SIO_OFFSET_PLACE_MAX);
    sio_session_offset(socket, &offset);
    stamped = sio_session_stamp(packet, buf_slice(&offset));
    sent = sio_conn_send(socket->conn, stamped);
    packet_unref(&stamped);
    buf_fini(&offset);
    return sent;
}

enum engine_sent sio_socket_deliver(struct sio_socket *socket, struct packet *packet)
{
    if (socket->state != SIO_CONNECTED)
        return ENGINE_FULL;
    if (socket->session != NULL)
        return send_stamped(socket, packet);
    return sio_conn_send(socket->conn, packet);
}

bool sio_can_take(const struct sio_socket *socket)
{
    return socket->state == SIO_CONNECTED && !socket->conn->is_waiting;
}

/* ---- by the private room --------------------------------------------------------------------------- */

/* An event on its way to the room. Until it is there the client does not move, so nothing overtakes it. */
struct direct {
    struct sio_task task;
    struct store_op *slot;
};

static void on_direct_gone(struct sio_task *task)
{
    struct direct *direct = LIST_ENTRY(task, struct direct, task);

    store_cancel(&direct->slot);
    free(direct);
}

/* An event that may be lost is told, not hidden: the client comes again. */
static void on_direct_emitted(enum result result, const struct channel_appended *appended,
                              void *ctx)
{
    struct direct *direct = ctx;
    struct sio_conn *conn = direct->task.socket->conn;
    bool is_kept = result == RESULT_OK && appended->number > 0;

    sio_task_end(&direct->task);
    free(direct);
    if (!is_kept)
        sio_conn_close(conn, ENGINE_FORCED_SERVER_CLOSE);
}

static void send_by_room(struct sio_socket *socket, const struct sio_packet *head,
                         const struct slice *attachments)
{
    struct direct *direct = xcalloc(1, sizeof *direct);
    const struct slice own = sio_id(socket);
    const struct sio_emit emit = {
        .to = { .realm = sio_realm(socket), .nsp = head->nsp, .rooms = &own, .room_count = 1 },
        .items = head->payload.raw,
        .attachments = attachments,
        .attachment_count = head->attachment_count,
    };

    sio_task_begin(socket, &direct->task, on_direct_gone);
    sio_emit(socket->sio, &emit, on_direct_emitted, direct, &direct->slot);
}

/* ---- straight ---------------------------------------------------------------------------------------- */

static void send_packet(struct sio_socket *socket, const struct sio_packet *head,
                        const struct slice *attachments)
{
    struct packet *packet = sio_packet_make(head, attachments);

    sio_conn_answer(socket->conn, packet);
    packet_unref(&packet);
}

void sio_send(struct sio_socket *socket, struct slice items)
{
    sio_send_binary(socket, items, NULL, 0);
}

void sio_send_binary(struct sio_socket *socket, struct slice items, const struct slice *attachments,
                     size_t attachment_count)
{
    const struct sio_packet head = {
        .type = SIO_EVENT,
        .attachment_count = (uint32_t)attachment_count,
        .nsp = sio_namespace(socket),
        .payload = { JSON_ARRAY, items },
    };

    if (socket->state != SIO_CONNECTED)
        return;
    if (socket->session != NULL)
        send_by_room(socket, &head, attachments);
    else
        send_packet(socket, &head, attachments);
}

void sio_ack(struct sio_socket *socket, uint64_t ack_id, struct slice args)
{
    sio_ack_binary(socket, ack_id, args, NULL, 0);
}

void sio_ack_binary(struct sio_socket *socket, uint64_t ack_id, struct slice args,
                    const struct slice *attachments, size_t attachment_count)
{
    const struct sio_packet head = {
        .type = SIO_ACK,
        .attachment_count = (uint32_t)attachment_count,
        .nsp = sio_namespace(socket),
        .has_id = true,
        .id = ack_id,
        .payload = { JSON_ARRAY, args },
    };

    if (socket->state != SIO_CONNECTED)
        return;
    socket->sio->node->metrics.socketio_acks[SOCKETIO_OUT]++;
    send_packet(socket, &head, attachments);
}
