/* SPDX-License-Identifier: MIT */
/*
 * States. Whether one is taken is decided when it comes; then it waits for its turn in the queue: a full one to be
 * applied (agent_apply.c), another to be noted. That none comes is told the store in the same way.
 */
#include <inttypes.h>

#include "agent.h"
#include "base/mem.h"

enum { NO_POLL = 0 };

struct touch_item {
    struct agent_item item;
    uint64_t poll;
};

static struct store *store_of(const struct agent *agent)
{
    return agent->fleet->node->store;
}

/* ---- touching ---------------------------------------------------------------------------------------- */

static void on_touched(enum result result, void *ctx)
{
    struct agent *agent = ctx;

    if (agent_may_retry(result)) {
        agent_item_failed(agent, result);
        return;
    }
    if (result == RESULT_CONFLICT) {
        agent_fenced(agent);
        return;
    }
    if (result == RESULT_OK) {
        agent->synced_ms = store_now_ms(store_of(agent));
        agent_know_answered(agent);
    } else if (result == RESULT_NOT_FOUND) {
        agent_lose_applied(agent); /* the next poll asks for everything */
    }
    agent_item_done(agent);
}

static void run_touch(struct agent *agent, struct agent_item *item)
{
    fleet_touch(store_of(agent), agent_realm(agent), agent_id(agent), agent_owner(agent),
                ((struct touch_item *)item)->poll, on_touched, agent, &agent->op);
}

static const struct agent_item_kind touch_kind = {
    .name = "touch",
    .run = run_touch,
    .replaces = ITEM_IS_TOUCH,
    .traits = ITEM_IS_TOUCH,
};

/* What is held after a poll, which it answers, stays. */
static void touch(struct agent *agent, uint64_t poll)
{
    struct touch_item *item = xcalloc(1, sizeof *item);

    item->item.kind = &touch_kind;
    item->item.bytes = sizeof *item;
    item->poll = poll;
    agent_queue_add(agent, &item->item);
}

/* ---- stale ------------------------------------------------------------------------------------------- */

static void on_staled(enum result result, void *ctx)
{
    struct agent *agent = ctx;

    if (result == RESULT_OK)
        agent_know_stale(agent);
    if (agent_may_retry(result))
        agent_item_failed(agent, result);
    else if (result == RESULT_CONFLICT)
        agent_fenced(agent);
    else
        agent_item_done(agent);
}

/* The event shows it with its rooms' names of this moment. */
static void on_stale_read(enum result result, const struct model_view *view, void *ctx)
{
    struct agent *agent = ctx;
    const struct model_instance *found;
    struct buf event;

    (void)view;
    if (result != RESULT_OK) {
        agent_item_failed(agent, RESULT_UNAVAILABLE);
        return;
    }
    found = model_find(agent->realm->model, agent_id(agent));
    if (found == NULL) {
        agent_item_done(agent);
        return;
    }
    buf_init(&event, FLEET_EVENT_MAX);
    fleet_stale_event(&event, found->instance, agent_id(agent), found->synced_ms,
                      slice_of(found->renamed), slice_of(found->metadata));
    fleet_stale(store_of(agent), agent_realm(agent), agent_id(agent), agent_owner(agent),
                buf_slice(&event), on_staled, agent, &agent->op);
    buf_fini(&event);
}

/* Who never joined is not missed. */
static void run_stale(struct agent *agent, struct agent_item *item)
{
    (void)item;
    if (agent->applied == NULL)
        agent_item_done(agent);
    else
        model_read(agent->realm->model, true, on_stale_read, agent, &agent->reading);
}

static const struct agent_item_kind stale_kind = { .name = "stale", .run = run_stale };

void agent_turn_stale(struct agent *agent)
{
    struct agent_item *item = xcalloc(1, sizeof *item);

    item->kind = &stale_kind;
    item->bytes = sizeof *item;
    agent_queue_add(agent, item);
}

/* ---- what came --------------------------------------------------------------------------------------- */

/* Seqs grow on one connection, whatever became of the states. */
static bool is_in_order(struct agent *agent, const struct fleet_state_message *message)
{
    if (!agent->has_seq || message->seq > agent->seq) {
        agent->has_seq = true;
        agent->seq = message->seq;
        return true;
    }
    log_peer(LOG_WARN, &agent->log, "agent.out_of_order", "seq=%" PRIu32 " last=%" PRIu32,
             message->seq, agent->seq);
    return false;
}

static bool is_acceptable(struct agent *agent, const struct fleet_state_message *message)
{
    struct fleet_fault fault = fleet_state_judge(message);

    if (fault.field == NULL)
        fault.field = agent_broken_claim(agent, message);
    if (fault.field == NULL)
        return is_in_order(agent, message);
    agent_reject(agent, fault.field, fault.limit);
    return false;
}

static void take(struct agent *agent, const struct fleet_state_message *message, size_t bytes)
{
    bool was_stale = agent->misses >= 2;

    if (!agent_is_asked(agent, message->request_id)) {
        agent_kick(agent, FLEET_KICK_UNASKED);
        return;
    }
    agent->is_awaited = false;
    agent->misses = 0;
    if (!message->is_full)
        touch(agent, agent->polls);
    else if ((!is_acceptable(agent, message) || !agent_apply(agent, message, bytes)) && was_stale)
        touch(agent, NO_POLL); /* whatever it said, it lives; it says nothing of what is held */
}

void agent_take_state(struct agent *agent, struct slice payload)
{
    struct fleet_state_message message;

    if (!fleet_state_parse(payload, &message)) {
        log_peer(LOG_WARN, &agent->log, "agent.undecodable", "what=state bytes=%zu", payload.len);
        return;
    }
    take(agent, &message, payload.len);
    fleet_state_message_fini(&message);
}
