/* SPDX-License-Identifier: MIT */
#ifndef SB_CALL_INNER_H
#define SB_CALL_INNER_H

#include <uthash.h>

#include "call.h"

/*
 * The inside of the calls, for call*.c only.
 *
 *     call        questions of ours and of others
 *     call_peer   the other nodes: which live, and what they have yet to be told
 *     call_note   telling it
 */
enum peer_state {
    PEER_NEW,   /* nobody knows yet whether there is such a node */
    PEER_ASKED, /* the registry of nodes has been asked          */
    PEER_KNOWN, /* it was there, or we heard of it               */
    PEER_STATES
};

/* A node that asks us, or is asked. */
struct call_peer {
    struct calls *calls;
    UT_hash_handle hh; /* in calls->peers, by id */
    enum peer_state state;
    struct list open;        /* struct call, in order                   */
    struct call_asked *held; /* by number                               */
    struct list notes;       /* struct note: what it has yet to be told */
    struct store_op *probing;
    int64_t silent_ms;   /* since when nobody listens there; 0: somebody does */
    uint64_t last_asked; /* the number of its last question                   */
    int64_t used_ms;
    char id[KEY_ID_MAX + 1];
};

struct call {
    struct list node; /* in its peer's `open`, or in calls->ended */
    UT_hash_handle hh;
    struct calls *calls;
    struct call_peer *peer; /* NULL: it has ended, and only has to be told so */
    struct call **slot;
    call_done_fn *done;
    void *ctx;
    struct store_op *sending;
    struct buf text; /* until it is sent */
    size_t bytes;
    uint64_t number;
    enum result result; /* how it ended */
};

struct call_asked {
    UT_hash_handle hh;
    struct call_peer *peer;
    uint64_t number;
    call_gone_fn *on_gone;
    void *ctx;
};

struct call_handler {
    const char *topic;
    call_asked_fn *on_asked;
    void *ctx;
};

enum { CALL_HANDLERS_MAX = 16 };

struct calls {
    struct store *store;
    struct inbox *inbox;
    uv_timer_t ticker, ender;
    int closing; /* timers whose close has yet to be told */
    struct call_peer *peers;
    struct store_op *looking; /* for who lives */
    bool is_deciding;         /* by what was found */
    struct call *open;        /* by number */
    struct list ended;
    size_t open_bytes, note_bytes;
    struct call_handler handlers[CALL_HANDLERS_MAX];
    size_t handler_count;
    struct call_asked *asking; /* the question that is being handed over, until it is answered */
    uint64_t last_number;
    struct call_stats stats;
    /* our own links: see calls_are_shaky() */
    bool was_healthy;
    uint64_t breaks;
    int64_t shaky_until_ms;
    char id[KEY_ID_MAX + 1];
};

/* ---- call -------------------------------------------------------------------------------------- */

void call_send(struct call *call);
void call_end(struct call *call, enum result result, struct slice answer); /* frees it */
void asked_end(struct call_asked *asked); /* it is gone: frees it */

/* ---- call_peer --------------------------------------------------------------------------------- */

struct call_peer *peer_find(struct calls *calls, struct slice id); /* NULL: not yet heard of */
struct call_peer *peer_get(struct calls *calls, struct slice id);
void peer_meet(struct call_peer *peer); /* it is a node: it has spoken */

/* A question waits in `open`: sends it when the node is known, else once the registry has it. */
void peer_ask(struct call_peer *peer, struct call *call);

/* Redis says how many listen to its inbox. May end all that is open or held. */
void peer_note_listeners(struct call_peer *peer, uint32_t listeners);

/* Once a second: who lives? */
void peers_probe(struct calls *calls);
void peers_release(struct calls *calls);

/* Our own links broke a moment ago: that nobody listens proves nothing. */
bool calls_are_shaky(struct calls *calls);

/* ---- call_note --------------------------------------------------------------------------------- */

/* Again until Redis has it or the node is dead. Copies the text; `topic` is a constant. */
void note_send(struct call_peer *peer, const char *topic, struct slice text);
void notes_retry(struct call_peer *peer);
void notes_drop(struct call_peer *peer);

#endif
