/* SPDX-License-Identifier: MIT */
/*
 * Origins: who may come, and what a browser is told about that. It is the origin itself and never
 * "*": that is of no use to requests with credentials, which those of the 2.x browser client all
 * are.
 */
#include <assert.h>

#include "engine_door.h"
#include "origin.h"

static const struct strings *origins_of(const struct engine *engine)
{
    return &engine->node->config->origins;
}

bool engine_has_cors(const struct engine *engine)
{
    return engine->settings.is_open_to_all || origins_of(engine)->count > 0;
}

bool engine_is_welcome(const struct engine *engine, struct slice origin)
{
    return engine->settings.is_open_to_all || origin.data == NULL ||
           origin_is_allowed(origins_of(engine), origin);
}

bool engine_is_printable(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.data[i];

        if ((byte < 0x20 && byte != '\t') || byte == 0x7f)
            return false;
    }
    return true;
}

static void add_cors(const struct engine *engine, const struct http_request *request,
                     struct buf *out)
{
    struct slice origin = http_header(request, "origin");

    if (!engine_has_cors(engine))
        return;
    if (origin.data != NULL && engine_is_printable(origin) && engine_is_welcome(engine, origin)) {
        buf_add_text(out, "Access-Control-Allow-Origin: ");
        buf_add_slice(out, origin);
        buf_add_text(out, "\r\nAccess-Control-Allow-Credentials: true\r\n");
    }
    buf_add_text(out, http_request_method(request) == HTTP_OPTIONS
                          ? "Vary: Origin, Access-Control-Request-Headers\r\n"
                          : "Vary: Origin\r\n");
}

void engine_add_preflight(const struct http_request *request, struct buf *out)
{
    struct slice headers = http_header(request, "access-control-request-headers");

    buf_add_text(out, "Access-Control-Allow-Methods: GET,POST,OPTIONS\r\n");
    if (headers.len > 0 && engine_is_printable(headers)) {
        buf_add_text(out, "Access-Control-Allow-Headers: ");
        buf_add_slice(out, headers);
        buf_add_text(out, "\r\n");
    }
    buf_add_text(out, "Access-Control-Max-Age: 600\r\n");
}

void engine_headers_init(struct buf *headers, const struct engine *engine,
                         const struct http_request *request)
{
    enum { OWN_MAX = 1024 }; /* besides what is echoed */

    buf_init(headers, OWN_MAX + http_header(request, "origin").len +
                          http_header(request, "access-control-request-headers").len);
    add_cors(engine, request, headers);
}

const char *engine_headers_end(struct buf *headers)
{
    buf_add_byte(headers, '\0');
    assert(!headers->has_overflowed);
    return headers->data;
}
