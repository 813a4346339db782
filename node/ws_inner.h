/* SPDX-License-Identifier: MIT */
#ifndef SB_WS_INNER_H
#define SB_WS_INNER_H

#include "base/result.h"
#include "conn_limit.h"
#include "ws.h"

/*
 * What the core knows of WebSockets beyond what a dialect sees: the host that all of them live in,
 * and how HTTP hands a connection over.
 */
struct node;
struct ws_host;

struct ws_host *ws_host_create(struct node *node, struct why *why);

/* Closes every WebSocket with CLOSE_GOING_AWAY, --drain-rate of them a second. */
void ws_host_drain(struct ws_host *host);

/* Ends what is still open at once: each gets its on_close before this returns. Memory and handles are
 * released as the loop runs on. */
void ws_host_destroy(struct ws_host **host);

/* The handshake that HTTP has read and found valid: a GET by HTTP/1.1 or later, version 13, with a key
 * of 16 bytes in base64. Header values are trimmed, data is NULL where there was none. */
struct ws_handshake {
    struct slice target; /* "/sync?api_key=…", as sent                          */
    struct slice host, origin;
    struct slice key;        /* Sec-WebSocket-Key: 24 characters                    */
    struct slice protocols;  /* Sec-WebSocket-Protocol                              */
    struct slice extensions; /* Sec-WebSocket-Extensions                            */
    struct slice early;      /* what the client sent behind the head: frames        */
    struct slice headers;    /* for the answer: further lines, each ending in CRLF  */
    struct peer peer;
    struct conn_place place; /* given back (conn_limit_give) when the socket is closed */
};

/*
 * Answers the handshake with 101 and turns the socket into a WebSocket. `fd` (non-blocking, polled by
 * nobody) and the place are the host's from now on; the handshake's bytes are borrowed for the call.
 * Later, never before this returns: ops->on_open and then ops->on_close; or ops->on_close alone, with
 * no ws.
 */
void ws_adopt(struct ws_host *host, int fd, const struct ws_handshake *handshake,
              const struct ws_ops *ops, void *conn);

#endif
