/* SPDX-License-Identifier: MIT */
#include "fake_channels.h"
#include "hub_channel.h"

/*
 * The hub over a store that stands still until the test moves it.
 */
static const struct channel_id player = { CHANNEL_PLAYER, { "all", 3 }, { "anna", 4 } };
static const struct channel_id bot = { CHANNEL_BOT, { "all", 3 }, { "b1", 2 } };

static const struct hub_options options = { .settle_ms = 5, .settle_count = 100, .stall_ms = 1000 };

enum { EAR_MAX = 64 };

/* A listener that writes down what it gets. */
struct ear {
    struct hub_listener listener;
    struct hub *hub;
    enum hub_take answer;
    int room; /* how many more it takes; then it is full */
    uint64_t got[EAR_MAX], missed;
    size_t count, starts, gaps;
    size_t got_at_start; /* entries it had before on_listening: none */
    const struct frame *frame;
    bool was_live, is_counting_only;
    enum hub_take (*act)(struct ear *ear); /* instead of taking */
    struct ear *other;
};

static enum hub_take on_entry(struct hub_listener *listener, const struct hub_entry *entry)
{
    struct ear *ear = (struct ear *)listener;
    char text[24];

    snprintf(text, sizeof text, "%llu", (unsigned long long)entry->number);
    assert_true(slice_is(frame_slice(entry->frame), text));
    if (ear->act != NULL)
        return ear->act(ear);
    if (ear->room == 0)
        return HUB_FULL;
    ear->room--;
    if (!ear->is_counting_only) {
        assert_in_range(ear->count, 0, EAR_MAX - 1);
        ear->got[ear->count] = entry->number;
    }
    ear->count++;
    ear->frame = entry->frame;
    ear->was_live = entry->is_live;
    return ear->answer;
}

static void on_listening(struct hub_listener *listener)
{
    struct ear *ear = (struct ear *)listener;

    ear->starts++;
    ear->got_at_start = ear->count;
}

static void on_gap(struct hub_listener *listener, uint64_t missed)
{
    struct ear *ear = (struct ear *)listener;

    ear->gaps++;
    ear->missed += missed;
}

static const struct hub_listener_ops ear_ops = { .on_entry = on_entry,
                                                 .on_listening = on_listening,
                                                 .on_gap = on_gap };

static void ear_listen_to(struct ear *ear, struct hub *hub, const struct channel_id *id)
{
    *ear = (struct ear){ .hub = hub, .answer = HUB_WRITTEN, .room = INT32_MAX };
    hub_listen(hub, id, &ear->listener, &ear_ops);
}

static void ear_leave(struct ear *ear)
{
    hub_leave(ear->hub, &ear->listener, CHANNEL_LEAVE_IN_ORDER);
}

/* It got exactly first … last. */
static void ear_check(const struct ear *ear, uint64_t first, uint64_t last)
{
    assert_int_equal(ear->count, last + 1 - first);
    for (size_t i = 0; i < ear->count; i++)
        assert_int_equal(ear->got[i], first + i);
}

/* What Redis was asked since the last time. */
static void log_check(const char *want)
{
    assert_string_equal(fake.log, want);
    fake.log[0] = '\0';
}

/* Each test has a hub and a player's channel that has been used before: 1 … 10, all settled. */
struct world {
    struct hub *hub;
    struct fake_channel *channel;
    struct ear ear;
};

static struct world *world_create(void)
{
    struct world *world = xcalloc(1, sizeof *world);

    fake_reset();
    world->hub = hub_create(NULL, NULL, &options);
    world->channel = fake_channel(&player);
    for (int i = 0; i < 10; i++)
        fake_append(world->channel);
    world->channel->settled = 10;
    return world;
}

static struct world *world_listening(void)
{
    struct world *world = world_create();

    ear_listen_to(&world->ear, world->hub, &player);
    fake_run();
    fake.log[0] = '\0';
    return world;
}

static void world_destroy(struct world *world)
{
    ear_leave(&world->ear);
    fake_run();
    assert_int_equal(hub_stats(world->hub)->listeners, 0);
    assert_int_equal(hub_stats(world->hub)->channels, 0);
    hub_destroy(&world->hub);
    fake_free();
    free(world);
}

/* ---- starting ---------------------------------------------------------------------------------- */

static void test_start_with_nothing_waiting(void **state)
{
    struct world *world = world_create();

    (void)state;
    ear_listen_to(&world->ear, world->hub, &player);
    assert_int_equal(world->ear.starts, 0);
    fake_run();
    log_check("hold ");
    assert_int_equal(world->ear.starts, 1);
    fake_append(world->channel);
    fake_run();
    ear_check(&world->ear, 11, 11);
    assert_true(world->ear.was_live);
    assert_int_equal(hub_stats(world->hub)->fast[CHANNEL_PLAYER], 1);
    world_destroy(world);
}

static void test_start_with_messages_waiting(void **state)
{
    struct world *world = world_create();

    (void)state;
    fake_append(world->channel);
    fake_append(world->channel);
    ear_listen_to(&world->ear, world->hub, &player);
    fake_run();
    log_check("hold read:10 ");
    ear_check(&world->ear, 11, 12);
    assert_int_equal(world->ear.starts, 1);
    assert_int_equal(world->ear.got_at_start, 0);
    assert_false(world->ear.was_live);
    assert_int_equal(hub_stats(world->hub)->read[CHANNEL_PLAYER], 2);
    world_destroy(world);
}

/* A channel that was never used, which is listened to; its numbers go on from 5000. */
static struct fake_channel *new_channel_listening(struct world *world, struct ear *ear)
{
    static const struct channel_id id = { CHANNEL_PLAYER, { "all", 3 }, { "new", 3 } };
    struct fake_channel *channel = fake_channel(&id);

    ear_listen_to(&world->ear, world->hub, &player);
    ear_listen_to(ear, world->hub, &id);
    fake_run();
    assert_int_equal(ear->starts, 1);
    channel->appended = 5000;
    return channel;
}

static void test_start_of_a_channel_never_used(void **state)
{
    struct world *world = world_create();
    struct ear ear;
    struct fake_channel *channel = new_channel_listening(world, &ear);

    (void)state;
    fake_append(channel);
    fake_run();
    ear_check(&ear, 5001, 5001);
    ear_leave(&ear);
    world_destroy(world);
}

/* Whoever listened before there was anything gets all of it, though another node has settled meanwhile. */
static void test_first_entry_is_settled_by_others(void **state)
{
    struct world *world = world_create();
    struct ear ear;
    struct fake_channel *channel = new_channel_listening(world, &ear);

    (void)state;
    fake_append(channel);
    fake_append(channel);
    channel->settled = 5002;
    fake_run();
    ear_check(&ear, 5001, 5002);
    assert_int_equal(ear.gaps, 0);
    ear_leave(&ear);
    world_destroy(world);
}

