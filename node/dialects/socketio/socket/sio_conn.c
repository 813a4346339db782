/* SPDX-License-Identifier: MIT */
/*
 * One Engine.IO connection: its life, and what the engine asks of it. Whatever a client does wrong ends the
 * connection with all its sockets: the engine closes it, and on_close ends them.
 *
 * What must not happen under the engine's own call (joining `/` while it opens, moving while an app runs) waits
 * for the loop's next turn: `soon`.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "sio_assembly.h"
#include "sio_inner.h"

/* ---- what a client does wrong ------------------------------------------------------------------- */

/* What is counted as a limit that said no; LIMIT_KINDS: as a bad packet. */
static enum limit_kind limit_of(enum sio_fault fault)
{
    switch (fault) {
    case SIO_FAULT_MANY:
        return LIMIT_SOCKETIO_ATTACHMENTS;
    case SIO_FAULT_BYTES:
        return LIMIT_SOCKETIO_ATTACHMENT_BYTES;
    case SIO_FAULT_LATE:
        return LIMIT_SOCKETIO_ATTACHMENT_TIME;
    case SIO_FAULT_QUEUE:
        return LIMIT_SOCKETIO_ADMISSION_QUEUE;
    default:
        return LIMIT_KINDS;
    }
}

void sio_conn_fault(struct sio_conn *conn, enum sio_fault fault)
{
    bool is_state = fault == SIO_FAULT_STATE || fault == SIO_FAULT_QUEUE;
    struct metrics *metrics = &conn->sio->node->metrics;
    enum limit_kind limit = limit_of(fault);

    if (limit < LIMIT_KINDS)
        metrics->limits[limit]++;
    else
        metrics->socketio_bad_packets[is_state]++;
    log_peer(LOG_INFO, NULL, "sio.fault", "conn=%llu fault=%s",
             (unsigned long long)engine_number(conn->engine), sio_fault_name(fault));
    sio_conn_close(conn, is_state ? ENGINE_FORCED_SERVER_CLOSE : ENGINE_FORCED_CLOSE);
}

void sio_conn_close(struct sio_conn *conn, enum engine_end how)
{
    conn->is_ending = true;
    deadline_clear(&conn->connecting);
    deadline_clear(&conn->assembling);
    engine_close(conn->engine, how);
}

/* ---- to the client ------------------------------------------------------------------------------- */

enum engine_sent sio_conn_send(struct sio_conn *conn, struct packet *packet)
{
    enum engine_sent sent = engine_send(conn->engine, packet);

    if (sent != ENGINE_WRITTEN)
        conn->is_waiting = true;
    return sent;
}

void sio_conn_answer(struct sio_conn *conn, struct packet *packet)
{
    if (sio_conn_send(conn, packet) == ENGINE_FULL)
        engine_answer(conn->engine, packet);
}

void sio_conn_tell(struct sio_conn *conn, enum sio_type type, struct slice nsp, struct json payload)
{
    const struct sio_packet head = { .type = type, .nsp = nsp, .payload = payload };
    struct packet *packet = sio_packet_make(&head, NULL);

    sio_conn_answer(conn, packet);
    packet_unref(&packet);
}

/* ---- the next turn -------------------------------------------------------------------------------- */

static struct sio_socket *first_back(const struct sio_conn *conn)
{
    LIST_EACH (node, spare, &conn->sockets) {
        struct sio_socket *socket = LIST_ENTRY(node, struct sio_socket, node);

        if (socket->is_back)
            return socket;
    }
    return NULL;
}

/* Before anything else is handled. */
static void conn_begin(struct sio_conn *conn)
{
    struct sio_socket *socket;

    if (conn->has_begun)
        return;
    conn->has_begun = true;
    if (conn->joins_root)
        sio_conn_join_root(conn);
    while ((socket = first_back(conn)) != NULL)
        sio_socket_tell(socket, true);
    sio_conn_note_rest(conn);
}

static void on_soon(struct deadline *soon)
{
    struct sio_conn *conn = LIST_ENTRY(soon, struct sio_conn, soon);

    if (conn->is_ending)
        return;
    conn_begin(conn);
    if (!conn->is_rest_wanted || conn->is_ending || !sio_conn_is_at_rest(conn))
        return;
    conn->is_rest_wanted = false;
    engine_rested(conn->engine);
}

void sio_conn_note_rest(struct sio_conn *conn)
{
    if (conn->is_rest_wanted)
        deadline_set(conn->sio->deadlines, &conn->soon, 0, on_soon);
}

/* ---- the engine's calls ------------------------------------------------------------------------------ */

static void on_text(struct engine_conn *engine, struct slice text, void *upper)
{
    struct sio_conn *conn = upper;

    (void)engine;
    conn_begin(conn);
    if (!conn->is_ending)
        sio_conn_text(conn, text);
}

