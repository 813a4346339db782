/* SPDX-License-Identifier: MIT */
/* Every way in which a WebSocket ends, seen from both ends. */
#include "ws_rig.h"

struct row {
    const char *name;
    enum close_reason reason;
    const char *client;
};

static const struct row ours[] = {
    { "normal", CLOSE_NORMAL, "close 1000\n" },
    { "disconnecting", CLOSE_DISCONNECTING, "close 1000 Disconnecting.\n" },
    { "replaced", CLOSE_REPLACED, "close 1000 Replaced.\n" },
    { "going away", CLOSE_GOING_AWAY, "close 1001 going away\n" },
    { "token expired", CLOSE_TOKEN_EXPIRED, "close 1008 token expired\n" },
    { "key revoked", CLOSE_KEY_REVOKED, "close 1008 key revoked\n" },
    { "handshake late", CLOSE_HANDSHAKE_LATE, "close 1000 Disconnecting.\n" },
    { "store down", CLOSE_STORE_DOWN, "close 1013 try again later\n" },
    { "without a code", CLOSE_ENGINE_CLOSED, "close\n" },
};
enum { OURS = sizeof ours / sizeof ours[0] };

static void wait_closed(struct pair *pair, const char *name)
{
    support_wait(&pair->rig->loop, pair_has_closed, pair, SUPPORT_WAIT_MS, name);
}

static void expect(struct pair *pair, const char *name, const char *how, enum close_reason reason)
{
    char want[100];

    snprintf(want, sizeof want, "open\nclose %s %s\n", how, close_label(reason));
    pair_wait(pair, name, want, NULL);
}

static void answered(void **state)
{
    struct rig rig;

    (void)state;
    rig_start(&rig, NULL);
    for (size_t i = 0; i < OURS; i++) {
        struct pair *pair = pair_open(&rig, &pair_ops, 0);

        ws_close(pair->ws, ours[i].reason);
        ws_close(pair->ws, CLOSE_NORMAL);
        assert_int_equal(0, pair->closed);
        pair_wait(pair, ours[i].name, "open\n", ours[i].client);
        ws_client_say(&pair->client, TEXT, "one more");
        ws_client_say(&pair->client, CLOSE_, "\x03\xe8");
        expect(pair, ours[i].name, "in_order", ours[i].reason);
        assert_int_equal(1, rig.node.metrics.ws_closed[ours[i].reason]);
        pair_free(&pair);
    }
    rig_stop(&rig);
}

/* The answer and the end of the line come together, as some clients have it. */
static void answered_and_gone(void **state)
{
    struct rig rig;
    struct pair *pair;

    (void)state;
    rig_start(&rig, NULL);
    pair = pair_open(&rig, &pair_ops, 0);
    ws_close(pair->ws, CLOSE_NORMAL);
    ws_client_read(&pair->client, SIZE_MAX);
    ws_client_say(&pair->client, CLOSE_, "\x03\xe8");
    ws_client_close(&pair->client);
    expect(pair, "answered", "in_order", CLOSE_NORMAL);
    pair_free(&pair);
    rig_stop(&rig);
}

static void gone_without_answer(void **state)
{
    struct rig rig;
    struct pair *pair;

    (void)state;
    rig_start(&rig, NULL);
    pair = pair_open(&rig, &pair_ops, 0);
    ws_close(pair->ws, CLOSE_NORMAL);
    pair_wait(pair, "close frame", "open\n", "close 1000\n");
    ws_client_close(&pair->client);
    expect(pair, "gone", "broken", CLOSE_NORMAL);
    pair_free(&pair);
    rig_stop(&rig);
}

/* All at a time, for each takes 5 s. */
static void never_answered(void **state)
{
    struct pair *pairs[OURS];
    struct rig rig;

    (void)state;
    rig_start(&rig, NULL);
    for (size_t i = 0; i < OURS; i++) {
        pairs[i] = pair_open(&rig, &pair_ops, 0);
        ws_close(pairs[i]->ws, ours[i].reason);
    }
    for (size_t i = 0; i < OURS; i++) {
        expect(pairs[i], ours[i].name, "broken", ours[i].reason);
        pair_free(&pairs[i]);
    }
    rig_stop(&rig);
}

/* Both close frames are on their way at the same time. */
static void crossing(void **state)
{
    struct rig rig;
    struct pair *pair;

    (void)state;
    rig_start(&rig, NULL);
    pair = pair_open(&rig, &pair_ops, 0);
    ws_client_say(&pair->client, CLOSE_, "\x0f\xa1");
    ws_close(pair->ws, CLOSE_REPLACED);
    pair_wait(pair, "crossing", "open\nclose in_order replaced\n", "close 1000 Replaced.\neof\n");
    pair_free(&pair);
    rig_stop(&rig);
}

