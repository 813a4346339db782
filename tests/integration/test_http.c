/* SPDX-License-Identifier: MIT */
/*
 * Bytes in, bytes out: each row is sent whole, byte by byte, and behind another request. The answer is
 * compared as a whole.
 */
#include "http_fixture.h"

#define H11       " HTTP/1.1\r\nHost: x\r\n"
#define GET(path) "GET " path H11
#define W(text)   SLICE_LITERAL(text)

enum after { STAYS, ENDS };

struct row {
    const char *name;
    struct slice wire;
    const char *status;
    const char *type;    /* NULL: the body is an error's text, as JSON */
    const char *body;    /* NULL: no length either                     */
    const char *headers; /* further lines                              */
    enum after after;
};

#define TEXT  "text/plain"
#define HELLO "200 OK", TEXT, "hello"

static const struct row rows[] = {
    /* what is fine */
    { "a plain GET", W(GET("/hello") "\r\n"), HELLO, "", STAYS },
    { "the root", W(GET("/") "\r\n"), HELLO, "", STAYS },
    { "a query is not part of the path", W(GET("/hello?x=y") "\r\n"), HELLO, "", STAYS },
    { "empty lines in front", W("\r\n\r\n" GET("/hello") "\r\n"), HELLO, "", STAYS },
    { "blanks around values", W("GET /hello HTTP/1.1\r\nHost: \t x \t\r\n\r\n"), HELLO, "", STAYS },
    { "a value without blank", W("GET /hello HTTP/1.1\r\nHost:x\r\n\r\n"), HELLO, "", STAYS },
    { "an empty Host", W("GET /hello HTTP/1.1\r\nHost:\r\n\r\n"), HELLO, "", STAYS },
    { "a host with port", W("GET /hello HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"), HELLO, "", STAYS },
    { "absolute-form", W(GET("http://h:1/hello?x") "\r\n"), HELLO, "", STAYS },
    { "absolute-form without path", W(GET("http://h") "\r\n"), HELLO, "", STAYS },
    { "absolute-form with a query alone", W(GET("HTTPS://h?x=/y") "\r\n"), HELLO, "", STAYS },
    { "HTTP/1.0 ends", W("GET /hello HTTP/1.0\r\n\r\n"), HELLO, "", ENDS },
    { "HTTP/1.0 kept alive", W("GET /hello HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"), HELLO,
      "Connection: keep-alive\r\n", STAYS },
    { "HTTP/1.7 is 1.1", W("GET /hello HTTP/1.7\r\nHost: x\r\n\r\n"), HELLO, "", STAYS },
    { "Connection: close", W(GET("/hello") "Connection: close\r\n\r\n"), HELLO, "", ENDS },
    { "close among others", W(GET("/hello") "Connection: x, CLOSE\r\n\r\n"), HELLO, "", ENDS },
    { "a word that starts like close", W(GET("/hello") "Connection: closed\r\n\r\n"), HELLO, "",
      STAYS },
    { "HEAD", W("HEAD /hello" H11 "\r\n"), "200 OK", TEXT, NULL, "Content-Length: 5\r\n", STAYS },
    { "a body where none is wanted", W(GET("/hello") "Content-Length: 3\r\n\r\nabc"), HELLO, "",
      STAYS },
    { "bytes above 127 in a value", W(GET("/header") "X-Text: \xc3\xa4\r\n\r\n"), "200 OK", TEXT,
      "\xc3\xa4", "", STAYS },
    { "a tab in a value", W(GET("/header") "x-tExT: a\tb \r\n\r\n"), "200 OK", TEXT, "a\tb", "",
      STAYS },
    { "the first of two", W(GET("/header") "X-Text: a\r\nX-Text: b\r\n\r\n"), "200 OK", TEXT, "a",
      "", STAYS },
    { "an empty header", W(GET("/header") "X-Text:\r\n\r\n"), "200 OK", TEXT, "", "", STAYS },
    { "a header that is not there", W(GET("/header") "X-Tex: a\r\nX-Texts: b\r\n\r\n"), "200 OK",
      TEXT, "(none)", "", STAYS },
    { "a bearer token", W(GET("/bearer") "Authorization: bEARER  a.b=\r\n\r\n"), "200 OK", TEXT,
      "a.b=", "", STAYS },
    { "another scheme", W(GET("/bearer") "Authorization: Basic eDp5\r\n\r\n"), "200 OK", TEXT,
      "(none)", "", STAYS },
    { "a scheme alone", W(GET("/bearer") "Authorization: Bearer \r\n\r\n"), "200 OK", TEXT,
      "(none)", "", STAYS },
    /* bodies */
    { "a body", W("POST /echo" H11 "Content-Length: 5\r\n\r\nab\r\ne"), "200 OK", TEXT, "ab\r\ne",
      "", STAYS },
    { "no body", W("POST /echo" H11 "\r\n"), "200 OK", TEXT, "", "", STAYS },
    { "an empty body", W("POST /echo" H11 "Content-Length: 0\r\n\r\n"), "200 OK", TEXT, "", "",
      STAYS },
    { "chunks",
      W("POST /echo" H11 "Transfer-Encoding: chunked\r\n\r\n"
        "3\r\nabc\r\n00A ; x=\"y\"\r\n0123456789\r\n0\r\n\r\n"),
      "200 OK", TEXT, "abc0123456789", "", STAYS },
    { "no chunk", W("PUT /echo" H11 "transfer-encoding: Chunked\r\n\r\n0\r\n\r\n"), "200 OK", TEXT,
      "", "", STAYS },
    { "trailers",
      W("POST /echo" H11 "Transfer-Encoding: chunked\r\n\r\n"
        "1\r\na\r\n000\r\nX: y\r\nContent-Length: 7\r\n\r\n"),
      "200 OK", TEXT, "a", "", STAYS },
    /* parameters and queries */
    { "a parameter", W(GET("/item/a+b") "\r\n"), "200 OK", TEXT, "a+b", "", STAYS },
    { "an encoded parameter", W(GET("/item/%2f%41%C3%a4") "\r\n"), "200 OK", TEXT, "/A\xc3\xa4", "",
      STAYS },
    { "a broken parameter", W(GET("/item/a%4") "\r\n"), "400 Bad Request", NULL,
      "Malformed percent-encoding.", "", STAYS },
    { "dots as parameter", W(GET("/item/..") "\r\n"), "200 OK", TEXT, "..", "", STAYS },
    { "no parameter", W(GET("/item/") "\r\n"), "404 Not Found", NULL, "Not found.", "", STAYS },
    { "a deeper path", W(GET("/item/a/b") "\r\n"), "404 Not Found", NULL, "Not found.", "", STAYS },
    { "a query parameter", W(GET("/query?x=1&a+b=c%20+d&a+b=2") "\r\n"), "200 OK", TEXT, "c  d", "",
      STAYS },
    { "its name encoded", W(GET("/query?%61%20b=1") "\r\n"), "200 OK", TEXT, "1", "", STAYS },
    { "without a value", W(GET("/query?a+b") "\r\n"), "200 OK", TEXT, "", "", STAYS },
    { "broken encoding", W(GET("/query?a+b=%4g") "\r\n"), "200 OK", TEXT, "(broken)", "", STAYS },
    { "no query", W(GET("/query") "\r\n"), "200 OK", TEXT, "(none)", "", STAYS },
    /* routes */
    { "nowhere", W(GET("/nothing") "\r\n"), "404 Not Found", NULL, "Not found.", "", STAYS },
    { "nowhere with a body", W("POST /nothing" H11 "Content-Length: 3\r\n\r\nabc"), "404 Not Found",
      NULL, "Not found.", "", STAYS },
    { "a trailing slash", W(GET("/hello/") "\r\n"), "404 Not Found", NULL, "Not found.", "",
      STAYS },
    { "a doubled slash", W(GET("//hello") "\r\n"), "404 Not Found", NULL, "Not found.", "", STAYS },
    { "another case", W(GET("/Hello") "\r\n"), "404 Not Found", NULL, "Not found.", "", STAYS },
    { "an encoded path", W(GET("/%68ello") "\r\n"), "404 Not Found", NULL, "Not found.", "",
      STAYS },
    { "a path with dots", W(GET("/x/../hello") "\r\n"), "404 Not Found", NULL, "Not found.", "",
      STAYS },
    { "HEAD of nothing", W("HEAD /nothing" H11 "\r\n"), "404 Not Found", "application/json", NULL,
      "Content-Length: 22\r\n", STAYS },
    { "another method", W("DELETE /echo" H11 "\r\n"), "405 Method Not Allowed", NULL,
      "Method not allowed.", "Allow: PUT, POST, OPTIONS\r\n", STAYS },
    { "HEAD where there is no GET", W("HEAD /echo" H11 "\r\n"), "405 Method Not Allowed",
      "application/json", NULL, "Content-Length: 31\r\nAllow: PUT, POST, OPTIONS\r\n", STAYS },
    { "HEAD where GET does something", W("HEAD /take" H11 "\r\n"), "405 Method Not Allowed",
      "application/json", NULL, "Content-Length: 31\r\nAllow: GET, OPTIONS\r\n", STAYS },
    { "a method that nobody knows", W("BREW /hello" H11 "\r\n"), "405 Method Not Allowed", NULL,
      "Method not allowed.", "Allow: GET, HEAD, OPTIONS\r\n", STAYS },
    { "methods have one case", W("get /hello" H11 "\r\n"), "405 Method Not Allowed", NULL,
      "Method not allowed.", "Allow: GET, HEAD, OPTIONS\r\n", STAYS },
    { "OPTIONS", W("OPTIONS /item/x" H11 "\r\n"), "204 No Content", "", NULL,
      "Allow: GET, HEAD, OPTIONS\r\n", STAYS },
    { "OPTIONS of everything", W("OPTIONS *" H11 "\r\n"), "204 No Content", "", NULL,
      "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n", STAYS },
    { "OPTIONS of nothing", W("OPTIONS /nothing" H11 "\r\n"), "404 Not Found", NULL, "Not found.",
      "", STAYS },
    /* kinds of answers */
    { "an answer as text", W(GET("/text") "\r\n"), "401 Unauthorized", "text/plain; charset=utf-8",
      "missing token\n", "", STAYS },
    { "unavailable", W(GET("/busy") "\r\n"), "503 Service Unavailable", NULL, "Try \\\"later\\\".",
      "Retry-After: 1\r\n", STAYS },
    { "too many", W(GET("/many") "\r\n"), "429 Too Many Requests", TEXT, "slow down",
      "Retry-After: 1\r\n", STAYS },
    /* request lines */
    { "a blank first", W(" \r\n\r\n"), "400 Bad Request", NULL, "Malformed request line.", "",
      ENDS },
    { "one word", W("GET\r\n\r\n"), "400 Bad Request", NULL, "Malformed request line.", "", ENDS },
    { "HTTP/0.9", W("GET /\r\n\r\n"), "400 Bad Request", NULL, "Malformed request line.", "",
      ENDS },
    { "two blanks", W("GET  /hello HTTP/1.1\r\n\r\n"), "400 Bad Request", NULL,
      "Malformed request line.", "", ENDS },
    { "four words", W("GET /hello x HTTP/1.1\r\n\r\n"), "400 Bad Request", NULL,
      "Malformed request line.", "", ENDS },
    { "a tab", W("GET\t/hello HTTP/1.1\r\n\r\n"), "400 Bad Request", NULL,
      "Malformed request line.", "", ENDS },
    { "a bad method", W("G:T / HTTP/1.1\r\n\r\n"), "400 Bad Request", NULL,
      "Malformed request line.", "", ENDS },
    { "TLS", W("\x16\x03\x01"), "400 Bad Request", NULL, "Malformed request line.", "", ENDS },
    { "lower-case http", W("GET / http/1.1\r\n\r\n"), "400 Bad Request", NULL,
      "Malformed request line.", "", ENDS },
    { "HTTP/2", W("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "505 HTTP Version Not Supported", NULL,
      "HTTP version not supported.", "", ENDS },
    { "HTTP/1.10", W("GET / HTTP/1.10\r\n\r\n"), "505 HTTP Version Not Supported", NULL,
      "HTTP version not supported.", "", ENDS },
    { "bare line feeds", W("GET / HTTP/1.1\nHost: x\n\n"), "400 Bad Request", NULL,
      "Lines must end in CRLF.", "", ENDS },
    { "a target without slash", W(GET("hello") "\r\n"), "400 Bad Request", NULL,
      "Malformed request target.", "", ENDS },
    { "CONNECT", W("CONNECT h:80" H11 "\r\n"), "400 Bad Request", NULL, "Malformed request target.",
      "", ENDS },
    { "the star with GET", W(GET("*") "\r\n"), "400 Bad Request", NULL, "Malformed request target.",
      "", ENDS },
    { "a fragment", W(GET("/hello#x") "\r\n"), "400 Bad Request", NULL, "Malformed request target.",
      "", ENDS },
    { "bytes above 127 in the target", W(GET("/\xc3\xa4") "\r\n"), "400 Bad Request", NULL,
      "Malformed request target.", "", ENDS },
    { "NUL in the target", W(GET("/\0") "\r\n"), "400 Bad Request", NULL,
      "Malformed request target.", "", ENDS },
    { "absolute-form without host", W(GET("http:///hello") "\r\n"), "400 Bad Request", NULL,
      "Malformed request target.", "", ENDS },
    { "another scheme's target", W(GET("ftp://h/hello") "\r\n"), "400 Bad Request", NULL,
      "Malformed request target.", "", ENDS },
    /* headers */
    { "no Host", W("GET /hello HTTP/1.1\r\n\r\n"), "400 Bad Request", NULL,
      "Exactly one valid Host header is required.", "", ENDS },
    { "two Hosts", W(GET("/hello") "Host: x\r\n\r\n"), "400 Bad Request", NULL,
      "Exactly one valid Host header is required.", "", ENDS },
    { "a Host with a blank", W("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), "400 Bad Request", NULL,
      "Exactly one valid Host header is required.", "", ENDS },
    { "a Host with a slash", W("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), "400 Bad Request", NULL,
      "Exactly one valid Host header is required.", "", ENDS },
    { "no colon", W(GET("/hello") "nonsense\r\n\r\n"), "400 Bad Request", NULL,
      "Malformed header name.", "", ENDS },
    { "no name", W(GET("/hello") ": x\r\n\r\n"), "400 Bad Request", NULL, "Malformed header name.",
      "", ENDS },
    { "a blank before the colon", W(GET("/hello") "Content-Length : 5\r\n\r\n"), "400 Bad Request",
      NULL, "Malformed header name.", "", ENDS },
    { "a folded line", W(GET("/hello") "a: b\r\n c\r\n\r\n"), "400 Bad Request", NULL,
      "Malformed header name.", "", ENDS },
    { "NUL in a name", W(GET("/hello") "a\0b: c\r\n\r\n"), "400 Bad Request", NULL,
      "Malformed header name.", "", ENDS },
    { "NUL in a value", W(GET("/hello") "a: \0\r\n\r\n"), "400 Bad Request", NULL,
      "Malformed header value.", "", ENDS },
    { "a carriage return in a value", W(GET("/hello") "a: b\rc\r\n\r\n"), "400 Bad Request", NULL,
      "Malformed header value.", "", ENDS },
    { "DEL in a value", W(GET("/hello") "a: \x7f\r\n\r\n"), "400 Bad Request", NULL,
      "Malformed header value.", "", ENDS },
    { "a line feed alone later", W(GET("/hello") "a: b\n\r\n"), "400 Bad Request", NULL,
      "Lines must end in CRLF.", "", ENDS },
    /* lengths */
    { "two lengths", W("POST /echo" H11 "Content-Length: 1\r\nContent-Length: 1\r\n\r\na"),
      "400 Bad Request", NULL, "Invalid Content-Length.", "", ENDS },
    { "a list of lengths", W("POST /echo" H11 "Content-Length: 1, 1\r\n\r\na"), "400 Bad Request",
      NULL, "Invalid Content-Length.", "", ENDS },
    { "a signed length", W("POST /echo" H11 "Content-Length: +1\r\n\r\na"), "400 Bad Request", NULL,
      "Invalid Content-Length.", "", ENDS },
    { "a negative length", W("POST /echo" H11 "Content-Length: -1\r\n\r\na"), "400 Bad Request",
      NULL, "Invalid Content-Length.", "", ENDS },
    { "an empty length", W("POST /echo" H11 "Content-Length:\r\n\r\na"), "400 Bad Request", NULL,
      "Invalid Content-Length.", "", ENDS },
    { "a length beyond 64 bits", W("POST /echo" H11 "Content-Length: 18446744073709551616\r\n\r\n"),
      "400 Bad Request", NULL, "Invalid Content-Length.", "", ENDS },
    { "a length of 64 bits", W("POST /echo" H11 "Content-Length: 18446744073709551615\r\n\r\n"),
      "413 Content Too Large", NULL, "Request body too large.", "", ENDS },
    { "a length over the bound", W("POST /echo" H11 "Content-Length: 4097\r\n\r\n"),
      "413 Content Too Large", NULL, "Request body too large.", "", ENDS },
    { "length and chunks",
      W("POST /echo" H11 "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
      "400 Bad Request", NULL, "Ambiguous body length.", "", ENDS },
    { "chunked twice",
      W("POST /echo" H11 "Transfer-Encoding: chunked\r\n"
        "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
      "400 Bad Request", NULL, "Ambiguous body length.", "", ENDS },
    { "chunks in HTTP/1.0", W("POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
      "400 Bad Request", NULL, "Ambiguous body length.", "", ENDS },
    { "another encoding", W("POST /echo" H11 "Transfer-Encoding: gzip\r\n\r\n"),
      "501 Not Implemented", NULL, "Transfer-Encoding not supported.", "", ENDS },
    { "another encoding, then chunks",
      W("POST /echo" H11 "Transfer-Encoding: gzip, chunked\r\n\r\n"), "501 Not Implemented", NULL,
      "Transfer-Encoding not supported.", "", ENDS },
    { "another expectation", W("POST /echo" H11 "Expect: coffee\r\n\r\n"), "417 Expectation Failed",
      NULL, "Expectation not supported.", "", ENDS },
#define CHUNKED "POST /echo" H11 "Transfer-Encoding: chunked\r\n\r\n"
    { "a size that is none", W(CHUNKED "x\r\n"), "400 Bad Request", NULL, "Malformed chunk.", "",
      ENDS },
    { "no size", W(CHUNKED "\r\n"), "400 Bad Request", NULL, "Malformed chunk.", "", ENDS },
    { "a size with 0x", W(CHUNKED "0x1\r\n"), "400 Bad Request", NULL, "Malformed chunk.", "",
      ENDS },
    { "a size with a bare line feed", W(CHUNKED "1\na\r\n"), "400 Bad Request", NULL,
      "Malformed chunk.", "", ENDS },
    { "a size with a bare carriage return", W(CHUNKED "1\ra"), "400 Bad Request", NULL,
      "Malformed chunk.", "", ENDS },
    { "a longer chunk than it says", W(CHUNKED "1\r\nab\r\n"), "400 Bad Request", NULL,
      "Malformed chunk.", "", ENDS },
    { "a chunk that ends in a line feed", W(CHUNKED "1\r\na\n0\r\n\r\n"), "400 Bad Request", NULL,
      "Malformed chunk.", "", ENDS },
    { "an extension with controls", W(CHUNKED "1;\x01\r\n"), "400 Bad Request", NULL,
      "Malformed chunk.", "", ENDS },
    { "a trailer with a bare line feed", W(CHUNKED "0\r\na: b\n\r\n"), "400 Bad Request", NULL,
      "Malformed chunk.", "", ENDS },
    { "a size without end", W(CHUNKED "0000000000000000"), "400 Bad Request", NULL,
      "Malformed chunk.", "", ENDS },
    { "a chunk over the bound", W(CHUNKED "1001\r\n"), "413 Content Too Large", NULL,
      "Request body too large.", "", ENDS },
    { "a chunk beyond 64 bits", W(CHUNKED "fffffffffffffffff\r\n"), "413 Content Too Large", NULL,
      "Request body too large.", "", ENDS },
    /* upgrades that are none */
    { "no upgrade", W(GET("/ws") "\r\n"), "400 Bad Request", NULL, "Not a WebSocket handshake.", "",
      STAYS },
#define UPGRADE(version, key)                                                                      \
    "Upgrade: x, WebSocket\r\nConnection: keep-alive, UPGRADE\r\nSec-WebSocket-Version: " version  \
    "\r\nSec-WebSocket-Key: " key "\r\n\r\n"
#define GOOD_KEY "dGhlIHNhbXBsZSBub25jZQ=="
    { "another version", W(GET("/ws") UPGRADE("8", GOOD_KEY)), "426 Upgrade Required", NULL,
      "WebSocket version 13 is required.", "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
      STAYS },
    { "a short key", W(GET("/ws") UPGRADE("13", "dGhl")), "400 Bad Request", NULL,
      "Invalid Sec-WebSocket-Key.", "", STAYS },
    { "a key that is no base64", W(GET("/ws") UPGRADE("13", "dGhlIHNhbXBsZSBub2.jZQ==")),
      "400 Bad Request", NULL, "Invalid Sec-WebSocket-Key.", "", STAYS },
    { "no key", W(GET("/ws") "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n"),
      "400 Bad Request", NULL, "Invalid Sec-WebSocket-Key.", "", STAYS },
    { "POST", W("POST /ws" H11 UPGRADE("13", GOOD_KEY)), "400 Bad Request", NULL,
      "A WebSocket handshake is a GET by HTTP/1.1.", "", STAYS },
    { "HTTP/1.0", W("GET /ws HTTP/1.0\r\n" UPGRADE("13", GOOD_KEY)), "400 Bad Request", NULL,
      "A WebSocket handshake is a GET by HTTP/1.1.", "Connection: keep-alive\r\n", STAYS },
    { "a body", W(GET("/ws") "Content-Length: 1\r\n" UPGRADE("13", GOOD_KEY) "x"),
      "400 Bad Request", NULL, "A WebSocket handshake has no body.", "", STAYS },
};

/* What the row's answer looks like. Content-Length comes before what the row adds. */
static void answer_of(const struct row *row, struct buf *out)
{
    char body[256];

    snprintf(body, sizeof body, row->type == NULL ? "{\"error\":\"%s\"}" : "%s",
             row->body != NULL ? row->body : "");
    buf_printf(out, "HTTP/1.1 %s\r\n", row->status);
    if (row->type == NULL || row->type[0] != '\0')
        buf_printf(out, "Content-Type: %s\r\n", row->type != NULL ? row->type : "application/json");
    if (row->body != NULL)
        buf_printf(out, "Content-Length: %zu\r\n", strlen(body));
    if (row->after == ENDS)
        buf_add_text(out, "Connection: close\r\n");
    buf_printf(out, "%s\r\n%s%c", row->headers, body, '\0');
}

static void check_row(const struct row *row, void (*send_fn)(struct client *, struct slice),
                      const char *before)
{
    struct fixture fixture;
    struct client *client = xcalloc(1, sizeof *client);
    struct buf want;

    buf_init(&want, 4096);
    answer_of(row, &want);
    fixture_start(&fixture);
    client_open(client, &fixture);
    if (before[0] != '\0') {
        client_send(client, slice_of(before));
        client_expect(client, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                              "Content-Length: 5\r\n\r\nhello");
    }
    send_fn(client, row->wire);
    client_expect(client, want.data);
    if (row->after == ENDS) {
        client_expect_end(client);
    } else {
        client_read(client);
        assert_false(client->has_ended);
    }
    client_close(client);
    fixture_stop(&fixture);
    buf_fini(&want);
    free(client);
}

static void check_rows(void (*send_fn)(struct client *, struct slice), const char *before)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        print_message("         %s\n", rows[i].name);
        check_row(&rows[i], send_fn, before);
    }
}

static void test_rows_whole(void **state)
{
    (void)state;
    check_rows(client_send, "");
}

static void test_rows_byte_by_byte(void **state)
{
    (void)state;
    check_rows(client_send_slowly, "");
}

static void test_rows_after_another_request(void **state)
{
    (void)state;
    check_rows(client_send, GET("/hello") "\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_whole),
        cmocka_unit_test(test_rows_byte_by_byte),
        cmocka_unit_test(test_rows_after_another_request),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
