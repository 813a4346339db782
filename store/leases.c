/* SPDX-License-Identifier: MIT */
#include "store/leases.h"

#include "store/op.h"

static void start(struct store *store, const struct verb *verb, const struct lease_id *id,
                  const struct slice *args, size_t arg_count, const struct op_done *state,
                  struct store_op **slot)
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
        .state_size = sizeof *state,
    };

    key_make(&key, "lease", id->realm, id->name, "holder");
    keys[0] = key_slice(&key);
    op_start(store, &call, slot);
}

static bool judge_taken(const redisReply *reply, enum result *result_out)
{
    if (!reply_is_integer(reply))
        return false;
    *result_out = reply->integer == 1 ? RESULT_OK : RESULT_CONFLICT;
    return true;
}

void lease_take(struct store *store, const struct lease_id *id, uint32_t ttl_ms,
                store_done_fn *done, void *ctx, struct store_op **slot)
{
    static const struct verb verb = { .id = VERB_LEASE_TAKE,
                                      .judge = judge_taken,
                                      .deliver = op_deliver_done };
    struct op_done taking = { done, ctx };
    struct op_number ttl;
    struct slice args[] = { id->holder, op_u64(&ttl, ttl_ms) };

    start(store, &verb, id, args, 2, &taking, slot);
}

void lease_release(struct store *store, const struct lease_id *id, store_done_fn *done, void *ctx,
                   struct store_op **slot)
{
    static const struct verb verb = { .id = VERB_LEASE_RELEASE,
                                      .judge = op_judge_integer,
                                      .deliver = op_deliver_done };
    struct op_done releasing = { done, ctx };

    start(store, &verb, id, &id->holder, 1, &releasing, slot);
}
