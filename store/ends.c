/* SPDX-License-Identifier: MIT */
/* A sorted set by due time and a hash of records for each of a few shards; the scripts do the rest. */
#include "store/ends.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/key.h"
#include "store/op.h"

enum { END_FIELDS = 4, OWNER_MAX = 64, CLAIMED_HEAD = 2 };

/* FNV-1a */
unsigned ends_shard(struct slice name)
{
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ (unsigned char)name.data[i]) * 16777619u;
    return (hash ^ hash >> 16) % ENDS_SHARDS;
}

static void assert_is_session(const struct end_session *session)
{
    assert(session->name.len > 0 && session->name.len <= ENDS_NAME_MAX);
    assert(session->name.data[0] != '!' && session->name.data[0] != '\t');
    assert(memchr(session->name.data, '\n', session->name.len) == NULL);
    assert(session->owner.len > 0 && session->owner.len <= OWNER_MAX);
}

/* All operations: two keys, or three. */
static void start(struct store *store, const struct verb *verb, unsigned shard, size_t key_count,
                  const struct slice *args, size_t arg_count, const void *state, size_t state_size,
                  struct store_op **slot)
{
    static const char *const parts[] = { "due", "sessions", "sweep" };
    char number[16];
    struct key names[3];
    struct slice keys[3];
    struct op_call call = {
        .verb = verb,
        .keys = keys,
        .key_count = key_count,
        .args = args,
        .arg_count = arg_count,
        .state = state,
        .state_size = state_size,
    };

    assert(shard < ENDS_SHARDS && key_count <= 3);
    snprintf(number, sizeof number, "%u", shard);
    for (size_t i = 0; i < key_count; i++) {
        key_make(&names[i], "ends", SLICE_LITERAL("all"), slice_of(number), parts[i]);
        keys[i] = key_slice(&names[i]);
    }
    op_start(store, &call, slot);
}

/* ---- an owner's ------------------------------------------------------------------------------------- */

void ends_begin(struct store *store, const struct end_session *session,
                const struct end_begin *begin, store_done_fn *done, void *ctx,
                struct store_op **slot)
{
    static const struct verb verb = { .id = VERB_END_BEGIN,
                                      .judge = op_judge_integer,
                                      .deliver = op_deliver_done };
    struct op_done beginning = { done, ctx };
    struct op_number lease, keep;
    struct slice args[] = {
        session->name,
        session->owner,
        op_u64(&lease, begin->lease_ms),
        op_u64(&keep, ENDS_KEEP_MS),
        begin->delivery,
        begin->about,
    };

    assert_is_session(session);
    start(store, &verb, ends_shard(session->name), 2, args, 6, &beginning, sizeof beginning, slot);
}

static bool judge_set(const redisReply *reply, enum result *result_out)
{
    if (!reply_is_integer(reply))
        return false;
    *result_out = reply->integer == 1 ? RESULT_OK : RESULT_CONFLICT;
    return true;
}

static void set(struct store *store, const struct end_session *session, struct slice reason,
                int64_t ended_ms, uint32_t grace_ms, store_done_fn *done, void *ctx,
                struct store_op **slot)
{
    static const struct verb verb = { .id = VERB_END_SET,
                                      .judge = judge_set,
                                      .deliver = op_deliver_done };
    struct op_done setting = { done, ctx };
    struct op_number ended, grace;
    struct slice args[] = {
        session->name,
        session->owner,
        reason,
        op_u64(&ended, (uint64_t)ended_ms),
        op_u64(&grace, grace_ms),
    };

    assert_is_session(session);
    start(store, &verb, ends_shard(session->name), 2, args, 5, &setting, sizeof setting, slot);
}

void ends_set(struct store *store, const struct end_session *session, struct slice reason,
              int64_t ended_ms, uint32_t grace_ms, store_done_fn *done, void *ctx,
              struct store_op **slot)
{
    assert(reason.len > 0 && memchr(reason.data, '\n', reason.len) == NULL);
    set(store, session, reason, ended_ms, grace_ms, done, ctx, slot);
}

void ends_forget(struct store *store, const struct end_session *session, store_done_fn *done,
                 void *ctx, struct store_op **slot)
{
    set(store, session, SLICE_LITERAL(""), 0, 0, done, ctx, slot);
}

struct renewing {
    ends_renewed_fn *done;
    void *ctx;
};

static bool judge_owners(const redisReply *reply, enum result *result_out)
{
    *result_out = RESULT_OK;
    return reply_is_list(reply, reply_is_string);
}

static void deliver_renewed(struct store *store, enum result result, const redisReply *reply,
                            void *state)
{
    const struct renewing *renewing = state;
    size_t count = result == RESULT_OK ? reply->elements : 0;
    struct slice *lost = xcalloc(count + 1, sizeof *lost);

    (void)store;
    for (size_t i = 0; i < count; i++)
        lost[i] = reply_slice(reply->element[i]);
    if (renewing->done != NULL)
        renewing->done(result, lost, count, renewing->ctx);
    free(lost);
}

