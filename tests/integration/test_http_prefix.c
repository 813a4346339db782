/* SPDX-License-Identifier: MIT */
/*
 * A handler that answers for all that begins with its path: every method, bodies of its own size, and
 * what it hears of a request whose body is still on its way.
 */
#include "http_fixture.h"

#define POST(path) "POST " path " HTTP/1.1\r\nHost: x\r\n"
#define TOO_BIG    "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
#define TIMED_OUT                                                                                  \
    "HTTP/1.1 408 Request Timeout\r\nContent-Type: application/json\r\nContent-Length: 30\r\n"     \
    "Connection: close\r\n\r\n{\"error\":\"Request timed out.\"}"

/* What the handler has seen: the one request that is arriving, if any. */
static struct seen {
    struct http_request *arriving;
    uint32_t arrived, handled, gone;
    bool answers_arriving, cuts_arriving;
} seen;

static struct fixture fixture;
static struct client client, other;

static const char *method_name(enum http_method method)
{
    static const char *const names[] = {
        [HTTP_GET] = "get",         [HTTP_POST] = "post",     [HTTP_PUT] = "put",
        [HTTP_PATCH] = "patch",     [HTTP_DELETE] = "delete", [HTTP_HEAD] = "head",
        [HTTP_OPTIONS] = "options", [HTTP_OTHER] = "other",
    };

    return names[method];
}

static void on_gone(void *ctx)
{
    assert_ptr_equal(ctx, &seen);
    seen.gone++;
    seen.arriving = NULL;
}

static void on_arriving(struct http_request *request, void *ctx)
{
    assert_ptr_equal(ctx, &fixture);
    assert_null(http_waiting(request));
    assert_true(slice_is(http_query_raw(request), "a=b"));
    assert_true(slice_is(http_header(request, "host"), "x"));
    seen.arrived++;
    if (seen.answers_arriving) {
        http_reply(request, &(struct http_reply){ .status = 400 });
    } else if (seen.cuts_arriving) {
        http_cut(request);
    } else {
        seen.arriving = request;
        http_wait(request, on_gone, &seen);
        assert_ptr_equal(http_waiting(request), &seen);
    }
}

/* "post /all/x?a=b 5" */
static void handle(struct http_request *request, void *ctx)
{
    struct slice path = http_path(request), query = http_query_raw(request);
    struct buf body;

    assert_ptr_equal(ctx, &fixture);
    assert_true(seen.arriving == NULL || seen.arriving == request);
    assert_true((http_waiting(request) != NULL) == (seen.arriving != NULL));
    seen.handled++;
    seen.arriving = NULL;
    buf_init(&body, 256);
    buf_printf(&body, "%s %.*s?%.*s %zu", method_name(http_request_method(request)), (int)path.len,
               path.data, (int)query.len, query.data, http_body(request).len);
    http_reply(request, &(struct http_reply){ .status = 200, .body = buf_slice(&body) });
    buf_fini(&body);
}

static uint32_t large(void *ctx)
{
    assert_ptr_equal(ctx, &fixture);
    return 200000;
}

static uint32_t small(void *ctx)
{
    (void)ctx;
    return 10;
}

/* Refused, it asks somebody first. */
static void on_refused(struct http_request *request, int status, void *ctx)
{
    assert_ptr_equal(ctx, &fixture);
    assert_int_equal(status, 413);
    seen.arriving = request;
    http_wait(request, on_gone, &seen);
}

static const struct http_prefix prefixes[] = {
    { .path = "/all/", .handle = handle, .on_arriving = on_arriving },
    { .path = "/large/", .handle = handle, .body_max = large },
    { .path = "/small/", .handle = handle, .body_max = small, .on_arriving = on_arriving },
    { .path = "/asks/", .handle = handle, .body_max = small, .on_refused = on_refused },
};

static int start(void **state)
{
    (void)state;
    seen = (struct seen){ NULL };
    fixture_start(&fixture);
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
        http_add_prefix(fixture.http, &prefixes[i], &fixture);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fixture_stop(&fixture);
    return 0;
}

