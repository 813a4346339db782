/* SPDX-License-Identifier: MIT */
/* Commands under way in a fleet: refusals and their order, reservations, holds, overrides, caps, what is overdue. */
#include "fleet_rig.h"

static void expect_order(struct outcome outcome, enum fleet_refusal refusal, const char *what)
{
    enum result wanted = refusal == FLEET_REFUSED_NOTHING ? RESULT_OK : RESULT_REFUSED;

    if (outcome.result != wanted || outcome.refusal != refusal)
        fail_msg("%s: %s, refusal %d", what, result_name(outcome.result), outcome.refusal);
}

static struct outcome place_on(const char *room, const struct game *game, bool is_forced)
{
    struct fleet_place place = { .room = slice_of(room),
                                 .pinned_id = slice_of(game->id),
                                 .is_forced = is_forced };

    return rig_try_place(&place);
}

/* ---- refusals ------------------------------------------------------------------------------------ */

enum trouble {
    IS_TAKEN = 1,
    IS_GONE = 2,
    DRAINS = 4,
    IS_OVERRIDDEN = 8,
    IS_STALE = 16,
    CREATES_NOT = 32,
    LACKS_TAG = 64,
    IS_BUSY = 128,
    IS_DEAD = 256,
};

static const struct {
    const char *name;
    unsigned troubles;
    bool is_forced;
    enum fleet_refusal want;
} pins[] = {
    { "nothing is wrong", 0, false, FLEET_REFUSED_NOTHING },
    { "taken beats all", 0x1ff & ~IS_GONE, false, FLEET_REFUSED_ROOM_EXISTS },
    { "taken beats unknown", IS_TAKEN | IS_GONE, false, FLEET_REFUSED_ROOM_EXISTS },
    { "unknown", IS_GONE, true, FLEET_REFUSED_UNKNOWN_INSTANCE },
    { "draining beats stale", DRAINS | IS_STALE | CREATES_NOT | IS_BUSY, false,
      FLEET_REFUSED_DRAINING },
    { "an override drains", IS_OVERRIDDEN, false, FLEET_REFUSED_DRAINING },
    { "forced onto a draining one", DRAINS, true, FLEET_REFUSED_NOTHING },
    { "stale beats autoCreate", IS_STALE | CREATES_NOT | IS_BUSY, false,
      FLEET_REFUSED_DISCONNECTED },
    { "forced onto a stale one", IS_STALE, true, FLEET_REFUSED_NOTHING },
    { "a dead node's, even forced", IS_DEAD, true, FLEET_REFUSED_DISCONNECTED },
    { "creates nothing, even forced", CREATES_NOT | DRAINS | IS_STALE | IS_BUSY, true,
      FLEET_REFUSED_NO_CANDIDATE },
    { "lacks what is needed", LACKS_TAG | IS_BUSY, false, FLEET_REFUSED_NO_CANDIDATE },
    { "busy comes last", IS_BUSY, true, FLEET_REFUSED_BUSY },
};

static struct game make_trouble(unsigned troubles)
{
    struct game game = rig_game(1);

    game.status = troubles & DRAINS ? FLEET_DRAINING : FLEET_ACTIVE;
    game.creates = !(troubles & CREATES_NOT);
    if (troubles & IS_TAKEN)
        rig_add(&game, "room");
    rig_apply(&game);
    if (troubles & IS_OVERRIDDEN)
        assert_int_equal(rig_settle(&game, rig_command(&game, FLEET_DRAIN).command, FLEET_DONE),
                         RESULT_OK);
    if (troubles & IS_STALE)
        assert_int_equal(rig_stale(&game), RESULT_OK);
    for (int i = 0; i < FLEET_COMMANDS_MAX && troubles & IS_BUSY; i++)
        expect_order(rig_command(&game, FLEET_DESTROY), FLEET_REFUSED_NOTHING, "busy");
    if (troubles & IS_DEAD)
        rig_beat(NODE, 0);
    return game;
}

