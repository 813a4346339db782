/* SPDX-License-Identifier: MIT */
/*
 * Endings. Whoever begins, the state only moves forward, and on_close is called when lws gives the
 * connection up:
 *
 *     open ──ws_close──> finishing ──queue empty──> goodbye ──answer──┐
 *       └──────── the peer's close frame, or its fault ──────^        ├──> ended
 *     any of these ──broken, late──> doomed ──next turn──> cut ───────┘
 *
 * The close frame is written by us and not by lws_close_reason(), because lws keeps to itself
 * whether the peer has answered that one.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "json.h"
#include "node.h"
#include "ws_conn.h"
#include "ws_frame.h"

enum { ANSWER_MS = 5000, NO_CODE = 1005 }; /* RFC 6455, section 7.4.1 */

/* The first reason stays. */
static void give_reason(struct ws *ws, enum close_reason reason)
{
    if (ws->reason == CLOSE_REASONS)
        ws->reason = (uint8_t)reason;
}

/* Moves on, and gives up what only an open connection has. */
static void state_enter(struct ws *ws, enum ws_state state)
{
    assert(state >= ws->state);
    ws->state = (uint8_t)state;
    list_remove(&ws->node);
    if (state != WS_ENDED)
        list_append(state == WS_DOOMED ? &ws->host->doomed : &ws->host->closing, &ws->node);
    deadline_clear(&ws->ping);
    deadline_clear(&ws->silence);
    if (ws->message != NULL)
        buf_fini(ws->message);
    free(ws->message);
    ws->message = NULL;
    if (ws->is_paused && state != WS_ENDED)
        lws_rx_flow_control(ws->wsi, 1); /* or the peer's answer is never read */
    ws->is_paused = false;
}

static void on_late(struct deadline *deadline)
{
    ws_doom(LIST_ENTRY(deadline, struct ws, patience), CLOSE_PEER_GONE);
}

static void goodbye_enter(struct ws *ws)
{
    ws_drop_queue(ws);
    state_enter(ws, WS_GOODBYE);
    deadline_set(ws->host->deadlines, &ws->patience, ANSWER_MS, on_late);
}

static void write_close(struct ws *ws, struct slice payload)
{
    unsigned char room[WS_HEADER_MAX + WS_CONTROL_MAX];

    if (payload.len > 0)
        memcpy(room + WS_HEADER_MAX, payload.data, payload.len);
    goodbye_enter(ws);
    if (!ws_frame_write(ws->wsi, room + WS_HEADER_MAX, payload.len, WS_FIN | WS_OPCODE_CLOSE))
        ws_doom(ws, CLOSE_PEER_GONE);
}

void ws_say_goodbye(struct ws *ws)
{
    const char *text = close_text(ws->reason);
    int code = close_code(ws->reason);
    size_t len = strlen(text);
    char payload[WS_CONTROL_MAX] = { (char)(code >> 8), (char)code };

    memcpy(payload + 2, text, len);
    write_close(ws, (struct slice){ payload, code != NO_CODE ? len + 2 : 0 });
}

void ws_close(struct ws *ws, enum close_reason reason)
{
    assert(reason != CLOSE_PEER_GONE); /* 1006 is never sent */
    if (ws->state != WS_OPEN)
        return;
    give_reason(ws, reason);
    state_enter(ws, WS_FINISHING);
    if (ws->queue == NULL)
        ws_say_goodbye(ws);
    else
        deadline_set(ws->host->deadlines, &ws->patience, ws->host->node->config->write_timeout_ms,
                     on_late);
}

