/* SPDX-License-Identifier: MIT */
/*
 * The host: one lws context on our loop, with one virtual host that listens to nothing: sockets come
 * from HTTP (ws_arrive.c). What must not be done inside of lws' own callbacks is done in the next turn
 * of the loop: arrivals, and connections that are to be cut.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "node.h"
#include "ws_conn.h"
#include "ws_deflate.h"
#include "ws_inflate.h"

enum {
    HEAD_MAX = 1024, /* what lws parses: only ever a head that we wrote      */
    DRAIN_TICK_MS = 10,
    PER_TURN = 256,     /* arrivals, and cuts, in one turn of the loop          */
    TURNS_TO_LEAVE = 4, /* lws closes its handles in two stages of a turn each  */
};

/* ---- lws' log: errors are warnings of ours, but for what is none or any peer can cause ---------- */

static bool is_noise(const char *line)
{
    return strstr(line, "calling service") != NULL;
}

static void on_lws_log(int level, const char *line)
{
    size_t len = strcspn(line, "\n");

    if (level == LLL_ERR && !is_noise(line))
        log_peer(LOG_WARN, NULL, "ws.lws", "line=%s", log_quote(line, len));
    else
        log_debug(NULL, "ws.lws", "line=%s", log_quote(line, len));
}

/* ---- lws' callbacks ------------------------------------------------------------------------------ */

static void on_opened(struct ws_host *host, struct ws *ws, struct lws *wsi)
{
    struct ws_arrival *arrival = host->arriving;

    assert(arrival != NULL);
    arrival->ws = ws;
    *ws = (struct ws){
        .host = host,
        .wsi = wsi,
        .ops = arrival->ops,
        .conn = arrival->conn,
        .number = ++host->last_number,
        .opened_ms = clock_ms(),
        .peer = arrival->peer,
        .place = arrival->place,
        .reason = CLOSE_REASONS,
        .how = WS_ENDED_BROKEN,
        .is_deflated = arrival->is_deflated,
    };
    arrival->place = (struct conn_place){ NULL, NULL };
    list_append(&host->open, &ws->node);
    list_init(&ws->burst);
    deadline_init(&ws->ping);
    deadline_init(&ws->silence);
    deadline_init(&ws->patience);
    ws_beat_start(ws);
    host->node->metrics.ws_opened++;
    host->node->metrics.ws_open++;
    log_debug(NULL, "ws.open", "conn=%" PRIu64 " dialect=%s", ws->number,
              ws->ops->dialect != NULL ? ws->ops->dialect : "-");
    ws->ops->on_open(ws, ws->conn);
}

/* `user` is the struct ws; it is all zeros until the handshake is done. */
static int on_lws(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                  size_t len)
{
    struct ws *ws = user;

    if (reason == LWS_CALLBACK_ESTABLISHED) {
        on_opened(lws_context_user(lws_get_context(wsi)), ws, wsi);
        return 0;
    }
    if (reason == LWS_CALLBACK_ADD_HEADERS) {
        struct ws_host *host = lws_context_user(lws_get_context(wsi));

        return ws_on_answering(host->arriving, in);
    }
    if (ws == NULL || ws->host == NULL)
        return 0;
    switch (reason) {
    case LWS_CALLBACK_RECEIVE:
        ws_on_chunk(ws, in, len);
        return 0;
    case LWS_CALLBACK_RECEIVE_PONG:
        ws_beat_heard(ws);
        return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        ws_on_writable(ws);
        return 0;
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        return ws_on_peer_close(ws, (struct slice){ in, len });
    case LWS_CALLBACK_WS_SERVER_DROP_PROTOCOL:
        ws_on_closing(ws);
        return 0;
    case LWS_CALLBACK_CLOSED:
        ws_on_closed(ws);
        return 0;
    case LWS_CALLBACK_WSI_DESTROY:
        conn_limit_give(&ws->place);
        return 0;
    default:
        return 0;
    }
}

/* Our own signs of life (ws_beat.c) instead of those of lws, whose timers are one sorted list. */
static const lws_retry_bo_t no_validity_checks = { 0 };

/* tx_packet_size: lws hands a frame to the kernel in one piece, whatever its size. */
static const struct lws_protocols protocols[] = {
    { .name = "signalbox",
      .callback = on_lws,
      .per_session_data_size = sizeof(struct ws),
      .rx_buffer_size = WS_CHUNK_MAX,
      .tx_packet_size = 1u << 30 },
    { .name = NULL },
};

/* ---- the next turn --------------------------------------------------------------------------------- */

static void on_idle(uv_idle_t *idle)
{
    struct ws_host *host = idle->data;

    for (int i = 0; i < PER_TURN && !list_is_empty(&host->doomed); i++)
        ws_cut(LIST_ENTRY(host->doomed.next, struct ws, node));
    for (int i = 0; i < PER_TURN && !list_is_empty(&host->arrivals); i++)
        ws_arrive(host);
    if (list_is_empty(&host->doomed) && list_is_empty(&host->arrivals))
        uv_idle_stop(idle);
}

void ws_host_wake(struct ws_host *host)
{
    uv_idle_start(&host->idle, on_idle);
}

