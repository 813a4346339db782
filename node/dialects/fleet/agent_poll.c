/* SPDX-License-Identifier: MIT */
/*
 * One poll is open at a time, and nothing is sent while it is: each heartbeat without its answer is a miss. The
 * second makes the agent stale, the third ends it; a late answer is as good as any. While we do not read
 * (the queue is full, for Redis is away) nothing is missed.
 */
#include <inttypes.h>
#include <stdio.h>

#include "agent.h"

enum {
    STALE_MISSES = 2,
    GONE_MISSES = 3,
    FULL_EVERY = 12, /* polls: the first, the 13th, … ask for everything, whatever is known */
    REQUEST_ID_SIZE = 32,
    FEATURES = FLEET_OPTIONS | FLEET_METADATA,
    FRAME_MAX = 64 * 1024,
};

enum ws_sent agent_write(struct agent *agent, const struct buf *bytes)
{
    struct frame *frame = frame_of(buf_slice(bytes));
    enum ws_sent sent = ws_send(agent->ws, frame, WS_BINARY);

    frame_unref(&frame);
    return sent;
}

static struct slice request_id(const struct agent *agent, char room[REQUEST_ID_SIZE])
{
    int len = snprintf(room, REQUEST_ID_SIZE, "poll_%" PRIu64, agent->polls);

    return (struct slice){ room, (size_t)len };
}

bool agent_is_asked(const struct agent *agent, struct slice id)
{
    char room[REQUEST_ID_SIZE];

    return agent->is_awaited && slice_equals(id, request_id(agent, room));
}

static struct slice known_hash(const struct agent *agent)
{
    if (agent->applied == NULL || agent->wants_full || agent->polls % FULL_EVERY == 1)
        return (struct slice){ NULL, 0 };
    return agent->applied->hash.len > 0 ? agent->applied->hash : SLICE_LITERAL("");
}

/* A poll that the socket does not take is missed like any other. */
static void poll(struct agent *agent)
{
    char room[REQUEST_ID_SIZE];
    struct buf bytes;

    agent->polls++;
    agent->is_awaited = true;
    agent->misses = 0;
    buf_init(&bytes, FLEET_RECORD_MAX + FRAME_MAX); /* hash and status are of the record */
    fleet_write_poll(&bytes, &(struct fleet_poll){
                                 .request_id = request_id(agent, room),
                                 .known_hash = known_hash(agent),
                                 .status = agent->applied != NULL ? agent->applied->status
                                                                  : SLICE_LITERAL("active"),
                                 .features = FEATURES,
                             });
    agent_write(agent, &bytes);
    buf_fini(&bytes);
}

static void miss(struct agent *agent)
{
    agent->misses++;
    if (agent->misses == GONE_MISSES) {
        agent_kick(agent, FLEET_KICK_SILENT);
    } else if (agent->misses == STALE_MISSES) {
        log_peer(LOG_WARN, &agent->log, "agent.stale", "misses=%u", agent->misses);
        agent_turn_stale(agent);
    }
}

static void on_tick(struct deadline *deadline)
{
    struct agent *agent = LIST_ENTRY(deadline, struct agent, tick);

    deadline_set(agent->fleet->deadlines, &agent->tick,
                 agent->fleet->node->config->fleet_heartbeat_ms, on_tick);
    if (!agent->is_awaited)
        poll(agent);
    else if (!agent->is_paused)
        miss(agent);
}

void agent_greet(struct agent *agent)
{
    uint32_t heartbeat_ms = agent->fleet->node->config->fleet_heartbeat_ms;
    struct buf bytes;

    buf_init(&bytes, FRAME_MAX);
    fleet_write_hello(&bytes, agent_id(agent), heartbeat_ms, FEATURES);
    agent_write(agent, &bytes);
    buf_fini(&bytes);
    poll(agent);
    deadline_set(agent->fleet->deadlines, &agent->tick, heartbeat_ms, on_tick);
}
