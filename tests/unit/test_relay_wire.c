/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "relay_wire.h"

#define TEN    "0123456789"
#define ID_128 TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN "01234567"

static const struct {
    const char *name, *text;
    enum relay_error want;
} handshakes[] = {
    { "mod", "{\"type\":\"mod\",\"data\":{\"server_id\":\"s\",\"channel_id\":\"c\"}}", RELAY_FINE },
    { "bot", "{\"type\":\"bot\",\"data\":{\"bot_id\":\"b\"}}", RELAY_FINE },
    { "data first, more members, blanks",
      " { \"data\" : { \"x\":[1] , \"bot_id\" : \"b\" } , \"v\":2, \"type\" : \"bot\" } \n",
      RELAY_FINE },
    { "escapes",
      "{\"type\":\"m\\u006fd\",\"data\":{\"server_id\":\"\\u0073\",\"channel_id\":\"c\"}}",
      RELAY_FINE },
    { "the last of two types", "{\"type\":\"cat\",\"type\":\"bot\",\"data\":{\"bot_id\":\"b\"}}",
      RELAY_FINE },
    { "longest identifiers",
      "{\"type\":\"mod\",\"data\":{\"server_id\":\"" ID_128 "\",\"channel_id\":\"" ID_128 "\"}}",
      RELAY_FINE },
    { "a bot with channels",
      "{\"type\":\"bot\",\"data\":{\"bot_id\":\"b\",\"channels\":[\"x\",\"y\"]}}", RELAY_FINE },
    { "a channel twice",
      "{\"type\":\"bot\",\"data\":{\"bot_id\":\"b\",\"channels\":[\"x\",\"x\"]}}", RELAY_FINE },

    { "nothing", "", RELAY_BAD_HANDSHAKE },
    { "no JSON", "nonsense", RELAY_BAD_HANDSHAKE },
    { "cut off", "{\"type\":\"bot\",\"data\":{\"bot_id\":\"b\"}", RELAY_BAD_HANDSHAKE },
    { "two values", "{\"type\":\"bot\",\"data\":{\"bot_id\":\"b\"}}{}", RELAY_BAD_HANDSHAKE },
    { "an array", "[]", RELAY_BAD_HANDSHAKE },
    { "a string", "\"mod\"", RELAY_BAD_HANDSHAKE },
    { "null", "null", RELAY_BAD_HANDSHAKE },
    { "an empty object", "{}", RELAY_BAD_HANDSHAKE },
    { "no type", "{\"data\":{\"bot_id\":\"b\"}}", RELAY_BAD_HANDSHAKE },
    { "type is a number", "{\"type\":1,\"data\":{}}", RELAY_BAD_HANDSHAKE },
    { "type is null", "{\"type\":null,\"data\":{}}", RELAY_BAD_HANDSHAKE },
    { "no data", "{\"type\":\"mod\"}", RELAY_BAD_HANDSHAKE },
    { "data is an array", "{\"type\":\"mod\",\"data\":[]}", RELAY_BAD_HANDSHAKE },
    { "data is null", "{\"type\":\"mod\",\"data\":null}", RELAY_BAD_HANDSHAKE },
    { "data is a string", "{\"type\":\"mod\",\"data\":\"{}\"}", RELAY_BAD_HANDSHAKE },
    { "broken UTF-8", "{\"type\":\"bot\",\"data\":{\"bot_id\":\"\xff\"}}", RELAY_BAD_HANDSHAKE },

    { "another type", "{\"type\":\"cat\",\"data\":{}}", RELAY_UNKNOWN_HANDSHAKE },
    { "an empty type", "{\"type\":\"\",\"data\":{}}", RELAY_UNKNOWN_HANDSHAKE },
    { "upper case", "{\"type\":\"MOD\",\"data\":{}}", RELAY_UNKNOWN_HANDSHAKE },

    { "no server", "{\"type\":\"mod\",\"data\":{\"channel_id\":\"c\"}}", RELAY_BAD_MOD_HANDSHAKE },
    { "no channel", "{\"type\":\"mod\",\"data\":{\"server_id\":\"s\"}}", RELAY_BAD_MOD_HANDSHAKE },
    { "an empty server", "{\"type\":\"mod\",\"data\":{\"server_id\":\"\",\"channel_id\":\"c\"}}",
      RELAY_BAD_MOD_HANDSHAKE },
    { "an empty channel", "{\"type\":\"mod\",\"data\":{\"server_id\":\"s\",\"channel_id\":\"\"}}",
      RELAY_BAD_MOD_HANDSHAKE },
    { "server is a number", "{\"type\":\"mod\",\"data\":{\"server_id\":1,\"channel_id\":\"c\"}}",
      RELAY_BAD_MOD_HANDSHAKE },
    { "channel is null", "{\"type\":\"mod\",\"data\":{\"server_id\":\"s\",\"channel_id\":null}}",
      RELAY_BAD_MOD_HANDSHAKE },
    { "server of 129 bytes",
      "{\"type\":\"mod\",\"data\":{\"server_id\":\"" ID_128 "x\",\"channel_id\":\"c\"}}",
      RELAY_BAD_MOD_HANDSHAKE },
    { "a control character",
      "{\"type\":\"mod\",\"data\":{\"server_id\":\"a\\u0007\",\"channel_id\":\"c\"}}",
      RELAY_BAD_MOD_HANDSHAKE },
    { "a NUL", "{\"type\":\"mod\",\"data\":{\"server_id\":\"s\",\"channel_id\":\"c\\u0000d\"}}",
      RELAY_BAD_MOD_HANDSHAKE },
    { "half a surrogate pair",
      "{\"type\":\"mod\",\"data\":{\"server_id\":\"\\ud800\",\"channel_id\":\"c\"}}",
      RELAY_BAD_MOD_HANDSHAKE },

    { "no bot", "{\"type\":\"bot\",\"data\":{}}", RELAY_BAD_BOT_HANDSHAKE },
    { "an empty bot", "{\"type\":\"bot\",\"data\":{\"bot_id\":\"\"}}", RELAY_BAD_BOT_HANDSHAKE },
    { "bot is true", "{\"type\":\"bot\",\"data\":{\"bot_id\":true}}", RELAY_BAD_BOT_HANDSHAKE },
    { "no channels", "{\"type\":\"bot\",\"data\":{\"bot_id\":\"b\",\"channels\":[]}}",
      RELAY_BAD_BOT_HANDSHAKE },
    { "channels are null", "{\"type\":\"bot\",\"data\":{\"bot_id\":\"b\",\"channels\":null}}",
      RELAY_BAD_BOT_HANDSHAKE },
    { "channels are a string", "{\"type\":\"bot\",\"data\":{\"bot_id\":\"b\",\"channels\":\"x\"}}",
      RELAY_BAD_BOT_HANDSHAKE },
    { "channels are an object",
      "{\"type\":\"bot\",\"data\":{\"bot_id\":\"b\",\"channels\":{\"x\":1}}}",
      RELAY_BAD_BOT_HANDSHAKE },
    { "an empty one among the channels",
      "{\"type\":\"bot\",\"data\":{\"bot_id\":\"b\",\"channels\":[\"x\",\"\"]}}",
      RELAY_BAD_BOT_HANDSHAKE },
    { "a number among the channels",
      "{\"type\":\"bot\",\"data\":{\"bot_id\":\"b\",\"channels\":[\"x\",1]}}",
      RELAY_BAD_BOT_HANDSHAKE },
};

