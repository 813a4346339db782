/* SPDX-License-Identifier: MIT */
#ifndef SB_JSON_CURSOR_H
#define SB_JSON_CURSOR_H

#include <stdint.h>
#include <string.h>

#include "base/hex.h"
#include "json.h"

/* Going through a text; for json*.c. */

/* What is left of a text. */
struct cursor {
    const char *at, *end;
};

static inline bool is_at_end(const struct cursor *cursor)
{
    return cursor->at == cursor->end;
}

static inline bool take(struct cursor *cursor, char byte)
{
    if (is_at_end(cursor) || *cursor->at != byte)
        return false;
    cursor->at++;
    return true;
}

static inline void skip_blanks(struct cursor *cursor)
{
    while (!is_at_end(cursor) && (*cursor->at == ' ' || *cursor->at == '\n' ||
                                  *cursor->at == '\r' || *cursor->at == '\t'))
        cursor->at++;
}

#define EACH_BYTE(byte) (0x0101010101010101u * (uint64_t)(byte))

/* A bit is set in each byte that is a quote, a backslash, a control character or not ASCII. Only the
 * lowest set bit is exact; that none is set is. */
static inline uint64_t special_bytes(uint64_t word)
{
    uint64_t quote = word ^ EACH_BYTE('"'), backslash = word ^ EACH_BYTE('\\');

    return (((quote - EACH_BYTE(1)) & ~quote) | ((backslash - EACH_BYTE(1)) & ~backslash) |
            ((word - EACH_BYTE(0x20)) & ~word) | word) &
           EACH_BYTE(0x80);
}

/* To the next byte that needs a look, or a little before it. */
static inline void skip_plain(struct cursor *cursor)
{
    uint64_t word;

    while (cursor->end - cursor->at >= (ptrdiff_t)sizeof word) {
        memcpy(&word, cursor->at, sizeof word);
        if (special_bytes(word) != 0)
            return;
        cursor->at += sizeof word;
    }
}

/* The four digits behind "\u". */
static inline bool take_hex(struct cursor *cursor, uint32_t *unit_out)
{
    if (cursor->end - cursor->at < 4)
        return false;
    *unit_out = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_value(*cursor->at++);

        if (digit < 0)
            return false;
        *unit_out = *unit_out << 4 | (uint32_t)digit;
    }
    return true;
}

static inline enum json_type type_of(char first)
{
    switch (first) {
    case 'n':
        return JSON_NULL;
    case 'f':
        return JSON_FALSE;
    case 't':
        return JSON_TRUE;
    case '"':
        return JSON_STRING;
    case '[':
        return JSON_ARRAY;
    case '{':
        return JSON_OBJECT;
    default:
        return JSON_NUMBER;
    }
}

static inline struct json json_of(const char *start, const char *end)
{
    return (struct json){ type_of(*start), { start, (size_t)(end - start) } };
}

#endif
