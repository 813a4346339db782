/* SPDX-License-Identifier: MIT */
/* What nodes read of a fleet: what has changed, what has gone, what was cut, renames and metadata; and the hash, which is
 * the same exactly when the fleet is. */
#include "fleet_rig.h"

static void only_changes_are_read(void **state)
{
    struct game first = rig_game(1), second = rig_game(2);
    uint64_t version;

    (void)state;
    version = rig_expect_changes(0, "");
    assert_true(version == 0);
    rig_add(&first, "a");
    rig_apply(&first);
    rig_apply(&second);
    version = rig_expect_changes(0, "0001; 0002; ");
    rig_expect_changes(version, "");
    rig_apply(&second); /* nothing new */
    rig_touch(&first);
    rig_expect_changes(version, "");
    first.rooms[0].connections = 4;
    rig_apply(&first);
    rig_expect_changes(version, "0001; ");
    rig_expect_changes(0, "0002; 0001; ");
    rig_leave(&second);
    rig_expect_changes(version, "0001; 0002 gone; ");
    rig_expect_changes(0, "0001; ");
    rig_stale(&first);
    rig_expect_changes(0, "0001 stale; ");
}

static void renames_reach_whom_they_concern(void **state)
{
    struct game first = rig_game(1), second = rig_game(2);
    uint64_t version;

    (void)state;
    rig_add(&first, "a");
    rig_add(&first, "x");
    rig_apply(&first);
    version = rig_expect_changes(0, "0001; ");
    rig_add(&second, "x!");
    rig_apply(&second);
    version = rig_expect_changes(version, "0001 01; 0002; ");
    rig_add(&first, "b"); /* stays renamed */
    rig_apply(&first);
    version = rig_expect_changes(version, "0001 010; ");
    rig_drop(&second, 0);
    rig_apply(&second);
    rig_expect_changes(version, "0001; 0002; ");
}

static void synced_says_when_each_last_answered(void **state)
{
    struct game game = rig_game(1);
    struct rig_reading read;

    (void)state;
    rig_apply(&game);
    read = rig_read(0);
    assert_int_equal(read.synced_count, 2);
    buf_fini(&read.text);
}

static void forget_versions(const char *what)
{
    char command[512];

    snprintf(command, sizeof command, "HSET " FLEET_KEY "meta %s", what);
    free(support_redis_command(redis, command));
}

static void what_is_not_known_any_more_is_read_anew(void **state)
{
    struct game game = rig_game(1);
    struct rig_reading read;
    uint64_t version;

    rig_apply(&game);
    version = rig_expect_changes(0, "0001; ");
    read = rig_read(version + 1); /* Redis has lost something */
    assert_true(read.is_anew);
    assert_int_equal(read.change_count, 1);
    buf_fini(&read.text);
    forget_versions("floor 9007199254740992");
    read = rig_read(version - 1);
    assert_true(read.is_anew);
    buf_fini(&read.text);
    rig_flush_all(state);
    read = rig_read(version);
    assert_true(read.is_anew);
    assert_int_equal(read.version, 0);
    buf_fini(&read.text);
}

/* Another server may have less than we have read: everybody reads all of it, whatever version has been reached. */
static void another_server_is_read_anew(void **state)
{
    struct game game = rig_game(1);
    struct outcome before, after;
    struct rig_reading read;
    uint64_t version;

    (void)state;
    rig_apply(&game);
    before = rig_beat(NODE, 600000);
    version = rig_expect_changes(0, "0001; ");
    assert_true(rig_beat(OTHER, 600000).epoch == before.epoch);
    rig_expect_changes(version, "");
    free(support_redis_command(redis, "HSET '" FLEET_KEY "meta' run other"));
    after = rig_beat(NODE, 600000);
    assert_true(after.epoch > before.epoch);
    read = rig_read(version);
    assert_true(read.is_anew);
    assert_true(read.version > version);
    assert_int_equal(read.change_count, 1);
    version = read.version;
    buf_fini(&read.text);
    assert_true(rig_beat(OTHER, 600000).epoch == after.epoch);
    rig_expect_changes(version, "");
    game.status = FLEET_DRAINING;
    rig_apply(&game);
    rig_expect_changes(version, "0001; ");
}

