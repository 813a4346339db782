/* SPDX-License-Identifier: MIT */
/* Every form of MessagePack, and every way in which it can lie about its size. */
#include <stdlib.h>
#include <string.h>

#include "support.h"

#include "base/hex.h"
#include "base/mem.h"
#include "bridge_msgpack.h"
#include "json.h"

/* "93 a7": the bytes; blanks do not count. */
static size_t bytes_of(const char *hex, char *out)
{
    size_t len = 0;

    for (; *hex != '\0'; hex += 2) {
        while (*hex == ' ')
            hex++;
        out[len++] = (char)(hex_value(hex[0]) * 16 + hex_value(hex[1]));
    }
    return len;
}

#define ZEROS_15 "00000000 00000000 00000000 000000"

static const struct {
    const char *name, *hex;
    enum msgpack_result want;
    const char *json;
} rows[] = {
    { "nil", "c0", MSGPACK_OK, "null" },
    { "false", "c2", MSGPACK_OK, "false" },
    { "true", "c3", MSGPACK_OK, "true" },
    { "the least fixint", "00", MSGPACK_OK, "0" },
    { "the largest fixint", "7f", MSGPACK_OK, "127" },
    { "-1", "ff", MSGPACK_OK, "-1" },
    { "-32", "e0", MSGPACK_OK, "-32" },
    { "uint8", "cc ff", MSGPACK_OK, "255" },
    { "uint16", "cd ffff", MSGPACK_OK, "65535" },
    { "uint32", "ce ffffffff", MSGPACK_OK, "4294967295" },
    { "uint64", "cf ffffffffffffffff", MSGPACK_OK, "18446744073709551615" },
    { "int8", "d0 80", MSGPACK_OK, "-128" },
    { "int16", "d1 8000", MSGPACK_OK, "-32768" },
    { "int32", "d2 80000000", MSGPACK_OK, "-2147483648" },
    { "int64", "d3 8000000000000000", MSGPACK_OK, "-9223372036854775808" },
    { "int64 that is positive", "d3 7fffffffffffffff", MSGPACK_OK, "9223372036854775807" },
    { "float32", "ca 3fc00000", MSGPACK_OK, "1.5" },
    { "float64", "cb 3fb999999999999a", MSGPACK_OK, "0.1" },
    { "float64 with 17 digits", "cb 3fd5555555555555", MSGPACK_OK, "0.3333333333333333" },
    { "a whole float", "cb 4059000000000000", MSGPACK_OK, "100" },
    { "a large float", "cb 444b1ae4d6e2ef50", MSGPACK_OK, "1e+21" },
    { "minus zero", "cb 8000000000000000", MSGPACK_OK, "0" },
    { "NaN", "cb 7ff8000000000000", MSGPACK_OK, "null" },
    { "infinity", "ca 7f800000", MSGPACK_OK, "null" },
    { "minus infinity", "cb fff0000000000000", MSGPACK_OK, "null" },
    { "an empty string", "a0", MSGPACK_OK, "\"\"" },
    { "a string", "a3 c3a422", MSGPACK_OK, "\"\xc3\xa4\\\"\"" },
    { "str8", "d9 02 6869", MSGPACK_OK, "\"hi\"" },
    { "str16", "da 0002 6869", MSGPACK_OK, "\"hi\"" },
    { "str32", "db 00000002 6869", MSGPACK_OK, "\"hi\"" },
    { "a control character", "a1 00", MSGPACK_OK, "\"\\u0000\"" },
    { "an empty array", "90", MSGPACK_OK, "[]" },
    { "an array", "93 01 a161 c0", MSGPACK_OK, "[1,\"a\",null]" },
    { "array16", "dc 0001 01", MSGPACK_OK, "[1]" },
    { "array32", "dd 00000001 90", MSGPACK_OK, "[[]]" },
    { "an empty map", "80", MSGPACK_OK, "{}" },
    { "a map", "82 a161 c3 a162 c0", MSGPACK_OK, "{\"a\":true,\"b\":null}" },
    { "map16", "de 0001 a161 80", MSGPACK_OK, "{\"a\":{}}" },
    { "map32", "df 00000001 a161 01", MSGPACK_OK, "{\"a\":1}" },
    { "keys that are no strings", "84 01 01 c0 02 c2 03 ff 04", MSGPACK_OK,
      "{\"1\":1,\"null\":2,\"false\":3,\"-1\":4}" },
    { "undefined of old encoders", "d4 00 00", MSGPACK_OK, "null" },
    { "a timestamp of 32 bits", "d6 ff 5e0be100", MSGPACK_OK, "\"2020-01-01T00:00:00.000Z\"" },
    { "a timestamp of 64 bits", "d7 ff 77359400 5e0be100", MSGPACK_OK,
      "\"2020-01-01T00:00:00.500Z\"" },
    { "a timestamp of 96 bits", "c7 0c ff 1dcd6500 000000005e0be100", MSGPACK_OK,
      "\"2020-01-01T00:00:00.500Z\"" },
    { "a timestamp before 1970", "c7 0c ff 00000000 ffffffffffffffff", MSGPACK_OK,
      "\"1969-12-31T23:59:59.000Z\"" },
    { "milliseconds of old encoders", "d7 00 0000016f5e66e9f4", MSGPACK_OK,
      "\"2020-01-01T00:00:00.500Z\"" },
    { "one before 1970", "d7 00 ffffffffffffffff", MSGPACK_OK, "\"1969-12-31T23:59:59.999Z\"" },
    { "the least number of milliseconds", "d7 00 8000000000000000", MSGPACK_OK, "null" },
    { "a year of five digits", "d7 00 7fffffffffffffff", MSGPACK_OK, "null" },
    { "the year 0", "d7 00 ffffc77590fba000", MSGPACK_OK, "\"0000-01-01T00:00:00.000Z\"" },
    { "a second of more than 1000 ms", "d7 ff fffffffc 5e0be100", MSGPACK_OK, "null" },
    { "an extension of its own", "d4 01 00", MSGPACK_UNSUPPORTED, NULL },
    { "another byte than undefined", "d4 00 01", MSGPACK_UNSUPPORTED, NULL },
    { "a timestamp of 16 bytes", "d8 ff " ZEROS_15 "00", MSGPACK_UNSUPPORTED, NULL },
    { "ext8", "c7 01 05 00", MSGPACK_UNSUPPORTED, NULL },
    { "ext16", "c8 0001 05 00", MSGPACK_UNSUPPORTED, NULL },
    { "ext32", "c9 00000001 05 00", MSGPACK_UNSUPPORTED, NULL },
    { "nothing", "", MSGPACK_MALFORMED, NULL },
    { "the byte that is never used", "c1", MSGPACK_MALFORMED, NULL },
    { "two values", "c0 c0", MSGPACK_MALFORMED, NULL },
    { "a short number", "cf 00000000000000", MSGPACK_MALFORMED, NULL },
    { "a short string", "a2 61", MSGPACK_MALFORMED, NULL },
    { "a string that claims 4 GiB", "db ffffffff 61", MSGPACK_MALFORMED, NULL },
    { "a bin that claims 4 GiB", "c6 ffffffff 61", MSGPACK_MALFORMED, NULL },
    { "an ext that claims 4 GiB", "c9 ffffffff ff 61", MSGPACK_MALFORMED, NULL },
    { "an ext without its type", "c7 00", MSGPACK_MALFORMED, NULL },
    { "an array that claims 4 G items", "dd ffffffff c0", MSGPACK_MALFORMED, NULL },
    { "a map that claims 4 G items", "df ffffffff c0 c0", MSGPACK_MALFORMED, NULL },
    { "a map with half of a pair", "82 a161 c0 a162", MSGPACK_MALFORMED, NULL },
    { "a key that is an array", "81 90 c0", MSGPACK_MALFORMED, NULL },
    { "a key that is bytes", "81 c400 c0", MSGPACK_MALFORMED, NULL },
    { "invalid UTF-8", "a1 ff", MSGPACK_MALFORMED, NULL },
    { "an unpaired surrogate", "a3 eda080", MSGPACK_MALFORMED, NULL },
};

