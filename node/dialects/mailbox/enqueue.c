/* SPDX-License-Identifier: MIT */
/*
 * Enqueueing: who is it, what is asked for, which jobs; then one script per job, answered in the order
 * in which the jobs were named. Where only some could be reached the whole is answered with 503: with
 * an id the sender may repeat it harmlessly.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "caller.h"
#include "fan.h"
#include "mailbox_wire.h"
#include "roster.h"
#include "store/jobs.h"

enum { RESULTS_MAX = 256 * 1024 * 1024 };

struct enqueue;

/* One job, and what became of the command there. */
struct target {
    struct enqueue *enqueue;
    struct slice job;
    struct store_op *storing;
    enum result result;
    bool is_live;
};

struct enqueue {
    struct http_request *request;
    struct mailbox *mailbox;
    struct auth_check *checking;
    struct identity *identity;
    struct command command;
    struct roster roster;
    struct fan fan;
    struct target *targets;
};

static void enqueue_destroy(struct enqueue **enqueue)
{
    struct enqueue *gone = *enqueue;

    *enqueue = NULL;
    if (gone == NULL)
        return;
    auth_cancel(&gone->checking);
    for (size_t i = 0; i < gone->fan.count; i++)
        store_cancel(&gone->targets[i].storing);
    free(gone->targets);
    roster_fini(&gone->roster);
    command_fini(&gone->command);
    identity_unref(&gone->identity);
    free(gone);
}

static void on_client_gone(void *ctx)
{
    struct enqueue *enqueue = ctx;

    enqueue_destroy(&enqueue);
}

/* The request, which the caller now answers; the rest is gone. */
static struct http_request *enqueue_finish(struct enqueue *enqueue)
{
    struct http_request *request = enqueue->request;

    enqueue_destroy(&enqueue);
    return request;
}

/* ---- the answer ------------------------------------------------------------------------------ */

static const char *status_of(const struct target *target)
{
    if (target->result == RESULT_REFUSED)
        return "refused";
    return target->is_live ? "live" : "queued";
}

/* The worst that the store did to any of them; OK when each has an answer. */
static enum result find_failure(const struct enqueue *enqueue)
{
    enum result worst = RESULT_OK;

    for (size_t i = 0; i < enqueue->fan.count; i++) {
        enum result result = enqueue->targets[i].result;

        if (result == RESULT_UNAVAILABLE || result == RESULT_UNCERTAIN)
            worst = result > worst ? result : worst;
    }
    return worst;
}

static void write_results(struct buf *out, const struct enqueue *enqueue)
{
    results_start(out);
    for (size_t i = 0; i < enqueue->fan.count; i++) {
        const struct target *target = &enqueue->targets[i];

        if (target->result != RESULT_NOT_FOUND) /* it was listed, but lives no more */
            results_add(out, target->job, status_of(target));
    }
    results_end(out);
}

static void on_all_stored(struct fan *fan)
{
    struct enqueue *enqueue = LIST_ENTRY(fan, struct enqueue, fan);
    enum result failure = find_failure(enqueue);
    bool is_one = enqueue->command.job_count == 1 && !enqueue->command.is_list;
    struct buf body;

    if (failure != RESULT_OK) {
        http_refuse_failure(enqueue_finish(enqueue), failure);
        return;
    }
    if (is_one && enqueue->targets[0].result == RESULT_REFUSED) {
        http_reply_error(enqueue_finish(enqueue), 403, OTHER_UNIVERSE);
        return;
    }
    buf_init(&body, RESULTS_MAX);
    write_results(&body, enqueue);
    http_reply_json(enqueue_finish(enqueue), 202, buf_slice(&body));
    buf_fini(&body);
}

/* ---- storing --------------------------------------------------------------------------------- */

static void on_enqueued(enum result result, bool is_live, void *ctx)
{
    struct target *target = ctx;
    struct enqueue *enqueue = target->enqueue;

    target->result = result;
    target->is_live = is_live;
    if (result == RESULT_OK)
        enqueue->mailbox->node->metrics.mailbox_commands_enqueued[is_live]++;
    fan_answered(&enqueue->fan);
}

static void start_target(struct fan *fan, size_t index)
{
    struct enqueue *enqueue = LIST_ENTRY(fan, struct enqueue, fan);
    struct target *target = &enqueue->targets[index];
    const struct command *command = &enqueue->command;
    struct job_id id = { slice_of(enqueue->identity->realm), target->job };
    struct slice own = caller_universe(enqueue->identity);
    const struct job_command stored = {
        .payload = command->payload,
        .scope = own.data != NULL ? own : command->universe,
        .once = command->once,
        .is_live_only = command->universe.data != NULL,
        .ttl_ms = command->ttl_ms,
        .cap = enqueue->mailbox->node->config->mailbox_cap,
    };

    job_enqueue(enqueue->mailbox->node->store, &id, &stored, on_enqueued, target, &target->storing);
}

static void store_all(struct enqueue *enqueue, const struct slice *jobs, size_t count)
{
    enqueue->targets = xcalloc(count + 1, sizeof *enqueue->targets);
    for (size_t i = 0; i < count; i++) {
        enqueue->targets[i].enqueue = enqueue;
        enqueue->targets[i].job = jobs[i];
    }
    enqueue->fan = (struct fan){ .count = count, .start = start_target, .done = on_all_stored };
    fan_begin(&enqueue->fan);
}

static void on_roster(struct roster *roster, enum result result)
{
    struct enqueue *enqueue = LIST_ENTRY(roster, struct enqueue, roster);

    if (result == RESULT_OK)
        store_all(enqueue, roster->jobs, roster->count);
    else
        http_refuse_failure(enqueue_finish(enqueue), RESULT_UNAVAILABLE); /* nothing was stored */
}

/* ---- who, and what --------------------------------------------------------------------------- */

static void enqueue_begin(struct enqueue *enqueue)
{
    struct command *command = &enqueue->command;
    const char *wrong = command_parse(http_body(enqueue->request), command);

    if (wrong != NULL)
        http_reply_error(enqueue_finish(enqueue), 400, wrong);
    else if (command->universe.data == NULL)
        store_all(enqueue, command->jobs, command->job_count);
    else if (!caller_may_reach(enqueue->identity, command->universe))
        http_reply_error(enqueue_finish(enqueue), 403, OTHER_UNIVERSE);
    else
        roster_read(&enqueue->roster, enqueue->mailbox->node->store,
                    slice_of(enqueue->identity->realm), command->universe, on_roster);
}

static void on_checked(const struct auth_outcome *outcome, void *ctx)
{
    struct enqueue *enqueue = ctx;

    if (outcome->answer != AUTH_OK) {
        http_refuse_caller(enqueue_finish(enqueue), outcome);
        return;
    }
    enqueue->identity = identity_ref(outcome->identity);
    enqueue_begin(enqueue);
}

void enqueue_handle(struct http_request *request, void *dialect)
{
    struct auth_request ask;
    struct auth_outcome outcome;
    struct enqueue *enqueue;

    if (!caller_read(request, &ask)) {
        http_reply_error(request, 401, "Missing credentials.");
        return;
    }
    enqueue = xcalloc(1, sizeof *enqueue);
    enqueue->request = request;
    enqueue->mailbox = dialect;
    http_wait(request, on_client_gone, enqueue);
    outcome = caller_check(enqueue->mailbox, &ask, on_checked, enqueue, &enqueue->checking);
    if (outcome.answer != AUTH_PENDING)
        on_checked(&outcome, enqueue);
}
