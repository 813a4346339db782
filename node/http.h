/* SPDX-License-Identifier: MIT */
#ifndef SB_HTTP_H
#define SB_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "peer.h"

/*
 * HTTP/1.1 as a dialect sees it (RFC 9110, RFC 9112): a request that is complete, body included,
 * and is answered once. Bytes, limits, keep-alive, pipelining, chunked bodies, time-outs, HEAD,
 * OPTIONS, 404, 405 and CORS are the core's business, from the table of routes.
 */
struct http;
struct http_request;
struct ws_ops;

enum http_method {
    HTTP_GET,
    HTTP_POST,
    HTTP_PUT,
    HTTP_PATCH,
    HTTP_DELETE,
    HTTP_METHODS, /* those that a route may be for; the rest is how a request may come */
    HTTP_HEAD = HTTP_METHODS,
    HTTP_OPTIONS,
    HTTP_OTHER
};

typedef void http_handle_fn(struct http_request *request, void *dialect);

enum http_trait {
    HTTP_PLAIN = 0,
    HTTP_CROSS_ORIGIN = 1, /* a browser of another origin may call it (--cors-origins) */
    HTTP_EFFECTIVE = 2,    /* a GET that does something: HEAD, which must not, gets 405 */
};

struct http_route {
    enum http_method method; /* GET answers HEAD too, unless it is effective                  */
    const char *path;        /* "/publish"; a segment "{}" matches any one: http_param()      */
    http_handle_fn *handle;
    unsigned traits; /* of enum http_trait */
};
enum { HTTP_PARAMS_MAX = 4 };

/* Of two routes a segment that is written out wins over "{}". Copied; nobody else serves the same method
 * at the same path: asserted. Handlers are given `ctx`. */
void http_add_routes(struct http *http, const struct http_route *routes, size_t count, void *ctx);

/*
 * Every URL that begins with a path and has no route of its own, by whatever method: the handler
 * answers everything, OPTIONS and other origins included. The longest prefix wins.
 */
struct http_prefix {
    const char *path; /* "/socket.io/" */
    http_handle_fn *handle;

    /* The largest body; beyond it the answer is 413, and the handler is not called. NULL: --max-body. */
    uint32_t (*body_max)(void *ctx);

    /* A request below it is refused, though its head is good: with 413, for a body that comes broken (400) or too
     * late (408), or with 503 for the connections that its client has. To be answered with that status; it may
     * http_wait(). Who waits already (http_waiting) is not told by on_gone. NULL: 413 goes without a body, the
     * others as everywhere. */
    void (*on_refused)(struct http_request *request, int status, void *ctx);

    /* The head has come, and not yet all of the body: called once, before `handle`, for requests whose
     * body takes more than one piece. What http_body() says is not known yet, the rest may be read until
     * this returns. It may http_wait(): `on_gone` runs when the request breaks off (its client went away,
     * or, where there is no on_refused, its body is refused), until `handle` is called or beyond. It may
     * answer: the connection ends behind that. NULL: not wanted. */
    http_handle_fn *on_arriving;
};
void http_add_prefix(struct http *http, const struct http_prefix *prefix, void *ctx); /* copied */

/*
 * A WebSocket handshake that offers this subprotocol (a constant), on whatever path: the handler gets it before
 * routes and prefixes do. One whose offers are no list of different tokens is answered with 400. Agree on the
 * subprotocol by naming it in ws_ops.
 */
void http_add_subprotocol(struct http *http, const char *name, http_handle_fn *handle, void *ctx);

/* Takes the first of the offers (Sec-WebSocket-Protocol) that are left, trimmed. */
struct slice http_offers_take(struct slice *offers);

/* ---- reading: all borrowed until the request is answered or gone ------------------------------ */

/* A GET route is asked by HTTP_HEAD, too; only a prefix sees HTTP_OPTIONS and HTTP_OTHER. */
enum http_method http_request_method(const struct http_request *request);
struct slice http_path(const struct http_request *request);      /* as sent, without the query  */
struct slice http_query_raw(const struct http_request *request); /* as sent, without the '?'    */
struct slice http_body(const struct http_request *request);      /* empty when there is none    */
const struct peer *http_peer(const struct http_request *request);

/* What stands for the route's "{}" number `index`, decoded and never empty. */
struct slice http_param(const struct http_request *request, size_t index);

/* The first header of that name (lower case), trimmed. data is NULL when there is none. */
struct slice http_header(const struct http_request *request, const char *name);

/* The first query parameter of that name, percent-decoded ('+' is a blank). data is NULL when there
 * is none or its encoding is broken. */
struct slice http_query(struct http_request *request, const char *name);

/* There is a query parameter of that name, be its encoding broken or not. */
bool http_has_query(const struct http_request *request, const char *name);

/* "Authorization: Bearer <token>" (RFC 6750): the token; data is NULL when there is none. */
struct slice http_bearer(const struct http_request *request);

/* ---- waiting --------------------------------------------------------------------------------- */

/*
 * What the dialect keeps while the answer is not known yet. `on_gone` runs when the client goes
 * away (or the node stops) before the answer: cancel what is pending, free `ctx`, and do not answer.
 * After http_reply() or http_upgrade() it does not run: free `ctx` before you answer.
 */
typedef void http_gone_fn(void *ctx);
void http_wait(struct http_request *request, http_gone_fn *on_gone, void *ctx);

/* The ctx that http_wait() was given last; NULL when nobody waits. */
void *http_waiting(const struct http_request *request);

/* Ends the TCP connection of a request that has no answer, and gives none. `on_gone` does not run. */
void http_cut(struct http_request *request);

/* ---- answering: each ends the request; the pointer is dead afterwards -------------------------
 * Answers without an end that is known: http_stream.h. */

struct http_reply {
    int status;
    const char *type;    /* Content-Type; NULL: none                                             */
    struct slice body;   /* copied                                                               */
    const char *headers; /* further complete header lines, each ending in CRLF, or NULL          */
    bool closes;         /* the connection ends behind it                                        */
};
void http_reply(struct http_request *request, const struct http_reply *reply);

/* text/plain; charset=utf-8 with a line feed behind the text, as Go's http.Error writes it. */
void http_reply_text(struct http_request *request, int status, const char *text);

/* application/json: {"error":"…"} */
void http_reply_error(struct http_request *request, int status, const char *error);

/* application/json: the body as it stands. */
void http_reply_json(struct http_request *request, int status, struct slice json);

/* 503 {"error":"…"} with Retry-After: 1. */
void http_reply_unavailable(struct http_request *request, const char *error);

/* 429 with Retry-After in whole seconds, at least 1. */
void http_reply_too_many(struct http_request *request, const char *type, struct slice body,
                         uint32_t retry_after_s);

/*
 * Switches to WebSocket (RFC 6455). When the request is no WebSocket handshake it is answered with
 * 400, or 426 for another version. Afterwards exactly one of these happens, never before this
 * returns: on_open and later on_close; or on_close alone.
 */
void http_upgrade(struct http_request *request, const struct ws_ops *ops, void *conn);

/* The same with further complete header lines for the 101, each ending in CRLF. */
void http_upgrade_with(struct http_request *request, const struct ws_ops *ops, void *conn,
                       const char *headers);
bool http_is_upgrade(const struct http_request *request);

#endif
