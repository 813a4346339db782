/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "http_route.h"

static void handle(struct http_request *request, void *ctx)
{
    (void)request, (void)ctx;
}

static void test_finding(void **state)
{
    static int first, second;
    static const struct http_route mine[] = {
        { HTTP_GET, "/", handle, HTTP_PLAIN },
        { HTTP_GET, "/jobs", handle, HTTP_PLAIN },
        { HTTP_GET, "/jobs/{}", handle, HTTP_CROSS_ORIGIN },
        { HTTP_DELETE, "/jobs/{}", handle, HTTP_PLAIN },
        { HTTP_GET, "/jobs/all", handle, HTTP_PLAIN },
        { HTTP_GET, "/take", handle, HTTP_EFFECTIVE | HTTP_CROSS_ORIGIN },
    };
    static const struct http_route theirs = { HTTP_POST, "/jobs", handle, HTTP_CROSS_ORIGIN };
    static const struct {
        const char *name, *path;
        const char *allow, *cross_origin; /* allow: NULL: nothing is there */
        const char *param;
    } cases[] = {
        { "the root", "/", "GET, HEAD, OPTIONS", "", NULL },
        { "two owners", "/jobs", "POST, GET, HEAD, OPTIONS", "POST", NULL },
        { "a parameter", "/jobs/7", "DELETE, GET, HEAD, OPTIONS", "GET, HEAD", "7" },
        { "a parameter that looks like one", "/jobs/{}", "DELETE, GET, HEAD, OPTIONS", "GET, HEAD",
          "{}" },
        { "a written path wins", "/jobs/all", "GET, HEAD, OPTIONS", "", NULL },
        { "a GET that does something", "/take", "GET, OPTIONS", "GET", NULL },
        { "an empty parameter", "/jobs/", NULL, NULL, NULL },
        { "two segments", "/jobs/7/8", NULL, NULL, NULL },
        { "a longer path", "/jobsx", NULL, NULL, NULL },
        { "no slash", "*", NULL, NULL, NULL },
        { "nothing", "", NULL, NULL, NULL },
    };
    struct http_routes *routes = http_routes_create();

    (void)state;
    for (size_t i = 0; i < sizeof mine / sizeof *mine; i++)
        http_routes_add(routes, &mine[i], &first);
    http_routes_add(routes, &theirs, &second);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct slice param;
        const struct http_resource *got = http_routes_find(routes, slice_of(cases[i].path), &param);

        print_message("  %s\n", cases[i].name);
        assert_int_equal(got != NULL, cases[i].allow != NULL);
        assert_int_equal(param.data != NULL, cases[i].param != NULL);
        assert_true(slice_equals(param, slice_of(cases[i].param)));
        if (got == NULL)
            continue;
        assert_string_equal(got->allow, cases[i].allow);
        assert_string_equal(got->cross_origin, cases[i].cross_origin);
    }

    struct slice param;
    const struct http_resource *jobs = http_routes_find(routes, slice_of("/jobs"), &param);

    assert_ptr_equal(jobs->methods[HTTP_GET].ctx, &first);
    assert_ptr_equal(jobs->methods[HTTP_POST].ctx, &second);
    assert_null(jobs->methods[HTTP_PUT].handle);
    assert_true(jobs->has_head);
    assert_false(http_routes_find(routes, slice_of("/take"), &param)->has_head);
    http_routes_destroy(&routes);
    assert_null(routes);
    http_routes_destroy(&routes);
}

static void test_no_routes(void **state)
{
    struct http_routes *routes = http_routes_create();
    struct slice param;

    (void)state;
    assert_null(http_routes_find(routes, slice_of("/a/b"), &param));
    http_routes_destroy(&routes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finding),
        cmocka_unit_test(test_no_routes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
