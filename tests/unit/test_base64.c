/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <string.h>

#include "base/base64.h"

/* The examples of RFC 4648, section 10, and the alphabet's ends. */
static const struct {
    struct slice bytes;
    const char *text;
} pairs[] = {
    { SLICE_LITERAL(""), "" },
    { SLICE_LITERAL("f"), "Zg==" },
    { SLICE_LITERAL("fo"), "Zm8=" },
    { SLICE_LITERAL("foo"), "Zm9v" },
    { SLICE_LITERAL("foob"), "Zm9vYg==" },
    { SLICE_LITERAL("fooba"), "Zm9vYmE=" },
    { SLICE_LITERAL("foobar"), "Zm9vYmFy" },
    { SLICE_LITERAL("\x01\x02\x03\x04"), "AQIDBA==" },
    { SLICE_LITERAL("\x00\x10\x83\xfb\xff\xbf"), "ABCD+/+/" },
};

static void test_pairs(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        struct buf text, bytes;

        buf_init(&text, 64);
        buf_init(&bytes, 64);
        assert_true(base64_encode(&text, pairs[i].bytes));
        assert_int_equal(text.len, base64_size(pairs[i].bytes.len));
        assert_true(slice_is(buf_slice(&text), pairs[i].text));
        assert_true(base64_decode(&bytes, slice_of(pairs[i].text)));
        assert_true(slice_equals(buf_slice(&bytes), pairs[i].bytes));
        buf_fini(&text);
        buf_fini(&bytes);
    }
}

static const struct {
    const char *name, *text;
} wrong[] = {
    { "one digit", "A" },
    { "no padding", "AQIDBA" },
    { "too little padding", "AQIDBA=" },
    { "nothing but padding", "====" },
    { "three times", "A===" },
    { "padding in the middle", "Zg==Zg==" },
    { "padding within a group", "A=BC" },
    { "a blank", "AQ D" },
    { "a line feed behind", "AQID\n" },
    { "the alphabet for URLs", "ab-_" },
    { "bits of no byte", "Zh==" },
    { "bits of no byte, two bytes", "Zm9=" },
    { "not ASCII", "AQI\xc3" },
};

static void test_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct buf bytes;

        buf_init(&bytes, 64);
        buf_add_text(&bytes, "kept");
        if (base64_decode(&bytes, slice_of(wrong[i].text)))
            fail_msg("%s was taken", wrong[i].name);
        assert_true(slice_is(buf_slice(&bytes), "kept"));
        buf_fini(&bytes);
    }
}

static void test_for_urls(void **state)
{
    static const struct {
        const char *name, *text, *bytes; /* NULL: wrong */
    } rows[] = {
        { "nothing", "", "" },
        { "one byte", "Zg", "f" },
        { "two bytes", "Zm8", "fo" },
        { "three bytes", "Zm9v", "foo" },
        { "its own alphabet", "-_-_", "\xfb\xff\xbf" },
        { "the standard alphabet", "ab+/", NULL },
        { "padding", "Zg==", NULL },
        { "one digit", "Zm9vA", NULL },
        { "bits of no byte", "Zh", NULL },
        { "a blank", "Zm 9", NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf bytes;

        buf_init(&bytes, 64);
        if (base64url_decode(&bytes, slice_of(rows[i].text)) != (rows[i].bytes != NULL) ||
            !slice_is(buf_slice(&bytes), rows[i].bytes != NULL ? rows[i].bytes : ""))
            fail_msg("%s", rows[i].name);
        buf_clear(&bytes);
        if (rows[i].bytes != NULL && (!base64url_encode(&bytes, slice_of(rows[i].bytes)) ||
                                      !slice_is(buf_slice(&bytes), rows[i].text)))
            fail_msg("%s, encoded", rows[i].name);
        buf_fini(&bytes);
    }
}

static void test_ceiling(void **state)
{
    struct buf small;

    (void)state;
    buf_init(&small, 3);
    assert_false(base64_encode(&small, SLICE_LITERAL("f")));
    assert_true(small.has_overflowed);
    buf_clear(&small);
    assert_false(base64_decode(&small, SLICE_LITERAL("Zm9vYg==")));
    buf_clear(&small);
    assert_true(base64_decode(&small, SLICE_LITERAL("Zm9v")));
    buf_fini(&small);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_for_urls),
        cmocka_unit_test(test_ceiling),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
