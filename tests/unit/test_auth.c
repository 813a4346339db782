/* SPDX-License-Identifier: MIT */
#include "fake_credentials.h"

#include "auth_entry.h"
#include "http_stub.h"

/* Auth with a fake store: the test decides what Redis answers, and when; the hook is a small service
 * on the test's own loop. */
static uv_loop_t loop;
static struct store store;
static struct config config;
static struct auth *auth;
static struct http_stub *stub;
static char url[64];
static struct peer peer;

/* ---- one check -------------------------------------------------------------------------------------- */

struct caller {
    int count;
    enum auth_answer answer;
    uint32_t retry_after_s;
    struct identity *identity; /* a reference */
    struct auth_check *slot;
    struct caller *cancels; /* what it does when it is called */
    struct auth_hold hold;
    int ends;
};

static void take(struct caller *caller, const struct auth_outcome *outcome)
{
    caller->count++;
    caller->answer = outcome->answer;
    caller->retry_after_s = outcome->retry_after_s;
    assert_int_equal(outcome->answer == AUTH_OK, outcome->identity != NULL);
    if (outcome->identity != NULL)
        caller->identity = identity_ref(outcome->identity);
}

static void on_checked(const struct auth_outcome *outcome, void *ctx)
{
    struct caller *caller = ctx;

    assert_null(caller->slot);
    take(caller, outcome);
    if (caller->cancels != NULL)
        auth_cancel(&caller->cancels->slot);
}

static enum auth_answer check(struct caller *caller, enum credential_kind kind, const char *secret,
                              const char *subject)
{
    struct auth_request request = {
        .kind = kind,
        .secret = slice_of(secret),
        .subject = slice_of(subject),
        .peer = &peer,
    };
    struct auth_outcome outcome;

    identity_unref(&caller->identity);
    caller->count = 0;
    outcome = auth_check(auth, &request, on_checked, caller, &caller->slot);
    assert_int_equal(outcome.answer == AUTH_PENDING, caller->slot != NULL);
    assert_int_equal(caller->count, 0);
    if (outcome.answer != AUTH_PENDING)
        take(caller, &outcome);
    return outcome.answer;
}

static enum auth_answer player(struct caller *caller, const char *token)
{
    return check(caller, CREDENTIAL_PLAYER, token, NULL);
}

static bool has_come(void *ctx)
{
    return ((struct caller *)ctx)->count > 0;
}

static void wait_for(struct caller *caller)
{
    support_wait(&loop, has_come, caller, SUPPORT_WAIT_MS, "an outcome");
}

/* ---- one hold --------------------------------------------------------------------------------------- */

static void on_end(struct auth_hold *hold)
{
    struct caller *caller = LIST_ENTRY(hold, struct caller, hold);

    caller->ends++;
    auth_release(hold); /* allowed, and does nothing */
}

static void follow(struct caller *caller)
{
    auth_follow(auth, &caller->hold, caller->identity, on_end);
    identity_unref(&caller->identity);
    assert_int_equal(caller->ends, 0);
}

static bool has_ended(void *ctx)
{
    return ((struct caller *)ctx)->ends > 0;
}

static void leave(struct caller *caller)
{
    auth_cancel(&caller->slot);
    auth_release(&caller->hold);
    identity_unref(&caller->identity);
}

/* Accepted by Redis, followed, and the subscription in force. */
static void settle(struct caller *caller, const char *token, const char *subject)
{
    assert_int_equal(player(caller, token), AUTH_PENDING);
    fake_answer(&store, subject);
    assert_int_equal(caller->answer, AUTH_OK);
    follow(caller);
    fake_news(&store, TOPIC_UP, NULL);
    fake_answer(&store, subject);
    assert_int_equal(fake_pending(&store), 0);
}

static void turn(void)
{
    uv_run(&loop, UV_RUN_NOWAIT);
}

/* ---- life --------------------------------------------------------------------------------------------- */

