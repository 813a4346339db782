/* SPDX-License-Identifier: MIT */
#ifndef SB_AUTH_DUE_H
#define SB_AUTH_DUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What comes due, soonest first: a binary heap of nodes that live in the objects that wait. One
 * timer serves any number of them; setting, moving and removing one costs O(log n).
 */
struct due {
    int64_t at_ms; /* clock_ms() time                   */
    size_t place;  /* 0: not in the queue; else index+1 */
};

struct due_queue {
    struct due **items;
    size_t count, size;
};

void due_queue_fini(struct due_queue *queue); /* the nodes stay where they are */

/* Puts the node in, or moves it. A zeroed node is in no queue. */
void due_set(struct due_queue *queue, struct due *due, int64_t at_ms);
void due_remove(struct due_queue *queue, struct due *due); /* no-op when it is not in the queue */

struct due *due_first(const struct due_queue *queue); /* NULL when nothing waits */

#endif
