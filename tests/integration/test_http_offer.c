/* SPDX-License-Identifier: MIT */
/* Handshakes that go by their subprotocol, whatever their path. */
#include "http_fixture.h"

#define UPGRADE(offers)                                                                            \
    "Host: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"        \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: " offers "\r\n\r\n"
#define BAD_OFFERS                                                                                 \
    "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 43\r\n\r\n"     \
    "{\"error\":\"Invalid Sec-WebSocket-Protocol.\"}"

static struct fixture fixture;
static struct client client;
static uint32_t upgrades;

static void upgrade(struct http_request *request, void *ctx)
{
    upgrades++;
    http_upgrade(request, &ops, ctx);
}

static void refuse_prefix(struct http_request *request, void *ctx)
{
    (void)ctx;
    http_reply_error(request, 403, "no");
}

static int start(void **state)
{
    static const struct http_prefix prefix = { .path = "/all/", .handle = refuse_prefix };

    (void)state;
    upgrades = 0;
    fixture_start(&fixture);
    http_add_prefix(fixture.http, &prefix, &fixture);
    http_add_subprotocol(fixture.http, "other.v1", refuse_prefix, &fixture);
    http_add_subprotocol(fixture.http, "fleet.v1", upgrade, &fixture);
    client_open(&client, &fixture);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    client_close(&client);
    fixture_stop(&fixture);
    return 0;
}

enum verdict { TAKEN, BAD, NOT_OURS };

static const struct {
    const char *name, *request;
    enum verdict want;
} rows[] = {
    { "on a path that nobody serves", "GET /some/path?q=1 HTTP/1.1\r\n" UPGRADE("k,fleet.v1"),
      TAKEN },
    { "on the root", "GET / HTTP/1.1\r\n" UPGRADE("fleet.v1"), TAKEN },
    { "on a route", "GET /hello HTTP/1.1\r\n" UPGRADE("a, fleet.v1, b"), TAKEN },
    { "below a prefix", "GET /all/x HTTP/1.1\r\n" UPGRADE("\tfleet.v1 "), TAKEN },
    { "twice the same", "GET / HTTP/1.1\r\n" UPGRADE("k,fleet.v1,k"), BAD },
    { "itself twice", "GET / HTTP/1.1\r\n" UPGRADE("fleet.v1,fleet.v1"), BAD },
    { "an empty one", "GET / HTTP/1.1\r\n" UPGRADE("k,,fleet.v1"), BAD },
    { "an empty one at the end", "GET / HTTP/1.1\r\n" UPGRADE("k,fleet.v1,"), BAD },
    { "an empty one at the beginning", "GET / HTTP/1.1\r\n" UPGRADE(",fleet.v1"), BAD },
    { "no token", "GET / HTTP/1.1\r\n" UPGRADE("a=b,fleet.v1"), BAD },
    { "two words", "GET / HTTP/1.1\r\n" UPGRADE("a b,fleet.v1"), BAD },
    { "too many",
      "GET / HTTP/1.1\r\n" UPGRADE(
          "fleet.v1,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,"
          "23,24,25,26,27,28,29,30,31,32"),
      BAD },
    { "as many as there may be",
      "GET / HTTP/1.1\r\n" UPGRADE(
          "fleet.v1,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,"
          "23,24,25,26,27,28,29,30,31"),
      TAKEN },
    { "another case", "GET /hello HTTP/1.1\r\n" UPGRADE("k,Fleet.v1"), NOT_OURS },
    { "something else", "GET /hello HTTP/1.1\r\n" UPGRADE("k,fleet.v10"), NOT_OURS },
    { "no handshake",
      "GET /hello HTTP/1.1\r\nHost: x\r\nSec-WebSocket-Protocol: k,fleet.v1\r\n\r\n", NOT_OURS },
};

static bool has_answer(void *ctx)
{
    (void)ctx;
    client_read(&client);
    return client.len > 0 || fixture.adopted.count > 0;
}

static void test_offers(void **state)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        enum verdict got;

        start(state);
        client_send(&client, slice_of(rows[i].request));
        support_wait(&fixture.loop, has_answer, NULL, 5000, "an answer");
        got = fixture.adopted.count > 0             ? TAKEN
              : strcmp(client.got, BAD_OFFERS) == 0 ? BAD
                                                    : NOT_OURS;
        if (got != rows[i].want || upgrades != (uint32_t)(rows[i].want == TAKEN))
            fail_msg("%s: wanted %d, got %d (%s)", rows[i].name, rows[i].want, got, client.got);
        stop(state);
    }
}

/* What the core says of a handshake that is none. */
static void test_broken_handshake(void **state)
{
    start(state);
    client_send(&client, SLICE_LITERAL("GET /x HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                                       "Connection: Upgrade\r\nSec-WebSocket-Version: 12\r\n"
                                       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                                       "Sec-WebSocket-Protocol: k,fleet.v1\r\n\r\n"));
    support_wait(&fixture.loop, has_answer, NULL, 5000, "an answer");
    assert_non_null(strstr(client.got, "HTTP/1.1 426 "));
    assert_int_equal(fixture.adopted.count, 0);
    stop(state);
}

static void test_taking(void **state)
{
    struct slice offers = SLICE_LITERAL(" a , b,,c");

    (void)state;
    assert_true(slice_is(http_offers_take(&offers), "a"));
    assert_true(slice_is(http_offers_take(&offers), "b"));
    assert_true(slice_is(http_offers_take(&offers), ""));
    assert_true(slice_is(http_offers_take(&offers), "c"));
    assert_int_equal(http_offers_take(&offers).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_offers),
        cmocka_unit_test(test_broken_handshake),
        cmocka_unit_test(test_taking),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
