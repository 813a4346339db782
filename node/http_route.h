/* SPDX-License-Identifier: MIT */
#ifndef SB_HTTP_ROUTE_H
#define SB_HTTP_ROUTE_H

#include "http.h"

/* Which function answers which path: found segment by segment, whatever their number. */
struct http_routes;

enum { HTTP_ALLOW_SIZE = 64 };

/* Everything that is served at one path, or, when below.handle is there, below it. */
struct http_resource {
    struct {
        http_handle_fn *handle; /* NULL: not this method */
        void *ctx;
    } methods[HTTP_METHODS];
    bool has_head;                      /* HEAD may be asked of its GET                     */
    char allow[HTTP_ALLOW_SIZE];        /* "GET, HEAD, POST, OPTIONS"                       */
    char cross_origin[HTTP_ALLOW_SIZE]; /* those a browser of another origin may use, or "" */
    struct http_prefix below;
    void *below_ctx;
};

struct http_routes *http_routes_create(void);
void http_routes_destroy(struct http_routes **routes);

/* As http_add_routes() and http_add_prefix() say. */
void http_routes_add(struct http_routes *routes, const struct http_route *route, void *ctx);
void http_routes_add_prefix(struct http_routes *routes, const struct http_prefix *prefix,
                            void *ctx);

/* What stands for each "{}": still encoded, never empty, pieces of the path. */
struct http_params {
    struct slice items[HTTP_PARAMS_MAX];
    size_t count;
};

/* NULL: nothing is served there. */
const struct http_resource *http_routes_find(const struct http_routes *routes, struct slice path,
                                             struct http_params *params_out);

#endif