static void reads_handshakes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof handshakes / sizeof handshakes[0]; i++) {
        struct relay_handshake handshake;
        enum relay_error error = relay_handshake_parse(slice_of(handshakes[i].text), &handshake);

        if (error != handshakes[i].want)
            fail_msg("%s: %s", handshakes[i].name, relay_error_label(error));
        relay_handshake_fini(&handshake);
    }
}

static void keeps_what_the_handshake_says(void **state)
{
    struct relay_handshake handshake;

    (void)state;
    assert_int_equal(
        relay_handshake_parse(SLICE_LITERAL("{\"type\":\"mod\",\"data\":{\"server_id\":"
                                            "\"\\u0073 1\",\"channel_id\":\"\xc3\xa9\"}}"),
                              &handshake),
        RELAY_FINE);
    assert_int_equal(handshake.side, RELAY_MOD);
    assert_string_equal(handshake.server_id, "s 1");
    assert_string_equal(handshake.channel_id, "\xc3\xa9");
    relay_handshake_fini(&handshake);

    assert_int_equal(
        relay_handshake_parse(SLICE_LITERAL("{\"type\":\"bot\",\"data\":{\"bot_id\":\"b\","
                                            "\"channels\":[\"y\",\"x\",\"y\",\"x\"]}}"),
                              &handshake),
        RELAY_FINE);
    assert_int_equal(handshake.side, RELAY_BOT);
    assert_int_equal(handshake.channel_count, 2);
    assert_string_equal(handshake.channels[0], "x");
    assert_string_equal(handshake.channels[1], "y");
    relay_handshake_fini(&handshake);
}

