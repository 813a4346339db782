/* SPDX-License-Identifier: MIT */
#include "sio_query.h"

#include <string.h>

#include "http_url.h"
#include "json.h"

/* Up to the separator, which is dropped; all of it when there is none. */
static struct slice take_until(struct slice *left, char separator)
{
    const char *end = memchr(left->data, separator, left->len);
    size_t len = end != NULL ? (size_t)(end - left->data) : left->len;
    struct slice taken = { left->data, len };

    if (end != NULL)
        len++;
    left->data += len;
    left->len -= len;
    return taken;
}

static bool add_text(struct buf *out, struct slice encoded)
{
    struct buf text;
    size_t len = 0;
    bool is_good;

    buf_init(&text, encoded.len + 1);
    is_good = url_decode(encoded, URL_PLUS_IS_BLANK, buf_reserve(&text, encoded.len + 1), &len);
    text.len = len;
    is_good = is_good && utf8_is_valid(buf_slice(&text)) && json_quote(out, buf_slice(&text));
    buf_fini(&text);
    return is_good;
}

static void add_pair(struct buf *out, struct slice pair)
{
    size_t before = out->len;
    struct slice name = take_until(&pair, '=');

    if (name.len == 0)
        return;
    if (before > 1)
        buf_add_byte(out, ',');
    if (!add_text(out, name) || !buf_add_byte(out, ':') || !add_text(out, pair))
        out->len = before;
}

void sio_query_to_json(struct slice query, struct buf *out)
{
    buf_add_byte(out, '{');
    while (query.len > 0)
        add_pair(out, take_until(&query, '&'));
    buf_add_byte(out, '}');
    if (!out->has_overflowed)
        return;
    buf_clear(out);
    buf_add_text(out, "{}");
}
