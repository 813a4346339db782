/* SPDX-License-Identifier: MIT */
/* The registry of live nodes: one sorted set, scored by Redis' own clock. */
#include "store/nodes.h"

#include <stdlib.h>

#include "base/mem.h"
#include "store/key.h"
#include "store/op.h"

enum { FORGET_MS = 6 * NODES_LEASE_MS, QUIET_MS = NODES_LEASE_MS / 2 };

static void start(struct store *store, const struct verb *verb, const struct slice *args,
                  size_t arg_count, const void *state, size_t state_size, struct store_op **slot)
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

    key_make(&key, "nodes", SLICE_LITERAL("all"), SLICE_LITERAL("all"), "live");
    keys[0] = key_slice(&key);
    op_start(store, &call, slot);
}

void nodes_beat(struct store *store, const char *node_id, store_done_fn *done, void *ctx,
                struct store_op **slot)
{
    static const struct verb verb = { .id = VERB_NODES_BEAT,
                                      .judge = op_judge_integer,
                                      .deliver = op_deliver_done };
    struct op_done beating = { done, ctx };
    struct op_number forget, quiet;
    struct slice args[] = { slice_of(node_id), op_u64(&forget, FORGET_MS),
                            op_u64(&quiet, QUIET_MS) };

    start(store, &verb, args, 3, &beating, sizeof beating, slot);
}

void nodes_leave(struct store *store, const char *node_id, store_done_fn *done, void *ctx,
                 struct store_op **slot)
{
    static const struct verb verb = { .id = VERB_NODES_LEAVE,
                                      .judge = op_judge_integer,
                                      .deliver = op_deliver_done };
    struct op_done leaving = { done, ctx };
    struct slice id = slice_of(node_id);

    start(store, &verb, &id, 1, &leaving, sizeof leaving, slot);
}

struct listing {
    nodes_live_fn *done;
    void *ctx;
};

static bool judge_ids(const redisReply *reply, enum result *result_out)
{
    *result_out = RESULT_OK;
    return reply_is_list(reply, reply_is_string);
}

static void deliver_ids(struct store *store, enum result result, const redisReply *reply,
                        void *state)
{
    const struct listing *listing = state;
    size_t count = result == RESULT_OK ? reply->elements : 0;
    struct slice *ids = xcalloc(count + 1, sizeof *ids);

    (void)store;
    for (size_t i = 0; i < count; i++)
        ids[i] = reply_slice(reply->element[i]);
    if (listing->done != NULL)
        listing->done(result, ids, count, listing->ctx);
    free(ids);
}

void nodes_list_live(struct store *store, nodes_live_fn *done, void *ctx, struct store_op **slot)
{
    static const struct verb verb = { .id = VERB_NODES_LIST_LIVE,
                                      .judge = judge_ids,
                                      .deliver = deliver_ids };
    struct listing listing = { done, ctx };
    struct op_number lease, quiet;
    struct slice args[] = { op_u64(&lease, NODES_LEASE_MS), op_u64(&quiet, QUIET_MS) };

    start(store, &verb, args, 2, &listing, sizeof listing, slot);
}
