/* SPDX-License-Identifier: MIT */
/* Channels: what is kept, what is dropped, and what a reader sees. */
#include "rig.h"

#include <stdio.h>

enum { HEARD_MAX = 1024, BATCH_MAX = 256, TEXT_MAX = 32 };

/* ---- a listener: subscribed, and holding ------------------------------------------------------------- */

struct listener {
    struct rig *rig;
    struct channel_id id;
    struct topic *topic;
    bool is_up;
    unsigned heard;
    char texts[HEARD_MAX][TEXT_MAX];
    uint64_t numbers[HEARD_MAX];
};

static void on_news(struct topic *topic, enum topic_news news, struct slice message, void *ctx)
{
    struct listener *listener = ctx;
    struct channel_entry entry;

    (void)topic;
    if (news != TOPIC_MESSAGE) {
        listener->is_up = news == TOPIC_UP;
        return;
    }
    assert_true(channel_entry_parse(message, &entry));
    if (listener->heard < HEARD_MAX) {
        snprintf(listener->texts[listener->heard], TEXT_MAX, "%.*s", (int)entry.payload.len,
                 entry.payload.data);
        listener->numbers[listener->heard] = entry.number;
    }
    listener->heard++;
}

static bool is_listening(void *ctx)
{
    return ((struct listener *)ctx)->is_up;
}

static struct channel_position hold(struct rig *rig, const struct channel_id *id)
{
    struct answer answer = { .slot = NULL };

    channel_hold(rig->store, id, on_position, &answer, &answer.slot);
    assert_int_equal(rig_wait(rig, &answer), RESULT_OK);
    return answer.position;
}

static struct listener *listen_to(struct rig *rig, const struct channel_id *id)
{
    struct listener *listener = xcalloc(1, sizeof *listener);
    struct key key;

    listener->rig = rig;
    listener->id = *id;
    channel_topic_key(id, &key);
    listener->topic = topic_subscribe(rig->store, TOPIC_CHANNEL, key.text, on_news, listener);
    support_wait(&rig->loop, is_listening, listener, SUPPORT_WAIT_MS, "the topic is up");
    hold(rig, id);
    return listener;
}

static void leave(struct listener **listener, enum channel_leave how)
{
    struct rig *rig = (*listener)->rig;
    struct answer answer = { .slot = NULL };

    topic_unsubscribe(&(*listener)->topic);
    channel_leave(rig->store, &(*listener)->id, how, on_answered, &answer, &answer.slot);
    assert_int_equal(rig_wait(rig, &answer), RESULT_OK);
    free(*listener);
    *listener = NULL;
}

/* ---- appending, reading, settling: one at a time ----------------------------------------------------------- */

static struct channel_appended append(struct rig *rig, const struct channel_id *id,
                                      const struct channel_message *message)
{
    struct answer answer = { .slot = NULL };

    channel_append(rig->store, id, message, on_appended, &answer, &answer.slot);
    assert_non_null(answer.slot);
    assert_int_equal(rig_wait(rig, &answer), RESULT_OK);
    return answer.appended;
}

/* Appends "<from>" … "<to - 1>"; returns the last answer. */
static struct channel_appended append_numbers(struct rig *rig, const struct channel_id *id,
                                              unsigned from, unsigned to)
{
    struct channel_appended last = { 0 };

    for (unsigned i = from; i < to; i++) {
        char text[16];
        struct channel_message message = {
            .payload = { text, (size_t)snprintf(text, sizeof text, "%u", i) },
        };

        last = append(rig, id, &message);
    }
    return last;
}

struct batch {
    struct store_op *slot;
    unsigned ended;
    enum result result;
    struct channel_batch batch; /* without the entries */
    char texts[BATCH_MAX][TEXT_MAX];
    uint64_t numbers[BATCH_MAX];
};

static void on_batch(enum result result, const struct channel_batch *batch, void *ctx)
{
    struct batch *to = ctx;

    to->ended++;
    to->result = result;
    to->batch = *batch;
    assert_in_range(batch->count, 0, BATCH_MAX);
    for (size_t i = 0; i < batch->count; i++) {
        snprintf(to->texts[i], TEXT_MAX, "%.*s", (int)batch->entries[i].payload.len,
                 batch->entries[i].payload.data);
        to->numbers[i] = batch->entries[i].number;
    }
}

