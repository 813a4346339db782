/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "call.h"

/*
 * Nodes on a real Redis: two in this process, and one in a process of its own, which can be killed. Every
 * node answers "echo" with what it was asked, and keeps "hold" until a test answers it.
 */
enum { HELD_MAX = 16, ASKS_MAX = 512 };

struct held {
    struct call_asked *asked; /* NULL: answered, or gone */
    unsigned gone;
};

struct node {
    const char *id;
    struct store *store;
    struct hub *hub;
    struct inbox *inbox;
    struct calls *calls;
    struct held held[HELD_MAX];
    size_t held_count;
};

static struct world {
    uv_loop_t loop;
    struct support_redis *redis;
    struct node a, b;
    pid_t child; /* node "cccc" */
} world;

static struct node *const a = &world.a, *const b = &world.b;

static void on_state(bool is_up, void *ctx)
{
    (void)is_up;
    (void)ctx;
}

static void on_echo(struct call_asked *asked, struct slice text, void *ctx)
{
    (void)ctx;
    call_answer(asked, text);
}

static void on_gone(void *ctx)
{
    struct held *held = ctx;

    assert_non_null(held->asked);
    held->asked = NULL;
    held->gone++;
}

static void on_hold(struct call_asked *asked, struct slice text, void *ctx)
{
    struct node *node = ctx;
    struct held *held = &node->held[node->held_count++];

    (void)text;
    assert_in_range(node->held_count, 1, HELD_MAX);
    held->asked = asked;
    call_wait(asked, on_gone, held);
}

static void node_open(struct node *node, const char *id, const char *url, uv_loop_t *loop)
{
    static const struct hub_options hub_options = { .settle_ms = 5,
                                                    .settle_count = 256,
                                                    .stall_ms = 1000 };
    struct store_options options = { .url = url,
                                     .timeout_ms = SUPPORT_WAIT_MS, /* 64 MiB are asked at once */
                                     .wait_ms = 300,
                                     .pending_max = 10000,
                                     .pending_bytes = 1 << 28 };
    struct why why = { "" };

    *node = (struct node){ .id = id };
    node->store = store_open(loop, &options, on_state, NULL, &why);
    assert_non_null(node->store);
    node->hub = hub_create(loop, node->store, &hub_options);
    node->inbox = inbox_create(loop, node->store, node->hub, id, on_state, NULL);
    node->calls = calls_create(loop, node->store, node->inbox, id);
    call_handle(node->calls, "echo", on_echo, node);
    call_handle(node->calls, "hold", on_hold, node);
}

static void node_close(struct node *node)
{
    calls_destroy(&node->calls);
    inbox_destroy(&node->inbox);
    hub_destroy(&node->hub);
    store_close(&node->store);
}

static bool are_healthy(void *ctx)
{
    (void)ctx;
    return inbox_is_healthy(a->inbox) && inbox_is_healthy(b->inbox);
}

static int set_up(void **state)
{
    (void)state;
    log_set_level(LOG_ERROR);
    uv_loop_init(&world.loop);
    world.redis = support_redis_start();
    node_open(a, "aaaa", support_redis_url(world.redis), &world.loop);
    node_open(b, "bbbb", support_redis_url(world.redis), &world.loop);
    support_wait(&world.loop, are_healthy, NULL, SUPPORT_WAIT_MS, "both to be healthy");
    return 0;
}

static void kill_child(void)
{
    if (world.child == 0)
        return;
    kill(world.child, SIGKILL);
    assert_int_equal(waitpid(world.child, NULL, 0), world.child);
    world.child = 0;
}

static int tear_down(void **state)
{
    (void)state;
    kill_child();
    if (a->store != NULL)
        node_close(a);
    if (b->store != NULL)
        node_close(b);
    support_loop_close(&world.loop);
    support_redis_stop(&world.redis);
    return 0;
}

/* ---- questions ------------------------------------------------------------------------------------- */

struct ask {
    struct call *call;
    unsigned count;
    enum result result;
    struct buf answer;
};

static struct ask asks[ASKS_MAX];
static size_t answered; /* of them, in order */

static void on_answered(enum result result, struct slice answer, void *ctx)
{
    struct ask *ask = ctx;

    assert_null(ask->call);
    ask->count++;
    ask->result = result;
    buf_init(&ask->answer, CALL_TEXT_MAX);
    if (answer.len > 0)
        buf_add_slice(&ask->answer, answer);
    if (ask == &asks[answered])
        answered++;
}

