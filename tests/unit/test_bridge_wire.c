/* SPDX-License-Identifier: MIT */
/* What emitters publish, as captured from them, and what is wrong or strange about others. */
#include <stdlib.h>
#include <string.h>

#include "support.h"

#include "base/hex.h"
#include "bridge_wire.h"

/* The beginnings and ends that most messages share. */
#define EMITTER "a7 656d6974746572"
#define NSP     "a3 6e7370 a1 2f"
#define ROOMS   "a5 726f6f6d73"
#define FLAGS   "a5 666c616773"
#define EXCEPT  "a6 657863657074"
#define TYPE    "a4 74797065"
#define DATA    "a4 64617461"
#define HELLO   "a5 68656c6c6f"
#define PACKET  "83 " TYPE " 02 " DATA " 91 " HELLO NSP

#define ALL "socket.io#/#"
#define REQ "socket.io-request#/#"

static const struct row {
    const char *name, *channel;
    const char *hex, *text; /* one of the two */
    enum bridge_verdict verdict;
    const char *message; /* as write_down() has it */
} rows[] = {
    { "to all", ALL,
      "93 a7 65 6d 69 74 74 65 72 83 a4 74 79 70 65 02 a4 64 61 74 61 92 a5 68 65 6c 6c 6f a5 77 "
      "6f "
      "72 6c 64 a3 6e 73 70 a1 2f 83 a5 72 6f 6f 6d 73 90 a5 66 6c 61 67 73 80 a6 65 78 63 65 70 "
      "74 "
      "90",
      NULL, BRIDGE_GOOD, "emit / [\"hello\",\"world\"]" },
    { "to one room", "socket.io#/#room1#",
      "93 a7 65 6d 69 74 74 65 72 83 a4 74 79 70 65 02 a4 64 61 74 61 93 a5 68 65 6c 6c 6f 01 82 "
      "a1 "
      "61 c3 a1 62 c0 a3 6e 73 70 a1 2f 83 a5 72 6f 6f 6d 73 91 a5 72 6f 6f 6d 31 a5 66 6c 61 67 "
      "73 "
      "80 a6 65 78 63 65 70 74 90",
      NULL, BRIDGE_GOOD, "emit / in:room1 [\"hello\",1,{\"a\":true,\"b\":null}]" },
    { "volatile, with bytes", "socket.io#/#u42#",
      "93 " EMITTER " 83 " TYPE " 02 " DATA " 92 a3 62696e c4 03 010203 " NSP " 83 " ROOMS
      " 91 a3 753432 " FLAGS " 82 a8 766f6c6174696c65 c3 a8 636f6d7072657373 c2 " EXCEPT " 90",
      NULL, BRIDGE_GOOD,
      "emit / in:u42 volatile [\"bin\",{\"_placeholder\":true,\"num\":0}] <010203>" },
    { "socket.io-emitter 3.x: no except", "socket.io#/#room1#",
      "93 a7 65 6d 69 74 74 65 72 83 a4 74 79 70 65 02 a4 64 61 74 61 92 a5 68 65 6c 6c 6f 01 a3 "
      "6e "
      "73 70 a1 2f 82 a5 72 6f 6f 6d 73 91 a5 72 6f 6f 6d 31 a5 66 6c 61 67 73 80",
      NULL, BRIDGE_GOOD, "emit / in:room1 [\"hello\",1]" },
    { "keys in another order, type 5", ALL,
      "93 " EMITTER " 83 " NSP DATA " 92 " HELLO " c4 01 ff " TYPE " 05 83 " EXCEPT
      " 91 a1 62 " ROOMS " 92 a1 61 a1 63 " FLAGS " 80",
      NULL, BRIDGE_GOOD,
      "emit / in:a in:c not:b [\"hello\",{\"_placeholder\":true,\"num\":0}] <ff>" },
    { "no namespace, no type", ALL, "93 " EMITTER " 81 " DATA " 91 " HELLO " 80", NULL, BRIDGE_GOOD,
      "emit / [\"hello\"]" },
    { "opts as an empty array", ALL, "93 " EMITTER PACKET " 90", NULL, BRIDGE_GOOD,
      "emit / [\"hello\"]" },
    { "no opts", ALL, "92 " EMITTER PACKET, NULL, BRIDGE_GOOD, "emit / [\"hello\"]" },
    { "opts nil", ALL, "93 " EMITTER PACKET " c0", NULL, BRIDGE_GOOD, "emit / [\"hello\"]" },
    { "flags as an empty array, rooms nil", ALL,
      "93 " EMITTER PACKET " 82 " ROOMS " c0 " FLAGS " 90", NULL, BRIDGE_GOOD,
      "emit / [\"hello\"]" },
    { "rooms as an empty map", ALL, "93 " EMITTER PACKET " 81 " ROOMS " 80", NULL, BRIDGE_GOOD,
      "emit / [\"hello\"]" },
    { "rooms that are numbers", "socket.io#/#42#",
      "93 " EMITTER PACKET " 81 " ROOMS " 92 2a cf ffffffffffffffff", NULL, BRIDGE_GOOD,
      "emit / in:42 in:18446744073709551615 [\"hello\"]" },
    { "raw strings of the old format", ALL,
      "93 da 0001 78 81 da 0004 64617461 91 da 0005 68656c6c6f 81 da 0005 726f6f6d73 91 da 0001 61",
      NULL, BRIDGE_GOOD, "emit / in:a [\"hello\"]" },
    { "uid nil", ALL, "93 c0 " PACKET " 80", NULL, BRIDGE_GOOD, "emit / [\"hello\"]" },
    { "a flag that is false", ALL, "93 " EMITTER PACKET " 81 " FLAGS " 81 a8 766f6c6174696c65 c2",
      NULL, BRIDGE_GOOD, "emit / [\"hello\"]" },
    { "a namespace of its own", "socket.io#/custom#",
      "93 " EMITTER " 82 " DATA " 91 " HELLO " a3 6e7370 a7 2f637573746f6d 80", NULL, BRIDGE_GOOD,
      "emit /custom [\"hello\"]" },
    { "a namespace that looks like a room", "socket.io#/#x#",
      "93 " EMITTER " 82 " DATA " 91 " HELLO " a3 6e7370 a3 2f2378 80", NULL, BRIDGE_GOOD,
      "emit /#x [\"hello\"]" },
    { "another namespace's packet", "socket.io#/custom#", "93 " EMITTER PACKET " 80", NULL,
      BRIDGE_IGNORED, NULL },
    { "another prefix", "socket.iot#/#", "93 " EMITTER PACKET " 80", NULL, BRIDGE_IGNORED, NULL },
    { "a shorter channel", "socket.io#/", "93 " EMITTER PACKET " 80", NULL, BRIDGE_IGNORED, NULL },
    { "an extension", ALL, "93 " EMITTER " 81 " DATA " 92 " HELLO " d4 05 00 80", NULL,
      BRIDGE_UNSUPPORTED, NULL },
    { "bytes outside of the event", ALL, "93 " EMITTER PACKET " 81 a1 78 c4 01 ff", NULL,
      BRIDGE_MALFORMED, NULL },
    { "bytes as a room", ALL, "93 " EMITTER PACKET " 81 " ROOMS " 91 c4 01 ff", NULL,
      BRIDGE_MALFORMED, NULL },
    { "no packet", ALL, "91 " EMITTER, NULL, BRIDGE_MALFORMED, NULL },
    { "no event", ALL, "93 " EMITTER " 81 " NSP " 80", NULL, BRIDGE_MALFORMED, NULL },
    { "an empty event", ALL, "93 " EMITTER " 81 " DATA " 90 80", NULL, BRIDGE_MALFORMED, NULL },
    { "an event that is no array", ALL, "93 " EMITTER " 81 " DATA HELLO " 80", NULL,
      BRIDGE_MALFORMED, NULL },
    { "a packet of another type", ALL, "93 " EMITTER " 82 " TYPE " 01 " DATA " 91 " HELLO " 80",
      NULL, BRIDGE_MALFORMED, NULL },
    { "a type between the two", ALL, "93 " EMITTER " 82 " TYPE " 03 " DATA " 91 " HELLO " 80", NULL,
      BRIDGE_MALFORMED, NULL },
    { "a namespace that is a map", ALL, "93 " EMITTER " 82 " DATA " 91 " HELLO " a3 6e7370 80 80",
      NULL, BRIDGE_MALFORMED, NULL },
    { "rooms that are a string", ALL, "93 " EMITTER PACKET " 81 " ROOMS " a1 61", NULL,
      BRIDGE_MALFORMED, NULL },
    { "a room that is nil", ALL, "93 " EMITTER PACKET " 81 " ROOMS " 91 c0", NULL, BRIDGE_MALFORMED,
      NULL },
    { "opts that are a number", ALL, "93 " EMITTER PACKET " 01", NULL, BRIDGE_MALFORMED, NULL },
    { "flags that are a string", ALL, "93 " EMITTER PACKET " 81 " FLAGS " a1 61", NULL,
      BRIDGE_MALFORMED, NULL },
    { "a map at the top", ALL, "80", NULL, BRIDGE_MALFORMED, NULL },
    { "JSON as a broadcast", ALL, NULL, "[\"emitter\",{\"data\":[\"a\"]},{}]", BRIDGE_MALFORMED,
      NULL },
    { "nothing", ALL, NULL, "", BRIDGE_MALFORMED, NULL },
    /* requests */
    { "join", REQ, NULL,
      "{\"type\":2,\"opts\":{\"rooms\":[\"room1\"],\"except\":[]},\"rooms\":[\"vip\"]}",
      BRIDGE_GOOD, "join / in:room1 change:vip" },
    { "leave", REQ, NULL,
      "{\"type\":3,\"opts\":{\"rooms\":[],\"except\":[\"a\"]},\"rooms\":[\"vip\",7]}", BRIDGE_GOOD,
      "leave / not:a change:vip change:7" },
    { "disconnect", "socket.io-request#/custom#", NULL,
      "{\"type\":4,\"opts\":{\"rooms\":[\"a\"],\"except\":[]},\"close\":true}", BRIDGE_GOOD,
      "disconnect /custom in:a close" },
    { "disconnect, and no more", REQ, NULL,
      "{\"type\":4,\"opts\":{\"rooms\":[\"a\"]},\"close\":false}", BRIDGE_GOOD,
      "disconnect / in:a" },
    { "everybody, as it says", REQ, NULL, "{\"type\":4,\"opts\":[]}", BRIDGE_GOOD, "disconnect /" },
    { "escapes", REQ, NULL, "{\"type\":2,\"opts\":{\"rooms\":[\"\\u00e4\\n\"]},\"rooms\":[\"b\"]}",
      BRIDGE_GOOD, "join / in:\xc3\xa4\n change:b" },
    { "in MessagePack", REQ, "83 " TYPE " 04 a4 6f707473 81 " ROOMS " 91 a1 61 a5 636c6f7365 c3",
      NULL, BRIDGE_GOOD, "disconnect / in:a close" },
    { "one socket joins", REQ, NULL,
      "{\"type\":2,\"sid\":\"s1\",\"room\":\"vip\",\"requestId\":\"r\"}", BRIDGE_GOOD,
      "join / in:s1 change:vip" },
    { "one socket is disconnected", REQ, NULL, "{\"type\":4,\"sid\":\"s1\",\"close\":true}",
      BRIDGE_GOOD, "disconnect / in:s1 close" },
    { "for whom?", REQ, NULL, "{\"type\":4,\"close\":true}", BRIDGE_MALFORMED, NULL },
    { "nothing to join", REQ, NULL, "{\"type\":2,\"opts\":{\"rooms\":[\"a\"]}}", BRIDGE_MALFORMED,
      NULL },
    { "no rooms to join", REQ, NULL, "{\"type\":2,\"opts\":{\"rooms\":[\"a\"]},\"rooms\":[]}",
      BRIDGE_MALFORMED, NULL },
    { "a socket that is a number is a name", REQ, NULL, "{\"type\":3,\"sid\":1,\"room\":2}",
      BRIDGE_GOOD, "leave / in:1 change:2" },
    { "a socket that is a map", REQ, NULL, "{\"type\":4,\"sid\":{}}", BRIDGE_MALFORMED, NULL },
    { "an unpaired surrogate", REQ, NULL, "{\"type\":4,\"sid\":\"\\ud800\"}", BRIDGE_MALFORMED,
      NULL },
    { "which sockets are there?", REQ, NULL,
      "{\"uid\":\"abc\",\"requestId\":\"r\",\"type\":5,\"opts\":{\"rooms\":[],\"except\":[]}}",
      BRIDGE_IGNORED, NULL },
    { "for servers", REQ, NULL, "{\"uid\":\"emitter\",\"type\":6,\"data\":[\"ping\",1]}",
      BRIDGE_GOOD, "servers / [\"ping\",1]" },
    { "for servers, in a namespace", "socket.io-request#/custom#", NULL,
      "{\"type\":6,\"data\":[\"ping\"]}", BRIDGE_GOOD, "servers /custom [\"ping\"]" },
    { "for servers, but nothing", REQ, NULL, "{\"type\":6,\"data\":[]}", BRIDGE_MALFORMED, NULL },
    { "for servers, without data", REQ, NULL, "{\"type\":6}", BRIDGE_MALFORMED, NULL },
    { "for servers, an object", REQ, NULL, "{\"type\":6,\"data\":{\"a\":1}}", BRIDGE_MALFORMED,
      NULL },
    { "with acknowledgements", REQ, "81 " TYPE " 07", NULL, BRIDGE_IGNORED, NULL },
    { "a type that is a text", REQ, NULL, "{\"type\":\"2\"}", BRIDGE_IGNORED, NULL },
    { "no type", REQ, NULL, "{}", BRIDGE_IGNORED, NULL },
    { "half of a JSON", REQ, NULL, "{\"type\":4", BRIDGE_MALFORMED, NULL },
    { "bytes", REQ, "82 " TYPE " 04 a3 736964 c4 01 61", NULL, BRIDGE_MALFORMED, NULL },
    { "an array", REQ, "90", NULL, BRIDGE_MALFORMED, NULL },
    { "an empty request", REQ, NULL, "", BRIDGE_MALFORMED, NULL },
};

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

