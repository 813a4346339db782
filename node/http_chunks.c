/* SPDX-License-Identifier: MIT */
/*
 *     body      = *chunk last *trailer CRLF
 *     chunk     = size [extension] CRLF data CRLF      size: hexadecimal, not 0
 *     last      = 1*"0" [extension] CRLF
 *     extension = (";" / blank) anything but controls
 *     trailer   = anything but controls CRLF
 *
 * A line feed without a carriage return is no line end here: who thinks it is one would see other
 * chunks than we do.
 */
#include "http_chunks.h"

#include <string.h>

#include "base/hex.h"

static bool is_text(char c)
{
    return ((unsigned char)c >= ' ' && c != 0x7f) || c == '\t';
}

static bool add_digit(struct http_chunks *chunks, char c)
{
    int digit = hex_value(c);

    if (digit < 0 || chunks->line_bytes >= HTTP_CHUNK_DIGITS_MAX)
        return false;
    chunks->left = chunks->left * 16 + (unsigned)digit;
    chunks->state = CHUNK_SIZE;
    return true;
}

/* One byte that is not data. False when it must not stand there. */
static bool step(struct http_chunks *chunks, char c)
{
    switch (chunks->state) {
    case CHUNK_SIZE_FIRST:
        chunks->line_bytes = 0;
        return add_digit(chunks, c);
    case CHUNK_SIZE:
        if (c != '\r' && c != ';' && c != ' ' && c != '\t')
            return add_digit(chunks, c);
        chunks->state = c == '\r' ? CHUNK_SIZE_LF : CHUNK_EXTENSION;
        return true;
    case CHUNK_EXTENSION:
        if (c == '\r')
            chunks->state = CHUNK_SIZE_LF;
        return c == '\r' || is_text(c);
    case CHUNK_SIZE_LF:
        chunks->state = chunks->left > 0 ? CHUNK_DATA : CHUNK_TRAILER_FIRST;
        return c == '\n';
    case CHUNK_DATA_CR:
        chunks->state = CHUNK_DATA_LF;
        return c == '\r';
    case CHUNK_DATA_LF:
        chunks->state = CHUNK_SIZE_FIRST;
        return c == '\n';
    case CHUNK_TRAILER_FIRST:
        chunks->state = c == '\r' ? CHUNK_END_LF : CHUNK_TRAILER;
        return c == '\r' || is_text(c);
    case CHUNK_TRAILER:
        if (c == '\r')
            chunks->state = CHUNK_TRAILER_LF;
        return c == '\r' || is_text(c);
    case CHUNK_TRAILER_LF:
        chunks->state = CHUNK_TRAILER_FIRST;
        return c == '\n';
    case CHUNK_END_LF:
        chunks->state = CHUNK_DONE;
        return c == '\n';
    case CHUNK_DATA:
    case CHUNK_DONE:
        break;
    }
    return false;
}

enum http_parse http_chunks_decode(struct http_chunks *chunks, const char *data, size_t len,
                                   size_t *used_out, char *body, size_t *body_len, size_t max_bytes,
                                   enum http_fault *fault_out)
{
    size_t at = 0;

    while (at < len && chunks->state != CHUNK_DONE) {
        if (chunks->state == CHUNK_DATA) {
            size_t take = chunks->left < len - at ? (size_t)chunks->left : len - at;

            memmove(body + *body_len, data + at, take);
            *body_len += take;
            at += take;
            chunks->left -= take;
            if (chunks->left == 0)
                chunks->state = CHUNK_DATA_CR;
            continue;
        }
        if (!step(chunks, data[at++]) || ++chunks->line_bytes > HTTP_CHUNK_LINE_MAX) {
            *fault_out = HTTP_FAULT_CHUNK;
            return HTTP_PARSE_FAULT;
        }
        if (*body_len > max_bytes || chunks->left > max_bytes - *body_len) {
            *fault_out = HTTP_FAULT_BODY_SIZE;
            return HTTP_PARSE_FAULT;
        }
    }
    *used_out = at;
    return chunks->state == CHUNK_DONE ? HTTP_PARSE_DONE : HTTP_PARSE_MORE;
}
