/* SPDX-License-Identifier: MIT */
/*
 * A connection says what it is, gets its place, has its channels listened to, and only then is
 * welcomed: so the first message that anybody sends after a welcome finds a live recipient. From the
 * handshake to the welcome nothing is read from the peer.
 */
#include "relay_conn.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "relay_ear.h"

enum { JOIN_LIMIT_MS = 5000, ASK_LIMIT_MS = 1000 };

/* ---- states ------------------------------------------------------------------------------------ */

static void claim(struct relay_conn *conn);
static void listen_in(struct relay_conn *conn);
static void welcome(struct relay_conn *conn);
static void let_go(struct relay_conn *conn);

static void never_came(struct relay_conn *conn);
static void give_up(struct relay_conn *conn);
static void go_on(struct relay_conn *conn);
static void renew(struct relay_conn *conn);

#define TO(state) (1u << (state))

/* clang-format off */
static const struct relay_rule {
    const char *name;
    uint32_t limit_ms; /* 0: none, or see state_limit_ms() */
    unsigned next;
    void (*enter)(struct relay_conn *conn);
    void (*late)(struct relay_conn *conn); /* the limit has passed */
} rules[RELAY_STATES] = {
    /*                    name        limit_ms       may move to                                on entry   when late */
    [RELAY_HANDSHAKE] = { "handshake", 0,             TO(RELAY_CLAIMING) | TO(RELAY_CLOSING),    NULL,      never_came },
    [RELAY_CLAIMING]  = { "claiming",  JOIN_LIMIT_MS, TO(RELAY_ASKING) | TO(RELAY_LISTENING) |
                                                      TO(RELAY_CLOSING),                         claim,     give_up    },
    [RELAY_ASKING]    = { "asking",    ASK_LIMIT_MS,  TO(RELAY_LISTENING) | TO(RELAY_CLOSING),   NULL,      go_on      },
    [RELAY_LISTENING] = { "listening", JOIN_LIMIT_MS, TO(RELAY_OPEN) | TO(RELAY_CLOSING),        listen_in, give_up    },
    [RELAY_OPEN]      = { "open",      0,             TO(RELAY_CLOSING),                         welcome,   renew      },
    [RELAY_CLOSING]   = { "closing",   0,             0,                                         let_go,    NULL       },
};
/* clang-format on */

static uint32_t state_limit_ms(const struct relay_conn *conn)
{
    if (conn->state == RELAY_HANDSHAKE)
        return conn->relay->node->config->relay_handshake_ms;
    if (conn->state == RELAY_OPEN)
        return conn->role->renew_every_ms;
    return rules[conn->state].limit_ms;
}

static void on_late(struct deadline *deadline)
{
    struct relay_conn *conn = LIST_ENTRY(deadline, struct relay_conn, deadline);

    rules[conn->state].late(conn);
}

static void arm(struct relay_conn *conn)
{
    uint32_t limit_ms = state_limit_ms(conn);

    deadline_clear(&conn->deadline);
    if (limit_ms > 0)
        deadline_set(conn->relay->deadlines, &conn->deadline, limit_ms, on_late);
}

void relay_conn_enter(struct relay_conn *conn, enum relay_state to)
{
    const struct relay_rule *rule = &rules[to];

    assert(rules[conn->state].next & TO(to));
    log_debug(&conn->log, "relay.state", "from=%s to=%s", rules[conn->state].name, rule->name);
    conn->state = to;
    arm(conn);
    if (rule->enter != NULL)
        rule->enter(conn);
}

static void claim(struct relay_conn *conn)
{
    ws_pause(conn->ws);
    conn->role->claim(conn);
}

static void listen_in(struct relay_conn *conn)
{
    conn->role->listen(conn);
}

static uint64_t *gauge(struct relay_conn *conn)
{
    struct metrics *metrics = &conn->relay->node->metrics;

    return conn->sender.side == RELAY_MOD ? &metrics->relay_mods : &metrics->relay_bots;
}

static void welcome(struct relay_conn *conn)
{
    conn->is_welcome = true;
    ++*gauge(conn);
    log_info(&conn->log, "relay.open", "side=%s", relay_side_name(conn->sender.side));
    ws_answer(conn->ws, relay_welcome_text(conn->sender.side));
    ws_continue(conn->ws);
    relay_ears_resume(conn);
}

static void let_go(struct relay_conn *conn)
{
    deadline_clear(&conn->turn);
    auth_release(&conn->hold);
    relay_posts_forget(conn);
    if (conn->is_welcome)
        --*gauge(conn);
    if (conn->role != NULL)
        conn->role->leave(conn, conn->how);
}

static void never_came(struct relay_conn *conn)
{
    conn->relay->node->metrics.limits[LIMIT_HANDSHAKE_TIME]++;
    relay_conn_close(conn, CLOSE_HANDSHAKE_LATE);
}

static void give_up(struct relay_conn *conn)
{
    relay_conn_refuse(conn, RELAY_INTERNAL);
}

static void go_on(struct relay_conn *conn)
{
    log_peer(LOG_WARN, &conn->log, "relay.unanswered", "limit_ms=%d", ASK_LIMIT_MS);
    relay_conn_enter(conn, RELAY_LISTENING);
}

static void renew(struct relay_conn *conn)
{
    arm(conn);
    conn->role->renew(conn);
}

void relay_conn_claimed(struct relay_conn *conn, struct slice whom, struct slice channel)
{
    if (whom.len == 0) {
        relay_conn_enter(conn, RELAY_LISTENING);
        return;
    }
    relay_ask_to_serve(conn->relay, whom, relay_conn_address(conn), channel);
    relay_conn_enter(conn, RELAY_ASKING);
}

