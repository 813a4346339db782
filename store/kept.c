/* SPDX-License-Identifier: MIT */
/* Plain strings with a life of their own: SET, GET and GETDEL. */
#include "store/kept.h"

#include "store/op.h"

static const struct {
    const char *noun;
    uint32_t life_ms;
} kinds[KEPT_KINDS] = {
    [KEPT_USER] = { "user", 60 * 60 * 1000 },
    [KEPT_NO_USER] = { "user", 60 * 1000 },
    [KEPT_GUILDS] = { "ug", 60 * 1000 },
    [KEPT_NONCE] = { "nonce", 120 * 1000 },
};

static void make_key(struct key *key, enum kept_kind kind, struct slice realm, struct slice id)
{
    key_make(key, kinds[kind].noun, realm, id, "v");
}

static const struct verb kept_put_verb = {
    .id = VERB_KEPT_PUT,
    .judge = op_judge_status,
    .deliver = op_deliver_done,
};

void kept_put(struct store *store, enum kept_kind kind, struct slice realm, struct slice id,
              struct slice text, store_done_fn *done, void *ctx, struct store_op **slot)
{
    struct op_done putting = { done, ctx };
    struct op_number life;
    struct key made;

    make_key(&made, kind, realm, id);
    struct slice key = key_slice(&made);
    struct slice args[] = { text, SLICE_LITERAL("PX"), op_u64(&life, kinds[kind].life_ms) };
    struct op_call call = {
        .verb = &kept_put_verb,
        .keys = &key,
        .key_count = 1,
        .args = args,
        .arg_count = 3,
        .state = &putting,
        .state_size = sizeof putting,
    };

    op_start(store, &call, slot);
}

struct reading {
    kept_fn *done;
    void *ctx;
};

static void deliver_text(struct store *store, enum result result, const redisReply *reply,
                         void *state)
{
    const struct reading *reading = state;

    (void)store;
    reading->done(result, result == RESULT_OK ? reply_slice(reply) : (struct slice){ NULL, 0 },
                  reading->ctx);
}

static const struct verb kept_get_verb = {
    .id = VERB_KEPT_GET,
    .judge = op_judge_text,
    .deliver = deliver_text,
};
static const struct verb kept_take_verb = {
    .id = VERB_KEPT_TAKE,
    .judge = op_judge_text,
    .deliver = deliver_text,
};

static void start_reading(struct store *store, const struct verb *verb, const struct key *made,
                          struct reading reading, struct store_op **slot)
{
    struct slice key = key_slice(made);
    struct op_call call = {
        .verb = verb,
        .keys = &key,
        .key_count = 1,
        .state = &reading,
        .state_size = sizeof reading,
    };

    op_start(store, &call, slot);
}

void kept_get(struct store *store, enum kept_kind kind, struct slice realm, struct slice id,
              kept_fn *done, void *ctx, struct store_op **slot)
{
    struct key key;

    make_key(&key, kind, realm, id);
    start_reading(store, &kept_get_verb, &key, (struct reading){ done, ctx }, slot);
}

void kept_take(struct store *store, enum kept_kind kind, struct slice realm, struct slice id,
               kept_fn *done, void *ctx, struct store_op **slot)
{
    struct key key;

    make_key(&key, kind, realm, id);
    start_reading(store, &kept_take_verb, &key, (struct reading){ done, ctx }, slot);
}
