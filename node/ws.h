/* SPDX-License-Identifier: MIT */
#ifndef SB_WS_H
#define SB_WS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "frame.h"
#include "peer.h"

/*
 * A WebSocket (RFC 6455) as a dialect sees it: whole messages in, shared frames out.
 *
 * Sending writes at once when nothing is waiting; what the kernel does not take waits in a queue
 * with a bound (--ws-pending-max). Pings, silence, write time-outs and fragments are the core's.
 */
struct ws;

/*     name            code  ours?   metrics and log        text on the wire                     */
enum close_reason {
#define CLOSE(name, code, is_ours, label, text) CLOSE_##name,
#include "close.def"
#undef CLOSE
    CLOSE_REASONS
};
const char *close_label(enum close_reason reason);
int close_code(enum close_reason reason);

enum ws_kind { WS_TEXT, WS_BINARY };

/* How a connection ended, as the other side is concerned. */
enum ws_end {
    WS_ENDED_IN_ORDER, /* the peer sent a close frame of its own accord, or answered ours */
    WS_ENDED_BROKEN,   /* the line broke, a deadline passed, or the node stops */
};

enum { WS_NEVER = INT32_MAX }; /* for the dialects with a heartbeat of their own */

struct ws_ops {
    const char *dialect;      /* its name, for the log; may be NULL */
    uint32_t ping_every_ms;   /* 0: --ping-interval; WS_NEVER */
    uint32_t silence_ms;      /* 0: --silence-timeout; WS_NEVER */
    size_t message_max_bytes; /* a larger message closes with CLOSE_TOO_BIG; may be changed */
    /* Subprotocols, the best first, NULL behind the last: the first that the client offers is
     * agreed on. NULL: none are known. */
    const char *const *protocols;
    void (*on_open)(struct ws *ws, void *conn);
    /* One whole message. The bytes are borrowed (and NUL-terminated); text is valid UTF-8. */
    void (*on_message)(struct ws *ws, struct slice message, enum ws_kind kind, void *conn);
    /* The queue is empty: the kernel has every byte that was ever handed in. Not called when
     * everything was written at once; called behind ws_close() as well, before the close frame.
     * NULL: not wanted. */
    void (*on_drain)(struct ws *ws, void *conn);
    /* The last call. ws is NULL when the connection never opened. Not called before ws_close()
     * returns. */
    void (*on_close)(struct ws *ws, enum ws_end how, enum close_reason reason, void *conn);
};

enum ws_sent {
    WS_WRITTEN, /* the kernel has the last byte */
    WS_QUEUED,  /* it waits; on_drain follows, or on_close */
    WS_FULL,    /* the queue is at its bound (or the connection is closing): nothing was taken */
};

/* Takes a reference of its own when the frame has to wait. A frame larger than the whole bound is
 * taken when the queue is empty. */
enum ws_sent ws_send(struct ws *ws, struct frame *frame, enum ws_kind kind);

/* What is said right before ws_close(): taken beyond the bound, and sent as what waits is. */
void ws_send_last(struct ws *ws, struct frame *frame, enum ws_kind kind);

/* For the answers a dialect makes itself. Passes the bound by at most 64 KiB: beyond that the
 * peer talks without listening, and the connection is closed with CLOSE_SLOW_READER. */
void ws_answer(struct ws *ws, struct slice text);

/* Bytes that wait in the queue. */
size_t ws_pending_bytes(const struct ws *ws);

/* While paused nothing more is read from the peer; what the kernel holds back slows it down. */
void ws_pause(struct ws *ws);
void ws_continue(struct ws *ws);

/* What waits is still sent (for --write-timeout at most), then the close frame (without a code where the
 * reason's is 1005); the connection ends when
 * the peer answers it or 5 s have passed. No more messages are read. May be called again: the
 * first reason stays. */
void ws_close(struct ws *ws, enum close_reason reason);

const struct peer *ws_peer(const struct ws *ws);
uint64_t ws_number(const struct ws *ws); /* unique in this process: conn=71 in the log */

#endif
