/* SPDX-License-Identifier: MIT */
#ifndef SB_TLS_INNER_H
#define SB_TLS_INNER_H

#include <openssl/ssl.h>

#include "base/list.h"
#include "deadline.h"
#include "node.h"
#include "tls.h"

/*
 * The inside of TLS: tls.c has the certificates, tls_conn.c the life of a connection, tls_pump.c what
 * flows through it.
 *
 *     client ⇄ [net: SSL] ⇄ [app] ⇄ HTTP
 */
enum { TLS_PIECE = 16384 }; /* the most that one record carries */

struct tls {
    struct node *node;
    struct http *http;
    SSL_CTX *context;
    struct deadlines *deadlines;
    struct list conns;
    size_t count; /* connections, closing ones too */
    bool is_destroyed;
    char piece[TLS_PIECE];
};

struct side {
    uv_poll_t poll;
    int fd, events;
    bool is_open;       /* the handle exists                                                   */
    bool has_ended;     /* nothing more comes from here                                        */
    bool is_shut;       /* the end of the other side was passed on to here                     */
    bool is_gone;       /* closed: takes nothing more                                          */
    struct buf pending; /* what came from the other side and is not taken yet: from `taken` on */
    size_t taken;
};

struct pump {
    struct tls *tls;
    struct list node;
    struct deadline deadline; /* for the handshake; later for a client that does not read */
    SSL *ssl;
    bool is_ready; /* the handshake is done                                     */
    bool is_closed;
    int read_wants, write_wants; /* what `net` has to become before SSL can go on         */
    struct side net, app;
    struct peer peer;
    struct conn_place place; /* until HTTP has it                                         */
};

void tls_release(struct tls *tls); /* when it is destroyed and the last connection has gone */

/* ---- tls_conn -------------------------------------------------------------------------------------- */

void tls_pump_start(struct tls *tls, int fd, const struct peer *peer, struct conn_place place);
void tls_pump_close(struct pump *pump);
void tls_pump_stop_all(struct tls *tls);
void tls_on_write_late(struct deadline *deadline);
void tls_on_net(uv_poll_t *poll, int status, int events);
void tls_on_app(uv_poll_t *poll, int status, int events);

/* ---- tls_pump -------------------------------------------------------------------------------------- */

/* Moves what there is to move, and waits for what is missing. May close the connection. */
void tls_pump_run(struct pump *pump);

/* HTTP has closed its end: what comes in from now on is of no use to anybody. */
void tls_app_gone(struct pump *pump);

/* What SSL asks for after `result`: an event, 0 at the end of the stream, or -1 when it has failed. */
int tls_wants(struct pump *pump, int result);

void tls_side_poll(struct side *side, int events, uv_poll_cb on_event);

#endif
