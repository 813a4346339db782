/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "config.h"
#include "hook.h"
#include "http_stub.h"

/* Calls to a back end that does what each test says. */
static uv_loop_t loop;
static struct http_stub *stub;
static struct hooks *hooks;
static struct config config;
static char url[64];

struct reply {
    int count;
    enum result result;
    int status;
    size_t len;
    char body[64];
    struct hook_call *slot;
    struct hook_call **cancels; /* another's, when this one is answered */
};

static void on_done(enum result result, const struct hook_answer *answer, void *ctx)
{
    struct reply *reply = ctx;

    assert_null(reply->slot);
    assert_int_equal(answer != NULL, result == RESULT_OK);
    reply->count++;
    reply->result = result;
    if (reply->cancels != NULL)
        hook_cancel(reply->cancels);
    if (answer == NULL)
        return;
    reply->status = answer->status;
    reply->len = answer->body.len;
    snprintf(reply->body, sizeof reply->body, "%.*s", (int)answer->body.len,
             answer->body.len > 0 ? answer->body.data : "");
}

static bool has_come(void *ctx)
{
    return ((struct reply *)ctx)->count > 0;
}

static void wait_for(struct reply *reply)
{
    support_wait(&loop, has_come, reply, SUPPORT_WAIT_MS, "the call ends");
    assert_int_equal(reply->count, 1);
}

static bool has_asked(void *ctx)
{
    return http_stub_requests(stub) >= *(int *)ctx;
}

static void wait_for_requests(int count)
{
    support_wait(&loop, has_asked, &count, SUPPORT_WAIT_MS, "the back end is asked");
}

static int start(void **state)
{
    (void)state;
    setenv("no_proxy", "*", 1);
    uv_loop_init(&loop);
    stub = http_stub_start(&loop);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/hook", http_stub_port(stub));
    config = (struct config){
        .hook_timeout_ms = 5000,
        .hook_concurrency = 4,
        .hook_queue = 8,
        .hook_retries = 2,
    };
    hooks = hooks_create(&loop, &config);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    assert_int_equal(hooks_stats(hooks)->running, 0);
    assert_int_equal(hooks_stats(hooks)->waiting, 0);
    hooks_destroy(&hooks);
    http_stub_stop(&stub);
    support_loop_close(&loop);
    return 0;
}

static void call(struct reply *reply, const struct hook_request *request)
{
    struct hook_request copy = *request;

    if (copy.url == NULL)
        copy.url = url;
    if (copy.body.data == NULL)
        copy.body = SLICE_LITERAL("{}");
    hook_call(hooks, &copy, on_done, reply, &reply->slot);
    assert_int_equal(reply->count, 0);
    assert_non_null(reply->slot);
}

#define CALL(reply, ...) call(reply, &(struct hook_request){ .url = url, __VA_ARGS__ })

static bool last_has(const char *text)
{
    return strstr(http_stub_last(stub), text) != NULL;
}

/* ---- what is sent ---------------------------------------------------------------------------------- */

static void test_what_is_sent(void **state)
{
    struct reply reply = { .count = 0 };

    (void)state;
    http_stub_answer(stub, "201 Created", "{\"a\":1}");
    CALL(&reply, .body = SLICE_LITERAL("{\"type\":\"event\"}"), .delivery = SLICE_LITERAL("d-1"));
    wait_for(&reply);
    assert_int_equal(reply.result, RESULT_OK);
    assert_int_equal(reply.status, 201);
    assert_string_equal(reply.body, "{\"a\":1}");
    assert_true(last_has("POST /hook HTTP/1.1\r\n"));
    assert_true(last_has("Content-Type: application/json\r\n"));
    assert_true(last_has("X-Signalbox-Delivery: d-1\r\n"));
    assert_true(last_has("\r\n\r\n{\"type\":\"event\"}"));
    assert_false(last_has("X-Signalbox-Signature"));
    assert_false(last_has("Expect:"));
    assert_int_equal(hooks_stats(hooks)->calls, 1);
    assert_int_equal(hooks_stats(hooks)->answers[2], 1);
}

