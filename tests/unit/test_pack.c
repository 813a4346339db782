/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <string.h>

#include "base/pack.h"
#include "support.h"

static void test_numbers_and_texts_come_back(void **state)
{
    static const uint64_t numbers[] = { 0, 1, 127, 128, 16383, 16384, UINT32_MAX, UINT64_MAX };
    struct buf buf;
    struct unpack unpack;

    (void)state;
    buf_init(&buf, 1024);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        pack_number(&buf, numbers[i]);
    pack_slice(&buf, SLICE_LITERAL("a\0b"));
    pack_slice(&buf, SLICE_LITERAL(""));
    unpack_init(&unpack, buf_slice(&buf));
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        assert_int_equal(unpack_number(&unpack), numbers[i]);
    assert_true(slice_equals(unpack_slice(&unpack), SLICE_LITERAL("a\0b")));
    assert_int_equal(unpack_slice(&unpack).len, 0);
    assert_true(unpack_is_done(&unpack));
    buf_fini(&buf);
}

static void test_what_is_cut_short_is_broken(void **state)
{
    struct buf buf;

    (void)state;
    buf_init(&buf, 1024);
    pack_number(&buf, 300);
    pack_slice(&buf, SLICE_LITERAL("hello"));
    for (size_t len = 0; len < buf.len; len++) {
        struct unpack unpack;

        unpack_init(&unpack, (struct slice){ buf.data, len });
        (void)unpack_number(&unpack);
        (void)unpack_slice(&unpack);
        assert_false(unpack_is_done(&unpack));
    }
    buf_fini(&buf);
}

static void test_what_makes_no_sense_is_broken(void **state)
{
    static const struct {
        const char *name;
        struct slice bytes;
    } cases[] = {
        { "a number of more than 64 bits", { "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10 } },
        { "a number without an end", { "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 11 } },
        { "a text longer than what is left",
          { "\x7f"
            "abc",
            4 } },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct unpack unpack;

        unpack_init(&unpack, cases[i].bytes);
        (void)unpack_slice(&unpack);
        if (!unpack.is_broken)
            fail_msg("%s: accepted", cases[i].name);
        assert_int_equal(unpack_number(&unpack), 0);
    }
}

static void test_a_number_above_its_bound_is_broken(void **state)
{
    struct unpack unpack;

    (void)state;
    unpack_init(&unpack, SLICE_LITERAL("\x05"));
    assert_int_equal(unpack_number_max(&unpack, 4), 0);
    assert_true(unpack.is_broken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_and_texts_come_back),
        cmocka_unit_test(test_what_is_cut_short_is_broken),
        cmocka_unit_test(test_what_makes_no_sense_is_broken),
        cmocka_unit_test(test_a_number_above_its_bound_is_broken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
