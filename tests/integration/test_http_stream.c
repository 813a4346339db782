/* SPDX-License-Identifier: MIT */
/*
 * Answers that are written piece by piece: how they are framed, what waits for a client that does not read, and who
 * hears of which end.
 */
#include "http_fixture.h"

#include "http_stream.h"

enum { PENDING_MAX = 100000 };

static struct fixture fixture;
static struct client client;

/* The one stream that is open, and what its writer has heard. */
static struct writer {
    struct http_stream *stream;
    uint32_t opened, ready, gone, stopped;
    bool ends_on_stop;
} writer;

static void on_ready(void *ctx)
{
    assert_ptr_equal(ctx, &writer);
    writer.ready++;
}

static void on_gone(void *ctx)
{
    assert_ptr_equal(ctx, &writer);
    writer.gone++;
    writer.stream = NULL;
}

static void on_stop(void *ctx)
{
    assert_ptr_equal(ctx, &writer);
    writer.stopped++;
    if (writer.ends_on_stop)
        http_stream_end(&writer.stream);
}

static const struct http_stream_ops stream_ops = { on_ready, on_gone, on_stop };

static void handle(struct http_request *request, void *ctx)
{
    const struct http_stream_head head = {
        .status = 200,
        .type = "text/plain",
        .headers = "X-More: 1\r\n",
        .pending_max = PENDING_MAX,
    };

    (void)ctx;
    writer.opened++;
    writer.stream = http_stream_open(request, &head, &stream_ops, &writer);
}

static const struct http_route stream_routes[] = {
    { HTTP_GET, "/stream", handle, HTTP_PLAIN },
};

static int start(void **state)
{
    (void)state;
    writer = (struct writer){ NULL };
    fixture_start(&fixture);
    http_add_routes(fixture.http, stream_routes, 1, &fixture);
    client_open(&client, &fixture);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fixture_stop(&fixture);
    if (client.fd >= 0)
        close(client.fd);
    return 0;
}

static void ask(const char *text)
{
    client_send(&client, slice_of(text));
}

#define GET "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n"
#define OPENED                                                                                     \
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n"                \
    "Connection: keep-alive\r\nX-More: "                                                           \
    "1\r\n\r\n"

static void write_text(const char *text)
{
    assert_true(http_stream_write(writer.stream, slice_of(text)));
}

static bool has_heard(void *ctx)
{
    return *(uint32_t *)ctx > 0;
}

static void wait_for(uint32_t *count, const char *what)
{
    support_wait(&fixture.loop, has_heard, count, SUPPORT_WAIT_MS, what);
}

/* Pieces until no more is taken; returns their bytes. */
static size_t fill(void)
{
    static char piece[10000];
    size_t written = 0;

    memset(piece, 'z', sizeof piece);
    while (http_stream_write(writer.stream, (struct slice){ piece, sizeof piece }))
        written += sizeof piece;
    return written;
}

/* ---- framing ----------------------------------------------------------------------------------------- */

static void test_pieces_are_chunks_and_the_connection_goes_on(void **state)
{
    (void)state;
    ask(GET);
    client_expect(&client, OPENED);
    write_text("one");
    write_text("");
    client_expect(&client, "3\r\none\r\n");
    write_text("and two more, sixteen");
    client_expect(&client, "15\r\nand two more, sixteen\r\n");
    http_stream_end(&writer.stream);
    assert_null(writer.stream);
    client_expect(&client, "0\r\n\r\n");
    ask("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    client_expect(&client,
                  "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello");
    assert_int_equal(writer.gone, 0);
}