void ends_renew(struct store *store, unsigned shard, uint32_t lease_ms,
                const struct end_session *sessions, size_t count, ends_renewed_fn *done, void *ctx,
                struct store_op **slot)
{
    static const struct verb verb = { .id = VERB_END_RENEW,
                                      .judge = judge_owners,
                                      .deliver = deliver_renewed };
    struct renewing renewing = { done, ctx };
    struct op_number lease, keep;
    struct buf lines;

    assert(count <= ENDS_RENEW_MAX);
    buf_init(&lines, count * (OWNER_MAX + ENDS_NAME_MAX + 2));
    for (size_t i = 0; i < count; i++) {
        assert_is_session(&sessions[i]);
        assert(ends_shard(sessions[i].name) == shard);
        buf_add_slice(&lines, sessions[i].owner);
        buf_add_byte(&lines, '\t');
        buf_add_slice(&lines, sessions[i].name);
        buf_add_byte(&lines, '\n');
    }
    struct slice args[] = { op_u64(&lease, lease_ms), op_u64(&keep, ENDS_KEEP_MS),
                            buf_slice(&lines) };

    start(store, &verb, shard, 2, args, 3, &renewing, sizeof renewing, slot);
    buf_fini(&lines);
}

/* ---- everybody's ------------------------------------------------------------------------------------ */

struct claiming {
    ends_claimed_fn *done;
    void *ctx;
};

/* {given up, is more due, delivery, ended, reason, about, …} */
static bool judge_claimed(const redisReply *reply, enum result *result_out)
{
    uint64_t ended;

    *result_out = RESULT_OK;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < CLAIMED_HEAD ||
        (reply->elements - CLAIMED_HEAD) % END_FIELDS != 0)
        return false;
    for (size_t i = 0; i < reply->elements; i++)
        if (i < CLAIMED_HEAD ? !reply_is_number(reply->element[i])
                             : !reply_is_string(reply->element[i]))
            return false;
    for (size_t i = CLAIMED_HEAD + 1; i < reply->elements; i += END_FIELDS)
        if (!slice_to_u64(reply_slice(reply->element[i]), 0, INT64_MAX, &ended))
            return false;
    return true;
}

static void read_end(struct end *end, redisReply *const *fields)
{
    uint64_t ended = 0;

    slice_to_u64(reply_slice(fields[1]), 0, INT64_MAX, &ended);
    *end = (struct end){ .delivery = reply_slice(fields[0]),
                         .ended_ms = (int64_t)ended,
                         .reason = reply_slice(fields[2]),
                         .about = reply_slice(fields[3]) };
}

static void deliver_claimed(struct store *store, enum result result, const redisReply *reply,
                            void *state)
{
    const struct claiming *claiming = state;
    struct ends_claimed claimed = { 0 };
    struct end *ends;

    (void)store;
    if (result == RESULT_OK)
        claimed = (struct ends_claimed){
            .count = (reply->elements - CLAIMED_HEAD) / END_FIELDS,
            .is_more = reply->element[1]->integer == 1,
            .given_up = (uint64_t)reply->element[0]->integer,
        };
    ends = xcalloc(claimed.count + 1, sizeof *ends);
    for (size_t i = 0; i < claimed.count; i++)
        read_end(&ends[i], &reply->element[CLAIMED_HEAD + i * END_FIELDS]);
    claimed.ends = ends;
    claiming->done(result, &claimed, claiming->ctx);
    free(ends);
}

void ends_claim(struct store *store, unsigned shard, const struct end_claim *claim,
                ends_claimed_fn *done, void *ctx, struct store_op **slot)
{
    static const struct verb verb = { .id = VERB_END_CLAIM,
                                      .judge = judge_claimed,
                                      .deliver = deliver_claimed };
    struct claiming claiming = { done, ctx };
    struct op_number numbers[5];
    struct slice args[] = {
        op_u64(&numbers[0], claim->most),     op_u64(&numbers[1], claim->claim_ms),
        op_u64(&numbers[2], claim->lease_ms), op_u64(&numbers[3], ENDS_QUIET_MS),
        op_u64(&numbers[4], ENDS_KEEP_MS),
    };

    assert(claim->most > 0);
    start(store, &verb, shard, 3, args, 5, &claiming, sizeof claiming, slot);
}

void ends_settle(struct store *store, unsigned shard, struct slice delivery, store_done_fn *done,
                 void *ctx, struct store_op **slot)
{
    static const struct verb verb = { .id = VERB_END_SETTLE,
                                      .judge = op_judge_integer,
                                      .deliver = op_deliver_done };
    struct op_done settling = { done, ctx };

    start(store, &verb, shard, 2, &delivery, 1, &settling, sizeof settling, slot);
}
