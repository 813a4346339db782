/* SPDX-License-Identifier: MIT */
/*
 * An agent comes with a key, is polled as long as its socket lives, and leaves once, for whatever reason. What
 * it said before it left is still told to the store, in that order, and then its record goes: so it outlives
 * its socket until the store has heard of it.
 *
 *     admitting ──> open ──> leaving ──> left
 *         ├─────────────────────┘         │
 *         └───────────────────────────────┘
 *
 * One that never opened leaves nothing but a place, where it may have one.
 */
#include "agent.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* ---- states ---------------------------------------------------------------------------------------- */

static void join(struct agent *agent);
static void leave(struct agent *agent);
static void let_go(struct agent *agent);

#define TO(state) (1u << (state))

/* clang-format off */
static const struct {
    const char *name;
    unsigned next;
    void (*enter)(struct agent *agent);
} rules[AGENT_STATES] = {
    /*                    name         may move to                        on entry */
    [AGENT_ADMITTING] = { "admitting", TO(AGENT_OPEN) | TO(AGENT_LEAVING)
                                                      | TO(AGENT_LEFT),   NULL   },
    [AGENT_OPEN]      = { "open",      TO(AGENT_LEAVING),                  join   },
    [AGENT_LEAVING]   = { "leaving",   TO(AGENT_LEFT),                     leave  },
    [AGENT_LEFT]      = { "left",      0,                                  let_go },
};
/* clang-format on */

void agent_enter(struct agent *agent, enum agent_state to)
{
    assert(rules[agent->state].next & TO(to));
    log_debug(&agent->log, "agent.state", "from=%s to=%s", rules[agent->state].name,
              rules[to].name);
    agent->state = to;
    if (rules[to].enter != NULL)
        rules[to].enter(agent);
}

static void join(struct agent *agent)
{
    struct fleet_realm *realm = agent->realm;

    snprintf(agent->log.context, sizeof agent->log.context, "conn=%" PRIu64 " dialect=fleet id=%s",
             ws_number(agent->ws), agent->id);
    log_info(&agent->log, "agent.join", "realm=%s", log_quote(realm->name, strlen(realm->name)));
    agent->has_joined = true;
    deadline_clear(&agent->limit);
    deadline_clear(&agent->retry);
    HASH_ADD(hh, realm->agents, id, FLEET_ID_LEN, agent);
    agent->fleet->node->metrics.fleet_agents++;
    agent_fill_bucket(agent);
    agent_greet(agent);
    ws_continue(agent->ws);
}

static void leave_open(struct agent *agent)
{
    HASH_DELETE(hh, agent->realm->agents, agent);
    agent->fleet->node->metrics.fleet_agents--;
    deadline_clear(&agent->tick);
    auth_release(&agent->hold);
    model_cancel(&agent->naming);
    agent_stop_tasks(agent);
    agent_leave_seat(agent);
    agent_leave(agent);
}

/* Whatever is asked for it. */
static void let_go(struct agent *agent)
{
    deadline_clear(&agent->limit);
    deadline_clear(&agent->retry);
    auth_cancel(&agent->check);
    auth_release(&agent->hold);
    store_cancel(&agent->op);
}

static void leave(struct agent *agent)
{
    if (agent->has_joined) {
        leave_open(agent);
    } else {
        let_go(agent);
        agent_leave_seat(agent);
    }
}