static void test_a_delivery_is_named_by_itself(void **state)
{
    char first[64], *at;

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct reply reply = { .count = 0 };

        CALL(&reply, .is_repeatable = false);
        wait_for(&reply);
        at = strstr(http_stub_last(stub), "X-Signalbox-Delivery: ");
        assert_non_null(at);
        assert_int_equal(strcspn(at, "\r"), strlen("X-Signalbox-Delivery: ") + 32);
        if (i == 0)
            snprintf(first, sizeof first, "%.54s", at);
        else
            assert_int_not_equal(strncmp(first, at, 54), 0);
    }
}

/* The digest is that of other tools: printf … | openssl dgst -sha256 -hmac key */
static void test_signature(void **state)
{
    struct reply reply = { .count = 0 };
    char secret[] = "key";

    (void)state;
    config.hook_secret = secret;
    CALL(&reply, .body = SLICE_LITERAL("The quick brown fox jumps over the lazy dog"));
    wait_for(&reply);
    assert_true(last_has("X-Signalbox-Signature: sha256="
                         "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8\r\n"));
}

/* ---- what is answered -------------------------------------------------------------------------------- */

static const struct {
    const char *name, *status;
    int want;
    unsigned digit;
} statuses[] = {
    { "nothing to say", "204 No Content", 204, 2 },
    { "a redirect is not followed", "302 Found\r\nLocation: /other", 302, 3 },
    { "forbidden", "403 Forbidden", 403, 4 },
    { "broken", "500 Internal Server Error", 500, 5 },
    { "busy", "503 Service Unavailable", 503, 5 },
};

static void test_every_status_is_an_answer(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        uint64_t before = hooks_stats(hooks)->answers[statuses[i].digit];
        struct reply reply = { .count = 0 };

        http_stub_answer(stub, statuses[i].status, "");
        CALL(&reply, .is_repeatable = false);
        wait_for(&reply);
        if (reply.result != RESULT_OK || reply.status != statuses[i].want ||
            hooks_stats(hooks)->answers[statuses[i].digit] != before + 1)
            fail_msg("%s: got %s %d", statuses[i].name, result_name(reply.result), reply.status);
    }
    assert_int_equal(http_stub_requests(stub), sizeof statuses / sizeof statuses[0]);
}

static void test_largest_answer(void **state)
{
    char *body = malloc(HOOK_ANSWER_MAX + 2);
    struct reply fits = { .count = 0 }, does_not = { .count = 0 };

    (void)state;
    memset(body, 'x', HOOK_ANSWER_MAX + 1);
    body[HOOK_ANSWER_MAX + 1] = '\0';
    http_stub_answer(stub, "200 OK", body + 1);
    CALL(&fits, .is_repeatable = true);
    wait_for(&fits);
    assert_int_equal(fits.result, RESULT_OK);
    assert_int_equal(fits.len, HOOK_ANSWER_MAX);
    http_stub_answer(stub, "200 OK", body);
    CALL(&does_not, .is_repeatable = true);
    wait_for(&does_not);
    assert_int_equal(does_not.result, RESULT_UNCERTAIN);
    assert_int_equal(http_stub_requests(stub), 2);
    free(body);
}

/* ---- connections, places, the line --------------------------------------------------------------------- */

static void test_connections_are_kept(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        struct reply reply = { .count = 0 };

        CALL(&reply, .is_repeatable = false);
        wait_for(&reply);
    }
    assert_int_equal(http_stub_requests(stub), 5);
    assert_int_equal(http_stub_connections(stub), 1);
}

enum { MANY = 15 };
static struct reply many[MANY];

static bool all_have_come(void *ctx)
{
    (void)ctx;
    for (int i = 0; i < MANY; i++)
        if (many[i].slot != NULL)
            return false;
    return true;
}

static bool three_have_come(void *ctx)
{
    int count = 0;

    (void)ctx;
    for (int i = 0; i < MANY; i++)
        count += many[i].count;
    return count == 3;
}

