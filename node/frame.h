/* SPDX-License-Identifier: MIT */
#ifndef SB_FRAME_H
#define SB_FRAME_H

#include <stdint.h>

#include "base/buf.h"

/*
 * The payload of one WebSocket message, made once and shared by every connection that it goes to.
 * In front of the bytes lies the room that the frame header is written into. Counted references;
 * loop thread only.
 */
enum { FRAME_HEADROOM = 16 }; /* bytes in front of data; libwebsockets asks for LWS_PRE */

struct frame {
    uint32_t refs;
    uint32_t len;
    unsigned char *data; /* len bytes, writable only by whoever made it and before it is shared */
};

struct frame *frame_create(size_t len); /* one reference; the bytes are not initialised */
struct frame *frame_of(struct slice payload);
struct frame *frame_ref(struct frame *frame);
void frame_unref(struct frame **frame); /* accepts NULL, leaves NULL */

static inline struct slice frame_slice(const struct frame *frame)
{
    return (struct slice){ (const char *)frame->data, frame->len };
}

#endif
