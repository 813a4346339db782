/* SPDX-License-Identifier: MIT */
/*
 * A piece is one chunk. It goes to the kernel at once; what is not taken waits with the connection, and so does what
 * comes after it. A connection that breaks under a write is not closed there but by its poll, in a later turn: who
 * writes never hears of the end within the call.
 */
#include "http_stream.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "http_inner.h"

enum { CHUNK_HEAD_SIZE = sizeof "ffffffffffffffff\r\n" };

#define CHUNK_TAIL SLICE_LITERAL("\r\n")
#define CHUNK_LAST SLICE_LITERAL("0\r\n\r\n")

struct http_stream {
    struct http_conn *conn;
    const struct http_stream_ops *ops;
    void *ctx;
    size_t pending_max;
    bool is_chunked;
    bool is_asked;  /* on_ready is due once nothing waits     */
    bool is_deaf;   /* the client has sent ahead              */
    bool is_broken; /* the kernel takes nothing any more      */
};

static size_t pending(const struct http_conn *conn)
{
    return conn->out.len - conn->out_at;
}

static void stream_poll(struct http_stream *stream)
{
    int events = stream->is_deaf ? UV_DISCONNECT : UV_READABLE;

    if (stream->is_asked || pending(stream->conn) > 0)
        events |= UV_WRITABLE;
    http_conn_poll(stream->conn, events);
}

/* ---- what waits ------------------------------------------------------------------------------------ */

static void on_late(struct deadline *deadline)
{
    struct http_conn *conn = LIST_ENTRY(deadline, struct http_conn, deadline);

    conn->http->node->metrics.limits[LIMIT_WRITE_TIME]++;
    http_conn_close(conn);
}

/* Something was taken, or begins to wait. */
static void stream_watch(struct http_stream *stream)
{
    struct http_conn *conn = stream->conn;

    if (pending(conn) == 0)
        deadline_clear(&conn->deadline);
    else
        deadline_set(conn->http->deadlines, &conn->deadline,
                     conn->http->node->config->write_timeout_ms, on_late);
}

static void stream_queue(struct http_stream *stream, const struct slice *parts, size_t count,
                         size_t sent)
{
    struct http_conn *conn = stream->conn;
    bool was_empty = pending(conn) == 0;

    if (was_empty) {
        buf_init(&conn->out, SIZE_MAX); /* the bound is http_stream_write()'s */
        conn->out_at = 0;
    }
    for (size_t i = 0; i < count; i++)
        http_conn_keep_rest(conn, parts[i], &sent);
    if (was_empty)
        stream_watch(stream);
}

/* All of it: what the kernel does not take waits. */
static void stream_send(struct http_stream *stream, const struct slice *parts, size_t count)
{
    struct iovec pieces[3];
    size_t sent = 0, len = 0;

    assert(count <= 3);
    for (size_t i = 0; i < count; i++) {
        pieces[i].iov_base = (void *)(uintptr_t)parts[i].data;
        pieces[i].iov_len = parts[i].len;
        len += parts[i].len;
    }
    if (stream->is_broken)
        return;
    if (pending(stream->conn) == 0) {
        ssize_t written = http_conn_write(stream->conn, pieces, (int)count);

        stream->is_broken = written < 0;
        sent = written > 0 ? (size_t)written : 0;
    }
    if (sent < len && !stream->is_broken)
        stream_queue(stream, parts, count, sent);
}

static void stream_flush(struct http_stream *stream)
{
    struct http_conn *conn = stream->conn;
    struct iovec rest = { conn->out.data + conn->out_at, pending(conn) };
    ssize_t written = http_conn_write(conn, &rest, 1);

    stream->is_broken = written < 0;
    conn->out_at += written > 0 ? (size_t)written : 0;
    if (pending(conn) == 0 || stream->is_broken) {
        buf_fini(&conn->out);
        conn->out_at = 0;
    } else if (conn->out_at > conn->out.len / 2) {
        buf_consume(&conn->out, conn->out_at);
        conn->out_at = 0;
    }
    if (written != 0)
        stream_watch(stream);
}

/* ---- its life ---------------------------------------------------------------------------------------- */

static struct http_stream *stream_create(struct http_conn *conn,
                                         const struct http_stream_head *head,
                                         const struct http_stream_ops *ops, void *ctx)
{
    struct http_stream *stream = xcalloc(1, sizeof *stream);

    stream->conn = conn;
    stream->ops = ops;
    stream->ctx = ctx;
    stream->pending_max = head->pending_max;
    conn->stream = stream;
    http_conn_enter(conn, CONN_STREAMING);
    return stream;
}

