/* SPDX-License-Identifier: MIT */
#ifndef SB_TESTS_ROOMS_RIG_H
#define SB_TESTS_ROOMS_RIG_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "sio_room.h"
#include "sio_session.h"

/*
 * Two nodes' worth of rooms over one Redis, and clients that write down what they are given. What stands below
 * rooms (sockets, connections, the engine) is played here. Included by one file of a test.
 */
enum { RIG_TEXT_MAX = 1 << 20, STALL_MS = 100 };

struct engine_conn {
    char sid[ENGINE_ID_LEN + 1];
    bool is_writable;
};

struct client {
    struct sio_socket socket;
    struct sio_conn conn;
    struct engine_conn engine;
    struct sio_session session; /* where it is the socket's */
    struct list node;
    struct buf got; /* each packet, and a line feed     */
    size_t packets, attachments;
    int room;   /* packets it takes; -1: any number */
    bool waits; /* what it takes is queued          */
    bool is_closed, is_disconnected, has_yielded, is_over;
    enum engine_end how;
    bool has_begun;
    uint64_t last_ack; /* of the last packet that asks; 0: none */
};

struct station {
    struct node node;
    struct config config;
    struct sio sio;
};

static struct rig {
    uv_loop_t loop;
    struct support_redis *redis;
    struct station a, b;
    struct list clients;
    unsigned made;
} rig;

/* ---- what stands below rooms -------------------------------------------------------------------------- */

static struct client *client_of(struct sio_socket *socket)
{
    return LIST_ENTRY(socket, struct client, socket);
}

struct slice sio_id(const struct sio_socket *socket)
{
    return slice_of(socket->id);
}

struct slice sio_namespace(const struct sio_socket *socket)
{
    return slice_of(socket->nsp);
}

struct slice sio_default_realm(void)
{
    return SLICE_LITERAL("default");
}

struct slice sio_realm(const struct sio_socket *socket)
{
    (void)socket;
    return sio_default_realm();
}

static void client_end(struct client *client, enum channel_leave how)
{
    struct sio_socket *socket = &client->socket;

    if (client->is_over)
        return;
    client->is_over = true;
    socket->state = SIO_OVER;
    HASH_DELETE(hh, socket->sio->sockets, socket);
    sio_asks_forget(socket);
    sio_members_end(socket, how);
    store_cancel(&client->session.announcing);
    socket->conn = NULL;
}

void sio_disconnect(struct sio_socket *socket, bool closes)
{
    client_of(socket)->is_disconnected = true;
    client_of(socket)->is_closed = closes;
    client_end(client_of(socket), CHANNEL_LEAVE_IN_ORDER);
}

void sio_socket_yield(struct sio_socket *socket)
{
    client_of(socket)->has_yielded = true;
    client_end(client_of(socket), CHANNEL_LEAVE_BROKEN);
}

void sio_conn_close(struct sio_conn *conn, enum engine_end how)
{
    struct client *client = LIST_ENTRY(conn, struct client, conn);

    client->is_closed = true;
    client->how = how;
}

void sio_session_save(struct sio_socket *socket)
{
    (void)socket;
}

bool jwts_is_configured(const struct jwts *jwts)
{
    return jwts != NULL;
}

const char *engine_sid(const struct engine_conn *conn)
{
    return conn->sid;
}

uint64_t engine_number(const struct engine_conn *conn)
{
    (void)conn;
    return 1;
}

bool engine_is_writable(const struct engine_conn *conn)
{
    return conn->is_writable;
}

enum engine_sent sio_socket_deliver(struct sio_socket *socket, struct packet *packet)
{
    struct client *client = client_of(socket);
    struct slice text = frame_slice(packet->text);
    struct sio_packet read;

    if (client->room == 0)
        return ENGINE_FULL;
    client->room -= client->room > 0;
    client->packets++;
    client->attachments += packet->attachment_count;
    buf_add_slice(&client->got, text);
    assert_true(buf_add_byte(&client->got, '\n'));
    text.data++;
    text.len--;
    assert_int_equal(sio_packet_read(text, 1000, &read), SIO_FINE);
    client->last_ack = read.has_id ? read.id : 0;
    if (client->waits)
        client->engine.is_writable = false;
    return client->waits ? ENGINE_QUEUED : ENGINE_WRITTEN;
}

/* ---- nodes ------------------------------------------------------------------------------------------------ */

static void on_state(bool is_up, void *ctx)
{
    (void)is_up;
    (void)ctx;
}