static int start(void **state)
{
    struct why why = { "" };

    (void)state;
    setenv("no_proxy", "*", 1);
    uv_loop_init(&loop);
    fake_init(&store);
    stub = http_stub_start(&loop);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", http_stub_port(stub));
    config = (struct config){
        .auth_timeout_ms = 2000,
        .auth_cache_ms = 30000,
        .auth_refused_cache_ms = 5000,
        .revalidate_period_ms = 60000,
    };
    assert_true(peer_parse(&peer, "192.0.2.1"));
    auth = auth_create(&loop, &store, &config, &why);
    assert_non_null(auth);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    auth_destroy(&auth);
    http_stub_stop(&stub);
    support_loop_close(&loop);
    assert_int_equal(fake_pending(&store), 0);
    assert_true(list_is_empty(&store.topics));
    return 0;
}

/* ---- checks -------------------------------------------------------------------------------------------- */

static void test_accepted_and_cached(void **state)
{
    struct caller one = { 0 }, two = { 0 };

    (void)state;
    assert_int_equal(player(&one, "t"), AUTH_PENDING);
    fake_answer(&store, "7");
    assert_int_equal(one.count, 1);
    assert_int_equal(one.answer, AUTH_OK);
    assert_string_equal(one.identity->subject, "7");
    assert_string_equal(one.identity->realm, "default");
    assert_null(one.identity->universe);
    assert_int_equal(player(&two, "t"), AUTH_OK);
    assert_ptr_equal(two.identity, one.identity);
    assert_int_equal(store.find_count, 1);
    assert_int_equal(auth_stats(auth)->cache_hits, 1);
    assert_int_equal(auth_stats(auth)->answers[CREDENTIAL_PLAYER][AUTH_OK], 2);
    assert_int_equal(check(&two, CREDENTIAL_SERVER, "t", NULL), AUTH_PENDING); /* another kind */
    leave(&one);
    leave(&two);
}

static void test_refused_and_cached(void **state)
{
    struct caller one = { 0 };

    (void)state;
    assert_int_equal(player(&one, "t"), AUTH_PENDING);
    fake_answer(&store, NULL);
    assert_int_equal(one.answer, AUTH_REFUSED);
    assert_int_equal(player(&one, "t"), AUTH_REFUSED);
    assert_int_equal(store.find_count, 1);
    assert_int_equal(store.topic_count, 0);
}

static void test_refusals_are_forgotten(void **state)
{
    struct caller one = { 0 };

    (void)state;
    config.auth_refused_cache_ms = 0;
    player(&one, "t");
    fake_answer(&store, NULL);
    assert_int_equal(player(&one, "t"), AUTH_PENDING);
    fake_answer(&store, "7");
    assert_int_equal(one.answer, AUTH_OK);
    leave(&one);
}

static void test_unknown_is_not_cached(void **state)
{
    struct caller one = { 0 };

    (void)state;
    player(&one, "t");
    fake_fail(&store, RESULT_UNAVAILABLE, false);
    assert_int_equal(one.answer, AUTH_UNKNOWN);
    assert_int_equal(player(&one, "t"), AUTH_PENDING);
    fake_fail(&store, RESULT_UNCERTAIN, false);
    assert_int_equal(one.answer, AUTH_UNKNOWN);
    assert_int_equal(player(&one, "t"), AUTH_PENDING);
    leave(&one);
}

static void test_one_lookup_for_all(void **state)
{
    struct caller callers[10] = { { 0 } };

    (void)state;
    for (int i = 0; i < 10; i++)
        assert_int_equal(player(&callers[i], "t"), AUTH_PENDING);
    callers[2].cancels = &callers[3]; /* a call that ends another's */
    auth_cancel(&callers[5].slot);
    assert_int_equal(fake_pending(&store), 1);
    fake_answer(&store, "7");
    for (int i = 0; i < 10; i++) {
        assert_int_equal(callers[i].count, i == 3 || i == 5 ? 0 : 1);
        leave(&callers[i]);
    }
}

static void test_all_cancelled(void **state)
{
    struct caller one = { 0 }, two = { 0 };

    (void)state;
    player(&one, "t");
    auth_cancel(&one.slot);
    assert_int_equal(player(&two, "t"), AUTH_PENDING); /* joins the lookup that goes on */
    assert_int_equal(store.find_count, 1);
    auth_cancel(&two.slot);
    fake_answer(&store, "7");
    assert_int_equal(player(&one, "t"), AUTH_OK);
    leave(&one);
}