static void check(size_t i)
{
    struct msgpack_bins bins = { NULL };
    char bytes[256];
    size_t len = bytes_of(rows[i].hex, bytes);
    char *exact = xmalloc(len + 1); /* so that reading beyond is noticed */
    struct buf json;

    memcpy(exact, bytes, len);
    exact = xrealloc(exact, len > 0 ? len : 1);
    buf_init(&json, 4096);
    assert_int_equal(msgpack_to_json((struct slice){ exact, len }, &json, &bins), rows[i].want);
    buf_add_byte(&json, '\0');
    if (rows[i].json != NULL)
        assert_string_equal(json.data, rows[i].json);
    assert_int_equal(bins.count, 0);
    msgpack_bins_fini(&bins);
    buf_fini(&json);
    free(exact);
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        print_message("  %s\n", rows[i].name);
        check(i);
    }
}

/* Whatever is cut off, it is missed. */
static void test_every_beginning(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char bytes[256];
        size_t len = bytes_of(rows[i].hex, bytes);

        for (size_t cut = 0; rows[i].want == MSGPACK_OK && cut < len; cut++) {
            struct msgpack_bins bins = { NULL };
            struct buf json;

            buf_init(&json, 4096);
            assert_int_equal(msgpack_to_json((struct slice){ bytes, cut }, &json, &bins),
                             MSGPACK_MALFORMED);
            buf_fini(&json);
            msgpack_bins_fini(&bins);
        }
    }
}

