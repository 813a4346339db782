/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "engine_wire.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define L(text)      SLICE_LITERAL(text)
#define TEXT                                                                                       \
    {                                                                                              \
        NULL, 0                                                                                    \
    }
#define OCTETS SLICE_LITERAL("application/octet-stream")

enum { PACKETS_MAX = 8, POST_MAX = 1024 };

/* Packets as one line: "<digit>:<data>" of text, "b:<data>" of binary, each in brackets; at its end "." or "!" when
 * it was broken. */
static void describe(struct buf *out, const struct eio_packet *packet)
{
    buf_add_byte(out, '[');
    buf_add_byte(out, packet->is_binary ? 'b' : (char)('0' + packet->type));
    buf_add_byte(out, ':');
    buf_add_slice(out, packet->data);
    buf_add_byte(out, ']');
}

static void read_all(struct buf *out, const struct eio_style *style, struct slice type,
                     struct slice body, uint32_t max)
{
    struct eio_packet packet;
    struct eio_reader reader;
    enum eio_step step;

    eio_reader_init(&reader, style, type, body, max);
    while ((step = eio_read(&reader, &packet)) == EIO_PACKET) {
        assert_int_equal(packet.data.data[packet.data.len], '\0');
        describe(out, &packet);
    }
    assert_int_equal(eio_read(&reader, &packet), step);
    buf_add_byte(out, step == EIO_END ? '.' : '!');
    eio_reader_fini(&reader);
}

static void expect(const char *name, struct slice got, struct slice want)
{
    if (!slice_equals(got, want))
        fail_msg("%s: got %.*s, want %.*s", name, (int)got.len, got.data, (int)want.len, want.data);
}