static void send_text(struct client *to, const char *text)
{
    client_send(to, slice_of(text));
}

static void send_body(struct client *to, size_t len)
{
    char *body = xcalloc(1, len);

    client_send(to, (struct slice){ body, len });
    free(body);
}

static bool has_arrived(void *ctx)
{
    (void)ctx;
    return seen.arrived > 0;
}

/* A POST of which "ab" has come, and three bytes have not. */
static void begin(void)
{
    client_open(&client, &fixture);
    send_text(&client, POST("/all/?a=b") "Content-Length: 5\r\n\r\nab");
    support_wait(&fixture.loop, has_arrived, NULL, SUPPORT_WAIT_MS, "on_arriving");
    assert_int_equal(seen.arrived, 1);
    assert_int_equal(seen.handled, 0);
}

static bool has_gone(void *ctx)
{
    (void)ctx;
    return seen.gone > 0;
}

static void wait_gone(void)
{
    support_wait(&fixture.loop, has_gone, NULL, SUPPORT_WAIT_MS, "on_gone");
    assert_int_equal(seen.gone, 1);
    assert_int_equal(seen.handled, 0);
}

/* ---- methods ------------------------------------------------------------------------------------- */

static void test_any_method(void **state)
{
    static const struct {
        const char *method, *body; /* NULL: there is none */
    } rows[] = {
        { "GET", "get /all/x?y 0" },
        { "POST", "post /all/x?y 0" },
        { "PUT", "put /all/x?y 0" },
        { "PATCH", "patch /all/x?y 0" },
        { "DELETE", "delete /all/x?y 0" },
        { "OPTIONS", "options /all/x?y 0" },
        { "BREW", "other /all/x?y 0" },
        { "get", "other /all/x?y 0" },
        { "HEAD", NULL },
    };
    char text[256];

    (void)state;
    client_open(&client, &fixture);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(text, sizeof text, "%s /all/x?y HTTP/1.1\r\nHost: x\r\n\r\n", rows[i].method);
        send_text(&client, text);
        snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
                 rows[i].body != NULL ? strlen(rows[i].body) : strlen("head /all/x?y 0"),
                 rows[i].body != NULL ? rows[i].body : "");
        client_expect(&client, text);
    }
    client_close(&client);
}

static void test_other_paths_are_not_its(void **state)
{
    (void)state;
    client_open(&client, &fixture);
    send_text(&client, "GET /all HTTP/1.1\r\nHost: x\r\n\r\n");
    client_expect(&client, "HTTP/1.1 404 Not Found\r\n");
    client_close(&client);
    assert_int_equal(seen.handled, 0);
}

/* ---- bodies -------------------------------------------------------------------------------------- */

