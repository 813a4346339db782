/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "store/key.h"

#define LONG_64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct {
    const char *name;
    struct slice id;
    bool is_valid;
} ids[] = {
    { "nothing", { NULL, 0 }, false },
    { "empty", { "", 0 }, false },
    { "one byte", { "a", 1 }, true },
    { "128 bytes", { LONG_64 LONG_64, 128 }, true },
    { "129 bytes", { LONG_64 LONG_64 "x", 129 }, false },
    { "blanks", { "a b", 3 }, true },
    { "braces and colons", { "{a}:b", 5 }, true },
    { "NUL", { "a\0b", 3 }, false },
    { "line feed", { "a\n", 2 }, false },
    { "delete", { "\x7f", 1 }, false },
    { "C1 control", { "\xc2\x85", 2 }, false },
    { "first after C1", { "\xc2\xa0", 2 }, true },
    { "two bytes", { "\xc3\xa4", 2 }, true },
    { "three bytes", { "\xe2\x82\xac", 3 }, true },
    { "four bytes", { "\xf0\x9f\x98\x80", 4 }, true },
    { "cut after one", { "\xc3", 1 }, false },
    { "cut after three", { "\xf0\x9f\x98", 3 }, false },
    { "continuation alone", { "\x80", 1 }, false },
    { "continuation missing",
      { "\xc3"
        "a",
        2 },
      false },
    { "overlong, two", { "\xc0\x80", 2 }, false },
    { "overlong, three", { "\xe0\x80\x80", 3 }, false },
    { "overlong, four", { "\xf0\x80\x80\x80", 4 }, false },
    { "surrogate", { "\xed\xa0\x80", 3 }, false },
    { "last before surrogates", { "\xed\x9f\xbf", 3 }, true },
    { "highest", { "\xf4\x8f\xbf\xbf", 4 }, true },
    { "too high", { "\xf4\x90\x80\x80", 4 }, false },
    { "five bytes", { "\xf8\x88\x80\x80\x80", 5 }, false },
};

static void judges_identifiers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        if (key_id_is_valid(ids[i].id) != ids[i].is_valid)
            fail_msg("%s: wanted %d", ids[i].name, ids[i].is_valid);
    }
}

static void escapes_what_is_not_plain(void **state)
{
    static const struct {
        const char *realm, *id, *item, *wanted;
    } cases[] = {
        { "r", "id", NULL, "sb:{job:r:id}:q" },
        { "r", "AZaz09-_.~@+", NULL, "sb:{job:r:AZaz09-_.~@+}:q" },
        { "a:b", "c", NULL, "sb:{job:a%3Ab:c}:q" },
        { "a", "{x}", NULL, "sb:{job:a:%7Bx%7D}:q" },
        { "a", "%7B", NULL, "sb:{job:a:%257B}:q" },
        { "a b", "\xc3\xa4", NULL, "sb:{job:a%20b:%C3%A4}:q" },
        { "r", "id", "x:y", "sb:{job:r:id}:q:x%3Ay" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct slice realm = slice_of(cases[i].realm), id = slice_of(cases[i].id);
        struct key key;

        if (cases[i].item != NULL)
            key_make_item(&key, "job", realm, id, "q", slice_of(cases[i].item));
        else
            key_make(&key, "job", realm, id, "q");
        assert_string_equal(key.text, cases[i].wanted);
        assert_int_equal(key.len, strlen(key.text));
        assert_true(slice_is(key_slice(&key), cases[i].wanted));
    }
}

static void has_room_for_the_longest(void **state)
{
    char long_id[KEY_ID_MAX];
    struct slice id = { long_id, sizeof long_id };
    struct key key;

    (void)state;
    memset(long_id, ':', sizeof long_id);
    key_make_item(&key, "credential", id, id, "record", id);
    assert_in_range(key.len, 3 * 3 * KEY_ID_MAX, KEY_MAX - 1);
}

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* Every pair of short identifiers over the bytes that could do harm makes a key of its own. */
static void makes_different_keys_of_different_identifiers(void **state)
{
    static const char bytes[] = "a:{}%2";
    enum { COUNT = sizeof bytes - 1, WORDS = COUNT + COUNT * COUNT, KEYS = WORDS * WORDS };
    char(*keys)[64] = malloc(KEYS * sizeof *keys);
    char words[WORDS][2];
    size_t count = 0;

    (void)state;
    assert_non_null(keys);
    for (size_t i = 0; i < WORDS; i++) {
        words[i][0] = bytes[i % COUNT];
        words[i][1] = i < COUNT ? '\0' : bytes[i / COUNT - 1];
    }
    for (size_t i = 0; i < KEYS; i++) {
        const char *realm = words[i / WORDS], *id = words[i % WORDS];
        struct key key;

        key_make(&key, "job", (struct slice){ realm, realm[1] == '\0' ? 1 : 2 },
                 (struct slice){ id, id[1] == '\0' ? 1 : 2 }, "q");
        assert_in_range(key.len, 1, sizeof *keys - 1);
        strcpy(keys[count++], key.text);
    }
    qsort(keys, count, sizeof *keys, compare);
    for (size_t i = 1; i < count; i++)
        assert_string_not_equal(keys[i - 1], keys[i]);
    free(keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges_identifiers),
        cmocka_unit_test(escapes_what_is_not_plain),
        cmocka_unit_test(has_room_for_the_longest),
        cmocka_unit_test(makes_different_keys_of_different_identifiers),
    };

    return cmocka_run_group_tests_name("key", tests, NULL, NULL);
}
