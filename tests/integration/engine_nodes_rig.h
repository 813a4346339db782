/* SPDX-License-Identifier: MIT */
#ifndef SB_TESTS_ENGINE_NODES_RIG_H
#define SB_TESTS_ENGINE_NODES_RIG_H

#include "engine_rig.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pack.h"

/*
 * Three nodes on one Redis, and clients whose every request comes to another one than the last. The upper layer
 * answers each message with its number and itself; so what is lost, doubled, out of order, or forgotten in a move
 * shows.
 */
enum { NODES = 3 };

struct score {
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
    bool is_busy;     /* the upper layers are not at rest              */
    bool is_closing;  /* they end what comes from another node         */
    bool is_refusing; /* they make nothing of what comes from there    */
    size_t next, packed, unpacked, closed[ENGINE_ENDS];
    pid_t child;
} world;

/* ---- the upper layer -------------------------------------------------------------------------------------- */

static inline struct score *tally_create(struct engine_conn *conn, uint64_t count)
{
    struct score *tally = xcalloc(1, sizeof *tally);

    tally->conn = conn;
    tally->count = count;
    list_append(&world.tallies, &tally->node);
    return tally;
}

static inline void tally_free(struct score *tally)
{
    list_remove(&tally->node);
    free(tally);
}

static inline void *on_open(struct engine_conn *conn, void *ctx)
{
    (void)ctx;
    return tally_create(conn, 0);
}

