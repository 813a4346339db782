/* SPDX-License-Identifier: MIT */
/*
 * Random walks through everything that an owner may do and everything that may befall a link, with
 * fixed seeds: an operation ends once, or never when it was cancelled, and nothing is touched after
 * its end (the sanitizers watch).
 */
#include "rig.h"

#include <stdio.h>

#include "base/clock.h"

enum { OPS = 64, TOPICS = 16, WALKS = 40, STEPS = 400 };

struct walk_op {
    struct walk *walk;
    struct store_op *slot;
    bool is_pending;
};

struct walk_topic {
    struct walk *walk;
    struct topic *topic;
};

struct walk {
    struct rig *rig;
    uint32_t dice;
    struct walk_op ops[OPS];
    struct walk_topic topics[TOPICS];
    unsigned ended, heard;
};

static uint32_t roll(struct walk *walk, uint32_t sides)
{
    walk->dice = walk->dice * 1664525 + 1013904223;
    return (walk->dice >> 8) % sides;
}

static struct channel_id channel_of(size_t index)
{
    static const char *const names[] = { "a", "b", "c", "d" };

    return rig_channel(index % 2 == 0 ? CHANNEL_BOT : CHANNEL_PLAYER, names[index % 4]);
}

static void cancel_any(struct walk *walk)
{
    struct walk_op *op = &walk->ops[roll(walk, OPS)];

    if (op->slot == NULL)
        return;
    store_cancel(&op->slot);
    op->is_pending = false;
}

static void unsubscribe_any(struct walk *walk)
{
    topic_unsubscribe(&walk->topics[roll(walk, TOPICS)].topic);
}

static void op_ended(struct walk_op *op)
{
    assert_true(op->is_pending);
    assert_null(op->slot);
    op->is_pending = false;
    op->walk->ended++;
    if (roll(op->walk, 4) == 0)
        cancel_any(op->walk);
    if (roll(op->walk, 8) == 0)
        unsubscribe_any(op->walk);
}

static void on_op_done(enum result result, void *ctx)
{
    assert_in_range(result, RESULT_OK, RESULT_UNCERTAIN);
    op_ended(ctx);
}

static void on_op_appended(enum result result, const struct channel_appended *appended, void *ctx)
{
    if (result == RESULT_OK)
        assert_true(appended->number > 0);
    op_ended(ctx);
}

static void on_op_position(enum result result, const struct channel_position *position, void *ctx)
{
    if (result == RESULT_OK)
        assert_in_range(position->settled, 0, position->appended);
    op_ended(ctx);
}

static void on_op_batch(enum result result, const struct channel_batch *batch, void *ctx)
{
    if (result == RESULT_OK)
        assert_in_range(batch->settled, 0, batch->appended);
    op_ended(ctx);
}

static void start_any(struct walk *walk)
{
    size_t index = roll(walk, OPS);
    struct walk_op *op = &walk->ops[index];
    const struct channel_id id = channel_of(index);
    struct store *store = walk->rig->store;
    const struct channel_message message = { .payload = { "payload", roll(walk, 8) } };

    if (op->slot != NULL)
        return;
    op->is_pending = true;
    switch (roll(walk, 6)) {
    case 0:
        channel_hold(store, &id, on_op_position, op, &op->slot);
        break;
    case 1:
        channel_read(store, &id, roll(walk, 2) * store_now_ms(store) * 1024, CHANNEL_READ_MAX,
                     on_op_batch, op, &op->slot);
        break;
    case 2:
        channel_settle(store, &id, (uint64_t)store_now_ms(store) * 1024, on_op_done, op, &op->slot);
        break;
    case 3:
        channel_leave(store, &id,
                      roll(walk, 2) == 0 ? CHANNEL_LEAVE_BROKEN : CHANNEL_LEAVE_IN_ORDER,
                      on_op_done, op, &op->slot);
        break;
    default:
        channel_append(store, &id, &message, on_op_appended, op, &op->slot);
    }
    assert_non_null(op->slot);
}