static void test_bins(void **state)
{
    static const struct {
        const char *name, *hex, *json;
        size_t count;
    } cases[] = {
        { "bin8", "c4 02 0102", "{\"_placeholder\":true,\"num\":0}", 1 },
        { "bin16", "c5 0002 0102", "{\"_placeholder\":true,\"num\":0}", 1 },
        { "bin32", "c6 00000002 0102", "{\"_placeholder\":true,\"num\":0}", 1 },
        { "an empty one", "c4 00", "{\"_placeholder\":true,\"num\":0}", 1 },
        { "two", "92 c402 0102 81 a161 c401 ff",
          "[{\"_placeholder\":true,\"num\":0},{\"a\":{\"_placeholder\":true,\"num\":1}}]", 2 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct msgpack_bins bins = { NULL };
        char bytes[64];
        size_t len = bytes_of(cases[i].hex, bytes);
        struct buf json;

        print_message("  %s\n", cases[i].name);
        buf_init(&json, 4096);
        assert_int_equal(msgpack_to_json((struct slice){ bytes, len }, &json, &bins), MSGPACK_OK);
        buf_add_byte(&json, '\0');
        assert_string_equal(json.data, cases[i].json);
        assert_int_equal(bins.count, cases[i].count);
        for (size_t n = 0; n < bins.count; n++)
            assert_int_equal(strncmp(json.data + bins.items[n].at, "{\"_placeholder\"", 15), 0);
        assert_true(bins.items[0].bytes.len == 0 || bins.items[0].bytes.data[0] == 1);
        msgpack_bins_fini(&bins);
        buf_fini(&json);
    }
}

static enum msgpack_result of_repeated(const char *hex, size_t count, const char *end, size_t max)
{
    struct msgpack_bins bins = { NULL };
    enum msgpack_result result;
    struct buf bytes, json;
    char piece[16];
    size_t len = bytes_of(hex, piece);

    buf_init(&bytes, 1 << 20);
    buf_init(&json, max);
    for (size_t i = 0; i < count; i++)
        buf_add(&bytes, piece, len);
    len = bytes_of(end, piece);
    buf_add(&bytes, piece, len);
    result = msgpack_to_json(buf_slice(&bytes), &json, &bins);
    msgpack_bins_fini(&bins);
    buf_fini(&bytes);
    buf_fini(&json);
    return result;
}

static void test_bounds(void **state)
{
    (void)state;
    assert_int_equal(of_repeated("91", 32, "c0", 4096), MSGPACK_OK);
    assert_int_equal(of_repeated("91", 33, "c0", 4096), MSGPACK_TOO_BIG);
    assert_int_equal(of_repeated("81a161", 32, "c0", 4096), MSGPACK_OK);
    assert_int_equal(of_repeated("81a161", 33, "c0", 4096), MSGPACK_TOO_BIG);
    assert_int_equal(of_repeated("91", 100000, "c0", 4096), MSGPACK_TOO_BIG);
    assert_int_equal(of_repeated("da0002 6161", 1, "", 3), MSGPACK_TOO_BIG);
    assert_int_equal(of_repeated("da0002 6161", 1, "", 64), MSGPACK_OK);
}

static void test_too_many_bins(void **state)
{
    static char bytes[3 + 2 * (MSGPACK_BINS_MAX + 1)];

    (void)state;
    for (size_t count = MSGPACK_BINS_MAX; count <= MSGPACK_BINS_MAX + 1; count++) {
        struct msgpack_bins bins = { NULL };
        struct buf json;

        memcpy(bytes, (const char[]){ (char)0xdc, (char)(count >> 8), (char)count }, 3);
        for (size_t i = 0; i < count; i++)
            memcpy(bytes + 3 + 2 * i, "\xc4\x00", 2);
        buf_init(&json, 1 << 20);
        assert_int_equal(msgpack_to_json((struct slice){ bytes, 3 + 2 * count }, &json, &bins),
                         count > MSGPACK_BINS_MAX ? MSGPACK_TOO_BIG : MSGPACK_OK);
        buf_fini(&json);
        msgpack_bins_fini(&bins);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),          cmocka_unit_test(test_every_beginning),
        cmocka_unit_test(test_bins),          cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_too_many_bins),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
