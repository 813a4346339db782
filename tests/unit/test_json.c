/* SPDX-License-Identifier: MIT */
/* The table says what is JSON and what is not; each valid row is also cut off after every byte. */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "json.h"
#include "utf8.h"

#define TEXT(literal)                                                                              \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

/* A copy without a byte behind its end, so that the sanitizer sees who reads on. */
struct exact {
    char *bytes;
    struct slice slice;
};

static struct exact exact_of(struct slice text)
{
    struct exact exact = { .bytes = xmalloc(text.len > 0 ? text.len : 1) };

    if (text.len > 0)
        memcpy(exact.bytes, text.data, text.len);
    exact.slice = (struct slice){ exact.bytes, text.len };
    return exact;
}

static bool parses(struct slice text, struct json *value_out)
{
    struct exact exact = exact_of(text);
    bool is_good = json_parse(exact.slice, value_out);

    if (is_good)
        value_out->raw.data = text.data + (value_out->raw.data - exact.bytes);
    free(exact.bytes);
    return is_good;
}

static const struct {
    const char *name;
    struct slice text;
    enum json_type want; /* JSON_ABSENT: it is no JSON */
} texts[] = {
    { "null", TEXT("null"), JSON_NULL },
    { "true", TEXT("true"), JSON_TRUE },
    { "false", TEXT("false"), JSON_FALSE },
    { "blanks around", TEXT(" \t\r\n1 \t\r\n"), JSON_NUMBER },
    { "an empty text", TEXT(""), JSON_ABSENT },
    { "nothing but blanks", TEXT(" \n"), JSON_ABSENT },
    { "a byte order mark",
      TEXT("\xef\xbb\xbf"
           "1"),
      JSON_ABSENT },
    { "another kind of blank", TEXT("\f1"), JSON_ABSENT },
    { "a NUL behind", TEXT("1\0"), JSON_ABSENT },
    { "two values", TEXT("1 2"), JSON_ABSENT },
    { "a word that is too long", TEXT("nulll"), JSON_ABSENT },
    { "a word in capitals", TEXT("True"), JSON_ABSENT },
    { "not a number", TEXT("NaN"), JSON_ABSENT },

    { "zero", TEXT("0"), JSON_NUMBER },
    { "minus zero", TEXT("-0"), JSON_NUMBER },
    { "beyond a double", TEXT("1e400"), JSON_NUMBER },
    { "a long integer", TEXT("123456789012345678901234567890"), JSON_NUMBER },
    { "fraction and exponent", TEXT("-1.50E+07"), JSON_NUMBER },
    { "a negative exponent", TEXT("1e-1"), JSON_NUMBER },
    { "a leading zero", TEXT("01"), JSON_ABSENT },
    { "a leading zero behind a minus", TEXT("-01"), JSON_ABSENT },
    { "a leading plus", TEXT("+1"), JSON_ABSENT },
    { "a minus alone", TEXT("-"), JSON_ABSENT },
    { "a point in front", TEXT(".5"), JSON_ABSENT },
    { "a point at the end", TEXT("1."), JSON_ABSENT },
    { "a point before the exponent", TEXT("1.e3"), JSON_ABSENT },
    { "an empty exponent", TEXT("1e"), JSON_ABSENT },
    { "an exponent of a sign alone", TEXT("1e+"), JSON_ABSENT },
    { "two signs in the exponent", TEXT("1e+-1"), JSON_ABSENT },
    { "hexadecimal", TEXT("0x1"), JSON_ABSENT },

    { "an empty string", TEXT("\"\""), JSON_STRING },
    { "every escape", TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00aF\""), JSON_STRING },
    { "an escaped NUL", TEXT("\"\\u0000\""), JSON_STRING },
    { "a surrogate pair", TEXT("\"\\ud83d\\ude00\""), JSON_STRING },
    { "half a surrogate pair", TEXT("\"\\ud83d\""), JSON_STRING },
    { "a delete character", TEXT("\"\x7f\""), JSON_STRING },
    { "a long string", TEXT("\"0123456789abcdef0123456789abcdef\""), JSON_STRING },
    { "a string that does not end", TEXT("\"abc"), JSON_ABSENT },
    { "a long string that does not end", TEXT("\"0123456789abcdef"), JSON_ABSENT },
    { "a line feed in a string", TEXT("\"a\nb\""), JSON_ABSENT },
    { "a NUL in a string", TEXT("\"a\0b\""), JSON_ABSENT },
    { "a control character far inside",
      TEXT("\"0123456789\x1f"
           "123\""),
      JSON_ABSENT },
    { "an unknown escape", TEXT("\"\\x41\""), JSON_ABSENT },
    { "an escape of NUL", TEXT("\"\\\0\""), JSON_ABSENT },
    { "three hex digits", TEXT("\"\\u123\""), JSON_ABSENT },
    { "a wrong hex digit", TEXT("\"\\u12g4\""), JSON_ABSENT },
    { "single quotes", TEXT("'a'"), JSON_ABSENT },

    { "two bytes", TEXT("\"\xc3\xa9\""), JSON_STRING },
    { "three bytes", TEXT("\"\xe2\x82\xac\""), JSON_STRING },
    { "four bytes", TEXT("\"\xf0\x9f\x98\x80\""), JSON_STRING },
    { "the last code point", TEXT("\"\xf4\x8f\xbf\xbf\""), JSON_STRING },
    { "a continuation alone", TEXT("\"\x80\""), JSON_ABSENT },
    { "an overlong slash", TEXT("\"\xc0\xaf\""), JSON_ABSENT },
    { "three bytes, overlong", TEXT("\"\xe0\x9f\xbf\""), JSON_ABSENT },
    { "four bytes, overlong", TEXT("\"\xf0\x8f\xbf\xbf\""), JSON_ABSENT },
    { "a surrogate in UTF-8", TEXT("\"\xed\xa0\x80\""), JSON_ABSENT },
    { "beyond the last code point", TEXT("\"\xf4\x90\x80\x80\""), JSON_ABSENT },
    { "a byte that never occurs", TEXT("\"\xff\""), JSON_ABSENT },
    { "cut by the quote", TEXT("\"\xe2\x82\""), JSON_ABSENT },
    { "cut by the end", TEXT("\"\xe2\x82"), JSON_ABSENT },
    { "invalid bytes outside a string", TEXT("[\xc3\xa9]"), JSON_ABSENT },

    { "an empty array", TEXT("[ ]"), JSON_ARRAY },
    { "an array", TEXT("[1, \"a\" ,[],{ } ,null]"), JSON_ARRAY },
    { "a comma at the end", TEXT("[1,]"), JSON_ABSENT },
    { "a comma in front", TEXT("[,1]"), JSON_ABSENT },
    { "no comma", TEXT("[1 2]"), JSON_ABSENT },
    { "an array that does not end", TEXT("[1"), JSON_ABSENT },
    { "the wrong bracket", TEXT("[1}"), JSON_ABSENT },
    { "one bracket too many", TEXT("[1]]"), JSON_ABSENT },

    { "an empty object", TEXT("{ }"), JSON_OBJECT },
    { "an object", TEXT("{ \"a\" : 1 , \"b\":{\"c\":[true,false]} }"), JSON_OBJECT },
    { "the same name twice", TEXT("{\"a\":1,\"a\":2}"), JSON_OBJECT },
    { "an empty name", TEXT("{\"\":1}"), JSON_OBJECT },
    { "a name without quotes", TEXT("{a:1}"), JSON_ABSENT },
    { "a number as a name", TEXT("{1:1}"), JSON_ABSENT },
    { "no colon", TEXT("{\"a\" 1}"), JSON_ABSENT },
    { "no value", TEXT("{\"a\":}"), JSON_ABSENT },
    { "a name alone", TEXT("{\"a\"}"), JSON_ABSENT },
    { "a comma at an object's end", TEXT("{\"a\":1,}"), JSON_ABSENT },
    { "a comment", TEXT("{/* a */}"), JSON_ABSENT },
    { "the wrong brace", TEXT("{\"a\":1]"), JSON_ABSENT },
};

