/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "origin.h"

static void test_origins(void **state)
{
    static char a[] = "https://a.example", b[] = "http://b:8080", all[] = "*";
    static char *list[] = { a, b }, *everything[] = { a, all };
    static const struct strings none = { NULL, 0 }, some = { list, 2 }, any = { everything, 2 };
    static const struct {
        const char *name;
        const struct strings *origins;
        const char *origin;
        bool is_allowed;
    } cases[] = {
        { "no list", &none, "https://x", true },
        { "no list, no origin", &none, NULL, true },
        { "listed", &some, "http://b:8080", true },
        { "not listed", &some, "http://b", false },
        { "another case", &some, "https://A.example", false },
        { "no origin", &some, NULL, false },
        { "an empty origin", &some, "", false },
        { "everything", &any, "https://x", true },
        { "everything, no origin", &any, NULL, true },
        { "a star as origin", &some, "*", false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        print_message("  %s\n", cases[i].name);
        assert_int_equal(origin_is_allowed(cases[i].origins, slice_of(cases[i].origin)),
                         cases[i].is_allowed);
    }
    assert_true(origins_hold_all(&any));
    assert_false(origins_hold_all(&some));
    assert_false(origins_hold_all(&none));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_origins) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
