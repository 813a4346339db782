/* SPDX-License-Identifier: MIT */
/*
 * The answer to a poll. Protocol 4 has one framing. Protocol 3 has two: text as long as it may be, octets
 * when something is binary, and also when a character lies beyond U+FFFF, because some clients count that as
 * one unit and some as two. Who cannot take octets (b64, JSON-P) gets text in any case.
 */
#include "engine_wire.h"

#include <assert.h>
#include <string.h>

#include "base/base64.h"

enum { SEPARATOR = 0x1e, LENGTH_END = 0xff };
enum {
    FRAMING_MAX = 32, /* bytes around a packet, escaped as they may be */
    ESCAPE_MAX = 6,   /* \u001e                                        */
    SCRIPT_MAX = 64,  /* around a payload                              */
};

static void write_text(struct buf *out, const struct eio_packet *packet)
{
    buf_add_byte(out, (char)('0' + packet->type));
    buf_add_slice(out, packet->data);
}

static void write_4(struct buf *out, const struct eio_packet *packet)
{
    if (out->len > 0)
        buf_add_byte(out, SEPARATOR);
    if (packet->is_binary) {
        buf_add_byte(out, 'b');
        base64_encode(out, packet->data);
    } else {
        write_text(out, packet);
    }
}

/* In UTF-16: every character is one unit, those of four bytes are two. */
static size_t count_units(struct slice text)
{
    size_t units = 0;

    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.data[i];

        units += (byte & 0xc0) != 0x80;
        units += byte >= 0xf0;
    }
    return units;
}

static void write_3_text(struct buf *out, const struct eio_packet *packet)
{
    if (packet->is_binary) {
        buf_printf(out, "%zu:b%d", 2 + base64_size(packet->data.len), EIO_MESSAGE);
        base64_encode(out, packet->data);
    } else {
        buf_printf(out, "%zu:", 1 + count_units(packet->data));
        write_text(out, packet);
    }
}

static void write_3_octets(struct buf *out, const struct eio_packet *packet)
{
    struct buf digits;

    buf_init(&digits, FRAMING_MAX);
    buf_printf(&digits, "%zu", 1 + packet->data.len);
    buf_add_byte(out, packet->is_binary ? 1 : 0);
    for (size_t i = 0; i < digits.len; i++)
        buf_add_byte(out, (char)(digits.data[i] - '0'));
    buf_add_byte(out, (char)LENGTH_END);
    buf_fini(&digits);
    if (packet->is_binary) {
        buf_add_byte(out, EIO_MESSAGE);
        buf_add_slice(out, packet->data);
    } else {
        write_text(out, packet);
    }
}

static bool has_astral(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.data[i] >= 0xf0)
            return true;
    }
    return false;
}

static bool needs_octets(const struct eio_style *style, const struct eio_packet *packets,
                         size_t count)
{
    if (style->version == ENGINE_4 || style->has_b64 || style->jsonp.data != NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (packets[i].is_binary || has_astral(packets[i].data))
            return true;
    }
    return false;
}

static size_t payload_max(const struct eio_packet *packets, size_t count)
{
    size_t max = SCRIPT_MAX;

    for (size_t i = 0; i < count; i++)
        max += FRAMING_MAX + ESCAPE_MAX * packets[i].data.len;
    return max;
}

static const char *write_payload(struct buf *out, const struct eio_style *style,
                                 const struct eio_packet *packets, size_t count)
{
    bool is_octets = needs_octets(style, packets, count);

    for (size_t i = 0; i < count; i++) {
        if (style->version == ENGINE_4)
            write_4(out, &packets[i]);
        else if (is_octets)
            write_3_octets(out, &packets[i]);
        else
            write_3_text(out, &packets[i]);
    }
    assert(!out->has_overflowed);
    return is_octets ? "application/octet-stream" : "text/plain; charset=UTF-8";
}

const char *eio_write(struct buf *out, const struct eio_style *style,
                      const struct eio_packet *packets, size_t count)
{
    size_t max = payload_max(packets, count);
    struct buf payload;

    assert(count > 0);
    buf_init(out, max);
    if (style->jsonp.data == NULL)
        return write_payload(out, style, packets, count);
    buf_init(&payload, max);
    write_payload(&payload, style, packets, count);
    eio_jsonp_wrap(out, style->jsonp, buf_slice(&payload));
    buf_fini(&payload);
    assert(!out->has_overflowed);
    return "text/javascript; charset=UTF-8";
}
