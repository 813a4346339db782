/* SPDX-License-Identifier: MIT */
/* Subscriptions: in force, renewed, ended, and never confused with an older one. */
#include "fake_redis.h"

#include "base/clock.h"

struct ear {
    struct topic *topic;
    unsigned ups, downs, messages;
    char last[64];
    struct ear *victim; /* ended when the next news comes, and itself with it */
    bool does_end;
    enum topic_news end_on;
};

static void on_news(struct topic *topic, enum topic_news news, struct slice message, void *ctx)
{
    struct ear *ear = ctx;

    assert_ptr_equal(topic, ear->topic);
    ear->ups += news == TOPIC_UP;
    ear->downs += news == TOPIC_DOWN;
    ear->messages += news == TOPIC_MESSAGE;
    if (news == TOPIC_MESSAGE)
        snprintf(ear->last, sizeof ear->last, "%.*s", (int)message.len, message.data);
    if (ear->does_end && news == ear->end_on) {
        topic_unsubscribe(&ear->topic);
        if (ear->victim != NULL)
            topic_unsubscribe(&ear->victim->topic);
    }
}

static void subscribe(struct rig *rig, struct ear *ear, enum topic_kind kind, const char *key)
{
    ear->topic = topic_subscribe(rig->store, kind, key, on_news, ear);
    assert_int_equal(ear->ups + ear->downs + ear->messages, 0);
}

static bool is_up(void *ctx)
{
    const struct ear *ear = ctx;

    return ear->ups > ear->downs;
}

static bool is_down(void *ctx)
{
    const struct ear *ear = ctx;

    return ear->ups == ear->downs;
}

static bool has_message(void *ctx)
{
    return ((struct ear *)ctx)->messages > 0;
}

static bool is_ended(void *ctx)
{
    return ((struct ear *)ctx)->topic == NULL;
}

#define WAIT(rig, is, ear) support_wait(&(rig)->loop, is, ear, SUPPORT_WAIT_MS, #is)

static void publish(struct rig *rig, const char *key, const char *message)
{
    char command[200];

    snprintf(command, sizeof command, "spublish __keyspace@0__:%s %s", key, message);
    rig_command(rig, command);
}

static void hears_what_is_published(void **state)
{
    struct rig *rig = *state;
    struct ear ear = { .ups = 0 };

    subscribe(rig, &ear, TOPIC_CHANNEL, "sb:{a}:q");
    WAIT(rig, is_up, &ear);
    publish(rig, "sb:{a}:q", "hello");
    WAIT(rig, has_message, &ear);
    assert_string_equal(ear.last, "hello");
    topic_unsubscribe(&ear.topic);
    assert_null(ear.topic);
    topic_unsubscribe(&ear.topic);
}

static void hears_what_becomes_of_a_key(void **state)
{
    static const struct {
        const char *name, *command, *news;
    } cases[] = {
        { "set", "set key 1", "set" },
        { "deleted", "del key", "del" },
        { "set with a life", "set key 1 px 20", "expire" },
    };
    struct rig *rig = *state;
    struct ear ear = { .ups = 0 };

    subscribe(rig, &ear, TOPIC_KEY, "key");
    WAIT(rig, is_up, &ear);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ear.messages = 0;
        rig_command(rig, cases[i].command);
        WAIT(rig, has_message, &ear);
        if (strcmp(cases[i].news, "expire") != 0)
            assert_string_equal(ear.last, cases[i].news);
    }
    while (strcmp(ear.last, "expired") != 0) {
        ear.messages = 0;
        WAIT(rig, has_message, &ear);
    }
    topic_unsubscribe(&ear.topic);
}

static void keeps_the_kinds_apart(void **state)
{
    struct rig *rig = *state;
    struct ear channel = { .ups = 0 }, key = { .ups = 0 };

    subscribe(rig, &channel, TOPIC_CHANNEL, "same");
    subscribe(rig, &key, TOPIC_KEY, "same");
    WAIT(rig, is_up, &channel);
    WAIT(rig, is_up, &key);
    publish(rig, "same", "x");
    WAIT(rig, has_message, &channel);
    rig_command(rig, "set same 1");
    WAIT(rig, has_message, &key);
    assert_int_equal(channel.messages, 1);
    assert_int_equal(key.messages, 1);
    topic_unsubscribe(&key.topic);
    topic_unsubscribe(&channel.topic);
}

