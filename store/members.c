/* SPDX-License-Identifier: MIT */
/*
 * One string per place and one per mark, each with a life of its own: what a dead node left behind
 * vanishes by itself.
 */
#include "store/members.h"

#include "store/op.h"

static void start_member(struct store *store, const struct verb *verb, const struct member_id *id,
                         uint32_t ms, const void *state, size_t state_size, struct store_op **slot)
{
    struct op_number number;
    struct slice args[] = { id->connection, op_u64(&number, ms) };
    struct key member, mark;
    struct slice keys[2];
    struct op_call call = {
        .verb = verb,
        .keys = keys,
        .key_count = 2,
        .args = args,
        .arg_count = 2,
        .state = state,
        .state_size = state_size,
    };

    key_make_item(&member, "mods", id->realm, id->channel, "member", id->server);
    key_make_item(&mark, "mods", id->realm, id->channel, "mark", id->server);
    keys[0] = key_slice(&member);
    keys[1] = key_slice(&mark);
    op_start(store, &call, slot);
}

struct joining {
    member_fn *done;
    void *ctx;
};

/* {former, mark}: a mark is a decimal number, or nothing. */
static bool judge_taken(const redisReply *reply, enum result *result_out)
{
    uint64_t mark;

    *result_out = RESULT_OK;
    return reply_is_array(reply, 2) && reply_is_string(reply->element[0]) &&
           reply_is_string(reply->element[1]) &&
           (reply->element[1]->len == 0 ||
            slice_to_u64(reply_slice(reply->element[1]), 0, UINT64_MAX, &mark));
}

static void deliver_taken(struct store *store, enum result result, const redisReply *reply,
                          void *state)
{
    const struct joining *joining = state;
    struct member member = { 0 };

    (void)store;
    if (result == RESULT_OK) {
        member.former = reply_slice(reply->element[0]);
        slice_to_u64(reply_slice(reply->element[1]), 0, UINT64_MAX, &member.mark);
    }
    joining->done(result, &member, joining->ctx);
}

static const struct verb member_take_verb = {
    .id = VERB_MEMBER_TAKE,
    .judge = judge_taken,
    .deliver = deliver_taken,
};

void member_take(struct store *store, const struct member_id *id, uint32_t ttl_ms, member_fn *done,
                 void *ctx, struct store_op **slot)
{
    struct joining joining = { done, ctx };

    start_member(store, &member_take_verb, id, ttl_ms, &joining, sizeof joining, slot);
}

static bool judge_renewed(const redisReply *reply, enum result *result_out)
{
    if (!reply_is_integer(reply))
        return false;
    *result_out = reply->integer == 1 ? RESULT_OK : RESULT_CONFLICT;
    return true;
}

static const struct verb member_renew_verb = {
    .id = VERB_MEMBER_RENEW,
    .judge = judge_renewed,
    .deliver = op_deliver_done,
};

void member_renew(struct store *store, const struct member_id *id, uint32_t ttl_ms,
                  store_done_fn *done, void *ctx, struct store_op **slot)
{
    struct op_done state = { done, ctx };

    start_member(store, &member_renew_verb, id, ttl_ms, &state, sizeof state, slot);
}

static const struct verb member_mark_verb = {
    .id = VERB_MEMBER_MARK,
    .judge = op_judge_status,
    .deliver = op_deliver_done,
};

void member_mark(struct store *store, const struct member_id *id, uint64_t number, uint32_t ttl_ms,
                 store_done_fn *done, void *ctx, struct store_op **slot)
{
    struct op_done state = { done, ctx };
    struct op_number mark, ttl;
    struct slice args[] = { op_u64(&mark, number), SLICE_LITERAL("PX"), op_u64(&ttl, ttl_ms) };
    struct key key;
    struct slice keys[1];
    struct op_call call = {
        .verb = &member_mark_verb,
        .keys = keys,
        .key_count = 1,
        .args = args,
        .arg_count = 3,
        .state = &state,
        .state_size = sizeof state,
    };

    key_make_item(&key, "mods", id->realm, id->channel, "mark", id->server);
    keys[0] = key_slice(&key);
    op_start(store, &call, slot);
}

static const struct verb member_release_verb = {
    .id = VERB_MEMBER_RELEASE,
    .judge = op_judge_integer,
    .deliver = op_deliver_done,
};

void member_release(struct store *store, const struct member_id *id, uint32_t grace_ms,
                    store_done_fn *done, void *ctx, struct store_op **slot)
{
    struct op_done state = { done, ctx };

    start_member(store, &member_release_verb, id, grace_ms, &state, sizeof state, slot);
}