static bool batch_has_come(void *ctx)
{
    return ((struct batch *)ctx)->ended > 0;
}

static const struct batch *read_after(struct rig *rig, const struct channel_id *id, uint64_t cursor)
{
    static struct batch batch;

    batch = (struct batch){ .slot = NULL };
    channel_read(rig->store, id, cursor, CHANNEL_READ_MAX, on_batch, &batch, &batch.slot);
    support_wait(&rig->loop, batch_has_come, &batch, SUPPORT_WAIT_MS, "the batch comes");
    assert_int_equal(batch.result, RESULT_OK);
    assert_null(batch.slot);
    return &batch;
}

static void settle(struct rig *rig, const struct channel_id *id, uint64_t number)
{
    struct answer answer = { .slot = NULL };

    channel_settle(rig->store, id, number, on_answered, &answer, &answer.slot);
    assert_int_equal(rig_wait(rig, &answer), RESULT_OK);
}

/* Everything from the settled mark is "<from>" … "<to - 1>". */
static void expect_waiting(struct rig *rig, const struct channel_id *id, unsigned from, unsigned to)
{
    const struct batch *batch = read_after(rig, id, 0);

    assert_int_equal(batch->batch.count, to - from);
    for (unsigned i = 0; i < to - from; i++) {
        char text[16];

        snprintf(text, sizeof text, "%u", from + i);
        assert_string_equal(batch->texts[i], text);
    }
}

static uint64_t dropped(struct rig *rig, enum channel_kind kind, enum channel_drop reason)
{
    return channel_stats(rig->store)->dropped[kind][reason];
}

/* ---- bounds ---------------------------------------------------------------------------------------------------- */

static void keeps_exactly_the_cap_while_nobody_listens(void **state)
{
    static const struct {
        const char *name;
        enum channel_kind kind;
        unsigned cap, appended, dropped;
    } cases[] = {
        { "fewer than the cap", CHANNEL_BOT, 8, 7, 0 },
        { "just the cap", CHANNEL_BOT, 8, 8, 0 },
        { "one more", CHANNEL_BOT, 8, 9, 1 },
        { "many more", CHANNEL_BOT, 8, 200, 192 },
        { "a cap of one", CHANNEL_BOT, 1, 5, 4 },
        { "a cap of nothing", CHANNEL_BOT, 0, 5, 5 },
        { "a feed", CHANNEL_PLAYER, 8, 20, 12 },
    };
    struct rig *rig = *state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct channel_id id = rig_channel(cases[i].kind, cases[i].name);
        uint64_t before = dropped(rig, cases[i].kind, DROP_OFFLINE_CAP);

        print_message("  %s\n", cases[i].name);
        set_bounds(rig, cases[i].kind, cases[i].cap, 1000);
        append_numbers(rig, &id, 0, cases[i].appended);
        expect_waiting(rig, &id, cases[i].dropped, cases[i].appended);
        assert_int_equal(dropped(rig, cases[i].kind, DROP_OFFLINE_CAP) - before, cases[i].dropped);
    }
}

static void keeps_a_live_burst_beyond_the_cap(void **state)
{
    struct rig *rig = *state;
    const struct channel_id id = rig_channel(CHANNEL_BOT, "burst");
    struct listener *listener;

    set_bounds(rig, CHANNEL_BOT, 8, 1000);
    listener = listen_to(rig, &id);
    assert_int_equal(append_numbers(rig, &id, 0, 20).listeners, 1);
    expect_waiting(rig, &id, 0, 20);
    assert_int_equal(dropped(rig, CHANNEL_BOT, DROP_OFFLINE_CAP), 0);
    assert_int_equal(channel_stats(rig->store)->appended[CHANNEL_BOT][1], 20);
    leave(&listener, CHANNEL_LEAVE_IN_ORDER);
}

struct expiry {
    struct rig *rig;
    const char *command;
};

static bool has_no_lease(void *ctx)
{
    struct expiry *expiry = ctx;
    char *got = support_redis_command(expiry->rig->redis, expiry->command);
    bool is_gone = strcmp(got, "0") == 0;

    free(got);
    return is_gone;
}