/* ---- the end ----------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum close_reason reason;
} kicks[FLEET_KICKS] = {
    [FLEET_KICK_INVALID] = { "invalid_message", CLOSE_AGENT_INVALID },
    [FLEET_KICK_RATE] = { "rate_limited", CLOSE_AGENT_RATE },
    [FLEET_KICK_TEXT] = { "text", CLOSE_AGENT_TEXT },
    [FLEET_KICK_UNASKED] = { "unasked", CLOSE_AGENT_KICKED },
    [FLEET_KICK_ACK] = { "ack", CLOSE_AGENT_KICKED },
    [FLEET_KICK_SILENT] = { "silent", CLOSE_AGENT_SILENT },
    [FLEET_KICK_FENCED] = { "fenced", CLOSE_AGENT_KICKED },
    [FLEET_KICK_STUCK] = { "stuck", CLOSE_AGENT_KICKED },
    [FLEET_KICK_CROWDED] = { "crowded", CLOSE_AGENT_REFUSED },
    [FLEET_KICK_REVOKED] = { "revoked", CLOSE_AGENT_REVOKED },
    [FLEET_KICK_SHUTDOWN] = { "shutdown", CLOSE_AGENT_SHUTDOWN },
};

void agent_kick(struct agent *agent, enum fleet_kick kick)
{
    if (agent->state != AGENT_OPEN)
        return;
    agent->fleet->node->metrics.fleet_kicks[kick]++;
    log_peer(kick == FLEET_KICK_SHUTDOWN ? LOG_INFO : LOG_WARN, &agent->log, "agent.kick",
             "reason=%s", kicks[kick].name);
    agent_enter(agent, AGENT_LEAVING);
    ws_close(agent->ws, kicks[kick].reason);
}

void agent_stay_out(struct agent *agent)
{
    assert(agent->state == AGENT_ADMITTING);
    agent_enter(agent, agent->seat != NULL ? AGENT_LEAVING : AGENT_LEFT);
}

void agent_settle_down(struct agent *agent)
{
    if (agent->state == AGENT_LEFT && agent->is_closed)
        agent_destroy(&agent);
}

/* ---- its socket ---------------------------------------------------------------------------------------- */

static void on_open(struct ws *ws, void *ctx)
{
    struct agent *agent = ctx;

    agent->ws = ws;
    snprintf(agent->log.context, sizeof agent->log.context, "conn=%" PRIu64 " dialect=fleet",
             ws_number(ws));
    ws_pause(ws);
    agent_admit(agent);
}

static void on_message(struct ws *ws, struct slice message, enum ws_kind kind, void *ctx)
{
    struct agent *agent = ctx;

    (void)ws;
    if (agent->state != AGENT_OPEN)
        return;
    if (kind == WS_TEXT)
        agent_kick(agent, FLEET_KICK_TEXT);
    else
        agent_receive(agent, message);
}

static void on_close(struct ws *ws, enum ws_end how, enum close_reason reason, void *ctx)
{
    struct agent *agent = ctx;

    (void)ws, (void)how;
    if (agent->state == AGENT_OPEN)
        log_info(&agent->log, "agent.leave", "reason=%s", close_label(reason));
    agent->ws = NULL;
    if (agent->state == AGENT_ADMITTING)
        agent_stay_out(agent);
    else if (agent->state == AGENT_OPEN)
        agent_enter(agent, AGENT_LEAVING);
    agent->is_closed = true;
    agent_settle_down(agent);
}

static const char *const protocols[] = { "rivalis-fleet.v1", NULL };

/* What is larger than a payload may be is closed with 1009, so the payload's own limit is never reached. */
const struct ws_ops agent_ws_ops = {
    .dialect = "fleet",
    .message_max_bytes = AGENT_MESSAGE_MAX,
    .protocols = protocols,
    .on_open = on_open,
    .on_message = on_message,
    .on_close = on_close,
};

/* ---- birth and death ------------------------------------------------------------------------------------ */

struct agent *agent_create(struct fleet *fleet, struct slice ticket, const struct peer *peer)
{
    struct agent *agent = xcalloc(1, sizeof *agent);

    agent->fleet = fleet;
    agent->ticket = slice_dup(ticket);
    agent->peer = *peer;
    deadline_init(&agent->limit);
    deadline_init(&agent->retry);
    deadline_init(&agent->tick);
    list_init(&agent->queue);
    list_append(&fleet->agents, &agent->node);
    return agent;
}

void agent_destroy(struct agent **agent_ref)
{
    struct agent *agent = *agent_ref;

    if (agent == NULL)
        return;
    *agent_ref = NULL;
    assert(agent->ws == NULL && agent->state >= AGENT_LEAVING);
    deadline_clear(&agent->retry);
    agent_queue_fini(agent);
    agent_end_tasks(agent);
    agent_forget_applied(agent);
    list_remove(&agent->node);
    free(agent->ticket);
    free(agent->seat);
    free(agent->claims);
    free(agent);
}
