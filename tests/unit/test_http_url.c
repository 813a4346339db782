/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <string.h>

#include "http_url.h"

static void test_decoding(void **state)
{
    static const struct {
        const char *name;
        struct slice text;
        enum url_blank blank;
        bool is_encoded, is_good;
        struct slice want;
    } cases[] = {
        { "plain", { "abc", 3 }, URL_PLUS_IS_BLANK, false, true, { "abc", 3 } },
        { "empty", { "", 0 }, URL_PLUS_IS_BLANK, false, true, { "", 0 } },
        { "hex", { "%41%7a%C3%b6", 12 }, URL_PLUS_IS_PLUS, true, true, { "Az\xc3\xb6", 4 } },
        { "NUL", { "a%00b", 5 }, URL_PLUS_IS_PLUS, true, true, { "a\0b", 3 } },
        { "an encoded percent sign is not decoded twice",
          { "%2541", 5 },
          URL_PLUS_IS_PLUS,
          true,
          true,
          { "%41", 3 } },
        { "plus in a query", { "a+b", 3 }, URL_PLUS_IS_BLANK, true, true, { "a b", 3 } },
        { "plus in a path", { "a+b", 3 }, URL_PLUS_IS_PLUS, false, true, { "a+b", 3 } },
        { "cut after the sign", { "a%", 2 }, URL_PLUS_IS_PLUS, true, false, { NULL, 0 } },
        { "cut after a digit", { "a%4", 3 }, URL_PLUS_IS_PLUS, true, false, { NULL, 0 } },
        { "no digit", { "%g1", 3 }, URL_PLUS_IS_PLUS, true, false, { NULL, 0 } },
        { "no second digit", { "%1g", 3 }, URL_PLUS_IS_PLUS, true, false, { NULL, 0 } },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[64];
        size_t len = 0;

        print_message("  %s\n", cases[i].name);
        assert_int_equal(url_is_encoded(cases[i].text, cases[i].blank), cases[i].is_encoded);
        assert_int_equal(url_decode(cases[i].text, cases[i].blank, out, &len), cases[i].is_good);
        if (!cases[i].is_good)
            continue;
        assert_int_equal(len, cases[i].want.len);
        assert_memory_equal(out, cases[i].want.data, len);
    }
}

static void test_finding_a_parameter(void **state)
{
    static const struct {
        const char *name, *query, *parameter, *want; /* want: NULL: there is none */
    } cases[] = {
        { "the only one", "a=1", "a", "1" },
        { "the last", "b=2&c&a=1", "a", "1" },
        { "the first of two", "a=1&a=2", "a", "1" },
        { "none", "b=1", "a", NULL },
        { "no query", "", "a", NULL },
        { "a longer name", "ab=1", "a", NULL },
        { "a shorter name", "a=1", "ab", NULL },
        { "no value", "a", "a", "" },
        { "an empty value", "a=&b", "a", "" },
        { "an equals sign in the value", "a=b=c", "a", "b=c" },
        { "empty parameters", "&&a=1", "a", "1" },
        { "an encoded name", "%61pi%5fkey=1", "api_key", "1" },
        { "a blank in the name", "a+b=1", "a b", "1" },
        { "a broken name", "%6=1&a=2", "a", "2" },
        { "the value stays encoded", "a=%20+", "a", "%20+" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct slice got = url_query_find(slice_of(cases[i].query), cases[i].parameter);

        print_message("  %s\n", cases[i].name);
        assert_int_equal(got.data != NULL, cases[i].want != NULL);
        assert_true(slice_equals(got, slice_of(cases[i].want)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decoding),
        cmocka_unit_test(test_finding_a_parameter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
