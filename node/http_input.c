/* SPDX-License-Identifier: MIT */
/*
 * From bytes to handlers. Bytes arrive in the shared input or join what the connection has kept; a
 * request that is whole takes its bytes along, what is behind it is kept, and its handler is called. A
 * handler that answers at once lets the loop go on with the next.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "http_inner.h"
#include "http_url.h"

static const struct config *config_of(const struct http_conn *conn)
{
    return conn->http->node->config;
}

/* ---- whose is it? --------------------------------------------------------------------------------- */

/* Known as soon as the head is there: who answers says how large the body may be. */
static void request_route(struct http_request *request, const char *data)
{
    struct slice path = http_slice(data, request->head.path);
    struct http_params params;

    request->resource = http_routes_find(request->conn->http->routes, path, &params);
    request->param_count = params.count;
    for (size_t i = 0; i < params.count; i++)
        request->spans[i] = (struct http_span){ (uint32_t)(params.items[i].data - data),
                                                (uint32_t)params.items[i].len };
}

/* Its handler answers for everything that begins with its path. */
static const struct http_prefix *prefix_of(const struct http_request *request)
{
    const struct http_resource *resource = request->resource;

    return resource != NULL && resource->below.handle != NULL ? &resource->below : NULL;
}

static size_t body_max_of(const struct http_request *request)
{
    const struct http_prefix *prefix = prefix_of(request);

    return prefix != NULL && prefix->body_max != NULL
               ? prefix->body_max(request->resource->below_ctx)
               : config_of(request->conn)->max_body;
}

/* ---- is it whole? --------------------------------------------------------------------------------- */

static enum http_parse body_read(struct http_request *request, char *data, size_t len)
{
    struct http_head *head = &request->head;
    size_t max = body_max_of(request), left = len - request->used;
    enum http_parse parse;

    if (head->content_length > max) {
        head->fault = HTTP_FAULT_BODY_SIZE;
        return HTTP_PARSE_FAULT;
    }
    if (head->is_chunked) {
        parse = http_chunks_decode(&request->chunks, data + request->used, left, &left,
                                   data + head->len, &request->body_len, max, &head->fault);
    } else {
        if (left > head->content_length - request->body_len)
            left = (size_t)(head->content_length - request->body_len);
        request->body_len += left;
        parse = request->body_len == head->content_length ? HTTP_PARSE_DONE : HTTP_PARSE_MORE;
    }
    request->used += left;
    return parse;
}

/* `data` starts with the request's first byte, or with its head and what is decoded of its body. */
static enum http_parse request_read(struct http_request *request, char *data, size_t len)
{
    struct http_head *head = &request->head;

    if (head->len == 0) {
        enum http_parse parse =
            http_head_parse(head, data, len, config_of(request->conn)->max_header);

        if (parse != HTTP_PARSE_DONE)
            return parse;
        request->used = head->len;
        request_route(request, data);
    }
    return body_read(request, data, len);
}

/* ---- what is kept --------------------------------------------------------------------------------- */

/* One request that is not whole, and what came with its last piece. */
static size_t in_max(const struct http_conn *conn)
{
    return (size_t)config_of(conn)->max_header + body_max_of(conn->request) + 2 * HTTP_INPUT_SIZE;
}

/* From now on `in` holds these bytes, which may stand in it already. */
static void conn_keep(struct http_conn *conn, const char *data, size_t len)
{
    struct buf *in = &conn->in;

    if (len == 0) {
        buf_fini(in);
        conn->in_at = 0;
    } else if (in->len > 0) {
        conn->in_at = (size_t)(data - in->data);
        in->len = conn->in_at + len;
        if (in->max < in_max(conn))
            in->max = in_max(conn);
    } else {
        buf_init(in, in_max(conn));
        buf_add(in, data, len);
        conn->in_at = 0;
    }
}

/* The request gets bytes of its own, and `in` holds what is behind it. */
static void request_detach(struct http_request *request, char *data, size_t len)
{
    struct http_conn *conn = request->conn;
    size_t size = request->head.len + request->body_len;

    if (data == conn->in.data && request->used == len) {
        request->own = conn->in;
        request->data = request->own.data;
        conn->in = (struct buf){ .data = NULL };
        return;
    }
    request->data = request->few;
    if (size > sizeof request->few) {
        buf_init(&request->own, size);
        request->data = buf_reserve(&request->own, size);
    }
    memcpy(request->data, data, size);
    conn_keep(conn, data + request->used, len - request->used);
}

