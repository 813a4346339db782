/* SPDX-License-Identifier: MIT */
#ifndef SB_SIO_HOOK_H
#define SB_SIO_HOOK_H

#include <uthash.h>

#include "deadline.h"
#include "hook_rule.h"
#include "sio_hook_answer.h"
#include "sio_hooks.h"

/*
 * The inside of the app; for hooks/ only.
 *
 *     sio_hooks          the app: its rules, what Socket.IO tells it
 *     sio_hook_guest     a socket as the hooks see it: its events go to the back end one after the other
 *     sio_hook_turn      an answer is carried out: rooms first, then emits, then the acknowledgement
 *     sio_hook_admit     the connect hook
 *     sio_hook_session   sessions whose end will have to be told: this node's (store/ends.h)
 *     sio_hook_tell      ends that are due are told, whosever they were
 *     sio_hook_body, sio_hook_answer   bytes ↔ meaning
 */
struct sio_hook_sessions;
struct sio_hook_session;
struct sio_hook_teller;

struct sio_hooks {
    struct node *node;
    struct sio *sio;
    struct deadlines *deadlines;
    struct hook_rules rules;
    struct sio_hook_guest *guests; /* uthash, by socket: those whose socket lives */
    struct list leaving;           /* the others, while their events are under way */
    size_t waiting_bytes;          /* of events that are not with a back end yet */
    struct sio_hook_sessions *sessions;
    struct sio_hook_teller *teller;
};

/* ---- sio_hook_turn.c -------------------------------------------------------------------------------- */

/* One answer on its way; part of a guest. */
struct sio_hook_turn {
    char *text; /* what the answer borrows from */
    struct sio_hook_answer answer;
    const char *error; /* instead of the answer, for the acknowledgement */
    size_t joins_left;
    uint64_t ack_id;
    bool wants_ack;
    bool is_open; /* until everything is done */
};

/* Copies and parses: false: it makes no sense, which is counted. The turn is not open yet. */
bool sio_hook_turn_read(struct sio_hook_turn *turn, struct node *node, struct slice answer);
void sio_hook_turn_fini(struct sio_hook_turn *turn);

struct sio_hook_guest;

/* Carries it out; sio_hook_guest_go() follows, now or later. */
void sio_hook_turn_begin(struct sio_hook_guest *guest);

/* Its socket is over: nothing will come into force any more. */
void sio_hook_turn_cut(struct sio_hook_guest *guest);

/* ---- sio_hook_guest.c ------------------------------------------------------------------------------- */

/* Of one socket's events that wait: so that some remains for the others (HOOK_WAITING_BYTES_MAX). */
enum { SIO_HOOK_SOCKET_BYTES_MAX = 16 * 1024 * 1024 };

struct sio_hook_guest {
    UT_hash_handle hh; /* hooks->guests, by key … */
    struct list node;  /* … or hooks->leaving */
    struct sio_hooks *hooks;
    const struct sio_socket *key;
    struct sio_socket *socket;       /* NULL: over */
    struct sio_task task;            /* while the socket may not move */
    struct sio_admission *admission; /* while the connect hook decides */
    struct list events;
    size_t event_count, event_bytes;
    struct hook_call *call;
    struct store_op *forgetting; /* it said goodbye: it is being seen whether that was in time */
    struct sio_hook_turn turn;
    struct sio_hook_session *session; /* NULL: nobody wants to hear of its end */
    const char *reason;               /* it has ended */
    int64_t ended_ms;
    bool was_asked; /* the connect hook: it may know of the socket */
    bool is_connected;
    char *realm, *nsp;
};

struct sio_hook_guest *sio_hook_guest_find(const struct sio_hooks *hooks,
                                           const struct sio_socket *socket);
struct sio_hook_guest *sio_hook_guest_create(struct sio_hooks *hooks, struct sio_socket *socket);

/* Frees it; no end is told of here, and nothing is answered. */
void sio_hook_guest_destroy(struct sio_hook_guest **guest);

/* Something is under way for it: its socket stays here. */
void sio_hook_guest_hold(struct sio_hook_guest *guest);

/* An event for that URL. False: too many wait. */
bool sio_hook_guest_add(struct sio_hook_guest *guest, const char *url,
                        const struct sio_event *event);

/* What it was busy with is over: the next event, or rest. The guest may be gone afterwards. */
void sio_hook_guest_go(struct sio_hook_guest *guest);

/* Its socket says goodbye, and leaves: whether that is an end is known later. */
void sio_hook_guest_part(struct sio_hook_guest *guest, struct sio_socket *socket);

/* Its socket is over; `reason` is a constant. The guest may be gone afterwards. */
void sio_hook_guest_leave(struct sio_hook_guest *guest, const char *reason);

/* ---- sio_hook_admit.c ------------------------------------------------------------------------------- */

void sio_hook_admit(struct sio_hooks *hooks, struct sio_admission *admission);

/* ---- sio_hook_session.c ------------------------------------------------------------------------------ */

struct sio_hook_sessions *sio_hook_sessions_create(struct node *node, struct deadlines *deadlines);

/* The ends that Redis does not know yet are written without waiting for an answer. */
void sio_hook_sessions_destroy(struct sio_hook_sessions **sessions);

/* `is_back`: the session goes on that the socket had elsewhere. `begun` (may be NULL) hears of the first attempt:
 * UNAVAILABLE, UNCERTAIN: it will be tried again. Never before this returns, and not after the session was let go
 * of. */
struct sio_hook_session *sio_hook_session_begin(struct sio_hook_sessions *sessions,
                                                struct sio_socket *socket, bool is_back,
                                                store_done_fn *begun, void *ctx);

/* Those who said goodbye, or were disconnected, do not come back. */
bool sio_hook_is_goodbye(const char *reason);

/* How long an owner may be silent: a node that dies gives its sessions no less grace than one that lives. */
uint32_t sio_hook_lease_ms(const struct config *config);

/* Each lets go of it. It ended; it never was; it goes on elsewhere. NULL: nothing. */
void sio_hook_session_end(struct sio_hook_session **session, const char *reason, int64_t ended_ms);
void sio_hook_session_forget(struct sio_hook_session **session);
void sio_hook_session_release(struct sio_hook_session **session);

/* ---- sio_hook_tell.c --------------------------------------------------------------------------------- */

struct sio_hook_teller *sio_hook_teller_create(struct node *node, struct deadlines *deadlines);
void sio_hook_teller_configure(struct sio_hook_teller *teller);
void sio_hook_teller_destroy(struct sio_hook_teller **teller);

#endif
