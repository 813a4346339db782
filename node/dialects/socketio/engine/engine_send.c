/* SPDX-License-Identifier: MIT */
/*
 * To the client. What cannot go out waits in the connection's queue, in the form that an EIO4
 * WebSocket has it: text frames with their type, attachments as they are. The queue exists while
 * something is in it.
 *
 *     polling: a GET is held  ⇒  nothing waits
 *     WebSocket: what waits here stands behind what waits in the WebSocket's own queue
 */
#include <stdlib.h>

#include "engine_inner.h"

/* How far the upper layer's answers may pass the bound. */
enum { ANSWERS_MAX = 64 * 1024 };

static size_t waiting_bytes(const struct engine_conn *conn)
{
    return (conn->queue != NULL ? conn->queue->bytes : 0) +
           (conn->carrier != NULL ? carrier_pending_bytes(conn->carrier) : 0);
}

static bool has_waiting(const struct engine_conn *conn)
{
    return waiting_bytes(conn) > 0;
}

void engine_conn_put_waiting(struct engine_conn *conn, struct frame *frame, enum ws_kind kind)
{
    if (conn->queue == NULL)
        conn->queue = ws_queue_create();
    ws_queue_push(conn->queue, frame, kind);
}

/* Behind what waits. */
static void put(struct engine_conn *conn, struct frame *frame, enum ws_kind kind)
{
    if (conn->state != CONN_SOCKET || conn->queue != NULL ||
        carrier_send(conn->carrier, frame, kind) == WS_FULL)
        engine_conn_put_waiting(conn, frame, kind);
}

static void put_packet(struct engine_conn *conn, const struct packet *packet)
{
    if (packet->text != NULL)
        put(conn, packet->text, WS_TEXT);
    for (size_t i = 0; i < packet->attachment_count; i++)
        put(conn, packet->attachments[i], WS_BINARY);
    if (conn->get != NULL && !conn->is_corked)
        engine_conn_answer_held(conn);
}

static bool takes_packets(const struct engine_conn *conn)
{
    return engine_conn_is_live(conn) || (conn->state == CONN_LEAVING && conn->end == ENGINE_ENDS);
}

/* A packet of any size is taken when nothing waits. */
static enum engine_sent send_within(struct engine_conn *conn, const struct packet *packet,
                                    size_t bound)
{
    size_t waiting = waiting_bytes(conn);

    if (!takes_packets(conn))
        return ENGINE_FULL;
    if (waiting > 0 && waiting + packet_bytes(packet) > bound) {
        conn->engine->node->metrics.limits[LIMIT_SOCKETIO_PENDING]++;
        conn->owes_drain = true;
        return ENGINE_FULL;
    }
    put_packet(conn, packet);
    if (!has_waiting(conn))
        return ENGINE_WRITTEN;
    conn->owes_drain = true;
    return ENGINE_QUEUED;
}

enum engine_sent engine_send(struct engine_conn *conn, struct packet *packet)
{
    return send_within(conn, packet, conn->engine->settings.pending_max);
}

static size_t answers_bound(const struct engine_conn *conn)
{
    return (size_t)conn->engine->settings.pending_max + ANSWERS_MAX;
}

void engine_answer(struct engine_conn *conn, struct packet *packet)
{
    if (takes_packets(conn) && send_within(conn, packet, answers_bound(conn)) == ENGINE_FULL)
        engine_close(conn, ENGINE_TOO_SLOW);
}

void engine_conn_send_control(struct engine_conn *conn, enum eio_type type, struct slice data)
{
    struct frame *frame = eio_message(&(struct eio_packet){ .type = type, .data = data });

    put(conn, frame, WS_TEXT);
    frame_unref(&frame);
    if (conn->get != NULL)
        engine_conn_answer_held(conn);
}

/* As many as the client likes, of any size: so they count as what it is answered with. */
void engine_conn_send_pong(struct engine_conn *conn, struct slice data)
{
    size_t waiting = waiting_bytes(conn);

    if (waiting > 0 && waiting + data.len > answers_bound(conn)) {
        conn->engine->node->metrics.limits[LIMIT_SOCKETIO_PENDING]++;
        engine_close(conn, ENGINE_TOO_SLOW);
    } else {
        engine_conn_send_control(conn, EIO_PONG, data);
    }
}

void engine_cork(struct engine_conn *conn)
{
    conn->is_corked = true;
}

void engine_uncork(struct engine_conn *conn)
{
    conn->is_corked = false;
    conn->together = conn->queue != NULL ? (uint32_t)conn->queue->count : 0;
    if (conn->get != NULL && conn->queue != NULL)
        engine_conn_answer_held(conn);
    engine_conn_drained(conn);
}

bool engine_has_room(const struct engine_conn *conn, size_t bytes)
{
    return waiting_bytes(conn) + bytes <= conn->engine->settings.pending_max;
}

bool engine_is_writable(const struct engine_conn *conn)
{
    if (conn->state == CONN_POLLING)
        return conn->get != NULL;
    return conn->state == CONN_SOCKET && !has_waiting(conn);
}

bool engine_conn_take_waiting(struct engine_conn *conn, struct ws_item *item_out)
{
    if (conn->queue == NULL)
        return false;
    *item_out = ws_queue_pop(conn->queue);
    if (conn->together > 0)
        conn->together--;
    if (conn->queue->count == 0)
        ws_queue_destroy(&conn->queue);
    return true;
}

void engine_conn_flush_socket(struct engine_conn *conn)
{
    while (conn->state == CONN_SOCKET && conn->queue != NULL) {
        const struct ws_item *first = &conn->queue->items[conn->queue->first];
        struct ws_item sent;

        if (carrier_send(conn->carrier, first->frame, first->kind) == WS_FULL)
            return; /* its on_drain comes */
        engine_conn_take_waiting(conn, &sent);
        frame_unref(&sent.frame);
    }
    engine_conn_drained(conn);
}

void engine_conn_send_rest(struct engine_conn *conn)
{
    struct ws_item item;

    while (engine_conn_take_waiting(conn, &item)) {
        carrier_send_last(conn->carrier, item.frame, item.kind);
        frame_unref(&item.frame);
    }
}

void engine_conn_drained(struct engine_conn *conn)
{
    if (!conn->owes_drain || !engine_conn_is_live(conn) || has_waiting(conn))
        return;
    conn->owes_drain = false;
    conn->engine->ops->on_drain(conn, conn->upper);
}
