/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "auth_throttle.h"
#include "base/clock.h"

static const struct rate three_a_second = { .count = 3, .per_ms = 1000 };
static struct throttle *throttle;

static int start(void **state)
{
    (void)state;
    clock_hold(1000000);
    throttle = throttle_create();
    return 0;
}

static int stop(void **state)
{
    (void)state;
    throttle_destroy(&throttle);
    assert_null(throttle);
    clock_release();
    return 0;
}

static struct peer peer_of(const char *text)
{
    struct peer peer;

    assert_true(peer_parse(&peer, text));
    return peer;
}

static int64_t wait_ms(const char *ip)
{
    struct peer peer = peer_of(ip);

    return throttle_wait_ms(throttle, &peer, &three_a_second);
}

static void count(const char *ip, int times)
{
    struct peer peer = peer_of(ip);

    for (int i = 0; i < times; i++)
        throttle_count(throttle, &peer, &three_a_second);
}

static void test_so_many_and_no_more(void **state)
{
    (void)state;
    count("192.0.2.1", 2);
    assert_int_equal(wait_ms("192.0.2.1"), 0);
    count("192.0.2.1", 1);
    assert_in_range(wait_ms("192.0.2.1"), 333, 334);
    assert_int_equal(wait_ms("192.0.2.2"), 0);
}

static void test_refills_evenly(void **state)
{
    (void)state;
    count("192.0.2.1", 3);
    clock_hold(1000000 + 334);
    assert_int_equal(wait_ms("192.0.2.1"), 0);
    count("192.0.2.1", 1);
    assert_in_range(wait_ms("192.0.2.1"), 332, 334);
    clock_hold(1000000 + 5000);
    count("192.0.2.1", 2);
    assert_int_equal(wait_ms("192.0.2.1"), 0);
}

static void test_debts_are_bounded(void **state)
{
    (void)state;
    count("192.0.2.1", 1000);
    assert_in_range(wait_ms("192.0.2.1"), 333, 334);
}

static void test_v6_counts_by_its_64(void **state)
{
    (void)state;
    count("2001:db8::1", 3);
    assert_true(wait_ms("2001:db8::ffff") > 0);
    assert_int_equal(wait_ms("2001:db8:0:1::1"), 0);
    assert_int_equal(wait_ms("192.0.2.1"), 0);
}

static void test_zero_is_no_limit(void **state)
{
    const struct rate none = { .count = 0, .per_ms = 60000 };
    struct peer peer = peer_of("192.0.2.1");

    (void)state;
    for (int i = 0; i < 1000; i++)
        throttle_count(throttle, &peer, &none);
    assert_int_equal(throttle_wait_ms(throttle, &peer, &none), 0);
    count("192.0.2.1", 3);
    assert_int_equal(throttle_wait_ms(throttle, &peer, &none), 0);
}

static void test_forgets_the_least_recent(void **state)
{
    struct peer peer = peer_of("10.0.0.0");

    (void)state;
    count("192.0.2.1", 3);
    count("192.0.2.2", 3);
    for (uint32_t i = 0; i < THROTTLE_PEERS_MAX - 2; i++) {
        peer.ip[13] = (uint8_t)(i >> 16);
        peer.ip[14] = (uint8_t)(i >> 8);
        peer.ip[15] = (uint8_t)i;
        throttle_count(throttle, &peer, &three_a_second);
    }
    assert_true(wait_ms("192.0.2.1") > 0);
    count("192.0.2.1", 1); /* now the second one is the oldest */
    count("192.0.2.3", 1);
    assert_true(wait_ms("192.0.2.1") > 0);
    assert_int_equal(wait_ms("192.0.2.2"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_so_many_and_no_more, start, stop),
        cmocka_unit_test_setup_teardown(test_refills_evenly, start, stop),
        cmocka_unit_test_setup_teardown(test_debts_are_bounded, start, stop),
        cmocka_unit_test_setup_teardown(test_v6_counts_by_its_64, start, stop),
        cmocka_unit_test_setup_teardown(test_zero_is_no_limit, start, stop),
        cmocka_unit_test_setup_teardown(test_forgets_the_least_recent, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