static void pins_are_refused_in_order(void **state)
{
    for (size_t i = 0; i < sizeof pins / sizeof pins[0]; i++) {
        struct game game, nobody = rig_game(9);
        uint8_t tag[FLEET_TAG_LEN];
        struct fleet_place place = { .room = SLICE_LITERAL("room"),
                                     .is_forced = pins[i].is_forced };

        rig_flush_all(state);
        game = make_trouble(pins[i].troubles);
        place.pinned_id = slice_of(pins[i].troubles & IS_GONE ? nobody.id : game.id);
        rig_tag(tag, pins[i].troubles & LACKS_TAG ? "options" : "match");
        place.needed = tag;
        expect_order(rig_try_place(&place), pins[i].want, pins[i].name);
        place.pinned_id = (struct slice){ NULL, 0 };
        place.pinned_uid = slice_of(pins[i].troubles & IS_GONE ? nobody.uid : game.uid);
        place.room = pins[i].troubles & IS_TAKEN ? SLICE_LITERAL("room") : SLICE_LITERAL("another");
        expect_order(rig_try_place(&place), pins[i].want, pins[i].name);
    }
}

/* Unpinned: not even one that is forced is a candidate. */
static void who_is_in_trouble_is_no_candidate(void **state)
{
    static const unsigned troubles[] = { DRAINS, IS_OVERRIDDEN, IS_STALE, CREATES_NOT, IS_DEAD };

    for (size_t i = 0; i < sizeof troubles / sizeof troubles[0]; i++) {
        rig_flush_all(state);
        make_trouble(troubles[i]);
        expect_order(rig_place("room"), FLEET_REFUSED_NO_CANDIDATE, "in trouble");
        expect_order(rig_place("room"), FLEET_REFUSED_NO_CANDIDATE, "nothing was reserved");
    }
    rig_flush_all(state);
    make_trouble(IS_BUSY);
    expect_order(rig_place("room"), FLEET_REFUSED_BUSY, "busy");
}

static void an_order_says_who_is_to_carry_it_out(void **state)
{
    struct game game = rig_game(1);
    struct outcome outcome;

    (void)state;
    rig_apply(&game);
    outcome = rig_place("room");
    assert_string_equal(outcome.instance, game.id);
    assert_string_equal(outcome.owner, "node-1");
    assert_string_equal(outcome.url, "\"wss://here\"");
    expect_order(rig_command(&game, FLEET_UNDRAIN), FLEET_REFUSED_NOTHING, "a command");
    rig_leave(&game);
    expect_order(rig_command(&game, FLEET_UNDRAIN), FLEET_REFUSED_UNKNOWN_INSTANCE, "gone");
}

static void a_processUid_means_who_joined_last(void **state)
{
    struct game first = rig_game(1), second = rig_reborn(&first, 2);
    struct fleet_place place = { .room = SLICE_LITERAL("a"), .pinned_uid = slice_of(first.uid) };

    (void)state;
    rig_apply(&first);
    rig_apply(&second);
    assert_string_equal(rig_try_place(&place).instance, second.id);
    rig_leave(&second);
    place.room = SLICE_LITERAL("b");
    assert_string_equal(rig_try_place(&place).instance, first.id);
}

/* ---- settling ------------------------------------------------------------------------------------ */

static void a_command_ends_once(void **state)
{
    static const enum fleet_outcome ends[] = { FLEET_DONE, FLEET_FAILED, FLEET_TIMED_OUT,
                                               FLEET_DISCONNECTED };
    struct game game = rig_game(1);
    uint64_t last = 0;

    (void)state;
    rig_apply(&game);
    for (size_t i = 0; i < 4; i++) {
        char room[2] = { (char)('a' + i), '\0' };
        struct outcome outcome = rig_place(room);

        assert_true(outcome.command > last);
        last = outcome.command;
        assert_int_equal(rig_settle(&game, last, ends[i]), RESULT_OK);
        for (size_t k = 0; k < 4; k++)
            assert_int_equal(rig_settle(&game, last, ends[k]), RESULT_NOT_FOUND);
    }
    assert_int_equal(rig_settle(&game, last + 32, FLEET_DONE), RESULT_NOT_FOUND);
}

static const struct {
    const char *name;
    enum fleet_outcome end;
    bool is_taken;       /* right after */
    bool falls_to_same;  /* to the answer to a poll that was sent before the end */
    bool falls_to_later; /* to one that was sent after it */
} holds[] = {
    { "an ack", FLEET_DONE, true, true, true },
    { "a refusal", FLEET_FAILED, false, true, true },
    { "a time-out", FLEET_TIMED_OUT, true, false, true },
    { "a disconnection", FLEET_DISCONNECTED, false, true, true },
};

/* The last slot shows what is held as well as the id does. */
static void expect_taken(bool is_taken, const char *what)
{
    struct outcome id = rig_place("room"), slot;

    expect_order(id, is_taken ? FLEET_REFUSED_ROOM_EXISTS : FLEET_REFUSED_NOTHING, what);
    if (!is_taken)
        return;
    slot = rig_place("other");
    expect_order(slot, FLEET_REFUSED_NO_CANDIDATE, what);
}

