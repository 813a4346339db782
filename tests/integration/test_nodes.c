/* SPDX-License-Identifier: MIT */
/* The registry of live nodes. */
#include "rig.h"

#include <stdio.h>

#include "store/nodes.h"

enum { IDS_MAX = 8 };

struct list_answer {
    struct answer answer;
    char ids[IDS_MAX][40];
    size_t count;
};

static void on_listed(enum result result, const struct slice *ids, size_t count, void *ctx)
{
    struct list_answer *list = ctx;

    assert_in_range(count, 0, IDS_MAX);
    list->count = count;
    for (size_t i = 0; i < count; i++)
        snprintf(list->ids[i], sizeof list->ids[i], "%.*s", (int)ids[i].len, ids[i].data);
    on_answered(result, &list->answer);
}

static void beat(struct rig *rig, const char *id)
{
    struct answer answer = { .slot = NULL };

    nodes_beat(rig->store, id, on_answered, &answer, &answer.slot);
    assert_int_equal(rig_wait(rig, &answer), RESULT_OK);
}

/* The live ones are `wanted`, in the order of their last beats. */
static void expect_live(struct rig *rig, const char *const *wanted, size_t count)
{
    struct list_answer list = { .count = 0 };

    nodes_list_live(rig->store, on_listed, &list, &list.answer.slot);
    assert_int_equal(rig_wait(rig, &list.answer), RESULT_OK);
    assert_int_equal(list.count, count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(list.ids[i], wanted[i]);
}

static void lists_who_has_beaten(void **state)
{
    struct rig *rig = *state;

    expect_live(rig, NULL, 0);
    beat(rig, "a");
    expect_live(rig, (const char *const[]){ "a" }, 1);
    beat(rig, "b");
    beat(rig, "b");
    expect_live(rig, (const char *const[]){ "a", "b" }, 2);
}

static void does_not_list_who_has_left(void **state)
{
    struct rig *rig = *state;
    struct answer answer = { .slot = NULL };

    beat(rig, "a");
    beat(rig, "b");
    nodes_leave(rig->store, "a", on_answered, &answer, &answer.slot);
    assert_int_equal(rig_wait(rig, &answer), RESULT_OK);
    expect_live(rig, (const char *const[]){ "b" }, 1);
    answer = (struct answer){ .slot = NULL };
    nodes_leave(rig->store, "a", on_answered, &answer, &answer.slot); /* safe to repeat */
    assert_int_equal(rig_wait(rig, &answer), RESULT_OK);
}

/* By Redis' clock, so the test turns the beats back instead of waiting. */
static void set_silent_for(struct rig *rig, const char *id, int64_t silent_ms)
{
    char command[160];

    snprintf(command, sizeof command, "zadd sb:{nodes:all:all}:live %lld %s",
             (long long)(store_now_ms(rig->store) - silent_ms), id);
    rig_command(rig, command);
}

static void does_not_list_who_is_silent(void **state)
{
    struct rig *rig = *state;

    set_silent_for(rig, "dead", NODES_LEASE_MS + 1000);
    set_silent_for(rig, "late", NODES_LEASE_MS - 3000);
    set_silent_for(rig, "forgotten", 100 * NODES_LEASE_MS);
    beat(rig, "a");
    expect_live(rig, (const char *const[]){ "late", "a" }, 2);
    rig_expect(rig, "zcard sb:{nodes:all:all}:live", "3");
}

static void takes_nobody_for_dead_while_nobody_is_heard(void **state)
{
    struct rig *rig = *state;

    set_silent_for(rig, "a", 4 * NODES_LEASE_MS);
    set_silent_for(rig, "b", 4 * NODES_LEASE_MS - 1000);
    expect_live(rig, (const char *const[]){ "a", "b" }, 2);
}

static void gives_all_a_lease_when_one_comes_back_after_a_silence_of_all(void **state)
{
    struct rig *rig = *state;

    set_silent_for(rig, "a", 20 * NODES_LEASE_MS);
    set_silent_for(rig, "b", 20 * NODES_LEASE_MS - 1000);
    beat(rig, "b");
    expect_live(rig, (const char *const[]){ "a", "b" }, 2);
    set_silent_for(rig, "a", NODES_LEASE_MS + 1000); /* it has not come back */
    beat(rig, "b");
    expect_live(rig, (const char *const[]){ "b" }, 1);
}

static void a_newcomer_shows_nothing_of_the_silent(void **state)
{
    struct rig *rig = *state;

    set_silent_for(rig, "dead", NODES_LEASE_MS + 1000);
    beat(rig, "new");
    expect_live(rig, (const char *const[]){ "new" }, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_start, rig_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lists_who_has_beaten),
        TEST(does_not_list_who_has_left),
        TEST(does_not_list_who_is_silent),
        TEST(takes_nobody_for_dead_while_nobody_is_heard),
        TEST(gives_all_a_lease_when_one_comes_back_after_a_silence_of_all),
        TEST(a_newcomer_shows_nothing_of_the_silent),
    };

    return cmocka_run_group_tests_name("nodes", tests, NULL, NULL);
}
