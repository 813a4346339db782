/* SPDX-License-Identifier: MIT */
/*
 * A job's own keys lie under its tag, the index of its universe's jobs under another, so no script can
 * write both. The index goes first: a poll that finds its job without a heartbeat, or not told of for a
 * minute, writes nothing and says so; then the index is told, and the poll is made again. So whatever
 * breaks in between, a job that has a heartbeat is in the index.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/channel.h"
#include "store/job_key.h"
#include "store/jobs.h"
#include "store/op.h"

enum { INDEX_EVERY_MS = 60000 };

/* What job_poll.lua answers instead of taking. */
enum { POLL_OTHER_UNIVERSE = -1, POLL_NOT_INDEXED = -2, POLL_NO_SUCH_CURSOR = -3 };

/* One poll through its steps. */
struct polling {
    job_polled_fn *done;
    void *ctx;
    struct store_op **slot;
    struct job_id id;
    struct job_poll poll;
    bool is_indexed;
    char text[]; /* what id and poll point to */
};

/* Each step's state: the next step takes it over and leaves NULL. */
struct polling_step {
    struct polling *polling;
};

static struct slice keep(char **end, struct slice slice)
{
    struct slice kept = { *end, slice.len };

    memcpy(*end, slice.data, slice.len);
    *end += slice.len;
    return kept;
}

static struct polling *polling_create(const struct job_id *id, const struct job_poll *poll)
{
    size_t len = id->realm.len + id->job.len + poll->universe.len;
    struct polling *polling = xmalloc(sizeof *polling + len);
    char *end = polling->text;

    polling->is_indexed = false;
    polling->poll = *poll;
    polling->id.realm = keep(&end, id->realm);
    polling->id.job = keep(&end, id->job);
    polling->poll.universe = keep(&end, poll->universe);
    return polling;
}

static void release_polling(void *state)
{
    struct polling_step *step = state;

    free(step->polling);
}

static void start_poll(struct store *store, struct polling *polling);
static void start_index(struct store *store, struct polling *polling);

static void finish_poll(struct polling *polling, enum result result, const redisReply *reply)
{
    struct job_taken taken = { .cursor = polling->poll.ack };

    if (result == RESULT_OK && reply->elements > 0) {
        taken.cursor = (uint64_t)reply->element[1]->integer;
        taken.count = reply->elements - 2;
        taken.reply = reply;
    }
    polling->done(result, &taken, polling->ctx);
}

struct slice job_payload(const struct job_taken *taken, size_t index)
{
    const redisReply *reply = taken->reply;

    assert(index < taken->count);
    return reply_slice(reply->element[2 + index]);
}

static bool is_number_or_payload(const redisReply *item)
{
    return reply_is_integer(item) || reply_is_string(item);
}

/* {} or {expired, cursor, payload, …} */
static bool is_taken(const redisReply *reply)
{
    if (!reply_is_list(reply, is_number_or_payload))
        return false;
    for (size_t i = 0; i < reply->elements; i++) {
        if (reply_is_integer(reply->element[i]) != (i < 2))
            return false;
    }
    return reply->elements != 1;
}

static bool judge_polled(const redisReply *reply, enum result *result_out)
{
    if (!reply_is_integer(reply)) {
        *result_out = RESULT_OK;
        return is_taken(reply);
    }
    switch (reply->integer) {
    case POLL_OTHER_UNIVERSE:
        *result_out = RESULT_CONFLICT;
        return true;
    case POLL_NOT_INDEXED:
        *result_out = RESULT_NOT_FOUND;
        return true;
    case POLL_NO_SUCH_CURSOR:
        *result_out = RESULT_INVALID;
        return true;
    default:
        return false;
    }
}

static void note_polled(struct store *store, enum result result, const redisReply *reply,
                        void *state)
{
    (void)state;
    if (result == RESULT_OK && reply->elements > 0)
        channel_count_expired(store, CHANNEL_MAILBOX, (uint64_t)reply->element[0]->integer);
}

