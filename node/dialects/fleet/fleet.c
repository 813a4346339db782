/* SPDX-License-Identifier: MIT */
/*
 * The fleet on this node: its agents come by the subprotocol rivalis-fleet.v1 on any path, its callers below /v1/.
 */
#include "fleet.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "agent_keys.h"
#include "base/mem.h"
#include "fleet_realm.h"
#include "order.h"
#include "rest.h"

enum { KEY_LONG_ENOUGH = 32 };

/* ---- the configuration's keys ---------------------------------------------------------------------- */

static void warn_of_short(const struct strings *keys, const char *flag)
{
    for (size_t i = 0; i < keys->count; i++) {
        char name[AGENT_KEY_NAME_SIZE];

        if (strlen(keys->items[i]) >= KEY_LONG_ENOUGH)
            continue;
        agent_key_name(slice_of(keys->items[i]), name);
        log_warn(NULL, "fleet.short_key", "option=%s key=%s wanted=%d", flag, name,
                 KEY_LONG_ENOUGH);
    }
}

static void warn_of_keys(const struct config *config)
{
    if (config_shares_keys(config))
        log_warn(NULL, "fleet.shared_key", "options=\"%s\"", "--agent-key --admin-key");
    if (!config->is_production)
        return;
    warn_of_short(&config->agent_keys, "--agent-key");
    warn_of_short(&config->admin_keys, "--admin-key");
}

/* ---- the dialect ------------------------------------------------------------------------------------- */

static void *fleet_open(struct node *node)
{
    struct fleet *fleet = xcalloc(1, sizeof *fleet);

    fleet->node = node;
    fleet->agent_ops = agent_ws_ops;
    fleet->deadlines = deadlines_create(node->loop);
    fleet->agent_keys = agent_keys_create(&node->config->agent_keys);
    fleet->admin_keys = agent_keys_create(&node->config->admin_keys);
    list_init(&fleet->agents);
    warn_of_keys(node->config);
    orders_open(fleet);
    http_add_subprotocol(node->http, agent_ws_ops.protocols[0], agent_arrive, fleet);
    fleet->rest = rest_open(fleet);
    return fleet;
}

static void fleet_configure(void *dialect)
{
    rest_configure(((struct fleet *)dialect)->rest);
}

/* Streams end first, so that they do not tell of agents that leave with us. */
static void fleet_drain(void *dialect)
{
    struct fleet *fleet = dialect;

    rest_drain(fleet->rest);
    fleet_realms_drain(fleet);
}

static void fleet_close(void *dialect)
{
    struct fleet *fleet = dialect;

    while (!list_is_empty(&fleet->agents)) {
        struct agent *agent = LIST_ENTRY(fleet->agents.next, struct agent, node);

        agent_destroy(&agent);
    }
    rest_close(&fleet->rest);
    orders_close(fleet);
    fleet_realms_close(fleet);
    agent_keys_destroy(&fleet->agent_keys);
    agent_keys_destroy(&fleet->admin_keys);
    deadlines_destroy(&fleet->deadlines);
    free(fleet);
}

const struct dialect fleet_dialect = {
    .name = "fleet",
    .open = fleet_open,
    .configure = fleet_configure,
    .drain = fleet_drain,
    .close = fleet_close,
};