static enum relay_error try_channels(size_t count)
{
    struct relay_handshake handshake;
    enum relay_error error;
    struct buf text;

    buf_init(&text, 1 << 20);
    buf_add_text(&text, "{\"type\":\"bot\",\"data\":{\"bot_id\":\"b\",\"channels\":[");
    for (size_t i = 0; i < count; i++)
        buf_printf(&text, "%s\"c%zu\"", i > 0 ? "," : "", i);
    buf_add_text(&text, "]}}");
    error = relay_handshake_parse(buf_slice(&text), &handshake);
    relay_handshake_fini(&handshake);
    buf_fini(&text);
    return error;
}

static void a_bot_has_at_most_a_thousand_channels(void **state)
{
    (void)state;
    assert_int_equal(try_channels(1000), RELAY_FINE);
    assert_int_equal(try_channels(1001), RELAY_BAD_BOT_HANDSHAKE);
}

static const struct relay_sender mod = { RELAY_MOD, "s", "c" };
static const struct relay_sender bot = { RELAY_BOT, NULL, NULL };

/* received at …:02.000Z, passed on at …:03.000Z */
static const struct relay_times times = { 1000000002000, 1000000003000 };

#define RECEIVED                                                                                   \
    ",\"received_at\":\"2001-09-09T01:46:42.000Z\",\"forwarded_at\":\"2001-09-09T01:46:43.000Z\"}"
#define NO_TS    ",\"ts\":\"2001-09-09T01:46:42.000Z\"" RECEIVED
#define DEST     "\"destination\":{\"channel_id\":\"c\"}"
#define FROM_MOD "\"id\":\"s\"," DEST ",\"author\":{\"id\":\"a\"}"
#define FIRST    "{\"msg_id\":\"1\"," FROM_MOD ",\"content\":\"x\""
#define TO_BOT                                                                                     \
    "{\"type\":\"mod\",\"msg_id\":\"1\",\"channel_id\":\"c\",\"author\":{\"id\":\"a\"},"           \
    "\"content\":\"x\""

