/* SPDX-License-Identifier: MIT */
/*
 * All HTTP connections of the process, each in the list of its state, and what is put off to the next
 * turn of the loop because it must not happen under a handler that is still running.
 */
#include "http_server.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "http_inner.h"
#include "ws_inner.h"

struct refusal {
    struct list node;
    const struct ws_ops *ops;
    void *conn;
};

/* ---- the next turn -------------------------------------------------------------------------------- */

static void refusals_deliver(struct http *http)
{
    struct list due;

    list_init(&due);
    list_splice(&due, &http->refusals);
    LIST_EACH (node, spare, &due) {
        struct refusal *refusal = LIST_ENTRY(node, struct refusal, node);

        list_remove(node);
        refusal->ops->on_close(NULL, WS_ENDED_BROKEN, CLOSE_PROTOCOL, refusal->conn);
        free(refusal);
    }
}

static void on_turn(uv_idle_t *turn)
{
    struct http *http = turn->data;
    struct list due;

    refusals_deliver(http);
    list_init(&due);
    list_splice(&due, &http->resumed);
    while (!list_is_empty(&due)) { /* serving one may close others */
        struct list *first = due.next;

        list_remove(first);
        http_conn_serve_kept(LIST_ENTRY(first, struct http_conn, resumed));
    }
    if (list_is_empty(&http->resumed) && list_is_empty(&http->refusals))
        uv_idle_stop(turn);
}

void http_resume(struct http *http, struct http_conn *conn)
{
    list_remove(&conn->resumed);
    list_append(&http->resumed, &conn->resumed);
    uv_idle_start(&http->turn, on_turn);
}

void http_refuse_upgrade(struct http *http, const struct ws_ops *ops, void *conn)
{
    struct refusal *refusal = xcalloc(1, sizeof *refusal);

    refusal->ops = ops;
    refusal->conn = conn;
    list_append(&http->refusals, &refusal->node);
    uv_idle_start(&http->turn, on_turn);
}

/* ---- connections ---------------------------------------------------------------------------------- */

bool http_admit(struct http *http, const struct peer *peer, struct conn_place *place_out)
{
    struct conn_place place = { NULL, NULL };

    if (!conn_limit_take(http->limit, &place))
        return false;
    /* Behind a proxy the address is known with the first request. */
    if (!http->node->config->trust_proxy && !conn_limit_take_address(&place, peer)) {
        conn_limit_give(&place);
        return false;
    }
    *place_out = place;
    return true;
}

void http_serve(struct http *http, int fd, const struct peer *peer, struct conn_place place)
{
    http_conn_open(http, fd, peer, place);
}

void http_on_accepted(int fd, const struct peer *peer, void *http)
{
    struct conn_place place;

    if (http_admit(http, peer, &place))
        http_serve(http, fd, peer, place);
    else
        http_turn_away(fd);
}

size_t http_open_requests(const struct http *http)
{
    size_t count = 0;

    for (enum conn_state state = CONN_HEAD; state <= CONN_WRITING; state++)
        count += http->counts[state];
    return count;
}

/* ---- life ------------------------------------------------------------------------------------------- */

struct http *http_create(struct node *node)
{
    struct http *http = xcalloc(1, sizeof *http);

    http->node = node;
    http->limit = conn_limit_create(node->config, &node->metrics);
    http->routes = http_routes_create();
    for (enum conn_state state = 0; state < CONN_STATES; state++)
        list_init(&http->conns[state]);
    list_init(&http->resumed);
    list_init(&http->refusals);
    buf_init(&http->out, SIZE_MAX);
    http->deadlines = deadlines_create(node->loop);
    uv_idle_init(node->loop, &http->turn);
    http->turn.data = http;
    http->handles = 1;
    return http;
}

void http_add_routes(struct http *http, const struct http_route *routes, size_t count, void *ctx)
{
    for (size_t i = 0; i < count; i++)
        http_routes_add(http->routes, &routes[i], ctx);
}

void http_add_prefix(struct http *http, const struct http_prefix *prefix, void *ctx)
{
    http_routes_add_prefix(http->routes, prefix, ctx);
}

static void close_all(struct http *http, enum conn_state state)
{
    struct list *conns = &http->conns[state];

    while (!list_is_empty(conns)) /* who hears of it may end others */
        http_conn_close(LIST_ENTRY(conns->next, struct http_conn, node));
}

void http_drain(struct http *http)
{
    http->is_draining = true;
    http_streams_stop(http);
    close_all(http, CONN_FRESH);
    LIST_EACH (node, spare, &http->conns[CONN_IDLE]) {
        struct http_conn *conn = LIST_ENTRY(node, struct http_conn, node);

        if (list_is_empty(&conn->resumed)) /* else a request has come already */
            http_conn_close(conn);
    }
}

void http_handle_closed(struct http *http)
{
    assert(http->handles > 0);
    if (--http->handles > 0 || !http->is_destroyed)
        return;
    while (http->spare != NULL) {
        struct http_request *request = http->spare;

        http->spare = request->next;
        free(request);
    }
    buf_fini(&http->out);
    http_routes_destroy(&http->routes);
    http_offers_free(http);
    conn_limit_destroy(&http->limit);
    free(http);
}

static void on_handle_closed(uv_handle_t *handle)
{
    http_handle_closed(handle->data);
}

void http_destroy(struct http **http_ref)
{
    struct http *http = *http_ref;

    if (http == NULL)
        return;
    *http_ref = NULL;
    http->is_draining = http->is_destroyed = true;
    for (enum conn_state state = 0; state < CONN_CLOSED; state++)
        close_all(http, state);
    refusals_deliver(http);
    deadlines_destroy(&http->deadlines);
    uv_close((uv_handle_t *)&http->turn, on_handle_closed);
}