static void station_open(struct station *station, const char *id)
{
    static const struct hub_options hub_options = { .settle_ms = 5,
                                                    .settle_count = 100,
                                                    .stall_ms = STALL_MS };
    struct store_options options = { .url = support_redis_url(rig.redis),
                                     .timeout_ms = 3000,
                                     .wait_ms = 500,
                                     .pending_max = 100000 };
    struct node *node = &station->node;
    struct why why = { "" };

    station->config = (struct config){
        .live_bound = 4096,
        .room_keep = 1024,
        .socketio_ping_interval_ms = 25000,
        .socketio_ping_timeout_ms = 20000,
        .socketio_max_rooms = 4,
        .socketio_max_acks = 2,
        .socketio_max_payload = 1000000,
        .socketio_max_attachments = 10,
    };
    node->loop = &rig.loop;
    node->config = &station->config;
    strcpy(node->id, id);
    node->store = store_open(&rig.loop, &options, on_state, NULL, &why);
    assert_non_null(node->store);
    node->hub = hub_create(&rig.loop, node->store, &hub_options);
    node->inbox = inbox_create(&rig.loop, node->store, node->hub, node->id, on_state, NULL);
    station->sio.node = node;
    station->sio.deadlines = deadlines_create(&rig.loop);
    sio_rooms_open(&station->sio);
    sio_rooms_configure(&station->sio);
}

static void station_close(struct station *station)
{
    sio_rooms_close(&station->sio);
    deadlines_destroy(&station->sio.deadlines);
    inbox_destroy(&station->node.inbox);
    hub_destroy(&station->node.hub);
    store_close(&station->node.store);
}

static bool are_healthy(void *ctx)
{
    (void)ctx;
    return inbox_is_healthy(rig.a.node.inbox) && inbox_is_healthy(rig.b.node.inbox);
}

static int rig_start(void **state)
{
    (void)state;
    memset(&rig, 0, sizeof rig);
    log_set_level(LOG_ERROR);
    list_init(&rig.clients);
    uv_loop_init(&rig.loop);
    rig.redis = support_redis_start();
    station_open(&rig.a, "aaaaaaaaaa");
    station_open(&rig.b, "bbbbbbbbbb");
    support_wait(&rig.loop, are_healthy, NULL, SUPPORT_WAIT_MS, "both nodes to be healthy");
    return 0;
}

static void client_free(struct client *client)
{
    client_end(client, CHANNEL_LEAVE_IN_ORDER);
    list_remove(&client->node);
    buf_fini(&client->got);
    free(client->socket.nsp);
    free(client);
}

static int rig_stop(void **state)
{
    (void)state;
    LIST_EACH (node, spare, &rig.clients) {
        client_free(LIST_ENTRY(node, struct client, node));
    }
    station_close(&rig.a);
    station_close(&rig.b);
    support_loop_close(&rig.loop);
    support_redis_stop(&rig.redis);
    return 0;
}

/* ---- clients ------------------------------------------------------------------------------------------------ */

static struct client *client_make(struct station *station, const char *nsp, const char *id)
{
    struct client *client = xcalloc(1, sizeof *client);
    struct sio_socket *socket = &client->socket;

    snprintf(client->engine.sid, sizeof client->engine.sid, "sid%017u", ++rig.made);
    client->engine.is_writable = true;
    client->room = -1;
    buf_init(&client->got, RIG_TEXT_MAX);
    client->conn.sio = &station->sio;
    client->conn.engine = &client->engine;
    socket->sio = &station->sio;
    socket->conn = &client->conn;
    socket->nsp = xmalloc(strlen(nsp) + strlen(id) + 2);
    strcpy(socket->nsp, nsp);
    strcpy(socket->nsp + strlen(nsp) + 1, id);
    strcpy(socket->id, id);
    list_init(&socket->members);
    HASH_ADD_KEYPTR(hh, station->sio.sockets, socket->nsp, strlen(nsp) + 1 + strlen(id), socket);
    list_append(&rig.clients, &client->node);
    return client;
}

static void on_begun(enum result result, void *ctx)
{
    struct client *client = ctx;

    assert_int_equal(result, RESULT_OK);
    client->has_begun = true;
    client->socket.state = SIO_CONNECTED;
    sio_members_drain(&client->socket);
}

static bool has_begun(void *ctx)
{
    return ((struct client *)ctx)->has_begun;
}

static struct client *client_in(struct station *station, const char *nsp, const char *id)
{
    struct client *client = client_make(station, nsp, id);

    client->socket.state = SIO_JOINING;
    sio_members_begin(&client->socket, on_begun, client);
    assert_false(client->has_begun);
    support_wait(&rig.loop, has_begun, client, SUPPORT_WAIT_MS, "the socket's own channels");
    return client;
}

/* ---- waiting for one thing ------------------------------------------------------------------------------------ */

