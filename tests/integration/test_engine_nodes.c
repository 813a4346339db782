/* SPDX-License-Identifier: MIT */
#include "engine_rig.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pack.h"

/*
 * Three nodes on one Redis, and clients whose every request comes to another one than the last. The upper layer
 * answers each message with its number and itself; so what is lost, doubled, out of order, or forgotten in a move
 * shows.
 */
enum { NODES = 3, PAIR_MAX = 64 };

struct tally {
    struct engine_conn *conn;
    struct list node; /* world.tallies */
    uint64_t count;
};

static struct world {
    uv_loop_t loop;
    struct support_redis *redis;
    struct rig rigs[NODES];
    struct engine_settings settings;
    struct list tallies;
    bool is_busy; /* the upper layers are not at rest */
    size_t next, packed, unpacked, closed[ENGINE_ENDS];
    pid_t child;
} world;

/* ---- the upper layer -------------------------------------------------------------------------------------- */

static struct tally *tally_create(struct engine_conn *conn, uint64_t count)
{
    struct tally *tally = xcalloc(1, sizeof *tally);

    tally->conn = conn;
    tally->count = count;
    list_append(&world.tallies, &tally->node);
    return tally;
}

static void tally_free(struct tally *tally)
{
    list_remove(&tally->node);
    free(tally);
}

static void *on_open(struct engine_conn *conn, void *ctx)
{
    (void)ctx;
    return tally_create(conn, 0);
}

/* "4<number>:<text>" */
static void on_text(struct engine_conn *conn, struct slice text, void *upper)
{
    struct tally *tally = upper;
    struct packet *packet;
    struct buf buf;

    buf_init(&buf, 32 + text.len);
    buf_printf(&buf, "4%llu:", (unsigned long long)tally->count++);
    buf_add_slice(&buf, text);
    packet = packet_of(buf_slice(&buf));
    engine_answer(conn, packet);
    packet_unref(&packet);
    buf_fini(&buf);
}

static void on_binary(struct engine_conn *conn, struct slice bytes, void *upper)
{
    struct frame *frame = frame_of(bytes);
    struct packet *packet = packet_create(NULL, &frame, 1);

    ((struct tally *)upper)->count++;
    engine_answer(conn, packet);
    packet_unref(&packet);
}

static void on_drain(struct engine_conn *conn, void *upper)
{
    (void)conn;
    (void)upper;
}

static void on_close(struct engine_conn *conn, enum engine_end how, void *upper)
{
    (void)conn;
    world.closed[how]++;
    tally_free(upper);
}

static bool is_at_rest(void *upper)
{
    (void)upper;
    return !world.is_busy;
}

static void pack(void *upper, struct buf *image)
{
    world.packed++;
    pack_number(image, ((struct tally *)upper)->count);
    tally_free(upper);
}

static void *unpack(struct engine_conn *conn, struct slice image, void *ctx)
{
    struct unpack unpack;
    uint64_t count;

    (void)ctx;
    world.unpacked++;
    unpack_init(&unpack, image);
    count = unpack_number(&unpack);
    assert_true(unpack_is_done(&unpack));
    return tally_create(conn, count);
}

static const struct engine_ops tally_ops = {
    .name = "tally",
    .on_open = on_open,
    .on_text = on_text,
    .on_binary = on_binary,
    .on_drain = on_drain,
    .on_close = on_close,
    .is_at_rest = is_at_rest,
    .pack = pack,
    .unpack = unpack,
};

static void rest(void)
{
    world.is_busy = false;
    LIST_EACH (node, spare, &world.tallies)
        engine_rested(LIST_ENTRY(node, struct tally, node)->conn);
}

/* ---- nodes ------------------------------------------------------------------------------------------------ */

static void on_state(bool is_up, void *ctx)
{
    (void)is_up;
    (void)ctx;
}