static struct ask *start(struct ask *ask, struct node *from, const char *node_id, const char *topic,
                         struct slice text)
{
    *ask = (struct ask){ .call = NULL };
    call_start(from->calls, slice_of(node_id), topic, text, on_answered, ask, &ask->call);
    assert_non_null(ask->call);
    assert_int_equal(ask->count, 0);
    return ask;
}

static bool has_answer(void *ctx)
{
    return ((struct ask *)ctx)->count > 0;
}

static void expect_result(struct ask *ask, enum result want)
{
    support_wait(&world.loop, has_answer, ask, SUPPORT_WAIT_MS, "an answer");
    assert_string_equal(result_name(ask->result), result_name(want));
    assert_int_equal(ask->count, 1);
}

static void expect(struct ask *ask, struct slice want)
{
    expect_result(ask, RESULT_OK);
    assert_true(slice_equals(buf_slice(&ask->answer), want));
    buf_fini(&ask->answer);
}

struct holding {
    struct node *node;
    size_t count;
};

static bool is_holding(void *ctx)
{
    struct holding *holding = ctx;

    return holding->node->held_count == holding->count;
}

static void wait_for_held(struct node *node, size_t count)
{
    struct holding holding = { node, count };

    support_wait(&world.loop, is_holding, &holding, SUPPORT_WAIT_MS, "a question to be held");
}

static bool is_gone(void *ctx)
{
    return ((struct held *)ctx)->gone > 0;
}

static void answer_held(struct held *held, const char *text)
{
    struct call_asked *asked = held->asked;

    held->asked = NULL;
    call_answer(asked, slice_of(text));
}

/* ---- the node that can be killed -------------------------------------------------------------------- */

static void run_child(const char *url, const char *asks_whom)
{
    static struct node node;
    static struct ask ask;
    uv_loop_t loop;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    uv_loop_init(&loop);
    node_open(&node, "cccc", url, &loop);
    if (asks_whom != NULL)
        start(&ask, &node, asks_whom, "hold", SLICE_LITERAL("from c"));
    uv_run(&loop, UV_RUN_DEFAULT);
    _exit(1);
}

static void fork_child(const char *asks_whom)
{
    world.child = fork();
    assert_int_not_equal(world.child, -1);
    if (world.child == 0)
        run_child(support_redis_url(world.redis), asks_whom);
}

/* Whether the child is there yet is asked of it. */
static bool is_child_there(void *ctx)
{
    struct ask *ask = ctx;

    if (ask->count > 0 && ask->result != RESULT_OK)
        start(ask, a, "cccc", "echo", SLICE_LITERAL("?"));
    return ask->count > 0 && ask->result == RESULT_OK;
}

static void wait_for_child(void)
{
    struct ask *ask = start(&asks[ASKS_MAX - 1], a, "cccc", "echo", SLICE_LITERAL("?"));

    support_wait(&world.loop, is_child_there, ask, SUPPORT_WAIT_MS, "the other process' node");
    buf_fini(&ask->answer);
}

/* ---- tests ------------------------------------------------------------------------------------------ */

static void test_answers(void **state)
{
    const struct call_stats *stats = calls_stats(a->calls);

    (void)state;
    expect(start(&asks[0], a, "bbbb", "echo", SLICE_LITERAL("two words")),
           SLICE_LITERAL("two words"));
    expect(start(&asks[0], b, "aaaa", "echo", SLICE_LITERAL("")), SLICE_LITERAL(""));
    expect(start(&asks[0], a, "bbbb", "echo", SLICE_LITERAL(" \0\n ")), SLICE_LITERAL(" \0\n "));
    start(&asks[0], a, "bbbb", "hold", SLICE_LITERAL("later"));
    wait_for_held(b, 1);
    assert_true(slice_is(call_asker(b->held[0].asked), "aaaa"));
    assert_int_equal(stats->pending, 1);
    assert_int_equal(calls_stats(b->calls)->held, 1);
    answer_held(&b->held[0], "now");
    expect(&asks[0], SLICE_LITERAL("now"));
    assert_int_equal(stats->pending, 0);
    assert_int_equal(stats->started, 3);
    assert_int_equal(stats->answered[RESULT_OK], 3);
    assert_int_equal(calls_stats(b->calls)->asked, 3);
    assert_int_equal(calls_stats(b->calls)->held, 0);
}