static void test_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct json value = { .type = JSON_ABSENT };
        bool is_good = parses(texts[i].text, &value);

        if (is_good != (texts[i].want != JSON_ABSENT))
            fail_msg("%s: %s", texts[i].name, is_good ? "was taken" : "was refused");
        if (is_good && value.type != texts[i].want)
            fail_msg("%s: type %d, not %d", texts[i].name, value.type, texts[i].want);
    }
}

/* Of a valid text that is no number, no true beginning is valid (blanks at the end aside). */
static void test_every_truncation(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct json whole, part;

        if (texts[i].want == JSON_ABSENT || texts[i].want == JSON_NUMBER)
            continue;
        assert_true(parses(texts[i].text, &whole));
        for (size_t len = 0; len < whole.raw.len; len++) {
            if (parses((struct slice){ whole.raw.data, len }, &part))
                fail_msg("%s: its first %zu bytes were taken", texts[i].name, len);
        }
    }
}

static char *nested(size_t depth, const char *open, const char *close)
{
    struct buf text;

    buf_init(&text, 4096);
    for (size_t i = 0; i < depth; i++)
        buf_add_text(&text, open);
    buf_add_text(&text, "1");
    for (size_t i = 0; i < depth; i++)
        buf_add_text(&text, close);
    assert_true(buf_add_byte(&text, '\0'));
    return text.data;
}

