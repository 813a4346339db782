/* SPDX-License-Identifier: MIT */
/* The push dialect over a store, a hub and clients that do something when the test says so. */
#include "store/channel.h"
#include "store/limits.h"
#include "store/nodes.h"
#include "store/players.h"

union op_done {
    store_done_fn *done;
    nodes_live_fn *nodes;
    rate_taken_fn *taken;
    channel_appended_fn *appended;
};

#include "dialect_rig.h"

#include <inttypes.h>

#include "push.h"
#include "push_room.h"

/* ---- the store --------------------------------------------------------------------------------- */

static struct store_op *note_conn(const char *verb, const struct player_conn *conn,
                                  store_done_fn *done, void *ctx, struct store_op **slot)
{
    note("%s %.*s %s/%" PRIu64, verb, (int)conn->player.len, conn->player.data, conn->node_id,
         conn->number);
    return op_add(verb, (union op_done){ .done = done }, ctx, slot);
}

void player_join(struct store *store, const struct player_conn *conn, uint32_t max,
                 struct slice live_nodes, store_done_fn *done, void *ctx, struct store_op **slot)
{
    (void)store;
    assert_int_equal(max, rig.config.max_conns);
    note_conn("join", conn, done, ctx, slot);
    if (live_nodes.data != NULL)
        note("while%.*slive", (int)live_nodes.len, live_nodes.data);
}

void player_leave(struct store *store, const struct player_conn *conn, store_done_fn *done,
                  void *ctx, struct store_op **slot)
{
    (void)store;
    note_conn("leave", conn, done, ctx, slot);
}

void player_renew(struct store *store, const struct player_conn *conn, store_done_fn *done,
                  void *ctx, struct store_op **slot)
{
    (void)store;
    note_conn("renew", conn, done, ctx, slot);
}

static void answer(const char *verb, enum result result)
{
    struct store_op *op = rig_op(verb);

    if (op->done.done != NULL)
        op->done.done(result, op->ctx);
    free(op);
}

void nodes_list_live(struct store *store, nodes_live_fn *done, void *ctx, struct store_op **slot)
{
    (void)store;
    note("nodes");
    op_add("nodes", (union op_done){ .nodes = done }, ctx, slot);
}

static void answer_nodes(enum result result)
{
    static const struct slice ids[] = { { "n2", 2 }, { "n3", 2 } };
    struct store_op *op = rig_op("nodes");

    op->done.nodes(result, ids, 2, op->ctx);
    free(op);
}

void rate_take(struct store *store, struct slice realm, struct slice subject,
               const struct rate_limit *limit, uint32_t tokens, rate_taken_fn *done, void *ctx,
               struct store_op **slot)
{
    (void)store;
    note("take %u of %u per %u for %.*s/%.*s", tokens, limit->count, limit->period_ms,
         (int)realm.len, realm.data, (int)subject.len, subject.data);
    op_add("take", (union op_done){ .taken = done }, ctx, slot);
}

static void answer_take(enum result result, uint32_t retry_ms)
{
    struct store_op *op = rig_op("take");

    op->done.taken(result, retry_ms, op->ctx);
    free(op);
}

void channel_append(struct store *store, const struct channel_id *id,
                    const struct channel_message *message, channel_appended_fn *done, void *ctx,
                    struct store_op **slot)
{
    (void)store;
    note("append %s %.*s %.*s ttl=%u%s%.*s%s", channel_kind_name(id->kind), (int)id->id.len,
         id->id.data, (int)message->payload.len, message->payload.data, message->ttl_ms,
         message->once.data != NULL ? " once=" : "", (int)message->once.len,
         message->once.data != NULL ? message->once.data : "",
         message->is_live_only ? " live only" : "");
    op_add("append", (union op_done){ .appended = done }, ctx, slot);
}

static void answer_append(enum result result, uint32_t listeners, bool is_duplicate)
{
    struct store_op *op = rig_op("append");
    struct channel_appended appended = { 5, listeners, is_duplicate };

    op->done.appended(result, &appended, op->ctx);
    free(op);
}

