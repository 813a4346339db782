/* SPDX-License-Identifier: MIT */
/* Looking at jobs: one by its id, or all that live of a universe. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "caller.h"
#include "fan.h"
#include "mailbox_wire.h"
#include "roster.h"
#include "store/jobs.h"

enum { ANSWER_MAX = 256 * 1024 * 1024 };

struct lookup;
typedef void lookup_begin_fn(struct lookup *lookup);

/* One of the jobs that are looked up. */
struct seat {
    struct lookup *lookup;
    struct slice job;
    struct store_op *finding;
    enum result result;
    struct job found; /* without its universe, which is borrowed */
};

struct lookup {
    struct http_request *request;
    struct mailbox *mailbox;
    lookup_begin_fn *begin; /* once it is known who asks */
    struct auth_check *checking;
    struct identity *identity;
    struct store_op *finding;
    char *universe;
    struct roster roster;
    struct fan fan;
    struct seat *seats;
};

static void lookup_destroy(struct lookup **lookup)
{
    struct lookup *gone = *lookup;

    *lookup = NULL;
    if (gone == NULL)
        return;
    auth_cancel(&gone->checking);
    store_cancel(&gone->finding);
    for (size_t i = 0; i < gone->fan.count; i++)
        store_cancel(&gone->seats[i].finding);
    free(gone->seats);
    roster_fini(&gone->roster);
    identity_unref(&gone->identity);
    free(gone->universe);
    free(gone);
}

static void on_client_gone(void *ctx)
{
    struct lookup *lookup = ctx;

    lookup_destroy(&lookup);
}

/* The request, which the caller now answers; the rest is gone. */
static struct http_request *lookup_finish(struct lookup *lookup)
{
    struct http_request *request = lookup->request;

    lookup_destroy(&lookup);
    return request;
}

static void lookup_answer(struct lookup *lookup, struct buf *body)
{
    http_reply_json(lookup_finish(lookup), 200, buf_slice(body));
    buf_fini(body);
}

/* ---- one ------------------------------------------------------------------------------------- */

static void answer_job(struct lookup *lookup, const struct job *job)
{
    const struct job_row row = {
        .job = http_param(lookup->request, 0),
        .universe = job->universe,
        .last_seen_ms = job->last_seen_ms,
        .waiting = job->waiting,
    };
    struct buf body;

    buf_init(&body, ANSWER_MAX);
    job_write(&body, &row);
    lookup_answer(lookup, &body);
}

static void on_job_found(enum result result, const struct job *job, void *ctx)
{
    struct lookup *lookup = ctx;

    if (result == RESULT_NOT_FOUND)
        http_reply_error(lookup_finish(lookup), 404, "No such job.");
    else if (result != RESULT_OK)
        http_refuse_failure(lookup_finish(lookup), RESULT_UNAVAILABLE);
    else if (!caller_may_reach(lookup->identity, job->universe))
        http_reply_error(lookup_finish(lookup), 403, OTHER_UNIVERSE);
    else
        answer_job(lookup, job);
}

static void find_job(struct lookup *lookup)
{
    struct job_id id = { slice_of(lookup->identity->realm), http_param(lookup->request, 0) };

    if (!key_id_is_valid(id.job))
        http_reply_error(lookup_finish(lookup), 400, "Invalid job id.");
    else
        job_find(lookup->mailbox->node->store, &id, on_job_found, lookup, &lookup->finding);
}

/* ---- all of a universe ------------------------------------------------------------------------ */

/* A job of the roster may have died, or changed hands. */
static void write_jobs(struct buf *out, const struct lookup *lookup)
{
    jobs_start(out);
    for (size_t i = 0; i < lookup->fan.count; i++) {
        const struct seat *seat = &lookup->seats[i];
        const struct job_row row = {
            .job = seat->job,
            .universe = slice_of(lookup->universe),
            .last_seen_ms = seat->found.last_seen_ms,
            .waiting = seat->found.waiting,
        };

        if (seat->result == RESULT_OK)
            jobs_add(out, &row);
    }
    jobs_end(out);
}

