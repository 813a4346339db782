/* SPDX-License-Identifier: MIT */
#include "rig.h"

#include <stdio.h>

#include "auth.h"
#include "base/clock.h"
#include "store/credentials.h"

/* Auth on a real Redis: what becomes of those who hold an identity when its record does. */
enum { WITHIN_MS = 1000 };

struct bench {
    struct rig *rig;
    struct config config;
    struct auth *auth;
    struct peer peer;
};

struct player {
    struct bench *bench;
    int outcomes, ends;
    enum auth_answer answer;
    struct auth_check *checking;
    struct auth_hold hold;
};

static int open_bench(void **state)
{
    struct bench *bench = xcalloc(1, sizeof *bench);
    struct why why = { "" };
    void *rig;

    rig_start(&rig);
    bench->rig = rig;
    bench->config = (struct config){
        .auth_timeout_ms = 2000,
        .auth_cache_ms = 30000,
        .auth_refused_cache_ms = 5000,
        .revalidate_period_ms = 60000,
    };
    bench->auth = auth_create(&bench->rig->loop, bench->rig->store, &bench->config, &why);
    assert_non_null(bench->auth);
    *state = bench;
    return 0;
}

static int close_bench(void **state)
{
    struct bench *bench = *state;
    void *rig = bench->rig;

    auth_destroy(&bench->auth);
    rig_stop(&rig);
    free(bench);
    return 0;
}

/* ---- credentials ----------------------------------------------------------------------------------- */

static void add(struct bench *bench, const char *secret, const char *subject, int64_t ttl_ms)
{
    struct answer answer = { .count = 0 };
    struct credential credential = {
        .kind = CREDENTIAL_PLAYER,
        .subject = slice_of(subject),
        .realm = SLICE_LITERAL("default"),
        .expires_ms = ttl_ms > 0 ? store_now_ms(bench->rig->store) + ttl_ms : 0,
    };

    credential_digest(slice_of(secret), &credential.digest);
    credential_add(bench->rig->store, &credential, on_answered, &answer, &answer.slot);
    assert_int_equal(rig_wait(bench->rig, &answer), RESULT_OK);
}

static void on_revoked(enum result result, size_t revoked, void *ctx)
{
    (void)revoked;
    on_answered(result, ctx);
}

static void revoke_player(struct bench *bench, const char *subject)
{
    struct answer answer = { .count = 0 };

    credential_revoke(bench->rig->store, CREDENTIAL_PLAYER, slice_of(subject),
                      SLICE_LITERAL("default"), NULL, on_revoked, &answer, &answer.slot);
    assert_int_equal(rig_wait(bench->rig, &answer), RESULT_OK);
}

/* ---- players ----------------------------------------------------------------------------------------- */

static void on_end(struct auth_hold *hold)
{
    LIST_ENTRY(hold, struct player, hold)->ends++;
}

static void take(struct player *player, const struct auth_outcome *outcome)
{
    player->outcomes++;
    player->answer = outcome->answer;
    if (outcome->answer == AUTH_OK && player->hold.identity == NULL)
        auth_follow(player->bench->auth, &player->hold, outcome->identity, on_end);
}

static void on_checked(const struct auth_outcome *outcome, void *ctx)
{
    take(ctx, outcome);
}

static void connect_player(struct bench *bench, struct player *player, const char *secret)
{
    struct auth_request request = {
        .kind = CREDENTIAL_PLAYER,
        .secret = slice_of(secret),
        .peer = &bench->peer,
    };
    struct auth_outcome outcome;

    player->bench = bench;
    player->outcomes = 0;
    outcome = auth_check(bench->auth, &request, on_checked, player, &player->checking);
    if (outcome.answer != AUTH_PENDING)
        take(player, &outcome);
}

static bool has_outcome(void *ctx)
{
    return ((struct player *)ctx)->outcomes > 0;
}

static enum auth_answer check(struct bench *bench, struct player *player, const char *secret)
{
    connect_player(bench, player, secret);
    support_wait(&bench->rig->loop, has_outcome, player, SUPPORT_WAIT_MS, "an outcome");
    return player->answer;
}

static bool has_ended(void *ctx)
{
    return ((struct player *)ctx)->ends > 0;
}

static void expect_end(struct bench *bench, struct player *player, uint32_t within_ms)
{
    support_wait(&bench->rig->loop, has_ended, player, within_ms, "the hold ends");
    assert_int_equal(player->ends, 1);
}

static bool is_subscribed(void *ctx)
{
    struct bench *bench = ctx;
    char *channels = support_redis_command(bench->rig->redis, "PUBSUB CHANNELS '*cred*'");
    bool is_there = strlen(channels) > 0;

    free(channels);
    return is_there;
}

static void wait_subscribed(struct bench *bench)
{
    support_wait(&bench->rig->loop, is_subscribed, bench, SUPPORT_WAIT_MS, "it is subscribed to");
}

/* ---- ends -------------------------------------------------------------------------------------------- */