static void node_open(struct rig *rig, uv_loop_t *loop, const char *id)
{
    static const struct hub_options hub_options = { .settle_ms = 5,
                                                    .settle_count = 256,
                                                    .stall_ms = 1000 };
    struct store_options options = { .url = support_redis_url(world.redis),
                                     .timeout_ms = 2000,
                                     .wait_ms = 300,
                                     .pending_max = 10000 };
    struct node *node = &rig->node;
    struct why why = { "" };

    rig_init(rig, loop, id);
    node->store = store_open(loop, &options, on_state, NULL, &why);
    assert_non_null(node->store);
    node->hub = hub_create(loop, node->store, &hub_options);
    node->inbox = inbox_create(loop, node->store, node->hub, node->id, on_state, NULL);
    node->calls = calls_create(loop, node->store, node->inbox, node->id);
    rig_open(rig, &world.settings, &tally_ops, NULL);
}

static void node_close(struct rig *rig)
{
    struct node *node = &rig->node;

    rig_close(rig);
    calls_destroy(&node->calls);
    inbox_destroy(&node->inbox);
    hub_destroy(&node->hub);
    store_close(&node->store);
}

static bool are_healthy(void *ctx)
{
    (void)ctx;
    for (size_t i = 0; i < NODES; i++) {
        const struct node *node = &world.rigs[i].node;

        if (!store_is_up(node->store) || !inbox_is_healthy(node->inbox))
            return false;
    }
    return true;
}

static int set_up_with(const struct engine_settings *settings)
{
    log_set_level(LOG_ERROR);
    world = (struct world){ .settings = *settings };
    list_init(&world.tallies);
    uv_loop_init(&world.loop);
    world.redis = support_redis_start();
    for (size_t i = 0; i < NODES; i++) {
        char id[NODE_ID_LEN + 1];

        snprintf(id, sizeof id, "%0*x", NODE_ID_LEN, 0xa + (unsigned)i % 6);
        node_open(&world.rigs[i], &world.loop, id);
    }
    support_wait(&world.loop, are_healthy, NULL, SUPPORT_WAIT_MS, "all to be healthy");
    return 0;
}

static int set_up(void **state)
{
    struct engine_settings settings = rig_settings;

    (void)state;
    settings.ping_interval_ms = 20000; /* nobody pings unless that is what is tested */
    settings.ping_timeout_ms = 20000;
    return set_up_with(&settings);
}

static int set_up_with_heartbeat(void **state)
{
    (void)state;
    return set_up_with(&rig_settings);
}

static void kill_child(void)
{
    if (world.child == 0)
        return;
    kill(world.child, SIGKILL);
    assert_int_equal(waitpid(world.child, NULL, 0), world.child);
    world.child = 0;
}

static int tear_down(void **state)
{
    (void)state;
    kill_child();
    for (size_t i = 0; i < NODES; i++)
        node_close(&world.rigs[i]);
    assert_true(list_is_empty(&world.tallies));
    support_loop_close(&world.loop);
    support_redis_stop(&world.redis);
    return 0;
}

/* ---- requests, dealt to the nodes in turn ----------------------------------------------------------------- */

static struct rig *deal(void)
{
    return &world.rigs[world.next++ % NODES];
}

static struct rig *owner_of(const struct session *session)
{
    char id[NODE_ID_LEN + 1];

    engine_owner(slice_of(session->sid), id);
    for (size_t i = 0; i < NODES; i++) {
        if (strcmp(world.rigs[i].node.id, id) == 0)
            return &world.rigs[i];
    }
    return NULL;
}

/* One of those that are not its owner. */
static struct rig *deal_elsewhere(const struct session *session)
{
    struct rig *rig = deal();

    return rig != owner_of(session) ? rig : deal();
}

static void deal_open(struct session *session, const char *query)
{
    session_open(session, deal(), query);
}

static void deal_get(struct session *session, struct answer *answer)
{
    session->rig = deal();
    session_get(session, answer);
}

static void deal_post(struct session *session, const char *packet, struct answer *answer)
{
    session->rig = deal();
    session_post(session, packet, answer);
}

static void hold_get(struct asker *asker, struct session *session)
{
    session->rig = deal_elsewhere(session);
    asker_get(asker, session->rig, session->query);
}

