/* SPDX-License-Identifier: MIT */
/* Placement on thousands of random fleets, compared with a plain model: who is a candidate, who is the best, and that each
 * of several that are equally good is chosen about as often as the others. */
#include "fleet_rig.h"

enum { GAMES = 10, FLEETS = 2500, QUERIES = 3, KINDS = 4, MAKING_MAX = 24 };

static const char *const tag_names[KINDS] = { "match", "lobby", "eu", "gold" };

/* An instance as the model knows it. */
struct place_game {
    struct game game;
    bool is_stale;
    int override; /* a status, or NO_LIMIT: none */
    uint64_t making[MAKING_MAX];
    size_t making_count;
    int holds;
};

static struct place_game games[GAMES];
static unsigned room_number;
static bool is_other_dead;

/* ---- the fleet changes ----------------------------------------------------------------------------- */

static void randomise(struct game *game)
{
    char room[16];

    game->status = rig_random() % 6 == 0 ? FLEET_DRAINING : FLEET_ACTIVE;
    game->creates = rig_random() % 8 != 0;
    game->max_rooms = rig_random() % 2 ? (int)(rig_random() % 5) - 1 : NO_LIMIT;
    game->max_connections = rig_random() % 3 ? (int)(rig_random() % 8) : NO_LIMIT;
    if (game->max_rooms < 0)
        game->max_rooms = NO_LIMIT;
    game->room_count = 0;
    for (uint32_t i = rig_random() % 3; i > 0; i--) {
        snprintf(room, sizeof room, "l%u:%u", room_number++, rig_random() % 4);
        rig_add(game, room);
    }
    game->tag_count = 0;
    for (size_t i = 0; i < KINDS; i++)
        if (rig_random() % 4 != 0)
            rig_tag(game->tags[game->tag_count++], tag_names[i]);
}

static void note_state(struct place_game *one)
{
    one->is_stale = false;
    one->holds = 0;
    if (one->override == (int)one->game.status)
        one->override = NO_LIMIT;
}

static void settle_one(struct place_game *one)
{
    static const enum fleet_outcome ends[] = { FLEET_DONE, FLEET_FAILED, FLEET_TIMED_OUT };
    enum fleet_outcome end = ends[rig_random() % 3];

    if (one->making_count == 0)
        return;
    assert_int_equal(rig_settle(&one->game, one->making[--one->making_count], end), RESULT_OK);
    one->holds += end != FLEET_FAILED;
}

static void change_one(struct place_game *one)
{
    enum fleet_op op = rig_random() % 2 ? FLEET_DRAIN : FLEET_UNDRAIN;

    switch (rig_random() % 8) {
    case 0:
        assert_int_equal(rig_stale(&one->game), RESULT_OK);
        one->is_stale = true;
        break;
    case 1:
        assert_int_equal(rig_touch(&one->game), RESULT_OK);
        note_state(one);
        break;
    case 2:
        assert_int_equal(rig_settle(&one->game, rig_command(&one->game, op).command, FLEET_DONE),
                         RESULT_OK);
        one->override = op == FLEET_DRAIN ? FLEET_DRAINING : FLEET_ACTIVE;
        break;
    case 3:
    case 4:
        settle_one(one);
        break;
    default:
        randomise(&one->game);
        rig_apply(&one->game);
        note_state(one);
    }
}

/* ---- the model --------------------------------------------------------------------------------------- */

static uint32_t connections_of(const struct game *game)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < game->last_count; i++)
        sum += game->last[i].connections;
    return sum;
}

static bool has_tag(const struct game *game, const char *name)
{
    uint8_t tag[FLEET_TAG_LEN];

    rig_tag(tag, name);
    for (size_t i = 0; i < game->tag_count; i++)
        if (memcmp(game->tags[i], tag, sizeof tag) == 0)
            return true;
    return false;
}

static bool is_candidate(const struct place_game *one, unsigned wanted)
{
    const struct game *game = &one->game;
    int status = one->override != NO_LIMIT ? one->override : (int)game->status;
    int rooms = (int)game->last_count + (int)one->making_count + one->holds;

    for (size_t i = 0; i < KINDS; i++)
        if (wanted & 1u << i && !has_tag(game, tag_names[i]))
            return false;
    return status == FLEET_ACTIVE && !one->is_stale && game->creates &&
           (game->max_rooms == NO_LIMIT || rooms < game->max_rooms) &&
           (game->max_connections == NO_LIMIT ||
            (int)connections_of(game) < game->max_connections) &&
           !(is_other_dead && slice_equals(game->owner, OTHER));
}

/* Who may be chosen: a bit for each. */
static unsigned model(unsigned wanted, enum fleet_strategy strategy)
{
    bool all_are_bounded = true;
    unsigned candidates = 0, best = 0;
    double best_score = 0;

    for (unsigned i = 0; i < GAMES; i++)
        if (is_candidate(&games[i], wanted)) {
            candidates |= 1u << i;
            all_are_bounded &= games[i].game.max_connections != NO_LIMIT;
        }
    if (strategy == FLEET_RANDOM)
        return candidates;
    for (unsigned i = 0; i < GAMES; i++) {
        double score = connections_of(&games[i].game);

        if (!(candidates & 1u << i))
            continue;
        if (all_are_bounded)
            score /= games[i].game.max_connections;
        if (best == 0 ||
            (strategy == FLEET_LEAST_LOADED ? score < best_score : score > best_score)) {
            best = 0;
            best_score = score;
        }
        if (score == best_score)
            best |= 1u << i;
    }
    return best;
}

