/* SPDX-License-Identifier: MIT */
#ifndef SB_HTTP_INNER_H
#define SB_HTTP_INNER_H

#include <sys/uio.h>
#include <uv.h>

#include "base/list.h"
#include "deadline.h"
#include "http_chunks.h"
#include "http_head.h"
#include "http_route.h"
#include "http_server.h"
#include "node.h"

/*
 * The inside of HTTP, for http_*.c only.
 *
 *     http_server   all connections together: routes, drain, what is put off to the next turn
 *     http_conn     one connection: its states, its socket
 *     http_input    bytes → requests → routes
 *     http_output   answers → bytes
 *     http_stream   answers whose end is not known when they begin
 *     http          what a request tells a dialect
 *     http_cors, http_upgrade, http_offer
 *
 * An idle connection has no buffer: input is read into one that all share, and what is worth keeping
 * (a request for its handler, a part of one, what was sent ahead) is copied.
 */
enum {
    HTTP_INPUT_SIZE = 65536,
    HTTP_REQUEST_FEW = 1024, /* a request up to this size needs no memory of its own */
    HTTP_SPARE_REQUESTS = 256,
};

/* The order of the first four is that of a request's coming. */
enum conn_state {
    CONN_FRESH,     /* nothing has come yet                                    */
    CONN_IDLE,      /* between two requests                                    */
    CONN_HEAD,      /* a part of a head has come                               */
    CONN_BODY,      /* the head has come, and a part of the body               */
    CONN_HANDLING,  /* the request is with its handler; nothing is read        */
    CONN_STREAMING, /* a part of the answer is out, and more will come         */
    CONN_WRITING,   /* the kernel has not taken all of the answer yet          */
    CONN_LINGERING, /* the last answer is out; what still comes is thrown away */
    CONN_CLOSED,    /* waits for libuv to let go of the handle                 */
    CONN_STATES
};

struct http_conn {
    struct http *http;
    uv_poll_t poll;
    int fd;                   /* -1: handed over or closed                            */
    int events;               /* what poll waits for                                  */
    enum conn_state state;    /* changed by http_conn_enter() alone                   */
    bool closes;              /* the answer is the last one …                         */
    bool lingers;             /* … and the client may not know yet                    */
    struct deadline deadline; /* for leaving the state                                */
    struct list node;         /* http->conns[state]                                   */
    struct list resumed;      /* http->resumed                                        */
    struct peer peer;         /* of the socket                                        */
    struct conn_place place;
    struct http_request *request; /* from its first byte to its answer                    */
    struct http_stream *stream;   /* while it is STREAMING                                */
    struct buf in;                /* what has come and is not used: from in_at on         */
    size_t in_at;
    struct buf out; /* what the kernel has not taken: from out_at on        */
    size_t out_at;
};

struct http_scratch;

struct http_request {
    struct http_conn *conn;
    struct http_head head;
    struct http_chunks chunks;
    size_t used;     /* of the input: head and what has come of the body      */
    size_t body_len; /* decoded; stands right behind the head                 */
    bool has_continued, has_arrived;
    char *data; /* while it is handled: head and body, in few or own     */
    struct buf own;
    const struct http_resource *resource;    /* NULL: not looked up, or not there            */
    struct http_span spans[HTTP_PARAMS_MAX]; /* for each "{}": as sent …                      */
    struct slice params[HTTP_PARAMS_MAX];    /* … and decoded, while it is handled            */
    size_t param_count;
    struct peer peer;
    http_gone_fn *on_gone;
    void *gone_ctx;
    struct http_scratch *scratch; /* what was decoded for the handler                     */
    struct http_request *next;    /* among the spare ones                                 */
    char few[HTTP_REQUEST_FEW];
};

struct http_offer;

struct http {
    struct node *node;
    struct conn_limit *limit;
    struct http_routes *routes;
    struct http_offer *offers; /* subprotocols with a handler of their own */
    struct list conns[CONN_STATES];
    size_t counts[CONN_STATES];
    struct deadlines *deadlines;
    uv_idle_t turn;       /* runs while one of the next two holds something        */
    struct list resumed;  /* connections with requests that were sent ahead        */
    struct list refusals; /* upgrades that came to nothing: on_close is due        */
    struct buf out;       /* where answers are put together                        */
    struct http_request *spare;
    size_t spare_count;
    size_t handles; /* open in libuv                                         */
    bool is_draining, is_destroyed;
    char input[HTTP_INPUT_SIZE];
};

