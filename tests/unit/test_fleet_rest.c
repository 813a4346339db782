/* SPDX-License-Identifier: MIT */
/* /v1 but for creating rooms and streams: routes, who may, paths, documents, conditions, other origins, bodies. */
#include "fleet_rest_rig.h"

#include <sys/mman.h>

struct row {
    const char *name, *request, *headers, *body;
    int status;
    const char *want;
};

static void expect_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        rig_expect(rows[i].name, rows[i].request, rows[i].headers, rows[i].body, rows[i].status,
                   rows[i].want);
}

#define EXPECT(rows) expect_rows(rows, sizeof(rows) / sizeof(rows)[0])

/* ---- reading ----------------------------------------------------------------------------------------------- */

static void test_what_there_is(void **state)
{
    static const struct row rows[] = {
        { "stats", "GET /v1/stats", KEY, NULL, 200, STATS },
        { "instances", "GET /v1/instances", KEY, NULL, 200,
          DATA("[" INSTANCE_A "," INSTANCE_B "]") },
        { "an instance", "GET /v1/instances/" ID_B, KEY, NULL, 200, DATA(INSTANCE_B) },
        { "its id is decoded", "GET /v1/instances/%6100000000000000%31", KEY, NULL, 200,
          DATA(INSTANCE_A) },
        { "no instance", "GET /v1/instances/nope", KEY, NULL, 404, REJECTED("INSTANCE_NOT_FOUND") },
        { "an instance's rooms", "GET /v1/instances/" ID_B "/rooms", KEY, NULL, 200,
          DATA("[" ROOM_SPECIAL "," ROOM_RENAMED "]") },
        { "no instance's rooms", "GET /v1/instances/nope/rooms", KEY, NULL, 404,
          REJECTED("INSTANCE_NOT_FOUND") },
        { "rooms", "GET /v1/rooms", KEY, NULL, 200,
          DATA("[" ROOM_HALL "," ROOM_MATCH "," ROOM_SPECIAL "," ROOM_RENAMED "]") },
        { "a room", "GET /v1/rooms/match-42", KEY, NULL, 200, DATA(ROOM_MATCH) },
        { "one with an encoded id", "GET /v1/rooms/a%2Fb%20%7E%C3%A9", KEY, NULL, 200,
          DATA(ROOM_SPECIAL) },
        { "one that is called after its process", "GET /v1/rooms/p_B~hall", KEY, NULL, 200,
          DATA(ROOM_RENAMED) },
        { "the one that keeps its name", "GET /v1/rooms/hall", KEY, NULL, 200, DATA(ROOM_HALL) },
        { "a name that nobody has", "GET /v1/rooms/p_A~hall", KEY, NULL, 404,
          REJECTED("ROOM_NOT_FOUND") },
        { "its id is not decoded", "GET /v1/rooms/h%61ll", KEY, NULL, 404,
          REJECTED("ROOM_NOT_FOUND") },
        { "a body is ignored", "GET /v1/rooms/hall", KEY JSON, "no json", 200, DATA(ROOM_HALL) },
        { "the scheme in capitals", "GET /v1/rooms/hall", "Authorization: BEARER  " ADMIN " \r\n",
          NULL, 200, DATA(ROOM_HALL) },
        { "no query of the key", "GET /v1/rooms/hall?key=" ADMIN, "", NULL, 401,
          REJECTED("UNAUTHORIZED") },
    };

    (void)state;
    EXPECT(rows);
}

static void test_head_is_get_without_a_body(void **state)
{
    static const char *const paths[] = { "stats", "instances",  "instances/" ID_A,
                                         "rooms", "rooms/hall", "instances/" ID_A "/rooms" };

    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        char request[64], length[64];

        snprintf(request, sizeof request, "GET /v1/%s", paths[i]);
        rig_ask(request, KEY, NULL);
        snprintf(length, sizeof length, "Content-Length: %zu\r\n", strlen(reply.body));
        snprintf(request, sizeof request, "HEAD /v1/%s", paths[i]);
        rig_ask(request, KEY, NULL);
        assert_int_equal(reply.status, 200);
        assert_true(reply_has(length));
        assert_true(reply_has("Date: Sat, 21 Nov 2026 00:16:52 GMT\r\n"));
        assert_true(reply_has("Content-Type: application/json; charset=utf-8\r\n"));
    }
}

