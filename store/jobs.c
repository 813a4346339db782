/* SPDX-License-Identifier: MIT */
/*
 * What back ends do with jobs: send them commands, look one up, go through a universe's. An entry of a
 * mailbox is made here and taken apart in lua/job_poll.lua; nobody else reads it.
 */
#include "store/jobs.h"

#include <assert.h>

#include "store/channel.h"
#include "store/inside.h"
#include "store/job_key.h"
#include "store/op.h"

enum { PAGE_COUNT = 500 };

/* What job_enqueue.lua answers instead of storing. */
enum { ENQUEUE_OTHER_UNIVERSE = -1, ENQUEUE_NOT_LIVE = -2 };

/* ---- enqueueing ------------------------------------------------------------------------------ */

struct enqueueing {
    job_enqueued_fn *done;
    void *ctx;
};

static bool judge_enqueued(const redisReply *reply, enum result *result_out)
{
    if (reply_is_integer(reply)) {
        *result_out = reply->integer == ENQUEUE_NOT_LIVE ? RESULT_NOT_FOUND : RESULT_REFUSED;
        return reply->integer == ENQUEUE_NOT_LIVE || reply->integer == ENQUEUE_OTHER_UNIVERSE;
    }
    *result_out = RESULT_OK;
    return reply_is_array(reply, 3) && reply_is_list(reply, reply_is_integer);
}

static void note_enqueued(struct store *store, enum result result, const redisReply *reply,
                          void *state)
{
    (void)state;
    if (result != RESULT_OK)
        return;
    channel_count_dropped(store, CHANNEL_MAILBOX, DROP_OFFLINE_CAP,
                          (uint64_t)reply->element[1]->integer);
    channel_count_expired(store, CHANNEL_MAILBOX, (uint64_t)reply->element[2]->integer);
}

static void deliver_enqueued(struct store *store, enum result result, const redisReply *reply,
                             void *state)
{
    struct enqueueing *enqueueing = state;

    (void)store;
    if (enqueueing->done != NULL)
        enqueueing->done(result, result == RESULT_OK && reply->element[0]->integer == 1,
                         enqueueing->ctx);
}

static const struct verb job_enqueue_verb = {
    .id = VERB_JOB_ENQUEUE,
    .judge = judge_enqueued,
    .deliver = deliver_enqueued,
    .note = note_enqueued,
};

/* The command as it stands in an entry, behind number and expiry: see lua/job_enqueue.lua. */
static void write_command(struct buf *out, const struct job_command *command)
{
    assert(command->scope.len <= KEY_ID_MAX);
    buf_init(out, 1 + command->scope.len + command->payload.len);
    buf_add_byte(out, (char)command->scope.len);
    buf_add_slice(out, command->scope);
    buf_add_slice(out, command->payload);
    assert(!out->has_overflowed);
}

static void write_topic(struct buf *out, const struct store *store, const struct key *list)
{
    buf_init(out, sizeof store->topic_prefix + list->len);
    buf_add_text(out, store->topic_prefix);
    buf_add_slice(out, key_slice(list));
}

void job_enqueue(struct store *store, const struct job_id *id, const struct job_command *command,
                 job_enqueued_fn *done, void *ctx, struct store_op **slot)
{
    struct enqueueing enqueueing = { done, ctx };
    struct key heartbeat, list, number, once;
    struct op_number now, ttl, cap;
    struct buf text, topic;

    job_key(&heartbeat, id, "hb");
    job_key(&list, id, "q");
    job_key(&number, id, "n");
    if (command->once.data != NULL)
        key_make_item(&once, channel_kind_name(CHANNEL_MAILBOX), id->realm, id->job, "i",
                      command->once);
    else
        once.len = 0;
    write_command(&text, command);
    write_topic(&topic, store, &list);
    struct slice keys[] = { key_slice(&heartbeat), key_slice(&list), key_slice(&number),
                            key_slice(&once) };
    struct slice args[] = {
        command->scope,
        command->is_live_only ? SLICE_LITERAL("1") : SLICE_LITERAL("0"),
        op_u64(&now, (uint64_t)store_now_ms(store)),
        op_u64(&ttl, command->ttl_ms),
        op_u64(&cap, command->cap),
        buf_slice(&topic),
        buf_slice(&text),
    };
    struct op_call call = {
        .verb = &job_enqueue_verb,
        .keys = keys,
        .key_count = command->once.data != NULL ? 4 : 3,
        .args = args,
        .arg_count = sizeof args / sizeof args[0],
        .state = &enqueueing,
        .state_size = sizeof enqueueing,
    };

    op_start(store, &call, slot);
    buf_fini(&text);
    buf_fini(&topic);
}