/* ---- reading bodies -------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum engine_version version;
    struct slice type, body, want;
} posts[] = {
    { "4: text", ENGINE_4, TEXT, L("4hello"), L("[4:hello].") },
    { "4: the example", ENGINE_4, TEXT,
      L("4hello\x1e"
        "2\x1e"
        "bAQIDBA==\x1e"
        "4\xe2\x82\xac"),
      L("[4:hello][2:][b:\x01\x02\x03\x04][4:\xe2\x82\xac].") },
    { "4: every type", ENGINE_4, TEXT,
      L("0{}\x1e"
        "1\x1e"
        "2probe\x1e"
        "3\x1e"
        "4\x1e"
        "5\x1e"
        "6"),
      L("[0:{}][1:][2:probe][3:][4:][5:][6:].") },
    { "4: binary that is empty", ENGINE_4, TEXT, L("b"), L("[b:].") },
    { "4: NUL is data", ENGINE_4, TEXT, L("4a\0b"), L("[4:a\0b].") },
    { "4: an octet stream is text all the same", ENGINE_4, OCTETS, L("4hello"), L("[4:hello].") },
    { "4: no body", ENGINE_4, TEXT, L(""), L("!") },
    { "4: unknown type", ENGINE_4, TEXT, L("abc"), L("!") },
    { "4: unknown digit", ENGINE_4, TEXT, L("7"), L("!") },
    { "4: unknown type after a good packet", ENGINE_4, TEXT,
      L("4a\x1e"
        "x\x1e"
        "4b"),
      L("[4:a]!") },
    { "4: a separator in front", ENGINE_4, TEXT,
      L("\x1e"
        "4a"),
      L("!") },
    { "4: a separator behind", ENGINE_4, TEXT, L("4a\x1e"), L("[4:a]!") },
    { "4: two separators", ENGINE_4, TEXT,
      L("4a\x1e\x1e"
        "4b"),
      L("[4:a]!") },
    { "4: base64 without padding", ENGINE_4, TEXT, L("bAQIDBA"), L("!") },
    { "4: base64 with a blank", ENGINE_4, TEXT, L("bAQ D"), L("!") },
    { "4: base64 of protocol 3", ENGINE_4, TEXT, L("b4AQIDBA=="), L("!") },
    { "4: not UTF-8", ENGINE_4, TEXT, L("4\xff"), L("!") },
    { "4: a surrogate", ENGINE_4, TEXT, L("4\xed\xa0\x80"), L("!") },

    { "3: text", ENGINE_3, TEXT, L("6:4hello"), L("[4:hello].") },
    { "3: two packets", ENGINE_3, TEXT, L("6:4hello2:4\xe2\x82\xac"),
      L("[4:hello][4:\xe2\x82\xac].") },
    { "3: an astral character is two units", ENGINE_3, TEXT, L("3:4\xf0\x9f\x98\x80"),
      L("[4:\xf0\x9f\x98\x80].") },
    { "3: text, then base64", ENGINE_3, TEXT,
      L("2:4\xe2\x82\xac"
        "10:b4AQIDBA=="),
      L("[4:\xe2\x82\xac][b:\x01\x02\x03\x04].") },
    { "3: a ping with data", ENGINE_3, TEXT, L("6:2probe"), L("[2:probe].") },
    { "3: a payload that says it is empty", ENGINE_3, TEXT, L("0:"), L(".") },
    { "3: zero lengths are skipped", ENGINE_3, TEXT, L("0:2:4a0:0:2:4b"), L("[4:a][4:b].") },
    { "3: leading zeros", ENGINE_3, TEXT, L("002:4a"), L("[4:a].") },
    { "3: another type of content is text", ENGINE_3, L("application/octet-stream; x=y"), L("2:4a"),
      L("[4:a].") },
    { "3: no body", ENGINE_3, TEXT, L(""), L("!") },
    { "3: no length", ENGINE_3, TEXT, L(":4a"), L("!") },
    { "3: no colon", ENGINE_3, TEXT, L("2"), L("!") },
    { "3: a length that is no number", ENGINE_3, TEXT, L("x:4a"), L("!") },
    { "3: a negative length", ENGINE_3, TEXT, L("-2:4a"), L("!") },
    { "3: too long a length", ENGINE_3, TEXT, L("3:4a"), L("!") },
    { "3: too short a length", ENGINE_3, TEXT, L("2:4hello"), L("[4:h]!") },
    { "3: a length and nothing", ENGINE_3, TEXT, L("2:4a5:"), L("[4:a]!") },
    { "3: a length that halves a character", ENGINE_3, TEXT, L("2:4\xf0\x9f\x98\x80"), L("!") },
    { "3: ten digits", ENGINE_3, TEXT, L("0000000002:4a"), L("[4:a].") },
    { "3: eleven digits", ENGINE_3, TEXT, L("00000000002:4a"), L("!") },
    { "3: unknown type", ENGINE_3, TEXT, L("3:abc"), L("!") },
    { "3: base64 that is no message", ENGINE_3, TEXT, L("10:b2AQIDBA=="), L("!") },
    { "3: base64 of protocol 4", ENGINE_3, TEXT, L("9:bAQIDBA=="), L("!") },
    { "3: base64 that is broken", ENGINE_3, TEXT, L("5:b4AQI"), L("!") },
    { "3: not UTF-8", ENGINE_3, TEXT, L("2:4\xff"), L("!") },

    { "3: octets", ENGINE_3, OCTETS,
      L("\x00\x04\xff\x34\xe2\x82\xac\x01\x05\xff\x04\x01\x02\x03\x04"),
      L("[4:\xe2\x82\xac][b:\x01\x02\x03\x04].") },
    { "3: octets of nothing but text", ENGINE_3, OCTETS,
      L("\x00\x02\xff"
        "4a\x00\x02\xff"
        "4b"),
      L("[4:a][4:b].") },
    { "3: octets, base64 in text", ENGINE_3, OCTETS,
      L("\x00\x01\x00\xff"
        "b4AQIDBA=="),
      L("[b:\x01\x02\x03\x04].") },
    { "3: octets, binary that is empty", ENGINE_3, OCTETS, L("\x01\x01\xff\x04"), L("[b:].") },
    { "3: octets, no body", ENGINE_3, OCTETS, L(""), L("!") },
    { "3: octets, unknown kind", ENGINE_3, OCTETS,
      L("\x02\x02\xff"
        "4a"),
      L("!") },
    { "3: octets, a digit above nine", ENGINE_3, OCTETS,
      L("\x00\x0a\xff"
        "4aaaaaaaaa"),
      L("!") },
    { "3: octets, no length", ENGINE_3, OCTETS,
      L("\x00\xff"
        "4a"),
      L("!") },
    { "3: octets, a length of nothing", ENGINE_3, OCTETS, L("\x00\x00\xff"), L("!") },
    { "3: octets, a length past the end", ENGINE_3, OCTETS,
      L("\x00\x03\xff"
        "4a"),
      L("!") },
    { "3: octets, no end of the length", ENGINE_3, OCTETS, L("\x00\x02"), L("!") },
    { "3: octets, a kind and nothing", ENGINE_3, OCTETS,
      L("\x00\x02\xff"
        "4a\x00"),
      L("[4:a]!") },
    { "3: octets, eleven digits", ENGINE_3, OCTETS,
      L("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\xff"
        "4a"),
      L("!") },
    { "3: octets, binary that is no message", ENGINE_3, OCTETS, L("\x01\x02\xff\x02\x01"), L("!") },
    { "3: octets, not UTF-8", ENGINE_3, OCTETS,
      L("\x00\x02\xff"
        "4\xff"),
      L("!") },
};

static void test_posts(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(posts); i++) {
        struct eio_style style = { .version = posts[i].version };
        struct buf got;

        buf_init(&got, 1024);
        read_all(&got, &style, posts[i].type, posts[i].body, POST_MAX);
        expect(posts[i].name, buf_slice(&got), posts[i].want);
        buf_fini(&got);
    }
}

static void test_lengths_of_many_digits(void **state)
{
    static const char head[] = "\x00\x01\x02\x04\xff";
    struct eio_style style = { .version = ENGINE_3 };
    char body[sizeof head - 1 + 124];
    struct buf got;

    (void)state;
    memcpy(body, head, sizeof head - 1);
    memset(body + sizeof head - 1, '4', 124);
    buf_init(&got, 1024);
    read_all(&got, &style, OCTETS, (struct slice){ body, sizeof body }, POST_MAX);
    assert_int_equal(got.len, 123 + strlen("[4:]."));
    buf_fini(&got);
}

static void test_number_of_packets(void **state)
{
    struct eio_style styles[] = { { .version = ENGINE_4 }, { .version = ENGINE_3 } };
    struct slice bodies[] = { L("41\x1e"
                                "42\x1e"
                                "43"),
                              L("2:412:420:2:43") };

    (void)state;
    for (size_t i = 0; i < COUNT(styles); i++) {
        struct buf got;

        buf_init(&got, 1024);
        read_all(&got, &styles[i], (struct slice)TEXT, bodies[i], 3);
        expect("three may be", buf_slice(&got), L("[4:1][4:2][4:3]."));
        buf_clear(&got);
        read_all(&got, &styles[i], (struct slice)TEXT, bodies[i], 2);
        expect("two may be", buf_slice(&got), L("[4:1][4:2]!"));
        buf_fini(&got);
    }
}

static void test_type_of_content(void **state)
{
    (void)state;
    assert_true(eio_is_octets(OCTETS));
    assert_false(eio_is_octets(L("application/octet-stream; charset=UTF-8")));
    assert_false(eio_is_octets(L("text/plain;charset=UTF-8")));
    assert_false(eio_is_octets((struct slice)TEXT));
}

/* ---- writing bodies -------------------------------------------------------------------------------- */

