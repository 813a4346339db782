/* SPDX-License-Identifier: MIT */
/* permessage-deflate: what is negotiated, and compressed messages in both directions. */
#include <zlib.h>

#include "ws_deflate.h"
#include "ws_rig.h"

static const struct {
    const char *name, *extensions;
    bool is_taken;
} offers[] = {
    { "none", "", false },
    { "plain", "permessage-deflate", true },
    { "what browsers send", "permessage-deflate; client_max_window_bits", true },
    { "a window for the client", "permessage-deflate; client_max_window_bits=10", true },
    { "no context for either",
      "permessage-deflate; server_no_context_takeover; client_no_context_takeover", true },
    { "blanks and capitals", " Permessage-Deflate ;client_max_window_bits ", true },
    { "a window for us", "permessage-deflate; server_max_window_bits=10", false },
    { "a window for us, or not",
      "permessage-deflate; server_max_window_bits=10, permessage-deflate", true },
    { "a parameter nobody knows", "permessage-deflate; color=red", false },
    { "another extension", "x-webkit-deflate-frame", false },
    { "another one first", "foo; bar=1, permessage-deflate", true },
    { "a longer name", "permessage-deflate2", false },
    { "commas", ",,,", false },
    { "semicolons", "permessage-deflate;;", false },
};

static void offered(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof offers / sizeof offers[0]; i++)
        if (ws_deflate_is_offered(slice_of(offers[i].extensions)) != offers[i].is_taken)
            fail_msg("%s: taken: %d", offers[i].name, !offers[i].is_taken);
    assert_false(ws_deflate_is_offered((struct slice){ NULL, 0 }));
}

static void deflate_on(struct config *config)
{
    config->ws_deflate = true;
}

static struct pair *open_deflated(struct rig *rig, int buffer_bytes)
{
    struct ws_handshake handshake = {
        HANDSHAKE_KEY, .extensions = SLICE_LITERAL("permessage-deflate; client_max_window_bits")
    };
    struct pair *pair;
    int fds[2];

    tcp_pair(fds, buffer_bytes);
    pair = pair_adopt(rig, fds, &pair_ops, &handshake);
    pair_wait(pair, "opens", "open\n", "");
    assert_non_null(strstr(pair->client.head.data,
                           "\r\nSec-WebSocket-Extensions: permessage-deflate; "
                           "server_no_context_takeover; client_no_context_takeover\r\n"));
    return pair;
}

static void compress_into(struct buf *out, const char *data, size_t len)
{
    z_stream stream = { 0 };
    char *room = buf_reserve(out, len + 1000);

    assert_int_equal(Z_OK, deflateInit2(&stream, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY));
    stream.next_in = (Bytef *)(uintptr_t)data;
    stream.avail_in = (uInt)len;
    stream.next_out = (Bytef *)room;
    stream.avail_out = (uInt)len + 1000;
    assert_int_equal(Z_OK, deflate(&stream, Z_SYNC_FLUSH));
    out->len += stream.total_out - 4;
    deflateEnd(&stream);
}

/* One compressed message in `fragments` frames with a ping between them. */
static void say_deflated(struct buf *out, const char *data, size_t len, size_t fragments)
{
    struct buf packed;
    size_t at = 0;

    buf_init(&packed, 1 << 24);
    compress_into(&packed, data, len);
    for (size_t i = 0; i < fragments; i++) {
        size_t end = packed.len * (i + 1) / fragments;
        unsigned first = (i == 0 ? 0x41 : 0) | (i == fragments - 1 ? 0x80 : 0);

        ws_client_frame(out, first, (struct slice){ packed.data + at, end - at }, WS_MASKED);
        if (i < fragments - 1)
            ws_client_frame(out, PING, slice_of("p"), WS_MASKED);
        at = end;
    }
    buf_fini(&packed);
}

static void feed_in_steps(struct pair *pair, struct slice wire, size_t step)
{
    for (size_t at = 0; at < wire.len && !pair->closed; at += step) {
        size_t len = wire.len - at < step ? wire.len - at : step;

        if (send(pair->client.fd, wire.data + at, len, MSG_NOSIGNAL) < 0)
            return;
        turns(pair->rig, 2);
    }
}

static char *mixed_text(size_t len)
{
    char *text = xmalloc(len);

    for (size_t i = 0; i < len; i++)
        text[i] = (char)('a' + (i * i / 7 + i * 31 / 11) % 26);
    return text;
}

/* Compresses to next to nothing: what is inflated does not fit the chunk that it came in. */
static char *same_text(size_t len)
{
    char *text = xmalloc(len);

    memset(text, 'a', len);
    return text;
}