static void keeps_the_live_bound_for_the_grace(void **state)
{
    struct rig *rig = *state;
    const struct channel_id id = rig_channel(CHANNEL_BOT, "grace");
    struct expiry expiry = { rig, "exists sb:{bot:test:grace}:l" };
    struct listener *listener;

    set_bounds(rig, CHANNEL_BOT, 8, 1000);
    listener = listen_to(rig, &id);
    leave(&listener, CHANNEL_LEAVE_BROKEN);
    assert_int_equal(append_numbers(rig, &id, 0, 20).listeners, 0);
    expect_waiting(rig, &id, 0, 20);
    support_wait(&rig->loop, has_no_lease, &expiry, SUPPORT_WAIT_MS, "the grace ends");
    append_numbers(rig, &id, 20, 28);
    expect_waiting(rig, &id, 0, 28); /* the cap is for what comes while nobody listens */
    append_numbers(rig, &id, 28, 30);
    expect_waiting(rig, &id, 2, 30);
    assert_int_equal(dropped(rig, CHANNEL_BOT, DROP_OFFLINE_CAP), 2);
}

static void ends_the_grace_at_once_when_left_in_order(void **state)
{
    struct rig *rig = *state;
    const struct channel_id id = rig_channel(CHANNEL_BOT, "order");
    struct listener *listener;

    set_bounds(rig, CHANNEL_BOT, 8, 1000);
    listener = listen_to(rig, &id);
    leave(&listener, CHANNEL_LEAVE_IN_ORDER);
    rig_expect(rig, "exists sb:{bot:test:order}:l", "0");
    append_numbers(rig, &id, 0, 20);
    expect_waiting(rig, &id, 12, 20);
}

static void does_not_end_what_another_node_holds(void **state)
{
    struct rig *rig = *state;
    const struct channel_id id = rig_channel(CHANNEL_PLAYER, "two nodes");
    struct rig other = { .redis = rig->redis };
    struct listener *here, *there;

    assert_int_equal(uv_loop_init(&other.loop), 0);
    other.store = rig_open(&other, support_redis_url(rig->redis), RIG_TIMEOUT_MS);
    rig_wait_up(&other);
    set_bounds(rig, CHANNEL_PLAYER, 8, 1000);
    set_bounds(&other, CHANNEL_PLAYER, 8, 1000);
    here = listen_to(rig, &id);
    there = listen_to(&other, &id);
    leave(&here, CHANNEL_LEAVE_IN_ORDER);
    rig_expect(rig, "exists 'sb:{player:test:two%20nodes}:l'", "1");
    assert_int_equal(append_numbers(rig, &id, 0, 20).listeners, 1);
    expect_waiting(rig, &id, 0, 20);
    leave(&there, CHANNEL_LEAVE_IN_ORDER);
    rig_expect(rig, "exists 'sb:{player:test:two%20nodes}:l'", "0");
    store_close(&other.store);
    support_loop_close(&other.loop);
}

static void trims_a_live_channel_to_its_bound(void **state)
{
    struct rig *rig = *state;
    const struct channel_id id = rig_channel(CHANNEL_BOT, "bound");
    struct listener *listener;
    const struct batch *batch;
    uint64_t lost;

    set_bounds(rig, CHANNEL_BOT, 8, 100);
    listener = listen_to(rig, &id);
    append_numbers(rig, &id, 0, 250);
    batch = read_after(rig, &id, listener->numbers[0] - 1);
    lost = dropped(rig, CHANNEL_BOT, DROP_LIVE_BOUND);
    assert_in_range(batch->batch.count, 100, 163); /* looked at every 64th time */
    assert_int_equal(batch->batch.count + lost, 250);
    assert_int_equal(batch->batch.missed, lost);
    assert_int_equal(batch->batch.settled, listener->numbers[0] - 1 + lost);
    assert_int_equal(dropped(rig, CHANNEL_BOT, DROP_EXPIRED), 0);
    leave(&listener, CHANNEL_LEAVE_IN_ORDER);
}