static const char plain[] = "text/plain; charset=UTF-8", octets[] = "application/octet-stream",
                  script[] = "text/javascript; charset=UTF-8";

static const struct {
    const char *name;
    struct eio_style style;
    struct eio_packet packets[PACKETS_MAX];
    size_t count;
    const char *type;
    struct slice want;
} answers[] = {
    { "4: the example",
      { .version = ENGINE_4 },
      { { EIO_MESSAGE, false, L("hello") },
        { EIO_PING, false, L("") },
        { EIO_MESSAGE, true, L("\x01\x02\x03\x04") },
        { EIO_MESSAGE, false, L("\xe2\x82\xac") } },
      4,
      plain,
      L("4hello\x1e"
        "2\x1e"
        "bAQIDBA==\x1e"
        "4\xe2\x82\xac") },
    { "4: noop and close",
      { .version = ENGINE_4 },
      { { EIO_NOOP, false, L("") }, { EIO_CLOSE, false, L("") } },
      2,
      plain,
      L("6\x1e"
        "1") },
    { "4: b64 changes nothing",
      { .version = ENGINE_4, .has_b64 = true },
      { { EIO_MESSAGE, true, L("\x01") }, { EIO_MESSAGE, false, L("\xf0\x9f\x98\x80") } },
      2,
      plain,
      L("bAQ==\x1e"
        "4\xf0\x9f\x98\x80") },
    { "3: text",
      { .version = ENGINE_3 },
      { { EIO_MESSAGE, false, L("hello") }, { EIO_MESSAGE, false, L("\xe2\x82\xac") } },
      2,
      plain,
      L("6:4hello2:4\xe2\x82\xac") },
    { "3: a pong with data",
      { .version = ENGINE_3 },
      { { EIO_PONG, false, L("probe") } },
      1,
      plain,
      L("6:3probe") },
    { "3: close", { .version = ENGINE_3 }, { { EIO_CLOSE, false, L("") } }, 1, plain, L("1:1") },
    { "3: text and binary",
      { .version = ENGINE_3 },
      { { EIO_MESSAGE, false, L("\xe2\x82\xac") }, { EIO_MESSAGE, true, L("\x01\x02\x03\x04") } },
      2,
      octets,
      L("\x00\x04\xff\x34\xe2\x82\xac\x01\x05\xff\x04\x01\x02\x03\x04") },
    { "3: the suite's echo",
      { .version = ENGINE_3 },
      { { EIO_MESSAGE, false, L("hello") }, { EIO_MESSAGE, true, L("\x01\x02\x03\x04") } },
      2,
      octets,
      L("\x00\x06\xff\x34\x68\x65\x6c\x6c\x6f\x01\x05\xff\x04\x01\x02\x03\x04") },
    { "3: text and binary for b64",
      { .version = ENGINE_3, .has_b64 = true },
      { { EIO_MESSAGE, false, L("hello") }, { EIO_MESSAGE, true, L("\x01\x02\x03\x04") } },
      2,
      plain,
      L("6:4hello10:b4AQIDBA==") },
    { "3: an astral character",
      { .version = ENGINE_3 },
      { { EIO_MESSAGE, false, L("\xf0\x9f\x98\x80") } },
      1,
      octets,
      L("\x00\x05\xff\x34\xf0\x9f\x98\x80") },
    { "3: an astral character for b64",
      { .version = ENGINE_3, .has_b64 = true },
      { { EIO_MESSAGE, false, L("\xf0\x9f\x98\x80") } },
      1,
      plain,
      L("3:4\xf0\x9f\x98\x80") },
    { "3: a length of several digits",
      { .version = ENGINE_3 },
      { { EIO_MESSAGE, false, L("0123456789abc") }, { EIO_MESSAGE, true, L("") } },
      2,
      octets,
      L("\x00\x01\x04\xff"
        "40123456789abc\x01\x01\xff\x04") },
    { "4: JSON-P",
      { .version = ENGINE_4, .jsonp = L("7") },
      { { EIO_MESSAGE, false, L("2[\"a\\n\"]") }, { EIO_MESSAGE, true, L("\x01") } },
      2,
      script,
      L("___eio[7](\"42[\\\"a\\\\n\\\"]\\u001ebAQ==\");") },
    { "4: JSON-P, line ends of JavaScript",
      { .version = ENGINE_4, .jsonp = L("0") },
      { { EIO_MESSAGE, false, L("\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xa7") } },
      1,
      script,
      L("___eio[0](\"4\\u2028\\u2029\xe2\x80\xa7\");") },
    { "3: JSON-P takes no octets",
      { .version = ENGINE_3, .jsonp = L("12") },
      { { EIO_MESSAGE, true, L("\x01\x02\x03\x04") } },
      1,
      script,
      L("___eio[12](\"10:b4AQIDBA==\");") },
    { "JSON-P, an index that is none",
      { .version = ENGINE_4, .jsonp = L("1);alert(2") },
      { { EIO_NOOP, false, L("") } },
      1,
      script,
      L("___eio[12](\"6\");") },
    { "JSON-P, an index without end",
      { .version = ENGINE_4, .jsonp = L("1234567890123") },
      { { EIO_NOOP, false, L("") } },
      1,
      script,
      L("___eio[1234567890](\"6\");") },
};

