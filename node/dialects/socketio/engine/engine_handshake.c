/* SPDX-License-Identifier: MIT */
/*
 * What is kept of a handshake, for as long as its connection lives: one block, the texts behind the
 * struct.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "engine_inner.h"
#include "http_url.h"

static char *put(char **room, struct slice text)
{
    char *copy = *room;

    if (text.len > 0)
        memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    *room += text.len + 1;
    return copy;
}

struct engine_handshake *engine_handshake_create(const struct engine_handshake *fixed,
                                                 const struct handshake_texts *texts)
{
    size_t size = texts->query.len + texts->origin.len + texts->cookie.len +
                  texts->authorization.len + texts->user_agent.len + 5;
    struct engine_handshake *handshake = xmalloc(sizeof *handshake + size);
    char *room = (char *)(handshake + 1);

    *handshake = *fixed;
    handshake->query = put(&room, texts->query);
    handshake->origin = put(&room, texts->origin);
    handshake->cookie = put(&room, texts->cookie);
    handshake->authorization = put(&room, texts->authorization);
    handshake->user_agent = put(&room, texts->user_agent);
    return handshake;
}

/* "https://app.example" of the Host "app.example": what a page of our own says. */
static bool is_own(struct slice origin, struct slice host)
{
    const char *mark = memmem(origin.data, origin.len, "://", 3);
    size_t start = mark != NULL ? (size_t)(mark + 3 - origin.data) : origin.len;

    return host.len > 0 && origin.len - start == host.len &&
           strncasecmp(origin.data + start, host.data, host.len) == 0;
}

bool engine_is_jsonp(const struct engine *engine, const struct http_request *request)
{
    return engine->settings.has_jsonp && http_has_query(request, "j");
}

/* Browsers send cookies for whatever page opens a WebSocket. So those of a foreign one are not taken, unless
 * --origins lets it in; nor those of JSON-P: a script's request does not say whose page asks, and that page reads the
 * answers. */
static struct slice cookie_of(const struct engine *engine, const struct http_request *request)
{
    struct slice origin = http_header(request, "origin");

    if (!engine_is_jsonp(engine, request) &&
        (origin.data == NULL || engine->node->config->origins.count > 0 ||
         is_own(origin, http_header(request, "host"))))
        return http_header(request, "cookie");
    return (struct slice){ NULL, 0 };
}

struct engine_handshake *engine_handshake_of(const struct engine *engine,
                                             const struct http_request *request,
                                             enum engine_version version)
{
    struct engine_handshake fixed = {
        .version = version,
        .peer = *http_peer(request),
        .opened_ms = store_now_ms(engine->node->store),
    };
    struct handshake_texts texts = {
        .query = http_query_raw(request),
        .origin = http_header(request, "origin"),
        .cookie = cookie_of(engine, request),
        .authorization = http_header(request, "authorization"),
        .user_agent = http_header(request, "user-agent"),
    };

    return engine_handshake_create(&fixed, &texts);
}

bool engine_query(const struct engine_handshake *handshake, const char *name, struct buf *out)
{
    struct slice value = url_query_find(slice_of(handshake->query), name);
    char *room;
    size_t len;

    if (value.data == NULL)
        return false;
    room = buf_reserve(out, value.len);
    if (room == NULL || !url_decode(value, URL_PLUS_IS_BLANK, room, &len))
        return false;
    out->len += len;
    return true;
}

/* Cuts off what stands before the next `end`, or all. */
static struct slice cut(struct slice *left, char end)
{
    const char *at = left->len > 0 ? memchr(left->data, end, left->len) : NULL;
    size_t len = at != NULL ? (size_t)(at - left->data) : left->len;
    struct slice head = { left->data, len };

    left->data += at != NULL ? len + 1 : len;
    left->len -= at != NULL ? len + 1 : len;
    return head;
}

struct slice engine_cookie(const struct engine_handshake *handshake, const char *name)
{
    struct slice left = slice_of(handshake->cookie);

    while (left.len > 0) {
        struct slice pair = cut(&left, ';');

        if (slice_is(slice_trim(cut(&pair, '=')), name))
            return slice_trim(pair);
    }
    return (struct slice){ NULL, 0 };
}
