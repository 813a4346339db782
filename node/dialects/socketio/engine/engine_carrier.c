/* SPDX-License-Identifier: MIT */
/*
 * A WebSocket, from its handshake to its end. One that opens a connection carries it from the
 * start. One that comes to take over asks first (2probe), and then takes it from its home, which is
 * here or on another node:
 *
 *     opening ──> probing ──5──> committing ──> attached ──> closed
 *        └──direct─────────────────────────────────^
 */
#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "engine_inner.h"

#define TO(state) (1u << (state))

static void on_late(struct deadline *deadline);

/* The owner lets go of the connection, or ends it, before this is over. */
enum { COMMIT_MS = ENGINE_REST_MS + 5000 };

static void carrier_enter(struct carrier *carrier, enum carrier_state to)
{
    const struct {
        const char *name;
        unsigned next;
        uint32_t limit_ms; /* 0: none */
    } rules[CARRIER_STATES] = {
        [CARRIER_OPENING] = { "opening",
                              TO(CARRIER_PROBING) | TO(CARRIER_ATTACHED) | TO(CARRIER_CLOSED), 0 },
        [CARRIER_PROBING] = { "probing", TO(CARRIER_COMMITTING) | TO(CARRIER_CLOSED),
                              carrier->engine->settings.upgrade_timeout_ms },
        [CARRIER_COMMITTING] = { "committing", TO(CARRIER_ATTACHED) | TO(CARRIER_CLOSED),
                                 COMMIT_MS },
        [CARRIER_ATTACHED] = { "attached", TO(CARRIER_CLOSED), 0 },
        [CARRIER_CLOSED] = { "closed", 0, 0 },
    };

    assert(rules[carrier->state].next & TO(to));
    log_debug(NULL, "engine.carrier", "from=%s to=%s", rules[carrier->state].name, rules[to].name);
    carrier->state = (uint8_t)to;
    deadline_clear(&carrier->wait);
    if (rules[to].limit_ms != 0)
        deadline_set(carrier->engine->deadlines, &carrier->wait, rules[to].limit_ms, on_late);
}

static void carrier_close(struct carrier *carrier)
{
    carrier_enter(carrier, CARRIER_CLOSED);
    ws_close(carrier->ws, CLOSE_ENGINE_CLOSED);
}

static void leave_home(struct carrier *carrier)
{
    struct home *home = carrier->home;

    carrier->home = NULL;
    if (home != NULL)
        home->ops->leave(home);
}

/* The client did something else than to upgrade, or nothing: polling goes on. Or its home says nothing. */
static void give_up(struct carrier *carrier)
{
    leave_home(carrier);
    carrier_close(carrier);
}

static void on_late(struct deadline *deadline)
{
    struct carrier *carrier = LIST_ENTRY(deadline, struct carrier, wait);

    if (carrier->state == CARRIER_PROBING)
        carrier->engine->node->metrics.limits[LIMIT_SOCKETIO_UPGRADE_TIME]++;
    give_up(carrier);
}

/* ---- before it is attached ---------------------------------------------------------------------------------- */

static void commit(struct carrier *carrier)
{
    carrier_enter(carrier, CARRIER_COMMITTING);
    carrier->home->ops->commit(carrier->home);
    if (carrier->state == CARRIER_COMMITTING)
        ws_pause(carrier->ws); /* what comes now is for the connection */
}

static void on_probing_message(struct carrier *carrier, struct slice message)
{
    if (slice_is(message, "2probe")) {
        ws_answer(carrier->ws, SLICE_LITERAL("3probe"));
        carrier->home->ops->probed(carrier->home);
    } else if (slice_is(message, "5")) {
        commit(carrier);
    } else {
        give_up(carrier);
    }
}

void carrier_attach(struct carrier *carrier, struct engine_conn *conn)
{
    carrier_enter(carrier, CARRIER_ATTACHED);
    carrier->conn = conn;
    conn->carrier = carrier;
    carrier->engine->node->metrics.engine_upgrades++;
    engine_conn_enter(conn, CONN_SOCKET);
    if (conn->state != CONN_SOCKET) /* the upper layer would not go on */
        return;
    ws_continue(carrier->ws);
    engine_conn_flush_socket(conn);
}

