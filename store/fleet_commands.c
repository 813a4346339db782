/* SPDX-License-Identifier: MIT */
/* Commands under way: a place for a room, any other command, and the one decision about how each ended. */
#include <assert.h>
#include <string.h>

#include "store/fleet_inside.h"

enum { MARGIN_MS = 5000, NUMBERS_LEN = 8 + 8 + 4 * 4 };

struct ordering {
    fleet_order_fn *done;
    void *ctx;
};

enum { ORDER_CODE, ORDER_INSTANCE, ORDER_OWNER, ORDER_URL, ORDER_COMMAND, ORDER };

static bool judge_order(const redisReply *reply, enum result *result_out)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements == 0 ||
        !reply_is_number(reply->element[ORDER_CODE]))
        return false;
    if (reply->element[ORDER_CODE]->integer != FLEET_REFUSED_NOTHING) {
        *result_out = RESULT_REFUSED;
        return reply->element[ORDER_CODE]->integer <= FLEET_REFUSED_BUSY;
    }
    *result_out = RESULT_OK;
    return reply_is_array(reply, ORDER) && reply_is_string(reply->element[ORDER_INSTANCE]) &&
           reply_is_string(reply->element[ORDER_OWNER]) &&
           reply_is_string(reply->element[ORDER_URL]) &&
           reply_is_number(reply->element[ORDER_COMMAND]);
}

static void deliver_order(struct store *store, enum result result, const redisReply *reply,
                          void *state)
{
    const struct ordering *ordering = state;
    struct fleet_order order = { .refusal = FLEET_REFUSED_NOTHING };

    (void)store;
    if (result == RESULT_OK) {
        order.instance = reply_slice(reply->element[ORDER_INSTANCE]);
        order.owner = reply_slice(reply->element[ORDER_OWNER]);
        order.endpoint_url = reply_slice(reply->element[ORDER_URL]);
        order.command = (uint64_t)reply->element[ORDER_COMMAND]->integer;
    } else if (result == RESULT_REFUSED) {
        order.refusal = (enum fleet_refusal)reply->element[ORDER_CODE]->integer;
    }
    if (ordering->done != NULL)
        ordering->done(result, &order, ordering->ctx);
}

/* Now, and when any node may settle it. */
static void pack_times(struct buf *out, const struct store *store, uint32_t timeout_ms)
{
    uint64_t now_ms = (uint64_t)store_now_ms(store);

    buf_init(out, NUMBERS_LEN);
    fleet_pack_number(out, now_ms, 8);
    fleet_pack_number(out, now_ms + timeout_ms + MARGIN_MS, 8);
}

static struct slice how_of(const struct fleet_place *place)
{
    static const struct slice strategies[] = {
        [FLEET_LEAST_LOADED] = SLICE_LITERAL("l"),
        [FLEET_MOST_LOADED] = SLICE_LITERAL("m"),
        [FLEET_RANDOM] = SLICE_LITERAL("r"),
    };

    if (place->pinned_id.data != NULL)
        return place->is_forced ? SLICE_LITERAL("I") : SLICE_LITERAL("i");
    if (place->pinned_uid.data != NULL)
        return place->is_forced ? SLICE_LITERAL("U") : SLICE_LITERAL("u");
    return strategies[place->strategy];
}

static struct slice tags_of(const struct fleet_place *place)
{
    if (place->pinned_id.data == NULL && place->pinned_uid.data == NULL)
        return (struct slice){ (const char *)place->tags, place->tag_count * FLEET_TAG_LEN };
    return (struct slice){ (const char *)place->needed, place->needed != NULL ? FLEET_TAG_LEN : 0 };
}

