/* SPDX-License-Identifier: MIT */
/* Two instances may have one name; mostly that is a mistake, and it is told once. */
#include <string.h>

#include "agent.h"

static bool is_namesake(const struct agent *agent, const struct model_instance *other)
{
    return slice_equals(other->instance->name, agent->applied->name) &&
           memcmp(other->id, agent->id, FLEET_ID_LEN) != 0;
}

static void on_read(enum result result, const struct model_view *view, void *ctx)
{
    struct agent *agent = ctx;

    if (result != RESULT_OK || agent->applied == NULL)
        return;
    for (size_t i = 0; i < view->instance_count && !agent->has_namesake; i++) {
        if (!is_namesake(agent, view->instances[i]))
            continue;
        agent->has_namesake = true;
        log_peer(LOG_WARN, &agent->log, "agent.namesake", "name=%s other=%s",
                 log_quote(agent->applied->name.data, agent->applied->name.len),
                 view->instances[i]->id);
    }
}

void agent_check_name(struct agent *agent)
{
    if (!agent->has_namesake && agent->naming == NULL && agent->applied->name.len > 0)
        model_read(agent->realm->model, false, on_read, agent, &agent->naming);
}
