/* SPDX-License-Identifier: MIT */
/* What a client may send and what comes of it, whole and byte by byte, over TCP. */
#include "ws_rig.h"

#define MORE 0x00u
#define LAST 0x80u /* the last of a fragmented message */

enum { BIG = 70000, FRAMES_MAX = 8 };

struct part {
    unsigned first;
    const char *payload; /* NULL: BIG bytes of 'x' */
    int is_masked;       /* WS_MASKED, WS_UNMASKED, or RAW: the payload is all there is */
    size_t len;          /* of a payload that is no text; 0: strlen */
};
enum { RAW = 2 };

#define F(first, payload)                                                                          \
    {                                                                                              \
        first, payload, WS_MASKED, 0                                                               \
    }
#define BYTES(payload)                                                                             \
    {                                                                                              \
        0, payload, RAW, sizeof(payload) - 1                                                       \
    }
#define LONG(first, payload)                                                                       \
    {                                                                                              \
        first, payload, WS_MASKED, sizeof(payload) - 1                                             \
    }

static const struct {
    const char *name;
    struct part parts[FRAMES_MAX];
    const char *dialect, *client; /* after "open" */
} cases[] = {
    { "a text", { F(TEXT, "hello") }, "text hello\n", "" },
    { "a binary", { F(BINARY, "hello") }, "binary hello\n", "" },
    { "an empty text", { F(TEXT, "") }, "text\n", "" },
    { "an empty binary", { F(BINARY, "") }, "binary\n", "" },
    { "125 bytes",
      { F(TEXT, "0123456789012345678901234567890123456789012345678901234567890123456789"
                "0123456789012345678901234567890123456789012345678901234") },
      "text 125 bytes\n",
      "" },
    { "126 bytes",
      { F(TEXT, "0123456789012345678901234567890123456789012345678901234567890123456789"
                "01234567890123456789012345678901234567890123456789012345") },
      "text 126 bytes\n",
      "" },
    { "70000 bytes", { F(TEXT, NULL) }, "text 70000 bytes\n", "" },
    /* RFC 6455 (5.1) wants 1002; libwebsockets does not look, and does not tell. */
    { "unmasked", { { TEXT, "hello", WS_UNMASKED, 0 } }, "text hello\n", "" },
    { "masked behind unmasked",
      { { TEXT, "hello", WS_UNMASKED, 0 }, F(TEXT, "again") },
      "text hello\ntext again\n",
      "" },
    { "several at once",
      { F(TEXT, "a"), F(TEXT, "b"), F(BINARY, "c"), F(TEXT, "d") },
      "text a\ntext b\nbinary c\ntext d\n",
      "" },
    { "a short one behind a long one",
      { F(TEXT, NULL), F(TEXT, "b") },
      "text 70000 bytes\ntext b\n",
      "" },
    { "in three fragments", { F(0x01, "he"), F(MORE, "l"), F(LAST, "lo") }, "text hello\n", "" },
    { "a binary in two fragments", { F(0x02, "he"), F(LAST, "llo") }, "binary hello\n", "" },
    { "empty fragments", { F(0x01, ""), F(MORE, ""), F(LAST, "") }, "text\n", "" },
    { "an empty first fragment", { F(0x01, ""), F(LAST, "x") }, "text x\n", "" },
    { "a long second fragment", { F(0x01, "x"), F(LAST, NULL) }, "text 70001 bytes\n", "" },
    { "a ping between fragments",
      { F(0x01, "he"), F(PING, "p"), F(LAST, "llo") },
      "text hello\n",
      "pong p\n" },
    { "a pong nobody asked for", { F(PONG, "x"), F(PONG, ""), F(TEXT, "a") }, "text a\n", "" },
    { "an empty ping", { F(PING, ""), F(TEXT, "a") }, "text a\n", "pong\n" },
    { "a character across fragments",
      { LONG(0x01, "\xe2\x82"), LONG(LAST, "\xac") },
      "text \xe2\x82\xac\n",
      "" },
    { "a NUL inside", { LONG(TEXT, "a\0b") }, "text a\n", "" },
    { "UTF-8 that is none",
      { LONG(TEXT, "a\xff") },
      "close in_order bad_text\n",
      "close 1007 invalid UTF-8\n" },
    { "half a character",
      { LONG(TEXT, "\xe2\x82") },
      "close in_order bad_text\n",
      "close 1007 invalid UTF-8\n" },
    { "a surrogate",
      { LONG(TEXT, "\xed\xa0\x80") },
      "close in_order bad_text\n",
      "close 1007 invalid UTF-8\n" },
    { "an overlong slash",
      { LONG(TEXT, "\xc0\xaf") },
      "close in_order bad_text\n",
      "close 1007 invalid UTF-8\n" },
    { "bytes in a binary", { LONG(BINARY, "a\xff") }, "binary a\xff\n", "" },
    { "nothing is read behind a fault",
      { LONG(TEXT, "\xff"), F(TEXT, "a") },
      "close in_order bad_text\n",
      "close 1007 invalid UTF-8\n" },
    { "too big in two fragments",
      { F(0x01, NULL), F(LAST, NULL) },
      "close in_order too_big\n",
      "close 1009 message too big\n" },
    { "a length that is too big",
      { BYTES("\x81\xff\0\0\0\0\0\1\x86\xa1\1\2\3\4x") },
      "close broken too_big\n",
      "close 1009 message too big\n" },
    { "a continuation of nothing",
      { F(LAST, "x") },
      "close broken protocol_error\n",
      "close 1002 protocol error\n" },
    { "a text inside a text",
      { F(0x01, "x"), F(TEXT, "y") },
      "close broken protocol_error\n",
      "close 1002 protocol error\n" },
    { "opcode 3",
      { F(0x83, "x") },
      "close broken protocol_error\n",
      "close 1002 protocol error\n" },
    { "opcode 7",
      { F(0x87, "x") },
      "close broken protocol_error\n",
      "close 1002 protocol error\n" },
    { "opcode 11",
      { F(0x8b, "x") },
      "close broken protocol_error\n",
      "close 1002 protocol error\n" },
    { "opcode 15",
      { F(0x8f, "x") },
      "close broken protocol_error\n",
      "close 1002 protocol error\n" },
    { "RSV1", { F(0xc1, "x") }, "close broken protocol_error\n", "close 1002 protocol error\n" },
    { "RSV2", { F(0xa1, "x") }, "close broken protocol_error\n", "close 1002 protocol error\n" },
    { "RSV3", { F(0x91, "x") }, "close broken protocol_error\n", "close 1002 protocol error\n" },
    { "a ping in fragments",
      { F(0x09, "x") },
      "close broken protocol_error\n",
      "close 1002 protocol error\n" },
    { "a ping of 126 bytes",
      { BYTES("\x89\xfe\0\x7e\1\2\3\4") },
      "close broken protocol_error\n",
      "close 1002 protocol error\n" },
    { "a negative length",
      { BYTES("\x82\xff\x80\0\0\0\0\0\0\1\1\2\3\4") },
      "close broken protocol_error\n",
      "close 1002 protocol error\n" },
    { "good ones before the fault",
      { F(TEXT, "a"), F(0x83, "") },
      "text a\nclose broken protocol_error\n",
      "close 1002 protocol error\n" },
    { "close 1000", { LONG(CLOSE_, "\x03\xe8") }, "close in_order peer_closed\n", "close 1000\n" },
    { "close 1001 with a text",
      { LONG(CLOSE_, "\x03\xe9"
                     "bye") },
      "close in_order peer_closed\n",
      "close 1001 bye\n" },
    { "close 4001", { LONG(CLOSE_, "\x0f\xa1") }, "close in_order peer_closed\n", "close 4001\n" },
    { "close without a code", { F(CLOSE_, "") }, "close in_order peer_closed\n", "close\n" },
    { "close with half a code",
      { F(CLOSE_, "x") },
      "close in_order protocol_error\n",
      "close 1002 protocol error\n" },
    { "close 1005", { LONG(CLOSE_, "\x03\xed") }, "close in_order peer_closed\n", "close 1002\n" },
    { "close 999", { LONG(CLOSE_, "\x03\xe7") }, "close in_order peer_closed\n", "close 1002\n" },
    { "close with bad UTF-8",
      { LONG(CLOSE_, "\x03\xe8\xff") },
      "close in_order bad_text\n",
      "close 1007 invalid UTF-8\n" },
    { "a message and a close",
      { F(TEXT, "a"), LONG(CLOSE_, "\x03\xe8") },
      "text a\nclose in_order peer_closed\n",
      "close 1000\n" },
    { "a close inside a message",
      { F(0x01, "a"), LONG(CLOSE_, "\x03\xe8") },
      "close in_order peer_closed\n",
      "close 1000\n" },
    { "nothing is read behind a close",
      { LONG(CLOSE_, "\x03\xe8"), F(TEXT, "a") },
      "close in_order peer_closed\n",
      "close 1000\n" },
};