static bool has_failed(const struct lookup *lookup)
{
    for (size_t i = 0; i < lookup->fan.count; i++) {
        if (lookup->seats[i].result == RESULT_UNAVAILABLE ||
            lookup->seats[i].result == RESULT_UNCERTAIN)
            return true;
    }
    return false;
}

static void on_all_found(struct fan *fan)
{
    struct lookup *lookup = LIST_ENTRY(fan, struct lookup, fan);
    struct buf body;

    if (has_failed(lookup)) {
        http_refuse_failure(lookup_finish(lookup), RESULT_UNAVAILABLE);
        return;
    }
    buf_init(&body, ANSWER_MAX);
    write_jobs(&body, lookup);
    lookup_answer(lookup, &body);
}

static void on_seat_found(enum result result, const struct job *job, void *ctx)
{
    struct seat *seat = ctx;

    seat->result = result;
    if (result == RESULT_OK && !slice_is(job->universe, seat->lookup->universe))
        seat->result = RESULT_NOT_FOUND;
    seat->found = *job;
    seat->found.universe = (struct slice){ NULL, 0 };
    fan_answered(&seat->lookup->fan);
}

static void start_seat(struct fan *fan, size_t index)
{
    struct lookup *lookup = LIST_ENTRY(fan, struct lookup, fan);
    struct seat *seat = &lookup->seats[index];
    struct job_id id = { slice_of(lookup->identity->realm), seat->job };

    job_find(lookup->mailbox->node->store, &id, on_seat_found, seat, &seat->finding);
}

static void on_roster(struct roster *roster, enum result result)
{
    struct lookup *lookup = LIST_ENTRY(roster, struct lookup, roster);

    if (result != RESULT_OK) {
        http_refuse_failure(lookup_finish(lookup), RESULT_UNAVAILABLE);
        return;
    }
    lookup->seats = xcalloc(roster->count + 1, sizeof *lookup->seats);
    for (size_t i = 0; i < roster->count; i++) {
        lookup->seats[i].lookup = lookup;
        lookup->seats[i].job = roster->jobs[i];
    }
    lookup->fan = (struct fan){ .count = roster->count, .start = start_seat, .done = on_all_found };
    fan_begin(&lookup->fan);
}

static void list_jobs(struct lookup *lookup)
{
    struct slice universe = http_query(lookup->request, "universe");

    if (!key_id_is_valid(universe)) {
        http_reply_error(lookup_finish(lookup), 400,
                         "universe: must be 1 to 128 bytes without control characters");
    } else if (!caller_may_reach(lookup->identity, universe)) {
        http_reply_error(lookup_finish(lookup), 403, OTHER_UNIVERSE);
    } else {
        lookup->universe = slice_dup(universe);
        roster_read(&lookup->roster, lookup->mailbox->node->store,
                    slice_of(lookup->identity->realm), slice_of(lookup->universe), on_roster);
    }
}

/* ---- who asks -------------------------------------------------------------------------------- */

static void on_checked(const struct auth_outcome *outcome, void *ctx)
{
    struct lookup *lookup = ctx;

    if (outcome->answer != AUTH_OK) {
        http_refuse_caller(lookup_finish(lookup), outcome);
        return;
    }
    lookup->identity = identity_ref(outcome->identity);
    lookup->begin(lookup);
}

static void lookup_handle(struct http_request *request, struct mailbox *mailbox,
                          lookup_begin_fn *begin)
{
    struct auth_request ask;
    struct auth_outcome outcome;
    struct lookup *lookup;

    if (!caller_read(request, &ask)) {
        http_reply_error(request, 401, "Missing credentials.");
        return;
    }
    lookup = xcalloc(1, sizeof *lookup);
    lookup->request = request;
    lookup->mailbox = mailbox;
    lookup->begin = begin;
    http_wait(request, on_client_gone, lookup);
    outcome = caller_check(mailbox, &ask, on_checked, lookup, &lookup->checking);
    if (outcome.answer != AUTH_PENDING)
        on_checked(&outcome, lookup);
}

void job_handle(struct http_request *request, void *dialect)
{
    lookup_handle(request, dialect, find_job);
}

void jobs_handle(struct http_request *request, void *dialect)
{
    lookup_handle(request, dialect, list_jobs);
}
