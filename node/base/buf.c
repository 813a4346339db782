/* SPDX-License-Identifier: MIT */
#include "base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct slice slice_of(const char *text)
{
    return (struct slice){ text, text != NULL ? strlen(text) : 0 };
}

bool slice_equals(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool slice_is(struct slice slice, const char *text)
{
    return slice.data != NULL && slice_equals(slice, slice_of(text));
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct slice slice_trim(struct slice slice)
{
    while (slice.len > 0 && is_blank(slice.data[0])) {
        slice.data++;
        slice.len--;
    }
    while (slice.len > 0 && is_blank(slice.data[slice.len - 1]))
        slice.len--;
    return slice;
}

char *slice_dup(struct slice slice)
{
    char *copy = xmalloc(slice.len + 1);

    if (slice.len > 0)
        memcpy(copy, slice.data, slice.len);
    copy[slice.len] = '\0';
    return copy;
}

bool slice_to_u64(struct slice slice, uint64_t min, uint64_t max, uint64_t *number_out)
{
    uint64_t number = 0;

    if (slice.len == 0 || slice.len > 20)
        return false;
    for (size_t i = 0; i < slice.len; i++) {
        unsigned digit = (unsigned char)slice.data[i] - (unsigned)'0';

        if (digit > 9 || number > (UINT64_MAX - digit) / 10)
            return false;
        number = number * 10 + digit;
    }
    if (number < min || number > max)
        return false;
    *number_out = number;
    return true;
}

void buf_init(struct buf *buf, size_t max_bytes)
{
    *buf = (struct buf){ .max = max_bytes };
}

void buf_fini(struct buf *buf)
{
    free(buf->data);
    *buf = (struct buf){ .max = buf->max };
}

void buf_clear(struct buf *buf)
{
    buf->len = 0;
    buf->has_overflowed = false;
}

char *buf_reserve(struct buf *buf, size_t len)
{
    size_t size = buf->size > 0 ? buf->size : 64;

    if (buf->has_overflowed || len > buf->max || buf->len > buf->max - len) {
        buf->has_overflowed = true;
        return NULL;
    }
    if (buf->data != NULL && buf->size - buf->len >= len)
        return buf->data + buf->len;
    while (size - buf->len < len)
        size *= 2;
    buf->data = xrealloc(buf->data, size);
    buf->size = size;
    return buf->data + buf->len;
}

bool buf_add(struct buf *buf, const void *data, size_t len)
{
    char *room = buf_reserve(buf, len);

    if (room == NULL)
        return false;
    if (len > 0)
        memcpy(room, data, len);
    buf->len += len;
    return true;
}

bool buf_add_slice(struct buf *buf, struct slice slice)
{
    return buf_add(buf, slice.data, slice.len);
}

bool buf_add_text(struct buf *buf, const char *text)
{
    return buf_add(buf, text, strlen(text));
}

bool buf_add_byte(struct buf *buf, char byte)
{
    return buf_add(buf, &byte, 1);
}

bool buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args;
    char *room;
    int len;

    va_start(args, format);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert(len >= 0);
    room = buf_reserve(buf, (size_t)len + 1);
    if (room == NULL)
        return false;
    va_start(args, format);
    vsnprintf(room, (size_t)len + 1, format, args);
    va_end(args);
    buf->len += (size_t)len;
    return true;
}

void buf_consume(struct buf *buf, size_t len)
{
    assert(len <= buf->len);
    buf->len -= len;
    if (buf->len > 0)
        memmove(buf->data, buf->data + len, buf->len);
}

struct slice buf_slice(const struct buf *buf)
{
    return (struct slice){ buf->data != NULL ? buf->data : "", buf->len };
}
