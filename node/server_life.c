/* SPDX-License-Identifier: MIT */
/*
 * From serving to ended: a rule per state, and a tick that asks whether the next one's time has come.
 * The tick also measures how late the loop is, and looks after the private Redis.
 */
#include <assert.h>
#include <signal.h>

#include "base/clock.h"
#include "base/log.h"
#include "ops.h"
#include "server_inner.h"

enum {
    TICK_MS = 100,
    TICK_ENDING_MS = 10,
    FLUSH_MS = 2000,       /* for the last words to Redis                                     */
    SAME_REQUEST_MS = 500, /* a terminal and a script may both pass on one Ctrl-C             */
    LAG_WINDOW_MS = 30000,
};

#define TO(state) (1u << (state))

/* ---- what happens in each state ---------------------------------------------------------------- */

static void drain_dialects(struct server *server)
{
    for (size_t i = 0; i < server->opened_count; i++) {
        const struct dialect *dialect = server->setup.dialects[i];

        if (dialect->drain != NULL)
            dialect->drain(server->opened[i]);
    }
}

static void start_to_drain(struct server *server)
{
    log_info(NULL, "server.drain", "websockets=%llu requests=%zu",
             (unsigned long long)server->node.metrics.ws_open,
             http_open_requests(server->node.http));
    server->node.is_draining = true;
    server_close_listeners(server);
    drain_dialects(server);
    http_drain(server->node.http);
    ws_host_drain(server->node.ws_host);
    server->tick_us = TICK_ENDING_MS * 1000;
    uv_timer_set_repeat(&server->tick, TICK_ENDING_MS);
    uv_timer_again(&server->tick);
}

static bool is_drained(const struct server *server)
{
    return http_open_requests(server->node.http) == 0 && server->node.metrics.ws_open == 0 &&
           (server->tls == NULL || tls_connections(server->tls) == 0);
}

static uint32_t drain_limit_ms(const struct server *server)
{
    return server->setup.config->drain_timeout_ms;
}

static bool is_flushed(const struct server *server)
{
    return store_stats(server->node.store)->pending == 0;
}

static uint32_t flush_limit_ms(const struct server *server)
{
    (void)server;
    return FLUSH_MS;
}

static const struct {
    const char *name;
    unsigned next;
    void (*enter)(struct server *server);
    bool (*is_over)(const struct server *server);      /* NULL: it ends by other means */
    uint32_t (*limit_ms)(const struct server *server); /* then it is over in any case  */
    enum server_state then;
} rules[SERVER_STATES] = {
    [SERVER_STARTING] = { "starting", TO(SERVER_SERVING), NULL, NULL, NULL, SERVER_STATES },
    [SERVER_SERVING] = { "serving", TO(SERVER_DRAINING), NULL, NULL, NULL, SERVER_STATES },
    [SERVER_DRAINING] = { "draining", TO(SERVER_FLUSHING), start_to_drain, is_drained,
                          drain_limit_ms, SERVER_FLUSHING },
    [SERVER_FLUSHING] = { "flushing", TO(SERVER_LEAVING), server_close_protocols, is_flushed,
                          flush_limit_ms, SERVER_LEAVING },
    [SERVER_LEAVING] = { "leaving", TO(SERVER_ENDED), server_close_core, NULL, NULL,
                         SERVER_STATES },
    [SERVER_ENDED] = { "ended", 0, NULL, NULL, NULL, SERVER_STATES },
};

void server_enter(struct server *server, enum server_state to)
{
    assert(rules[server->state].next & TO(to));
    log_debug(NULL, "server.state", "from=%s to=%s", rules[server->state].name, rules[to].name);
    server->state = to;
    server->entered_ms = clock_ms();
    if (rules[to].enter != NULL)
        rules[to].enter(server);
}

static void go_on(struct server *server)
{
    enum server_state state = server->state;
    bool is_over, is_late;

    if (rules[state].is_over == NULL)
        return;
    is_over = rules[state].is_over(server);
    is_late = clock_ms() - server->entered_ms >= rules[state].limit_ms(server);
    if (!is_over && is_late)
        log_warn(NULL, "server.late", "state=%s requests=%zu websockets=%llu pending=%llu",
                 rules[state].name,
                 server->node.http != NULL ? http_open_requests(server->node.http) : 0,
                 (unsigned long long)server->node.metrics.ws_open,
                 (unsigned long long)store_stats(server->node.store)->pending);
    if (is_over || is_late)
        server_enter(server, rules[state].then);
}