static void test_filters(void **state)
{
    static const struct row rows[] = {
        { "type", "GET /v1/rooms?type=match", KEY, NULL, 200,
          DATA("[" ROOM_MATCH "," ROOM_SPECIAL "]") },
        { "no type", "GET /v1/rooms?type=", KEY, NULL, 200, DATA("[]") },
        { "type twice", "GET /v1/rooms?type=lobby&type=match&instanceId=" ID_B, KEY, NULL, 200,
          DATA("[" ROOM_SPECIAL "," ROOM_RENAMED "]") },
        { "instance", "GET /v1/rooms?instanceId=" ID_A, KEY, NULL, 200,
          DATA("[" ROOM_HALL "," ROOM_MATCH "]") },
        { "instance twice", "GET /v1/rooms?instanceId=x&instanceId=y&type=match", KEY, NULL, 200,
          DATA("[" ROOM_MATCH "," ROOM_SPECIAL "]") },
        { "label", "GET /v1/rooms?label=region:us&type=lobby", KEY, NULL, 200,
          DATA("[" ROOM_RENAMED "]") },
        { "labels", "GET /v1/rooms?label=region:us&label=tier%3Agold&type=match", KEY, NULL, 200,
          DATA("[" ROOM_SPECIAL "]") },
        { "one label does not match", "GET /v1/rooms?label=region:eu&label=tier:gold", KEY, NULL,
          200, DATA("[]") },
        { "of one key the last", "GET /v1/rooms?label=region:eu&label=region:us&type=match", KEY,
          NULL, 200, DATA("[" ROOM_SPECIAL "]") },
        { "labels that are none", "GET /v1/rooms?label=region&label=:&type=match", KEY, NULL, 200,
          DATA("[" ROOM_MATCH "," ROOM_SPECIAL "]") },
        { "metadata", "GET /v1/rooms?meta=mode:ranked", KEY, NULL, 200, DATA("[" ROOM_MATCH "]") },
        { "other metadata", "GET /v1/rooms?meta=mode:casual", KEY, NULL, 200, DATA("[]") },
        { "unknown", "GET /v1/rooms?x=1&&=&y&type=match", KEY, NULL, 200,
          DATA("[" ROOM_MATCH "," ROOM_SPECIAL "]") },
    };

    (void)state;
    EXPECT(rows);
}

static void test_conditions(void **state)
{
    static const struct {
        const char *name, *header;
        int status;
    } rows[] = {
        { "the same", "W/\"" HASH "\"", 304 },
        { "anything", "*", 304 },
        { "one of several", "\"x\" , W/\"" HASH "\",W/\"y\"", 304 },
        { "a strong one", "\"" HASH "\"", 200 },
        { "another", "W/\"b70d202a5525a327\"", 200 },
        { "anything among others", "*, W/\"x\"", 200 },
        { "nothing", "", 200 },
    };
    static const char *const paths[] = { "stats", "instances", "rooms", "rooms?type=x" };
    char headers[256], request[64];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (size_t j = 0; j < sizeof paths / sizeof paths[0]; j++) {
            snprintf(headers, sizeof headers, KEY "If-None-Match: %s\r\n", rows[i].header);
            snprintf(request, sizeof request, "GET /v1/%s", paths[j]);
            rig_expect(rows[i].name, request, headers, NULL, rows[i].status, NULL);
            assert_true(reply_has("ETag: W/\"" HASH "\"\r\n"));
            assert_int_equal(reply_has("Content-Length"), rows[i].status == 200);
        }
    }
    rig_expect("one room has no tag", "GET /v1/rooms/hall", KEY "If-None-Match: *\r\n", NULL, 200,
               DATA(ROOM_HALL));
    assert_false(reply_has("ETag"));
}

/* ---- paths --------------------------------------------------------------------------------------------------- */

#define HUNDRED                                                                                    \
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"  \
    "123456789"