static void test_http_1_0_ends_with_the_connection(void **state)
{
    (void)state;
    ask("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    write_text("one");
    http_stream_end(&writer.stream);
    client_expect(&client, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n"
                           "X-More: 1\r\n\r\none");
    client_expect_end(&client);
}

static void test_head_has_no_body_and_no_stream(void **state)
{
    (void)state;
    ask("HEAD /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(writer.opened, 1);
    assert_null(writer.stream);
    client_expect(&client, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-More: 1\r\n\r\n");
    ask(GET);
    client_expect(&client, OPENED);
}

static void test_a_request_sent_ahead_waits_for_the_end(void **state)
{
    (void)state;
    ask(GET "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    ask("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    client_expect(&client, OPENED);
    uv_run(&fixture.loop, UV_RUN_NOWAIT);
    assert_int_equal(fixture.handled, 0);
    http_stream_end(&writer.stream);
    client_expect(&client,
                  "0\r\n\r\n"
                  "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
                  "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello");
}

static void test_a_client_may_ask_for_the_end(void **state)
{
    (void)state;
    ask("GET /stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    write_text("one");
    http_stream_end(&writer.stream);
    client_expect(&client,
                  "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n"
                  "Connection: close\r\nX-More: 1\r\n\r\n3\r\none\r\n0\r\n\r\n");
    client_expect_end(&client);
}

/* ---- room -------------------------------------------------------------------------------------------- */

static void test_ready_is_told_in_a_later_turn(void **state)
{
    (void)state;
    ask(GET);
    http_stream_ask(writer.stream);
    assert_int_equal(writer.ready, 0);
    wait_for(&writer.ready, "room");
    uv_run(&fixture.loop, UV_RUN_NOWAIT);
    assert_int_equal(writer.ready, 1);
}

static void test_a_slow_client_gets_all_of_it(void **state)
{
    size_t written, got = 0;

    (void)state;
    ask(GET);
    written = fill();
    assert_true(written >= PENDING_MAX);
    http_stream_ask(writer.stream);
    for (int i = 0; i < 10; i++)
        uv_run(&fixture.loop, UV_RUN_NOWAIT);
    assert_int_equal(writer.ready, 0);
    while (writer.ready == 0) {
        client_read(&client);
        for (size_t i = 0; i < client.len; i++)
            got += client.got[i] == 'z';
        client.len = 0;
        uv_run(&fixture.loop, UV_RUN_NOWAIT);
    }
    http_stream_end(&writer.stream); /* the rest is in the kernel */
    do {
        client.len = 0;
        client_read(&client);
        for (size_t i = 0; i < client.len; i++)
            got += client.got[i] == 'z';
    } while (client.len > 0);
    assert_int_equal(got, written);
}

static void test_one_piece_is_taken_whatever_its_size(void **state)
{
    static char piece[3 * PENDING_MAX];
    struct slice large = { piece, sizeof piece };

    (void)state;
    ask(GET);
    assert_true(http_stream_write(writer.stream, large));
    while (http_stream_write(writer.stream, large)) /* the kernel's room */
        continue;
    assert_false(http_stream_write(writer.stream, large));
    http_stream_cut(&writer.stream);
    assert_int_equal(writer.gone, 0);
}

static void test_what_waits_is_written_behind_the_end(void **state)
{
    struct expectation end = { &client, 0, true };
    size_t got = 0;

    (void)state;
    ask("GET /stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    size_t written = fill();
    http_stream_end(&writer.stream);
    while (!client.has_ended) {
        client_read(&client);
        for (size_t i = 0; i < client.len; i++)
            got += client.got[i] == 'z';
        client.len = 0;
        uv_run(&fixture.loop, UV_RUN_NOWAIT);
    }
    assert_true(has_come(&end));
    assert_int_equal(got, written);
}

/* ---- ends -------------------------------------------------------------------------------------------- */

static void test_a_client_that_goes_is_told(void **state)
{
    (void)state;
    ask(GET);
    close(client.fd);
    client.fd = -1;
    write_text("nobody reads this");
    wait_for(&writer.gone, "the client's end");
    assert_int_equal(writer.gone, 1);
}

static void test_a_client_that_takes_nothing_is_cut_off(void **state)
{
    (void)state;
    fixture.config.write_timeout_ms = 20;
    ask(GET);
    wait_for(&writer.opened, "the stream");
    fill();
    wait_for(&writer.gone, "the end of patience");
    assert_int_equal(fixture.node.metrics.limits[LIMIT_WRITE_TIME], 1);
}

static void test_a_quiet_stream_has_no_limit(void **state)
{
    uint32_t held = 0;

    (void)state;
    fixture.config.write_timeout_ms = 1;
    fixture.config.idle_timeout_ms = 20;
    ask(GET);
    write_text("one");
    struct client other;

    client_open(&other, &fixture); /* an idle connection ends in its time, the stream does not */
    client_send(&other, SLICE_LITERAL("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"));
    client_expect(&other,
                  "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello");
    client_expect_end(&other);
    client_close(&other);
    assert_int_equal(writer.gone, held);
    http_stream_end(&writer.stream);
}

static void test_a_cut_stream_has_no_proper_end(void **state)
{
    (void)state;
    ask(GET);
    write_text("one");
    http_stream_cut(&writer.stream);
    client_expect(&client, OPENED "3\r\none\r\n");
    client_expect_end(&client);
    assert_int_equal(writer.gone, 0);
}

static void test_a_node_that_stops_asks_for_the_end(void **state)
{
    (void)state;
    writer.ends_on_stop = true;
    ask(GET);
    assert_int_equal(http_open_requests(fixture.http), 1);
    http_drain(fixture.http);
    assert_int_equal(writer.stopped, 1);
    assert_int_equal(http_open_requests(fixture.http), 0);
    client_expect(&client, OPENED "0\r\n\r\n");
    client_expect_end(&client);
    assert_int_equal(writer.gone, 0);
}

static void test_a_stream_that_does_not_stop_goes_with_the_node(void **state)
{
    (void)state;
    ask(GET);
    http_drain(fixture.http);
    assert_int_equal(http_open_requests(fixture.http), 1);
    fixture_stop(&fixture);
    assert_int_equal(writer.gone, 1);
    fixture_start(&fixture);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_pieces_are_chunks_and_the_connection_goes_on),
        CASE(test_http_1_0_ends_with_the_connection),
        CASE(test_head_has_no_body_and_no_stream),
        CASE(test_a_request_sent_ahead_waits_for_the_end),
        CASE(test_a_client_may_ask_for_the_end),
        CASE(test_ready_is_told_in_a_later_turn),
        CASE(test_a_slow_client_gets_all_of_it),
        CASE(test_one_piece_is_taken_whatever_its_size),
        CASE(test_what_waits_is_written_behind_the_end),
        CASE(test_a_client_that_goes_is_told),
        CASE(test_a_client_that_takes_nothing_is_cut_off),
        CASE(test_a_quiet_stream_has_no_limit),
        CASE(test_a_cut_stream_has_no_proper_end),
        CASE(test_a_node_that_stops_asks_for_the_end),
        CASE(test_a_stream_that_does_not_stop_goes_with_the_node),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