/* More waits than a batch holds, and more comes while it is read. */
static void test_start_reads_in_batches(void **state)
{
    struct world *world = world_create();

    (void)state;
    for (int i = 0; i < 2 * FAKE_BATCH + 1; i++)
        fake_append(world->channel);
    ear_listen_to(&world->ear, world->hub, &player);
    fake_accept(world->channel);
    fake_hear(world->channel);
    for (int i = 0; i < 4; i++) {
        fake_execute();
        fake_append(world->channel);
        fake_answer();
        assert_true(list_is_empty(&fake.answers));
    }
    fake_run();
    ear_check(&world->ear, 11, 10 + 2 * FAKE_BATCH + 5);
    assert_int_equal(world->ear.starts, 1);
    world_destroy(world);
}

/* Entries on the topic before the hold is answered: read, not trusted. */
static void test_start_hears_before_it_knows(void **state)
{
    struct world *world = world_create();

    (void)state;
    ear_listen_to(&world->ear, world->hub, &player);
    fake_accept(world->channel);
    fake_hear(world->channel);
    fake_execute();
    fake_append(world->channel);
    fake_hear(world->channel);
    assert_int_equal(world->ear.count, 0);
    fake_run();
    ear_check(&world->ear, 11, 11);
    world_destroy(world);
}

static void test_second_listener_starts_at_the_settled_mark(void **state)
{
    struct world *world = world_listening();
    struct ear second;

    (void)state;
    fake_append(world->channel);
    fake_append(world->channel);
    fake_run();
    fake_pass(options.settle_ms);
    fake_run();
    assert_int_equal(world->channel->settled, 12);
    fake_append(world->channel);
    fake_run();
    ear_listen_to(&second, world->hub, &player);
    assert_int_equal(second.starts, 0);
    fake_run();
    assert_int_equal(second.starts, 1);
    ear_check(&second, 13, 13);
    fake_append(world->channel);
    fake_run();
    ear_check(&second, 13, 14);
    ear_check(&world->ear, 11, 14);
    ear_leave(&second);
    world_destroy(world);
}

/* What others have settled since is still for one who knows where it stopped. */
static void test_listener_that_starts_after_its_own_mark(void **state)
{
    struct world *world = world_listening();
    struct ear back = { .hub = world->hub, .answer = HUB_WRITTEN, .room = INT32_MAX };

    (void)state;
    fake_append(world->channel);
    fake_append(world->channel);
    fake_append(world->channel);
    fake_run();
    fake_pass(options.settle_ms);
    fake_run();
    assert_int_equal(world->channel->settled, 13);
    hub_listen_after(world->hub, &player, &back.listener, &ear_ops, 11);
    fake_run();
    assert_int_equal(back.starts, 1);
    ear_check(&back, 12, 13);
    fake_append(world->channel);
    fake_run();
    ear_check(&back, 12, 14);
    ear_check(&world->ear, 11, 14);
    ear_leave(&back);
    world_destroy(world);
}

/* What it should have had is gone: it knows where it stood, so it is told. */
static void test_gap_before_a_mark_is_told(void **state)
{
    struct world *world = world_listening();
    struct ear back = { .hub = world->hub, .room = INT32_MAX };

    (void)state;
    for (int i = 0; i < 3; i++)
        fake_append(world->channel);
    fake_run();
    for (int i = 0; i < 12; i++)
        fake_drop(world->channel);
    hub_listen_after(world->hub, &player, &back.listener, &ear_ops, 10);
    fake_run();
    assert_int_equal(back.starts, 1);
    assert_int_equal(back.gaps, 1);
    assert_int_equal(back.missed, 2);
    ear_check(&back, 13, 13);
    ear_leave(&back);
    world_destroy(world);
}

/* What waited is not for it; what comes from the moment it was told that it listens is. */
static void test_listener_that_starts_at_the_tip(void **state)
{
    struct hub_listener_ops ops = ear_ops;
    struct world *world = world_listening();
    struct ear first = { .hub = world->hub, .room = INT32_MAX }, second = first;

    (void)state;
    ops.starts_at_tip = true;
    world->ear.answer = HUB_TAKEN;
    fake_append(world->channel);
    fake_append(world->channel);
    fake_run();
    fake.log[0] = '\0';
    hub_listen(world->hub, &player, &first.listener, &ops);
    hub_listen(world->hub, &player, &second.listener, &ops);
    fake_run();
    assert_int_equal(first.starts, 0); /* never within the call, nor within another's */
    assert_int_equal(hub_count(&first.listener), 1);
    fake_pass(1);
    fake_run();
    log_check(""); /* the store was not asked */
    assert_int_equal(first.starts, 1);
    assert_int_equal(second.starts, 1);
    assert_int_equal(hub_count(&first.listener), 3);
    assert_int_equal(first.count + first.gaps, 0);
    fake_append(world->channel);
    fake_run();
    ear_check(&first, 13, 13);
    ear_check(&second, 13, 13);
    ear_check(&world->ear, 11, 13);
    ear_leave(&first);
    ear_leave(&second);
    world_destroy(world);
}

/* The first of its kind starts with the hold, whatever had been appended. */
static void test_first_listener_starts_at_the_tip(void **state)
{
    struct hub_listener_ops ops = ear_ops;
    struct world *world = world_create();

    (void)state;
    ops.starts_at_tip = true;
    world->ear = (struct ear){ .hub = world->hub, .room = INT32_MAX };
    fake_append(world->channel);
    fake_append(world->channel);
    hub_listen(world->hub, &player, &world->ear.listener, &ops);
    fake_run();
    log_check("hold ");
    assert_int_equal(world->ear.starts, 1);
    fake_append(world->channel);
    fake_run();
    ear_check(&world->ear, 13, 13);
    world_destroy(world);
}

static void append_one(struct world *world)
{
    fake_append(world->channel);
    fake_run();
}

static void lose_one(struct world *world)
{
    fake_append_as(world->channel, 0, false);
    fake_append(world->channel);
    fake_hear(world->channel);
}

static void break_topic(struct world *world)
{
    fake_deafen(world->channel);
}

static void leave_first(struct world *world)
{
    ear_leave(&world->ear);
}

