/* SPDX-License-Identifier: MIT */
/*
 * A mod: the newest connection of its server in its channel. Joining, it makes the channel known to
 * the realm, so that the bot who serves it listens; while it is there it keeps both up. What it was
 * delivered it marks as its own, because the channel's settled mark may be another mod's doing.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "relay_conn.h"
#include "relay_ear.h"
#include "store/claims.h"
#include "store/members.h"

/* The place outlives two renewals that fail. A channel is known for as long as a message may wait in
 * it: one could have been sent right before the last renewal would have been due. */
enum { RENEW_EVERY_MS = 60000, PLACE_TTL_MS = 3 * RENEW_EVERY_MS };

struct relay_mod {
    struct relay_ear ear;
    char *server_id, *channel_id;
    struct store_op *placing, *touching;
    struct relay_address bot; /* who serves the channel, as far as known; else empty */
    struct deadline marking;  /* what it was delivered is noted, once per window     */
    uint64_t mark;            /* where it goes on; 0: where the channel stands       */
    bool has_place;
};

static struct slice channel_of(const struct relay_conn *conn)
{
    return slice_of(conn->mod->channel_id);
}

static struct member_id place_of(const struct relay_conn *conn)
{
    return (struct member_id){
        .realm = relay_conn_realm(conn),
        .channel = channel_of(conn),
        .server = slice_of(conn->mod->server_id),
        .connection = relay_conn_address(conn),
    };
}

static uint32_t keep_ms(const struct relay_conn *conn)
{
    uint32_t ttl_ms = conn->relay->node->config->relay_ttl_ms;
    uint32_t slack_ms = 2 * RENEW_EVERY_MS;

    return ttl_ms < UINT32_MAX - slack_ms ? ttl_ms + slack_ms : UINT32_MAX;
}

/* ---- joining ----------------------------------------------------------------------------------- */

static void mod_mark(struct relay_conn *conn)
{
    struct member_id place = place_of(conn);
    uint64_t written = conn->mod->ear.listener.written;

    deadline_clear(&conn->mod->marking);
    if (written > 0)
        member_mark(conn->relay->node->store, &place, written, PLACE_TTL_MS, NULL, NULL, NULL);
}

static void on_marking_due(struct deadline *deadline)
{
    mod_mark(LIST_ENTRY(deadline, struct relay_mod, marking)->ear.conn);
}

static void on_ear_written(struct relay_ear *ear)
{
    struct relay_mod *mod = LIST_ENTRY(ear, struct relay_mod, ear);
    struct relay *relay = ear->conn->relay;

    if (!deadline_is_set(&mod->marking))
        deadline_set(relay->deadlines, &mod->marking, relay->node->config->settle_delay_ms,
                     on_marking_due);
}

/* From here on it has a mark, before anything is delivered. */
static void on_ear_listening(struct relay_ear *ear)
{
    mod_mark(ear->conn);
    if (ear->conn->state == RELAY_LISTENING)
        relay_conn_enter(ear->conn, RELAY_OPEN);
}

void relay_mod_create(struct relay_conn *conn, struct relay_handshake *handshake)
{
    struct relay_mod *mod = xcalloc(1, sizeof *mod);

    conn->mod = mod;
    mod->server_id = handshake->server_id;
    mod->channel_id = handshake->channel_id;
    handshake->server_id = handshake->channel_id = NULL;
    conn->sender.server_id = mod->server_id;
    conn->sender.channel_id = mod->channel_id;
    relay_ear_init(&mod->ear, conn, on_ear_listening);
    mod->ear.on_written = on_ear_written;
    deadline_init(&mod->marking);
}

void relay_mod_destroy(struct relay_mod **mod)
{
    if (*mod == NULL)
        return;
    store_cancel(&(*mod)->placing);
    store_cancel(&(*mod)->touching);
    deadline_clear(&(*mod)->marking);
    free((*mod)->server_id);
    free((*mod)->channel_id);
    free(*mod);
    *mod = NULL;
}

/* Both answers are here. */
static void try_claimed(struct relay_conn *conn)
{
    struct relay_mod *mod = conn->mod;

    if (mod->placing == NULL && mod->touching == NULL)
        relay_conn_claimed(conn, slice_of(mod->bot.text), channel_of(conn));
}

static void on_placed(enum result result, const struct member *member, void *ctx)
{
    struct relay_conn *conn = ctx;

    if (result != RESULT_OK) {
        relay_conn_refuse(conn, RELAY_INTERNAL);
        return;
    }
    conn->mod->mark = member->mark;
    relay_tell_replaced(conn->relay, member->former);
    try_claimed(conn);
}

static void on_touched(enum result result, struct slice bot, void *ctx)
{
    struct relay_conn *conn = ctx;

    if (result != RESULT_OK) {
        relay_conn_refuse(conn, RELAY_INTERNAL);
        return;
    }
    (void)relay_address_copy(&conn->mod->bot, bot);
    try_claimed(conn);
}

static void mod_claim(struct relay_conn *conn)
{
    struct store *store = conn->relay->node->store;
    struct relay_mod *mod = conn->mod;
    struct member_id place = place_of(conn);

    mod->has_place = true; /* or will have, once the script has run */
    member_take(store, &place, PLACE_TTL_MS, on_placed, conn, &mod->placing);
    claim_touch(store, place.realm, place.channel, keep_ms(conn), on_touched, conn, &mod->touching);
}

static void mod_listen(struct relay_conn *conn)
{
    struct relay_mod *mod = conn->mod;

    if (mod->mark > 0)
        relay_ear_listen_after(&mod->ear, CHANNEL_MODS, channel_of(conn), mod->mark);
    else
        relay_ear_listen(&mod->ear, CHANNEL_MODS, channel_of(conn));
}

/* ---- staying and leaving ----------------------------------------------------------------------- */

static void on_place_renewed(enum result result, void *ctx)
{
    if (result == RESULT_CONFLICT)
        relay_conn_close(ctx, CLOSE_REPLACED);
}

static void mod_renew(struct relay_conn *conn)
{
    struct store *store = conn->relay->node->store;
    struct relay_mod *mod = conn->mod;
    struct member_id place = place_of(conn);

    if (mod->placing == NULL)
        member_renew(store, &place, PLACE_TTL_MS, on_place_renewed, conn, &mod->placing);
    /* who serves it is of no interest here: a bot that came meanwhile has looked for itself */
    claim_touch(store, place.realm, place.channel, keep_ms(conn), NULL, NULL, NULL);
}

static void mod_leave(struct relay_conn *conn, enum channel_leave how)
{
    struct relay_mod *mod = conn->mod;
    struct member_id place = place_of(conn);
    bool is_broken = how == CHANNEL_LEAVE_BROKEN;
    uint32_t grace_ms = is_broken ? conn->relay->node->config->reconnect_grace_ms : 0;

    store_cancel(&mod->placing);
    store_cancel(&mod->touching);
    if (deadline_is_set(&mod->marking))
        mod_mark(conn);
    relay_ear_leave(&mod->ear, how);
    if (mod->has_place)
        member_release(conn->relay->node->store, &place, grace_ms, NULL, NULL, NULL);
}

const struct relay_role relay_mod_role = {
    .renew_every_ms = RENEW_EVERY_MS,
    .claim = mod_claim,
    .listen = mod_listen,
    .renew = mod_renew,
    .leave = mod_leave,
};
