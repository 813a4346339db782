/* SPDX-License-Identifier: MIT */
/*
 * A full state on its way into the store, as what has changed against the last one that was applied. The store says no
 * where it knows more: the record is gone (then it gets everything), it is another node's (then we are not needed any
 * more), or the same server is there a second time, left by a node that is dead (then that one goes in the same
 * step).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent.h"
#include "base/mem.h"
#include "fleet_parting.h"
#include "json.h"

enum { TEXTS_MAX = 64 * 1024 * 1024 };

struct state_item {
    struct agent_item item;
    struct fleet_instance *instance;
    uint32_t seq;
    uint64_t poll;
};

static struct store *store_of(const struct agent *agent)
{
    return agent->fleet->node->store;
}

void agent_lose_applied(struct agent *agent)
{
    agent_forget_applied(agent);
    agent_keep_seat(agent);
}

void agent_fenced(struct agent *agent)
{
    agent_kick(agent, FLEET_KICK_FENCED);
    agent_item_done(agent);
}

void agent_reject(struct agent *agent, const char *field, uint64_t limit)
{
    agent->fleet->node->metrics.fleet_states_rejected++;
    log_peer(LOG_WARN, &agent->log, "agent.rejected", "field=%s limit=%" PRIu64, field, limit);
}

static void on_applied(enum result result, const struct fleet_applied *applied, void *ctx);

/* NULL: it has none. */
static struct fleet_room_now *rooms_of(const struct fleet_instance *instance)
{
    struct fleet_room_now *rooms =
        instance->room_count > 0 ? xcalloc(instance->room_count, sizeof *rooms) : NULL;

    for (size_t i = 0; i < instance->room_count; i++)
        rooms[i] = (struct fleet_room_now){
            .base = instance->rooms[i].base,
            .connections = instance->rooms[i].connections,
            .is_fleets = instance->rooms[i].is_fleets,
        };
    return rooms;
}

static void send_state(struct agent *agent, struct fleet_state *state,
                       const struct fleet_leaving *replaced)
{
    const struct state_item *item = (struct state_item *)agent_queue_first(agent);
    struct fleet_room_now *rooms = rooms_of(item->instance);
    struct buf url;

    buf_init(&url, TEXTS_MAX);
    json_quote(&url, item->instance->endpoint_url);
    fleet_instance_compare(agent->applied, item->instance, agent_id(agent), state);
    if (agent->applied != NULL) /* with a document it would count as all that there is */
        state->document = state->rest = (struct slice){ NULL, 0 };
    state->owner = agent_owner(agent);
    state->seq = item->seq;
    state->base_seq = agent->applied_seq;
    state->is_repeat = item->item.is_repeat;
    state->poll = item->poll;
    state->rooms = rooms;
    state->endpoint_url = buf_slice(&url);
    state->replaced = replaced;
    fleet_apply(store_of(agent), agent_realm(agent), state, on_applied, agent, &agent->op);
    fleet_compare_fini(state);
    buf_fini(&url);
    free(rooms);
}

/* False: it is larger than anything may be. */
static bool apply(struct agent *agent, const struct fleet_leaving *replaced)
{
    const struct state_item *item = (struct state_item *)agent_queue_first(agent);
    struct fleet_state state = { .seq = 0 };
    struct buf texts;
    bool is_good;

    buf_init(&texts, TEXTS_MAX);
    is_good = fleet_state_fill(&state, item->instance, agent_id(agent),
                               store_now_ms(store_of(agent)), &texts);
    if (is_good)
        send_state(agent, &state, replaced);
    buf_fini(&texts);
    return is_good;
}

static void run_state(struct agent *agent, struct agent_item *item)
{
    (void)item;
    if (apply(agent, NULL))
        return;
    agent_reject(agent, "record", FLEET_RECORD_MAX);
    agent_item_done(agent);
}

static void tell_rival(const struct agent *agent, const struct fleet_applied *applied)
{
    if (applied->rival.len > 0)
        log_peer(LOG_WARN, &agent->log, "agent.rival", "room=%s other=%s renamed=%s",
                 log_quote(applied->rival_base.data, applied->rival_base.len),
                 log_quote(applied->rival.data, applied->rival.len),
                 log_quote(applied->renamed.data, applied->renamed.len));
}

static bool is_named_anew(const struct agent *agent, const struct fleet_instance *now)
{
    return agent->applied == NULL || !slice_equals(agent->applied->name, now->name);
}

static void take_applied(struct agent *agent, const struct fleet_applied *applied)
{
    struct state_item *item = (struct state_item *)agent_queue_first(agent);
    bool has_new_name = is_named_anew(agent, item->instance);

    agent_know_applied(agent, item->instance);
    item->instance = NULL;
    agent->applied_seq = item->seq;
    agent->version = applied->version;
    agent->synced_ms = store_now_ms(store_of(agent));
    agent->wants_full = false;
    parting_tell_lost(agent->realm, &applied->replaced);
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
    if (orphan == NULL) { /* somebody was faster, or its record cannot be read */
        agent_item_failed(agent, RESULT_UNAVAILABLE);
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
    agent_lose_applied(agent);
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
        agent_fenced(agent);
    else {
        agent_reject(agent, result == RESULT_REFUSED ? "seq" : "record", 0);
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

bool agent_apply(struct agent *agent, const struct fleet_state_message *message, size_t bytes)
{
    struct fleet_instance *instance = fleet_instance_of_state(message);
    struct state_item *item;

    if (instance == NULL || !fleet_instance_fits(instance)) {
        fleet_instance_free(&instance);
        agent_reject(agent, "record", FLEET_RECORD_MAX);
        return false;
    }
    item = xcalloc(1, sizeof *item);
    item->item.kind = &state_kind;
    item->item.bytes = sizeof *item + 2 * bytes;
    item->instance = instance;
    item->seq = message->seq;
    item->poll = agent->polls;
    agent_queue_add(agent, &item->item);
    return true;
}
