/* SPDX-License-Identifier: MIT */
/*
 * Engine.IO against the behaviours of the official suites: each is a row, for protocol 4 and
 * for 3. What only one of them has stands in a row of its own.
 */
#include "engine_alone.h"
#include "engine_rig.h"

/* ---- handshakes ----------------------------------------------------------------------------------------------- */

static void handshake_by_polling(struct stage *stage)
{
    struct answer answer;
    const char *packet = answer.body;

    ask(&stage->rig, stage->polling, &answer);
    assert_int_equal(answer.status, 200);
    expect_header(&answer, "Content-Type: text/plain; charset=UTF-8\r\n");
    expect_header(&answer, "Cache-Control: no-store\r\n");
    if (stage->version == 3) {
        packet = strchr(answer.body, ':') + 1;
        assert_int_equal(atoi(answer.body), strlen(packet));
    }
    check_open(packet, "\"websocket\"");
}

static void bad_handshakes(struct stage *stage)
{
    static const struct {
        const char *query, *body;
    } rows[] = {
        { "transport=polling", "{\"code\":5,\"message\":\"Unsupported protocol version\"}" },
        { "EIO=abc&transport=polling",
          "{\"code\":5,\"message\":\"Unsupported protocol version\"}" },
        { "EIO=4", "{\"code\":0,\"message\":\"Transport unknown\"}" },
        { "EIO=4&transport=abc", "{\"code\":0,\"message\":\"Transport unknown\"}" },
        { "EIO=4&transport=websocket", "{\"code\":3,\"message\":\"Bad request\"}" },
        { "EIO=4&transport=polling&sid=abc", "{\"code\":1,\"message\":\"Session ID unknown\"}" },
        { "EIO=4&transport=polling&sid=ABCDEFGHIJKLMNOPQRST",
          "{\"code\":1,\"message\":\"Session ID unknown\"}" },
    };
    struct answer answer;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ask(&stage->rig, rows[i].query, &answer);
        expect_at(__LINE__, &answer, 400, rows[i].body, strlen(rows[i].body));
        expect_header(&answer, "Content-Type: application/json\r\n");
    }
}

static void handshake_by_other_methods(struct stage *stage)
{
    static const char *const methods[] = { "POST", "PUT", "DELETE", "BREW", "OPTIONS" };
    struct asker asker;
    struct answer answer;

    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        asker_start(&asker, &stage->rig,
                    "%s /engine.io/?%s HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
                    methods[i], stage->polling);
        asker_wait(&asker, &answer);
        expect(&answer, 400, "{\"code\":2,\"message\":\"Bad handshake method\"}");
    }
}

/* ---- messages by polling ----------------------------------------------------------------------------------------- */

static void echo_by_polling(struct stage *stage)
{
    struct session session;
    struct answer answer;

    open_session(stage, &session);
    session_post(&session, "4hello", &answer);
    expect(&answer, 200, "ok");
    expect_header(&answer, "Content-Type: text/html\r\n");
    session_get(&session, &answer);
    expect_packet(&session, &answer, "4hello");
}

static void echo_several(struct stage *stage)
{
    const char *body = stage->version == 4 ? "4test1\x1e"
                                             "4test2\x1e"
                                             "4test3"
                                           : "6:4test16:4test26:4test3";
    struct session session;
    struct answer answer;
    struct asker asker;

    open_session(stage, &session);
    asker_post(&asker, &stage->rig, session.query, "text/plain;charset=UTF-8", slice_of(body));
    asker_wait(&asker, &answer);
    expect(&answer, 200, "ok");
    session_get(&session, &answer);
    expect_at(__LINE__, &answer, 200, body, strlen(body));
}

static void echo_binary_4(struct stage *stage)
{
    struct session session;
    struct answer answer;
    struct asker asker;

    open_session(stage, &session);
    asker_post(&asker, &stage->rig, session.query, "text/plain",
               SLICE_LITERAL("4hello\x1e"
                             "bAQIDBA=="));
    asker_wait(&asker, &answer);
    session_get(&session, &answer);
    expect(&answer, 200,
           "4hello\x1e"
           "bAQIDBA==");
}