/* ---- the end ----------------------------------------------------------------------------------- */

void relay_conn_close(struct relay_conn *conn, enum close_reason reason)
{
    if (conn->state == RELAY_CLOSING)
        return;
    /* whoever is replaced or displaced comes back, or has: only a key's end is meant to last */
    conn->how = reason == CLOSE_KEY_REVOKED ? CHANNEL_LEAVE_IN_ORDER : CHANNEL_LEAVE_BROKEN;
    relay_conn_enter(conn, RELAY_CLOSING);
    ws_close(conn->ws, reason);
}

void relay_conn_refuse(struct relay_conn *conn, enum relay_error error)
{
    log_peer(LOG_INFO, &conn->log, "relay.refused", "reason=%s", relay_error_label(error));
    ws_answer(conn->ws, relay_error_text(error));
    relay_conn_close(conn, CLOSE_DISCONNECTING);
}

static void on_key_ended(struct auth_hold *hold)
{
    struct relay_conn *conn = LIST_ENTRY(hold, struct relay_conn, hold);

    if (conn->ws == NULL)
        conn->is_revoked = true;
    else
        relay_conn_close(conn, CLOSE_KEY_REVOKED);
}

/* ---- birth and death --------------------------------------------------------------------------- */

struct relay_conn *relay_conn_create(struct relay *relay, struct identity *identity)
{
    struct relay_conn *conn = xcalloc(1, sizeof *conn);

    conn->relay = relay;
    conn->identity = identity_ref(identity);
    deadline_init(&conn->deadline);
    deadline_init(&conn->turn);
    list_init(&conn->full);
    list_init(&conn->unwritten);
    list_init(&conn->acks);
    auth_follow(relay->node->auth, &conn->hold, conn->identity, on_key_ended);
    return conn;
}

static void conn_free(struct relay_conn *conn)
{
    deadline_clear(&conn->deadline);
    relay_mod_destroy(&conn->mod);
    relay_bot_destroy(&conn->bot);
    identity_unref(&conn->identity);
    free(conn);
}

static void on_open(struct ws *ws, void *ctx)
{
    struct relay_conn *conn = ctx;

    conn->ws = ws;
    conn->number = ws_number(ws);
    snprintf(conn->log.context, sizeof conn->log.context, "conn=%" PRIu64 " dialect=relay",
             conn->number);
    relay_address_make(&conn->address, conn->relay->node->id, conn->number);
    HASH_ADD(hh, conn->relay->conns, number, sizeof conn->number, conn);
    if (conn->is_revoked)
        relay_conn_close(conn, CLOSE_KEY_REVOKED);
    else
        arm(conn);
}

/* On purpose is what the peer began: who only answers a close of ours (the node drains, a message was
 * too big) comes back, and shall miss nothing. */
static enum channel_leave leaving(enum ws_end how, enum close_reason reason)
{
    return how == WS_ENDED_IN_ORDER && reason == CLOSE_PEER_CLOSED ? CHANNEL_LEAVE_IN_ORDER
                                                                   : CHANNEL_LEAVE_BROKEN;
}

static void on_close(struct ws *ws, enum ws_end how, enum close_reason reason, void *ctx)
{
    struct relay_conn *conn = ctx;

    if (conn->state != RELAY_CLOSING) {
        conn->how = leaving(how, reason);
        relay_conn_enter(conn, RELAY_CLOSING);
    }
    if (ws != NULL)
        HASH_DELETE(hh, conn->relay->conns, conn);
    conn_free(conn);
}

/* ---- from the peer ----------------------------------------------------------------------------- */

static const struct {
    const struct relay_role *role;
    void (*create)(struct relay_conn *conn, struct relay_handshake *handshake);
} sides[] = {
    [RELAY_MOD] = { &relay_mod_role, relay_mod_create },
    [RELAY_BOT] = { &relay_bot_role, relay_bot_create },
};

static void on_handshake(struct relay_conn *conn, struct slice text, enum ws_kind kind)
{
    struct relay_handshake handshake;
    enum relay_error error = RELAY_BAD_HANDSHAKE;

    if (kind == WS_TEXT)
        error = relay_handshake_parse(text, &handshake);
    if (error != RELAY_FINE) {
        relay_conn_refuse(conn, error);
        return;
    }
    conn->sender.side = handshake.side;
    conn->role = sides[handshake.side].role;
    sides[handshake.side].create(conn, &handshake);
    relay_handshake_fini(&handshake);
    relay_conn_enter(conn, RELAY_CLAIMING);
}

static void on_message(struct ws *ws, struct slice message, enum ws_kind kind, void *ctx)
{
    struct relay_conn *conn = ctx;

    (void)ws;
    if (conn->state == RELAY_CLOSING)
        return;
    assert(conn->state == RELAY_HANDSHAKE || conn->state == RELAY_OPEN); /* else it is paused */
    if (conn->state == RELAY_OPEN)
        relay_post(conn, message, kind);
    else
        on_handshake(conn, message, kind);
}

static void on_drain(struct ws *ws, void *ctx)
{
    (void)ws;
    relay_ears_drained(ctx);
}

const struct ws_ops relay_ws_ops = {
    .dialect = "relay",
    .on_open = on_open,
    .on_message = on_message,
    .on_drain = on_drain,
    .on_close = on_close,
};

struct slice relay_conn_realm(const struct relay_conn *conn)
{
    return slice_of(conn->identity->realm);
}

struct slice relay_conn_address(const struct relay_conn *conn)
{
    return slice_of(conn->address.text);
}