static void ends_hold_or_release(void **state)
{
    for (size_t i = 0; i < 2 * sizeof holds / sizeof holds[0]; i++) {
        bool by_touch = i % 2 == 0, falls = holds[i / 2].falls_to_same;
        struct game game = rig_game(1);
        uint64_t command;

        rig_flush_all(state);
        game.max_rooms = 1;
        rig_apply(&game);
        game.poll++; /* it is under way when the command ends */
        command = rig_place("room").command;
        expect_taken(true, "under way");
        assert_int_equal(rig_settle(&game, command, holds[i / 2].end), RESULT_OK);
        if (!holds[i / 2].is_taken) {
            expect_taken(false, holds[i / 2].name);
            continue;
        }
        expect_taken(true, holds[i / 2].name);
        game.poll--;
        if (by_touch)
            rig_touch(&game);
        else
            rig_apply(&game);
        if (!falls) {
            expect_taken(true, holds[i / 2].name);
            rig_touch(&game);
        }
        expect_taken(false, holds[i / 2].name);
    }
}

static void a_hold_becomes_a_room(void **state)
{
    struct game game = rig_game(1);
    struct outcome outcome;

    (void)state;
    rig_apply(&game);
    outcome = rig_place("room");
    rig_settle(&game, outcome.command, FLEET_DONE);
    rig_add(&game, "room!");
    rig_apply(&game);
    expect_order(rig_place("room"), FLEET_REFUSED_ROOM_EXISTS, "a live room");
    rig_drop(&game, 0);
    rig_apply(&game);
    expect_order(rig_place("room"), FLEET_REFUSED_NOTHING, "free again");
}

static void thirty_two_are_under_way_at_most(void **state)
{
    struct game game = rig_game(1);
    uint64_t commands[FLEET_COMMANDS_MAX];

    (void)state;
    rig_apply(&game);
    for (size_t i = 0; i < FLEET_COMMANDS_MAX; i++) {
        char room[16];
        struct outcome outcome;

        snprintf(room, sizeof room, "r%zu", i);
        outcome = i % 2 == 0 ? rig_place(room) : rig_command(&game, FLEET_DRAIN);
        expect_order(outcome, FLEET_REFUSED_NOTHING, room);
        commands[i] = outcome.command;
    }
    expect_order(rig_command(&game, FLEET_DESTROY), FLEET_REFUSED_BUSY, "the 33rd");
    expect_order(rig_place("more"), FLEET_REFUSED_BUSY, "the 33rd");
    assert_int_equal(rig_settle(&game, commands[17], FLEET_FAILED), RESULT_OK);
    expect_order(rig_place("more"), FLEET_REFUSED_NOTHING, "a slot is free again");
    expect_order(rig_command(&game, FLEET_DESTROY), FLEET_REFUSED_BUSY, "and taken");
}

static void the_last_slot_is_given_once(void **state)
{
    struct game game = rig_game(1);
    char room[16];
    int placed = 0;

    (void)state;
    game.max_rooms = 5;
    rig_add(&game, "a");
    rig_add(&game, "b");
    rig_apply(&game);
    for (int i = 0; i < 20; i++) {
        snprintf(room, sizeof room, "r%d", i);
        placed += rig_place(room).result == RESULT_OK;
    }
    assert_int_equal(placed, 3);
}

/* ---- overrides and staleness --------------------------------------------------------------------- */

static bool is_candidate(void)
{
    static unsigned number;
    char room[16];
    struct outcome outcome;
    struct game game = rig_game(1);

    snprintf(room, sizeof room, "c%u", number++);
    outcome = rig_place(room);
    if (outcome.result == RESULT_OK)
        assert_int_equal(rig_settle(&game, outcome.command, FLEET_FAILED), RESULT_OK);
    return outcome.result == RESULT_OK;
}

static void settle_op(const struct game *game, enum fleet_op op, enum fleet_outcome end)
{
    assert_int_equal(rig_settle(game, rig_command(game, op).command, end), RESULT_OK);
}