static void test_places_and_line_are_bounded(void **state)
{
    (void)state;
    memset(many, 0, sizeof many);
    http_stub_hold(stub);
    for (int i = 0; i < MANY; i++)
        CALL(&many[i], .is_repeatable = false);
    wait_for_requests(4);
    support_wait(&loop, three_have_come, NULL, SUPPORT_WAIT_MS, "three are refused");
    for (int i = 12; i < MANY; i++)
        assert_int_equal(many[i].result, RESULT_REFUSED);
    assert_int_equal(hooks_stats(hooks)->running, 4);
    assert_int_equal(hooks_stats(hooks)->waiting, 8);
    assert_int_equal(hooks_stats(hooks)->refused, 3);
    http_stub_release(stub);
    support_wait(&loop, all_have_come, NULL, SUPPORT_WAIT_MS, "all are answered");
    for (int i = 0; i < 12; i++)
        assert_int_equal(many[i].result, RESULT_OK);
    assert_int_equal(http_stub_requests(stub), 12);
    assert_in_range(http_stub_connections(stub), 1, 4);
}

/* Who calls one URL does not wait for another. */
static void test_each_url_has_its_places(void **state)
{
    struct http_stub *other = http_stub_start(&loop);
    struct reply first = { .count = 0 }, second = { .count = 0 };
    char other_url[64];

    (void)state;
    snprintf(other_url, sizeof other_url, "http://127.0.0.1:%d/", http_stub_port(other));
    config.hook_concurrency = 1;
    config.hook_queue = 0;
    http_stub_hold(stub);
    CALL(&first, .is_repeatable = false);
    call(&second, &(struct hook_request){ .url = other_url });
    wait_for(&second);
    assert_int_equal(second.result, RESULT_OK);
    assert_int_equal(first.count, 0);
    http_stub_release(stub);
    wait_for(&first);
    http_stub_stop(&other);
}

static void test_bytes_of_the_line_are_bounded(void **state)
{
    char *large = calloc(1, HOOK_WAITING_BYTES_MAX + 1);
    const struct hook_request too_large = { .body = { large, HOOK_WAITING_BYTES_MAX + 1 } };
    const struct hook_request just_fits = { .body = { large, HOOK_WAITING_BYTES_MAX } };
    struct reply runs = { .count = 0 }, refused = { .count = 0 }, waits = { .count = 0 };

    (void)state;
    config.hook_concurrency = 1;
    http_stub_hold(stub);
    CALL(&runs, .is_repeatable = false);
    call(&refused, &too_large);
    wait_for(&refused);
    assert_int_equal(refused.result, RESULT_REFUSED);
    call(&waits, &just_fits);
    wait_for_requests(1);
    assert_int_equal(waits.count, 0);
    hook_cancel(&waits.slot);
    hook_cancel(&runs.slot);
    free(large);
}

/* ---- time ------------------------------------------------------------------------------------------------ */

static void test_time_is_over_while_it_runs(void **state)
{
    struct reply reply = { .count = 0 };
    int64_t start_ms = clock_ms();

    (void)state;
    config.hook_timeout_ms = 200;
    http_stub_hold(stub);
    CALL(&reply, .is_repeatable = true);
    wait_for(&reply);
    assert_int_equal(reply.result, RESULT_UNCERTAIN);
    assert_in_range(clock_ms() - start_ms, 190, 3000);
    assert_int_equal(http_stub_requests(stub), 1);
    assert_int_equal(hooks_stats(hooks)->answers[0], 1);
}

static void test_time_is_over_while_it_waits(void **state)
{
    struct reply first = { .count = 0 }, second = { .count = 0 };

    (void)state;
    config.hook_concurrency = 1;
    http_stub_hold(stub);
    CALL(&first, .is_repeatable = false);
    CALL(&second, .timeout_ms = 200);
    wait_for(&second);
    assert_int_equal(second.result, RESULT_UNAVAILABLE);
    assert_int_equal(first.count, 0);
    http_stub_release(stub);
    wait_for(&first);
    assert_int_equal(first.result, RESULT_OK);
    assert_int_equal(http_stub_requests(stub), 1);
}

/* ---- repeating -------------------------------------------------------------------------------------------- */

