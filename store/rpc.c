/* SPDX-License-Identifier: MIT */
/* Questions and answers on lists (lua/rpc_push.lua, lua/rpc_answer.lua; LPOP takes them). */
#include "store/rpc.h"

#include <assert.h>

#include "store/op.h"

void rpc_queue_key(struct key *key, struct slice realm, struct slice queue)
{
    key_make(key, "rpc", realm, queue, "q");
}

void rpc_answers_key(struct key *key, struct slice realm, struct slice node_id)
{
    key_make(key, "inbox", realm, node_id, "rpc");
}

static bool judge_pushed(const redisReply *reply, enum result *result_out)
{
    *result_out = reply_is_number(reply) && reply->integer == 1 ? RESULT_OK : RESULT_REFUSED;
    return reply_is_number(reply) && reply->integer <= 1;
}

static const struct verb rpc_push_verb = {
    .id = VERB_RPC_PUSH,
    .judge = judge_pushed,
    .deliver = op_deliver_done,
};

void rpc_push(struct store *store, struct slice realm, struct slice queue, struct slice text,
              store_done_fn *done, void *ctx, struct store_op **slot)
{
    struct op_done pushing = { done, ctx };
    struct op_number max, life;
    struct key list;

    assert(text.len <= RPC_TEXT_MAX);
    rpc_queue_key(&list, realm, queue);
    struct slice key = key_slice(&list);
    struct slice args[] = { text, op_u64(&max, RPC_QUEUE_MAX), op_u64(&life, RPC_LIFE_MS) };
    struct op_call call = {
        .verb = &rpc_push_verb,
        .keys = &key,
        .key_count = 1,
        .args = args,
        .arg_count = 3,
        .state = &pushing,
        .state_size = sizeof pushing,
    };

    op_start(store, &call, slot);
}

/* ---- taking ---------------------------------------------------------------------------------- */

struct taking {
    rpc_taken_fn *done;
    void *ctx;
};

static bool judge_taken(const redisReply *reply, enum result *result_out)
{
    *result_out = RESULT_OK;
    return reply_is_nil(reply) ||
           (reply_is_list(reply, reply_is_string) && reply->elements <= RPC_TAKE_MAX);
}

static void deliver_taken(struct store *store, enum result result, const redisReply *reply,
                          void *state)
{
    const struct taking *taking = state;
    struct slice texts[RPC_TAKE_MAX];
    size_t count = result == RESULT_OK && !reply_is_nil(reply) ? reply->elements : 0;

    (void)store;
    for (size_t i = 0; i < count; i++)
        texts[i] = reply_slice(reply->element[i]);
    taking->done(result, texts, count, taking->ctx);
}

static const struct verb rpc_take_verb = {
    .id = VERB_RPC_TAKE,
    .judge = judge_taken,
    .deliver = deliver_taken,
};

void rpc_take(struct store *store, const struct key *list, rpc_taken_fn *done, void *ctx,
              struct store_op **slot)
{
    struct taking taking = { done, ctx };
    struct op_number max;
    struct slice key = key_slice(list), count = op_u64(&max, RPC_TAKE_MAX);
    struct op_call call = {
        .verb = &rpc_take_verb,
        .keys = &key,
        .key_count = 1,
        .args = &count,
        .arg_count = 1,
        .state = &taking,
        .state_size = sizeof taking,
    };

    op_start(store, &call, slot);
}

static const struct verb rpc_answer_verb = {
    .id = VERB_RPC_ANSWER,
    .judge = op_judge_integer,
    .deliver = op_deliver_done,
};

void rpc_answer(struct store *store, struct slice list, struct slice text, store_done_fn *done,
                void *ctx, struct store_op **slot)
{
    struct op_done answering = { done, ctx };
    struct op_number life;
    struct slice args[] = { text, op_u64(&life, RPC_LIFE_MS) };
    struct op_call call = {
        .verb = &rpc_answer_verb,
        .keys = &list,
        .key_count = 1,
        .args = args,
        .arg_count = 2,
        .state = &answering,
        .state_size = sizeof answering,
    };

    assert(list.len > 0 && list.len <= KEY_MAX);
    op_start(store, &call, slot);
}