static void an_override_stays_until_it_shows(void **state)
{
    struct game game = rig_game(1);

    (void)state;
    rig_apply(&game);
    settle_op(&game, FLEET_DRAIN, FLEET_FAILED);
    assert_true(is_candidate());
    settle_op(&game, FLEET_DRAIN, FLEET_DONE);
    assert_false(is_candidate());
    rig_touch(&game); /* still shows active */
    rig_apply(&game);
    assert_false(is_candidate());
    game.status = FLEET_DRAINING;
    rig_apply(&game);
    game.status = FLEET_ACTIVE; /* the agent itself has changed its mind: no override is left */
    rig_apply(&game);
    assert_true(is_candidate());
    game.status = FLEET_DRAINING;
    rig_apply(&game);
    settle_op(&game, FLEET_UNDRAIN, FLEET_DONE);
    assert_true(is_candidate());
    settle_op(&game, FLEET_DESTROY, FLEET_DONE);
    assert_true(is_candidate());
    settle_op(&game, FLEET_DRAIN, FLEET_DONE);
    rig_touch(&game); /* shows draining, which is what the override says */
    assert_false(is_candidate());
}

static void it_is_stale_once_in_an_episode(void **state)
{
    struct game game = rig_game(1);

    (void)state;
    assert_int_equal(rig_stale(&game), RESULT_NOT_FOUND);
    rig_apply(&game);
    rig_skip_events();
    assert_int_equal(rig_stale(&game), RESULT_OK);
    assert_int_equal(rig_stale(&game), RESULT_OK);
    rig_expect_events("stale 0001; ");
    assert_false(is_candidate());
    rig_touch(&game);
    assert_true(is_candidate());
    rig_stale(&game);
    rig_expect_events("stale 0001; ");
    rig_apply(&game);
    assert_true(is_candidate());
    rig_expect_events("");
}

/* ---- ends that nobody sees ----------------------------------------------------------------------- */

static void a_removal_ends_all_commands(void **state)
{
    struct game game = rig_game(1), other = rig_game(2);
    struct outcome held, under_way, command, removed;

    (void)state;
    rig_apply(&game);
    held = place_on("held", &game, false);
    rig_settle(&game, held.command, FLEET_DONE);
    under_way = place_on("making", &game, false);
    command = rig_command(&game, FLEET_DRAIN);
    rig_apply(&other);
    removed = rig_leave(&game);
    assert_int_equal(removed.result, RESULT_OK);
    assert_int_equal(removed.lost_count, 2);
    assert_true(removed.lost[0] == under_way.command || removed.lost[1] == under_way.command);
    assert_true(removed.lost[0] == command.command || removed.lost[1] == command.command);
    assert_string_equal(removed.requester, "node-2");
    assert_int_equal(rig_settle(&game, under_way.command, FLEET_DONE), RESULT_NOT_FOUND);
    expect_order(place_on("held", &other, false), FLEET_REFUSED_NOTHING, "no hold");
    expect_order(place_on("making", &other, false), FLEET_REFUSED_NOTHING, "no reservation");
}

static void what_is_overdue_is_settled_by_anybody(void **state)
{
    struct game game = rig_game(1);
    uint64_t command;

    (void)state;
    game.max_rooms = 1;
    rig_apply(&game);
    command = rig_place("room").command;
    rig_beat(OTHER, 600000);
    expect_order(rig_place("room"), FLEET_REFUSED_ROOM_EXISTS, "not due");
    free(support_redis_command(redis,
                               "EVAL \"for _, m in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do "
                               "redis.call('ZADD', KEYS[1], 1000, m) end\" 1 " FLEET_KEY "due"));
    rig_beat(OTHER, 600000);
    assert_int_equal(rig_settle(&game, command, FLEET_DONE), RESULT_NOT_FOUND);
    expect_order(rig_place("room"), FLEET_REFUSED_ROOM_EXISTS, "held");
    rig_touch(&game);
    expect_order(rig_place("room"), FLEET_REFUSED_NOTHING, "any state lets it fall");
}

static void the_dead_are_named(void **state)
{
    struct game game = rig_game(1);
    struct outcome beat;
    uint64_t epoch;

    (void)state;
    rig_apply(&game);
    beat = rig_beat(OTHER, 600000);
    epoch = beat.epoch;
    assert_int_equal(beat.dead_count, 0);
    rig_beat(NODE, 0);
    beat = rig_beat(OTHER, 600000);
    assert_int_equal(beat.dead_count, 1);
    assert_string_equal(beat.dead, "node-1");
    assert_true(beat.epoch == epoch);
    rig_leave(&game);
    assert_int_equal(rig_beat(OTHER, 600000).dead_count, 0);
    flush(state);
    assert_true(rig_beat(OTHER, 600000).epoch > epoch);
}