static void echo_binary_3(struct stage *stage)
{
    struct session plain, b64;
    struct answer answer;
    struct asker asker;

    open_session(stage, &plain);
    session_open(&b64, &stage->rig, "EIO=3&transport=polling&b64=1");
    asker_post(&asker, &stage->rig, plain.query, "text/plain",
               SLICE_LITERAL("6:4hello10:b4AQIDBA=="));
    asker_wait(&asker, &answer);
    session_get(&plain, &answer);
    expect(&answer, 200,
           "\0\6\xff"
           "4hello\1\5\xff\4\1\2\3\4");
    expect_header(&answer, "Content-Type: application/octet-stream\r\n");
    asker_post(&asker, &stage->rig, b64.query, "application/octet-stream",
               SLICE_LITERAL("\0\6\xff"
                             "4hello\1\5\xff\4\1\2\3\4"));
    asker_wait(&asker, &answer);
    session_get(&b64, &answer);
    expect(&answer, 200, "6:4hello10:b4AQIDBA==");
}

static void parse_error(struct stage *stage)
{
    struct session session;
    struct asker held;
    struct answer answer;

    open_session(stage, &session);
    asker_get(&held, &stage->rig, session.query);
    session_post(&session, "abc", &answer);
    expect(&answer, 200, "ok");
    asker_wait(&held, &answer);
    expect_packet(&session, &answer, "1");
    session_get(&session, &answer);
    expect(&answer, 400, "{\"code\":1,\"message\":\"Session ID unknown\"}");
}

static void two_gets(struct stage *stage)
{
    struct session session;
    struct asker first, second;
    struct answer answer;

    open_session(stage, &session);
    asker_get(&first, &stage->rig, session.query);
    asker_get(&second, &stage->rig, session.query);
    asker_wait(&first, &answer);
    expect_packet(&session, &answer, "1");
    asker_wait(&second, &answer);
    expect(&answer, 400, "");
    session_get(&session, &answer);
    assert_int_equal(answer.status, 400);
}

static void aborted_get(struct stage *stage)
{
    struct session session;
    struct asker held;
    struct answer answer;

    open_session(stage, &session);
    asker_get(&held, &stage->rig, session.query);
    asker_close(&held);
    session_get(&session, &answer);
    assert_int_equal(answer.status, 400);
}

/* The head of a POST whose body is yet to come. */
static void start_post(struct stage *stage, const struct session *session, struct asker *asker)
{
    asker_start(asker, &stage->rig,
                "POST /engine.io/?%s HTTP/1.1\r\nHost: h\r\nContent-Type: text/plain\r\n"
                "Content-Length: 6\r\n\r\n",
                session->query);
}

static void two_posts(struct stage *stage)
{
    struct session session;
    struct asker first;
    struct answer answer;

    open_session(stage, &session);
    start_post(stage, &session, &first);
    session_post(&session, "4hello", &answer);
    expect(&answer, 400, "");
    asker_wait(&first, &answer);
    assert_int_equal(answer.status, 0);
    session_get(&session, &answer);
    assert_int_equal(answer.status, 400);
}

static void aborted_post(struct stage *stage)
{
    struct session session;
    struct asker post, get;
    struct answer answer;

    open_session(stage, &session);
    start_post(stage, &session, &post);
    asker_get(&get, &stage->rig, session.query);
    asker_close(&post);
    asker_wait(&get, &answer);
    expect_packet(&session, &answer, "1");
    session_get(&session, &answer);
    assert_int_equal(answer.status, 400);
}

static void slow_post(struct stage *stage)
{
    const char *body = stage->version == 4 ? "4hello" : "4:4abc";
    struct session session;
    struct asker post;
    struct answer answer;

    open_session(stage, &session);
    start_post(stage, &session, &post);
    for (size_t i = 0; i < 6; i++)
        asker_add(&post, (struct slice){ body + i, 1 });
    asker_wait(&post, &answer);
    expect(&answer, 200, "ok");
    session_get(&session, &answer);
    expect_at(__LINE__, &answer, 200, body, 6);
}

/* Too large is no reason to end. */
static void large_post(struct stage *stage)
{
    struct session session;
    struct asker asker;
    struct answer answer;

    open_session(stage, &session);
    asker_start(&asker, &stage->rig,
                "POST /engine.io/?%s HTTP/1.1\r\nHost: h\r\nContent-Length: 1000001\r\n\r\n",
                session.query);
    asker_wait(&asker, &answer);
    expect(&answer, 413, "");
    session_post(&session, "4hello", &answer);
    expect(&answer, 200, "ok");
}