static void test_paths(void **state)
{
    static const struct row rows[] = {
        { "nothing", "GET /v1", "", NULL, 404, REJECTED("NOT_FOUND") },
        { "nothing with a slash", "GET /v1/", "", NULL, 404, REJECTED("NOT_FOUND") },
        { "another prefix", "GET /v1x/stats", KEY, NULL, 404, REJECTED("NOT_FOUND") },
        { "unknown", "GET /v1/nope", KEY, NULL, 404, REJECTED("NOT_FOUND") },
        { "without a key, too", "GET /v1/nope", "", NULL, 404, REJECTED("NOT_FOUND") },
        { "another method", "PUT /v1/rooms", "", NULL, 404, REJECTED("NOT_FOUND") },
        { "a method that nobody knows", "BREW /v1/rooms", "", NULL, 404, REJECTED("NOT_FOUND") },
        { "PATCH", "PATCH /v1/rooms/x", "", NULL, 404, REJECTED("NOT_FOUND") },
        { "HEAD of what has no GET", "HEAD /v1/tokens", "", NULL, 404, NULL },
        { "a slash behind it", "GET /v1/stats/", KEY, NULL, 404, REJECTED("NOT_FOUND") },
        { "another case", "GET /v1/Stats", KEY, NULL, 404, REJECTED("NOT_FOUND") },
        { "two slashes", "GET /v1//stats", KEY, NULL, 404, REJECTED("NOT_FOUND") },
        { "more behind it", "GET /v1/rooms/a/b", KEY, NULL, 404, REJECTED("NOT_FOUND") },
        { "OPTIONS without other origins", "OPTIONS /v1/stats", KEY, NULL, 404,
          REJECTED("NOT_FOUND") },
        { "an empty room", "GET /v1/rooms/", KEY, NULL, 404, REJECTED("ROOM_NOT_FOUND") },
        { "an empty room to go", "DELETE /v1/rooms/", KEY, NULL, 404, REJECTED("ROOM_NOT_FOUND") },
        { "an empty instance", "GET /v1/instances/", KEY, NULL, 404,
          REJECTED("INSTANCE_NOT_FOUND") },
        { "an empty instance's rooms", "GET /v1/instances//rooms", KEY, NULL, 404,
          REJECTED("INSTANCE_NOT_FOUND") },
        { "an empty instance to drain", "POST /v1/instances//drain", KEY, NULL, 404,
          REJECTED("INSTANCE_NOT_FOUND") },
        { "an empty room without a key", "GET /v1/rooms/", "", NULL, 401,
          REJECTED("UNAUTHORIZED") },
        { "a hundred characters", "GET /v1/rooms/" HUNDRED, KEY, NULL, 404,
          REJECTED("ROOM_NOT_FOUND") },
        { "one more", "GET /v1/rooms/" HUNDRED "x", "", NULL, 404, REJECTED("NOT_FOUND") },
        { "a hundred decoded", "GET /v1/instances/%31" HUNDRED, "", NULL, 404,
          REJECTED("NOT_FOUND") },
        { "one of them encoded",
          "GET /v1/rooms/%C3%A9"
          "%C3%A9",
          KEY, NULL, 404, REJECTED("ROOM_NOT_FOUND") },
        { "a broken escape", "GET /v1/rooms/a%zz", "", NULL, 400, REJECTED("VALIDATION") },
        { "half an escape", "GET /v1/instances/%4", "", NULL, 400, REJECTED("VALIDATION") },
        { "one that is no UTF-8", "GET /v1/rooms/%FF", "", NULL, 400, REJECTED("VALIDATION") },
        { "one where nothing is", "GET /v1/%", "", NULL, 400, REJECTED("VALIDATION") },
    };

    (void)state;
    EXPECT(rows);
    assert_int_equal(rig.tokens, 9); /* 401 once */
}

static void test_without_the_api_there_is_nothing(void **state)
{
    (void)state;
    rig.fixture.config.fleet_api = false;
    rig_expect("off", "GET /v1/stats", KEY, NULL, 404, REJECTED("NOT_FOUND"));
    rig_expect("off", "POST /v1/rooms", "", NULL, 404, REJECTED("NOT_FOUND"));
}

/* ---- who may ------------------------------------------------------------------------------------------------- */

static void test_keys(void **state)
{
    static const struct row rows[] = {
        { "none", "GET /v1/stats", "", NULL, 401, REJECTED("UNAUTHORIZED") },
        { "a wrong one", "GET /v1/stats", "Authorization: Bearer x\r\n", NULL, 401,
          REJECTED("UNAUTHORIZED") },
        { "another scheme", "GET /v1/stats", "Authorization: Basic " ADMIN "\r\n", NULL, 401,
          REJECTED("UNAUTHORIZED") },
        { "half of it", "GET /v1/stats", "Authorization: Bearer admin-key-0123456789\r\n", NULL,
          401, REJECTED("UNAUTHORIZED") },
        { "in Redis", "GET /v1/stats", "Authorization: Bearer key-in-redis\r\n", NULL, 200, STATS },
        { "nobody can be asked", "GET /v1/stats", "Authorization: Bearer key-of-nobody-to-ask\r\n",
          NULL, 503, REJECTED("UNAVAILABLE") },
        { "too many failures", "GET /v1/stats", "Authorization: Bearer key-too-often\r\n", NULL,
          429, REJECTED("AUTH_THROTTLED") },
    };

    (void)state;
    EXPECT(rows);
    assert_int_equal(rig.tokens, 6);
    assert_int_equal(rig.fleet.node->metrics.fleet_auth_failures[FLEET_AUDIENCE_ADMIN], 4);
}

static void test_the_throttle_takes_one_for_each_failure_and_stops_everybody(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++)
        rig_expect("a failure", "GET /v1/stats", "", NULL, 401, REJECTED("UNAUTHORIZED"));
    rig_expect("a good key", "GET /v1/stats", KEY, NULL, 429, REJECTED("AUTH_THROTTLED"));
    rig_expect("a bad one", "GET /v1/stats", "", NULL, 429, REJECTED("AUTH_THROTTLED"));
    assert_int_equal(rig.tokens, 0);
    assert_int_equal(rig.fleet.node->metrics.limits[LIMIT_FLEET_LOGINS], 2);
    rig_expect("nothing is there", "GET /v1/nope", "", NULL, 404, REJECTED("NOT_FOUND"));
    rig.tokens = 1;
    rig_expect("a good key, later", "GET /v1/stats", KEY, NULL, 200, STATS);
    assert_int_equal(rig.tokens, 1);
}