static void put_part(struct buf *out, const struct part *part)
{
    static char big[BIG];
    struct slice payload = { part->payload, part->len };

    if (part->payload == NULL)
        payload = (struct slice){ memset(big, 'x', BIG), BIG };
    else if (part->len == 0)
        payload.len = strlen(part->payload);
    if (part->is_masked == RAW)
        buf_add_slice(out, payload);
    else
        ws_client_frame(out, part->first, payload, part->is_masked);
}

static struct buf wire_of(const struct part parts[FRAMES_MAX])
{
    struct buf out;

    buf_init(&out, 1 << 20);
    for (size_t i = 0; i < FRAMES_MAX && (parts[i].first != 0 || parts[i].is_masked != 0); i++)
        put_part(&out, &parts[i]);
    return out;
}

/* Feeds the bytes in steps and answers a close frame, as clients do. */
static void feed(struct pair *pair, struct slice wire, size_t step)
{
    while (wire.len > 0) {
        ssize_t n =
            send(pair->client.fd, wire.data, wire.len < step ? wire.len : step, MSG_NOSIGNAL);

        turns(pair->rig, 1);
        ws_client_read(&pair->client, SIZE_MAX);
        if (n <= 0 && pair->closed)
            return;
        if (n > 0)
            wire = (struct slice){ wire.data + n, wire.len - (size_t)n };
    }
}

