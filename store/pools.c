/* SPDX-License-Identifier: MIT */
/*
 * Changing pools. However large a pool is, a script has at most POOL_ENTITIES_MAX entities to write: a whole
 * pool is put aside in steps and then takes the old one's place by a change of names.
 */
#include "store/pools.h"

#include <assert.h>
#include <string.h>

#include "store/op.h"
#include "store/pool_inside.h"

enum { STAGE_LIFE_MS = 60000, PACK_MAX = 512 * 1024 * 1024 };

static const char *const type_names[POOL_TYPES] = {
    [POOL_MEMBER] = "member",     [POOL_CHANNEL] = "channel",       [POOL_ROLE] = "role",
    [POOL_EMOJI] = "customEmoji", [POOL_RESPONSE] = "autoResponse", [POOL_SETTING] = "settingValue",
};

const char *pool_type_name(enum pool_type type)
{
    assert(type < POOL_TYPES);
    return type_names[type];
}

bool pool_type_find(struct slice name, enum pool_type *type_out)
{
    for (enum pool_type type = 0; type < POOL_TYPES; type++) {
        if (slice_is(name, type_names[type])) {
            *type_out = type;
            return true;
        }
    }
    return false;
}

/* ---- keys and packed lists ------------------------------------------------------------------- */

void pool_key(struct key *key, const struct pool_id *id, const char *part)
{
    key_make(key, "guild", id->realm, id->guild, part);
}

void pool_type_key(struct key *key, const struct pool_id *id, const char *part)
{
    key_make_item(key, "guild", id->realm, id->guild, part, slice_of(pool_type_name(id->type)));
}

void pool_pack(struct buf *out, struct slice text)
{
    unsigned char len[4] = { (unsigned char)(text.len >> 24), (unsigned char)(text.len >> 16),
                             (unsigned char)(text.len >> 8), (unsigned char)text.len };

    buf_add(out, len, sizeof len);
    buf_add_slice(out, text);
}

static void pack_entities(struct buf *out, const struct pool_entity *entities, size_t count)
{
    assert(count <= POOL_ENTITIES_MAX);
    buf_init(out, PACK_MAX);
    for (size_t i = 0; i < count; i++) {
        assert(entities[i].json.len <= POOL_ENTITY_MAX);
        pool_pack(out, entities[i].id);
        pool_pack(out, entities[i].json);
        pool_pack(out, entities[i].texts);
    }
    assert(!out->has_overflowed);
}

/* The keys of a whole pool, as pool_change.lua and pool_replace.lua want them. */
enum { POOL_KEYS = 6 };
struct pool_keys {
    struct key keys[POOL_KEYS];
};

static void make_keys(struct pool_keys *made, struct slice *slices, const struct pool_id *id)
{
    pool_type_key(&made->keys[0], id, "p");
    pool_key(&made->keys[1], id, "m");
    pool_type_key(&made->keys[2], id, "f");
    pool_type_key(&made->keys[3], id, "x");
    pool_key(&made->keys[4], id, "i");
    pool_key(&made->keys[5], id, "w");
    for (size_t i = 0; i < POOL_KEYS; i++)
        slices[i] = key_slice(&made->keys[i]);
}

/* What is put aside, as pool_stage.lua and pool_replace.lua want it. */
enum { STAGE_KEYS = 3 };
struct stage_keys {
    struct key keys[STAGE_KEYS];
};

static void make_stage_keys(struct stage_keys *made, struct slice *slices, const struct pool_id *id,
                            struct slice stage)
{
    static const char *const parts[STAGE_KEYS] = { "sp", "si", "sw" };

    for (size_t i = 0; i < STAGE_KEYS; i++) {
        key_make_item(&made->keys[i], "guild", id->realm, id->guild, parts[i], stage);
        slices[i] = key_slice(&made->keys[i]);
    }
}

/* ---- changes and fills ------------------------------------------------------------------------- */

/* 1: done, 0: it has changed, -1: too many. */
static bool judge_written(const redisReply *reply, enum result *result_out)
{
    static const enum result meanings[] = { RESULT_REFUSED, RESULT_CONFLICT, RESULT_OK };

    if (!reply_is_integer(reply) || reply->integer < -1 || reply->integer > 1)
        return false;
    *result_out = meanings[reply->integer + 1];
    return true;
}

