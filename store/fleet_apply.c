/* SPDX-License-Identifier: MIT */
/* A full state on its way to lua/fleet_apply.lua: what is fixed in numbers, what is many in one piece. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "store/fleet_inside.h"

enum { PIECE_MAX = 64 * 1024 * 1024 };

struct applying {
    fleet_applied_fn *done;
    void *ctx;
};

enum {
    APPLIED_VERSION = 2,
    APPLIED_JOIN,
    APPLIED_RIVAL_BASE,
    APPLIED_RIVAL,
    APPLIED_RENAMED,
    APPLIED_LOST
};

static bool judge_applied(const redisReply *reply, enum result *result_out)
{
    if (!fleet_judge_step(reply, result_out))
        return false;
    if (*result_out == RESULT_CONFLICT)
        return reply->elements == 2 && reply_is_string(reply->element[1]);
    if (*result_out != RESULT_OK)
        return true;
    return fleet_lost_are_good(reply, APPLIED_LOST) &&
           reply_is_number(reply->element[APPLIED_VERSION]) &&
           reply_is_number(reply->element[APPLIED_JOIN]) &&
           reply_is_string(reply->element[APPLIED_RIVAL_BASE]) &&
           reply_is_string(reply->element[APPLIED_RIVAL]) &&
           reply_is_string(reply->element[APPLIED_RENAMED]);
}

/* Nothing rather than empty. */
static struct slice text_of(const redisReply *reply)
{
    return reply->len > 0 ? reply_slice(reply) : (struct slice){ NULL, 0 };
}

static void deliver_applied(struct store *store, enum result result, const redisReply *reply,
                            void *state)
{
    const struct applying *applying = state;
    struct fleet_applied applied = { 0 };

    (void)store;
    if (result == RESULT_OK) {
        applied = (struct fleet_applied){
            .version = (uint64_t)reply->element[APPLIED_VERSION]->integer,
            .join_number = (uint64_t)reply->element[APPLIED_JOIN]->integer,
            .rival_base = text_of(reply->element[APPLIED_RIVAL_BASE]),
            .rival = text_of(reply->element[APPLIED_RIVAL]),
            .renamed = text_of(reply->element[APPLIED_RENAMED]),
            .replaced = fleet_lost_read(reply, APPLIED_LOST),
        };
    } else if (result == RESULT_CONFLICT) {
        applied.orphan = text_of(reply->element[1]);
    }
    if (applying->done != NULL)
        applying->done(result, &applied, applying->ctx);
    free((void *)(uintptr_t)applied.replaced.lost);
}

static const struct verb apply_verb = {
    .id = VERB_FLEET_APPLY,
    .judge = judge_applied,
    .deliver = deliver_applied,
    .note = fleet_note_step,
};

/* ---- the pieces ---------------------------------------------------------------------------------- */

enum piece { NUMBERS, ROOMS, ADDED, CHANGED, REMOVED, REPLACED, PIECES };

static void pack_numbers(struct buf *out, const struct fleet_state *state)
{
    fleet_pack_number(out, state->seq, 4);
    fleet_pack_number(out, state->is_repeat, 1);
    fleet_pack_number(out, state->poll, 8);
    fleet_pack_number(out, state->status, 1);
    fleet_pack_number(out, state->creates, 1);
    fleet_pack_number(out, state->has_max_rooms, 1);
    fleet_pack_number(out, state->has_max_connections, 1);
    fleet_pack_number(out, (uint32_t)state->max_rooms, 4);
    fleet_pack_number(out, (uint32_t)state->max_connections, 4);
    fleet_pack_number(out, state->connections, 8);
    fleet_pack_number(out, state->room_count, 4);
    fleet_pack_number(out, state->base_seq, 4);
}

static void pack_origin(struct buf *out, bool is_fleets)
{
    buf_add_byte(out, is_fleets ? '0' : '1');
}

static void pack_rooms(struct buf *out, const struct fleet_state *state)
{
    for (size_t i = 0; i < state->room_count; i++) {
        pack_origin(out, state->rooms[i].is_fleets);
        fleet_pack_number(out, state->rooms[i].connections, 4);
        fleet_pack_text(out, state->rooms[i].base, 2);
    }
}

static size_t common_begin(struct slice a, struct slice b, size_t max)
{
    size_t len = 0;

    while (len < max && a.data[len] == b.data[len])
        len++;
    return len;
}

static size_t common_end(struct slice a, struct slice b, size_t max)
{
    size_t len = 0;

    while (len < max && a.data[a.len - 1 - len] == b.data[b.len - 1 - len])
        len++;
    return len;
}