static void test_asking_oneself(void **state)
{
    (void)state;
    expect(start(&asks[0], a, "aaaa", "echo", SLICE_LITERAL("me")), SLICE_LITERAL("me"));
    start(&asks[0], a, "aaaa", "hold", SLICE_LITERAL("me"));
    wait_for_held(a, 1);
    answer_held(&a->held[0], "I");
    expect(&asks[0], SLICE_LITERAL("I"));
}

static void test_unknown_topic(void **state)
{
    (void)state;
    expect_result(start(&asks[0], a, "bbbb", "what", SLICE_LITERAL("?")), RESULT_INVALID);
}

static void test_nobody(void **state)
{
    char *keys;

    (void)state;
    expect_result(start(&asks[0], a, "dddd", "echo", SLICE_LITERAL("?")), RESULT_NOT_FOUND);
    expect_result(start(&asks[0], a, "", "echo", SLICE_LITERAL("?")), RESULT_NOT_FOUND);
    expect_result(start(&asks[0], a, "no\nbody", "echo", SLICE_LITERAL("?")), RESULT_NOT_FOUND);
    keys = support_redis_command(world.redis, "KEYS *dddd*"); /* it costs Redis nothing */
    assert_string_equal(keys, "");
    free(keys);
}

static bool are_all_answered(void *ctx)
{
    return answered == *(size_t *)ctx;
}

static void test_order(void **state)
{
    size_t count = 300;

    (void)state;
    answered = 0;
    for (size_t i = 0; i < count; i++) {
        char text[24];

        snprintf(text, sizeof text, "%zu", i);
        start(&asks[i], a, "bbbb", "echo", slice_of(text));
    }
    support_wait(&world.loop, are_all_answered, &count, SUPPORT_WAIT_MS, "all answers in order");
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(strtoul(asks[i].answer.data, NULL, 10), i);
        buf_fini(&asks[i].answer);
    }
}

static void test_big_texts(void **state)
{
    struct slice text = { xmalloc(CALL_TEXT_MAX), CALL_TEXT_MAX };

    (void)state;
    memset((char *)(uintptr_t)text.data, 'x', text.len);
    for (size_t i = 0; i < 3; i++)
        start(&asks[i], a, "bbbb", "echo", text);
    for (size_t i = 0; i < 3; i++)
        expect(&asks[i], text);
    free((char *)(uintptr_t)text.data);
}

/* Eight of the largest may be open; what is refused was never sent. */
static void test_bytes_are_bounded(void **state)
{
    struct slice text = { xcalloc(1, CALL_TEXT_MAX), CALL_TEXT_MAX };

    (void)state;
    for (size_t i = 0; i < 9; i++)
        start(&asks[i], a, "bbbb", "hold", text);
    expect_result(&asks[8], RESULT_UNAVAILABLE);
    wait_for_held(b, 8);
    call_cancel(&asks[0].call);
    start(&asks[8], a, "bbbb", "echo", text);
    expect(&asks[8], text);
    free((char *)(uintptr_t)text.data);
    for (size_t i = 1; i < 8; i++)
        call_cancel(&asks[i].call);
}

static void test_cancel(void **state)
{
    (void)state;
    start(&asks[0], a, "bbbb", "hold", SLICE_LITERAL("before it is sent"));
    call_cancel(&asks[0].call);
    assert_null(asks[0].call);
    start(&asks[1], a, "bbbb", "hold", SLICE_LITERAL("held"));
    wait_for_held(b, 1);
    start(&asks[2], a, "bbbb", "hold", SLICE_LITERAL("on its way"));
    call_cancel(&asks[2].call);
    wait_for_held(b, 2);
    support_wait(&world.loop, is_gone, &b->held[1], SUPPORT_WAIT_MS, "the held one to be gone");
    assert_int_equal(b->held[0].gone, 0);
    call_cancel(&asks[1].call);
    support_wait(&world.loop, is_gone, &b->held[0], SUPPORT_WAIT_MS, "the held one to be gone");
    call_cancel(&asks[1].call); /* a no-op */
    start(&asks[3], a, "", "hold", SLICE_LITERAL("to nobody"));
    call_cancel(&asks[3].call);
    expect(start(&asks[4], a, "bbbb", "echo", SLICE_LITERAL("end")), SLICE_LITERAL("end"));
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(asks[i].count, 0);
    assert_int_equal(calls_stats(a->calls)->pending, 0);
    assert_int_equal(calls_stats(b->calls)->held, 0);
}