static void on_before_poll(uv_prepare_t *prepare)
{
    ws_end_turn(prepare->data);
}

static void on_after_poll(uv_check_t *check)
{
    ws_end_turn(check->data);
}

/* ---- draining ------------------------------------------------------------------------------------- */

static void on_drain_tick(uv_timer_t *timer)
{
    struct ws_host *host = timer->data;
    uint32_t one = 1000 / DRAIN_TICK_MS;

    host->drain_credit += host->node->config->drain_rate;
    for (; host->drain_credit >= one && !list_is_empty(&host->open); host->drain_credit -= one)
        ws_close(LIST_ENTRY(host->open.next, struct ws, node), CLOSE_GOING_AWAY);
    if (list_is_empty(&host->open))
        host->drain_credit = 0;
}

void ws_host_drain(struct ws_host *host)
{
    if (!uv_is_active((uv_handle_t *)&host->drain_timer))
        uv_timer_start(&host->drain_timer, on_drain_tick, 0, DRAIN_TICK_MS);
}

/* ---- life ----------------------------------------------------------------------------------------- */

static bool create_lws(struct ws_host *host)
{
    void *loop = host->node->loop;
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS,
        .foreign_loops = &loop,
        .protocols = protocols,
        .extensions = host->deflate != NULL ? ws_deflate_extensions : NULL,
        .max_http_header_data = HEAD_MAX,
        .retry_and_idle_policy = &no_validity_checks,
        .pcontext = &host->context, /* NULL again when lws has ended */
        .user = host,
        .uid = -1,
        .gid = -1,
    };

    lws_set_log_level(LLL_ERR | LLL_WARN, on_lws_log);
    host->context = lws_create_context(&info);
    if (host->context != NULL)
        host->vhost = lws_create_vhost(host->context, &info);
    return host->vhost != NULL;
}

struct ws_host *ws_host_create(struct node *node, struct why *why)
{
    struct ws_host *host = xcalloc(1, sizeof *host + WS_CHUNK_MAX + 1);

    host->node = node;
    list_init(&host->arrivals);
    list_init(&host->open);
    list_init(&host->closing);
    list_init(&host->doomed);
    list_init(&host->bursts);
    uv_idle_init(node->loop, &host->idle);
    uv_timer_init(node->loop, &host->drain_timer);
    uv_prepare_init(node->loop, &host->before_poll);
    uv_check_init(node->loop, &host->after_poll);
    host->idle.data = host->drain_timer.data = host->before_poll.data = host->after_poll.data =
        host;
    uv_prepare_start(&host->before_poll, on_before_poll);
    uv_check_start(&host->after_poll, on_after_poll);
    uv_unref((uv_handle_t *)&host->before_poll);
    uv_unref((uv_handle_t *)&host->after_poll);
    host->turn = 1;
    buf_init(&host->batch, WS_BATCH_MAX);
    host->deadlines = deadlines_create(node->loop);
    if (node->config->ws_deflate) {
        host->deflate = ws_deflate_create();
        host->inflater = ws_inflater_create();
    }
    if (!create_lws(host)) {
        why_set(why, "libwebsockets does not start on libuv: is its libuv plug-in installed?");
        ws_host_destroy(&host);
    }
    return host;
}

static void on_idle_closed(uv_handle_t *idle)
{
    free(idle->data);
}

/* libwebsockets 4.1 wants to be asked twice, before and after its handles have closed; later ones end
 * by themselves. */
static void on_leaving(uv_idle_t *idle)
{
    struct ws_host *host = idle->data;

    if (host->turns_left > 0 && --host->turns_left > 0)
        return;
    lws_context_destroy(host->context);
    if (host->context == NULL)
        uv_close((uv_handle_t *)idle, on_idle_closed);
}

/* Each gets its on_close here: a close frame if it can be written at once, then the cut. */
static void end_all(struct ws_host *host)
{
    while (!list_is_empty(&host->arrivals))
        ws_turn_away(host);
    while (!list_is_empty(&host->open))
        ws_close(LIST_ENTRY(host->open.next, struct ws, node), CLOSE_GOING_AWAY);
    while (!list_is_empty(&host->closing))
        ws_doom(LIST_ENTRY(host->closing.next, struct ws, node), CLOSE_GOING_AWAY);
    while (!list_is_empty(&host->doomed))
        ws_cut(LIST_ENTRY(host->doomed.next, struct ws, node));
}

void ws_host_destroy(struct ws_host **host)
{
    struct ws_host *old = *host;

    if (old == NULL)
        return;
    *host = NULL;
    end_all(old);
    uv_close((uv_handle_t *)&old->drain_timer, NULL);
    uv_close((uv_handle_t *)&old->before_poll, NULL);
    uv_close((uv_handle_t *)&old->after_poll, NULL);
    buf_fini(&old->batch);
    deadlines_destroy(&old->deadlines);
    ws_deflate_destroy(&old->deflate);
    ws_inflater_destroy(&old->inflater);
    lws_context_destroy(old->context);
    old->turns_left = TURNS_TO_LEAVE;
    uv_idle_stop(&old->idle); /* or it keeps its callback */
    uv_idle_start(&old->idle, on_leaving);
}
