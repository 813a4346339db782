/* SPDX-License-Identifier: MIT */
/*
 * A player's connection.
 *
 *     checking → seating → listening → upgrading → open
 *
 * It listens to its channels before the handshake is answered: who has been told that it is connected
 * gets what is published from then on. Until it is open it takes no entry: they stay with the hub.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"
#include "origin.h"
#include "place.h"

enum { MESSAGE_MAX = 1024 * 1024, LISTEN_PATIENCE_MS = 3000 };

enum player_state {
    PLAYER_CHECKING,  /* whose token is it?              */
    PLAYER_SEATING,   /* is there a place?               */
    PLAYER_LISTENING, /* the channels come into force    */
    PLAYER_UPGRADING, /* the handshake is being answered */
    PLAYER_OPEN,
    PLAYER_STATES
};

/* There are thousands of these, most of them idle. */
struct player {
    struct push *push;
    union {
        struct http_request *request; /* until it is upgrading */
        struct ws *ws;                /* while it is open      */
    };
    struct auth_check *checking;
    struct auth_hold hold;
    struct place *place;
    struct hub_listener own, all; /* the player's channel, and everybody's */
    struct deadline patience;     /* while it is listening */
    uint8_t state;                /* enum player_state; written by player_enter() alone */
    bool is_expired;              /* its token ended while it was upgrading */
};

static void player_enter(struct player *player, enum player_state to)
{
    static const char *const names[PLAYER_STATES] = {
        [PLAYER_CHECKING] = "checking",   [PLAYER_SEATING] = "seating",
        [PLAYER_LISTENING] = "listening", [PLAYER_UPGRADING] = "upgrading",
        [PLAYER_OPEN] = "open",
    };

    assert(to == player->state + 1u || (player->state == PLAYER_SEATING && to == PLAYER_UPGRADING));
    log_debug(NULL, "push.player", "from=%s to=%s", names[player->state], names[to]);
    player->state = (uint8_t)to;
}

/* ---- the end --------------------------------------------------------------------------------- */

static void player_destroy(struct player **player, enum channel_leave how)
{
    struct player *gone = *player;

    *player = NULL;
    if (gone == NULL)
        return;
    auth_cancel(&gone->checking);
    auth_release(&gone->hold);
    hub_leave(gone->push->node->hub, &gone->own, how);
    hub_leave(gone->push->node->hub, &gone->all, how);
    deadline_clear(&gone->patience);
    place_give(&gone->place);
    free(gone);
}

static void on_client_gone(void *ctx)
{
    struct player *player = ctx;

    player_destroy(&player, CHANNEL_LEAVE_BROKEN);
}

/* The request, which the caller now answers; the player is gone. */
static struct http_request *player_finish(struct player *player)
{
    struct http_request *request = player->request;

    assert(player->state < PLAYER_UPGRADING);
    player_destroy(&player, CHANNEL_LEAVE_BROKEN);
    return request;
}

static void on_token_ended(struct auth_hold *hold)
{
    struct player *player = LIST_ENTRY(hold, struct player, hold);

    if (player->state < PLAYER_UPGRADING)
        http_reply_text(player_finish(player), 401, "invalid token");
    else if (player->state == PLAYER_OPEN)
        ws_close(player->ws, CLOSE_TOKEN_EXPIRED);
    else
        player->is_expired = true;
}

/* ---- from the channels to the socket ----------------------------------------------------------- */

static enum hub_take player_take(struct player *player, const struct hub_entry *entry)
{
    enum ws_sent sent;

    if (player->state != PLAYER_OPEN)
        return HUB_FULL;
    sent = ws_send(player->ws, entry->frame, WS_TEXT);
    if (sent == WS_FULL)
        return HUB_FULL;
    player->push->node->metrics.push_delivered++;
    return sent == WS_WRITTEN ? HUB_WRITTEN : HUB_TAKEN;
}

static enum hub_take on_own_entry(struct hub_listener *listener, const struct hub_entry *entry)
{
    return player_take(LIST_ENTRY(listener, struct player, own), entry);
}

static enum hub_take on_all_entry(struct hub_listener *listener, const struct hub_entry *entry)
{
    return player_take(LIST_ENTRY(listener, struct player, all), entry);
}

static void on_drain(struct ws *ws, void *conn)
{
    struct player *player = conn;
    struct hub *hub = player->push->node->hub;

    (void)ws;
    hub_written(hub, &player->own);
    hub_written(hub, &player->all);
    hub_resume(hub, &player->own);
    hub_resume(hub, &player->all);
}

/* ---- the socket ------------------------------------------------------------------------------ */

static void on_open(struct ws *ws, void *conn)
{
    struct player *player = conn;

    player_enter(player, PLAYER_OPEN);
    player->ws = ws;
    player->push->node->metrics.push_active++;
    hub_resume(player->push->node->hub, &player->own);
    hub_resume(player->push->node->hub, &player->all);
    if (player->is_expired)
        ws_close(ws, CLOSE_TOKEN_EXPIRED);
}