/* Nor is one whose size shows only as it comes. A browser is allowed to see that. */
static void large_chunked_post(struct stage *stage)
{
    static char any[] = "*", zeros[100000];
    static char *items[] = { any };
    struct session session;
    struct asker asker;
    struct answer answer;

    stage->rig.config.origins = (struct strings){ items, 1 };
    open_session(stage, &session);
    asker_start(&asker, &stage->rig,
                "POST /engine.io/?%s HTTP/1.1\r\nHost: h\r\nOrigin: https://a.example\r\n"
                "Transfer-Encoding: chunked\r\n\r\n186a0\r\n",
                session.query);
    asker_add(&asker, (struct slice){ zeros, sizeof zeros });
    asker_add(&asker, slice_of("\r\nf4240\r\n"));
    asker_wait(&asker, &answer);
    expect(&answer, 413, "");
    expect_header(&answer, "Access-Control-Allow-Origin: https://a.example\r\n");
    expect_header(&answer, "Vary: Origin\r\n");
    session_post(&session, "4hello", &answer);
    expect(&answer, 200, "ok");
    stage->rig.config.origins = (struct strings){ NULL, 0 };
}

/* What comes too late is: the client does not know how much of it was taken. */
static void late_post(struct stage *stage)
{
    struct session session;
    struct asker post;
    struct answer answer;

    stage->rig.config.body_timeout_ms = 20;
    open_session(stage, &session);
    start_post(stage, &session, &post);
    asker_wait(&post, &answer);
    expect(&answer, 408, "");
    session_get(&session, &answer);
    expect(&answer, 400, "{\"code\":1,\"message\":\"Session ID unknown\"}");
}

static void octets_in_protocol_4(struct stage *stage)
{
    struct session session;
    struct asker asker;
    struct answer answer;

    open_session(stage, &session);
    asker_post(&asker, &stage->rig, session.query, "application/octet-stream",
               SLICE_LITERAL("4hello"));
    asker_wait(&asker, &answer);
    expect(&answer, 400, "");
    session_get(&session, &answer);
    assert_int_equal(answer.status, 400);
}

static void other_methods(struct stage *stage)
{
    struct session session;
    struct asker asker;
    struct answer answer;

    open_session(stage, &session);
    asker_start(&asker, &stage->rig,
                "PUT /engine.io/?%s HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
                session.query);
    asker_wait(&asker, &answer);
    expect(&answer, 405, "");
    expect_header(&answer, "Allow: GET, POST, OPTIONS\r\n");
    session_post(&session, "4hello", &answer);
    expect(&answer, 200, "ok");
}

static void wrong_version(struct stage *stage)
{
    struct session session;
    struct answer answer;
    char query[128];

    open_session(stage, &session);
    snprintf(query, sizeof query, "EIO=%d&transport=polling&sid=%s", 7 - stage->version,
             session.sid);
    ask(&stage->rig, query, &answer);
    expect(&answer, 400, "{\"code\":3,\"message\":\"Bad request\"}");
    session_post(&session, "4hello", &answer);
    expect(&answer, 200, "ok");
}

static void jsonp(struct stage *stage)
{
    struct session session;
    struct asker asker;
    struct answer answer;
    char query[128];

    snprintf(query, sizeof query, "%s&j=0", stage->polling);
    ask(&stage->rig, query, &answer);
    assert_int_equal(answer.status, 200);
    expect_header(&answer, "Content-Type: text/javascript; charset=UTF-8\r\n");
    expect_header(&answer, "X-Content-Type-Options: nosniff\r\n");
    assert_memory_equal(answer.body, "___eio[0](\"", 11);
    snprintf(session.sid, sizeof session.sid, "%.20s", strstr(answer.body, "sid\\\":\\\"") + 8);
    snprintf(query, sizeof query, "%s&j=7&sid=%s", stage->polling, session.sid);
    asker_post(&asker, &stage->rig, query, "application/x-www-form-urlencoded",
               stage->version == 4 ? SLICE_LITERAL("d=4h%C3%A9") : SLICE_LITERAL("d=3%3A4h%C3%A9"));
    asker_wait(&asker, &answer);
    expect(&answer, 200, "ok");
    ask(&stage->rig, query, &answer);
    if (stage->version == 4)
        expect(&answer, 200, "___eio[7](\"4h\xc3\xa9\");");
    else
        expect(&answer, 200, "___eio[7](\"3:4h\xc3\xa9\");");
}

/* ---- heartbeat -------------------------------------------------------------------------------------------------------- */

static void heartbeat_by_polling_4(struct stage *stage)
{
    struct session session;
    struct answer answer;

    open_session(stage, &session);
    for (int i = 0; i < 3; i++) {
        session_get(&session, &answer);
        expect(&answer, 200, "2");
        session_post(&session, "3", &answer);
        expect(&answer, 200, "ok");
    }
}

