/* SPDX-License-Identifier: MIT */
/*
 * An answer is put together in one buffer that all connections share and goes to the kernel in one
 * call. What the kernel does not take at once is copied to the connection and waits there.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "http_inner.h"
#include "json.h"

/* Up to here a body is copied behind its head; a larger one is written from where it is. */
enum { COPIED_BODY_MAX = 16384 };

#define STATUS(code, text) [(code)-100] = { "HTTP/1.1 " #code " " text "\r\n", sizeof text + 14 }

static const struct slice status_lines[500] = {
    STATUS(200, "OK"),
    STATUS(201, "Created"),
    STATUS(202, "Accepted"),
    STATUS(204, "No Content"),
    STATUS(301, "Moved Permanently"),
    STATUS(302, "Found"),
    STATUS(303, "See Other"),
    STATUS(304, "Not Modified"),
    STATUS(307, "Temporary Redirect"),
    STATUS(308, "Permanent Redirect"),
    STATUS(400, "Bad Request"),
    STATUS(401, "Unauthorized"),
    STATUS(403, "Forbidden"),
    STATUS(404, "Not Found"),
    STATUS(405, "Method Not Allowed"),
    STATUS(406, "Not Acceptable"),
    STATUS(408, "Request Timeout"),
    STATUS(409, "Conflict"),
    STATUS(410, "Gone"),
    STATUS(411, "Length Required"),
    STATUS(412, "Precondition Failed"),
    STATUS(413, "Content Too Large"),
    STATUS(414, "URI Too Long"),
    STATUS(415, "Unsupported Media Type"),
    STATUS(417, "Expectation Failed"),
    STATUS(422, "Unprocessable Content"),
    STATUS(426, "Upgrade Required"),
    STATUS(428, "Precondition Required"),
    STATUS(429, "Too Many Requests"),
    STATUS(431, "Request Header Fields Too Large"),
    STATUS(500, "Internal Server Error"),
    STATUS(501, "Not Implemented"),
    STATUS(502, "Bad Gateway"),
    STATUS(503, "Service Unavailable"),
    STATUS(504, "Gateway Timeout"),
    STATUS(505, "HTTP Version Not Supported"),
};

/* ---- to the kernel --------------------------------------------------------------------------------- */

void http_turn_away(int fd)
{
    static const char answer[] = "HTTP/1.1 503 Service Unavailable\r\n"
                                 "Content-Type: application/json\r\n"
                                 "Content-Length: 33\r\n"
                                 "Connection: close\r\n"
                                 "Retry-After: 1\r\n\r\n"
                                 "{\"error\":\"Too many connections.\"}";

    (void)!send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL);
    close(fd);
}

