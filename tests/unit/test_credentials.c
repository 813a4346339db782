/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "store/credential_record.h"

static const struct {
    const char *secret, *hex;
} digests[] = {
    { "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
    { "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
};

static void test_digests(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof digests / sizeof digests[0]; i++) {
        struct credential_digest digest, back;
        char hex[DIGEST_HEX_SIZE], fingerprint[CREDENTIAL_FINGERPRINT_SIZE];

        credential_digest(slice_of(digests[i].secret), &digest);
        digest_to_hex(&digest, hex);
        assert_string_equal(hex, digests[i].hex);
        assert_true(digest_from_hex(slice_of(hex), &back));
        assert_memory_equal(&digest, &back, sizeof digest);
        credential_fingerprint(&digest, fingerprint);
        assert_memory_equal(fingerprint, hex, 8);
        assert_int_equal(strlen(fingerprint), 8);
    }
}

static const char *const no_digests[] = {
    "",
    "ba7816bf",
    "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD",
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015a",
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad0",
    "ga7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
};

static void test_what_is_no_digest(void **state)
{
    struct credential_digest digest;

    (void)state;
    for (size_t i = 0; i < sizeof no_digests / sizeof no_digests[0]; i++) {
        if (digest_from_hex(slice_of(no_digests[i]), &digest))
            fail_msg("\"%s\" was taken", no_digests[i]);
    }
}

static void test_kinds(void **state)
{
    enum credential_kind kind;

    (void)state;
    for (int i = 0; i < CREDENTIAL_KINDS; i++) {
        assert_true(credential_kind_parse(slice_of(credential_kind_name(i)), &kind));
        assert_int_equal(kind, i);
    }
    assert_false(credential_kind_parse(SLICE_LITERAL("Player"), &kind));
    assert_false(credential_kind_parse(SLICE_LITERAL(""), &kind));
    assert_false(credential_kind_parse((struct slice){ NULL, 0 }, &kind));
}

static void test_keys(void **state)
{
    struct credential_digest digest;
    struct key key;

    (void)state;
    credential_digest(SLICE_LITERAL("abc"), &digest);
    credential_key(CREDENTIAL_PLAYER, &digest, &key);
    assert_string_equal(key.text, "sb:{cred:player:ba7816bf8f01cfea414140de5dae2223b00361a396177a9c"
                                  "b410ff61f20015ad}:record");
    subject_index_key(CREDENTIAL_UNIVERSE, SLICE_LITERAL("a b"), &key);
    assert_string_equal(key.text, "sb:{cred-subject:universe:a%20b}:digests");
    kind_index_key(CREDENTIAL_RELAY, &key);
    assert_string_equal(key.text, "sb:{cred-kind:relay:all}:digests");
}

static void test_records_come_back(void **state)
{
    const struct credential cases[] = {
        { .subject = SLICE_LITERAL("7"), .realm = SLICE_LITERAL("default") },
        { .subject = SLICE_LITERAL("\"\\\xc3\xa4"),
          .realm = SLICE_LITERAL("r"),
          .universe = SLICE_LITERAL("u"),
          .expires_ms = 1769862896789 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *text = record_print(&cases[i], 1);
        struct credential got = { .expires_ms = -1 };
        json_t *json = record_parse(slice_of(text), &got);

        assert_non_null(json);
        assert_true(slice_equals(got.subject, cases[i].subject));
        assert_true(slice_equals(got.realm, cases[i].realm));
        assert_true(slice_equals(got.universe, cases[i].universe));
        assert_int_equal(got.universe.data == NULL, cases[i].universe.data == NULL);
        assert_int_equal(got.expires_ms, cases[i].expires_ms);
        json_decref(json);
        free(text);
    }
}

static const struct {
    const char *name, *text;
} no_records[] = {
    { "nothing", "" },
    { "no JSON", "player" },
    { "no object", "[]" },
    { "cut off", "{\"subject\":\"7\",\"realm\":\"default\"" },
    { "no subject", "{\"realm\":\"default\",\"expires\":0}" },
    { "no realm", "{\"subject\":\"7\",\"expires\":0}" },
    { "no expiry", "{\"subject\":\"7\",\"realm\":\"default\"}" },
    { "an empty subject", "{\"subject\":\"\",\"realm\":\"default\",\"expires\":0}" },
    { "a subject that is a number", "{\"subject\":7,\"realm\":\"default\",\"expires\":0}" },
    { "a universe that is null",
      "{\"subject\":\"7\",\"realm\":\"default\",\"universe\":null,\"expires\":0}" },
    { "an expiry before all time", "{\"subject\":\"7\",\"realm\":\"default\",\"expires\":-1}" },
    { "an expiry that is text", "{\"subject\":\"7\",\"realm\":\"default\",\"expires\":\"0\"}" },
    { "two subjects", "{\"subject\":\"7\",\"subject\":\"8\",\"realm\":\"default\",\"expires\":0}" },
};

static void test_what_is_no_record(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof no_records / sizeof no_records[0]; i++) {
        struct credential ignored = { .expires_ms = 0 };

        if (record_parse(slice_of(no_records[i].text), &ignored) != NULL)
            fail_msg("%s: taken", no_records[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digests),
        cmocka_unit_test(test_what_is_no_digest),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_records_come_back),
        cmocka_unit_test(test_what_is_no_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