static bool is_held(void *ctx)
{
    uint64_t held = 0;

    (void)ctx;
    for (size_t i = 0; i < NODES; i++)
        held += calls_stats(world.rigs[i].node.calls)->held;
    return held > 0;
}

static void wait_for_held(void)
{
    support_wait(&world.loop, is_held, NULL, SUPPORT_WAIT_MS, "a poll to be held elsewhere");
}

static bool is_not_held(void *ctx)
{
    return !is_held(ctx);
}

static struct answer answer, other_answer;

static void expect_unknown(struct session *session)
{
    deal_get(session, &answer);
    expect((&answer), 400, "{\"code\":1,\"message\":\"Session ID unknown\"}");
}

static void expect_bad_request(struct session *session)
{
    for (size_t i = 0; i < NODES; i++) { /* on each of them */
        deal_get(session, &answer);
        expect((&answer), 400, "{\"code\":3,\"message\":\"Bad request\"}");
    }
}

static void socket_at(struct socket *socket, const struct session *session, struct rig *rig)
{
    char query[256];

    snprintf(query, sizeof query, "EIO=%d&transport=websocket&sid=%s", session->is_3 ? 3 : 4,
             session->sid);
    socket_open(socket, rig, query);
}

static void deal_socket(struct socket *socket, const struct session *session)
{
    socket_at(socket, session, deal_elsewhere(session));
}

static bool has_head(void *ctx)
{
    struct ws_client *client = &((struct socket *)ctx)->client;

    ws_client_read(client, SIZE_MAX);
    return client->has_head;
}

static void expect_refusal(struct socket *socket, const char *status)
{
    support_wait(&world.loop, has_head, socket, SUPPORT_WAIT_MS, "an answer to the handshake");
    assert_non_null(strstr(socket->client.head.data, status));
    socket_end(socket);
}

static void upgrade(struct socket *socket, struct session *session)
{
    deal_socket(socket, session);
    socket_say(socket, "2probe");
    socket_expect(socket, "text 3probe\n");
    socket_say(socket, "5");
}

static const char *const versions[] = { "EIO=4&transport=polling",
                                        "EIO=3&transport=polling&b64=1" };
enum { VERSIONS = 2 };

/* ---- polling ---------------------------------------------------------------------------------------------- */

static void test_messages_come_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < VERSIONS; i++) {
        struct session session;

        deal_open(&session, versions[i]);
        for (int round = 0; round < 4; round++) { /* by each of the nodes */
            char want[32];

            deal_post(&session, "4hello", &answer);
            expect((&answer), 200, "ok");
            deal_get(&session, &answer);
            snprintf(want, sizeof want, "4%d:hello", round);
            expect_packet((&session), (&answer), want);
        }
        deal_post(&session, "1", &answer);
        expect((&answer), 200, "ok");
    }
}

static void test_payloads_in_all_framings(void **state)
{
    static const struct {
        const char *query, *type;
        struct slice body, want;
    } cases[] = {
        { "EIO=4&transport=polling", "text/plain",
          SLICE_LITERAL("4a\x1e"
                        "bAQID\x1e"
                        "4b"),
          SLICE_LITERAL("40:a\x1e"
                        "bAQID\x1e"
                        "42:b") },
        { "EIO=3&transport=polling&b64=1", "text/plain", SLICE_LITERAL("2:4a6:b4AQID2:4b"),
          SLICE_LITERAL("4:40:a6:b4AQID4:42:b") },
        { "EIO=3&transport=polling", "application/octet-stream",
          SLICE_LITERAL("\x00\x02\xff"
                        "4a\x01\x04\xff\x04\x01\x02\x03"),
          SLICE_LITERAL("\x00\x04\xff"
                        "40:a\x01\x04\xff\x04\x01\x02\x03") },
        { "EIO=4&transport=polling&j=7", "application/x-www-form-urlencoded",
          SLICE_LITERAL("d=4a%1e4%5C%5Cn"), SLICE_LITERAL("___eio[7](\"40:a\\u001e41:\\\\n\");") },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct session session;
        struct asker asker;

        deal_open(&session, cases[i].query);
        asker_post(&asker, deal(), session.query, cases[i].type, cases[i].body);
        asker_wait(&asker, &answer);
        assert_int_equal(answer.status, 200);
        deal_get(&session, &answer);
        expect_at(__LINE__, &answer, 200, cases[i].want.data, cases[i].want.len);
    }
}

