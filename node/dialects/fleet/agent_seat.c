/* SPDX-License-Identifier: MIT */
/*
 * Agents with a registration of their own: each takes one of its places, and may say nothing of itself but what the
 * registration claims for it: {"name":…,"endpointUrl":…,"labels":{…}}, where what is missing is free.
 */
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "base/mem.h"
#include "json.h"
#include "store/fleet_registrations.h"

enum { ASK_AGAIN_MS = 500 };

struct slice agent_registration(const struct identity *identity)
{
    size_t len = strlen(FLEET_REGISTRATION_SUBJECT);

    if (strncmp(identity->subject, FLEET_REGISTRATION_SUBJECT, len) != 0)
        return (struct slice){ NULL, 0 };
    return slice_of(identity->subject + len);
}

/* ---- a place -------------------------------------------------------------------------------------------- */

static void ask(struct agent *agent);

static void on_ask_again(struct deadline *deadline)
{
    ask(LIST_ENTRY(deadline, struct agent, retry));
}

static void forget_seat(struct agent *agent)
{
    free(agent->seat);
    agent->seat = NULL;
}

/* All places are taken, or it has ended. */
static void refuse(struct agent *agent)
{
    forget_seat(agent);
    agent_refuse(agent);
}

static void on_admitted(enum result result, const struct fleet_registration *registration,
                        void *ctx)
{
    struct agent *agent = ctx;

    if (result != RESULT_OK && !agent_may_retry(result)) {
        refuse(agent);
    } else if (agent->fleet->node->is_draining) { /* those that are open have been told */
        agent_turn_away(agent, CLOSE_AGENT_SHUTDOWN);
    } else if (result != RESULT_OK) {
        deadline_set(agent->fleet->deadlines, &agent->retry, ASK_AGAIN_MS, on_ask_again);
    } else {
        agent->claims = slice_dup(registration->claims);
        agent_enter(agent, AGENT_OPEN);
    }
}

static void ask(struct agent *agent)
{
    fleet_admit(agent->fleet->node->store, agent_realm(agent), slice_of(agent->seat),
                agent_id(agent), agent_owner(agent), on_admitted, agent, &agent->op);
}

void agent_take_seat(struct agent *agent, struct slice registration)
{
    agent->seat = slice_dup(registration);
    ask(agent);
}

/* ---- … kept: Redis may have lost it, or thought our node dead and given it away ---------------------------- */

static void on_kept(enum result result, const struct fleet_registration *registration, void *ctx)
{
    struct agent *agent = ctx;

    (void)registration;
    if (agent_may_retry(result)) {
        agent_item_failed(agent, result);
        return;
    }
    if (result == RESULT_REFUSED)
        agent_kick(agent, FLEET_KICK_CROWDED);
    agent_item_done(agent); /* without a registration the key will end it */
}

static void run_keep(struct agent *agent, struct agent_item *item)
{
    (void)item;
    fleet_admit(agent->fleet->node->store, agent_realm(agent), slice_of(agent->seat),
                agent_id(agent), agent_owner(agent), on_kept, agent, &agent->op);
}

static const struct agent_item_kind keep_kind = { .name = "keep", .run = run_keep };

static void seat_queue(struct agent *agent, const struct agent_item_kind *kind)
{
    struct agent_item *item = xcalloc(1, sizeof *item);

    item->kind = kind;
    item->bytes = sizeof *item;
    agent_queue_add(agent, item);
}

void agent_keep_seat(struct agent *agent)
{
    if (agent->seat != NULL && agent->state == AGENT_OPEN)
        seat_queue(agent, &keep_kind);
}

/* ---- … given back ------------------------------------------------------------------------------------------ */

static void on_dismissed(enum result result, void *ctx)
{
    struct agent *agent = ctx;

    if (agent_may_retry(result)) {
        agent_item_failed(agent, result);
        return;
    }
    forget_seat(agent);
    agent_item_done(agent);
}

static void run_seat(struct agent *agent, struct agent_item *item)
{
    (void)item;
    fleet_dismiss(agent->fleet->node->store, agent_realm(agent), slice_of(agent->seat),
                  agent_id(agent), on_dismissed, agent, &agent->op);
}

static const struct agent_item_kind seat_kind = { .name = "seat",
                                                  .run = run_seat,
                                                  .traits = ITEM_IS_LAST };

void agent_leave_seat(struct agent *agent)
{
    if (agent->seat != NULL)
        seat_queue(agent, &seat_kind);
}

/* ---- claims -------------------------------------------------------------------------------------------------- */

/* Is it what is claimed? What is not claimed may be anything. */
static bool is_as_claimed(struct json claim, struct slice text)
{
    struct buf claimed;
    bool is_same;

    if (claim.type == JSON_ABSENT)
        return true;
    buf_init(&claimed, claim.raw.len);
    is_same = json_text(claim, &claimed) && fleet_text_equals(buf_slice(&claimed), text);
    buf_fini(&claimed);
    return is_same;
}

static bool has_label(const struct fleet_state_message *state, struct slice key, struct json value)
{
    for (size_t i = 0; i < state->label_count; i++)
        if (fleet_text_equals(state->labels[i].key, key))
            return is_as_claimed(value, state->labels[i].value);
    return false;
}

static bool has_labels(const struct fleet_state_message *state, struct json labels)
{
    struct json name, value;
    size_t offset = 0;
    bool has_all = true;

    while (has_all && json_next_member(labels, &offset, &name, &value)) {
        struct buf key;

        buf_init(&key, name.raw.len);
        has_all = json_text(name, &key) && has_label(state, buf_slice(&key), value);
        buf_fini(&key);
    }
    return has_all;
}

const char *agent_broken_claim(const struct agent *agent, const struct fleet_state_message *state)
{
    struct json_member members[] = { { .name = "name" },
                                     { .name = "endpointUrl" },
                                     { .name = "labels" } };
    struct json claims;

    if (agent->claims == NULL)
        return NULL;
    if (!json_parse(slice_of(agent->claims), &claims) || !json_members(claims, members, 3))
        return "claims";
    if (!is_as_claimed(members[0].value, state->name))
        return members[0].name;
    if (!is_as_claimed(members[1].value, state->endpoint_url))
        return members[1].name;
    return has_labels(state, members[2].value) ? NULL : members[2].name;
}