static void add_names(struct buf *out, const char *label, const struct bridge_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        buf_printf(out, " %s:%.*s", label, (int)names->items[i].len, names->items[i].data);
}

static void write_down(struct buf *out, const struct bridge_message *message)
{
    static const char *const whats[] = { "emit", "join", "leave", "disconnect", "servers" };

    buf_printf(out, "%s %.*s", whats[message->what], (int)message->nsp.len, message->nsp.data);
    add_names(out, "in", &message->rooms);
    add_names(out, "not", &message->except);
    add_names(out, "change", &message->changed);
    if (message->is_volatile)
        buf_add_text(out, " volatile");
    if (message->closes)
        buf_add_text(out, " close");
    if (message->what == BRIDGE_EMIT || message->what == BRIDGE_SERVERS)
        buf_printf(out, " %.*s", (int)message->items.len, message->items.data);
    for (size_t i = 0; i < message->attachment_count; i++) {
        buf_add_text(out, " <");
        for (size_t n = 0; n < message->attachments[i].len; n++)
            buf_printf(out, "%02x", (unsigned char)message->attachments[i].data[n]);
        buf_add_byte(out, '>');
    }
    buf_add_byte(out, '\0');
}

static enum bridge_verdict parse(const char *channel, struct slice bytes,
                                 struct bridge_message *message)
{
    return bridge_parse(SLICE_LITERAL("socket.io"), slice_of(channel), bytes, message);
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        struct bridge_message message;
        struct buf got;
        char room[512];
        struct slice bytes = slice_of(row->text);

