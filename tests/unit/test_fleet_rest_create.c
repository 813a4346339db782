/* SPDX-License-Identifier: MIT */
/* POST /v1/rooms: what a body may say, what becomes of it, and what the store is asked for. */
#include "fleet_rest_rig.h"

#include <float.h>

#include "rest_inner.h"

#define CREATE "POST /v1/rooms"

static const char *tag_of(enum fleet_tag_kind kind, const char *key, const char *value)
{
    static char texts[8][2 * FLEET_TAG_LEN + 1];
    static size_t next;
    uint8_t tag[FLEET_TAG_LEN];
    char *text = texts[next++ % 8];

    fleet_tag(kind, slice_of(key), value != NULL ? slice_of(value) : (struct slice){ NULL, 0 },
              tag);
    hex_write(tag, 4, text);
    return text;
}

#define NEVER "00000000"

/* The order that the body leads to. `format` has the tags' places. */
static void expect_order(const char *body, const char *format, ...)
{
    char want[2048];
    va_list args;

    va_start(args, format);
    vsnprintf(want, sizeof want, format, args);
    va_end(args);
    rig_expect(body, CREATE, KEY JSON, body, 201, NULL);
    rig_expect_notes(body, want);
}

static void refuse(const char *name, const char *body)
{
    rig_expect(name, CREATE, KEY JSON, body, 400, REJECTED("VALIDATION"));
}

/* ---- the answer ---------------------------------------------------------------------------------------------- */

static void test_a_room_is_made_of_request_and_instance(void **state)
{
    (void)state;
    rig_expect("placed", CREATE, KEY JSON,
               "{\"type\":\"match\",\"roomId\":\"match-43\",\"placement\":{\"labels\":"
               "{\"region\":\"eu\"}}}",
               201,
               DATA("{\"id\":\"match-43\",\"type\":\"match\",\"connections\":0,\"instanceId\":"
                    "\"" ID_A "\",\"endpointUrl\":\"wss://eu1.example.com\",\"local\":false}"));
    rig_expect("with metadata", CREATE, KEY JSON,
               "{\"type\":\"a \\\"b\\\"\",\"roomId\":\"x\",\"metadata\":{ \"k\" : \"v\" }}", 201,
               DATA("{\"id\":\"x\",\"type\":\"a \\\"b\\\"\",\"connections\":0,\"instanceId\":"
                    "\"" ID_A "\",\"endpointUrl\":\"wss://eu1.example.com\",\"local\":false,"
                    "\"metadata\":{\"k\":\"v\"}}"));
    rig_expect("with none", CREATE, KEY JSON, "{\"type\":\"t\",\"roomId\":\"x\",\"metadata\":{}}",
               201,
               DATA("{\"id\":\"x\",\"type\":\"t\",\"connections\":0,\"instanceId\":\"" ID_A
                    "\",\"endpointUrl\":\"wss://eu1.example.com\",\"local\":false}"));
}

static void test_an_id_is_invented(void **state)
{
    char first[64];

    (void)state;
    rig_expect("no id", CREATE, KEY JSON, "{\"type\":\"match\"}", 201, NULL);
    snprintf(first, sizeof first, "%.23s", strstr(reply.body, "\"r_") + 1);
    assert_int_equal(first[0], 'r');
    assert_int_equal(strspn(first, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                   "0123456789_-"),
                     23);
    assert_int_equal(strstr(reply.body, "\"r_")[24], '"');
    rig_expect("no id", CREATE, KEY JSON, "{\"type\":\"match\"}", 201, NULL);
    assert_null(strstr(reply.body, first));
}

/* ---- the body --------------------------------------------------------------------------------------------------- */

