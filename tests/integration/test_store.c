/* SPDX-License-Identifier: MIT */
/* The command link: what operations end with when Redis comes, goes, hangs and forgets. */
#include "rig.h"

#include <stdio.h>

#include "base/clock.h"

/* ---- connecting ------------------------------------------------------------------------------------- */

static void knows_the_server_once_it_is_up(void **state)
{
    struct rig *rig = *state;

    assert_int_equal(rig->ups, 1);
    assert_true(store_has_keyspace_events(rig->store));
    assert_true(llabs(store_now_ms(rig->store) - clock_wall_ms()) < 50);
    rig_expect(rig, "config get notify-keyspace-events | tail -1", "g$xK");
}

static void leaves_keyspace_events_that_are_there(void **state)
{
    struct rig *rig = *state;

    rig_command(rig, "config set notify-keyspace-events El");
    rig_command(rig, "client kill type normal");
    rig_wait_down(rig);
    rig_wait_up(rig);
    rig_expect(rig, "config get notify-keyspace-events | tail -1", "g$lxKE");
}

/* ---- many in flight ----------------------------------------------------------------------------------- */

enum { MANY = 10000 };

struct crowd {
    struct answer answers[MANY];
    uint64_t last;
    unsigned ended, out_of_order;
    unsigned results[RESULT_COUNT];
};

struct member {
    struct crowd *crowd;
    unsigned index;
};

static void on_member_appended(enum result result, const struct channel_appended *appended,
                               void *ctx)
{
    struct crowd *crowd = ctx;

    crowd->ended++;
    crowd->results[result]++;
    if (result == RESULT_OK && appended->number <= crowd->last)
        crowd->out_of_order++;
    if (result == RESULT_OK)
        crowd->last = appended->number;
}

static bool crowd_has_ended(void *ctx)
{
    return ((struct crowd *)ctx)->ended == MANY;
}

static void crowd_append(struct rig *rig, struct crowd *crowd, unsigned from, unsigned to)
{
    const struct channel_id id = rig_channel(CHANNEL_NODE, "crowd");
    char text[16];

    for (unsigned i = from; i < to; i++) {
        const struct channel_message message = { .payload = { text, 0 } };
        struct channel_message numbered = message;

        numbered.payload.len = (size_t)snprintf(text, sizeof text, "%u", i);
        channel_append(rig->store, &id, &numbered, on_member_appended, crowd, NULL);
    }
}

/* Every entry on the list, and in the order of the appends. */
static void expect_list_in_order(struct rig *rig, unsigned count)
{
    char command[200];

    snprintf(command, sizeof command,
             "eval \"local l=redis.call('LRANGE',KEYS[1],0,-1) for i=1,#l do "
             "if l[i]:sub(17)~=tostring(i-1) then return 'at '..i end end return #l..' in order'\" "
             "1 sb:{node:test:crowd}:q");
    char wanted[40];

    snprintf(wanted, sizeof wanted, "%u in order", count);
    rig_expect(rig, command, wanted);
}

static void keeps_the_order_of_ten_thousand(void **state)
{
    struct rig *rig = *state;
    struct crowd *crowd = xcalloc(1, sizeof *crowd);

    set_bounds(rig, CHANNEL_NODE, MANY, MANY);
    crowd_append(rig, crowd, 0, MANY);
    assert_int_equal(crowd->ended, 0);
    assert_int_equal(store_stats(rig->store)->pending, MANY);
    support_wait(&rig->loop, crowd_has_ended, crowd, SUPPORT_WAIT_MS, "all are answered");
    assert_int_equal(crowd->results[RESULT_OK], MANY);
    assert_int_equal(crowd->out_of_order, 0);
    assert_int_equal(store_stats(rig->store)->pending, 0);
    expect_list_in_order(rig, MANY);
    free(crowd);
}

/* ---- scripts --------------------------------------------------------------------------------------------- */

static void reloads_lost_scripts_and_keeps_the_order(void **state)
{
    struct rig *rig = *state;
    struct crowd *crowd = xcalloc(1, sizeof *crowd);

    set_bounds(rig, CHANNEL_NODE, MANY, MANY);
    for (unsigned i = 0; i < MANY; i += 100) {
        if (i % 2500 == 0)
            rig_command(rig, "script flush");
        crowd_append(rig, crowd, i, i + 100);
        uv_run(&rig->loop, UV_RUN_NOWAIT);
    }
    support_wait(&rig->loop, crowd_has_ended, crowd, SUPPORT_WAIT_MS, "all are answered");
    assert_int_equal(crowd->results[RESULT_OK], MANY);
    assert_int_equal(crowd->out_of_order, 0);
    assert_in_range(store_stats(rig->store)->script_loads, 1, 4);
    expect_list_in_order(rig, MANY);
    free(crowd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(knows_the_server_once_it_is_up, rig_start, rig_stop),
        cmocka_unit_test_setup_teardown(leaves_keyspace_events_that_are_there, rig_start, rig_stop),
        cmocka_unit_test_setup_teardown(keeps_the_order_of_ten_thousand, rig_start, rig_stop),
        cmocka_unit_test_setup_teardown(reloads_lost_scripts_and_keeps_the_order, rig_start,
                                        rig_stop),
    };

    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