static void stores_live_only_messages_for_listeners_only(void **state)
{
    struct rig *rig = *state;
    const struct channel_id id = rig_channel(CHANNEL_PLAYER, "live only");
    const struct channel_message message = { .payload = SLICE_LITERAL("x"), .is_live_only = true };
    struct channel_appended appended;
    struct listener *listener;

    set_bounds(rig, CHANNEL_PLAYER, 8, 100);
    appended = append(rig, &id, &message);
    assert_int_equal(appended.number, 0);
    assert_int_equal(appended.listeners, 0);
    assert_int_equal(read_after(rig, &id, 0)->batch.count, 0);
    assert_int_equal(dropped(rig, CHANNEL_PLAYER, DROP_OFFLINE_CAP), 0);
    listener = listen_to(rig, &id);
    appended = append(rig, &id, &message);
    assert_true(appended.number > 0);
    assert_int_equal(appended.listeners, 1);
    leave(&listener, CHANNEL_LEAVE_BROKEN);
    assert_int_equal(append(rig, &id, &message).number, appended.number + 1); /* the grace */
}

/* ---- the fast lane --------------------------------------------------------------------------------------------- */

static bool has_heard_all(void *ctx)
{
    return ((struct listener *)ctx)->heard == 100;
}

static void gives_a_listener_the_entries_as_they_are_stored(void **state)
{
    struct rig *rig = *state;
    const struct channel_id id = rig_channel(CHANNEL_BOT, "fast lane");
    struct listener *listener;

    set_bounds(rig, CHANNEL_BOT, 8, 1000);
    listener = listen_to(rig, &id);
    append_numbers(rig, &id, 0, 100);
    support_wait(&rig->loop, has_heard_all, listener, SUPPORT_WAIT_MS, "all entries are heard");
    for (unsigned i = 0; i < 100; i++) {
        char text[16];

        snprintf(text, sizeof text, "%u", i);
        assert_string_equal(listener->texts[i], text);
        assert_int_equal(listener->numbers[i], listener->numbers[0] + i);
    }
    leave(&listener, CHANNEL_LEAVE_IN_ORDER);
}

/* ---- once ---------------------------------------------------------------------------------------------------------- */

static void stores_an_id_once(void **state)
{
    struct rig *rig = *state;
    const struct channel_id id = rig_channel(CHANNEL_MAILBOX, "once");
    struct channel_message message = { .payload = SLICE_LITERAL("first"),
                                       .once = SLICE_LITERAL("{1}:x") };
    struct channel_appended first, again;

    set_bounds(rig, CHANNEL_MAILBOX, 8, 100);
    first = append(rig, &id, &message);
    assert_false(first.is_duplicate);
    again = append(rig, &id, &message);
    assert_true(again.is_duplicate);
    assert_int_equal(again.number, first.number);
    message.once = SLICE_LITERAL("2");
    assert_int_equal(append(rig, &id, &message).number, first.number + 1);
    assert_int_equal(read_after(rig, &id, 0)->batch.count, 2);
    assert_int_equal(channel_stats(rig->store)->duplicates[CHANNEL_MAILBOX], 1);
}

static void forgets_the_id_of_what_was_not_stored(void **state)
{
    struct rig *rig = *state;
    const struct channel_id id = rig_channel(CHANNEL_PLAYER, "once live");
    const struct channel_message message = { .payload = SLICE_LITERAL("x"),
                                             .once = SLICE_LITERAL("1"),
                                             .is_live_only = true };
    struct listener *listener;

    set_bounds(rig, CHANNEL_PLAYER, 8, 100);
    assert_int_equal(append(rig, &id, &message).number, 0);
    listener = listen_to(rig, &id);
    assert_true(append(rig, &id, &message).number > 0);
    assert_true(append(rig, &id, &message).is_duplicate);
    leave(&listener, CHANNEL_LEAVE_IN_ORDER);
}

/* ---- settling ------------------------------------------------------------------------------------------------------- */

static void trims_what_is_settled_in_a_queue(void **state)
{
    struct rig *rig = *state;
    const struct channel_id id = rig_channel(CHANNEL_NODE, "queue");
    uint64_t first;

    set_bounds(rig, CHANNEL_NODE, 100, 100);
    first = append_numbers(rig, &id, 0, 10).number - 9;
    settle(rig, &id, first + 3);
    rig_expect(rig, "llen sb:{node:test:queue}:q", "6");
    expect_waiting(rig, &id, 4, 10);
    settle(rig, &id, first + 1); /* never goes back */
    expect_waiting(rig, &id, 4, 10);
    settle(rig, &id, first + 3); /* safe to repeat */
    expect_waiting(rig, &id, 4, 10);
    settle(rig, &id, first + 10); /* not beyond what was appended: that would be another's entry */
    expect_waiting(rig, &id, 4, 10);
    settle(rig, &id, first + 9);
    rig_expect(rig, "exists sb:{node:test:queue}:q", "0");
    assert_int_equal(append_numbers(rig, &id, 10, 11).number, first + 10);
    expect_waiting(rig, &id, 10, 11);
    assert_int_equal(hold(rig, &id).settled, first + 9);
}