/* ---- who answers it? -------------------------------------------------------------------------------- */

static bool param_decode(struct http_request *request, size_t index)
{
    struct slice param = http_slice(request->data, request->spans[index]);
    size_t len;
    char *room;

    request->params[index] = param;
    if (!url_is_encoded(param, URL_PLUS_IS_PLUS))
        return true;
    room = http_request_room(request, param.len);
    if (!url_decode(param, URL_PLUS_IS_PLUS, room, &len))
        return false;
    request->params[index] = (struct slice){ room, len };
    return true;
}

static bool params_decode(struct http_request *request)
{
    for (size_t i = 0; i < request->param_count; i++) {
        if (!param_decode(request, i))
            return false;
    }
    return true;
}

static void answer_allowed(struct http_request *request, int status, const char *allow)
{
    char headers[HTTP_ALLOW_SIZE + sizeof "Allow: \r\n"];
    struct http_reply reply = { .status = status, .headers = headers };

    snprintf(headers, sizeof headers, "Allow: %s\r\n", allow);
    if (status == 405) {
        reply.type = "application/json";
        reply.body = SLICE_LITERAL("{\"error\":\"Method not allowed.\"}");
    }
    http_reply(request, &reply);
}

/* Whose handler is asked: HEAD is a GET that is answered without its body. */
static enum http_method served_as(const struct http_request *request)
{
    enum http_method method = request->head.method;

    return method == HTTP_HEAD && request->resource->has_head ? HTTP_GET : method;
}

static void request_handle(struct http_request *request)
{
    const struct http_resource *resource = request->resource;
    enum http_method method = served_as(request);

    if (method >= HTTP_METHODS || resource->methods[method].handle == NULL)
        answer_allowed(request, 405, resource->allow);
    else if (!params_decode(request))
        http_reply_error(request, 400, "Malformed percent-encoding.");
    else
        resource->methods[method].handle(request, resource->methods[method].ctx);
}

static void dispatch_by_path(struct http_request *request)
{
    const struct http_prefix *prefix = prefix_of(request);

    if (request->resource == NULL)
        http_reply_error(request, 404, "Not found.");
    else if (prefix != NULL)
        prefix->handle(request, request->resource->below_ctx);
    else if (request->head.method == HTTP_OPTIONS)
        answer_allowed(request, 204, request->resource->allow);
    else
        request_handle(request);
}