static void on_pattern_news(struct topic *topic, enum topic_news news, struct slice message,
                            void *ctx)
{
    struct ear *ear = ctx;

    on_news(topic, news, message, ctx);
    if (news == TOPIC_MESSAGE)
        snprintf(ear->last, sizeof ear->last, "%.*s: %.*s", (int)topic_channel(topic).len,
                 topic_channel(topic).data, (int)message.len, message.data);
}

/* Other people's channels, wherever they are, whose messages come once for each pattern. */
static void hears_what_matches_a_pattern(void **state)
{
    static const struct {
        const char *name, *command, *last, *narrow;
    } cases[] = {
        { "both", "publish a#b hello", "a#b: hello", "a#b: hello" },
        { "the wider one alone", "publish a#c hello", "a#c: hello", "a#b: hello" },
        { "an empty message", "publish a# ''", "a#: ", "a#b: hello" },
    };
    struct rig *rig = *state;
    struct ear ear = { .ups = 0 }, narrow = { .ups = 0 };

    ear.topic = topic_subscribe(rig->store, TOPIC_PATTERN, "a#*", on_pattern_news, &ear);
    narrow.topic = topic_subscribe(rig->store, TOPIC_PATTERN, "a#b", on_pattern_news, &narrow);
    WAIT(rig, is_up, &narrow);
    assert_int_equal(ear.ups, 1);
    rig_expect(rig, "pubsub numsub a#b", "a#b\n0");
    rig_command(rig, "publish x#b hello");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        print_message("  %s\n", cases[i].name);
        ear.messages = 0;
        rig_command(rig, cases[i].command);
        WAIT(rig, has_message, &ear);
        assert_string_equal(ear.last, cases[i].last);
    }
    assert_int_equal(narrow.messages, 1);
    assert_string_equal(narrow.last, "a#b: hello");
    rig_command(rig, "client kill type pubsub");
    WAIT(rig, is_down, &ear);
    WAIT(rig, is_up, &ear);
    topic_unsubscribe(&ear.topic);
    topic_unsubscribe(&narrow.topic);
}

static void uses_the_database_of_the_url(void **state)
{
    struct rig *rig = *state;
    struct ear ear = { .ups = 0 };
    char url[400];

    snprintf(url, sizeof url, "%s?db=3", support_redis_url(rig->redis));
    store_close(&rig->store);
    rig->store = rig_open(rig, url, RIG_TIMEOUT_MS);
    rig_wait_up(rig);
    subscribe(rig, &ear, TOPIC_KEY, "key");
    WAIT(rig, is_up, &ear);
    rig_command(rig, "set key 1");
    rig_command(rig, "-n 3 append key 2");
    WAIT(rig, has_message, &ear);
    assert_string_equal(ear.last, "append");
    topic_unsubscribe(&ear.topic);
}

/* ---- generations ---------------------------------------------------------------------------------- */

static void hears_nothing_of_an_older_subscription(void **state)
{
    struct rig *rig = *state;
    struct ear old = { .ups = 0 }, fresh = { .ups = 0 };

    subscribe(rig, &old, TOPIC_CHANNEL, "sb:{a}:q");
    WAIT(rig, is_up, &old);
    publish(rig, "sb:{a}:q", "for the old one"); /* in the socket, and not yet read */
    topic_unsubscribe(&old.topic);
    subscribe(rig, &fresh, TOPIC_CHANNEL, "sb:{a}:q");
    WAIT(rig, is_up, &fresh);
    assert_int_equal(fresh.messages, 0);
    assert_int_equal(old.messages, 0);
    topic_unsubscribe(&fresh.topic);
}

static void may_change_its_mind_at_any_time(void **state)
{
    struct rig *rig = *state;
    struct ear ear = { .ups = 0 };

    for (unsigned i = 0; i < 200; i++) {
        ear = (struct ear){ .ups = 0 };
        subscribe(rig, &ear, TOPIC_CHANNEL, "sb:{a}:q");
        for (unsigned turn = 0; turn < i % 4; turn++)
            uv_run(&rig->loop, UV_RUN_NOWAIT);
        topic_unsubscribe(&ear.topic);
        if (i % 3 == 0)
            uv_run(&rig->loop, UV_RUN_NOWAIT);
    }
    ear = (struct ear){ .ups = 0 };
    subscribe(rig, &ear, TOPIC_CHANNEL, "sb:{a}:q");
    WAIT(rig, is_up, &ear);
    publish(rig, "sb:{a}:q", "x");
    WAIT(rig, has_message, &ear);
    assert_int_equal(ear.ups, 1);
    assert_int_equal(ear.messages, 1);
    assert_int_equal(store_stats(rig->store)->topic_disconnects, 0);
    topic_unsubscribe(&ear.topic);
    rig_expect(rig, "client list type pubsub | grep -c 'ssub=1'", "1");
}

