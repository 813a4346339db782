/* SPDX-License-Identifier: MIT */
/*
 * The body of a POST: a payload of packets, in one of three framings.
 *
 *     protocol 4             packet *( %x1E packet )
 *     protocol 3, text       *( length ":" packet )           length: decimal, in UTF-16 code units
 *     protocol 3, octets     *( kind length %xFF packet )     kind: 0 text, 1 binary; length: decimal, in
 *                                                             bytes, a byte 0..9 for each digit
 *
 * JSON never holds a raw 0x1E, so splitting at each of them is safe. A packet is copied out of the body, to
 * have a NUL behind it.
 */
#include "engine_wire.h"

#include <string.h>

#include "json.h"
#include "utf8.h"

enum { SEPARATOR = 0x1e, LENGTH_END = 0xff, DIGITS_MAX = 10 };

bool eio_is_octets(struct slice type)
{
    return slice_is(type, "application/octet-stream");
}

void eio_reader_init(struct eio_reader *reader, const struct eio_style *style, struct slice type,
                     struct slice body, uint32_t packets_max)
{
    *reader = (struct eio_reader){
        .version = style->version,
        .is_octets = style->version == ENGINE_3 && eio_is_octets(type),
        .packets_left = packets_max,
        .left = body,
    };
    if (style->jsonp.data != NULL) {
        reader->is_octets = false;
        reader->is_broken = !eio_jsonp_unwrap(&reader->form, body);
        reader->left = buf_slice(&reader->form);
    }
    reader->is_broken |= reader->left.len == 0;
    buf_init(&reader->room, reader->left.len + 1);
}

void eio_reader_fini(struct eio_reader *reader)
{
    buf_fini(&reader->room);
    buf_fini(&reader->form);
}

/* ---- framings: each cuts off one packet, with its kind ------------------------------------------- */

/* Takes `len` bytes; at the body's end nothing is left. */
static struct slice take(struct slice *left, size_t len)
{
    struct slice taken = { left->data, len };

    *left = (struct slice){ len < left->len ? left->data + len : NULL, left->len - len };
    return taken;
}

static bool cut_at_separator(struct slice *left, struct slice *packet)
{
    const char *end = left->len > 0 ? memchr(left->data, SEPARATOR, left->len) : NULL;

    if (end == NULL) {
        *packet = take(left, left->len);
    } else { /* something has to follow, even where it is empty */
        *packet = (struct slice){ left->data, (size_t)(end - left->data) };
        *left = (struct slice){ end + 1, left->len - packet->len - 1 };
    }
    return true;
}

/* Digits, of which `zero` is the first, up to the `end` byte. */
static bool cut_length(struct slice *left, char zero, char end, uint64_t *length)
{
    size_t digits = 0;

    *length = 0;
    for (; digits < left->len && left->data[digits] != end; digits++) {
        unsigned digit = (unsigned char)(left->data[digits] - zero);

        if (digit > 9 || digits == DIGITS_MAX)
            return false;
        *length = *length * 10 + digit;
    }
    if (digits == 0 || digits == left->len)
        return false;
    take(left, digits + 1);
    return true;
}

/* The bytes that hold so many UTF-16 code units; false when there are fewer, or the last one is half a
 * character. */
static bool measure_units(struct slice text, uint64_t units, size_t *len_out)
{
    size_t len = 0;

    while (units > 0 && len < text.len) {
        size_t step = utf8_character((const unsigned char *)text.data + len, text.len - len);
        uint64_t weight = step == 4 ? 2 : 1;

        if (step == 0 || weight > units)
            return false;
        units -= weight;
        len += step;
    }
    *len_out = len;
    return units == 0;
}

static bool cut_units(struct slice *left, struct slice *packet)
{
    uint64_t units;
    size_t len;

    if (!cut_length(left, '0', ':', &units) || !measure_units(*left, units, &len))
        return false;
    *packet = take(left, len);
    return true;
}

static bool cut_octets(struct slice *left, struct slice *packet, enum ws_kind *kind)
{
    uint64_t len;

    if (left->data[0] != 0 && left->data[0] != 1)
        return false;
    *kind = left->data[0] == 1 ? WS_BINARY : WS_TEXT;
    take(left, 1);
    if (!cut_length(left, 0, (char)LENGTH_END, &len) || len > left->len)
        return false;
    *packet = take(left, (size_t)len);
    return true;
}

static bool cut_packet(struct eio_reader *reader, struct slice *packet, enum ws_kind *kind)
{
    *kind = WS_TEXT;
    if (reader->version == ENGINE_4)
        return cut_at_separator(&reader->left, packet);
    if (reader->is_octets)
        return cut_octets(&reader->left, packet, kind);
    return cut_units(&reader->left, packet);
}

/* ---- reading ------------------------------------------------------------------------------------- */

/* "0:" is how a text payload of protocol 3 says that it is empty. */
static bool is_skipped(const struct eio_reader *reader, struct slice packet)
{
    return reader->version == ENGINE_3 && !reader->is_octets && packet.len == 0;
}

static bool read_packet(struct eio_reader *reader, struct slice bytes, enum ws_kind kind,
                        struct eio_packet *packet)
{
    if (kind == WS_TEXT && !utf8_is_valid(bytes))
        return false;
    if (!eio_message_read(reader->version, bytes, kind, &reader->room, packet))
        return false;
    if (packet->data.data != reader->room.data) {
        buf_clear(&reader->room);
        buf_add_slice(&reader->room, packet->data);
    }
    buf_add_byte(&reader->room, '\0');
    packet->data.data = reader->room.data;
    return true;
}

enum eio_step eio_read(struct eio_reader *reader, struct eio_packet *packet_out)
{
    struct slice bytes = { NULL, 0 };
    enum ws_kind kind = WS_TEXT;

    do {
        if (!reader->is_broken && reader->left.data == NULL)
            return EIO_END;
        reader->is_broken = reader->is_broken || !cut_packet(reader, &bytes, &kind);
    } while (!reader->is_broken && is_skipped(reader, bytes));
    reader->is_broken = reader->is_broken || reader->packets_left == 0 ||
                        !read_packet(reader, bytes, kind, packet_out);
    if (reader->is_broken)
        return EIO_BROKEN;
    reader->packets_left--;
    return EIO_PACKET;
}