static void test_a_large_body(void **state)
{
    (void)state;
    client_open(&client, &fixture);
    send_text(&client, POST("/large/") "Content-Length: 200000\r\n\r\n");
    for (int i = 0; i < 10; i++)
        send_body(&client, 20000);
    client_expect(&client, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\npost /large/? 200000");
    client_close(&client);
}

/* Its limit was not known yet when its first bytes came, behind a request with a lower one. */
static void test_a_large_body_sent_ahead(void **state)
{
    (void)state;
    client_open(&client, &fixture);
    send_text(&client, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n" POST("/large/"));
    send_text(&client, "Content-Length: 200000\r\n\r\n");
    for (int i = 0; i < 10; i++)
        send_body(&client, 20000);
    client_expect(&client,
                  "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
                  "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\npost /large/? 200000");
    client_close(&client);
}

static void test_too_large(void **state)
{
    static const struct {
        const char *name, *wire, *more;
        uint32_t arrived;
    } rows[] = {
        { "larger than the core's", POST("/large/") "Content-Length: 200001\r\n\r\n", NULL, 0 },
        { "smaller than the core's", POST("/small/?a=b") "Content-Length: 11\r\n\r\n", NULL, 0 },
        { "the core's own", POST("/all/") "Content-Length: 4097\r\n\r\n", NULL, 0 },
        { "a chunk", POST("/small/") "Transfer-Encoding: chunked\r\n\r\nb\r\n", NULL, 0 },
        { "a second chunk",
          POST("/small/?a=b") "Transfer-Encoding: chunked\r\n\r\n9\r\n123456789\r\n", "2\r\n", 1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        print_message("         %s\n", rows[i].name);
        seen = (struct seen){ NULL };
        client_open(&client, &fixture);
        send_text(&client, rows[i].wire);
        if (rows[i].more != NULL)
            send_text(&client, rows[i].more);
        client_expect(&client, TOO_BIG);
        client_expect_end(&client);
        client_close(&client);
        assert_int_equal(seen.handled, 0);
        assert_int_equal(seen.arrived, rows[i].arrived);
        assert_int_equal(seen.gone, rows[i].arrived);
        assert_int_equal(fixture.node.metrics.limits[LIMIT_BODY], i + 1);
    }
}

static bool has_refused(void *ctx)
{
    (void)ctx;
    return seen.arriving != NULL;
}

static bool has_hit_the_limit(void *ctx)
{
    return fixture.node.metrics.limits[LIMIT_HEADER] == *(uint64_t *)ctx;
}

/* What was refused keeps its bytes while others send theirs. */
static void test_refused_and_answered_later(void **state)
{
    static const char *const rows[] = {
        POST("/asks/x?a=b") "X-Name: me\r\nContent-Length: 11\r\n\r\n",
        POST("/asks/x?a=b") "X-Name: me\r\nContent-Length: 11\r\n\r\n12345678901",
        POST("/asks/x?a=b") "X-Name: me\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nb\r\n",
    };
    char noise[8 * 1024]; /* without a line feed: longer than a head may be */
    uint64_t limit = 0;

    (void)state;
    memset(noise, 'A', sizeof noise);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        seen = (struct seen){ NULL };
        client_open(&client, &fixture);
        send_text(&client, rows[i]);
        support_wait(&fixture.loop, has_refused, NULL, SUPPORT_WAIT_MS, "on_refused");
        client_open(&other, &fixture);
        client_send(&other, (struct slice){ noise, sizeof noise });
        limit++;
        support_wait(&fixture.loop, has_hit_the_limit, &limit, SUPPORT_WAIT_MS, "the noise");
        assert_true(slice_is(http_path(seen.arriving), "/asks/x"));
        assert_true(slice_is(http_query_raw(seen.arriving), "a=b"));
        assert_true(slice_is(http_header(seen.arriving, "x-name"), "me"));
        http_reply(seen.arriving, &(struct http_reply){ .status = 413 });
        client_expect(&client, TOO_BIG);
        client_expect_end(&client);
        client_close(&client);
        client_close(&other);
        assert_int_equal(seen.handled, 0);
        assert_int_equal(seen.gone, 0);
    }
}

/* ---- while a body comes ---------------------------------------------------------------------------- */

static void test_arrives_and_is_handled(void **state)
{
    (void)state;
    begin();
    send_text(&client, "c");
    send_text(&client, "de");
    client_expect(&client, "HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\npost /all/?a=b 5");
    assert_int_equal(seen.arrived, 1);
    assert_int_equal(seen.gone, 0);
    client_close(&client);
    assert_int_equal(seen.gone, 0);
}

static void test_whole_at_once_does_not_arrive(void **state)
{
    (void)state;
    client_open(&client, &fixture);
    send_text(&client, POST("/all/?a=b") "Content-Length: 5\r\n\r\nabcde");
    client_expect(&client, "HTTP/1.1 200 OK\r\n");
    assert_int_equal(seen.arrived, 0);
    client_close(&client);
}

static void test_arrives_with_its_head_alone(void **state)
{
    (void)state;
    client_open(&client, &fixture);
    send_text(&client, POST("/all/?a=b") "Content-Length: 1\r\nExpect: 100-continue\r\n\r\n");
    client_expect(&client, "HTTP/1.1 100 Continue\r\n\r\n");
    assert_int_equal(seen.arrived, 1);
    send_text(&client, "a");
    client_expect(&client, "HTTP/1.1 200 OK\r\n");
    client_close(&client);
}

static void test_breaks_off(void **state)
{
    (void)state;
    begin();
    client_close(&client);
    wait_gone();
}

static void test_ends_half_way(void **state)
{
    (void)state;
    begin();
    shutdown(client.fd, SHUT_WR);
    wait_gone();
    client_expect_end(&client);
    client_close(&client);
}

static void test_takes_too_long(void **state)
{
    (void)state;
    fixture.config.body_timeout_ms = 20;
    begin();
    wait_gone();
    client_expect(&client, TIMED_OUT);
    client_close(&client);
}

static void test_the_node_stops(void **state)
{
    (void)state;
    begin();
    http_destroy(&fixture.http);
    assert_int_equal(seen.gone, 1);
    close(client.fd);
}

static void test_cut_by_another(void **state)
{
    (void)state;
    begin();
    http_cut(seen.arriving);
    seen.arriving = NULL;
    client_expect_end(&client);
    assert_int_equal(seen.gone, 0);
    client_close(&client);
}

static void test_cut_as_it_arrives(void **state)
{
    (void)state;
    seen.cuts_arriving = true;
    begin();
    client_expect_end(&client);
    assert_int_equal(seen.gone, 0);
    client_close(&client);
}

static void test_answered_as_it_arrives(void **state)
{
    (void)state;
    seen.answers_arriving = true;
    begin();
    send_text(&client, "cde" POST("/all/?a=b") "Content-Length: 5\r\n\r\nabcde");
    client_expect(&client, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n"
                           "Connection: close\r\n\r\n");
    client_expect_end(&client);
    client_close(&client);
    assert_int_equal(seen.handled, 0);
}

static void test_answered_later_half_way(void **state)
{
    (void)state;
    begin();
    http_reply(seen.arriving, &(struct http_reply){ .status = 202 });
    seen.arriving = NULL;
    client_expect(&client, "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n"
                           "Connection: close\r\n\r\n");
    client_expect_end(&client);
    client_close(&client);
    assert_int_equal(seen.gone, 0);
}

/* Other requests use the input that they share. */
static void test_others_come_between(void **state)
{
    (void)state;
    begin();
    client_open(&other, &fixture);
    send_text(&other, "GET /hello HTTP/1.1\r\nHost: y\r\n\r\n");
    client_expect(&other, "HTTP/1.1 200 OK\r\n");
    send_text(&client, "cde");
    client_expect(&client, "HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\npost /all/?a=b 5");
    client_close(&other);
    client_close(&client);
}

/* A drained node waits for it. */
static void test_drained_while_it_comes(void **state)
{
    (void)state;
    begin();
    http_drain(fixture.http);
    assert_int_equal(http_open_requests(fixture.http), 1);
    send_text(&client, "cde");
    client_expect(&client, "HTTP/1.1 200 OK\r\nContent-Length: 16\r\nConnection: close\r\n\r\n"
                           "post /all/?a=b 5");
    client_close(&client);
    assert_int_equal(http_open_requests(fixture.http), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_any_method),
        TEST(test_other_paths_are_not_its),
        TEST(test_a_large_body),
        TEST(test_a_large_body_sent_ahead),
        TEST(test_too_large),
        TEST(test_refused_and_answered_later),
        TEST(test_arrives_and_is_handled),
        TEST(test_whole_at_once_does_not_arrive),
        TEST(test_arrives_with_its_head_alone),
        TEST(test_breaks_off),
        TEST(test_ends_half_way),
        TEST(test_takes_too_long),
        TEST(test_the_node_stops),
        TEST(test_cut_by_another),
        TEST(test_cut_as_it_arrives),
        TEST(test_answered_as_it_arrives),
        TEST(test_answered_later_half_way),
        TEST(test_others_come_between),
        TEST(test_drained_while_it_comes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