/* ---- the question ------------------------------------------------------------------------------------- */

static struct outcome ask(unsigned wanted, enum fleet_strategy strategy)
{
    uint8_t tags[KINDS][FLEET_TAG_LEN];
    char room[16];
    struct fleet_place place = { .tags = (const uint8_t(*)[FLEET_TAG_LEN])tags,
                                 .strategy = strategy };

    snprintf(room, sizeof room, "p%u", room_number++);
    place.room = slice_of(room);
    for (size_t i = 0; i < KINDS; i++)
        if (wanted & 1u << i)
            rig_tag(tags[place.tag_count++], tag_names[i]);
    return rig_try_place(&place);
}

static size_t index_of(const char *id)
{
    return (size_t)strtoul(id, NULL, 16) - 1;
}

static void check_one(int fleet)
{
    unsigned wanted = 1 + rig_random() % ((1u << KINDS) - 1);
    enum fleet_strategy strategy = (enum fleet_strategy)(rig_random() % 3);
    unsigned allowed = model(wanted, strategy);
    struct outcome outcome = ask(wanted, strategy);
    struct place_game *one;

    if (outcome.result != RESULT_OK) {
        if (allowed != 0 || outcome.refusal != FLEET_REFUSED_NO_CANDIDATE)
            fail_msg("fleet %d, tags %x, strategy %d: refusal %d, allowed %x", fleet, wanted,
                     strategy, outcome.refusal, allowed);
        return;
    }
    if (!(allowed & 1u << index_of(outcome.instance)))
        fail_msg("fleet %d, tags %x, strategy %d: %s, allowed %x", fleet, wanted, strategy,
                 outcome.instance, allowed);
    one = &games[index_of(outcome.instance)];
    one->making[one->making_count++] = outcome.command;
    if (one->making_count == MAKING_MAX)
        settle_one(one);
}

static void make_games(void)
{
    memset(games, 0, sizeof games);
    for (unsigned i = 0; i < GAMES; i++) {
        games[i].game = rig_game(i + 1);
        games[i].game.owner = i % 3 == 0 ? OTHER : NODE;
        games[i].override = NO_LIMIT;
        randomise(&games[i].game);
        rig_apply(&games[i].game);
    }
}

static void random_fleets_agree_with_the_model(void **state)
{
    (void)state;
    make_games();
    for (int fleet = 0; fleet < FLEETS; fleet++) {
        change_one(&games[rig_random() % GAMES]);
        change_one(&games[rig_random() % GAMES]);
        if (fleet % 50 == 0) {
            is_other_dead = !is_other_dead;
            rig_beat(OTHER, is_other_dead ? 0 : 600000);
        }
        for (int query = 0; query < QUERIES; query++)
            check_one(fleet);
    }
}

/* ---- equals ----------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    unsigned wanted;
    enum fleet_strategy strategy;
    int bound_every; /* each so many has maxConnections; 0: none */
} equals[] = {
    { "least, one tag", 1, FLEET_LEAST_LOADED, 0 },
    { "most, one tag", 1, FLEET_MOST_LOADED, 0 },
    { "any, one tag", 1, FLEET_RANDOM, 0 },
    { "least, with and without bounds", 1, FLEET_LEAST_LOADED, 2 },
    { "any, with and without bounds", 1, FLEET_RANDOM, 2 },
    { "least, all with bounds", 1, FLEET_LEAST_LOADED, 1 },
    { "least, two tags", 5, FLEET_LEAST_LOADED, 0 },
    { "any, two tags", 5, FLEET_RANDOM, 3 },
};

static void make_equals(int bound_every)
{
    memset(games, 0, sizeof games);
    for (int i = 0; i < GAMES; i++) {
        struct game *game = &games[i].game;

        *game = rig_game((unsigned)i + 1);
        if (bound_every > 0 && i % bound_every == 0)
            game->max_connections = 10;
        rig_tag(game->tags[game->tag_count++], i % 2 ? "eu" : "us");
        rig_apply(game);
    }
}

static void equals_are_chosen_equally(void **state)
{
    enum { TIMES = 1000 };

    for (size_t i = 0; i < sizeof equals / sizeof equals[0]; i++) {
        int counts[GAMES] = { 0 };
        int among = equals[i].wanted & 4 ? GAMES / 2 : GAMES;

        rig_flush_all(state);
        make_equals(equals[i].bound_every);
        for (int k = 0; k < TIMES; k++) {
            struct outcome outcome = ask(equals[i].wanted, equals[i].strategy);
            size_t chosen = index_of(outcome.instance);

            assert_int_equal(outcome.result, RESULT_OK);
            counts[chosen]++;
            rig_settle(&games[chosen].game, outcome.command, FLEET_FAILED);
        }
        for (int k = GAMES - among; k < GAMES; k++) {
            int which = among == GAMES ? k : 2 * (k - GAMES / 2) + 1;

            if (counts[which] < TIMES / among / 2 || counts[which] > 2 * TIMES / among)
                fail_msg("%s: %d of %d times", equals[i].name, counts[which], TIMES);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(random_fleets_agree_with_the_model, rig_flush_all),
        cmocka_unit_test_setup(equals_are_chosen_equally, rig_flush_all),
    };

    return cmocka_run_group_tests(tests, rig_start, stop);
}
