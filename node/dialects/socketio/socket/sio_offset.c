/* SPDX-License-Identifier: MIT */
#include "sio_offset.h"

#include <ctype.h>
#include <string.h>

static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";

/* ---- writing ------------------------------------------------------------------------------------- */

void sio_offset_begin(struct buf *out, const char tag[SIO_OFFSET_TAG_LEN])
{
    buf_add(out, tag, SIO_OFFSET_TAG_LEN);
}

static void add_number(struct buf *out, uint64_t number)
{
    char text[13], *at = text + sizeof text;

    do {
        *--at = digits[number % 36];
        number /= 36;
    } while (number > 0);
    buf_add(out, at, (size_t)(text + sizeof text - at));
}

void sio_offset_add(struct buf *out, uint32_t index, uint64_t number)
{
    buf_add_byte(out, '.');
    add_number(out, index);
    buf_add_byte(out, '-');
    add_number(out, number);
}

/* ---- reading ------------------------------------------------------------------------------------- */

bool sio_offset_parse(struct sio_offset *offset, struct slice text,
                      const char tag[SIO_OFFSET_TAG_LEN])
{
    if (text.len < SIO_OFFSET_TAG_LEN || memcmp(text.data, tag, SIO_OFFSET_TAG_LEN) != 0)
        return false;
    offset->left = (struct slice){ text.data + SIO_OFFSET_TAG_LEN, text.len - SIO_OFFSET_TAG_LEN };
    return true;
}

static bool take_byte(struct slice *left, char byte)
{
    if (left->len == 0 || left->data[0] != byte)
        return false;
    left->data++;
    left->len--;
    return true;
}

static bool take_number(struct slice *left, uint64_t max, uint64_t *number_out)
{
    size_t len = 0;
    uint64_t number = 0;

    while (len < left->len) {
        const char *digit = left->data[len] != '\0' ? strchr(digits, left->data[len]) : NULL;
        uint64_t value;

        if (digit == NULL)
            break;
        value = (uint64_t)(digit - digits);
        if (number > (max - value) / 36)
            return false;
        number = number * 36 + value;
        len++;
    }
    left->data += len;
    left->len -= len;
    *number_out = number;
    return len > 0;
}

enum sio_offset_step sio_offset_next(struct sio_offset *offset, uint32_t *index_out,
                                     uint64_t *number_out)
{
    struct slice *left = &offset->left;
    uint64_t index;

    if (left->len == 0)
        return SIO_OFFSET_END;
    if (!take_byte(left, '.') || !take_number(left, UINT32_MAX, &index) || !take_byte(left, '-') ||
        !take_number(left, UINT64_MAX, number_out))
        return SIO_OFFSET_BROKEN;
    *index_out = (uint32_t)index;
    return SIO_OFFSET_PLACE;
}

/* ---- into an event ------------------------------------------------------------------------------- */

/* Where the JSON begins when it is an event that asks for nothing, else 0: "42" [ n "-" ] [ "/" … "," ] "[" */
static size_t json_at(struct slice text)
{
    size_t at = 2;

    if (text.len < 4 || text.data[0] != '4' || (text.data[1] != '2' && text.data[1] != '5'))
        return 0;
    if (text.data[1] == '5') {
        while (at < text.len && isdigit((unsigned char)text.data[at]))
            at++;
        at++;
    }
    if (at < text.len && text.data[at] == '/') {
        const char *comma = memchr(text.data + at, ',', text.len - at);

        if (comma == NULL)
            return 0;
        at = (size_t)(comma - text.data) + 1;
    }
    return at < text.len && text.data[at] == '[' ? at : 0;
}

bool sio_offset_insert(struct slice text, struct slice offset, struct buf *out)
{
    if (json_at(text) == 0 || text.data[text.len - 1] != ']')
        return false;
    buf_add(out, text.data, text.len - 1);
    buf_add_slice(out, SLICE_LITERAL(",\""));
    buf_add_slice(out, offset);
    return buf_add_slice(out, SLICE_LITERAL("\"]"));
}
