/* SPDX-License-Identifier: MIT */
/* Fleets: their keys, how arguments are packed, and what replies have in common. */
#include "store/fleet_inside.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static const char *const names[FLEET_PARTS] = {
    [FLEET_HEADS] = "heads",       [FLEET_RESERVED] = "reserved",
    [FLEET_HOLDS] = "holds",       [FLEET_COMMANDS] = "commands",
    [FLEET_DUE] = "due",           [FLEET_FREE] = "free",
    [FLEET_TAGS] = "tags",         [FLEET_FACTS] = "facts",
    [FLEET_METADATA] = "metadata", [FLEET_CLAIMS] = "claims",
    [FLEET_KNOWN] = "known",       [FLEET_TAILS] = "tails",
    [FLEET_RENAMES] = "renames",   [FLEET_ROOMS] = "rooms",
    [FLEET_RECORDS] = "records",   [FLEET_DESCRIBED] = "described",
    [FLEET_FORSAKEN] = "forsaken", [FLEET_UIDS] = "uids",
    [FLEET_SYNCED] = "synced",     [FLEET_NODES] = "nodes",
    [FLEET_OWNERS] = "owners",     [FLEET_VERSIONS] = "versions",
    [FLEET_GONE] = "gone",         [FLEET_TYPES] = "types",
    [FLEET_META] = "meta",         [FLEET_LOG] = "q",
    [FLEET_LOG_LAST] = "n",        [FLEET_LOG_SETTLED] = "s",
    [FLEET_NUMBER] = "number",     [FLEET_REGISTRATIONS] = "registrations",
    [FLEET_EXPIRING] = "expiring", [FLEET_SEATS] = "seats",
};

/* Only the last part of a key differs: the rest of it is escaped once. */
enum { FLEET_KEY_MAX = 4 + 6 + 3 * KEY_ID_MAX + 6 + 16 };

void fleet_start(struct store *store, struct slice realm, const enum fleet_part *parts,
                 size_t part_count, struct op_call *call, struct store_op **slot)
{
    size_t count = part_count > 0 ? part_count : FLEET_ALL;
    char texts[FLEET_PARTS][FLEET_KEY_MAX];
    struct slice keys[FLEET_PARTS];
    struct key prefix;

    key_make(&prefix, "fleet", realm, SLICE_LITERAL("all"), "");
    for (size_t i = 0; i < count; i++) {
        struct slice name = slice_of(names[part_count > 0 ? parts[i] : (enum fleet_part)i]);

        assert(prefix.len + name.len <= FLEET_KEY_MAX);
        memcpy(texts[i], prefix.text, prefix.len);
        memcpy(texts[i] + prefix.len, name.data, name.len);
        keys[i] = (struct slice){ texts[i], prefix.len + name.len };
    }
    call->keys = keys;
    call->key_count = count;
    op_start(store, call, slot);
}

/* ---- packing ------------------------------------------------------------------------------------ */

void fleet_pack_number(struct buf *out, uint64_t number, size_t bytes)
{
    char packed[8];

    assert(bytes <= sizeof packed);
    for (size_t i = bytes; i > 0; i--) {
        packed[i - 1] = (char)(number & 255);
        number >>= 8;
    }
    buf_add(out, packed, bytes);
}

void fleet_pack_text(struct buf *out, struct slice text, size_t length_bytes)
{
    fleet_pack_number(out, text.len, length_bytes);
    if (text.len > 0)
        buf_add_slice(out, text);
}

void fleet_pack_leaving(struct buf *out, const struct fleet_leaving *leaving)
{
    assert(leaving->id.len == FLEET_ID_LEN && leaving->owner.len <= 255);
    buf_add_slice(out, leaving->id);
    fleet_pack_text(out, leaving->owner, 1);
    fleet_pack_number(out, leaving->version, 8);
    fleet_pack_number(out, leaving->is_orphan, 1);
    fleet_pack_text(out, leaving->event, 4);
}

void fleet_log_make(struct fleet_log *log, const struct store *store, struct slice realm)
{
    const struct channel_bounds *bounds = &store->bounds[CHANNEL_FLEET];
    struct channel_id id = { CHANNEL_FLEET, realm, SLICE_LITERAL("all") };
    const uint64_t numbers[] = {
        bounds->live_bound,
        channel_keep_count(store, CHANNEL_FLEET),
        bounds->ttl_ms,
        channel_life_ms(bounds->ttl_ms),
        (uint64_t)store_now_ms(store),
    };

    assert(bounds->ttl_ms > 0); /* whoever uses a fleet has said how long its events are kept */
    channel_keys_make(&log->keys, store, &id);
    log->topic = log->keys.topic;
    for (size_t i = 0; i < FLEET_BOUNDS_LEN; i++)
        log->packed[i] = (char)(numbers[i / 8] >> (56 - 8 * (i % 8)) & 255);
    log->bounds = (struct slice){ log->packed, FLEET_BOUNDS_LEN };
}

/* ---- replies ------------------------------------------------------------------------------------ */

bool fleet_judge_code(const redisReply *reply, enum result *result_out)
{
    static const enum result meanings[] = { RESULT_OK, RESULT_REFUSED, RESULT_NOT_FOUND,
                                            RESULT_CONFLICT };
    const redisReply *code;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements == 0)
        return false;
    code = reply->element[0];
    if (!reply_is_number(code) || code->integer > 3)
        return false;
    *result_out = meanings[code->integer];
    return true;
}

bool fleet_judge_step(const redisReply *reply, enum result *result_out)
{
    if (!fleet_judge_code(reply, result_out))
        return false;
    return *result_out != RESULT_OK || (reply->elements >= 2 && reply_is_number(reply->element[1]));
}

void fleet_note_step(struct store *store, enum result result, const redisReply *reply, void *state)
{
    (void)state;
    if (result == RESULT_OK)
        channel_count_dropped(store, CHANNEL_FLEET, DROP_LIVE_BOUND,
                              (uint64_t)reply->element[1]->integer);
}

bool fleet_lost_are_good(const redisReply *reply, size_t from)
{
    if (reply->elements < from || (reply->elements - from) % 2 != 0)
        return false;
    for (size_t i = from; i < reply->elements; i += 2)
        if (!reply_is_string(reply->element[i]) || !reply_is_number(reply->element[i + 1]))
            return false;
    return true;
}

struct fleet_removed fleet_lost_read(const redisReply *reply, size_t from)
{
    size_t count = (reply->elements - from) / 2;
    struct fleet_lost *lost = xcalloc(count + 1, sizeof *lost);

    for (size_t i = 0; i < count; i++)
        lost[i] = (struct fleet_lost){
            .requester = reply_slice(reply->element[from + 2 * i]),
            .command = (uint64_t)reply->element[from + 2 * i + 1]->integer,
        };
    return (struct fleet_removed){ lost, count };
}