static void test_held_get_is_answered(void **state)
{
    struct session session;
    struct asker asker;

    (void)state;
    for (size_t i = 0; i < NODES; i++) {
        deal_open(&session, versions[0]);
        world.next += i;
        hold_get(&asker, &session);
        deal_post(&session, "4x", &answer);
        expect((&answer), 200, "ok");
        asker_wait(&asker, &answer);
        expect((&answer), 200, "40:x");
    }
}

static void test_second_get_ends_it(void **state)
{
    struct session session;
    struct asker asker;

    (void)state;
    deal_open(&session, versions[0]);
    hold_get(&asker, &session);
    wait_for_held();
    deal_get(&session, &other_answer);
    expect((&other_answer), 400, "");
    asker_wait(&asker, &answer);
    expect((&answer), 200, "1");
    expect_unknown(&session);
}

static void test_get_that_breaks_ends_it(void **state)
{
    struct session session;
    struct asker asker;

    (void)state;
    deal_open(&session, versions[0]);
    hold_get(&asker, &session);
    wait_for_held();
    asker_close(&asker);
    support_wait(&world.loop, is_not_held, NULL, SUPPORT_WAIT_MS, "the poll to be taken back");
    expect_unknown(&session);
    assert_int_equal(world.closed[ENGINE_TRANSPORT_ERROR], 1);
}

static void test_nonsense_ends_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < VERSIONS; i++) {
        struct session session;

        deal_open(&session, versions[i]);
        deal_post(&session, "abc", &answer);
        expect((&answer), 200, "ok");
        expect_unknown(&session);
    }
    assert_int_equal(world.closed[ENGINE_PARSE_ERROR], VERSIONS);
}

static void test_client_closes(void **state)
{
    (void)state;
    for (size_t i = 0; i < VERSIONS; i++) {
        struct session session;
        struct asker asker;

        deal_open(&session, versions[i]);
        hold_get(&asker, &session);
        wait_for_held();
        deal_post(&session, "1", &answer);
        expect((&answer), 200, "ok");
        asker_wait(&asker, &answer);
        expect_packet((&session), (&answer), "6");
        expect_unknown(&session);
    }
    assert_int_equal(world.closed[ENGINE_TRANSPORT_CLOSE], VERSIONS);
}

static void test_heartbeat(void **state)
{
    struct session session;

    (void)state;
    deal_open(&session, versions[0]);
    for (int i = 0; i < 3; i++) {
        deal_get(&session, &answer);
        expect((&answer), 200, "2");
        deal_post(&session, "3", &answer);
        expect((&answer), 200, "ok");
    }
    deal_get(&session, &answer); /* the ping that is not answered */
    deal_get(&session, &answer);
    expect((&answer), 200, "1");
    expect_unknown(&session);
}

static void test_heartbeat_of_the_client(void **state)
{
    struct session session;

    (void)state;
    deal_open(&session, versions[1]);
    for (int i = 0; i < 3; i++) {
        deal_post(&session, "2", &answer);
        expect((&answer), 200, "ok");
        deal_get(&session, &answer);
        expect((&answer), 200, "1:3");
    }
    deal_get(&session, &answer);
    expect((&answer), 200, "1:1");
    expect_unknown(&session);
}

static void test_unknown_sessions(void **state)
{
    struct session session = { .query = "EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAAAAAA" };
    struct socket socket;

    (void)state;
    expect_unknown(&session);
    deal_open(&session, versions[0]);
    session.query[strlen(session.query) - 1] ^= 1; /* its node lives */
    session.sid[ENGINE_ID_LEN - 1] ^= 1;
    for (size_t i = 0; i < NODES; i++)
        expect_unknown(&session);
    for (size_t i = 0; i < NODES; i++) {
        socket_at(&socket, &session, &world.rigs[i]);
        expect_refusal(&socket, "400 Bad Request");
    }
}