static void test_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(answers); i++) {
        struct buf got;
        const char *type = eio_write(&got, &answers[i].style, answers[i].packets, answers[i].count);

        expect(answers[i].name, buf_slice(&got), answers[i].want);
        assert_string_equal(type, answers[i].type);
        buf_fini(&got);
    }
}

static void test_open_packet_of_protocol_3(void **state)
{
    static const char open[] =
        "{\"sid\":\"lRFwswWSzf_6MA2XAAAA\",\"upgrades\":[\"websocket\"],"
        "\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}";
    struct eio_packet packets[] = { { EIO_OPEN, false, slice_of(open) },
                                    { EIO_MESSAGE, false, L("0") } };
    struct eio_style style = { .version = ENGINE_3 };
    struct buf got, want;

    (void)state;
    eio_write(&got, &style, packets, 2);
    buf_init(&want, 1024);
    buf_printf(&want, "118:0%s2:40", open);
    expect("open", buf_slice(&got), buf_slice(&want));
    buf_fini(&got);
    buf_fini(&want);
}

/* Control characters take six bytes each: the most that anything may grow. */
static void test_answers_have_room(void **state)
{
    struct eio_style style = { .version = ENGINE_4, .jsonp = L("1234567890") };
    struct eio_packet packet = { EIO_MESSAGE, false, { NULL, 1000 } };
    char text[1000];
    struct buf got;

    (void)state;
    memset(text, 1, sizeof text);
    packet.data.data = text;
    eio_write(&got, &style, &packet, 1);
    assert_int_equal(got.len, strlen("___eio[1234567890](\"4\");") + 6 * sizeof text);
    buf_fini(&got);
}

