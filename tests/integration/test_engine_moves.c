/* SPDX-License-Identifier: MIT */
/* Upgrades to a WebSocket of another node: the connection goes there, and nothing is lost, doubled or out of order. */
#include "engine_nodes_rig.h"

#include "base/base64.h"

/* ---- upgrades ---------------------------------------------------------------------------------------------- */

static void test_upgrade_elsewhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < VERSIONS; i++) {
        struct session session;
        struct socket socket;
        struct asker asker;

        deal_open(&session, versions[i]);
        deal_post(&session, "4polled", &answer);
        hold_get(&asker, &session);
        asker_wait(&asker, &answer);
        hold_get(&asker, &session);
        wait_for_held();
        deal_socket(&socket, &session);
        socket_say(&socket, "2probe");
        socket_expect(&socket, "text 3probe\n");
        asker_wait(&asker, &answer); /* so that the client can go on */
        expect_packet((&session), (&answer), "6");
        deal_post(&session, "4late", &answer); /* nobody fetches it by polling */
        socket_say(&socket, "5");
        socket_say(&socket, "4first");
        socket_expect(&socket, "text 41:late\ntext 42:first\n");
        socket_say(&socket, i == 0 ? "41" : "2ping");
        socket_expect(&socket, i == 0 ? "text 43:1\n" : "text 3ping\n");
        expect_bad_request(&session);
        socket_end(&socket);
    }
    assert_int_equal(world.packed, VERSIONS);
    assert_int_equal(world.unpacked, VERSIONS);
}

static void test_upgrade_without_waiting(void **state)
{
    struct session session;
    struct socket socket;

    (void)state;
    deal_open(&session, versions[0]);
    deal_socket(&socket, &session);
    socket_say(&socket, "2probe");
    socket_say(&socket, "5");
    socket_say(&socket, "4a");
    socket_expect(&socket, "text 3probe\ntext 40:a\n");
    expect_bad_request(&session);
    socket_end(&socket);
    deal_open(&session, versions[0]);
    deal_socket(&socket, &session);
    socket_say(&socket, "5"); /* not even a probe */
    socket_say(&socket, "4b");
    socket_expect(&socket, "text 40:b\n");
    socket_end(&socket);
}

static void test_held_get_at_the_switch(void **state)
{
    struct session session;
    struct socket socket;
    struct asker asker;

    (void)state;
    deal_open(&session, versions[0]);
    hold_get(&asker, &session);
    wait_for_held();
    deal_socket(&socket, &session);
    socket_say(&socket, "5");
    asker_wait(&asker, &answer);
    expect(&answer, 400, "{\"code\":3,\"message\":\"Bad request\"}");
    socket_say(&socket, "4a");
    socket_expect(&socket, "text 40:a\n");
    socket_end(&socket);
}

/* One of each is turned away by every node: while another one probes, and after the switch. */
static void test_second_websocket_is_closed(void **state)
{
    struct session session;
    struct socket first, second;

    (void)state;
    deal_open(&session, versions[0]);
    deal_socket(&first, &session);
    socket_say(&first, "2probe");
    socket_expect(&first, "text 3probe\n");
    for (size_t i = 0; i < NODES; i++) {
        socket_at(&second, &session, &world.rigs[i]);
        socket_expect(&second, "close\n");
        socket_end(&second);
    }
    socket_say(&first, "5");
    socket_say(&first, "4a");
    socket_expect(&first, "text 40:a\n");
    for (size_t i = 0; i < NODES; i++) {
        socket_at(&second, &session, &world.rigs[i]);
        socket_expect(&second, "close\n");
        socket_end(&second);
    }
    socket_say(&first, "4b");
    socket_expect(&first, "text 41:b\n");
    socket_end(&first);
}

