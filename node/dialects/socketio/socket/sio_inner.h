/* SPDX-License-Identifier: MIT */
#ifndef SB_SIO_INNER_H
#define SB_SIO_INNER_H

#include <uthash.h>

#include "base/pack.h"
#include "deadline.h"
#include "sio.h"
#include "sio_emit.h"
#include "sio_wire.h"

/*
 * The inside of Socket.IO; for socket/ only.
 *
 *     sio.c          the whole: its tables, its settings, what the outside calls
 *     sio_wire       packets: bytes ↔ fields (socketio.md 10)
 *     sio_assembly   a binary packet whose attachments are still coming
 *     sio_conn.c     one connection: its life; sio_conn_move.c: pack and unpack
 *     sio_arrive.c   what comes in on it: packets to sockets
 *     sio_socket.c   one socket: its states, its end; sio_data.c, sio_task.c: what apps keep at it
 *     sio_event.c    packets of a socket's to the apps; sio_send.c: to its client
 *     sio_admit.c    CONNECT → the apps, one after the other → in or refused
 *     sio_member.c   a socket's membership of a room: its listener
 *     sio_entry      what stands on the channels of rooms and namespaces (wire format)
 *     sio_deliver.c  entries → sockets: decoded once a node, written to each member
 *     sio_emit.c, sio_ask.c, sio_control.c
 *     sio_auth.c     who a socket is, what it may do, and when that ends
 *     sio_session    state that outlives a connection; sio_offset: how far a client has come
 *     sio_recover    a client that comes back
 */
struct sio_assembly;
struct sio_session;

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
    struct sio_rooms *rooms;       /* sio_room.h */
    struct sio_delivery *delivery; /* the entry that is being delivered, decoded; sio_deliver.c */
    struct sio_asks *asks;         /* sio_ask.c */
    uint32_t connect_timeout_ms;
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
    bool joins_root;     /* protocol 4: `/` without being asked */
    bool has_begun;      /* that is done; moved here: the apps have been told */
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
    struct deadline renewal;  /* when it is written again     */
    uint64_t from;            /* the channel's number when it joined */
    uint32_t index;    /* its number among the socket's rooms, never used again: for offsets */
    bool is_own;       /* the socket's private room, or its namespace's channel: not listed */
    bool is_listening; /* what is emitted from now on comes here */
    bool is_listed;    /* Redis knows                            */
    bool is_moving;    /* packed: it goes on elsewhere           */
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
    char *nsp;                     /* behind its NUL stands the id again: both are the key */
    struct sio_session *session;   /* NULL: cannot be recovered */
    uint32_t members_made, member_count;
    uint8_t state;      /* enum sio_state; written by sio_socket_enter() alone */
    uint8_t told_count; /* so many apps know that it is connected */
    bool is_back;       /* it moved here, and the apps are to be told */
    char id[SIO_ID_MAX];
};

/* Tokens are configured, and it has none: it is in its own room and --unauthenticated-room only, and what is
 * emitted to the whole namespace is not for it. */
static inline bool sio_is_restricted(const struct sio_socket *socket)
{
    return socket->identity == NULL && jwts_is_configured(socket->sio->node->jwts);
}

/* ---- sio.c -------------------------------------------------------------------------------------- */

bool sio_has_namespace(const struct sio *sio, struct slice nsp);

/* ---- sio_conn.c --------------------------------------------------------------------------------- */

extern const struct engine_ops sio_conn_ops; /* with a struct sio */

/* Ends with this; its sockets once the engine has closed it. */
void sio_conn_close(struct sio_conn *conn, enum engine_end how);

/* The client broke a rule, and its connection ends. */
void sio_conn_fault(struct sio_conn *conn, enum sio_fault fault);

/* To the client: ENGINE_QUEUED and ENGINE_FULL are followed by on_drain, so by sio_members_drain(). */
enum engine_sent sio_conn_send(struct sio_conn *conn, struct packet *packet);

/* The same for what answers the client itself, or is for it alone: always taken. */
void sio_conn_answer(struct sio_conn *conn, struct packet *packet);

/* A packet of type and namespace; `payload` is JSON, or absent. */
void sio_conn_tell(struct sio_conn *conn, enum sio_type type, struct slice nsp,
                   struct json payload);

/* Something that kept it from moving is over. */
void sio_conn_note_rest(struct sio_conn *conn);

struct sio_conn *sio_conn_create(struct sio *sio, struct engine_conn *engine);
void sio_conn_destroy(struct sio_conn **conn);

/* ---- sio_arrive.c ------------------------------------------------------------------------------- */

/* A message of the client's. */
void sio_conn_text(struct sio_conn *conn, struct slice text);
void sio_conn_binary(struct sio_conn *conn, struct slice bytes);

/* Protocol 4: joins `/` without being asked, or says that nobody may. */
void sio_conn_join_root(struct sio_conn *conn);