static bool has_close_or_end(void *ctx)
{
    struct pair *pair = ctx;

    ws_client_read(&pair->client, SIZE_MAX);
    return pair->closed || (pair->client.lines.len > 0 &&
                            memmem(pair->client.lines.data, pair->client.lines.len, "close", 5));
}

static void run_case(struct rig *rig, size_t i, size_t step, const char *how)
{
    struct pair *pair = pair_open(rig, &pair_ops, 0);
    struct buf wire = wire_of(cases[i].parts), want, client;
    char name[120];
    bool ends = strstr(cases[i].dialect, "close ") != NULL;
    bool is_answered = strstr(cases[i].dialect, "in_order") != NULL;

    snprintf(name, sizeof name, "%s (%s)", cases[i].name, how);
    buf_init(&want, 4096);
    buf_init(&client, 4096);
    buf_printf(&want, "open\n%s", cases[i].dialect);
    buf_printf(&client, "%s", cases[i].client);
    feed(pair, buf_slice(&wire), step);
    if (ends) {
        support_wait(&rig->loop, has_close_or_end, pair, SUPPORT_WAIT_MS, name);
        if (!pair->closed && is_answered)
            ws_client_say(&pair->client, CLOSE_, "\x03\xe8");
        else if (!pair->closed)
            ws_client_close(&pair->client);
    }
    buf_add_byte(&want, '\0');
    buf_add_byte(&client, '\0');
    pair_wait(pair, name, want.data, client.data[0] == '\0' || ends ? NULL : client.data);
    if (strncmp(client.data, pair->client.lines.data == NULL ? "" : pair->client.lines.data,
                strlen(client.data)) != 0)
        fail_msg("%s: the client got %.*s", name, (int)pair->client.lines.len,
                 pair->client.lines.data);
    buf_fini(&wire);
    buf_fini(&want);
    buf_fini(&client);
    pair_end(&pair);
}

