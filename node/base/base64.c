/* SPDX-License-Identifier: MIT */
/*
 * Three bytes are four digits of six bits. A last group of one or two bytes has two or three digits, and
 * is filled up with '='; the bits of its last digit that belong to no byte are zero.
 */
#include "base/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t base64_size(size_t len)
{
    return (len + 2) / 3 * 4;
}

static uint32_t byte_at(struct slice bytes, size_t i)
{
    return i < bytes.len ? (unsigned char)bytes.data[i] : 0;
}

bool base64_encode(struct buf *out, struct slice bytes)
{
    char *digits = buf_reserve(out, base64_size(bytes.len));

    if (digits == NULL)
        return false;
    for (size_t i = 0; i < bytes.len; i += 3) {
        uint32_t group =
            byte_at(bytes, i) << 16 | byte_at(bytes, i + 1) << 8 | byte_at(bytes, i + 2);

        *digits++ = alphabet[group >> 18];
        *digits++ = alphabet[group >> 12 & 63];
        *digits++ = i + 1 < bytes.len ? alphabet[group >> 6 & 63] : '=';
        *digits++ = i + 2 < bytes.len ? alphabet[group & 63] : '=';
    }
    out->len += base64_size(bytes.len);
    return true;
}

/* 0..63, or -1 */
static int digit_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Four digits, of which the last `padding` are '=': 24 bits, or -1. */
static int32_t group_value(const char *digits, size_t padding)
{
    int32_t group = 0;

    for (size_t i = 0; i < 4; i++) {
        int value = i < 4 - padding ? digit_value(digits[i]) : 0;

        if (value < 0)
            return -1;
        group = group << 6 | value;
    }
    return (group & ((1 << 8 * padding) - 1)) == 0 ? group : -1;
}

bool base64_decode(struct buf *out, struct slice text)
{
    size_t padding = 0, len = text.len / 4 * 3;
    char *bytes;

    if (text.len % 4 != 0)
        return false;
    while (padding < 2 && padding < text.len && text.data[text.len - 1 - padding] == '=')
        padding++;
    bytes = buf_reserve(out, len);
    if (bytes == NULL)
        return false;
    for (size_t i = 0; i < text.len; i += 4) {
        int32_t group = group_value(text.data + i, i + 4 == text.len ? padding : 0);

        if (group < 0)
            return false;
        *bytes++ = (char)(group >> 16);
        *bytes++ = (char)(group >> 8 & 255);
        *bytes++ = (char)(group & 255);
    }
    out->len += len - padding;
    return true;
}

bool base64url_encode(struct buf *out, struct slice bytes)
{
    size_t from = out->len;

    if (!base64_encode(out, bytes))
        return false;
    while (out->len > from && out->data[out->len - 1] == '=')
        out->len--;
    for (size_t i = from; i < out->len; i++) {
        char c = out->data[i];

        out->data[i] = (char)(c == '+' ? '-' : c == '/' ? '_' : c);
    }
    return true;
}

bool base64url_decode(struct buf *out, struct slice text)
{
    struct buf standard;
    bool is_good = true;

    buf_init(&standard, (text.len + 3) / 4 * 4);
    for (size_t i = 0; i < text.len && is_good; i++) {
        char c = text.data[i];

        is_good = c != '+' && c != '/' && c != '=';
        buf_add_byte(&standard, (char)(c == '-' ? '+' : c == '_' ? '/' : c));
    }
    while (standard.len % 4 != 0)
        buf_add_byte(&standard, '=');
    is_good = is_good && base64_decode(out, buf_slice(&standard));
    buf_fini(&standard);
    return is_good;
}
