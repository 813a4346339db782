/* SPDX-License-Identifier: MIT */
/*
 * The whole: its settings, the table of its connections, and the ends of those, told once the loop
 * has turned, so that nobody hears of an end within a call of his own.
 *
 * A sid says who opened the connection: 5 bytes of node id, 10 random ones, in base64url.
 */
#include "engine.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/hex.h"
#include "base/mem.h"
#include "engine_inner.h"

enum {
    SID_BYTES = 15,
    OWNER_BYTES = NODE_ID_LEN / 2,
    ENDS_PER_TURN = 256,
    DRAIN_TICK_MS = 100,
    TICKS_PER_S = 1000 / DRAIN_TICK_MS,
};

/* ---- ids ------------------------------------------------------------------------------------------ */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void fill_random(unsigned char *bytes, size_t len)
{
    if (getrandom(bytes, len, 0) != (ssize_t)len)
        abort(); /* ids that can be guessed are worse than none */
}

static void write_id(const unsigned char bytes[SID_BYTES], char out[ENGINE_ID_LEN + 1])
{
    for (size_t i = 0, at = 0; i < SID_BYTES; i += 3) {
        unsigned long three = (unsigned long)bytes[i] << 16 | bytes[i + 1] << 8 | bytes[i + 2];

        for (int shift = 18; shift >= 0; shift -= 6)
            out[at++] = digits[three >> shift & 63];
    }
    out[ENGINE_ID_LEN] = '\0';
}

void engine_random_id(char out[ENGINE_ID_LEN + 1])
{
    unsigned char bytes[SID_BYTES];

    fill_random(bytes, sizeof bytes);
    write_id(bytes, out);
}

void engine_new_sid(const struct engine *engine, char out[ENGINE_ID_LEN + 1])
{
    const char *id = engine->node->id;
    unsigned char bytes[SID_BYTES];

    assert(strlen(id) == NODE_ID_LEN);
    for (size_t i = 0; i < OWNER_BYTES; i++)
        bytes[i] = (unsigned char)(hex_value(id[2 * i]) << 4 | hex_value(id[2 * i + 1]));
    fill_random(bytes + OWNER_BYTES, SID_BYTES - OWNER_BYTES);
    write_id(bytes, out);
}

static unsigned digit_value(char digit)
{
    return (unsigned)((const char *)memchr(digits, digit, 64) - digits);
}

bool engine_is_sid(struct slice sid)
{
    for (size_t i = 0; i < sid.len; i++) {
        if (memchr(digits, sid.data[i], 64) == NULL)
            return false;
    }
    return sid.len == ENGINE_ID_LEN;
}

void engine_owner(struct slice sid, char id_out[NODE_ID_LEN + 1])
{
    static const char hex[] = "0123456789abcdef";
    uint64_t bits = 0;

    assert(engine_is_sid(sid));
    for (size_t i = 0; i < 8; i++) /* 48 bits, of which the first 40 are the node's */
        bits = bits << 6 | digit_value(sid.data[i]);
    bits >>= 8;
    for (size_t i = NODE_ID_LEN; i-- > 0; bits >>= 4)
        id_out[i] = hex[bits & 15];
    id_out[NODE_ID_LEN] = '\0';
}

/* ---- the table ------------------------------------------------------------------------------------- */

static struct engine_conn *find(const struct engine *engine, struct slice sid)
{
    struct engine_conn *conn;

    HASH_FIND(hh, engine->conns, sid.data, sid.len, conn);
    return conn;
}

bool engine_has(const struct engine *engine, struct slice sid)
{
    return find(engine, sid) != NULL;
}

bool engine_is_ours(const struct engine *engine, struct slice sid)
{
    char owner[NODE_ID_LEN + 1];

    engine_owner(sid, owner);
    return strcmp(owner, engine->node->id) == 0 || engine_has(engine, sid);
}

enum engine_verdict engine_find(struct engine *engine, struct slice sid,
                                enum engine_version version, struct engine_conn **conn_out)
{
    struct engine_conn *conn = find(engine, sid);

    if (conn != NULL && engine_beat_is_over(conn)) { /* the timer comes later in this turn */
        engine_close(conn, ENGINE_PING_TIMEOUT);
        conn = find(engine, sid);
    }
    *conn_out = conn;
    if (conn == NULL)
        return ENGINE_UNKNOWN;
    if (conn->state != CONN_POLLING && conn->state != CONN_CLOSING)
        return ENGINE_WRONG_TRANSPORT;
    return conn->handshake->version == version ? ENGINE_FOUND : ENGINE_WRONG_VERSION;
}