/* `want` NULL: malformed. */
static const struct {
    const char *name;
    const struct relay_sender *sender;
    const char *text, *want;
} messages[] = {
    { "the least of a mod", &mod, FIRST "}", TO_BOT NO_TS },
    { "the least of a bot", &bot,
      "{\"msg_id\":\"1\",\"id\":\"c\",\"author\":{\"id\":\"a\"},\"content\":\"x\"}",
      "{\"type\":\"bot\",\"msg_id\":\"1\",\"channel_id\":\"c\",\"author\":{\"id\":\"a\"},"
      "\"content\":\"x\"" NO_TS },
    { "everything", &mod,
      "{\"msg_id\":\"1\",\"id\":\"s\"," DEST
      ",\"author\":{\"id\":\"a\",\"name\":\"Ann\"},\"content\":\"x\","
      "\"meta\":{\"k\":1},\"ts\":\"2026-01-02T03:04:05.6789+02:00\"}",
      "{\"type\":\"mod\",\"msg_id\":\"1\",\"channel_id\":\"c\",\"author\":{\"id\":\"a\",\"name\":"
      "\"Ann\"},"
      "\"content\":\"x\",\"meta\":{\"k\":1},\"ts\":\"2026-01-02T01:04:05.678Z\"" RECEIVED },
    { "meta byte for byte", &mod,
      FIRST ",\"meta\": { \"n\":1e999, \"n\" : "
            "-0.0,\"b\":123456789012345678901234567890,\"s\":\"\\u0000\\ud800\" } }",
      TO_BOT ",\"meta\":{ \"n\":1e999, \"n\" : "
             "-0.0,\"b\":123456789012345678901234567890,\"s\":\"\\u0000\\ud800\" }" NO_TS },
    { "an empty meta", &mod, FIRST ",\"meta\":{}}", TO_BOT ",\"meta\":{}" NO_TS },
    { "meta is null", &mod, FIRST ",\"meta\":null}", TO_BOT NO_TS },
    { "content keeps its spelling", &mod,
      "{\"msg_id\":\"1\"," FROM_MOD ",\"content\":\"\\u0041\\/\\n\xf0\x9f\x98\x80\"}",
      "{\"type\":\"mod\",\"msg_id\":\"1\",\"channel_id\":\"c\",\"author\":{\"id\":\"a\"},"
      "\"content\":\"\\u0041\\/\\n\xf0\x9f\x98\x80\"" NO_TS },
    { "members in any order, unknown ones dropped", &mod,
      "{\"x\":[{}],\"content\":\"x\",\"author\":{\"y\":1,\"id\":\"a\"}," DEST
      ",\"id\":\"s\",\"msg_id\":\"1\"}",
      TO_BOT NO_TS },
    { "the last of two contents", &mod,
      "{\"msg_id\":\"1\"," FROM_MOD ",\"content\":\"w\",\"content\":\"x\"}", TO_BOT NO_TS },
    { "escaped identifiers are the same identifiers", &mod,
      "{\"msg_id\":\"1\",\"id\":\"\\u0073\",\"destination\":{\"channel_id\":\"\\u0063\"},"
      "\"author\":{\"id\":\"a\"},\"content\":\"x\"}",
      TO_BOT NO_TS },
    { "a channel that must be escaped", &bot,
      "{\"msg_id\":\"1\",\"id\":\"c\\\"\\\\\",\"author\":{\"id\":\"a\"},\"content\":\"x\"}",
      "{\"type\":\"bot\",\"msg_id\":\"1\",\"channel_id\":\"c\\\"\\\\\",\"author\":{\"id\":\"a\"},"
      "\"content\":\"x\"" NO_TS },
    { "a name of null", &bot,
      "{\"msg_id\":\"1\",\"id\":\"c\",\"author\":{\"id\":\"a\",\"name\":null},\"content\":\"x\"}",
      "{\"type\":\"bot\",\"msg_id\":\"1\",\"channel_id\":\"c\",\"author\":{\"id\":\"a\"},"
      "\"content\":\"x\"" NO_TS },
    { "an empty name", &bot,
      "{\"msg_id\":\"1\",\"id\":\"c\",\"author\":{\"id\":\"a\",\"name\":\"\"},\"content\":\"x\"}",
      "{\"type\":\"bot\",\"msg_id\":\"1\",\"channel_id\":\"c\",\"author\":{\"id\":\"a\",\"name\":"
      "\"\"},\"content\":\"x\"" NO_TS },
    { "ts in escapes", &mod, FIRST ",\"ts\":\"\\u0032026-01-02T03:04:05Z\"}",
      TO_BOT ",\"ts\":\"2026-01-02T03:04:05.000Z\"" RECEIVED },
    { "longest msg_id", &bot,
      "{\"msg_id\":\"" ID_128 "\",\"id\":\"c\",\"author\":{\"id\":\"a\"},\"content\":\"x\"}",
      "{\"type\":\"bot\",\"msg_id\":\"" ID_128
      "\",\"channel_id\":\"c\",\"author\":{\"id\":\"a\"},\"content\":\"x\"" NO_TS },

    { "nothing", &mod, "", NULL },
    { "no JSON", &mod, "nonsense", NULL },
    { "cut off", &mod, FIRST, NULL },
    { "an array", &mod, "[]", NULL },
    { "null", &mod, "null", NULL },
    { "an empty object", &mod, "{}", NULL },
    { "a second value", &mod, FIRST "} x", NULL },
    { "broken UTF-8", &mod, "{\"msg_id\":\"1\"," FROM_MOD ",\"content\":\"\xc3\x28\"}", NULL },
    { "no msg_id", &mod, "{" FROM_MOD ",\"content\":\"x\"}", NULL },
    { "an empty msg_id", &mod, "{\"msg_id\":\"\"," FROM_MOD ",\"content\":\"x\"}", NULL },
    { "msg_id is a number", &mod, "{\"msg_id\":1," FROM_MOD ",\"content\":\"x\"}", NULL },
    { "msg_id is null", &mod, "{\"msg_id\":null," FROM_MOD ",\"content\":\"x\"}", NULL },
    { "msg_id of 129 bytes", &mod, "{\"msg_id\":\"" ID_128 "x\"," FROM_MOD ",\"content\":\"x\"}",
      NULL },
    { "no id", &mod, "{\"msg_id\":\"1\"," DEST ",\"author\":{\"id\":\"a\"},\"content\":\"x\"}",
      NULL },
    { "an empty id", &mod,
      "{\"msg_id\":\"1\",\"id\":\"\"," DEST ",\"author\":{\"id\":\"a\"},\"content\":\"x\"}", NULL },
    { "another server's id", &mod,
      "{\"msg_id\":\"1\",\"id\":\"t\"," DEST ",\"author\":{\"id\":\"a\"},\"content\":\"x\"}",
      NULL },
    { "id is a number", &mod,
      "{\"msg_id\":\"1\",\"id\":1," DEST ",\"author\":{\"id\":\"a\"},\"content\":\"x\"}", NULL },
    { "no destination", &mod,
      "{\"msg_id\":\"1\",\"id\":\"s\",\"author\":{\"id\":\"a\"},\"content\":\"x\"}", NULL },
    { "destination is a string", &mod,
      "{\"msg_id\":\"1\",\"id\":\"s\",\"destination\":\"c\",\"author\":{\"id\":\"a\"},\"content\":"
      "\"x\"}",
      NULL },
    { "destination without channel", &mod,
      "{\"msg_id\":\"1\",\"id\":\"s\",\"destination\":{},\"author\":{\"id\":\"a\"},\"content\":"
      "\"x\"}",
      NULL },
    { "an empty channel", &mod,
      "{\"msg_id\":\"1\",\"id\":\"s\",\"destination\":{\"channel_id\":\"\"},\"author\":{\"id\":"
      "\"a\"},\"content\":\"x\"}",
      NULL },
    { "another channel", &mod,
      "{\"msg_id\":\"1\",\"id\":\"s\",\"destination\":{\"channel_id\":\"d\"},\"author\":{\"id\":"
      "\"a\"},\"content\":\"x\"}",
      NULL },
    { "no author", &mod, "{\"msg_id\":\"1\",\"id\":\"s\"," DEST ",\"content\":\"x\"}", NULL },
    { "author is a string", &mod,
      "{\"msg_id\":\"1\",\"id\":\"s\"," DEST ",\"author\":\"a\",\"content\":\"x\"}", NULL },
    { "author is null", &mod,
      "{\"msg_id\":\"1\",\"id\":\"s\"," DEST ",\"author\":null,\"content\":\"x\"}", NULL },
    { "author without id", &mod,
      "{\"msg_id\":\"1\",\"id\":\"s\"," DEST ",\"author\":{\"name\":\"A\"},\"content\":\"x\"}",
      NULL },
    { "author with an empty id", &mod,
      "{\"msg_id\":\"1\",\"id\":\"s\"," DEST ",\"author\":{\"id\":\"\"},\"content\":\"x\"}", NULL },
    { "author with a number", &mod,
      "{\"msg_id\":\"1\",\"id\":\"s\"," DEST ",\"author\":{\"id\":7},\"content\":\"x\"}", NULL },
    { "name is a number", &mod,
      "{\"msg_id\":\"1\",\"id\":\"s\"," DEST
      ",\"author\":{\"id\":\"a\",\"name\":7},\"content\":\"x\"}",
      NULL },
    { "no content", &mod, "{\"msg_id\":\"1\"," FROM_MOD "}", NULL },
    { "an empty content", &mod, "{\"msg_id\":\"1\"," FROM_MOD ",\"content\":\"\"}", NULL },
    { "content is an object", &mod, "{\"msg_id\":\"1\"," FROM_MOD ",\"content\":{}}", NULL },
    { "content is null", &mod, "{\"msg_id\":\"1\"," FROM_MOD ",\"content\":null}", NULL },
    { "meta is an array", &mod, FIRST ",\"meta\":[]}", NULL },
    { "meta is a string", &mod, FIRST ",\"meta\":\"{}\"}", NULL },
    { "meta is false", &mod, FIRST ",\"meta\":false}", NULL },
    { "ts is a word", &mod, FIRST ",\"ts\":\"yesterday\"}", NULL },
    { "ts is empty", &mod, FIRST ",\"ts\":\"\"}", NULL },
    { "ts is a number", &mod, FIRST ",\"ts\":1700000000}", NULL },
    { "ts is null", &mod, FIRST ",\"ts\":null}", NULL },
    { "ts without offset", &mod, FIRST ",\"ts\":\"2026-01-02T03:04:05\"}", NULL },
    { "ts with a NUL", &mod, FIRST ",\"ts\":\"2026-01-02T03:04:05Z\\u0000\"}", NULL },
    { "a bot without id", &bot, "{\"msg_id\":\"1\",\"author\":{\"id\":\"a\"},\"content\":\"x\"}",
      NULL },
    { "a bot's id of 129 bytes", &bot,
      "{\"msg_id\":\"1\",\"id\":\"" ID_128 "x\",\"author\":{\"id\":\"a\"},\"content\":\"x\"}",
      NULL },
    { "a bot's id with a line feed", &bot,
      "{\"msg_id\":\"1\",\"id\":\"a\\n\",\"author\":{\"id\":\"a\"},\"content\":\"x\"}", NULL },
    { "a mod's destination does not make a bot's", &bot,
      "{\"msg_id\":\"1\"," DEST ",\"author\":{\"id\":\"a\"},\"content\":\"x\"}", NULL },
};

