/* SPDX-License-Identifier: MIT */
/*
 * Two hash tables: paths as they stand, and for "/jobs/{}" what is in front of the last segment,
 * "/jobs/". Paths are compared byte by byte: "/%6aobs", "/jobs/" and "/x/../jobs" are other paths than
 * "/jobs".
 */
#include "http_route.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/mem.h"

struct entry {
    struct http_resource resource;
    char *path;
    UT_hash_handle hh;
};

struct http_routes {
    struct entry *exact, *prefixes;
};

struct http_routes *http_routes_create(void)
{
    return xcalloc(1, sizeof(struct http_routes));
}

static void table_free(struct entry **table)
{
    struct entry *entry, *next;

    HASH_ITER (hh, *table, entry, next) {
        HASH_DEL(*table, entry);
        free(entry->path);
        free(entry);
    }
}

void http_routes_destroy(struct http_routes **routes)
{
    if (*routes == NULL)
        return;
    table_free(&(*routes)->exact);
    table_free(&(*routes)->prefixes);
    free(*routes);
    *routes = NULL;
}

static struct entry *table_find(struct entry *table, struct slice path)
{
    struct entry *entry;

    HASH_FIND(hh, table, path.data, path.len, entry);
    return entry;
}

static struct entry *table_get(struct entry **table, struct slice path)
{
    struct entry *entry = table_find(*table, path);

    if (entry == NULL) {
        entry = xcalloc(1, sizeof *entry);
        entry->path = slice_dup(path);
        strcpy(entry->resource.allow, "OPTIONS");
        HASH_ADD_KEYPTR(hh, *table, entry->path, path.len, entry);
    }
    return entry;
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
    struct slice path = slice_of(route->path);
    bool has_param = path.len > 3 && strcmp(route->path + path.len - 3, "/{}") == 0;

    if (has_param)
        path.len -= 2;

    struct http_resource *resource =
        &table_get(has_param ? &routes->prefixes : &routes->exact, path)->resource;

    assert(path.len > 0 && path.data[0] == '/' && route->method < HTTP_METHODS);
    assert(resource->methods[route->method].handle == NULL);
    resource->methods[route->method].handle = route->handle;
    resource->methods[route->method].ctx = ctx;
    resource->has_head |= route->method == HTTP_GET && !(route->traits & HTTP_EFFECTIVE);
    allow_add(resource->allow, names_of(route));
    if (route->traits & HTTP_CROSS_ORIGIN)
        allow_add(resource->cross_origin, names_of(route));
}

const struct http_resource *http_routes_find(const struct http_routes *routes, struct slice path,
                                             struct slice *param_out)
{
    const struct entry *entry = table_find(routes->exact, path);

    *param_out = (struct slice){ NULL, 0 };
    if (entry == NULL && routes->prefixes != NULL) {
        const char *slash = memrchr(path.data, '/', path.len);
        size_t len = slash != NULL ? (size_t)(slash + 1 - path.data) : 0;

        if (len < path.len)
            entry = table_find(routes->prefixes, (struct slice){ path.data, len });
        if (entry != NULL)
            *param_out = (struct slice){ path.data + len, path.len - len };
    }
    return entry != NULL ? &entry->resource : NULL;
}