/* ---- ends -------------------------------------------------------------------------------------------- */

static void on_turn(uv_idle_t *turn);

void engine_let_go(struct engine_conn *conn)
{
    struct engine *engine = conn->engine;

    list_remove(&conn->node);
    list_append(&engine->ended, &conn->node);
    if (!uv_is_active((uv_handle_t *)&engine->turn))
        uv_idle_start(&engine->turn, on_turn);
}

static void tell_first(struct engine *engine)
{
    struct engine_conn *conn = LIST_ENTRY(engine->ended.next, struct engine_conn, node);

    list_remove(&conn->node);
    if (conn->has_upper) {
        conn->has_upper = false;
        engine->ops->on_close(conn, (enum engine_end)conn->end, conn->upper);
    }
    if (conn->state == CONN_OVER) {
        list_remove(&conn->node);
        engine_conn_free(&conn);
    }
}

static void on_turn(uv_idle_t *turn)
{
    struct engine *engine = turn->data;

    for (int i = 0; i < ENDS_PER_TURN && !list_is_empty(&engine->ended); i++)
        tell_first(engine);
    if (list_is_empty(&engine->ended))
        uv_idle_stop(turn);
}

static void end_all(struct engine *engine, enum engine_end how)
{
    struct engine_conn *conn, *next;

    HASH_ITER (hh, engine->conns, conn, next) {
        engine_close(conn, how);
        if (conn->state != CONN_OVER) /* no more GET will come for the last words */
            engine_conn_enter(conn, CONN_OVER);
    }
    while (!list_is_empty(&engine->ended))
        tell_first(engine);
}

/* Ours that poll end; those of other nodes whose GET is here go on there. Those with a WebSocket are the host's
 * business. */
static void drain_some(struct engine *engine)
{
    struct engine_conn *conn, *next;
    uint32_t allowed;

    engine->drain_credit += engine->node->config->drain_rate;
    HASH_ITER (hh, engine->conns, conn, next) {
        if (engine->drain_credit < TICKS_PER_S)
            return;
        if (conn->state == CONN_POLLING) {
            engine_close(conn, ENGINE_SHUTTING_DOWN);
            engine->drain_credit -= TICKS_PER_S;
        }
    }
    allowed = engine->drain_credit / TICKS_PER_S;
    if (engine_remote_return(engine->remote, allowed) < allowed)
        engine->drain_credit = 0;
    else
        engine->drain_credit -= allowed * TICKS_PER_S;
}

static void on_drain_tick(struct deadline *deadline)
{
    struct engine *engine = LIST_ENTRY(deadline, struct engine, draining);

    drain_some(engine);
    deadline_set(engine->deadlines, deadline, DRAIN_TICK_MS, on_drain_tick);
}

void engine_drain(struct engine *engine)
{
    on_drain_tick(&engine->draining);
}

/* ---- life -------------------------------------------------------------------------------------------- */

struct engine *engine_create(struct node *node, const struct engine_ops *ops, void *ctx)
{
    struct engine *engine = xcalloc(1, sizeof *engine);

    engine->node = node;
    engine->ops = ops;
    engine->ctx = ctx;
    engine->deadlines = deadlines_create(node->loop);
    engine->limit = conn_limit_create(node->config, &node->metrics);
    list_init(&engine->ended);
    deadline_init(&engine->draining);
    uv_idle_init(node->loop, &engine->turn);
    engine->turn.data = engine;
    engine->remote = engine_remote_create(engine);
    engine->moves = engine_moves_create(engine);
    carrier_init_ops(engine);
    return engine;
}

void engine_configure(struct engine *engine, const struct engine_settings *settings)
{
    engine->settings = *settings;
    engine->socket_ops.message_max_bytes = settings->max_payload;
    if (engine->has_files)
        engine_files_load(&engine->files, engine->node->config->socketio_client);
}

static void on_turn_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void engine_destroy(struct engine **engine)
{
    struct engine *old = *engine;

    if (old == NULL)
        return;
    *engine = NULL;
    end_all(old, ENGINE_SHUTTING_DOWN);
    engine_moves_destroy(&old->moves);
    engine_remote_destroy(&old->remote);
    engine_files_unload(&old->files);
    conn_limit_destroy(&old->limit);
    deadline_clear(&old->draining);
    deadlines_destroy(&old->deadlines);
    uv_close((uv_handle_t *)&old->turn, on_turn_closed);
}
