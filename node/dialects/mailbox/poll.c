/* SPDX-License-Identifier: MIT */
/*
 * A poll: who is it, then one script that renews the heartbeat and takes the mailbox. One that found
 * nothing and may wait is held: the script runs again whenever the mailbox' doorbell rings, and often
 * enough to keep the heartbeat alive, until it finds something or the time is over.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "caller.h"
#include "doorbell.h"
#include "store/jobs.h"

enum { WAIT_MAX_S = 25, WATCH_EVERY_MS = 100 };

struct poll {
    struct http_request *request;
    struct mailbox *mailbox;
    struct auth_check *checking;
    struct identity *identity; /* NULL while it is not known */
    struct job_id id;          /* job: borrowed from the request */
    struct job_poll ask;
    struct store_op *asking;
    uint32_t wait_ms; /* 0: it is answered at once */

    bool is_held;
    bool is_stale; /* the doorbell rang while the script was on its way */
    bool is_last;  /* the time is over: the answer that is on its way counts */
    struct list node;
    struct deadline end, renewal;
    struct doorbell_wait bell;
    struct auth_hold hold;
};

/* ---- beginning and end ----------------------------------------------------------------------- */

static void poll_let_go(struct poll *poll)
{
    if (!poll->is_held)
        return;
    poll->is_held = false;
    poll->mailbox->node->metrics.mailbox_held_polls--;
    list_remove(&poll->node);
    deadline_clear(&poll->end);
    deadline_clear(&poll->renewal);
    doorbell_leave(&poll->bell);
    auth_release(&poll->hold);
}

static void poll_destroy(struct poll **poll)
{
    struct poll *gone = *poll;

    *poll = NULL;
    if (gone == NULL)
        return;
    poll_let_go(gone);
    auth_cancel(&gone->checking);
    store_cancel(&gone->asking);
    identity_unref(&gone->identity);
    free(gone);
}

static void on_client_gone(void *ctx)
{
    struct poll *poll = ctx;

    poll_destroy(&poll);
}

/* The request, which the caller now answers; the poll is gone. */
static struct http_request *poll_finish(struct poll *poll)
{
    struct http_request *request = poll->request;

    poll_destroy(&poll);
    return request;
}

/* ---- the answer ------------------------------------------------------------------------------ */

static void write_payloads(struct buf *out, const struct job_taken *taken)
{
    buf_add_byte(out, '[');
    for (size_t i = 0; i < taken->count; i++) {
        if (i > 0)
            buf_add_byte(out, ',');
        buf_add_slice(out, job_payload(taken, i));
    }
    buf_add_byte(out, ']');
}

static size_t payloads_size(const struct job_taken *taken)
{
    size_t size = 2 + taken->count;

    for (size_t i = 0; i < taken->count; i++)
        size += job_payload(taken, i).len;
    return size;
}

static void poll_answer(struct poll *poll, const struct job_taken *taken)
{
    char cursor[48];
    struct http_reply reply = { .status = 200, .type = "application/json" };
    struct buf body;

    if (poll->ask.is_safe) {
        snprintf(cursor, sizeof cursor, "x-cursor: %" PRIu64 "\r\n", taken->cursor);
        reply.headers = cursor;
    }
    poll->mailbox->node->metrics.mailbox_commands_taken += taken->count;
    buf_init(&body, payloads_size(taken));
    write_payloads(&body, taken);
    reply.body = buf_slice(&body);
    http_reply(poll_finish(poll), &reply);
    buf_fini(&body);
}

static void poll_answer_empty(struct poll *poll)
{
    const struct job_taken nothing = { .cursor = poll->ask.ack };

    poll_answer(poll, &nothing);
}

/* ---- asking ---------------------------------------------------------------------------------- */

static void poll_hold(struct poll *poll);
static void on_polled(enum result result, const struct job_taken *taken, void *ctx);

static void poll_ask(struct poll *poll)
{
    poll->is_stale = false;
    poll->ask.ttl_ms = poll->mailbox->node->config->job_ttl_ms;
    job_poll(poll->mailbox->node->store, &poll->id, &poll->ask, on_polled, poll, &poll->asking);
}

/* Nothing waits for this job. */
static void poll_found_nothing(struct poll *poll)
{
    if (poll->wait_ms == 0 || poll->is_last || poll->mailbox->node->is_draining)
        poll_answer_empty(poll);
    else if (!poll->is_held)
        poll_hold(poll);
    else if (poll->is_stale)
        poll_ask(poll);
}

static void on_polled(enum result result, const struct job_taken *taken, void *ctx)
{
    struct poll *poll = ctx;

    if (result == RESULT_OK && taken->count > 0)
        poll_answer(poll, taken);
    else if (result == RESULT_OK)
        poll_found_nothing(poll);
    else if (result == RESULT_CONFLICT)
        http_reply_error(poll_finish(poll), 409, OTHER_UNIVERSE);
    else if (result == RESULT_INVALID)
        http_reply_error(poll_finish(poll), 400, "Invalid cursor.");
    else
        http_refuse_failure(poll_finish(poll), result);
}

/* ---- being held ------------------------------------------------------------------------------ */

static void on_ring(struct doorbell_wait *bell)
{
    struct poll *poll = LIST_ENTRY(bell, struct poll, bell);

    if (poll->asking == NULL)
        poll_ask(poll);
    else
        poll->is_stale = true;
}

static void poll_set_renewal(struct poll *poll);

