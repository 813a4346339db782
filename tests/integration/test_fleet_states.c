/* SPDX-License-Identifier: MIT */
/* Full states of a fleet's instances on a real Redis: fences, names across instances, events in their order, the hash. */
#include "fleet_rig.h"

/* ---- fences -------------------------------------------------------------------------------------- */

static void a_state_joins_and_leaves(void **state)
{
    struct game game = rig_game(1);

    (void)state;
    rig_add(&game, "b:2");
    rig_add(&game, "a!:3");
    rig_apply(&game);
    rig_expect_events("join 0001[b,a]; +b@0001:2; +a@0001:3; sync 1/2/5; ");
    game.rooms[0].connections = 7;
    rig_apply(&game);
    rig_expect_events("sync 1/2/10; ");
    rig_apply(&game); /* nothing new */
    rig_expect_events("");
    rig_drop(&game, 0);
    rig_apply(&game);
    rig_expect_events("-b@0001:2; sync 1/1/3; ");
    assert_int_equal(rig_leave(&game).result, RESULT_OK);
    rig_expect_events("leave 0001; -a@0001:3; sync 0/0/0; ");
    assert_int_equal(rig_leave(&game).result, RESULT_NOT_FOUND);
    rig_expect_events("");
}

static void a_later_seq_counts(void **state)
{
    struct game game = rig_game(1);
    struct rig_state made;

    (void)state;
    rig_add(&game, "a");
    rig_apply(&game);
    rig_fill(&made, &game);
    made.state.seq = 1;
    assert_int_equal(rig_send(&made.state).result, RESULT_REFUSED);
    made.state.is_repeat = true;
    assert_int_equal(rig_send(&made.state).result, RESULT_OK);
    assert_int_equal(rig_send(&made.state).version, game.version);
    made.state.seq = 0;
    assert_int_equal(rig_send(&made.state).result, RESULT_REFUSED);
    rig_expect_events("join 0001[a]; +a@0001:0; sync 1/1/0; ");
}

static void another_nodes_instance_is_left_alone(void **state)
{
    struct game game = rig_game(1), thief = game;
    struct outcome outcome;

    (void)state;
    rig_apply(&game);
    thief.owner = OTHER;
    thief.seq = 5;
    outcome = rig_try_apply(&thief);
    assert_int_equal(outcome.result, RESULT_CONFLICT);
    assert_string_equal(outcome.orphan, "");
    assert_int_equal(rig_touch(&thief), RESULT_CONFLICT);
    assert_int_equal(rig_stale(&thief), RESULT_CONFLICT);
    thief.version = game.version;
    assert_int_equal(rig_leave(&thief).result, RESULT_CONFLICT);
}

static void differences_need_what_they_differ_from(void **state)
{
    struct game game = rig_game(1), before;

    (void)state;
    rig_add(&game, "a");
    rig_apply(&game);
    before = game;
    rig_add(&game, "b");
    rig_apply(&game);
    before.seq = game.seq;
    rig_add(&before, "c"); /* from a state that is not the last one */
    assert_int_equal(rig_try_apply(&before).result, RESULT_NOT_FOUND);
    rig_flush_all(state);
    rig_add(&game, "c");
    assert_int_equal(rig_try_apply(&game).result, RESULT_NOT_FOUND);
    assert_int_equal(rig_touch(&game), RESULT_NOT_FOUND);
    game.is_applied = false;
    game.last_count = 0;
    rig_apply(&game);
    rig_expect_events("join 0001[a,b,c]; +a@0001:0; +b@0001:0; +c@0001:0; sync 1/3/0; ");
}

/* An owner that does not know how far it had come sends all of it. */
static void a_whole_state_starts_over(void **state)
{
    struct game game = rig_game(1), rival = rig_game(2);

    (void)state;
    rig_add(&game, "a");
    rig_add(&game, "b");
    rig_apply(&game);
    rig_add(&rival, "b");
    rig_apply(&rival);
    rig_expect_events("join 0001[a,b]; +a@0001:0; +b@0001:0; sync 1/2/0; "
                      "join 0002[p_2~b]; +p_2~b@0002:0; sync 2/3/0; ");
    game.is_applied = false;
    game.last_count = 0;
    rig_drop(&game, 0);
    rig_add(&game, "c");
    rig_apply(&game);
    rig_expect_events("+c@0001:0; -a@0001:0; sync 2/3/0; ");
}

/* What Redis has of the fleet is what it was at an earlier time, as after a failover. */
static const char *const rolled_back[] = { "heads",   "claims", "rooms", "records",
                                           "renames", "known",  "meta",  "versions" };
enum { ROLLED_BACK = sizeof rolled_back / sizeof rolled_back[0] };

static void copy_keys(const char *from, const char *to)
{
    char command[256];

    for (size_t i = 0; i < ROLLED_BACK; i++) {
        snprintf(command, sizeof command, "COPY '%s%s' '%s%s' REPLACE", from, rolled_back[i], to,
                 rolled_back[i]);
        free(support_redis_command(redis, command));
    }
}

