/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "support.h"

#include "http_route.h"

static void handle(struct http_request *request, void *ctx)
{
    (void)request, (void)ctx;
}

static int first, second;

static const struct http_route mine[] = {
    { HTTP_GET, "/", handle, HTTP_PLAIN },
    { HTTP_GET, "/jobs", handle, HTTP_PLAIN },
    { HTTP_GET, "/jobs/{}", handle, HTTP_CROSS_ORIGIN },
    { HTTP_DELETE, "/jobs/{}", handle, HTTP_PLAIN },
    { HTTP_GET, "/jobs/all", handle, HTTP_PLAIN },
    { HTTP_GET, "/take", handle, HTTP_EFFECTIVE | HTTP_CROSS_ORIGIN },
    { HTTP_POST, "/rooms/{}/emit", handle, HTTP_PLAIN },
    { HTTP_PUT, "/rooms/{}/{}", handle, HTTP_PLAIN },
    { HTTP_PATCH, "/rooms/all/{}", handle, HTTP_PLAIN },
    { HTTP_DELETE, "/rooms/all/members/{}", handle, HTTP_PLAIN },
    { HTTP_GET, "/{}/of/{}/in/{}/{}", handle, HTTP_PLAIN },
    { HTTP_GET, "/io/own", handle, HTTP_PLAIN },
    { HTTP_GET, "/io/{}/x", handle, HTTP_PLAIN },
};
static const struct http_route theirs = { HTTP_POST, "/jobs", handle, HTTP_CROSS_ORIGIN };
static const struct http_prefix prefixes[] = {
    { .path = "/io/", .handle = handle },
    { .path = "/io/deep/", .handle = handle },
    { .path = "/io/deep", .handle = handle },
    { .path = "/other", .handle = handle },
};

/* allow: NULL: no path of its own. prefix: in the table, -1: none. */
static const struct {
    const char *name, *path, *allow, *cross_origin, *params;
    int prefix;
} cases[] = {
    { "the root", "/", "GET, HEAD, OPTIONS", "", "", -1 },
    { "two owners", "/jobs", "POST, GET, HEAD, OPTIONS", "POST", "", -1 },
    { "a parameter", "/jobs/7", "DELETE, GET, HEAD, OPTIONS", "GET, HEAD", "7,", -1 },
    { "a parameter that looks like one", "/jobs/{}", "DELETE, GET, HEAD, OPTIONS", "GET, HEAD",
      "{},", -1 },
    { "a written path wins", "/jobs/all", "GET, HEAD, OPTIONS", "", "", -1 },
    { "a GET that does something", "/take", "GET, OPTIONS", "GET", "", -1 },
    { "an empty parameter", "/jobs/", NULL, NULL, "", -1 },
    { "two segments", "/jobs/7/8", NULL, NULL, "", -1 },
    { "a longer path", "/jobsx", NULL, NULL, "", -1 },
    { "no slash", "*", NULL, NULL, "", -1 },
    { "nothing", "", NULL, NULL, "", -1 },
    { "a parameter in the midst", "/rooms/a/emit", "POST, OPTIONS", "", "a,", -1 },
    { "an empty one in the midst", "/rooms//emit", NULL, NULL, "", -1 },
    { "two parameters", "/rooms/a/b", "PUT, OPTIONS", "", "a,b,", -1 },
    { "the first written segment wins", "/rooms/all/emit", "PATCH, OPTIONS", "", "emit,", -1 },
    { "a written segment that leads nowhere", "/rooms/all/", NULL, NULL, "", -1 },
    { "beyond it", "/rooms/all/members/7", "DELETE, OPTIONS", "", "7,", -1 },
    { "four parameters", "/1/of/2/in/3/4", "GET, HEAD, OPTIONS", "", "1,2,3,4,", -1 },
    { "back from a written segment", "/jobs/of/2/in/3/4", "GET, HEAD, OPTIONS", "", "jobs,2,3,4,",
      -1 },
    { "the first of a longer path", "/rooms", NULL, NULL, "", -1 },
    { "a prefix, and no more", "/io/", NULL, NULL, "", 0 },
    { "below a prefix", "/io/a/b//c", NULL, NULL, "", 0 },
    { "not quite a prefix", "/io", NULL, NULL, "", -1 },
    { "a path wins over a prefix", "/io/own", "GET, HEAD, OPTIONS", "", "", -1 },
    { "a parameter wins over a prefix", "/io/y/x", "GET, HEAD, OPTIONS", "", "y,", -1 },
    { "the longest prefix", "/io/deep/a", NULL, NULL, "", 1 },
    { "the second longest", "/io/deepest", NULL, NULL, "", 2 },
    { "a prefix within a segment", "/others", NULL, NULL, "", 3 },
};