/* Both came when there was one token: only one of them is told that its key is none. */
static void test_guesses_at_a_time_do_not_pass_the_throttle(void **state)
{
    static const char guess[] = "GET /v1/stats HTTP/1.1\r\nHost: x\r\n\r\n";
    struct client first = rig.client;

    (void)state;
    rig.tokens = 1;
    client_open(&rig.client, &rig.fixture);
    assert_int_equal(send(first.fd, guess, sizeof guess - 1, 0), sizeof guess - 1);
    assert_int_equal(send(rig.client.fd, guess, sizeof guess - 1, 0), sizeof guess - 1);
    reply_take(false);
    int second = reply.status;

    close(rig.client.fd);
    rig.client = first;
    reply_take(false);
    assert_int_equal(second + reply.status, 401 + 429);
    assert_int_equal(rig.tokens, 0);
    assert_int_equal(rig.fleet.node->metrics.limits[LIMIT_FLEET_LOGINS], 1);
    assert_int_equal(rig.fleet.node->metrics.fleet_auth_failures[FLEET_AUDIENCE_ADMIN], 2);
}

static void test_the_throttle_counts_subscribers(void **state)
{
    static const struct {
        const char *headers, *want;
    } rows[] = {
        { "", "fleet ::" },
        { "X-Forwarded-For: 192.0.2.1\r\n", "fleet 192.0.2.1" },
        { "X-Forwarded-For: 2001:db8:1:2:3::4\r\n", "fleet 2001:db8:1:2::" },
    };

    (void)state;
    rig.fixture.config.trust_proxy = true;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        rig_expect("a failure", "GET /v1/stats", rows[i].headers, NULL, 401,
                   REJECTED("UNAUTHORIZED"));
        assert_string_equal(rig.throttled, rows[i].want);
    }
}

static void test_redis_is_away(void **state)
{
    static const char *const requests[] = { "GET /v1/stats", "GET /v1/rooms/hall", "POST /v1/rooms",
                                            "GET /v1/events" };

    (void)state;
    rig.result = RESULT_UNAVAILABLE;
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        rig_expect("away", requests[i], KEY, NULL, 503, REJECTED("UNAVAILABLE"));
        assert_true(reply_has("Retry-After: 1\r\n"));
    }
}

/* ---- the order of refusals -------------------------------------------------------------------------------------- */

static char large[65536 + 2];

static const char *large_body(size_t len)
{
    memset(large, ' ', len);
    memcpy(large, "{}", 2);
    large[len] = '\0';
    return large;
}

static void test_throttle_then_key_then_body_then_handler(void **state)
{
    (void)state;
    rig_expect("no key, large", "POST /v1/rooms", JSON, large_body(65537), 401,
               REJECTED("UNAUTHORIZED"));
    assert_true(reply.has_ended);
    rig_expect("large", "POST /v1/rooms", KEY JSON, large_body(65537), 413,
               REJECTED("PAYLOAD_TOO_LARGE"));
    assert_true(reply.has_ended);
    rig_expect("as large as may be", "POST /v1/rooms", KEY JSON, large_body(65536), 400,
               REJECTED("VALIDATION"));
    assert_false(reply.has_ended);
    rig_expect("no key, no JSON", "POST /v1/rooms", JSON, "{", 401, REJECTED("UNAUTHORIZED"));
    rig_expect("no instance, no JSON", "POST /v1/instances/x/drain", KEY JSON, "{", 400,
               REJECTED("VALIDATION"));
    rig.tokens = 0;
    rig_expect("throttled, large", "POST /v1/rooms", JSON, large_body(65537), 429,
               REJECTED("AUTH_THROTTLED"));
    rig_expect("throttled, no key", "POST /v1/rooms", "", NULL, 429, REJECTED("AUTH_THROTTLED"));
    rig_expect_notes("nothing was ordered", "");
}

static void test_a_chunked_body_has_the_same_bound(void **state)
{
    (void)state;
    rig_ask("POST /v1/rooms", KEY JSON "Transfer-Encoding: chunked\r\n\r\n10001\r\n", NULL);
    assert_int_equal(reply.status, 413);
    assert_string_equal(reply.body, REJECTED("PAYLOAD_TOO_LARGE"));
    assert_true(reply.has_ended);
}

static void test_too_many_connections_of_one_client(void **state)
{
    static const char forwarded[] = "X-Forwarded-For: 192.0.2.1\r\n";
    struct client first = rig.client;

    (void)state;
    rig.fixture.config.trust_proxy = true;
    rig.fixture.config.max_conns_per_ip = 1;
    rig_ask("GET /hello", forwarded, NULL);
    client_open(&rig.client, &rig.fixture);
    rig.tokens = 0; /* nor does the throttle have a say */
    rig_expect("a second one", "POST /v1/rooms", forwarded, "{}", 503, REJECTED("UNAVAILABLE"));
    assert_true(reply_has("Retry-After: 1\r\n") && reply.has_ended);
    rig_expect("nowhere", "GET /v1/nope", forwarded, NULL, 503, REJECTED("UNAVAILABLE"));
    close(first.fd);
}

