/* SPDX-License-Identifier: MIT */
#ifndef SB_HTTP_ROUTE_H
#define SB_HTTP_ROUTE_H

#include "http.h"

/* Which function answers which path: found by hash, whatever their number. */
struct http_routes;

enum { HTTP_ALLOW_SIZE = 64 };

/* Everything that is served at one path. */
struct http_resource {
    struct {
        http_handle_fn *handle; /* NULL: not this method */
        void *ctx;
    } methods[HTTP_METHODS];
    bool has_head;                      /* HEAD may be asked of its GET                     */
    char allow[HTTP_ALLOW_SIZE];        /* "GET, HEAD, POST, OPTIONS"                       */
    char cross_origin[HTTP_ALLOW_SIZE]; /* those a browser of another origin may use, or "" */
};

struct http_routes *http_routes_create(void);
void http_routes_destroy(struct http_routes **routes);

/* `route` is copied. Nobody else serves the same method at the same path: asserted. */
void http_routes_add(struct http_routes *routes, const struct http_route *route, void *ctx);

/* A path that is written out wins over one that ends in "{}". `param_out` is the segment that "{}" stands
 * for, still encoded and never empty; data is NULL when there is none. NULL: nothing is served there. */
const struct http_resource *http_routes_find(const struct http_routes *routes, struct slice path,
                                             struct slice *param_out);

#endif
