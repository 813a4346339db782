/* SPDX-License-Identifier: MIT */
/*
 * Receiving. lws hands up payload in chunks, and says of each whether it is its message's last. A
 * message that is one chunk goes straight up; others are put together in a buffer that exists
 * while a message is incomplete, and never grows beyond what the dialect takes. A compressed one is
 * put together as it comes, and inflated when it is complete.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "json.h"
#include "node.h"
#include "ws_conn.h"
#include "ws_frame.h"
#include "ws_inflate.h"

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

static void refuse_size(struct ws *ws)
{
    ws->host->node->metrics.limits[LIMIT_WS_MESSAGE]++;
    ws_close(ws, CLOSE_TOO_BIG);
}

/* The message is the callback's alone by then: the connection may end inside it. */
static void deliver_plain(struct ws *ws, struct buf *message)
{
    buf_add_byte(message, '\0');
    deliver(ws, (struct slice){ message->data, message->len - 1 });
}

static void deliver_packed(struct ws *ws, const struct buf *packed)
{
    struct buf message;

    buf_init(&message, ws->ops->message_max_bytes + 1);
    switch (ws_inflate(ws->host->inflater, buf_slice(packed), &message)) {
    case WS_INFLATE_MALFORMED:
        ws_close(ws, CLOSE_PROTOCOL);
        break;
    case WS_INFLATE_TOO_BIG:
        refuse_size(ws);
        break;
    case WS_INFLATED:
        if (message.len > ws->ops->message_max_bytes)
            refuse_size(ws);
        else
            deliver_plain(ws, &message);
        break;
    }
    buf_fini(&message);
}

static void deliver_buffer(struct ws *ws)
{
    struct buf *message = ws->message;

    ws->message = NULL;
    if (ws->is_packed)
        deliver_packed(ws, message);
    else
        deliver_plain(ws, message);
    buf_fini(message);
    free(message);
}

static size_t max_bytes(const struct ws *ws)
{
    size_t max = ws->ops->message_max_bytes;

    return ws->is_packed ? ws_inflate_packed_max(max) : max;
}

/* What lws says is still to come of this frame counts too, so that a frame that claims too much is
 * refused at its beginning. A message keeps the bound that it began with, whatever the dialect's
 * becomes meanwhile: its buffer has no more room. */
static bool is_too_big(const struct ws *ws, size_t len)
{
    size_t have = ws->message == NULL ? 0 : ws->message->len;
    size_t max = ws->message == NULL ? max_bytes(ws) : ws->message->max - 1;

    return have + len > max || lws_remaining_packet_payload(ws->wsi) > max - have - len;
}

static void append(struct ws *ws, const char *data, size_t len)
{
    if (ws->message == NULL) {
        ws->message = xcalloc(1, sizeof *ws->message);
        buf_init(ws->message, max_bytes(ws) + 1);
    }
    buf_add(ws->message, data, len);
}

void ws_on_chunk(struct ws *ws, const char *data, size_t len)
{
    bool is_last = lws_is_final_fragment(ws->wsi) != 0;

    ws_beat_heard(ws);
    if (ws->state != WS_OPEN)
        return;
    if (lws_is_first_fragment(ws->wsi))
        ws->is_packed = (lws_get_reserved_bits(ws->wsi) & WS_COMPRESSED) != 0;
    if (is_too_big(ws, len)) {
        refuse_size(ws);
    } else if (is_last && ws->message == NULL && !ws->is_packed && len <= WS_CHUNK_MAX) {
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