static void keeps_what_is_settled_in_a_feed(void **state)
{
    struct rig *rig = *state;
    const struct channel_id id = rig_channel(CHANNEL_MODS, "feed");
    struct channel_position position;
    uint64_t first;

    set_bounds(rig, CHANNEL_MODS, 1000, 1000); /* keeps 100 */
    first = append_numbers(rig, &id, 0, 10).number - 9;
    settle(rig, &id, first + 3);
    rig_expect(rig, "llen sb:{mods:test:feed}:q", "10");
    expect_waiting(rig, &id, 4, 10);
    assert_int_equal(read_after(rig, &id, first)->batch.count, 9); /* a slower reader */
    position = hold(rig, &id);
    assert_int_equal(position.settled, first + 3);
    assert_int_equal(position.appended, first + 9);
    append_numbers(rig, &id, 10, 200);
    settle(rig, &id, first + 199);
    rig_expect(rig, "llen sb:{mods:test:feed}:q", "100");
    assert_int_equal(read_after(rig, &id, first + 9)->batch.missed, 90);
}

static void lets_go_of_a_feeds_old_entries(void **state)
{
    struct rig *rig = *state;
    const struct channel_id id = rig_channel(CHANNEL_MODS, "old");
    const struct channel_bounds bounds = {
        .offline_cap = 100,
        .live_bound = 100,
        .ttl_ms = 60000,
        .keep_ms = 1,
        .keep_count = 100,
        .grace_ms = 1000,
    };
    struct expiry expiry = { rig, "llen sb:{mods:test:old}:q" };
    uint64_t last;

    channel_set_bounds(rig->store, CHANNEL_MODS, &bounds);
    last = append_numbers(rig, &id, 0, 10).number;
    settle(rig, &id, last);
    rig_expect(rig, expiry.command, "10");
    hold(rig, &id);
    rig_expect(rig, expiry.command, "10"); /* from now on their age is known */
    while (!has_no_lease(&expiry))
        hold(rig, &id);
    assert_int_equal(hold(rig, &id).settled, last);
    assert_int_equal(dropped(rig, CHANNEL_MODS, DROP_EXPIRED), 0);
}

/* ---- reading ------------------------------------------------------------------------------------------------------------ */

static void reads_within_bounds(void **state)
{
    static const struct {
        const char *name;
        unsigned entries;
        size_t size;
        unsigned wanted;
    } cases[] = {
        { "nothing", 0, 0, 0 },
        { "one", 1, 10, 1 },
        { "as many as fit", 256, 10, 256 },
        { "one more than fit", 257, 10, 256 },
        { "too many bytes", 20, 50000, 5 },
        { "each alone too large", 3, 2 * 1024 * 1024, 1 },
    };
    struct rig *rig = *state;

    set_bounds(rig, CHANNEL_NODE, 1000, 1000);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct channel_id id = rig_channel(CHANNEL_NODE, cases[i].name);
        struct channel_message message = { .payload = { xcalloc(1, cases[i].size + 1), 0 } };
        const struct batch *batch;
        unsigned sum = 0;
        uint64_t cursor = 0;

        print_message("  %s\n", cases[i].name);
        message.payload.len = cases[i].size;
        for (unsigned entry = 0; entry < cases[i].entries; entry++)
            append(rig, &id, &message);
        batch = read_after(rig, &id, 0);
        assert_int_equal(batch->batch.count, cases[i].wanted);
        assert_int_equal(batch->batch.has_more, cases[i].wanted < cases[i].entries);
        for (;; batch = read_after(rig, &id, cursor)) {
            sum += (unsigned)batch->batch.count;
            if (!batch->batch.has_more)
                break;
            cursor = batch->numbers[batch->batch.count - 1];
        }
        assert_int_equal(sum, cases[i].entries);
        free((char *)(uintptr_t)message.payload.data);
    }
}