static const struct {
    const char *name;
    enum credential_kind kind;
    size_t secret_len;
    const char *subject;
} impossible[] = {
    { "no secret", CREDENTIAL_PLAYER, 0, NULL },
    { "a secret that is too long", CREDENTIAL_PLAYER, CREDENTIAL_SECRET_MAX + 1, NULL },
    { "no universe", CREDENTIAL_UNIVERSE, 1, "" },
    { "a universe with a line feed", CREDENTIAL_UNIVERSE, 1, "4\n2" },
    { "a universe that is no text", CREDENTIAL_UNIVERSE, 1, "\xff" },
};

static void test_impossible(void **state)
{
    char secret[CREDENTIAL_SECRET_MAX + 2];
    struct caller one = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof impossible / sizeof impossible[0]; i++) {
        memset(secret, 'x', sizeof secret);
        secret[impossible[i].secret_len] = '\0';
        if (check(&one, impossible[i].kind, secret, impossible[i].subject) != AUTH_REFUSED)
            fail_msg("%s: not refused", impossible[i].name);
    }
    assert_int_equal(store.find_count, 0);
}

/* ---- universes and the hook ------------------------------------------------------------------------------ */

static void test_known_universe_is_not_for_the_hook(void **state)
{
    struct caller one = { 0 };

    (void)state;
    config.universe_auth_url = url;
    assert_int_equal(check(&one, CREDENTIAL_UNIVERSE, "wrong", "42"), AUTH_PENDING);
    fake_fail(&store, RESULT_NOT_FOUND, true);
    assert_int_equal(one.answer, AUTH_REFUSED);
    assert_int_equal(http_stub_requests(stub), 0);
}

static void test_hook_decides_on_others(void **state)
{
    struct caller one = { 0 };

    (void)state;
    config.universe_auth_url = url;
    check(&one, CREDENTIAL_UNIVERSE, "k", "42");
    fake_answer(&store, NULL);
    wait_for(&one);
    assert_int_equal(one.answer, AUTH_OK);
    assert_string_equal(one.identity->subject, "42");
    assert_string_equal(one.identity->realm, "default");
    assert_int_equal(check(&one, CREDENTIAL_UNIVERSE, "k", "42"), AUTH_OK);
    assert_int_equal(check(&one, CREDENTIAL_UNIVERSE, "k", "43"), AUTH_PENDING);
    assert_int_equal(store.topic_count, 0);
    leave(&one);
}

static void test_hook_refuses_or_is_silent(void **state)
{
    struct caller one = { 0 };

    (void)state;
    config.universe_auth_url = url;
    http_stub_answer(stub, "403 Forbidden", "");
    check(&one, CREDENTIAL_UNIVERSE, "k", "42");
    fake_answer(&store, NULL);
    wait_for(&one);
    assert_int_equal(one.answer, AUTH_REFUSED);
    http_stub_answer(stub, "500 Oops", "");
    check(&one, CREDENTIAL_UNIVERSE, "k", "43");
    fake_answer(&store, NULL);
    wait_for(&one);
    assert_int_equal(one.answer, AUTH_UNKNOWN);
}

static void test_hook_is_for_players_and_servers(void **state)
{
    struct caller one = { 0 };

    (void)state;
    config.token_auth_url = url;
    http_stub_answer(stub, "200 OK", "{\"subject\":\"7\",\"expires_at\":1}"); /* long ago */
    player(&one, "t");
    fake_answer(&store, NULL);
    wait_for(&one);
    assert_int_equal(one.answer, AUTH_REFUSED);
    http_stub_answer(stub, "200 OK", "{\"subject\":\"7\"}");
    check(&one, CREDENTIAL_SERVER, "t", NULL);
    fake_answer(&store, NULL);
    wait_for(&one);
    assert_int_equal(one.answer, AUTH_OK);
    check(&one, CREDENTIAL_RELAY, "t", NULL);
    fake_answer(&store, NULL);
    assert_int_equal(one.answer, AUTH_REFUSED);
    assert_int_equal(auth_stats(auth)->hook_calls, 2);
    leave(&one);
}

