/* SPDX-License-Identifier: MIT */
/*
 * What both transports share: a packet in text, and its binary sisters.
 *
 *                  protocol 4        protocol 3
 *     text         type data         type data
 *     base64       "b" base64        "b" type base64
 *     binary       data              byte(type) data
 *
 * Only messages can be binary.
 */
#include "engine_wire.h"

#include <assert.h>
#include <string.h>

#include "base/base64.h"

static struct slice behind(struct slice text, size_t len)
{
    return (struct slice){ text.data + len, text.len - len };
}

static bool read_base64(enum engine_version version, struct slice text, struct buf *room,
                        struct eio_packet *packet)
{
    if (version == ENGINE_3) {
        if (text.len == 0 || text.data[0] != '0' + EIO_MESSAGE)
            return false;
        text = behind(text, 1);
    }
    buf_clear(room);
    if (!base64_decode(room, text))
        return false;
    *packet = (struct eio_packet){ EIO_MESSAGE, true, buf_slice(room) };
    return true;
}

static bool read_text(enum engine_version version, struct slice text, struct buf *room,
                      struct eio_packet *packet)
{
    if (text.len == 0)
        return false;
    if (text.data[0] == 'b')
        return read_base64(version, behind(text, 1), room, packet);
    if (text.data[0] < '0' + EIO_OPEN || text.data[0] > '0' + EIO_NOOP)
        return false;
    *packet = (struct eio_packet){ (enum eio_type)(text.data[0] - '0'), false, behind(text, 1) };
    return true;
}

static bool read_binary(enum engine_version version, struct slice bytes, struct eio_packet *packet)
{
    if (version == ENGINE_3) {
        if (bytes.len == 0 || bytes.data[0] != EIO_MESSAGE)
            return false;
        bytes = behind(bytes, 1);
    }
    *packet = (struct eio_packet){ EIO_MESSAGE, true, bytes };
    return true;
}

bool eio_message_read(enum engine_version version, struct slice message, enum ws_kind kind,
                      struct buf *room, struct eio_packet *packet_out)
{
    return kind == WS_TEXT ? read_text(version, message, room, packet_out)
                           : read_binary(version, message, packet_out);
}

struct frame *eio_message(const struct eio_packet *packet)
{
    struct frame *frame = frame_create(1 + packet->data.len);

    assert(!packet->is_binary);
    frame->data[0] = (unsigned char)('0' + packet->type);
    if (packet->data.len > 0)
        memcpy(frame->data + 1, packet->data.data, packet->data.len);
    return frame;
}

static struct frame *attachment_as_text(const struct frame *attachment)
{
    struct frame *frame;
    struct buf text;

    buf_init(&text, 2 + base64_size(attachment->len));
    buf_add_text(&text, "b4");
    base64_encode(&text, frame_slice(attachment));
    frame = frame_of(buf_slice(&text));
    buf_fini(&text);
    return frame;
}

static struct frame *attachment_with_type(const struct frame *attachment)
{
    struct frame *frame = frame_create(1 + (size_t)attachment->len);

    frame->data[0] = EIO_MESSAGE;
    memcpy(frame->data + 1, attachment->data, attachment->len);
    return frame;
}

struct frame *eio_attachment(const struct eio_style *style, struct frame *attachment,
                             enum ws_kind *kind_out)
{
    *kind_out = style->version == ENGINE_3 && style->has_b64 ? WS_TEXT : WS_BINARY;
    if (style->version == ENGINE_4)
        return frame_ref(attachment);
    return style->has_b64 ? attachment_as_text(attachment) : attachment_with_type(attachment);
}
