/* SPDX-License-Identifier: MIT */
/* One holder at a time, for as long as it renews. */
#include "store_fixture.h"

#include <string.h>

#include "store/leases.h"

struct answer {
    bool is_there;
    enum result result;
};

static void on_answer(enum result result, void *ctx)
{
    *(struct answer *)ctx = (struct answer){ true, result };
}

static bool is_there(void *ctx)
{
    return ((struct answer *)ctx)->is_there;
}

static struct lease_id lease_of(const char *name, const char *holder)
{
    return (struct lease_id){ SLICE_LITERAL("default"), slice_of(name), slice_of(holder) };
}

static enum result take(const char *name, const char *holder, uint32_t ttl_ms)
{
    struct lease_id id = lease_of(name, holder);
    struct answer answer = { false, RESULT_OK };
    struct store_op *slot = NULL;

    lease_take(store, &id, ttl_ms, on_answer, &answer, &slot);
    support_wait(&loop, is_there, &answer, SUPPORT_WAIT_MS, "taken or not");
    assert_null(slot);
    return answer.result;
}

static enum result release(const char *name, const char *holder)
{
    struct lease_id id = lease_of(name, holder);
    struct answer answer = { false, RESULT_OK };
    struct store_op *slot = NULL;

    lease_release(store, &id, on_answer, &answer, &slot);
    support_wait(&loop, is_there, &answer, SUPPORT_WAIT_MS, "released");
    return answer.result;
}

static void test_one_holder(void **state)
{
    (void)state;
    assert_int_equal(take("a", "me", 60000), RESULT_OK);
    assert_int_equal(take("a", "you", 60000), RESULT_CONFLICT);
    assert_int_equal(take("a", "me", 60000), RESULT_OK);
    assert_int_equal(take("b", "you", 60000), RESULT_OK);
}

static void test_released(void **state)
{
    (void)state;
    assert_int_equal(take("a", "me", 60000), RESULT_OK);
    assert_int_equal(release("a", "you"), RESULT_OK);
    assert_int_equal(take("a", "you", 60000), RESULT_CONFLICT);
    assert_int_equal(release("a", "me"), RESULT_OK);
    assert_int_equal(release("a", "me"), RESULT_OK);
    assert_int_equal(take("a", "you", 60000), RESULT_OK);
}

static bool has_run_out(void *ctx)
{
    (void)ctx;
    return take("a", "you", 60000) == RESULT_OK;
}

static void test_runs_out(void **state)
{
    (void)state;
    assert_int_equal(take("a", "me", 60000), RESULT_OK);
    assert_int_equal(take("a", "me", 30), RESULT_OK); /* the last time counts */
    support_wait(&loop, has_run_out, NULL, SUPPORT_WAIT_MS, "its end");
    assert_int_equal(take("a", "me", 60000), RESULT_CONFLICT);
}

static void test_its_key(void **state)
{
    char *text;

    (void)state;
    assert_int_equal(take("emitter#1", "me", 60000), RESULT_OK);
    text = support_redis_command(redis, "GET sb:{lease:default:emitter%231}:holder");
    assert_string_equal(text, "me");
    free(text);
}

#define TEST(name) cmocka_unit_test_setup(name, flush)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_one_holder),
        TEST(test_released),
        TEST(test_runs_out),
        TEST(test_its_key),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
