/* SPDX-License-Identifier: MIT */
/* A ring of references to frames that doubles when it is full. */
#include "ws_queue.h"

#include <stdlib.h>

#include "base/mem.h"

enum { ITEMS_AT_FIRST = 8, HEADER_MAX = 16 };

struct ws_queue *ws_queue_create(void)
{
    return xcalloc(1, sizeof(struct ws_queue));
}

void ws_queue_destroy(struct ws_queue **queue)
{
    struct ws_queue *old = *queue;

    if (old == NULL)
        return;
    *queue = NULL;
    for (uint32_t i = 0; i < old->count; i++)
        frame_unref(&old->items[(old->first + i) % old->size].frame);
    free(old->items);
    free(old);
}

size_t ws_queue_cost(const struct frame *frame)
{
    return (size_t)frame->len + HEADER_MAX;
}

static void grow(struct ws_queue *queue)
{
    uint32_t size = queue->size == 0 ? ITEMS_AT_FIRST : queue->size * 2;
    struct ws_item *items = xmalloc(size * sizeof *items);

    for (uint32_t i = 0; i < queue->count; i++)
        items[i] = queue->items[(queue->first + i) % queue->size];
    free(queue->items);
    queue->items = items;
    queue->first = 0;
    queue->size = size;
}

void ws_queue_push(struct ws_queue *queue, struct frame *frame, enum ws_kind kind)
{
    if (queue->count == queue->size)
        grow(queue);
    queue->items[(queue->first + queue->count++) % queue->size] =
        (struct ws_item){ frame_ref(frame), kind };
    queue->bytes += ws_queue_cost(frame);
}

const struct frame *ws_queue_first(const struct ws_queue *queue)
{
    return queue->count == 0 ? NULL : queue->items[queue->first].frame;
}

struct ws_item ws_queue_pop(struct ws_queue *queue)
{
    struct ws_item item = { NULL, WS_TEXT };

    if (queue->count == 0)
        return item;
    item = queue->items[queue->first];
    queue->first = (queue->first + 1) % queue->size;
    queue->count--;
    queue->bytes -= ws_queue_cost(item.frame);
    return item;
}