static void request_dispatch(struct http_request *request)
{
    struct http_conn *conn = request->conn;

    request->peer = http_request_peer(request);
    if (!conn_limit_take_address(&conn->place, &request->peer))
        http_conn_fault(conn, HTTP_FAULT_CONNECTIONS);
    else if (slice_is(http_path(request),
                      "*")) /* of the server as a whole: only OPTIONS says that */
        answer_allowed(request, 204, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    else if (!http_offers_serve(request))
        dispatch_by_path(request);
    /* Answered, or http_wait() was called: nobody else keeps the pointer. */
    assert(conn->request != request || request->on_gone != NULL || conn->state == CONN_CLOSED);
}

/* ---- the loop ------------------------------------------------------------------------------------- */

static void answer_fault(struct http_request *request, enum http_fault fault)
{
    bool is_bare = fault == HTTP_FAULT_BODY_SIZE && prefix_of(request) != NULL;

    request->resource = NULL; /* an answer of ours, not of the route's */
    if (is_bare)
        http_reply(request, &(struct http_reply){ .status = http_fault_status(fault) });
    else if (fault == HTTP_FAULT_CONNECTIONS) /* as http_turn_away() says it */
        http_reply_unavailable(request, http_fault_text(fault));
    else
        http_reply_error(request, http_fault_status(fault), http_fault_text(fault));
}

/* What stands in the input that all share is gone with the next bytes of anybody's. */
static void copy_out(struct http_request *request)
{
    size_t len = request->head.len + request->body_len;

    buf_init(&request->own, len);
    buf_add(&request->own, request->data, len);
    request->data = request->own.data;
}

/* What has come of the request is its own until it is answered; the rest is thrown away. */
static void stop_reading(struct http_conn *conn)
{
    struct http_request *request = conn->request;

    if (conn->state == CONN_HANDLING) {
        conn_keep(conn, NULL, 0);
        return;
    }
    if (request->data != NULL && conn->in.len == 0) {
        copy_out(request);
    } else {
        if (request->data == NULL && request->head.len > 0)
            request->data = conn->in.data + conn->in_at;
        request->own = conn->in;
        conn->in = (struct buf){ .data = NULL };
        conn->in_at = 0;
    }
    http_conn_enter(conn, CONN_HANDLING);
}

void http_conn_fault(struct http_conn *conn, enum http_fault fault)
{
    uint64_t *limits = conn->http->node->metrics.limits;
    struct slice text = slice_of(http_fault_text(fault));
    const struct http_prefix *prefix = prefix_of(conn->request);
    char peer[PEER_TEXT_SIZE];

    limits[LIMIT_HEADER] += fault == HTTP_FAULT_HEAD_SIZE;
    limits[LIMIT_BODY] += fault == HTTP_FAULT_BODY_SIZE;
    peer_format(&conn->peer, peer);
    log_peer(LOG_INFO, NULL, "http.refused", "peer=%s status=%d error=%s", peer,
             http_fault_status(fault), log_quote(text.data, text.len));
    conn->closes = conn->lingers = true;
    stop_reading(conn);
    if (prefix != NULL && prefix->on_refused != NULL) {
        conn->request->peer = http_request_peer(conn->request);
        prefix->on_refused(conn->request, http_fault_status(fault),
                           conn->request->resource->below_ctx);
        return;
    }
    http_request_forsake(conn->request);
    answer_fault(conn->request, fault);
}

/* A part of the body is there. Afterwards the request may be answered, or its connection closed. */
static void request_arrive(struct http_request *request)
{
    const struct http_prefix *prefix = prefix_of(request);

    request->has_arrived = true;
    if (prefix == NULL || prefix->on_arriving == NULL)
        return;

    struct http_conn *conn = request->conn;

    request->data = conn->in.data + conn->in_at;
    request->peer = http_request_peer(request);
    prefix->on_arriving(request, request->resource->below_ctx);
    if (conn->state == CONN_BODY)
        request->data = NULL; /* the bytes may move with the next piece */
}

static void request_wait(struct http_request *request, char *data, size_t len)
{
    struct http_conn *conn = request->conn;
    bool has_head = request->head.len > 0;
    enum conn_state state = has_head ? CONN_BODY : CONN_HEAD;

    if (has_head) /* what framed the chunks is of no more use */
        len = request->used = request->head.len + request->body_len;
    conn_keep(conn, data, len);
    if (conn->state != state)
        http_conn_enter(conn, state);
    if (has_head && !request->has_arrived)
        request_arrive(request);
    if (conn->state == CONN_BODY && request->head.expects_continue && !request->has_continued) {
        request->has_continued = true;
        http_conn_send_continue(conn);
    }
}

/* True when the connection is ready for its next request. */
static bool serve_one(struct http_conn *conn, char *data, size_t len)
{
    struct http_request *request = conn->request;

    if (request == NULL)
        request = conn->request = http_request_take(conn);
    switch (request_read(request, data, len)) {
    case HTTP_PARSE_MORE:
        request_wait(request, data, len);
        return false;
    case HTTP_PARSE_FAULT:
        if (request->head.len > 0)
            request->data = data;
        http_conn_fault(conn, request->head.fault);
        return false;
    case HTTP_PARSE_DONE:
        break;
    }
    request_detach(request, data, len);
    http_conn_enter(conn, CONN_HANDLING);
    request_dispatch(request);
    return conn->state == CONN_IDLE;
}

void http_conn_serve_kept(struct http_conn *conn)
{
    bool is_ready = true;

    while (is_ready && conn->in.len > 0) {
        list_remove(&conn->resumed);
        is_ready = serve_one(conn, conn->in.data + conn->in_at, conn->in.len - conn->in_at);
    }
}

void http_conn_read(struct http_conn *conn)
{
    char *input = conn->http->input;
    ssize_t got = recv(conn->fd, input, HTTP_INPUT_SIZE, 0);

    if (got <= 0) {
        if (got == 0 || (errno != EAGAIN && errno != EINTR))
            http_conn_close(conn);
        return;
    }
    if (conn->in.len > 0) {
        buf_consume(&conn->in, conn->in_at);
        conn->in_at = 0;
        if (buf_add(&conn->in, input, (size_t)got))
            http_conn_serve_kept(conn);
        else /* the bounds were raised while it came */
            http_conn_close(conn);
    } else if (serve_one(conn, input, (size_t)got)) {
        http_conn_serve_kept(conn);
    }
}
