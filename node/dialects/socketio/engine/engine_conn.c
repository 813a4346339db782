/* SPDX-License-Identifier: MIT */
/*
 * A connection's life: a rule per state, and one function that moves.
 *
 *     opening ─(greeting)─> polling ──5──> socket ──> over
 *        │          │ │ └─5 on another node─> leaving ─> moved ─> over
 *        │          │ └─ended, and no GET is held─> closing ─GET─> over
 *        └──────────┴─────────────ended─────────────────────────> over
 *
 * Whoever ends it, the first reason stays. The upper layer hears of it when the loop has turned,
 * also where the last words still wait for a GET.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine_inner.h"

enum {
    GREETING_MS = 1000,    /* for the upper layer's first words                            */
    CLOSE_WAIT_MS = 30000, /* for the GET that fetches the last words                      */
    TOMBSTONE_MS = 45000,  /* for polls and WebSockets that do not know that it has moved  */
};

#define TO(state) (1u << (state))

_Static_assert((int)ENGINE_ENDS == (int)ENGINE_END_KINDS, "each end has its counter");

/* ---- ends --------------------------------------------------------------------------------------------- */

static const struct end_rule {
    const char *text;
    enum eio_type farewell; /* of polling */
    bool waits;             /* for a GET that fetches it, when none is held */
} ends[ENGINE_ENDS] = {
    [ENGINE_TRANSPORT_CLOSE] = { "transport close", EIO_NOOP, true },
    [ENGINE_TRANSPORT_ERROR] = { "transport error", EIO_CLOSE, false },
    [ENGINE_PING_TIMEOUT] = { "ping timeout", EIO_CLOSE, false },
    [ENGINE_PARSE_ERROR] = { "parse error", EIO_CLOSE, false },
    [ENGINE_FORCED_CLOSE] = { "forced close", EIO_CLOSE, true },
    [ENGINE_FORCED_SERVER_CLOSE] = { "forced server close", EIO_CLOSE, true },
    [ENGINE_SERVER_DISCONNECT] = { "server namespace disconnect", EIO_CLOSE, true },
    [ENGINE_SHUTTING_DOWN] = { "server shutting down", EIO_CLOSE, false },
    [ENGINE_TOO_SLOW] = { "transport error", EIO_CLOSE, false },
};

const char *engine_end_text(enum engine_end end)
{
    return ends[end].text;
}

enum eio_type engine_conn_last_word(const struct engine_conn *conn)
{
    return ends[conn->end].farewell;
}

static void finish(struct engine_conn *conn)
{
    struct poll *get = conn->get;

    if (conn->state == CONN_GREETING && get != NULL) { /* the client has yet to learn its sid */
        engine_conn_welcome(conn, get);
        return;
    }
    if (conn->state == CONN_POLLING && get == NULL && ends[conn->end].waits) {
        engine_conn_enter(conn, CONN_CLOSING);
        return;
    }
    if (conn->state == CONN_SOCKET && conn->end == ENGINE_SERVER_DISCONNECT)
        engine_conn_send_rest(conn);
    engine_conn_enter(conn, CONN_OVER);
    if (get != NULL)
        engine_conn_farewell(conn, get);
}

void engine_close(struct engine_conn *conn, enum engine_end how)
{
    if (conn->end != ENGINE_ENDS || conn->state > CONN_LEAVING)
        return;
    conn->end = (uint8_t)how;
    conn->engine->node->metrics.engine_closed[how]++;
    log_peer(LOG_INFO, NULL, "engine.close",
             "conn=%" PRIu64 " engine=%s reason=\"%s\" transport=%s age_ms=%" PRId64, conn->number,
             conn->engine->ops->name, ends[how].text,
             conn->state == CONN_SOCKET ? "websocket" : "polling",
             store_now_ms(conn->engine->node->store) - conn->handshake->opened_ms);
    if (conn->state != CONN_OPENING)
        finish(conn);
}

/* ---- states ------------------------------------------------------------------------------------------- */

static void begin_to_poll(struct engine_conn *conn);
static void begin_on_socket(struct engine_conn *conn);
static void stop_polling(struct engine_conn *conn);
static void become_tombstone(struct engine_conn *conn);
static void wait_for_get(struct engine_conn *conn);
static void leave_the_table(struct engine_conn *conn);

static const struct conn_rule {
    const char *name;
    uint32_t limit_ms; /* 0: none */
    unsigned next;
    void (*enter)(struct engine_conn *conn);
} rules[ENGINE_STATES] = {
    [CONN_OPENING] = { "opening", 0,
                       TO(CONN_GREETING) | TO(CONN_POLLING) | TO(CONN_SOCKET) | TO(CONN_OVER),
                       NULL },
    [CONN_GREETING] = { "greeting", GREETING_MS, TO(CONN_POLLING) | TO(CONN_OVER), NULL },
    [CONN_POLLING] = { "polling", 0,
                       TO(CONN_SOCKET) | TO(CONN_LEAVING) | TO(CONN_CLOSING) | TO(CONN_OVER),
                       begin_to_poll },
    [CONN_SOCKET] = { "socket", 0, TO(CONN_OVER), begin_on_socket },
    [CONN_LEAVING] = { "leaving", ENGINE_REST_MS, TO(CONN_MOVED) | TO(CONN_OVER), stop_polling },
    [CONN_MOVED] = { "moved", TOMBSTONE_MS, TO(CONN_OVER), become_tombstone },
    [CONN_CLOSING] = { "closing", CLOSE_WAIT_MS, TO(CONN_OVER), wait_for_get },
    [CONN_OVER] = { "over", 0, 0, leave_the_table },
};

