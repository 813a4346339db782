/* SPDX-License-Identifier: MIT */
/*
 * A binary heap in an array: items[(i - 1) / 2]->at_ms ≤ items[i]->at_ms, and each node knows its
 * place, so that it can be moved or removed without a search.
 */
#include "auth_due.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

static void put(struct due_queue *queue, size_t index, struct due *due)
{
    queue->items[index] = due;
    due->place = index + 1;
}

static void rise(struct due_queue *queue, size_t index, struct due *due)
{
    while (index > 0 && queue->items[(index - 1) / 2]->at_ms > due->at_ms) {
        put(queue, index, queue->items[(index - 1) / 2]);
        index = (index - 1) / 2;
    }
    put(queue, index, due);
}

static void sink(struct due_queue *queue, size_t index, struct due *due)
{
    for (size_t child = 2 * index + 1; child < queue->count; child = 2 * index + 1) {
        if (child + 1 < queue->count && queue->items[child + 1]->at_ms < queue->items[child]->at_ms)
            child++;
        if (queue->items[child]->at_ms >= due->at_ms)
            break;
        put(queue, index, queue->items[child]);
        index = child;
    }
    put(queue, index, due);
}

static void settle(struct due_queue *queue, size_t index, struct due *due)
{
    if (index > 0 && queue->items[(index - 1) / 2]->at_ms > due->at_ms)
        rise(queue, index, due);
    else
        sink(queue, index, due);
}

void due_queue_fini(struct due_queue *queue)
{
    free(queue->items);
    *queue = (struct due_queue){ 0 };
}

void due_set(struct due_queue *queue, struct due *due, int64_t at_ms)
{
    due->at_ms = at_ms;
    if (due->place != 0) {
        settle(queue, due->place - 1, due);
        return;
    }
    if (queue->count == queue->size) {
        queue->size = queue->size > 0 ? queue->size * 2 : 64;
        queue->items = xrealloc(queue->items, queue->size * sizeof *queue->items);
    }
    rise(queue, queue->count++, due);
}

void due_remove(struct due_queue *queue, struct due *due)
{
    size_t index = due->place - 1;
    struct due *last;

    if (due->place == 0)
        return;
    assert(index < queue->count && queue->items[index] == due);
    due->place = 0;
    last = queue->items[--queue->count];
    if (last != due)
        settle(queue, index, last);
}

struct due *due_first(const struct due_queue *queue)
{
    return queue->count > 0 ? queue->items[0] : NULL;
}
