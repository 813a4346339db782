/* SPDX-License-Identifier: MIT */
/*
 * The bucket of lua/rate_take.lua and lua/rate_peek.lua. The table runs the script itself with a clock of its own; one test goes
 * through the store and real time.
 */
#include "store_fixture.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/limits.h"
#include "store/scripts.h"

struct answer {
    bool is_there;
    enum result result;
    uint32_t retry_ms;
};

static void on_taken(enum result result, uint32_t retry_ms, void *ctx)
{
    *(struct answer *)ctx = (struct answer){ true, result, retry_ms };
}

static bool is_there(void *ctx)
{
    return ((struct answer *)ctx)->is_there;
}

static struct answer take(const char *subject, const struct rate_limit *limit, uint32_t tokens)
{
    struct answer answer = { 0 };
    struct store_op *slot = NULL;

    rate_take(store, SLICE_LITERAL("default"), slice_of(subject), limit, tokens, on_taken, &answer,
              &slot);
    support_wait(&loop, is_there, &answer, SUPPORT_WAIT_MS, "an answer");
    return answer;
}

static struct answer look(const char *subject, const struct rate_limit *limit)
{
    struct answer answer = { 0 };
    struct store_op *slot = NULL;

    rate_peek(store, SLICE_LITERAL("default"), slice_of(subject), limit, 1, on_taken, &answer,
              &slot);
    support_wait(&loop, is_there, &answer, SUPPORT_WAIT_MS, "an answer");
    return answer;
}

/* ---- the script, by its own clock ---------------------------------------------------------------- */

/* Redis' own clock, which ends the key, hardly moves meanwhile. */
static long run_named(const char *name, int64_t at_ms, unsigned limit, unsigned period_ms,
                      unsigned count)
{
    char command[256];
    char *text;
    long wait;

    snprintf(command, sizeof command, "EVALSHA %s 1 bucket %" PRId64 " %u %u %u",
             script_find(name)->sha1, 1800000000000 + at_ms, limit, period_ms, count);
    text = support_redis_command(redis, command);
    wait = strtol(text, NULL, 10);
    free(text);
    return wait;
}

static long run_script(int64_t at_ms, unsigned limit, unsigned period_ms, unsigned count)
{
    return run_named("rate_take", at_ms, limit, period_ms, count);
}

/* What rate_take would say, again and again. */
static long peek(int64_t at_ms, unsigned count)
{
    long wait = run_named("rate_peek", at_ms, 10, 1000000, count);

    assert_int_equal(run_named("rate_peek", at_ms, 10, 1000000, count), wait);
    return wait;
}

static void test_script(void **state)
{
    static const struct {
        const char *name;
        int64_t at_ms;
        unsigned count;
        long want;
    } rows[] = {
        /* 10 tokens, 1000 s */
        { "a full bucket", 0, 9, 0 },
        { "its last token", 0, 1, 0 },
        { "it is empty", 0, 1, 100000 },
        { "so many only", 0, 10, 1000000 },
        { "more than it holds", 0, 11, 1000000 },
        { "not quite yet", 99999, 1, 1 },
        { "one is there", 100000, 1, 0 },
        { "and no second", 100000, 1, 100000 },
        { "all or none", 300000, 3, 100000 },
        { "none were taken before", 300000, 2, 0 },
        { "it is full again, and no fuller", 60000000, 10, 0 },
        { "as the one before", 60000000, 1, 100000 },
        { "a clock that is behind gives nothing", 59999995, 1, 100000 },
        { "nor does one that is far behind", 10000000, 1, 100000 },
    };

    (void)state;
    free(support_redis_command(redis, "FLUSHALL"));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        long seen = peek(rows[i].at_ms, rows[i].count);
        long got = run_script(rows[i].at_ms, 10, 1000000, rows[i].count);

        if (seen != got)
            fail_msg("%s: seen %ld, got %ld", rows[i].name, seen, got);
        if (got != rows[i].want)
            fail_msg("%s: %ld, not %ld", rows[i].name, got, rows[i].want);
    }
}

static void test_an_uneven_refill_gives_no_more_than_it_should(void **state)
{
    unsigned taken = 0;

    (void)state;
    free(support_redis_command(redis, "FLUSHALL"));
    for (int i = 0; i <= 100; i++)
        taken += run_script(1000 * i, 7, 100000, 1) == 0;
    assert_int_equal(taken, 14); /* 7 at once, 7 in the 100 s */
}

static void test_the_key_lives_until_the_bucket_is_full(void **state)
{
    char *ttl;

    (void)state;
    free(support_redis_command(redis, "FLUSHALL"));
    run_script(0, 10, 1000000, 5);
    ttl = support_redis_command(redis, "PTTL bucket");
    assert_in_range(atoi(ttl), 400000, 500001);
    free(ttl);
}

/* ---- through the store --------------------------------------------------------------------------- */

static void test_store(void **state)
{
    const struct rate_limit limit = { 3, 60000 };
    struct answer answer;

    (void)state;
    assert_int_equal(take("a", &limit, 2).result, RESULT_OK);
    answer = take("a", &limit, 2);
    assert_int_equal(answer.result, RESULT_REFUSED);
    assert_in_range(answer.retry_ms, 15000, 20000);
    assert_int_equal(take("a", &limit, 1).result, RESULT_OK);
    assert_int_equal(take("b", &limit, 3).result, RESULT_OK);
    answer = take("c", &limit, 4);
    assert_int_equal(answer.result, RESULT_REFUSED);
    assert_int_equal(answer.retry_ms, 60000);
}

static void test_a_look_takes_nothing(void **state)
{
    const struct rate_limit limit = { 1, 60000 };
    struct answer answer;

    (void)state;
    assert_int_equal(look("e", &limit).result, RESULT_OK);
    assert_int_equal(look("e", &limit).result, RESULT_OK);
    assert_int_equal(take("e", &limit, 1).result, RESULT_OK);
    answer = look("e", &limit);
    assert_int_equal(answer.result, RESULT_REFUSED);
    assert_in_range(answer.retry_ms, 55000, 60000);
}

static bool is_refilled(void *ctx)
{
    const struct rate_limit limit = { 1, 100 };

    (void)ctx;
    return take("d", &limit, 1).result == RESULT_OK;
}

static void test_time_refills(void **state)
{
    (void)state;
    assert_true(is_refilled(NULL));
    assert_false(is_refilled(NULL));
    support_wait(&loop, is_refilled, NULL, SUPPORT_WAIT_MS, "a token");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_store), /* which loads the scripts */
        cmocka_unit_test(test_a_look_takes_nothing),
        cmocka_unit_test(test_script),
        cmocka_unit_test(test_an_uneven_refill_gives_no_more_than_it_should),
        cmocka_unit_test(test_the_key_lives_until_the_bucket_is_full),
        cmocka_unit_test(test_time_refills),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
