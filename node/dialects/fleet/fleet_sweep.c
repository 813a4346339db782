/* SPDX-License-Identifier: MIT */
/*
 * What a dead node left is removed by whoever hears of its death first; the others find it gone. One instance at a
 * time: the next is looked for in the model when the last one has gone. When anything fails the next beat tells
 * of the dead again.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "fleet_parting.h"
#include "fleet_realm.h"

struct fleet_sweep {
    struct fleet_realm *realm;
    struct strings dead; /* nodes; empty: it rests */
    struct model_wait *reading;
    struct store_op *removing;
    size_t removed;
};

static void rest(struct fleet_sweep *sweep)
{
    if (sweep->removed > 0)
        log_info(NULL, "fleet.swept", "instances=%zu", sweep->removed);
    for (size_t i = 0; i < sweep->dead.count; i++)
        free(sweep->dead.items[i]);
    free(sweep->dead.items);
    sweep->dead = (struct strings){ NULL, 0 };
    sweep->removed = 0;
}

static bool is_dead(const struct fleet_sweep *sweep, const char *owner)
{
    for (size_t i = 0; i < sweep->dead.count; i++)
        if (strcmp(sweep->dead.items[i], owner) == 0)
            return true;
    return false;
}

static void go_on(struct fleet_sweep *sweep);

static void on_removed(enum result result, const struct fleet_removed *removed, void *ctx)
{
    struct fleet_sweep *sweep = ctx;

    if (result == RESULT_OK) {
        sweep->removed++;
        parting_tell_lost(sweep->realm, removed);
    }
    if (result == RESULT_OK || result == RESULT_NOT_FOUND)
        go_on(sweep);
    else
        rest(sweep);
}

static void remove_one(struct fleet_sweep *sweep, const struct model_instance *orphan)
{
    struct parting parting;

    parting_init_known(&parting, orphan);
    parting.leaving.is_orphan = true;
    fleet_remove(sweep->realm->fleet->node->store, slice_of(sweep->realm->name), &parting.leaving,
                 on_removed, sweep, &sweep->removing);
    parting_fini(&parting);
}

static void on_read(enum result result, const struct model_view *view, void *ctx)
{
    struct fleet_sweep *sweep = ctx;

    for (size_t i = 0; result == RESULT_OK && i < view->instance_count; i++)
        if (is_dead(sweep, view->instances[i]->owner)) {
            remove_one(sweep, view->instances[i]);
            return;
        }
    rest(sweep);
}

static void go_on(struct fleet_sweep *sweep)
{
    model_read(sweep->realm->model, true, on_read, sweep, &sweep->reading);
}

void fleet_sweep_start(struct fleet_sweep *sweep, const struct fleet_beat *beat)
{
    if (sweep->dead.count > 0)
        return;
    sweep->dead.items = xcalloc(beat->dead_count, sizeof(char *));
    for (size_t i = 0; i < beat->dead_count; i++)
        sweep->dead.items[sweep->dead.count++] = slice_dup(beat->dead[i]);
    go_on(sweep);
}

struct fleet_sweep *fleet_sweep_create(struct fleet_realm *realm)
{
    struct fleet_sweep *sweep = xcalloc(1, sizeof *sweep);

    sweep->realm = realm;
    return sweep;
}

void fleet_sweep_destroy(struct fleet_sweep **sweep_ref)
{
    struct fleet_sweep *sweep = *sweep_ref;

    if (sweep == NULL)
        return;
    *sweep_ref = NULL;
    model_cancel(&sweep->reading);
    store_cancel(&sweep->removing);
    rest(sweep);
    free(sweep);
}