static void test_depth(void **state)
{
    static const struct {
        const char *name, *open, *close;
        size_t depth;
        unsigned envelope;
        bool want;
    } rows[] = {
        { "64 arrays", "[", "]", 64, 0, true },
        { "65 arrays", "[", "]", 65, 0, false },
        { "64 objects", "{\"a\":", "}", 64, 0, true },
        { "65 objects", "{\"a\":", "}", 65, 0, false },
        { "64 in an envelope", "[", "]", 65, 1, true },
        { "65 in an envelope", "[", "]", 66, 1, false },
        { "64 in two", "[", "]", 66, 2, true },
        { "65 in two", "[", "]", 67, 2, false },
        { "an abyss", "[", "]", 1000, 0, false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *text = nested(rows[i].depth, rows[i].open, rows[i].close);
        struct json value;

        if (json_parse_within(slice_of(text), rows[i].envelope, &value) != rows[i].want)
            fail_msg("%s: should be %s", rows[i].name, rows[i].want ? "taken" : "refused");
        free(text);
    }
}

static void test_empty_containers_count_as_levels(void **state)
{
    char text[2 * 65 + 1];
    struct json value;

    (void)state;
    memset(text, '[', 65);
    memset(text + 65, ']', 65);
    assert_false(json_parse((struct slice){ text, 130 }, &value));
    assert_true(json_parse((struct slice){ text + 1, 128 }, &value));
}

static void assert_text(const char *name, struct slice got, const char *want)
{
    if (!slice_is(got, want))
        fail_msg("%s: got %.*s, not %s", name, (int)got.len, got.data != NULL ? got.data : "(null)",
                 want);
}

static void test_members(void **state)
{
    static const struct {
        const char *name, *text, *want_a, *want_b; /* NULL: absent */
    } rows[] = {
        { "both", "{\"a\":1,\"b\":[2]}", "1", "[2]" },
        { "in any order", " {\"b\" : \"x\" , \"a\" : {\"a\":3} } ", "{\"a\":3}", "\"x\"" },
        { "others between", "{\"c\":{\"a\":1},\"a\":2}", "2", NULL },
        { "none", "{}", NULL, NULL },
        { "the last one counts", "{\"a\":1,\"a\":2,\"b\":3,\"b\":null}", "2", "null" },
        { "an escaped name", "{\"\\u0061\":1}", "1", NULL },
        { "an escaped name of another", "{\"\\u0061\\n\":1}", NULL, NULL },
        { "half a pair as a name", "{\"\\ud800\":1,\"a\":2}", "2", NULL },
        { "brackets in strings", "{\"c\":\"]}\\\"\",\"a\":\"{[\\\\\"}", "\"{[\\\\\"", NULL },
        { "kept byte by byte", "{\"a\":[ 1e400 ,-0,\"\\u0000\" ]}", "[ 1e400 ,-0,\"\\u0000\" ]",
          NULL },
        { "a number before blanks", "{\"a\":1 \n,\"b\":true\t}", "1", "true" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct json_member members[] = { { .name = "a" }, { .name = "b" } };
        struct json object;

        assert_true(json_parse(slice_of(rows[i].text), &object));
        assert_true(json_members(object, members, 2));
        assert_int_equal(members[0].value.type == JSON_ABSENT, rows[i].want_a == NULL);
        assert_int_equal(members[1].value.type == JSON_ABSENT, rows[i].want_b == NULL);
        if (rows[i].want_a != NULL)
            assert_text(rows[i].name, members[0].value.raw, rows[i].want_a);
        if (rows[i].want_b != NULL)
            assert_text(rows[i].name, members[1].value.raw, rows[i].want_b);
    }
}

static void test_members_of_no_object(void **state)
{
    struct json_member member = { .name = "a", .value = { .type = JSON_TRUE } };
    struct json array;

    (void)state;
    assert_true(json_parse(slice_of("[1]"), &array));
    assert_false(json_members(array, &member, 1));
    assert_int_equal(member.value.type, JSON_ABSENT);
}

static void test_items(void **state)
{
    static const struct {
        const char *name, *text, *want;
    } rows[] = {
        { "none", "[]", "" },
        { "none but blanks", "[ \n ]", "" },
        { "one", "[1]", "1|" },
        { "several", "[ 1 , \"a,]\" , [2,3] ,{\"b\":[4]}, null ]",
          "1|\"a,]\"|[2,3]|{\"b\":[4]}|null|" },
        { "no array", "{\"a\":1}", "" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct json array, item;
        struct buf joined;
        size_t offset = 0;

        buf_init(&joined, 1024);
        assert_true(json_parse(slice_of(rows[i].text), &array));
        while (json_next(array, &offset, &item)) {
            buf_add_slice(&joined, item.raw);
            buf_add_byte(&joined, '|');
        }
        if (!slice_equals(buf_slice(&joined), slice_of(rows[i].want)))
            fail_msg("%s: got %.*s", rows[i].name, (int)joined.len, joined.data);
        buf_fini(&joined);
    }
}

static void test_members_one_by_one(void **state)
{
    static const char text[] = " { \"a\" : 1 , \"b\":{\"c\":[ ]},\"a\":\"}\" } ";
    static const char *const want[][2] = { { "\"a\"", "1" },
                                           { "\"b\"", "{\"c\":[ ]}" },
                                           { "\"a\"", "\"}\"" } };
    struct json object, name, value;
    size_t offset = 0;

    (void)state;
    assert_true(json_parse(slice_of(text), &object));
    for (size_t i = 0; i < 3; i++) {
        assert_true(json_next_member(object, &offset, &name, &value));
        assert_true(slice_is(name.raw, want[i][0]));
        assert_true(slice_is(value.raw, want[i][1]));
    }
    assert_false(json_next_member(object, &offset, &name, &value));
    offset = 0;
    assert_true(json_parse(slice_of("[1]"), &object));
    assert_false(json_next_member(object, &offset, &name, &value));
}

static void test_a_lower_ceiling_of_levels(void **state)
{
    struct json value;

    (void)state;
    assert_true(json_parse_shallow(slice_of("[[1]]"), 2, &value));
    assert_int_equal(value.type, JSON_ARRAY);
    assert_false(json_parse_shallow(slice_of("[[[]]]"), 2, &value));
    assert_true(json_parse_shallow(slice_of("[{},[]]"), 2, &value));
}

/* "{b:1" for what opens or stands in an object under a name, '.' behind the last. */
static void print_walk(const char *text, struct buf *out)
{
    struct json value;
    struct json_walk walk;

    assert_true(json_parse(slice_of(text), &value));
    json_walk_init(&walk, value);
    for (;;) {
        enum json_step step = json_walk_next(&walk);

        if (step == JSON_STEP_END)
            break;
        if (step != JSON_STEP_CLOSES && walk.name.type != JSON_ABSENT) {
            buf_add_slice(out, walk.name.raw);
            buf_add_byte(out, ':');
        }
        if (step == JSON_STEP_OPENS)
            buf_printf(out, "%c%u ", walk.value.type == JSON_ARRAY ? '[' : '{', walk.depth);
        else if (step == JSON_STEP_CLOSES)
            buf_printf(out, "/%u ", walk.depth);
        else
            buf_printf(out, "%.*s ", (int)walk.value.raw.len, walk.value.raw.data);
    }
}

static void test_walk(void **state)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        { " 17 ", "17 " },
        { "\"a]\"", "\"a]\" " },
        { "[]", "[1 /0 " },
        { " { } ", "{1 /0 " },
        { "[1, [ ] ,true]", "[1 1 [2 /1 true /0 " },
        { "{\"a\":{\"b\":[null]},\"c\":2}", "{1 \"a\":{2 \"b\":[3 null /2 /1 \"c\":2 /0 " },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf out;

        buf_init(&out, 256);
        print_walk(rows[i].text, &out);
        if (!slice_is(buf_slice(&out), rows[i].want))
            fail_msg("%s: %.*s", rows[i].text, (int)out.len, out.data);
        buf_fini(&out);
    }
}

static void test_strings(void **state)
{
    static const struct {
        const char *name, *text;
        struct slice want; /* nothing: it is refused */
    } rows[] = {
        { "plain", "\"abc\"", TEXT("abc") },
        { "empty", "\"\"", TEXT("") },
        { "short escapes", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", TEXT("\"\\/\b\f\n\r\t") },
        { "a NUL", "\"a\\u0000b\"", TEXT("a\0b") },
        { "two bytes", "\"\\u00e9\"", TEXT("\xc3\xa9") },
        { "three bytes", "\"\\u20AC\"", TEXT("\xe2\x82\xac") },
        { "a pair", "\"\\ud83d\\ude00!\"", TEXT("\xf0\x9f\x98\x80!") },
        { "the last code point", "\"\\udbff\\udfff\"", TEXT("\xf4\x8f\xbf\xbf") },
        { "half a pair", "\"\\ud83d\"", { NULL, 0 } },
        { "half a pair and text", "\"\\ud83dabcdef\"", { NULL, 0 } },
        { "half a pair and another escape", "\"\\ud83d\\n12345\"", { NULL, 0 } },
        { "the second half first", "\"\\ude00\\ud83d\"", { NULL, 0 } },
        { "two first halves", "\"\\ud83d\\ud83d\"", { NULL, 0 } },
        { "no string", "12", { NULL, 0 } },
        { "longer than the ceiling", "\"0123456789abcdef0\"", { NULL, 0 } },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct json value;
        struct buf text;
        bool is_good;

        buf_init(&text, 16);
        assert_true(json_parse(slice_of(rows[i].text), &value));
        is_good = json_text(value, &text);
        if (is_good != (rows[i].want.data != NULL))
            fail_msg("%s: %s", rows[i].name, is_good ? "was taken" : "was refused");
        if (is_good && !slice_equals(buf_slice(&text), rows[i].want))
            fail_msg("%s: got %.*s", rows[i].name, (int)text.len, text.data);
        buf_fini(&text);
    }
}