static void test_killed_node_is_noticed(void **state)
{
    int64_t killed_ms;

    (void)state;
    fork_child(NULL);
    wait_for_child();
    start(&asks[0], a, "cccc", "hold", SLICE_LITERAL("?"));
    start(&asks[1], a, "cccc", "echo", SLICE_LITERAL("it holds the other one"));
    expect(&asks[1], SLICE_LITERAL("it holds the other one"));
    kill_child();
    killed_ms = clock_ms();
    expect_result(&asks[0], RESULT_NOT_FOUND);
    assert_in_range(clock_ms() - killed_ms, 0, 3000);
    /* it is in the registry for a while; nobody waits for that */
    killed_ms = clock_ms();
    expect_result(start(&asks[0], a, "cccc", "echo", SLICE_LITERAL("?")), RESULT_NOT_FOUND);
    assert_in_range(clock_ms() - killed_ms, 0, 500);
}

static void test_node_that_stops_is_noticed(void **state)
{
    (void)state;
    start(&asks[0], a, "bbbb", "hold", SLICE_LITERAL("?"));
    wait_for_held(b, 1);
    node_close(b);
    expect_result(&asks[0], RESULT_NOT_FOUND);
    expect_result(start(&asks[0], a, "bbbb", "echo", SLICE_LITERAL("?")), RESULT_NOT_FOUND);
    assert_int_equal(b->held[0].gone, 0);
}

static void test_killed_asker_is_noticed(void **state)
{
    int64_t killed_ms;

    (void)state;
    fork_child("aaaa");
    wait_for_held(a, 1);
    assert_true(slice_is(call_asker(a->held[0].asked), "cccc"));
    kill_child();
    killed_ms = clock_ms();
    support_wait(&world.loop, is_gone, &a->held[0], SUPPORT_WAIT_MS, "the asker to be gone");
    assert_in_range(clock_ms() - killed_ms, 0, 3000);
    assert_int_equal(calls_stats(a->calls)->held, 0);
}

static bool is_a_down(void *ctx)
{
    (void)ctx;
    return !store_is_up(a->store);
}

/* What is open stays so, answered meanwhile or not; what is new is refused. */
static void test_redis_restarts(void **state)
{
    (void)state;
    start(&asks[0], a, "bbbb", "hold", SLICE_LITERAL("answered while it is away"));
    start(&asks[1], a, "bbbb", "hold", SLICE_LITERAL("answered later"));
    start(&asks[2], a, "bbbb", "hold", SLICE_LITERAL("taken back while it is away"));
    wait_for_held(b, 3);
    support_redis_kill(world.redis);
    support_wait(&world.loop, is_a_down, NULL, SUPPORT_WAIT_MS, "Redis to be away");
    answer_held(&b->held[0], "first");
    call_cancel(&asks[2].call);
    expect_result(start(&asks[3], a, "bbbb", "echo", SLICE_LITERAL("?")), RESULT_UNAVAILABLE);
    expect_result(start(&asks[3], a, "dddd", "echo", SLICE_LITERAL("?")), RESULT_UNAVAILABLE);
    support_redis_restart(world.redis);
    expect(&asks[0], SLICE_LITERAL("first"));
    support_wait(&world.loop, is_gone, &b->held[2], SUPPORT_WAIT_MS, "the third to be gone");
    support_wait(&world.loop, are_healthy, NULL, 2 * SUPPORT_WAIT_MS, "both to be healthy");
    assert_int_equal(asks[1].count, 0);
    answer_held(&b->held[1], "second");
    expect(&asks[1], SLICE_LITERAL("second"));
}

static void test_killed_subscriptions_cost_nothing(void **state)
{
    (void)state;
    start(&asks[0], a, "bbbb", "hold", SLICE_LITERAL("?"));
    wait_for_held(b, 1);
    for (int i = 0; i < 3; i++) {
        free(support_redis_command(world.redis, "CLIENT KILL TYPE pubsub"));
        expect(start(&asks[1], a, "bbbb", "echo", SLICE_LITERAL("again")), SLICE_LITERAL("again"));
    }
    answer_held(&b->held[0], "still there");
    expect(&asks[0], SLICE_LITERAL("still there"));
}

