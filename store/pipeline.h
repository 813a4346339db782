/* SPDX-License-Identifier: MIT */
#ifndef SB_STORE_PIPELINE_H
#define SB_STORE_PIPELINE_H

#include "base/list.h"
#include "store/op.h"

/*
 * The operations of one command link, in order, and their bytes.
 *
 *     bytes:   | answered |   in flight   |   not yet written   |
 *              base       first op        written               base + len
 *
 * A command's bytes stay until it has been answered, because Redis may have lost the script that it
 * calls. When that shows (NOSCRIPT: nothing was done), writing stops until all that is in flight
 * has been answered; then the scripts, what has to be said again, and what was not yet said are
 * written in the order in which they came. So appends to one channel keep their order. (The one
 * thing that can turn it round: another node loads the scripts in the midst of our flight.)
 */
struct pipeline {
    struct buf bytes;
    uint64_t base;    /* how many bytes were there before bytes.data[0] */
    uint64_t written; /* counted from the same beginning               */
    uint64_t pause;   /* while reloading: nothing is written beyond     */
    size_t bytes_max;
    bool is_reloading;
    struct list ops;   /* in flight and not yet written                         */
    struct list again; /* met NOSCRIPT; older than everything that is unwritten */
};

void pipeline_init(struct pipeline *pipeline);
void pipeline_set_max(struct pipeline *pipeline,
                      size_t bytes_max);       /* for what is added from now on */
void pipeline_fini(struct pipeline *pipeline); /* no operation is left: asserted */

/* False when there is no room for its bytes. */
bool pipeline_add(struct pipeline *pipeline, struct store_op *op, const struct op_call *call);

/* What is to be written next, and how much of it the kernel took. */
struct slice pipeline_output(const struct pipeline *pipeline);
void pipeline_advance(struct pipeline *pipeline, size_t written);

/* The operation that waits for the next reply; NULL when none was written. */
struct store_op *pipeline_first_in_flight(const struct pipeline *pipeline);

/* The oldest one, written or not; NULL when there is none. */
struct store_op *pipeline_first(const struct pipeline *pipeline);

/* The first has been answered, or is given up unwritten: it is the caller's again. */
void pipeline_remove(struct pipeline *pipeline, struct store_op *op);

/* The first in flight met NOSCRIPT. */
void pipeline_repeat(struct pipeline *pipeline);

/* To be called after each reply. When a reload is due, `make_load` adds the operations that load the
 * scripts. */
typedef void pipeline_make_load_fn(struct store *store);
void pipeline_reload(struct pipeline *pipeline, struct store *store,
                     pipeline_make_load_fn *make_load);

/* The link broke: what was written, even partly, is moved to `lost`; the rest waits. */
void pipeline_break(struct pipeline *pipeline, struct list *lost);

#endif
