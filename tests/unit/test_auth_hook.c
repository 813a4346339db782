/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth_hook.h"
#include "base/clock.h"
#include "http_stub.h"

/* The hook against a service that answers what each row says. */
static uv_loop_t loop;
static struct http_stub *stub;
static struct hook *hook;
static struct config config;
static char url[64];

struct reply {
    int count;
    enum source_answer answer;
    char subject[KEY_ID_MAX + 1];
    int64_t expires_ms;
    struct source_call *slot;
};

static void on_answered(enum source_answer answer, const struct source_subject *subject, void *ctx)
{
    struct reply *reply = ctx;

    assert_null(reply->slot);
    assert_int_equal(answer == SOURCE_ACCEPTS, subject != NULL);
    reply->count++;
    reply->answer = answer;
    if (subject == NULL)
        return;
    snprintf(reply->subject, sizeof reply->subject, "%.*s", (int)subject->subject.len,
             subject->subject.data);
    reply->expires_ms = subject->expires_ms;
}

static bool has_come(void *ctx)
{
    return ((struct reply *)ctx)->count > 0;
}

static int start(void **state)
{
    (void)state;
    setenv("no_proxy", "*", 1);
    uv_loop_init(&loop);
    stub = http_stub_start(&loop);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/check", http_stub_port(stub));
    config = (struct config){
        .universe_auth_url = url,
        .token_auth_url = url,
        .auth_timeout_ms = 5000,
    };
    hook = hook_create(&loop, &config);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    hook_destroy(&hook);
    http_stub_stop(&stub);
    support_loop_close(&loop);
    return 0;
}

static void ask(struct reply *reply, enum credential_kind kind, const char *secret,
                const char *subject)
{
    struct source_question question = {
        .kind = kind,
        .secret = slice_of(secret),
        .subject = slice_of(subject),
    };

    hook_ask(hook, &question, on_answered, reply, &reply->slot);
}

static struct reply answer_to(enum credential_kind kind, const char *secret, const char *subject)
{
    struct reply reply = { .count = 0 };

    ask(&reply, kind, secret, subject);
    support_wait(&loop, has_come, &reply, SUPPORT_WAIT_MS, "the hook answers");
    assert_int_equal(reply.count, 1);
    return reply;
}

/* ---- what is sent ------------------------------------------------------------------------------------ */

static void test_question_of_a_universe(void **state)
{
    struct reply reply;

    (void)state;
    http_stub_answer(stub, "200 OK", "");
    reply = answer_to(CREDENTIAL_UNIVERSE, "a \"key\"\\\n", "42");
    assert_int_equal(reply.answer, SOURCE_ACCEPTS);
    assert_string_equal(reply.subject, "42");
    assert_int_equal(reply.expires_ms, 0);
    assert_non_null(strstr(http_stub_last(stub), "POST /check HTTP/1.1\r\n"));
    assert_non_null(strstr(http_stub_last(stub), "Content-Type: application/json\r\n"));
    assert_null(strstr(http_stub_last(stub), "Expect:"));
    assert_non_null(strstr(http_stub_last(stub),
                           "\r\n\r\n{\"universeId\":\"42\",\"apiKey\":\"a \\\"key\\\"\\\\\\n\"}"));
}

static void test_question_of_a_token(void **state)
{
    (void)state;
    http_stub_answer(stub, "200 OK", "{\"subject\":\"7\"}");
    assert_string_equal(answer_to(CREDENTIAL_SERVER, "t", NULL).subject, "7");
    assert_non_null(strstr(http_stub_last(stub), "\r\n\r\n{\"token\":\"t\",\"kind\":\"server\"}"));
}

/* The longest secret, of bytes that all have to be escaped. */
static void test_longest_question(void **state)
{
    char secret[CREDENTIAL_SECRET_MAX + 1];

    (void)state;
    memset(secret, 1, sizeof secret - 1);
    secret[sizeof secret - 1] = '\0';
    http_stub_answer(stub, "200 OK", "{\"subject\":\"7\"}");
    assert_int_equal(answer_to(CREDENTIAL_PLAYER, secret, NULL).answer, SOURCE_ACCEPTS);
}

static void test_no_json_can_hold_it(void **state)
{
    (void)state;
    http_stub_answer(stub, "200 OK", "");
    assert_int_equal(answer_to(CREDENTIAL_UNIVERSE, "\xff", "42").answer, SOURCE_REFUSES);
    assert_int_equal(http_stub_requests(stub), 0);
}

/* ---- what is answered ----------------------------------------------------------------------------------- */