/* Tails are much alike: what one shares with the first of its origin is not sent again. */
static void pack_tail(struct buf *out, struct slice tail, struct slice first)
{
    size_t shorter = tail.len < first.len ? tail.len : first.len;
    size_t max = shorter < UINT16_MAX ? shorter : UINT16_MAX;
    size_t begin = common_begin(tail, first, max), end = common_end(tail, first, max - begin);

    fleet_pack_number(out, begin, 2);
    fleet_pack_number(out, end, 2);
    fleet_pack_text(out, (struct slice){ tail.data + begin, tail.len - begin - end }, 4);
}

static bool is_before(struct slice a, struct slice b)
{
    int order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);

    return order < 0 || (order == 0 && a.len < b.len);
}

static bool added_are_ascending(const struct fleet_state *state)
{
    for (size_t i = 1; i < state->added_count; i++)
        if (!is_before(state->added[i - 1].base, state->added[i].base))
            return false;
    return true;
}

static void pack_added(struct buf *out, const struct fleet_state *state)
{
    struct slice firsts[2] = { { NULL, 0 }, { NULL, 0 } }; /* tails, by origin */

    if (state->added_count > 0)
        buf_add_byte(out, added_are_ascending(state) ? '1' : '0');
    for (size_t i = 0; i < state->added_count; i++) {
        const struct fleet_room *room = &state->added[i];
        struct slice *first = &firsts[room->is_fleets];

        assert(room->tail.len > 0);
        pack_origin(out, room->is_fleets);
        fleet_pack_text(out, room->base, 2);
        pack_tail(out, room->tail, *first);
        if (first->data == NULL)
            *first = room->tail;
    }
}

static void pack_changed(struct buf *out, const struct fleet_state *state)
{
    for (size_t i = 0; i < state->changed_count; i++) {
        pack_origin(out, state->changed[i].is_fleets);
        fleet_pack_text(out, state->changed[i].base, 2);
    }
}

static void pack_removed(struct buf *out, const struct fleet_state *state)
{
    for (size_t i = 0; i < state->removed_count; i++)
        fleet_pack_text(out, state->removed[i], 2);
}

static void pack_replaced(struct buf *out, const struct fleet_state *state)
{
    if (state->replaced != NULL)
        fleet_pack_leaving(out, state->replaced);
}

static void (*const packers[PIECES])(struct buf *out, const struct fleet_state *state) = {
    [NUMBERS] = pack_numbers, [ROOMS] = pack_rooms,     [ADDED] = pack_added,
    [CHANGED] = pack_changed, [REMOVED] = pack_removed, [REPLACED] = pack_replaced,
};

static void check_state(const struct fleet_state *state)
{
    assert(state->id.len == FLEET_ID_LEN && state->digest.len == FLEET_HASH_LEN);
    assert(state->owner.len > 0 && state->owner.len <= 255);
    assert(state->record.len <= FLEET_RECORD_MAX && state->uid.len <= FLEET_UID_MAX);
    assert(state->tag_count <= FLEET_TAGS_MAX && state->room_count <= FLEET_ROOMS_MAX);
}

void fleet_apply(struct store *store, struct slice realm, const struct fleet_state *state,
                 fleet_applied_fn *done, void *ctx, struct store_op **slot)
{
    struct applying applying = { done, ctx };
    struct buf pieces[PIECES];
    struct fleet_log log;

    check_state(state);
    fleet_log_make(&log, store, realm);
    for (size_t i = 0; i < PIECES; i++) {
        buf_init(&pieces[i], PIECE_MAX);
        packers[i](&pieces[i], state);
        assert(!pieces[i].has_overflowed);
    }
    struct slice args[] = {
        state->id,
        state->owner,
        buf_slice(&pieces[NUMBERS]),
        state->record,
        state->digest,
        state->uid,
        state->uid_json,
        state->endpoint_url,
        state->types,
        { (const char *)state->tags, state->tag_count * FLEET_TAG_LEN },
        state->document,
        state->rest,
        buf_slice(&pieces[ROOMS]),
        buf_slice(&pieces[ADDED]),
        buf_slice(&pieces[CHANGED]),
        buf_slice(&pieces[REMOVED]),
        buf_slice(&pieces[REPLACED]),
        log.topic,
        log.bounds,
    };
    struct op_call call = {
        .verb = &apply_verb,
        .args = args,
        .arg_count = sizeof args / sizeof args[0],
        .state = &applying,
        .state_size = sizeof applying,
    };

    fleet_start(store, realm, NULL, 0, &call, slot);
    for (size_t i = 0; i < PIECES; i++)
        buf_fini(&pieces[i]);
}
