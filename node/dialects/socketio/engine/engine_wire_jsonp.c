/* SPDX-License-Identifier: MIT */
/*
 * JSON-P, for browsers that cannot ask across origins:
 *
 *     answer    ___eio[<digits of j>]("<payload>");      a string literal of JavaScript
 *     POST      d=<payload>                              a form; browsers rewrite the line ends of its fields, so
 *                                                        the client writes them as backslash and n
 */
#include "engine_wire.h"

#include <string.h>

#include "http_url.h"
#include "json.h"

enum { INDEX_MAX = 10 }; /* digits */

/* U+2028 or U+2029: JSON leaves them as they are, JavaScript took them for line ends. */
static bool is_line_end(const char *text, size_t len)
{
    return len >= 3 &&
           (memcmp(text, "\xe2\x80\xa8", 3) == 0 || memcmp(text, "\xe2\x80\xa9", 3) == 0);
}

static void write_literal(struct buf *out, struct slice text)
{
    struct buf quoted;
    size_t i = 0;

    buf_init(&quoted, out->max);
    json_quote(&quoted, text);
    while (i < quoted.len) {
        if (is_line_end(quoted.data + i, quoted.len - i)) {
            buf_add_text(out, quoted.data[i + 2] == '\xa8' ? "\\u2028" : "\\u2029");
            i += 3;
        } else {
            buf_add_byte(out, quoted.data[i++]);
        }
    }
    buf_fini(&quoted);
}

void eio_jsonp_wrap(struct buf *out, struct slice jsonp, struct slice payload)
{
    size_t digits = 0;

    buf_add_text(out, "___eio[");
    for (size_t i = 0; i < jsonp.len && digits < INDEX_MAX; i++) {
        if (jsonp.data[i] >= '0' && jsonp.data[i] <= '9') {
            buf_add_byte(out, jsonp.data[i]);
            digits++;
        }
    }
    buf_add_text(out, "](");
    write_literal(out, payload);
    buf_add_text(out, ");");
}

static bool starts_with(const char *text, size_t len, const char *start)
{
    return len >= strlen(start) && memcmp(text, start, strlen(start)) == 0;
}

/* Two backslashes and n are one and n, one and n are a line feed. In place: it only gets shorter. */
static size_t unescape(char *text, size_t len)
{
    size_t to = 0;

    for (size_t from = 0; from < len;) {
        if (starts_with(text + from, len - from, "\\\\n")) {
            text[to++] = '\\';
            text[to++] = 'n';
            from += 3;
        } else if (starts_with(text + from, len - from, "\\n")) {
            text[to++] = '\n';
            from += 2;
        } else {
            text[to++] = text[from++];
        }
    }
    return to;
}

bool eio_jsonp_unwrap(struct buf *out, struct slice form)
{
    struct slice field = url_query_find(form, "d");
    char *room;

    buf_init(out, field.len);
    if (field.data == NULL || field.len == 0)
        return false;
    room = buf_reserve(out, field.len);
    if (!url_decode(field, URL_PLUS_IS_BLANK, room, &out->len))
        return false;
    out->len = unescape(out->data, out->len);
    return true;
}
