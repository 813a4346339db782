/* SPDX-License-Identifier: MIT */
/* The reader by itself; what it refuses with which words is in integration/test_http.c. */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "http_chunks.h"
#include "http_head.h"

enum { MAX = 1024 };

static bool span_is(const char *data, struct http_span span, const char *want)
{
    return slice_is(http_slice(data, span), want);
}

static void test_targets(void **state)
{
    static const struct {
        const char *name, *target, *path, *query;
    } cases[] = {
        { "a path", "/a", "/a", "" },
        { "a query", "/a?b=c", "/a", "b=c" },
        { "an empty query", "/a?", "/a", "" },
        { "a question mark in the query", "/a?b?c", "/a", "b?c" },
        { "absolute-form", "http://h:80/a?b", "/a", "b" },
        { "absolute-form, TLS", "https://h/a", "/a", "" },
        { "absolute-form without path", "http://h", "/", "" },
        { "absolute-form, query alone", "http://h?a/b", "/", "a/b" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_head head = { .len = 0 };
        char data[256];
        int len =
            snprintf(data, sizeof data, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", cases[i].target);

        print_message("  %s\n", cases[i].name);
        assert_int_equal(http_head_parse(&head, data, (size_t)len, MAX), HTTP_PARSE_DONE);
        assert_int_equal(head.len, len);
        assert_true(span_is(data, head.target, cases[i].target));
        assert_true(span_is(data, head.path, cases[i].path));
        assert_true(span_is(data, head.query, cases[i].query));
    }
}

static const char full[] = "\r\nPOST /a?b HTTP/1.1\r\n"
                           "Host: h\r\n"
                           "X-Empty:\r\n"
                           "X-A: \t 1 2 \r\n"
                           "x-a: second\r\n"
                           "Connection: a, Upgrade\r\n"
                           "Connection: keep-alive\r\n"
                           "Upgrade: h2c,WEBSOCKET\r\n"
                           "Expect: 100-continue\r\n"
                           "Content-Length: 12\r\n"
                           "\r\n"
                           "body";

/* Every way to cut it in two gives the same. */
static void test_in_two_pieces(void **state)
{
    const size_t end = sizeof full - 1 - 4;

    (void)state;
    for (size_t cut = 0; cut < sizeof full; cut++) {
        struct http_head head = { .len = 0 };

        assert_int_equal(http_head_parse(&head, full, cut, MAX),
                         cut < end ? HTTP_PARSE_MORE : HTTP_PARSE_DONE);
        assert_int_equal(http_head_parse(&head, full, sizeof full - 1, MAX), HTTP_PARSE_DONE);
        assert_int_equal(head.len, end);
        assert_int_equal(head.method, HTTP_POST);
        assert_int_equal(head.content_length, 12);
        assert_true(head.says_upgrade && head.says_keep_alive && !head.says_close);
        assert_true(head.asks_websocket && head.expects_continue && head.has_host);
        assert_true(span_is(full, head.method_name, "POST"));
    }
}

static void test_finding_headers(void **state)
{
    static const struct {
        const char *name, *want;
    } cases[] = {
        { "host", "h" }, { "x-empty", "" }, { "x-a", "1 2" },     { "content-length", "12" },
        { "x", NULL },   { "x-a:", NULL },  { "x-emptyx", NULL }, { "body", NULL },
    };
    struct http_head head = { .len = 0 };
    struct slice name, value;
    size_t offset = 0, count = 0;

    (void)state;
    assert_int_equal(http_head_parse(&head, full, sizeof full - 1, MAX), HTTP_PARSE_DONE);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct slice got = http_head_find(&head, full, cases[i].name);

        print_message("  %s\n", cases[i].name);
        assert_int_equal(got.data != NULL, cases[i].want != NULL);
        assert_true(slice_equals(got, slice_of(cases[i].want)));
    }
    while (http_head_next(&head, full, &offset, &name, &value)) {
        if (count == 3) {
            assert_true(slice_is(name, "x-a"));
            assert_true(slice_is(value, "second"));
        }
        count++;
    }
    assert_int_equal(count, 9);
}

static void test_no_headers(void **state)
{
    static const char wire[] = "GET / HTTP/1.0\r\n\r\n";
    struct http_head head = { .len = 0 };
    struct slice name, value;
    size_t offset = 0;

    (void)state;
    assert_int_equal(http_head_parse(&head, wire, sizeof wire - 1, MAX), HTTP_PARSE_DONE);
    assert_false(http_head_next(&head, wire, &offset, &name, &value));
    assert_null(http_head_find(&head, wire, "host").data);
    assert_false(http_head_keeps_alive(&head));
}

static void test_bound(void **state)
{
    static const size_t end = sizeof full - 1 - 4;

    (void)state;
    for (size_t max = 1; max < sizeof full + 1; max++) {
        struct http_head head = { .len = 0 };
        enum http_parse parse = http_head_parse(&head, full, sizeof full - 1, max);

        assert_int_equal(parse, max < end ? HTTP_PARSE_FAULT : HTTP_PARSE_DONE);
        if (parse == HTTP_PARSE_FAULT)
            assert_int_equal(head.fault, HTTP_FAULT_HEAD_SIZE);
    }
}

/* The bound is lowered between two pieces. */
static void test_bound_that_shrinks(void **state)
{
    struct http_head head = { .len = 0 };

    (void)state;
    assert_int_equal(http_head_parse(&head, full, 60, MAX), HTTP_PARSE_MORE);
    assert_int_equal(http_head_parse(&head, full, 61, 16), HTTP_PARSE_FAULT);
    assert_int_equal(head.fault, HTTP_FAULT_HEAD_SIZE);
}

static void test_lists(void **state)
{
    static const struct {
        const char *list;
        bool has;
    } cases[] = {
        { "close", true },     { "Close", true },    { "a,close", true },    { "close ,b", true },
        { "\tclose\t", true }, { ",,close,", true }, { "", false },          { "closed", false },
        { "a close", false },  { "clos,e", false },  { "not-close", false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        print_message("  \"%s\"\n", cases[i].list);
        assert_int_equal(http_list_has(slice_of(cases[i].list), "close"), cases[i].has);
    }
}

/* ---- chunks ------------------------------------------------------------------------------------------ */

static const char chunked[] = "5\r\nhello\r\n"
                              "1;x=\"y\"\r\n,\r\n"
                              "00000006\r\n world\r\n"
                              "0 \r\n"
                              "A: b\r\n"
                              "\r\n"
                              "next";

static void test_chunks_in_two_pieces(void **state)
{
    const size_t end = sizeof chunked - 1 - 4;

    (void)state;
    for (size_t cut = 0; cut <= end; cut++) {
        struct http_chunks chunks = { .left = 0 };
        enum http_fault fault;
        char *data = xstrndup(chunked, sizeof chunked - 1); /* decoded into itself */
        size_t body_len = 0, used, more;
        enum http_parse parse =
            http_chunks_decode(&chunks, data, cut, &used, data, &body_len, 64, &fault);

        assert_int_equal(used, cut);
        assert_int_equal(parse, cut < end ? HTTP_PARSE_MORE : HTTP_PARSE_DONE);
        assert_int_equal(http_chunks_decode(&chunks, data + used, sizeof chunked - 1 - used, &more,
                                            data, &body_len, 64, &fault),
                         HTTP_PARSE_DONE);
        assert_int_equal(used + more, end);
        assert_int_equal(body_len, 12);
        assert_memory_equal(data, "hello, world", 12);
        free(data);
    }
}

static void test_chunks_at_their_bound(void **state)
{
    (void)state;
    for (size_t max = 0; max <= 12; max++) {
        struct http_chunks chunks = { .left = 0 };
        enum http_fault fault = HTTP_FAULT_CHUNK;
        char body[16];
        size_t body_len = 0, used;
        enum http_parse parse = http_chunks_decode(&chunks, chunked, sizeof chunked - 1, &used,
                                                   body, &body_len, max, &fault);

        assert_int_equal(parse, max < 12 ? HTTP_PARSE_FAULT : HTTP_PARSE_DONE);
        if (max < 12)
            assert_int_equal(fault, HTTP_FAULT_BODY_SIZE);
        assert_true(body_len <= max);
    }
}

/* The bound is lowered between two pieces, below what has come already. */
static void test_chunks_with_a_bound_that_shrinks(void **state)
{
    struct http_chunks chunks = { .left = 0 };
    enum http_fault fault;
    char body[16];
    size_t body_len = 0, used;

    (void)state;
    assert_int_equal(http_chunks_decode(&chunks, chunked, 8, &used, body, &body_len, 64, &fault),
                     HTTP_PARSE_MORE);
    assert_int_equal(body_len, 5);
    assert_int_equal(http_chunks_decode(&chunks, chunked + 8, sizeof chunked - 1 - 8, &used, body,
                                        &body_len, 4, &fault),
                     HTTP_PARSE_FAULT);
    assert_int_equal(fault, HTTP_FAULT_BODY_SIZE);
    assert_int_equal(body_len, 5);
}

static void test_endless_trailers(void **state)
{
    struct http_chunks chunks = { .left = 0 };
    enum http_fault fault;
    char body[1];
    size_t body_len = 0, used;

    (void)state;
    assert_int_equal(http_chunks_decode(&chunks, "0\r\n", 3, &used, body, &body_len, 1, &fault),
                     HTTP_PARSE_MORE);
    for (int i = 0; i <= HTTP_CHUNK_LINE_MAX / 6; i++) {
        enum http_parse parse =
            http_chunks_decode(&chunks, "a: b\r\n", 6, &used, body, &body_len, 1, &fault);

        if (parse == HTTP_PARSE_FAULT) {
            assert_int_equal(fault, HTTP_FAULT_CHUNK);
            assert_true(i > HTTP_CHUNK_LINE_MAX / 7);
            return;
        }
    }
    fail_msg("%d trailers were read", HTTP_CHUNK_LINE_MAX / 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_in_two_pieces),
        cmocka_unit_test(test_finding_headers),
        cmocka_unit_test(test_no_headers),
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_bound_that_shrinks),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_chunks_in_two_pieces),
        cmocka_unit_test(test_chunks_at_their_bound),
        cmocka_unit_test(test_chunks_with_a_bound_that_shrinks),
        cmocka_unit_test(test_endless_trailers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