static const struct {
    const char *name, *status, *body;
    enum source_answer want;
    const char *subject;
    int64_t expires_ms;
} cases[] = {
    { "a subject", "200 OK", "{\"subject\":\"7\"}", SOURCE_ACCEPTS, "7", 0 },
    { "an expiry", "200 OK", "{\"subject\":\"7\",\"expires_at\":\"2030-01-01T00:00:00Z\"}",
      SOURCE_ACCEPTS, "7", 1893456000000 },
    { "an expiry in seconds", "200 OK", "{\"subject\":\"7\",\"expires_at\":1893456000}",
      SOURCE_ACCEPTS, "7", 1893456000000 },
    { "an expiry that is null", "200 OK", "{\"subject\":\"7\",\"expires_at\":null}", SOURCE_ACCEPTS,
      "7", 0 },
    { "more members", "200 OK", " {\"id\":1,\"subject\":\"7\",\"x\":[]} ", SOURCE_ACCEPTS, "7", 0 },
    { "an escaped subject", "200 OK", "{\"subject\":\"\\u00e4\"}", SOURCE_ACCEPTS, "\xc3\xa4", 0 },

    { "401", "401 Unauthorized", "", SOURCE_REFUSES, NULL, 0 },
    { "403", "403 Forbidden", "{\"subject\":\"7\"}", SOURCE_REFUSES, NULL, 0 },

    { "201", "201 Created", "{\"subject\":\"7\"}", SOURCE_SILENT, NULL, 0 },
    { "204", "204 No Content", "", SOURCE_SILENT, NULL, 0 },
    { "a redirect", "302 Found\r\nLocation: /other", "{\"subject\":\"7\"}", SOURCE_SILENT, NULL,
      0 },
    { "404", "404 Not Found", "", SOURCE_SILENT, NULL, 0 },
    { "429", "429 Too Many Requests", "", SOURCE_SILENT, NULL, 0 },
    { "500", "500 Internal Server Error", "", SOURCE_SILENT, NULL, 0 },
    { "an empty body", "200 OK", "", SOURCE_SILENT, NULL, 0 },
    { "no JSON", "200 OK", "yes", SOURCE_SILENT, NULL, 0 },
    { "no object", "200 OK", "[\"7\"]", SOURCE_SILENT, NULL, 0 },
    { "no subject", "200 OK", "{\"expires_at\":null}", SOURCE_SILENT, NULL, 0 },
    { "an empty subject", "200 OK", "{\"subject\":\"\"}", SOURCE_SILENT, NULL, 0 },
    { "a subject that is a number", "200 OK", "{\"subject\":7}", SOURCE_SILENT, NULL, 0 },
    { "a subject with a line feed", "200 OK", "{\"subject\":\"7\\n\"}", SOURCE_SILENT, NULL, 0 },
    { "an expiry that is no time", "200 OK", "{\"subject\":\"7\",\"expires_at\":\"soon\"}",
      SOURCE_SILENT, NULL, 0 },
    { "an expiry that is a list", "200 OK", "{\"subject\":\"7\",\"expires_at\":[]}", SOURCE_SILENT,
      NULL, 0 },
};

static void test_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct reply reply;

        http_stub_answer(stub, cases[i].status, cases[i].body);
        reply = answer_to(CREDENTIAL_PLAYER, "t", NULL);
        if (reply.answer != cases[i].want ||
            strcmp(reply.subject, cases[i].subject != NULL ? cases[i].subject : "") != 0 ||
            reply.expires_ms != cases[i].expires_ms)
            fail_msg("%s: got %d \"%s\" %lld", cases[i].name, reply.answer, reply.subject,
                     (long long)reply.expires_ms);
    }
}

static void test_too_large(void **state)
{
    char *body = malloc(HOOK_BODY_MAX + 100);

    (void)state;
    memset(body, ' ', HOOK_BODY_MAX + 99);
    memcpy(body, "{\"subject\":\"7\"}", 15);
    body[HOOK_BODY_MAX] = '\0';
    http_stub_answer(stub, "200 OK", body);
    assert_int_equal(answer_to(CREDENTIAL_PLAYER, "t", NULL).answer, SOURCE_ACCEPTS);
    body[HOOK_BODY_MAX] = ' ';
    body[HOOK_BODY_MAX + 1] = '\0';
    http_stub_answer(stub, "200 OK", body);
    assert_int_equal(answer_to(CREDENTIAL_PLAYER, "t", NULL).answer, SOURCE_SILENT);
    free(body);
}

/* ---- when nothing is answered ---------------------------------------------------------------------------- */

static void test_time_is_over(void **state)
{
    int64_t start_ms = clock_ms();

    (void)state;
    config.auth_timeout_ms = 200;
    http_stub_hold(stub);
    assert_int_equal(answer_to(CREDENTIAL_PLAYER, "t", NULL).answer, SOURCE_SILENT);
    assert_in_range(clock_ms() - start_ms, 190, 2000);
}