static void on_binary(struct engine_conn *engine, struct slice bytes, void *upper)
{
    struct sio_conn *conn = upper;

    (void)engine;
    conn_begin(conn);
    if (!conn->is_ending)
        sio_conn_binary(conn, bytes);
}

/* Each socket in turn, as long as the client takes more. An app may end any of them. */
static void on_drain(struct engine_conn *engine, void *upper)
{
    struct sio_conn *conn = upper;

    (void)engine;
    conn->is_waiting = false;
    for (uint32_t left = conn->socket_count; left > 0 && !list_is_empty(&conn->sockets); left--) {
        struct sio_socket *socket = LIST_ENTRY(conn->sockets.next, struct sio_socket, node);

        list_remove(&socket->node);
        list_append(&conn->sockets, &socket->node);
        if (socket->state != SIO_CONNECTED)
            continue;
        sio_members_drain(socket);
        sio_tasks_drain(socket);
    }
}

static void on_close(struct engine_conn *engine, enum engine_end how, void *upper)
{
    struct sio_conn *conn = upper;
    const struct sio_end end = {
        .reason = engine_end_text(how),
        .leave = how == ENGINE_PARSE_ERROR || how == ENGINE_SERVER_DISCONNECT
                     ? CHANNEL_LEAVE_IN_ORDER
                     : CHANNEL_LEAVE_BROKEN,
    };

    (void)engine;
    conn->is_ending = true;
    while (!list_is_empty(&conn->sockets))
        sio_socket_end(LIST_ENTRY(conn->sockets.next, struct sio_socket, node), &end);
    sio_conn_destroy(&conn);
}

static void on_connect_late(struct deadline *connecting)
{
    struct sio_conn *conn = LIST_ENTRY(connecting, struct sio_conn, connecting);

    conn->sio->node->metrics.limits[LIMIT_SOCKETIO_CONNECT_TIME]++;
    sio_conn_close(conn, ENGINE_FORCED_SERVER_CLOSE);
}

/* ---- life -------------------------------------------------------------------------------------------- */

struct sio_conn *sio_conn_create(struct sio *sio, struct engine_conn *engine)
{
    struct sio_conn *conn = xcalloc(1, sizeof *conn);

    conn->sio = sio;
    conn->engine = engine;
    list_init(&conn->sockets);
    list_append(&sio->conns, &conn->node);
    deadline_init(&conn->connecting);
    deadline_init(&conn->assembling);
    deadline_init(&conn->soon);
    deadline_set(sio->deadlines, &conn->connecting, sio->connect_timeout_ms, on_connect_late);
    return conn;
}

void sio_conn_destroy(struct sio_conn **conn)
{
    struct sio_conn *gone = *conn;

    *conn = NULL;
    assert(list_is_empty(&gone->sockets));
    deadline_clear(&gone->connecting);
    deadline_clear(&gone->assembling);
    deadline_clear(&gone->soon);
    sio_assembly_destroy(&gone->assembly);
    list_remove(&gone->node);
    free(gone);
}

static void *on_open(struct engine_conn *engine, void *ctx)
{
    struct sio_conn *conn = sio_conn_create(ctx, engine);

    conn->joins_root = engine_handshake(engine)->version == ENGINE_3;
    conn->has_begun = !conn->joins_root;
    if (conn->joins_root)
        deadline_set(conn->sio->deadlines, &conn->soon, 0, on_soon);
    return conn;
}

static bool is_at_rest(void *upper)
{
    struct sio_conn *conn = upper;

    conn->is_rest_wanted = !sio_conn_is_at_rest(conn);
    return !conn->is_rest_wanted;
}

static void pack(void *upper, struct buf *image)
{
    struct sio_conn *conn = upper;

    if (!sio_conn_pack(conn, image))
        return;
    conn->is_ending = true;
    while (!list_is_empty(&conn->sockets))
        sio_socket_end(LIST_ENTRY(conn->sockets.next, struct sio_socket, node), &sio_moved);
    sio_conn_destroy(&conn);
}

static void *unpack(struct engine_conn *engine, struct slice image, void *ctx)
{
    struct sio_conn *conn = sio_conn_create(ctx, engine);

    if (sio_conn_unpack(conn, image)) {
        deadline_set(conn->sio->deadlines, &conn->soon, 0, on_soon);
        return conn;
    }
    on_close(engine, ENGINE_TRANSPORT_ERROR, conn);
    return NULL;
}

const struct engine_ops sio_conn_ops = {
    .name = "socketio",
    .speaks_first = true, /* the "40" of "/" */
    .on_open = on_open,
    .on_text = on_text,
    .on_binary = on_binary,
    .on_drain = on_drain,
    .on_close = on_close,
    .is_at_rest = is_at_rest,
    .pack = pack,
    .unpack = unpack,
};