        print_message("  %s\n", row->name);
        if (row->hex != NULL)
            bytes = (struct slice){ room, bytes_of(row->hex, room) };
        assert_int_equal(parse(row->channel, bytes, &message), row->verdict);
        if (row->verdict == BRIDGE_GOOD) {
            buf_init(&got, 4096);
            write_down(&got, &message);
            assert_string_equal(got.data, row->message);
            buf_fini(&got);
        }
        bridge_message_fini(&message);
    }
}

/* Names that are long, and many: what was read first is still there. */
static void test_many_names(void **state)
{
    struct bridge_message message;
    struct buf text;

    (void)state;
    buf_init(&text, 1 << 20);
    buf_add_text(&text, "{\"type\":4,\"opts\":{\"rooms\":[\"a\"");
    for (int i = 0; i < 5000; i++)
        buf_printf(&text, ",\"\\u00e4%d\"", i);
    buf_add_text(&text, "]}}");
    assert_int_equal(parse(REQ, buf_slice(&text), &message), BRIDGE_GOOD);
    assert_int_equal(message.rooms.count, 5001);
    assert_true(slice_is(message.rooms.items[0], "a"));
    assert_true(slice_is(message.rooms.items[1], "\xc3\xa4"
                                                 "0"));
    assert_true(slice_is(message.rooms.items[5000], "\xc3\xa4"
                                                    "4999"));
    bridge_message_fini(&message);
    buf_fini(&text);
}

static void test_too_big(void **state)
{
    struct bridge_message message;
    struct slice bytes = { NULL, BRIDGE_TEXT_MAX + 1 };

    (void)state;
    assert_int_equal(parse(ALL, bytes, &message), BRIDGE_TOO_BIG);
    bridge_message_fini(&message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_many_names),
        cmocka_unit_test(test_too_big),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
