/* SPDX-License-Identifier: MIT */
#ifndef SB_ARCHITUS_ROOM_H
#define SB_ARCHITUS_ROOM_H

#include <uthash.h>

#include "architus_wire.h"
#include "backend.h"
#include "deadline.h"
#include "discord.h"
#include "sio.h"
#include "store/pools.h"

/*
 * What the files of this folder share.
 *
 *     architus.c     the app: its life, its events
 *     session.c      one socket: who it is, how much it may ask, what it watches
 *     elevate.c      how a socket becomes somebody, and nobody again
 *     request.c      one pool_* event: who asks, refusals, failures
 *     request_life.c its waiting and its end
 *     answer.c       the entities of an answer, sent as the socket takes them
 *     ask_ids.c, ask_all.c, ask_search.c, ask_guild.c    what becomes of each kind of request
 *     fetch.c, listing.c, membership.c, guild_list.c    what several requests wait for together
 *     watch.c        spectate
 *     mock.c         mock_user_event
 *     herald.c       what the nodes tell one another: rights and logins that have ended
 *     publish.c, fill.c, gate.c    back ends, over HTTP;  gateway.c: on lists
 */
struct architus {
    struct node *node;
    struct sio *sio;
    struct deadlines *deadlines;
    struct backend *backend;
    struct discord *discord;
    struct session *sessions;   /* uthash, by socket */
    struct fetch_id *fetching;  /* uthash: ids that are asked for now … */
    struct list fetches;        /* … by these questions */
    struct flight *flights;     /* uthash: whatever else several wait for */
    struct audience *audiences; /* uthash: guilds, with the sessions that watch them */
    struct herald *herald;
    uint64_t stages;      /* that were begun: for their names */
    uint64_t hoar_frosts; /* ids that were made */
    struct gateway *gateway;
    struct throttle *nonce_failures; /* of addresses */
};

/* ---- flight.c ----------------------------------------------------------------------------------- */

/* A question that several wait for; the first in a struct of its kind. */
struct flight {
    UT_hash_handle hh;
    struct architus *app;
    struct list waits;
    void (*destroy)(struct flight *flight);
    int status; /* once it has landed: 200, or what went wrong */
    char *key;
};

struct flight_wait {
    struct list node;
    struct flight *flight; /* NULL: waits for none */
    void (*on_landed)(struct flight_wait *wait, struct flight *flight);
};

struct flight *flight_find(struct architus *app, const char *key);
void flight_begin(struct flight *flight, struct architus *app, const char *key,
                  void (*destroy)(struct flight *flight));
void flight_join(struct flight *flight, struct flight_wait *wait,
                 void (*on_landed)(struct flight_wait *wait, struct flight *flight));
void flight_leave(struct flight_wait *wait); /* no-op when it waits for none */

/* All who wait are told, each of whom may leave, join another or begin one; then it is destroyed. */
void flight_land(struct flight *flight, int status);
void flights_end(struct architus *app); /* nobody waits any more: the rest is destroyed */

/* ---- session.c ---------------------------------------------------------------------------------- */

/* So many a second, and at once what was saved. */
struct allowance {
    int64_t full_at_us;
};
bool allowance_take(struct allowance *allowance, uint32_t per_second, uint32_t burst);

/* Each request may have gathered the largest answer that there is, when it is the only one. */
enum { SESSION_REQUESTS_MAX = 32, SESSION_BYTES_MAX = 64 * 1024 * 1024 };

struct session {
    UT_hash_handle hh;
    struct architus *app;
    struct sio_socket *socket;
    struct allowance events, searches, mocks;
    struct list open;       /* requests that are under way … */
    size_t requests;        /* … and how many */
    size_t gathered_bytes;  /* of their answers, that the socket has not taken */
    struct watch *watch;    /* what it watches, or is about to; NULL: nothing */
    struct list elevations; /* proofs that are being looked at */
    size_t joins;           /* of rooms, that are not in force yet */
};

