/* SPDX-License-Identifier: MIT */
#ifndef SB_HTTP_STREAM_H
#define SB_HTTP_STREAM_H

#include "http.h"

/*
 * An answer that is written piece by piece, with no length known when it begins: chunked, or for HTTP/1.0 until
 * the connection ends. Behind its end the connection goes on like behind any other answer.
 *
 *     http_stream_open()   the head goes out, the request is over
 *     http_stream_write()  a piece; what the kernel does not take waits, up to a bound
 *     http_stream_ask()    on_ready, once nothing waits any more; never within this turn of the loop
 *     http_stream_end()
 *
 * A client that takes nothing for --write-timeout while something waits is cut off.
 */
struct http_stream;

struct http_stream_ops {
    /* Asked for: the kernel has everything. May write, end and cut. NULL: never asked for. */
    void (*on_ready)(void *ctx);
    /* The connection has ended, the stream with it. */
    void (*on_gone)(void *ctx);
    /* The node stops: end it, now or soon. May write, end and cut. NULL: it ends soon by itself. */
    void (*on_stop)(void *ctx);
};

struct http_stream_head {
    int status;
    const char *type;
    const char *headers; /* as in struct http_reply                                         */
    size_t pending_max;  /* bytes that may wait; one piece is taken in any case when none do */
};

/* NULL: it answers a HEAD, so its head is all of it, and nobody is told anything more. */
struct http_stream *http_stream_open(struct http_request *request,
                                     const struct http_stream_head *head,
                                     const struct http_stream_ops *ops, void *ctx);

/* False: there is no room for it, and nothing was taken. An empty piece is nothing. */
bool http_stream_write(struct http_stream *stream, struct slice piece) MUST_CHECK;

void http_stream_ask(struct http_stream *stream);

/* Both leave NULL and accept it; on_gone does not run. Cut: the client sees that there is no proper end. */
void http_stream_end(struct http_stream **stream);
void http_stream_cut(struct http_stream **stream);

#endif
