/* SPDX-License-Identifier: MIT */
/*
 * Receiving. lws hands up payload in chunks, and says of each whether it is its message's last. A
 * message that is one chunk goes straight up; others are put together in a buffer that exists
 * while a message is incomplete, and never grows beyond what the dialect takes.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "json.h"
#include "node.h"
#include "ws_conn.h"

static void deliver(struct ws *ws, struct slice message)
{
    enum ws_kind kind = lws_frame_is_binary(ws->wsi) ? WS_BINARY : WS_TEXT;
    struct metrics *metrics = &ws->host->node->metrics;

    if (kind == WS_TEXT && !utf8_is_valid(message)) {
        ws_close(ws, CLOSE_BAD_TEXT);
        return;
    }
    metrics->ws_messages_in++;
    metrics->ws_bytes_in += message.len;
    ws->ops->on_message(ws, message, kind, ws->conn);
}

static void deliver_chunk(struct ws *ws, const char *data, size_t len)
{
    char *scratch = ws->host->scratch;

    if (len > 0)
        memcpy(scratch, data, len);
    scratch[len] = '\0';
    deliver(ws, (struct slice){ scratch, len });
}

/* The message is the callback's alone by then: the connection may end inside it. */
static void deliver_buffer(struct ws *ws)
{
    struct buf *message = ws->message;

    ws->message = NULL;
    buf_add_byte(message, '\0');
    deliver(ws, (struct slice){ message->data, message->len - 1 });
    buf_fini(message);
    free(message);
}

/* What lws says is still to come of this frame counts too, so that a frame that claims too much is
 * refused at its beginning. With permessage-deflate those bytes are compressed ones. */
static bool is_too_big(const struct ws *ws, size_t len)
{
    size_t have = ws->message == NULL ? 0 : ws->message->len;
    size_t rest = ws->is_deflated ? 0 : lws_remaining_packet_payload(ws->wsi);

    return have + len > ws->ops->message_max_bytes ||
           rest > ws->ops->message_max_bytes - have - len;
}

static void append(struct ws *ws, const char *data, size_t len)
{
    if (ws->message == NULL) {
        ws->message = xcalloc(1, sizeof *ws->message);
        buf_init(ws->message, ws->ops->message_max_bytes + 1);
    }
    buf_add(ws->message, data, len);
}

void ws_on_chunk(struct ws *ws, const char *data, size_t len)
{
    bool is_last = lws_is_final_fragment(ws->wsi) != 0;

    ws_beat_heard(ws);
    if (ws->state != WS_OPEN)
        return;
    if (is_too_big(ws, len)) {
        ws->host->node->metrics.limits[LIMIT_WS_MESSAGE]++;
        ws_close(ws, CLOSE_TOO_BIG);
    } else if (is_last && ws->message == NULL && len <= WS_CHUNK_MAX) {
        deliver_chunk(ws, data, len);
    } else {
        append(ws, data, len);
        if (is_last)
            deliver_buffer(ws);
    }
}

void ws_pause(struct ws *ws)
{
    if (ws->state != WS_OPEN || ws->is_paused)
        return;
    ws->is_paused = true;
    deadline_clear(&ws->silence);
    lws_rx_flow_control(ws->wsi, 0);
}

void ws_continue(struct ws *ws)
{
    if (ws->state != WS_OPEN || !ws->is_paused)
        return;
    ws->is_paused = false;
    ws_beat_heard(ws);
    lws_rx_flow_control(ws->wsi, 1);
}
