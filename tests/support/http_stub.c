/* SPDX-License-Identifier: MIT */
/*
 * One request at a time on each connection: its bytes are gathered until its body is complete.
 */
#include "http_stub.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/mem.h"
#include "support.h"

struct http_stub {
    uv_tcp_t listener;
    struct list conns;
    char *status, *body, *last;
    int requests, connections;
    bool is_holding;
};

struct conn {
    uv_tcp_t tcp;
    struct list node;
    struct http_stub *stub;
    char text[16384];
    size_t len;
    bool is_waiting; /* a request is complete and not answered */
};

struct reply {
    uv_write_t write;
    char *text;
};

static void on_conn_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void close_conn(struct conn *conn)
{
    if (uv_is_closing((uv_handle_t *)&conn->tcp))
        return;
    list_remove(&conn->node);
    uv_close((uv_handle_t *)&conn->tcp, on_conn_closed);
}

static void on_written(uv_write_t *write, int status)
{
    struct reply *reply = write->data;

    (void)status;
    free(reply->text);
    free(reply);
}

static void answer(struct conn *conn)
{
    struct http_stub *stub = conn->stub;
    struct reply *reply;
    uv_buf_t bytes;
    size_t size;

    conn->is_waiting = false;
    conn->len = 0;
    if (stub->status == NULL) {
        close_conn(conn);
        return;
    }
    reply = xcalloc(1, sizeof *reply);
    size = strlen(stub->status) + strlen(stub->body) + 64;
    reply->text = xcalloc(1, size);
    snprintf(reply->text, size, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n%s", stub->status,
             strlen(stub->body), stub->body);
    reply->write.data = reply;
    bytes = uv_buf_init(reply->text, (unsigned)strlen(reply->text));
    uv_write(&reply->write, (uv_stream_t *)&conn->tcp, &bytes, 1, on_written);
}

/* Bytes of the whole request, or 0 while it is not known. */
static size_t request_len(const struct conn *conn)
{
    const char *end = strstr(conn->text, "\r\n\r\n");
    const char *length = strcasestr(conn->text, "\r\nContent-Length:");

    if (end == NULL)
        return 0;
    return (size_t)(end + 4 - conn->text) +
           (length != NULL ? strtoul(length + strlen("\r\nContent-Length:"), NULL, 10) : 0);
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf)
{
    struct conn *conn = stream->data;
    size_t wanted;

    (void)buf;
    if (got < 0) {
        close_conn(conn);
        return;
    }
    conn->len += (size_t)got;
    conn->text[conn->len] = '\0';
    wanted = request_len(conn);
    if (wanted == 0 || conn->len < wanted)
        return;
    conn->is_waiting = true;
    conn->stub->requests++;
    free(conn->stub->last);
    conn->stub->last = xstrndup(conn->text, conn->len);
    if (!conn->stub->is_holding)
        answer(conn);
}

static void on_room(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    struct conn *conn = handle->data;

    (void)size;
    *buf = uv_buf_init(conn->text + conn->len, (unsigned)(sizeof conn->text - 1 - conn->len));
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct http_stub *stub = listener->data;
    struct conn *conn = xcalloc(1, sizeof *conn);

    assert_int_equal(status, 0);
    conn->stub = stub;
    conn->tcp.data = conn;
    stub->connections++;
    list_append(&stub->conns, &conn->node);
    uv_tcp_init(listener->loop, &conn->tcp);
    assert_int_equal(uv_accept(listener, (uv_stream_t *)&conn->tcp), 0);
    uv_read_start((uv_stream_t *)&conn->tcp, on_room, on_read);
}

struct http_stub *http_stub_start(uv_loop_t *loop)
{
    return http_stub_start_on(loop, 0);
}

struct http_stub *http_stub_start_on(uv_loop_t *loop, int port)
{
    struct http_stub *stub = xcalloc(1, sizeof *stub);
    struct sockaddr_in address;

    list_init(&stub->conns);
    http_stub_answer(stub, "200 OK", "");
    uv_ip4_addr("127.0.0.1", port, &address);
    uv_tcp_init(loop, &stub->listener);
    stub->listener.data = stub;
    assert_int_equal(uv_tcp_bind(&stub->listener, (struct sockaddr *)&address, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&stub->listener, 1024, on_connection), 0);
    return stub;
}

static void on_closed(uv_handle_t *handle)
{
    struct http_stub *stub = handle->data;

    free(stub->status);
    free(stub->body);
    free(stub->last);
    free(stub);
}

void http_stub_stop(struct http_stub **stub)
{
    if (*stub == NULL)
        return;
    while (!list_is_empty(&(*stub)->conns))
        close_conn(LIST_ENTRY((*stub)->conns.next, struct conn, node));
    uv_close((uv_handle_t *)&(*stub)->listener, on_closed);
    *stub = NULL;
}

int http_stub_port(const struct http_stub *stub)
{
    struct sockaddr_in address;
    int len = sizeof address;

    uv_tcp_getsockname(&stub->listener, (struct sockaddr *)&address, &len);
    return ntohs(address.sin_port);
}

void http_stub_answer(struct http_stub *stub, const char *status, const char *body)
{
    free(stub->status);
    free(stub->body);
    stub->status = status != NULL ? xstrdup(status) : NULL;
    stub->body = body != NULL ? xstrdup(body) : NULL;
}

void http_stub_hold(struct http_stub *stub)
{
    stub->is_holding = true;
}

void http_stub_release(struct http_stub *stub)
{
    stub->is_holding = false;
    LIST_EACH (node, spare, &stub->conns) {
        struct conn *conn = LIST_ENTRY(node, struct conn, node);

        if (conn->is_waiting)
            answer(conn);
    }
}

int http_stub_requests(const struct http_stub *stub)
{
    return stub->requests;
}

int http_stub_connections(const struct http_stub *stub)
{
    return stub->connections;
}

const char *http_stub_last(const struct http_stub *stub)
{
    return stub->last != NULL ? stub->last : "";
}
