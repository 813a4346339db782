/* SPDX-License-Identifier: MIT */
#include "store/resumes.h"

#include "store/op.h"

static void start(struct store *store, const struct verb *verb, struct slice realm,
                  struct slice secret, const struct slice *args, size_t arg_count,
                  const void *state, size_t state_size, struct store_op **slot)
{
    struct key key;
    struct slice keys[1];
    struct op_call call = {
        .verb = verb,
        .keys = keys,
        .key_count = 1,
        .args = args,
        .arg_count = arg_count,
        .state = state,
        .state_size = state_size,
    };

    key_make(&key, "resume", realm, secret, "state");
    keys[0] = key_slice(&key);
    op_start(store, &call, slot);
}

/* ---- what its holder says ------------------------------------------------------------------------ */

static bool judge_held(const redisReply *reply, enum result *result_out)
{
    static const enum result results[] = { RESULT_NOT_FOUND, RESULT_CONFLICT, RESULT_OK };

    if (!reply_is_integer(reply) || reply->integer < -1 || reply->integer > 1)
        return false;
    *result_out = results[reply->integer + 1];
    return true;
}

static const struct verb resume_hold_verb = {
    .id = VERB_RESUME_HOLD,
    .judge = judge_held,
    .deliver = op_deliver_done,
};

/* Without a state: what is written stays. */
static void hold(struct store *store, const struct resume_id *id, uint32_t ttl_ms,
                 const struct slice *state, const struct op_done *waiting, struct store_op **slot)
{
    struct op_number ttl;
    struct slice args[3] = { id->holder, op_u64(&ttl, ttl_ms) };
    size_t count = 2;

    if (state != NULL)
        args[count++] = *state;
    start(store, &resume_hold_verb, id->realm, id->secret, args, count, waiting, sizeof *waiting,
          slot);
}

void resume_save(struct store *store, const struct resume_id *id, struct slice state,
                 uint32_t ttl_ms, store_done_fn *done, void *ctx, struct store_op **slot)
{
    hold(store, id, ttl_ms, &state, &(struct op_done){ done, ctx }, slot);
}

void resume_keep(struct store *store, const struct resume_id *id, uint32_t ttl_ms,
                 store_done_fn *done, void *ctx, struct store_op **slot)
{
    hold(store, id, ttl_ms, NULL, &(struct op_done){ done, ctx }, slot);
}

void resume_forget(struct store *store, const struct resume_id *id, store_done_fn *done, void *ctx,
                   struct store_op **slot)
{
    hold(store, id, 0, NULL, &(struct op_done){ done, ctx }, slot);
}

/* ---- reading ------------------------------------------------------------------------------------- */

struct loading {
    resume_fn *done;
    void *ctx;
};

static void deliver_loaded(struct store *store, enum result result, const redisReply *reply,
                           void *state)
{
    struct loading *loading = state;

    (void)store;
    if (loading->done != NULL)
        loading->done(result, result == RESULT_OK ? reply_slice(reply) : (struct slice){ NULL, 0 },
                      loading->ctx);
}

static const struct verb resume_load_verb = {
    .id = VERB_RESUME_LOAD,
    .judge = op_judge_text,
    .deliver = deliver_loaded,
};

void resume_load(struct store *store, struct slice realm, struct slice secret, resume_fn *done,
                 void *ctx, struct store_op **slot)
{
    struct loading loading = { done, ctx };
    struct slice field = SLICE_LITERAL("state");

    start(store, &resume_load_verb, realm, secret, &field, 1, &loading, sizeof loading, slot);
}

/* ---- coming back --------------------------------------------------------------------------------- */

static bool judge_taken(const redisReply *reply, enum result *result_out)
{
    if (!reply_is_integer(reply))
        return false;
    *result_out = reply->integer == 1 ? RESULT_OK : RESULT_NOT_FOUND;
    return true;
}

static const struct verb resume_take_verb = {
    .id = VERB_RESUME_TAKE,
    .judge = judge_taken,
    .deliver = op_deliver_done,
};

void resume_take(struct store *store, const struct resume_id *id, store_done_fn *done, void *ctx,
                 struct store_op **slot)
{
    struct op_done waiting = { done, ctx };

    start(store, &resume_take_verb, id->realm, id->secret, &id->holder, 1, &waiting, sizeof waiting,
          slot);
}