static const struct {
    const char *name, *status; /* NULL: the connection is closed without an answer */
    bool is_repeatable;
    int requests; /* before it succeeds, or all there are */
    bool succeeds;
} repeats[] = {
    { "broken", NULL, true, 2, true },
    { "broken, not repeatable", NULL, false, 1, false },
    { "502", "502 Bad Gateway", true, 2, true },
    { "503", "503 Service Unavailable", true, 2, true },
    { "504", "504 Gateway Timeout", true, 2, true },
    { "500 is an answer", "500 Internal Server Error", true, 1, true },
    { "503, not repeatable", "503 Service Unavailable", false, 1, true },
};

static void test_what_is_repeated(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof repeats / sizeof repeats[0]; i++) {
        struct reply reply = { .count = 0 };
        int before = http_stub_requests(stub);

        http_stub_answer(stub, repeats[i].status, "");
        CALL(&reply, .is_repeatable = repeats[i].is_repeatable);
        wait_for_requests(before + 1);
        http_stub_answer(stub, "200 OK", "again");
        wait_for(&reply);
        if (http_stub_requests(stub) != before + repeats[i].requests ||
            (reply.result == RESULT_OK) != repeats[i].succeeds ||
            (repeats[i].requests == 2 && strcmp(reply.body, "again") != 0))
            fail_msg("%s: %s after %d requests", repeats[i].name, result_name(reply.result),
                     http_stub_requests(stub) - before);
        if (!repeats[i].succeeds)
            assert_int_equal(reply.result, RESULT_UNCERTAIN);
    }
    assert_int_equal(hooks_stats(hooks)->retries, 4);
}

static void test_attempts_come_to_an_end(void **state)
{
    struct reply reply = { .count = 0 };

    (void)state;
    http_stub_answer(stub, "503 Service Unavailable", "");
    CALL(&reply, .is_repeatable = true);
    wait_for(&reply);
    assert_int_equal(reply.result, RESULT_OK);
    assert_int_equal(reply.status, 503);
    assert_int_equal(http_stub_requests(stub), 3);
    reply = (struct reply){ .count = 0 };
    http_stub_answer(stub, NULL, NULL);
    CALL(&reply, .is_repeatable = true);
    wait_for(&reply);
    assert_int_equal(reply.result, RESULT_UNCERTAIN);
    assert_int_equal(http_stub_requests(stub), 6);
}

static void test_no_attempt_begins_that_could_not_end(void **state)
{
    struct reply reply = { .count = 0 };
    int64_t start_ms = clock_ms();

    (void)state;
    config.hook_retries = 10;
    http_stub_answer(stub, "503 Service Unavailable", "");
    CALL(&reply, .is_repeatable = true, .timeout_ms = 300);
    wait_for(&reply);
    assert_int_equal(reply.result, RESULT_OK);
    assert_int_equal(reply.status, 503);
    assert_in_range(http_stub_requests(stub), 2, 4);
    assert_in_range(clock_ms() - start_ms, 50, 3000);
}

static void test_nothing_was_sent(void **state)
{
    struct reply reply = { .count = 0 };

    (void)state;
    http_stub_stop(&stub);
    CALL(&reply, .is_repeatable = false);
    wait_for(&reply);
    assert_int_equal(reply.result, RESULT_UNAVAILABLE);
    assert_int_equal(hooks_stats(hooks)->retries, 2);
}

static bool has_failed_once(void *ctx)
{
    (void)ctx;
    return hooks_stats(hooks)->retries > 0;
}

static void test_what_was_not_sent_is_repeated(void **state)
{
    struct reply reply = { .count = 0 };
    int port = http_stub_port(stub);

    (void)state;
    config.hook_retries = 10;
    http_stub_stop(&stub);
    CALL(&reply, .is_repeatable = false);
    support_wait(&loop, has_failed_once, NULL, SUPPORT_WAIT_MS, "an attempt fails");
    stub = http_stub_start_on(&loop, port);
    wait_for(&reply);
    assert_int_equal(reply.result, RESULT_OK);
    assert_int_equal(http_stub_requests(stub), 1);
}