static void reads_from_the_first_entry_there_is(void **state)
{
    struct rig *rig = *state;
    const struct channel_id id = rig_channel(CHANNEL_PLAYER, "from the first");
    const struct batch *batch;
    uint64_t first;

    set_bounds(rig, CHANNEL_PLAYER, 100, 100);
    batch = read_after(rig, &id, CHANNEL_FROM_FIRST);
    assert_int_equal(batch->batch.count, 0);
    assert_false(batch->batch.has_gone_back);
    first = append_numbers(rig, &id, 0, 3).number - 2;
    settle(rig, &id, first + 2);
    assert_int_equal(read_after(rig, &id, 0)->batch.count, 0);
    batch = read_after(rig, &id, CHANNEL_FROM_FIRST);
    assert_int_equal(batch->batch.count, 3);
    assert_int_equal(batch->numbers[0], first);
    assert_int_equal(batch->batch.missed, 0);
    assert_false(batch->batch.has_gone_back);
}

static void reads_a_mixture_of_small_and_large_entries(void **state)
{
    struct rig *rig = *state;
    const struct channel_id id = rig_channel(CHANNEL_NODE, "mixture");
    char *large = xcalloc(1, 200000);
    unsigned sum = 0;
    uint64_t cursor = 0;

    set_bounds(rig, CHANNEL_NODE, 1000, 1000);
    for (unsigned i = 0; i < 40; i++) {
        const struct channel_message message = { .payload = { large, i % 3 == 2 ? 200000 : 5 } };

        append(rig, &id, &message);
    }
    for (;;) {
        const struct batch *batch = read_after(rig, &id, cursor);

        sum += (unsigned)batch->batch.count;
        if (!batch->batch.has_more)
            break;
        cursor = batch->numbers[batch->batch.count - 1];
    }
    assert_int_equal(sum, 40);
    free(large);
}

static void tells_that_redis_went_back(void **state)
{
    struct rig *rig = *state;
    const struct channel_id id = rig_channel(CHANNEL_BOT, "back");
    const struct batch *batch;
    uint64_t last;

    set_bounds(rig, CHANNEL_BOT, 100, 100);
    last = append_numbers(rig, &id, 0, 10).number;
    settle(rig, &id, last - 5);
    batch = read_after(rig, &id, last + 7);
    assert_true(batch->batch.has_gone_back);
    assert_int_equal(batch->batch.appended, last);
    assert_int_equal(batch->batch.settled, last - 5);
    assert_int_equal(batch->batch.count, 5);
    assert_int_equal(batch->batch.missed, 0);
    assert_int_equal(store_stats(rig->store)->losses, 1);
    rig_command(rig, "flushall");
    batch = read_after(rig, &id, last);
    assert_true(batch->batch.has_gone_back);
    assert_int_equal(batch->batch.count, 0);
    assert_int_equal(batch->batch.appended, 0);
}

static void counts_expired_entries_once(void **state)
{
    struct rig *rig = *state;
    const struct channel_id id = rig_channel(CHANNEL_BOT, "expired");
    const struct batch *batch;
    uint64_t last;

    set_bounds(rig, CHANNEL_BOT, 100, 100);
    last = append_numbers(rig, &id, 0, 10).number;
    rig_command(rig, "del sb:{bot:test:expired}:q");
    batch = read_after(rig, &id, last - 4);
    assert_int_equal(batch->batch.missed, 4);
    assert_int_equal(batch->batch.count, 0);
    assert_int_equal(dropped(rig, CHANNEL_BOT, DROP_EXPIRED), 10);
    read_after(rig, &id, last - 4);
    assert_int_equal(dropped(rig, CHANNEL_BOT, DROP_EXPIRED), 10);
    assert_int_equal(hold(rig, &id).settled, last);
}

static void begins_anew_at_the_clock(void **state)
{
    struct rig *rig = *state;
    const struct channel_id id = rig_channel(CHANNEL_BOT, "anew");
    const struct batch *batch;
    struct channel_position position;
    uint64_t before, after;

    set_bounds(rig, CHANNEL_BOT, 100, 100);
    position = hold(rig, &id);
    assert_int_equal(position.appended, 0);
    assert_int_equal(position.settled, 0);
    before = append_numbers(rig, &id, 0, 3).number;
    assert_in_range(before / 1024, store_now_ms(rig->store) - 10000, store_now_ms(rig->store));
    position = hold(rig, &id);
    assert_int_equal(position.settled, before - 3);
    assert_int_equal(position.appended, before);
    rig_command(rig, "flushall");
    after = append_numbers(rig, &id, 3, 4).number;
    assert_true(after > before);
    batch = read_after(rig, &id, before);
    assert_int_equal(batch->batch.count, 1);
    assert_false(batch->batch.has_gone_back);
}

