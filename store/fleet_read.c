/* SPDX-License-Identifier: MIT */
/*
 * What has changed in a fleet, for a node's own copy. Which rooms are renamed the scripts keep by base; here it is
 * spread over the rooms in their order:
 *
 *     renames = { kind 'a' | 'o', length of the base (2 bytes, big-endian), base }
 *     rooms   = { origin '0' | '1', connections (4), length of the base (2), base }
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/fleet_inside.h"

enum { READ_BYTES_MAX = 512 * 1024, ROOM_HEAD = 5, NONE = -1 };

struct reading {
    fleet_read_fn *done;
    void *ctx;
};

enum { READING_VERSION, READING_HASH, READING_MORE, READING_ANEW, READING_SYNCED, READING_CHANGES };
enum {
    CHANGE_ID,
    CHANGE_VERSION,
    CHANGE_JOIN,
    CHANGE_OWNER,
    CHANGE_STALE,
    CHANGE_RECORD,
    CHANGE_RENAMES,
    CHANGE_ROOMS,
    CHANGE_METADATA,
    CHANGE,
    CHANGE_GONE = 2
};

/* ---- renames ------------------------------------------------------------------------------------ */

struct rename {
    struct slice base;
    bool is_one_kept;
    long kept; /* the room that keeps the base; NONE: not met yet */
    bool is_kept_fleets;
};

static struct slice take_base(struct slice *left)
{
    const unsigned char *bytes = (const unsigned char *)left->data;
    size_t len = left->len >= 2 ? (size_t)bytes[0] << 8 | bytes[1] : 0;
    struct slice base;

    if (left->len < 2 || left->len - 2 < len)
        len = left->len >= 2 ? left->len - 2 : 0;
    base = (struct slice){ left->data + 2, len };
    *left = left->len >= 2 ? (struct slice){ base.data + len, left->len - 2 - len }
                           : (struct slice){ left->data, 0 };
    return base;
}

static struct slice skip(struct slice from, size_t len)
{
    return len < from.len ? (struct slice){ from.data + len, from.len - len }
                          : (struct slice){ from.data, 0 };
}

static int compare_renames(const void *a, const void *b)
{
    const struct slice *left = &((const struct rename *)a)->base;
    const struct slice *right = &((const struct rename *)b)->base;
    size_t len = left->len < right->len ? left->len : right->len;
    int order = memcmp(left->data, right->data, len);

    if (order != 0)
        return order;
    return left->len < right->len ? -1 : left->len > right->len;
}

/* Sorted by base; the caller frees. */
static struct rename *read_renames(struct slice packed, size_t *count_out)
{
    struct rename *renames = xcalloc(packed.len / 3 + 1, sizeof *renames);
    size_t count = 0;

    while (packed.len > 2) {
        struct rename *rename = &renames[count++];

        rename->is_one_kept = packed.data[0] == 'o';
        rename->kept = NONE;
        packed = skip(packed, 1);
        rename->base = take_base(&packed);
    }
    qsort(renames, count, sizeof *renames, compare_renames);
    *count_out = count;
    return renames;
}

static struct rename *find(struct rename *renames, size_t count, struct slice base)
{
    struct rename wanted = { .base = base };

    return bsearch(&wanted, renames, count, sizeof *renames, compare_renames);
}

/* Of several rooms of an instance the first that was made by a command keeps the base, else the first. */
static void meet(struct rename *rename, long room, bool is_fleets)
{
    if (!rename->is_one_kept || (rename->kept != NONE && (rename->is_kept_fleets || !is_fleets)))
        return;
    rename->kept = room;
    rename->is_kept_fleets = is_fleets;
}

static struct slice spread(struct buf *out, struct slice packed, struct slice rooms)
{
    size_t count, from = out->len;
    struct rename *renames = read_renames(packed, &count);

    for (long room = 0; rooms.len > ROOM_HEAD; room++) {
        bool is_fleets = rooms.data[0] == '0';
        struct rename *rename;

        rooms = skip(rooms, ROOM_HEAD);
        rename = find(renames, count, take_base(&rooms));
        buf_add_byte(out, rename != NULL ? '1' : '0');
        if (rename != NULL)
            meet(rename, room, is_fleets);
    }
    for (size_t i = 0; i < count; i++)
        if (renames[i].kept != NONE)
            out->data[from + (size_t)renames[i].kept] = '0';
    free(renames);
    return (struct slice){ out->data + from, out->len - from };
}

/* ---- the reply ---------------------------------------------------------------------------------- */

static bool is_change(const redisReply *reply)
{
    if (reply_is_array(reply, CHANGE_GONE))
        return reply_is_string(reply->element[CHANGE_ID]) &&
               reply_is_number(reply->element[CHANGE_VERSION]);
    if (!reply_is_array(reply, CHANGE))
        return false;
    for (int i = 0; i < CHANGE; i++) {
        bool is_number_here = i == CHANGE_VERSION || i == CHANGE_JOIN || i == CHANGE_STALE;

        if (is_number_here ? !reply_is_number(reply->element[i])
                           : !reply_is_string(reply->element[i]))
            return false;
    }
    return true;
}

