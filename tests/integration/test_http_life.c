/* SPDX-License-Identifier: MIT */
/*
 * Connections over time: requests sent ahead, held ones, clients that go away at every step, deadlines,
 * bounds, proxies, upgrades, drain.
 */
#include <fcntl.h>
#include <netinet/in.h>

#include "http_fixture.h"
#include "listener.h"

#define HEAD(path)  "GET " path " HTTP/1.1\r\nHost: x\r\n"
#define PLAIN(path) HEAD(path) "\r\n"
#define HELLO       "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
#define HELLO_LAST                                                                                 \
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n"                         \
    "Connection: close\r\n\r\nhello"
#define HELD                                                                                       \
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n"              \
    "{\"held\":true}"
#define HELD_LAST                                                                                  \
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n"                  \
    "Connection: close\r\n\r\n{\"held\":true}"
#define ERROR(status, length, text)                                                                \
    "HTTP/1.1 " status "\r\nContent-Type: application/json\r\nContent-Length: " length             \
    "\r\nConnection: close\r\n\r\n{\"error\":\"" text "\"}"
#define TIMED_OUT ERROR("408 Request Timeout", "30", "Request timed out.")
#define CROWDED                                                                                    \
    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: 33\r\n" \
    "Connection: close\r\nRetry-After: 1\r\n\r\n{\"error\":\"Too many connections.\"}"
#define UPGRADE                                                                                    \
    HEAD("/ws?a=b")                                                                                \
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"                   \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

static struct fixture fixture;
static struct client client, other;

static int start(void **state)
{
    (void)state;
    fixture_start(&fixture);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fixture_stop(&fixture);
    return 0;
}

static uint64_t limit_count(enum limit_kind kind)
{
    return fixture.node.metrics.limits[kind];
}

static void send_text(struct client *to, const char *text)
{
    client_send(to, slice_of(text));
}

/* ---- several requests ------------------------------------------------------------------------------ */

static void test_requests_sent_ahead(void **state)
{
    (void)state;
    client_open(&client, &fixture);
    send_text(&client, PLAIN("/hello") "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n"
                                       "abcde" PLAIN("/hello") "GET /hel");
    client_expect(&client, HELLO);
    client_expect(&client,
                  "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nabcde");
    client_expect(&client, HELLO);
    send_text(&client, "lo HTTP/1.1\r\nHost: x\r\n\r\n" PLAIN("/hello"));
    client_expect(&client, HELLO HELLO);
    assert_int_equal(fixture.handled, 4);
    assert_int_equal(fixture.node.metrics.http_requests[2], 5);
    client_close(&client);
}

static void test_requests_behind_a_held_one_wait(void **state)
{
    (void)state;
    client_open(&client, &fixture);
    send_text(&client, PLAIN("/hello") PLAIN("/hold") PLAIN("/hello") PLAIN("/hold"));
    client_expect(&client, HELLO);
    send_text(&client, PLAIN("/hello"));
    fixture_wait_held(&fixture);
    assert_int_equal(fixture.handled, 1);
    assert_int_equal(http_open_requests(fixture.http), 1);
    fixture_answer_held(&fixture);
    assert_int_equal(fixture.handled, 1); /* not under http_reply() */
    client_expect(&client, HELD HELLO);
    fixture_wait_held(&fixture);
    assert_int_equal(fixture.handled, 2);
    fixture_answer_held(&fixture);
    client_expect(&client, HELD HELLO);
    assert_int_equal(fixture.held.gone, 0);
    assert_int_equal(http_open_requests(fixture.http), 0);
    client_close(&client);
}

static void test_nothing_is_served_behind_the_last_request(void **state)
{
    (void)state;
    client_open(&client, &fixture);
    send_text(&client, HEAD("/hello") "Connection: close\r\n\r\n" PLAIN("/hello"));
    client_expect(&client, HELLO_LAST);
    client_expect_end(&client);
    assert_int_equal(fixture.handled, 1);
    client_close(&client);
}

static void test_many_requests_in_one_read(void **state)
{
    enum { COUNT = 1000 };
    static char wire[COUNT * sizeof PLAIN("/hello")];
    size_t len = 0;

    (void)state;
    for (int i = 0; i < COUNT; i++)
        len += (size_t)sprintf(wire + len, "%s", PLAIN("/hello"));
    client_open(&client, &fixture);
    client_send(&client, (struct slice){ wire, len });
    for (int i = 0; i < COUNT; i++)
        client_expect(&client, HELLO);
    client_close(&client);
}

static void test_what_the_handler_reads_stays(void **state)
{
    struct http_request *request;

    (void)state;
    client_open(&client, &fixture);
    send_text(&client, "POST /hold?q=a%20b HTTP/1.1\r\nHost: x\r\nX-Name: value\r\n"
                       "Content-Length: 4\r\n\r\nbody");
    fixture_wait_held(&fixture);
    request = fixture.held.request;

    struct slice header = http_header(request, "x-name"), body = http_body(request);
    struct slice query = http_query(request, "q");

    client_open(&other, &fixture); /* the shared input is used by others meanwhile */
    send_text(&other, HEAD("/hello") "X-Name: eulav\r\nX-Pad: xxxxxxxxxxxxxxxxxxxxxx\r\n\r\n");
    client_expect(&other, HELLO);
    assert_true(slice_is(header, "value"));
    assert_true(slice_is(body, "body"));
    assert_true(slice_is(query, "a b"));
    assert_int_equal(http_request_method(request), HTTP_POST);
    fixture_answer_held(&fixture);
    client_expect(&client, HELD);
    client_close(&other);
    client_close(&client);
}

/* ---- clients that go away --------------------------------------------------------------------------- */

static void test_client_gone_while_held(void **state)
{
    (void)state;
    client_open(&client, &fixture);
    send_text(&client, PLAIN("/hold"));
    fixture_wait_held(&fixture);
    client_close(&client);
    fixture_wait_gone(&fixture);
}

static void test_client_gone_with_requests_sent_ahead(void **state)
{
    (void)state;
    client_open(&client, &fixture);
    send_text(&client, PLAIN("/hold") PLAIN("/hello"));
    fixture_wait_held(&fixture);
    send_text(&client, PLAIN("/hello")); /* stays in the kernel */
    client_close(&client);
    fixture_wait_gone(&fixture);
    assert_int_equal(fixture.handled, 0);
}

static void test_end_of_sending_counts_as_gone(void **state)
{
    (void)state;
    client_open(&client, &fixture);
    send_text(&client, PLAIN("/hold"));
    fixture_wait_held(&fixture);
    shutdown(client.fd, SHUT_WR);
    fixture_wait_gone(&fixture);
    client_expect_end(&client);
    client_close(&client);
}

static void test_gone_at_every_byte(void **state)
{
    static const char wire[] =
        "POST /hold HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3\r\nabc\r\n0\r\n\r\n";

    (void)state;
    for (size_t len = 0; len < sizeof wire; len++) {
        client_open(&client, &fixture);
        if (len > 0)
            client_send(&client, (struct slice){ wire, len });
        client_close(&client);
        assert_null(fixture.held.request);
        assert_int_equal(fixture.held.gone, len == sizeof wire - 1);
    }
    assert_int_equal(fixture.node.metrics.http_connections_open, 0);
}

static void test_the_node_stops_while_held(void **state)
{
    (void)state;
    client_open(&client, &fixture);
    send_text(&client, PLAIN("/hold"));
    fixture_wait_held(&fixture);
    http_destroy(&fixture.http);
    assert_int_equal(fixture.held.gone, 1);
    close(client.fd);
}

/* ---- deadlines --------------------------------------------------------------------------------------- */

static void test_slow_head(void **state)
{
    (void)state;
    fixture.config.header_timeout_ms = 20;
    client_open(&client, &fixture);
    send_text(&client, "GET /hello HTTP/1.1\r\n");
    client_expect(&client, TIMED_OUT);
    client_expect_end(&client);
    assert_int_equal(limit_count(LIMIT_HEADER_TIME), 1);
    client_close(&client);
}

static void test_silent_connection(void **state)
{
    (void)state;
    fixture.config.header_timeout_ms = 20;
    client_open(&client, &fixture);
    client_expect_end(&client);
    assert_int_equal(limit_count(LIMIT_HEADER_TIME), 1);
    client_close(&client);
}

static void test_slow_body(void **state)
{
    (void)state;
    fixture.config.body_timeout_ms = 20;
    client_open(&client, &fixture);
    send_text(&client, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na");
    client_expect(&client, TIMED_OUT);
    client_expect_end(&client);
    assert_int_equal(limit_count(LIMIT_BODY_TIME), 1);
    client_close(&client);
}

static void test_idle_connection(void **state)
{
    (void)state;
    fixture.config.idle_timeout_ms = 20;
    client_open(&client, &fixture);
    send_text(&client, PLAIN("/hello"));
    client_expect(&client, HELLO);
    client_expect_end(&client);
    assert_int_equal(limit_count(LIMIT_IDLE_TIME), 1);
    client_close(&client);
}

static void test_held_request_has_no_deadline(void **state)
{
    (void)state;
    fixture.config.idle_timeout_ms = fixture.config.header_timeout_ms = 20;
    client_open(&client, &fixture);
    send_text(&client, PLAIN("/hold"));
    fixture_wait_held(&fixture);
    client_open(&other, &fixture); /* ends by its deadline, which comes later than ours would */
    client_expect_end(&other);
    assert_non_null(fixture.held.request);
    fixture_answer_held(&fixture);
    client_expect(&client, HELD);
    client_close(&other);
    client_close(&client);
}

/* ---- answers that do not fit ---------------------------------------------------------------------------- */

enum { LARGE = 1 << 20 };

static void large_prepare(void)
{
    char *body = xmalloc(LARGE);

    for (size_t i = 0; i < LARGE; i++)
        body[i] = (char)('a' + i % 26);
    fixture.large = (struct slice){ body, LARGE };
}

static void large_release(void)
{
    void *body = (void *)(uintptr_t)fixture.large.data;

    free(body);
}

static void test_large_answer_to_a_slow_reader(void **state)
{
    static const char head[] =
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1048576\r\n\r\n";
    struct expectation expected = { &client, 1, false };
    size_t total = 0;

    (void)state;
    large_prepare();
    client_open(&client, &fixture);
    send_text(&client, PLAIN("/large") PLAIN("/hello"));
    large_release(); /* what the kernel has not taken was copied */
    assert_int_equal(fixture.handled, 0);
    client_expect(&client, head);
    while (total < LARGE) {
        size_t take;

        support_wait(&fixture.loop, has_come, &expected, SUPPORT_WAIT_MS, "more of the body");
        take = client.len < LARGE - total ? client.len : LARGE - total;
        for (size_t i = 0; i < take; i++)
            assert_int_equal(client.got[i], 'a' + (total + i) % 26);
        total += take;
        client.len -= take;
        memmove(client.got, client.got + take, client.len);
    }
    client_expect(&client, HELLO);
    client_close(&client);
}

static void test_reader_that_stops(void **state)
{
    (void)state;
    fixture.config.write_timeout_ms = 20;
    large_prepare();
    client_open(&client, &fixture);
    send_text(&client, PLAIN("/large"));
    assert_int_equal(http_open_requests(fixture.http), 1);
    client_open(&other, &fixture);
    fixture.config.header_timeout_ms = 50;
    client_close(&other);
    client_open(&other, &fixture);
    client_expect_end(&other);
    assert_int_equal(limit_count(LIMIT_WRITE_TIME), 1);
    assert_int_equal(http_open_requests(fixture.http), 0);
    client_close(&other);
    client_close(&client);
    large_release();
}

static void test_client_gone_while_it_is_written_to(void **state)
{
    (void)state;
    large_prepare();
    client_open(&client, &fixture);
    send_text(&client, PLAIN("/large"));
    client_close(&client);
    assert_int_equal(http_open_requests(fixture.http), 0);
    large_release();
}

/* ---- bounds ------------------------------------------------------------------------------------------- */

static size_t head_of(char *wire, size_t len)
{
    size_t used = (size_t)sprintf(wire, "%sX-Pad: ", HEAD("/hello"));

    memset(wire + used, 'x', len - 4 - used);
    memcpy(wire + len - 4, "\r\n\r\n", 5);
    return len;
}

static void test_head_at_its_bound(void **state)
{
    static const struct {
        const char *name;
        size_t len;
        void (*send_fn)(struct client *, struct slice);
        const char *want;
    } cases[] = {
        { "just fits", 1024, client_send, HELLO },
        { "just fits, slowly", 1024, client_send_slowly, HELLO },
        { "one byte too long", 1025, client_send,
          ERROR("431 Request Header Fields Too Large", "37", "Request header too large.") },
        { "one byte too long, slowly", 1025, client_send_slowly,
          ERROR("431 Request Header Fields Too Large", "37", "Request header too large.") },
        { "longer than a read", 100000, client_send,
          ERROR("431 Request Header Fields Too Large", "37", "Request header too large.") },
    };
    static char wire[100001];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        print_message("         %s\n", cases[i].name);
        client_open(&client, &fixture);
        cases[i].send_fn(&client, (struct slice){ wire, head_of(wire, cases[i].len) });
        client_expect(&client, cases[i].want);
        client_close(&client);
    }
    assert_int_equal(limit_count(LIMIT_HEADER), 3);
}

/* "POST /echo" with `len` bytes, as one piece or as chunks of 7 bytes. */
static struct slice body_of(struct buf *wire, size_t len, bool is_chunked)
{
    buf_clear(wire);
    buf_add_text(wire, "POST /echo HTTP/1.1\r\nHost: x\r\n");
    if (is_chunked)
        buf_add_text(wire, "Transfer-Encoding: chunked\r\n\r\n");
    else
        buf_printf(wire, "Content-Length: %zu\r\n\r\n", len);
    for (size_t i = 0; i < len; i++) {
        if (is_chunked && i % 7 == 0)
            buf_printf(wire, "%s%zx\r\n", i > 0 ? "\r\n" : "", len - i < 7 ? len - i : 7);
        buf_add_byte(wire, (char)('a' + i % 26));
    }
    if (is_chunked)
        buf_add_text(wire, "\r\n0\r\n\r\n");
    return buf_slice(wire);
}

static void test_bodies_of_many_sizes(void **state)
{
    static const size_t sizes[] = { 1, 7, 900, 1024, 1025, 4095, 4096 };
    struct buf wire, want;

    (void)state;
    buf_init(&wire, 1 << 20);
    buf_init(&want, 1 << 20);
    client_open(&client, &fixture);
    for (size_t i = 0; i < 4 * (sizeof sizes / sizeof sizes[0]); i++) {
        size_t len = sizes[i / 4];

        buf_clear(&want);
        buf_printf(&want,
                   "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n",
                   len);
        for (size_t k = 0; k < len; k++)
            buf_add_byte(&want, (char)('a' + k % 26));
        buf_add_byte(&want, '\0');
        (i % 2 == 0 ? client_send : client_send_slowly)(&client, body_of(&wire, len, i % 4 < 2));
        client_expect(&client, want.data);
    }
    client_close(&client);
    buf_fini(&wire);
    buf_fini(&want);
}

static void test_body_over_its_bound(void **state)
{
    struct buf wire;

    (void)state;
    buf_init(&wire, 1 << 20);
    for (int is_chunked = 0; is_chunked < 2; is_chunked++) {
        client_open(&client, &fixture);
        client_send(&client, body_of(&wire, 4097, is_chunked));
        client_expect(&client, ERROR("413 Content Too Large", "35", "Request body too large."));
        client_expect_end(&client);
        client_close(&client);
    }
    assert_int_equal(limit_count(LIMIT_BODY), 2);
    buf_fini(&wire);
}

static void test_expect_continue(void **state)
{
    (void)state;
    client_open(&client, &fixture);
    send_text(&client, "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\n"
                       "Content-Length: 5\r\n\r\n");
    client_expect(&client, "HTTP/1.1 100 Continue\r\n\r\n");
    send_text(&client, "he");
    send_text(&client, "llo");
    client_expect(&client, HELLO);
    client_close(&client);
}

static void test_expect_continue_for_too_much(void **state)
{
    (void)state;
    client_open(&client, &fixture);
    send_text(&client, "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                       "Content-Length: 5000\r\n\r\n");
    client_expect(&client, ERROR("413 Content Too Large", "35", "Request body too large."));
    client_expect_end(&client);
    client_close(&client);
}

static void test_connections_in_all(void **state)
{
    (void)state;
    fixture.config.max_conns_total = 1;
    client_open(&client, &fixture);
    client_open(&other, &fixture);
    client_expect(&other, "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
                          "Content-Length: 33\r\nConnection: close\r\nRetry-After: 1\r\n\r\n"
                          "{\"error\":\"Too many connections.\"}");
    client_expect_end(&other);
    close(other.fd);
    assert_int_equal(limit_count(LIMIT_CONNECTIONS), 1);
    client_close(&client);
    client_open(&client, &fixture);
    send_text(&client, PLAIN("/hello"));
    client_expect(&client, HELLO);
    client_close(&client);
}

static void test_connections_per_address(void **state)
{
    static struct client third;

    (void)state;
    fixture.config.max_conns_per_ip = 1;
    client_open_from(&client, &fixture, "192.0.2.1");
    client_open_from(&other, &fixture, "192.0.2.2");
    client_open_from(&third, &fixture, "192.0.2.1");
    client_expect(&third, "HTTP/1.1 503 Service Unavailable\r\n");
    close(third.fd);
    assert_int_equal(limit_count(LIMIT_CONNECTIONS_PER_IP), 1);
    client_close(&client);
    client_open_from(&client, &fixture, "192.0.2.1");
    send_text(&client, PLAIN("/hello"));
    client_expect(&client, HELLO);
    client_close(&client);
    client_close(&other);
}

/* ---- proxies -------------------------------------------------------------------------------------------- */

#define ADDRESS(length, text)                                                                      \
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " length "\r\n\r\n" text

static void test_forwarded_addresses(void **state)
{
    static const struct {
        const char *name, *headers, *want;
        bool is_trusted;
    } cases[] = {
        { "not trusted", "X-Forwarded-For: 198.51.100.7\r\n", ADDRESS("9", "192.0.2.1"), false },
        { "none", "", ADDRESS("9", "192.0.2.1"), true },
        { "one", "X-Forwarded-For: 198.51.100.7\r\n", ADDRESS("12", "198.51.100.7"), true },
        { "the last", "X-Forwarded-For: 1.1.1.1, 198.51.100.7\r\n", ADDRESS("12", "198.51.100.7"),
          true },
        { "the last header", "X-Forwarded-For: 1.1.1.1\r\nx-forwarded-for: 198.51.100.7\r\n",
          ADDRESS("12", "198.51.100.7"), true },
        { "with a port", "X-Forwarded-For: 198.51.100.7:80\r\n", ADDRESS("12", "198.51.100.7"),
          true },
        { "IPv6", "X-Forwarded-For: 2001:db8::1\r\n", ADDRESS("11", "2001:db8::1"), true },
        { "IPv6 with a port", "X-Forwarded-For: [2001:db8::1]:80\r\n", ADDRESS("11", "2001:db8::1"),
          true },
        { "no address", "X-Forwarded-For: 1.1.1.1, unknown\r\n", ADDRESS("9", "192.0.2.1"), true },
        { "empty", "X-Forwarded-For:\r\n", ADDRESS("9", "192.0.2.1"), true },
    };
    char wire[512];

    (void)state;
    client_open_from(&client, &fixture, "192.0.2.1");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        print_message("         %s\n", cases[i].name);
        fixture.config.trust_proxy = cases[i].is_trusted;
        snprintf(wire, sizeof wire, HEAD("/peer") "%s\r\n", cases[i].headers);
        send_text(&client, wire);
        client_expect(&client, cases[i].want);
    }
    client_close(&client);
}

static void test_connections_per_forwarded_address(void **state)
{
    (void)state;
    fixture.config.trust_proxy = true;
    fixture.config.max_conns_per_ip = 1;
    client_open_from(&client, &fixture, "192.0.2.1");
    client_open_from(&other, &fixture, "192.0.2.1");
    send_text(&client, HEAD("/hello") "X-Forwarded-For: 198.51.100.7\r\n\r\n");
    client_expect(&client, HELLO);
    send_text(&other, HEAD("/hello") "X-Forwarded-For: 198.51.100.8\r\n\r\n");
    client_expect(&other, HELLO);
    send_text(&other, HEAD("/hello") "X-Forwarded-For: 198.51.100.7\r\n\r\n");
    client_expect(&other, CROWDED);
    client_expect_end(&other);
    assert_int_equal(limit_count(LIMIT_CONNECTIONS_PER_IP), 1);
    client_close(&other);
    client_close(&client);
}

/* ---- browsers ------------------------------------------------------------------------------------------- */

static void test_other_origins(void **state)
{
    static char a_text[] = "https://a.example", b_text[] = "https://b.example", star[] = "*";
    static char *named[] = { a_text, b_text }, *any[] = { star };
    static const struct {
        const char *name;
        struct strings origins;
        const char *wire, *headers;
    } cases[] = {
        { "nobody is allowed",
          { NULL, 0 },
          HEAD("/shared") "Origin: https://a.example\r\n\r\n",
          "" },
        { "a named origin",
          { named, 2 },
          HEAD("/shared") "Origin: https://b.example\r\n\r\n",
          "Access-Control-Allow-Origin: https://b.example\r\nVary: Origin\r\n" },
        { "another origin",
          { named, 2 },
          HEAD("/shared") "Origin: https://c.example\r\n\r\n",
          "Vary: Origin\r\n" },
        { "no origin", { named, 2 }, PLAIN("/shared"), "Vary: Origin\r\n" },
        { "any origin",
          { any, 1 },
          HEAD("/shared") "Origin: https://c.example\r\n\r\n",
          "Access-Control-Allow-Origin: *\r\n" },
        { "another route", { any, 1 }, HEAD("/hello") "Origin: https://c.example\r\n\r\n", "" },
    };
    char want[512];

    (void)state;
    client_open(&client, &fixture);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        print_message("         %s\n", cases[i].name);
        fixture.config.cors_origins = cases[i].origins;
        snprintf(want, sizeof want,
                 "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n%s\r\nhello",
                 cases[i].headers);
        send_text(&client, cases[i].wire);
        client_expect(&client, want);
    }
    client_close(&client);
}

static void test_preflight(void **state)
{
    static char star[] = "*", *any[] = { star };

    (void)state;
    fixture.config.cors_origins = (struct strings){ any, 1 };
    client_open(&client, &fixture);
    send_text(&client, "OPTIONS /shared HTTP/1.1\r\nHost: x\r\nOrigin: https://a.example\r\n"
                       "Access-Control-Request-Method: PUT\r\n"
                       "Access-Control-Request-Headers: authorization,content-type\r\n\r\n");
    client_expect(&client, "HTTP/1.1 204 No Content\r\n"
                           "Access-Control-Allow-Origin: *\r\n"
                           "Access-Control-Allow-Methods: PUT, GET, HEAD\r\n"
                           "Access-Control-Allow-Headers: authorization,content-type\r\n"
                           "Access-Control-Max-Age: 600\r\n"
                           "Allow: DELETE, PUT, GET, HEAD, OPTIONS\r\n\r\n");
    client_close(&client);
}

/* ---- upgrades ----------------------------------------------------------------------------------------------- */

static void test_upgrade_hands_everything_over(void **state)
{
    (void)state;
    fixture.config.max_conns_total = 1;
    client_open(&client, &fixture);
    send_text(&client, UPGRADE "frames");
    assert_int_equal(fixture.adopted.count, 1);
    assert_string_equal(fixture.adopted.target, "/ws?a=b");
    assert_string_equal(fixture.adopted.key, "dGhlIHNhbXBsZSBub25jZQ==");
    assert_string_equal(fixture.adopted.early, "frames");
    assert_int_equal(fixture.adopted.closed, 0);

    client_open(&other, &fixture); /* the place is still taken */
    client_expect(&other, "HTTP/1.1 503 Service Unavailable\r\n");
    close(other.fd);
    send_text(&client, "more"); /* and the socket is open, and nobody here reads from it */
    uv_run(&fixture.loop, UV_RUN_NOWAIT);
    char got[8];
    assert_int_equal(recv(fixture.adopted.fd, got, sizeof got, 0), 4);
    assert_int_equal(fixture.node.metrics.http_connections_open, 0);
    close(client.fd);
}

static bool is_refused(void *ctx)
{
    (void)ctx;
    return fixture.adopted.closed > 0;
}

static void test_refused_upgrade_is_closed_later(void **state)
{
    (void)state;
    client_open(&client, &fixture);
    send_text(&client, PLAIN("/ws") PLAIN("/hello"));
    client_expect(&client, "HTTP/1.1 400 Bad Request\r\n");
    support_wait(&fixture.loop, is_refused, NULL, SUPPORT_WAIT_MS, "on_close");
    assert_int_equal(fixture.adopted.closed, 1);
    assert_int_equal(fixture.adopted.count, 0);
    client_close(&client);
}

/* ---- drain --------------------------------------------------------------------------------------------------- */

static void test_drain(void **state)
{
    static struct client idle, fresh, half;

    (void)state;
    client_open(&client, &fixture);
    send_text(&client, PLAIN("/hold") PLAIN("/hello"));
    fixture_wait_held(&fixture);
    client_open(&idle, &fixture);
    send_text(&idle, PLAIN("/hello"));
    client_expect(&idle, HELLO);
    client_open(&fresh, &fixture);
    client_open(&half, &fixture);
    send_text(&half, "GET /hello ");
    assert_int_equal(http_open_requests(fixture.http), 2);

    http_drain(fixture.http);
    client_expect_end(&idle);
    client_expect_end(&fresh);
    send_text(&half, "HTTP/1.1\r\nHost: x\r\n\r\n");
    client_expect(&half, HELLO_LAST);
    client_expect_end(&half);
    fixture_answer_held(&fixture);
    client_expect(&client, HELD_LAST);
    client_expect_end(&client);
    assert_int_equal(http_open_requests(fixture.http), 0);
    client_close(&half);
    client_close(&fresh);
    client_close(&idle);
    client_close(&client);
}

/* ---- through a real port ------------------------------------------------------------------------------------ */

static void test_from_a_listener(void **state)
{
    struct listener *listener;
    struct sockaddr_in address = { .sin_family = AF_INET };
    struct why why;

    (void)state;
    listener = listener_create(&fixture.loop, "127.0.0.1:0", http_on_accepted, fixture.http, &why);
    assert_non_null(listener);
    address.sin_port = htons((uint16_t)atoi(strrchr(listener_address(listener), ':') + 1));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    client = (struct client){ .fixture = &fixture };
    client.fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(client.fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(send(client.fd, PLAIN("/peer"), sizeof PLAIN("/peer") - 1, 0),
                     sizeof PLAIN("/peer") - 1);
    fcntl(client.fd, F_SETFL, O_NONBLOCK);
    client_expect(&client, ADDRESS("9", "127.0.0.1"));

    /* A reset while a request is held. */
    send_text(&client, PLAIN("/hold"));
    fixture_wait_held(&fixture);
    setsockopt(client.fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 }, sizeof(struct linger));
    close(client.fd);
    fixture_wait_gone(&fixture);
    listener_destroy(&listener);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_requests_sent_ahead),
        TEST(test_requests_behind_a_held_one_wait),
        TEST(test_nothing_is_served_behind_the_last_request),
        TEST(test_many_requests_in_one_read),
        TEST(test_what_the_handler_reads_stays),
        TEST(test_client_gone_while_held),
        TEST(test_client_gone_with_requests_sent_ahead),
        TEST(test_end_of_sending_counts_as_gone),
        TEST(test_gone_at_every_byte),
        TEST(test_the_node_stops_while_held),
        TEST(test_slow_head),
        TEST(test_silent_connection),
        TEST(test_slow_body),
        TEST(test_idle_connection),
        TEST(test_held_request_has_no_deadline),
        TEST(test_large_answer_to_a_slow_reader),
        TEST(test_reader_that_stops),
        TEST(test_client_gone_while_it_is_written_to),
        TEST(test_head_at_its_bound),
        TEST(test_bodies_of_many_sizes),
        TEST(test_body_over_its_bound),
        TEST(test_expect_continue),
        TEST(test_expect_continue_for_too_much),
        TEST(test_connections_in_all),
        TEST(test_connections_per_address),
        TEST(test_forwarded_addresses),
        TEST(test_connections_per_forwarded_address),
        TEST(test_other_origins),
        TEST(test_preflight),
        TEST(test_upgrade_hands_everything_over),
        TEST(test_refused_upgrade_is_closed_later),
        TEST(test_drain),
        TEST(test_from_a_listener),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
