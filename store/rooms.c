/* SPDX-License-Identifier: MIT */
/*
 * Two hashes under one tag: the members, and how many of them each node has. The second makes a count cost
 * O(nodes), and leaves out a dead node's members without looking at them.
 */
#include "store/rooms.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "store/op.h"

enum { KEEP_MS = 3 * ROOM_RENEW_MS, LIVE_MAX = 1 << 20 };

static void start(struct store *store, const struct verb *verb, const struct room_id *id,
                  const struct slice *args, size_t arg_count, const void *state, size_t state_size,
                  struct store_op **slot)
{
    struct key members, nodes;

    key_make(&members, "room", id->realm, id->room, "members");
    key_make(&nodes, "room", id->realm, id->room, "nodes");
    struct slice keys[] = { key_slice(&members), key_slice(&nodes) };
    struct op_call call = {
        .verb = verb,
        .keys = keys,
        .key_count = 2,
        .args = args,
        .arg_count = arg_count,
        .state = state,
        .state_size = state_size,
    };

    op_start(store, &call, slot);
}

/* ---- joining and leaving ------------------------------------------------------------------------- */

void room_join(struct store *store, const struct room_member *member, store_done_fn *done,
               void *ctx, struct store_op **slot)
{
    static const struct verb verb = { .id = VERB_ROOM_JOIN,
                                      .judge = op_judge_integer,
                                      .deliver = op_deliver_done };
    struct op_done joining = { done, ctx };
    struct op_number keep;
    struct slice args[] = { member->socket, member->node, op_u64(&keep, KEEP_MS) };

    start(store, &verb, &member->id, args, 3, &joining, sizeof joining, slot);
}

void room_leave(struct store *store, const struct room_member *member, store_done_fn *done,
                void *ctx, struct store_op **slot)
{
    static const struct verb verb = { .id = VERB_ROOM_LEAVE,
                                      .judge = op_judge_integer,
                                      .deliver = op_deliver_done };
    struct op_done leaving = { done, ctx };
    struct slice args[] = { member->socket, member->node };

    start(store, &verb, &member->id, args, 2, &leaving, sizeof leaving, slot);
}

/* ---- asking ---------------------------------------------------------------------------------------- */

/* " a b " */
static void write_live(struct buf *out, const struct room_live *live)
{
    buf_init(out, LIVE_MAX);
    buf_add_byte(out, ' ');
    for (size_t i = 0; i < live->count; i++) {
        buf_add_slice(out, live->nodes[i]);
        buf_add_byte(out, ' ');
    }
    assert(!out->has_overflowed);
}

struct counting {
    room_count_fn *done;
    void *ctx;
};

static bool judge_count(const redisReply *reply, enum result *result_out)
{
    *result_out = RESULT_OK;
    return reply_is_number(reply);
}

static void deliver_count(struct store *store, enum result result, const redisReply *reply,
                          void *state)
{
    const struct counting *counting = state;

    (void)store;
    if (counting->done != NULL)
        counting->done(result, reply != NULL ? (uint64_t)reply->integer : 0, counting->ctx);
}

void room_count(struct store *store, const struct room_id *id, const struct room_live *live,
                room_count_fn *done, void *ctx, struct store_op **slot)
{
    static const struct verb verb = { .id = VERB_ROOM_COUNT,
                                      .judge = judge_count,
                                      .deliver = deliver_count };
    struct counting counting = { done, ctx };
    struct slice arg;
    struct buf text;

    write_live(&text, live);
    arg = buf_slice(&text);
    start(store, &verb, id, &arg, 1, &counting, sizeof counting, slot);
    buf_fini(&text);
}

struct listing {
    room_list_fn *done;
    void *ctx;
};

/* {cursor, socket id, …} */
static bool judge_list(const redisReply *reply, enum result *result_out)
{
    uint64_t cursor;

    *result_out = RESULT_OK;
    return reply_is_list(reply, reply_is_string) && reply->elements > 0 &&
           slice_to_u64(reply_slice(reply->element[0]), 0, UINT64_MAX, &cursor);
}

static void deliver_list(struct store *store, enum result result, const redisReply *reply,
                         void *state)
{
    const struct listing *listing = state;
    struct room_page page = { .count = result == RESULT_OK ? reply->elements - 1 : 0 };
    struct slice *sockets = xcalloc(page.count + 1, sizeof *sockets);

    (void)store;
    for (size_t i = 0; i < page.count; i++)
        sockets[i] = reply_slice(reply->element[i + 1]);
    if (result == RESULT_OK)
        slice_to_u64(reply_slice(reply->element[0]), 0, UINT64_MAX, &page.next);
    page.sockets = sockets;
    if (listing->done != NULL)
        listing->done(result, &page, listing->ctx);
    free(sockets);
}

void room_list(struct store *store, const struct room_id *id, const struct room_live *live,
               uint64_t cursor, uint32_t limit, room_list_fn *done, void *ctx,
               struct store_op **slot)
{
    static const struct verb verb = { .id = VERB_ROOM_LIST,
                                      .judge = judge_list,
                                      .deliver = deliver_list };
    struct listing listing = { done, ctx };
    struct op_number numbers[2];
    struct slice args[3];
    struct buf text;

    assert(limit > 0 && limit <= ROOM_LIST_MAX);
    write_live(&text, live);
    args[0] = op_u64(&numbers[0], cursor);
    args[1] = op_u64(&numbers[1], limit);
    args[2] = buf_slice(&text);
    start(store, &verb, id, args, 3, &listing, sizeof listing, slot);
    buf_fini(&text);
}