void job_heartbeat_key(const struct job_id *id, struct key *key)
{
    job_key(key, id, "hb");
}

/* ---- finding and listing ---------------------------------------------------------------------- */

struct finding {
    job_found_fn *done;
    void *ctx;
};

static bool judge_found(const redisReply *reply, enum result *result_out)
{
    *result_out = reply_is_array(reply, 0) ? RESULT_NOT_FOUND : RESULT_OK;
    return reply_is_array(reply, 0) ||
           (reply_is_array(reply, 3) && reply_is_integer(reply->element[0]) &&
            reply_is_integer(reply->element[1]) && reply_is_string(reply->element[2]));
}

static void deliver_found(struct store *store, enum result result, const redisReply *reply,
                          void *state)
{
    struct finding *finding = state;
    struct job job = { 0 };

    (void)store;
    if (result == RESULT_OK)
        job = (struct job){ .last_seen_ms = reply->element[0]->integer,
                            .waiting = (uint64_t)reply->element[1]->integer,
                            .universe = reply_slice(reply->element[2]) };
    finding->done(result, &job, finding->ctx);
}

static const struct verb job_find_verb = {
    .id = VERB_JOB_FIND,
    .judge = judge_found,
    .deliver = deliver_found,
};

void job_find(struct store *store, const struct job_id *id, job_found_fn *done, void *ctx,
              struct store_op **slot)
{
    struct finding finding = { done, ctx };
    struct key heartbeat, list;
    struct op_number now;

    job_key(&heartbeat, id, "hb");
    job_key(&list, id, "q");
    struct slice keys[] = { key_slice(&heartbeat), key_slice(&list) };
    struct slice arg = op_u64(&now, (uint64_t)store_now_ms(store));
    struct op_call call = {
        .verb = &job_find_verb,
        .keys = keys,
        .key_count = 2,
        .args = &arg,
        .arg_count = 1,
        .state = &finding,
        .state_size = sizeof finding,
    };

    op_start(store, &call, slot);
}

struct listing {
    job_page_fn *done;
    void *ctx;
};

/* ZSCAN: {next cursor, {member, score, …}} */
static bool judge_listed(const redisReply *reply, enum result *result_out)
{
    *result_out = RESULT_OK;
    return reply_is_array(reply, 2) && reply_is_string(reply->element[0]) &&
           reply_is_list(reply->element[1], reply_is_string) &&
           reply->element[1]->elements % 2 == 0;
}

static void deliver_listed(struct store *store, enum result result, const redisReply *reply,
                           void *state)
{
    struct listing *listing = state;
    struct job_page page = { .next = SLICE_LITERAL("0") };

    (void)store;
    if (result == RESULT_OK)
        page = (struct job_page){ .next = reply_slice(reply->element[0]),
                                  .count = reply->element[1]->elements / 2,
                                  .reply = reply->element[1] };
    listing->done(result, &page, listing->ctx);
}

struct slice job_page_item(const struct job_page *page, size_t index)
{
    const redisReply *members = page->reply;

    assert(index < page->count);
    return reply_slice(members->element[2 * index]);
}

static const struct verb job_list_verb = {
    .id = VERB_JOB_LIST,
    .judge = judge_listed,
    .deliver = deliver_listed,
};

void job_list(struct store *store, struct slice realm, struct slice universe, struct slice cursor,
              job_page_fn *done, void *ctx, struct store_op **slot)
{
    struct listing listing = { done, ctx };
    struct op_number count;
    struct key live;

    key_make(&live, "jobs", realm, universe, "live");
    struct slice key = key_slice(&live);
    struct slice args[] = { cursor, SLICE_LITERAL("COUNT"), op_u64(&count, PAGE_COUNT) };
    struct op_call call = {
        .verb = &job_list_verb,
        .keys = &key,
        .key_count = 1,
        .args = args,
        .arg_count = 3,
        .state = &listing,
        .state_size = sizeof listing,
    };

    op_start(store, &call, slot);
}