/* ---- the hub ----------------------------------------------------------------------------------- */

static struct hub_listener *own, *all; /* of the player that came last */

void hub_listen(struct hub *hub, const struct channel_id *id, struct hub_listener *listener,
                const struct hub_listener_ops *ops)
{
    static int channel;

    (void)hub;
    note("listen %s %.*s", channel_kind_name(id->kind), (int)id->id.len, id->id.data);
    *listener = (struct hub_listener){ .ops = ops, .channel = (struct hub_channel *)&channel };
    *(id->kind == CHANNEL_PLAYER ? &own : &all) = listener;
}

void hub_leave(struct hub *hub, struct hub_listener *listener, enum channel_leave how)
{
    (void)hub;
    if (listener->channel == NULL)
        return;
    note("leave %s %s", listener == own ? "own" : "all",
         how == CHANNEL_LEAVE_IN_ORDER ? "in order" : "broken");
    *(listener == own ? &own : &all) = NULL;
    listener->channel = NULL;
}

void hub_written(struct hub *hub, struct hub_listener *listener)
{
    (void)hub;
    note("written %s", listener == own ? "own" : "all");
}

void hub_resume(struct hub *hub, struct hub_listener *listener)
{
    (void)hub;
    if (listener->is_full)
        note("resume %s", listener == own ? "own" : "all");
    listener->is_full = false;
}

static void start_listening(struct hub_listener *listener)
{
    listener->has_started = true;
    listener->ops->on_listening(listener);
}

static enum hub_take offer(struct hub_listener *listener, const char *text)
{
    struct frame *frame = frame_of(slice_of(text));
    struct hub_entry entry = { .number = 1, .frame = frame };
    enum hub_take take = listener->ops->on_entry(listener, &entry);

    listener->is_full = take == HUB_FULL;
    frame_unref(&frame);
    return take;
}

/* ---- the socket --------------------------------------------------------------------------------- */

struct ws {
    enum ws_sent sent; /* what it answers */
};
static struct ws socket_of_player;

enum ws_sent ws_send(struct ws *ws, struct frame *frame, enum ws_kind kind)
{
    assert_int_equal(kind, WS_TEXT);
    if (ws->sent != WS_FULL)
        note("send %.*s", (int)frame->len, (const char *)frame->data);
    return ws->sent;
}

void ws_close(struct ws *ws, enum close_reason reason)
{
    (void)ws;
    note("close %s", reason == CLOSE_TOKEN_EXPIRED ? "token expired" : "?");
}

/* ---- players ------------------------------------------------------------------------------------ */

static const struct http_request handshake = { .name = "p",
                                               .query = "token=t",
                                               .is_upgrade = true };

static int open_rig(void **state)
{
    (void)state;
    rig.config = (struct config){ .max_conns = 5,
                                  .max_queued = 100,
                                  .offline_ttl_ms = 10000,
                                  .max_ttl_ms = 86400000,
                                  .live_bound = 4096,
                                  .reconnect_grace_ms = 3000,
                                  .rate_period_ms = 1000 };
    rig_open(&push_dialect);
    rig_expect("bounds player offline=100 live=4096 ttl=10000 grace=3000",
               "bounds broadcast offline=0 live=4096 ttl=10000 grace=0");
    socket_of_player.sent = WS_WRITTEN;
    return 0;
}

static int close_rig(void **state)
{
    (void)state;
    assert_null(own);
    assert_null(all);
    assert_int_equal(rig.node.metrics.push_active, 0);
    rig_close(&push_dialect);
    return 0;
}

/* A handshake that has come as far as its upgrade. */
static struct http_request *upgrade(void)
{
    struct http_request *request = rig_request(&handshake, player_handle);

    answer("join", RESULT_OK);
    start_listening(all);
    start_listening(own);
    rig_expect("join s n1/1", "listen player s", "listen broadcast all", "p: upgrade");
    return request;
}