/* ---- the tick --------------------------------------------------------------------------------- */

static void measure_lag(struct server *server)
{
    struct metrics *metrics = &server->node.metrics;
    int64_t now_us = clock_us(), late_us = now_us - server->ticked_us - server->tick_us;
    uint64_t *windows = server->lag_window_us;

    server->ticked_us = now_us;
    metrics->loop_lag_us = late_us > 0 ? (uint64_t)late_us : 0;
    if (now_us / 1000 - server->lag_window_ms > LAG_WINDOW_MS) {
        server->lag_window_ms = now_us / 1000;
        windows[1] = windows[0];
        windows[0] = 0;
    }
    if (metrics->loop_lag_us > windows[0])
        windows[0] = metrics->loop_lag_us;
    metrics->loop_lag_max_us = windows[0] > windows[1] ? windows[0] : windows[1];
}

static void tell_readiness(struct server *server)
{
    const char *reason = server->state == SERVER_SERVING ? ops_unready_reason(&server->node) : NULL;

    if (server->state != SERVER_SERVING || server->is_ready == (reason == NULL))
        return;
    server->is_ready = reason == NULL;
    if (server->is_ready)
        log_info(NULL, "server.ready", "node=%s", server->node.id);
    else
        log_warn(NULL, "server.unready", "reason=\"%s\"", reason);
}

static void on_tick(uv_timer_t *timer)
{
    struct server *server = timer->data;

    measure_lag(server);
    tell_readiness(server);
    if (server->setup.embedded != NULL && embedded_check(server->setup.embedded))
        server->node.metrics.redis_restarts++;
    go_on(server);
}

/* ---- signals ---------------------------------------------------------------------------------- */

void server_stop(struct server *server)
{
    if (server->state != SERVER_SERVING)
        return;
    server->signalled_ms = clock_ms();
    server_enter(server, SERVER_DRAINING);
}

static void on_stop_signal(uv_signal_t *handle, int number)
{
    struct server *server = handle->data;

    log_info(NULL, "server.signal", "number=%d", number);
    if (server->state == SERVER_SERVING) {
        server_stop(server);
    } else if (clock_ms() - server->signalled_ms > SAME_REQUEST_MS) {
        server->is_told_twice = true;
        uv_stop(&server->loop);
    }
}

static void on_reload_signal(uv_signal_t *handle, int number)
{
    struct server *server = handle->data;

    log_info(NULL, "server.signal", "number=%d", number);
    if (server->state == SERVER_SERVING)
        server_reload(server);
}

bool server_watch(struct server *server, struct why *why)
{
    static const struct {
        int number;
        uv_signal_cb on_signal;
    } wanted[SERVER_SIGNALS] = {
        { SIGTERM, on_stop_signal },
        { SIGINT, on_stop_signal },
        { SIGHUP, on_reload_signal },
    };

    for (size_t i = 0; i < SERVER_SIGNALS; i++) {
        uv_signal_t *handle = &server->signals[i];

        if (uv_signal_init(&server->loop, handle) != 0)
            return why_set(why, "signals cannot be received: too few descriptors?");
        server->signal_count++;
        handle->data = server;
        uv_signal_start(handle, wanted[i].on_signal, wanted[i].number);
    }
    uv_timer_init(&server->loop, &server->tick);
    server->has_tick = true;
    server->tick.data = server;
    server->ticked_us = clock_us();
    server->tick_us = TICK_MS * 1000;
    uv_timer_start(&server->tick, on_tick, TICK_MS, TICK_MS);
    return true;
}

/* ---- running ---------------------------------------------------------------------------------- */

int server_run(struct server *server)
{
    uv_run(&server->loop, UV_RUN_DEFAULT);
    if (server->is_told_twice)
        return 1;
    server_enter(server, SERVER_ENDED);
    return 0;
}

bool server_has_ended(const struct server *server)
{
    return server->state >= SERVER_LEAVING;
}