/* A binary packet is incomplete: takes it over. */
void sio_conn_await(struct sio_conn *conn, struct sio_assembly *assembly);

/* A packet that is complete, or waited for its namespace to be joined: takes it over. */
void sio_conn_handle(struct sio_conn *conn, struct sio_assembly **assembly);

/* ---- sio_conn_move.c ---------------------------------------------------------------------------- */

bool sio_conn_is_at_rest(const struct sio_conn *conn);
bool sio_conn_pack(const struct sio_conn *conn, struct buf *image); /* false: it does not fit */
bool sio_conn_unpack(struct sio_conn *conn, struct slice image);

/* ---- sio_admit.c -------------------------------------------------------------------------------- */

/* A client wants to be in a namespace that it is not in. `auth` is a JSON object. */
void sio_admission_begin(struct sio_conn *conn, struct slice nsp, struct slice auth);

/* A packet came before it was decided: kept until then. Takes the assembly over. */
void sio_admission_keep(struct sio_admission *admission, struct sio_assembly **assembly);

void sio_admission_end(struct sio_socket *socket); /* tells who decides; no-op when there is none */

/* CONNECT_ERROR, in the form of the client's protocol. */
struct sio_refusal {
    struct slice message, data; /* data is JSON, or nothing */
    bool is_object;             /* also in protocol 4 */
};
void sio_conn_refuse(struct sio_conn *conn, struct slice nsp, const struct sio_refusal *refusal);

/* ---- sio_socket.c ------------------------------------------------------------------------------- */

/* In the connection's list, and in no table yet. `id` is NUL-terminated. */
struct sio_socket *sio_socket_create(struct sio_conn *conn, struct slice nsp, const char *id);
void sio_socket_rename(struct sio_socket *socket, const char *id); /* while it is admitted */
void sio_socket_enter(struct sio_socket *socket, enum sio_state to);

/* The apps hear that it is connected. It may be over afterwards. */
void sio_socket_tell(struct sio_socket *socket, bool is_back);

struct sio_end {
    const char *reason; /* for the apps */
    enum channel_leave leave;
    bool has_moved;
};
extern const struct sio_end sio_client_left, sio_server_ended, sio_moved;
void sio_socket_end(struct sio_socket *socket, const struct sio_end *end);
void sio_sockets_bury(struct sio *sio); /* frees those that are over */

/* ---- sio_event.c -------------------------------------------------------------------------------- */

/* A packet of a connected socket's, other than CONNECT and CONNECT_ERROR. */
void sio_socket_handle(struct sio_socket *socket, const struct sio_packet *packet,
                       const struct slice *attachments);

/* ---- sio_task.c, sio_data.c ----------------------------------------------------------------------- */

void sio_tasks_drain(struct sio_socket *socket);
void sio_tasks_end(struct sio_socket *socket);

void sio_data_pack(const struct sio_socket *socket, struct buf *image);
bool sio_data_unpack(struct sio_socket *socket, struct unpack *image);
void sio_data_end(struct sio_socket *socket);

/* ---- sio_send.c ------------------------------------------------------------------------------- */

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

/* The connection took what waited: written marks, and those that were full go on. Entries wait until the socket
 * is connected: to be called then, too. */
void sio_members_drain(struct sio_socket *socket);
void sio_members_end(struct sio_socket *socket,
                     enum channel_leave how); /* all of them; frees them */
void sio_members_pack(const struct sio_socket *socket, struct buf *image); /* rooms and cursors */
void sio_members_stay(struct sio_socket *socket); /* they were packed, and do not go */
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
bool sio_auth_has_ended(
    const struct sio_socket *socket); /* it has an identity, whose time is over */
void sio_auth_pack(const struct sio_socket *socket, struct buf *image); /* also of none */
bool sio_auth_unpack(struct sio_socket *socket, struct unpack *image);

/* ---- sio_ask.c ---------------------------------------------------------------------------------- */

/* An ACK of the client's. False: nobody asked (any more). */
bool sio_asks_answer(struct sio_socket *socket, uint64_t ack_id, struct slice args,
                     const struct slice *attachments, size_t attachment_count);
void sio_asks_open(struct sio *sio); /* by sio_rooms_open() */
void sio_asks_close(struct sio *sio);
void sio_asks_forget(struct sio_socket *socket); /* it ends: frees its pending acks */
void sio_asks_pack(const struct sio_socket *socket, struct buf *image);
void sio_asks_stay(struct sio_socket *socket); /* they were packed, and do not go */
bool sio_asks_unpack(struct sio_socket *socket, struct unpack *image);

/* ---- sio_control.c ------------------------------------------------------------------------------ */

/* Whoever else has a socket of this id yields (sio_socket_yield): the newest connection wins. Say so once its
 * private room is listened to. */
void sio_supersede(struct sio_socket *socket);

#endif
