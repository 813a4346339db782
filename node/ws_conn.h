/* SPDX-License-Identifier: MIT */
#ifndef SB_WS_CONN_H
#define SB_WS_CONN_H

#include <libwebsockets.h>

#include "deadline.h"
#include "ws_inner.h"
#include "ws_queue.h"

/* One WebSocket and the host they all share: for the ws_*.c files only. */
struct ws_deflate;

enum ws_state {
    WS_OPEN,
    WS_FINISHING, /* ws_close(): what waits is still sent, nothing more is taken         */
    WS_GOODBYE,   /* a close frame went out; nothing more is sent                        */
    WS_DOOMED,    /* to be cut at the next turn of the loop                              */
    WS_ENDED,     /* on_close was called                                                 */
};

/* Lives in the memory that lws keeps for each of its connections, from on_open until the socket is
 * closed, which is after on_close. */
struct ws {
    struct ws_host *host;
    struct lws *wsi;
    const struct ws_ops *ops;
    void *conn;
    uint64_t number;
    int64_t opened_ms;
    struct list node;       /* host->open, host->closing or host->doomed, by its state     */
    struct list burst;      /* host->bursts, while its queue waits for the end of the turn */
    struct ws_queue *queue; /* NULL: the kernel has everything                             */
    struct buf *message;    /* what has come of a message that is not complete; else NULL  */
    struct deadline ping, silence;
    struct deadline patience; /* how long the peer may take: to read on, or to close         */
    struct peer peer;
    struct conn_place place;
    uint32_t written_in; /* the turn of the last write                                    */
    uint8_t state, reason, how;
    bool is_paused, is_deflated;
    bool is_packed; /* the message that is coming is compressed                           */
};

/* A handshake that waits for the next turn of the loop. */
struct ws_arrival {
    struct list node;
    int fd;
    const struct ws_ops *ops;
    void *conn;
    struct peer peer;
    struct conn_place place;
    struct ws *ws; /* what became of it; NULL while it has not opened */
    bool has_early, is_deflated;
    size_t head_len, answer_len;
    char
        head[]; /* for lws: the canonical handshake, then what came behind it; at last `answer`, the
                    header lines that lws' answer shall have on top of its own */
};

struct ws_host {
    struct node *node;
    struct lws_context *context;
    struct lws_vhost *vhost;
    struct deadlines *deadlines;
    uv_idle_t idle; /* active while there is something to do in the next turn    */
    uv_timer_t drain_timer;
    uv_prepare_t before_poll; /* these two end a turn: what the loop's callbacks had to send … */
    uv_check_t after_poll;    /* … is sent before it waits, and before its timers run           */
    struct list arrivals;     /* of struct ws_arrival                                      */
    struct ws_arrival *arriving; /* the one that lws is at                                    */
    struct list open, closing, doomed; /* of struct ws                                        */
    struct list bursts;                /* of struct ws                                        */
    struct buf batch;                  /* frames that are written in one piece                */
    uint32_t turn;                     /* never 0                                             */
    struct ws_deflate *deflate;   /* NULL: permessage-deflate is off                           */
    struct ws_inflater *inflater; /* the same                                                */
    uint64_t last_number;
    uint32_t drain_credit; /* connections that may be closed now, times 100             */
    uint8_t turns_left;    /* of the loop, until lws has let go of its handles          */
    char scratch[];        /* WS_CHUNK_MAX + 1: a message that came in one piece        */
};

/* What lws reads at a time, and hands up at most; it keeps a buffer of this size per connection. */
enum { WS_CHUNK_MAX = 512 };

/* What is handed to the kernel in one piece when several frames wait. */
enum { WS_BATCH_MAX = 64 * 1024 };

const char *close_text(enum close_reason reason);

/* ---- ws_host.c --------------------------------------------------------------------------------- */

/* There is something to do in the next turn of the loop. */
void ws_host_wake(struct ws_host *host);

/* ---- ws_arrive.c: the first of those that wait for their turn ----------------------------------- */

void ws_arrive(struct ws_host *host);
void ws_turn_away(struct ws_host *host);

/* lws puts its answer together. Nonzero: it shall not. */
int ws_on_answering(const struct ws_arrival *arrival, struct lws_process_html_args *answer);

/* ---- ws_end.c: how connections end ------------------------------------------------------------ */

/* Sends the close frame now and waits for the peer to answer it. */
void ws_say_goodbye(struct ws *ws);

/* No more words: the socket is cut at the next turn of the loop. The first reason stays. */
void ws_doom(struct ws *ws, enum close_reason reason);
void ws_cut(struct ws *ws); /* that turn has come: calls on_close */

/* The peer's close frame. Nonzero: lws shall close. */
int ws_on_peer_close(struct ws *ws, struct slice payload);

/* lws begins to close, of its own accord or because of us. */
void ws_on_closing(struct ws *ws);
void ws_on_closed(struct ws *ws); /* calls on_close, once */

/* ---- ws_beat.c: signs of life ------------------------------------------------------------------ */

void ws_beat_start(struct ws *ws);
void ws_beat_heard(struct ws *ws); /* something came from the peer */

/* The queue has come into being: see to it that it moves, and cut the connection if not. */
void ws_stall_watch(struct ws *ws);

/* ---- ws_receive.c ------------------------------------------------------------------------------ */

void ws_on_chunk(struct ws *ws, const char *data, size_t len);

/* ---- ws.c -------------------------------------------------------------------------------------- */

/* The socket takes more. */
void ws_on_writable(struct ws *ws);

/* The callbacks of a turn have run: what they had to send goes out. */
void ws_end_turn(struct ws_host *host);

/* Forgets what waits. */
void ws_drop_queue(struct ws *ws);

#endif
