/* SPDX-License-Identifier: MIT */
/*
 * The end of an agent's record: the last in its queue, tried until the store has said how it stands. Commands that
 * were under way end with it. Where the record is newer than what we applied (somebody described a room) it goes as
 * it is now.
 */
#include "agent.h"
#include "base/mem.h"
#include "fleet_parting.h"

static void leave_with(struct agent *agent, struct parting *parting, fleet_removed_fn *done)
{
    fleet_remove(agent->fleet->node->store, agent_realm(agent), &parting->leaving, done, agent,
                 &agent->op);
    parting_fini(parting);
}

static void over(struct agent *agent)
{
    agent_end_tasks(agent);
    agent_forget_applied(agent);
    agent_item_done(agent);
}

/* Newer again than what was read just now: that is looked at later. */
static void on_known_removed(enum result result, const struct fleet_removed *removed, void *ctx)
{
    struct agent *agent = ctx;

    (void)removed; /* their nodes have asked us, or will: each gets its answer */
    if (agent_may_retry(result))
        agent_item_failed(agent, result);
    else if (result == RESULT_CONFLICT)
        agent_item_failed(agent, RESULT_UNAVAILABLE);
    else
        over(agent);
}

static void on_read(enum result result, const struct model_view *view, void *ctx)
{
    struct agent *agent = ctx;
    const struct model_instance *known;
    struct parting parting;

    (void)view;
    if (result != RESULT_OK) {
        agent_item_failed(agent, RESULT_UNAVAILABLE);
        return;
    }
    known = model_find(agent->realm->model, agent_id(agent));
    if (known == NULL || !slice_equals(slice_of(known->owner), agent_owner(agent))) {
        over(agent);
        return;
    }
    parting_init_known(&parting, known);
    leave_with(agent, &parting, on_known_removed);
}

static void on_removed(enum result result, const struct fleet_removed *removed, void *ctx)
{
    struct agent *agent = ctx;

    if (result == RESULT_CONFLICT)
        model_read(agent->realm->model, true, on_read, agent, &agent->reading);
    else
        on_known_removed(result, removed, ctx);
}

static void run_leave(struct agent *agent, struct agent_item *item)
{
    struct parting parting;

    (void)item;
    if (agent->applied == NULL) {
        over(agent);
        return;
    }
    parting_init(&parting, &(struct parted){
                               .instance = agent->applied,
                               .id = agent_id(agent),
                               .owner = agent_owner(agent),
                               .version = agent->version,
                               .synced_ms = agent->synced_ms,
                           });
    leave_with(agent, &parting, on_removed);
}

static const struct agent_item_kind leave_kind = { .name = "leave",
                                                   .run = run_leave,
                                                   .traits = ITEM_IS_LAST };

void agent_leave(struct agent *agent)
{
    struct agent_item *item = xcalloc(1, sizeof *item);

    item->kind = &leave_kind;
    item->bytes = sizeof *item;
    agent_queue_add(agent, item);
}
