/* SPDX-License-Identifier: MIT */
/*
 *     query     = [ parameter *( "&" parameter ) ]
 *     parameter = name [ "=" value ]
 *
 * Both decoding and comparing step through the text with the same function, one decoded byte at a time.
 */
#include "http_url.h"

#include <string.h>

#include "base/hex.h"

/* The next decoded byte (0..255), or -1 when the encoding is broken. `text` is not empty. */
static int next_byte(struct slice *text, enum url_blank blank)
{
    int c = (unsigned char)text->data[0];
    size_t len = 1;

    if (c == '%') {
        int high = text->len > 2 ? hex_value(text->data[1]) : -1;
        int low = text->len > 2 ? hex_value(text->data[2]) : -1;

        c = high < 0 || low < 0 ? -1 : high * 16 + low;
        len = 3;
    } else if (c == '+' && blank == URL_PLUS_IS_BLANK) {
        c = ' ';
    }
    if (c >= 0)
        *text = (struct slice){ text->data + len, text->len - len };
    return c;
}

bool url_decode(struct slice text, enum url_blank blank, char *out, size_t *len_out)
{
    size_t len = 0;

    while (text.len > 0) {
        int c = next_byte(&text, blank);

        if (c < 0)
            return false;
        out[len++] = (char)c;
    }
    *len_out = len;
    return true;
}

bool url_is_encoded(struct slice text, enum url_blank blank)
{
    return text.len > 0 &&
           (memchr(text.data, '%', text.len) != NULL ||
            (blank == URL_PLUS_IS_BLANK && memchr(text.data, '+', text.len) != NULL));
}

static bool name_is(struct slice text, const char *name)
{
    while (text.len > 0 && *name != '\0') {
        if (next_byte(&text, URL_PLUS_IS_BLANK) != (unsigned char)*name++)
            return false;
    }
    return text.len == 0 && *name == '\0';
}

/* Cuts off what stands before the first `mark`; without one, everything. */
static struct slice cut(struct slice *rest, char mark)
{
    const char *end = rest->len > 0 ? memchr(rest->data, mark, rest->len) : NULL;
    struct slice head = { rest->data, end != NULL ? (size_t)(end - rest->data) : rest->len };
    size_t used = head.len + (end != NULL);

    *rest = (struct slice){ rest->data + used, rest->len - used };
    return head;
}

struct slice url_query_find(struct slice query, const char *name)
{
    while (query.len > 0) {
        struct slice value = cut(&query, '&');

        if (name_is(cut(&value, '='), name))
            return value;
    }
    return (struct slice){ NULL, 0 };
}