static const struct verb pool_change_verb = {
    .id = VERB_POOL_CHANGE,
    .judge = judge_written,
    .deliver = op_deliver_done,
};

/* `fill` is nothing for a change. */
static void start_change(struct store *store, const struct pool_id *id,
                         const struct pool_change *change, struct slice fill, uint32_t max,
                         struct op_done doing, struct store_op **slot)
{
    static const struct slice full[] = {
        [POOL_AS_BEFORE] = SLICE_LITERAL(""),
        [POOL_NOW_COMPLETE] = SLICE_LITERAL("1"),
        [POOL_NOW_PARTIAL] = SLICE_LITERAL("0"),
    };
    uint64_t now_ms = (uint64_t)store_now_ms(store);
    struct op_number now, ends, forget, limit;
    struct slice keys[POOL_KEYS];
    struct buf entities, removed;
    struct pool_keys made;

    assert(change->removed_count <= POOL_IDS_MAX);
    make_keys(&made, keys, id);
    pack_entities(&entities, change->entities, change->entity_count);
    buf_init(&removed, POOL_IDS_MAX * (KEY_ID_MAX + 4));
    for (size_t i = 0; i < change->removed_count; i++)
        pool_pack(&removed, change->removed[i]);
    struct slice args[] = {
        slice_of(pool_type_name(id->type)),
        op_u64(&now, now_ms),
        fill,
        op_u64(&ends, now_ms + POOL_FILL_MS),
        op_u64(&forget, now_ms + POOL_ABSENT_MS),
        op_u64(&limit, max),
        full[change->completeness],
        buf_slice(&entities),
        buf_slice(&removed),
    };
    struct op_call call = {
        .verb = &pool_change_verb,
        .keys = keys,
        .key_count = POOL_KEYS,
        .args = args,
        .arg_count = sizeof args / sizeof args[0],
        .state = &doing,
        .state_size = sizeof doing,
    };

    op_start(store, &call, slot);
    buf_fini(&entities);
    buf_fini(&removed);
}

void pool_change(struct store *store, const struct pool_id *id, const struct pool_change *change,
                 uint32_t max, store_done_fn *done, void *ctx, struct store_op **slot)
{
    start_change(store, id, change, SLICE_LITERAL(""), max, (struct op_done){ done, ctx }, slot);
}

void pool_fill(struct store *store, const struct pool_id *id, const struct pool_change *fill,
               uint64_t changes, uint32_t max, store_done_fn *done, void *ctx,
               struct store_op **slot)
{
    struct op_number number;

    start_change(store, id, fill, op_u64(&number, changes), max, (struct op_done){ done, ctx },
                 slot);
}

/* ---- a whole pool ------------------------------------------------------------------------------ */

struct staging {
    pool_staged_fn *done;
    void *ctx;
};

static bool judge_staged(const redisReply *reply, enum result *result_out)
{
    *result_out = reply_is_number(reply) ? RESULT_OK : RESULT_REFUSED;
    return reply_is_integer(reply) && reply->integer >= -1;
}

static void deliver_staged(struct store *store, enum result result, const redisReply *reply,
                           void *state)
{
    const struct staging *staging = state;

    (void)store;
    staging->done(result, result == RESULT_OK ? (uint64_t)reply->integer : 0, staging->ctx);
}

static const struct verb pool_stage_verb = {
    .id = VERB_POOL_STAGE,
    .judge = judge_staged,
    .deliver = deliver_staged,
};

void pool_stage(struct store *store, const struct pool_id *id, struct slice stage,
                const struct pool_entity *entities, size_t count, uint32_t max,
                pool_staged_fn *done, void *ctx, struct store_op **slot)
{
    struct staging staging = { done, ctx };
    struct op_number life, limit;
    struct slice keys[STAGE_KEYS + 1];
    struct stage_keys made;
    struct buf packed;
    struct key meta;

    make_stage_keys(&made, keys, id, stage);
    pool_key(&meta, id, "m");
    keys[STAGE_KEYS] = key_slice(&meta);
    pack_entities(&packed, entities, count);
    struct slice args[] = { slice_of(pool_type_name(id->type)), op_u64(&life, STAGE_LIFE_MS),
                            op_u64(&limit, max), buf_slice(&packed) };
    struct op_call call = {
        .verb = &pool_stage_verb,
        .keys = keys,
        .key_count = STAGE_KEYS + 1,
        .args = args,
        .arg_count = sizeof args / sizeof args[0],
        .state = &staging,
        .state_size = sizeof staging,
    };

    op_start(store, &call, slot);
    buf_fini(&packed);
}

