/* SPDX-License-Identifier: MIT */
/* Engine.IO by WebSocket, and from polling to it: see test_engine.c. */
#include "engine_alone.h"
#include "engine_rig.h"

/* ---- from the start --------------------------------------------------------------------------------------------- */

static void handshake_by_websocket(struct stage *stage)
{
    struct socket socket;
    char opened[256];

    socket_open_new(&socket, &stage->rig, stage->websocket, opened);
    check_open(opened, "");
    socket_end(&socket);
}

static void bad_websockets(struct stage *stage)
{
    static const char *const queries[] = { "EIO=abc&transport=websocket", "transport=websocket",
                                           "EIO=4&transport=abc", "EIO=4",
                                           "EIO=4&transport=websocket&sid=ABCDEFGHIJKLMNOPQRST" };
    struct socket socket;

    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        socket_open(&socket, &stage->rig, queries[i]);
        ws_client_read(&socket.client, SIZE_MAX);
        assert_memory_equal(socket.client.head.data, "HTTP/1.1 400 ", 13);
        socket_end(&socket);
    }
    /* no transport of that name upgrades: 101, and closed */
    socket_open(&socket, &stage->rig, stage->polling);
    socket_expect(&socket, "close\n");
    socket_end(&socket);
}

/* ---- messages by WebSocket ---------------------------------------------------------------------------------------- */

static void echo_by_websocket(struct stage *stage)
{
    struct socket socket;
    char opened[256];

    socket_open_new(&socket, &stage->rig, stage->websocket, opened);
    socket_say(&socket, "4hello");
    socket_expect(&socket, "text 4hello\n");
    ws_client_say(&socket.client, BINARY, stage->version == 4 ? "\1\2\3\4" : "\4\1\2\3\4");
    socket_expect(&socket, stage->version == 4 ? "binary \1\2\3\4\n" : "binary \4\1\2\3\4\n");
    socket_say(&socket, stage->version == 4 ? "bAQID" : "b4AQID");
    socket_expect(&socket, stage->version == 4 ? "binary \1\2\3\n" : "binary \4\1\2\3\n");
    socket_end(&socket);
}

static void echo_b64_by_websocket(struct stage *stage)
{
    struct socket socket;
    char opened[256];

    socket_open_new(&socket, &stage->rig, "EIO=3&transport=websocket&b64=1", opened);
    ws_client_say(&socket.client, BINARY, "\4\1\2\3\4");
    socket_expect(&socket, "text b4AQIDBA==\n");
    socket_end(&socket);
}

static void websocket_ends(struct stage *stage)
{
    static const char *const last[] = { "abc", "", "1", "2probe" };
    struct socket socket;
    char opened[256];

    for (size_t i = 0; i < sizeof last / sizeof last[0]; i++) {
        socket_open_new(&socket, &stage->rig, stage->websocket, opened);
        socket_say(&socket, stage->version == 3 && i == 3 ? "3" : last[i]);
        socket_expect(&socket, "close\n");
        socket_end(&socket);
    }
}

static void websocket_too_big(struct stage *stage)
{
    struct socket socket;
    struct buf message;
    char opened[256];
    char *large = xmalloc(MAX_PAYLOAD + 1);

    memset(large, '4', MAX_PAYLOAD + 1);
    socket_open_new(&socket, &stage->rig, stage->websocket, opened);
    buf_init(&message, 2 * MAX_PAYLOAD);
    ws_client_frame(&message, TEXT, (struct slice){ large, MAX_PAYLOAD + 1 }, WS_MASKED);
    ws_client_send(&socket.client, (struct slice){ message.data, 64 }); /* its header is enough */
    socket_expect(&socket, "close 1009");
    socket_end(&socket);
    buf_fini(&message);
    free(large);
}

static void heartbeat_by_websocket(struct stage *stage)
{
    struct socket socket;
    char opened[256];

    socket_open_new(&socket, &stage->rig, stage->websocket, opened);
    for (int i = 0; i < 3; i++) {
        if (stage->version == 4) {
            socket_expect(&socket, "text 2\n");
            socket_say(&socket, "3");
        } else {
            pass(stage, INTERVAL_MS);
            socket_say(&socket, "2abc");
            socket_expect(&socket, "text 3abc\n");
        }
    }
    socket_expect(&socket, stage->version == 4 ? "text 2\nclose\n" : "close\n");
    socket_end(&socket);
}

/* ---- upgrades -------------------------------------------------------------------------------------------------------------- */

static void upgrade(struct stage *stage)
{
    struct session session;
    struct socket socket;
    struct asker held;
    struct answer answer;

    open_session(stage, &session);
    open_socket_of(stage, &socket, &session);
    socket_say(&socket, "2probe");
    socket_expect(&socket, "text 3probe\n");
    asker_get(&held, &stage->rig, session.query);
    asker_wait(&held, &answer);
    expect_packet(&session, &answer, "6");
    session_post(&session, "4early", &answer);
    expect(&answer, 200, "ok");
    socket_say(&socket, "5");
    socket_expect(&socket, "text 4early\n");
    socket_say(&socket, "4hello");
    socket_expect(&socket, "text 4hello\n");
    assert_int_equal(stage->rig.node.metrics.engine_upgrades, 1);
    socket_end(&socket);
}