static void test_held_hook_identity_is_confirmed(void **state)
{
    struct caller one = { 0 };
    int asked;

    (void)state;
    config.token_auth_url = url;
    config.revalidate_period_ms = 50;
    http_stub_answer(stub, "200 OK", "{\"subject\":\"7\"}");
    player(&one, "t");
    fake_answer(&store, NULL);
    wait_for(&one);
    follow(&one);
    for (asked = 0; asked < 3; asked++) { /* the second time it is silent: that ends nothing */
        http_stub_answer(stub, asked == 1 ? "500 Oops" : "200 OK", "{\"subject\":\"7\"}");
        while (fake_pending(&store) == 0)
            uv_run(&loop, UV_RUN_ONCE);
        fake_answer(&store, NULL);
        while (http_stub_requests(stub) < asked + 2)
            uv_run(&loop, UV_RUN_ONCE);
    }
    assert_int_equal(one.ends, 0);
    http_stub_answer(stub, "401 Unauthorized", "");
    while (fake_pending(&store) == 0)
        uv_run(&loop, UV_RUN_ONCE);
    fake_answer(&store, NULL);
    support_wait(&loop, has_ended, &one, SUPPORT_WAIT_MS, "the hold ends");
    assert_int_equal(one.ends, 1);
}

/* ---- what happens to a record ------------------------------------------------------------------------------ */

static void test_deleted(void **state)
{
    struct caller one = { 0 }, two = { 0 };

    (void)state;
    settle(&one, "t", "7");
    assert_int_equal(player(&two, "t"), AUTH_OK);
    follow(&two);
    fake_news(&store, TOPIC_MESSAGE, "del");
    assert_int_equal(one.ends, 1);
    assert_int_equal(two.ends, 1);
    assert_true(list_is_empty(&store.topics));
    assert_int_equal(player(&one, "t"), AUTH_PENDING);
    fake_answer(&store, NULL);
    assert_int_equal(one.answer, AUTH_REFUSED);
}

static void test_deleted_while_it_is_looked_up(void **state)
{
    struct caller one = { 0 }, two = { 0 };

    (void)state;
    config.auth_cache_ms = 0;
    settle(&one, "t", "7");
    assert_int_equal(player(&two, "t"), AUTH_PENDING);
    fake_news(&store, TOPIC_MESSAGE, "del"); /* overtakes an answer that is older */
    assert_int_equal(one.ends, 1);
    assert_int_equal(two.count, 0);
    assert_int_equal(fake_pending(&store), 1);
    assert_int_equal(store.find_count, 4);
    fake_answer(&store, NULL);
    assert_int_equal(two.answer, AUTH_REFUSED);
}

static void test_deleted_before_anybody_follows(void **state)
{
    struct caller one = { 0 };

    (void)state;
    player(&one, "t");
    fake_answer(&store, "7");
    fake_news(&store, TOPIC_UP, NULL);
    fake_answer(&store, "7");
    fake_news(&store, TOPIC_MESSAGE, "expired");
    follow(&one); /* of what has ended: told on a later turn */
    support_wait(&loop, has_ended, &one, SUPPORT_WAIT_MS, "the hold ends");
}

static void test_released_before_it_hears(void **state)
{
    struct caller one = { 0 };

    (void)state;
    player(&one, "t");
    fake_answer(&store, "7");
    fake_news(&store, TOPIC_MESSAGE, "del");
    follow(&one);
    auth_release(&one.hold);
    auth_release(&one.hold);
    turn();
    assert_int_equal(one.ends, 0);
}

static void test_deleted_between_lookup_and_subscription(void **state)
{
    struct caller one = { 0 };

    (void)state;
    player(&one, "t");
    fake_answer(&store, "7");
    follow(&one);
    assert_int_equal(fake_pending(&store), 0);
    fake_news(&store, TOPIC_UP, NULL);
    assert_int_equal(fake_pending(&store), 1);
    fake_answer(&store, NULL);
    support_wait(&loop, has_ended, &one, SUPPORT_WAIT_MS, "the hold ends");
}