int ws_on_peer_close(struct ws *ws, struct slice payload)
{
    struct slice text = { payload.data + 2, payload.len < 2 ? 0 : payload.len - 2 };
    bool is_ours = ws->state == WS_FINISHING;

    ws->how = WS_ENDED_IN_ORDER;
    if (ws->state > WS_FINISHING) /* it is the answer to ours */
        return -1;
    if (payload.len == 1)
        give_reason(ws, CLOSE_PROTOCOL);
    else if (text.len > 0 && !utf8_is_valid(text))
        give_reason(ws, CLOSE_BAD_TEXT);
    else
        give_reason(ws, CLOSE_PEER_CLOSED);
    if (is_ours || ws->reason != CLOSE_PEER_CLOSED)
        ws_say_goodbye(ws);
    else
        write_close(ws, payload);
    return -1;
}

/* False: the peer, or the line, has ended it. */
static bool is_line_alive(const struct ws *ws)
{
    char byte;
    ssize_t n = recv(lws_get_socket_fd(ws->wsi), &byte, 1, MSG_PEEK | MSG_DONTWAIT);

    return n > 0 || (n < 0 && errno == EAGAIN);
}

/* When we have not asked for it and the line is alive, then lws has found the peer at fault; of some
 * faults it leaves a note, of others not. It sends this close frame, and waits for the answer. */
void ws_on_closing(struct ws *ws)
{
    const unsigned char *note = lws_get_close_payload(ws->wsi);
    bool has_note = lws_get_close_length(ws->wsi) >= 2;
    const char *text;
    unsigned char copy[WS_CONTROL_MAX];

    if (ws->state > WS_FINISHING || (!has_note && !is_line_alive(ws)))
        return;
    give_reason(ws, has_note && (note[0] << 8 | note[1]) == LWS_CLOSE_STATUS_INVALID_PAYLOAD
                        ? CLOSE_BAD_TEXT
                        : CLOSE_PROTOCOL);
    goodbye_enter(ws);
    text = close_text(ws->reason);
    memcpy(copy, text, strlen(text));
    lws_close_reason(ws->wsi, (enum lws_close_status)close_code(ws->reason), copy, strlen(text));
}

void ws_doom(struct ws *ws, enum close_reason reason)
{
    if (ws->state >= WS_DOOMED)
        return;
    give_reason(ws, reason);
    state_enter(ws, WS_DOOMED);
    deadline_clear(&ws->patience);
    ws_host_wake(ws->host);
}

/* What the peer did not read in time is thrown away, in the kernel as well: a reset. lws closes at once
 * unless it still has something to send; that it gives up when a write fails. */
void ws_cut(struct ws *ws)
{
    int fd = lws_get_socket_fd(ws->wsi);
    unsigned char room[WS_HEADER_MAX];

    if (ws->queue != NULL)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 }, sizeof(struct linger));
    shutdown(fd, SHUT_RDWR);
    if (lws_partial_buffered(ws->wsi))
        ws_frame_write(ws->wsi, room + WS_HEADER_MAX, 0, WS_FIN | WS_OPCODE_PING);
    lws_set_timeout(ws->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_SYNC);
    assert(ws->state == WS_ENDED); /* lws frees the memory in a later turn */
}

static void log_close(const struct ws *ws)
{
    log_peer(LOG_INFO, NULL, "ws.close",
             "conn=%" PRIu64 " dialect=%s reason=%s how=%s age_ms=%" PRId64 " queued_bytes=%zu",
             ws->number, ws->ops->dialect != NULL ? ws->ops->dialect : "-", close_label(ws->reason),
             ws->how == WS_ENDED_IN_ORDER ? "in_order" : "broken", clock_ms() - ws->opened_ms,
             ws_pending_bytes(ws));
}

void ws_on_closed(struct ws *ws)
{
    struct metrics *metrics = &ws->host->node->metrics;

    if (ws->state == WS_ENDED)
        return;
    give_reason(ws, CLOSE_PEER_GONE);
    log_close(ws);
    state_enter(ws, WS_ENDED);
    deadline_clear(&ws->patience);
    ws_drop_queue(ws);
    metrics->ws_open--;
    metrics->ws_closed[ws->reason]++;
    ws->ops->on_close(ws, ws->how, ws->reason, ws->conn);
}
