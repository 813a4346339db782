/* SPDX-License-Identifier: MIT */
/* GET /v1/events: its text, who may, how many, where it begins and what ends it; and the tokens that open it. */
#include "fleet_rest_rig.h"

#define EVENTS "GET /v1/events"
#define HEAD                                                                                       \
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"                        \
    "Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n"                                     \
    "Date: Sat, 21 Nov 2026 00:16:52 GMT\r\n"
#define HEADERS   "Cache-Control: no-cache, no-transform\r\nX-Accel-Buffering: no\r\n\r\n"
#define CONNECTED HEAD HEADERS "d\r\n: connected\n\n\r\n"

static void send_to(struct client *client, const char *request, const char *headers)
{
    char text[2048];

    snprintf(text, sizeof text, "%s HTTP/1.1\r\nHost: x\r\n%s\r\n", request, headers);
    client_send(client, slice_of(text));
}

static bool has_ear(void *ctx)
{
    return rig.ear_count == *(size_t *)ctx;
}

static void wait_ears(size_t count)
{
    support_wait(&rig.fixture.loop, has_ear, &count, SUPPORT_WAIT_MS, "a listener");
}

static struct hub_listener *ear(void)
{
    assert_true(rig.ear_count > 0);
    return rig.ears[rig.ear_count - 1];
}

static void listening(void)
{
    ear()->ops->on_listening(ear());
}

static enum hub_take tell(uint64_t number, const char *text)
{
    struct hub_entry entry = { .number = number, .frame = frame_of(slice_of(text)) };
    enum hub_take take = ear()->ops->on_entry(ear(), &entry);

    frame_unref(&entry.frame);
    return take;
}

static void open_stream(const char *request, const char *headers)
{
    send_to(&rig.client, request, headers);
    wait_ears(1);
    listening();
}

#define ONE "event: sync\ndata: {\"a\":1}\n\n"
#define TWO "event: room:create\ndata: {}\n\n"

/* ---- the text ------------------------------------------------------------------------------------------------ */

static void test_events_as_they_come(void **state)
{
    (void)state;
    open_stream(EVENTS, KEY);
    assert_true(rig.listened_after == UINT64_MAX);
    client_expect(&rig.client, CONNECTED);
    assert_int_equal(tell(5, ONE), HUB_WRITTEN);
    assert_int_equal(tell(6, TWO ONE), HUB_WRITTEN);
    client_expect(&rig.client, "1b\r\n" ONE "\r\n38\r\n" TWO ONE "\r\n");
}

static void test_nothing_is_said_before_the_log_is_heard(void **state)
{
    (void)state;
    send_to(&rig.client, EVENTS, KEY);
    wait_ears(1);
    client_read(&rig.client);
    assert_int_equal(rig.client.len, 0);
    rig_pass(5000);
    reply_take(false);
    assert_int_equal(reply.status, 503);
    assert_string_equal(reply.body, REJECTED("UNAVAILABLE"));
    assert_int_equal(rig.ear_count, 0);
}

static void test_pings(void **state)
{
    (void)state;
    open_stream(EVENTS, KEY);
    client_expect(&rig.client, CONNECTED);
    rig_pass(14999);
    assert_int_equal(tell(5, ONE), HUB_WRITTEN);
    rig_pass(1);
    rig_pass(15000);
    client_expect(&rig.client, "1b\r\n" ONE "\r\n8\r\n: ping\n\n\r\n8\r\n: ping\n\n\r\n");
}

static void test_head_has_the_headers(void **state)
{
    (void)state;
    rig_ask("HEAD /v1/events", KEY, NULL);
    assert_int_equal(reply.status, 200);
    assert_true(reply_has("Content-Type: text/event-stream; charset=utf-8\r\n"));
    assert_int_equal(rig.ear_count, 0);
    rig_expect("and goes on", "GET /v1/stats", KEY, NULL, 200, STATS);
}

static void test_a_connection_that_ends_with_it(void **state)
{
    static const char head[] = "GET /v1/events HTTP/1.0\r\n" KEY "\r\n";

    (void)state;
    open_stream(EVENTS, KEY "Connection: close\r\n");
    client_expect(&rig.client,
                  "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
                  "Transfer-Encoding: chunked\r\nConnection: close\r\n"
                  "Date: Sat, 21 Nov 2026 00:16:52 GMT\r\n" HEADERS "d\r\n: connected\n\n\r\n");
    client_close(&rig.client);
    wait_ears(0);
    client_open(&rig.client, &rig.fixture);
    client_send(&rig.client, slice_of(head));
    wait_ears(1);
    listening();
    client_expect(&rig.client,
                  "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
                  "Connection: close\r\nDate: Sat, 21 Nov 2026 00:16:52 GMT\r\n" HEADERS
                  ": connected\n\n");
}