static void on_any_news(struct topic *topic, enum topic_news news, struct slice message, void *ctx)
{
    struct walk_topic *heard = ctx;
    struct channel_entry entry;

    assert_ptr_equal(topic, heard->topic);
    if (news == TOPIC_MESSAGE)
        assert_true(channel_entry_parse(message, &entry));
    heard->walk->heard++;
    if (roll(heard->walk, 8) == 0)
        topic_unsubscribe(&heard->topic);
    if (roll(heard->walk, 8) == 0)
        cancel_any(heard->walk);
}

static void subscribe_any(struct walk *walk)
{
    size_t index = roll(walk, 4); /* one subscription per topic */
    const struct channel_id id = channel_of(index);
    struct key key;

    if (walk->topics[index].topic != NULL)
        return;
    channel_topic_key(&id, &key);
    walk->topics[index].topic = topic_subscribe(walk->rig->store, TOPIC_CHANNEL, key.text,
                                                on_any_news, &walk->topics[index]);
}

static void hurt(struct walk *walk)
{
    static const char *const commands[] = {
        "client kill type normal", "client kill type pubsub", "script flush", "flushall",
        "config set maxmemory 1",  "config set maxmemory 0",
    };

    rig_command(walk->rig, commands[roll(walk, sizeof commands / sizeof commands[0])]);
}

static void step(struct walk *walk)
{
    uint32_t dice = roll(walk, 100);

    if (dice < 50)
        start_any(walk);
    else if (dice < 60)
        cancel_any(walk);
    else if (dice < 68)
        subscribe_any(walk);
    else if (dice < 74)
        unsubscribe_any(walk);
    else if (dice < 76)
        hurt(walk);
    else if (dice < 77)
        topic_reconnect(walk->rig->store);
    else
        uv_run(&walk->rig->loop, UV_RUN_NOWAIT);
}

static bool nothing_is_pending(void *ctx)
{
    return store_stats(((struct rig *)ctx)->store)->pending == 0;
}

static void walk_once(struct rig *rig, uint32_t seed)
{
    struct walk walk = { .rig = rig, .dice = seed };

    for (size_t i = 0; i < OPS; i++)
        walk.ops[i].walk = &walk;
    for (size_t i = 0; i < TOPICS; i++)
        walk.topics[i].walk = &walk;
    for (unsigned i = 0; i < STEPS; i++)
        step(&walk);
    if (seed % 4 == 0) { /* closed in the midst of it, as the node does: subscriptions first */
        for (size_t i = 0; i < TOPICS; i++)
            topic_unsubscribe(&walk.topics[i].topic);
        store_close(&rig->store);
        rig->store = rig_open(rig, support_redis_url(rig->redis), RIG_TIMEOUT_MS);
    }
    support_wait(&rig->loop, nothing_is_pending, rig, SUPPORT_WAIT_MS, "all operations end");
    for (size_t i = 0; i < OPS; i++) {
        assert_null(walk.ops[i].slot);
        assert_false(walk.ops[i].is_pending);
    }
    for (size_t i = 0; i < TOPICS; i++)
        topic_unsubscribe(&walk.topics[i].topic);
    rig_command(rig, "config set maxmemory 0");
    rig_wait_up(rig);
    assert_int_equal(store_stats(rig->store)->malformed_replies, 0);
}

static void walks_at_random(void **state)
{
    struct rig *rig = *state;

    for (uint32_t seed = 1; seed <= WALKS; seed++) {
        set_bounds(rig, CHANNEL_BOT, 8, 100);
        set_bounds(rig, CHANNEL_PLAYER, 100, 100);
        walk_once(rig, seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(walks_at_random, rig_start, rig_stop),
    };

    return cmocka_run_group_tests_name("store_random", tests, NULL, NULL);
}
