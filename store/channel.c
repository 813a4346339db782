/* SPDX-License-Identifier: MIT */
/*
 * Channels: kinds, bounds and keys, and the operations that bring no entries. What is dropped is
 * counted from what the scripts return, whether or not anybody still waits for the answer.
 */
#include "store/channel.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/channel_keys.h"
#include "store/op.h"

enum {
    HOLD_EVERY_MS = 15000,
    HOLD_SLACK_MS = 5000, /* a hold may come this late */
    SLACK_MIN_MS = 60 * 1000,
    SLACK_MAX_MS = 3600 * 1000,
    /* A leave may overtake its own unsubscription, which travels on the other link: then it sees
     * itself, and looks again. */
    LEAVE_TRIES = 16,
};

static const struct {
    const char *name;
    bool is_feed;
} kinds[CHANNEL_KINDS] = {
    [CHANNEL_NODE] = { "node", false },
    [CHANNEL_PLAYER] = { "player", true },
    [CHANNEL_BROADCAST] = { "broadcast", true },
    [CHANNEL_MODS] = { "mods", true },
    [CHANNEL_BOT] = { "bot", false },
    [CHANNEL_MAILBOX] = { "mailbox", false },
    [CHANNEL_ROOM] = { "room", true },
    [CHANNEL_NAMESPACE] = { "namespace", true },
    [CHANNEL_FLEET] = { "fleet", true },
};

static const char *const drops[DROP_REASONS] = {
    [DROP_OFFLINE_CAP] = "offline_cap",
    [DROP_LIVE_BOUND] = "live_bound",
    [DROP_EXPIRED] = "expired",
};

const char *channel_kind_name(enum channel_kind kind)
{
    return kinds[kind].name;
}

bool channel_kind_is_feed(enum channel_kind kind)
{
    return kinds[kind].is_feed;
}

const char *channel_drop_name(enum channel_drop reason)
{
    return drops[reason];
}

const struct channel_stats *channel_stats(const struct store *store)
{
    return &store->channel_stats;
}

void channel_count_expired(struct store *store, enum channel_kind kind, uint64_t entries)
{
    store->channel_stats.dropped[kind][DROP_EXPIRED] += entries;
}

void channel_count_dropped(struct store *store, enum channel_kind kind, enum channel_drop reason,
                           uint64_t entries)
{
    store->channel_stats.dropped[kind][reason] += entries;
}

void channel_set_bounds(struct store *store, enum channel_kind kind,
                        const struct channel_bounds *bounds)
{
    assert(bounds->live_bound > 0 && bounds->ttl_ms > 0);
    store->bounds[kind] = *bounds;
    if (bounds->live_bound < bounds->offline_cap)
        store->bounds[kind].live_bound = bounds->offline_cap;
}

uint32_t channel_keep_count(const struct store *store, enum channel_kind kind)
{
    const struct channel_bounds *bounds = &store->bounds[kind];

    return kinds[kind].is_feed && bounds->keep_ms > 0 ? bounds->keep_count : 0;
}

uint64_t channel_life_ms(uint64_t ttl_ms)
{
    uint64_t slack = ttl_ms / 8;

    if (slack < SLACK_MIN_MS)
        slack = SLACK_MIN_MS;
    return ttl_ms + (slack < SLACK_MAX_MS ? slack : SLACK_MAX_MS);
}

/* ---- keys ------------------------------------------------------------------------------------------ */

void channel_topic_key(const struct channel_id *id, struct key *key)
{
    key_make(key, kinds[id->kind].name, id->realm, id->id, "q");
}

void channel_keys_make(struct channel_keys *keys, const struct store *store,
                       const struct channel_id *id)
{
    static const char parts[PART_COUNT] = { 'q', 'n', 's', 'l', 'o', 'a' };
    struct key list;
    struct slice topic;

    channel_topic_key(id, &list);
    assert(list.len < CHANNEL_KEY_MAX);
    for (int part = 0; part < PART_COUNT; part++) {
        memcpy(keys->text[part], list.text, list.len);
        keys->text[part][list.len - 1] = parts[part];
        keys->keys[part] = (struct slice){ keys->text[part], list.len };
    }
    topic = slice_of(store->topic_prefix);
    memcpy(keys->topic_text, topic.data, topic.len);
    memcpy(keys->topic_text + topic.len, list.text, list.len);
    keys->topic = (struct slice){ keys->topic_text, topic.len + list.len };
}

/* ---- hold ------------------------------------------------------------------------------------------- */

uint32_t channel_hold_every_ms(void)
{
    return HOLD_EVERY_MS;
}

struct holding {
    channel_position_fn *done;
    void *ctx;
};

static bool judge_position(const redisReply *reply, enum result *result_out)
{
    *result_out = RESULT_OK;
    return reply_is_array(reply, 2) && reply_is_number(reply->element[0]) &&
           reply_is_number(reply->element[1]);
}

static void deliver_position(struct store *store, enum result result, const redisReply *reply,
                             void *state)
{
    const struct holding *holding = state;
    struct channel_position position = { 0, 0 };

    (void)store;
    if (result == RESULT_OK) {
        position.settled = (uint64_t)reply->element[0]->integer;
        position.appended = (uint64_t)reply->element[1]->integer;
    }
    if (holding->done != NULL)
        holding->done(result, &position, holding->ctx);
}