static void knows_no_hole_between_two_lives(void **state)
{
    struct rig *rig = *state;
    const struct channel_id id = rig_channel(CHANNEL_BOT, "lives");
    uint64_t number;

    set_bounds(rig, CHANNEL_BOT, 100, 100);
    number = append_numbers(rig, &id, 0, 1).number;
    assert_int_equal(read_after(rig, &id, number - 1000 * 1024)->batch.missed, 0);
    assert_int_equal(read_after(rig, &id, number - 11)->batch.missed, 10);
}

static void goes_on_when_the_number_alone_is_lost(void **state)
{
    struct rig *rig = *state;
    const struct channel_id id = rig_channel(CHANNEL_BOT, "evicted");
    uint64_t last;

    set_bounds(rig, CHANNEL_BOT, 100, 100);
    last = append_numbers(rig, &id, 0, 5).number;
    rig_command(rig, "del sb:{bot:test:evicted}:n");
    expect_waiting(rig, &id, 0, 5);
    assert_int_equal(append_numbers(rig, &id, 5, 6).number, last + 1);
    expect_waiting(rig, &id, 0, 6);
    rig_command(rig, "del sb:{bot:test:evicted}:s");
    expect_waiting(rig, &id, 0, 6);
}

/* ---- the life of the keys ------------------------------------------------------------------------------------------------ */

static int64_t pttl_of(struct rig *rig, enum channel_kind kind, const char *channel, char part)
{
    char command[100], *got;
    int64_t ttl;

    snprintf(command, sizeof command, "pttl sb:{%s:test:%s}:%c", channel_kind_name(kind), channel,
             part);
    got = support_redis_command(rig->redis, command);
    ttl = atoll(got);
    free(got);
    return ttl;
}

static int64_t pttl(struct rig *rig, const char *channel, char part)
{
    return pttl_of(rig, CHANNEL_BOT, channel, part);
}

static void lets_every_key_expire_after_its_entries(void **state)
{
    struct rig *rig = *state;
    const struct channel_id id = rig_channel(CHANNEL_BOT, "ttl");
    struct channel_message longer = { .payload = SLICE_LITERAL("x"), .ttl_ms = 3600000 };
    struct listener *listener;

    set_bounds(rig, CHANNEL_BOT, 8, 100); /* a ttl of 60 s */
    append_numbers(rig, &id, 0, 20);
    assert_in_range(pttl(rig, "ttl", 'q'), 60000, 120000);
    for (const char *part = "nso"; *part != '\0'; part++)
        assert_in_range(pttl(rig, "ttl", *part), pttl(rig, "ttl", 'q'), 180000);
    append(rig, &id, &longer);
    assert_in_range(pttl(rig, "ttl", 'q'), 3600000, 2 * 3600000);
    assert_true(pttl(rig, "ttl", 'n') > pttl(rig, "ttl", 'q'));
    listener = listen_to(rig, &id); /* shortens nothing */
    assert_in_range(pttl(rig, "ttl", 'q'), 3600000, 2 * 3600000);
    settle(rig, &id, hold(rig, &id).appended);
    assert_int_equal(pttl(rig, "ttl", 'q'), -2);
    append_numbers(rig, &id, 20, 21);
    assert_in_range(pttl(rig, "ttl", 'q'), 60000, 120000);
    append(rig, &id, &longer);
    assert_in_range(pttl(rig, "ttl", 'q'), 3600000, 2 * 3600000);
    assert_true(pttl(rig, "ttl", 'n') > pttl(rig, "ttl", 'q'));
    assert_in_range(pttl(rig, "ttl", 'l'), 1, 300 + 20000);
    leave(&listener, CHANNEL_LEAVE_BROKEN);
    assert_in_range(pttl(rig, "ttl", 'l'), 1, 300);
}