static void test_set_again(void **state)
{
    struct caller one = { 0 }, two = { 0 };

    (void)state;
    settle(&one, "t", "7");
    fake_news(&store, TOPIC_MESSAGE, "set");
    assert_int_equal(player(&two, "t"), AUTH_PENDING); /* shares that lookup */
    assert_int_equal(fake_pending(&store), 1);
    fake_news(&store, TOPIC_MESSAGE, "expire"); /* and again, while it is under way */
    assert_int_equal(fake_pending(&store), 1);
    fake_answer_as(&store, "7", "default", store.now_ms + 100000);
    assert_int_equal(two.answer, AUTH_OK);
    assert_int_equal(two.identity->expires_ms, store.now_ms + 100000);
    assert_int_equal(one.ends, 0); /* the same one, living longer */
    leave(&two);
    leave(&one);
}

static void test_set_to_another_realm(void **state)
{
    struct caller one = { 0 };

    (void)state;
    settle(&one, "t", "7");
    fake_news(&store, TOPIC_MESSAGE, "set");
    fake_answer_as(&store, "7", "other", 0);
    support_wait(&loop, has_ended, &one, SUPPORT_WAIT_MS, "the hold ends");
    assert_int_equal(player(&one, "t"), AUTH_OK);
    assert_string_equal(one.identity->realm, "other");
    leave(&one);
}

static void test_end_leads_anywhere(void **state)
{
    struct caller callers[3] = { { 0 } };

    (void)state;
    settle(&callers[0], "t", "7");
    for (int i = 1; i < 3; i++) {
        player(&callers[i], "t");
        follow(&callers[i]);
    }
    auth_release(&callers[1].hold);
    fake_news(&store, TOPIC_MESSAGE, "del");
    assert_int_equal(callers[0].ends, 1);
    assert_int_equal(callers[1].ends, 0);
    assert_int_equal(callers[2].ends, 1);
}

static bool time_has_come(void *ctx)
{
    (void)ctx;
    return fake_pending(&store) > 0;
}

static void test_subscription_breaks(void **state)
{
    struct caller one = { 0 };

    (void)state;
    settle(&one, "t", "7");
    fake_news(&store, TOPIC_DOWN, NULL);
    assert_int_equal(player(&one, "t"), AUTH_OK); /* for a second */
    identity_unref(&one.identity);
    support_wait(&loop, time_has_come, NULL, 3000, "it is looked up without the subscription");
    fake_fail(&store, RESULT_UNAVAILABLE, false);
    assert_int_equal(one.ends, 0);
    fake_news(&store, TOPIC_UP, NULL);
    assert_int_equal(fake_pending(&store), 1);
    fake_answer(&store, "7");
    assert_int_equal(player(&one, "t"), AUTH_OK);
    leave(&one);
}

static void test_not_trusted_without_subscription(void **state)
{
    struct caller one = { 0 }, two = { 0 };

    (void)state;
    settle(&one, "t", "7");
    fake_news(&store, TOPIC_DOWN, NULL);
    support_wait(&loop, time_has_come, NULL, 3000, "it is looked up without the subscription");
    assert_int_equal(player(&two, "t"), AUTH_PENDING);
    fake_fail(&store, RESULT_UNAVAILABLE, false);
    assert_int_equal(two.answer, AUTH_UNKNOWN);
    leave(&one);
}

static void test_no_events_means_polling(void **state)
{
    struct caller one = { 0 };

    (void)state;
    store.has_events = false;
    player(&one, "t");
    fake_answer(&store, "7");
    follow(&one);
    assert_int_equal(store.topic_count, 0);
    for (int i = 0; i < 2; i++) {
        support_wait(&loop, time_has_come, NULL, 3000, "it is polled");
        fake_answer(&store, i == 0 ? "7" : NULL);
    }
    support_wait(&loop, has_ended, &one, SUPPORT_WAIT_MS, "the hold ends");
}

