/* SPDX-License-Identifier: MIT */
/*
 * States. Whether one is taken is decided when it comes; then it waits for its turn in the queue, and is applied as
 * what has changed against the last one that was. The store says no where it knows more: the record is gone (then it
 * gets everything), it is another node's (then we are not needed any more), or the same server is there a second
 * time, left by a node that is dead (then that one goes in the same step).
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "base/mem.h"
#include "fleet_parting.h"

enum { TEXTS_MAX = 64 * 1024 * 1024 };

struct state_item {
    struct agent_item item;
    struct fleet_instance *instance;
    uint32_t seq;
    uint64_t poll;
};

struct touch_item {
    struct agent_item item;
    uint64_t poll;
};

static struct store *store_of(const struct agent *agent)
{
    return agent->fleet->node->store;
}

void agent_forget_applied(struct agent *agent)
{
    fleet_instance_free(&agent->applied);
}

/* Another node has the record: this one is not to touch it again, the queue included. */
static void fenced(struct agent *agent)
{
    agent_kick(agent, FLEET_KICK_FENCED);
    agent_item_done(agent);
}

/* ---- applying ---------------------------------------------------------------------------------------- */

static void on_applied(enum result result, const struct fleet_applied *applied, void *ctx);

static bool apply(struct agent *agent, const struct fleet_leaving *replaced)
{
    const struct state_item *item = (struct state_item *)agent_queue_first(agent);
    struct fleet_state state = { .seq = 0 };
    struct buf texts;
    bool is_good;

    buf_init(&texts, TEXTS_MAX);
    is_good = fleet_state_fill(&state, item->instance, agent_id(agent),
                               store_now_ms(store_of(agent)), &texts);
    if (is_good) {
        fleet_instance_compare(agent->applied, item->instance, agent_id(agent), &state);
        state.owner = agent_owner(agent);
        state.seq = item->seq;
        state.is_repeat = item->item.is_repeat;
        state.poll = item->poll;
        state.replaced = replaced;
        fleet_apply(store_of(agent), agent_realm(agent), &state, on_applied, agent, &agent->op);
        fleet_compare_fini(&state);
    }
    buf_fini(&texts);
    return is_good;
}

static void reject(struct agent *agent, const char *field, uint64_t limit)
{
    agent->fleet->node->metrics.fleet_states_rejected++;
    log_peer(LOG_WARN, &agent->log, "agent.rejected", "field=%s limit=%" PRIu64, field, limit);
}

static void run_state(struct agent *agent, struct agent_item *item)
{
    (void)item;
    if (apply(agent, NULL))
        return;
    reject(agent, "record", FLEET_RECORD_MAX);
    agent_item_done(agent);
}

static void tell_rival(const struct agent *agent, const struct fleet_applied *applied)
{
    if (applied->rival.len > 0)
        log_peer(LOG_WARN, &agent->log, "agent.rival", "room=%s other=%s renamed=%s~",
                 log_quote(applied->rival_base.data, applied->rival_base.len),
                 log_quote(applied->rival.data, applied->rival.len),
                 log_quote(agent->applied->process_uid.data, agent->applied->process_uid.len));
}

static bool is_named_anew(const struct agent *agent, const struct fleet_instance *now)
{
    return agent->applied == NULL || !slice_equals(agent->applied->name, now->name);
}

static void take_applied(struct agent *agent, const struct fleet_applied *applied)
{
    struct state_item *item = (struct state_item *)agent_queue_first(agent);
    bool has_new_name = is_named_anew(agent, item->instance);

    agent_forget_applied(agent);
    agent->applied = item->instance;
    item->instance = NULL;
    agent->version = applied->version;
    agent->synced_ms = store_now_ms(store_of(agent));
    agent->wants_full = false;
    tell_rival(agent, applied);
    if (has_new_name && agent->state == AGENT_OPEN)
        agent_check_name(agent);
    agent_item_done(agent);
}