static void on_limit(struct deadline *deadline)
{
    struct engine_conn *conn = LIST_ENTRY(deadline, struct engine_conn, limit);

    if (conn->state == CONN_GREETING) { /* then they come by the first GET */
        engine_conn_welcome(conn, conn->get);
        return;
    }
    engine_close(conn, ENGINE_TRANSPORT_ERROR);
    if (conn->state != CONN_OVER)
        engine_conn_enter(conn, CONN_OVER);
}

static void count(struct engine_conn *conn, enum engine_state state, int change)
{
    uint64_t *open = conn->engine->node->metrics.engine_open;

    if (state == CONN_POLLING)
        open[0] += (uint64_t)change;
    else if (state == CONN_SOCKET)
        open[1] += (uint64_t)change;
}

void engine_conn_enter(struct engine_conn *conn, enum engine_state to)
{
    const struct conn_rule *rule = &rules[to];

    assert(rules[conn->state].next & TO(to));
    log_debug(NULL, "engine.state", "conn=%" PRIu64 " from=%s to=%s", conn->number,
              rules[conn->state].name, rule->name);
    count(conn, (enum engine_state)conn->state, -1);
    count(conn, to, 1);
    conn->state = (uint8_t)to;
    deadline_clear(&conn->limit);
    if (rule->limit_ms != 0)
        deadline_set(conn->engine->deadlines, &conn->limit, rule->limit_ms, on_limit);
    if (rule->enter != NULL)
        rule->enter(conn);
}

/* The upper layer may have ended it before it began. */
static void begin_to_poll(struct engine_conn *conn)
{
    if (conn->end == ENGINE_ENDS)
        engine_beat_start(conn);
    else
        finish(conn);
}

/* Those who come with a heartbeat keep it: the client counts from its last one. */
static void begin_on_socket(struct engine_conn *conn)
{
    bool is_new = !deadline_is_set(&conn->beat);

    stop_polling(conn);
    if (conn->end != ENGINE_ENDS)
        finish(conn);
    else if (is_new)
        engine_beat_start(conn);
    else
        engine_beat_switched(conn);
}

/* A GET that is held returns; a POST that is still arriving finds out by itself. */
static void stop_polling(struct engine_conn *conn)
{
    engine_conn_dismiss(conn);
    conn_limit_give(&conn->place);
}

static void become_tombstone(struct engine_conn *conn)
{
    conn->has_upper = false;
    deadline_clear(&conn->beat);
    ws_queue_destroy(&conn->queue);
    free(conn->handshake);
    conn->handshake = NULL;
}

static void say_that_it_ended(struct engine_conn *conn)
{
    deadline_clear(&conn->beat);
    engine_probe_conn_ended(conn);
    if (conn->post != NULL)
        conn->post->conn = NULL;
    conn->post = NULL;
    engine_let_go(conn);
}

static void wait_for_get(struct engine_conn *conn)
{
    say_that_it_ended(conn);
}

static void leave_the_table(struct engine_conn *conn)
{
    HASH_DEL(conn->engine->conns, conn);
    conn_limit_give(&conn->place);
    if (conn->carrier != NULL)
        carrier_end(conn->carrier);
    conn->carrier = NULL;
    say_that_it_ended(conn);
}

void engine_conn_describe(const struct engine_conn *conn, struct buf *out)
{
    const struct engine_settings *settings = &conn->engine->settings;
    bool may_upgrade = conn->carrier == NULL && settings->has_upgrades && settings->has_websocket;

    buf_printf(out,
               "{\"sid\":\"%s\",\"upgrades\":[%s],\"pingInterval\":%u,\"pingTimeout\":%u,"
               "\"maxPayload\":%u}",
               conn->sid, may_upgrade ? "\"websocket\"" : "", settings->ping_interval_ms,
               settings->ping_timeout_ms, settings->max_payload);
}

bool engine_conn_is_live(const struct engine_conn *conn)
{
    return conn->state <= CONN_SOCKET && conn->end == ENGINE_ENDS;
}

/* ---- life ---------------------------------------------------------------------------------------------- */

struct engine_conn *engine_conn_create(struct engine *engine, struct engine_handshake *handshake,
                                       const char *sid)
{
    static uint64_t last_number; /* of all engines of the process */
    struct engine_conn *conn = xcalloc(1, sizeof *conn);

    conn->engine = engine;
    conn->handshake = handshake;
    conn->number = ++last_number;
    conn->end = ENGINE_ENDS;
    list_init(&conn->node);
    deadline_init(&conn->beat);
    deadline_init(&conn->limit);
    if (sid == NULL)
        engine_new_sid(engine, conn->sid);
    else
        memcpy(conn->sid, sid, ENGINE_ID_LEN);
    HASH_ADD(hh, engine->conns, sid, ENGINE_ID_LEN, conn);
    return conn;
}

void engine_conn_free(struct engine_conn **conn)
{
    struct engine_conn *gone = *conn;

    *conn = NULL;
    assert(gone->state == CONN_OVER && gone->get == NULL && gone->post == NULL);
    ws_queue_destroy(&gone->queue);
    free(gone->handshake);
    free(gone);
}

void engine_conn_open(struct engine_conn *conn)
{
    conn->has_upper = true;
    conn->upper = conn->engine->ops->on_open(conn, conn->engine->ctx);
}

const struct engine_handshake *engine_handshake(const struct engine_conn *conn)
{
    return conn->handshake;
}

const char *engine_sid(const struct engine_conn *conn)
{
    return conn->sid;
}

uint64_t engine_number(const struct engine_conn *conn)
{
    return conn->number;
}
