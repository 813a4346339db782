/* SPDX-License-Identifier: MIT */
/*
 * A tree of segments: a path is found from the left to the right, at each step first as it stands and
 * then, when that leads nowhere, as "{}". Paths are compared byte by byte: "/%6aobs", "/jobs/" and
 * "/x/../jobs" are other paths than "/jobs". Prefixes are few and stand in a list, longest first.
 */
#include "http_route.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/mem.h"

struct segment {
    struct segment *next;           /* the segments that may follow, by their text */
    struct segment *any;            /* "{}" as one of them                         */
    struct http_resource *resource; /* NULL: no path ends here                     */
    UT_hash_handle hh;
    char text[];
};

struct prefix {
    struct prefix *next; /* a shorter one, or as long */
    struct http_resource resource;
    struct slice path;
    char text[];
};

struct http_routes {
    struct segment *root;
    struct prefix *prefixes;
};

/* ---- life ------------------------------------------------------------------------------------- */

static struct segment *segment_create(struct slice text)
{
    struct segment *segment = xcalloc(1, sizeof *segment + text.len);

    if (text.len > 0)
        memcpy(segment->text, text.data, text.len);
    return segment;
}

static void segment_destroy(struct segment **segment_ref)
{
    struct segment *segment = *segment_ref, *child, *spare;

    if (segment == NULL)
        return;
    *segment_ref = NULL;
    HASH_ITER (hh, segment->next, child, spare) {
        HASH_DEL(segment->next, child);
        segment_destroy(&child);
    }
    segment_destroy(&segment->any);
    free(segment->resource);
    free(segment);
}

struct http_routes *http_routes_create(void)
{
    struct http_routes *routes = xcalloc(1, sizeof *routes);

    routes->root = segment_create((struct slice){ NULL, 0 });
    return routes;
}

void http_routes_destroy(struct http_routes **routes_ref)
{
    struct http_routes *routes = *routes_ref;

    if (routes == NULL)
        return;
    *routes_ref = NULL;
    segment_destroy(&routes->root);
    while (routes->prefixes != NULL) {
        struct prefix *first = routes->prefixes;

        routes->prefixes = first->next;
        free(first);
    }
    free(routes);
}

/* ---- adding ----------------------------------------------------------------------------------- */

/* Takes the first segment of `left`, which stands behind a slash. False: it was the last. */
static bool segment_cut(struct slice *left, struct slice *text_out)
{
    const char *slash = left->len > 0 ? memchr(left->data, '/', left->len) : NULL;
    size_t len = slash != NULL ? (size_t)(slash - left->data) : left->len;

    *text_out = (struct slice){ left->data, len };
    len += slash != NULL;
    *left = (struct slice){ left->data + len, left->len - len };
    return slash != NULL;
}

static struct segment *segment_next(const struct segment *segment, struct slice text)
{
    struct segment *next;

    HASH_FIND(hh, segment->next, text.data, text.len, next);
    return next;
}

static struct segment *segment_get(struct segment *segment, struct slice text)
{
    struct segment *next;

    if (slice_is(text, "{}")) {
        if (segment->any == NULL)
            segment->any = segment_create(text);
        return segment->any;
    }
    next = segment_next(segment, text);
    if (next == NULL) {
        next = segment_create(text);
        HASH_ADD_KEYPTR(hh, segment->next, next->text, text.len, next);
    }
    return next;
}

static struct http_resource *resource_get(struct http_routes *routes, struct slice path)
{
    struct slice left = { path.data + 1, path.len - 1 }, text;
    struct segment *segment = routes->root;
    size_t params = 0;
    bool has_more;

    do {
        has_more = segment_cut(&left, &text);
        params += slice_is(text, "{}");
        segment = segment_get(segment, text);
    } while (has_more);
    assert(params <= HTTP_PARAMS_MAX);
    if (segment->resource == NULL) {
        segment->resource = xcalloc(1, sizeof *segment->resource);
        strcpy(segment->resource->allow, "OPTIONS");
    }
    return segment->resource;
}

