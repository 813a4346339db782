/* SPDX-License-Identifier: MIT */
/* What names become when they are searched for. */
#include "store/fold.h"

#include "support.h"

#include <string.h>

static const struct {
    const char *name, *text, *folded, *found_by;
} cases[] = {
    { "one word", "Johnyburd", "johnyburd", "0johnyburd\n" },
    { "two words", "John Smith", "john smith", "0john smith\n1smith\n" },
    { "the rest from each word on", "Ludwig van der Berg", "ludwig van der berg",
      "0ludwig van der berg\n1van der berg\n1der berg\n1berg\n" },
    { "separators at the ends and in between", "  __x.y  (z)  ", "x y z", "0x y z\n1y z\n1z\n" },
    { "nothing but separators", "_._", "", "" },
    { "empty", "", "", "" },
    { "accents", "Ünïcödé ÀÇÑØÝ", "unicode acnoy", "0unicode acnoy\n1acnoy\n" },
    { "ligatures", "Æther Straße œuvre Þór", "aether strasse oeuvre thor",
      "0aether strasse oeuvre thor\n1strasse oeuvre thor\n1oeuvre thor\n1thor\n" },
    { "Latin Extended-A", "Łukasz Őry Žižka", "lukasz ory zizka",
      "0lukasz ory zizka\n1ory zizka\n1zizka\n" },
    { "combining accents", "e\u0301te\u0301", "ete", "0ete\n" },
    { "Greek and Cyrillic", "ΑΒΓ Ёжик Ж", "αβγ ёжик ж", "0αβγ ёжик ж\n1ёжик ж\n1ж\n" },
    { "other scripts stay", "日本 テスト", "日本 テスト", "0日本 テスト\n1テスト\n" },
    { "signs beyond the first plane", "👍ok", "👍ok", "0👍ok\n" },
    { "a blank that is wide", "a\u3000b\u2003c", "a b c", "0a b c\n1b c\n1c\n" },
    { "multiplication and division", "a×b÷c", "a b c", "0a b c\n1b c\n1c\n" },
    { "no more than eight words", "a b c d e f g h i", "a b c d e f g h i",
      "0a b c d e f g h i\n1b c d e f g h i\n1c d e f g h i\n1d e f g h i\n1e f g h i\n"
      "1f g h i\n1g h i\n1h i\n" },
};

static void folds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf text, terms;

        buf_init(&text, 4096);
        buf_init(&terms, 4096);
        fold_text(&text, slice_of(cases[i].text));
        fold_name(&terms, slice_of(cases[i].text));
        if (!slice_is(buf_slice(&text), cases[i].folded))
            fail_msg("%s: \"%.*s\"", cases[i].name, (int)text.len, text.data);
        if (!slice_is(buf_slice(&terms), cases[i].found_by))
            fail_msg("%s: found by \"%.*s\"", cases[i].name, (int)terms.len, terms.data);
        buf_fini(&text);
        buf_fini(&terms);
    }
}

static void long_names_are_cut_between_characters(void **state)
{
    char name[400];
    struct buf text;

    (void)state;
    buf_init(&text, 4096);
    memset(name, 'a', 127);
    strcpy(name + 127, "日本");
    fold_text(&text, slice_of(name));
    assert_int_equal(text.len, 127);
    buf_fini(&text);
}

static void appends_to_what_is_there(void **state)
{
    struct buf text;

    (void)state;
    buf_init(&text, 4096);
    fold_text(&text, SLICE_LITERAL("A"));
    fold_text(&text, SLICE_LITERAL(" B"));
    assert_true(slice_is(buf_slice(&text), "ab"));
    buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folds),
        cmocka_unit_test(long_names_are_cut_between_characters),
        cmocka_unit_test(appends_to_what_is_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
