/* SPDX-License-Identifier: MIT */
/* Step after step; a pool without entities has none, and is emptied by the last. */
#include "staging.h"

#include <inttypes.h>
#include <stdio.h>

static void stage_next(struct staging *staging);

static void on_replaced(enum result result, void *ctx)
{
    struct staging *staging = ctx;

    staging->done(staging, result);
}

static void on_staged(enum result result, uint64_t changes, void *ctx)
{
    struct staging *staging = ctx;

    if (result != RESULT_OK) {
        staging->done(staging, result);
        return;
    }
    if (!staging->has_seen)
        staging->changes = changes;
    staging->has_seen = true;
    stage_next(staging);
}

static void replace(struct staging *staging)
{
    const struct pool_replacement replacement = {
        .stage = slice_of(staging->name),
        .count = entities_count_ids(staging->entities),
        .has_seen = staging->has_seen,
        .changes = staging->changes,
        .good_for_ms = staging->good_for_ms,
    };

    pool_replace(staging->store, &staging->pool, &replacement, on_replaced, staging, &staging->op);
}

static void stage_next(struct staging *staging)
{
    const struct entities *entities = staging->entities;
    size_t from = staging->next, left = entities->count - from;
    size_t count = left < POOL_ENTITIES_MAX ? left : POOL_ENTITIES_MAX;

    if (count == 0) {
        replace(staging);
        return;
    }
    staging->next += count;
    pool_stage(staging->store, &staging->pool, slice_of(staging->name), entities->items + from,
               count, staging->max, on_staged, staging, &staging->op);
}

void staging_begin(struct staging *staging, struct store *store, const char *node_id,
                   uint64_t unique, void (*done)(struct staging *staging, enum result result))
{
    staging->store = store;
    staging->done = done;
    staging->next = 0;
    snprintf(staging->name, sizeof staging->name, "%.10s-%" PRIx64, node_id, unique);
    stage_next(staging);
}

void staging_cancel(struct staging *staging)
{
    store_cancel(&staging->op);
}
