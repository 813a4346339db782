/* SPDX-License-Identifier: MIT */
#include "store_fixture.h"

#include <stdlib.h>

#include "store/players.h"

/* The connections of a player, counted over nodes. */

static enum result ended;
static bool is_over;
static struct store_op *slot;

static void on_done(enum result result, void *ctx)
{
    (void)ctx;
    ended = result;
    is_over = true;
}

static bool is_done(void *ctx)
{
    (void)ctx;
    return is_over;
}

static enum result wait_for_end(void)
{
    support_wait(&loop, is_done, NULL, SUPPORT_WAIT_MS, "an answer");
    is_over = false;
    return ended;
}

static struct player_conn conn_of(const char *node, uint64_t number)
{
    return (struct player_conn){ SLICE_LITERAL("default"), SLICE_LITERAL("p"), node, number };
}

enum act { JOIN, LEAVE, RENEW };

static enum result carry_out(enum act act, const char *node, uint64_t number, const char *live)
{
    struct player_conn conn = conn_of(node, number);

    if (live != NULL)
        free(support_redis_command(redis, "DEL 'sb:{player:default:p}:swept'"));
    if (act == JOIN)
        player_join(store, &conn, 3, slice_of(live), on_done, NULL, &slot);
    else if (act == LEAVE)
        player_leave(store, &conn, on_done, NULL, &slot);
    else
        player_renew(store, &conn, on_done, NULL, &slot);
    return wait_for_end();
}

static void test_connections(void **state)
{
    static const struct {
        const char *name;
        enum act act;
        const char *node;
        uint64_t number;
        const char *live;
        enum result want;
    } rows[] = {
        /* at most 3; one after the other */
        { "the first", JOIN, "a1", 1, NULL, RESULT_OK },
        { "the same again", JOIN, "a1", 1, NULL, RESULT_OK },
        { "another node's", JOIN, "b2", 1, NULL, RESULT_OK },
        { "the third", JOIN, "a1", 2, NULL, RESULT_OK },
        { "a fourth", JOIN, "a1", 3, NULL, RESULT_REFUSED },
        { "one that is there, though it is full", JOIN, "a1", 2, NULL, RESULT_OK },
        { "one that is there is renewed", RENEW, "a1", 2, NULL, RESULT_OK },
        { "a fourth while all nodes live", JOIN, "a1", 3, " a1 b2 c3 ", RESULT_REFUSED },
        { "a fourth when one node is dead", JOIN, "a1", 3, " a1 c3 ", RESULT_OK },
        { "the dead one's place is taken", JOIN, "c3", 1, " a1 c3 ", RESULT_REFUSED },
        { "one leaves", LEAVE, "a1", 1, NULL, RESULT_OK },
        { "it leaves again", LEAVE, "a1", 1, NULL, RESULT_OK },
        { "a place is free", JOIN, "c3", 1, NULL, RESULT_OK },
        { "part of a node's id is not that node", JOIN, "d4", 1, " a1x xa1 c3 ", RESULT_OK },
        { "a renewal puts back what was lost", RENEW, "a1", 9, NULL, RESULT_OK },
        { "and counts", JOIN, "d4", 2, NULL, RESULT_REFUSED },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        enum result got = carry_out(rows[i].act, rows[i].node, rows[i].number, rows[i].live);

        if (got != rows[i].want)
            fail_msg("%s: %s, not %s", rows[i].name, result_name(got), result_name(rows[i].want));
    }
}

static void test_dead_nodes_are_looked_for_once_a_second(void **state)
{
    struct player_conn late = conn_of("c3", 9);

    (void)state;
    free(support_redis_command(redis, "FLUSHALL"));
    assert_int_equal(carry_out(JOIN, "a1", 1, NULL), RESULT_OK);
    assert_int_equal(carry_out(JOIN, "b2", 2, NULL), RESULT_OK);
    assert_int_equal(carry_out(JOIN, "b2", 3, NULL), RESULT_OK);
    assert_int_equal(carry_out(JOIN, "c3", 9, " a1 b2 c3 "), RESULT_REFUSED);
    player_join(store, &late, 3, SLICE_LITERAL(" a1 c3 "), on_done, NULL, &slot);
    assert_int_equal(wait_for_end(), RESULT_REFUSED);
    assert_int_equal(carry_out(JOIN, "c3", 9, " a1 c3 "), RESULT_OK);
}

static void test_the_count_outlives_its_renewals(void **state)
{
    char *ttl;

    (void)state;
    free(support_redis_command(redis, "FLUSHALL"));
    assert_int_equal(carry_out(JOIN, "a1", 1, NULL), RESULT_OK);
    free(support_redis_command(redis, "PEXPIRE 'sb:{player:default:p}:conns' 1000"));
    assert_int_equal(carry_out(RENEW, "a1", 1, NULL), RESULT_OK);
    ttl = support_redis_command(redis, "PTTL 'sb:{player:default:p}:conns'");
    assert_true(atoi(ttl) > 2 * PLAYER_RENEW_MS);
    free(ttl);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connections),
        cmocka_unit_test(test_dead_nodes_are_looked_for_once_a_second),
        cmocka_unit_test(test_the_count_outlives_its_renewals),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