static char origin[] = "https://a.example";
static char *origins[] = { origin };

static void test_other_origins(void **state)
{
    (void)state;
    rig.fixture.config.fleet_cors = (struct strings){ origins, 1 };
    open_stream(EVENTS, KEY "Origin: https://a.example\r\n");
    client_expect(&rig.client, HEAD
                  "Vary: Origin\r\nAccess-Control-Allow-Origin: https://a.example\r\n" HEADERS);
}

/* ---- ids ------------------------------------------------------------------------------------------------------- */

static void test_ids(void **state)
{
    (void)state;
    open_stream(EVENTS "?ids=1", KEY);
    client_expect(&rig.client, CONNECTED);
    tell(5, TWO ONE);
    client_expect(&rig.client, "48\r\nid: 5.0\n" TWO "id: 5.1\n" ONE "\r\n");
}

/* All rooms of an instance may be in one event. */
static void test_an_id_of_a_very_large_event(void **state)
{
    static const char begin[] = "2100008\r\nid: 5.0\nxxx";
    size_t len = 33 * 1024 * 1024;
    char *large = xcalloc(1, len + 1);

    (void)state;
    memset(large, 'x', len);
    open_stream(EVENTS "?ids=1", KEY);
    client_expect(&rig.client, CONNECTED);
    assert_int_equal(tell(5, large), HUB_WRITTEN);
    client_read(&rig.client);
    assert_int_equal(strncmp(rig.client.got, begin, sizeof begin - 1), 0);
    free(large);
}

static void test_resumed_within_an_entry(void **state)
{
    (void)state;
    open_stream(EVENTS "?ids=1", KEY "Last-Event-ID: 5.0\r\n");
    assert_int_equal(rig.listened_after, 4);
    tell(5, TWO ONE);
    tell(6, TWO);
    client_expect(&rig.client, CONNECTED "23\r\nid: 5.1\n" ONE "\r\n25\r\nid: 6.0\n" TWO "\r\n");
}

static void test_resumed_behind_an_entry(void **state)
{
    (void)state;
    open_stream(EVENTS "?ids=1", KEY "Last-Event-ID: 5.1\r\n");
    tell(5, TWO ONE);
    client_expect(&rig.client, CONNECTED);
    tell(6, TWO);
    client_expect(&rig.client, "25\r\nid: 6.0\n" TWO "\r\n");
}

static void expect_trimmed(void)
{
    reply_take(false);
    assert_int_equal(reply.status, 409);
    assert_string_equal(reply.body, REJECTED("EVENTS_TRIMMED"));
    assert_int_equal(rig.ear_count, 0);
}

static void test_a_log_without_the_entry_is_not_resumed(void **state)
{
    (void)state;
    open_stream(EVENTS "?ids=1", KEY "Last-Event-ID: 5.1\r\n");
    tell(600000, TWO); /* the log began anew */
    expect_trimmed();
    open_stream(EVENTS "?ids=1", KEY "Last-Event-ID: 5.1\r\n");
    client_read(&rig.client);
    assert_int_equal(rig.client.len, 0);
    rig_pass(1000); /* it ends before the entry */
    expect_trimmed();
}

static void test_what_is_trimmed_is_not_resumed(void **state)
{
    static const char *const ids[] = {
        "x", "5", "5.", ".1", "5.x", "0.1", "99999999999999999999.1", "9999999999999999999.1"
    };
    char headers[256];

    (void)state;
    open_stream(EVENTS "?ids=1", KEY "Last-Event-ID: 5.1\r\n");
    ear()->ops->on_gap(ear(), 3);
    expect_trimmed();
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        snprintf(headers, sizeof headers, KEY "Last-Event-ID: %s\r\n", ids[i]);
        rig_expect(ids[i], EVENTS "?ids=1", headers, NULL, 409, REJECTED("EVENTS_TRIMMED"));
    }
    assert_int_equal(rig.ear_count, 0);
}

static void test_without_ids_an_id_is_nothing(void **state)
{
    (void)state;
    open_stream(EVENTS, KEY "Last-Event-ID: 5.1\r\n");
    assert_true(rig.listened_after == UINT64_MAX);
    client_expect(&rig.client, CONNECTED);
}

/* ---- ends ---------------------------------------------------------------------------------------------------------- */

static void test_a_gap_ends_it(void **state)
{
    (void)state;
    open_stream(EVENTS, KEY);
    ear()->ops->on_gap(ear(), 3);
    client_expect(&rig.client, CONNECTED "0\r\n\r\n");
    assert_int_equal(rig.ear_count, 0);
}

static void test_a_log_that_is_lost_ends_it(void **state)
{
    (void)state;
    open_stream(EVENTS, KEY);
    rest_end_streams(rig.fleet.rest, &rig.other);
    assert_int_equal(rig.ear_count, 1);
    rest_end_streams(rig.fleet.rest, &rig.realm);
    client_expect(&rig.client, CONNECTED "0\r\n\r\n");
    assert_int_equal(rig.ear_count, 0);
}

