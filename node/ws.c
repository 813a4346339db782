/* SPDX-License-Identifier: MIT */
/*
 * Sending. A frame is written at once when nothing waits; else it goes on the queue, which is emptied
 * when lws reports the socket writable. What the kernel did not take of a frame lws keeps in a
 * buffer of its own: until that has drained the frame counts as waiting.
 *
 *     queue == NULL  ⇔  the kernel has every byte that was ever taken
 */
#include <assert.h>
#include <stdlib.h>

#include "node.h"
#include "ws_conn.h"
#include "ws_deflate.h"
#include "ws_frame.h"

_Static_assert((int)FRAME_HEADROOM >= (int)WS_HEADER_MAX, "frames leave room for their header");

/* How far a dialect's own answers may pass the bound. */
enum { ANSWERS_MAX = 64 * 1024 };

static struct metrics *metrics_of(const struct ws *ws)
{
    return &ws->host->node->metrics;
}

static struct ws_queue *queue_of(struct ws *ws)
{
    if (ws->queue == NULL) {
        ws->queue = ws_queue_create();
        ws_stall_watch(ws);
    }
    return ws->queue;
}

void ws_drop_queue(struct ws *ws)
{
    if (ws->queue == NULL)
        return;
    metrics_of(ws)->ws_pending_bytes -= ws->queue->bytes;
    ws_queue_destroy(&ws->queue);
    deadline_clear(&ws->patience);
}

/* lws keeps the rest of this frame. */
static void queue_partial(struct ws *ws, const struct frame *frame)
{
    struct ws_queue *queue = queue_of(ws);

    queue->partial_bytes = ws_queue_cost(frame);
    queue->bytes += queue->partial_bytes;
    metrics_of(ws)->ws_pending_bytes += queue->partial_bytes;
}

/* lws has let go of it. */
static void queue_partial_gone(struct ws *ws)
{
    struct ws_queue *queue = ws->queue;

    metrics_of(ws)->ws_pending_bytes -= queue->partial_bytes;
    queue->bytes -= queue->partial_bytes;
    queue->partial_bytes = 0;
    queue->stalls = 0;
}

static bool write_frame(struct ws *ws, struct frame *frame, enum ws_kind kind)
{
    unsigned first_byte = WS_FIN | (kind == WS_TEXT ? WS_OPCODE_TEXT : WS_OPCODE_BINARY);

    if (ws->is_deflated)
        return ws_deflate_write(ws->host->deflate, ws->wsi, frame, first_byte);
    return ws_frame_write(ws->wsi, frame->data, frame->len, first_byte);
}

static enum ws_sent write_now(struct ws *ws, struct frame *frame, enum ws_kind kind)
{
    if (!write_frame(ws, frame, kind)) {
        ws_doom(ws, CLOSE_PEER_GONE);
        return WS_FULL;
    }
    metrics_of(ws)->ws_messages_out++;
    metrics_of(ws)->ws_bytes_out += frame->len;
    if (!lws_partial_buffered(ws->wsi))
        return WS_WRITTEN;
    queue_partial(ws, frame);
    return WS_QUEUED;
}

/* Hands in a frame while at most `bound` bytes wait. */
static enum ws_sent send_within(struct ws *ws, struct frame *frame, enum ws_kind kind, size_t bound)
{
    if (ws->state != WS_OPEN)
        return WS_FULL;
    if (ws->queue == NULL)
        return write_now(ws, frame, kind);
    if (ws->queue->bytes + ws_queue_cost(frame) > bound) {
        metrics_of(ws)->limits[LIMIT_WS_PENDING]++;
        return WS_FULL;
    }
    ws_queue_push(ws->queue, frame, kind);
    metrics_of(ws)->ws_pending_bytes += ws_queue_cost(frame);
    return WS_QUEUED;
}

enum ws_sent ws_send(struct ws *ws, struct frame *frame, enum ws_kind kind)
{
    return send_within(ws, frame, kind, ws->host->node->config->ws_pending_max);
}

void ws_answer(struct ws *ws, struct slice text)
{
    size_t bound = (size_t)ws->host->node->config->ws_pending_max + ANSWERS_MAX;
    struct frame *frame = frame_of(text);

    if (send_within(ws, frame, WS_TEXT, bound) == WS_FULL)
        ws_doom(ws, CLOSE_SLOW_READER);
    frame_unref(&frame);
}

/* Writes what waits until the socket is full again. False: it is, or it broke. */
static bool write_queue(struct ws *ws)
{
    for (;;) {
        struct ws_item item = ws_queue_pop(ws->queue);
        enum ws_sent sent;

        if (item.frame == NULL)
            return true;
        metrics_of(ws)->ws_pending_bytes -= ws_queue_cost(item.frame);
        sent = write_now(ws, item.frame, item.kind);
        frame_unref(&item.frame);
        if (sent != WS_WRITTEN)
            return false;
    }
}

void ws_on_writable(struct ws *ws)
{
    if (ws->queue == NULL || ws->state > WS_FINISHING || lws_partial_buffered(ws->wsi))
        return;
    queue_partial_gone(ws);
    if (!write_queue(ws))
        return;
    ws_drop_queue(ws);
    if (ws->state == WS_FINISHING)
        ws_say_goodbye(ws);
    else if (ws->ops->on_drain != NULL)
        ws->ops->on_drain(ws, ws->conn);
}

size_t ws_pending_bytes(const struct ws *ws)
{
    return ws->queue == NULL ? 0 : ws->queue->bytes;
}

const struct peer *ws_peer(const struct ws *ws)
{
    return &ws->peer;
}

uint64_t ws_number(const struct ws *ws)
{
    return ws->number;
}
