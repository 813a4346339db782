/* SPDX-License-Identifier: MIT */
/* Many at once: arriving, being drained, being ended; and what the handshake looks like. */
#include "ws_rig.h"

enum { STORM = 1000 };

static void drain_at_200(struct config *config)
{
    config->drain_rate = 200;
}

static struct pair *adopt(struct rig *rig, int fds[2])
{
    struct ws_handshake handshake = { HANDSHAKE_KEY };

    tcp_pair(fds, 0);
    return pair_adopt(rig, fds, &pair_ops, &handshake);
}

static void answer_on_the_wire(void **state)
{
    static const char *const known[] = { "chat2", "chat", NULL };
    static const struct {
        const char *name, *offers, *headers, *answer;
        const char *const *protocols;
    } rows[] = {
        { "as it is", "chat, superchat", NULL, "", NULL },
        { "more headers", NULL, "A: b\r\nC: d\r\n", "A: b\r\nC: d\r\n", NULL },
        { "a subprotocol", "x,\tchat", NULL, "Sec-WebSocket-Protocol: chat\r\n", known },
        { "the best of two", "chat, chat2", NULL, "Sec-WebSocket-Protocol: chat2\r\n", known },
        { "none of ours", "Chat, superchat, ", NULL, "", known },
        { "none offered", NULL, NULL, "", known },
        { "both", "chat", "A: b\r\n", "A: b\r\nSec-WebSocket-Protocol: chat\r\n", known },
    };
    struct rig rig;

    (void)state;
    rig_start(&rig, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ws_handshake handshake = {
            HANDSHAKE_KEY,
            .protocols = slice_of(rows[i].offers),
            .extensions = SLICE_LITERAL("permessage-deflate; client_max_window_bits"),
            .early = SLICE_LITERAL("\x81\x81\0\0\0\0a"),
            .headers = slice_of(rows[i].headers),
        };
        struct ws_ops ops = pair_ops;
        struct pair *pair;
        char want[512];
        int fds[2];

        ops.protocols = rows[i].protocols;
        tcp_pair(fds, 0);
        pair = pair_adopt(&rig, fds, &ops, &handshake);
        pair_wait(pair, rows[i].name, "open\ntext a\n", "");
        snprintf(want, sizeof want,
                 "HTTP/1.1 101 Switching Protocols\r\n"
                 "Upgrade: WebSocket\r\n"
                 "Connection: Upgrade\r\n"
                 "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n%s\r\n",
                 rows[i].answer);
        assert_string_equal(want, pair->client.head.data);
        pair_end(&pair);
    }
    rig_stop(&rig);
}

/* They hold what a client sent, which may be more than lws has room for. */
static void answer_too_long(void **state)
{
    struct ws_handshake handshake = { HANDSHAKE_KEY };
    char headers[8192];
    struct rig rig;
    struct pair *pair;
    int fds[2];

    (void)state;
    memset(headers, 'x', sizeof headers);
    handshake.headers = (struct slice){ headers, sizeof headers };
    rig_start(&rig, NULL);
    tcp_pair(fds, 0);
    pair = pair_adopt(&rig, fds, &pair_ops, &handshake);
    pair_wait(pair, "refused", "close broken peer_gone\n", NULL);
    pair_free(&pair);
    rig_stop(&rig);
}

struct storm {
    struct rig *rig;
    struct pair *pairs[STORM];
};

static bool all_open(void *ctx)
{
    struct storm *storm = ctx;

    return storm->rig->node.metrics.ws_open == STORM;
}

static bool all_closed(void *ctx)
{
    struct storm *storm = ctx;

    return storm->rig->node.metrics.ws_open == 0;
}

static void storm_start(struct storm *storm, struct rig *rig)
{
    storm->rig = rig;
    for (int i = 0; i < STORM; i++) {
        int fds[2];

        storm->pairs[i] = adopt(rig, fds);
    }
    support_wait(&rig->loop, all_open, storm, SUPPORT_WAIT_MS, "all open");
}

static void storm_of_arrivals(void **state)
{
    static struct storm storm;
    struct rig rig;

    (void)state;
    rig_start(&rig, NULL);
    storm_start(&storm, &rig);
    assert_int_equal(STORM, rig.node.metrics.ws_opened);
    for (int i = 0; i < STORM; i++)
        ws_client_say(&storm.pairs[i]->client, TEXT, "a");
    for (int i = 0; i < STORM; i++)
        pair_wait(storm.pairs[i], "each is heard", "open\ntext a\n", NULL);
    for (int i = 0; i < STORM; i++)
        ws_client_close(&storm.pairs[i]->client);
    support_wait(&rig.loop, all_closed, &storm, SUPPORT_WAIT_MS, "all closed");
    for (int i = 0; i < STORM; i++)
        pair_free(&storm.pairs[i]);
    rig_stop(&rig);
}

static bool reads_and_answers(struct pair *pair)
{
    ws_client_read(&pair->client, SIZE_MAX);
    if (!ws_client_has(&pair->client, "close 1001 going away\n"))
        return false;
    ws_client_say(&pair->client, CLOSE_, "\x03\xe9");
    buf_clear(&pair->client.lines);
    return true;
}