static void deliver_polled(struct store *store, enum result result, const redisReply *reply,
                           void *state)
{
    struct polling_step *step = state;
    struct polling *polling = step->polling;

    if (result == RESULT_NOT_FOUND && !polling->is_indexed) {
        step->polling = NULL;
        start_index(store, polling);
    } else {
        finish_poll(polling, result, reply);
    }
}

static const struct verb job_poll_verb = {
    .id = VERB_JOB_POLL,
    .judge = judge_polled,
    .deliver = deliver_polled,
    .note = note_polled,
    .release = release_polling,
};

/* 13 digits: the script compares and slices them as text. */
static struct slice time_text(struct op_number *number, int64_t ms)
{
    int len = snprintf(number->text, sizeof number->text, "%013" PRId64, ms);

    assert(len == 13);
    return (struct slice){ number->text, (size_t)len };
}

static void start_poll(struct store *store, struct polling *polling)
{
    const struct job_poll *poll = &polling->poll;
    struct polling_step step = { polling };
    struct key heartbeat, list, cursor;
    struct op_number now, ttl, due, ack;
    int64_t now_ms = store_now_ms(store);

    job_key(&heartbeat, &polling->id, "hb");
    job_key(&list, &polling->id, "q");
    job_key(&cursor, &polling->id, "c");
    struct slice keys[] = { key_slice(&heartbeat), key_slice(&list), key_slice(&cursor) };
    struct slice args[] = {
        poll->universe,
        time_text(&now, now_ms),
        op_u64(&ttl, poll->ttl_ms),
        polling->is_indexed ? SLICE_LITERAL("") : time_text(&due, now_ms - INDEX_EVERY_MS),
        op_u64(&ack, poll->ack),
    };
    struct op_call call = {
        .verb = &job_poll_verb,
        .keys = keys,
        .key_count = poll->is_safe ? 3 : 2,
        .args = args,
        .arg_count = poll->is_safe ? 5 : 4,
        .state = &step,
        .state_size = sizeof step,
    };

    op_start(store, &call, polling->slot);
}

static void deliver_indexed(struct store *store, enum result result, const redisReply *reply,
                            void *state)
{
    struct polling_step *step = state;
    struct polling *polling = step->polling;

    (void)reply;
    if (result == RESULT_OK) {
        step->polling = NULL;
        polling->is_indexed = true;
        start_poll(store, polling);
    } else {
        finish_poll(polling, RESULT_UNAVAILABLE,
                    NULL); /* nothing was taken: to ask again is safe */
    }
}

static const struct verb job_index_verb = {
    .id = VERB_JOB_INDEX,
    .judge = op_judge_integer,
    .deliver = deliver_indexed,
    .release = release_polling,
};

static void start_index(struct store *store, struct polling *polling)
{
    struct polling_step step = { polling };
    struct op_number now, keep_ms;
    struct key live;

    key_make(&live, "jobs", polling->id.realm, polling->poll.universe, "live");
    struct slice key = key_slice(&live);
    struct slice args[] = {
        polling->id.job,
        op_u64(&now, (uint64_t)store_now_ms(store)),
        op_u64(&keep_ms, 2 * ((uint64_t)INDEX_EVERY_MS + polling->poll.ttl_ms)),
    };
    struct op_call call = {
        .verb = &job_index_verb,
        .keys = &key,
        .key_count = 1,
        .args = args,
        .arg_count = 3,
        .state = &step,
        .state_size = sizeof step,
    };

    op_start(store, &call, polling->slot);
}

void job_poll(struct store *store, const struct job_id *id, const struct job_poll *poll,
              job_polled_fn *done, void *ctx, struct store_op **slot)
{
    struct polling *polling = polling_create(id, poll);

    polling->done = done;
    polling->ctx = ctx;
    polling->slot = slot;
    start_poll(store, polling);
}
