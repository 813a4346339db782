/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <string.h>

#include "peer.h"

static void test_texts(void **state)
{
    static const struct {
        const char *text, *want; /* NULL: no address */
    } cases[] = {
        { "192.0.2.1", "192.0.2.1" },
        { "0.0.0.0", "0.0.0.0" },
        { "::1", "::1" },
        { "::", "::" },
        { "2001:DB8:0:0::1", "2001:db8::1" },
        { "::ffff:192.0.2.1", "192.0.2.1" },
        { "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
          "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
        { "", NULL },
        { "192.0.2", NULL },
        { "192.0.2.256", NULL },
        { "192.0.2.1 ", NULL },
        { "[::1]", NULL },
        { "fe80::1%eth0", NULL },
        { "localhost", NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct peer peer;
        char text[PEER_TEXT_SIZE];

        print_message("  \"%s\"\n", cases[i].text);
        assert_int_equal(peer_parse(&peer, cases[i].text), cases[i].want != NULL);
        if (cases[i].want == NULL)
            continue;
        peer_format(&peer, text);
        assert_string_equal(text, cases[i].want);
    }
}

static void test_equality(void **state)
{
    struct peer a, b, c;

    (void)state;
    assert_true(peer_parse(&a, "192.0.2.1") && peer_parse(&b, "::ffff:c000:201"));
    assert_true(peer_parse(&c, "192.0.2.2"));
    assert_true(peer_equals(&a, &b));
    assert_false(peer_equals(&a, &c));
}

static void test_subscribers(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        { "192.0.2.1", "192.0.2.1" },
        { "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::" },
        { "2001:db8:1:2::", "2001:db8:1:2::" },
        { "::1", "::" },
        { "::", "::" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct peer peer, subscriber;
        char text[PEER_TEXT_SIZE];

        assert_true(peer_parse(&peer, cases[i].text));
        subscriber = peer_subscriber(&peer);
        peer_format(&subscriber, text);
        assert_string_equal(text, cases[i].want);
    }
}

static void test_a_bad_text_changes_nothing(void **state)
{
    struct peer peer, before;

    (void)state;
    assert_true(peer_parse(&peer, "192.0.2.1"));
    before = peer;
    assert_false(peer_parse(&peer, "nonsense"));
    assert_true(peer_equals(&peer, &before));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_equality),
        cmocka_unit_test(test_subscribers),
        cmocka_unit_test(test_a_bad_text_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