static void expect_claims(const char *wanted)
{
    char *bases = support_redis_command(redis, "HKEYS '" FLEET_KEY "claims'");

    assert_string_equal(bases, wanted);
    free(bases);
}

/* What Redis had in between is kept. */
static void apply_x_then_y(struct game *game)
{
    rig_add(game, "x");
    rig_apply(game);
    copy_keys(FLEET_KEY, "kept:");
    rig_drop(game, 0);
    rig_add(game, "y");
    rig_apply(game);
}

static void what_redis_lost_is_noticed(void **state)
{
    struct game game = rig_game(1);
    uint64_t version;

    (void)state;
    apply_x_then_y(&game);
    version = rig_expect_changes(0, "0001; ");
    copy_keys("kept:", FLEET_KEY);
    game.rooms[0].connections = 3; /* the same rooms as in what it applied last */
    assert_int_equal(rig_try_apply(&game).result, RESULT_NOT_FOUND);
    rig_expect_changes(version, "0001; ");
    expect_claims("x");
    game.is_applied = false;
    game.last_count = 0;
    rig_apply(&game);
    expect_claims("y");
    rig_leave(&game);
    expect_claims("");
}

/* All that is left of it is its claims. */
static void lose_instance(const struct game *game)
{
    static const char *const commands[][2] = {
        { "HDEL", "heads" }, { "HDEL", "facts" }, { "HDEL", "rooms" }, { "ZREM", "versions" }
    };
    char command[256];

    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        snprintf(command, sizeof command, "%s '" FLEET_KEY "%s' %s", commands[i][0], commands[i][1],
                 game->id);
        free(support_redis_command(redis, command));
    }
}

static void a_claim_of_nobody_counts_for_nothing(void **state)
{
    struct game lost = rig_game(1), renamed = rig_game(2), game = rig_game(3);
    struct outcome outcome;

    (void)state;
    rig_add(&lost, "x");
    rig_add(&renamed, "x");
    rig_apply(&lost);
    rig_apply(&renamed);
    lose_instance(&lost);
    lose_instance(&renamed);
    rig_apply(&game);
    outcome = rig_place("x");
    assert_int_equal(outcome.result, RESULT_OK);
    assert_int_equal(rig_settle(&game, outcome.command, FLEET_DONE), RESULT_OK);
    rig_add(&game, "x!");
    rig_apply(&game);
    rig_expect_changes(0, "0003; ");
    assert_int_equal(rig_put_metadata(&lost, "x", "{}"), RESULT_NOT_FOUND);
    assert_int_equal(rig_place("x").refusal, FLEET_REFUSED_ROOM_EXISTS);
    assert_int_equal(rig_leave(&game).result, RESULT_OK);
    expect_claims("");
}

static void a_claim_of_nobody_does_not_stand_between(void **state)
{
    struct game first = rig_game(1), lost = rig_game(2), last = rig_game(3);

    (void)state;
    rig_add(&first, "x");
    rig_add(&lost, "x");
    rig_apply(&first);
    rig_apply(&lost);
    lose_instance(&lost);
    rig_add(&last, "x");
    rig_apply(&last);
    rig_expect_changes(0, "0001; 0003 1; ");
    assert_int_equal(rig_leave(&first).result, RESULT_OK);
    rig_expect_changes(0, "0003; ");
    rig_drop(&last, 0);
    rig_apply(&last);
    expect_claims("");
}

/* What goes is what is there, not what its owner had told before Redis lost it. */
static void who_leaves_takes_what_is_there(void **state)
{
    struct game game = rig_game(1);

    (void)state;
    apply_x_then_y(&game);
    copy_keys("kept:", FLEET_KEY);
    assert_int_equal(rig_leave(&game).result, RESULT_OK);
    expect_claims("");
}

static void a_leave_is_about_the_last_record(void **state)
{
    struct game game = rig_game(1);
    struct rig_leaving made;

    (void)state;
    rig_add(&game, "a");
    rig_apply(&game);
    rig_make_leaving(&made, &game);
    rig_add(&game, "b");
    rig_apply(&game);
    assert_int_equal(rig_remove(&made.leaving).result, RESULT_CONFLICT);
    rig_make_leaving(&made, &game);
    made.leaving.is_orphan = true;
    assert_int_equal(rig_remove(&made.leaving).result, RESULT_CONFLICT); /* its owner lives */
    rig_beat(NODE, 0);
    assert_int_equal(rig_remove(&made.leaving).result, RESULT_OK);
}

