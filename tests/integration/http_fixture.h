/* SPDX-License-Identifier: MIT */
#ifndef SB_TESTS_HTTP_FIXTURE_H
#define SB_TESTS_HTTP_FIXTURE_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support.h"

#include "base/mem.h"
#include "http_server.h"
#include "node.h"
#include "ws_inner.h"

/*
 * HTTP on one end of a socket pair, a client on the other, a few routes, and no WebSocket host: what is
 * handed over to one is written down.
 */
struct held {
    struct http_request *request; /* with /hold; NULL: none */
    uint32_t gone;                /* times its client went away */
};

struct adopted {
    uint32_t count, closed;
    int fd;
    char target[64], key[32], early[64];
    struct conn_place place;
};

struct fixture {
    uv_loop_t loop;
    struct config config;
    struct node node;
    struct http *http;
    struct held held;
    struct adopted adopted;
    struct slice large; /* the body of /large */
    uint32_t handled;   /* requests that came to /hello */
};

static struct fixture *current; /* the fakes' way to the test */

/* ---- the fake WebSocket host --------------------------------------------------------------------- */

static void copy(char *out, size_t size, struct slice text)
{
    snprintf(out, size, "%.*s", (int)text.len, text.data != NULL ? text.data : "");
}

void ws_adopt(struct ws_host *host, int fd, const struct ws_handshake *handshake,
              const struct ws_ops *ops, void *conn)
{
    struct adopted *adopted = &current->adopted;

    (void)host, (void)ops, (void)conn;
    adopted->count++;
    adopted->fd = fd;
    adopted->place = handshake->place;
    copy(adopted->target, sizeof adopted->target, handshake->target);
    copy(adopted->key, sizeof adopted->key, handshake->key);
    copy(adopted->early, sizeof adopted->early, handshake->early);
}

static void on_never(struct ws *ws, enum ws_end how, enum close_reason reason, void *conn)
{
    (void)how, (void)reason;
    assert_null(ws);
    assert_ptr_equal(conn, current);
    current->adopted.closed++;
}

static const struct ws_ops ops = { .on_close = on_never };

/* ---- routes ---------------------------------------------------------------------------------------- */

static void reply_slice(struct http_request *request, struct slice text)
{
    if (text.data == NULL)
        text = SLICE_LITERAL("(none)");
    http_reply(request, &(struct http_reply){ .status = 200, .type = "text/plain", .body = text });
}

static void handle_hello(struct http_request *request, void *ctx)
{
    ((struct fixture *)ctx)->handled++;
    reply_slice(request, SLICE_LITERAL("hello"));
}

static void handle_echo(struct http_request *request, void *ctx)
{
    (void)ctx;
    reply_slice(request, http_body(request));
}

static void handle_item(struct http_request *request, void *ctx)
{
    (void)ctx;
    reply_slice(request, http_param(request, 0));
}

static void handle_query(struct http_request *request, void *ctx)
{
    struct slice value = http_query(request, "a b");

    (void)ctx;
    if (value.data == NULL && http_has_query(request, "a b"))
        value = SLICE_LITERAL("(broken)");
    reply_slice(request, value);
}

static void handle_header(struct http_request *request, void *ctx)
{
    (void)ctx;
    reply_slice(request, http_header(request, "x-text"));
}

static void handle_bearer(struct http_request *request, void *ctx)
{
    (void)ctx;
    reply_slice(request, http_bearer(request));
}

static void handle_peer(struct http_request *request, void *ctx)
{
    char text[PEER_TEXT_SIZE];

    (void)ctx;
    peer_format(http_peer(request), text);
    reply_slice(request, slice_of(text));
}

static void handle_large(struct http_request *request, void *ctx)
{
    reply_slice(request, ((struct fixture *)ctx)->large);
}

static void on_held_gone(void *ctx)
{
    struct fixture *fixture = ctx;

    fixture->held.gone++;
    fixture->held.request = NULL;
}