static void end_shutdown(struct pair *pair)
{
    shutdown(pair->client.fd, SHUT_WR);
}

static void end_close(struct pair *pair)
{
    ws_client_close(&pair->client);
}

static void end_reset(struct pair *pair)
{
    ws_client_reset(&pair->client);
}

static void end_inside_a_frame(struct pair *pair)
{
    ws_client_send(&pair->client, SLICE_LITERAL("\x81\x85\1\2"));
    ws_client_close(&pair->client);
}

static void end_inside_a_message(struct pair *pair)
{
    ws_client_say(&pair->client, 0x01, "the first half");
    turns(pair->rig, 3);
    ws_client_reset(&pair->client);
}

static void line_breaks(void **state)
{
    static const struct {
        const char *name;
        void (*end)(struct pair *pair);
    } ends[] = {
        { "half closed", end_shutdown },
        { "closed", end_close },
        { "reset", end_reset },
        { "inside a frame", end_inside_a_frame },
        { "inside a message", end_inside_a_message },
    };
    struct rig rig;

    (void)state;
    rig_start(&rig, NULL);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        struct pair *pair = pair_open(&rig, &pair_ops, 0);

        ends[i].end(pair);
        expect(pair, ends[i].name, "broken", CLOSE_PEER_GONE);
        pair_free(&pair);
    }
    assert_int_equal(5, rig.node.metrics.ws_closed[CLOSE_PEER_GONE]);
    rig_stop(&rig);
}

/* A socket pair instead of TCP: what a connection through TLS looks like from here. */
static void unix_socket(void **state)
{
    struct ws_handshake handshake = { HANDSHAKE_KEY };
    struct rig rig;
    struct pair *pair;
    int fds[2];

    (void)state;
    rig_start(&rig, NULL);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds));
        pair = pair_adopt(&rig, fds, &pair_ops, &handshake);
        pair_wait(pair, "opens", "open\n", NULL);
        ws_client_say(&pair->client, TEXT, "a");
        send_text(pair, "b");
        pair_wait(pair, "talks", "open\ntext a\n", "text b\n");
        if (i == 0) {
            ws_client_say(&pair->client, CLOSE_, "\x03\xe8");
            pair_wait(pair, "closes", "open\ntext a\nclose in_order peer_closed\n",
                      "text b\nclose 1000\neof\n");
        } else {
            ws_client_close(&pair->client);
            pair_wait(pair, "breaks", "open\ntext a\nclose broken peer_gone\n", NULL);
        }
        pair_free(&pair);
    }
    rig_stop(&rig);
}

/* What on_close may do to others. */
static struct pair *victim;

static void close_another(struct pair *pair)
{
    (void)pair;
    ws_close(victim->ws, CLOSE_GOING_AWAY);
    send_text(victim, "no more");
}

static void on_close_of_another(void **state)
{
    struct rig rig;
    struct pair *pair;

    (void)state;
    rig_start(&rig, NULL);
    victim = pair_open(&rig, &pair_ops, 0);
    pair = pair_open(&rig, &pair_ops, 0);
    pair->on_ended = close_another;
    ws_client_reset(&pair->client);
    expect(pair, "the one", "broken", CLOSE_PEER_GONE);
    pair_free(&pair);
    pair_wait(victim, "the other", "open\n", "close 1001 going away\n");
    ws_client_say(&victim->client, CLOSE_, "\x03\xe9");
    wait_closed(victim, "the other");
    pair_free(&victim);
    rig_stop(&rig);
}

static void open_and_close(struct ws *ws, void *conn)
{
    pair_on_open(ws, conn);
    ws_answer(ws, SLICE_LITERAL("hello"));
    ws_close(ws, CLOSE_DISCONNECTING);
}

static void close_inside_open(void **state)
{
    struct ws_handshake handshake = { HANDSHAKE_KEY };
    struct ws_ops ops = pair_ops;
    struct rig rig;
    struct pair *pair;
    int fds[2];

    (void)state;
    rig_start(&rig, NULL);
    ops.on_open = open_and_close;
    tcp_pair(fds, 0);
    pair = pair_adopt(&rig, fds, &ops, &handshake);
    pair_wait(pair, "at once", "open\n", "text hello\nclose 1000 Disconnecting.\n");
    pair_end(&pair);
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answered),
        cmocka_unit_test(answered_and_gone),
        cmocka_unit_test(gone_without_answer),
        cmocka_unit_test(never_answered),
        cmocka_unit_test(crossing),
        cmocka_unit_test(line_breaks),
        cmocka_unit_test(unix_socket),
        cmocka_unit_test(on_close_of_another),
        cmocka_unit_test(close_inside_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
