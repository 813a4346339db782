/* SPDX-License-Identifier: MIT */
/*
 * What a node is made of, in the order in which one thing needs the other; it is taken apart the other
 * way round. Each step may fail, and leaves what server_destroy() can take apart.
 */
#include "server_inner.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/log.h"
#include "base/mem.h"
#include "ops.h"

enum { SETTLE_COUNT = 256, STALL_MS = 1000 };

/* ---- parts ------------------------------------------------------------------------------------ */

static bool make_id(struct node *node, struct why *why)
{
    uint64_t number;

    if (getrandom(&number, sizeof number, 0) != sizeof number)
        return why_set(why, "no random numbers: %s", strerror(errno));
    snprintf(node->id, sizeof node->id, "%0*" PRIx64, NODE_ID_LEN, number >> 24);
    return true;
}

static void on_store_state(bool is_up, void *ctx)
{
    (void)ctx;
    if (is_up)
        log_info(NULL, "redis.up", "is_up=%s", "true");
    else
        log_warn(NULL, "redis.down", "is_up=%s", "false");
}

struct store_options server_store_options(const struct server *server)
{
    const struct config *config = server->setup.config;

    return (struct store_options){
        .url = server->setup.redis_url,
        .timeout_ms = config->redis_timeout_ms,
        .wait_ms = config->redis_wait_ms,
        .pending_max = config->redis_pending_max,
        .pending_bytes = config->redis_pending_bytes,
    };
}

struct hub_options server_hub_options(const struct server *server)
{
    return (struct hub_options){
        .settle_ms = server->setup.config->settle_delay_ms,
        .settle_count = SETTLE_COUNT,
        .stall_ms = STALL_MS,
    };
}

static bool open_store(struct server *server, struct why *why)
{
    const struct store_options options = server_store_options(server);

    server->node.store = store_open(&server->loop, &options, on_store_state, server, why);
    return server->node.store != NULL;
}

/* Readiness asks the inbox itself. */
static void on_inbox_health(bool is_healthy, void *ctx)
{
    (void)is_healthy;
    (void)ctx;
}

static bool create_core(struct server *server, struct why *why)
{
    struct node *node = &server->node;
    const struct hub_options options = server_hub_options(server);

    node->hub = hub_create(&server->loop, node->store, &options);
    node->auth = auth_create(&server->loop, node->store, server->setup.config, why);
    if (node->auth == NULL)
        return false;
    node->jwts = jwts_create(&server->loop, node->store, server->setup.config);
    node->hooks = hooks_create(&server->loop, server->setup.config);
    node->inbox =
        inbox_create(&server->loop, node->store, node->hub, node->id, on_inbox_health, server);
    node->calls = calls_create(&server->loop, node->store, node->inbox, node->id);
    return true;
}

static bool create_protocols(struct server *server, struct why *why)
{
    struct node *node = &server->node;

    node->ws_host = ws_host_create(node, why);
    if (node->ws_host == NULL)
        return false;
    server->node.http = http_create(node);
    if (server->setup.config->tls_addr.count > 0) {
        server->tls = tls_create(node, server->node.http, why);
        return server->tls != NULL;
    }
    return true;
}

static void open_dialects(struct server *server)
{
    const struct server_setup *setup = &server->setup;

    http_add_routes(server->node.http, ops_routes, ops_route_count, &server->node);
    server->opened = xcalloc(setup->dialect_count, sizeof *server->opened);
    for (size_t i = 0; i < setup->dialect_count; i++) {
        const struct dialect *dialect = setup->dialects[i];

        server->opened[i] = dialect->open(&server->node);
        server->opened_count++;
        http_add_routes(server->node.http, dialect->routes, dialect->route_count,
                        server->opened[i]);
    }
    server_configure_dialects(server);
}

static bool listen_on(struct server *server, const struct strings *addresses,
                      listener_fn *on_accepted, void *ctx, struct why *why)
{
    for (size_t i = 0; i < addresses->count; i++) {
        struct listener *listener =
            listener_create(&server->loop, addresses->items[i], on_accepted, ctx, why);

        if (listener == NULL)
            return false;
        server->listeners[server->listener_count++] = listener;
    }
    return true;
}

static bool open_listeners(struct server *server, struct why *why)
{
    const struct config *config = server->setup.config;

    server->listeners =
        xcalloc(config->addr.count + config->tls_addr.count, sizeof(struct listener *));
    return listen_on(server, &config->addr, http_on_accepted, server->node.http, why) &&
           listen_on(server, &config->tls_addr, tls_on_accepted, server->tls, why);
}

/* ---- start and end ---------------------------------------------------------------------------- */

struct server *server_create(const struct server_setup *setup, struct why *why)
{
    struct server *server = xcalloc(1, sizeof *server);

    signal(SIGPIPE, SIG_IGN);
    uv_loop_init(&server->loop);
    server->setup = *setup;
    server->node.loop = &server->loop;
    server->node.config = setup->config;
    if (!config_has_known_driver(setup->config, why) || !config_has_safe_keys(setup->config, why) ||
        !make_id(&server->node, why) || !open_store(server, why) || !create_core(server, why) ||
        !create_protocols(server, why)) {
        server_destroy(&server);
        return NULL;
    }
    open_dialects(server);
    if (!open_listeners(server, why) || !server_watch(server, why)) {
        server_destroy(&server);
        return NULL;
    }
    log_info(NULL, "server.start", "node=%s version=%s", server->node.id, SIGNALBOX_VERSION);
    server_enter(server, SERVER_SERVING);
    return server;
}

void server_close_listeners(struct server *server)
{
    for (size_t i = 0; i < server->listener_count; i++)
        listener_destroy(&server->listeners[i]);
    server->listener_count = 0;
}

void server_close_protocols(struct server *server)
{
    http_destroy(&server->node.http);
    tls_destroy(&server->tls);
    ws_host_destroy(&server->node.ws_host);
    while (server->opened_count > 0) {
        size_t last = --server->opened_count;

        server->setup.dialects[last]->close(server->opened[last]);
    }
    calls_destroy(&server->node.calls);
    inbox_destroy(&server->node.inbox);
    if (server->node.hub != NULL)
        hub_flush(server->node.hub);
}

static void close_handle(void *handle)
{
    uv_close(handle, NULL);
}

void server_close_core(struct server *server)
{
    hub_destroy(&server->node.hub);
    jwts_destroy(&server->node.jwts);
    auth_destroy(&server->node.auth);
    hooks_destroy(&server->node.hooks);
    store_close(&server->node.store);
    while (server->signal_count > 0)
        close_handle(&server->signals[--server->signal_count]);
    if (server->has_tick)
        close_handle(&server->tick);
    server->has_tick = false;
}

void server_destroy(struct server **server)
{
    struct server *old = *server;

    if (old == NULL)
        return;
    *server = NULL;
    server_close_listeners(old);
    server_close_protocols(old);
    server_close_core(old);
    uv_run(&old->loop, UV_RUN_DEFAULT);
    if (uv_loop_close(&old->loop) != 0)
        assert(!"the loop still holds handles");
    free(old->listeners);
    free(old->opened);
    free(old);
}

const char *server_address(const struct server *server, size_t index)
{
    return index < server->listener_count ? listener_address(server->listeners[index]) : NULL;
}

uv_loop_t *server_loop(struct server *server)
{
    return &server->loop;
}