static void handle_hold(struct http_request *request, void *ctx)
{
    struct fixture *fixture = ctx;

    assert_null(fixture->held.request);
    fixture->held.request = request;
    http_wait(request, on_held_gone, fixture);
}

static void handle_upgrade(struct http_request *request, void *ctx)
{
    http_upgrade(request, &ops, ctx);
}

static void handle_text(struct http_request *request, void *ctx)
{
    (void)ctx;
    http_reply_text(request, 401, "missing token");
}

static void handle_busy(struct http_request *request, void *ctx)
{
    (void)ctx;
    http_reply_unavailable(request, "Try \"later\".");
}

static void handle_many(struct http_request *request, void *ctx)
{
    (void)ctx;
    http_reply_too_many(request, "text/plain", SLICE_LITERAL("slow down"), 0);
}

static const struct http_route routes[] = {
    { HTTP_GET, "/", handle_hello, HTTP_PLAIN },
    { HTTP_GET, "/hello", handle_hello, HTTP_PLAIN },
    { HTTP_POST, "/echo", handle_echo, HTTP_PLAIN },
    { HTTP_PUT, "/echo", handle_echo, HTTP_PLAIN },
    { HTTP_GET, "/item/{}", handle_item, HTTP_PLAIN },
    { HTTP_GET, "/query", handle_query, HTTP_PLAIN },
    { HTTP_GET, "/header", handle_header, HTTP_PLAIN },
    { HTTP_GET, "/bearer", handle_bearer, HTTP_PLAIN },
    { HTTP_GET, "/peer", handle_peer, HTTP_PLAIN },
    { HTTP_GET, "/large", handle_large, HTTP_PLAIN },
    { HTTP_GET, "/ws", handle_upgrade, HTTP_PLAIN },
    { HTTP_POST, "/ws", handle_upgrade, HTTP_PLAIN },
    { HTTP_GET, "/text", handle_text, HTTP_PLAIN },
    { HTTP_GET, "/busy", handle_busy, HTTP_PLAIN },
    { HTTP_GET, "/many", handle_many, HTTP_PLAIN },
    { HTTP_GET, "/shared", handle_hello, HTTP_CROSS_ORIGIN },
    { HTTP_PUT, "/shared", handle_echo, HTTP_CROSS_ORIGIN },
    { HTTP_DELETE, "/shared", handle_hello, HTTP_PLAIN },
    { HTTP_GET, "/take", handle_hello, HTTP_EFFECTIVE },
};

static const struct http_route hold_routes[] = {
    { HTTP_GET, "/hold", handle_hold, HTTP_PLAIN },
    { HTTP_POST, "/hold", handle_hold, HTTP_PLAIN },
};

/* ---- its life -------------------------------------------------------------------------------------- */

/* `hold` serves "/hold". */
static inline void fixture_start_with(struct fixture *fixture, const struct http_route *hold,
                                      size_t hold_count)
{
    *fixture = (struct fixture){
        .config = { .max_header = 1024,
                    .max_body = 4096,
                    .header_timeout_ms = 60000,
                    .body_timeout_ms = 60000,
                    .idle_timeout_ms = 60000,
                    .write_timeout_ms = 60000 },
        .adopted = { .fd = -1 },
    };
    current = fixture;
    assert_int_equal(uv_loop_init(&fixture->loop), 0);
    fixture->node.loop = &fixture->loop;
    fixture->node.config = &fixture->config;
    fixture->http = http_create(&fixture->node);
    http_add_routes(fixture->http, routes, sizeof routes / sizeof routes[0], fixture);
    http_add_routes(fixture->http, hold, hold_count, fixture);
}

static inline void fixture_start(struct fixture *fixture)
{
    fixture_start_with(fixture, hold_routes, sizeof hold_routes / sizeof hold_routes[0]);
}

static inline void fixture_stop(struct fixture *fixture)
{
    conn_limit_give(&fixture->adopted.place);
    if (fixture->adopted.fd >= 0)
        close(fixture->adopted.fd);
    http_destroy(&fixture->http);
    support_loop_close(&fixture->loop);
    assert_int_equal(fixture->node.metrics.http_connections_open, 0);
}

