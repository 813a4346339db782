/* SPDX-License-Identifier: MIT */
/*
 * A command is under way from its frame until it has been settled in the store, which alone decides how it ended. Its
 * acknowledgement, or that none came in time, waits for its turn in the queue. What comes here too late, because Redis
 * was away, is not sent at all. Who acknowledges what is not under way
 * (never was, not any more, settled by somebody else) is thrown out; unless Redis has lost what it had, or was away
 * meanwhile and may have lost the last of it, and with it what was under way: then the agent is right.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent.h"
#include "base/clock.h"
#include "base/mem.h"
#include "fleet_realm.h"

enum {
    COMMAND_ID_SIZE = 32,
    FRAME_MAX = 128 * 1024,
    READ_AGAIN_MS = 1000,
    STEP_MS = 250, /* of time-outs: of deadlines there are to be few durations */
};

struct settle_item {
    struct agent_item item;
    struct agent_task *task; /* NULL: it has ended */
    enum fleet_outcome outcome;
    enum agent_end end;
    bool is_ack;
};

/* ---- ends -------------------------------------------------------------------------------------------- */

static void task_end(struct agent_task **task_ref, enum agent_end end)
{
    struct agent_task *task = *task_ref;
    struct metrics *metrics = &task->agent->fleet->node->metrics;
    agent_end_fn *done = task->done;
    void *ctx = task->ctx;

    *task_ref = NULL;
    metrics->fleet_inflight--;
    metrics->fleet_commands[task->op][end]++;
    metrics->fleet_commands_ended++;
    metrics->fleet_command_us += (uint64_t)(clock_us() - task->sent_us);
    deadline_clear(&task->deadline);
    free(task);
    done(end, ctx);
}

void agent_stop_tasks(struct agent *agent)
{
    for (struct agent_task *task = agent->tasks; task != NULL; task = task->hh.next)
        deadline_clear(&task->deadline);
}

void agent_end_tasks(struct agent *agent)
{
    while (agent->tasks != NULL) {
        struct agent_task *task = agent->tasks;

        HASH_DELETE(hh, agent->tasks, task);
        task_end(&task, AGENT_GONE);
    }
}

/* Until a command's time-out; 0: it is over. */
static uint32_t left_ms(const struct agent *agent, uint64_t until_ms)
{
    uint64_t now_ms = (uint64_t)store_now_ms(agent->fleet->node->store);
    uint64_t left = until_ms > now_ms ? until_ms - now_ms : 0;
    uint32_t most = agent->fleet->node->config->fleet_command_timeout_ms;

    return left < most ? (uint32_t)left : most;
}

/* ---- settling ---------------------------------------------------------------------------------------- */

static void settled(struct agent *agent, enum agent_end end)
{
    struct settle_item *item = (struct settle_item *)agent_queue_first(agent);

    task_end(&item->task, end);
    agent_item_done(agent);
}

static void on_verified(enum result result, const struct fleet_beat *beat, void *ctx)
{
    struct agent *agent = ctx;
    const struct settle_item *item = (struct settle_item *)agent_queue_first(agent);

    if (result != RESULT_OK) {
        agent_item_failed(agent, RESULT_UNAVAILABLE);
        return;
    }
    fleet_realm_heard(agent->realm, beat);
    if (beat->epoch == item->task->epoch && agent_disconnects(agent) == item->task->disconnects) {
        agent_kick(agent, FLEET_KICK_ACK);
        settled(agent, AGENT_TIMED_OUT);
    } else {
        settled(agent, item->end);
    }
}

/* Its acknowledgement came in time, but Redis could not be told before anybody might call it overdue. */
static bool was_kept_waiting(const struct agent_task *task)
{
    return left_ms(task->agent, task->until_ms) == 0;
}

/* It had ended before: by us, where an earlier try was not answered; or Redis has lost it. */
static void lost(struct agent *agent)
{
    const struct settle_item *item = (struct settle_item *)agent_queue_first(agent);

    if (item->item.is_repeat || !item->is_ack || was_kept_waiting(item->task))
        settled(agent, item->end);
    else
        fleet_realm_beat(agent->realm, on_verified, agent, &agent->op);
}

static void on_settled(enum result result, void *ctx)
{
    struct agent *agent = ctx;

    if (agent_may_retry(result))
        agent_item_failed(agent, result);
    else if (result == RESULT_OK)
        settled(agent, ((struct settle_item *)agent_queue_first(agent))->end);
    else
        lost(agent);
}

static void run_settle(struct agent *agent, struct agent_item *base)
{
    const struct settle_item *item = (struct settle_item *)base;

    fleet_settle(agent->fleet->node->store, agent_realm(agent), agent_id(agent), item->task->number,
                 item->outcome, agent->polls, on_settled, agent, &agent->op);
}

static void fini_settle(struct agent_item *base)
{
    struct settle_item *item = (struct settle_item *)base;

    if (item->task != NULL)
        task_end(&item->task, AGENT_GONE);
}

static const struct agent_item_kind settle_kind = {
    .name = "settle",
    .run = run_settle,
    .fini = fini_settle,
};

