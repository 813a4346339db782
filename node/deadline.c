/* SPDX-License-Identifier: MIT */
/*
 * One queue ("line") per duration and callback, each sorted by itself, since what comes later is due
 * later. The timer stands at the earliest head, or before it: a head that was cleared or moved
 * leaves the timer where it is, which then finds nothing to do and is set anew.
 */
#include "deadline.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"

/* Callbacks in one turn of the loop. */
enum { DEADLINES_PER_TURN = 1024 };

struct line {
    struct line *next;
    struct list items; /* of struct deadline, the earliest first */
    uint32_t after_ms;
    deadline_fn *on_due;
};

struct deadlines {
    uv_timer_t timer;
    int64_t timer_ms; /* when the timer fires; INT64_MAX: it is stopped */
    struct line *lines;
};

static struct deadline *line_first(const struct line *line)
{
    return list_is_empty(&line->items) ? NULL : LIST_ENTRY(line->items.next, struct deadline, node);
}

static int64_t now_ms(const struct deadlines *deadlines)
{
    return (int64_t)uv_now(deadlines->timer.loop);
}

static void on_timer(uv_timer_t *timer);

/* What is overdue comes in the next turn of the loop: a timer that is set to 0 by a timer fires again
 * in the same turn. */
static void timer_set(struct deadlines *deadlines, int64_t due_ms)
{
    int64_t now = now_ms(deadlines);

    if (due_ms >= deadlines->timer_ms)
        return;
    deadlines->timer_ms = due_ms;
    uv_timer_start(&deadlines->timer, on_timer, due_ms > now ? (uint64_t)(due_ms - now) : 1, 0);
}

static void line_run(struct line *line, int64_t now, int *budget)
{
    struct deadline *first;

    while ((first = line_first(line)) != NULL && first->due_ms <= now && (*budget)-- > 0) {
        list_remove(&first->node);
        line->on_due(first);
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct deadlines *deadlines = timer->data;
    int64_t now = now_ms(deadlines);
    int budget = DEADLINES_PER_TURN;

    deadlines->timer_ms = INT64_MAX;
    for (struct line *line = deadlines->lines; line != NULL; line = line->next)
        line_run(line, now, &budget);
    for (struct line *line = deadlines->lines; line != NULL; line = line->next)
        if (line_first(line) != NULL)
            timer_set(deadlines, line_first(line)->due_ms);
}

struct deadlines *deadlines_create(uv_loop_t *loop)
{
    struct deadlines *deadlines = xcalloc(1, sizeof *deadlines);

    uv_timer_init(loop, &deadlines->timer);
    deadlines->timer.data = deadlines;
    deadlines->timer_ms = INT64_MAX;
    return deadlines;
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void deadlines_destroy(struct deadlines **deadlines)
{
    struct deadlines *old = *deadlines;

    if (old == NULL)
        return;
    *deadlines = NULL;
    while (old->lines != NULL) {
        struct line *line = old->lines;

        assert(list_is_empty(&line->items));
        old->lines = line->next;
        free(line);
    }
    uv_close((uv_handle_t *)&old->timer, on_timer_closed);
}

/* The line for this duration: one that is there, else one that is empty, else a new one. So there
 * are never more than there were durations in use at a time. */
static struct line *line_of(struct deadlines *deadlines, uint32_t after_ms, deadline_fn *on_due)
{
    struct line *empty = NULL;

    for (struct line *line = deadlines->lines; line != NULL; line = line->next) {
        if (line->after_ms == after_ms && line->on_due == on_due)
            return line;
        if (list_is_empty(&line->items))
            empty = line;
    }
    if (empty == NULL) {
        empty = xcalloc(1, sizeof *empty);
        list_init(&empty->items);
        empty->next = deadlines->lines;
        deadlines->lines = empty;
    }
    empty->after_ms = after_ms;
    empty->on_due = on_due;
    return empty;
}

void deadline_init(struct deadline *deadline)
{
    list_init(&deadline->node);
}

void deadline_set(struct deadlines *deadlines, struct deadline *deadline, uint32_t after_ms,
                  deadline_fn *on_due)
{
    struct line *line = line_of(deadlines, after_ms, on_due);

    list_remove(&deadline->node);
    deadline->due_ms = now_ms(deadlines) + after_ms;
    list_append(&line->items, &deadline->node);
    timer_set(deadlines, line_first(line)->due_ms);
}

void deadline_clear(struct deadline *deadline)
{
    list_remove(&deadline->node);
}