static void test_versions_are_not_mixed(void **state)
{
    struct session session;

    (void)state;
    deal_open(&session, versions[0]);
    session.query[4] = '3';
    deal_get(&session, &answer);
    expect((&answer), 400, "{\"code\":3,\"message\":\"Bad request\"}");
}

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
    expect((&answer), 200, "1");
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

/* What the client says meanwhile waits. */
static void test_commit_waits_for_rest(void **state)
{
    struct session session;
    struct socket socket;

    (void)state;
    world.is_busy = true;
    deal_open(&session, versions[0]);
    upgrade(&socket, &session);
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

static void test_commit_waits_too_long(void **state)
{
    struct session session;
    struct socket socket;

    (void)state;
    world.is_busy = true;
    deal_open(&session, versions[0]);
    upgrade(&socket, &session);
    socket_expect(&socket, "close\n"); /* after upgrade_timeout_ms */
    socket_end(&socket);
    rest();
    wait_for_end(ENGINE_TRANSPORT_CLOSE);
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

/* ---- faults -------------------------------------------------------------------------------------------------- */

/* A fourth node, in a process of its own; tells the sid of a connection that it has opened. */
static void run_child(int to_parent)
{
    static struct rig rig;
    struct session session;
    uv_loop_t loop;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    uv_loop_init(&loop);
    node_open(&rig, &loop, "00000000ff");
    while (!inbox_is_healthy(rig.node.inbox))
        uv_run(&loop, UV_RUN_ONCE);
    session_open(&session, &rig, versions[0]);
    if (write(to_parent, session.sid, ENGINE_ID_LEN) != ENGINE_ID_LEN)
        _exit(1);
    uv_run(&loop, UV_RUN_DEFAULT);
    _exit(1);
}

static void open_in_child(struct session *session)
{
    int ends[2];

    *session = (struct session){ .rig = NULL };
    assert_int_equal(pipe(ends), 0);
    world.child = fork();
    assert_int_not_equal(world.child, -1);
    if (world.child == 0)
        run_child(ends[1]);
    close(ends[1]);
    assert_int_equal(read(ends[0], session->sid, ENGINE_ID_LEN), ENGINE_ID_LEN);
    close(ends[0]);
    snprintf(session->query, sizeof session->query, "%s&sid=%s", versions[0], session->sid);
}

static void test_killed_owner(void **state)
{
    struct session session;
    struct socket socket;
    struct asker asker;
    int64_t killed_ms;

    (void)state;
    open_in_child(&session);
    deal_post(&session, "4a", &answer);
    expect((&answer), 200, "ok");
    deal_get(&session, &answer);
    expect((&answer), 200, "40:a");
    hold_get(&asker, &session);
    deal_socket(&socket, &session);
    socket_say(&socket, "2probe");
    socket_expect(&socket, "text 3probe\n");
    asker_wait(&asker, &answer);
    expect((&answer), 200, "6");
    hold_get(&asker, &session);
    kill_child();
    killed_ms = clock_ms();
    asker_wait(&asker, &answer);
    expect((&answer), 400, "{\"code\":1,\"message\":\"Session ID unknown\"}");
    socket_expect(&socket, "close\n");
    assert_in_range(clock_ms() - killed_ms, 0, 3000);
    socket_end(&socket);
    expect_unknown(&session);
}

static bool are_down(void *ctx)
{
    (void)ctx;
    for (size_t i = 0; i < NODES; i++) {
        if (store_is_up(world.rigs[i].node.store))
            return false;
    }
    return true;
}

static void test_redis_is_away(void **state)
{
    struct session session;
    struct socket socket;
    struct rig *owner;

    (void)state;
    deal_open(&session, versions[0]);
    owner = session.rig;
    session.rig = deal_elsewhere(&session);
    support_redis_kill(world.redis);
    support_wait(&world.loop, are_down, NULL, SUPPORT_WAIT_MS, "Redis to be away");
    session_get(&session, &answer);
    expect((&answer), 503, "");
    expect_header(&answer, "Retry-After: 1\r\n");
    deal_socket(&socket, &session);
    expect_refusal(&socket, "503 Service Unavailable");
    session.rig = owner; /* who needs nobody */
    session_post(&session, "4a", &answer);
    session_get(&session, &answer);
    expect((&answer), 200, "40:a");
    support_redis_restart(world.redis);
    support_wait(&world.loop, are_healthy, NULL, 2 * SUPPORT_WAIT_MS, "all to be healthy");
    deal_post(&session, "4b", &answer);
    expect((&answer), 200, "ok");
    deal_get(&session, &answer);
    expect((&answer), 200, "41:b");
}

static void test_forwarded_bytes_are_bounded(void **state)
{
    struct session session;
    struct rig *rig;

    (void)state;
    deal_open(&session, versions[0]);
    rig = session.rig = deal_elsewhere(&session);
    rig->config.poll_forward_max = 4;
    session_post(&session, "4abcd", &answer);
    expect((&answer), 503, "");
    assert_int_equal(rig->node.metrics.limits[LIMIT_POLL_FORWARD], 1);
    session_post(&session, "4abc", &answer);
    expect((&answer), 200, "ok");
    session_get(&session, &answer);
    expect((&answer), 200, "40:abc");
}

/* Questions of another node that make no sense are answered with as little. */
static void on_answered(enum result result, struct slice text, void *ctx)
{
    assert_int_equal(result, RESULT_OK);
    assert_in_range(text.len, 0, 1);
    ++*(size_t *)ctx;
}

static bool is_four(void *ctx)
{
    return *(size_t *)ctx == 4;
}

static void test_questions_that_make_no_sense(void **state)
{
    static const struct {
        const char *topic;
        struct slice text;
    } questions[] = {
        { "tally-poll", SLICE_LITERAL("") },
        { "tally-poll", SLICE_LITERAL("\x02zz\x04\x00\x00") },
        { "tally-move", SLICE_LITERAL("\x09") },
        { "tally-move", SLICE_LITERAL("\x01\x01") }, /* begin without a guard */
    };
    struct call *calls[4] = { NULL };
    size_t answered = 0;

    (void)state;
    for (size_t i = 0; i < 4; i++)
        call_start(world.rigs[0].node.calls, slice_of(world.rigs[1].node.id), questions[i].topic,
                   questions[i].text, on_answered, &answered, &calls[i]);
    support_wait(&world.loop, is_four, &answered, SUPPORT_WAIT_MS, "four answers");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
#define TEST_BEAT(function)                                                                        \
    cmocka_unit_test_setup_teardown(function, set_up_with_heartbeat, tear_down)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(test_messages_come_back),
        TEST(test_payloads_in_all_framings),
        TEST(test_held_get_is_answered),
        TEST(test_second_get_ends_it),
        TEST(test_get_that_breaks_ends_it),
        TEST(test_nonsense_ends_it),
        TEST(test_client_closes),
        TEST_BEAT(test_heartbeat),
        TEST_BEAT(test_heartbeat_of_the_client),
        TEST(test_unknown_sessions),
        TEST(test_versions_are_not_mixed),
        TEST(test_upgrade_elsewhere),
        TEST(test_upgrade_without_waiting),
        TEST(test_held_get_at_the_switch),
        TEST(test_second_websocket_is_closed),
        TEST(test_probe_that_breaks_off),
        TEST(test_connection_ends_while_it_is_probed),
        TEST(test_commit_waits_for_rest),
        TEST(test_commit_waits_too_long),
        TEST(test_websocket_breaks_in_the_switch),
        TEST_BEAT(test_heartbeat_goes_along),
        TEST(test_order_over_polling),
        TEST(test_order_across_the_upgrade),
        TEST(test_attachments_straddle_the_upgrade),
        TEST(test_killed_owner),
        TEST(test_redis_is_away),
        TEST(test_forwarded_bytes_are_bounded),
        TEST(test_questions_that_make_no_sense),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