/* ---- when the link breaks --------------------------------------------------------------------------- */

enum { CROWD = 20000 };

static bool all_are_up(void *ctx)
{
    const struct ear *ears = ctx;

    for (unsigned i = CROWD; i > 0; i--) {
        if (ears[i - 1].ups == ears[i - 1].downs)
            return false;
    }
    return true;
}

static void renews_twenty_thousand(void **state)
{
    struct rig *rig = *state;
    struct ear *ears = xcalloc(CROWD, sizeof *ears);
    int64_t start_ms;

    for (unsigned i = 0; i < CROWD; i++) {
        char key[40];

        snprintf(key, sizeof key, "sb:{player:test:%u}:q", i);
        subscribe(rig, &ears[i], TOPIC_CHANNEL, key);
    }
    WAIT(rig, all_are_up, ears);
    rig_command(rig, "client kill type pubsub");
    WAIT(rig, is_down, &ears[CROWD - 1]);
    start_ms = clock_ms();
    WAIT(rig, all_are_up, ears);
    print_message("  renewed in %d ms\n", (int)(clock_ms() - start_ms));
    for (unsigned i = 0; i < CROWD; i++) {
        assert_int_equal(ears[i].ups, 2);
        assert_int_equal(ears[i].downs, 1);
        topic_unsubscribe(&ears[i].topic);
    }
    assert_int_equal(store_stats(rig->store)->topic_connects, 2);
    free(ears);
}

static void notices_a_dead_link_within_two_seconds(void **state)
{
    struct rig *rig = *state;
    struct ear ear = { .ups = 0 };
    int64_t start_ms;

    subscribe(rig, &ear, TOPIC_CHANNEL, "sb:{a}:q");
    WAIT(rig, is_up, &ear);
    support_redis_pause(rig->redis);
    start_ms = clock_ms();
    WAIT(rig, is_down, &ear);
    assert_in_range(clock_ms() - start_ms, 500, 2500);
    support_redis_resume(rig->redis);
    WAIT(rig, is_up, &ear);
    publish(rig, "sb:{a}:q", "x");
    WAIT(rig, has_message, &ear);
    topic_unsubscribe(&ear.topic);
}

static void reconnects_when_it_is_told_to(void **state)
{
    struct rig *rig = *state;
    struct ear ear = { .ups = 0 };

    subscribe(rig, &ear, TOPIC_CHANNEL, "sb:{a}:q");
    WAIT(rig, is_up, &ear);
    topic_reconnect(rig->store);
    assert_int_equal(ear.downs, 0);
    WAIT(rig, is_down, &ear);
    WAIT(rig, is_up, &ear);
    topic_unsubscribe(&ear.topic);
}

/* ---- callbacks that end things ------------------------------------------------------------------------ */

static void may_end_itself_and_others_at_any_news(void **state)
{
    static const enum topic_news news[] = { TOPIC_UP, TOPIC_MESSAGE, TOPIC_DOWN };
    struct rig *rig = *state;

    for (size_t i = 0; i < sizeof news / sizeof news[0]; i++) {
        struct ear victim = { .ups = 0 };
        struct ear ear = { .victim = &victim, .does_end = true, .end_on = news[i] };

        subscribe(rig, &ear, TOPIC_CHANNEL, "sb:{a}:q");
        subscribe(rig, &victim, TOPIC_CHANNEL, "sb:{b}:q");
        if (news[i] != TOPIC_UP) {
            WAIT(rig, is_up, &victim);
            if (news[i] == TOPIC_MESSAGE)
                publish(rig, "sb:{a}:q", "x");
            else
                rig_command(rig, "client kill type pubsub");
        }
        WAIT(rig, is_ended, &ear);
        assert_null(victim.topic);
        assert_int_equal(victim.downs, 0);
    }
}

static void on_news_close(struct topic *topic, enum topic_news news, struct slice message,
                          void *ctx)
{
    (void)topic;
    (void)news;
    (void)message;
    store_close(&((struct rig *)ctx)->store);
}

static bool is_closed(void *ctx)
{
    return ((struct rig *)ctx)->store == NULL;
}

static void may_close_the_store(void **state)
{
    struct rig *rig = *state;
    struct topic *first = topic_subscribe(rig->store, TOPIC_CHANNEL, "a", on_news_close, rig);
    struct topic *second = topic_subscribe(rig->store, TOPIC_KEY, "b", on_news_close, rig);

    WAIT(rig, is_closed, rig);
    topic_unsubscribe(&first); /* outlived its store */
    topic_unsubscribe(&second);
}