static void on_orphan_read(enum result result, const struct model_view *view, void *ctx)
{
    struct agent *agent = ctx;
    const struct model_instance *orphan;
    struct parting parting;

    (void)view;
    if (result != RESULT_OK) {
        agent_item_failed(agent, RESULT_UNAVAILABLE);
        return;
    }
    orphan = model_find(agent->realm->model, slice_of(agent->orphan));
    if (orphan == NULL) { /* somebody was faster */
        apply(agent, NULL);
        return;
    }
    parting_init_known(&parting, orphan);
    parting.leaving.is_orphan = true;
    apply(agent, &parting.leaving);
    parting_fini(&parting);
}

static void replace_orphan(struct agent *agent, struct slice orphan)
{
    snprintf(agent->orphan, sizeof agent->orphan, "%.*s", (int)orphan.len, orphan.data);
    model_read(agent->realm->model, true, on_orphan_read, agent, &agent->reading);
}

/* Redis has lost the record: it gets everything; where it has nothing to lose, that takes time. */
static void apply_anew(struct agent *agent)
{
    if (agent->applied == NULL) {
        agent_item_failed(agent, RESULT_NOT_FOUND);
        return;
    }
    agent_forget_applied(agent);
    if (!apply(agent, NULL))
        agent_item_done(agent);
}

static void on_applied(enum result result, const struct fleet_applied *applied, void *ctx)
{
    struct agent *agent = ctx;

    if (result == RESULT_OK)
        take_applied(agent, applied);
    else if (agent_may_retry(result))
        agent_item_failed(agent, result);
    else if (result == RESULT_NOT_FOUND)
        apply_anew(agent);
    else if (result == RESULT_CONFLICT && applied->orphan.len > 0)
        replace_orphan(agent, applied->orphan);
    else if (result == RESULT_CONFLICT)
        fenced(agent);
    else {
        reject(agent, result == RESULT_REFUSED ? "seq" : "record", 0);
        agent_item_done(agent);
    }
}

static void fini_state(struct agent_item *item)
{
    fleet_instance_free(&((struct state_item *)item)->instance);
}

static const struct agent_item_kind state_kind = {
    .name = "state",
    .run = run_state,
    .fini = fini_state,
    .replaces = ITEM_IS_STATE | ITEM_IS_TOUCH,
    .traits = ITEM_IS_STATE,
};

/* ---- touching ---------------------------------------------------------------------------------------- */

static void on_touched(enum result result, void *ctx)
{
    struct agent *agent = ctx;

    if (agent_may_retry(result)) {
        agent_item_failed(agent, result);
        return;
    }
    if (result == RESULT_CONFLICT) {
        fenced(agent);
        return;
    }
    if (result == RESULT_OK)
        agent->synced_ms = store_now_ms(store_of(agent));
    else if (result == RESULT_NOT_FOUND)
        agent_forget_applied(agent); /* the next poll asks for everything */
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

static void touch(struct agent *agent)
{
    struct touch_item *item = xcalloc(1, sizeof *item);

    item->item.kind = &touch_kind;
    item->item.bytes = sizeof *item;
    item->poll = agent->polls;
    agent_queue_add(agent, &item->item);
}

/* ---- stale ------------------------------------------------------------------------------------------- */

static void on_staled(enum result result, void *ctx)
{
    struct agent *agent = ctx;

    if (agent_may_retry(result))
        agent_item_failed(agent, result);
    else if (result == RESULT_CONFLICT)
        fenced(agent);
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
    buf_init(&event, TEXTS_MAX);
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
        return is_in_order(agent, message);
    reject(agent, fault.field, fault.limit);
    return false;
}

static void take_full(struct agent *agent, const struct fleet_state_message *message, size_t bytes)
{
    struct state_item *item = xcalloc(1, sizeof *item);

    item->item.kind = &state_kind;
    item->item.bytes = sizeof *item + 2 * bytes;
    item->instance = fleet_instance_of_state(message);
    item->seq = message->seq;
    item->poll = agent->polls;
    agent_queue_add(agent, &item->item);
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
        touch(agent);
    else if (is_acceptable(agent, message))
        take_full(agent, message, bytes);
    else if (was_stale)
        touch(agent); /* whatever it said, it lives */
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
