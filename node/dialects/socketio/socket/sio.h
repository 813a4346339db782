/* SPDX-License-Identifier: MIT */
#ifndef SB_SIO_H
#define SB_SIO_H

#include "engine.h"
#include "json.h"
#include "jwt.h"

/*
 * Socket.IO, protocols 5 and 4, as an app sees it: sockets (one client in one namespace) that connect, say
 * events, are members of rooms, and end. What happens with an event is an app's business.
 *
 *     sio_conn     one Engine.IO connection: packets, its sockets, what waits for a decision
 *     sio_socket   one client in one namespace: its life as a table of states
 *     sio_room     membership: one listener of the room's channel for each socket that is in it
 *     sio_emit     to rooms: one entry on a channel, whoever and wherever the members are
 */
struct sio;
struct sio_socket;

/* ---- apps ------------------------------------------------------------------------------------- */

struct sio_admission; /* a client that wants to be in a namespace */

/* An event of a client's. Everything is borrowed until the handler returns. */
struct sio_event {
    struct slice name;               /* decoded */
    struct json items;               /* the whole array, the name being its first item: raw JSON */
    const struct slice *attachments; /* what {"_placeholder":true,"num":n} stands for */
    size_t attachment_count;
    bool wants_ack;
    uint64_t ack_id;
};

/* One more argument than json_next() has steps: the first after the name is 0. JSON_ABSENT past the end. */
struct json sio_argument(const struct sio_event *event, size_t index);

struct sio_app {
    const char *name;
    void *(*open)(struct node *node, struct sio *sio);
    void (*configure)(
        void *app);           /* options were reloaded, also once after open. NULL: not wanted */
    void (*drain)(void *app); /* the node stops: what is the app's own ends. NULL: nothing is */
    void (*close)(void *app); /* all sockets are gone already */

    /* Decides about a CONNECT with sio_admit() or sio_refuse(), now or later. NULL: has no say. The apps are
     * asked in the order of the table; the socket has its id already. */
    void (*admit)(struct sio_admission *admission, void *app);

    /* The client has been told that it is connected. `is_back`: it came back (it moved here from another node, or
     * its state was recovered): rooms and data are as they were. NULL: not wanted. */
    void (*on_connect)(struct sio_socket *socket, bool is_back, void *app);

    /* The client has renewed its token (signalbox:renew): sio_identity() is another one, and it may have had none
     * before. NULL: not wanted. */
    void (*on_renewed)(struct sio_socket *socket, void *app);

    /* True: it was for this app; later ones do not see it. NULL: never. */
    bool (*on_event)(struct sio_socket *socket, const struct sio_event *event, void *app);

    /* The last call for this socket here; its rooms are still known. When the client moved to another node it
     * `has_moved`, and there is no end. NULL: not wanted. */
    void (*on_disconnect)(struct sio_socket *socket, const char *reason, bool has_moved, void *app);

    const struct http_route *routes; /* handlers are given the app */
    size_t route_count;
};
struct sio_app_list {
    const struct sio_app *const *items;
    size_t count;
};

/* ---- admission ----------------------------------------------------------------------------------- */

struct sio_socket *sio_admission_socket(struct sio_admission *admission);

/* The auth payload of CONNECT, a JSON object ("{}" when there is none; protocol 4: made of the namespace's
 * query, all texts), without pid and offset. */
struct slice sio_admission_auth(const struct sio_admission *admission);

/* The next app is asked, or the client is in. */
void sio_admit(struct sio_admission *admission);

/* CONNECT_ERROR {"message":…,"data":…}; `data` is JSON, or nothing. The connection lives. */
void sio_refuse(struct sio_admission *admission, struct slice message, struct slice data);

/* An app that decides later hears when the client has gone meanwhile: do not decide then. */
void sio_admission_wait(struct sio_admission *admission, void (*on_gone)(void *ctx), void *ctx);

/* ---- a socket -------------------------------------------------------------------------------------- */

struct slice sio_id(const struct sio_socket *socket); /* public; also the name of its own room */
struct slice sio_namespace(const struct sio_socket *socket); /* "/", "/admin" */
struct slice sio_realm(const struct sio_socket *socket);
const struct engine_handshake *sio_handshake(const struct sio_socket *socket);

