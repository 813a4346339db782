/* SPDX-License-Identifier: MIT */
#include "fake_channels.h"

#include "base/log.h"

/*
 * Random lives of one channel (fixed seeds): publications get lost, links break, listeners are slow,
 * come, go and act on each other while they are called, bounds drop entries, Redis goes back. Whatever
 * happens: each listener sees each number once and in order from where it started (again only
 * after Redis went back), nothing is settled that nobody has written, and in the end everybody
 * has everything.
 */
enum { EARS = 5, NUMBERS_MAX = 4096, SEEDS = 300, STEPS = 1500, BACKS_MAX = 64 };

static const struct channel_id feed = { CHANNEL_PLAYER, { "all", 3 }, { "anna", 4 } };
static const struct channel_id queue = { CHANNEL_BOT, { "all", 3 }, { "b1", 2 } };

struct ear {
    struct hub_listener listener;
    bool is_listening, has_started;
    int room;
    uint64_t last;            /* the number before the one that it must see next          */
    uint64_t back[BACKS_MAX]; /* where Redis stood each time that it went back since then */
    size_t back_count;
    uint64_t queued[NUMBERS_MAX];
    size_t queued_count;
};

static struct model {
    uint64_t random;
    struct hub *hub;
    const struct channel_id *id;
    struct fake_channel *channel;
    struct ear ears[EARS];
    int ear_count;
    bool is_gone[NUMBERS_MAX];    /* expired, or dropped by a bound */
    bool is_written[NUMBERS_MAX]; /* some kernel has it             */
    bool is_calm;                 /* listeners just take */
} model;

/* xorshift: the same on every machine */
static uint32_t draw(uint32_t below)
{
    model.random ^= model.random << 13;
    model.random ^= model.random >> 7;
    model.random ^= model.random << 17;
    return (uint32_t)((model.random >> 33) % below);
}

static bool chance(uint32_t percent)
{
    return draw(100) < percent;
}

static bool are_gone(uint64_t from, uint64_t to)
{
    for (uint64_t number = from; number <= to; number++) {
        if (!model.is_gone[number])
            return false;
    }
    return true;
}

/* ---- what listeners do --------------------------------------------------------------------------- */

static enum hub_take on_entry(struct hub_listener *listener, const struct hub_entry *entry);

static void on_listening(struct hub_listener *listener)
{
    struct ear *ear = (struct ear *)listener;

    assert_true(ear->is_listening && !ear->has_started);
    assert_true(listener->cursor <= model.channel->settled);
    ear->has_started = true;
    ear->last = listener->cursor;
}

static void on_gap(struct hub_listener *listener, uint64_t missed)
{
    struct ear *ear = (struct ear *)listener;

    assert_true(ear->has_started);
    assert_in_range(missed, 1, model.channel->appended);
}

static const struct hub_listener_ops ear_ops = { .on_entry = on_entry,
                                                 .on_listening = on_listening,
                                                 .on_gap = on_gap };

static void ear_join(struct ear *ear)
{
    if (ear->is_listening)
        return;
    memset(ear, 0, sizeof *ear);
    ear->is_listening = true;
    ear->room = (int)draw(20);
    hub_listen(model.hub, model.id, &ear->listener, &ear_ops);
}

static void ear_leave(struct ear *ear)
{
    if (!ear->is_listening)
        return;
    hub_leave(model.hub, &ear->listener,
              chance(50) ? CHANNEL_LEAVE_IN_ORDER : CHANNEL_LEAVE_BROKEN);
    memset(ear, 0xee, sizeof *ear);
    ear->is_listening = false;
}

static void ear_resume(struct ear *ear)
{
    if (!ear->is_listening)
        return;
    ear->room += 1 + (int)draw(20);
    hub_resume(model.hub, &ear->listener);
}

static void ear_drain(struct ear *ear)
{
    if (!ear->is_listening)
        return;
    for (size_t i = 0; i < ear->queued_count; i++)
        model.is_written[ear->queued[i]] = true;
    ear->queued_count = 0;
    hub_written(model.hub, &ear->listener);
}

static struct ear *any_ear(void)
{
    return &model.ears[draw((uint32_t)model.ear_count)];
}

/* While an entry is being offered. */
static void act(void)
{
    struct ear *ear = any_ear();

    switch (draw(4)) {
    case 0:
        ear_leave(ear);
        break;
    case 1:
        ear_join(ear);
        break;
    case 2:
        ear_resume(ear);
        break;
    default:
        ear_drain(ear);
    }
}

static bool follows(uint64_t after, uint64_t number)
{
    return after < number && are_gone(after + 1, number - 1);
}

/* The hub need not have noticed each time that Redis went back. */
static void check_order(struct ear *ear, uint64_t number)
{
    bool is_next = follows(ear->last, number);

    assert_true(ear->has_started);
    for (size_t i = 0; !is_next && i < ear->back_count; i++)
        is_next = number <= ear->last && follows(ear->back[i], number);
    assert_true(is_next);
    assert_true(number <= model.channel->appended);
}

static enum hub_take on_entry(struct hub_listener *listener, const struct hub_entry *entry)
{
    struct ear *ear = (struct ear *)listener;
    uint64_t number = entry->number;

    assert_true(ear->is_listening);
    check_order(ear, number);
    if (!model.is_calm && chance(3)) {
        act();
        if (ear->listener.cursor != number - 1 || !ear->is_listening || !ear->has_started)
            return HUB_FULL; /* it has left, and perhaps come again */
    }
    if (ear->room <= 0)
        return HUB_FULL;
    ear->room--;
    ear->last = number;
    ear->back_count = 0;
    if (chance(50)) {
        model.is_written[number] = true;
        return HUB_WRITTEN;
    }
    ear->queued[ear->queued_count++] = number;
    return HUB_TAKEN;
}