/* ---- orphans ------------------------------------------------------------------------------------- */

static void an_orphan_is_replaced_in_one_step(void **state)
{
    struct game game = rig_game(1), back;
    struct rig_leaving made;
    struct outcome outcome, under_way;

    (void)state;
    rig_add(&game, "a:5");
    rig_add(&game, "b");
    rig_apply(&game);
    under_way = rig_place("x");
    rig_skip_events();
    rig_beat(NODE, 0);
    back = rig_reborn(&game, 2);
    back.owner = OTHER;
    back.rooms[0].connections = 0;
    rig_drop(&back, 1);
    rig_add(&back, "c");
    outcome = rig_try_apply(&back);
    assert_int_equal(outcome.result, RESULT_CONFLICT);
    assert_string_equal(outcome.orphan, game.id);
    rig_expect_events("");
    rig_make_leaving(&made, &game);
    made.leaving.is_orphan = true;
    made.leaving.version--; /* of an older record */
    outcome = rig_apply_over(&back, &made.leaving);
    assert_int_equal(outcome.result, RESULT_CONFLICT);
    assert_string_equal(outcome.orphan, game.id);
    made.leaving.version++;
    outcome = rig_apply_over(&back, &made.leaving);
    assert_int_equal(outcome.result, RESULT_OK);
    assert_int_equal(outcome.lost_count, 1);
    assert_true(outcome.lost[0] == under_way.command);
    rig_expect_events("leave 0001; join 0002[a,c]; +c@0002:0; -b@0001:0; sync 1/2/0; ");
    rig_expect_changes(0, "0002; ");
    rig_drop(&back, 0);
    rig_apply(&back);
    rig_expect_events("-a@0001:5; sync 1/1/0; "); /* as it was at its create */
}

static void one_whose_node_lives_is_kept(void **state)
{
    struct game game = rig_game(1), back;

    (void)state;
    rig_add(&game, "a");
    rig_apply(&game);
    back = rig_reborn(&game, 2);
    rig_skip_events();
    rig_apply(&back);
    rig_expect_events("join 0002[p_1~a]; +p_1~a@0002:0; sync 2/2/0; ");
    rig_leave(&game);
    rig_expect_events("leave 0001; -p_1~a@0002:0; sync 1/1/0; ");
}

/* Whatever Redis has lost: what an agent was told by the same number before is not to be mixed up with it. */
static void a_command_number_is_never_given_again(void **state)
{
    struct game game = rig_game(1);
    uint64_t first;

    (void)state;
    rig_apply(&game);
    first = rig_command(&game, FLEET_DRAIN).command;
    free(support_redis_command(redis, "SET '" FLEET_KEY "number' 7"));
    free(support_redis_command(redis, "DEL '" FLEET_KEY "commands'"));
    assert_true(rig_command(&game, FLEET_DRAIN).command / 32 > first / 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(pins_are_refused_in_order, rig_flush_all),
        cmocka_unit_test_setup(who_is_in_trouble_is_no_candidate, rig_flush_all),
        cmocka_unit_test_setup(an_order_says_who_is_to_carry_it_out, rig_flush_all),
        cmocka_unit_test_setup(a_processUid_means_who_joined_last, rig_flush_all),
        cmocka_unit_test_setup(a_command_ends_once, rig_flush_all),
        cmocka_unit_test_setup(ends_hold_or_release, rig_flush_all),
        cmocka_unit_test_setup(a_hold_becomes_a_room, rig_flush_all),
        cmocka_unit_test_setup(thirty_two_are_under_way_at_most, rig_flush_all),
        cmocka_unit_test_setup(the_last_slot_is_given_once, rig_flush_all),
        cmocka_unit_test_setup(an_override_stays_until_it_shows, rig_flush_all),
        cmocka_unit_test_setup(it_is_stale_once_in_an_episode, rig_flush_all),
        cmocka_unit_test_setup(a_removal_ends_all_commands, rig_flush_all),
        cmocka_unit_test_setup(what_is_overdue_is_settled_by_anybody, rig_flush_all),
        cmocka_unit_test_setup(the_dead_are_named, rig_flush_all),
        cmocka_unit_test_setup(an_orphan_is_replaced_in_one_step, rig_flush_all),
        cmocka_unit_test_setup(one_whose_node_lives_is_kept, rig_flush_all),
        cmocka_unit_test_setup(a_command_number_is_never_given_again, rig_flush_all),
    };

    return cmocka_run_group_tests(tests, rig_start, stop);
}