/* ---- a server that is not what it should be ------------------------------------------------------------- */

static bool has_lost_topics(void *ctx)
{
    return store_stats(ctx)->topic_disconnects > 0;
}

static void breaks_on_what_it_did_not_ask_for(void **state)
{
    static const struct {
        const char *name, *confirm;
    } cases[] = {
        { "another word", "*3\r\n$12\r\nsunsubscribe\r\n$18\r\n__keyspace@0__:key\r\n:1\r\n" },
        { "another topic", "*3\r\n$10\r\nssubscribe\r\n$3\r\nkey\r\n:1\r\n" },
        { "an error", "-NOPERM no\r\n" },
        { "a number", ":1\r\n" },
        { "two elements", "*2\r\n$10\r\nssubscribe\r\n:1\r\n" },
        { "numbers", "*3\r\n:1\r\n:2\r\n:3\r\n" },
        { "no RESP", "hello\r\n" },
        { "twice", "*3\r\n$10\r\nssubscribe\r\n$18\r\n__keyspace@0__:key\r\n:1\r\n"
                   "*3\r\n$10\r\nssubscribe\r\n$18\r\n__keyspace@0__:key\r\n:1\r\n" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rig other = { .ups = 0 };
        struct fake fake = { .confirm = cases[i].confirm };
        struct ear ear = { .ups = 0 };

        print_message("  %s\n", cases[i].name);
        assert_int_equal(uv_loop_init(&other.loop), 0);
        fake_start(&fake, &other.loop);
        other.store = rig_open(&other, fake.url, RIG_TIMEOUT_MS);
        subscribe(&other, &ear, TOPIC_CHANNEL, "key");
        support_wait(&other.loop, has_lost_topics, other.store, SUPPORT_WAIT_MS, "the link breaks");
        assert_int_equal(ear.messages, 0);
        topic_unsubscribe(&ear.topic);
        store_close(&other.store);
        fake_stop(&fake);
        support_loop_close(&other.loop);
    }
}

enum { SLOW_MESSAGES = 2000, SLOW_US = 200 };

/* As a broadcast to many is. */
static void on_slow_news(struct topic *topic, enum topic_news news, struct slice message, void *ctx)
{
    int64_t end_us = clock_us() + SLOW_US;

    on_news(topic, news, message, ctx);
    while (news == TOPIC_MESSAGE && clock_us() < end_us)
        ;
}

static void leaves_time_for_others(void **state)
{
    const struct channel_id id = rig_channel(CHANNEL_NODE, "flood");
    const struct channel_message message = { .payload = SLICE_LITERAL("x") };
    struct rig *rig = *state;
    struct ear ear = { .ups = 0 };
    int64_t end_ms = clock_ms() + SUPPORT_WAIT_MS;
    unsigned before = 0, most = 0;
    struct key key;

    set_bounds(rig, CHANNEL_NODE, 100, SLOW_MESSAGES);
    channel_topic_key(&id, &key);
    ear.topic = topic_subscribe(rig->store, TOPIC_CHANNEL, key.text, on_slow_news, &ear);
    WAIT(rig, is_up, &ear);
    for (int i = 0; i < SLOW_MESSAGES; i++)
        channel_append(rig->store, &id, &message, NULL, NULL, NULL);
    while (ear.messages < SLOW_MESSAGES && clock_ms() < end_ms) {
        uv_run(&rig->loop, UV_RUN_NOWAIT);
        most = ear.messages - before > most ? ear.messages - before : most;
        before = ear.messages;
    }
    assert_int_equal(ear.messages, SLOW_MESSAGES);
    assert_in_range(most, 1, 200); /* of 10 ms, and what had been read by then */
    topic_unsubscribe(&ear.topic);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_start, rig_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(hears_what_is_published),
        TEST(leaves_time_for_others),
        TEST(hears_what_becomes_of_a_key),
        TEST(keeps_the_kinds_apart),
        TEST(hears_what_matches_a_pattern),
        TEST(uses_the_database_of_the_url),
        TEST(hears_nothing_of_an_older_subscription),
        TEST(may_change_its_mind_at_any_time),
        TEST(renews_twenty_thousand),
        TEST(notices_a_dead_link_within_two_seconds),
        TEST(reconnects_when_it_is_told_to),
        TEST(may_end_itself_and_others_at_any_news),
        TEST(may_close_the_store),
        cmocka_unit_test(breaks_on_what_it_did_not_ask_for),
    };

    return cmocka_run_group_tests_name("topic", tests, NULL, NULL);
}
