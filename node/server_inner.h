/* SPDX-License-Identifier: MIT */
#ifndef SB_SERVER_INNER_H
#define SB_SERVER_INNER_H

#include "embedded.h"
#include "http_server.h"
#include "listener.h"
#include "node.h"
#include "server.h"
#include "tls.h"
#include "ws_inner.h"

/*
 * The inside of the server, for server*.c only.
 *
 *     server         what it is made of: start and end
 *     server_life    its states, from serving to ended; signals and the tick
 *     server_reload  SIGHUP
 */
enum server_state {
    SERVER_STARTING,
    SERVER_SERVING,
    SERVER_DRAINING, /* connections come to their end                              */
    SERVER_FLUSHING, /* there are none; Redis is told what is left to tell         */
    SERVER_LEAVING,  /* everything is being closed; the loop runs out              */
    SERVER_ENDED,
    SERVER_STATES
};

enum { SERVER_SIGNALS = 3 };

struct server {
    uv_loop_t loop;
    struct node node;
    struct server_setup setup;
    struct tls *tls;
    struct listener **listeners; /* --addr, then --tls-addr */
    size_t listener_count;
    void **opened; /* what the dialects' open() returned, in the order of their table */
    size_t opened_count;
    uv_signal_t signals[SERVER_SIGNALS];
    uv_timer_t tick;
    bool has_tick;
    size_t signal_count;

    enum server_state state; /* changed by server_enter() alone */
    int64_t entered_ms;
    int64_t signalled_ms; /* the first request to stop       */
    bool is_ready;        /* what was logged last            */
    bool is_told_twice;

    int64_t ticked_us, tick_us; /* the last tick, and the time between two */
    uint64_t lag_window_us[2];  /* the latest in this half minute and the one before */
    int64_t lag_window_ms;
};

/* ---- server ----------------------------------------------------------------------------------- */

/* As the options have it now. */
struct store_options server_store_options(const struct server *server);
struct hub_options server_hub_options(const struct server *server);

void server_close_listeners(struct server *server);

/* All connections, then the dialects, then the inbox. */
void server_close_protocols(struct server *server);

/* All the rest. What has a handle is released as the loop runs on. */
void server_close_core(struct server *server);

/* ---- server_life ------------------------------------------------------------------------------ */

void server_enter(struct server *server, enum server_state to);
bool server_watch(struct server *server, struct why *why); /* starts the tick and the signals */

/* ---- server_reload ---------------------------------------------------------------------------- */

void server_reload(struct server *server);
void server_configure_dialects(struct server *server);

#endif
