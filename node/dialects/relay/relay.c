/* SPDX-License-Identifier: MIT */
/*
 * The relay on this node: its route, its options, and what other nodes tell it.
 */
#include "relay.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "relay_conn.h"

/* ---- notices ----------------------------------------------------------------------------------- */

struct relay_conn *relay_find(struct relay *relay, uint64_t number)
{
    struct relay_conn *conn;

    HASH_FIND(hh, relay->conns, &number, sizeof number, conn);
    return conn;
}

static void tell(struct relay *relay, const char *topic, struct slice address)
{
    struct relay_target target;
    struct buf text;

    if (!relay_address_parse(address, &target))
        return;
    buf_init(&text, NOTICE_MAX);
    relay_conn_write(&text, target.conn);
    inbox_send(relay->node->inbox, target.node, topic, buf_slice(&text));
    buf_fini(&text);
}

void relay_tell_replaced(struct relay *relay, struct slice address)
{
    tell(relay, NOTICE_REPLACE, address);
}

void relay_tell_served(struct relay *relay, struct slice address)
{
    tell(relay, NOTICE_SERVED, address);
}

void relay_ask_to_serve(struct relay *relay, struct slice bot, struct slice from,
                        struct slice channel)
{
    struct relay_request request = { .from = from, .channel = channel };
    struct relay_target target;
    struct buf text;

    if (!relay_address_parse(bot, &target))
        return;
    request.conn = target.conn;
    buf_init(&text, NOTICE_MAX);
    relay_request_write(&text, &request);
    inbox_send(relay->node->inbox, target.node, NOTICE_SERVE, buf_slice(&text));
    buf_fini(&text);
}

/* Whom a notice is about; NULL: it has gone meanwhile. */
static struct relay_conn *find_named(struct relay *relay, struct slice text)
{
    uint64_t number;

    return relay_conn_parse(text, &number) ? relay_find(relay, number) : NULL;
}

static void on_replace(struct slice text, void *ctx)
{
    struct relay_conn *conn = find_named(ctx, text);

    if (conn != NULL)
        relay_conn_close(conn, CLOSE_REPLACED);
}

static void on_serve(struct slice text, void *ctx)
{
    struct relay *relay = ctx;
    struct relay_request request;
    struct relay_conn *conn;

    if (!relay_request_parse(text, &request))
        return;
    conn = relay_find(relay, request.conn);
    if (conn != NULL && conn->bot != NULL && conn->state != RELAY_CLOSING)
        relay_bot_asked(conn, &request);
    else
        relay_tell_served(relay, request.from); /* nobody here will do more */
}

static void on_served(struct slice text, void *ctx)
{
    struct relay_conn *conn = find_named(ctx, text);

    if (conn != NULL && conn->state == RELAY_ASKING)
        relay_conn_enter(conn, RELAY_LISTENING);
}

/* ---- the dialect ------------------------------------------------------------------------------- */

static void *relay_open(struct node *node)
{
    struct relay *relay = xcalloc(1, sizeof *relay);

    relay->node = node;
    relay->ws_ops = relay_ws_ops;
    relay->deadlines = deadlines_create(node->loop);
    list_init(&relay->errands);
    inbox_handle(node->inbox, NOTICE_REPLACE, on_replace, relay);
    inbox_handle(node->inbox, NOTICE_SERVE, on_serve, relay);
    inbox_handle(node->inbox, NOTICE_SERVED, on_served, relay);
    return relay;
}

static void relay_configure(void *dialect)
{
    struct relay *relay = dialect;
    const struct config *config = relay->node->config;
    struct channel_bounds bounds = {
        .offline_cap = config->queue_max,
        .live_bound = config->live_bound,
        .ttl_ms = config->relay_ttl_ms,
        .keep_ms = config->feed_keep_ms,
        .keep_count = config->feed_keep,
        .grace_ms = config->reconnect_grace_ms,
    };

    /* what has come must fit into its channel, with what is added on its way */
    assert(config->relay_max_message + RELAY_DELIVERY_EXTRA <= CHANNEL_PAYLOAD_MAX);
    relay->ws_ops.message_max_bytes = config->relay_max_message;
    channel_set_bounds(relay->node->store, CHANNEL_BOT, &bounds);
    channel_set_bounds(relay->node->store, CHANNEL_MODS, &bounds);
}

static void relay_close(void *dialect)
{
    struct relay *relay = dialect;

    assert(relay->conns == NULL);
    relay_errands_close(relay);
    deadlines_destroy(&relay->deadlines);
    free(relay);
}

static const struct http_route routes[] = {
    { HTTP_GET, "/sync", relay_sync, HTTP_EFFECTIVE },
};

const struct dialect relay_dialect = {
    .name = "relay",
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
    .open = relay_open,
    .configure = relay_configure,
    .close = relay_close,
};
