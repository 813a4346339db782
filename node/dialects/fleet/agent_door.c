/* SPDX-License-Identifier: MIT */
/*
 * An upgrade is always accepted; whose key that is decides afterwards whether the socket stays. A key is the first
 * of the subprotocols that are offered. While Redis cannot be asked the agent waits, for --fleet-handshake.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "agent_keys.h"
#include "base/hex.h"

enum { ASK_AGAIN_MS = 500 };

void agent_arrive(struct http_request *request, void *ctx)
{
    struct fleet *fleet = ctx;
    struct slice offers = http_header(request, "sec-websocket-protocol");
    struct slice ticket = http_offers_take(&offers);

    http_upgrade(request, &fleet->agent_ops, agent_create(fleet, ticket, http_peer(request)));
}

/* ---- the answers ------------------------------------------------------------------------------------ */

void agent_turn_away(struct agent *agent, enum close_reason reason)
{
    agent_stay_out(agent);
    ws_close(agent->ws, reason);
}

void agent_refuse(struct agent *agent)
{
    agent->fleet->node->metrics.fleet_auth_failures[FLEET_AUDIENCE_AGENT]++;
    log_peer(LOG_WARN, &agent->log, "agent.refused", "what=%s",
             agent->ticket != NULL ? "key" : "registration");
    agent_turn_away(agent, CLOSE_AGENT_REFUSED);
}

static void on_key_ended(struct auth_hold *hold)
{
    struct agent *agent = LIST_ENTRY(hold, struct agent, hold);

    if (agent->state == AGENT_ADMITTING)
        agent_refuse(agent);
    else
        agent_kick(agent, FLEET_KICK_REVOKED);
}

/* `identity` NULL: a key of the configuration. */
static void let_in(struct agent *agent, struct identity *identity)
{
    const char *realm = identity != NULL ? identity->realm : "default";
    struct slice registration = { NULL, 0 };
    unsigned char dice[FLEET_ID_LEN / 2];

    if (identity != NULL)
        registration = agent_registration(identity);
    if (agent->fleet->node->is_draining || uv_random(NULL, NULL, dice, sizeof dice, 0, NULL) != 0) {
        agent_turn_away(agent, CLOSE_AGENT_SHUTDOWN);
        return;
    }
    hex_write(dice, sizeof dice, agent->id);
    free(agent->ticket);
    agent->ticket = NULL;
    agent->realm = fleet_realm_of(agent->fleet, slice_of(realm));
    if (identity != NULL)
        auth_follow(agent->fleet->node->auth, &agent->hold, identity, on_key_ended);
    if (registration.len > 0)
        agent_take_seat(agent, registration);
    else
        agent_enter(agent, AGENT_OPEN);
}

/* ---- the question ------------------------------------------------------------------------------------- */

static void ask(struct agent *agent);

static void on_ask_again(struct deadline *deadline)
{
    ask(LIST_ENTRY(deadline, struct agent, retry));
}

static void answer(struct agent *agent, const struct auth_outcome *outcome)
{
    if (outcome->answer == AUTH_OK)
        let_in(agent, outcome->identity);
    else if (outcome->answer == AUTH_UNKNOWN)
        deadline_set(agent->fleet->deadlines, &agent->retry, ASK_AGAIN_MS, on_ask_again);
    else
        agent_refuse(agent);
}

static void on_checked(const struct auth_outcome *outcome, void *ctx)
{
    answer(ctx, outcome);
}

static void ask(struct agent *agent)
{
    struct auth_request question = { .kind = CREDENTIAL_AGENT,
                                     .secret = slice_of(agent->ticket),
                                     .peer = &agent->peer };
    struct auth_outcome outcome =
        auth_check(agent->fleet->node->auth, &question, on_checked, agent, &agent->check);

    if (outcome.answer != AUTH_PENDING)
        answer(agent, &outcome);
}

static void on_late(struct deadline *deadline)
{
    struct agent *agent = LIST_ENTRY(deadline, struct agent, limit);

    agent->fleet->node->metrics.limits[LIMIT_HANDSHAKE_TIME]++;
    agent_turn_away(agent, CLOSE_STORE_DOWN);
}

/* With shared keys switched off nobody comes but with a registration's. */
static bool may_be_good(const struct agent *agent)
{
    size_t len = strlen(agent->ticket);

    if (len == 0 || len > AGENT_TICKET_MAX || strcmp(agent->ticket, agent_ws_ops.protocols[0]) == 0)
        return false;
    return agent->fleet->node->config->fleet_shared_keys ||
           strncmp(agent->ticket, FLEET_REGISTRATION_KEY, strlen(FLEET_REGISTRATION_KEY)) == 0;
}

void agent_admit(struct agent *agent)
{
    struct fleet *fleet = agent->fleet;

    if (!may_be_good(agent)) {
        agent_refuse(agent);
    } else if (fleet->node->config->fleet_shared_keys &&
               agent_keys_have(fleet->agent_keys, slice_of(agent->ticket))) {
        let_in(agent, NULL);
    } else {
        deadline_set(fleet->deadlines, &agent->limit, fleet->node->config->fleet_handshake_ms,
                     on_late);
        ask(agent);
    }
}