/* The record was given to another universe while nobody could hear of it. */
static void test_record_changes_hands(void **state)
{
    struct caller one = { 0 }, two = { 0 };

    (void)state;
    check(&one, CREDENTIAL_UNIVERSE, "k", "42");
    fake_answer(&store, "42");
    follow(&one);
    check(&two, CREDENTIAL_UNIVERSE, "k", "43");
    fake_answer(&store, "43");
    assert_int_equal(two.answer, AUTH_OK);
    support_wait(&loop, has_ended, &one, SUPPORT_WAIT_MS, "the first hold ends");
    leave(&two);
}

/* ---- time ----------------------------------------------------------------------------------------------------- */

static void test_expires(void **state)
{
    struct caller one = { 0 };

    (void)state;
    player(&one, "t");
    fake_answer_as(&store, "7", "default", store.now_ms + 50);
    follow(&one);
    fake_news(&store, TOPIC_UP, NULL);
    fake_answer_as(&store, "7", "default", store.now_ms + 50);
    assert_int_equal(player(&one, "t"), AUTH_OK);
    identity_unref(&one.identity);
    store.now_ms += 50;
    assert_int_equal(player(&one, "t"), AUTH_PENDING); /* not from the cache */
    auth_cancel(&one.slot);
    support_wait(&loop, has_ended, &one, SUPPORT_WAIT_MS, "the hold ends");
}

static void test_had_expired_already(void **state)
{
    struct caller one = { 0 };

    (void)state;
    player(&one, "t");
    fake_answer_as(&store, "7", "default", store.now_ms);
    assert_int_equal(one.answer, AUTH_REFUSED);
}

static bool cache_is_empty(void *ctx)
{
    (void)ctx;
    return auth->entries == NULL;
}

static void test_idle_entries_go(void **state)
{
    struct caller one = { 0 };

    (void)state;
    config.auth_cache_ms = config.auth_refused_cache_ms = 20;
    player(&one, "t");
    fake_answer(&store, "7");
    player(&one, "u");
    fake_answer(&store, NULL);
    leave(&one);
    assert_int_equal(HASH_COUNT(auth->entries), 2);
    support_wait(&loop, cache_is_empty, NULL, SUPPORT_WAIT_MS, "the cache is empty");
    assert_true(list_is_empty(&store.topics));
}

static void test_busy_entries_stay(void **state)
{
    struct caller one = { 0 };

    (void)state;
    config.auth_cache_ms = 20;
    player(&one, "t");
    fake_answer(&store, "7");
    player(&one, "t"); /* asked for since: looked up again of itself */
    identity_unref(&one.identity);
    support_wait(&loop, time_has_come, NULL, SUPPORT_WAIT_MS, "it is looked up again");
    fake_answer(&store, "7");
    assert_int_equal(store.topic_count, 1);
    support_wait(&loop, cache_is_empty, NULL, SUPPORT_WAIT_MS, "the cache is empty");
}

/* ---- bounds ----------------------------------------------------------------------------------------------------- */

static void test_cache_is_bounded(void **state)
{
    struct caller kept = { 0 }, one = { 0 };
    char token[32];

    (void)state;
    player(&kept, "kept"); /* the oldest of all, but held */
    fake_answer(&store, "7");
    for (int i = 0; i < AUTH_ENTRIES_MAX + 100; i++) {
        snprintf(token, sizeof token, "%d", i);
        assert_int_equal(player(&one, token), AUTH_PENDING);
        fake_answer(&store, NULL);
        if (i == 10)
            assert_int_equal(player(&one, "5"), AUTH_REFUSED);
    }
    assert_int_equal(HASH_COUNT(auth->entries), AUTH_ENTRIES_MAX);
    assert_int_equal(player(&one, "7"), AUTH_PENDING); /* forgotten */
    auth_cancel(&one.slot);
    identity_unref(&one.identity);
    follow(&kept);
    fake_news(&store, TOPIC_MESSAGE, "del");
    assert_int_equal(kept.ends, 1);
}

