/* SPDX-License-Identifier: MIT */
/*
 * Commands as Redis reads them: *<count> and then $<length> and the bytes of each word. The room is
 * taken once for the whole command, so a hot command costs one check and a few copies.
 */
#include "store/resp.h"

#include <assert.h>
#include <string.h>

enum { HEAD_MAX = 24, WORDS_MAX = 64 }; /* a mark, 20 digits, a line end */

static char *put_head(char *to, char mark, size_t number)
{
    char digits[20];
    size_t count = 0;

    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    *to++ = mark;
    while (count > 0)
        *to++ = digits[--count];
    *to++ = '\r';
    *to++ = '\n';
    return to;
}

bool resp_write(struct buf *out, const struct slice *words, size_t count)
{
    size_t most = HEAD_MAX;
    char *start, *to;

    for (size_t i = 0; i < count; i++)
        most += HEAD_MAX + words[i].len + 2;
    start = to = buf_reserve(out, most);
    if (start == NULL)
        return false;
    to = put_head(to, '*', count);
    for (size_t i = 0; i < count; i++) {
        to = put_head(to, '$', words[i].len);
        if (words[i].len > 0)
            memcpy(to, words[i].data, words[i].len);
        to += words[i].len;
        *to++ = '\r';
        *to++ = '\n';
    }
    out->len += (size_t)(to - start);
    return true;
}

bool resp_write_words(struct buf *out, const char *const *words, size_t count)
{
    struct slice slices[WORDS_MAX];

    assert(count <= WORDS_MAX);
    for (size_t i = 0; i < count; i++)
        slices[i] = slice_of(words[i]);
    return resp_write(out, slices, count);
}
