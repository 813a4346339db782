/* SPDX-License-Identifier: MIT */
/* What becomes of instances between their states, and of the nodes that have them. */
#include <assert.h>
#include <stdlib.h>

#include "store/fleet_inside.h"

enum { LEAVING_MAX = 64 * 1024 * 1024 };

static bool judge_number(const redisReply *reply, enum result *result_out)
{
    static const enum result meanings[] = { RESULT_OK, RESULT_REFUSED, RESULT_NOT_FOUND,
                                            RESULT_CONFLICT };

    if (!reply_is_number(reply) || reply->integer > 3)
        return false;
    *result_out = meanings[reply->integer];
    return true;
}

void fleet_touch(struct store *store, struct slice realm, struct slice id, struct slice owner,
                 uint64_t poll, store_done_fn *done, void *ctx, struct store_op **slot)
{
    static const struct verb verb = { .id = VERB_FLEET_TOUCH,
                                      .judge = judge_number,
                                      .deliver = op_deliver_done };
    static const enum fleet_part parts[] = {
        FLEET_HEADS, FLEET_SYNCED, FLEET_RESERVED, FLEET_HOLDS,  FLEET_FREE,
        FLEET_TAGS,  FLEET_FACTS,  FLEET_METADATA, FLEET_CLAIMS,
    };
    struct op_done touching = { done, ctx };
    struct op_number number, now;
    struct slice args[] = { id, owner, op_u64(&number, poll),
                            op_u64(&now, (uint64_t)store_now_ms(store)) };
    struct op_call call = {
        .verb = &verb,
        .args = args,
        .arg_count = 4,
        .state = &touching,
        .state_size = sizeof touching,
    };

    assert(id.len == FLEET_ID_LEN);
    fleet_start(store, realm, parts, sizeof parts / sizeof parts[0], &call, slot);
}

/* Those that may tell an event and end in nothing but a result: three arguments, and the log. */
static void start_step(struct store *store, const struct verb *verb, struct slice realm,
                       const struct slice three[3], struct op_done doing, struct store_op **slot)
{
    struct fleet_log log;

    fleet_log_make(&log, store, realm);
    struct slice args[] = { three[0], three[1], three[2], log.topic, log.bounds };
    struct op_call call = {
        .verb = verb,
        .args = args,
        .arg_count = 5,
        .state = &doing,
        .state_size = sizeof doing,
    };

    fleet_start(store, realm, NULL, 0, &call, slot);
}

void fleet_stale(struct store *store, struct slice realm, struct slice id, struct slice owner,
                 struct slice event, store_done_fn *done, void *ctx, struct store_op **slot)
{
    static const struct verb verb = { .id = VERB_FLEET_STALE,
                                      .judge = fleet_judge_step,
                                      .deliver = op_deliver_done,
                                      .note = fleet_note_step };
    struct slice args[] = { id, owner, event };

    assert(id.len == FLEET_ID_LEN);
    start_step(store, &verb, realm, args, (struct op_done){ done, ctx }, slot);
}

void fleet_describe(struct store *store, struct slice realm, struct slice instance,
                    struct slice base, struct slice metadata, store_done_fn *done, void *ctx,
                    struct store_op **slot)
{
    static const struct verb verb = { .id = VERB_FLEET_DESCRIBE,
                                      .judge = fleet_judge_step,
                                      .deliver = op_deliver_done,
                                      .note = fleet_note_step };
    struct slice args[] = { instance, base, metadata };

    assert(instance.len == FLEET_ID_LEN && metadata.len >= 2);
    start_step(store, &verb, realm, args, (struct op_done){ done, ctx }, slot);
}

/* ---- the end ------------------------------------------------------------------------------------ */

struct removing {
    fleet_removed_fn *done;
    void *ctx;
};

enum { REMOVED_LOST = 2 };

static bool judge_removed(const redisReply *reply, enum result *result_out)
{
    return fleet_judge_step(reply, result_out) &&
           (*result_out != RESULT_OK || fleet_lost_are_good(reply, REMOVED_LOST));
}

static void deliver_removed(struct store *store, enum result result, const redisReply *reply,
                            void *state)
{
    const struct removing *removing = state;
    struct fleet_removed removed = { 0 };

    (void)store;
    if (result == RESULT_OK)
        removed = fleet_lost_read(reply, REMOVED_LOST);
    if (removing->done != NULL)
        removing->done(result, &removed, removing->ctx);
    free((void *)(uintptr_t)removed.lost);
}

void fleet_remove(struct store *store, struct slice realm, const struct fleet_leaving *leaving,
                  fleet_removed_fn *done, void *ctx, struct store_op **slot)
{
    static const struct verb verb = { .id = VERB_FLEET_REMOVE,
                                      .judge = judge_removed,
                                      .deliver = deliver_removed,
                                      .note = fleet_note_step };
    struct removing removing = { done, ctx };
    struct fleet_log log;
    struct buf packed;

    fleet_log_make(&log, store, realm);
    buf_init(&packed, LEAVING_MAX);
    fleet_pack_leaving(&packed, leaving);
    assert(!packed.has_overflowed);
    struct slice args[] = { buf_slice(&packed), log.topic, log.bounds };
    struct op_call call = {
        .verb = &verb,
        .args = args,
        .arg_count = 3,
        .state = &removing,
        .state_size = sizeof removing,
    };

    fleet_start(store, realm, NULL, 0, &call, slot);
    buf_fini(&packed);
}

/* ---- nodes -------------------------------------------------------------------------------------- */

struct beating {
    fleet_beat_fn *done;
    void *ctx;
};

static bool judge_beat(const redisReply *reply, enum result *result_out)
{
    *result_out = RESULT_OK;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 1 ||
        reply->elements > FLEET_DEAD_MAX + 1 || !reply_is_number(reply->element[0]))
        return false;
    for (size_t i = 1; i < reply->elements; i++)
        if (!reply_is_string(reply->element[i]))
            return false;
    return true;
}

static void deliver_beat(struct store *store, enum result result, const redisReply *reply,
                         void *state)
{
    const struct beating *beating = state;
    struct slice dead[FLEET_DEAD_MAX];
    struct fleet_beat beat = { .dead = dead };

    (void)store;
    if (result == RESULT_OK) {
        beat.epoch = (uint64_t)reply->element[0]->integer;
        for (; beat.dead_count + 1 < reply->elements; beat.dead_count++)
            dead[beat.dead_count] = reply_slice(reply->element[beat.dead_count + 1]);
    }
    if (beating->done != NULL)
        beating->done(result, &beat, beating->ctx);
}

void fleet_beat(struct store *store, struct slice realm, struct slice node, uint32_t ttl_ms,
                fleet_beat_fn *done, void *ctx, struct store_op **slot)
{
    static const struct verb verb = { .id = VERB_FLEET_BEAT,
                                      .judge = judge_beat,
                                      .deliver = deliver_beat };
    uint64_t now_ms = (uint64_t)store_now_ms(store);
    struct beating beating = { done, ctx };
    struct op_number ttl, now, epoch, most;
    struct slice args[] = {
        node, op_u64(&ttl, ttl_ms), op_u64(&now, now_ms),
        /* two fleets that begin in one millisecond are not the same one: there is a loss between them */
        op_u64(&epoch, now_ms), op_u64(&most, FLEET_DEAD_MAX), slice_of(store->run_id)
    };
    struct op_call call = {
        .verb = &verb,
        .args = args,
        .arg_count = sizeof args / sizeof args[0],
        .state = &beating,
        .state_size = sizeof beating,
    };

    fleet_start(store, realm, NULL, 0, &call, slot);
}
