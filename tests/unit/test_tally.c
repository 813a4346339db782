/* SPDX-License-Identifier: MIT */
/* Counts by names from outside: the first are told apart, what comes after them counts together. */
#include "support.h"

#include <inttypes.h>

#include "tally.h"

static const char *describe(const struct tally *tally)
{
    static char text[256];
    size_t len = 0;
    struct slice name;
    uint64_t count;

    for (size_t at = 0; at < TALLY_NAMES_MAX && len < sizeof text - 64; at++)
        if (tally_shown(tally, at, &name, &count))
            len += (size_t)snprintf(text + len, sizeof text - len, "%.*s=%" PRIu64 " ",
                                    (int)name.len, name.data, count);
    snprintf(text + len, sizeof text - len, "other=%" PRIu64, tally->other);
    return text;
}

static void names_come_and_go(void **state)
{
    struct tally tally = { 0 };

    (void)state;
    assert_string_equal(describe(&tally), "other=0");
    tally_add(&tally, SLICE_LITERAL("a"), 2);
    tally_add(&tally, SLICE_LITERAL(""), 1);
    tally_add(&tally, SLICE_LITERAL("a"), 3);
    tally_add(&tally, SLICE_LITERAL("none"), 0);
    assert_string_equal(describe(&tally), "a=5 =1 other=0");
    tally_take(&tally, SLICE_LITERAL("a"), 5);
    tally_add(&tally, SLICE_LITERAL("b"), 1);
    assert_string_equal(describe(&tally), "b=1 =1 other=0");
    tally_take(&tally, SLICE_LITERAL("b"), 1);
    tally_take(&tally, SLICE_LITERAL(""), 1);
    assert_null(tally.names);
}

static void some_names_are_never_told(void **state)
{
    static const struct slice names[] = {
        SLICE_LITERAL("other"), { "a\0b", 3 }, SLICE_LITERAL("a\nb"), SLICE_LITERAL("\x7f")
    };
    struct tally tally = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        tally_add(&tally, names[i], 1);
    assert_string_equal(describe(&tally), "other=4");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        tally_take(&tally, names[i], 1);
    assert_string_equal(describe(&tally), "other=0");
    assert_null(tally.names);
}

static struct slice name_of(unsigned number)
{
    static char text[16];

    return (struct slice){ text, (size_t)snprintf(text, sizeof text, "n%u", number) };
}

static void what_was_counted_together_stays_so(void **state)
{
    struct tally tally = { 0 };
    struct slice name;
    uint64_t count;

    (void)state;
    for (unsigned i = 0; i < TALLY_NAMES_MAX + 2; i++)
        tally_add(&tally, name_of(i), 10);
    assert_int_equal(tally.other, 20);
    tally_take(&tally, name_of(0), 10); /* there is a place now … */
    tally_add(&tally, name_of(TALLY_NAMES_MAX), 1);
    assert_int_equal(tally.other, 21);
    assert_false(tally_shown(&tally, 0, &name, &count));
    tally_take(&tally, name_of(TALLY_NAMES_MAX), 11);
    tally_add(&tally, name_of(TALLY_NAMES_MAX), 1); /* … for who comes anew */
    assert_int_equal(tally.other, 10);
    assert_true(tally_shown(&tally, 0, &name, &count) && count == 1);
    tally_take(&tally, name_of(TALLY_NAMES_MAX), 1);
    for (unsigned i = 1; i < TALLY_NAMES_MAX; i++)
        tally_take(&tally, name_of(i), 10);
    tally_take(&tally, name_of(TALLY_NAMES_MAX + 1), 10);
    assert_int_equal(tally.other, 0);
    assert_null(tally.names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_come_and_go),
        cmocka_unit_test(some_names_are_never_told),
        cmocka_unit_test(what_was_counted_together_stays_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