static void test_probe_that_breaks_off(void **state)
{
    struct session session;
    struct socket socket;

    (void)state;
    deal_open(&session, versions[0]);
    for (int i = 0; i < 3; i++) {
        deal_socket(&socket, &session);
        socket_say(&socket, "2probe");
        socket_expect(&socket, "text 3probe\n");
        if (i == 0)
            socket_say(&socket, "4what");
        if (i < 2) /* the second one waits too long */
            socket_expect(&socket, "close\n");
        socket_end(&socket);
        support_wait(&world.loop, is_not_held, NULL, SUPPORT_WAIT_MS, "the probe to be left");
    }
    deal_post(&session, "4still here", &answer);
    deal_get(&session, &answer);
    expect((&answer), 200, "40:still here");
    upgrade(&socket, &session);
    socket_say(&socket, "4and now");
    socket_expect(&socket, "text 41:and now\n");
    socket_end(&socket);
}

static void test_connection_ends_while_it_is_probed(void **state)
{
    struct session session;
    struct socket socket;

    (void)state;
    deal_open(&session, versions[0]);
    deal_socket(&socket, &session);
    socket_say(&socket, "2probe");
    socket_expect(&socket, "text 3probe\n");
    deal_post(&session, "1", &answer);
    socket_expect(&socket, "close\n");
    socket_end(&socket);
    assert_int_equal(world.packed, 0);
}

static void upgrade_while_busy(struct socket *socket, struct session *session)
{
    world.is_busy = true;
    deal_open(session, versions[0]);
    upgrade(socket, session);
}

/* What the client says meanwhile waits. */
static void test_commit_waits_for_rest(void **state)
{
    struct session session;
    struct socket socket;

    (void)state;
    upgrade_while_busy(&socket, &session);
    for (int i = 0; i < 100; i++)
        socket_say(&socket, "4x");
    expect_bad_request(&session);
    assert_int_equal(world.packed, 0);
    rest();
    for (int i = 0; i < 100; i++) {
        char want[32];

        snprintf(want, sizeof want, "text 4%d:x\n", i);
        socket_expect(&socket, want);
    }
    assert_int_equal(world.unpacked, 1);
    socket_end(&socket);
}

static bool has_closed(void *ctx)
{
    return world.closed[*(enum engine_end *)ctx] > 0;
}

static void wait_for_end(enum engine_end how)
{
    support_wait(&world.loop, has_closed, &how, SUPPORT_WAIT_MS,
                 "the upper layer to hear of the end");
}

static bool is_past(void *ctx)
{
    return uv_now(&world.loop) >= *(uint64_t *)ctx;
}

static void test_commit_outlasts_the_upgrade_timeout(void **state)
{
    struct session session;
    struct socket socket;
    uint64_t until;

    (void)state;
    upgrade_while_busy(&socket, &session);
    until = uv_now(&world.loop) + world.settings.upgrade_timeout_ms + 200;
    support_wait(&world.loop, is_past, &until, SUPPORT_WAIT_MS, "the upgrade's time to pass");
    rest();
    socket_say(&socket, "4at last");
    socket_expect(&socket, "text 40:at last\n");
    socket_end(&socket);
    wait_for_end(ENGINE_TRANSPORT_CLOSE);
}

static void test_commit_waits_too_long(void **state)
{
    struct session session;
    struct socket socket;

    (void)state;
    upgrade_while_busy(&socket, &session);
    socket_expect(&socket, "close\n"); /* its heartbeat ended meanwhile */
    socket_end(&socket);
    wait_for_end(ENGINE_PING_TIMEOUT);
}

/* Between its "5" and the connection: the upper layer hears of the end wherever it is then. */
static void test_websocket_breaks_in_the_switch(void **state)
{
    struct session session;
    struct socket socket;

    (void)state;
    deal_open(&session, versions[0]);
    upgrade(&socket, &session);
    ws_client_reset(&socket.client);
    socket_end(&socket);
    wait_for_end(ENGINE_TRANSPORT_CLOSE);
    assert_int_equal(world.packed, world.unpacked);
}

