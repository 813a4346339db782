/* SPDX-License-Identifier: MIT */
/*
 * Who may read an answer in a browser (the Fetch standard, section 3.2): origins named by --cors-origins,
 * on routes that allow other origins at all. Credentials are never part of it: ours are not cookies.
 */
#include <string.h>

#include "http_inner.h"

enum { PREFLIGHT_AGE_S = 600 };

static bool is_listed(const struct strings *origins, struct slice origin, bool *any_out)
{
    bool is_listed = false;

    *any_out = false;
    for (size_t i = 0; i < origins->count; i++) {
        *any_out = *any_out || strcmp(origins->items[i], "*") == 0;
        is_listed = is_listed || slice_is(origin, origins->items[i]);
    }
    return is_listed || *any_out;
}

static void add_preflight(const struct http_request *request, struct buf *out)
{
    struct slice headers = http_header(request, "access-control-request-headers");

    buf_add_slice(out, SLICE_LITERAL("Access-Control-Allow-Methods: "));
    buf_add_text(out, request->resource->cross_origin);
    if (headers.len > 0) {
        buf_add_slice(out, SLICE_LITERAL("\r\nAccess-Control-Allow-Headers: "));
        buf_add_slice(out, headers);
    }
    buf_printf(out, "\r\nAccess-Control-Max-Age: %d\r\n", PREFLIGHT_AGE_S);
}

void http_cors_add(const struct http_request *request, struct buf *out)
{
    const struct strings *origins = &request->conn->http->node->config->cors_origins;
    struct slice origin = http_header(request, "origin");
    bool is_any;

    if (origins->count == 0)
        return;
    if (is_listed(origins, origin, &is_any) && origin.data != NULL) {
        buf_add_slice(out, SLICE_LITERAL("Access-Control-Allow-Origin: "));
        buf_add_slice(out, is_any ? SLICE_LITERAL("*") : origin);
        buf_add_slice(out, SLICE_LITERAL("\r\n"));
        if (request->head.is_options &&
            http_header(request, "access-control-request-method").data != NULL)
            add_preflight(request, out);
    }
    if (!is_any) /* a cache must not hand one origin's answer to another */
        buf_add_slice(out, SLICE_LITERAL("Vary: Origin\r\n"));
}