static void passes_messages_on(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        const char *want = messages[i].want != NULL ? messages[i].want : "malformed";
        /* on the heap, without a NUL behind it: so that reading too far is noticed */
        size_t len = strlen(messages[i].text);
        char *text = xmalloc(len + (len == 0));
        struct relay_message message;
        struct buf out;

        memcpy(text, messages[i].text, len);
        buf_init(&out, len + RELAY_DELIVERY_EXTRA);
        if (relay_message_parse((struct slice){ text, len }, messages[i].sender, &message))
            assert_true(relay_delivery_write(&out, messages[i].sender->side, &message, &times));
        else
            buf_add_text(&out, "malformed");
        if (!slice_is(buf_slice(&out), want))
            fail_msg("%s:\n%.*s\nwanted\n%s", messages[i].name, (int)out.len, out.data, want);
        buf_fini(&out);
        free(text);
    }
}

static bool takes_meta_of(size_t levels)
{
    struct relay_message message;
    struct buf text;
    bool is_taken;

    buf_init(&text, 4096);
    buf_add_text(&text, FIRST ",\"meta\":");
    for (size_t i = 0; i < levels; i++)
        buf_add_text(&text, "{\"k\":");
    buf_add_text(&text, "1");
    for (size_t i = 0; i < levels; i++)
        buf_add_text(&text, "}");
    buf_add_text(&text, "}");
    is_taken = relay_message_parse(buf_slice(&text), &mod, &message);
    buf_fini(&text);
    return is_taken;
}

