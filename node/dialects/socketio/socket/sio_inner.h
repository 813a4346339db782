/* SPDX-License-Identifier: MIT */
#ifndef SB_SIO_INNER_H
#define SB_SIO_INNER_H

#include <uthash.h>

#include "base/pack.h"
#include "deadline.h"
#include "sio.h"
#include "sio_emit.h"

/*
 * The inside of Socket.IO; for socket/ only.
 *
 *     sio.c          the whole: its tables, its settings, what the outside calls
 *     sio_wire       packets: bytes ↔ fields (socketio.md 10)
 *     sio_assembly   a binary packet whose attachments are still coming
 *     sio_conn.c     one connection: packets to sockets, limits; sio_conn_move.c: pack and unpack
 *     sio_socket.c   one socket: its states, its end; sio_data.c, sio_task.c: what apps keep at it
 *     sio_admit.c    CONNECT → the apps, one after the other → in or refused
 *     sio_member.c   a socket's membership of a room: its listener
 *     sio_entry      what stands on the channels of rooms and namespaces (wire format)
 *     sio_deliver.c  entries → sockets: decoded once a node, written to each member
 *     sio_emit.c, sio_ask.c, sio_control.c
 *     sio_auth.c     who a socket is, what it may do, and when that ends
 *     sio_recover.c  state that outlives a connection; offsets
 */
struct sio_assembly;

struct sio {
    struct node *node;
    struct engine *engine; /* --socketio-path */
    struct deadlines *deadlines;
    struct sio_socket *sockets; /* uthash, by namespace and id */
    struct list conns;
    struct list graves;     /* sockets that are over: freed when nothing of theirs is running */
    struct deadline burial; /* … in the loop's next turn */
    struct sio_app_list apps;
    void **opened;                 /* what each app's open() returned */
    struct sio_delivery *delivery; /* the entry that is being delivered, decoded; sio_deliver.c */
    struct sio_asks *asks;         /* sio_ask.c */
    uint64_t sockets_open;
};

enum { SIO_ID_MAX = 160 }; /* "/nsp#" and an engine sid (protocol 4), or 20 characters */

/* One Engine.IO connection, and what it carries. */
struct sio_conn {
    struct sio *sio;
    struct engine_conn *engine;
    struct list node;              /* sio->conns */
    struct list sockets;           /* in any state but SIO_OVER */
    struct sio_assembly *assembly; /* NULL: no binary packet is incomplete */
    struct deadline connecting;    /* until the first namespace is joined */
    struct deadline assembling;
    struct deadline soon; /* what has to wait for the loop's next turn; sio_conn.c */
    uint32_t socket_count;
    bool has_begun;      /* protocol 4: `/` is being joined; moved here: the apps have been told */
    bool is_back;        /* it moved here */
    bool is_rest_wanted; /* engine_rested() is due once it is at rest */
    bool is_waiting;     /* something waits for the client: on_drain follows */
    bool is_ending;      /* engine_close() was called: nothing is listened to any more */
};

/* One room that a socket is in. */
struct sio_member {
    struct hub_listener listener; /* of the room's channel */
    struct sio_socket *socket;
    struct list node;         /* socket->members */
    struct list joins;        /* who wants to know that it has come into force */
    struct store_op *writing; /* the list of members in Redis */
    uint64_t from;            /* the channel's number when it joined */
    uint32_t index;    /* its number among the socket's rooms, never used again: for offsets */
    bool is_own;       /* the socket's private room, or its namespace's channel: not listed */
    struct slice room; /* the bytes stand behind the struct; empty: the namespace */
};

enum sio_state {
    SIO_ADMITTING, /* the apps are being asked                                          */
    SIO_JOINING,   /* its own channels come into force                                  */
    SIO_CONNECTED,
    SIO_OVER,
    SIO_STATES
};

struct sio_socket {
    struct sio *sio;
    struct sio_conn *conn;           /* NULL: over */
    struct list node;                /* conn->sockets; sio->graves */
    UT_hash_handle hh;               /* sio->sockets, from SIO_JOINING on, by `key` */
    struct sio_admission *admission; /* until it is connected */
    struct list tasks;
    struct list members;
    struct jwt *identity;
    struct deadline expiry;        /* of the identity: warning, then end */
    struct list data;              /* of struct sio_datum */
    struct sio_pending_acks *acks; /* NULL: none is awaited */
    char *nsp;
    char *pid; /* NULL: cannot be recovered */
    uint32_t members_made, member_count;
    uint8_t state; /* enum sio_state; written by socket_enter() alone */
    char id[SIO_ID_MAX];
};

