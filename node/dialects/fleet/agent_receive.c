/* SPDX-License-Identifier: MIT */
/* Each frame is looked at in this order: is it one, its topic's length, the bucket, its topic. The first complaint ends it. */
#include "agent.h"
#include "base/clock.h"

/* Twice what an agent may have to say at once: acknowledgements of all commands, and a state. */
enum { FRAMES_PER_S = FLEET_COMMANDS_MAX + 1, BUCKET_FRAMES = 2 * FRAMES_PER_S, TOKEN = 1000 };

void agent_fill_bucket(struct agent *agent)
{
    agent->filled_ms = clock_ms();
    agent->tokens = BUCKET_FRAMES * TOKEN;
}

/* False: it is empty. A token per frame; so many thousandths come per millisecond as frames per second. */
static bool take_token(struct agent *agent)
{
    int64_t now_ms = clock_ms(), passed_ms = now_ms - agent->filled_ms;
    uint64_t tokens = agent->tokens + (uint64_t)passed_ms * FRAMES_PER_S;

    agent->filled_ms = now_ms;
    agent->tokens = tokens > BUCKET_FRAMES * TOKEN ? BUCKET_FRAMES * TOKEN : (uint32_t)tokens;
    if (agent->tokens < TOKEN)
        return false;
    agent->tokens -= TOKEN;
    return true;
}

static const struct {
    const char *topic;
    void (*take)(struct agent *agent, struct slice payload);
} topics[] = {
    { "fleet/state", agent_take_state },
    { "fleet/ack", agent_take_ack },
};

static void dispatch(struct agent *agent, const struct fleet_frame *frame)
{
    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++)
        if (slice_is(frame->topic, topics[i].topic)) {
            topics[i].take(agent, frame->payload);
            return;
        }
    agent_kick(agent, FLEET_KICK_INVALID);
}

void agent_receive(struct agent *agent, struct slice message)
{
    struct fleet_frame frame;
    enum fleet_frame_fault fault = fleet_frame_parse(message, &frame);

    if (fault == FLEET_FRAME_INCOMPLETE)
        log_peer(LOG_WARN, &agent->log, "agent.incomplete", "bytes=%zu", message.len);
    else if (fault == FLEET_FRAME_BROKEN ||
             !fleet_text_is_within(frame.topic, FLEET_TOPIC_UNITS_MAX))
        agent_kick(agent, FLEET_KICK_INVALID);
    else if (!take_token(agent))
        agent_kick(agent, FLEET_KICK_RATE);
    else
        dispatch(agent, &frame);
}