ssize_t http_conn_write(struct http_conn *conn, struct iovec *parts, int count)
{
    struct msghdr message = { .msg_iov = parts, .msg_iovlen = (size_t)count };
    ssize_t sent;

    do
        sent = sendmsg(conn->fd, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 && errno == EAGAIN ? 0 : sent;
}

void http_conn_keep_rest(struct http_conn *conn, struct slice part, size_t *sent)
{
    size_t gone = *sent < part.len ? *sent : part.len;

    *sent -= gone;
    buf_add(&conn->out, part.data + gone, part.len - gone);
}

void http_conn_send(struct http_conn *conn, struct slice head, struct slice body)
{
    struct iovec parts[] = {
        { .iov_base = (void *)(uintptr_t)head.data, .iov_len = head.len },
        { .iov_base = (void *)(uintptr_t)body.data, .iov_len = body.len },
    };
    ssize_t written = http_conn_write(conn, parts, body.len > 0 ? 2 : 1);
    size_t sent = written > 0 ? (size_t)written : 0;

    if (written < 0) {
        http_conn_close(conn);
    } else if (sent == head.len + body.len) {
        http_conn_answered(conn);
    } else {
        buf_init(&conn->out, head.len + body.len);
        http_conn_keep_rest(conn, head, &sent);
        http_conn_keep_rest(conn, body, &sent);
        http_conn_enter(conn, CONN_WRITING);
    }
}

void http_conn_flush(struct http_conn *conn)
{
    struct iovec rest = { conn->out.data + conn->out_at, conn->out.len - conn->out_at };
    ssize_t written = http_conn_write(conn, &rest, 1);

    if (written < 0) {
        http_conn_close(conn);
        return;
    }
    conn->out_at += (size_t)written;
    if (conn->out_at == conn->out.len) {
        buf_fini(&conn->out);
        conn->out_at = 0;
        http_conn_answered(conn);
    }
}

void http_conn_send_continue(struct http_conn *conn)
{
    static const char answer[] = "HTTP/1.1 100 Continue\r\n\r\n";
    ssize_t sent = send(conn->fd, answer, sizeof answer - 1, MSG_NOSIGNAL);

    /* Nothing else waits to be written: a socket that has no room for this has ended. */
    if (sent != (ssize_t)sizeof answer - 1)
        http_conn_close(conn);
}

/* ---- the head ---------------------------------------------------------------------------------------- */

static void add_status(struct buf *out, int status)
{
    assert(status >= 200 && status <= 599);

    struct slice line = status_lines[status - 100];

    if (line.data != NULL)
        buf_add_slice(out, line);
    else
        buf_printf(out, "HTTP/1.1 %d Status\r\n", status);
}

static void add_length(struct buf *out, size_t length)
{
    char text[sizeof "Content-Length: 18446744073709551615\r\n"], *at = text + sizeof text;

    *--at = '\n';
    *--at = '\r';
    do
        *--at = (char)('0' + length % 10);
    while ((length /= 10) > 0);
    at -= sizeof "Content-Length: " - 1;
    memcpy(at, "Content-Length: ", sizeof "Content-Length: " - 1);
    buf_add(out, at, (size_t)(text + sizeof text - at));
}

static void add_framing(struct buf *out, const struct http_reply *reply, enum http_framing framing)
{
    if (framing == HTTP_BY_CHUNKS)
        buf_add_slice(out, SLICE_LITERAL("Transfer-Encoding: chunked\r\n"));
    else if (framing == HTTP_BY_LENGTH && reply->status != 204 &&
             reply->status != 304) /* RFC 9110, section 8.6 */
        add_length(out, reply->body.len);
}

void http_answer_head(struct buf *out, const struct http_request *request,
                      const struct http_reply *reply, enum http_framing framing)
{
    const struct http_conn *conn = request->conn;

    add_status(out, reply->status);
    if (reply->type != NULL) {
        buf_add_slice(out, SLICE_LITERAL("Content-Type: "));
        buf_add_text(out, reply->type);
        buf_add_slice(out, SLICE_LITERAL("\r\n"));
    }
    add_framing(out, reply, framing);
    if (conn->closes)
        buf_add_slice(out, SLICE_LITERAL("Connection: close\r\n"));
    else if (request->head.minor == 0 ||
             framing == HTTP_BY_CHUNKS) /* readers of streams look for it */
        buf_add_slice(out, SLICE_LITERAL("Connection: keep-alive\r\n"));
    if (request->resource != NULL && request->resource->cross_origin[0] != '\0')
        http_cors_add(request, out);
    if (reply->headers != NULL)
        buf_add_text(out, reply->headers);
    buf_add_slice(out, SLICE_LITERAL("\r\n"));
}

/* ---- answers ----------------------------------------------------------------------------------------- */

void http_answer_begin(struct http_request *request, bool closes)
{
    struct http_conn *conn = request->conn;

    assert(conn->request == request);
    if (conn->state == CONN_BODY) { /* the rest of it is thrown away */
        conn->closes = conn->lingers = true;
        http_conn_enter(conn, CONN_HANDLING);
    }
    assert(conn->state == CONN_HANDLING);
    if (!http_head_keeps_alive(&request->head)) {
        conn->closes = true;
    } else if (closes || conn->http->is_draining) {
        conn->closes = conn->lingers = true;
    }
}

void http_answer_note(struct http_request *request, const struct http_reply *reply)
{
    request->conn->http->node->metrics.http_requests[reply->status / 100]++;
    log_debug(NULL, "http.reply", "path=%s status=%d bytes=%zu",
              request->data == NULL ? "-"
                                    : log_quote(http_path(request).data, http_path(request).len),
              reply->status, reply->body.len);
    request->conn->request = NULL;
}

void http_reply(struct http_request *request, const struct http_reply *reply)
{
    struct http_conn *conn = request->conn;
    struct buf *out = &conn->http->out;
    struct slice body = reply->body;

    http_answer_begin(request, reply->closes);
    buf_clear(out);
    http_answer_head(out, request, reply, HTTP_BY_LENGTH);
    if (request->head.method == HTTP_HEAD || reply->status == 204 || reply->status == 304)
        body.len = 0;
    if (body.len <= COPIED_BODY_MAX) {
        buf_add_slice(out, body);
        body.len = 0;
    }
    http_answer_note(request, reply);
    http_conn_send(conn, buf_slice(out), body);
    http_request_release(&request); /* the body may be its own: not before it is sent */
}

void http_reply_json(struct http_request *request, int status, struct slice json)
{
    http_reply(request,
               &(struct http_reply){ .status = status, .type = "application/json", .body = json });
}

void http_reply_text(struct http_request *request, int status, const char *text)
{
    struct buf body;

    buf_init(&body, strlen(text) + 1);
    buf_add_text(&body, text);
    buf_add_byte(&body, '\n');
    http_reply(request, &(struct http_reply){ .status = status,
                                              .type = "text/plain; charset=utf-8",
                                              .body = buf_slice(&body) });
    buf_fini(&body);
}

static void reply_error(struct http_request *request, int status, const char *error,
                        const char *headers)
{
    struct buf body;

    buf_init(&body, strlen(error) * 6 + 16); /* "\u0001": the most that one byte becomes */
    buf_add_slice(&body, SLICE_LITERAL("{\"error\":"));
    json_quote(&body, slice_of(error));
    buf_add_byte(&body, '}');
    http_reply(request, &(struct http_reply){ .status = status,
                                              .type = "application/json",
                                              .body = buf_slice(&body),
                                              .headers = headers });
    buf_fini(&body);
}

void http_reply_error(struct http_request *request, int status, const char *error)
{
    reply_error(request, status, error, NULL);
}

void http_reply_unavailable(struct http_request *request, const char *error)
{
    reply_error(request, 503, error, "Retry-After: 1\r\n");
}

void http_reply_too_many(struct http_request *request, const char *type, struct slice body,
                         uint32_t retry_after_s)
{
    char headers[sizeof "Retry-After: 4294967295\r\n"];

    snprintf(headers, sizeof headers, "Retry-After: %u\r\n", retry_after_s > 0 ? retry_after_s : 1);
    http_reply(request, &(struct http_reply){
                            .status = 429, .type = type, .body = body, .headers = headers });
}