static void on_renewal_due(struct deadline *deadline)
{
    struct poll *poll = LIST_ENTRY(deadline, struct poll, renewal);

    poll_set_renewal(poll);
    if (poll->asking == NULL)
        poll_ask(poll);
}

static void poll_set_renewal(struct poll *poll)
{
    deadline_set(poll->mailbox->deadlines, &poll->renewal,
                 poll->mailbox->node->config->job_ttl_ms / 2, on_renewal_due);
}

/* What a script on its way may be taking is not left behind. */
static void poll_end(struct poll *poll)
{
    if (poll->asking == NULL)
        poll_answer_empty(poll);
    else
        poll->is_last = true;
}

static void on_end_due(struct deadline *deadline)
{
    poll_end(LIST_ENTRY(deadline, struct poll, end));
}

static void on_credential_ended(struct auth_hold *hold)
{
    struct poll *poll = LIST_ENTRY(hold, struct poll, hold);

    http_reply_error(poll_finish(poll), 403, "Invalid credentials.");
}

static void watch_drain(struct mailbox *mailbox);

static void on_watch_due(struct deadline *deadline)
{
    struct mailbox *mailbox = LIST_ENTRY(deadline, struct mailbox, watch);

    if (mailbox->node->is_draining) {
        LIST_EACH (node, spare, &mailbox->held) {
            poll_end(LIST_ENTRY(node, struct poll, node));
        }
    }
    watch_drain(mailbox);
}

static void watch_drain(struct mailbox *mailbox)
{
    if (!list_is_empty(&mailbox->held) && !deadline_is_set(&mailbox->watch))
        deadline_set(mailbox->deadlines, &mailbox->watch, WATCH_EVERY_MS, on_watch_due);
}

static void poll_hold(struct poll *poll)
{
    struct mailbox *mailbox = poll->mailbox;

    poll->is_held = true;
    mailbox->node->metrics.mailbox_held_polls++;
    list_append(&mailbox->held, &poll->node);
    watch_drain(mailbox);
    deadline_set(mailbox->deadlines, &poll->end, poll->wait_ms, on_end_due);
    poll_set_renewal(poll);
    auth_follow(mailbox->node->auth, &poll->hold, poll->identity, on_credential_ended);
    if (doorbell_listen(mailbox, &poll->id, &poll->bell, on_ring))
        poll_ask(poll);
}

/* ---- who, and what is asked -------------------------------------------------------------------- */

static bool poll_read_wait(struct poll *poll)
{
    struct slice wait = http_query(poll->request, "wait");
    uint64_t seconds;

    if (!http_has_query(poll->request, "wait"))
        return true;
    if (!slice_to_u64(wait, 1, WAIT_MAX_S, &seconds))
        return false;
    poll->wait_ms = (uint32_t)seconds * 1000;
    return true;
}

static bool poll_read_ack(struct poll *poll)
{
    struct slice ack = http_header(poll->request, "x-ack");

    poll->ask.is_safe = ack.data != NULL;
    return !poll->ask.is_safe || slice_to_u64(ack, 0, UINT64_MAX, &poll->ask.ack);
}

static void poll_begin(struct poll *poll)
{
    poll->id.realm = slice_of(poll->identity->realm);
    poll->ask.universe = slice_of(poll->identity->subject);
    if (!poll_read_wait(poll)) {
        http_reply_error(poll_finish(poll), 400, "Invalid wait.");
    } else if (!poll_read_ack(poll)) {
        http_reply_error(poll_finish(poll), 400, "Invalid cursor.");
    } else {
        poll->mailbox->node->metrics.mailbox_polls++;
        poll_ask(poll);
    }
}

static void on_checked(const struct auth_outcome *outcome, void *ctx)
{
    struct poll *poll = ctx;

    if (outcome->answer == AUTH_OK) {
        poll->identity = identity_ref(outcome->identity);
        poll_begin(poll);
        return;
    }
    if (outcome->answer == AUTH_REFUSED) {
        struct slice universe = http_header(poll->request, "x-universe-id");

        log_peer(LOG_WARN, NULL, "mailbox.refused", "universe=%s",
                 log_quote(universe.data, universe.len));
    }
    http_refuse_caller(poll_finish(poll), outcome);
}

static struct poll *poll_create(struct http_request *request, struct mailbox *mailbox,
                                struct slice job)
{
    struct poll *poll = xcalloc(1, sizeof *poll);

    poll->request = request;
    poll->mailbox = mailbox;
    poll->id.job = job;
    deadline_init(&poll->end);
    deadline_init(&poll->renewal);
    return poll;
}

void poll_handle(struct http_request *request, void *dialect)
{
    struct slice job = http_header(request, "x-job-id");
    struct auth_request ask = {
        .kind = CREDENTIAL_UNIVERSE,
        .secret = http_header(request, "x-api-key"),
        .subject = http_header(request, "x-universe-id"),
        .peer = http_peer(request),
    };
    struct auth_outcome outcome;
    struct poll *poll;

    if (ask.subject.len == 0 || ask.secret.len == 0 || job.len == 0) {
        http_reply_error(request, 401, "Missing identity headers.");
        return;
    }
    if (!key_id_is_valid(job)) {
        http_reply_error(request, 400, "Invalid job id.");
        return;
    }
    poll = poll_create(request, dialect, job);
    http_wait(request, on_client_gone, poll);
    outcome = caller_check(poll->mailbox, &ask, on_checked, poll, &poll->checking);
    if (outcome.answer != AUTH_PENDING)
        on_checked(&outcome, poll);
}