static void receive_all(char *(*make)(size_t len))
{
    static const size_t steps[] = { 100000, 1000, 7, 1 };
    static const size_t lengths[] = {
        0, 1, 10, 300, 511, 512, 1023, 1024, 1025, 2048, 5000, 90000
    };
    char *text = make(90000);
    struct rig rig;

    rig_start(&rig, deflate_on);
    for (size_t s = 0; s < 4; s++)
        for (size_t l = 0; l < sizeof lengths / sizeof lengths[0]; l++)
            for (size_t fragments = 1; fragments <= 3; fragments++) {
                struct pair *pair = open_deflated(&rig, 0);
                struct buf out;
                char want[200];
                int len = (int)lengths[l];

                buf_init(&out, 1 << 24);
                say_deflated(&out, text, lengths[l], fragments);
                ws_client_frame(&out, TEXT, slice_of("plain"), WS_MASKED);
                say_deflated(&out, "again", 5, 1);
                feed_in_steps(pair, buf_slice(&out), steps[s]);
                if (len > 80)
                    snprintf(want, sizeof want, "open\ntext %d bytes\ntext plain\ntext again\n",
                             len);
                else
                    snprintf(want, sizeof want, "open\ntext%s%.*s\ntext plain\ntext again\n",
                             len > 0 ? " " : "", len, text);
                pair_wait(pair, "deflated", want, NULL);
                buf_fini(&out);
                pair_end(&pair);
            }
    free(text);
    rig_stop(&rig);
}

static void received(void **state)
{
    (void)state;
    receive_all(mixed_text);
}

static void received_that_shrinks(void **state)
{
    (void)state;
    receive_all(same_text);
}

/* RFC 7692, 7.2.3.3 to 7.2.3.6: its own examples. */
static void examples(void **state)
{
    static const struct {
        const char *name;
        struct slice frames;
        const char *want;
    } rows[] = {
        { "one block", SLICE_LITERAL("\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00"), "text Hello\n" },
        { "two fragments", SLICE_LITERAL("\x41\x03\xf2\x48\xcd\x80\x04\xc9\xc9\x07\x00"),
          "text Hello\n" },
        { "not compressed inside",
          SLICE_LITERAL("\xc1\x0b\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"), "text Hello\n" },
        { "a stream that ends", SLICE_LITERAL("\xc1\x08\xf3\x48\xcd\xc9\xc9\x07\x00\x00"),
          "text Hello\n" },
        { "two blocks",
          SLICE_LITERAL("\xc1\x0d\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"),
          "text Hello\n" },
        { "nothing", SLICE_LITERAL("\xc1\x01\x00"), "text\n" },
        { "nothing at all", SLICE_LITERAL("\xc1\x00"), "text\n" },
        { "a window that is not kept",
          SLICE_LITERAL("\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00\xc1\x05\xf2\x00\x11\x00\x00"),
          "text Hello\nclose in_order protocol_error\n" },
    };
    struct rig rig;

    (void)state;
    rig_start(&rig, deflate_on);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pair *pair = open_deflated(&rig, 0);
        struct slice frames = rows[i].frames;
        struct buf out;
        char want[100];

        buf_init(&out, 1000);
        for (size_t at = 0; at < frames.len; at += 2 + (size_t)frames.data[at + 1])
            ws_client_frame(&out, (unsigned char)frames.data[at],
                            (struct slice){ frames.data + at + 2, (size_t)frames.data[at + 1] },
                            WS_MASKED);
        ws_client_frame(&out, CLOSE_, slice_of("\x03\xe8"), WS_MASKED);
        feed_in_steps(pair, buf_slice(&out), 1);
        snprintf(want, sizeof want, "open\n%s%s", rows[i].want,
                 strstr(rows[i].want, "close") != NULL ? "" : "close in_order peer_closed\n");
        pair_wait(pair, rows[i].name, want, NULL);
        buf_fini(&out);
        pair_free(&pair);
    }
    rig_stop(&rig);
}

/* A few kilobytes that become many megabytes end where the dialect's limit is. */
static void bomb(void **state)
{
    char *zeros = xcalloc(1, 16000000);
    struct rig rig;
    struct pair *pair;
    struct buf out;

    (void)state;
    rig_start(&rig, deflate_on);
    pair = open_deflated(&rig, 0);
    buf_init(&out, 1 << 24);
    say_deflated(&out, zeros, 16000000, 1);
    assert_true(out.len < 20000);
    feed_in_steps(pair, buf_slice(&out), out.len);
    pair_wait(pair, "bomb", NULL, "close 1009 message too big\n");
    pair_end(&pair);
    buf_fini(&out);
    free(zeros);
    rig_stop(&rig);
}

static void garbage(void **state)
{
    struct rig rig;
    struct pair *pair;

    (void)state;
    rig_start(&rig, deflate_on);
    pair = open_deflated(&rig, 0);
    ws_client_say(&pair->client, 0xc1, "\xff\xff\xff\xff this is not deflated");
    pair_wait(pair, "garbage", "open\n", "close 1002 protocol error\n");
    ws_client_say(&pair->client, CLOSE_, "\x03\xea");
    pair_wait(pair, "garbage", "open\nclose in_order protocol_error\n", NULL);
    pair_free(&pair);
    rig_stop(&rig);
}

