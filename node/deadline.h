/* SPDX-License-Identifier: MIT */
#ifndef SB_DEADLINE_H
#define SB_DEADLINE_H

#include <uv.h>

#include "base/list.h"

/*
 * Deadlines of many objects on one timer. All that are set with the same duration come due in the
 * order in which they were set, so each duration has one queue, and setting, moving and clearing
 * one cost the same however many there are. There are few durations.
 */
struct deadlines;

/* Lives in the object that waits. */
struct deadline {
    struct list node;
    int64_t due_ms; /* by uv_now() */
};

/* It is not set any more; the callback may set it again, and set or clear any other. */
typedef void deadline_fn(struct deadline *deadline);

struct deadlines *deadlines_create(uv_loop_t *loop);
void deadlines_destroy(struct deadlines **deadlines); /* none is set any more: asserted */

void deadline_init(struct deadline *deadline);

/* `after_ms` from now, whether it was set before or not. */
void deadline_set(struct deadlines *deadlines, struct deadline *deadline, uint32_t after_ms,
                  deadline_fn *on_due);
void deadline_clear(struct deadline *deadline); /* no-op when it is not set */

static inline bool deadline_is_set(const struct deadline *deadline)
{
    return !list_is_empty(&deadline->node);
}

#endif