static void test_revoked(void **state)
{
    struct bench *bench = *state;
    struct player one = { 0 }, two = { 0 };

    add(bench, "t", "7", 0);
    assert_int_equal(check(bench, &one, "t"), AUTH_OK);
    assert_int_equal(check(bench, &two, "t"), AUTH_OK);
    wait_subscribed(bench);
    revoke_player(bench, "7");
    expect_end(bench, &one, WITHIN_MS);
    expect_end(bench, &two, WITHIN_MS);
    assert_int_equal(check(bench, &one, "t"), AUTH_REFUSED);
}

/* Revoked in the same instant in which it is accepted, before anything is subscribed to. */
static void test_revoked_at_once(void **state)
{
    struct bench *bench = *state;
    struct player one = { 0 };

    add(bench, "t", "7", 0);
    assert_int_equal(check(bench, &one, "t"), AUTH_OK);
    revoke_player(bench, "7");
    expect_end(bench, &one, WITHIN_MS);
}

static void test_deleted_by_hand(void **state)
{
    struct bench *bench = *state;
    struct player one = { 0 };
    struct credential_digest digest;
    struct key key;
    char command[KEY_MAX + 16];

    add(bench, "t", "7", 0);
    assert_int_equal(check(bench, &one, "t"), AUTH_OK);
    wait_subscribed(bench);
    credential_digest(SLICE_LITERAL("t"), &digest);
    credential_key(CREDENTIAL_PLAYER, &digest, &key);
    snprintf(command, sizeof command, "DEL '%s'", key.text);
    rig_command(bench->rig, command);
    expect_end(bench, &one, WITHIN_MS);
}

static void test_expires(void **state)
{
    struct bench *bench = *state;
    struct player one = { 0 };
    int64_t start_ms = clock_ms();

    add(bench, "t", "7", 500);
    assert_int_equal(check(bench, &one, "t"), AUTH_OK);
    expect_end(bench, &one, 500 + WITHIN_MS);
    assert_true(clock_ms() - start_ms >= 450);
    assert_int_equal(check(bench, &one, "t"), AUTH_REFUSED);
}

static void test_a_longer_life(void **state)
{
    struct bench *bench = *state;
    struct player one = { 0 };

    add(bench, "t", "7", 400);
    assert_int_equal(check(bench, &one, "t"), AUTH_OK);
    wait_subscribed(bench);
    add(bench, "t", "7", 1200);
    expect_end(bench, &one, 1200 + WITHIN_MS);
    assert_int_equal(one.ends, 1);
    assert_int_equal(check(bench, &one, "t"), AUTH_REFUSED);
}

/* The subscription is killed again and again while the credential goes: with one of these the event
 * is lost, and the next subscription brings it out. */
static void test_subscription_is_killed(void **state)
{
    struct bench *bench = *state;
    struct player players[8] = { { 0 } };
    char secret[16], subject[16];

    for (int i = 0; i < 8; i++) {
        snprintf(secret, sizeof secret, "t%d", i);
        snprintf(subject, sizeof subject, "%d", i);
        add(bench, secret, subject, 0);
        assert_int_equal(check(bench, &players[i], secret), AUTH_OK);
    }
    wait_subscribed(bench);
    for (int i = 0; i < 8; i++) {
        char command[64];

        rig_command(bench->rig, "CLIENT KILL TYPE pubsub");
        snprintf(command, sizeof command, "%d", i);
        revoke_player(bench, command);
        if (i % 2 == 1)
            rig_command(bench->rig, "CLIENT KILL TYPE pubsub");
        expect_end(bench, &players[i], 3 * WITHIN_MS);
    }
}

/* Nobody publishes anything of it: it is found out when identities are confirmed. */
static void test_everything_is_flushed(void **state)
{
    struct bench *bench = *state;
    struct player one = { 0 };

    bench->config.revalidate_period_ms = 300;
    add(bench, "t", "7", 0);
    assert_int_equal(check(bench, &one, "t"), AUTH_OK);
    wait_subscribed(bench);
    rig_command(bench->rig, "FLUSHALL");
    expect_end(bench, &one, 300 + WITHIN_MS);
}

/* ---- Redis goes and comes ----------------------------------------------------------------------------- */

static void test_redis_is_restarted(void **state)
{
    struct bench *bench = *state;
    struct player one = { 0 }, other = { 0 };

    add(bench, "t", "7", 0);
    assert_int_equal(check(bench, &one, "t"), AUTH_OK);
    wait_subscribed(bench);
    support_redis_kill(bench->rig->redis);
    rig_wait_down(bench->rig);
    assert_int_equal(check(bench, &other, "unknown"), AUTH_UNKNOWN);
    support_redis_restart(bench->rig->redis);
    rig_wait_up(bench->rig);
    wait_subscribed(bench);
    assert_int_equal(check(bench, &other, "t"), AUTH_OK);
    assert_int_equal(one.ends, 0);
    revoke_player(bench, "7");
    expect_end(bench, &one, 2 * WITHIN_MS);
    expect_end(bench, &other, 2 * WITHIN_MS);
}

