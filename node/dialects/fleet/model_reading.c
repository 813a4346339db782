/* SPDX-License-Identifier: MIT */
/*
 * A reading is one or more answers of the store; it goes into the copy when the last one is there, so that the copy is
 * always one version. One is under way at a time. It serves those who had come when it began: who comes later waits for
 * the next, which all of them share.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model_inner.h"

struct model_wait {
    struct list node;
    struct fleet_model *model;
    bool wants_synced;
    model_done_fn *done;
    void *ctx;
    struct model_wait **slot;
};

static void reading_begin(struct fleet_model *model);

/* ---- who waits ---------------------------------------------------------------------------------------- */

static void wait_free(struct model_wait *wait)
{
    list_remove(&wait->node);
    *wait->slot = NULL;
    free(wait);
}

void model_read(struct fleet_model *model, bool wants_synced, model_done_fn *done, void *ctx,
                struct model_wait **slot)
{
    struct model_wait *wait = xcalloc(1, sizeof *wait);

    wait->model = model;
    wait->wants_synced = wants_synced;
    wait->done = done;
    wait->ctx = ctx;
    wait->slot = slot;
    *slot = wait;
    list_append(&model->waiting, &wait->node);
    if (model->op == NULL && list_is_empty(&model->reading))
        reading_begin(model);
}

void model_cancel(struct model_wait **slot)
{
    if (*slot != NULL)
        wait_free(*slot);
}

/* Those who are told may come again, or have others go. */
static void tell(struct fleet_model *model, enum result result, const struct model_view *view)
{
    struct list told;

    list_init(&told);
    list_splice(&told, &model->reading);
    while (!list_is_empty(&told)) {
        struct model_wait *wait = LIST_ENTRY(told.next, struct model_wait, node);
        model_done_fn *done = wait->done;
        void *ctx = wait->ctx;

        wait_free(wait);
        done(result, view, ctx);
    }
    if (model->op == NULL && !list_is_empty(&model->waiting))
        reading_begin(model);
}

/* ---- what was read so far ------------------------------------------------------------------------------- */

static void changes_forget(struct fleet_model *model)
{
    for (size_t i = 0; i < model->change_count; i++)
        model_instance_unref(&model->changes[i].instance);
    free(model->changes);
    model->changes = NULL;
    model->change_count = model->change_room = 0;
    model->is_anew = false;
}

static struct model_change *change_new(struct fleet_model *model)
{
    if (model->change_count == model->change_room) {
        model->change_room = 2 * model->change_room + 16;
        model->changes = xrealloc(model->changes, model->change_room * sizeof *model->changes);
    }
    return memset(&model->changes[model->change_count++], 0, sizeof *model->changes);
}

static void change_keep(struct fleet_model *model, const struct fleet_change *told)
{
    struct model_instance *instance = told->is_gone ? NULL : model_instance_of(told);
    struct model_change *change;

    if (told->id.len != FLEET_ID_LEN || (instance == NULL && !told->is_gone)) {
        log_error(NULL, "fleet.record_unreadable", "instance=%s",
                  log_quote(told->id.data, told->id.len));
        return;
    }
    change = change_new(model);
    memcpy(change->id, told->id.data, FLEET_ID_LEN);
    change->instance = instance;
}

/* ---- into the copy -------------------------------------------------------------------------------------- */

static void changes_apply(struct fleet_model *model)
{
    if (model->is_anew)
        model_drop_all(model);
    for (size_t i = 0; i < model->change_count; i++) {
        struct model_change *change = &model->changes[i];

        if (change->instance != NULL)
            model_put(model, change->instance);
        else
            model_drop(model, slice_of(change->id));
        change->instance = NULL;
    }
    changes_forget(model);
}

static void synced_apply(struct fleet_model *model, const struct fleet_reading *reading)
{
    for (size_t i = 0; i + 1 < reading->synced_count; i += 2) {
        struct model_entry *entry = model_entry_of(model, reading->synced[i]);
        uint64_t at_ms;

        if (entry != NULL && slice_to_u64(reading->synced[i + 1], 0, INT64_MAX, &at_ms))
            entry->instance->synced_ms = (int64_t)at_ms;
    }
}

static void reading_end(struct fleet_model *model, const struct fleet_reading *reading)
{
    changes_apply(model);
    synced_apply(model, reading);
    model->version = reading->version;
    if (reading->hash[0] != '\0')
        memcpy(model->hash, reading->hash, sizeof model->hash);
    model_settle(model);

    const struct model_view view = {
        .version = model->version,
        .hash = model->hash,
        .instances = model->order,
        .instance_count = model->count,
        .rooms = model->rooms,
        .connections = model->connections,
        .types = model->types.sorted,
        .type_count = model->types.count,
    };

    tell(model, RESULT_OK, &view);
}

/* ---- step by step ---------------------------------------------------------------------------------------- */

static bool wants_synced(const struct fleet_model *model)
{
    LIST_EACH (node, spare, &model->reading) {
        if (LIST_ENTRY(node, struct model_wait, node)->wants_synced)
            return true;
    }
    return false;
}

static void on_read(enum result result, const struct fleet_reading *reading, void *ctx);

static void read_on(struct fleet_model *model)
{
    fleet_read(model->realm->fleet->node->store, slice_of(model->realm->name), model->read_to,
               wants_synced(model), on_read, model, &model->op);
}

static void on_read(enum result result, const struct fleet_reading *reading, void *ctx)
{
    struct fleet_model *model = ctx;

    if (result != RESULT_OK) {
        changes_forget(model);
        tell(model, result, NULL);
        return;
    }
    if (reading->is_anew) {
        changes_forget(model);
        model->is_anew = true;
    }
    for (size_t i = 0; i < reading->change_count; i++)
        change_keep(model, &reading->changes[i]);
    if (reading->has_more && reading->change_count > 0) {
        model->read_to = reading->changes[reading->change_count - 1].version;
        read_on(model);
    } else {
        reading_end(model, reading);
    }
}

static void reading_begin(struct fleet_model *model)
{
    list_splice(&model->reading, &model->waiting);
    model->read_to = model->version;
    read_on(model);
}

void model_reading_fini(struct fleet_model *model)
{
    store_cancel(&model->op);
    changes_forget(model);
    list_splice(&model->waiting, &model->reading);
    while (!list_is_empty(&model->waiting))
        wait_free(LIST_ENTRY(model->waiting.next, struct model_wait, node));
}