static struct settle_item *settle_item(struct agent_task *task, enum fleet_outcome outcome,
                                       enum agent_end end)
{
    struct settle_item *item = xcalloc(1, sizeof *item);

    HASH_DELETE(hh, task->agent->tasks, task);
    deadline_clear(&task->deadline);
    item->item.kind = &settle_kind;
    item->item.bytes = sizeof *item;
    item->task = task;
    item->outcome = outcome;
    item->end = end;
    return item;
}

static void on_late(struct deadline *deadline);

static void task_await(struct agent_task *task, uint32_t ms)
{
    uint32_t steps = (ms + STEP_MS - 1) / STEP_MS;

    deadline_set(task->agent->fleet->deadlines, &task->deadline, steps * STEP_MS, on_late);
}

static void on_late(struct deadline *deadline)
{
    struct agent_task *task = LIST_ENTRY(deadline, struct agent_task, deadline);
    struct agent *agent = task->agent;

    if (agent->is_paused) { /* what it said may be what we do not read */
        task_await(task, READ_AGAIN_MS);
        return;
    }
    log_peer(LOG_WARN, &agent->log, "agent.late", "command=%" PRIu64, task->number);
    agent_queue_add(agent, &settle_item(task, FLEET_TIMED_OUT, AGENT_TIMED_OUT)->item);
}

/* ---- acknowledgements -------------------------------------------------------------------------------- */

static struct slice command_id(uint64_t number, char room[COMMAND_ID_SIZE])
{
    int len = snprintf(room, COMMAND_ID_SIZE, "cmd_%" PRIu64, number);

    return (struct slice){ room, (size_t)len };
}

/* NULL: none that is under way is called so. */
static struct agent_task *find_task(const struct agent *agent, struct slice id)
{
    static const size_t prefix = sizeof "cmd_" - 1;
    struct agent_task *task;
    char room[COMMAND_ID_SIZE];
    uint64_t number;

    if (id.len <= prefix ||
        !slice_to_u64((struct slice){ id.data + prefix, id.len - prefix }, 0, UINT64_MAX, &number))
        return NULL;
    HASH_FIND(hh, agent->tasks, &number, sizeof number, task);
    return task != NULL && slice_equals(id, command_id(number, room)) ? task : NULL;
}

static enum agent_end end_of(const struct fleet_ack *ack)
{
    if (ack->is_ok)
        return AGENT_ACKED;
    return ack->exists ? AGENT_EXISTS : AGENT_REFUSED;
}

void agent_take_ack(struct agent *agent, struct slice payload)
{
    struct agent_task *task;
    struct settle_item *item;
    struct fleet_ack ack;

    if (!fleet_ack_parse(payload, &ack)) {
        log_peer(LOG_WARN, &agent->log, "agent.undecodable", "what=ack bytes=%zu", payload.len);
        return;
    }
    task = find_task(agent, ack.command_id);
    if (task == NULL) {
        agent_kick(agent, FLEET_KICK_ACK);
        return;
    }
    item = settle_item(task, ack.is_ok ? FLEET_DONE : FLEET_FAILED, end_of(&ack));
    item->is_ack = true;
    agent_queue_add(agent, &item->item);
}

/* ---- sending ----------------------------------------------------------------------------------------- */

static bool write_command(struct agent *agent, const struct agent_command *command)
{
    static const char *const ops[FLEET_OPS] = {
        [FLEET_CREATE] = "create",
        [FLEET_DESTROY] = "destroy",
        [FLEET_DRAIN] = "drain",
        [FLEET_UNDRAIN] = "undrain",
    };
    char room[COMMAND_ID_SIZE];
    struct buf bytes;
    bool is_sent;

    buf_init(&bytes, FRAME_MAX);
    fleet_write_cmd(&bytes, &(struct fleet_cmd){
                                .command_id = command_id(command->number, room),
                                .op = ops[command->op],
                                .room_id = command->room_id,
                                .room_type = command->room_type,
                                .options = command->options,
                            });
    is_sent = !bytes.has_overflowed && agent_write(agent, &bytes) != WS_FULL;
    buf_fini(&bytes);
    return is_sent;
}

static void task_add(struct agent *agent, const struct agent_command *command, agent_end_fn *done,
                     void *ctx)
{
    struct agent_task *task = xcalloc(1, sizeof *task);

    task->agent = agent;
    task->number = command->number;
    task->until_ms = command->until_ms;
    task->op = command->op;
    task->done = done;
    task->ctx = ctx;
    task->sent_us = clock_us();
    task->epoch = fleet_realm_epoch(agent->realm);
    task->disconnects = agent_disconnects(agent);
    deadline_init(&task->deadline);
    task_await(task, left_ms(agent, command->until_ms));
    HASH_ADD(hh, agent->tasks, number, sizeof task->number, task);
    agent->fleet->node->metrics.fleet_inflight++;
}

bool agent_send(struct fleet_realm *realm, struct slice instance,
                const struct agent_command *command, agent_end_fn *done, void *ctx)
{
    struct agent *agent;

    HASH_FIND(hh, realm->agents, instance.data, instance.len, agent);
    if (agent == NULL || left_ms(agent, command->until_ms) == 0 || !write_command(agent, command))
        return false;
    task_add(agent, command, done, ctx);
    return true;
}