static void meta_may_be_nested_to_the_limit(void **state)
{
    (void)state;
    assert_true(takes_meta_of(JSON_DEPTH_MAX));
    assert_false(takes_meta_of(JSON_DEPTH_MAX + 1));
}

static void a_delivery_grows_by_a_bounded_amount(void **state)
{
    struct relay_message message;
    struct buf text, out;

    (void)state;
    buf_init(&text, 4096);
    buf_add_text(&text, "{\"msg_id\":\"1\",\"id\":\"");
    for (size_t i = 0; i < KEY_ID_MAX; i++)
        buf_add_text(&text, "\\\""); /* what takes most room when it is quoted again */
    buf_add_text(&text, "\",\"author\":{\"id\":\"a\"},\"content\":\"x\"}");
    assert_true(relay_message_parse(buf_slice(&text), &bot, &message));
    buf_init(&out, text.len + RELAY_DELIVERY_EXTRA);
    assert_true(relay_delivery_write(&out, RELAY_BOT, &message, &times));
    buf_fini(&out);
    buf_init(&out, 100);
    assert_false(relay_delivery_write(&out, RELAY_BOT, &message, &times));
    buf_fini(&out);
    buf_fini(&text);
}

static const struct {
    enum relay_error error;
    const char *want;
} errors[] = {
    { RELAY_BAD_KEY, "{\"message\":\"Invalid or missing API key.\",\"code\":401}" },
    { RELAY_BAD_HANDSHAKE, "{\"message\":\"Malformed handshake.\",\"code\":400}" },
    { RELAY_UNKNOWN_HANDSHAKE, "{\"message\":\"Unknown handshake.\",\"code\":400}" },
    { RELAY_BAD_MOD_HANDSHAKE, "{\"message\":\"Malformed mod handshake.\",\"code\":400}" },
    { RELAY_BAD_BOT_HANDSHAKE, "{\"message\":\"Malformed bot handshake.\",\"code\":400}" },
    { RELAY_BOT_TAKEN, "{\"message\":\"Bot already connected.\",\"code\":409}" },
    { RELAY_INTERNAL, "{\"message\":\"Internal error.\",\"code\":500}" },
    { RELAY_BAD_MESSAGE, "{\"message\":\"Malformed message.\",\"code\":400}" },
};

