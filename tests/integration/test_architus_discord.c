/* SPDX-License-Identifier: MIT */
/* Discord's API, on a stand-in. */
#include "discord.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "http_stub.h"
#include "support.h"

static uv_loop_t loop;
static struct http_stub *stub;
static struct discord *discord;
static struct config config;

struct outcome {
    struct discord_call *slot;
    bool has_come;
    int status;
    char body[128];
};

static void on_done(int status, struct slice body, void *ctx)
{
    struct outcome *outcome = ctx;

    assert_null(outcome->slot);
    assert_false(outcome->has_come);
    outcome->has_come = true;
    outcome->status = status;
    snprintf(outcome->body, sizeof outcome->body, "%.*s", (int)body.len,
             body.len > 0 ? body.data : "");
}

static bool has_come(void *ctx)
{
    return ((struct outcome *)ctx)->has_come;
}

static bool has_request(void *ctx)
{
    return http_stub_requests(stub) > *(int *)ctx;
}

static int start(void **state)
{
    static char url[64];

    (void)state;
    uv_loop_init(&loop);
    stub = http_stub_start(&loop);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/api", http_stub_port(stub));
    config.discord_api = url;
    discord = discord_create(&loop, &config);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    discord_destroy(&discord);
    http_stub_stop(&stub);
    support_loop_close(&loop);
    return 0;
}

static void ask(struct outcome *outcome)
{
    assert_true(discord_ask(discord, SLICE_LITERAL("AT"), on_done, outcome, &outcome->slot));
    assert_non_null(outcome->slot);
    assert_false(outcome->has_come);
}

static const struct {
    const char *name, *status, *body;
    int want;
    const char *want_body;
} cases[] = {
    { "guilds", "200 OK", "[{\"id\":\"1\"}]", 200, "[{\"id\":\"1\"}]" },
    { "a token that has ended", "401 Unauthorized", "{}", 401, "{}" },
    { "too many questions", "429 Too Many Requests", "{}", 429, "{}" },
    { "somewhere else", "302 Found\r\nLocation: http://127.0.0.1:1/", "", 302, "" },
    { "the connection breaks", NULL, NULL, 502, "" },
};

static void says_what_discord_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct outcome outcome = { 0 };

        http_stub_answer(stub, cases[i].status, cases[i].body);
        ask(&outcome);
        support_wait(&loop, has_come, &outcome, SUPPORT_WAIT_MS, cases[i].name);
        if (outcome.status != cases[i].want || strcmp(outcome.body, cases[i].want_body) != 0)
            fail_msg("%s: %d %s", cases[i].name, outcome.status, outcome.body);
    }
    assert_non_null(strstr(http_stub_last(stub), "GET /api/users/@me/guilds HTTP/1.1\r\n"));
    assert_non_null(strstr(http_stub_last(stub), "Authorization: Bearer AT\r\n"));
}

static void a_token_that_would_add_a_header_is_not_sent(void **state)
{
    static const char *const tokens[] = { "", "a b", "a\r\nX: y", "\xc3\xa4" };
    struct outcome outcome = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++) {
        assert_false(discord_ask(discord, slice_of(tokens[i]), on_done, &outcome, &outcome.slot));
        assert_null(outcome.slot);
    }
}

static void whoever_cancels_hears_nothing(void **state)
{
    int before = http_stub_requests(stub);
    struct outcome outcome = { 0 }, later = { 0 };

    (void)state;
    http_stub_answer(stub, "200 OK", "[]");
    http_stub_hold(stub);
    ask(&outcome);
    support_wait(&loop, has_request, &before, SUPPORT_WAIT_MS, "it was asked");
    discord_cancel(&outcome.slot);
    assert_null(outcome.slot);
    http_stub_release(stub);
    ask(&later);
    support_wait(&loop, has_come, &later, SUPPORT_WAIT_MS, "the next one");
    assert_false(outcome.has_come);
}

static void there_is_a_limit(void **state)
{
    static struct outcome outcomes[DISCORD_CALLS_MAX + 1];

    (void)state;
    http_stub_hold(stub);
    for (size_t i = 0; i < DISCORD_CALLS_MAX; i++)
        ask(&outcomes[i]);
    assert_false(discord_ask(discord, SLICE_LITERAL("AT"), on_done, &outcomes[DISCORD_CALLS_MAX],
                             &outcomes[DISCORD_CALLS_MAX].slot));
    for (size_t i = 0; i < DISCORD_CALLS_MAX; i++)
        discord_cancel(&outcomes[i].slot);
    http_stub_release(stub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_discord_says),
        cmocka_unit_test(a_token_that_would_add_a_header_is_not_sent),
        cmocka_unit_test(whoever_cancels_hears_nothing),
        cmocka_unit_test(there_is_a_limit),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