static void check_params(const struct http_params *params, const char *want)
{
    char text[64] = "";
    size_t len = 0;

    for (size_t i = 0; i < params->count; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%.*s,", (int)params->items[i].len,
                                params->items[i].data);
    assert_string_equal(text, want);
}

static struct http_routes *create(void)
{
    struct http_routes *routes = http_routes_create();

    for (size_t i = 0; i < sizeof mine / sizeof *mine; i++)
        http_routes_add(routes, &mine[i], &first);
    http_routes_add(routes, &theirs, &second);
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        http_routes_add_prefix(routes, &prefixes[i], (void *)(uintptr_t)&prefixes[i]);
    return routes;
}

static void test_finding(void **state)
{
    struct http_routes *routes = create();

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_params params;
        const struct http_resource *got =
            http_routes_find(routes, slice_of(cases[i].path), &params);

        print_message("  %s\n", cases[i].name);
        assert_int_equal(got != NULL, cases[i].allow != NULL || cases[i].prefix >= 0);
        check_params(&params, cases[i].params);
        if (got == NULL)
            continue;
        assert_int_equal(got->below.handle != NULL, cases[i].prefix >= 0);
        if (cases[i].prefix >= 0) {
            assert_ptr_equal(got->below_ctx, &prefixes[cases[i].prefix]);
            continue;
        }
        assert_string_equal(got->allow, cases[i].allow);
        assert_string_equal(got->cross_origin, cases[i].cross_origin);
    }
    http_routes_destroy(&routes);
    assert_null(routes);
    http_routes_destroy(&routes);
}

static void test_owners(void **state)
{
    struct http_routes *routes = create();
    struct http_params params;
    const struct http_resource *jobs = http_routes_find(routes, slice_of("/jobs"), &params);

    (void)state;
    assert_ptr_equal(jobs->methods[HTTP_GET].ctx, &first);
    assert_ptr_equal(jobs->methods[HTTP_POST].ctx, &second);
    assert_null(jobs->methods[HTTP_PUT].handle);
    assert_true(jobs->has_head);
    assert_false(http_routes_find(routes, slice_of("/take"), &params)->has_head);
    http_routes_destroy(&routes);
}

static void test_no_routes(void **state)
{
    struct http_routes *routes = http_routes_create();
    struct http_params params;

    (void)state;
    assert_null(http_routes_find(routes, slice_of("/a/b"), &params));
    http_routes_destroy(&routes);
}

/* Routes may be made of options, in memory that does not last. */
static void test_paths_are_copied(void **state)
{
    struct http_routes *routes = http_routes_create();
    struct http_params params;
    char path[] = "/a/{}/b", prefix[] = "/p/";

    (void)state;
    http_routes_add(routes, &(struct http_route){ HTTP_GET, path, handle, HTTP_PLAIN }, NULL);
    http_routes_add_prefix(routes, &(struct http_prefix){ .path = prefix, .handle = handle }, NULL);
    memset(path, 'x', sizeof path);
    memset(prefix, 'x', sizeof prefix);
    assert_non_null(http_routes_find(routes, slice_of("/a/1/b"), &params));
    assert_non_null(http_routes_find(routes, slice_of("/p/1"), &params));
    http_routes_destroy(&routes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finding),
        cmocka_unit_test(test_owners),
        cmocka_unit_test(test_no_routes),
        cmocka_unit_test(test_paths_are_copied),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
