/* SPDX-License-Identifier: MIT */
#ifndef SB_RELAY_CONN_H
#define SB_RELAY_CONN_H

#include <uthash.h>

#include "deadline.h"
#include "node.h"
#include "relay_notice.h"
#include "relay_wire.h"

/*
 * The inside of the relay dialect, for relay*.c only.
 *
 *     relay         the dialect on this node: options, notices from other nodes
 *     relay_door    GET /sync up to the upgrade
 *     relay_conn    one connection: its states, its WebSocket
 *     relay_mod     what a connection does as a mod …
 *     relay_bot     … and as a bot; relay_view: which channels the bot of the rest has
 *     relay_ear     a channel that a connection listens to
 *     relay_post    messages from the peer, and their acknowledgements
 */
struct relay_conn;
struct relay_mod;
struct relay_bot;

struct relay {
    struct node *node;
    struct ws_ops ws_ops; /* its own copy: the message size is an option   */
    struct deadlines *deadlines;
    struct relay_conn *conns; /* hash by number: those that have opened        */
    struct list errands;      /* of bots that have left                         */
};

/* In the order in which a connection passes them. */
enum relay_state {
    RELAY_HANDSHAKE, /* it has not said what it is                                          */
    RELAY_CLAIMING,  /* its place is asked for                                              */
    RELAY_ASKING,    /* another node is asked to act on it                                  */
    RELAY_LISTENING, /* its channels are being listened to                                  */
    RELAY_OPEN,      /* welcomed: messages flow                                             */
    RELAY_CLOSING,   /* it has given everything back; the WebSocket ends                    */
    RELAY_STATES
};

/* What mods and bots do differently, one function for each state that is entered. */
struct relay_role {
    uint32_t renew_every_ms;
    void (*claim)(struct relay_conn *conn);  /* then relay_conn_claimed() */
    void (*listen)(struct relay_conn *conn); /* then relay_conn_enter(RELAY_OPEN) */
    void (*renew)(struct relay_conn *conn);
    void (*leave)(struct relay_conn *conn, enum channel_leave how);
};
extern const struct relay_role relay_mod_role, relay_bot_role;

struct relay_conn {
    struct relay *relay;
    struct ws *ws; /* NULL until it has opened */
    uint64_t number;
    UT_hash_handle hh;
    enum relay_state state;
    struct deadline deadline; /* of its state */
    struct identity *identity;
    struct auth_hold hold;
    const struct relay_role *role; /* NULL: not known yet */
    struct relay_sender sender;    /* what the handshake said */
    struct relay_mod *mod;         /* … and what it made of the connection: one of these two */
    struct relay_bot *bot;
    struct deadline turn;  /* of the next ears that go on */
    struct list full;      /* of struct relay_ear: they wait for hub_resume()            */
    struct list unwritten; /* of struct relay_ear: entries of theirs wait in the socket  */
    struct list acks;      /* of messages whose acknowledgement is not out, oldest first */
    uint32_t ack_count;
    size_t ack_bytes;       /* … and the bytes of those messages                          */
    bool is_blocked;        /* the socket's queue is full                                 */
    bool is_paused;         /* too many acknowledgements are outstanding                  */
    bool is_revoked;        /* its key ended before it had opened                         */
    bool is_welcome;        /* it has been open                                           */
    enum channel_leave how; /* CLOSING: as what its leaving counts                        */
    struct relay_address address;
    struct log log;
};

/* ---- relay_conn -------------------------------------------------------------------------------- */

/* Of a key that is valid; lives until its on_close. */
struct relay_conn *relay_conn_create(struct relay *relay, struct identity *identity);
extern const struct ws_ops relay_ws_ops;

/* The only place where a state changes. */
void relay_conn_enter(struct relay_conn *conn, enum relay_state to);

/* The place is the connection's. When `whom` is not empty that bot's node is asked first, about
 * `channel` (nothing: about all that is the bot's). */
void relay_conn_claimed(struct relay_conn *conn, struct slice whom, struct slice channel);

/* Says why, and closes with "Disconnecting." */
void relay_conn_refuse(struct relay_conn *conn, enum relay_error error);
void relay_conn_close(struct relay_conn *conn, enum close_reason reason);

struct slice relay_conn_realm(const struct relay_conn *conn);
struct slice relay_conn_address(const struct relay_conn *conn);

/* ---- relay ------------------------------------------------------------------------------------- */

struct relay_conn *relay_find(struct relay *relay, uint64_t number); /* NULL: gone */

/* Notices to the node of `address`; an address that makes no sense is nobody's. */
void relay_tell_replaced(struct relay *relay, struct slice address);
void relay_tell_served(struct relay *relay, struct slice address);
void relay_ask_to_serve(struct relay *relay, struct slice bot, struct slice from,
                        struct slice channel);

/* ---- relay_door -------------------------------------------------------------------------------- */

void relay_sync(struct http_request *request, void *dialect);

/* ---- relay_mod, relay_bot, relay_view ------------------------------------------------------------ */

/* Both take what they need out of the handshake. */
void relay_mod_create(struct relay_conn *conn, struct relay_handshake *handshake);
void relay_bot_create(struct relay_conn *conn, struct relay_handshake *handshake);
void relay_mod_destroy(struct relay_mod **mod);
void relay_bot_destroy(struct relay_bot **bot);

/* Does the bot speak to this channel? */
bool relay_bot_has(const struct relay_bot *bot, const char *channel_id);

/* Somebody wants this connection, if it is a bot, to serve. */
void relay_bot_asked(struct relay_conn *conn, const struct relay_request *request);
void relay_errands_close(struct relay *relay);

/* ---- relay_post -------------------------------------------------------------------------------- */

void relay_post(struct relay_conn *conn, struct slice text, enum ws_kind kind);

/* The peer has gone: nobody waits for acknowledgements any more; what was sent is still stored. */
void relay_posts_forget(struct relay_conn *conn);

#endif
