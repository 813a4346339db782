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

    key_make(&key, "resume", realm, secret, "s");
    keys[0] = key_slice(&key);
    op_start(store, &call, slot);
}

/* ---- writing ------------------------------------------------------------------------------------- */

static const struct verb resume_save_verb = {
    .id = VERB_RESUME_SAVE,
    .judge = op_judge_status,
    .deliver = op_deliver_done,
};

void resume_save(struct store *store, struct slice realm, struct slice secret, struct slice state,
                 uint32_t ttl_ms, store_done_fn *done, void *ctx, struct store_op **slot)
{
    struct op_done waiting = { done, ctx };
    struct op_number ttl;
    struct slice args[] = { state, SLICE_LITERAL("PX"), op_u64(&ttl, ttl_ms) };

    start(store, &resume_save_verb, realm, secret, args, 3, &waiting, sizeof waiting, slot);
}

static bool judge_kept(const redisReply *reply, enum result *result_out)
{
    if (!reply_is_integer(reply))
        return false;
    *result_out = reply->integer == 1 ? RESULT_OK : RESULT_NOT_FOUND;
    return true;
}

static const struct verb resume_keep_verb = {
    .id = VERB_RESUME_KEEP,
    .judge = judge_kept,
    .deliver = op_deliver_done,
};

void resume_keep(struct store *store, struct slice realm, struct slice secret, uint32_t ttl_ms,
                 store_done_fn *done, void *ctx, struct store_op **slot)
{
    struct op_done waiting = { done, ctx };
    struct op_number ttl;
    struct slice args[] = { op_u64(&ttl, ttl_ms) };

    start(store, &resume_keep_verb, realm, secret, args, 1, &waiting, sizeof waiting, slot);
}

static const struct verb resume_forget_verb = {
    .id = VERB_RESUME_FORGET,
    .judge = op_judge_integer,
    .deliver = op_deliver_done,
};

void resume_forget(struct store *store, struct slice realm, struct slice secret,
                   store_done_fn *done, void *ctx, struct store_op **slot)
{
    struct op_done waiting = { done, ctx };

    start(store, &resume_forget_verb, realm, secret, NULL, 0, &waiting, sizeof waiting, slot);
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

    start(store, &resume_load_verb, realm, secret, NULL, 0, &loading, sizeof loading, slot);
}