/* A player that is connected. */
static struct http_request *connect_player(void)
{
    struct http_request *request = upgrade();

    request->ops->on_open(&socket_of_player, request->conn);
    assert_int_equal(rig.node.metrics.push_active, 1);
    return request;
}

/* Its socket ends, and its place is given back. */
static void end_player(struct http_request *request, enum ws_end how, enum close_reason reason,
                       const char *left)
{
    char leave_own[64], leave_all[64];

    request->ops->on_close(&socket_of_player, how, reason, request->conn);
    snprintf(leave_own, sizeof leave_own, "leave own %s", left);
    snprintf(leave_all, sizeof leave_all, "leave all %s", left);
    rig_expect(leave_own, leave_all, "leave s n1/1");
    answer("leave", RESULT_OK);
}

static void test_who_may_connect(void **state)
{
    static const struct {
        const char *name, *query;
        enum auth_answer answer;
        const char *want;
    } rows[] = {
        { "no token", NULL, AUTH_OK, "401 text missing token" },
        { "an empty token", "token=", AUTH_OK, "401 text missing token" },
        { "a wrong token", "token=t", AUTH_REFUSED, "401 text invalid token" },
        { "throttled", "token=t", AUTH_THROTTLED,
          "429 text/plain; charset=utf-8 too many failed attempts after 7" },
        { "nobody knows", "token=t", AUTH_UNKNOWN,
          "503 text/plain; charset=utf-8 unavailable\n Retry-After: 1" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct http_request template = { .name = rows[i].name, .query = rows[i].query };
        char want[256];

        rig_auth(rows[i].answer);
        rig_request(&template, player_handle);
        snprintf(want, sizeof want, "%s: %s", rows[i].name, rows[i].want);
        rig_expect(want);
    }
}

static void test_a_player(void **state)
{
    struct http_request *request;

    (void)state;
    rig_auth(AUTH_PENDING);
    request = rig_request(&handshake, player_handle);
    rig_auth(AUTH_OK);
    rig_expect("join s n1/1");
    answer("join", RESULT_OK);
    rig_expect("listen player s", "listen broadcast all");
    start_listening(own);
    rig_expect_nothing(); /* only when both are in force */
    start_listening(all);
    rig_expect("p: upgrade");
    request->ops->on_open(&socket_of_player, request->conn);
    assert_int_equal(offer(own, "1"), HUB_WRITTEN);
    assert_int_equal(offer(all, "2"), HUB_WRITTEN);
    rig_expect("send 1", "send 2");
    assert_int_equal(rig.node.metrics.push_delivered, 2);
    request->ops->on_message(&socket_of_player, SLICE_LITERAL("x"), WS_BINARY, request->conn);
    rig_expect_nothing();
    end_player(request, WS_ENDED_IN_ORDER, CLOSE_PEER_CLOSED, "in order");
}

static void test_what_comes_before_it_is_open_stays_with_the_hub(void **state)
{
    struct http_request *request = upgrade();

    (void)state;
    assert_int_equal(offer(own, "1"), HUB_FULL);
    request->ops->on_open(&socket_of_player, request->conn);
    rig_expect("resume own");
    end_player(request, WS_ENDED_BROKEN, CLOSE_PEER_GONE, "broken");
}

static void test_back_pressure(void **state)
{
    struct http_request *request = connect_player();

    (void)state;
    socket_of_player.sent = WS_QUEUED;
    assert_int_equal(offer(own, "1"), HUB_TAKEN);
    socket_of_player.sent = WS_FULL;
    assert_int_equal(offer(own, "2"), HUB_FULL);
    assert_int_equal(offer(all, "3"), HUB_FULL);
    rig_expect("send 1");
    assert_int_equal(rig.node.metrics.push_delivered, 1);
    request->ops->on_drain(&socket_of_player, request->conn);
    rig_expect("written own", "written all", "resume own", "resume all");
    end_player(request, WS_ENDED_BROKEN, CLOSE_SLOW_READER, "broken");
}

static void test_how_it_ends_is_how_it_leaves(void **state)
{
    static const struct {
        enum ws_end how;
        enum close_reason reason;
        const char *want;
    } rows[] = {
        { WS_ENDED_IN_ORDER, CLOSE_PEER_CLOSED, "in order" },
        { WS_ENDED_IN_ORDER, CLOSE_TOKEN_EXPIRED, "in order" },
        { WS_ENDED_BROKEN, CLOSE_TOKEN_EXPIRED, "broken" },
        { WS_ENDED_IN_ORDER, CLOSE_GOING_AWAY, "broken" }, /* it comes straight back */
        { WS_ENDED_IN_ORDER, CLOSE_SLOW_READER, "broken" },
        { WS_ENDED_BROKEN, CLOSE_SILENT, "broken" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        end_player(connect_player(), rows[i].how, rows[i].reason, rows[i].want);
        assert_int_equal(close_rig(state), 0);
        assert_int_equal(open_rig(state), 0);
    }
}

static void test_there_is_no_place(void **state)
{
    (void)state;
    rig_request(&handshake, player_handle);
    answer("join", RESULT_REFUSED);
    rig_expect("join s n1/1", "nodes");
    answer_nodes(RESULT_OK);
    rig_expect("join s n1/1", "while n2 n3 n1 live");
    answer("join", RESULT_REFUSED);
    rig_expect("p: 429 text too many connections");
    assert_int_equal(rig.node.metrics.limits[LIMIT_PLAYER_CONNECTIONS], 1);
}

static void test_a_place_of_a_dead_node(void **state)
{
    struct http_request *request = rig_request(&handshake, player_handle);

    (void)state;
    answer("join", RESULT_REFUSED);
    answer_nodes(RESULT_OK);
    answer("join", RESULT_OK);
    rig_expect("join s n1/1", "nodes", "join s n1/1", "while n2 n3 n1 live", "listen player s",
               "listen broadcast all");
    rig_gone(request);
    rig_expect("leave own broken", "leave all broken", "leave s n1/1");
    answer("leave", RESULT_OK);
}

static void test_the_store_fails(void **state)
{
    const char *unavailable = "p: 503 text/plain; charset=utf-8 unavailable\n Retry-After: 1";

    (void)state;
    rig_request(&handshake, player_handle);
    answer("join", RESULT_UNAVAILABLE);
    rig_expect("join s n1/1", unavailable);
    rig_request(&handshake, player_handle);
    answer("join", RESULT_UNCERTAIN); /* it may be there: it is given back */
    rig_expect("join s n1/2", "leave s n1/2", unavailable);
    answer("leave", RESULT_OK);
    rig_request(&handshake, player_handle);
    answer("join", RESULT_REFUSED);
    answer_nodes(RESULT_UNCERTAIN);
    rig_expect("join s n1/3", "nodes", unavailable);
}

static void test_the_channels_do_not_come_into_force(void **state)
{
    (void)state;
    rig_request(&handshake, player_handle);
    answer("join", RESULT_OK);
    rig_expect("join s n1/1", "listen player s", "listen broadcast all");
    rig_pass(2999);
    rig_expect_nothing();
    rig_pass(1);
    rig_expect("leave own broken", "leave all broken", "leave s n1/1",
               "p: 503 text/plain; charset=utf-8 unavailable\n Retry-After: 1");
    answer("leave", RESULT_OK);
}

static void test_origins(void **state)
{
    static char first[] = "https://a.example", second[] = "https://b.example";
    static char *allowed[] = { first, second };
    static const struct {
        const char *name, *headers;
        bool is_good;
    } rows[] = {
        { "p", "origin: https://b.example\n", true },
        { "p", "origin: https://c.example\n", false },
        { "p", "origin: https://b.example.evil\n", false },
        { "p", NULL, false },
    };

    (void)state;
    rig.config.origins = (struct strings){ allowed, 2 };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct http_request template = handshake;
        struct http_request *request;
        char join[32], leave[32];

        template.headers = rows[i].headers;
        request = rig_request(&template, player_handle);
        answer("join", RESULT_OK);
        snprintf(join, sizeof join, "join s n1/%zu", i + 1);
        snprintf(leave, sizeof leave, "leave s n1/%zu", i + 1);
        if (rows[i].is_good) {
            rig_gone(request);
            rig_expect(join, "listen player s", "listen broadcast all", "leave own broken",
                       "leave all broken", leave);
        } else {
            rig_expect(join, leave, "p: 403 text origin not allowed");
        }
        answer("leave", RESULT_OK);
    }
}

static void test_no_websocket(void **state)
{
    struct http_request template = handshake;
    struct http_request *request;

    (void)state;
    template.is_upgrade = false;
    request = rig_request(&template, player_handle);
    answer("join", RESULT_OK);
    rig_expect("join s n1/1", "p: upgrade");
    request->ops->on_close(NULL, WS_ENDED_BROKEN, CLOSE_PEER_GONE, request->conn);
    rig_expect("leave s n1/1");
    answer("leave", RESULT_OK);
}

static void test_a_token_that_ends(void **state)
{
    struct http_request *request;

    (void)state;
    request = rig_request(&handshake, player_handle); /* while there is no answer yet */
    rig_revoke();
    rig_expect("join s n1/1", "p: 401 text invalid token");
    answer("join", RESULT_OK);
    rig_expect("leave s n1/1");
    answer("leave", RESULT_OK);

    close_rig(state);
    open_rig(state);
    request = upgrade(); /* while it is being answered */
    rig_revoke();
    rig_expect_nothing();
    request->ops->on_open(&socket_of_player, request->conn);
    rig_expect("close token expired");
    end_player(request, WS_ENDED_IN_ORDER, CLOSE_TOKEN_EXPIRED, "in order");

    close_rig(state);
    open_rig(state);
    request = connect_player();
    rig_revoke();
    rig_expect("close token expired");
    end_player(request, WS_ENDED_IN_ORDER, CLOSE_TOKEN_EXPIRED, "in order");
}

/* ---- places ------------------------------------------------------------------------------------- */

static void test_clients_that_go(void **state)
{
    (void)state;
    rig_auth(AUTH_PENDING);
    rig_gone(rig_request(&handshake, player_handle));
    rig_auth(AUTH_OK);
    rig_gone(rig_request(&handshake, player_handle)); /* the place is being asked for */
    rig_expect("join s n1/1");
    answer("join", RESULT_REFUSED);
    rig_gone(rig_request(&handshake, player_handle));
    answer("join", RESULT_UNCERTAIN);
    rig_expect("join s n1/2", "leave s n1/2");
    answer("leave", RESULT_OK);
    struct http_request *request = rig_request(&handshake, player_handle);
    answer("join", RESULT_REFUSED);
    rig_gone(request); /* the nodes are being asked for */
    rig_expect("join s n1/3", "nodes", "cancel nodes");
}

static void test_a_place_is_given_back_until_it_is(void **state)
{
    struct http_request *request = connect_player();

    (void)state;
    request->ops->on_close(&socket_of_player, WS_ENDED_BROKEN, CLOSE_PEER_GONE, request->conn);
    answer("leave", RESULT_UNAVAILABLE);
    rig_expect("leave own broken", "leave all broken", "leave s n1/1");
    rig_pass(1000);
    rig_expect("leave s n1/1");
    rig_pass(1000);
    rig_expect_nothing();
    answer("leave", RESULT_UNCERTAIN);
    rig_pass(1000);
    rig_expect("leave s n1/1");
    answer("leave", RESULT_OK);
    rig_pass(5000);
}

static void test_the_node_may_end_before_that(void **state)
{
    struct http_request *request = connect_player();

    request->ops->on_close(&socket_of_player, WS_ENDED_BROKEN, CLOSE_GOING_AWAY, request->conn);
    rig_expect("leave own broken", "leave all broken", "leave s n1/1");
    push_dialect.close(rig.dialect);
    rig_expect("cancel leave");
    rig.dialect = push_dialect.open(&rig.node);
    (void)state;
}

static void test_a_place_is_renewed(void **state)
{
    struct http_request *request = connect_player();

    (void)state;
    rig_pass(PLAYER_RENEW_MS);
    rig_expect("renew s n1/1");
    rig_pass(PLAYER_RENEW_MS); /* it still waits for the first */
    rig_expect_nothing();
    answer("renew", RESULT_OK);
    rig_pass(PLAYER_RENEW_MS);
    rig_expect("renew s n1/1");
    request->ops->on_close(&socket_of_player, WS_ENDED_BROKEN, CLOSE_PEER_GONE, request->conn);
    rig_expect("leave own broken", "leave all broken", "cancel renew", "leave s n1/1");
    answer("leave", RESULT_OK);
}

/* ---- publishing ---------------------------------------------------------------------------------- */

static struct http_request *post(const char *body, http_handle_fn *handle)
{
    struct http_request template = { .name = "e", .headers = "bearer: t\n", .body = body };

    return rig_request(&template, handle);
}

static struct http_request *publish(const char *body)
{
    return post(body, publish_handle);
}

static void test_who_may_publish(void **state)
{
    static const struct http_request nobody = { .name = "n", .body = "{}" };

    (void)state;
    rig_request(&nobody, publish_handle);
    rig_expect("n: 401 text missing token");
    rig_auth(AUTH_REFUSED);
    publish("{}");
    rig_expect("e: 403 text invalid server token");
    rig_auth(AUTH_OK);
    publish("{}");
    rig_expect("e: 400 text bad request");
}

static void test_publish(void **state)
{
    static const struct {
        uint32_t listeners;
        bool is_duplicate;
        const char *want;
    } rows[] = {
        { 2, false, "e: 200  X-Delivery: live" },
        { 0, false, "e: 200  X-Delivery: queued" },
        { 0, true, "e: 200  X-Delivery: duplicate" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        publish("{\"player_id\":7,\"event\":\"x\",\"payload\":[1 ],\"id\":\"m\",\"ttl\":3}");
        answer_append(RESULT_OK, rows[i].listeners, rows[i].is_duplicate);
        rig_expect("append player 7 {\"event\":\"x\",\"payload\":[1 ]} ttl=3000 once=m",
                   rows[i].want);
    }
    assert_int_equal(rig.node.metrics.push_published, 2);
    for (enum result result = RESULT_UNAVAILABLE; result <= RESULT_UNCERTAIN; result++) {
        publish("{\"player_id\":\"p\",\"event\":\"x\"}");
        answer_append(result, 0, false);
        rig_expect("append player p {\"event\":\"x\",\"payload\":null} ttl=0",
                   "e: 503 text/plain; charset=utf-8 unavailable\n Retry-After: 1");
    }
}

static void test_broadcast(void **state)
{
    (void)state;
    post("{\"event\":\"x\"}", broadcast_handle);
    answer_append(RESULT_OK, 3, false);
    rig_expect("append broadcast all {\"event\":\"x\",\"payload\":null} ttl=0 live only",
               "e: 200 ");
    post("{\"event\":\"x\",\"player_id\":\"p\"}", broadcast_handle);
    answer_append(RESULT_OK, 0, false);
    rig_expect("append player p {\"event\":\"x\",\"payload\":null} ttl=0 live only", "e: 200 ");
}

static void test_lists(void **state)
{
    (void)state;
    publish(
        "[{\"player_id\":1,\"event\":\"x\"},{\"event\":\"y\"},{\"player_id\":1,\"event\":\"z\"}]");
    rig_expect("append player 1 {\"event\":\"x\",\"payload\":null} ttl=0",
               "append player 1 {\"event\":\"z\",\"payload\":null} ttl=0");
    answer_append(RESULT_OK, 1, false);
    answer_append(RESULT_UNCERTAIN, 0, false);
    rig_expect("e: 200 json [{\"status\":\"live\"},{\"status\":\"error\",\"error\":\"player_id: is "
               "missing\"},{\"status\":\"error\",\"error\":\"it may have been stored\"}]");
    publish("[]");
    rig_expect("e: 200 json []");
    publish("[1]");
    rig_expect("e: 200 json [{\"status\":\"error\",\"error\":\"must be an object\"}]");
    publish("[{\"player_id\":1,\"event\":\"x\"},1]");
    answer_append(RESULT_UNAVAILABLE, 0, false); /* of all that could be done, nothing was */
    rig_expect("append player 1 {\"event\":\"x\",\"payload\":null} ttl=0",
               "e: 503 text/plain; charset=utf-8 unavailable\n Retry-After: 1");
}

static void test_the_rate(void **state)
{
    (void)state;
    rig.config.rate_limit = 10;
    publish("{\"player_id\":1,\"event\":\"x\"}");
    rig_expect("take 1 of 10 per 1000 for default/s");
    answer_take(RESULT_OK, 0);
    answer_append(RESULT_OK, 1, false);
    rig_expect("append player 1 {\"event\":\"x\",\"payload\":null} ttl=0",
               "e: 200  X-Delivery: live");
    publish("[{\"player_id\":1,\"event\":\"x\"},1,2]");
    answer_take(RESULT_REFUSED, 1001);
    rig_expect("take 3 of 10 per 1000 for default/s",
               "e: 429 text/plain; charset=utf-8 rate limit after 2");
    assert_int_equal(rig.node.metrics.limits[LIMIT_RATE], 1);
    publish("x"); /* the rate comes before the body */
    answer_take(RESULT_REFUSED, 1);
    rig_expect("take 1 of 10 per 1000 for default/s",
               "e: 429 text/plain; charset=utf-8 rate limit after 1");
    publish("x");
    answer_take(RESULT_OK, 0);
    rig_expect("take 1 of 10 per 1000 for default/s", "e: 400 text bad request");
    publish("{\"player_id\":1,\"event\":\"x\"}");
    answer_take(RESULT_UNCERTAIN, 0);
    rig_expect("take 1 of 10 per 1000 for default/s",
               "e: 503 text/plain; charset=utf-8 unavailable\n Retry-After: 1");
}

static void test_publishers_that_go(void **state)
{
    (void)state;
    rig_auth(AUTH_PENDING);
    rig_gone(publish("{}"));
    rig_auth(AUTH_OK);
    rig_gone(publish("{\"player_id\":1,\"event\":\"x\"}"));
    rig_expect("append player 1 {\"event\":\"x\",\"payload\":null} ttl=0", "cancel append");
    rig.config.rate_limit = 10;
    rig_gone(publish("{\"player_id\":1,\"event\":\"x\"}"));
    rig_expect("take 1 of 10 per 1000 for default/s", "cancel take");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_rig, close_rig)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_who_may_connect),
        TEST(test_a_player),
        TEST(test_what_comes_before_it_is_open_stays_with_the_hub),
        TEST(test_back_pressure),
        TEST(test_how_it_ends_is_how_it_leaves),
        TEST(test_there_is_no_place),
        TEST(test_a_place_of_a_dead_node),
        TEST(test_the_store_fails),
        TEST(test_the_channels_do_not_come_into_force),
        TEST(test_origins),
        TEST(test_no_websocket),
        TEST(test_a_token_that_ends),
        TEST(test_clients_that_go),
        TEST(test_a_place_is_given_back_until_it_is),
        TEST(test_the_node_may_end_before_that),
        TEST(test_a_place_is_renewed),
        TEST(test_who_may_publish),
        TEST(test_publish),
        TEST(test_broadcast),
        TEST(test_lists),
        TEST(test_the_rate),
        TEST(test_publishers_that_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