static void test_what_is_refused(void **state)
{
    static const struct {
        const char *name, *body;
    } rows[] = {
        { "no object", "[]" },
        { "a list of one", "[{\"type\":\"t\"}]" },
        { "null", "null" },
        { "no type", "{}" },
        { "an empty type", "{\"type\":\"\"}" },
        { "null as type", "{\"type\":null}" },
        { "an object as type", "{\"type\":{}}" },
        { "a list of two", "{\"type\":[\"a\",\"b\"]}" },
        { "a list in a list", "{\"type\":[[\"a\"]]}" },
        { "a list of none", "{\"type\":[]}" },
        { "half a character", "{\"type\":\"\\ud800\"}" },
        { "an empty id", "{\"type\":\"t\",\"roomId\":\"\"}" },
        { "null as id", "{\"type\":\"t\",\"roomId\":null}" },
        { "a slash", "{\"type\":\"t\",\"roomId\":\"a/b\"}" },
        { "a fraction as id", "{\"type\":\"t\",\"roomId\":1.5}" },
        { "65 characters",
          "{\"type\":\"t\",\"roomId\":"
          "\"01234567890123456789012345678901234567890123456789012345678901234\"}" },
        { "null as placement", "{\"type\":\"t\",\"placement\":null}" },
        { "a list as placement", "{\"type\":\"t\",\"placement\":[]}" },
        { "a text as placement", "{\"type\":\"t\",\"placement\":\"\"}" },
        { "pinned twice",
          "{\"type\":\"t\",\"placement\":{\"instanceId\":\"a\",\"processUid\":\"b\"}}" },
        { "null as labels", "{\"type\":\"t\",\"placement\":{\"labels\":null}}" },
        { "options that are none", "{\"type\":\"t\",\"options\":[]}" },
        { "null as options", "{\"type\":\"t\",\"options\":null}" },
        { "metadata that is none", "{\"type\":\"t\",\"metadata\":[]}" },
        { "a number in metadata", "{\"type\":\"t\",\"metadata\":{\"a\":1}}" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        refuse(rows[i].name, rows[i].body);
    rig_expect("no body", CREATE, KEY, NULL, 400, REJECTED("VALIDATION"));
    rig_expect("plain text", CREATE, KEY "Content-Type: text/plain\r\n", "{\"type\":\"t\"}", 400,
               REJECTED("VALIDATION"));
    rig_expect_notes("nothing was ordered", "");
}

static void test_scalars_become_texts(void **state)
{
    static const struct {
        const char *type, *want;
    } rows[] = {
        { "5", "5" },         { "1.0", "1" },          { "true", "true" },
        { "false", "false" }, { "[\"a\"]", "a" },      { "[7]", "7" },
        { "-0", "0" },        { "1e21", "1e+21" },     { "1e20", "100000000000000000000" },
        { "0.1", "0.1" },     { "1e-7", "1e-7" },      { "1.5e-6", "0.0000015" },
        { "-12.5", "-12.5" }, { "1e400", "Infinity" },
    };
    char body[128], want[128];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(body, sizeof body, "{\"type\":%s,\"roomId\":[12]}", rows[i].type);
        rig_expect(body, CREATE, KEY JSON, body, 201, NULL);
        snprintf(want, sizeof want, "create 12 %s ", rows[i].want);
        if (strncmp(rig.notes.data, want, strlen(want)) != 0)
            fail_msg("%s: wanted %s, got %.*s", body, want, (int)rig.notes.len, rig.notes.data);
        buf_clear(&rig.notes);
    }
}

static void test_numbers_as_javascript_writes_them(void **state)
{
    static const struct {
        double number;
        const char *want;
    } rows[] = {
        { 0.1 + 0.2, "0.30000000000000004" },
        { 123456789012345680000.0, "123456789012345680000" },
        { 1.7976931348623157e308, "1.7976931348623157e+308" },
        { 5e-324, "5e-324" },
        { 1.0 / 3, "0.3333333333333333" },
        { 0.000001, "0.000001" },
        { 9007199254740993.0, "9007199254740992" },
    };
    struct buf out;

    (void)state;
    buf_init(&out, 64);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        buf_clear(&out);
        rest_write_number(&out, rows[i].number);
        buf_add_byte(&out, '\0');
        assert_string_equal(out.data, rows[i].want);
    }
    buf_fini(&out);
}

/* ---- the place ------------------------------------------------------------------------------------------------------ */