/* ---- http_server ------------------------------------------------------------------------------- */

/* Serves what the connection holds ready, in the next turn: never under a handler that is running. */
void http_resume(struct http *http, struct http_conn *conn);

/* Calls on_close in the next turn: no WebSocket will come of it. */
void http_refuse_upgrade(struct http *http, const struct ws_ops *ops, void *conn);

void http_handle_closed(struct http *http);

/* ---- http_conn --------------------------------------------------------------------------------- */

void http_conn_open(struct http *http, int fd, const struct peer *peer, struct conn_place place);
void http_conn_enter(struct http_conn *conn, enum conn_state to);

/* The connection ends here and now; a request that is held hears of it. */
void http_conn_close(struct http_conn *conn);

/* The kernel has all of the answer. */
void http_conn_answered(struct http_conn *conn);

/* Waits for these events of libuv's until the state changes. */
void http_conn_poll(struct http_conn *conn, int events);

/* False: the client has gone, and the connection is closed. `sent_ahead_out`: what it sent waits in the kernel. */
bool http_conn_is_heard(struct http_conn *conn, bool *sent_ahead_out);

/* ---- http_input -------------------------------------------------------------------------------- */

void http_conn_read(struct http_conn *conn);
void http_conn_serve_kept(struct http_conn *conn);

/* Refuses what is being read, and ends the connection with that. */
void http_conn_fault(struct http_conn *conn, enum http_fault fault);

/* ---- http_output ------------------------------------------------------------------------------- */

/* Too many connections already: says so as far as that goes, and closes the socket. */
void http_turn_away(int fd);

void http_conn_flush(struct http_conn *conn);
void http_conn_send_continue(struct http_conn *conn);

/* Bytes taken, 0 when there is no room now, -1 when the connection has ended. */
ssize_t http_conn_write(struct http_conn *conn, struct iovec *parts, int count);

/* What is left of a part when *sent bytes of it and what follows are gone joins what waits. */
void http_conn_keep_rest(struct http_conn *conn, struct slice part, size_t *sent);

/* The parts of an answer in their order: what it means for the connection, its head, and that the request is over. */
enum http_framing { HTTP_BY_LENGTH, HTTP_BY_CHUNKS, HTTP_BY_END };
void http_answer_begin(struct http_request *request, bool closes);
void http_answer_head(struct buf *out, const struct http_request *request,
                      const struct http_reply *reply, enum http_framing framing);
void http_answer_note(struct http_request *request, const struct http_reply *reply);
void http_conn_send(struct http_conn *conn, struct slice head, struct slice body);

/* ---- http_stream ------------------------------------------------------------------------------- */

void http_stream_on_ready(struct http_conn *conn);

/* The connection ends: whoever writes hears of it. */
void http_stream_forsake(struct http_conn *conn);

/* The node stops: whoever writes is asked to end. */
void http_streams_stop(struct http *http);

/* ---- http -------------------------------------------------------------------------------------- */

struct http_request *http_request_take(struct http_conn *conn);
void http_request_release(struct http_request **request);

/* There will be no answer of its handler's: whoever waits hears of it. */
void http_request_forsake(struct http_request *request);

/* Room that lasts as long as the request. */
char *http_request_room(struct http_request *request, size_t len);

/* With --trust-proxy: the last address in X-Forwarded-For, else the socket's. */
struct peer http_request_peer(const struct http_request *request);

/* ---- http_offer -------------------------------------------------------------------------------- */

/* True: it is a handshake that goes by its subprotocol, and was handled as such. */
bool http_offers_serve(struct http_request *request);
void http_offers_free(struct http *http);

/* ---- http_cors --------------------------------------------------------------------------------- */

/* Appends the header lines with which a browser lets its page have the answer. */
void http_cors_add(const struct http_request *request, struct buf *out);

#endif