static void test_integers(void **state)
{
    static const struct {
        const char *name, *text;
        int64_t min, max, want;
        bool is_good;
    } rows[] = {
        { "small", "42", 1, 100, 42, true },
        { "zero", "0", 0, 100, 0, true },
        { "minus zero", "-0", -1, 1, 0, true },
        { "negative", "-7", -10, 0, -7, true },
        { "the smallest", "-9223372036854775808", INT64_MIN, INT64_MAX, INT64_MIN, true },
        { "the largest", "9223372036854775807", INT64_MIN, INT64_MAX, INT64_MAX, true },
        { "one too large", "9223372036854775808", INT64_MIN, INT64_MAX, 0, false },
        { "one too small", "-9223372036854775809", INT64_MIN, INT64_MAX, 0, false },
        { "far too large", "1000000000000000000000000", INT64_MIN, INT64_MAX, 0, false },
        { "below the range", "0", 1, 100, 0, false },
        { "above the range", "101", 1, 100, 0, false },
        { "a fraction", "1.0", 0, 100, 0, false },
        { "an exponent", "1e1", 0, 100, 0, false },
        { "a string", "\"1\"", 0, 100, 0, false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct json value;
        int64_t number = 0;

        assert_true(json_parse(slice_of(rows[i].text), &value));
        if (json_whole(value, rows[i].min, rows[i].max, &number) != rows[i].is_good)
            fail_msg("%s: should be %s", rows[i].name, rows[i].is_good ? "taken" : "refused");
        if (number != rows[i].want)
            fail_msg("%s: got %lld, not %lld", rows[i].name, (long long)number,
                     (long long)rows[i].want);
    }
}

static void test_quote(void **state)
{
    static const struct {
        const char *name;
        struct slice text;
        const char *want;
    } rows[] = {
        { "empty", TEXT(""), "\"\"" },
        { "plain", TEXT("abc"), "\"abc\"" },
        { "no HTML escapes", TEXT("<a href='/'>&</a>"), "\"<a href='/'>&</a>\"" },
        { "what must be", TEXT("\"\\\b\f\n\r\t\x01\x1f"),
          "\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f\"" },
        { "a NUL", TEXT("a\0b"), "\"a\\u0000b\"" },
        { "a delete character", TEXT("\x7f"), "\"\x7f\"" },
        { "UTF-8", TEXT("\xe2\x80\xa8\xf0\x9f\x98\x80"), "\"\xe2\x80\xa8\xf0\x9f\x98\x80\"" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf out;

        buf_init(&out, 256);
        assert_true(json_quote(&out, rows[i].text));
        assert_text(rows[i].name, buf_slice(&out), rows[i].want);
        buf_fini(&out);
    }
}

static void test_quote_keeps_to_the_ceiling(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 8);
    assert_true(json_quote(&out, slice_of("123456")));
    buf_clear(&out);
    assert_false(json_quote(&out, slice_of("1234567")));
    buf_fini(&out);
}

static void test_utf8(void **state)
{
    static const struct {
        const char *name;
        struct slice text;
        bool want;
    } rows[] = {
        { "nothing", TEXT(""), true },
        { "ASCII, with NUL", TEXT("a\0b\x7f"), true },
        { "all lengths", TEXT("a\xc2\x80\xe0\xa0\x80\xee\x80\x80\xf0\x90\x80\x80"), true },
        { "behind a long run", TEXT("0123456789abcdef\xe2\x82\xac"), true },
        { "cut behind a long run", TEXT("0123456789abcdef\xe2\x82"), false },
        { "a bad byte in a long run",
          TEXT("01234567\xff"
               "9abcdef"),
          false },
        { "a lead byte alone", TEXT("\xc3"), false },
        { "a tail that is none", TEXT("\xe2\x82\x41"), false },
        { "a fourth byte that is none", TEXT("\xf0\x9f\x98\x41"), false },
        { "a surrogate", TEXT("\xed\xbf\xbf"), false },
        { "before the surrogates", TEXT("\xed\x9f\xbf"), true },
        { "beyond the last", TEXT("\xf5\x80\x80\x80"), false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct exact exact = exact_of(rows[i].text);

        if (utf8_is_valid(exact.slice) != rows[i].want)
            fail_msg("%s: should be %s", rows[i].name, rows[i].want ? "valid" : "invalid");
        free(exact.bytes);
    }
}

static void test_every_code_point_comes_back(void **state)
{
    char bytes[4];

    (void)state;
    for (uint32_t code = 0; code <= 0x10ffff; code++) {
        size_t len;

        if (code >= 0xd800 && code <= 0xdfff)
            continue;
        len = utf8_encode(code, bytes);
        if (utf8_character((const unsigned char *)bytes, len) != len)
            fail_msg("U+%04X", code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_every_truncation),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_empty_containers_count_as_levels),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_members_of_no_object),
        cmocka_unit_test(test_items),
        cmocka_unit_test(test_members_one_by_one),
        cmocka_unit_test(test_a_lower_ceiling_of_levels),
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_quote),
        cmocka_unit_test(test_quote_keeps_to_the_ceiling),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_every_code_point_comes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