/* ---- bodies --------------------------------------------------------------------------------------------------- */

static void test_bodies(void **state)
{
    static const struct {
        const char *name, *headers, *body;
        int status;
        const char *want;
        bool closes;
    } rows[] = {
        { "none", KEY, NULL, 200, OK, false },
        { "of no length", KEY, "", 200, OK, false },
        { "an object", KEY JSON, "{}", 200, OK, false },
        { "another value", KEY JSON, "null", 200, OK, false },
        { "parameters", KEY "Content-Type: Application/JSON ; charset=utf-8\r\n", "{}", 200, OK,
          false },
        { "empty", KEY JSON, "", 400, REJECTED("VALIDATION"), false },
        { "not there", KEY JSON, NULL, 400, REJECTED("VALIDATION"), false },
        { "no JSON", KEY JSON, "{", 400, REJECTED("VALIDATION"), true },
        { "a prototype", KEY JSON, "{\"a\":[{\"__proto__\":1}]}", 400, REJECTED("VALIDATION"),
          true },
        { "one that is escaped", KEY JSON, "{\"_\\u005fproto__\":{}}", 400, REJECTED("VALIDATION"),
          true },
        { "a constructor's", KEY JSON, "{\"constructor\":{\"prototype\":{}}}", 400,
          REJECTED("VALIDATION"), true },
        { "a constructor without", KEY JSON, "{\"constructor\":{\"x\":{\"prototype\":1}}}", 200, OK,
          false },
        { "a constructor in another", KEY JSON,
          "{\"a\":{\"constructor\":{\"b\":1}},\"prototype\":{}}", 200, OK, false },
        { "a text that says so", KEY JSON, "[\"__proto__\"]", 200, OK, false },
        { "plain text", KEY "Content-Type: text/plain\r\n", "x", 200, OK, false },
        { "no type", KEY, "{}", 415, REJECTED("VALIDATION"), false },
        { "another type", KEY "Content-Type: text/html\r\n", "{}", 415, REJECTED("VALIDATION"),
          false },
        { "another type, empty", KEY "Content-Type: application/x-www-form-urlencoded\r\n", "", 415,
          REJECTED("VALIDATION"), false },
        { "hardly JSON", KEY "Content-Type: application/jsonp\r\n", "{}", 415,
          REJECTED("VALIDATION"), false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        rig_expect(rows[i].name, "POST /v1/instances/" ID_A "/drain", rows[i].headers, rows[i].body,
                   rows[i].status, rows[i].want);
        if (reply.has_ended != rows[i].closes)
            fail_msg("%s: closes", rows[i].name);
    }
}

/* ---- commands --------------------------------------------------------------------------------------------------- */

static void test_commands(void **state)
{
    (void)state;
    rig_expect("drain", "POST /v1/instances/" ID_A "/drain", KEY, NULL, 200, OK);
    rig_expect("undrain", "POST /v1/instances/" ID_A "/undrain", KEY JSON, "{}", 200, OK);
    rig_expect("destroy", "DELETE /v1/rooms/a%2Fb%20%7E%C3%A9", KEY, NULL, 200, OK);
    rig_expect("destroy by the other name", "DELETE /v1/rooms/p_B~hall", KEY, NULL, 200, OK);
    rig_expect("no room", "DELETE /v1/rooms/nope", KEY, NULL, 404, REJECTED("ROOM_NOT_FOUND"));
    rig_expect("no instance's id", "POST /v1/instances/ABC/drain", KEY, NULL, 404,
               REJECTED("INSTANCE_NOT_FOUND"));
    rig_expect_notes("raw ids", "drain " ID_A "\nundrain " ID_A "\ndestroy " ID_B
                                " a/b ~\xc3\xa9\ndestroy " ID_B " hall\n");
}

static void test_outcomes(void **state)
{
    static const struct {
        enum fleet_answer answer;
        int status;
        const char *want;
    } rows[] = {
        { FLEET_ANSWER_ROOM_EXISTS, 409, REJECTED("ROOM_EXISTS") },
        { FLEET_ANSWER_NO_CANDIDATE, 409, REJECTED("NO_CANDIDATE") },
        { FLEET_ANSWER_UNKNOWN_INSTANCE, 404, REJECTED("INSTANCE_NOT_FOUND") },
        { FLEET_ANSWER_DRAINING, 409, REJECTED("INSTANCE_DRAINING") },
        { FLEET_ANSWER_BUSY, 429, REJECTED("INSTANCE_BUSY") },
        { FLEET_ANSWER_FAILED, 502, REJECTED("COMMAND_FAILED") },
        { FLEET_ANSWER_DISCONNECTED, 502, REJECTED("INSTANCE_DISCONNECTED") },
        { FLEET_ANSWER_TIMEOUT, 504, REJECTED("COMMAND_TIMEOUT") },
        { FLEET_ANSWER_UNAVAILABLE, 503, REJECTED("UNAVAILABLE") },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        rig.answer = rows[i].answer;
        rig_expect("drain", "POST /v1/instances/" ID_A "/drain", KEY, NULL, rows[i].status,
                   rows[i].want);
        rig_expect("destroy", "DELETE /v1/rooms/hall", KEY, NULL, rows[i].status, rows[i].want);
        rig_expect("create", "POST /v1/rooms", KEY JSON, "{\"type\":\"match\"}", rows[i].status,
                   rows[i].want);
    }
    assert_int_equal(rig.fleet.node->metrics.limits[LIMIT_FLEET_COMMANDS], 3);
}

static bool is_held_order(void *ctx)
{
    (void)ctx;
    return rig.held != NULL;
}

static void open_log(const char *path)
{
    struct why why = { "" };

    if (!log_open(path, LOG_TEXT, LOG_INFO, &why))
        fail_msg("%s", why.text);
}

static void test_a_caller_that_goes_does_not_wait_and_is_audited(void **state)
{
    char path[64], log[4096] = "";
    int file = memfd_create("log", MFD_CLOEXEC);

    (void)state;
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    open_log(path);
    rig.is_holding = true;
    client_send(&rig.client, S("DELETE /v1/rooms/hall HTTP/1.1\r\nHost: x\r\n" KEY "\r\n"));
    support_wait(&rig.fixture.loop, is_held_order, NULL, SUPPORT_WAIT_MS, "the order");
    client_close(&rig.client);
    assert_null(rig.held->ctx);
    open_log(NULL);
    assert_true(pread(file, log, sizeof log - 1, 0) > 0);
    assert_non_null(strstr(log, " fleet.audit method=DELETE path=/v1/rooms/hall key=key#"));
    assert_non_null(strstr(log, " outcome=499\n"));
    close(file);
    client_open(&rig.client, &rig.fixture);
}

static void test_metadata(void **state)
{
    static const struct row rows[] = {
        { "some", "PUT /v1/rooms/hall/metadata", KEY JSON, "{\"mode\": \"ranked\", \"mode\":\"x\"}",
          200, OK },
        { "none", "PUT /v1/rooms/p_B~hall/metadata", KEY JSON, "{}", 200, OK },
        { "no room", "PUT /v1/rooms/nope/metadata", KEY JSON, "{}", 404,
          REJECTED("ROOM_NOT_FOUND") },
        { "no body", "PUT /v1/rooms/hall/metadata", KEY, NULL, 400, REJECTED("VALIDATION") },
        { "no object", "PUT /v1/rooms/hall/metadata", KEY JSON, "[]", 400, REJECTED("VALIDATION") },
        { "a number", "PUT /v1/rooms/hall/metadata", KEY JSON, "{\"a\":1}", 400,
          REJECTED("VALIDATION") },
        { "sixteen", "PUT /v1/rooms/hall/metadata", KEY JSON,
          "{\"a\":\"\",\"b\":\"\",\"c\":\"\",\"d\":\"\",\"e\":\"\",\"f\":\"\",\"g\":\"\",\"h\":\"\""
          ",\"i\":\"\",\"j\":\"\",\"k\":\"\",\"l\":\"\",\"m\":\"\",\"n\":\"\",\"o\":\"\","
          "\"p\":\"\"}",
          200, OK },
        { "seventeen", "PUT /v1/rooms/hall/metadata", KEY JSON,
          "{\"a\":\"\",\"b\":\"\",\"c\":\"\",\"d\":\"\",\"e\":\"\",\"f\":\"\",\"g\":\"\",\"h\":\"\""
          ",\"i\":\"\",\"j\":\"\",\"k\":\"\",\"l\":\"\",\"m\":\"\",\"n\":\"\",\"o\":\"\","
          "\"p\":\"\",\"q\":\"\"}",
          400, REJECTED("VALIDATION") },
        { "a long key", "PUT /v1/rooms/hall/metadata", KEY JSON,
          "{\"01234567890123456789012345678901234567890123456789012345678901234\":\"\"}", 400,
          REJECTED("VALIDATION") },
    };

    (void)state;
    EXPECT(rows);
    rig_expect_notes("bases",
                     "describe " ID_A " hall {\"mode\":\"x\"}\ndescribe " ID_B " hall {}\n"
                     "describe " ID_A " hall {\"a\":\"\",\"b\":\"\",\"c\":\"\",\"d\":\"\","
                     "\"e\":\"\",\"f\":\"\",\"g\":\"\",\"h\":\"\",\"i\":\"\",\"j\":\"\","
                     "\"k\":\"\",\"l\":\"\",\"m\":\"\",\"n\":\"\",\"o\":\"\",\"p\":\"\"}\n");
    rig.describe = RESULT_NOT_FOUND;
    rig_expect("it has gone", "PUT /v1/rooms/hall/metadata", KEY JSON, "{}", 404,
               REJECTED("ROOM_NOT_FOUND"));
    rig.describe = RESULT_UNCERTAIN;
    rig_expect("perhaps", "PUT /v1/rooms/hall/metadata", KEY JSON, "{}", 504,
               REJECTED("COMMAND_TIMEOUT"));
}

/* ---- other origins ------------------------------------------------------------------------------------------------- */

static char origin_a[] = "https://a.example", origin_b[] = "https://b.example", any[] = "*";
static char *origins_some[] = { origin_a, origin_b };
static char *origins_all[] = { any };

#define ORIGIN_A  "Origin: https://a.example\r\n"
#define ORIGIN_C  "Origin: https://c.example\r\n"
#define ASKS      "Access-Control-Request-Method: POST\r\n"
#define ALLOWED_A "Access-Control-Allow-Origin: https://a.example\r\n"
#define VARY      "Vary: Origin\r\n"

static void test_origins(void **state)
{
    (void)state;
    rig_ask("GET /v1/stats", KEY ORIGIN_A, NULL);
    assert_false(reply_has("Access-Control") || reply_has("Vary"));
    rig.fixture.config.fleet_cors = (struct strings){ origins_some, 2 };
    rig_ask("GET /v1/stats", KEY ORIGIN_A, NULL);
    assert_true(reply_has(ALLOWED_A) && reply_has(VARY));
    rig_ask("GET /v1/stats", ORIGIN_A, NULL);
    assert_int_equal(reply.status, 401);
    assert_true(reply_has(ALLOWED_A) && reply_has(VARY));
    rig_ask("GET /v1/nope", ORIGIN_C, NULL);
    assert_int_equal(reply.status, 404);
    assert_true(!reply_has("Access-Control") && reply_has(VARY));
    rig_ask("GET /v1/stats", KEY ORIGIN_A "If-None-Match: *\r\n", NULL);
    assert_int_equal(reply.status, 304);
    assert_true(reply_has(ALLOWED_A) && reply_has(VARY));
    rig_ask("GET /v1/stats", KEY, NULL);
    assert_true(!reply_has("Access-Control") && reply_has(VARY));
    rig.fixture.config.fleet_cors = (struct strings){ origins_all, 1 };
    rig_ask("GET /v1/stats", KEY, NULL);
    assert_true(reply_has("Access-Control-Allow-Origin: *\r\n") && !reply_has("Vary"));
    assert_false(reply_has("Credentials") || reply_has("Max-Age"));
}

static void test_preflights(void **state)
{
    static const char *const methods = "Access-Control-Allow-Methods: GET,HEAD,POST,PUT,DELETE\r\n";

    (void)state;
    rig.fixture.config.fleet_cors = (struct strings){ origins_some, 2 };
    rig_ask("OPTIONS /v1/rooms", ORIGIN_A ASKS "Access-Control-Request-Headers: a, b\r\n", NULL);
    assert_int_equal(reply.status, 204);
    assert_true(reply_has(ALLOWED_A) && reply_has(methods));
    assert_true(reply_has("Access-Control-Allow-Headers: a, b\r\n"));
    assert_true(reply_has("Vary: Origin, Access-Control-Request-Headers\r\n"));
    rig_ask("OPTIONS /v1/nope", ORIGIN_C ASKS, NULL);
    assert_int_equal(reply.status, 204);
    assert_true(!reply_has("Allow-Origin") && reply_has(methods));
    rig_expect("no origin", "OPTIONS /v1/rooms", ASKS, NULL, 400, "Invalid Preflight Request");
    assert_true(reply_has("Content-Type: text/plain"));
    rig_expect("no method", "OPTIONS /v1/rooms", ORIGIN_A, NULL, 400, "Invalid Preflight Request");
    rig.fixture.config.fleet_cors = (struct strings){ origins_all, 1 };
    rig_ask("OPTIONS /v1/rooms", ORIGIN_C ASKS, NULL);
    assert_true(reply_has("Access-Control-Allow-Origin: *\r\n") && reply_has(methods));
    assert_int_equal(rig.tokens, 10);
}

/* ---- long answers ------------------------------------------------------------------------------------------------------ */

enum { MANY = 20000 };

/* The chunks of a streamed body, joined; returns its length. */
static size_t read_chunks(struct buf *out)
{
    struct client *client = &rig.client;

    for (;;) {
        char *end;
        size_t len, size;

        while ((end = strstr(client->got, "\r\n")) == NULL) {
            uv_run(&rig.fixture.loop, UV_RUN_NOWAIT);
            client_read(client);
        }
        len = strtoul(client->got, NULL, 16);
        size = (size_t)(end + 2 - client->got);
        client->len -= size;
        memmove(client->got, client->got + size, client->len + 1);
        for (size_t left = len + 2; left > 0;) {
            size_t part;

            uv_run(&rig.fixture.loop, UV_RUN_NOWAIT);
            client_read(client);
            part = client->len < left ? client->len : left;
            buf_add(out, client->got, part);
            client->len -= part;
            memmove(client->got, client->got + part, client->len + 1);
            left -= part;
        }
        out->len -= 2;
        if (len == 0)
            return out->len;
    }
}

static void add_many(void)
{
    struct fleet_instance_room *rooms = xcalloc(MANY, sizeof *rooms);
    char(*ids)[24] = xcalloc(MANY, sizeof *ids);
    struct fleet_instance instance = {
        .name = S("many"),
        .process_uid = S("p_C"),
        .agent_version = S("8.0.0"),
        .endpoint_url = S("ws://h"),
        .status = S("active"),
        .hash = S("z"),
        .protocol_version = 3,
        .rooms = rooms,
        .room_count = MANY,
    };

    for (int i = 0; i < MANY; i++) {
        snprintf(ids[i], sizeof ids[i], "room-%d", i);
        rooms[i].id = slice_of(ids[i]);
        rooms[i].type = i % 2 == 0 ? S("even") : S("odd");
    }
    rig_add("c000000000000003", &instance, NULL, NULL);
    free(rooms);
    free(ids);
}

static size_t count_of(struct slice text, const char *what)
{
    size_t count = 0, len = strlen(what);
    const char *at = text.data;

    while ((at = memmem(at, text.len - (size_t)(at - text.data), what, len)) != NULL) {
        count++;
        at += len;
    }
    return count;
}

static void test_a_long_list_comes_in_pieces_of_one_version(void **state)
{
    struct json value;
    struct buf body;

    (void)state;
    buf_init(&body, SIZE_MAX);
    add_many();
    rig_ask("GET /v1/rooms", KEY, NULL);
    assert_true(reply_has("Transfer-Encoding: chunked\r\n") && reply_has("ETag: W/\"" HASH "\""));
    /* meanwhile the copy changes, at another's question */
    rig.instance_count = 1;
    struct client first = rig.client;

    client_open(&rig.client, &rig.fixture);
    rig_expect("others", "GET /v1/instances/" ID_A "/rooms", KEY, NULL, 200,
               DATA("[" ROOM_HALL "," ROOM_MATCH "]"));
    client_close(&rig.client);
    rig.client = first;
    rig.instance_count = 3;
    read_chunks(&body);
    assert_true(json_parse(buf_slice(&body), &value));
    assert_int_equal(count_of(buf_slice(&body), "{\"id\":"), MANY + 4);
    buf_clear(&body);
    rig_ask("GET /v1/rooms?type=odd", KEY, NULL);
    read_chunks(&body);
    assert_true(json_parse(buf_slice(&body), &value));
    assert_int_equal(count_of(buf_slice(&body), "\"type\":\"odd\""), MANY / 2);
    buf_clear(&body);
    rig_ask("GET /v1/rooms?type=%zz&type=x%zz&label=a%:b&instanceId=", KEY, NULL);
    assert_string_equal(reply.body, DATA("[]"));
    rig_ask("GET /v1/rooms?type=odd%zz", KEY, NULL); /* outlives its request */
    read_chunks(&body);
    assert_true(slice_is(buf_slice(&body), DATA("[]")));
    buf_clear(&body);
    rig_ask("GET /v1/instances/c000000000000003", KEY, NULL);
    read_chunks(&body);
    assert_true(json_parse(buf_slice(&body), &value));
    assert_int_equal(count_of(buf_slice(&body), "{\"id\":"), MANY + 1);
    buf_fini(&body);
    rig_ask("HEAD /v1/rooms", KEY, NULL);
    assert_int_equal(reply.status, 200);
    rig_expect("and then", "GET /v1/rooms/room-777", KEY, NULL, 200, NULL);
}

static void test_a_caller_goes_amid_a_long_list(void **state)
{
    (void)state;
    add_many();
    rig_ask("GET /v1/rooms", KEY, NULL);
    client_close(&rig.client);
    client_open(&rig.client, &rig.fixture);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, rig_start, rig_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_what_there_is),
        CASE(test_head_is_get_without_a_body),
        CASE(test_filters),
        CASE(test_conditions),
        CASE(test_paths),
        CASE(test_without_the_api_there_is_nothing),
        CASE(test_keys),
        CASE(test_the_throttle_takes_one_for_each_failure_and_stops_everybody),
        CASE(test_guesses_at_a_time_do_not_pass_the_throttle),
        CASE(test_the_throttle_counts_subscribers),
        CASE(test_redis_is_away),
        CASE(test_throttle_then_key_then_body_then_handler),
        CASE(test_a_chunked_body_has_the_same_bound),
        CASE(test_too_many_connections_of_one_client),
        CASE(test_bodies),
        CASE(test_commands),
        CASE(test_outcomes),
        CASE(test_a_caller_that_goes_does_not_wait_and_is_audited),
        CASE(test_metadata),
        CASE(test_origins),
        CASE(test_preflights),
        CASE(test_a_long_list_comes_in_pieces_of_one_version),
        CASE(test_a_caller_goes_amid_a_long_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