static void on_message(struct ws *ws, struct slice message, enum ws_kind kind, void *conn)
{
    (void)ws;
    (void)message;
    (void)kind;
    (void)conn; /* players have nothing to say */
}

/* A player that closed will not come straight back, and one whose token ended cannot: nothing more than
 * the offline cap is kept for them. */
static enum channel_leave leave_of(enum ws_end how, enum close_reason reason)
{
    bool is_for_good = reason == CLOSE_PEER_CLOSED || reason == CLOSE_TOKEN_EXPIRED;

    return how == WS_ENDED_IN_ORDER && is_for_good ? CHANNEL_LEAVE_IN_ORDER : CHANNEL_LEAVE_BROKEN;
}

static void on_close(struct ws *ws, enum ws_end how, enum close_reason reason, void *conn)
{
    struct player *player = conn;

    (void)ws;
    if (player->state == PLAYER_OPEN)
        player->push->node->metrics.push_active--;
    player_destroy(&player, leave_of(how, reason));
}

static const struct ws_ops socket_ops = {
    .dialect = "push",
    .message_max_bytes = MESSAGE_MAX,
    .on_open = on_open,
    .on_message = on_message,
    .on_drain = on_drain,
    .on_close = on_close,
};

/* ---- the handshake --------------------------------------------------------------------------- */

static void player_upgrade(struct player *player)
{
    struct http_request *request = player->request;

    player_enter(player, PLAYER_UPGRADING);
    deadline_clear(&player->patience);
    http_upgrade(request, &socket_ops, player);
}

static void player_go_on(struct player *player)
{
    if (player->own.has_started && player->all.has_started)
        player_upgrade(player);
}

static void on_own_listening(struct hub_listener *listener)
{
    player_go_on(LIST_ENTRY(listener, struct player, own));
}

static void on_all_listening(struct hub_listener *listener)
{
    player_go_on(LIST_ENTRY(listener, struct player, all));
}

static const struct hub_listener_ops own_ops = {
    .on_entry = on_own_entry,
    .on_listening = on_own_listening,
};

static const struct hub_listener_ops all_ops = {
    .on_entry = on_all_entry,
    .on_listening = on_all_listening,
    .starts_at_tip = true, /* a broadcast is for those who are connected */
};

static void on_patience_over(struct deadline *deadline)
{
    push_fail(player_finish(LIST_ENTRY(deadline, struct player, patience)));
}

static void player_listen(struct player *player)
{
    const struct identity *identity = player->hold.identity;
    struct channel_id own = { CHANNEL_PLAYER, slice_of(identity->realm),
                              slice_of(identity->subject) };
    struct channel_id all = { CHANNEL_BROADCAST, slice_of(identity->realm), BROADCAST_ID };

    player_enter(player, PLAYER_LISTENING);
    deadline_set(player->push->deadlines, &player->patience, LISTEN_PATIENCE_MS, on_patience_over);
    hub_listen(player->push->node->hub, &own, &player->own, &own_ops);
    hub_listen(player->push->node->hub, &all, &player->all, &all_ops);
}

static bool is_from_allowed_origin(const struct player *player)
{
    return origin_is_allowed(&player->push->node->config->origins,
                             http_header(player->request, "origin"));
}

static void on_placed(enum result result, void *ctx)
{
    struct player *player = ctx;

    if (result != RESULT_OK)
        player->place = NULL;
    if (result == RESULT_REFUSED) {
        player->push->node->metrics.limits[LIMIT_PLAYER_CONNECTIONS]++;
        http_reply_text(player_finish(player), 429, "too many connections");
    } else if (result != RESULT_OK) {
        push_fail(player_finish(player));
    } else if (!is_from_allowed_origin(player)) {
        http_reply_text(player_finish(player), 403, "origin not allowed");
    } else if (!http_is_upgrade(player->request)) {
        player_upgrade(player); /* which says what is wrong with it */
    } else {
        player_listen(player);
    }
}

static void on_checked(const struct auth_outcome *outcome, void *ctx)
{
    struct player *player = ctx;

    if (outcome->answer != AUTH_OK) {
        push_refuse(player_finish(player), outcome, 401, "invalid token");
        return;
    }
    player_enter(player, PLAYER_SEATING);
    auth_follow(player->push->node->auth, &player->hold, outcome->identity, on_token_ended);
    player->place = place_take(player->push, outcome->identity, on_placed, player);
}

void player_handle(struct http_request *request, void *dialect)
{
    struct push *push = dialect;
    struct auth_request ask = {
        .kind = CREDENTIAL_PLAYER,
        .secret = http_query(request, "token"),
        .peer = http_peer(request),
    };
    struct auth_outcome outcome;
    struct player *player;

    if (ask.secret.len == 0) {
        http_reply_text(request, 401, "missing token");
        return;
    }
    player = xcalloc(1, sizeof *player);
    player->push = push;
    player->request = request;
    deadline_init(&player->patience);
    http_wait(request, on_client_gone, player);
    outcome = auth_check(push->node->auth, &ask, on_checked, player, &player->checking);
    if (outcome.answer != AUTH_PENDING)
        on_checked(&outcome, player);
}
