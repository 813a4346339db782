/* SPDX-License-Identifier: MIT */
/* The log of a fleet's events is a channel like any other: hubs hear it as it grows, and from where they left; large
 * batches arrive whole; bounds hold whether or not anybody listens. */
#include "fleet_rig.h"
#include "hub.h"

enum { LARGE = 8000 };

static struct hub *hub;

struct ear {
    struct hub_listener listener;
    size_t starts, entries, events, wanted;
    uint64_t missed, last;
    bool is_whole; /* each entry ends where an event does */
};

static size_t count_events(struct slice text)
{
    size_t count = 0;

    for (size_t i = 0; i + 1 < text.len; i++)
        count += text.data[i] == '\n' && text.data[i + 1] == '\n';
    return count;
}

static enum hub_take on_entry(struct hub_listener *listener, const struct hub_entry *entry)
{
    struct ear *ear = (struct ear *)listener;
    struct slice text = frame_slice(entry->frame);

    ear->entries++;
    ear->events += count_events(text);
    ear->last = entry->number;
    ear->is_whole &= strncmp(text.data, "event: ", 7) == 0 && text.data[text.len - 1] == '\n';
    return HUB_WRITTEN;
}

static void on_listening(struct hub_listener *listener)
{
    ((struct ear *)listener)->starts++;
}

static void on_gap(struct hub_listener *listener, uint64_t missed)
{
    ((struct ear *)listener)->missed += missed;
}

static const struct hub_listener_ops ear_ops = {
    .on_entry = on_entry, .on_listening = on_listening, .on_gap = on_gap, .starts_at_tip = true
};

/* Goes on where another one was. */
static const struct hub_listener_ops later_ops = { .on_entry = on_entry,
                                                   .on_listening = on_listening,
                                                   .on_gap = on_gap };

static const struct channel_id log_id = { CHANNEL_FLEET, { "test", 4 }, { "all", 3 } };

static bool is_listening(void *ctx)
{
    return ((struct ear *)ctx)->starts > 0;
}

static bool has_heard(void *ctx)
{
    return ((struct ear *)ctx)->events >= ((struct ear *)ctx)->wanted;
}

static void expect_heard(struct ear *ear, size_t events)
{
    ear->wanted = events;
    support_wait(&loop, has_heard, ear, SUPPORT_WAIT_MS, "the events are heard");
    assert_int_equal(ear->events, events);
    assert_true(ear->is_whole);
    assert_int_equal(ear->missed, 0);
}

static void open_ear(struct ear *ear)
{
    *ear = (struct ear){ .is_whole = true };
    hub_listen(hub, &log_id, &ear->listener, &ear_ops);
    support_wait(&loop, is_listening, ear, SUPPORT_WAIT_MS, "it listens");
}

static int start_hub(void **state)
{
    static const struct hub_options options = { .settle_ms = 5,
                                                .settle_count = 256,
                                                .stall_ms = 300 };
    int failed = rig_start(state);

    hub = hub_create(&loop, store, &options);
    return failed;
}

static int stop_hub(void **state)
{
    hub_destroy(&hub);
    return stop(state);
}

static void events_are_heard_as_they_come(void **state)
{
    struct game game = rig_game(1);
    struct ear ear, later = { .is_whole = true };
    uint64_t first;

    (void)state;
    rig_apply(&game); /* before anybody listens */
    open_ear(&ear);
    rig_add(&game, "a");
    rig_apply(&game);
    expect_heard(&ear, 2); /* create, sync */
    first = ear.last;
    rig_stale(&game);
    rig_leave(&game);
    expect_heard(&ear, 6); /* stale; leave, destroy, sync */
    hub_listen_after(hub, &log_id, &later.listener, &later_ops, first);
    support_wait(&loop, is_listening, &later, SUPPORT_WAIT_MS, "it listens");
    expect_heard(&later, 4);
    hub_leave(hub, &ear.listener, CHANNEL_LEAVE_IN_ORDER);
    hub_leave(hub, &later.listener, CHANNEL_LEAVE_IN_ORDER);
}

/* ---- many rooms ------------------------------------------------------------------------------------ */

struct large {
    struct rig_state made;
    struct fleet_room added[LARGE];
    struct fleet_room_now rooms[LARGE];
    char texts[LARGE][24], tails[LARGE][160];
};

/* Rooms of both origins, with different connections. */
static struct game_room large_room(size_t i)
{
    return (struct game_room){ .connections = i % 7 * 111, .is_fleets = i % 3 == 0 };
}

static void make_large(struct large *large, struct game *game)
{
    rig_fill(&large->made, game);
    for (size_t i = 0; i < LARGE; i++) {
        struct game_room room = large_room(i);

        snprintf(large->texts[i], sizeof large->texts[i], "room-%zu", i);
        rig_tail(large->tails[i], game, &room);
        large->rooms[i] =
            (struct fleet_room_now){ slice_of(large->texts[i]), room.connections, room.is_fleets };
        large->added[i] = (struct fleet_room){ .base = large->rooms[i].base,
                                               .is_fleets = room.is_fleets,
                                               .tail = slice_of(large->tails[i]) };
    }
    large->made.state.rooms = large->rooms;
    large->made.state.room_count = LARGE;
    large->made.state.added = large->added;
    large->made.state.added_count = LARGE;
}