static void polls_after_the_switch(struct stage *stage)
{
    struct session session;
    struct socket socket;
    struct asker held;
    struct answer answer;

    open_session(stage, &session);
    asker_get(&held, &stage->rig, session.query);
    open_socket_of(stage, &socket, &session);
    socket_say(&socket, "2probe");
    socket_say(&socket, "5");
    socket_expect(&socket, "text 3probe\n");
    asker_wait(&held, &answer);
    expect(&answer, 400, "{\"code\":3,\"message\":\"Bad request\"}");
    session_get(&session, &answer);
    expect(&answer, 400, "{\"code\":3,\"message\":\"Bad request\"}");
    session_post(&session, "4hello", &answer);
    expect(&answer, 400, "{\"code\":3,\"message\":\"Bad request\"}");
    socket_say(&socket, "4hello");
    socket_expect(&socket, "text 4hello\n");
    socket_end(&socket);
}

static void second_websocket(struct stage *stage)
{
    struct session session;
    struct socket first, second;

    open_session(stage, &session);
    open_socket_of(stage, &first, &session);
    socket_say(&first, "2probe");
    open_socket_of(stage, &second, &session); /* one is probing */
    socket_expect(&second, "close\n");
    socket_end(&second);
    socket_say(&first, "5");
    open_socket_of(stage, &second, &session); /* it is there */
    socket_expect(&second, "close\n");
    socket_end(&second);
    socket_say(&first, "4hello");
    socket_expect(&first, "text 3probe\ntext 4hello\n");
    socket_end(&first);
}

static void upgrades_that_fail(struct stage *stage)
{
    static const char *const wrong[] = { "2", "4hello", "3probe", "" };
    struct session session;
    struct socket socket;
    struct answer answer;

    open_session(stage, &session);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        open_socket_of(stage, &socket, &session);
        socket_say(&socket, wrong[i]);
        socket_expect(&socket, "close\n");
        socket_end(&socket);
    }
    open_socket_of(stage, &socket, &session);
    socket_say(&socket, "2probe");
    socket_end(&socket); /* breaks */
    session_post(&session, "4hello", &answer);
    expect(&answer, 200, "ok");
    session_get(&session, &answer);
    expect_packet(&session, &answer, "4hello");
}

static void upgrade_too_late(struct stage *stage)
{
    struct engine_settings settings = rig_settings;
    struct session session;
    struct socket socket;
    struct answer answer;

    settings.upgrade_timeout_ms = 50;
    settings.ping_timeout_ms = 10000;
    engine_configure(stage->rig.engine, &settings);
    open_session(stage, &session);
    open_socket_of(stage, &socket, &session);
    socket_say(&socket, "2probe");
    socket_expect(&socket, "text 3probe\nclose\n");
    assert_int_equal(stage->rig.node.metrics.limits[LIMIT_SOCKETIO_UPGRADE_TIME], 1);
    socket_end(&socket);
    open_socket_of(stage, &socket, &session); /* the next one may try */
    socket_say(&socket, "2probe");
    socket_expect(&socket, "text 3probe\n");
    session_post(&session, "4hello", &answer);
    expect(&answer, 200, "ok");
    socket_end(&socket);
}

static void session_ends_while_probed(struct stage *stage)
{
    struct session session;
    struct socket socket;
    struct answer answer;

    open_session(stage, &session);
    open_socket_of(stage, &socket, &session);
    socket_say(&socket, "2probe");
    socket_expect(&socket, "text 3probe\n");
    session_post(&session, "abc", &answer);
    socket_expect(&socket, "close\n");
    socket_end(&socket);
}

/* The pong comes by the other transport. */
static void ping_at_the_switch(struct stage *stage)
{
    struct session session;
    struct socket socket;
    struct answer answer;

    open_session(stage, &session);
    open_socket_of(stage, &socket, &session);
    socket_say(&socket, "2probe");
    socket_expect(&socket, "text 3probe\n");
    do
        session_get(&session, &answer);
    while (strcmp(answer.body, "6") == 0);
    expect(&answer, 200, "2");
    socket_say(&socket, "5");
    socket_say(&socket, "3");
    socket_expect(&socket, "text 2\n");
    socket_end(&socket);
}

/* ---- rows ------------------------------------------------------------------------------------------------------------------------------ */

static const struct row rows[] = {
    { "handshake by WebSocket", handshake_by_websocket, IN_BOTH },
    { "bad WebSockets", bad_websockets, IN_BOTH },
    { "by WebSocket there and back", echo_by_websocket, IN_BOTH },
    { "by WebSocket, in base64", echo_b64_by_websocket, IN_3 },
    { "last words by WebSocket", websocket_ends, IN_BOTH },
    { "a WebSocket message that is too large", websocket_too_big, IN_BOTH },
    { "heartbeat by WebSocket, and none", heartbeat_by_websocket, IN_BOTH },
    { "upgrade", upgrade, IN_BOTH },
    { "polls after the switch", polls_after_the_switch, IN_BOTH },
    { "a second WebSocket", second_websocket, IN_BOTH },
    { "upgrades that come to nothing", upgrades_that_fail, IN_BOTH },
    { "an upgrade that takes too long", upgrade_too_late, IN_BOTH },
    { "the session ends while it is probed", session_ends_while_probed, IN_BOTH },
    { "a ping at the switch", ping_at_the_switch, IN_4 },
};

int main(void)
{
    return run_rows(rows, sizeof rows / sizeof rows[0]);
}