static void test_upper_layer_closes_what_comes(void **state)
{
    struct session session;
    struct socket socket;

    (void)state;
    world.is_closing = true;
    deal_open(&session, versions[0]);
    upgrade(&socket, &session);
    socket_expect(&socket, "close\n");
    socket_end(&socket);
    wait_for_end(ENGINE_FORCED_CLOSE);
}

static void test_upper_layer_refuses_what_comes(void **state)
{
    struct session session;
    struct socket socket;

    (void)state;
    world.is_refusing = true;
    deal_open(&session, versions[0]);
    upgrade(&socket, &session);
    socket_expect(&socket, "close\n");
    socket_end(&socket);
    assert_true(list_is_empty(&world.tallies));
}

static void test_heartbeat_goes_along(void **state)
{
    struct session session;
    struct socket socket;

    (void)state;
    deal_open(&session, versions[0]);
    upgrade(&socket, &session);
    for (int i = 0; i < 3; i++) {
        socket_expect(&socket, "text 2\n");
        socket_say(&socket, "3");
    }
    socket_expect(&socket, "text 2\nclose\n");
    socket_end(&socket);
    wait_for_end(ENGINE_PING_TIMEOUT);
}

/* ---- order -------------------------------------------------------------------------------------------------- */

/* Three hundred messages, every third one binary: what is said, and what comes back of it. */
enum { MESSAGES = 300, AT_ONCE = 7 };

static bool is_attachment(size_t i)
{
    return i % 3 == 0;
}

static struct slice attachment(size_t i, char out[16])
{
    return (struct slice){ out, (size_t)snprintf(out, 16, "bytes %u", (unsigned)i % 1000) };
}

static void message(size_t i, struct buf *posted, struct buf *answered)
{
    char bytes[16];

    buf_clear(posted);
    buf_clear(answered);
    if (is_attachment(i)) {
        buf_add_byte(posted, 'b');
        base64_encode(posted, attachment(i, bytes));
        buf_add_slice(answered, buf_slice(posted));
    } else {
        buf_printf(posted, "4m%zu", i);
        buf_printf(answered, "4%zu:m%zu", i, i);
    }
}

struct exchange {
    struct session session;
    struct buf posted, answered; /* of one message                    */
    size_t said, heard;          /* messages                           */
    struct asker get;
    bool has_get;
};

static void say_some(struct exchange *exchange, size_t end)
{
    struct asker asker;
    struct buf body;

    buf_init(&body, 4096);
    for (size_t i = 0; i < AT_ONCE && exchange->said < end; i++) {
        message(exchange->said++, &exchange->posted, &exchange->answered);
        if (body.len > 0)
            buf_add_byte(&body, 0x1e);
        buf_add_slice(&body, buf_slice(&exchange->posted));
    }
    asker_post(&asker, deal(), exchange->session.query, "text/plain", buf_slice(&body));
    asker_wait(&asker, &answer);
    expect((&answer), 200, "ok");
    buf_fini(&body);
}

static void hear(struct exchange *exchange, struct slice packet)
{
    message(exchange->heard++, &exchange->posted, &exchange->answered);
    if (!slice_equals(packet, buf_slice(&exchange->answered)))
        fail_msg("message %zu: %.*s", exchange->heard - 1, (int)packet.len, packet.data);
}

static void hear_payload(struct exchange *exchange)
{
    struct slice left = { answer.body, answer.len };

    assert_int_equal(answer.status, 200);
    while (left.len > 0) {
        const char *end = memchr(left.data, 0x1e, left.len);
        size_t len = end != NULL ? (size_t)(end - left.data) : left.len;

        if (len > 1) /* no noop */
            hear(exchange, (struct slice){ left.data, len });
        left = (struct slice){ left.data + len + (end != NULL), left.len - len - (end != NULL) };
    }
}

static void exchange_open(struct exchange *exchange)
{
    *exchange = (struct exchange){ .said = 0 };
    buf_init(&exchange->posted, 64);
    buf_init(&exchange->answered, 64);
    deal_open(&exchange->session, versions[0]);
}

