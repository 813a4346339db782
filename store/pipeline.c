/* SPDX-License-Identifier: MIT */
#include "store/pipeline.h"

#include <assert.h>
#include <string.h>

#include "store/inside.h"
#include "store/scripts.h"

enum {
    RELOAD_MAX = 4 * 1024 * 1024, /* what a reload may need beyond the bound */
    BYTES_KEEP = 1024 * 1024,     /* an empty buffer larger than this is given back */
    COMPACT_MIN = 64 * 1024,
};

static struct store_op *op_of(struct list *node)
{
    return LIST_ENTRY(node, struct store_op, node);
}

void pipeline_init(struct pipeline *pipeline)
{
    *pipeline = (struct pipeline){ .base = 0 };
    buf_init(&pipeline->bytes, 0);
    list_init(&pipeline->ops);
    list_init(&pipeline->again);
}

void pipeline_set_max(struct pipeline *pipeline, size_t bytes_max)
{
    pipeline->bytes.max = pipeline->bytes_max = bytes_max;
}

void pipeline_fini(struct pipeline *pipeline)
{
    assert(list_is_empty(&pipeline->ops) && list_is_empty(&pipeline->again));
    buf_fini(&pipeline->bytes);
}

static uint64_t end_of(const struct pipeline *pipeline)
{
    return pipeline->base + pipeline->bytes.len;
}

struct store_op *pipeline_first(const struct pipeline *pipeline)
{
    return list_is_empty(&pipeline->ops) ? NULL : op_of(pipeline->ops.next);
}

struct store_op *pipeline_first_in_flight(const struct pipeline *pipeline)
{
    struct store_op *op = pipeline_first(pipeline);

    return op != NULL && op->offset < pipeline->written ? op : NULL;
}

/* Gives up the bytes of what has been answered, seldom enough to cost nothing. */
static void compact(struct pipeline *pipeline)
{
    const struct list *oldest = &pipeline->again;
    uint64_t answered;

    if (list_is_empty(oldest))
        oldest = &pipeline->ops;
    answered =
        (list_is_empty(oldest) ? end_of(pipeline) : op_of(oldest->next)->offset) - pipeline->base;
    if (answered < pipeline->bytes.len &&
        (answered < COMPACT_MIN || answered < pipeline->bytes.len / 2))
        return;
    pipeline->base += answered;
    buf_consume(&pipeline->bytes, answered);
    if (pipeline->bytes.len == 0 && pipeline->bytes.size > BYTES_KEEP)
        buf_fini(&pipeline->bytes);
}

bool pipeline_add(struct pipeline *pipeline, struct store_op *op, const struct op_call *call)
{
    compact(pipeline);
    op->offset = end_of(pipeline);
    if (!op_write(&pipeline->bytes, call)) {
        pipeline->bytes.has_overflowed = false;
        return false;
    }
    op->len = (size_t)(end_of(pipeline) - op->offset);
    list_append(&pipeline->ops, &op->node);
    return true;
}

struct slice pipeline_output(const struct pipeline *pipeline)
{
    uint64_t end = pipeline->is_reloading ? pipeline->pause : end_of(pipeline);

    if (end <= pipeline->written)
        return (struct slice){ NULL, 0 };
    return (struct slice){ pipeline->bytes.data + (pipeline->written - pipeline->base),
                           (size_t)(end - pipeline->written) };
}

void pipeline_advance(struct pipeline *pipeline, size_t written)
{
    pipeline->written += written;
    assert(pipeline->written <= end_of(pipeline));
}

void pipeline_remove(struct pipeline *pipeline, struct store_op *op)
{
    assert(op == pipeline_first(pipeline));
    list_remove(&op->node);
    if (pipeline->written < op->offset + op->len)
        pipeline->written = op->offset + op->len;
}

/* The end of the last operation that was written, be it in part. */
static uint64_t flight_end(const struct pipeline *pipeline)
{
    uint64_t end = pipeline->written;

    LIST_EACH (node, spare, &pipeline->ops) {
        const struct store_op *op = op_of(node);

        if (op->offset >= pipeline->written)
            break;
        end = op->offset + op->len;
    }
    return end;
}

void pipeline_repeat(struct pipeline *pipeline)
{
    struct store_op *op = pipeline_first_in_flight(pipeline);

    assert(op != NULL);
    if (!pipeline->is_reloading) {
        pipeline->is_reloading = true;
        pipeline->pause = flight_end(pipeline);
    }
    list_remove(&op->node);
    list_append(&pipeline->again, &op->node);
}

/* Starts the bytes anew: the loads (if any), what is to be said again, what was not yet said. */
static void begin_anew(struct pipeline *pipeline, struct store *store,
                       pipeline_make_load_fn *make_load)
{
    struct buf old = pipeline->bytes;
    uint64_t old_base = pipeline->base;
    struct list waiting;

    list_init(&waiting);
    list_splice(&waiting, &pipeline->again);
    list_splice(&waiting, &pipeline->ops);
    buf_init(&pipeline->bytes, old.len + RELOAD_MAX);
    pipeline->base = pipeline->written = 0;
    pipeline->is_reloading = false;
    if (make_load != NULL)
        make_load(store);
    LIST_EACH (node, spare, &waiting) {
        struct store_op *op = op_of(node);
        uint64_t offset = pipeline->bytes.len;
        bool has_room = buf_add(&pipeline->bytes, old.data + (op->offset - old_base), op->len);

        assert(has_room);
        (void)has_room;
        op->offset = offset;
    }
    pipeline->bytes.max = pipeline->bytes_max;
    list_splice(&pipeline->ops, &waiting);
    buf_fini(&old);
}

void pipeline_reload(struct pipeline *pipeline, struct store *store,
                     pipeline_make_load_fn *make_load)
{
    if (pipeline->is_reloading && pipeline_first_in_flight(pipeline) == NULL)
        begin_anew(pipeline, store, make_load);
}

void pipeline_break(struct pipeline *pipeline, struct list *lost)
{
    struct store_op *op;

    while ((op = pipeline_first_in_flight(pipeline)) != NULL) {
        list_remove(&op->node);
        list_append(lost, &op->node);
    }
    begin_anew(pipeline, NULL, NULL);
}