struct outcome {
    struct store_op *slot;
    bool is_over;
    enum result result;
    uint64_t number; /* nodes, members */
    bool is_duplicate;
};

static bool is_over(void *ctx)
{
    return ((struct outcome *)ctx)->is_over;
}

static enum result outcome_wait(struct outcome *outcome, const char *what)
{
    support_wait(&rig.loop, is_over, outcome, SUPPORT_WAIT_MS, what);
    return outcome->result;
}

static void on_joined(enum result result, void *ctx)
{
    struct outcome *outcome = ctx;

    assert_false(outcome->is_over);
    outcome->is_over = true;
    outcome->result = result;
}

static enum result client_join(struct client *client, const char *room)
{
    struct outcome outcome = { .is_over = false };

    sio_join(&client->socket, slice_of(room), on_joined, &outcome);
    assert_false(outcome.is_over);
    return outcome_wait(&outcome, "a join");
}

static void on_emitted(enum result result, const struct channel_appended *emitted, void *ctx)
{
    struct outcome *outcome = ctx;

    outcome->is_over = true;
    outcome->result = result;
    outcome->number = emitted->listeners;
    outcome->is_duplicate = emitted->is_duplicate;
}

/* "a b c" */
struct names {
    struct slice items[8];
    size_t count;
};

static struct names names_of(const char *text)
{
    struct names names = { .count = 0 };

    for (const char *at = text; *at != '\0'; at += *at == ' ') {
        size_t len = strcspn(at, " ");

        names.items[names.count++] = (struct slice){ at, len };
        at += len;
    }
    return names;
}

/* Whom a test means: rooms and except are names between blanks. */
struct whom {
    const char *nsp, *rooms, *except;
};

static struct sio_target target_of(const struct whom *whom, struct names *rooms,
                                   struct names *except)
{
    *rooms = names_of(whom->rooms != NULL ? whom->rooms : "");
    *except = names_of(whom->except != NULL ? whom->except : "");
    return (struct sio_target){
        .realm = sio_default_realm(),
        .nsp = slice_of(whom->nsp),
        .rooms = rooms->items,
        .room_count = rooms->count,
        .except = except->items,
        .except_count = except->count,
    };
}

static uint64_t emit_as(struct station *station, const struct whom *whom, const char *items,
                        bool is_volatile)
{
    struct outcome outcome = { .is_over = false };
    struct names rooms, except;
    const struct sio_emit emit = { .to = target_of(whom, &rooms, &except),
                                   .items = slice_of(items),
                                   .is_volatile = is_volatile };
    struct why why = { "" };

    if (!sio_emit_check(&station->sio, &emit, &why))
        fail_msg("%s", why.text);
    sio_emit(&station->sio, &emit, on_emitted, &outcome, &outcome.slot);
    assert_int_equal(outcome_wait(&outcome, "an emit"), RESULT_OK);
    return outcome.number;
}

static inline uint64_t emit(struct station *station, const char *room, const char *items)
{
    return emit_as(station, &(struct whom){ "/", room, NULL }, items, false);
}

static inline void order(struct station *station, const struct whom *whom, enum sio_control what,
                         const char *names)
{
    struct outcome outcome = { .is_over = false };
    struct names rooms, except, list = names_of(names);
    struct sio_target to = target_of(whom, &rooms, &except);

    sio_control(&station->sio, &to, what, list.items, list.count, on_emitted, &outcome,
                &outcome.slot);
    assert_int_equal(outcome_wait(&outcome, "an order"), RESULT_OK);
}

/* Everything that it got since the last time, each packet with a line feed. */
#define client_expect(client, text) client_expect_at(__LINE__, client, text)
static inline void client_expect_at(int line, struct client *client, const char *text)
{
    int64_t end_ms = clock_ms() + SUPPORT_WAIT_MS;

    while (!slice_is(buf_slice(&client->got), text) && clock_ms() < end_ms)
        uv_run(&rig.loop, UV_RUN_ONCE);
    if (!slice_is(buf_slice(&client->got), text))
        fail_msg("line %d: wanted\n%sgot\n%.*s", line, text, (int)client->got.len,
                 client->got.len > 0 ? client->got.data : "");
    buf_clear(&client->got);
}

/* It gets nothing of what was emitted before: an emit to its own room, after the others of its node, says so. */
#define client_expect_nothing(client) client_expect_nothing_at(__LINE__, client)
static inline void client_expect_nothing_at(int line, struct client *client)
{
    emit_as(&rig.a, &(struct whom){ client->socket.nsp, client->socket.id, NULL }, "[\"end\"]",
            false);
    client_expect_at(line, client,
                     strcmp(client->socket.nsp, "/") == 0 ? "42[\"end\"]\n" : "42/n,[\"end\"]\n");
}

#endif
