/* SPDX-License-Identifier: MIT */
/*
 * Who may read an answer in a browser (the Fetch standard, section 3.2): origins named by --cors-origins,
 * on routes that allow other origins at all. Credentials are never part of it: ours are not cookies.
 */
#include "http_inner.h"
#include "origin.h"

enum { PREFLIGHT_AGE_S = 600 };

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
    bool is_any = origins_hold_all(origins);

    if (origins->count == 0)
        return;
    if (origin.data != NULL && origin_is_allowed(origins, origin)) {
        buf_add_slice(out, SLICE_LITERAL("Access-Control-Allow-Origin: "));
        buf_add_slice(out, is_any ? SLICE_LITERAL("*") : origin);
        buf_add_slice(out, SLICE_LITERAL("\r\n"));
        if (request->head.method == HTTP_OPTIONS &&
            http_header(request, "access-control-request-method").data != NULL)
            add_preflight(request, out);
    }
    if (!is_any) /* a cache must not hand one origin's answer to another */
        buf_add_slice(out, SLICE_LITERAL("Vary: Origin\r\n"));
}