/* The client has got everything up to a frame "end". */
static bool has_end(void *ctx)
{
    static const char end[] = "\x81\3end";
    struct pair *pair = ctx;
    struct buf *in = &pair->client.in;
    char bytes[65536];
    ssize_t n;

    while ((n = recv(pair->client.fd, bytes, sizeof bytes, 0)) > 0)
        buf_add(in, bytes, (size_t)n);
    return in->len >= 5 && memcmp(in->data + in->len - 5, end, 5) == 0;
}

/* Undoes one frame of the server; returns where the next begins. */
static size_t inflate_frame(const unsigned char *frame, bool *is_packed, struct buf *out)
{
    static const unsigned char tail[4] = { 0, 0, 0xff, 0xff };
    size_t len = frame[1], at = 2;
    z_stream stream = { 0 };

    if (frame[1] >= 126) {
        at = frame[1] == 126 ? 4 : 10;
        len = 0;
        for (size_t i = 2; i < at; i++)
            len = len << 8 | frame[i];
    }
    *is_packed = (frame[0] & 0x40) != 0;
    if (!*is_packed) {
        buf_add(out, frame + at, len);
        return at + len;
    }
    assert_int_equal(Z_OK, inflateInit2(&stream, -15));
    stream.next_out = (Bytef *)buf_reserve(out, 10000000);
    stream.avail_out = 10000000;
    stream.next_in = (Bytef *)(uintptr_t)(frame + at);
    stream.avail_in = (uInt)len;
    inflate(&stream, Z_SYNC_FLUSH);
    stream.next_in = (Bytef *)(uintptr_t)tail;
    stream.avail_in = 4;
    inflate(&stream, Z_SYNC_FLUSH);
    out->len += stream.total_out;
    inflateEnd(&stream);
    return at + len;
}

static void sent(void **state)
{
    static const size_t lengths[] = { 0, 5, 63, 64, 65, 1000, 70000, 3000000 };
    struct pair *pairs[3];
    struct rig rig;

    (void)state;
    rig_start(&rig, deflate_on);
    pairs[0] = open_deflated(&rig, 0);
    pairs[1] = open_deflated(&rig, 4096);     /* takes them in parts */
    pairs[2] = pair_open(&rig, &pair_ops, 0); /* has not asked for it */
    for (size_t l = 0; l < sizeof lengths / sizeof lengths[0]; l++) {
        char *text = mixed_text(lengths[l] + 1);
        struct frame *frame = frame_of((struct slice){ text, lengths[l] });
        struct frame *end = frame_of(SLICE_LITERAL("end"));

        for (int i = 0; i < 3; i++) {
            ws_send(pairs[i]->ws, frame, WS_TEXT);
            turns(&rig, 1);
            while (ws_pending_bytes(pairs[i]->ws) > 0) {
                turns(&rig, 1);
                has_end(pairs[i]);
            }
            assert_int_equal(WS_WRITTEN, ws_send(pairs[i]->ws, end, WS_TEXT));
        }
        for (int i = 0; i < 3; i++) {
            bool is_packed;
            struct buf out;

            buf_init(&out, 20000000);
            support_wait(&rig.loop, has_end, pairs[i], SUPPORT_WAIT_MS, "the frame");
            inflate_frame((unsigned char *)pairs[i]->client.in.data, &is_packed, &out);
            assert_int_equal(is_packed, i < 2 && lengths[l] >= 64);
            assert_int_equal(lengths[l], out.len);
            if (out.len > 0)
                assert_memory_equal(text, out.data, out.len);
            buf_fini(&out);
            buf_clear(&pairs[i]->client.in);
        }
        frame_unref(&frame);
        frame_unref(&end);
        free(text);
    }
    for (int i = 0; i < 3; i++)
        pair_end(&pairs[i]);
    rig_stop(&rig);
}

/* What does not get smaller goes as it is. */
static void incompressible(void **state)
{
    struct frame *frame = frame_create(3000);
    struct rig rig;
    struct pair *pair;
    uint32_t seed = 1;

    (void)state;
    rig_start(&rig, deflate_on);
    pair = open_deflated(&rig, 0);
    for (size_t i = 0; i < frame->len; i++)
        frame->data[i] = (unsigned char)((seed = seed * 1664525 + 1013904223) >> 24);
    ws_send(pair->ws, frame, WS_BINARY);
    pair_wait(pair, "as it is", NULL, "binary 3000 bytes\n");
    frame_unref(&frame);
    pair_end(&pair);
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offered),
        cmocka_unit_test(received),
        cmocka_unit_test(received_that_shrinks),
        cmocka_unit_test(examples),
        cmocka_unit_test(bomb),
        cmocka_unit_test(garbage),
        cmocka_unit_test(sent),
        cmocka_unit_test(incompressible),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