static void drained_at_its_pace(void **state)
{
    struct pair *pairs[100];
    struct rig rig;
    int closed = 0;
    uint64_t start;

    (void)state;
    rig_start(&rig, drain_at_200);
    for (int i = 0; i < 100; i++)
        pairs[i] = pair_open(&rig, &pair_ops, 0);
    start = uv_now(&rig.loop);
    ws_host_drain(rig.host);
    while (rig.node.metrics.ws_open > 0) {
        int allowed = (int)(uv_now(&rig.loop) - start) / 5 + 3;

        turns(&rig, 1);
        for (int i = 0; i < 100; i++)
            closed += !pairs[i]->closed && reads_and_answers(pairs[i]);
        assert_in_range(closed, 0, allowed + 2);
    }
    assert_in_range(uv_now(&rig.loop) - start, 400, 5000);
    assert_int_equal(100, rig.node.metrics.ws_closed[CLOSE_GOING_AWAY]);
    for (int i = 0; i < 100; i++) {
        pair_wait(pairs[i], "in order", "open\nclose in_order going_away\n", NULL);
        pair_free(&pairs[i]);
    }
    rig_stop(&rig);
}

static void arrives_while_draining(void **state)
{
    struct rig rig;
    struct pair *pair;
    int fds[2];

    (void)state;
    rig_start(&rig, NULL);
    ws_host_drain(rig.host);
    turns(&rig, 5);
    pair = adopt(&rig, fds);
    pair_wait(pair, "is sent away", "open\n", "close 1001 going away\n");
    pair_end(&pair);
    rig_stop(&rig);
}

/* One in every state there is; each hears of its end before ws_host_destroy() returns. */
static void destroyed_with_all_kinds(void **state)
{
    enum { ARRIVING, OPEN, PAUSED, FULL, FINISHING, GOODBYE, DOOMED, KINDS };
    static const char *const ends[KINDS] = {
        "close broken peer_gone\n",         "open\nclose broken going_away\n",
        "open\nclose broken going_away\n",  "open\nclose broken going_away\n",
        "open\nclose broken key_revoked\n", "open\nclose broken replaced\n",
        "open\nclose broken peer_gone\n",
    };
    struct frame *frame = frame_create(8000000);
    struct pair *pairs[KINDS];
    struct rig rig;
    int fds[2];

    (void)state;
    rig_start(&rig, NULL);
    memset(frame->data, 'x', frame->len);
    for (int i = OPEN; i < KINDS; i++)
        pairs[i] = pair_open(&rig, &pair_ops, 4096);
    pairs[ARRIVING] = adopt(&rig, fds);
    ws_pause(pairs[PAUSED]->ws);
    assert_int_equal(WS_QUEUED, ws_send(pairs[FULL]->ws, frame, WS_BINARY));
    assert_int_equal(WS_QUEUED, ws_send(pairs[FINISHING]->ws, frame, WS_BINARY));
    ws_close(pairs[FINISHING]->ws, CLOSE_KEY_REVOKED);
    ws_close(pairs[GOODBYE]->ws, CLOSE_REPLACED);
    ws_client_reset(&pairs[DOOMED]->client);
    while (send_text(pairs[DOOMED], "a") != WS_FULL)
        ;
    ws_host_destroy(&rig.host);
    for (int i = 0; i < KINDS; i++) {
        pair_wait(pairs[i], "ended", ends[i], NULL);
        pair_free(&pairs[i]);
    }
    frame_unref(&frame);
    rig_stop(&rig);
}

static void created_and_destroyed(void **state)
{
    struct rig rig;

    (void)state;
    for (int i = 0; i < 3; i++) {
        rig_start(&rig, NULL);
        if (i > 0)
            turns(&rig, i * 10);
        rig_stop(&rig);
    }
}

/* The client has gone before lws gets the socket. */
static void gone_before_the_answer(void **state)
{
    struct rig rig;
    struct pair *pair;
    int fds[2];

    (void)state;
    rig_start(&rig, NULL);
    for (int i = 0; i < 2; i++) {
        pair = adopt(&rig, fds);
        if (i == 0)
            ws_client_close(&pair->client);
        else
            ws_client_reset(&pair->client);
        support_wait(&rig.loop, pair_has_closed, pair, SUPPORT_WAIT_MS, "on_close");
        assert_non_null(memmem(pair->lines.data, pair->lines.len, "close broken peer_gone\n", 23));
        pair_free(&pair);
    }
    rig_stop(&rig);
}

static void places_are_given_back(void **state)
{
    struct ws_handshake handshake = { HANDSHAKE_KEY };
    struct conn_limit *limit;
    struct rig rig;
    struct pair *pair;
    int fds[2];

    (void)state;
    rig_start(&rig, NULL);
    rig.config.max_conns_total = 1;
    limit = conn_limit_create(&rig.config, &rig.node.metrics);
    for (int i = 0; i < 3; i++) {
        struct conn_place none = { NULL, NULL };

        handshake.place = none;
        assert_true(conn_limit_take(limit, &handshake.place));
        tcp_pair(fds, 0);
        pair = pair_adopt(&rig, fds, &pair_ops, &handshake);
        if (i > 0)
            pair_wait(pair, "opens", "open\n", NULL);
        else
            ws_client_reset(&pair->client);
        assert_false(conn_limit_take(limit, &none));
        if (i == 2)
            ws_host_destroy(&rig.host);
        pair_end(&pair);
        turns(&rig, 10);
    }
    conn_limit_destroy(&limit);
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answer_on_the_wire),     cmocka_unit_test(answer_too_long),
        cmocka_unit_test(storm_of_arrivals),      cmocka_unit_test(drained_at_its_pace),
        cmocka_unit_test(arrives_while_draining), cmocka_unit_test(destroyed_with_all_kinds),
        cmocka_unit_test(created_and_destroyed),  cmocka_unit_test(gone_before_the_answer),
        cmocka_unit_test(places_are_given_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