static void test_nobody_listens(void **state)
{
    (void)state;
    snprintf(url, sizeof url, "http://127.0.0.1:1/");
    assert_int_equal(answer_to(CREDENTIAL_PLAYER, "t", NULL).answer, SOURCE_SILENT);
}

static void test_url_is_none(void **state)
{
    (void)state;
    snprintf(url, sizeof url, "file:///etc/passwd");
    assert_int_equal(answer_to(CREDENTIAL_PLAYER, "t", NULL).answer, SOURCE_SILENT);
}

static void test_connection_is_cut(void **state)
{
    (void)state;
    http_stub_answer(stub, NULL, NULL);
    assert_int_equal(answer_to(CREDENTIAL_PLAYER, "t", NULL).answer, SOURCE_SILENT);
}

static void test_whom_it_serves(void **state)
{
    (void)state;
    assert_true(hook_serves(hook, CREDENTIAL_UNIVERSE));
    assert_true(hook_serves(hook, CREDENTIAL_SERVER));
    assert_false(hook_serves(hook, CREDENTIAL_RELAY));
    assert_false(hook_serves(hook, CREDENTIAL_ADMIN));
    config.universe_auth_url = NULL;
    url[0] = '\0';
    assert_false(hook_serves(hook, CREDENTIAL_UNIVERSE));
    assert_false(hook_serves(hook, CREDENTIAL_PLAYER));
}

/* ---- many at a time ---------------------------------------------------------------------------------------- */

enum { MANY = HOOK_CONCURRENT_MAX + HOOK_WAITING_MAX + 10 };
static struct reply many[MANY];

static bool is_full(void *ctx)
{
    (void)ctx;
    return http_stub_requests(stub) == HOOK_CONCURRENT_MAX;
}

static bool all_have_come(void *ctx)
{
    (void)ctx;
    for (int i = 0; i < MANY; i++) {
        if (many[i].count == 0 && many[i].slot != NULL)
            return false;
    }
    return true;
}

static void test_bounds(void **state)
{
    int silent = 0, accepted = 0, dropped = 0;

    (void)state;
    memset(many, 0, sizeof many);
    http_stub_answer(stub, "200 OK", "{\"subject\":\"7\"}");
    http_stub_hold(stub);
    for (int i = 0; i < MANY; i++)
        ask(&many[i], CREDENTIAL_PLAYER, "t", NULL);
    support_wait(&loop, is_full, NULL, SUPPORT_WAIT_MS, "as many requests as may run");
    for (int i = 0; i < MANY; i++)
        silent += many[i].count;
    assert_int_equal(silent, 10);                /* those for whom there was no room */
    for (int i = 0; i < 200; i += 10, dropped++) /* some of those that run, and that wait */
        source_drop(&many[i].slot);
    http_stub_release(stub);
    support_wait(&loop, all_have_come, NULL, SUPPORT_WAIT_MS, "all are answered");
    for (int i = 0; i < MANY; i++) {
        assert_in_range(many[i].count, 0, 1);
        accepted += many[i].count > 0 && many[i].answer == SOURCE_ACCEPTS;
    }
    assert_int_equal(accepted, MANY - 10 - dropped);
    assert_true(http_stub_connections(stub) <= HOOK_CONCURRENT_MAX); /* they were kept alive */
}

static void test_time_is_over_while_waiting(void **state)
{
    (void)state;
    memset(many, 0, sizeof many);
    config.auth_timeout_ms = 300;
    http_stub_hold(stub);
    for (int i = 0; i < MANY; i++)
        ask(&many[i], CREDENTIAL_PLAYER, "t", NULL);
    support_wait(&loop, all_have_come, NULL, 3000, "all are answered");
    for (int i = 0; i < MANY; i++)
        assert_int_equal(many[i].answer, SOURCE_SILENT);
}

static void test_ends_with_requests_under_way(void **state)
{
    (void)state;
    memset(many, 0, sizeof many);
    http_stub_hold(stub);
    for (int i = 0; i < 100; i++)
        ask(&many[i], CREDENTIAL_PLAYER, "t", NULL);
    support_wait(&loop, is_full, NULL, SUPPORT_WAIT_MS, "as many requests as may run");
    hook_destroy(&hook);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(many[i].count, 0);
        assert_null(many[i].slot);
    }
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_question_of_a_universe),
        TEST(test_question_of_a_token),
        TEST(test_longest_question),
        TEST(test_no_json_can_hold_it),
        TEST(test_answers),
        TEST(test_too_large),
        TEST(test_time_is_over),
        TEST(test_nobody_listens),
        TEST(test_url_is_none),
        TEST(test_connection_is_cut),
        TEST(test_whom_it_serves),
        TEST(test_bounds),
        TEST(test_time_is_over_while_waiting),
        TEST(test_ends_with_requests_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