/* Tokens are configured, and it has none: it is in its own room and --unauthenticated-room only, and what is
 * emitted to the whole namespace is not for it. */
static inline bool sio_is_restricted(const struct sio_socket *socket)
{
    return socket->identity == NULL && jwts_is_configured(socket->sio->node->jwts);
}

/* ---- sio_conn.c --------------------------------------------------------------------------------- */

/* Its sockets end as well, once the engine has closed it. */
void sio_conn_close(struct sio_conn *conn, enum engine_end how);

/* To the client: `ENGINE_QUEUED` and `ENGINE_FULL` are followed by on_drain, so by sio_members_drain(). */
enum engine_sent sio_conn_send(struct sio_conn *conn, struct packet *packet);

/* The same for what answers the client itself, or was asked for it alone: always taken. */
void sio_conn_answer(struct sio_conn *conn, struct packet *packet);

/* ---- sio_socket.c ------------------------------------------------------------------------------- */

/* A packet that came by a channel, on its way to one member. Adds the offset where the socket can be
 * recovered. ENGINE_FULL: offer it again when sio_members_drain() is called. */
enum engine_sent sio_socket_deliver(struct sio_socket *socket, struct packet *packet);

/* The connection that carries it; NULL: over. */
struct engine_conn *sio_socket_engine(const struct sio_socket *socket);

/* Its client has come back on another connection, which has the socket now: this one goes without a word to
 * the client, and the apps are told that it has moved. */
void sio_socket_yield(struct sio_socket *socket);

/* ---- sio_member.c ------------------------------------------------------------------------------- */

/* Own channels (the private room, the namespace): listened to before the socket is told that it is connected;
 * `done` runs once both are in force, not before this returns. */
void sio_members_begin(struct sio_socket *socket, sio_joined_fn *done, void *ctx);
struct sio_member *sio_member_find(const struct sio_socket *socket, struct slice room);

/* The connection took what waited: written marks, and those that were full go on. */
void sio_members_drain(struct sio_socket *socket);
void sio_members_end(struct sio_socket *socket,
                     enum channel_leave how); /* all of them; frees them */
void sio_members_pack(const struct sio_socket *socket, struct buf *image); /* rooms and cursors */
bool sio_members_unpack(struct sio_socket *socket,
                        struct unpack *image); /* listens to them again */

/* How far its client has come: an entry that is being delivered counts already. For offsets. */
uint64_t sio_member_cursor(const struct sio_member *member);

/* A room that the socket was in elsewhere, or before it was cut off. */
struct sio_place {
    struct slice room; /* empty: the namespace */
    uint32_t index;
    uint64_t from, cursor;
};

/* Listens again, after the cursor. Keep members_made above every index. */
void sio_member_resume(struct sio_socket *socket, const struct sio_place *place);

/* Once each, by sio_create() and sio_destroy(); what rooms keep is set by every sio_configure(). */
void sio_rooms_open(struct sio *sio);
void sio_rooms_configure(struct sio *sio);
void sio_rooms_close(struct sio *sio);

/* ---- sio_auth.c --------------------------------------------------------------------------------- */

/* The socket ends, or moves: lets go of the identity and of its deadline. */
void sio_auth_end(struct sio_socket *socket);
void sio_auth_pack(const struct sio_socket *socket, struct buf *image); /* also of none */
bool sio_auth_unpack(struct sio_socket *socket, struct unpack *image);

/* ---- sio_ask.c ---------------------------------------------------------------------------------- */

/* An ACK of the client's. False: nobody asked (any more). */
bool sio_asks_answer(struct sio_socket *socket, uint64_t ack_id, struct slice args,
                     const struct slice *attachments, size_t attachment_count);
void sio_asks_forget(struct sio_socket *socket); /* it ends: frees its pending acks */
void sio_asks_pack(const struct sio_socket *socket, struct buf *image);
bool sio_asks_unpack(struct sio_socket *socket, struct unpack *image);

/* ---- sio_control.c ------------------------------------------------------------------------------ */

/* Whoever else has a socket of this id yields (sio_socket_yield): the newest connection wins. Say so once its
 * private room is listened to. */
void sio_supersede(struct sio_socket *socket);

#endif