/* ---- names --------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    const char *first[4], *second[4]; /* rooms of instance 1, then of 2 */
    const char *events;               /* of the second's join */
    const char *changes;              /* in the end */
    const char *leaves;               /* events when the first one leaves */
} names[] = {
    { "the longer it is there",
      { "x:1" },
      { "x:2" },
      "join 0002[p_2~x]; +p_2~x@0002:2; sync 2/2/3; ",
      "0001; 0002 1; ",
      "leave 0001; -p_2~x@0002:2; sync 1/1/2; " },
    { "made by a command",
      { "x:1" },
      { "x!:2" },
      "+p_1~x@0001:1; join 0002[x]; sync 2/2/3; ",
      "0001 1; 0002; ",
      "leave 0001; -p_1~x@0001:1; sync 1/1/2; " },
    { "both made by a command",
      { "x!" },
      { "x!" },
      "join 0002[p_2~x]; +p_2~x@0002:0; sync 2/2/0; ",
      "0001; 0002 1; ",
      "leave 0001; -p_2~x@0002:0; sync 1/1/0; " },
    { "several, in the order of rooms",
      { "z", "m", "a" },
      { "a!", "y", "z!" },
      "+p_1~z@0001:0; +p_1~a@0001:0; join 0002[a,y,z]; +y@0002:0; sync 2/6/0; ",
      "0001 101; 0002; ",
      "leave 0001; -m@0001:0; -p_1~z@0001:0; -p_1~a@0001:0; sync 1/3/0; " },
    { "with itself",
      { "q" },
      { "x", "x" },
      "join 0002[x,p_2~x]; +x@0002:0; +p_2~x@0002:0; sync 2/3/0; ",
      "0001; 0002 01; ",
      "leave 0001; -q@0001:0; sync 1/2/0; " },
    { "with itself, one made by a command",
      { "q" },
      { "x", "x!" },
      "join 0002[p_2~x,x]; +p_2~x@0002:0; +x@0002:0; sync 2/3/0; ",
      "0001; 0002 10; ",
      "leave 0001; -q@0001:0; sync 1/2/0; " },
    { "three with itself",
      { "q" },
      { "x", "x", "x" },
      "join 0002[x,p_2~x,p_2~x]; +x@0002:0; +p_2~x@0002:0; sync 2/4/0; ",
      "0001; 0002 011; ",
      "leave 0001; -q@0001:0; sync 1/3/0; " },
    { "with itself and another",
      { "x" },
      { "x", "x" },
      "join 0002[p_2~x,p_2~x]; +p_2~x@0002:0; sync 2/3/0; ",
      "0001; 0002 11; ",
      "leave 0001; sync 1/2/0; " },
};

static void add_all(struct game *game, const char *const rooms[4])
{
    for (size_t i = 0; i < 4 && rooms[i] != NULL; i++)
        rig_add(game, rooms[i]);
}

/* What the second one shows when it is alone is what it shows when the first one has come and gone. */
static void bases_are_kept_by_one(void **state)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct game first = rig_game(1), second = rig_game(2), alone = rig_game(2);
        char hash_alone[FLEET_HASH_LEN + 1], hash[FLEET_HASH_LEN + 1];

        print_message("    %s\n", names[i].name);
        rig_flush_all(state);
        add_all(&alone, names[i].second);
        rig_apply(&alone);
        rig_state_hash(hash_alone);
        rig_flush_all(state);
        add_all(&first, names[i].first);
        add_all(&second, names[i].second);
        rig_apply(&first);
        rig_skip_events();
        rig_apply(&second);
        rig_expect_events(names[i].events);
        rig_expect_changes(0, names[i].changes);
        assert_int_equal(rig_leave(&first).result, RESULT_OK);
        rig_expect_events(names[i].leaves);
        rig_state_hash(hash);
        assert_string_equal(hash, hash_alone);
    }
}

/* Who keeps the base, and what the other one is called. */
static void two_that_were_made_by_commands_are_told(void **state)
{
    struct game first = rig_game(1), second = rig_game(2), third = rig_game(3);

    (void)state;
    rig_apply(&first);
    rig_add(&second, "x!");
    assert_string_equal(rig_try_apply(&second).rival, "  ");
    rig_add(&third, "x!");
    assert_string_equal(rig_try_apply(&third).rival, "x 0000000000000002 p_3~x");
    rig_leave(&third);
    rig_add(&first, "x!");
    assert_string_equal(rig_try_apply(&first).rival, "x 0000000000000002 p_2~x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_state_joins_and_leaves, rig_flush_all),
        cmocka_unit_test_setup(a_later_seq_counts, rig_flush_all),
        cmocka_unit_test_setup(another_nodes_instance_is_left_alone, rig_flush_all),
        cmocka_unit_test_setup(differences_need_what_they_differ_from, rig_flush_all),
        cmocka_unit_test_setup(a_whole_state_starts_over, rig_flush_all),
        cmocka_unit_test_setup(what_redis_lost_is_noticed, rig_flush_all),
        cmocka_unit_test_setup(who_leaves_takes_what_is_there, rig_flush_all),
        cmocka_unit_test_setup(a_claim_of_nobody_counts_for_nothing, rig_flush_all),
        cmocka_unit_test_setup(a_claim_of_nobody_does_not_stand_between, rig_flush_all),
        cmocka_unit_test_setup(a_leave_is_about_the_last_record, rig_flush_all),
        cmocka_unit_test_setup(bases_are_kept_by_one, rig_flush_all),
        cmocka_unit_test_setup(two_that_were_made_by_commands_are_told, rig_flush_all),
    };

    return cmocka_run_group_tests(tests, rig_start, stop);
}