static void a_large_batch_arrives_whole(void **state)
{
    struct large *large = xcalloc(1, sizeof *large);
    struct game game = rig_game(1);
    struct rig_leaving leaving;
    struct outcome outcome;
    struct ear ear;

    (void)state;
    open_ear(&ear);
    make_large(large, &game);
    outcome = rig_send(&large->made.state);
    assert_int_equal(outcome.result, RESULT_OK);
    expect_heard(&ear, LARGE + 2);
    assert_true(ear.entries > 4);
    rig_note(&game, &outcome);
    rig_make_leaving(&leaving, &game);
    assert_int_equal(rig_remove(&leaving.leaving).result, RESULT_OK);
    expect_heard(&ear, 2 * LARGE + 4);
    hub_leave(hub, &ear.listener, CHANNEL_LEAVE_IN_ORDER);
    free(large);
}

/* Room 5 is called by its process, since somebody else has that base; room 6 takes its base from somebody else. */
enum { NAMED_BY_UID = 5, TAKEN = 6 };

static void add_name(struct buf *out, size_t i)
{
    buf_printf(out, "%sroom-%zu", i == NAMED_BY_UID ? "p_1~" : "", i);
}

static void add_all(struct buf *out, char sign)
{
    for (size_t i = 0; i < LARGE; i++) {
        if (i == TAKEN)
            continue; /* the id has been there all along */
        buf_add_byte(out, sign);
        add_name(out, i);
        buf_printf(out, "@0001:%u; ", large_room(i).connections);
    }
}

/* All that has been told since, which is more than one reading gives. Says where it differs. */
static void expect_and_reset(struct buf *wanted)
{
    size_t at = 0, same = 0;

    while (at < wanted->len) {
        struct rig_events events = rig_next_events();
        size_t len = events.text.len - 1;

        if (len == 0 || len > wanted->len - at ||
            memcmp(wanted->data + at, events.text.data, len)) {
            while (same < len && at + same < wanted->len &&
                   wanted->data[at + same] == events.text.data[same])
                same++;
            fail_msg("at %zu of %zu wanted %.80s, got %.80s", at + same, wanted->len,
                     wanted->data + at + same, events.text.data + same);
        }
        at += len;
        buf_fini(&events.text);
    }
    buf_fini(wanted);
    buf_init(wanted, 1024 * 1024);
}

static void each_of_many_rooms_is_told_as_it_is(void **state)
{
    struct large *large = xcalloc(1, sizeof *large);
    struct game small = rig_game(2), game = rig_game(1);
    struct rig_leaving leaving;
    struct outcome outcome;
    struct buf wanted;

    (void)state;
    buf_init(&wanted, 1024 * 1024);
    rig_add(&small, "room-5");
    rig_add(&small, "room-6");
    rig_apply(&small);
    rig_skip_events();

    make_large(large, &game);
    outcome = rig_send(&large->made.state);
    assert_int_equal(outcome.result, RESULT_OK);
    buf_add_text(&wanted, "+p_2~room-6@0002:0; join 0001[");
    for (size_t i = 0; i < LARGE; i++) {
        buf_add_text(&wanted, i > 0 ? "," : "");
        add_name(&wanted, i);
    }
    buf_add_text(&wanted, "]; ");
    add_all(&wanted, '+');
    buf_printf(&wanted, "sync 2/%d/0; ", LARGE + 2);
    expect_and_reset(&wanted);

    rig_note(&game, &outcome);
    rig_make_leaving(&leaving, &game);
    assert_int_equal(rig_remove(&leaving.leaving).result, RESULT_OK);
    buf_add_text(&wanted, "leave 0001; -p_2~room-6@0002:0; ");
    add_all(&wanted, '-');
    buf_add_text(&wanted, "sync 1/2/0; ");
    expect_and_reset(&wanted);
    buf_fini(&wanted);
    free(large);
}

/* ---- bounds ---------------------------------------------------------------------------------------- */

static void set_live_bound(uint32_t bound)
{
    const struct channel_bounds bounds = {
        .live_bound = bound, .ttl_ms = 600000, .keep_ms = 600000, .keep_count = 100000
    };

    channel_set_bounds(store, CHANNEL_FLEET, &bounds);
}

static unsigned long length_of_log(void)
{
    char *text = support_redis_command(redis, "LLEN " FLEET_KEY "q");
    unsigned long length = strtoul(text, NULL, 10);

    free(text);
    return length;
}

static void the_live_bound_holds_without_listeners(void **state)
{
    uint64_t dropped = channel_stats(store)->dropped[CHANNEL_FLEET][DROP_LIVE_BOUND];
    struct game game = rig_game(1);

    (void)state;
    set_live_bound(64);
    rig_apply(&game);
    rig_add(&game, "a");
    for (int i = 0; i < 300; i++) {
        game.rooms[0].connections++;
        rig_apply(&game);
    }
    assert_in_range(length_of_log(), 64, 127);
    assert_int_equal(channel_stats(store)->dropped[CHANNEL_FLEET][DROP_LIVE_BOUND] - dropped,
                     301 - length_of_log());
    set_live_bound(100000);
}

static void numbers_go_on_where_entries_are(void **state)
{
    struct game game = rig_game(1);

    (void)state;
    rig_apply(&game);
    rig_skip_events();
    free(support_redis_command(redis, "DEL " FLEET_KEY "n"));
    rig_add(&game, "a");
    rig_apply(&game);
    rig_expect_events("+a@0001:0; sync 1/1/0; ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(events_are_heard_as_they_come, rig_flush_all),
        cmocka_unit_test_setup(a_large_batch_arrives_whole, rig_flush_all),
        cmocka_unit_test_setup(each_of_many_rooms_is_told_as_it_is, rig_flush_all),
        cmocka_unit_test_setup(the_live_bound_holds_without_listeners, rig_flush_all),
        cmocka_unit_test_setup(numbers_go_on_where_entries_are, rig_flush_all),
    };

    return cmocka_run_group_tests(tests, start_hub, stop_hub);
}
