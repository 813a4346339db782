/* SPDX-License-Identifier: MIT */
/* Any body of a POST, in each framing, and any message of a WebSocket: what is read says the same when it has been
 * written and read again. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "engine_wire.h"
#include "json.h"

enum { PACKETS_MAX = 64 };

static const struct eio_style styles[] = {
    { .version = ENGINE_4 },
    { .version = ENGINE_3 },
    { .version = ENGINE_3, .has_b64 = true },
    { .version = ENGINE_4, .jsonp = SLICE_LITERAL("0") },
    { .version = ENGINE_3, .jsonp = SLICE_LITERAL("0") },
};
enum { STYLES = sizeof styles / sizeof styles[0] };

static bool is_equal(const struct eio_packet *a, const struct eio_packet *b)
{
    return a->type == b->type && a->is_binary == b->is_binary && slice_equals(a->data, b->data);
}

/* A raw separator within text is the one thing that protocol 4 cannot carry. */
static bool can_be_polled(const struct eio_style *style, const struct eio_packet *packet)
{
    return style->version == ENGINE_3 || packet->is_binary || packet->data.len == 0 ||
           memchr(packet->data.data, 0x1e, packet->data.len) == NULL;
}

static void check_body(const struct eio_style *style, const struct eio_packet *packet)
{
    const struct eio_packet twice[] = { *packet, *packet };
    struct eio_reader reader;
    struct eio_packet again;
    struct buf body;
    const char *type;

    if (style->jsonp.data != NULL || !can_be_polled(style, packet))
        return; /* a script cannot be posted back */
    type = eio_write(&body, style, twice, 2);
    eio_reader_init(&reader, style, slice_of(type), buf_slice(&body), 2);
    for (int i = 0; i < 2; i++) {
        assert(eio_read(&reader, &again) == EIO_PACKET);
        assert(is_equal(packet, &again));
    }
    assert(eio_read(&reader, &again) == EIO_END);
    eio_reader_fini(&reader);
    buf_fini(&body);
}

static void check_message(const struct eio_style *style, const struct eio_packet *packet)
{
    struct frame *bytes = packet->is_binary ? frame_of(packet->data) : NULL, *message;
    struct eio_packet again;
    enum ws_kind kind = WS_TEXT;
    struct buf room;

    buf_init(&room, packet->data.len + 3);
    message = bytes != NULL ? eio_attachment(style, bytes, &kind) : eio_message(packet);
    assert(eio_message_read(style->version, frame_slice(message), kind, &room, &again));
    assert(is_equal(packet, &again));
    frame_unref(&message);
    frame_unref(&bytes);
    buf_fini(&room);
}

static void check_packet(const struct eio_packet *packet)
{
    assert(packet->type == EIO_MESSAGE || !packet->is_binary);
    assert(packet->is_binary || utf8_is_valid(packet->data));
    for (size_t i = 0; i < STYLES; i++) {
        check_body(&styles[i], packet);
        check_message(&styles[i], packet);
    }
}

static void read_body(const struct eio_style *style, struct slice type, struct slice body)
{
    struct eio_packet packet;
    struct eio_reader reader;
    enum eio_step step;
    size_t count = 0;

    eio_reader_init(&reader, style, type, body, PACKETS_MAX);
    while ((step = eio_read(&reader, &packet)) == EIO_PACKET) {
        assert(++count <= PACKETS_MAX && packet.data.len <= body.len);
        check_packet(&packet);
    }
    assert(eio_read(&reader, &packet) == step);
    eio_reader_fini(&reader);
}

static void read_message(enum engine_version version, struct slice message, enum ws_kind kind)
{
    struct eio_packet packet;
    struct buf room;

    buf_init(&room, message.len);
    if ((kind == WS_BINARY || utf8_is_valid(message)) &&
        eio_message_read(version, message, kind, &room, &packet))
        check_packet(&packet);
    buf_fini(&room);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice bytes = { (const char *)data, size };

    for (size_t i = 0; i < STYLES; i++) {
        read_body(&styles[i], SLICE_LITERAL("text/plain"), bytes);
        read_body(&styles[i], SLICE_LITERAL("application/octet-stream"), bytes);
    }
    for (int kind = WS_TEXT; kind <= WS_BINARY; kind++) {
        read_message(ENGINE_3, bytes, (enum ws_kind)kind);
        read_message(ENGINE_4, bytes, (enum ws_kind)kind);
    }
    return 0;
}