static void run_all(size_t step, const char *how)
{
    struct rig rig;

    rig_start(&rig, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        run_case(&rig, i, step, how);
    rig_stop(&rig);
}

static void whole(void **state)
{
    (void)state;
    run_all(SIZE_MAX, "whole");
}

static void byte_by_byte(void **state)
{
    (void)state;
    run_all(1, "byte by byte");
}

/* The first frames may come in the same packet as the handshake. */
static void early(void **state)
{
    struct ws_handshake handshake = { HANDSHAKE_KEY };
    struct pair *pair;
    struct buf out;
    struct rig rig;
    int fds[2];

    (void)state;
    rig_start(&rig, NULL);
    buf_init(&out, 4096);
    ws_client_frame(&out, TEXT, slice_of("early"), WS_MASKED);
    ws_client_frame(&out, TEXT, slice_of("bird"), WS_MASKED);
    handshake.early = buf_slice(&out);
    handshake.early.len -= 2; /* the rest comes later */
    tcp_pair(fds, 0);
    pair = pair_adopt(&rig, fds, &pair_ops, &handshake);
    pair_wait(pair, "early", "open\ntext early\n", NULL);
    ws_client_send(&pair->client, (struct slice){ out.data + out.len - 2, 2 });
    pair_wait(pair, "early", "open\ntext early\ntext bird\n", NULL);
    buf_fini(&out);
    pair_end(&pair);
    rig_stop(&rig);
}

static void pause_once(struct pair *pair, struct slice text)
{
    if (slice_is(text, "pause"))
        ws_pause(pair->ws);
}

static void paused(void **state)
{
    struct rig rig;
    struct pair *pair;

    (void)state;
    rig_start(&rig, NULL);
    pair = pair_open(&rig, &pair_ops, 0);
    pair->on_text = pause_once;
    for (int i = 0; i < 3; i++) { /* "b" is in lws' buffer by then, "c" in the kernel's */
        struct buf out;

        buf_clear(&pair->lines);
        buf_init(&out, 4096);
        ws_client_frame(&out, TEXT, slice_of("pause"), WS_MASKED);
        ws_client_frame(&out, TEXT, slice_of("b"), WS_MASKED);
        ws_client_send(&pair->client, buf_slice(&out));
        buf_fini(&out);
        pair_wait(pair, "paused", "text pause\n", NULL);
        ws_client_say(&pair->client, TEXT, "c");
        turns(&rig, 20);
        pair_wait(pair, "still paused", "text pause\n", NULL);
        ws_continue(pair->ws);
        pair_wait(pair, "goes on", "text pause\ntext b\ntext c\n", NULL);
    }
    ws_pause(pair->ws); /* a close has to be seen all the same */
    ws_close(pair->ws, CLOSE_NORMAL);
    pair_wait(pair, "closes", NULL, "close 1000\n");
    ws_client_say(&pair->client, CLOSE_, "\x03\xe8");
    support_wait(&rig.loop, pair_has_closed, pair, SUPPORT_WAIT_MS, "on_close");
    pair_free(&pair);
    rig_stop(&rig);
}

static void close_it(struct pair *pair, struct slice text)
{
    (void)text;
    ws_close(pair->ws, CLOSE_REPLACED);
    ws_close(pair->ws, CLOSE_NORMAL);
    assert_int_equal(WS_FULL, send_text(pair, "too late"));
    assert_int_equal(0, pair->closed);
}

static void closed_inside_a_message(void **state)
{
    struct rig rig;
    struct pair *pair;

    (void)state;
    rig_start(&rig, NULL);
    pair = pair_open(&rig, &pair_ops, 0);
    pair->on_text = close_it;
    ws_client_say(&pair->client, TEXT, "a");
    ws_client_say(&pair->client, TEXT, "b");
    pair_wait(pair, "close inside", "open\ntext a\n", "close 1000 Replaced.\n");
    ws_client_say(&pair->client, CLOSE_, "\x03\xe8");
    pair_wait(pair, "answered", "open\ntext a\nclose in_order replaced\n",
              "close 1000 Replaced.\neof\n");
    pair_free(&pair);
    rig_stop(&rig);
}

/* The options are read anew while a message is coming: it keeps the bound that it began with. */
static void another_bound_inside_a_message(void **state)
{
    static const struct {
        size_t before, after;
        const char *rest, *dialect, *client;
    } rows[] = {
        { 10, 100, "678", "text 12345678\n", NULL },
        { 10, 100, "6789a", "text 123456789a\n", NULL },
        { 10, 100, "6789ab", "", "close 1009 message too big\n" },
        { 10, 5, "6789a", "text 123456789a\n", NULL },
    };
    struct rig rig;

    (void)state;
    rig_start(&rig, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ws_ops ops = pair_ops;
        struct pair *pair;
        char want[64];

        ops.message_max_bytes = rows[i].before;
        pair = pair_open(&rig, &ops, 0);
        ws_client_say(&pair->client, TEXT & ~LAST, "12345");
        turns(&rig, 20);
        ops.message_max_bytes = rows[i].after;
        ws_client_say(&pair->client, LAST, rows[i].rest);
        snprintf(want, sizeof want, "open\n%s", rows[i].dialect);
        pair_wait(pair, rows[i].rest, want, rows[i].client);
        pair_end(&pair);
    }
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole),
        cmocka_unit_test(byte_by_byte),
        cmocka_unit_test(early),
        cmocka_unit_test(paused),
        cmocka_unit_test(closed_inside_a_message),
        cmocka_unit_test(another_bound_inside_a_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