/* Redis, having lost what it wrote last, may bring again what was brought already. */
static void test_messages_that_come_twice(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++)
        inbox_send(a->inbox, SLICE_LITERAL("bbbb"), "ask", SLICE_LITERAL("aaaa 7 hold ?"));
    inbox_send(a->inbox, SLICE_LITERAL("bbbb"), "ask", SLICE_LITERAL("aaaa 6 hold ?"));
    inbox_send(b->inbox, SLICE_LITERAL("aaaa"), "answer", SLICE_LITERAL("12345 ok to nothing"));
    for (int i = 0; i < 2; i++)
        inbox_send(a->inbox, SLICE_LITERAL("bbbb"), "unask", SLICE_LITERAL("aaaa 7"));
    support_wait(&world.loop, is_gone, &b->held[0], SUPPORT_WAIT_MS, "it to be taken back");
    expect(start(&asks[0], b, "aaaa", "echo", SLICE_LITERAL("end")), SLICE_LITERAL("end"));
    assert_int_equal(b->held_count, 1);
}

static void test_messages_that_make_no_sense(void **state)
{
    static const struct {
        const char *topic, *text;
    } messages[] = {
        { "ask", "" },           { "ask", "aaaa" },     { "ask", "aaaa x hold" },
        { "ask", " 1 hold ?" },  { "answer", "" },      { "answer", "x ok" },
        { "answer", "-1 ok" },   { "unask", "" },       { "unask", "aaaa" },
        { "unask", "nobody 1" }, { "unask", "aaaa 0" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++)
        inbox_send(a->inbox, SLICE_LITERAL("bbbb"), messages[i].topic, slice_of(messages[i].text));
    expect(start(&asks[0], a, "bbbb", "echo", SLICE_LITERAL("end")), SLICE_LITERAL("end"));
    assert_int_equal(b->held_count, 0);
}

/* Who is told that all is over may ask again at once. */
static void on_asked_again(enum result result, struct slice answer, void *ctx)
{
    struct ask *ask = ctx;

    assert_int_equal(result, RESULT_NOT_FOUND);
    assert_int_equal(answer.len, 0);
    if (++ask->count < 3)
        call_start(a->calls, slice_of("dddd"), "echo", answer, on_asked_again, ask, &ask->call);
}

static bool has_asked_thrice(void *ctx)
{
    return ((struct ask *)ctx)->count == 3;
}

static void test_asking_again_from_the_answer(void **state)
{
    struct ask *ask = &asks[0];

    (void)state;
    *ask = (struct ask){ .call = NULL };
    call_start(a->calls, slice_of("dddd"), "echo", slice_of(""), on_asked_again, ask, &ask->call);
    support_wait(&world.loop, has_asked_thrice, ask, SUPPORT_WAIT_MS, "three refusals");
    assert_null(ask->call);
}

/* The tear-down takes apart what is in every state. */
static void test_end_with_all_open(void **state)
{
    (void)state;
    start(&asks[0], a, "bbbb", "hold", SLICE_LITERAL("?"));
    start(&asks[1], b, "bbbb", "hold", SLICE_LITERAL("?"));
    wait_for_held(b, 2);
    start(&asks[2], a, "dddd", "hold", SLICE_LITERAL("it is being looked up"));
    start(&asks[3], a, "bbbb", "hold", SLICE_LITERAL("it is being sent"));
    start(&asks[4], a, "", "hold", SLICE_LITERAL("it has ended"));
    answer_held(&b->held[0], "it is on its way");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(test_answers),
        TEST(test_asking_oneself),
        TEST(test_unknown_topic),
        TEST(test_nobody),
        TEST(test_order),
        TEST(test_big_texts),
        TEST(test_bytes_are_bounded),
        TEST(test_cancel),
        TEST(test_killed_node_is_noticed),
        TEST(test_node_that_stops_is_noticed),
        TEST(test_killed_asker_is_noticed),
        TEST(test_redis_restarts),
        TEST(test_killed_subscriptions_cost_nothing),
        TEST(test_messages_that_come_twice),
        TEST(test_messages_that_make_no_sense),
        TEST(test_asking_again_from_the_answer),
        TEST(test_end_with_all_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
