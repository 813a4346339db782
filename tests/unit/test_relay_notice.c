/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <string.h>

#include "relay_notice.h"

static const struct {
    const char *name, *text, *node;
    uint64_t conn;
} addresses[] = {
    { "an address", "ab12/71", "ab12", 71 },
    { "the largest number", "n/18446744073709551615", "n", UINT64_MAX },
    { "one too large", "n/18446744073709551616", NULL, 0 },
    { "nothing", "", NULL, 0 },
    { "no number", "ab12/", NULL, 0 },
    { "no node", "/71", NULL, 0 },
    { "no slash", "ab12", NULL, 0 },
    { "more behind", "ab12/71 ", NULL, 0 },
    { "a sign", "ab12/-1", NULL, 0 },
    { "two slashes", "ab/12/71", NULL, 0 },
};

static void reads_addresses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        struct relay_target target = { { NULL, 0 }, 0 };
        bool is_good = relay_address_parse(slice_of(addresses[i].text), &target);

        if (is_good != (addresses[i].node != NULL))
            fail_msg("%s", addresses[i].name);
        if (is_good &&
            (!slice_is(target.node, addresses[i].node) || target.conn != addresses[i].conn))
            fail_msg("%s: %.*s", addresses[i].name, (int)target.node.len, target.node.data);
    }
}

static void writes_addresses(void **state)
{
    struct relay_address address, copy;

    (void)state;
    relay_address_make(&address, "0123456789abcdef0123456", UINT64_MAX);
    assert_string_equal(address.text, "0123456789abcdef0123456/18446744073709551615");
    assert_true(relay_address_copy(&copy, slice_of(address.text)));
    assert_string_equal(copy.text, address.text);
    assert_false(relay_address_copy(&copy, SLICE_LITERAL("nobody")));
    assert_string_equal(copy.text, "");
    assert_false(relay_address_copy(
        &copy, SLICE_LITERAL("a-node-whose-name-is-longer-than-any-that-we-give/1")));
}

static const struct {
    const char *name, *text;
    bool is_good;
    uint64_t conn;
    const char *from, *channel; /* channel NULL: none */
} requests[] = {
    { "a channel", "7 n/8 c", true, 7, "n/8", "c" },
    { "a channel with blanks", "7 n/8 a b  c ", true, 7, "n/8", "a b  c " },
    { "no channel", "7 n/8", true, 7, "n/8", NULL },
    { "an empty channel", "7 n/8 ", false, 0, NULL, NULL },
    { "a channel with a control character", "7 n/8 a\n", false, 0, NULL, NULL },
    { "nothing", "", false, 0, NULL, NULL },
    { "a number alone", "7", false, 0, NULL, NULL },
    { "no number", "x n/8 c", false, 0, NULL, NULL },
    { "no address", "7 n c", false, 0, NULL, NULL },
};

static void reads_and_writes_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        struct relay_request request;
        struct buf text;

        if (relay_request_parse(slice_of(requests[i].text), &request) != requests[i].is_good)
            fail_msg("%s", requests[i].name);
        if (!requests[i].is_good)
            continue;
        assert_int_equal(request.conn, requests[i].conn);
        assert_true(slice_is(request.from, requests[i].from));
        assert_true(slice_equals(request.channel, slice_of(requests[i].channel)));
        buf_init(&text, NOTICE_MAX);
        relay_request_write(&text, &request);
        assert_true(slice_is(buf_slice(&text), requests[i].text));
        buf_fini(&text);
    }
}

static void the_longest_request_fits(void **state)
{
    struct relay_address from;
    char channel[KEY_ID_MAX];
    struct relay_request request = { .conn = UINT64_MAX, .channel = { channel, sizeof channel } };
    struct buf text;

    (void)state;
    memset(channel, 'c', sizeof channel);
    relay_address_make(&from, "0123456789abcdef0123456", UINT64_MAX);
    request.from = slice_of(from.text);
    buf_init(&text, NOTICE_MAX);
    relay_request_write(&text, &request);
    assert_false(text.has_overflowed);
    buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_addresses),
        cmocka_unit_test(writes_addresses),
        cmocka_unit_test(reads_and_writes_requests),
        cmocka_unit_test(the_longest_request_fits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