static const struct verb pool_replace_verb = {
    .id = VERB_POOL_REPLACE,
    .judge = judge_written,
    .deliver = op_deliver_done,
};

void pool_replace(struct store *store, const struct pool_id *id,
                  const struct pool_replacement *replacement, store_done_fn *done, void *ctx,
                  struct store_op **slot)
{
    uint64_t now_ms = (uint64_t)store_now_ms(store);
    bool has_stage = replacement->stage.data != NULL;
    struct op_done replacing = { done, ctx };
    struct op_number now, changes, count, ends;
    struct slice keys[POOL_KEYS + STAGE_KEYS];
    struct pool_keys made;
    struct stage_keys staged;

    make_keys(&made, keys, id);
    if (has_stage)
        make_stage_keys(&staged, keys + POOL_KEYS, id, replacement->stage);
    struct slice args[] = {
        slice_of(pool_type_name(id->type)),
        op_u64(&now, now_ms),
        replacement->has_seen ? op_u64(&changes, replacement->changes) : SLICE_LITERAL(""),
        op_u64(&count, replacement->count),
        replacement->good_for_ms > 0 ? op_u64(&ends, now_ms + replacement->good_for_ms)
                                     : SLICE_LITERAL(""),
        has_stage ? SLICE_LITERAL("1") : SLICE_LITERAL("0"),
    };
    struct op_call call = {
        .verb = &pool_replace_verb,
        .keys = keys,
        .key_count = has_stage ? POOL_KEYS + STAGE_KEYS : POOL_KEYS,
        .args = args,
        .arg_count = sizeof args / sizeof args[0],
        .state = &replacing,
        .state_size = sizeof replacing,
    };

    op_start(store, &call, slot);
}

/* ---- rights ------------------------------------------------------------------------------------ */

static const struct verb perm_put_verb = {
    .id = VERB_PERM_PUT,
    .judge = op_judge_integer,
    .deliver = op_deliver_done,
};

void pool_set_rights(struct store *store, struct slice realm, struct slice guild,
                     const struct pool_grant *grants, size_t count, store_done_fn *done, void *ctx,
                     struct store_op **slot)
{
    struct op_done setting = { done, ctx };
    struct buf packed;
    struct key perm;

    assert(count <= POOL_GRANTS_MAX);
    key_make(&perm, "guild", realm, guild, "perm");
    buf_init(&packed, PACK_MAX);
    for (size_t i = 0; i < count; i++) {
        pool_pack(&packed, grants[i].holder);
        pool_pack(&packed, grants[i].value);
    }
    struct slice key = key_slice(&perm), arg = buf_slice(&packed);
    struct op_call call = {
        .verb = &perm_put_verb,
        .keys = &key,
        .key_count = 1,
        .args = &arg,
        .arg_count = 1,
        .state = &setting,
        .state_size = sizeof setting,
    };

    op_start(store, &call, slot);
    buf_fini(&packed);
}

static const struct verb pool_know_verb = {
    .id = VERB_POOL_KNOW,
    .judge = op_judge_status,
    .deliver = op_deliver_done,
};

void pool_know(struct store *store, struct slice realm, struct slice guild, struct slice user,
               enum pool_standing standing, store_done_fn *done, void *ctx, struct store_op **slot)
{
    static const struct slice words[] = {
        [POOL_IS_STRANGER] = SLICE_LITERAL("none"),
        [POOL_IS_MEMBER] = SLICE_LITERAL("member"),
        [POOL_IS_ADMINISTRATOR] = SLICE_LITERAL("admin"),
    };
    struct op_done knowing = { done, ctx };
    struct op_number life;
    struct key known;

    key_make_item(&known, "guild", realm, guild, "known", user);
    struct slice key = key_slice(&known);
    struct slice args[] = { words[standing], SLICE_LITERAL("PX"), op_u64(&life, POOL_KNOWN_MS) };
    struct op_call call = {
        .verb = &pool_know_verb,
        .keys = &key,
        .key_count = 1,
        .args = args,
        .arg_count = 3,
        .state = &knowing,
        .state_size = sizeof knowing,
    };

    op_start(store, &call, slot);
}