/* ---- what Redis does ----------------------------------------------------------------------------- */

static void on_settle(struct fake_channel *channel, uint64_t number)
{
    if (number > channel->appended)
        number = channel->appended;
    for (uint64_t i = channel->settled + 1; i <= number; i++)
        assert_true(model.is_written[i] || model.is_gone[i]);
}

static void append(void)
{
    bool is_expired = chance(5);
    uint64_t number;

    assert_in_range(model.channel->appended, 0, NUMBERS_MAX - 2);
    number = fake_append_as(model.channel, is_expired ? 1 : 0, chance(85));
    model.is_gone[number] = is_expired;
    model.is_written[number] = false;
}

static void drop(void)
{
    struct fake_channel *channel = model.channel;

    if (channel->first < channel->count)
        model.is_gone[channel->entries[channel->first].number] = true;
    fake_drop(channel);
}

/* A failover: both links break, and a replica takes over that lacks the last entries. What comes next
 * may reach the numbers that were, or pass them, before the hub asks. */
static void go_back(void)
{
    struct fake_channel *channel = model.channel;
    uint32_t appends = draw(8);

    if (channel->topic == NULL || !channel->topic->is_known_up)
        return;
    fake_break();
    fake_deafen(channel);
    fake_break();
    fake_lose(channel, 1 + draw(5));
    for (int i = 0; i < model.ear_count; i++) {
        struct ear *ear = &model.ears[i];

        if (!ear->is_listening)
            continue;
        assert_true(ear->back_count < BACKS_MAX);
        ear->back[ear->back_count++] = channel->settled;
    }
    fake_accept(channel);
    while (appends-- > 0) {
        uint64_t number = fake_append(channel);

        model.is_gone[number] = model.is_written[number] = false;
    }
    fake_pass(draw(20));
    fake_run();
}

static void step(void)
{
    uint32_t what = draw(1000);

    if (what < 250)
        append();
    else if (what < 400)
        fake_execute();
    else if (what < 550)
        fake_answer();
    else if (what < 700)
        fake_hear(model.channel);
    else if (what < 760)
        fake_accept(model.channel);
    else if (what < 780)
        fake_pass(draw(20));
    else if (what < 782)
        fake_pass(500 + draw(6000));
    else if (what < 792)
        fake_deafen(model.channel);
    else if (what < 797)
        fake_break();
    else if (what < 810)
        drop();
    else if (what < 812)
        go_back();
    else if (what < 860)
        ear_join(any_ear());
    else if (what < 870)
        ear_leave(any_ear());
    else if (what < 940)
        ear_resume(any_ear());
    else
        ear_drain(any_ear());
}

static void check_invariants(void)
{
    assert_true(model.channel->settled <= model.channel->appended);
    for (int i = 0; i < model.ear_count; i++) {
        const struct hub_listener *listener = &model.ears[i].listener;

        if (!model.ears[i].is_listening)
            continue;
        assert_true(listener->written <= listener->cursor);
        assert_true(listener->cursor <= model.channel->appended);
    }
}

/* Everything is mended, and everybody takes what is left. */
static void finish(void)
{
    struct fake_channel *channel = model.channel;

    model.is_calm = true;
    for (int i = 0; i < model.ear_count; i++) {
        ear_join(&model.ears[i]);
        model.ears[i].room = INT32_MAX / 2;
        ear_resume(&model.ears[i]);
    }
    fake_deafen(channel);
    for (int round = 0; round < 2; round++) {
        fake_run();
        for (int i = 0; i < model.ear_count; i++)
            ear_drain(&model.ears[i]);
        fake_pass(1000);
    }
    fake_run();
}

static void check_all_have_all(void)
{
    for (int i = 0; i < model.ear_count; i++) {
        struct ear *ear = &model.ears[i];

        assert_true(ear->has_started);
        assert_int_equal(ear->listener.cursor, model.channel->appended);
        assert_true(are_gone(ear->last + 1, model.channel->appended));
    }
    assert_int_equal(model.channel->settled, model.channel->appended);
}

static void live(uint64_t seed, const struct channel_id *id, int ears)
{
    static const struct hub_options options = { .settle_ms = 5,
                                                .settle_count = 10,
                                                .stall_ms = 300 };

    fake_reset();
    memset(&model, 0, sizeof model);
    model.random = 88172645463325252ull ^ (seed * 0x9e3779b97f4a7c15ull);
    model.id = id;
    model.ear_count = ears;
    model.channel = fake_channel(id);
    /* a cursor of 0 is that of a channel which was never used: no number is next to it */
    model.channel->appended = model.channel->settled = 1;
    fake.on_settle = on_settle;
    model.hub = hub_create(NULL, NULL, &options);
    for (int i = 0; i < STEPS; i++) {
        step();
        check_invariants();
    }
    finish();
    check_all_have_all();
    for (int i = 0; i < ears; i++)
        ear_leave(&model.ears[i]);
    fake_run();
    hub_destroy(&model.hub);
    fake_free();
}

static void live_all(const struct channel_id *id, int ears)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        log_set_level(LOG_ERROR);
        live(seed, id, ears);
    }
}

static void test_feed(void **state)
{
    (void)state;
    live_all(&feed, EARS);
}

static void test_feed_of_one(void **state)
{
    (void)state;
    live_all(&feed, 1);
}

static void test_queue(void **state)
{
    (void)state;
    live_all(&queue, 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_feed),
        cmocka_unit_test(test_feed_of_one),
        cmocka_unit_test(test_queue),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
