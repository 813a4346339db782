/* SPDX-License-Identifier: MIT */
#ifndef SB_WS_QUEUE_H
#define SB_WS_QUEUE_H

#include "ws.h"

/*
 * What waits for a socket that is full: frames, first in, first out. It exists only while something
 * waits, so that an idle connection pays one pointer.
 */
struct ws_queue {
    struct ws_item *items; /* a ring; its size is a power of two */
    uint32_t first, count, size;
    size_t bytes;
    size_t partial_bytes; /* of these: what the kernel has taken only a part of */
    uint32_t progress;    /* what the peer had acknowledged when we last looked */
    uint8_t stalls;       /* how often in a row it was the same */
};

struct ws_item {
    struct frame *frame;
    enum ws_kind kind;
};

struct ws_queue *ws_queue_create(void);
void ws_queue_destroy(struct ws_queue **queue);

/* What a frame counts for: its bytes and the room for its header. */
size_t ws_queue_cost(const struct frame *frame);

void ws_queue_push(struct ws_queue *queue, struct frame *frame, enum ws_kind kind);

/* The first, or NULL when there is none. */
const struct frame *ws_queue_first(const struct ws_queue *queue);

/* Takes the first out: its reference is the caller's. frame is NULL when there is none. */
struct ws_item ws_queue_pop(struct ws_queue *queue);

#endif