/* What happens between the call and the turn in which it starts. */
static void test_start_at_the_tip_meets_news(void **state)
{
    static const struct {
        const char *name;
        void (*strike)(struct world *world);
        uint64_t tip; /* what is appended next is the first that it must have */
    } rows[] = {
        { "an entry", append_one, 11 },
        { "a gap, so a read", lose_one, 12 },
        { "the topic breaks", break_topic, 10 },
        { "the only other one leaves", leave_first, 10 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct hub_listener_ops ops = ear_ops;
        struct world *world = world_listening();
        struct ear late = { .hub = world->hub, .room = INT32_MAX };

        print_message("  %s\n", rows[i].name);
        ops.starts_at_tip = true;
        hub_listen(world->hub, &player, &late.listener, &ops);
        rows[i].strike(world);
        fake_run();
        fake_pass(1);
        fake_run();
        assert_int_equal(late.starts, 1);
        late.count = 0; /* what came meanwhile may have come to it, or not */
        fake_append(world->channel);
        fake_run();
        ear_check(&late, rows[i].tip + 1, rows[i].tip + 1);
        ear_leave(&late);
        world_destroy(world);
    }
}

/* Nobody is called who left before it started. */
static void test_newcomer_leaves_at_once(void **state)
{
    struct hub_listener_ops ops = ear_ops;
    struct world *world = world_listening();
    struct ear late = { .hub = world->hub, .room = INT32_MAX };

    (void)state;
    ops.starts_at_tip = true;
    hub_listen(world->hub, &player, &late.listener, &ops);
    ear_leave(&late);
    fake_pass(1);
    assert_int_equal(late.starts, 0);
    hub_listen(world->hub, &player, &late.listener, &ops);
    ear_leave(&world->ear);
    ear_leave(&late); /* the channel goes with it, and so does what was due */
    fake_run();
    fake_pass(1);
    assert_int_equal(late.starts, 0);
    world_destroy(world);
}

/* ---- the topic and its doubts ------------------------------------------------------------------ */

static void test_gap_is_read(void **state)
{
    struct world *world = world_listening();

    (void)state;
    fake_append_as(world->channel, 0, false);
    fake_append(world->channel);
    fake_run();
    log_check("read:10 ");
    ear_check(&world->ear, 11, 12);
    assert_int_equal(world->ear.gaps, 0);
    world_destroy(world);
}

/* What came by a read comes again on the topic: no doubt, no read. */
static void test_copies_of_what_was_read_are_nothing(void **state)
{
    struct world *world = world_listening();

    (void)state;
    fake_append_as(world->channel, 0, false);
    fake_append(world->channel);
    fake_hear(world->channel);
    fake_append(world->channel);
    fake_append(world->channel);
    fake_execute();
    fake_answer();
    ear_check(&world->ear, 11, 14);
    fake_run();
    log_check("read:10 ");
    fake_append(world->channel);
    fake_run();
    ear_check(&world->ear, 11, 15);
    log_check("");
    world_destroy(world);
}

/* Entries that follow on go straight through while a read is in flight for somebody else. */
static void test_one_read_in_flight(void **state)
{
    struct world *world = world_listening();

    (void)state;
    for (int i = 0; i < 3; i++) {
        fake_append_as(world->channel, 0, false);
        fake_append(world->channel);
        fake_hear(world->channel);
    }
    assert_int_equal(fake.counts[FAKE_READ], 1);
    fake_run();
    ear_check(&world->ear, 11, 16);
    world_destroy(world);
}

/* What the topic brings while a read is in flight is not read again. */
static void test_topic_during_a_read_is_kept(void **state)
{
    struct world *world = world_listening();

    (void)state;
    fake_append_as(world->channel, 0, false);
    fake_append(world->channel);
    fake_hear(world->channel); /* it reads */
    fake_append(world->channel);
    fake_hear(world->channel);
    fake_execute();
    for (int i = 0; i < 3; i++) {
        fake_append_as(world->channel, i == 1 ? fake.now_ms - 1 : 0, true);
        fake_hear(world->channel);
    }
    assert_int_equal(world->ear.count, 0);
    fake_run();
    log_check("read:10 ");
    assert_int_equal(world->ear.count, 5);
    assert_int_equal(world->ear.got[4], 16);
    assert_int_equal(fake.expired, 1);
    world_destroy(world);
}

/* More than is kept, or a gap in it, is read. */
static void test_too_much_during_a_read_is_read(void **state)
{
    static const struct {
        const char *name;
        int count, lost;
    } cases[] = {
        { "one more than is kept", 257, -1 },
        { "a gap at the first", 10, 0 },
        { "a gap in the middle", 10, 5 },
        { "a gap at the last but one", 10, 8 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world *world = world_listening();

        print_message("  %s\n", cases[i].name);
        fake_append_as(world->channel, 0, false);
        fake_append(world->channel);
        fake_hear(world->channel);
        fake_execute();
        for (int n = 0; n < cases[i].count; n++) {
            fake_append_as(world->channel, 0, n != cases[i].lost);
            fake_hear(world->channel);
        }
        world->ear.is_counting_only = true;
        fake_run();
        assert_int_equal(world->ear.listener.cursor, 12 + cases[i].count);
        assert_int_equal(world->ear.count, 2 + cases[i].count);
        world_destroy(world);
    }
}

static void test_break_while_the_topic_is_kept(void **state)
{
    struct world *world = world_listening();

    (void)state;
    fake_append_as(world->channel, 0, false);
    for (int i = 0; i < 3; i++) {
        fake_append(world->channel);
        fake_hear(world->channel);
    }
    fake_break();
    fake_append(world->channel);
    fake_run();
    fake_pass(100);
    fake_run();
    ear_check(&world->ear, 11, 15);
    world_destroy(world);
}

static void test_reconnect_always_reads(void **state)
{
    struct world *world = world_listening();

    (void)state;
    fake_deafen(world->channel);
    fake_pass(60000);
    fake_run();
    log_check("hold read:10 ");
    assert_int_equal(world->ear.starts, 1);
    fake_publish(world->channel, TOPIC_UP, (struct fake_entry){ 0 });
    fake_run();
    log_check("hold read:10 ");
    world_destroy(world);
}

static void test_reconnect_finds_a_lost_last_publication(void **state)
{
    struct world *world = world_listening();

    (void)state;
    fake_append_as(world->channel, 0, false);
    fake_run();
    assert_int_equal(world->ear.count, 0);
    fake_deafen(world->channel);
    fake_append(world->channel);
    fake_run();
    ear_check(&world->ear, 11, 12);
    world_destroy(world);
}

static void test_renewal_finds_a_lost_last_publication(void **state)
{
    struct world *world = world_listening();

    (void)state;
    fake_append_as(world->channel, 0, false);
    fake_pass(FAKE_HOLD_EVERY_MS);
    fake_run();
    log_check("hold read:10 ");
    ear_check(&world->ear, 11, 11);
    world_destroy(world);
}

/* A read's answer that was on its way when the topic broke is not taken: it is asked again. */
static void test_break_during_a_read(void **state)
{
    struct world *world = world_listening();

    (void)state;
    fake_append_as(world->channel, 0, false);
    fake_append(world->channel);
    fake_hear(world->channel);
    fake_execute();
    fake_deafen(world->channel);
    fake_answer();
    assert_int_equal(world->ear.count, 0);
    fake_run();
    ear_check(&world->ear, 11, 12);
    world_destroy(world);
}

static void test_garbage_on_the_topic_makes_it_read(void **state)
{
    struct world *world = world_listening();
    struct topic *topic = world->channel->topic;

    (void)state;
    fake_append_as(world->channel, 0, false);
    topic->on_news(topic, TOPIC_MESSAGE, SLICE_LITERAL("?"), topic->ctx);
    fake_run();
    log_check("read:10 ");
    ear_check(&world->ear, 11, 11);
    world_destroy(world);
}

static void test_hold_is_renewed(void **state)
{
    struct world *world = world_listening();

    (void)state;
    for (int i = 0; i < 3; i++) {
        fake_pass(FAKE_HOLD_EVERY_MS);
        fake_run();
    }
    log_check("hold hold hold ");
    fake_deafen(world->channel);
    fake_pass(10 * FAKE_HOLD_EVERY_MS);
    log_check("");
    world_destroy(world);
}

/* ---- failures ---------------------------------------------------------------------------------- */

static void test_failed_hold_is_repeated(void **state)
{
    static const uint32_t waits_ms[] = { 100, 200, 400, 800, 1000, 1000 };
    struct world *world = world_create();

    (void)state;
    ear_listen_to(&world->ear, world->hub, &player);
    fake_accept(world->channel);
    fake_hear(world->channel);
    for (size_t i = 0; i < sizeof waits_ms / sizeof *waits_ms; i++) {
        assert_false(list_is_empty(&fake.sent));
        fake_break();
        fake_pass(waits_ms[i] - 1);
        assert_true(list_is_empty(&fake.sent));
        fake_pass(1);
    }
    fake_run();
    assert_int_equal(world->ear.starts, 1);
    world_destroy(world);
}

static void test_failed_read_is_repeated(void **state)
{
    struct world *world = world_listening();

    (void)state;
    fake_append_as(world->channel, 0, false);
    fake_append(world->channel);
    fake_hear(world->channel);
    fake_execute();
    fake_break();
    fake_append(world->channel);
    fake_run();
    assert_int_equal(world->ear.count, 0);
    fake_pass(100);
    fake_run();
    ear_check(&world->ear, 11, 13);
    log_check("read:10 read:10 ");
    world_destroy(world);
}

static void test_failed_renewal_is_repeated(void **state)
{
    struct world *world = world_listening();

    (void)state;
    fake_pass(FAKE_HOLD_EVERY_MS);
    fake_break();
    fake_pass(100);
    fake_run();
    log_check("hold ");
    world_destroy(world);
}

static void test_nothing_is_repeated_while_the_topic_is_down(void **state)
{
    struct world *world = world_listening();

    (void)state;
    fake_pass(FAKE_HOLD_EVERY_MS);
    fake_break();
    fake_deafen(world->channel);
    fake_pass(60000);
    assert_true(list_is_empty(&fake.sent));
    fake_run();
    log_check("hold read:10 ");
    world_destroy(world);
}

/* ---- slow listeners ---------------------------------------------------------------------------- */

static void test_slow_listener_holds_up_only_itself(void **state)
{
    struct world *world = world_listening();
    struct ear slow;

    (void)state;
    ear_listen_to(&slow, world->hub, &player);
    slow.room = 1;
    fake_run();
    for (int i = 0; i < 20; i++) {
        fake_append(world->channel);
        fake_run();
    }
    ear_check(&world->ear, 11, 30);
    ear_check(&slow, 11, 11);
    assert_int_equal(hub_stats(world->hub)->stalls, 0);
    slow.room = INT32_MAX;
    hub_resume(world->hub, &slow.listener);
    hub_resume(world->hub, &slow.listener);
    fake_run();
    ear_check(&slow, 11, 30);
    fake_append(world->channel);
    fake_run();
    ear_check(&slow, 11, 31);
    ear_check(&world->ear, 11, 31);
    assert_true(slow.was_live);
    ear_leave(&slow);
    world_destroy(world);
}

/* It becomes full in the middle of a batch and comes back before anything else happens. */
static void test_resume_in_the_middle_of_a_batch(void **state)
{
    struct world *world = world_create();

    (void)state;
    for (int i = 0; i < 5; i++)
        fake_append(world->channel);
    ear_listen_to(&world->ear, world->hub, &player);
    world->ear.room = 2;
    fake_run();
    ear_check(&world->ear, 11, 12);
    world->ear.room = 100;
    hub_resume(world->hub, &world->ear.listener);
    fake_run();
    ear_check(&world->ear, 11, 15);
    log_check("hold read:10 read:12 ");
    world_destroy(world);
}

static void test_stalled_channel_pauses_and_comes_back(void **state)
{
    struct world *world = world_listening();

    (void)state;
    world->ear.room = 1;
    fake_append(world->channel);
    fake_append(world->channel);
    while (fake_hear(world->channel))
        ;
    fake_pass(options.stall_ms - 1);
    fake_run();
    log_check("settle:11 ");
    assert_int_equal(hub_stats(world->hub)->stalls, 0);
    fake_pass(1);
    fake_run();
    log_check("unsubscribe leave:order ");
    assert_int_equal(hub_stats(world->hub)->stalls, 1);
    for (int i = 0; i < 5; i++)
        fake_append(world->channel);
    fake_drop(world->channel);
    fake_pass(60000);
    assert_true(list_is_empty(&fake.sent));
    world->ear.room = INT32_MAX;
    hub_resume(world->hub, &world->ear.listener);
    fake_run();
    log_check("hold read:11 ");
    ear_check(&world->ear, 11, 17);
    assert_int_equal(world->ear.starts, 1);
    world_destroy(world);
}

static void test_stall_ends_when_one_can_take_again(void **state)
{
    struct world *world = world_listening();

    (void)state;
    world->ear.room = 0;
    fake_append(world->channel);
    fake_run();
    fake_pass(options.stall_ms - 1);
    world->ear.room = 1;
    hub_resume(world->hub, &world->ear.listener);
    fake_run();
    fake_pass(options.stall_ms);
    fake_run();
    assert_int_equal(hub_stats(world->hub)->stalls, 0);
    world_destroy(world);
}

/* The last listener that could take entries leaves: those who stay have stalled. */
static void test_stall_begins_when_the_quick_one_leaves(void **state)
{
    struct world *world = world_listening();
    struct ear quick;

    (void)state;
    ear_listen_to(&quick, world->hub, &player);
    world->ear.room = 0;
    fake_append(world->channel);
    fake_run();
    ear_leave(&quick);
    fake_pass(options.stall_ms);
    fake_run();
    assert_int_equal(hub_stats(world->hub)->stalls, 1);
    ear_listen_to(&quick, world->hub, &player);
    fake_run();
    assert_int_equal(quick.starts, 1);
    ear_leave(&quick);
    world_destroy(world);
}

/* It took one, which is not written yet, and no second; so its channel is paused. */
static struct world *world_paused(void)
{
    struct world *world = world_listening();

    world->ear.answer = HUB_TAKEN;
    world->ear.room = 1;
    fake_append(world->channel);
    fake_append(world->channel);
    fake_run();
    fake_pass(options.stall_ms);
    fake_run();
    log_check("unsubscribe leave:order ");
    return world;
}

/* What was settled in the pause is settled when the socket drains, paused or not. */
static void test_paused_channel_settles_and_leaves_once(void **state)
{
    struct world *world = world_paused();

    (void)state;
    hub_written(world->hub, &world->ear.listener);
    fake_pass(options.settle_ms);
    fake_run();
    log_check("settle:11 ");
    ear_leave(&world->ear);
    fake_run();
    log_check("");
    world_destroy(world);
}

/* Its socket drains, so that it could take more, and closes at once. */
static void test_paused_channel_settles_before_it_is_subscribed_to_anew(void **state)
{
    struct world *world = world_paused();

    (void)state;
    hub_written(world->hub, &world->ear.listener);
    hub_resume(world->hub, &world->ear.listener);
    ear_leave(&world->ear);
    fake_run();
    assert_int_equal(world->channel->settled, 11);
    world_destroy(world);
}

/* ---- gaps, expiry, losses ---------------------------------------------------------------------- */

static void test_gap_is_told_to_those_that_had_started(void **state)
{
    struct world *world = world_listening();
    struct ear late;

    (void)state;
    world->ear.room = 0;
    for (int i = 0; i < 5; i++)
        fake_append(world->channel);
    fake_run();
    for (int i = 0; i < 12; i++)
        fake_drop(world->channel);
    world->ear.room = INT32_MAX;
    hub_resume(world->hub, &world->ear.listener);
    ear_listen_to(&late, world->hub, &player);
    fake_run();
    assert_int_equal(world->ear.missed, 2);
    assert_int_equal(world->ear.gaps, 1);
    assert_int_equal(hub_stats(world->hub)->gaps[CHANNEL_PLAYER], 1);
    assert_int_equal(late.gaps, 0);
    ear_check(&world->ear, 13, 15);
    ear_check(&late, 13, 15);
    ear_leave(&late);
    world_destroy(world);
}

static void test_everything_is_gone(void **state)
{
    struct world *world = world_listening();

    (void)state;
    fake_deafen(world->channel);
    for (int i = 0; i < 5; i++)
        fake_append(world->channel);
    world->channel->first = world->channel->count;
    fake_run();
    assert_int_equal(world->ear.missed, 5);
    assert_int_equal(world->ear.count, 0);
    fake_append(world->channel);
    fake_run();
    ear_check(&world->ear, 16, 16);
    world_destroy(world);
}

static void test_expired_entries_are_skipped_and_counted_once(void **state)
{
    struct world *world = world_listening();
    struct ear second;

    (void)state;
    ear_listen_to(&second, world->hub, &player);
    fake_run();
    fake_append_as(world->channel, fake.now_ms - 1, true);
    fake_append_as(world->channel, fake.now_ms, true);
    fake_run();
    ear_check(&world->ear, 12, 12);
    ear_check(&second, 12, 12);
    assert_int_equal(fake.expired, 1);
    fake_deafen(world->channel);
    fake_append_as(world->channel, fake.now_ms - 1, true);
    fake_append(world->channel);
    fake_run();
    assert_int_equal(fake.expired, 2);
    assert_int_equal(world->ear.count, 2);
    assert_int_equal(world->ear.got[1], 14);
    assert_int_equal(world->ear.gaps, 0);
    fake_pass(options.settle_ms);
    fake_run();
    assert_int_equal(world->channel->settled, 14);
    ear_leave(&second);
    world_destroy(world);
}

/* Settled up to 12, delivered up to 15, then a replica takes over that knows 13. */
static struct world *world_before_loss(void)
{
    struct world *world = world_listening();

    fake_append(world->channel);
    fake_append(world->channel);
    fake_run();
    fake_pass(options.settle_ms);
    fake_run();
    world->ear.answer = HUB_TAKEN;
    for (int i = 0; i < 3; i++)
        fake_append(world->channel);
    fake_run();
    ear_check(&world->ear, 11, 15);
    fake_lose(world->channel, 2);
    world->ear.count = 0;
    return world;
}

static void test_loss_seen_by_a_read(void **state)
{
    struct world *world = world_before_loss();
    struct topic *topic = world->channel->topic;

    (void)state;
    topic->on_news(topic, TOPIC_MESSAGE, SLICE_LITERAL("?"), topic->ctx);
    fake_run();
    assert_int_equal(fake.losses, 1);
    assert_int_equal(hub_stats(world->hub)->losses, 0);
    ear_check(&world->ear, 13, 13);
    world_destroy(world);
}

static void test_loss_seen_by_the_hold_after_a_reconnect(void **state)
{
    struct world *world = world_before_loss();

    (void)state;
    fake_deafen(world->channel);
    fake_run();
    assert_int_equal(hub_stats(world->hub)->losses, 1);
    fake_append(world->channel);
    fake_run();
    ear_check(&world->ear, 13, 14);
    assert_int_equal(world->ear.gaps, 0);
    hub_written(world->hub, &world->ear.listener);
    fake_pass(options.settle_ms);
    fake_run();
    assert_int_equal(world->channel->settled, 14);
    world_destroy(world);
}

/* The numbers have passed the old ones again when it reads: only the topic knows. */
static void test_loss_seen_by_the_topic(void **state)
{
    struct world *world = world_before_loss();

    (void)state;
    for (int i = 0; i < 5; i++)
        fake_append(world->channel);
    fake_run();
    assert_int_equal(hub_stats(world->hub)->losses, 1);
    ear_check(&world->ear, 13, 18);
    world_destroy(world);
}

/* A read for somebody far behind shows that the channel is shorter than it was. */
static void test_loss_seen_by_a_read_for_another(void **state)
{
    struct world *world = world_before_loss();
    struct ear late;

    (void)state;
    ear_listen_to(&late, world->hub, &player);
    fake_run();
    assert_int_equal(hub_stats(world->hub)->losses, 1);
    ear_check(&world->ear, 13, 13);
    ear_check(&late, 13, 13);
    ear_leave(&late);
    world_destroy(world);
}

/* Nobody here reads now; by the time they do, the numbers may have passed the old ones. */
static void test_loss_seen_by_the_hold_when_all_are_full(void **state)
{
    struct world *world = world_listening();

    (void)state;
    world->ear.room = 5;
    for (int i = 0; i < 6; i++)
        fake_append(world->channel);
    while (fake_hear(world->channel))
        ;
    ear_check(&world->ear, 11, 15);
    world->ear.count = 0;
    fake_deafen(world->channel);
    fake_lose(world->channel, 3);
    fake_run();
    assert_int_equal(hub_stats(world->hub)->losses, 1);
    for (int i = 0; i < 5; i++)
        fake_append_as(world->channel, 0, false);
    world->ear.room = INT32_MAX;
    hub_resume(world->hub, &world->ear.listener);
    fake_run();
    ear_check(&world->ear, 11, 18);
    world_destroy(world);
}

static void test_loss_of_everything(void **state)
{
    struct world *world = world_before_loss();

    (void)state;
    fake_deafen(world->channel);
    world->channel->first = world->channel->count = 0;
    world->channel->appended = world->channel->settled = 0;
    fake_run();
    assert_int_equal(hub_stats(world->hub)->losses, 1);
    fake_append(world->channel);
    fake_run();
    ear_check(&world->ear, 1, 1);
    world_destroy(world);
}

/* ---- settling ---------------------------------------------------------------------------------- */

static void test_settle_once_per_window(void **state)
{
    struct world *world = world_listening();

    (void)state;
    for (int i = 0; i < 50; i++) {
        fake_append(world->channel);
        fake_run();
        world->ear.count = 0;
    }
    log_check("");
    fake_pass(options.settle_ms);
    fake_run();
    log_check("settle:60 ");
    assert_int_equal(world->channel->settled, 60);
    fake_pass(1000);
    fake_run();
    log_check("");
    assert_int_equal(hub_stats(world->hub)->settles, 1);
    world_destroy(world);
}

static void test_settle_at_once_after_many(void **state)
{
    struct world *world = world_listening();

    (void)state;
    for (uint32_t i = 0; i < options.settle_count; i++) {
        fake_append(world->channel);
        fake_hear(world->channel);
        world->ear.count = 0;
    }
    fake_append(world->channel);
    fake_hear(world->channel);
    assert_int_equal(fake.counts[FAKE_SETTLE], 1);
    fake_run();
    log_check("settle:110 ");
    fake_pass(options.settle_ms);
    fake_run();
    log_check("settle:111 ");
    world_destroy(world);
}

static void test_settle_waits_for_what_is_not_written(void **state)
{
    struct world *world = world_listening();

    (void)state;
    world->ear.answer = HUB_TAKEN;
    fake_append(world->channel);
    fake_run();
    world->ear.answer = HUB_WRITTEN; /* but the one before is still on its way */
    fake_append(world->channel);
    fake_run();
    fake_pass(1000);
    fake_run();
    log_check("");
    hub_written(world->hub, &world->ear.listener);
    fake_pass(options.settle_ms);
    fake_run();
    log_check("settle:12 ");
    world_destroy(world);
}

/* A feed is settled as far as anybody here has delivered it. */
static void test_settle_follows_the_quickest(void **state)
{
    struct world *world = world_listening();
    struct ear slow;

    (void)state;
    ear_listen_to(&slow, world->hub, &player);
    fake_run();
    slow.room = 1;
    fake_append(world->channel);
    fake_append(world->channel);
    fake_run();
    fake_pass(options.settle_ms);
    fake_run();
    assert_int_equal(world->channel->settled, 12);
    slow.room = 10;
    hub_resume(world->hub, &slow.listener);
    fake_run();
    ear_check(&slow, 11, 12);
    ear_leave(&slow);
    world_destroy(world);
}

static void test_failed_settle_is_repeated(void **state)
{
    struct world *world = world_listening();

    (void)state;
    fake_append(world->channel);
    fake_run();
    fake_pass(options.settle_ms);
    fake_break();
    fake_append(world->channel);
    fake_run();
    assert_int_equal(world->channel->settled, 10);
    fake_pass(1000);
    fake_run();
    assert_int_equal(world->channel->settled, 12);
    assert_int_equal(fake.counts[FAKE_SETTLE], 2);
    world_destroy(world);
}

static void test_flush_settles_now(void **state)
{
    struct world *world = world_listening();

    (void)state;
    fake_append(world->channel);
    fake_run();
    fake_pass(options.settle_ms); /* one is in flight */
    fake_append(world->channel);
    fake_hear(world->channel);
    hub_flush(world->hub);
    hub_flush(world->hub);
    fake_run();
    assert_int_equal(world->channel->settled, 12);
    world_destroy(world);
}

/* ---- leaving ----------------------------------------------------------------------------------- */

static void test_leave_settles_before_it_leaves(void **state)
{
    static const struct {
        const char *name;
        enum channel_leave how;
        const char *want;
    } cases[] = {
        { "in order", CHANNEL_LEAVE_IN_ORDER, "unsubscribe settle:11 leave:order " },
        { "broken", CHANNEL_LEAVE_BROKEN, "unsubscribe settle:11 leave:broken " },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world *world = world_listening();

        print_message("  %s\n", cases[i].name);
        fake_append(world->channel);
        fake_append(world->channel);
        fake_hear(world->channel);
        hub_leave(world->hub, &world->ear.listener, cases[i].how);
        hub_leave(world->hub, &world->ear.listener, cases[i].how);
        fake_run();
        log_check(cases[i].want);
        ear_check(&world->ear, 11, 11);
        world_destroy(world);
    }
}

/* Listening again while the leave is on its way: commands keep their order, so the hold wins. */
static void test_listen_again_while_leaving(void **state)
{
    struct world *world = world_listening();

    (void)state;
    ear_leave(&world->ear);
    ear_listen_to(&world->ear, world->hub, &player);
    fake_accept(world->channel);
    fake_hear(world->channel);
    fake_run();
    log_check("unsubscribe leave:order hold ");
    fake_append(world->channel);
    fake_run();
    ear_check(&world->ear, 11, 11);
    world_destroy(world);
}

/* Every state, with everything that can be on its way: `steps` moves from the start. */
static void test_leave_at_every_step(void **state)
{
    (void)state;
    for (int steps = 0; steps < 24; steps++) {
        struct world *world = world_create();
        size_t count;

        for (int i = 0; i < 3; i++)
            fake_append(world->channel);
        ear_listen_to(&world->ear, world->hub, &player);
        for (int step = 0; step < steps; step++) {
            switch (step % 6) {
            case 0:
                fake_accept(world->channel);
                fake_append_as(world->channel, 0, step > 12);
                break;
            case 1:
                fake_hear(world->channel);
                break;
            case 2:
                fake_execute();
                break;
            case 3:
                step < 12 ? (void)fake_answer() : fake_break();
                break;
            case 4:
                fake_pass(options.settle_ms);
                break;
            default:
                if (step > 16)
                    fake_deafen(world->channel);
            }
        }
        ear_leave(&world->ear);
        count = world->ear.count;
        fake_run();
        assert_int_equal(world->ear.count, count);
        world_destroy(world);
    }
}

/* ---- listeners that act while they are called ---------------------------------------------------- */

static enum hub_take act_leave(struct ear *ear)
{
    ear_leave(ear);
    memset(ear, 0xee, sizeof *ear); /* it is the caller's again */
    return HUB_FULL;
}

static enum hub_take act_leave_all(struct ear *ear)
{
    struct ear *other = ear->other;

    act_leave(other);
    return act_leave(ear);
}

static enum hub_take act_remove_other(struct ear *ear)
{
    act_leave(ear->other);
    ear->act = NULL;
    ear->got[ear->count++] = ear->listener.cursor + 1;
    return HUB_WRITTEN;
}

/* It comes back with the same memory, at the settled mark. */
static enum hub_take act_come_again(struct ear *ear)
{
    ear_leave(ear);
    ear_listen_to(ear, ear->hub, &player);
    return HUB_FULL;
}

static enum hub_take act_bring_other(struct ear *ear)
{
    ear_listen_to(ear->other, ear->hub, &player);
    ear->act = NULL;
    ear->count++;
    return HUB_WRITTEN;
}

struct act_case {
    const char *name;
    enum hub_take (*act)(struct ear *ear);
    bool leaves, removes;
};

/* Three listeners; `which` acts at its first entry, on `victim`. */
static void act_check(const struct act_case *row, bool is_read, int which, int victim)
{
    struct world *world = world_create();
    struct ear ears[3];

    for (int n = 0; n < 3; n++)
        ear_listen_to(&ears[n], world->hub, &player);
    fake_run();
    ears[which].act = row->act;
    ears[which].other = &ears[victim];
    fake_append_as(world->channel, 0, !is_read);
    fake_append(world->channel);
    fake_run();
    assert_int_equal(hub_stats(world->hub)->listeners, 3 - row->leaves - row->removes);
    for (int n = 0; n < 3; n++) {
        if ((n == which && row->leaves) || (n == victim && row->removes))
            continue;
        ear_check(&ears[n], 11, 12);
        ear_leave(&ears[n]);
    }
    world_destroy(world);
}

static void test_listeners_act_while_they_are_called(void **state)
{
    static const struct act_case cases[] = {
        { "leaves", act_leave, true, false },
        { "removes another", act_remove_other, false, true },
        { "removes another and leaves", act_leave_all, true, true },
        { "leaves and comes again", act_come_again, false, false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        print_message("  %s\n", cases[i].name);
        for (int which = 0; which < 3; which++) {
            for (int victim = 0; victim < 3; victim++) {
                if (victim == which)
                    continue;
                act_check(&cases[i], false, which, victim);
                act_check(&cases[i], true, which, victim);
            }
        }
    }
}

static void test_last_listener_leaves_while_it_is_called(void **state)
{
    for (int is_read = 0; is_read < 2; is_read++) {
        struct world *world = world_listening();

        (void)state;
        world->ear.act = act_leave;
        fake_append_as(world->channel, 0, !is_read);
        fake_append(world->channel);
        fake_run();
        assert_int_equal(hub_stats(world->hub)->channels, 0);
        memset(&world->ear, 0, sizeof world->ear);
        world_destroy(world);
    }
}

/* The channel ends in the walk, and another one of the same name begins in it. */
static void test_last_listener_leaves_and_comes_again(void **state)
{
    for (int is_read = 0; is_read < 2; is_read++) {
        struct world *world = world_listening();

        (void)state;
        world->ear.act = act_come_again;
        fake_append_as(world->channel, 0, !is_read);
        fake_append(world->channel);
        fake_run();
        assert_int_equal(hub_stats(world->hub)->channels, 1);
        ear_check(&world->ear, 11, 12);
        world_destroy(world);
    }
}

static void test_listener_brings_another(void **state)
{
    struct world *world = world_listening();
    struct ear late;

    (void)state;
    world->ear.act = act_bring_other;
    world->ear.other = &late;
    fake_append(world->channel);
    fake_append(world->channel);
    fake_run();
    assert_int_equal(world->ear.count, 2);
    assert_int_equal(late.starts, 1);
    assert_in_range(late.count, 1, 2);
    assert_int_equal(late.got[late.count - 1], 12);
    ear_leave(&late);
    world_destroy(world);
}

static void test_listener_ends_another_channel(void **state)
{
    struct world *world = world_listening();
    struct fake_channel *channel = fake_channel(&bot);
    struct ear other;

    (void)state;
    ear_listen_to(&other, world->hub, &bot);
    fake_run();
    world->ear.act = act_remove_other;
    world->ear.other = &other;
    fake_append(world->channel);
    fake_append(channel);
    fake_run();
    assert_null(channel->topic);
    assert_int_equal(hub_stats(world->hub)->channels, 1);
    world_destroy(world);
}

/* ---- many --------------------------------------------------------------------------------------- */

static void test_frame_is_built_once_for_all(void **state)
{
    enum { MANY = 1000 };
    struct world *world = world_listening();
    struct ear *ears = xcalloc(MANY, sizeof *ears);

    (void)state;
    for (int i = 0; i < MANY; i++)
        ear_listen_to(&ears[i], world->hub, &player);
    fake_run();
    assert_int_equal(hub_stats(world->hub)->reads, 1); /* for all who came meanwhile */
    fake_append(world->channel);
    fake_run();
    for (int i = 0; i < MANY; i++) {
        ear_check(&ears[i], 11, 11);
        assert_ptr_equal(ears[i].frame, ears[0].frame);
    }
    assert_int_equal(hub_stats(world->hub)->fast[CHANNEL_PLAYER], MANY + 1);
    assert_int_equal(hub_stats(world->hub)->listeners, MANY + 1);
    fake_deafen(world->channel);
    fake_append(world->channel);
    fake_run();
    for (int i = 0; i < MANY; i++) {
        ear_check(&ears[i], 11, 12);
        assert_ptr_equal(ears[i].frame, ears[0].frame);
        ear_leave(&ears[i]);
    }
    free(ears);
    world_destroy(world);
}

/* A batch and what came meanwhile go to all who are behind in one turn: so both are small. */
static void test_portions_are_small_for_many(void **state)
{
    enum { MANY = 4096, PORTION = 4 };
    struct world *world = world_listening();
    struct ear *ears = xcalloc(MANY, sizeof *ears);
    size_t before;

    (void)state;
    ear_leave(&world->ear);
    for (int i = 0; i < MANY; i++)
        ear_listen_to(&ears[i], world->hub, &player);
    fake_run();
    fake_append_as(world->channel, 0, false);
    for (int i = 0; i < 10; i++) {
        fake_append(world->channel);
        fake_hear(world->channel);
    }
    for (before = 0; fake_execute(); before = ears[0].count) {
        fake_answer();
        assert_in_range(ears[0].count - before, 0, 2 * PORTION);
    }
    for (int i = 0; i < MANY; i++) {
        ear_check(&ears[i], 11, 21);
        ear_leave(&ears[i]);
    }
    ear_listen_to(&world->ear, world->hub, &player);
    fake_run();
    free(ears);
    world_destroy(world);
}

static void test_channels_are_told_apart(void **state)
{
    static const struct channel_id ids[] = {
        { CHANNEL_PLAYER, { "a", 1 }, { "bc", 2 } },
        { CHANNEL_PLAYER, { "ab", 2 }, { "c", 1 } },
        { CHANNEL_MODS, { "a", 1 }, { "bc", 2 } },
    };
    enum { COUNT = sizeof ids / sizeof *ids };
    struct world *world = world_listening();
    struct ear ears[COUNT];

    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        fake_channel(&ids[i]);
        ear_listen_to(&ears[i], world->hub, &ids[i]);
    }
    fake_run();
    assert_int_equal(hub_stats(world->hub)->channels, COUNT + 1);
    for (size_t i = 0; i < COUNT; i++) {
        fake_append(fake_channel(&ids[i]));
        fake_run();
        for (size_t n = 0; n < COUNT; n++)
            assert_int_equal(ears[n].count, n <= i ? 1 : 0);
    }
    for (size_t i = 0; i < COUNT; i++)
        ear_leave(&ears[i]);
    world_destroy(world);
}

static void test_an_idle_channel_is_small(void **state)
{
    (void)state;
    assert_in_range(sizeof(struct hub_channel), 1, 336);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start_with_nothing_waiting),
        cmocka_unit_test(test_start_with_messages_waiting),
        cmocka_unit_test(test_start_of_a_channel_never_used),
        cmocka_unit_test(test_first_entry_is_settled_by_others),
        cmocka_unit_test(test_start_reads_in_batches),
        cmocka_unit_test(test_start_hears_before_it_knows),
        cmocka_unit_test(test_second_listener_starts_at_the_settled_mark),
        cmocka_unit_test(test_listener_that_starts_at_the_tip),
        cmocka_unit_test(test_first_listener_starts_at_the_tip),
        cmocka_unit_test(test_start_at_the_tip_meets_news),
        cmocka_unit_test(test_newcomer_leaves_at_once),
        cmocka_unit_test(test_listener_that_starts_after_its_own_mark),
        cmocka_unit_test(test_gap_before_a_mark_is_told),
        cmocka_unit_test(test_gap_is_read),
        cmocka_unit_test(test_copies_of_what_was_read_are_nothing),
        cmocka_unit_test(test_one_read_in_flight),
        cmocka_unit_test(test_topic_during_a_read_is_kept),
        cmocka_unit_test(test_too_much_during_a_read_is_read),
        cmocka_unit_test(test_break_while_the_topic_is_kept),
        cmocka_unit_test(test_reconnect_always_reads),
        cmocka_unit_test(test_reconnect_finds_a_lost_last_publication),
        cmocka_unit_test(test_renewal_finds_a_lost_last_publication),
        cmocka_unit_test(test_break_during_a_read),
        cmocka_unit_test(test_garbage_on_the_topic_makes_it_read),
        cmocka_unit_test(test_hold_is_renewed),
        cmocka_unit_test(test_failed_hold_is_repeated),
        cmocka_unit_test(test_failed_read_is_repeated),
        cmocka_unit_test(test_failed_renewal_is_repeated),
        cmocka_unit_test(test_nothing_is_repeated_while_the_topic_is_down),
        cmocka_unit_test(test_slow_listener_holds_up_only_itself),
        cmocka_unit_test(test_resume_in_the_middle_of_a_batch),
        cmocka_unit_test(test_stalled_channel_pauses_and_comes_back),
        cmocka_unit_test(test_stall_ends_when_one_can_take_again),
        cmocka_unit_test(test_stall_begins_when_the_quick_one_leaves),
        cmocka_unit_test(test_paused_channel_settles_and_leaves_once),
        cmocka_unit_test(test_paused_channel_settles_before_it_is_subscribed_to_anew),
        cmocka_unit_test(test_gap_is_told_to_those_that_had_started),
        cmocka_unit_test(test_everything_is_gone),
        cmocka_unit_test(test_expired_entries_are_skipped_and_counted_once),
        cmocka_unit_test(test_loss_seen_by_a_read),
        cmocka_unit_test(test_loss_seen_by_the_hold_after_a_reconnect),
        cmocka_unit_test(test_loss_seen_by_the_topic),
        cmocka_unit_test(test_loss_seen_by_a_read_for_another),
        cmocka_unit_test(test_loss_seen_by_the_hold_when_all_are_full),
        cmocka_unit_test(test_loss_of_everything),
        cmocka_unit_test(test_settle_once_per_window),
        cmocka_unit_test(test_settle_at_once_after_many),
        cmocka_unit_test(test_settle_waits_for_what_is_not_written),
        cmocka_unit_test(test_settle_follows_the_quickest),
        cmocka_unit_test(test_failed_settle_is_repeated),
        cmocka_unit_test(test_flush_settles_now),
        cmocka_unit_test(test_leave_settles_before_it_leaves),
        cmocka_unit_test(test_listen_again_while_leaving),
        cmocka_unit_test(test_leave_at_every_step),
        cmocka_unit_test(test_listeners_act_while_they_are_called),
        cmocka_unit_test(test_last_listener_leaves_while_it_is_called),
        cmocka_unit_test(test_last_listener_leaves_and_comes_again),
        cmocka_unit_test(test_listener_brings_another),
        cmocka_unit_test(test_listener_ends_another_channel),
        cmocka_unit_test(test_frame_is_built_once_for_all),
        cmocka_unit_test(test_portions_are_small_for_many),
        cmocka_unit_test(test_channels_are_told_apart),
        cmocka_unit_test(test_an_idle_channel_is_small),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