/* ---- JSON-P ---------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum engine_version version;
    struct slice form, want;
} forms[] = {
    { "the field", ENGINE_4, L("d=4hello"), L("[4:hello].") },
    { "encoded", ENGINE_4, L("d=42%5B%22a+b%2B%22%5D"), L("[4:2[\"a b+\"]].") },
    { "one of several", ENGINE_4, L("x=1&d=4a&y=2"), L("[4:a].") },
    { "a line feed", ENGINE_4, L("d=4a%5Cnb"), L("[4:a\nb].") },
    { "backslash and n", ENGINE_4, L("d=4a%5C%5Cnb"), L("[4:a\\nb].") },
    { "two backslashes and n", ENGINE_4, L("d=4a%5C%5C%5Cnb"), L("[4:a\\\\nb].") },
    { "other backslashes", ENGINE_4, L("d=4%5C%5Ct%5C"), L("[4:\\\\t\\].") },
    { "protocol 3", ENGINE_3, L("d=6%3A4hello2%3A4a"), L("[4:hello][4:a].") },
    { "no field", ENGINE_4, L("e=4hello"), L("!") },
    { "an empty field", ENGINE_4, L("d="), L("!") },
    { "no form", ENGINE_4, L(""), L("!") },
    { "broken encoding", ENGINE_4, L("d=4%zz"), L("!") },
};

static void test_forms(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(forms); i++) {
        struct eio_style style = { .version = forms[i].version, .jsonp = L("0") };
        struct buf got;

        buf_init(&got, 1024);
        read_all(&got, &style, L("application/x-www-form-urlencoded"), forms[i].form, POST_MAX);
        expect(forms[i].name, buf_slice(&got), forms[i].want);
        buf_fini(&got);
    }
}

/* ---- messages of WebSockets ------------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum engine_version version;
    enum ws_kind kind;
    struct slice message;
    const char *want; /* "!" when broken */
} messages[] = {
    { "4: text", ENGINE_4, WS_TEXT, L("4hello"), "[4:hello]" },
    { "4: text that is empty", ENGINE_4, WS_TEXT, L("4"), "[4:]" },
    { "4: a probe", ENGINE_4, WS_TEXT, L("2probe"), "[2:probe]" },
    { "4: binary", ENGINE_4, WS_BINARY, L("\x01\x02\x03\x04"), "[b:\x01\x02\x03\x04]" },
    { "4: binary that is empty", ENGINE_4, WS_BINARY, L(""), "[b:]" },
    { "4: base64", ENGINE_4, WS_TEXT, L("bAQID"), "[b:\x01\x02\x03]" },
    { "4: nothing", ENGINE_4, WS_TEXT, L(""), "!" },
    { "4: unknown type", ENGINE_4, WS_TEXT, L("abc"), "!" },
    { "4: base64 that is broken", ENGINE_4, WS_TEXT, L("bAQI"), "!" },
    { "3: text", ENGINE_3, WS_TEXT, L("4hello"), "[4:hello]" },
    { "3: binary", ENGINE_3, WS_BINARY, L("\x04\x01\x02\x03\x04"), "[b:\x01\x02\x03\x04]" },
    { "3: binary that is empty", ENGINE_3, WS_BINARY, L("\x04"), "[b:]" },
    { "3: binary without a type", ENGINE_3, WS_BINARY, L(""), "!" },
    { "3: binary that is no message", ENGINE_3, WS_BINARY, L("\x02\x01"), "!" },
    { "3: base64", ENGINE_3, WS_TEXT, L("b4AQID"), "[b:\x01\x02\x03]" },
    { "3: base64 without a type", ENGINE_3, WS_TEXT, L("b"), "!" },
};