struct session *session_find(struct architus *app, struct sio_socket *socket);
struct session *session_create(struct architus *app, struct sio_socket *socket);
void session_destroy(struct session **session);

bool session_may_say(struct session *session); /* one more event */

/* Whom a login speaks for: NULL unless it is good now, and names a user. */
struct slice identity_user(const struct jwt *identity);
bool identity_is_good(const struct architus *app, const struct jwt *identity);
uint32_t identity_limit(const struct jwt *identity);         /* of the rights */
struct jwt *session_identity(const struct session *session); /* NULL: it is not elevated */

void session_send(struct session *session, const char *event, struct slice object);
void session_fail(struct session *session, const struct error_answer *error);

/* The event's acknowledgement, when it wants one. */
struct pending_ack {
    bool is_wanted;
    uint64_t id;
};
struct pending_ack ack_of(const struct sio_event *event);
void session_ack(struct session *session, struct pending_ack ack, struct slice object);

/* ---- elevate.c ---------------------------------------------------------------------------------- */

void elevate_admit(struct sio_admission *admission, void *app);
void elevate_handle(struct session *session, const struct sio_event *event);
void elevate_settle(struct session *session); /* somebody: joins its rooms */
void elevate_demote(struct session *session); /* nobody any more */
void elevations_end(struct session *session); /* none is looked at any more */

/* ---- watch.c ------------------------------------------------------------------------------------ */

void watch_handle(struct session *session, const struct sio_event *event);
/* Ends what it watched and watches this, if it may. */
void watch_begin(struct session *session, struct slice guild, bool has_logs,
                 struct pending_ack ack);
void watch_end(struct session *session); /* watches nothing */
void watch_forget(
    struct session *session); /* the socket has gone, or moved: its rooms are not ours */
void watch_check_guild(struct architus *app, struct slice guild); /* may they still? */
struct slice watch_guild(const struct session *session);          /* nothing: none */
bool watch_has_logs(const struct session *session);
struct pending_ack watch_ack(const struct session *session); /* that it has not answered yet */

/* ---- the others --------------------------------------------------------------------------------- */

void mock_handle(struct session *session, const struct sio_event *event);
void ask_handle(struct session *session, const struct sio_event *event, enum ask_kind kind);
/* Whatever is under way for such a login is refused; what waits for the socket is not sent. */
void ask_end_login(struct session *session,
                   bool (*is_meant)(const struct jwt *identity, struct slice text),
                   struct slice text);

/* To all nodes: look at a guild's watchers again; end logins (a token by its SHA-256, or a user's). */
struct herald *herald_create(struct architus *app);
void herald_destroy(struct herald **herald);
void herald_check_guild(struct herald *herald, struct slice guild);

/* `done` hears whether it is in all inboxes (UNAVAILABLE, UNCERTAIN: say it again, that is safe): once, never before
 * this returns. `*slot` must be NULL on entry and is non-NULL until then. Sockets that are between two nodes, or away
 * until they are recovered, are not reached. */
struct word;
void herald_demote_token(struct herald *herald, const unsigned char sha256[32], store_done_fn *done,
                         void *ctx, struct word **slot);
void herald_demote_user(struct herald *herald, struct slice user, store_done_fn *done, void *ctx,
                        struct word **slot);
void herald_let_go(struct word **slot); /* it is said all the same, and `done` does not run */

struct gateway *gateway_create(struct architus *app);
void gateway_destroy(struct gateway **gateway);

/* HTTP, for back ends with a server token. */
void publish_handle_events(struct http_request *request, void *app);
void fill_handle_put(struct http_request *request, void *app);
void fill_handle_patch(struct http_request *request, void *app);
void fill_handle_delete(struct http_request *request, void *app);
void gate_handle_permissions(struct http_request *request, void *app);
void gate_handle_nonces(struct http_request *request, void *app);
void gate_handle_demote(struct http_request *request, void *app);

#endif