static void answers_are_exact(void **state)
{
    struct buf out;

    (void)state;
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
        assert_string_equal(relay_error_text(errors[i].error).data, errors[i].want);
    assert_string_equal(relay_welcome_text(RELAY_MOD).data,
                        "{\"status\":\"connected\",\"type\":\"mod\"}");
    assert_string_equal(relay_welcome_text(RELAY_BOT).data,
                        "{\"status\":\"connected\",\"type\":\"bot\"}");
    buf_init(&out, 1024);
    assert_true(relay_ack_write(&out, RELAY_COMPLETED, RELAY_MOD, SLICE_LITERAL("\"1\"")));
    assert_true(relay_ack_write(&out, RELAY_QUEUED, RELAY_BOT, SLICE_LITERAL("\"\\u0032\"")));
    assert_true(relay_ack_write(&out, RELAY_FAILED, RELAY_MOD, SLICE_LITERAL("\"3\"")));
    buf_add_byte(&out, '\0');
    assert_string_equal(out.data, "{\"status\":\"completed\",\"type\":\"mod\",\"msg_id\":\"1\"}"
                                  "{\"status\":\"queued\",\"type\":\"bot\",\"msg_id\":\"\\u0032\"}"
                                  "{\"status\":\"failed\",\"type\":\"mod\",\"msg_id\":\"3\"}");
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_handshakes),
        cmocka_unit_test(keeps_what_the_handshake_says),
        cmocka_unit_test(a_bot_has_at_most_a_thousand_channels),
        cmocka_unit_test(passes_messages_on),
        cmocka_unit_test(meta_may_be_nested_to_the_limit),
        cmocka_unit_test(a_delivery_grows_by_a_bounded_amount),
        cmocka_unit_test(answers_are_exact),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
