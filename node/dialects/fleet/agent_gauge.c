/* SPDX-License-Identifier: MIT */
/*
 * An agent's instance as the store has it, and its part in the node's gauges: each node counts the instances whose agents
 * it has, so that the sum over all nodes is the fleet. Kept up to date here, for whoever reads them walks no rooms.
 */
#include "agent.h"

static struct metrics *metrics_of(const struct agent *agent)
{
    return &agent->fleet->node->metrics;
}

typedef void count_fn(struct tally *tally, struct slice name, uint64_t count);

/* Neighbours mostly have one type. */
static void count_rooms(struct tally *tally, const struct fleet_instance *instance, count_fn *count)
{
    const struct fleet_instance_room *rooms = instance->rooms;
    size_t from = 0;

    for (size_t i = 1; i <= instance->room_count; i++) {
        if (i < instance->room_count && slice_equals(rooms[i].type, rooms[from].type))
            continue;
        count(tally, rooms[from].type, i - from);
        from = i;
    }
}

static void add(struct metrics *metrics, const struct fleet_instance *instance)
{
    metrics->fleet_instances[fleet_status_of(instance->status)]++;
    metrics->fleet_connections += instance->connections;
    count_rooms(&metrics->fleet_rooms, instance, tally_add);
}

static void take(struct metrics *metrics, const struct fleet_instance *instance)
{
    metrics->fleet_instances[fleet_status_of(instance->status)]--;
    metrics->fleet_connections -= instance->connections;
    count_rooms(&metrics->fleet_rooms, instance, tally_take);
}

void agent_know_applied(struct agent *agent, struct fleet_instance *instance)
{
    agent_forget_applied(agent);
    agent->applied = instance;
    add(metrics_of(agent), instance);
}

void agent_forget_applied(struct agent *agent)
{
    agent_know_answered(agent);
    if (agent->applied != NULL)
        take(metrics_of(agent), agent->applied);
    fleet_instance_free(&agent->applied);
}

void agent_know_stale(struct agent *agent)
{
    metrics_of(agent)->fleet_stale += !agent->is_stale;
    agent->is_stale = true;
}

void agent_know_answered(struct agent *agent)
{
    metrics_of(agent)->fleet_stale -= agent->is_stale;
    agent->is_stale = false;
}