/* Without its mark a feed would deliver once more what it still has. */
static void lets_no_mark_expire_before_its_entries(void **state)
{
    static const struct {
        const char *name;
        unsigned appended, settled;
        bool is_read;
    } cases[] = {
        { "settled", 0, 1, false },
        { "moved_by_the_cap", 20, 0, false },
        { "settled_and_moved", 20, 3, false },
        { "moved_by_the_bound", 300, 0, false },
        { "moved_by_a_read", 0, 0, true },
    };
    struct rig *rig = *state;
    const struct channel_message longer = { .payload = SLICE_LITERAL("x"), .ttl_ms = 36000000 };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct channel_id id = rig_channel(CHANNEL_MODS, cases[i].name);
        uint64_t first;

        print_message("  %s\n", cases[i].name);
        set_bounds(rig, CHANNEL_MODS, 8, 100); /* a ttl of 60 s */
        first = append(rig, &id, &longer).number;
        append(rig, &id, &longer);
        if (cases[i].settled > 0)
            settle(rig, &id, first - 1 + cases[i].settled);
        append_numbers(rig, &id, 0, cases[i].appended);
        if (cases[i].is_read) {
            rig_command(rig, "lpop sb:{mods:test:moved_by_a_read}:q");
            read_after(rig, &id, 0);
        }
        assert_in_range(pttl_of(rig, CHANNEL_MODS, cases[i].name, 'q'), 36000000, 72000000);
        assert_true(pttl_of(rig, CHANNEL_MODS, cases[i].name, 's') >
                    pttl_of(rig, CHANNEL_MODS, cases[i].name, 'q'));
    }
}

static void renews_a_list_that_is_appended_to_now_and_then(void **state)
{
    struct rig *rig = *state;
    const struct channel_id id = rig_channel(CHANNEL_BOT, "slow");

    set_bounds(rig, CHANNEL_BOT, 8, 100);
    append_numbers(rig, &id, 0, 1);
    rig_command(rig, "pexpire sb:{bot:test:slow}:q 59000");
    rig_command(rig, "pexpire sb:{bot:test:slow}:n 59000");
    append_numbers(rig, &id, 1, 2);
    assert_in_range(pttl(rig, "slow", 'q'), 60001, 120000);
    assert_true(pttl(rig, "slow", 'n') > pttl(rig, "slow", 'q'));
}

/* ---- identifiers ------------------------------------------------------------------------------------------------------------- */

static void takes_any_identifier(void **state)
{
    static const char *const ids[] = {
        "a", "a:b", "a}:q", "{a}", "a b", "\xc3\xa4", "%61", "a\"'"
    };
    struct rig *rig = *state;

    set_bounds(rig, CHANNEL_BOT, 8, 100);
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        const struct channel_id id = rig_channel(CHANNEL_BOT, ids[i]);

        append_numbers(rig, &id, (unsigned)i, (unsigned)i + 1);
    }
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        const struct channel_id id = rig_channel(CHANNEL_BOT, ids[i]);

        expect_waiting(rig, &id, (unsigned)i, (unsigned)i + 1);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_start, rig_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(keeps_exactly_the_cap_while_nobody_listens),
        TEST(keeps_a_live_burst_beyond_the_cap),
        TEST(keeps_the_live_bound_for_the_grace),
        TEST(ends_the_grace_at_once_when_left_in_order),
        TEST(does_not_end_what_another_node_holds),
        TEST(trims_a_live_channel_to_its_bound),
        TEST(stores_live_only_messages_for_listeners_only),
        TEST(gives_a_listener_the_entries_as_they_are_stored),
        TEST(stores_an_id_once),
        TEST(forgets_the_id_of_what_was_not_stored),
        TEST(trims_what_is_settled_in_a_queue),
        TEST(keeps_what_is_settled_in_a_feed),
        TEST(lets_go_of_a_feeds_old_entries),
        TEST(reads_within_bounds),
        TEST(reads_from_the_first_entry_there_is),
        TEST(reads_a_mixture_of_small_and_large_entries),
        TEST(tells_that_redis_went_back),
        TEST(counts_expired_entries_once),
        TEST(begins_anew_at_the_clock),
        TEST(knows_no_hole_between_two_lives),
        TEST(goes_on_when_the_number_alone_is_lost),
        TEST(lets_every_key_expire_after_its_entries),
        TEST(lets_no_mark_expire_before_its_entries),
        TEST(renews_a_list_that_is_appended_to_now_and_then),
        TEST(takes_any_identifier),
    };

    return cmocka_run_group_tests_name("channel", tests, NULL, NULL);
}