void channel_hold(struct store *store, const struct channel_id *id, channel_position_fn *done,
                  void *ctx, struct store_op **slot)
{
    static const struct verb verb = { .id = VERB_CHANNEL_HOLD,
                                      .judge = judge_position,
                                      .deliver = deliver_position };
    const struct channel_bounds *bounds = &store->bounds[id->kind];
    bool has_retention = channel_keep_count(store, id->kind) > 0;
    struct holding holding = { done, ctx };
    struct channel_keys keys;
    struct op_number lease, life, keep, now;
    struct slice args[] = {
        op_u64(&lease, (uint64_t)bounds->grace_ms + HOLD_EVERY_MS + HOLD_SLACK_MS),
        op_u64(&life, channel_life_ms(bounds->ttl_ms)),
        op_u64(&keep, has_retention ? bounds->keep_ms : 0),
        op_u64(&now, (uint64_t)store_now_ms(store)),
    };
    struct op_call call = {
        .verb = &verb,
        .keys = keys.keys,
        .key_count = PART_COUNT,
        .args = args,
        .arg_count = 4,
        .state = &holding,
        .state_size = sizeof holding,
    };

    channel_keys_make(&keys, store, id);
    op_start(store, &call, slot);
}

/* ---- leave ------------------------------------------------------------------------------------------- */

struct leaving {
    store_done_fn *done;
    void *ctx;
    struct store_op **slot;
    struct channel_leaver *leaver;
};

/* What it takes to look again. */
struct channel_leaver {
    struct channel_id id;
    enum channel_leave how;
    uint64_t mark; /* where the unsubscription stands in the topics' line */
    bool is_last;  /* it was in force before this try was sent            */
    unsigned tries;
    char text[KEY_ID_MAX + KEY_PAIR_MAX];
};

static void leave(struct store *store, const struct leaving *leaving);

static void deliver_left(struct store *store, enum result result, const redisReply *reply,
                         void *state)
{
    struct leaving *leaving = state;
    struct channel_leaver *leaver = leaving->leaver;
    bool is_listened_to = result == RESULT_OK && reply->integer == 0;

    if (is_listened_to && !leaver->is_last) {
        leave(store, leaving);
        leaving->leaver = NULL; /* it went along */
        return;
    }
    if (leaving->done != NULL)
        leaving->done(result, leaving->ctx);
}

static void release_left(void *state)
{
    struct leaving *leaving = state;

    free(leaving->leaver);
    leaving->leaver = NULL;
}

static void leave(struct store *store, const struct leaving *leaving)
{
    static const struct verb verb = {
        .id = VERB_CHANNEL_LEAVE,
        .judge = op_judge_integer,
        .deliver = deliver_left,
        .release = release_left,
    };
    struct channel_leaver *leaver = leaving->leaver;
    bool is_broken = leaver->how == CHANNEL_LEAVE_BROKEN;
    struct channel_keys keys;
    struct op_number grace;
    struct slice args[2];
    struct op_call call = {
        .verb = &verb,
        .keys = &keys.keys[PART_LEASE],
        .key_count = 1,
        .args = args,
        .arg_count = 2,
        .state = leaving,
        .state_size = sizeof *leaving,
    };

    leaver->is_last = ++leaver->tries == LEAVE_TRIES || topics_has_passed(store, leaver->mark);
    channel_keys_make(&keys, store, &leaver->id);
    args[0] = keys.topic;
    args[1] = op_u64(&grace, is_broken ? store->bounds[leaver->id.kind].grace_ms : 0);
    op_start(store, &call, leaving->slot);
}

void channel_leave(struct store *store, const struct channel_id *id, enum channel_leave how,
                   store_done_fn *done, void *ctx, struct store_op **slot)
{
    struct channel_leaver *leaver = xcalloc(1, sizeof *leaver);
    struct leaving leaving = { done, ctx, slot, leaver };

    assert(id->realm.len + id->id.len <= sizeof leaver->text);
    memcpy(leaver->text, id->realm.data, id->realm.len);
    memcpy(leaver->text + id->realm.len, id->id.data, id->id.len);
    leaver->id = (struct channel_id){
        .kind = id->kind,
        .realm = { leaver->text, id->realm.len },
        .id = { leaver->text + id->realm.len, id->id.len },
    };
    leaver->how = how;
    leaver->mark = topics_mark(store);
    leave(store, &leaving);
}

/* ---- settle -------------------------------------------------------------------------------------------- */

void channel_settle(struct store *store, const struct channel_id *id, uint64_t number,
                    store_done_fn *done, void *ctx, struct store_op **slot)
{
    static const struct verb verb = { .id = VERB_CHANNEL_SETTLE,
                                      .judge = op_judge_integer,
                                      .deliver = op_deliver_done };
    struct op_done settling = { done, ctx };
    struct channel_keys keys;
    struct op_number numbers[3];
    struct slice args[] = {
        op_u64(&numbers[0], number),
        op_u64(&numbers[1], channel_keep_count(store, id->kind)),
        op_u64(&numbers[2], channel_life_ms(store->bounds[id->kind].ttl_ms)),
    };
    struct op_call call = {
        .verb = &verb,
        .keys = keys.keys,
        .key_count = PART_SETTLED + 1,
        .args = args,
        .arg_count = 3,
        .state = &settling,
        .state_size = sizeof settling,
    };

    channel_keys_make(&keys, store, id);
    op_start(store, &call, slot);
}
