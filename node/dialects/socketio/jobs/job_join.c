/* SPDX-License-Identifier: MIT */
/*
 *     join_job → is it allowed? → in the room → does the heartbeat live? → system_message, acknowledgement
 *
 * Whoever waited for too long is told so. Joining itself goes on then, and its end finds a join that has been
 * answered.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "jobs_room.h"
#include "node.h"

struct job_join {
    struct list node; /* guest->joins */
    struct job_guest *guest;
    struct sio_task task; /* until it is answered */
    struct deadline limit;
    struct store_op *finding;
    uint64_t ack_id;
    bool wants_ack, does_watch;
    size_t len;
    char job[KEY_ID_MAX];
};

static struct slice job_of(const struct job_join *join)
{
    return (struct slice){ join->job, join->len };
}

/* ---- its end -------------------------------------------------------------------------------------- */

static void join_free(struct job_join *join)
{
    join->guest->join_count--;
    list_remove(&join->node);
    deadline_clear(&join->limit);
    store_cancel(&join->finding);
    sio_task_end(&join->task);
    free(join);
}

static void on_gone(struct sio_task *task)
{
    join_free(LIST_ENTRY(task, struct job_join, task));
}

void job_joins_end(struct job_guest *guest)
{
    while (!list_is_empty(&guest->joins))
        join_free(LIST_ENTRY(guest->joins.next, struct job_join, node));
}

/* ---- answers -------------------------------------------------------------------------------------- */

static void refuse(struct sio_socket *socket, bool wants_ack, uint64_t ack_id, const char *error)
{
    char args[128];

    if (!wants_ack)
        return;
    snprintf(args, sizeof args, "[{\"error\":\"%s\"}]", error);
    sio_ack(socket, ack_id, slice_of(args));
}

static void join_refuse(const struct job_join *join, enum result result)
{
    const char *error = result == RESULT_INVALID   ? "Invalid job id."
                        : result == RESULT_REFUSED ? "Too many rooms."
                                                   : "The store is unavailable.";

    refuse(join->guest->socket, join->wants_ack, join->ack_id, error);
}

static void join_fail(struct job_join *join, enum result result)
{
    join_refuse(join, result);
    join_free(join);
}

static void join_answer(struct job_join *join, bool is_alive)
{
    struct job_guest *guest = join->guest;

    if (is_alive)
        job_say(guest, true);
    if (join->wants_ack)
        sio_ack(guest->socket, join->ack_id,
                slice_of(is_alive ? "[{\"integrated\":true}]" : "[{\"integrated\":false}]"));
    if (join->does_watch)
        job_guest_watch(guest, job_of(join), is_alive);
    join_free(join);
}

/* ---- its way -------------------------------------------------------------------------------------- */

static void on_found(enum result result, const struct job *job, void *ctx)
{
    struct job_join *join = ctx;

    (void)job;
    if (result == RESULT_OK || result == RESULT_NOT_FOUND)
        join_answer(join, result == RESULT_OK);
    else
        join_fail(join, result);
}

static void on_joined(enum result result, void *ctx)
{
    struct job_join *join = ctx;
    struct job_id id = { sio_realm(join->guest->socket), job_of(join) };

    if (join->task.socket == NULL) /* it was answered: too late */
        join_free(join);
    else if (result != RESULT_OK)
        join_fail(join, result);
    else
        job_find(join->guest->jobs->node->store, &id, on_found, join, &join->finding);
}

static void on_limit(struct deadline *deadline)
{
    struct job_join *join = LIST_ENTRY(deadline, struct job_join, limit);

    if (join->finding != NULL) {
        join_fail(join, RESULT_UNAVAILABLE);
        return;
    }
    join_refuse(join, RESULT_UNAVAILABLE);
    sio_task_end(&join->task);
}

static void join_start(struct job_guest *guest, const struct sio_event *event, struct slice job,
                       bool does_watch)
{
    struct job_join *join = xcalloc(1, sizeof *join);
    char room[JOB_ROOM_MAX];

    assert(job.len <= sizeof join->job);
    join->guest = guest;
    join->wants_ack = event->wants_ack;
    join->ack_id = event->ack_id;
    join->does_watch = does_watch;
    join->len = job.len;
    memcpy(join->job, job.data, job.len);
    list_append(&guest->joins, &join->node);
    guest->join_count++;
    deadline_init(&join->limit);
    deadline_set(guest->jobs->deadlines, &join->limit, JOBS_JOIN_MS, on_limit);
    sio_task_begin(guest->socket, &join->task, on_gone);
    sio_join(guest->socket, job_room(job, room), on_joined, join);
}

static void try_join(struct jobs *jobs, struct sio_socket *socket, const struct sio_event *event,
                     struct slice job, bool does_watch)
{
    char room[JOB_ROOM_MAX];
    struct job_guest *guest;

    if (!sio_allows(socket, job_room(job, room), JWT_RIGHT_JOIN)) {
        refuse(socket, event->wants_ack, event->ack_id, "Not authorized.");
        return;
    }
    guest = job_guest_of(jobs, socket);
    if (guest->join_count >= JOBS_JOINS_MAX) {
        jobs->node->metrics.limits[LIMIT_JOB_JOINS]++;
        refuse(socket, event->wants_ack, event->ack_id, "Too many at once.");
        return;
    }
    join_start(guest, event, job, does_watch);
}

void job_join(struct jobs *jobs, struct sio_socket *socket, const struct sio_event *event)
{
    struct json_member members[] = { { .name = "jobId" }, { .name = "watch" } };
    struct buf job;

    buf_init(&job, KEY_ID_MAX);
    if (json_members(sio_argument(event, 0), members, 2) && json_text(members[0].value, &job) &&
        key_id_is_valid(buf_slice(&job)))
        try_join(jobs, socket, event, buf_slice(&job), members[1].value.type == JSON_TRUE);
    else
        refuse(socket, event->wants_ack, event->ack_id, "Invalid job id.");
    buf_fini(&job);
}
