/* SPDX-License-Identifier: MIT */
/* One script per taking: the bucket is a single moment in time (lua/rate_take.lua, lua/rate_peek.lua). */
#include "store/limits.h"

#include <assert.h>

#include "store/op.h"

struct taking {
    rate_taken_fn *done;
    void *ctx;
};

static bool judge_taken(const redisReply *reply, enum result *result_out)
{
    if (!reply_is_integer(reply) || reply->integer < 0 || reply->integer > UINT32_MAX)
        return false;
    *result_out = reply->integer == 0 ? RESULT_OK : RESULT_REFUSED;
    return true;
}

static void deliver_taken(struct store *store, enum result result, const redisReply *reply,
                          void *state)
{
    struct taking *taking = state;

    (void)store;
    if (taking->done != NULL)
        taking->done(result, reply != NULL ? (uint32_t)reply->integer : 0, taking->ctx);
}

static const struct verb rate_take_verb = {
    .id = VERB_RATE_TAKE,
    .judge = judge_taken,
    .deliver = deliver_taken,
};

static const struct verb rate_peek_verb = {
    .id = VERB_RATE_PEEK,
    .judge = judge_taken,
    .deliver = deliver_taken,
};

static void ask(struct store *store, const struct verb *verb, struct slice realm,
                struct slice subject, const struct rate_limit *limit, uint32_t tokens,
                rate_taken_fn *done, void *ctx, struct store_op **slot)
{
    struct taking taking = { done, ctx };
    struct op_number now, count, period, wanted;
    struct key bucket;

    assert(limit->count > 0 && limit->period_ms > 0 && tokens > 0);
    key_make(&bucket, "rate", realm, subject, "bucket");
    struct slice key = key_slice(&bucket);
    struct slice args[] = {
        op_u64(&now, (uint64_t)store_now_ms(store)),
        op_u64(&count, limit->count),
        op_u64(&period, limit->period_ms),
        op_u64(&wanted, tokens),
    };
    struct op_call call = {
        .verb = verb,
        .keys = &key,
        .key_count = 1,
        .args = args,
        .arg_count = 4,
        .state = &taking,
        .state_size = sizeof taking,
    };

    op_start(store, &call, slot);
}

void rate_take(struct store *store, struct slice realm, struct slice subject,
               const struct rate_limit *limit, uint32_t tokens, rate_taken_fn *done, void *ctx,
               struct store_op **slot)
{
    ask(store, &rate_take_verb, realm, subject, limit, tokens, done, ctx, slot);
}

void rate_peek(struct store *store, struct slice realm, struct slice subject,
               const struct rate_limit *limit, uint32_t tokens, rate_taken_fn *done, void *ctx,
               struct store_op **slot)
{
    ask(store, &rate_peek_verb, realm, subject, limit, tokens, done, ctx, slot);
}