/* "4<number>:<text>" */
static inline void on_text(struct engine_conn *conn, struct slice text, void *upper)
{
    struct score *tally = upper;
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

static inline void on_binary(struct engine_conn *conn, struct slice bytes, void *upper)
{
    struct frame *frame = frame_of(bytes);
    struct packet *packet = packet_create(NULL, &frame, 1);

    ((struct score *)upper)->count++;
    engine_answer(conn, packet);
    packet_unref(&packet);
}

static inline void on_drain(struct engine_conn *conn, void *upper)
{
    (void)conn;
    (void)upper;
}

static inline void on_close(struct engine_conn *conn, enum engine_end how, void *upper)
{
    (void)conn;
    world.closed[how]++;
    tally_free(upper);
}

static inline bool is_at_rest(void *upper)
{
    (void)upper;
    return !world.is_busy;
}

static inline void pack(void *upper, struct buf *image)
{
    world.packed++;
    pack_number(image, ((struct score *)upper)->count);
    tally_free(upper);
}

static inline void *unpack(struct engine_conn *conn, struct slice image, void *ctx)
{
    struct unpack unpack;
    uint64_t count;

    (void)ctx;
    world.unpacked++;
    unpack_init(&unpack, image);
    count = unpack_number(&unpack);
    assert_true(unpack_is_done(&unpack));
    if (world.is_closing)
        engine_close(conn, ENGINE_FORCED_CLOSE);
    return world.is_refusing ? NULL : tally_create(conn, count);
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

static inline void rest(void)
{
    world.is_busy = false;
    LIST_EACH (node, spare, &world.tallies)
        engine_rested(LIST_ENTRY(node, struct score, node)->conn);
}

/* ---- nodes ------------------------------------------------------------------------------------------------ */

static inline void on_state(bool is_up, void *ctx)
{
    (void)is_up;
    (void)ctx;
}

static inline void node_open(struct rig *rig, uv_loop_t *loop, const char *id)
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

static inline void node_close(struct rig *rig)
{
    struct node *node = &rig->node;

    rig_close(rig);
    calls_destroy(&node->calls);
    inbox_destroy(&node->inbox);
    hub_destroy(&node->hub);
    store_close(&node->store);
}

static inline bool are_healthy(void *ctx)
{
    (void)ctx;
    for (size_t i = 0; i < NODES; i++) {
        const struct node *node = &world.rigs[i].node;

        if (!store_is_up(node->store) || !inbox_is_healthy(node->inbox))
            return false;
    }
    return true;
}

static inline int set_up_with(const struct engine_settings *settings)
{
    static const char *const ids[NODES] = { "000000000a", "000000000b", "000000000c" };

    log_set_level(LOG_ERROR);
    world = (struct world){ .settings = *settings };
    list_init(&world.tallies);
    uv_loop_init(&world.loop);
    world.redis = support_redis_start();
    for (size_t i = 0; i < NODES; i++)
        node_open(&world.rigs[i], &world.loop, ids[i]);
    support_wait(&world.loop, are_healthy, NULL, SUPPORT_WAIT_MS, "all to be healthy");
    return 0;
}

static inline int set_up(void **state)
{
    struct engine_settings settings = rig_settings;

    (void)state;
    settings.ping_interval_ms = 20000; /* nobody pings unless that is what is tested */
    settings.ping_timeout_ms = 20000;
    return set_up_with(&settings);
}

static inline int set_up_with_heartbeat(void **state)
{
    (void)state;
    return set_up_with(&rig_settings);
}

static inline void kill_child(void)
{
    if (world.child == 0)
        return;
    kill(world.child, SIGKILL);
    assert_int_equal(waitpid(world.child, NULL, 0), world.child);
    world.child = 0;
}

static inline int tear_down(void **state)
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

static inline struct rig *deal(void)
{
    return &world.rigs[world.next++ % NODES];
}

static inline struct rig *owner_of(const struct session *session)
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
static inline struct rig *deal_elsewhere(const struct session *session)
{
    struct rig *rig = deal();

    return rig != owner_of(session) ? rig : deal();
}

static inline void deal_open(struct session *session, const char *query)
{
    session_open(session, deal(), query);
}

static inline void deal_get(struct session *session, struct answer *answer)
{
    session->rig = deal();
    session_get(session, answer);
}

static inline void deal_post(struct session *session, const char *packet, struct answer *answer)
{
    session->rig = deal();
    session_post(session, packet, answer);
}

static inline void hold_get(struct asker *asker, struct session *session)
{
    session->rig = deal_elsewhere(session);
    asker_get(asker, session->rig, session->query);
}

static inline bool is_held(void *ctx)
{
    uint64_t held = 0;

    (void)ctx;
    for (size_t i = 0; i < NODES; i++)
        held += calls_stats(world.rigs[i].node.calls)->held;
    return held > 0;
}

static inline void wait_for_held(void)
{
    support_wait(&world.loop, is_held, NULL, SUPPORT_WAIT_MS, "a poll to be held elsewhere");
}

static inline bool is_not_held(void *ctx)
{
    return !is_held(ctx);
}

static struct answer answer;

static inline void expect_unknown(struct session *session)
{
    deal_get(session, &answer);
    expect((&answer), 400, "{\"code\":1,\"message\":\"Session ID unknown\"}");
}

static inline void expect_bad_request(struct session *session)
{
    for (size_t i = 0; i < NODES; i++) { /* on each of them */
        deal_get(session, &answer);
        expect((&answer), 400, "{\"code\":3,\"message\":\"Bad request\"}");
    }
}

static inline void socket_at(struct socket *socket, const struct session *session, struct rig *rig)
{
    char query[256];

    snprintf(query, sizeof query, "EIO=%d&transport=websocket&sid=%s", session->is_3 ? 3 : 4,
             session->sid);
    socket_open(socket, rig, query);
}

static inline void deal_socket(struct socket *socket, const struct session *session)
{
    socket_at(socket, session, deal_elsewhere(session));
}

static inline bool has_head(void *ctx)
{
    struct ws_client *client = &((struct socket *)ctx)->client;

    ws_client_read(client, SIZE_MAX);
    return client->has_head;
}

static inline void expect_refusal(struct socket *socket, const char *status)
{
    support_wait(&world.loop, has_head, socket, SUPPORT_WAIT_MS, "an answer to the handshake");
    assert_non_null(strstr(socket->client.head.data, status));
    socket_end(socket);
}

static inline void upgrade(struct socket *socket, struct session *session)
{
    deal_socket(socket, session);
    socket_say(socket, "2probe");
    socket_expect(socket, "text 3probe\n");
    socket_say(socket, "5");
}

static const char *const versions[] = { "EIO=4&transport=polling",
                                        "EIO=3&transport=polling&b64=1" };
enum { VERSIONS = 2 };

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
#define TEST_BEAT(function)                                                                        \
    cmocka_unit_test_setup_teardown(function, set_up_with_heartbeat, tear_down)

#endif