/* Who it is; NULL: nobody is known. Takes a reference. Setting another one (renewal) re-arms warning and end, and takes
 * the socket out of the rooms that only the one before might join. */
struct jwt *sio_identity(const struct sio_socket *socket);
void sio_set_identity(struct sio_socket *socket, struct jwt *identity);

/* May it? Without any configured kind of token everybody may join and nobody emit; else the identity's claims
 * decide, and --unauthenticated-rooms for those without one. */
bool sio_allows(const struct sio_socket *socket, struct slice room, enum jwt_right right);

/* What an app remembers of a socket, one JSON text each: it moves and is recovered with it. Nothing: none. */
struct slice sio_data(const struct sio_socket *socket, const char *app);
void sio_set_data(struct sio_socket *socket, const char *app, struct slice json);

/* ["name", …]: an event for this socket alone. In the order of the calls. `items` is JSON. */
void sio_send(struct sio_socket *socket, struct slice items);
void sio_send_binary(struct sio_socket *socket, struct slice items, const struct slice *attachments,
                     size_t attachment_count);

/* May more be sent without piling up? When not, on_drain of a task says when. */
bool sio_can_take(const struct sio_socket *socket);

/* The answer to an event that wants one; [args…] as JSON. Once for each. */
void sio_ack(struct sio_socket *socket, uint64_t ack_id, struct slice args);
void sio_ack_binary(struct sio_socket *socket, uint64_t ack_id, struct slice args,
                    const struct slice *attachments, size_t attachment_count);

/* In on_disconnect, of one that said goodbye or was disconnected: nobody is to come back as it. CONFLICT: its client
 * did before that, and it lives there: this is no end. False: nobody can anyway, and `done` does not run. */
bool sio_forget(struct sio_socket *socket, store_done_fn *done, void *ctx, struct store_op **slot);

/* It is about to be disconnected: what it is sent until then goes straight to its client, and it is not recovered. */
void sio_part(struct sio_socket *socket);

/* DISCONNECT; with `closes` its connection ends as well. */
void sio_disconnect(struct sio_socket *socket, bool closes);

/*
 * Something an app does for a socket that takes time (asks Redis, a back end). Lives in the app's object. While
 * there is one the client does not move to another node (so what takes time has a limit).
 */
struct sio_task {
    struct list node;
    struct sio_socket *socket;           /* NULL: not begun, or over */
    void (*on_gone)(struct sio_task *);  /* the socket ends: cancel, free, send nothing */
    void (*on_drain)(struct sio_task *); /* it can take more again; may be NULL */
};
void sio_task_begin(struct sio_socket *socket, struct sio_task *task,
                    void (*on_gone)(struct sio_task *));
void sio_task_end(struct sio_task *task); /* no-op when it is over */

/* The socket of that id on this node; NULL: it is elsewhere or nowhere. */
struct sio_socket *sio_find(struct sio *sio, struct slice nsp, struct slice id);

/* ---- rooms ----------------------------------------------------------------------------------------- */

/* OK: it gets what is emitted to the room from now on. INVALID: no name for a room. REFUSED: it is in
 * --socketio-max-rooms already. UNAVAILABLE: Redis. */
typedef void sio_joined_fn(enum result result, void *ctx);

/* Idempotent. `done` (may be NULL) runs once, never before this returns, not when the socket ends before; one that
 * is over joins nothing. */
void sio_join(struct sio_socket *socket, struct slice room, sio_joined_fn *done, void *ctx);
void sio_leave(struct sio_socket *socket, struct slice room);
bool sio_is_in(const struct sio_socket *socket, struct slice room);
size_t sio_rooms(const struct sio_socket *socket, struct slice *rooms,
                 size_t max); /* its own included */

/* ---- the whole ------------------------------------------------------------------------------------- */

struct sio *sio_create(struct node *node, struct sio_app_list apps); /* adds all routes */
void sio_configure(struct sio *sio);
void sio_drain(struct sio *sio);
void sio_destroy(struct sio **sio);
struct slice sio_default_realm(void);

/* What the options say about Engine.IO; with --conformance what the official test suites expect. */
void sio_engine_settings(const struct config *config, struct engine_settings *out);

#endif