static void test_places(void **state)
{
    const char *match = tag_of(FLEET_TAG_TYPE, "match", NULL);
    const char *lobby = tag_of(FLEET_TAG_TYPE, "lobby", NULL);
    const char *eu = tag_of(FLEET_TAG_LABEL, "region", "eu");
    const char *gold = tag_of(FLEET_TAG_LABEL, "tier", "gold");

#define BODY(place) "{\"type\":\"match\",\"roomId\":\"r\",\"other\":1" place "}"
#define PLACED(in)  BODY(",\"placement\":{" in "}")
    (void)state;
    expect_order(BODY(""), "create r match %s\n", match);
    expect_order(PLACED(""), "create r match %s\n", match);
    expect_order(PLACED("\"labels\":{\"region\":\"eu\"}"), "create r match %s %s\n", match, eu);
    expect_order(PLACED("\"labels\":{\"region\":\"us\",\"tier\":\"gold\",\"region\":\"eu\"}"),
                 "create r match %s %s %s\n", match, eu, gold);
    expect_order(PLACED("\"labels\":{\"region\":1}"), "create r match %s " NEVER "\n", match);
    expect_order(PLACED("\"labels\":[\"a\"]"), "create r match %s " NEVER "\n", match);
    expect_order(PLACED("\"labels\":\"a\""), "create r match %s " NEVER "\n", match);
    expect_order(PLACED("\"labels\":[]"), "create r match %s\n", match);
    expect_order(PLACED("\"labels\":7"), "create r match %s\n", match);
    expect_order(PLACED("\"type\":\"lobby\""), "create r match %s\n", lobby);
    expect_order(PLACED("\"type\":1"), "create r match " NEVER "\n");
    expect_order(PLACED("\"strategy\":\"most-loaded\""), "create r match strategy=1 %s\n", match);
    expect_order(PLACED("\"strategy\":\"random\""), "create r match strategy=2 %s\n", match);
    expect_order(PLACED("\"strategy\":\"least-loaded\""), "create r match %s\n", match);
    expect_order(PLACED("\"strategy\":\"any\""), "create r match %s\n", match);
    expect_order(PLACED("\"strategy\":3"), "create r match %s\n", match);
    expect_order(PLACED("\"instanceId\":\"" ID_B "\""), "create r match id=" ID_B " %s\n", match);
    expect_order(PLACED("\"instanceId\":null"), "create r match id=- %s\n", match);
    expect_order(PLACED("\"instanceId\":7"), "create r match id=- %s\n", match);
    expect_order(PLACED("\"instanceId\":\"\""), "create r match id=- %s\n", match);
    expect_order(PLACED("\"labels\":null,\"instanceId\":\"" ID_B "\""),
                 "create r match id=" ID_B " %s\n", match);
    expect_order(PLACED("\"labels\":null,\"processUid\":\"p_B\""), "create r match uid=p_B %s\n",
                 match);
    /* an agent may be called "-" */
    expect_order(PLACED("\"processUid\":\"-\""), "create r match uid=- %s\n", match);
    expect_order(PLACED("\"processUid\":null"), "create r match id=- %s\n", match);
    expect_order(PLACED("\"processUid\":7"), "create r match id=- %s\n", match);
    expect_order(PLACED("\"processUid\":\"\""), "create r match id=- %s\n", match);
    expect_order(PLACED("\"processUid\":\"p_B\",\"force\":true"),
                 "create r match uid=p_B forced %s\n", match);
    expect_order(PLACED("\"processUid\":\"p_B\",\"force\":1"), "create r match uid=p_B %s\n",
                 match);
    expect_order(PLACED("\"processUid\":\"p_B\",\"force\":\"true\""), "create r match uid=p_B %s\n",
                 match);
}

static void test_options_and_metadata(void **state)
{
    const char *match = tag_of(FLEET_TAG_TYPE, "match", NULL);
    uint8_t tag[FLEET_TAG_LEN];
    char feature[9];

    (void)state;
    fleet_feature_tag(FLEET_OPTIONS, tag);
    hex_write(tag, 4, feature);
    expect_order(BODY(",\"options\":{\"map\": [1]}"),
                 "create r match %s %s needed options={\"map\": [1]}\n", match, feature);
    expect_order(BODY(",\"options\":{},\"optionsRequired\":false"),
                 "create r match %s options={}\n", match);
    expect_order(BODY(",\"options\":{},\"optionsRequired\":0"),
                 "create r match %s %s needed options={}\n", match, feature);
    expect_order(BODY(",\"optionsRequired\":true"), "create r match %s\n", match);
    expect_order(BODY(",\"metadata\":{\"b\":\"1\",\"a\":\"2\"}"),
                 "create r match %s metadata={\"b\":\"1\",\"a\":\"2\"}\n", match);
}

static void test_options_have_a_bound(void **state)
{
    enum { MAX = 16 * 1024 };
    char *body = xcalloc(1, MAX + 256);
    int head;

    (void)state;
    head = snprintf(body, MAX, "{\"type\":\"t\",\"options\":{\"a\":\"");
    memset(body + head, 'x', MAX - 8);
    strcpy(body + head + MAX - 8, "\"}}");
    rig_expect("as large as may be", CREATE, KEY JSON, body, 201, NULL);
    strcpy(body + head + MAX - 8, "x\"}}");
    refuse("one more", body);
    free(body);
}

static void test_many_labels_match_nobody(void **state)
{
    char body[2048] = "{\"type\":\"match\",\"roomId\":\"r\",\"placement\":{\"labels\":{";

    (void)state;
    for (int i = 0; i < 33; i++)
        snprintf(body + strlen(body), sizeof body - strlen(body), "%s\"k%d\":\"v\"",
                 i > 0 ? "," : "", i);
    strcat(body, "}}}");
    expect_order(body, "create r match %s " NEVER "\n", tag_of(FLEET_TAG_TYPE, "match", NULL));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, rig_start, rig_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_room_is_made_of_request_and_instance),
        CASE(test_an_id_is_invented),
        CASE(test_what_is_refused),
        CASE(test_scalars_become_texts),
        CASE(test_numbers_as_javascript_writes_them),
        CASE(test_places),
        CASE(test_options_and_metadata),
        CASE(test_options_have_a_bound),
        CASE(test_many_labels_match_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