void fleet_place(struct store *store, struct slice realm, const struct fleet_place *place,
                 fleet_order_fn *done, void *ctx, struct store_op **slot)
{
    static const struct verb verb = { .id = VERB_FLEET_PLACE,
                                      .judge = judge_order,
                                      .deliver = deliver_order };
    static const enum fleet_part parts[] = {
        FLEET_HEADS, FLEET_CLAIMS, FLEET_RESERVED, FLEET_COMMANDS, FLEET_DUE,   FLEET_NUMBER,
        FLEET_NODES, FLEET_FREE,   FLEET_TAGS,     FLEET_UIDS,     FLEET_FACTS, FLEET_METADATA,
    };
    bool is_pinned_by_id = place->pinned_id.data != NULL;
    struct ordering ordering = { done, ctx };
    struct buf numbers;

    assert(place->room.len > 0 && place->requester.len > 0 && place->requester.len <= 255);
    assert(is_pinned_by_id || place->pinned_uid.data != NULL || place->tag_count > 0);
    pack_times(&numbers, store, place->timeout_ms);
    for (size_t i = 0; i < 4; i++)
        fleet_pack_number(&numbers, place->random[i], 4);
    struct slice args[] = {
        place->room,
        how_of(place),
        is_pinned_by_id ? place->pinned_id : place->pinned_uid,
        tags_of(place),
        place->metadata,
        place->requester,
        buf_slice(&numbers),
    };
    struct op_call call = {
        .verb = &verb,
        .args = args,
        .arg_count = sizeof args / sizeof args[0],
        .state = &ordering,
        .state_size = sizeof ordering,
    };

    fleet_start(store, realm, parts, sizeof parts / sizeof parts[0], &call, slot);
    buf_fini(&numbers);
}

void fleet_command(struct store *store, struct slice realm, struct slice instance, enum fleet_op op,
                   struct slice requester, uint32_t timeout_ms, fleet_order_fn *done, void *ctx,
                   struct store_op **slot)
{
    static const struct verb verb = { .id = VERB_FLEET_COMMAND,
                                      .judge = judge_order,
                                      .deliver = deliver_order };
    static const enum fleet_part parts[] = { FLEET_HEADS, FLEET_COMMANDS, FLEET_DUE, FLEET_NUMBER };
    struct ordering ordering = { done, ctx };
    struct op_number number;
    struct buf times;

    assert(op > FLEET_CREATE && op < FLEET_OPS && requester.len > 0 && requester.len <= 255);
    pack_times(&times, store, timeout_ms);
    struct slice args[] = { instance, op_u64(&number, op), requester, buf_slice(&times) };
    struct op_call call = {
        .verb = &verb,
        .args = args,
        .arg_count = 4,
        .state = &ordering,
        .state_size = sizeof ordering,
    };

    fleet_start(store, realm, parts, sizeof parts / sizeof parts[0], &call, slot);
    buf_fini(&times);
}

static bool judge_settled(const redisReply *reply, enum result *result_out)
{
    if (!reply_is_number(reply) || reply->integer > 1)
        return false;
    *result_out = reply->integer == 1 ? RESULT_OK : RESULT_NOT_FOUND;
    return true;
}

void fleet_settle(struct store *store, struct slice realm, struct slice instance, uint64_t command,
                  enum fleet_outcome outcome, uint64_t poll, store_done_fn *done, void *ctx,
                  struct store_op **slot)
{
    static const struct verb verb = { .id = VERB_FLEET_SETTLE,
                                      .judge = judge_settled,
                                      .deliver = op_deliver_done };
    static const enum fleet_part parts[] = {
        FLEET_HEADS, FLEET_RESERVED, FLEET_HOLDS, FLEET_COMMANDS, FLEET_DUE,
        FLEET_FREE,  FLEET_TAGS,     FLEET_FACTS, FLEET_METADATA,
    };
    struct op_done settling = { done, ctx };
    struct op_number numbers[3];
    struct slice args[] = { instance, op_u64(&numbers[0], command), op_u64(&numbers[1], outcome),
                            op_u64(&numbers[2], poll) };
    struct op_call call = {
        .verb = &verb,
        .args = args,
        .arg_count = 4,
        .state = &settling,
        .state_size = sizeof settling,
    };

    fleet_start(store, realm, parts, sizeof parts / sizeof parts[0], &call, slot);
}
