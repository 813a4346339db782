/* SPDX-License-Identifier: MIT */
/*
 * Sending. The first frame of a turn of the loop is written at once when nothing waits. What follows
 * in the same turn is a burst: it waits on the queue for the turn's end, and goes to the kernel in
 * one piece, because system calls are most of what a frame costs. What the kernel did not take lws
 * keeps in a buffer of its own: until that has drained it counts as waiting, and the queue is
 * emptied when lws reports the socket writable.
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
    if (ws->queue == NULL)
        ws->queue = ws_queue_create();
    return ws->queue;
}

void ws_drop_queue(struct ws *ws)
{
    if (ws->queue == NULL)
        return;
    metrics_of(ws)->ws_pending_bytes -= ws->queue->bytes;
    ws_queue_destroy(&ws->queue);
    list_remove(&ws->burst);
    deadline_clear(&ws->patience);
}

/* lws keeps the rest of what cost so much. */
static void queue_partial(struct ws *ws, size_t cost)
{
    struct ws_queue *queue = queue_of(ws);

    queue->partial_bytes = cost;
    queue->bytes += cost;
    metrics_of(ws)->ws_pending_bytes += cost;
    if (!deadline_is_set(&ws->patience))
        ws_stall_watch(ws);
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

static unsigned first_byte_of(enum ws_kind kind)
{
    return WS_FIN | (kind == WS_TEXT ? WS_OPCODE_TEXT : WS_OPCODE_BINARY);
}

/* What was handed to lws is with the kernel, or partly with lws. */
static enum ws_sent sent(struct ws *ws, bool is_good, size_t cost)
{
    if (!is_good) {
        ws_doom(ws, CLOSE_PEER_GONE);
        return WS_FULL;
    }
    if (!lws_partial_buffered(ws->wsi))
        return WS_WRITTEN;
    queue_partial(ws, cost);
    return WS_QUEUED;
}

static void count_out(struct ws *ws, const struct frame *frame)
{
    metrics_of(ws)->ws_messages_out++;
    metrics_of(ws)->ws_bytes_out += frame->len;
}

static enum ws_sent write_now(struct ws *ws, struct frame *frame, enum ws_kind kind)
{
    unsigned first_byte = first_byte_of(kind);
    bool is_good = ws->is_deflated ? ws_deflate_write(ws->host->deflate, ws->wsi, frame, first_byte)
                                   : ws_frame_write(ws->wsi, frame->data, frame->len, first_byte);

    ws->written_in = ws->host->turn;
    if (is_good)
        count_out(ws, frame);
    return sent(ws, is_good, ws_queue_cost(frame));
}

/* Hands in a frame while at most `bound` bytes wait. */
static enum ws_sent send_within(struct ws *ws, struct frame *frame, enum ws_kind kind, size_t bound)
{
    if (ws->state != WS_OPEN)
        return WS_FULL;
    if (ws->queue == NULL && ws->written_in != ws->host->turn)
        return write_now(ws, frame, kind);
    if (ws->queue == NULL) {
        list_append(&ws->host->bursts, &ws->burst);
        ws_host_wake(ws->host); /* should this turn's end be behind us, the loop must not wait */
    } else if (ws->queue->bytes + ws_queue_cost(frame) > bound) {
        metrics_of(ws)->limits[LIMIT_WS_PENDING]++;
        return WS_FULL;
    }
    ws_queue_push(queue_of(ws), frame, kind);
    metrics_of(ws)->ws_pending_bytes += ws_queue_cost(frame);
    return WS_QUEUED;
}

enum ws_sent ws_send(struct ws *ws, struct frame *frame, enum ws_kind kind)
{
    return send_within(ws, frame, kind, ws->host->node->config->ws_pending_max);
}

void ws_send_last(struct ws *ws, struct frame *frame, enum ws_kind kind)
{
    send_within(ws, frame, kind, SIZE_MAX);
}

void ws_answer(struct ws *ws, struct slice text)
{
    size_t bound = (size_t)ws->host->node->config->ws_pending_max + ANSWERS_MAX;
    struct frame *frame = frame_of(text);

    if (send_within(ws, frame, WS_TEXT, bound) == WS_FULL)
        ws_doom(ws, CLOSE_SLOW_READER);
    frame_unref(&frame);
}

static struct ws_item take_first(struct ws *ws)
{
    struct ws_item item = ws_queue_pop(ws->queue);

    if (item.frame != NULL)
        metrics_of(ws)->ws_pending_bytes -= ws_queue_cost(item.frame);
    return item;
}

static enum ws_sent write_one(struct ws *ws)
{
    struct ws_item item = take_first(ws);
    enum ws_sent result = write_now(ws, item.frame, item.kind);

    frame_unref(&item.frame);
    return result;
}

static bool fits(const struct ws *ws, const struct buf *batch)
{
    const struct frame *first = ws_queue_first(ws->queue);

    return first != NULL && batch->len + first->len + WS_HEADER_MAX <= batch->max;
}

/* As many frames as fit in one piece. */
static enum ws_sent write_batch(struct ws *ws)
{
    struct buf *batch = &ws->host->batch;
    size_t cost = 0;

    buf_clear(batch);
    while (fits(ws, batch)) {
        struct ws_item item = take_first(ws);

        ws_frame_add(batch, frame_slice(item.frame), first_byte_of(item.kind));
        cost += ws_queue_cost(item.frame);
        count_out(ws, item.frame);
        frame_unref(&item.frame);
    }
    return sent(ws, ws_frame_write_raw(ws->wsi, batch), cost);
}

/* Writes what waits until the socket is full. False: it is, or it broke. */
static bool write_queue(struct ws *ws)
{
    while (ws->queue->count > 0) {
        bool is_alone = ws->is_deflated || ws->queue->count == 1 ||
                        ws_queue_first(ws->queue)->len + WS_HEADER_MAX > WS_BATCH_MAX;

        if ((is_alone ? write_one(ws) : write_batch(ws)) != WS_WRITTEN)
            return false;
    }
    return true;
}

/* The queue can move: at the end of a burst's turn, or because the socket takes more. */
static void flush(struct ws *ws)
{
    if (!write_queue(ws))
        return;
    ws_drop_queue(ws);
    if (ws->ops->on_drain != NULL)
        ws->ops->on_drain(ws, ws->conn);
    if (ws->state == WS_FINISHING && ws->queue == NULL)
        ws_say_goodbye(ws);
}

void ws_on_writable(struct ws *ws)
{
    if (ws->queue == NULL || ws->state > WS_FINISHING || lws_partial_buffered(ws->wsi))
        return;
    queue_partial_gone(ws);
    flush(ws);
}

void ws_end_turn(struct ws_host *host)
{
    struct list ended;

    host->turn++;
    list_init(&ended);
    list_splice(&ended, &host->bursts);
    while (!list_is_empty(&ended)) {
        struct ws *ws = LIST_ENTRY(ended.next, struct ws, burst);

        list_remove(&ws->burst);
        if (ws->state <= WS_FINISHING && !lws_partial_buffered(ws->wsi))
            flush(ws);
    }
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
