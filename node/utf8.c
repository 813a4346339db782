/* SPDX-License-Identifier: MIT */
/*
 * UTF-8 as RFC 3629 has it: what a lead byte promises, and the range of the byte after it, which is
 * where overlong forms, surrogates and everything beyond U+10FFFF are told from the rest.
 *
 *     C2..DF 80..BF                 E0 A0..BF 80..BF       F0 90..BF 80..BF 80..BF
 *                        E1..EC,EE,EF 80..BF 80..BF    F1..F3 80..BF 80..BF 80..BF
 *                                  ED 80..9F 80..BF       F4 80..8F 80..BF 80..BF
 */
#include "utf8.h"

#include <assert.h>
#include <string.h>

#include "json.h"

#define HIGH_BITS 0x8080808080808080u

static const struct lead {
    unsigned char first, last; /* of the lead byte   */
    unsigned char low, high;   /* of the byte behind */
    unsigned char len;
} leads[] = {
    { 0x00, 0x7f, 0x00, 0x00, 1 }, { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
    { 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
    { 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
};

static bool is_tail(unsigned char byte)
{
    return (byte & 0xc0) == 0x80;
}

static bool is_led_by(const struct lead *lead, const unsigned char *text, size_t len)
{
    if (len < lead->len)
        return false;
    if (lead->len > 1 && (text[1] < lead->low || text[1] > lead->high))
        return false;
    return (lead->len < 3 || is_tail(text[2])) && (lead->len < 4 || is_tail(text[3]));
}

size_t utf8_character(const unsigned char *text, size_t len)
{
    assert(len > 0);
    for (size_t i = 0; i < sizeof leads / sizeof leads[0]; i++) {
        if (text[0] <= leads[i].last)
            return text[0] >= leads[i].first && is_led_by(&leads[i], text, len) ? leads[i].len : 0;
    }
    return 0;
}

size_t utf8_encode(uint32_t code, char out[4])
{
    assert(code <= 0x10ffff && (code < 0xd800 || code > 0xdfff));
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

bool utf8_is_valid(struct slice text)
{
    const unsigned char *at = (const unsigned char *)text.data;
    size_t left = text.len;

    while (left > 0) {
        size_t len;
        uint64_t word;

        if (left >= sizeof word) {
            memcpy(&word, at, sizeof word);
            if ((word & HIGH_BITS) == 0) {
                at += sizeof word;
                left -= sizeof word;
                continue;
            }
        }
        len = utf8_character(at, left);
        if (len == 0)
            return false;
        at += len;
        left -= len;
    }
    return true;
}