static struct http_conn *stream_release(struct http_stream **stream_ref)
{
    struct http_conn *conn = (*stream_ref)->conn;

    free(*stream_ref);
    *stream_ref = NULL;
    conn->stream = NULL;
    return conn;
}

static enum http_framing framing_of(const struct http_request *request)
{
    if (request->head.method == HTTP_HEAD || request->head.minor == 0)
        return HTTP_BY_END;
    return HTTP_BY_CHUNKS;
}

struct http_stream *http_stream_open(struct http_request *request,
                                     const struct http_stream_head *head,
                                     const struct http_stream_ops *ops, void *ctx)
{
    struct http_conn *conn = request->conn;
    struct http_reply reply = { head->status, head->type, { NULL, 0 }, head->headers, false };
    enum http_framing framing = framing_of(request);
    struct http_stream *stream = NULL;
    bool is_head = request->head.method == HTTP_HEAD;
    struct slice text;

    http_answer_begin(request, !is_head && framing == HTTP_BY_END);
    buf_clear(&conn->http->out);
    http_answer_head(&conn->http->out, request, &reply, framing);
    http_answer_note(request, &reply);
    http_request_release(&request);
    text = buf_slice(&conn->http->out);
    if (is_head) {
        http_conn_send(conn, text, (struct slice){ NULL, 0 });
        return NULL;
    }
    stream = stream_create(conn, head, ops, ctx);
    stream->is_chunked = framing == HTTP_BY_CHUNKS;
    stream_send(stream, &text, 1);
    stream_poll(stream);
    return stream;
}

bool http_stream_write(struct http_stream *stream, struct slice piece)
{
    char head[CHUNK_HEAD_SIZE];
    int head_len = snprintf(head, sizeof head, "%zx\r\n", piece.len);
    struct slice parts[] = { { head, (size_t)head_len }, piece, CHUNK_TAIL };
    size_t waiting = pending(stream->conn);

    if (piece.len == 0)
        return true;
    if (waiting > 0 && waiting + piece.len > stream->pending_max)
        return false;
    if (stream->is_chunked)
        stream_send(stream, parts, 3);
    else
        stream_send(stream, &piece, 1);
    stream_poll(stream);
    return true;
}

void http_stream_ask(struct http_stream *stream)
{
    assert(stream->ops->on_ready != NULL);
    stream->is_asked = true;
    stream_poll(stream);
}

void http_stream_end(struct http_stream **stream_ref)
{
    struct http_stream *stream = *stream_ref;
    struct http_conn *conn;
    bool is_broken;

    if (stream == NULL)
        return;
    if (stream->is_chunked)
        stream_send(stream, &CHUNK_LAST, 1);
    is_broken = stream->is_broken;
    conn = stream_release(stream_ref);
    if (conn->http->is_draining)
        conn->closes = conn->lingers = true;
    if (is_broken)
        http_conn_close(conn);
    else if (pending(conn) > 0)
        http_conn_enter(conn, CONN_WRITING);
    else
        http_conn_answered(conn);
}

void http_stream_cut(struct http_stream **stream_ref)
{
    if (*stream_ref != NULL)
        http_conn_close(stream_release(stream_ref));
}

/* ---- what the connection tells ------------------------------------------------------------------------ */

void http_stream_on_ready(struct http_conn *conn)
{
    struct http_stream *stream = conn->stream;

    if (!stream->is_deaf && !http_conn_is_heard(conn, &stream->is_deaf))
        return;
    if (pending(conn) > 0)
        stream_flush(stream);
    if (stream->is_broken) {
        http_conn_close(conn);
        return;
    }
    if (!stream->is_asked || pending(conn) > 0) {
        stream_poll(stream);
        return;
    }
    stream->is_asked = false;
    stream_poll(stream);
    stream->ops->on_ready(stream->ctx);
}

void http_stream_forsake(struct http_conn *conn)
{
    struct http_stream *stream = conn->stream;
    const struct http_stream_ops *ops = stream->ops;
    void *ctx = stream->ctx;

    stream_release(&stream);
    ops->on_gone(ctx);
}

void http_streams_stop(struct http *http)
{
    LIST_EACH (node, spare, &http->conns[CONN_STREAMING]) {
        struct http_stream *stream = LIST_ENTRY(node, struct http_conn, node)->stream;

        if (stream->ops->on_stop != NULL)
            stream->ops->on_stop(stream->ctx);
    }
}
