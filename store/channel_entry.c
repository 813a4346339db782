/* SPDX-License-Identifier: MIT */
/*
 * Entries: appending them and reading them.
 *
 *     entry = number (8 bytes, big-endian)  expires_ms (8 bytes, big-endian; 0: never)  payload
 */
#include <assert.h>
#include <string.h>

#include "store/channel_keys.h"
#include "store/op.h"

enum {
    HEAD_SIZE = 16,
    READ_BYTES_MAX = 256 * 1024,
    NUMBERS_PER_MS =
        1024, /* what a channel may be appended to without its numbers passing the clock */
};

static uint64_t get_u64(const char *from)
{
    uint64_t value = 0;

    for (int i = 0; i < 8; i++)
        value = value << 8 | (unsigned char)from[i];
    return value;
}

static void put_u64(char *to, uint64_t value)
{
    for (int i = 7; i >= 0; i--) {
        to[i] = (char)(value & 255);
        value >>= 8;
    }
}

bool channel_entry_parse(struct slice stored, struct channel_entry *entry_out)
{
    uint64_t number, expires_ms;

    if (stored.len < HEAD_SIZE)
        return false;
    number = get_u64(stored.data);
    expires_ms = get_u64(stored.data + 8);
    if (number == 0 || number > INT64_MAX || expires_ms > INT64_MAX)
        return false;
    *entry_out = (struct channel_entry){
        .number = number,
        .expires_ms = (int64_t)expires_ms,
        .payload = { stored.data + HEAD_SIZE, stored.len - HEAD_SIZE },
    };
    return true;
}

/* ---- append ----------------------------------------------------------------------------------------- */

struct appending {
    channel_appended_fn *done;
    void *ctx;
    enum channel_kind kind;
};

enum {
    APPENDED_NUMBER,
    APPENDED_LISTENERS,
    APPENDED_OFFLINE,
    APPENDED_LIVE,
    APPENDED_AGAIN,
    APPENDED
};

static bool judge_appended(const redisReply *reply, enum result *result_out)
{
    *result_out = RESULT_OK;
    return reply_is_array(reply, APPENDED) && reply_is_list(reply, reply_is_number);
}

static void note_appended(struct store *store, enum result result, const redisReply *reply,
                          void *state)
{
    const struct appending *appending = state;
    struct channel_stats *stats = &store->channel_stats;
    enum channel_kind kind = appending->kind;

    if (result != RESULT_OK)
        return;
    stats->dropped[kind][DROP_OFFLINE_CAP] += (uint64_t)reply->element[APPENDED_OFFLINE]->integer;
    stats->dropped[kind][DROP_LIVE_BOUND] += (uint64_t)reply->element[APPENDED_LIVE]->integer;
    if (reply->element[APPENDED_AGAIN]->integer != 0)
        stats->duplicates[kind]++;
    else if (reply->element[APPENDED_NUMBER]->integer != 0)
        stats->appended[kind][reply->element[APPENDED_LISTENERS]->integer > 0]++;
}

static void deliver_appended(struct store *store, enum result result, const redisReply *reply,
                             void *state)
{
    const struct appending *appending = state;
    struct channel_appended appended = { .number = 0 };

    (void)store;
    if (result == RESULT_OK) {
        appended.number = (uint64_t)reply->element[APPENDED_NUMBER]->integer;
        appended.listeners = (uint32_t)reply->element[APPENDED_LISTENERS]->integer;
        appended.is_duplicate = reply->element[APPENDED_AGAIN]->integer != 0;
    }
    if (appending->done != NULL)
        appending->done(result, &appended, appending->ctx);
}

/* The entry without its number. The script that numbers it needs it in one piece. */
static struct slice make_tail(struct buf *tail, const struct channel_message *message,
                              int64_t expires_ms)
{
    char head[HEAD_SIZE - 8];

    put_u64(head, (uint64_t)expires_ms);
    buf_clear(tail);
    buf_add(tail, head, sizeof head);
    buf_add_slice(tail, message->payload);
    assert(!tail->has_overflowed);
    return buf_slice(tail);
}

static struct slice rule_of(const struct channel_message *message, bool is_long)
{
    if (message->is_live_only)
        return SLICE_LITERAL("live");
    return is_long ? SLICE_LITERAL("long") : SLICE_LITERAL("queue");
}

enum { APPEND_BOUNDS = 7 };

static struct slice pack(char packed[APPEND_BOUNDS * 8], const uint64_t numbers[APPEND_BOUNDS])
{
    for (size_t i = 0; i < APPEND_BOUNDS; i++)
        put_u64(packed + 8 * i, numbers[i]);
    return (struct slice){ packed, APPEND_BOUNDS * 8 };
}

void channel_append(struct store *store, const struct channel_id *id,
                    const struct channel_message *message, channel_appended_fn *done, void *ctx,
                    struct store_op **slot)
{
    static const struct verb verb = {
        .id = VERB_CHANNEL_APPEND,
        .judge = judge_appended,
        .deliver = deliver_appended,
        .note = note_appended,
    };
    const struct channel_bounds *bounds = &store->bounds[id->kind];
    bool has_once = message->once.data != NULL, is_long = message->ttl_ms > bounds->ttl_ms;
    uint32_t entry_ttl_ms = message->ttl_ms > 0 ? message->ttl_ms : bounds->ttl_ms;
    uint32_t ttl_ms = is_long ? message->ttl_ms : bounds->ttl_ms;
    uint64_t now_ms = (uint64_t)store_now_ms(store);
    struct appending appending = { done, ctx, id->kind };
    const uint64_t numbers[APPEND_BOUNDS] = {
        now_ms * NUMBERS_PER_MS,
        bounds->offline_cap,
        bounds->live_bound,
        channel_keep_count(store, id->kind),
        ttl_ms,
        channel_life_ms(ttl_ms),
        entry_ttl_ms,
    };
    char packed[sizeof numbers];
    struct channel_keys keys;
    struct slice keys_of_call[6], args[4];
    struct key once;
    struct op_call call = {
        .verb = &verb,
        .keys = keys_of_call,
        .key_count = has_once ? 6 : 5,
        .args = args,
        .arg_count = 4,
        .state = &appending,
        .state_size = sizeof appending,
    };

