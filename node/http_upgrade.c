/* SPDX-License-Identifier: MIT */
/*
 * From HTTP to WebSocket (RFC 6455, section 4.2.1): the handshake is checked here, answered and
 * carried on by the WebSocket host, which gets the socket, the connection's place, and what the client
 * sent behind its head.
 */
#include <assert.h>

#include "http_inner.h"
#include "ws_inner.h"

bool http_is_upgrade(const struct http_request *request)
{
    return request->head.says_upgrade && request->head.asks_websocket;
}

/* Sixteen bytes in base64: 22 digits, of which the last carries four bits, and "==". */
static bool is_key(struct slice key)
{
    for (size_t i = 0; i < 22 && key.len == 24; i++) {
        char c = key.data[i];
        bool is_digit = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                        (c >= '0' && c <= '9') || c == '+' || c == '/';

        if (!is_digit)
            return false;
    }
    return key.len == 24 && key.data[22] == '=' && key.data[23] == '=';
}

/* NULL when the handshake is good. */
static const char *complaint_of(const struct http_request *request)
{
    const struct http_head *head = &request->head;

    if (head->method != HTTP_GET || head->minor == 0)
        return "A WebSocket handshake is a GET by HTTP/1.1.";
    if (!http_is_upgrade(request))
        return "Not a WebSocket handshake.";
    if (request->body_len > 0)
        return "A WebSocket handshake has no body.";
    if (!is_key(http_header(request, "sec-websocket-key")))
        return "Invalid Sec-WebSocket-Key.";
    return NULL;
}

static void refuse(struct http_request *request, const char *complaint)
{
    if (complaint != NULL) {
        http_reply_error(request, 400, complaint);
        return;
    }
    http_reply(request,
               &(struct http_reply){
                   .status = 426,
                   .type = "application/json",
                   .body = SLICE_LITERAL("{\"error\":\"WebSocket version 13 is required.\"}"),
                   .headers = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" });
}

void http_upgrade(struct http_request *request, const struct ws_ops *ops, void *ws_conn)
{
    http_upgrade_with(request, ops, ws_conn, NULL);
}

void http_upgrade_with(struct http_request *request, const struct ws_ops *ops, void *ws_conn,
                       const char *headers)
{
    struct http_conn *conn = request->conn;
    const char *complaint = complaint_of(request);

    assert(conn->state == CONN_HANDLING && conn->request == request);
    if (complaint != NULL || !slice_is(http_header(request, "sec-websocket-version"), "13")) {
        refuse(request, complaint);
        http_refuse_upgrade(conn->http, ops, ws_conn);
        return;
    }

    struct ws_handshake handshake = {
        .target = http_slice(request->data, request->head.target),
        .host = http_header(request, "host"),
        .origin = http_header(request, "origin"),
        .key = http_header(request, "sec-websocket-key"),
        .protocols = http_header(request, "sec-websocket-protocol"),
        .extensions = http_header(request, "sec-websocket-extensions"),
        .headers = slice_of(headers),
        .peer = request->peer,
        .place = conn->place,
    };
    int fd = conn->fd;

    if (conn->in.len > 0)
        handshake.early = (struct slice){ conn->in.data + conn->in_at, conn->in.len - conn->in_at };

    conn->fd = -1;
    conn->place = (struct conn_place){ NULL, NULL };
    request->on_gone = NULL;
    conn->http->node->metrics.http_requests[1]++;
    http_conn_close(conn); /* leaves the bytes alone until the loop goes on */
    ws_adopt(conn->http->node->ws_host, fd, &handshake, ops, ws_conn);
}