/* A kept connection breaks under a request: nobody knows whether it was carried out. */
static void test_a_kept_connection_breaks(void **state)
{
    struct reply first = { .count = 0 }, second = { .count = 0 };

    (void)state;
    CALL(&first, .is_repeatable = false);
    wait_for(&first);
    http_stub_answer(stub, NULL, NULL);
    CALL(&second, .is_repeatable = false);
    wait_for(&second);
    assert_int_equal(second.result, RESULT_UNCERTAIN);
    assert_int_equal(http_stub_requests(stub), 2);
}

static void test_what_can_never_succeed_is_not_repeated(void **state)
{
    static const char *const urls[] = { "file:///etc/passwd", "gopher://127.0.0.1/",
                                        "http://127.0.0.1:99999/" };

    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        struct reply reply = { .count = 0 };

        call(&reply, &(struct hook_request){ .url = urls[i] });
        wait_for(&reply);
        assert_int_equal(reply.result, RESULT_UNAVAILABLE);
    }
    assert_int_equal(hooks_stats(hooks)->retries, 0);
}

/* ---- cancelling ---------------------------------------------------------------------------------------------- */

static void test_cancel_at_any_time(void **state)
{
    struct reply runs = { .count = 0 }, waits = { .count = 0 }, refused = { .count = 0 },
                 paused = { .count = 0 }, last = { .count = 0 };

    (void)state;
    config.hook_concurrency = 1;
    config.hook_queue = 1;
    http_stub_hold(stub);
    CALL(&runs, .is_repeatable = true);
    CALL(&waits, .is_repeatable = true);
    CALL(&refused, .is_repeatable = true);
    hook_cancel(&refused.slot);
    hook_cancel(&refused.slot);
    wait_for_requests(1);
    hook_cancel(&waits.slot);
    hook_cancel(&runs.slot);
    assert_null(runs.slot);

    http_stub_stop(&stub);
    config.hook_retries = 10;
    CALL(&paused, .is_repeatable = true);
    support_wait(&loop, has_failed_once, NULL, SUPPORT_WAIT_MS, "an attempt fails");
    hook_cancel(&paused.slot);

    stub = http_stub_start(&loop);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", http_stub_port(stub));
    CALL(&last, .is_repeatable = true);
    wait_for(&last);
    assert_int_equal(last.result, RESULT_OK);
    assert_int_equal(runs.count + waits.count + refused.count + paused.count, 0);
}

static void test_cancel_another_when_one_is_answered(void **state)
{
    struct reply second = { .count = 0 };
    struct reply first = { .cancels = &second.slot };
    struct reply third = { .count = 0 };

    (void)state;
    config.hook_concurrency = 1;
    CALL(&first, .is_repeatable = false);
    CALL(&second, .is_repeatable = false);
    CALL(&third, .is_repeatable = false);
    wait_for(&third);
    assert_int_equal(first.count, 1);
    assert_int_equal(second.count, 0);
    assert_int_equal(http_stub_requests(stub), 2);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_sent),
        TEST(test_a_delivery_is_named_by_itself),
        TEST(test_signature),
        TEST(test_every_status_is_an_answer),
        TEST(test_largest_answer),
        TEST(test_connections_are_kept),
        TEST(test_places_and_line_are_bounded),
        TEST(test_each_url_has_its_places),
        TEST(test_bytes_of_the_line_are_bounded),
        TEST(test_time_is_over_while_it_runs),
        TEST(test_time_is_over_while_it_waits),
        TEST(test_what_is_repeated),
        TEST(test_attempts_come_to_an_end),
        TEST(test_no_attempt_begins_that_could_not_end),
        TEST(test_nothing_was_sent),
        TEST(test_what_was_not_sent_is_repeated),
        TEST(test_a_kept_connection_breaks),
        TEST(test_what_can_never_succeed_is_not_repeated),
        TEST(test_cancel_at_any_time),
        TEST(test_cancel_another_when_one_is_answered),
    };
    return cmocka_run_group_tests_name("hook", tests, NULL, NULL);
}