static void test_throttle(void **state)
{
    struct caller one = { 0 }, good = { 0 };
    char token[32];

    (void)state;
    config.auth_failures = (struct rate){ .count = 3, .per_ms = 60000 };
    player(&good, "good");
    fake_answer(&store, "7");
    for (int i = 0; i < 3; i++) {
        snprintf(token, sizeof token, "%d", i);
        assert_int_equal(player(&one, token), AUTH_PENDING);
        fake_answer(&store, NULL);
        assert_int_equal(one.answer, AUTH_REFUSED);
    }
    assert_int_equal(player(&one, "new"), AUTH_THROTTLED); /* not looked up */
    assert_in_range(one.retry_after_s, 19, 20);
    assert_int_equal(player(&one, "0"), AUTH_THROTTLED); /* not refused from the cache */
    assert_int_equal(player(&one, ""), AUTH_THROTTLED);
    assert_int_equal(store.find_count, 4);
    assert_int_equal(player(&good, "good"), AUTH_OK); /* what is known to be good passes */
    assert_int_equal(auth_stats(auth)->throttled, 3);

    peer.ip[15]++;
    assert_int_equal(player(&one, "new"), AUTH_PENDING);
    fake_fail(&store, RESULT_UNAVAILABLE, false); /* is no failure of the peer's */
    config.auth_failures.count = 0;
    peer.ip[15]--;
    assert_int_equal(player(&one, "new"), AUTH_PENDING);
    leave(&one);
    leave(&good);
}

static void test_confirmations_take_turns(void **state)
{
    enum { MANY = 1000 };
    struct caller *callers = xcalloc(MANY, sizeof *callers);
    char token[32];
    int answered = 0;

    (void)state;
    for (int i = 0; i < MANY; i++) {
        snprintf(token, sizeof token, "%d", i);
        player(&callers[i], token);
        fake_answer(&store, token);
        follow(&callers[i]);
    }
    LIST_EACH (node, spare, &store.topics) {
        struct topic *topic = LIST_ENTRY(node, struct topic, node);

        topic->on_news(topic, TOPIC_UP, (struct slice){ NULL, 0 }, topic->ctx);
    }
    assert_int_equal(fake_pending(&store), 256);
    assert_int_equal(player(&callers[0], "somebody else"), AUTH_PENDING); /* waits for nobody */
    assert_int_equal(fake_pending(&store), 257);
    auth_cancel(&callers[0].slot);
    for (; fake_pending(&store) > 0; answered++)
        fake_fail(&store, RESULT_UNAVAILABLE, false);
    assert_int_equal(answered, MANY + 1);
    for (int i = 0; i < MANY; i++)
        leave(&callers[i]);
    free(callers);
}

static void test_size_of_an_entry(void **state)
{
    (void)state;
    print_message("an entry takes %zu bytes, an identity %zu and its texts\n",
                  sizeof(struct auth_entry), sizeof(struct identity));
    assert_true(sizeof(struct auth_entry) <= 352);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_accepted_and_cached),
        TEST(test_refused_and_cached),
        TEST(test_refusals_are_forgotten),
        TEST(test_unknown_is_not_cached),
        TEST(test_one_lookup_for_all),
        TEST(test_all_cancelled),
        TEST(test_impossible),
        TEST(test_known_universe_is_not_for_the_hook),
        TEST(test_hook_decides_on_others),
        TEST(test_hook_refuses_or_is_silent),
        TEST(test_hook_is_for_players_and_servers),
        TEST(test_held_hook_identity_is_confirmed),
        TEST(test_deleted),
        TEST(test_deleted_while_it_is_looked_up),
        TEST(test_deleted_before_anybody_follows),
        TEST(test_released_before_it_hears),
        TEST(test_deleted_between_lookup_and_subscription),
        TEST(test_set_again),
        TEST(test_set_to_another_realm),
        TEST(test_end_leads_anywhere),
        TEST(test_subscription_breaks),
        TEST(test_not_trusted_without_subscription),
        TEST(test_no_events_means_polling),
        TEST(test_record_changes_hands),
        TEST(test_expires),
        TEST(test_had_expired_already),
        TEST(test_idle_entries_go),
        TEST(test_busy_entries_stay),
        TEST(test_cache_is_bounded),
        TEST(test_throttle),
        TEST(test_confirmations_take_turns),
        TEST(test_size_of_an_entry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