static void heartbeat_by_polling_3(struct stage *stage)
{
    struct session session;
    struct answer answer;

    open_session(stage, &session);
    for (int i = 0; i < 3; i++) {
        pass(stage, INTERVAL_MS);
        session_post(&session, "2", &answer);
        expect(&answer, 200, "ok");
        session_get(&session, &answer);
        expect(&answer, 200, "1:3");
    }
}

static void silence_by_polling(struct stage *stage)
{
    struct session session;
    struct answer answer;

    open_session(stage, &session);
    pass(stage, INTERVAL_MS + TIMEOUT_MS);
    session_get(&session, &answer);
    expect(&answer, 400, "{\"code\":1,\"message\":\"Session ID unknown\"}");
}

/* ---- closing ------------------------------------------------------------------------------------------------------------ */

static void close_by_polling(struct stage *stage)
{
    struct session session;
    struct asker held;
    struct answer answer;

    open_session(stage, &session);
    asker_get(&held, &stage->rig, session.query);
    session_post(&session, "1", &answer);
    expect(&answer, 200, "ok");
    asker_wait(&held, &answer);
    expect_packet(&session, &answer, "6");
    session_get(&session, &answer);
    assert_int_equal(answer.status, 400);
}

/* As it may be where the two take different ways. */
static void close_overtakes_the_get(struct stage *stage)
{
    struct session session;
    struct answer answer;

    open_session(stage, &session);
    session_post(&session, "1", &answer);
    expect(&answer, 200, "ok");
    session_get(&session, &answer);
    expect_packet(&session, &answer, "6");
    session_get(&session, &answer);
    assert_int_equal(answer.status, 400);
}

/* ---- bounds, and the node ------------------------------------------------------------------------------------------------------ */

static void sixteen_packets(struct stage *stage)
{
    struct session session;
    struct answer answer;

    open_session(stage, &session);
    for (int i = 0; i < 20; i++)
        session_post(&session, "4a", &answer);
    session_get(&session, &answer);
    assert_int_equal(answer.len, stage->version == 4 ? 16 * 3 - 1 : 16 * 4);
    session_get(&session, &answer);
    assert_int_equal(answer.len, stage->version == 4 ? 4 * 3 - 1 : 4 * 4);
}

static void too_many_packets(struct stage *stage)
{
    struct engine_settings settings = rig_settings;
    struct session session;
    struct asker asker;
    struct answer answer;

    settings.post_packets = 2;
    engine_configure(stage->rig.engine, &settings);
    open_session(stage, &session);
    asker_post(&asker, &stage->rig, session.query, "text/plain",
               stage->version == 4 ? SLICE_LITERAL("4a\x1e"
                                                   "4b\x1e"
                                                   "4c")
                                   : SLICE_LITERAL("2:4a2:4b2:4c"));
    asker_wait(&asker, &answer);
    expect(&answer, 200, "ok");
    session_get(&session, &answer);
    assert_int_equal(answer.status, 400);
    assert_int_equal(stage->rig.node.metrics.limits[LIMIT_SOCKETIO_POST_PACKETS], 1);
}

static void too_slow(struct stage *stage)
{
    struct engine_settings settings = rig_settings;
    struct session session;
    struct asker asker;
    struct answer answer;
    char *large = xmalloc(100000);

    memset(large, '4', 100000);
    settings.pending_max = 16 * 1024;
    engine_configure(stage->rig.engine, &settings);
    open_session(stage, &session);
    if (stage->version == 3)
        memcpy(large, "99994:", 6);
    for (int i = 0; i < 2;
         i++) { /* the first is taken, as nothing waits; the answer to the second ends it */
        asker_post(&asker, &stage->rig, session.query, "text/plain",
                   (struct slice){ large, 100000 });
        asker_wait(&asker, &answer);
        expect(&answer, 200, "ok");
    }
    session_get(&session, &answer);
    assert_int_equal(answer.status, 400);
    assert_int_equal(stage->rig.node.metrics.engine_closed[ENGINE_TOO_SLOW], 1);
    free(large);
}

