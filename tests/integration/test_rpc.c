/* SPDX-License-Identifier: MIT */
/* Texts that are kept for a while, and questions on lists, on a real Redis. */
#include "store/rpc.h"

#include <stdio.h>
#include <string.h>

#include "store/kept.h"
#include "store/topic.h"
#include "store_fixture.h"

#define REALM SLICE_LITERAL("test")

struct outcome {
    struct store_op *slot;
    bool has_come;
    enum result result;
    char texts[1024]; /* a line feed behind each */
    size_t count;
};

static bool has_come(void *ctx)
{
    return ((struct outcome *)ctx)->has_come;
}

static enum result wait_for(struct outcome *outcome)
{
    support_wait(&loop, has_come, outcome, SUPPORT_WAIT_MS, "the operation ends");
    assert_null(outcome->slot);
    return outcome->result;
}

static void on_done(enum result result, void *ctx)
{
    struct outcome *outcome = ctx;

    outcome->result = result;
    outcome->has_come = true;
}

static void on_taken(enum result result, const struct slice *texts, size_t count, void *ctx)
{
    struct outcome *outcome = ctx;

    outcome->count = count;
    for (size_t i = 0; i < count && i < 20; i++)
        snprintf(outcome->texts + strlen(outcome->texts),
                 sizeof outcome->texts - strlen(outcome->texts), "%.*s\n", (int)texts[i].len,
                 texts[i].data);
    on_done(result, ctx);
}

static void on_text(enum result result, struct slice text, void *ctx)
{
    on_taken(result, &text, result == RESULT_OK, ctx);
}

static struct outcome read_kept(enum kept_kind kind, const char *id, bool is_taken)
{
    struct outcome outcome = { 0 };

    if (is_taken)
        kept_take(store, kind, REALM, slice_of(id), on_text, &outcome, &outcome.slot);
    else
        kept_get(store, kind, REALM, slice_of(id), on_text, &outcome, &outcome.slot);
    wait_for(&outcome);
    return outcome;
}

static void put(enum kept_kind kind, const char *id, const char *text)
{
    struct outcome outcome = { 0 };

    kept_put(store, kind, REALM, slice_of(id), slice_of(text), on_done, &outcome, &outcome.slot);
    assert_int_equal(wait_for(&outcome), RESULT_OK);
}

static void nonces_are_taken_once(void **state)
{
    (void)state;
    put(KEPT_NONCE, "2882343476", "a.b.c");
    assert_int_equal(read_kept(KEPT_NONCE, "2882343475", true).result, RESULT_NOT_FOUND);
    assert_string_equal(read_kept(KEPT_NONCE, "2882343476", true).texts, "a.b.c\n");
    assert_int_equal(read_kept(KEPT_NONCE, "2882343476", true).result, RESULT_NOT_FOUND);
}

static void kept_texts_have_their_time(void **state)
{
    static const struct {
        const char *name, *key;
        enum kept_kind kind;
        long life_ms;
    } cases[] = {
        { "a user", "sb:{user:test:7}:v", KEPT_USER, 3600000 },
        { "no user", "sb:{user:test:7}:v", KEPT_NO_USER, 60000 },
        { "guilds", "sb:{ug:test:7}:v", KEPT_GUILDS, 60000 },
        { "a nonce", "sb:{nonce:test:7}:v", KEPT_NONCE, 120000 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char command[96], *left;

        put(cases[i].kind, "7", "{}");
        assert_string_equal(read_kept(cases[i].kind, "7", false).texts, "{}\n");
        snprintf(command, sizeof command, "PTTL %s", cases[i].key);
        left = support_redis_command(redis, command);
        assert_in_range(strtol(left, NULL, 10), cases[i].life_ms - 30000, cases[i].life_ms);
        free(left);
    }
}

static void push(const char *text)
{
    struct outcome outcome = { 0 };

    rpc_push(store, REALM, SLICE_LITERAL("3"), slice_of(text), on_done, &outcome, &outcome.slot);
    assert_int_equal(wait_for(&outcome), RESULT_OK);
}

static struct outcome take(const struct key *list)
{
    struct outcome outcome = { 0 };

    rpc_take(store, list, on_taken, &outcome, &outcome.slot);
    assert_int_equal(wait_for(&outcome), RESULT_OK);
    return outcome;
}

static void questions_come_in_order(void **state)
{
    struct key list;
    struct outcome taken;

    (void)state;
    rpc_queue_key(&list, REALM, SLICE_LITERAL("3"));
    assert_string_equal(list.text, "sb:{rpc:test:3}:q");
    push("one");
    push("two");
    taken = take(&list);
    assert_string_equal(taken.texts, "one\ntwo\n");
    assert_int_equal(take(&list).count, 0);
}

static void a_full_queue_says_so(void **state)
{
    struct outcome outcome = { 0 };

    (void)state;
    free(support_redis_command(
        redis, "EVAL \"for i=1,10000 do redis.call('RPUSH',KEYS[1],i) end\" 1 sb:{rpc:test:3}:q"));
    rpc_push(store, REALM, SLICE_LITERAL("3"), SLICE_LITERAL("x"), on_done, &outcome,
             &outcome.slot);
    assert_int_equal(wait_for(&outcome), RESULT_REFUSED);
}

static bool is_awake;

static void on_news(struct topic *topic, enum topic_news news, struct slice message, void *ctx)
{
    (void)topic;
    *(bool *)ctx = news == TOPIC_UP;
    is_awake = is_awake || (news == TOPIC_MESSAGE && slice_is(message, "expire"));
}

static bool is_true(void *ctx)
{
    return *(bool *)ctx;
}

static void an_answer_wakes_its_asker(void **state)
{
    struct outcome outcome = { 0 };
    struct topic *topic;
    struct key list;
    bool is_up = false;

    (void)state;
    rpc_answers_key(&list, REALM, SLICE_LITERAL("n1"));
    assert_string_equal(list.text, "sb:{inbox:test:n1}:rpc");
    topic = topic_subscribe(store, TOPIC_KEY, list.text, on_news, &is_up);
    support_wait(&loop, is_true, &is_up, SUPPORT_WAIT_MS, "the subscription is in force");
    rpc_answer(store, key_slice(&list), SLICE_LITERAL("{}"), on_done, &outcome, &outcome.slot);
    assert_int_equal(wait_for(&outcome), RESULT_OK);
    support_wait(&loop, is_true, &is_awake, SUPPORT_WAIT_MS, "it is told");
    assert_string_equal(take(&list).texts, "{}\n");
    topic_unsubscribe(&topic);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nonces_are_taken_once, flush),
        cmocka_unit_test_setup(kept_texts_have_their_time, flush),
        cmocka_unit_test_setup(questions_come_in_order, flush),
        cmocka_unit_test_setup(a_full_queue_says_so, flush),
        cmocka_unit_test_setup(an_answer_wakes_its_asker, flush),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