static bool judge_reading(const redisReply *reply, enum result *result_out)
{
    *result_out = RESULT_OK;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < READING_CHANGES)
        return false;
    if (!reply_is_number(reply->element[READING_VERSION]) ||
        !reply_is_string(reply->element[READING_HASH]) ||
        reply->element[READING_HASH]->len != FLEET_HASH_LEN ||
        !reply_is_number(reply->element[READING_MORE]) ||
        !reply_is_number(reply->element[READING_ANEW]) ||
        !reply_is_list(reply->element[READING_SYNCED], reply_is_string) ||
        reply->element[READING_SYNCED]->elements % 2 != 0)
        return false;
    for (size_t i = READING_CHANGES; i < reply->elements; i++)
        if (!is_change(reply->element[i]))
            return false;
    return true;
}

static struct slice nothing_if_empty(const redisReply *reply)
{
    return reply->len > 0 ? reply_slice(reply) : (struct slice){ NULL, 0 };
}

static void read_change(struct fleet_change *change, const redisReply *reply, struct buf *renamed)
{
    redisReply *const *fields = reply->element;

    *change = (struct fleet_change){ .id = reply_slice(fields[CHANGE_ID]),
                                     .version = (uint64_t)fields[CHANGE_VERSION]->integer,
                                     .is_gone = reply->elements == CHANGE_GONE };
    if (change->is_gone)
        return;
    change->join_number = (uint64_t)fields[CHANGE_JOIN]->integer;
    change->owner = reply_slice(fields[CHANGE_OWNER]);
    change->is_stale = fields[CHANGE_STALE]->integer != 0;
    change->record = reply_slice(fields[CHANGE_RECORD]);
    change->metadata = nothing_if_empty(fields[CHANGE_METADATA]);
    if (fields[CHANGE_RENAMES]->len > 0)
        change->renamed =
            spread(renamed, reply_slice(fields[CHANGE_RENAMES]), reply_slice(fields[CHANGE_ROOMS]));
}

/* Room for one byte of each room whose instance has renames, so that what points there stays. */
static void reserve_renamed(struct buf *renamed, const redisReply *reply)
{
    size_t most = 1;

    for (size_t i = READING_CHANGES; i < reply->elements; i++)
        if (reply->element[i]->elements == CHANGE)
            most += (size_t)reply->element[i]->element[CHANGE_ROOMS]->len;
    buf_init(renamed, most);
    if (buf_reserve(renamed, most) == NULL)
        assert(!"a buffer has room for what it was made for");
}

static void deliver_reading(struct store *store, enum result result, const redisReply *reply,
                            void *state)
{
    const struct reading *reading = state;
    struct fleet_reading answer = { 0 };
    struct fleet_change *changes;
    struct slice *synced;
    struct buf renamed;

    (void)store;
    if (result != RESULT_OK) {
        reading->done(result, &answer, reading->ctx);
        return;
    }
    changes = xcalloc(reply->elements, sizeof *changes);
    synced = xcalloc(reply->element[READING_SYNCED]->elements + 1, sizeof *synced);
    reserve_renamed(&renamed, reply);
    for (size_t i = READING_CHANGES; i < reply->elements; i++)
        read_change(&changes[answer.change_count++], reply->element[i], &renamed);
    for (; answer.synced_count < reply->element[READING_SYNCED]->elements; answer.synced_count++)
        synced[answer.synced_count] =
            reply_slice(reply->element[READING_SYNCED]->element[answer.synced_count]);
    answer.version = (uint64_t)reply->element[READING_VERSION]->integer;
    memcpy(answer.hash, reply->element[READING_HASH]->str, FLEET_HASH_LEN);
    answer.has_more = reply->element[READING_MORE]->integer != 0;
    answer.is_anew = reply->element[READING_ANEW]->integer != 0;
    answer.changes = changes;
    answer.synced = synced;
    reading->done(result, &answer, reading->ctx);
    free(changes);
    free(synced);
    buf_fini(&renamed);
}

void fleet_read(struct store *store, struct slice realm, uint64_t after, bool wants_synced,
                fleet_read_fn *done, void *ctx, struct store_op **slot)
{
    static const struct verb verb = { .id = VERB_FLEET_READ,
                                      .judge = judge_reading,
                                      .deliver = deliver_reading };
    static const enum fleet_part parts[] = {
        FLEET_META,    FLEET_VERSIONS, FLEET_GONE,      FLEET_HEADS,  FLEET_RECORDS,
        FLEET_RENAMES, FLEET_ROOMS,    FLEET_DESCRIBED, FLEET_SYNCED,
    };
    struct reading reading = { done, ctx };
    struct op_number numbers[2];
    struct slice args[] = { op_u64(&numbers[0], after), op_u64(&numbers[1], READ_BYTES_MAX),
                            wants_synced ? SLICE_LITERAL("1") : SLICE_LITERAL("0") };
    struct op_call call = {
        .verb = &verb,
        .args = args,
        .arg_count = 3,
        .state = &reading,
        .state_size = sizeof reading,
    };

    fleet_start(store, realm, parts, sizeof parts / sizeof parts[0], &call, slot);
}