/* Pings that nobody wants to see answered. */
static void too_many_pings(struct stage *stage)
{
    struct engine_settings settings = rig_settings;
    struct session session;
    struct asker asker;
    struct answer answer;
    char *large = xmalloc(50002);

    settings.pending_max = 16 * 1024;
    engine_configure(stage->rig.engine, &settings);
    open_session(stage, &session);
    memset(large, 'x', 50002);
    memcpy(large, "49996:2", 7);
    for (int i = 0; i < 2; i++) {
        asker_post(&asker, &stage->rig, session.query, "text/plain",
                   (struct slice){ large, 50002 });
        asker_wait(&asker, &answer);
        expect(&answer, 200, "ok");
    }
    assert_int_equal(stage->rig.node.metrics.engine_closed[ENGINE_TOO_SLOW], 1);
    free(large);
}

static void per_address(struct stage *stage)
{
    struct session session;
    struct answer answer;

    stage->rig.config.max_conns_per_ip = 1;
    open_session(stage, &session);
    ask(&stage->rig, stage->polling, &answer);
    expect(&answer, 503, "");
    session_post(&session, "1", &answer);
    session_get(&session, &answer);
    ask(&stage->rig, stage->polling, &answer);
    assert_int_equal(answer.status, 200);
}

static void drain(struct stage *stage)
{
    struct session session;
    struct asker held;
    struct answer answer;

    open_session(stage, &session);
    asker_get(&held, &stage->rig, session.query);
    stage->rig.node.is_draining = true;
    engine_drain(stage->rig.engine);
    asker_wait(&held, &answer);
    expect_packet(&session, &answer, "1");
    ask(&stage->rig, stage->polling, &answer);
    expect(&answer, 503, "");
    expect_header(&answer, "Retry-After: 1\r\n");
}

/* Held requests, idle sessions and WebSockets: nothing is left. */
static void ends_with_the_node(struct stage *stage)
{
    struct session session;
    struct socket socket, probing;
    struct asker held;
    char opened[256];

    open_session(stage, &session);
    asker_get(&held, &stage->rig, session.query);
    open_socket_of(stage, &probing, &session);
    open_session(stage, &session);
    socket_open_new(&socket, &stage->rig, stage->websocket, opened);
    rig_stop(&stage->rig);
    ws_client_fini(&socket.client);
    ws_client_fini(&probing.client);
    close(held.fd);
    buf_fini(&held.in);
    rig_start(&stage->rig);
}

/* ---- CORS and origins ------------------------------------------------------------------------------------------------------------ */

static void ask_from(struct stage *stage, const char *method, const char *headers,
                     struct answer *answer)
{
    struct asker asker;

    asker_start(&asker, &stage->rig, "%s /engine.io/?%s HTTP/1.1\r\nHost: h\r\n%s\r\n", method,
                stage->polling, headers);
    asker_wait(&asker, answer);
}

static void origins(struct stage *stage)
{
    static char listed[] = "https://a.example", any[] = "*";
    static char *items[] = { listed };
    struct answer answer;

    ask_from(stage, "GET", "Origin: https://a.example\r\n", &answer);
    assert_int_equal(answer.status, 200);
    assert_null(strstr(answer.head, "Access-Control"));
    stage->rig.config.origins = (struct strings){ items, 1 };
    ask_from(stage, "GET", "Origin: https://a.example\r\n", &answer);
    assert_int_equal(answer.status, 200);
    expect_header(&answer, "Access-Control-Allow-Origin: https://a.example\r\n");
    expect_header(&answer, "Access-Control-Allow-Credentials: true\r\n");
    expect_header(&answer, "Vary: Origin\r\n");
    ask_from(stage, "GET", "Origin: https://b.example\r\n", &answer);
    expect(&answer, 403, "{\"code\":4,\"message\":\"Forbidden\"}");
    assert_null(strstr(answer.head, "Access-Control"));
    ask_from(stage, "GET", "", &answer);
    assert_int_equal(answer.status, 200);
    ask_from(stage, "OPTIONS",
             "Origin: https://a.example\r\nAccess-Control-Request-Headers: x-a\r\n", &answer);
    expect(&answer, 204, "");
    expect_header(&answer, "Access-Control-Allow-Methods: GET,POST,OPTIONS\r\n");
    expect_header(&answer, "Access-Control-Allow-Headers: x-a\r\n");
    expect_header(&answer, "Access-Control-Max-Age: 600\r\n");
    items[0] = any;
    ask_from(stage, "GET", "Origin: https://b.example\r\n", &answer);
    assert_int_equal(answer.status, 200);
    expect_header(&answer, "Access-Control-Allow-Origin: https://b.example\r\n");
    items[0] = listed;
    stage->rig.config.origins = (struct strings){ NULL, 0 };
}

