/* SPDX-License-Identifier: MIT */
#include "store_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "store/resumes.h"

static const struct slice REALM = { "default", 7 };

struct answer {
    bool is_there;
    enum result result;
    char *state;
};

static void on_done(enum result result, void *ctx)
{
    *(struct answer *)ctx = (struct answer){ true, result, NULL };
}

static void on_loaded(enum result result, struct slice state, void *ctx)
{
    *(struct answer *)ctx =
        (struct answer){ true, result, result == RESULT_OK ? slice_dup(state) : NULL };
}

static bool is_there(void *ctx)
{
    return ((struct answer *)ctx)->is_there;
}

static enum result wait_for(struct answer *answer)
{
    support_wait(&loop, is_there, answer, SUPPORT_WAIT_MS, "an answer");
    return answer->result;
}

/* `holder` speaks of a state. */
static struct resume_id id_of(const char *secret, const char *holder)
{
    return (struct resume_id){ REALM, slice_of(secret), slice_of(holder) };
}

static enum result save(const char *secret, const char *holder, const char *bytes, uint32_t ttl_ms)
{
    const struct resume_id id = id_of(secret, holder);
    struct answer answer = { 0 };
    struct store_op *slot = NULL;

    resume_save(store, &id, slice_of(bytes), ttl_ms, on_done, &answer, &slot);
    return wait_for(&answer);
}

static enum result keep(const char *secret, const char *holder, uint32_t ttl_ms)
{
    const struct resume_id id = id_of(secret, holder);
    struct answer answer = { 0 };
    struct store_op *slot = NULL;

    resume_keep(store, &id, ttl_ms, on_done, &answer, &slot);
    return wait_for(&answer);
}

static enum result forget(const char *secret, const char *holder)
{
    const struct resume_id id = id_of(secret, holder);
    struct answer answer = { 0 };
    struct store_op *slot = NULL;

    resume_forget(store, &id, on_done, &answer, &slot);
    return wait_for(&answer);
}

static enum result take(const char *secret, const char *holder)
{
    const struct resume_id id = id_of(secret, holder);
    struct answer answer = { 0 };
    struct store_op *slot = NULL;

    resume_take(store, &id, on_done, &answer, &slot);
    return wait_for(&answer);
}

static int ttl_ms(void)
{
    char *text = support_redis_command(redis, "PTTL sb:{resume:default:a}:state");
    int ttl = atoi(text);

    free(text);
    return ttl;
}

static enum result load_is(const char *secret, const char *bytes)
{
    struct answer answer = { 0 };
    struct store_op *slot = NULL;

    resume_load(store, REALM, slice_of(secret), on_loaded, &answer, &slot);
    wait_for(&answer);
    if (answer.result == RESULT_OK) {
        assert_string_equal(answer.state, bytes);
        free(answer.state);
    }
    return answer.result;
}

static void test_a_state_is_read_as_often_as_wanted(void **state)
{
    (void)state;
    assert_int_equal(load_is("a", ""), RESULT_NOT_FOUND);
    assert_int_equal(save("a", "one", "1", 60000), RESULT_OK);
    assert_int_equal(save("a", "one", "2", 60000), RESULT_OK);
    assert_int_equal(load_is("a", "2"), RESULT_OK);
    assert_int_equal(load_is("a", "2"), RESULT_OK);
    assert_int_equal(load_is("b", ""), RESULT_NOT_FOUND);
}

static void test_it_lives_for_its_time(void **state)
{
    (void)state;
    assert_int_equal(save("a", "one", "1", 50000), RESULT_OK);
    assert_int_equal(keep("a", "one", 90000), RESULT_OK);
    assert_in_range(ttl_ms(), 60000, 90000);
    assert_int_equal(keep("b", "one", 90000), RESULT_NOT_FOUND);
}

static bool is_gone(void *ctx)
{
    (void)ctx;
    return load_is("a", "1") == RESULT_NOT_FOUND;
}

static void test_its_time_ends(void **state)
{
    (void)state;
    assert_int_equal(save("a", "one", "1", 30), RESULT_OK);
    support_wait(&loop, is_gone, NULL, SUPPORT_WAIT_MS, "its end");
}

static void test_it_is_forgotten(void **state)
{
    (void)state;
    assert_int_equal(save("a", "one", "1", 60000), RESULT_OK);
    assert_int_equal(forget("a", "one"), RESULT_OK);
    assert_int_equal(load_is("a", ""), RESULT_NOT_FOUND);
    assert_int_equal(forget("a", "one"), RESULT_NOT_FOUND);
}

/* The client is with another connection: nothing that the former one still says changes its state. */
static void test_who_held_it_before_is_too_late(void **state)
{
    (void)state;
    assert_int_equal(save("a", "one", "1", 60000), RESULT_OK);
    assert_int_equal(take("a", "two"), RESULT_OK);
    assert_int_equal(forget("a", "one"), RESULT_CONFLICT);
    assert_int_equal(save("a", "one", "late", 60000), RESULT_CONFLICT);
    assert_int_equal(keep("a", "one", 1), RESULT_CONFLICT);
    assert_int_equal(load_is("a", "1"), RESULT_OK);
    assert_in_range(ttl_ms(), 50000, 60000);
    assert_int_equal(save("a", "two", "2", 60000), RESULT_OK);
    assert_int_equal(take("a", "two"), RESULT_OK);
    assert_int_equal(load_is("a", "2"), RESULT_OK);
    assert_int_equal(forget("a", "two"), RESULT_OK);
    assert_int_equal(load_is("a", ""), RESULT_NOT_FOUND);
}

static void test_what_was_forgotten_nobody_takes(void **state)
{
    (void)state;
    assert_int_equal(save("a", "one", "1", 60000), RESULT_OK);
    assert_int_equal(forget("a", "one"), RESULT_OK);
    assert_int_equal(take("a", "two"), RESULT_NOT_FOUND);
    assert_int_equal(load_is("a", ""), RESULT_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_state_is_read_as_often_as_wanted, flush),
        cmocka_unit_test_setup(test_it_lives_for_its_time, flush),
        cmocka_unit_test_setup(test_its_time_ends, flush),
        cmocka_unit_test_setup(test_it_is_forgotten, flush),
        cmocka_unit_test_setup(test_who_held_it_before_is_too_late, flush),
        cmocka_unit_test_setup(test_what_was_forgotten_nobody_takes, flush),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
