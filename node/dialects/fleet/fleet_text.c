/* SPDX-License-Identifier: MIT */
/*
 * A text is a row of characters and of bytes that are none. Of those as many as could still have become one
 * character are one U+FFFD: E2 82 41 is U+FFFD and A, but C0 80 is two of them.
 */
#include "fleet_text.h"

#include <string.h>

#include "json.h"
#include "utf8.h"

static const char replacement[] = "\xef\xbf\xbd";

/* Could these bytes become a character? Then the lowest or the highest tails make it one. */
static bool is_beginning(const unsigned char *text, size_t len)
{
    static const unsigned char tails[] = { 0x80, 0xbf };

    for (size_t i = 0; i < sizeof tails; i++) {
        unsigned char whole[4];

        memset(whole, tails[i], sizeof whole);
        memcpy(whole, text, len);
        if (utf8_character(whole, sizeof whole) > len)
            return true;
    }
    return false;
}

/* Of bytes that do not start with a character: how many are one U+FFFD. */
static size_t broken_len(const unsigned char *text, size_t len)
{
    size_t part = len < 3 ? len : 3;

    while (part > 1 && !is_beginning(text, part))
        part--;
    return part;
}

size_t fleet_units(struct slice text)
{
    const unsigned char *at = (const unsigned char *)text.data;
    size_t units = 0;

    for (size_t i = 0; i < text.len; units++) {
        size_t len = utf8_character(at + i, text.len - i);

        units += len == 4;
        i += len > 0 ? len : broken_len(at + i, text.len - i);
    }
    return units;
}

/* A unit is of one to three bytes. */
bool fleet_text_is_within(struct slice text, size_t units)
{
    if (text.len <= units || text.len > 3 * units)
        return text.len <= units;
    return fleet_units(text) <= units;
}

static void add_replaced(struct buf *out, const unsigned char *at, size_t left)
{
    while (left > 0) {
        size_t len = utf8_character(at, left);

        if (len > 0) {
            buf_add(out, at, len);
        } else {
            buf_add_text(out, replacement);
            len = broken_len(at, left);
        }
        at += len;
        left -= len;
    }
}

void fleet_add_text(struct buf *out, struct slice text)
{
    if (utf8_is_valid(text))
        buf_add_slice(out, text);
    else
        add_replaced(out, (const unsigned char *)text.data, text.len);
}

/* What is replaced becomes no shorter, and at most three times as long. */
bool fleet_text_equals(struct slice a, struct slice b)
{
    struct buf left, right;
    bool is_equal;

    if (a.len > 3 * b.len || b.len > 3 * a.len)
        return false;
    if (slice_equals(a, b) || (utf8_is_valid(a) && utf8_is_valid(b)))
        return slice_equals(a, b);
    buf_init(&left, 3 * a.len);
    buf_init(&right, 3 * b.len);
    fleet_add_text(&left, a);
    fleet_add_text(&right, b);
    is_equal = slice_equals(buf_slice(&left), buf_slice(&right));
    buf_fini(&left);
    buf_fini(&right);
    return is_equal;
}