void carrier_refuse(struct carrier *carrier)
{
    carrier->home = NULL;
    if (carrier->state != CARRIER_OPENING) /* or it is closed once it is open */
        carrier_close(carrier);
}

/* ---- pace ----------------------------------------------------------------------------------------------------- */

static void on_pause_over(struct deadline *deadline);

/* Until the pause is over there is no room, and before the connection is opened none at all. */
static void keep_pace(struct carrier *carrier)
{
    if (carrier->engine->settings.pace_ms != 0)
        deadline_set(carrier->engine->deadlines, &carrier->wait, carrier->engine->settings.pace_ms,
                     on_pause_over);
}

/* ---- attached ------------------------------------------------------------------------------------------------ */

static void on_attached_message(struct carrier *carrier, struct slice message, enum ws_kind kind)
{
    struct engine_conn *conn = carrier->conn;
    struct eio_packet packet;
    struct buf room;

    buf_init(&room, message.len + 1);
    if (eio_message_read((enum engine_version)carrier->version, message, kind, &room, &packet))
        engine_conn_receive(conn, &packet);
    else
        engine_close(conn, ENGINE_PARSE_ERROR);
    buf_fini(&room);
}

/* As it is written: a reference of the caller's. */
static struct frame *message_of(const struct carrier *carrier, struct frame *frame,
                                enum ws_kind *kind)
{
    const struct eio_style style = { .version = (enum engine_version)carrier->version,
                                     .has_b64 = carrier->has_b64 };

    return *kind == WS_BINARY ? eio_attachment(&style, frame, kind) : frame_ref(frame);
}

enum ws_sent carrier_send(struct carrier *carrier, struct frame *frame, enum ws_kind kind)
{
    struct frame *message;
    enum ws_sent sent;

    if (deadline_is_set(&carrier->wait))
        return WS_FULL;
    message = message_of(carrier, frame, &kind);
    sent = ws_send(carrier->ws, message, kind);
    frame_unref(&message);
    if (sent != WS_FULL)
        keep_pace(carrier);
    return sent;
}

void carrier_send_last(struct carrier *carrier, struct frame *frame, enum ws_kind kind)
{
    struct frame *message = message_of(carrier, frame, &kind);

    ws_send_last(carrier->ws, message, kind);
    frame_unref(&message);
}

size_t carrier_pending_bytes(const struct carrier *carrier)
{
    return ws_pending_bytes(carrier->ws);
}

void carrier_end(struct carrier *carrier)
{
    carrier->conn = NULL;
    carrier_close(carrier);
}

/* ---- the WebSocket --------------------------------------------------------------------------------------------- */

static void open_connection(struct carrier *carrier)
{
    struct engine_conn *conn = engine_conn_create(carrier->engine, carrier->handshake, NULL);
    struct buf text;

    carrier_enter(carrier, CARRIER_ATTACHED);
    carrier->conn = conn;
    conn->carrier = carrier;
    carrier->engine->node->metrics.engine_opened[carrier->version - ENGINE_3][1]++;
    engine_conn_open(conn);
    buf_init(&text, ENGINE_OPEN_MAX);
    buf_add_byte(&text, '0' + EIO_OPEN);
    engine_conn_describe(conn, &text);
    ws_answer(carrier->ws, buf_slice(&text));
    buf_fini(&text);
    keep_pace(carrier);
    engine_conn_enter(conn, CONN_SOCKET);
    engine_conn_flush_socket(conn);
}

static void on_pause_over(struct deadline *deadline)
{
    struct carrier *carrier = LIST_ENTRY(deadline, struct carrier, wait);

    if (carrier->state == CARRIER_ATTACHED) {
        engine_conn_flush_socket(carrier->conn);
        return;
    }
    open_connection(carrier);
    if (carrier->state == CARRIER_ATTACHED)
        ws_continue(carrier->ws);
}

