/* SPDX-License-Identifier: MIT */
/*
 * What a dead node left is removed by whoever hears of its death; who comes later finds it gone, so everybody begins
 * somewhere else. One instance at a time: the next is looked for in the model when the last one has gone. What cannot be
 * removed is passed over; the next beat tells of the dead again. A Redis that has lost the last it was told may show
 * instances again that had left us: those we remove ourselves.
 */
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "base/log.h"
#include "base/mem.h"
#include "fleet_parting.h"
#include "fleet_realm.h"

struct fleet_sweep {
    struct fleet_realm *realm;
    bool is_running;
    bool wants_own;        /* what is said to be ours and has no agent here goes, too */
    struct strings dead;   /* nodes                                                   */
    struct strings failed; /* instances that could not be removed                     */
    bool has_synced;       /* the model knows when they last answered                 */
    uint32_t dice;
    char id[FLEET_ID_LEN + 1]; /* of the one that is being removed */
    struct model_wait *reading;
    struct store_op *removing;
    size_t removed;
};

static void strings_add(struct strings *strings, struct slice text)
{
    strings->items = xrealloc(strings->items, (strings->count + 1) * sizeof(char *));
    strings->items[strings->count++] = slice_dup(text);
}

static void strings_clear(struct strings *strings)
{
    for (size_t i = 0; i < strings->count; i++)
        free(strings->items[i]);
    free(strings->items);
    *strings = (struct strings){ NULL, 0 };
}

static bool strings_hold(const struct strings *strings, const char *text)
{
    for (size_t i = 0; i < strings->count; i++)
        if (strcmp(strings->items[i], text) == 0)
            return true;
    return false;
}

static void rest(struct fleet_sweep *sweep)
{
    if (sweep->removed > 0 || sweep->failed.count > 0)
        log_info(NULL, "fleet.swept", "instances=%zu failed=%zu", sweep->removed,
                 sweep->failed.count);
    strings_clear(&sweep->dead);
    strings_clear(&sweep->failed);
    sweep->removed = 0;
    sweep->is_running = false;
}

static bool is_stray(const struct fleet_sweep *sweep, const struct model_instance *instance)
{
    struct agent *agent;

    if (!sweep->wants_own || strcmp(instance->owner, sweep->realm->fleet->node->id) != 0)
        return false;
    HASH_FIND(hh, sweep->realm->agents, instance->id, FLEET_ID_LEN, agent);
    return agent == NULL;
}

static bool is_to_go(const struct fleet_sweep *sweep, const struct model_instance *instance)
{
    return (strings_hold(&sweep->dead, instance->owner) || is_stray(sweep, instance)) &&
           !strings_hold(&sweep->failed, instance->id);
}

/* NULL: nothing is left. */
static const struct model_instance *choose(const struct fleet_sweep *sweep,
                                           const struct model_view *view)
{
    size_t count = 0, at;

    for (size_t i = 0; i < view->instance_count; i++)
        count += is_to_go(sweep, view->instances[i]);
    at = count > 0 ? sweep->dice % count : 0;
    for (size_t i = 0; i < view->instance_count; i++)
        if (is_to_go(sweep, view->instances[i]) && at-- == 0)
            return view->instances[i];
    return NULL;
}

static void go_on(struct fleet_sweep *sweep);

static void on_removed(enum result result, const struct fleet_removed *removed, void *ctx)
{
    struct fleet_sweep *sweep = ctx;

    if (result == RESULT_OK) {
        sweep->removed++;
        parting_tell_lost(sweep->realm, removed);
    } else if (result == RESULT_UNAVAILABLE) { /* not this one's fault */
        rest(sweep);
        return;
    } else if (result != RESULT_NOT_FOUND) {
        strings_add(&sweep->failed, slice_of(sweep->id));
    }
    go_on(sweep);
}

static void remove_one(struct fleet_sweep *sweep, const struct model_instance *orphan)
{
    struct parting parting;

    memcpy(sweep->id, orphan->id, sizeof sweep->id);
    parting_init_known(&parting, orphan);
    parting.leaving.is_orphan = strings_hold(&sweep->dead, orphan->owner);
    fleet_remove(sweep->realm->fleet->node->store, slice_of(sweep->realm->name), &parting.leaving,
                 on_removed, sweep, &sweep->removing);
    parting_fini(&parting);
}

static void on_read(enum result result, const struct model_view *view, void *ctx)
{
    struct fleet_sweep *sweep = ctx;
    const struct model_instance *orphan = result == RESULT_OK ? choose(sweep, view) : NULL;

    sweep->has_synced = true;
    if (orphan != NULL) {
        remove_one(sweep, orphan);
        return;
    }
    if (result == RESULT_OK && sweep->failed.count == 0)
        sweep->wants_own = false;
    rest(sweep);
}

static void go_on(struct fleet_sweep *sweep)
{
    model_read(sweep->realm->model, !sweep->has_synced, on_read, sweep, &sweep->reading);
}

void fleet_sweep_start(struct fleet_sweep *sweep, const struct fleet_beat *beat)
{
    if (sweep->is_running || (beat == NULL && !sweep->wants_own))
        return;
    for (size_t i = 0; beat != NULL && i < beat->dead_count; i++)
        strings_add(&sweep->dead, beat->dead[i]);
    uv_random(NULL, NULL, &sweep->dice, sizeof sweep->dice, 0, NULL);
    sweep->has_synced = false;
    sweep->is_running = true;
    go_on(sweep);
}

void fleet_sweep_want_own(struct fleet_sweep *sweep)
{
    sweep->wants_own = true;
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