static void tombstones_are_bounded(void **state)
{
    enum { COUNT = 2100 };
    struct game stays = rig_game(1), game;
    struct rig_reading read;
    uint64_t version;

    (void)state;
    rig_apply(&stays);
    version = rig_expect_changes(0, "0001; ");
    for (unsigned i = 0; i < COUNT; i++) {
        game = rig_game(i + 2);
        rig_apply(&game);
        rig_leave(&game);
    }
    read = rig_read(version);
    assert_true(read.is_anew);
    assert_int_equal(read.change_count, 1);
    version = read.version;
    buf_fini(&read.text);
    game = rig_game(COUNT + 2);
    rig_apply(&game);
    rig_leave(&game);
    read = rig_read(version);
    assert_false(read.is_anew);
    assert_int_equal(read.gone_count, 1);
    buf_fini(&read.text);
}

static void a_large_fleet_is_read_in_pieces(void **state)
{
    enum { COUNT = 300, RECORD = 8000 };
    static char record[RECORD];
    size_t pieces = 0, found = 0;
    struct rig_reading read;
    uint64_t after = 0;

    (void)state;
    memset(record, 'r', sizeof record);
    for (unsigned i = 0; i < COUNT; i++) {
        struct game game = rig_game(i + 1);
        struct rig_state made;

        rig_fill(&made, &game);
        made.state.record = (struct slice){ record, sizeof record };
        assert_int_equal(rig_send(&made.state).result, RESULT_OK);
    }
    do {
        read = rig_read(after);
        after = read.last;
        found += read.change_count;
        pieces++;
        buf_fini(&read.text);
    } while (read.has_more);
    assert_int_equal(found, COUNT);
    assert_int_equal(pieces, 18);
    assert_true(after == read.version);
}

/* ---- metadata ------------------------------------------------------------------------------------ */

static struct outcome place_with(const char *room, const char *metadata)
{
    uint8_t tag[1][FLEET_TAG_LEN];
    struct fleet_place place = { .room = slice_of(room),
                                 .tags = (const uint8_t(*)[FLEET_TAG_LEN])tag,
                                 .tag_count = 1,
                                 .metadata = slice_of(metadata) };

    rig_tag(tag[0], "match");
    return rig_try_place(&place);
}

static void metadata_shows_with_its_room(void **state)
{
    struct game game = rig_game(1);
    struct outcome outcome;

    (void)state;
    rig_apply(&game);
    rig_skip_events();
    outcome = place_with("x", "{\"k\":\"v\"}");
    rig_settle(&game, outcome.command, FLEET_DONE);
    rig_expect_changes(0, "0001; ");
    rig_add(&game, "x!");
    rig_apply(&game);
    rig_expect_events("+x@0001:0{\"k\":\"v\"}; sync 1/1/0; ");
    rig_expect_changes(0, "0001 {\"x\":{\"k\":\"v\"}}; ");
    rig_drop(&game, 0);
    rig_apply(&game);
    rig_expect_events("-x@0001:0{\"k\":\"v\"}; sync 1/0/0; ");
    rig_add(&game, "x");
    rig_apply(&game); /* it died with its room */
    rig_expect_events("+x@0001:0; sync 1/1/0; ");
    rig_expect_changes(0, "0001; ");
}

static void metadata_goes_with_a_room_that_never_was(void **state)
{
    struct game game = rig_game(1);
    struct outcome outcome;

    (void)state;
    rig_apply(&game);
    outcome = place_with("failed", "{\"k\":\"1\"}");
    rig_settle(&game, outcome.command, FLEET_FAILED);
    outcome = place_with("held", "{\"k\":\"2\"}");
    rig_settle(&game, outcome.command, FLEET_DONE);
    rig_touch(&game);
    rig_add(&game, "failed");
    rig_add(&game, "held");
    rig_apply(&game);
    rig_expect_changes(0, "0001; ");
}

/* It is kept for a processUid while somebody has the id: a room that is made there later begins without. */
static void metadata_of_an_earlier_room_is_not_shown(void **state)
{
    struct game game = rig_game(1), other = rig_game(2), back;
    struct fleet_place place = { .room = SLICE_LITERAL("x"), .pinned_uid = SLICE_LITERAL("p_1") };

    (void)state;
    rig_add(&game, "x");
    rig_add(&other, "x");
    rig_apply(&game);
    rig_apply(&other);
    assert_int_equal(rig_put_metadata(&game, "x", "{\"k\":\"v\"}"), RESULT_OK);
    rig_leave(&game);
    back = rig_reborn(&game, 3);
    rig_drop(&back, 0);
    rig_apply(&back);
    rig_leave(&other);
    rig_settle(&back, rig_try_place(&place).command, FLEET_DONE);
    rig_add(&back, "x!");
    rig_apply(&back);
    rig_expect_changes(0, "0003; ");
}

