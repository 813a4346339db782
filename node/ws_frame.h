/* SPDX-License-Identifier: MIT */
#ifndef SB_WS_FRAME_H
#define SB_WS_FRAME_H

#include <libwebsockets.h>
#include <stdbool.h>

#include "base/buf.h"

/* The first byte of a frame (RFC 6455, 5.2). */
enum {
    WS_OPCODE_TEXT = 0x1,
    WS_OPCODE_BINARY = 0x2,
    WS_OPCODE_CLOSE = 0x8,
    WS_OPCODE_PING = 0x9,
    WS_COMPRESSED = 0x40, /* RFC 7692 */
    WS_FIN = 0x80,
};

enum { WS_HEADER_MAX = 10, WS_CONTROL_MAX = 125 };

/*
 * Writes one whole frame. The header goes right in front of `data`, where WS_HEADER_MAX bytes must be
 * free for it. What the kernel does not take lws copies, and sends before anything else
 * (lws_partial_buffered()). False: the connection is broken, and lws will not close it by itself.
 */
bool ws_frame_write(struct lws *wsi, unsigned char *data, size_t len, unsigned first_byte);

/* Appends a whole frame; the caller has seen to the room. */
void ws_frame_add(struct buf *out, struct slice payload, unsigned first_byte);

/* Hands frames that were put together before to lws as they are. False: the connection is broken. */
bool ws_frame_write_raw(struct lws *wsi, struct buf *frames);

#endif
