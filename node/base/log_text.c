/* SPDX-License-Identifier: MIT */
/*
 *     fields = field *( " " field )
 *     field  = name "=" ( quoted / *non-blank )
 *
 * What does not look like a field (a word without "=") becomes part of the member "text", so that
 * nothing that was logged is missing from the JSON.
 */
#include "base/log_text.h"

#include <ctype.h>
#include <string.h>

enum { DIGITS_MAX = 15 }; /* what every JSON reader keeps exactly */

/* The length of the UTF-8 sequence at the start (RFC 3629); 0 when it is none, or a C1 control. */
static size_t sequence_len(struct slice text)
{
    static const struct {
        unsigned char first, last, second_min, second_max;
        size_t len;
    } rows[] = {
        { 0xc2, 0xc2, 0xa0, 0xbf, 2 }, { 0xc3, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
        { 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
        { 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
    };
    const unsigned char *bytes = (const unsigned char *)text.data;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (bytes[0] < rows[i].first || bytes[0] > rows[i].last)
            continue;
        if (text.len < rows[i].len || bytes[1] < rows[i].second_min ||
            bytes[1] > rows[i].second_max)
            return 0;
        for (size_t at = 2; at < rows[i].len; at++)
            if ((bytes[at] & 0xc0) != 0x80)
                return 0;
        return rows[i].len;
    }
    return 0;
}

/* Adds the first character in the form that stands in a JSON string; returns its length. */
static size_t add_character(struct buf *out, struct slice text)
{
    unsigned char byte = (unsigned char)text.data[0];
    size_t len = byte < 0x80 ? 1 : sequence_len(text);

    if (byte == '"' || byte == '\\')
        buf_printf(out, "\\%c", byte);
    else if (byte < 0x20 || byte == 0x7f || len == 0)
        buf_printf(out, "\\u%04x", byte);
    else
        buf_add(out, text.data, len);
    return len > 0 ? len : 1;
}

static void add_string(struct buf *out, struct slice text)
{
    buf_add_byte(out, '"');
    for (size_t at = 0; at < text.len;)
        at += add_character(out, (struct slice){ text.data + at, text.len - at });
    buf_add_byte(out, '"');
}

/* At most `max` bytes, without half a character at the end. */
static struct slice cut(struct slice text, size_t max)
{
    if (text.len <= max)
        return text;
    for (size_t len = max; len > max - 4; len--)
        if (((unsigned char)text.data[len] & 0xc0) != 0x80)
            return (struct slice){ text.data, len };
    return (struct slice){ text.data, max };
}

void log_text_quote(struct buf *out, struct slice value)
{
    add_string(out, cut(value, LOG_TEXT_VALUE_MAX));
    buf_add_byte(out, '\0');
}

void log_text_add_plain(struct buf *out, struct slice fields)
{
    if (fields.len == 0)
        return;
    buf_add_byte(out, ' ');
    if (fields.len > out->max - out->len)
        fields = cut(fields, out->max - out->len);
    for (size_t i = 0; i < fields.len; i++) {
        unsigned char byte = (unsigned char)fields.data[i];

        buf_add_byte(out, byte < 0x20 || byte == 0x7f ? ' ' : fields.data[i]);
    }
}

/* The length of the quoted text at the start, quotes included; 0 when there is none. */
static size_t quoted_len(struct slice text)
{
    if (text.len == 0 || text.data[0] != '"')
        return 0;
    for (size_t i = 1; i < text.len; i++) {
        if (text.data[i] == '\\')
            i++;
        else if (text.data[i] == '"')
            return i + 1;
    }
    return 0;
}

/* The length of the JSON escape at the start; 0 when there is none. */
static size_t escape_len(struct slice text)
{
    if (text.len < 2 || text.data[0] != '\\')
        return 0;
    if (text.data[1] != '\0' && strchr("\"\\/bfnrt", text.data[1]) != NULL)
        return 2;
    if (text.len < 6 || text.data[1] != 'u')
        return 0;
    for (size_t i = 2; i < 6; i++)
        if (!isxdigit((unsigned char)text.data[i]))
            return 0;
    return 6;
}

/* Its escapes are kept; what may not stand in a JSON string is escaped. */
static void add_quoted(struct buf *out, struct slice quoted)
{
    struct slice text = { quoted.data + 1, quoted.len - 2 };

    buf_add_byte(out, '"');
    while (text.len > 0) {
        size_t len = escape_len(text);

        if (len > 0)
            buf_add(out, text.data, len);
        else
            len = add_character(out, text);
        text = (struct slice){ text.data + len, text.len - len };
    }
    buf_add_byte(out, '"');
}

static size_t word_len(struct slice text)
{
    const char *blank = text.len > 0 ? memchr(text.data, ' ', text.len) : NULL;

    return blank != NULL ? (size_t)(blank - text.data) : text.len;
}

static struct slice rest_of(struct slice text, size_t from)
{
    return (struct slice){ text.data + from, text.len - from };
}

static bool are_digits(struct slice text)
{
    uint64_t ignored;

    return text.len <= DIGITS_MAX && slice_to_u64(text, 0, UINT64_MAX, &ignored);
}

/* -?int[.digits], where int has no leading zero. Exponents are left out: a hexadecimal id may look
 * like one. */
static bool is_number(struct slice text)
{
    const char *dot;
    struct slice whole;

    if (text.len > 0 && text.data[0] == '-')
        text = rest_of(text, 1);
    dot = text.len > 0 ? memchr(text.data, '.', text.len) : NULL;
    whole = (struct slice){ text.data, dot != NULL ? (size_t)(dot - text.data) : text.len };
    if (!are_digits(whole) || (whole.len > 1 && whole.data[0] == '0'))
        return false;
    return dot == NULL || are_digits(rest_of(text, whole.len + 1));
}

static void add_value(struct buf *out, struct slice value)
{
    if (is_number(value) || slice_is(value, "true") || slice_is(value, "false"))
        buf_add_slice(out, value);
    else
        add_string(out, value);
}

/* One field at the start of `fields`; returns its length. */
static size_t add_field(struct buf *out, struct slice fields)
{
    struct slice word = { fields.data, word_len(fields) };
    const char *equals = word.len > 0 ? memchr(word.data, '=', word.len) : NULL;
    size_t name_len = equals != NULL ? (size_t)(equals - word.data) : 0;
    struct slice value = rest_of(fields, equals != NULL ? name_len + 1 : 0);

    buf_add_byte(out, ',');
    add_string(out, name_len > 0 ? (struct slice){ word.data, name_len } : SLICE_LITERAL("text"));
    buf_add_byte(out, ':');
    if (name_len > 0 && quoted_len(value) > 0) {
        add_quoted(out, (struct slice){ value.data, quoted_len(value) });
        return name_len + 1 + quoted_len(value);
    }
    if (name_len == 0) { /* free text: all of the rest */
        add_string(out, fields);
        return fields.len;
    }
    add_value(out, (struct slice){ value.data, word_len(value) });
    return word.len;
}

void log_text_add_members(struct buf *out, struct slice fields)
{
    while (fields.len > 0) {
        size_t len_before = out->len;

        fields = rest_of(fields, add_field(out, fields));
        if (out->has_overflowed) {
            out->len = len_before;
            return;
        }
        fields = slice_trim(fields);
    }
}
