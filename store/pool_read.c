/* SPDX-License-Identifier: MIT */
/* Looking into a guild's pool: one script (lua/pool_read.lua) judges the right and reads, in several ways. */
#include <assert.h>

#include "store/op.h"
#include "store/pool_inside.h"
#include "store/pools.h"

struct reading {
    pool_answer_fn *done;
    void *ctx;
};

/* What the reply holds, in this order. */
enum { ACCESS, RIGHTS, CHANGES, STATE, NEXT, ITEMS, FIELDS };

static bool is_between(const redisReply *reply, long long max)
{
    return reply_is_number(reply) && reply->integer <= max;
}

static bool is_item(const redisReply *item)
{
    return reply_is_string(item) || is_between(item, 1);
}

static bool judge_read(const redisReply *reply, enum result *result_out)
{
    *result_out = RESULT_OK;
    return reply_is_array(reply, FIELDS) && is_between(reply->element[ACCESS], POOL_ALLOWED) &&
           is_between(reply->element[RIGHTS], POOL_RIGHTS_ALL) &&
           reply_is_number(reply->element[CHANGES]) &&
           is_between(reply->element[STATE], POOL_OLD) && reply_is_string(reply->element[NEXT]) &&
           reply_is_list(reply->element[ITEMS], is_item);
}

enum pool_item pool_answer_item(const struct pool_answer *answer, size_t index,
                                struct slice *entity_out)
{
    const redisReply *items = answer->reply;
    const redisReply *item;

    assert(index < answer->count);
    item = items->element[index];
    *entity_out = reply_slice(item);
    if (reply_is_string(item))
        return POOL_FOUND;
    return item->integer == 0 ? POOL_ABSENT : POOL_MISSING;
}

static void deliver_read(struct store *store, enum result result, const redisReply *reply,
                         void *state)
{
    const struct reading *reading = state;
    struct pool_answer answer = { .next = SLICE_LITERAL("0") };

    (void)store;
    if (result == RESULT_OK)
        answer = (struct pool_answer){
            .access = (enum pool_access)reply->element[ACCESS]->integer,
            .rights = (uint32_t)reply->element[RIGHTS]->integer,
            .changes = (uint64_t)reply->element[CHANGES]->integer,
            .state = (enum pool_state)reply->element[STATE]->integer,
            .next = reply_slice(reply->element[NEXT]),
            .count = reply->element[ITEMS]->elements,
            .reply = reply->element[ITEMS],
        };
    reading->done(result, &answer, reading->ctx);
}

static const struct verb pool_read_verb = {
    .id = VERB_POOL_READ,
    .judge = judge_read,
    .deliver = deliver_read,
};

/* How, and what: see lua/pool_read.lua. */
struct manner {
    const char *how;
    struct slice what;
    size_t count;
};

static void start_read(struct store *store, const struct pool_id *id,
                       const struct pool_asker *asker, const struct manner *manner,
                       struct reading reading, struct store_op **slot)
{
    struct pool_id members = { id->realm, id->guild, POOL_MEMBER };
    struct op_number needs, limit, now, count;
    struct key keys[9];
    struct slice slices[9];

    pool_key(&keys[0], id, "perm");
    key_make_item(&keys[1], "guild", id->realm, id->guild, "known", asker->user);
    pool_key(&keys[2], id, "m");
    pool_type_key(&keys[3], &members, "p");
    pool_type_key(&keys[4], &members, "f");
    pool_type_key(&keys[5], id, "p");
    pool_type_key(&keys[6], id, "f");
    pool_type_key(&keys[7], id, "x");
    pool_key(&keys[8], id, "i");
    for (size_t i = 0; i < 9; i++)
        slices[i] = key_slice(&keys[i]);
    struct slice args[] = {
        asker->user,
        op_u64(&needs, asker->needs),
        op_u64(&limit, asker->limit & POOL_RIGHTS_ALL),
        op_u64(&now, (uint64_t)store_now_ms(store)),
        slice_of(pool_type_name(id->type)),
        slice_of(manner->how),
        manner->what,
        op_u64(&count, manner->count),
    };
    struct op_call call = {
        .verb = &pool_read_verb,
        .keys = slices,
        .key_count = 9,
        .args = args,
        .arg_count = sizeof args / sizeof args[0],
        .state = &reading,
        .state_size = sizeof reading,
    };

    op_start(store, &call, slot);
}

void pool_look(struct store *store, const struct pool_id *id, const struct pool_asker *asker,
               pool_answer_fn *done, void *ctx, struct store_op **slot)
{
    struct manner manner = { "look", SLICE_LITERAL(""), 0 };

    start_read(store, id, asker, &manner, (struct reading){ done, ctx }, slot);
}

void pool_get(struct store *store, const struct pool_id *id, const struct pool_asker *asker,
              const struct slice *ids, size_t count, pool_answer_fn *done, void *ctx,
              struct store_op **slot)
{
    struct manner manner = { "get", SLICE_LITERAL(""), 0 };
    struct buf packed;

    assert(count <= POOL_IDS_MAX);
    buf_init(&packed, POOL_IDS_MAX * (KEY_ID_MAX + 4));
    for (size_t i = 0; i < count; i++)
        pool_pack(&packed, ids[i]);
    assert(!packed.has_overflowed);
    manner.what = buf_slice(&packed);
    start_read(store, id, asker, &manner, (struct reading){ done, ctx }, slot);
    buf_fini(&packed);
}

void pool_page(struct store *store, const struct pool_id *id, const struct pool_asker *asker,
               struct slice cursor, pool_answer_fn *done, void *ctx, struct store_op **slot)
{
    struct manner manner = { "page", cursor, POOL_PAGE };

    start_read(store, id, asker, &manner, (struct reading){ done, ctx }, slot);
}

void pool_find(struct store *store, const struct pool_id *id, const struct pool_asker *asker,
               struct slice folded, size_t count, pool_answer_fn *done, void *ctx,
               struct store_op **slot)
{
    struct manner manner = { "find", folded, count };

    assert(id->type == POOL_MEMBER && count > 0 && count <= POOL_FIND_MAX);
    start_read(store, id, asker, &manner, (struct reading){ done, ctx }, slot);
}