static void old_explorer(struct stage *stage)
{
    struct answer answer;

    ask_from(stage, "GET", "User-Agent: Mozilla/5.0 (Windows NT 6.1; Trident/7.0; rv:11.0)\r\n",
             &answer);
    expect_header(&answer, "X-XSS-Protection: 0\r\n");
}

/* ---- the bundle --------------------------------------------------------------------------------------------------------------------- */

static void ask_file(struct stage *stage, const char *name, const char *headers,
                     struct answer *answer)
{
    struct asker asker;

    asker_start(&asker, &stage->rig, "GET /engine.io/%s HTTP/1.1\r\nHost: h\r\n%s\r\n", name,
                headers);
    asker_wait(&asker, answer);
}

static void bundle(struct stage *stage)
{
    char folder[64], path[96], tag[128];
    struct answer answer;
    FILE *file;

    ask_file(stage, "socket.io.js", "", &answer);
    expect(&answer, 404, "");
    support_folder_make(folder, sizeof folder, "engine");
    snprintf(path, sizeof path, "%s/socket.io.js", folder);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs("var io;\n", file);
    fclose(file);
    stage->rig.config.socketio_client = folder;
    engine_configure(stage->rig.engine, &rig_settings);
    support_folder_remove(folder);
    ask_file(stage, "socket.io.js", "", &answer);
    expect(&answer, 200, "var io;\n");
    expect_header(&answer, "Content-Type: application/javascript; charset=utf-8\r\n");
    expect_header(&answer, "Cache-Control: public, max-age=0\r\n");
    snprintf(tag, sizeof tag, "If-None-Match: %.18s\r\n", strstr(answer.head, "ETag: ") + 6);
    ask_file(stage, "socket.io.js", tag, &answer);
    expect(&answer, 304, "");
    ask_file(stage, "socket.io.min.js", "", &answer);
    expect(&answer, 404, "");
    ask_file(stage, "../socket.io.js", "", &answer);
    expect(&answer, 400, "{\"code\":0,\"message\":\"Transport unknown\"}");
    stage->rig.config.socketio_client = NULL;
}

/* ---- rows ------------------------------------------------------------------------------------------------------------------------------ */

static const struct row rows[] = {
    { "handshake by polling", handshake_by_polling, IN_BOTH },
    { "bad handshakes", bad_handshakes, IN_4 },
    { "handshakes by other methods", handshake_by_other_methods, IN_BOTH },
    { "a packet there and back", echo_by_polling, IN_BOTH },
    { "several packets", echo_several, IN_BOTH },
    { "binary", echo_binary_4, IN_4 },
    { "binary", echo_binary_3, IN_3 },
    { "a payload that is none", parse_error, IN_BOTH },
    { "two GETs", two_gets, IN_BOTH },
    { "a GET that breaks", aborted_get, IN_BOTH },
    { "two POSTs", two_posts, IN_BOTH },
    { "a POST that breaks", aborted_post, IN_BOTH },
    { "a POST byte by byte", slow_post, IN_BOTH },
    { "a POST that is too large", large_post, IN_BOTH },
    { "a POST in chunks that grows too large", large_chunked_post, IN_BOTH },
    { "a POST that comes too late", late_post, IN_BOTH },
    { "octets", octets_in_protocol_4, IN_4 },
    { "other methods", other_methods, IN_BOTH },
    { "the other version", wrong_version, IN_BOTH },
    { "JSON-P", jsonp, IN_BOTH },
    { "heartbeat by polling", heartbeat_by_polling_4, IN_4 },
    { "heartbeat by polling", heartbeat_by_polling_3, IN_3 },
    { "no heartbeat by polling", silence_by_polling, IN_BOTH },
    { "the client closes", close_by_polling, IN_BOTH },
    { "the client closes before it polls", close_overtakes_the_get, IN_BOTH },
    { "sixteen packets in an answer", sixteen_packets, IN_BOTH },
    { "too many packets in a POST", too_many_packets, IN_BOTH },
    { "a client that does not fetch", too_slow, IN_BOTH },
    { "pings without end", too_many_pings, IN_3 },
    { "sessions per address", per_address, IN_4 },
    { "drain", drain, IN_BOTH },
    { "the node ends", ends_with_the_node, IN_BOTH },
    { "origins", origins, IN_4 },
    { "an old browser", old_explorer, IN_4 },
    { "the browser bundle", bundle, IN_4 },
};

int main(void)
{
    return run_rows(rows, sizeof rows / sizeof rows[0]);
}