/* ---- the client ------------------------------------------------------------------------------------ */

struct client {
    struct fixture *fixture;
    int fd;
    bool has_ended;
    size_t len;
    char got[65536];
};

static inline void client_open_from(struct client *client, struct fixture *fixture,
                                    const char *address)
{
    struct peer peer = { .ip = { 0 } };
    int ends[2];

    client->fixture = fixture;
    client->has_ended = false;
    client->len = 0;
    if (address != NULL)
        assert_true(peer_parse(&peer, address));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    client->fd = ends[0];
    http_on_accepted(ends[1], &peer, fixture->http);
}

static inline void client_open(struct client *client, struct fixture *fixture)
{
    client_open_from(client, fixture, NULL);
}

static inline void client_close(struct client *client)
{
    close(client->fd);
    uv_run(&client->fixture->loop, UV_RUN_NOWAIT);
    uv_run(&client->fixture->loop, UV_RUN_NOWAIT);
}

static inline void client_send(struct client *client, struct slice bytes)
{
    ssize_t sent = send(client->fd, bytes.data, bytes.len, MSG_NOSIGNAL);

    if (sent < 0) /* refused half-way: the answer says why */
        assert_true(errno == EPIPE || errno == ECONNRESET);
    else
        assert_int_equal(sent, bytes.len);
    uv_run(&client->fixture->loop, UV_RUN_NOWAIT);
}

static inline void client_send_slowly(struct client *client, struct slice bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        client_send(client, (struct slice){ bytes.data + i, 1 });
}

static inline void client_read(struct client *client)
{
    ssize_t got;

    while (!client->has_ended && client->len < sizeof client->got - 1) {
        got = recv(client->fd, client->got + client->len, sizeof client->got - 1 - client->len, 0);
        if (got < 0 && errno == EAGAIN)
            break;
        client->has_ended = got <= 0;
        client->len += got > 0 ? (size_t)got : 0;
    }
    client->got[client->len] = '\0';
}

struct expectation {
    struct client *client;
    size_t len;
    bool has_ended;
};

static inline bool has_come(void *ctx)
{
    struct expectation *expected = ctx;

    client_read(expected->client);
    return expected->client->len >= expected->len &&
           (!expected->has_ended || expected->client->has_ended);
}

/* The next bytes are these. */
static inline void client_expect(struct client *client, const char *want)
{
    struct expectation expected = { client, strlen(want), false };
    char got[sizeof client->got];

    support_wait(&client->fixture->loop, has_come, &expected, SUPPORT_WAIT_MS, want);
    snprintf(got, sizeof got, "%.*s", (int)expected.len, client->got);
    assert_string_equal(got, want);
    client->len -= expected.len;
    memmove(client->got, client->got + expected.len, client->len + 1);
}

static inline void client_expect_end(struct client *client)
{
    struct expectation expected = { client, 0, true };

    support_wait(&client->fixture->loop, has_come, &expected, SUPPORT_WAIT_MS, "the end");
    assert_string_equal(client->got, "");
}

static inline bool is_held(void *ctx)
{
    return ((struct fixture *)ctx)->held.request != NULL;
}

static inline void fixture_wait_held(struct fixture *fixture)
{
    support_wait(&fixture->loop, is_held, fixture, SUPPORT_WAIT_MS, "a held request");
}

static inline bool is_gone(void *ctx)
{
    return ((struct fixture *)ctx)->held.gone > 0;
}

static inline void fixture_wait_gone(struct fixture *fixture)
{
    support_wait(&fixture->loop, is_gone, fixture, SUPPORT_WAIT_MS, "on_gone");
    assert_int_equal(fixture->held.gone, 1);
}

static inline void fixture_answer_held(struct fixture *fixture)
{
    struct http_request *request = fixture->held.request;

    fixture->held.request = NULL;
    http_reply_json(request, 200, SLICE_LITERAL("{\"held\":true}"));
}

#endif
