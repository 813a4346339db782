/* SPDX-License-Identifier: MIT */
/*
 * What an agent said, on its way into the store: one operation at a time, in the order in which it came, so that
 * an acknowledgement's hold exists before a later state clears it. What Redis does not answer is tried again until it
 * does; what it answers with an error is given up after a while, and the agent with it, but for the end itself. Meanwhile an answer to a poll
 * makes the one before it idle, so that little waits, however long that takes; where too much waits all the same,
 * nothing more is read.
 */
#include <assert.h>
#include <stdlib.h>

#include "agent.h"
#include "fleet_realm.h"

enum {
    QUEUE_BYTES_MAX = 8 * 1024 * 1024,
    QUEUE_LEN_MAX = 4 * FLEET_COMMANDS_MAX,
    RETRY_FIRST_MS = 100,
    RETRY_DOUBLINGS_MAX = 4, /* up to 1600 ms */
    ERRORS_MAX = 8,
};

static struct agent_item *item_of(struct list *node)
{
    return LIST_ENTRY(node, struct agent_item, node);
}

struct agent_item *agent_queue_first(const struct agent *agent)
{
    assert(!list_is_empty(&agent->queue));
    return item_of(agent->queue.next);
}

static void item_free(struct agent *agent, struct agent_item *item)
{
    list_remove(&item->node);
    agent->queue_bytes -= item->bytes;
    agent->queue_len--;
    if (item->kind->fini != NULL)
        item->kind->fini(item);
    free(item);
}

/* ---- not too much --------------------------------------------------------------------------------- */

static void pause_or_continue(struct agent *agent)
{
    bool is_full = agent->queue_bytes > QUEUE_BYTES_MAX || agent->queue_len > QUEUE_LEN_MAX;

    if (agent->state != AGENT_OPEN || agent->is_paused == is_full)
        return;
    agent->is_paused = is_full;
    if (is_full)
        ws_pause(agent->ws);
    else
        ws_continue(agent->ws);
}

/* The last in line, unless it is at work. */
static struct agent_item *last_idle(const struct agent *agent)
{
    size_t at_work = agent->is_busy ? 1 : 0;

    return agent->queue_len > at_work ? item_of(agent->queue.prev) : NULL;
}

static void drop_idle(struct agent *agent, const struct agent_item_kind *kind)
{
    struct agent_item *last = last_idle(agent);

    while (last != NULL && (last->kind->traits & kind->replaces) != 0) {
        item_free(agent, last);
        last = last_idle(agent);
    }
}

/* ---- one after the other ------------------------------------------------------------------------------ */

/* The last thing that is done: an agent that is leaving has left when nothing waits any more. */
static void run(struct agent *agent)
{
    if (agent->is_running)
        return;
    agent->is_running = true;
    while (!agent->is_busy && !list_is_empty(&agent->queue)) {
        struct agent_item *first = agent_queue_first(agent);

        agent->is_busy = true;
        agent->disconnects = agent_disconnects(agent);
        first->kind->run(agent, first);
    }
    agent->is_running = false;
    pause_or_continue(agent);
    if (agent->state == AGENT_LEAVING && !agent->is_busy) {
        agent_enter(agent, AGENT_LEFT);
        agent_settle_down(agent);
    }
}

void agent_queue_add(struct agent *agent, struct agent_item *item)
{
    drop_idle(agent, item->kind);
    list_append(&agent->queue, &item->node);
    agent->queue_bytes += item->bytes;
    agent->queue_len++;
    run(agent);
}

void agent_item_done(struct agent *agent)
{
    item_free(agent, agent_queue_first(agent));
    agent->failures = 0;
    agent->is_busy = false;
    run(agent);
}

static void on_retry(struct deadline *deadline)
{
    struct agent *agent = LIST_ENTRY(deadline, struct agent, retry);

    agent->is_busy = false;
    run(agent);
}

/* Nobody knows what became of it, though the link has held: so there was an answer. */
static bool is_error(const struct agent *agent, enum result result)
{
    return result == RESULT_UNCERTAIN && agent->disconnects == agent_disconnects(agent);
}

/* What it was told may be there all the same. */
static void give_up(struct agent *agent)
{
    fleet_realm_want_own(agent->realm);
    log_error(&agent->log, "agent.stuck", "what=%s", agent_queue_first(agent)->kind->name);
    agent_kick(agent, FLEET_KICK_STUCK);
    agent_item_done(agent);
}

void agent_item_failed(struct agent *agent, enum result result)
{
    struct agent_item *first = agent_queue_first(agent);
    uint32_t doublings =
        agent->failures < RETRY_DOUBLINGS_MAX ? agent->failures : RETRY_DOUBLINGS_MAX;

    log_debug(&agent->log, "agent.retry", "what=%s result=%s failures=%u", first->kind->name,
              result_name(result), agent->failures);
    first->is_repeat |= result == RESULT_UNCERTAIN;
    first->errors += is_error(agent, result);
    if (first->errors >= ERRORS_MAX && (first->kind->traits & ITEM_IS_LAST) == 0) {
        give_up(agent);
        return;
    }
    agent->failures++;
    agent->wants_full = true;
    if (agent->state == AGENT_LEAVING)
        agent_end_tasks(agent); /* who waits need not wait for Redis */
    deadline_set(agent->fleet->deadlines, &agent->retry, (uint32_t)RETRY_FIRST_MS << doublings,
                 on_retry);
}

void agent_queue_fini(struct agent *agent)
{
    store_cancel(&agent->op);
    model_cancel(&agent->reading);
    while (!list_is_empty(&agent->queue))
        item_free(agent, agent_queue_first(agent));
}