/* In front of what is there, so that OPTIONS stays last. */
static void allow_add(char allow[HTTP_ALLOW_SIZE], const char *names)
{
    char rest[HTTP_ALLOW_SIZE];
    size_t len = strlen(names), rest_len = strlen(allow);

    assert(len + 2 + rest_len < HTTP_ALLOW_SIZE);
    memcpy(rest, allow, rest_len + 1);
    memcpy(allow, names, len + 1);
    if (rest_len > 0) {
        memcpy(allow + len, ", ", 2);
        memcpy(allow + len + 2, rest, rest_len + 1);
    }
}

/* What is allowed with the route. */
static const char *names_of(const struct http_route *route)
{
    static const char *const names[HTTP_METHODS] = {
        [HTTP_GET] = "GET, HEAD", [HTTP_POST] = "POST",     [HTTP_PUT] = "PUT",
        [HTTP_PATCH] = "PATCH",   [HTTP_DELETE] = "DELETE",
    };

    return route->traits & HTTP_EFFECTIVE && route->method == HTTP_GET ? "GET"
                                                                       : names[route->method];
}

void http_routes_add(struct http_routes *routes, const struct http_route *route, void *ctx)
{
    assert(route->path[0] == '/' && route->method < HTTP_METHODS);

    struct http_resource *resource = resource_get(routes, slice_of(route->path));

    assert(resource->methods[route->method].handle == NULL);
    resource->methods[route->method].handle = route->handle;
    resource->methods[route->method].ctx = ctx;
    resource->has_head |= route->method == HTTP_GET && !(route->traits & HTTP_EFFECTIVE);
    allow_add(resource->allow, names_of(route));
    if (route->traits & HTTP_CROSS_ORIGIN)
        allow_add(resource->cross_origin, names_of(route));
}

void http_routes_add_prefix(struct http_routes *routes, const struct http_prefix *below, void *ctx)
{
    struct slice path = slice_of(below->path);
    struct prefix *prefix = xcalloc(1, sizeof *prefix + path.len), **place = &routes->prefixes;

    assert(below->path[0] == '/' && below->handle != NULL);
    memcpy(prefix->text, path.data, path.len);
    prefix->path = (struct slice){ prefix->text, path.len };
    prefix->resource.below = *below;
    prefix->resource.below.path = NULL;
    prefix->resource.below_ctx = ctx;
    while (*place != NULL && (*place)->path.len > path.len)
        place = &(*place)->next;
    assert(*place == NULL || !slice_equals((*place)->path, path));
    prefix->next = *place;
    *place = prefix;
}

/* ---- finding ---------------------------------------------------------------------------------- */

/* `left` is what is left of the path. As deep as the routes are, not the path. */
static const struct http_resource *find(const struct segment *segment, struct slice left,
                                        struct http_params *params)
{
    const struct http_resource *resource = NULL;
    const struct segment *next;
    struct slice text;
    bool has_more = segment_cut(&left, &text);

    next = segment_next(segment, text);
    if (next != NULL)
        resource = has_more ? find(next, left, params) : next->resource;
    if (resource == NULL && segment->any != NULL && text.len > 0) {
        params->items[params->count++] = text;
        resource = has_more ? find(segment->any, left, params) : segment->any->resource;
        params->count -= resource == NULL;
    }
    return resource;
}

static const struct http_resource *find_prefix(const struct prefix *prefix, struct slice path)
{
    while (prefix != NULL && (path.len < prefix->path.len ||
                              memcmp(path.data, prefix->path.data, prefix->path.len) != 0))
        prefix = prefix->next;
    return prefix != NULL ? &prefix->resource : NULL;
}

const struct http_resource *http_routes_find(const struct http_routes *routes, struct slice path,
                                             struct http_params *params_out)
{
    const struct http_resource *resource;

    params_out->count = 0;
    if (path.len == 0 || path.data[0] != '/')
        return NULL;
    resource = find(routes->root, (struct slice){ path.data + 1, path.len - 1 }, params_out);
    return resource != NULL ? resource : find_prefix(routes->prefixes, path);
}