    assert(message->payload.len <= CHANNEL_PAYLOAD_MAX);
    channel_keys_make(&keys, store, id);
    memcpy(keys_of_call, keys.keys, 5 * sizeof keys_of_call[0]);
    if (has_once) {
        key_make_item(&once, channel_kind_name(id->kind), id->realm, id->id, "m", message->once);
        keys_of_call[5] = key_slice(&once);
    }
    args[0] = keys.topic;
    args[1] = make_tail(&store->tail, message, (int64_t)(now_ms + entry_ttl_ms));
    args[2] = rule_of(message, is_long);
    args[3] = pack(packed, numbers);
    op_start(store, &call, slot);
}

/* ---- read ---------------------------------------------------------------------------------------------- */

struct reading {
    channel_batch_fn *done;
    void *ctx;
    enum channel_kind kind;
};

enum {
    BATCH_APPENDED,
    BATCH_SETTLED,
    BATCH_MISSED,
    BATCH_EXPIRED,
    BATCH_HAS_MORE,
    BATCH_GONE_BACK,
    BATCH_ENTRIES,
    BATCH
};

/* Ascending without holes, and none beyond the last number given out. */
static bool are_entries(const redisReply *list, uint64_t appended)
{
    struct channel_entry entry, before = { .number = 0 };

    if (!reply_is_list(list, reply_is_string) || list->elements > CHANNEL_READ_MAX)
        return false;
    for (size_t i = 0; i < list->elements; i++, before = entry) {
        if (!channel_entry_parse(reply_slice(list->element[i]), &entry) ||
            entry.number > appended || (i > 0 && entry.number != before.number + 1))
            return false;
    }
    return true;
}

static bool judge_batch(const redisReply *reply, enum result *result_out)
{
    *result_out = RESULT_OK;
    if (!reply_is_array(reply, BATCH))
        return false;
    for (int i = 0; i < BATCH_ENTRIES; i++) {
        if (!reply_is_number(reply->element[i]))
            return false;
    }
    return are_entries(reply->element[BATCH_ENTRIES],
                       (uint64_t)reply->element[BATCH_APPENDED]->integer);
}

static void note_batch(struct store *store, enum result result, const redisReply *reply,
                       void *state)
{
    const struct reading *reading = state;

    if (result != RESULT_OK)
        return;
    channel_count_expired(store, reading->kind, (uint64_t)reply->element[BATCH_EXPIRED]->integer);
    if (reply->element[BATCH_GONE_BACK]->integer != 0)
        store->stats.losses++;
}

static void deliver_batch(struct store *store, enum result result, const redisReply *reply,
                          void *state)
{
    const struct reading *reading = state;
    struct channel_entry entries[CHANNEL_READ_MAX];
    struct channel_batch batch = { .entries = entries };

    (void)store;
    if (reading->done == NULL)
        return;
    if (result == RESULT_OK) {
        const redisReply *list = reply->element[BATCH_ENTRIES];

        for (; batch.count < list->elements; batch.count++)
            channel_entry_parse(reply_slice(list->element[batch.count]), &entries[batch.count]);
        batch.appended = (uint64_t)reply->element[BATCH_APPENDED]->integer;
        batch.settled = (uint64_t)reply->element[BATCH_SETTLED]->integer;
        batch.missed = (uint64_t)reply->element[BATCH_MISSED]->integer;
        batch.has_more = reply->element[BATCH_HAS_MORE]->integer != 0;
        batch.has_gone_back = reply->element[BATCH_GONE_BACK]->integer != 0;
    }
    reading->done(result, &batch, reading->ctx);
}

void channel_read(struct store *store, const struct channel_id *id, uint64_t cursor,
                  size_t entries_max, channel_batch_fn *done, void *ctx, struct store_op **slot)
{
    static const struct verb verb = {
        .id = VERB_CHANNEL_READ, .judge = judge_batch, .deliver = deliver_batch, .note = note_batch
    };
    struct reading reading = { done, ctx, id->kind };
    struct channel_keys keys;
    struct op_number numbers[4];
    struct slice args[] = {
        cursor == CHANNEL_FROM_FIRST ? SLICE_LITERAL("first") : op_u64(&numbers[0], cursor),
        op_u64(&numbers[1], entries_max),
        op_u64(&numbers[2], READ_BYTES_MAX),
        op_u64(&numbers[3], channel_life_ms(store->bounds[id->kind].ttl_ms)),
    };
    struct op_call call = {
        .verb = &verb,
        .keys = keys.keys,
        .key_count = PART_SETTLED + 1,
        .args = args,
        .arg_count = 4,
        .state = &reading,
        .state_size = sizeof reading,
    };

    assert(entries_max > 0 && entries_max <= CHANNEL_READ_MAX);
    channel_keys_make(&keys, store, id);
    op_start(store, &call, slot);
}