static void open_direct(struct carrier *carrier)
{
    keep_pace(carrier);
    if (deadline_is_set(&carrier->wait))
        ws_pause(carrier->ws); /* what comes now is for the connection */
    else
        open_connection(carrier);
}

static void on_open(struct ws *ws, void *ctx)
{
    struct carrier *carrier = ctx;

    carrier->ws = ws;
    if (carrier->is_direct)
        open_direct(carrier);
    else if (carrier->home != NULL)
        carrier_enter(carrier, CARRIER_PROBING);
    else
        carrier_close(carrier);
}

static void on_message(struct ws *ws, struct slice message, enum ws_kind kind, void *ctx)
{
    struct carrier *carrier = ctx;

    (void)ws;
    if (carrier->state == CARRIER_ATTACHED)
        on_attached_message(carrier, message, kind);
    else if (carrier->state == CARRIER_PROBING)
        on_probing_message(carrier, message);
}

static void on_drain(struct ws *ws, void *ctx)
{
    struct carrier *carrier = ctx;

    (void)ws;
    if (carrier->state == CARRIER_ATTACHED)
        engine_conn_flush_socket(carrier->conn);
}

static enum engine_end end_of(enum close_reason reason)
{
    switch (reason) {
    case CLOSE_PEER_CLOSED:
    case CLOSE_PEER_GONE:
        return ENGINE_TRANSPORT_CLOSE;
    case CLOSE_GOING_AWAY:
        return ENGINE_SHUTTING_DOWN;
    case CLOSE_SLOW_READER:
        return ENGINE_TOO_SLOW;
    default: /* it broke the rules of WebSockets */
        return ENGINE_TRANSPORT_ERROR;
    }
}

static void on_close(struct ws *ws, enum ws_end how, enum close_reason reason, void *ctx)
{
    struct carrier *carrier = ctx;

    (void)ws;
    (void)how;
    if (carrier->state == CARRIER_ATTACHED) {
        carrier->conn->carrier = NULL;
        engine_close(carrier->conn, end_of(reason));
    } else if (carrier->is_direct && carrier->state == CARRIER_OPENING) {
        free(carrier->handshake);
    } else if (carrier->state != CARRIER_CLOSED) {
        leave_home(carrier);
    }
    deadline_clear(&carrier->wait);
    free(carrier);
}

void carrier_init_ops(struct engine *engine)
{
    engine->socket_ops = (struct ws_ops){
        .dialect = engine->ops->name,
        .ping_every_ms = WS_NEVER,
        .silence_ms = WS_NEVER,
        .on_open = on_open,
        .on_message = on_message,
        .on_drain = on_drain,
        .on_close = on_close,
    };
}

/* ---- handshakes ------------------------------------------------------------------------------------------------ */

static struct carrier *carrier_create(struct engine *engine, struct http_request *request,
                                      enum engine_version version)
{
    struct carrier *carrier = xcalloc(1, sizeof *carrier);

    carrier->engine = engine;
    carrier->version = (uint8_t)version;
    carrier->has_b64 = slice_is(http_query(request, "b64"), "1");
    deadline_init(&carrier->wait);
    return carrier;
}

void carrier_create_probing(struct engine *engine, struct http_request *request,
                            const char *headers, enum engine_version version, struct home *home)
{
    struct carrier *carrier = carrier_create(engine, request, version);

    carrier->home = home;
    if (home != NULL)
        home->carrier = carrier;
    http_upgrade_with(request, &engine->socket_ops, carrier, headers);
}

void carrier_create_direct(struct engine *engine, struct http_request *request, const char *headers,
                           struct engine_handshake *handshake)
{
    struct carrier *carrier = carrier_create(engine, request, handshake->version);

    carrier->is_direct = true;
    carrier->handshake = handshake;
    http_upgrade_with(request, &engine->socket_ops, carrier, headers);
}