static bool is_unknown(void *ctx)
{
    struct player *player = ctx;

    return check(player->bench, player, "t") == AUTH_UNKNOWN;
}

/* What was accepted is not trusted for long when nobody could say that it has ended. */
static void test_redis_is_paused(void **state)
{
    struct bench *bench = *state;
    struct player one = { 0 }, other = { .bench = bench };

    add(bench, "t", "7", 0);
    assert_int_equal(check(bench, &one, "t"), AUTH_OK);
    wait_subscribed(bench);
    support_redis_pause(bench->rig->redis);
    rig_wait_down(bench->rig);
    support_wait(&bench->rig->loop, is_unknown, &other, 5000, "it is not trusted any more");
    assert_int_equal(one.ends, 0);
    support_redis_resume(bench->rig->redis);
    rig_wait_up(bench->rig);
    wait_subscribed(bench);
    assert_int_equal(check(bench, &other, "t"), AUTH_OK);
    assert_int_equal(one.ends, 0);
    auth_release(&one.hold);
    auth_release(&other.hold);
}

/* A Redis that publishes no events, and where we may not make it. */
static void test_without_keyspace_events(void **state)
{
    struct bench *bench = *state;
    struct player one = { 0 }, two = { 0 };
    struct why why = { "" };

    auth_destroy(&bench->auth);
    store_close(&bench->rig->store);
    rig_command(bench->rig, "CONFIG SET notify-keyspace-events ''");
    rig_command(bench->rig, "ACL SETUSER default -config");
    bench->rig->store = rig_open(bench->rig, support_redis_url(bench->rig->redis), 500);
    rig_wait_up(bench->rig);
    assert_false(store_has_keyspace_events(bench->rig->store));
    bench->auth = auth_create(&bench->rig->loop, bench->rig->store, &bench->config, &why);

    add(bench, "t", "7", 0);
    add(bench, "u", "8", 500);
    assert_int_equal(check(bench, &one, "t"), AUTH_OK);
    assert_int_equal(check(bench, &two, "u"), AUTH_OK);
    assert_false(is_subscribed(bench));
    revoke_player(bench, "7");
    expect_end(bench, &one, WITHIN_MS + 500);
    expect_end(bench, &two, WITHIN_MS + 500);
    assert_int_equal(check(bench, &one, "t"), AUTH_REFUSED);
}

/* ---- many --------------------------------------------------------------------------------------------- */

enum { MANY = 1200 };

struct crowd {
    struct player *players;
    int count;
};

static bool all_have_outcomes(void *ctx)
{
    struct crowd *crowd = ctx;

    for (int i = 0; i < crowd->count; i++) {
        if (crowd->players[i].outcomes == 0)
            return false;
    }
    return true;
}

static bool all_have_ended(void *ctx)
{
    struct crowd *crowd = ctx;

    for (int i = 0; i < crowd->count; i++) {
        if (crowd->players[i].ends == 0)
            return false;
    }
    return true;
}

static uint64_t finds(const struct bench *bench)
{
    const struct store_stats *stats = store_stats(bench->rig->store);

    for (size_t i = 0; i < stats->verb_count; i++) {
        if (strcmp(stats->verbs[i].name, "credential_find") == 0)
            return stats->verbs[i].results[RESULT_OK];
    }
    return 0;
}

/* Everybody at once, twice each: one lookup a token, and one more when it is subscribed to. */
static void test_a_storm(void **state)
{
    struct bench *bench = *state;
    struct crowd crowd = { xcalloc(MANY, sizeof *crowd.players), MANY };
    char secret[16];
    uint64_t before;

    for (int i = 0; i < MANY / 2; i++) {
        snprintf(secret, sizeof secret, "t%d", i);
        add(bench, secret, "7", 0);
    }
    before = finds(bench);
    for (int i = 0; i < MANY; i++) {
        snprintf(secret, sizeof secret, "t%d", i / 2);
        connect_player(bench, &crowd.players[i], secret);
    }
    support_wait(&bench->rig->loop, all_have_outcomes, &crowd, SUPPORT_WAIT_MS, "all outcomes");
    for (int i = 0; i < MANY; i++)
        assert_int_equal(crowd.players[i].answer, AUTH_OK);
    assert_in_range(finds(bench) - before, MANY / 2, MANY);
    revoke_player(bench, "7");
    support_wait(&bench->rig->loop, all_have_ended, &crowd, 3 * WITHIN_MS, "all end");
    free(crowd.players);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, open_bench, close_bench)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_revoked),
        TEST(test_revoked_at_once),
        TEST(test_deleted_by_hand),
        TEST(test_expires),
        TEST(test_a_longer_life),
        TEST(test_subscription_is_killed),
        TEST(test_everything_is_flushed),
        TEST(test_redis_is_restarted),
        TEST(test_redis_is_paused),
        TEST(test_without_keyspace_events),
        TEST(test_a_storm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
