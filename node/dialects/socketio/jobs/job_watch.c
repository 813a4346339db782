/* SPDX-License-Identifier: MIT */
/*
 * What a key's events say is never believed, because they overtake the answers of the command link and
 * are overtaken by them: an event that may be news makes us ask, and only answers, which come in the order
 * of the questions, are told.
 *
 * Each poll of the job sets its heartbeat anew: while it lives, that is no news. Where events may be lost (the
 * subscription is down, or Redis publishes none) the heartbeat is asked for every second.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "jobs_room.h"
#include "store/topic.h"

struct job_watch {
    struct jobs *jobs;
    struct topic *topic;
    struct store_op *finding;
    struct deadline again;
    struct list watchers;
    bool is_up;    /* the subscription */
    bool is_known; /* the last question was answered: is_alive */
    bool is_alive;
    bool is_outdated; /* something happened behind the question under way */
    bool is_telling;  /* its watchers are being told */
    UT_hash_handle hh;
    size_t len;
    char job[];
};

struct slice job_watch_id(const struct job_watch *watch)
{
    return (struct slice){ watch->job, watch->len };
}

static void on_again(struct deadline *deadline)
{
    job_watch_ask(LIST_ENTRY(deadline, struct job_watch, again));
}

static void schedule(struct job_watch *watch)
{
    struct jobs *jobs = watch->jobs;

    if (watch->is_up && watch->is_known && store_has_keyspace_events(jobs->node->store))
        deadline_clear(&watch->again);
    else
        deadline_set(jobs->deadlines, &watch->again, JOBS_POLL_MS, on_again);
}

static void destroy_idle(struct job_watch *watch)
{
    if (!list_is_empty(&watch->watchers) || watch->is_telling)
        return;
    HASH_DEL(watch->jobs->watches, watch);
    topic_unsubscribe(&watch->topic);
    store_cancel(&watch->finding);
    deadline_clear(&watch->again);
    free(watch);
}

/* ---- asking --------------------------------------------------------------------------------------- */

static void on_found(enum result result, const struct job *job, void *ctx)
{
    struct job_watch *watch = ctx;
    bool is_outdated = watch->is_outdated;

    (void)job;
    watch->is_outdated = false;
    watch->is_known = result == RESULT_OK || result == RESULT_NOT_FOUND;
    if (is_outdated && watch->is_known)
        job_watch_ask(watch);
    schedule(watch);
    if (watch->is_known)
        job_watch_learn(watch, result == RESULT_OK);
}

void job_watch_ask(struct job_watch *watch)
{
    struct job_id id = { sio_default_realm(), job_watch_id(watch) };

    if (watch->finding != NULL)
        watch->is_outdated = true;
    else
        job_find(watch->jobs->node->store, &id, on_found, watch, &watch->finding);
}

void job_watch_learn(struct job_watch *watch, bool is_alive)
{
    watch->is_known = true;
    watch->is_alive = is_alive;
    watch->is_telling = true;
    LIST_EACH (node, spare, &watch->watchers)
        job_watcher_tell(LIST_ENTRY(node, struct job_watcher, of_watch), is_alive);
    watch->is_telling = false;
    destroy_idle(watch);
}

/* ---- events --------------------------------------------------------------------------------------- */

static bool may_be_news(const struct job_watch *watch, struct slice event)
{
    bool is_end =
        slice_is(event, "expired") || slice_is(event, "del") || slice_is(event, "evicted");

    return !watch->is_known || watch->finding != NULL || watch->is_alive == is_end;
}

static void on_news(struct topic *topic, enum topic_news news, struct slice message, void *ctx)
{
    struct job_watch *watch = ctx;

    (void)topic;
    switch (news) {
    case TOPIC_UP:
        watch->is_up = true;
        job_watch_ask(watch);
        break;
    case TOPIC_DOWN:
        watch->is_up = false;
        schedule(watch);
        break;
    case TOPIC_MESSAGE:
        if (may_be_news(watch, message))
            job_watch_ask(watch);
        break;
    }
}

/* ---- watchers ------------------------------------------------------------------------------------- */

static struct job_watch *watch_create(struct jobs *jobs, struct slice job)
{
    struct job_watch *watch = xcalloc(1, sizeof *watch + job.len);
    struct job_id id = { sio_default_realm(), job };
    struct key key;

    watch->jobs = jobs;
    watch->len = job.len;
    memcpy(watch->job, job.data, job.len);
    list_init(&watch->watchers);
    deadline_init(&watch->again);
    HASH_ADD_KEYPTR(hh, jobs->watches, watch->job, watch->len, watch);
    job_heartbeat_key(&id, &key);
    watch->topic = topic_subscribe(jobs->node->store, TOPIC_KEY, key.text, on_news, watch);
    schedule(watch);
    return watch;
}

void job_watch_join(struct jobs *jobs, struct slice job, struct job_watcher *watcher)
{
    struct job_watch *watch;

    HASH_FIND(hh, jobs->watches, job.data, job.len, watch);
    if (watch == NULL)
        watch = watch_create(jobs, job);
    watcher->watch = watch;
    list_append(&watch->watchers, &watcher->of_watch);
}

void job_watch_leave(struct job_watcher *watcher)
{
    list_remove(&watcher->of_watch);
    destroy_idle(watcher->watch);
}
