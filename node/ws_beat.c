/* SPDX-License-Identifier: MIT */
/*
 * Signs of life: each connection is pinged at its interval, whatever else goes on; one from which
 * nothing was heard for too long is closed; one whose queue does not move is cut.
 *
 * "Moves" means that the peer's kernel acknowledges bytes: lws does not tell how much of a large
 * frame is out, the socket does. It is looked at only while something waits.
 */
#include "node.h"
#include "ws_conn.h"
#include "ws_frame.h"
#include "ws_progress.h"

/* How often within --write-timeout a stalled queue is looked at. */
enum { STALL_LOOKS = 4 };

static const struct config *config_of(const struct ws *ws)
{
    return ws->host->node->config;
}

static uint32_t ping_every_ms(const struct ws *ws)
{
    return ws->ops->ping_every_ms != 0 ? ws->ops->ping_every_ms : config_of(ws)->ping_interval_ms;
}

static uint32_t silence_ms(const struct ws *ws)
{
    return ws->ops->silence_ms != 0 ? ws->ops->silence_ms : config_of(ws)->silence_timeout_ms;
}

static void beat_set(struct ws *ws, struct deadline *deadline, uint32_t ms, deadline_fn *on_due)
{
    if (ms != WS_NEVER)
        deadline_set(ws->host->deadlines, deadline, ms, on_due);
}

/* While something waits for the socket a ping would only wait behind it. It has a payload because
 * lws keeps an empty pong to itself. */
static void on_ping_due(struct deadline *deadline)
{
    struct ws *ws = LIST_ENTRY(deadline, struct ws, ping);
    unsigned char room[WS_HEADER_MAX + 1] = { 0 };

    deadline_set(ws->host->deadlines, &ws->ping, ping_every_ms(ws), on_ping_due);
    if (ws->queue == NULL &&
        !ws_frame_write(ws->wsi, room + WS_HEADER_MAX, 1, WS_FIN | WS_OPCODE_PING))
        ws_doom(ws, CLOSE_PEER_GONE);
}

static void on_silence(struct deadline *deadline)
{
    ws_close(LIST_ENTRY(deadline, struct ws, silence), CLOSE_SILENT);
}

void ws_beat_start(struct ws *ws)
{
    beat_set(ws, &ws->ping, ping_every_ms(ws), on_ping_due);
    ws_beat_heard(ws);
}

void ws_beat_heard(struct ws *ws)
{
    if (ws->state == WS_OPEN && !ws->is_paused)
        beat_set(ws, &ws->silence, silence_ms(ws), on_silence);
}

static uint32_t progress_of(const struct ws *ws)
{
    return ws_progress(lws_get_socket_fd(ws->wsi));
}

static void on_stall_look(struct deadline *deadline)
{
    struct ws *ws = LIST_ENTRY(deadline, struct ws, patience);
    struct ws_queue *queue = ws->queue;
    uint32_t progress = progress_of(ws);

    queue->stalls = progress == queue->progress ? queue->stalls + 1 : 0;
    queue->progress = progress;
    if (queue->stalls < STALL_LOOKS) {
        deadline_set(ws->host->deadlines, deadline, config_of(ws)->write_timeout_ms / STALL_LOOKS,
                     on_stall_look);
        return;
    }
    ws->host->node->metrics.limits[LIMIT_WRITE_TIME]++;
    ws_doom(ws, CLOSE_SLOW_READER);
}

void ws_stall_watch(struct ws *ws)
{
    ws->queue->progress = progress_of(ws);
    deadline_set(ws->host->deadlines, &ws->patience, config_of(ws)->write_timeout_ms / STALL_LOOKS,
                 on_stall_look);
}