static void metadata_is_put_and_replaced(void **state)
{
    struct game game = rig_game(1), back;
    char before[FLEET_HASH_LEN + 1], put[FLEET_HASH_LEN + 1], after[FLEET_HASH_LEN + 1];

    (void)state;
    assert_int_equal(rig_put_metadata(&game, "x", "{}"), RESULT_NOT_FOUND);
    rig_add(&game, "x");
    rig_apply(&game);
    assert_int_equal(rig_put_metadata(&game, "y", "{}"), RESULT_NOT_FOUND);
    rig_state_hash(before);
    rig_skip_events();
    assert_int_equal(rig_put_metadata(&game, "x", "{\"k\":\"v\"}"), RESULT_OK);
    assert_int_equal(rig_put_metadata(&game, "x", "{\"k\":\"v\"}"), RESULT_OK);
    rig_expect_events("sync 1/1/0; ");
    rig_expect_changes(0, "0001 {\"x\":{\"k\":\"v\"}}; ");
    rig_state_hash(put);
    assert_string_not_equal(before, put);
    rig_leave(&game); /* and comes back with the same processUid and room */
    back = rig_reborn(&game, 2);
    rig_apply(&back);
    rig_expect_changes(0, "0002 {\"x\":{\"k\":\"v\"}}; ");
    assert_int_equal(rig_put_metadata(&back, "x", "{}"), RESULT_OK);
    rig_expect_changes(0, "0002; ");
    rig_leave(&back);
    game = rig_reborn(&game, 1);
    rig_apply(&game);
    rig_state_hash(after);
    assert_string_equal(before, after);
}

/* ---- totals -------------------------------------------------------------------------------------- */

static void types_are_a_sorted_union(void **state)
{
    static const char *const lists[] = {
        "[\"b\",\"a\\\"b\"]",
        "[\"a\",\"\xef\xbc\xa1\"]",
        "[\"\xf0\x9f\x98\x80\",\"b\",\"z/1\"]", /* U+1F600 is before U+FF21 in UTF-16 */
        "[]",
    };
    struct game games[4];
    char *types;

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        games[i] = rig_game(i + 1);
        games[i].types = lists[i];
        rig_apply(&games[i]);
    }
    types = support_redis_command(redis, "HGET " FLEET_KEY "meta types");
    assert_string_equal(types, "[\"a\",\"a\\\"b\",\"b\",\"z/"
                               "1\",\"\xf0\x9f\x98\x80\",\"\xef\xbc\xa1\"]");
    free(types);
    rig_leave(&games[1]);
    rig_leave(&games[2]);
    types = support_redis_command(redis, "HGET " FLEET_KEY "meta types");
    assert_string_equal(types, "[\"a\\\"b\",\"b\"]");
    free(types);
}

/* ---- the hash ------------------------------------------------------------------------------------ */

enum { WALKERS = 5, BASES = 6, STEPS = 300, ROUNDS = 10 };

static void wander(struct game *game)
{
    char room[16];

    switch (rig_random() % 6) {
    case 0:
    case 1:
        snprintf(room, sizeof room, "%c%s:%u", 'a' + (int)(rig_random() % BASES),
                 rig_random() % 2 ? "!" : "", rig_random() % 3);
        if (game->room_count < ROOMS_MAX)
            rig_add(game, room);
        break;
    case 2:
        if (game->room_count > 0)
            rig_drop(game, rig_random() % game->room_count);
        break;
    case 3:
        if (game->room_count > 0)
            game->rooms[rig_random() % game->room_count].connections = rig_random() % 3;
        break;
    case 4:
        if (game->room_count > 0)
            game->rooms[rig_random() % game->room_count].is_fleets = rig_random() % 2;
        break;
    default:
        game->status = (enum fleet_status)(rig_random() % 3);
    }
}

static int compare_games(const void *a, const void *b)
{
    const struct game *left = *(const struct game *const *)a;
    const struct game *right = *(const struct game *const *)b;

    return left->join < right->join ? -1 : left->join > right->join;
}

static void read_text(char *text, size_t size, char hash[FLEET_HASH_LEN + 1])
{
    struct rig_reading read = rig_read(0);
    char *line = read.text.data;
    char *lines[WALKERS] = { NULL };
    size_t len = 0;

    /* by id: versions differ with the history */
    for (char *end; (end = strstr(line, "; ")) != NULL; line = end + 2) {
        *end = '\0';
        lines[strtoul(line, NULL, 16) - 1] = line;
    }
    text[0] = '\0';
    for (size_t i = 0; i < WALKERS; i++)
        if (lines[i] != NULL)
            len += (size_t)snprintf(text + len, size - len, "%s; ", lines[i]);
    memcpy(hash, read.hash, sizeof read.hash);
    buf_fini(&read.text);
}

