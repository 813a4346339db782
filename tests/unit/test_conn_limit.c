/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "conn_limit.h"

static struct config config;
static struct metrics metrics;
static struct conn_limit *limit;
static struct peer a, b, nobody;

static int start(void **state)
{
    (void)state;
    config = (struct config){ .max_conns_total = 0 };
    metrics = (struct metrics){ .http_connections_open = 0 };
    limit = conn_limit_create(&config, &metrics);
    return peer_parse(&a, "192.0.2.1") && peer_parse(&b, "192.0.2.2") ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    conn_limit_destroy(&limit);
    return 0;
}

static void test_in_all(void **state)
{
    struct conn_place places[3] = { { NULL, NULL } };

    (void)state;
    config.max_conns_total = 2;
    assert_true(conn_limit_take(limit, &places[0]));
    assert_true(conn_limit_take(limit, &places[1]));
    assert_false(conn_limit_take(limit, &places[2]));
    assert_null(places[2].limit);
    assert_int_equal(metrics.limits[LIMIT_CONNECTIONS], 1);
    conn_limit_give(&places[0]);
    assert_null(places[0].limit);
    assert_true(conn_limit_take(limit, &places[2]));
    conn_limit_give(&places[0]); /* no place: nothing to give back */
    assert_false(conn_limit_take(limit, &places[0]));
    conn_limit_give(&places[1]);
    conn_limit_give(&places[2]);
}

static void test_no_limits(void **state)
{
    struct conn_place places[100] = { { NULL, NULL } };

    (void)state;
    for (size_t i = 0; i < 100; i++) {
        assert_true(conn_limit_take(limit, &places[i]));
        assert_true(conn_limit_take_address(&places[i], &a));
    }
    for (size_t i = 0; i < 100; i++)
        conn_limit_give(&places[i]);
}

static void test_per_address(void **state)
{
    struct conn_place places[3] = { { NULL, NULL } };

    (void)state;
    config.max_conns_per_ip = 1;
    for (size_t i = 0; i < 3; i++)
        assert_true(conn_limit_take(limit, &places[i]));
    assert_true(conn_limit_take_address(&places[0], &a));
    assert_true(conn_limit_take_address(&places[0], &a)); /* it is counted already */
    assert_true(conn_limit_take_address(&places[1], &b));
    assert_false(conn_limit_take_address(&places[2], &a));
    assert_int_equal(metrics.limits[LIMIT_CONNECTIONS_PER_IP], 1);

    conn_limit_give(&places[0]);
    assert_true(conn_limit_take_address(&places[2], &a));
    for (size_t i = 0; i < 3; i++)
        conn_limit_give(&places[i]);
}

/* Behind a proxy one connection carries requests of several clients. */
static void test_an_address_that_changes(void **state)
{
    struct conn_place one = { NULL, NULL }, other = { NULL, NULL };

    (void)state;
    config.max_conns_per_ip = 1;
    assert_true(conn_limit_take(limit, &one) && conn_limit_take(limit, &other));
    assert_true(conn_limit_take_address(&one, &a));
    assert_true(conn_limit_take_address(&one, &b));
    assert_true(conn_limit_take_address(&other, &a)); /* given back by the change */
    assert_false(conn_limit_take_address(&other, &b));
    assert_true(conn_limit_take_address(&one, &a)); /* the refused one counts for nobody */
    conn_limit_give(&one);
    conn_limit_give(&other);
}

static void test_unix_sockets_have_no_address(void **state)
{
    struct conn_place one = { NULL, NULL }, other = { NULL, NULL };

    (void)state;
    config.max_conns_per_ip = 1;
    assert_true(conn_limit_take(limit, &one) && conn_limit_take(limit, &other));
    assert_true(conn_limit_take_address(&one, &nobody));
    assert_true(conn_limit_take_address(&other, &nobody));
    conn_limit_give(&one);
    conn_limit_give(&other);
}

static void test_places_that_outlive_it(void **state)
{
    struct conn_place place = { NULL, NULL }, moved;

    (void)state;
    config.max_conns_per_ip = 1;
    assert_true(conn_limit_take(limit, &place));
    assert_true(conn_limit_take_address(&place, &a));
    moved = place; /* from HTTP to WebSocket */
    conn_limit_destroy(&limit);
    conn_limit_give(&moved);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_in_all),
        TEST(test_no_limits),
        TEST(test_per_address),
        TEST(test_an_address_that_changes),
        TEST(test_unix_sockets_have_no_address),
        TEST(test_places_that_outlive_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