static void test_messages(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(messages); i++) {
        struct eio_packet packet;
        struct buf room, got;

        buf_init(&room, 64);
        buf_init(&got, 64);
        if (eio_message_read(messages[i].version, messages[i].message, messages[i].kind, &room,
                             &packet))
            describe(&got, &packet);
        else
            buf_add_byte(&got, '!');
        expect(messages[i].name, buf_slice(&got), slice_of(messages[i].want));
        buf_fini(&got);
        buf_fini(&room);
    }
}

static void test_text_message(void **state)
{
    struct eio_packet packet = { EIO_PONG, false, L("probe") };
    struct frame *frame = eio_message(&packet);

    (void)state;
    expect("pong", frame_slice(frame), L("3probe"));
    frame_unref(&frame);
}

static const struct {
    struct eio_style style;
    enum ws_kind kind;
    struct slice want;
} attachments[] = {
    { { .version = ENGINE_4 }, WS_BINARY, L("\x01\x02\x03\x04") },
    { { .version = ENGINE_4, .has_b64 = true }, WS_BINARY, L("\x01\x02\x03\x04") },
    { { .version = ENGINE_3 }, WS_BINARY, L("\x04\x01\x02\x03\x04") },
    { { .version = ENGINE_3, .has_b64 = true }, WS_TEXT, L("b4AQIDBA==") },
};

static void test_attachments(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(attachments); i++) {
        struct frame *bytes = frame_of(L("\x01\x02\x03\x04")), *message;
        enum ws_kind kind;

        message = eio_attachment(&attachments[i].style, bytes, &kind);
        assert_int_equal(kind, attachments[i].kind);
        expect("attachment", frame_slice(message), attachments[i].want);
        assert_int_equal(message == bytes, attachments[i].style.version == ENGINE_4);
        frame_unref(&message);
        frame_unref(&bytes);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_posts),
        cmocka_unit_test(test_lengths_of_many_digits),
        cmocka_unit_test(test_number_of_packets),
        cmocka_unit_test(test_type_of_content),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_open_packet_of_protocol_3),
        cmocka_unit_test(test_answers_have_room),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_text_message),
        cmocka_unit_test(test_attachments),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