/* A public id appears and disappears by turns: 'id' is there after '+id', and not after '-id'. */
static void expect_turns(void)
{
    enum { IDS_MAX = 256 };
    static char ids[IDS_MAX][32];
    bool is_there[IDS_MAX] = { false };
    struct rig_events events;
    size_t count = 0, at;

    do {
        events = rig_next_events();
        for (char *word = strtok(events.text.data, " "); word != NULL; word = strtok(NULL, " ")) {
            char *end = strchr(word, '@');

            if (end == NULL || (*word != '+' && *word != '-'))
                continue;
            *end = '\0';
            for (at = 0; at < count && strcmp(ids[at], word + 1) != 0; at++)
                ;
            if (at == count)
                snprintf(ids[count++], sizeof ids[0], "%s", word + 1);
            if (is_there[at] == (*word == '+'))
                fail_msg("%s comes twice", word);
            is_there[at] = *word == '+';
        }
        at = events.text.len;
        buf_fini(&events.text);
    } while (at > 1);
    for (at = 0; at < count; at++)
        assert_false(is_there[at]); /* everybody has left */
}

/* Walks at random, then makes the same fleet from nothing, each instance joining once in the same order with all that it
 * has: names and hash must be the same, and everything must go when all leave. */
static void two_histories_to_one_state(void **state)
{
    for (int round = 0; round < ROUNDS; round++) {
        struct game games[WALKERS], *order[WALKERS];
        char walked[1024], made[1024], hash_walked[FLEET_HASH_LEN + 1],
            hash_made[FLEET_HASH_LEN + 1];
        size_t count = 0;

        rig_flush_all(state);
        for (unsigned i = 0; i < WALKERS; i++)
            games[i] = rig_game(i + 1);
        for (int step = 0; step < STEPS; step++) {
            struct game *game = &games[rig_random() % WALKERS];

            if (game->is_applied && rig_random() % 20 == 0) {
                assert_int_equal(rig_leave(game).result, RESULT_OK);
                *game = rig_game((unsigned)(game - games) + 1);
                continue;
            }
            wander(game);
            rig_apply(game);
        }
        read_text(walked, sizeof walked, hash_walked);
        for (size_t i = 0; i < WALKERS; i++)
            if (games[i].is_applied) {
                assert_int_equal(rig_leave(&games[i]).result, RESULT_OK);
                order[count++] = &games[i];
            }
        expect_turns();
        rig_flush_all(state);
        qsort(order, count, sizeof order[0], compare_games);
        for (size_t i = 0; i < count; i++) {
            order[i]->is_applied = false;
            order[i]->last_count = 0;
            order[i]->seq = 0;
            rig_apply(order[i]);
        }
        read_text(made, sizeof made, hash_made);
        assert_string_equal(walked, made);
        assert_string_equal(hash_walked, hash_made);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(rig_leave(order[i]).result, RESULT_OK);
        rig_state_hash(hash_made);
        assert_string_equal(hash_made, "4f53cda18c2baa0c");
        char *left = support_redis_command(
            redis, "--raw EXISTS " FLEET_KEY "known " FLEET_KEY "claims " FLEET_KEY
                   "tails " FLEET_KEY "renames " FLEET_KEY "free " FLEET_KEY "heads " FLEET_KEY
                   "rooms " FLEET_KEY "uids " FLEET_KEY "types " FLEET_KEY "owners");
        assert_string_equal(left, "0");
        free(left);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(only_changes_are_read, rig_flush_all),
        cmocka_unit_test_setup(renames_reach_whom_they_concern, rig_flush_all),
        cmocka_unit_test_setup(synced_says_when_each_last_answered, rig_flush_all),
        cmocka_unit_test_setup(what_is_not_known_any_more_is_read_anew, rig_flush_all),
        cmocka_unit_test_setup(another_server_is_read_anew, rig_flush_all),
        cmocka_unit_test_setup(tombstones_are_bounded, rig_flush_all),
        cmocka_unit_test_setup(a_large_fleet_is_read_in_pieces, rig_flush_all),
        cmocka_unit_test_setup(metadata_shows_with_its_room, rig_flush_all),
        cmocka_unit_test_setup(metadata_goes_with_a_room_that_never_was, rig_flush_all),
        cmocka_unit_test_setup(metadata_of_an_earlier_room_is_not_shown, rig_flush_all),
        cmocka_unit_test_setup(metadata_is_put_and_replaced, rig_flush_all),
        cmocka_unit_test_setup(types_are_a_sorted_union, rig_flush_all),
        cmocka_unit_test_setup(two_histories_to_one_state, rig_flush_all),
    };

    return cmocka_run_group_tests(tests, rig_start, stop);
}