static void exchange_fini(struct exchange *exchange)
{
    buf_fini(&exchange->posted);
    buf_fini(&exchange->answered);
}

/* Says all up to `end`, a GET at a time being held somewhere. */
static void exchange_by_polling(struct exchange *exchange, size_t end)
{
    while (exchange->said < end) {
        hold_get(&exchange->get, &exchange->session);
        say_some(exchange, end);
        asker_wait(&exchange->get, &answer);
        hear_payload(exchange);
    }
}

static void test_order_over_polling(void **state)
{
    struct exchange exchange;

    (void)state;
    exchange_open(&exchange);
    exchange_by_polling(&exchange, MESSAGES);
    while (exchange.heard < MESSAGES) {
        deal_get(&exchange.session, &answer);
        hear_payload(&exchange);
    }
    exchange_fini(&exchange);
}

static void expect_message(struct exchange *exchange, struct socket *socket)
{
    size_t i = exchange->heard++;
    char bytes[16], want[64];

    if (is_attachment(i))
        snprintf(want, sizeof want, "binary %s\n", attachment(i, bytes).data);
    else
        snprintf(want, sizeof want, "text 4%zu:m%zu\n", i, i);
    socket_expect(socket, want);
}

static void say_on_socket(struct exchange *exchange, struct socket *socket)
{
    size_t i = exchange->said++;
    char bytes[16];

    message(i, &exchange->posted, &exchange->answered);
    if (is_attachment(i)) {
        attachment(i, bytes);
        ws_client_say(&socket->client, BINARY, bytes);
    } else {
        buf_add_byte(&exchange->posted, '\0');
        ws_client_say(&socket->client, TEXT, exchange->posted.data);
    }
}

static void test_order_across_the_upgrade(void **state)
{
    struct exchange exchange;
    struct socket socket;

    (void)state;
    exchange_open(&exchange);
    exchange_by_polling(&exchange, MESSAGES / 3);
    upgrade(&socket, &exchange.session);
    while (exchange.said < MESSAGES)
        say_on_socket(&exchange, &socket);
    while (exchange.heard < MESSAGES)
        expect_message(&exchange, &socket);
    socket_end(&socket);
    exchange_fini(&exchange);
}

/* The header of a packet by POST, its attachments as messages of the WebSocket, and all comes back there. */
static void test_attachments_straddle_the_upgrade(void **state)
{
    struct session session;
    struct socket socket;

    (void)state;
    deal_open(&session, versions[0]);
    deal_socket(&socket, &session);
    socket_say(&socket, "2probe");
    socket_expect(&socket, "text 3probe\n");
    deal_post(&session, "452-[\"up\"]", &answer);
    expect((&answer), 200, "ok");
    socket_say(&socket, "5");
    ws_client_say(&socket.client, BINARY, "one");
    ws_client_say(&socket.client, BINARY, "two");
    ws_client_say(&socket.client, TEXT, "4end");
    socket_expect(&socket, "text 40:52-[\"up\"]\nbinary one\nbinary two\ntext 43:end\n");
    socket_end(&socket);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(test_upgrade_elsewhere),
        TEST(test_upgrade_without_waiting),
        TEST(test_held_get_at_the_switch),
        TEST(test_second_websocket_is_closed),
        TEST(test_probe_that_breaks_off),
        TEST(test_connection_ends_while_it_is_probed),
        TEST(test_commit_waits_for_rest),
        TEST(test_commit_outlasts_the_upgrade_timeout),
        TEST_BEAT(test_commit_waits_too_long),
        TEST(test_websocket_breaks_in_the_switch),
        TEST(test_upper_layer_closes_what_comes),
        TEST(test_upper_layer_refuses_what_comes),
        TEST_BEAT(test_heartbeat_goes_along),
        TEST(test_order_over_polling),
        TEST(test_order_across_the_upgrade),
        TEST(test_attachments_straddle_the_upgrade),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