static void test_a_client_that_goes(void **state)
{
    (void)state;
    open_stream(EVENTS, KEY);
    client_close(&rig.client);
    wait_ears(0);
    client_open(&rig.client, &rig.fixture);
    send_to(&rig.client, EVENTS, KEY); /* before it begins, too */
    wait_ears(1);
    client_close(&rig.client);
    wait_ears(0);
    client_open(&rig.client, &rig.fixture);
}

static void test_what_a_client_does_not_take_waits_in_the_log(void **state)
{
    char *large = xcalloc(1, 100001);
    uint64_t number = 5;

    (void)state;
    memset(large, 'x', 100000);
    open_stream(EVENTS, KEY);
    while (tell(number, large) == HUB_WRITTEN)
        number++;
    assert_int_equal(rig.ear_count, 1);
    resumes = 0;
    while (resumes == 0) {
        rig.client.len = 0;
        client_read(&rig.client);
        uv_run(&rig.fixture.loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(tell(number, large), HUB_WRITTEN);
    while (tell(number, large) == HUB_WRITTEN)
        number++;
    rig_pass(1000000); /* nothing is taken for so long: it is cut off */
    assert_int_equal(rig.ear_count, 0);
    free(large);
}

static void test_a_node_that_stops_ends_it_in_order(void **state)
{
    (void)state;
    open_stream(EVENTS, KEY);
    rest_drain(rig.fleet.rest);
    client_expect(&rig.client, CONNECTED "0\r\n\r\n");
    assert_int_equal(rig.ear_count, 0);
    rig_expect("no new one", EVENTS, KEY, NULL, 503, REJECTED("UNAVAILABLE"));
}

static void test_a_revoked_key_ends_it(void **state)
{
    (void)state;
    open_stream(EVENTS, "Authorization: Bearer key-in-redis\r\n");
    assert_non_null(rig.hold);
    rig.hold->on_end(rig.hold);
    client_expect(&rig.client, CONNECTED "0\r\n\r\n");
    assert_int_equal(rig.ear_count, 0);
}

static void test_so_many_and_no_more(void **state)
{
    struct client clients[3];

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        client_open(&clients[i], &rig.fixture);
        send_to(&clients[i], EVENTS, KEY);
        wait_ears(i + 1);
        listening();
    }
    rig_expect("one more", EVENTS, KEY, NULL, 429, REJECTED("SSE_LIMIT"));
    assert_int_equal(rig.fleet.node->metrics.limits[LIMIT_FLEET_STREAMS], 1);
    assert_int_equal(rig.fleet.node->metrics.fleet_streams, 3);
    client_close(&clients[1]);
    wait_ears(2);
    send_to(&rig.client, EVENTS, KEY);
    wait_ears(3);
    client_close(&clients[0]);
    client_close(&clients[2]);
    wait_ears(1);
}

/* ---- keys in the query ------------------------------------------------------------------------------------------------- */

static void test_keys_in_the_query(void **state)
{
    (void)state;
    rig_expect("off", EVENTS "?key=" ADMIN, "", NULL, 401, REJECTED("UNAUTHORIZED"));
    rig.fixture.config.sse_query_auth = true;
    rig_expect("twice", EVENTS "?key=" ADMIN "&key=" ADMIN, "", NULL, 401,
               REJECTED("UNAUTHORIZED"));
    rig_expect("wrong", EVENTS "?key=x", "", NULL, 401, REJECTED("UNAUTHORIZED"));
    rig_expect("elsewhere", "GET /v1/stats?key=" ADMIN, "", NULL, 401, REJECTED("UNAUTHORIZED"));
    assert_int_equal(rig.tokens, 6);
    open_stream(EVENTS "?key=" ADMIN, "Authorization: Bearer wrong\r\n");
    assert_int_equal(rig.tokens, 6);
    client_expect(&rig.client, CONNECTED);
}

/* ---- tokens ------------------------------------------------------------------------------------------------------------ */

static char token[512];

static void make_token(const char *key, const char *body)
{
    char headers[256];

    snprintf(headers, sizeof headers, "Authorization: Bearer %s\r\n" JSON, key);
    rig_expect("a token", "POST /v1/tokens", headers, body, 201, NULL);
    assert_int_equal(
        sscanf(reply.body, "{\"status\":\"OK\",\"data\":{\"token\":\"%511[^\"]", token), 1);
    assert_int_equal(strncmp(token, "ft1.", 4), 0);
}

static void expect_unauthorized(const char *name, const char *value)
{
    char request[1024];

    snprintf(request, sizeof request, EVENTS "?token=%s", value);
    rig_expect(name, request, "", NULL, 401, REJECTED("UNAUTHORIZED"));
}

static void expect_open(const char *value)
{
    char request[1024];

    snprintf(request, sizeof request, EVENTS "?token=%s", value);
    open_stream(request, "");
    client_expect(&rig.client, CONNECTED);
}

static void test_a_token_opens_a_stream_and_nothing_else(void **state)
{
    char request[1024], headers[1024];

    (void)state;
    make_token(ADMIN, "{\"scope\":\"events\",\"ttlMs\":300000}");
    assert_non_null(strstr(reply.body, "\"expiresAt\":1795220512277}}"));
    snprintf(request, sizeof request, "GET /v1/stats?token=%s", token);
    rig_expect("another route", request, "", NULL, 401, REJECTED("UNAUTHORIZED"));
    snprintf(headers, sizeof headers, "Authorization: Bearer %s\r\n", token);
    rig_expect("the header", EVENTS, headers, NULL, 401, REJECTED("UNAUTHORIZED"));
    expect_open(token);
    assert_int_equal(rig.tokens, 8);
}

static void test_a_token_under_a_key_in_redis(void **state)
{
    (void)state;
    make_token("key-in-redis", "{\"scope\":\"events\"}");
    rig.credential.expires_ms = rig.now_ms;
    expect_unauthorized("its key has expired", token);
    rig.credential.expires_ms = 0;
    expect_open(token);
    assert_non_null(rig.hold);
    rig.hold->on_end(rig.hold); /* its key is revoked */
    client_expect(&rig.client, "0\r\n\r\n");
    assert_int_equal(rig.ear_count, 0);
}

static void test_tokens_that_are_refused(void **state)
{
    char changed[1024];

    (void)state;
    rig.tokens = 1000;
    make_token(ADMIN, "{\"scope\":\"events\",\"ttlMs\":1000}");
    expect_unauthorized("none", "");
    expect_unauthorized("no claims", "ft1.");
    expect_unauthorized("no signature", "ft1.e30");
    expect_unauthorized("another kind", "ft2.e30.x");
    for (size_t i = 4; i < strlen(token); i++) {
        strcpy(changed, token);
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        expect_unauthorized("a digit changed", changed);
    }
    strcpy(changed, token);
    changed[strlen(changed) - 1] = '\0';
    expect_unauthorized("cut", changed);
    rig.now_ms += 1000;
    expect_unauthorized("too late", token);
    rig.now_ms -= 1000;
    rig.fixture.config.admin_keys.count = 0;
    expect_unauthorized("its key has gone", token);
    rig.result = RESULT_UNAVAILABLE;
    snprintf(changed, sizeof changed, EVENTS "?token=%s", token);
    rig_expect("nobody can be asked", changed, "", NULL, 503, REJECTED("UNAVAILABLE"));
}

static void test_wishes_for_tokens(void **state)
{
    static const char *const bodies[] = {
        "{}",
        "[]",
        "{\"scope\":\"rooms\"}",
        "{\"scope\":\"events\",\"ttlMs\":0}",
        "{\"scope\":\"events\",\"ttlMs\":300001}",
        "{\"scope\":\"events\",\"ttlMs\":\"5\"}",
        "{\"scope\":\"events\",\"ttlMs\":1.5}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
        rig_expect(bodies[i], "POST /v1/tokens", KEY JSON, bodies[i], 400, REJECTED("VALIDATION"));
    rig_expect("no body", "POST /v1/tokens", KEY, NULL, 400, REJECTED("VALIDATION"));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, rig_start, rig_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_events_as_they_come),
        CASE(test_nothing_is_said_before_the_log_is_heard),
        CASE(test_pings),
        CASE(test_head_has_the_headers),
        CASE(test_a_connection_that_ends_with_it),
        CASE(test_other_origins),
        CASE(test_ids),
        CASE(test_an_id_of_a_very_large_event),
        CASE(test_resumed_within_an_entry),
        CASE(test_resumed_behind_an_entry),
        CASE(test_a_log_without_the_entry_is_not_resumed),
        CASE(test_what_is_trimmed_is_not_resumed),
        CASE(test_without_ids_an_id_is_nothing),
        CASE(test_a_gap_ends_it),
        CASE(test_a_log_that_is_lost_ends_it),
        CASE(test_a_client_that_goes),
        CASE(test_what_a_client_does_not_take_waits_in_the_log),
        CASE(test_a_node_that_stops_ends_it_in_order),
        CASE(test_a_revoked_key_ends_it),
        CASE(test_so_many_and_no_more),
        CASE(test_keys_in_the_query),
        CASE(test_a_token_opens_a_stream_and_nothing_else),
        CASE(test_a_token_under_a_key_in_redis),
        CASE(test_tokens_that_are_refused),
        CASE(test_wishes_for_tokens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
