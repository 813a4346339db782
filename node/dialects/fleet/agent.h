/* SPDX-License-Identifier: MIT */
#ifndef SB_AGENT_H
#define SB_AGENT_H

#include <uthash.h>

#include "fleet_inner.h"

/*
 * The inside of an agent's connection, for agent_*.c only.
 *
 *     agent            its states, its WebSocket
 *     agent_door       from the upgrade to the admission
 *     agent_seat       registrations
 *     agent_poll       hello and polls; who does not answer
 *     agent_receive    what it sends, up to whose business that is
 *     agent_state      states that it sends, or does not
 *     agent_apply      a full one on its way into the store
 *     agent_gauge      what the store has of its instance, and the gauges that show it
 *     agent_command    commands that it is given, and its acknowledgements
 *     agent_queue      what has to be done in the store, one after the other
 *     agent_leave      its record's end
 *     agent_name       who else is called so
 */
enum agent_state {
    AGENT_ADMITTING, /* whose key that is is being asked; nothing is said to it              */
    AGENT_OPEN,      /* it is polled, and takes commands                                     */
    AGENT_LEAVING,   /* nothing more is heard of it; the store gets to know the rest         */
    AGENT_LEFT,      /* nothing is left but the socket's end                                 */
    AGENT_STATES
};

enum { AGENT_MESSAGE_MAX = 4 * 1024 * 1024, AGENT_TICKET_MAX = CREDENTIAL_SECRET_MAX };

struct agent_item;

/* A command that is under way: from its frame to its end in the store. */
struct agent_task {
    struct agent *agent;
    uint64_t number;
    UT_hash_handle hh; /* agent->tasks, until it is acknowledged or late */
    enum fleet_op op;
    agent_end_fn *done;
    void *ctx;
    struct deadline deadline;
    uint64_t until_ms;
    int64_t sent_us;
    uint64_t epoch, disconnects; /* of what Redis had, and of our link to it, when it was sent */
};

struct agent {
    struct fleet *fleet;
    struct fleet_realm *realm; /* NULL: not admitted */
    struct ws *ws;             /* NULL: not opened yet, or closed */
    bool has_joined;           /* it is open, or was */
    bool is_closed;
    struct list node;  /* fleet->agents */
    UT_hash_handle hh; /* realm->agents, while it is open */
    enum agent_state state;
    char id[FLEET_ID_LEN + 1];
    struct log log;

    char *ticket;        /* until it is admitted */
    char *seat, *claims; /* of its registration; NULL: it has none */
    struct peer peer;
    struct auth_check *check;
    struct auth_hold hold;
    struct deadline limit; /* of the admission */
    struct deadline retry; /* the admission, or the queue's first, is tried again */

    struct deadline tick;
    uint64_t polls;    /* sent so far: the number of the last one */
    bool is_awaited;   /* that one has no answer */
    uint32_t misses;   /* of that one */
    bool wants_full;   /* what the store has may be something else */
    int64_t filled_ms; /* the bucket of its frames: when it was filled up to … */
    uint32_t tokens;   /* … so many thousandths */

    bool has_seq;
    uint32_t seq;                   /* of the last full state that was taken                      */
    struct fleet_instance *applied; /* what the store has; NULL: nothing, as far as is known      */
    uint32_t applied_seq;           /* of that                                                    */
    uint64_t version;               /* likewise                                                   */
    bool is_stale;                  /* that one is, in the store                                  */
    int64_t synced_ms;
    char orphan[FLEET_ID_LEN + 1]; /* whom the first in the queue is to replace */

    struct list queue; /* of struct agent_item; the first is at work while is_busy */
    size_t queue_bytes, queue_len;
    bool is_busy, is_running, is_paused;
    uint32_t failures;    /* of the first, one after the other          */
    uint64_t disconnects; /* of our link to Redis, when it was begun last */
    struct store_op *op;
    struct model_wait *reading;

    struct agent_task *tasks; /* by number */
    struct model_wait *naming;
    bool has_namesake; /* it was told */
};

/* ---- agent --------------------------------------------------------------------------------------- */

extern const struct ws_ops agent_ws_ops;

struct agent *agent_create(struct fleet *fleet, struct slice ticket, const struct peer *peer);
void agent_enter(struct agent *agent, enum agent_state to);
void agent_kick(struct agent *agent, enum fleet_kick kick);
void agent_stay_out(struct agent *agent); /* the end of one that is not admitted yet */

/* Everything that was asked for in its name is taken back; its tasks end. */
void agent_destroy(struct agent **agent);

/* May free it: the last thing that a callback does. */
void agent_settle_down(struct agent *agent);

static inline struct slice agent_id(const struct agent *agent)
{
    return (struct slice){ agent->id, FLEET_ID_LEN };
}

static inline struct slice agent_realm(const struct agent *agent)
{
    return slice_of(agent->realm->name);
}

static inline struct slice agent_owner(const struct agent *agent)
{
    return slice_of(agent->fleet->node->id);
}

/* How often our link to Redis has broken: where that has not changed, what was asked has been answered. */
static inline uint64_t agent_disconnects(const struct agent *agent)
{
    return store_stats(agent->fleet->node->store)->disconnects;
}

/* ---- agent_door ------------------------------------------------------------------------------------ */

void agent_arrive(struct http_request *request, void *fleet);
void agent_admit(struct agent *agent); /* on entering AGENT_ADMITTING's socket */

/* The ends of one that is not admitted yet. */
void agent_turn_away(struct agent *agent, enum close_reason reason);
void agent_refuse(struct agent *agent);

/* ---- agent_seat ------------------------------------------------------------------------------------- */

/* The id of the registration whose key that is; nothing: it is a key like any. */
struct slice agent_registration(const struct identity *identity);

/* Opens the agent, or turns it away, when it is known whether there is a place. Until then it may have one. */
void agent_take_seat(struct agent *agent, struct slice registration);
void agent_keep_seat(struct agent *agent); /* the store may not have it any more */
void agent_leave_seat(struct agent *agent);

/* What of the state is not as its registration claims; NULL: all is. */
const char *agent_broken_claim(const struct agent *agent, const struct fleet_state_message *state);

/* ---- agent_poll ------------------------------------------------------------------------------------- */

void agent_greet(struct agent *agent); /* hello, the first poll, the timer */
bool agent_is_asked(const struct agent *agent, struct slice request_id);
enum ws_sent agent_write(struct agent *agent, const struct buf *frame);

/* ---- agent_receive ----------------------------------------------------------------------------------- */

void agent_fill_bucket(struct agent *agent);
void agent_receive(struct agent *agent, struct slice message);

/* ---- agent_state -------------------------------------------------------------------------------------- */

void agent_take_state(struct agent *agent, struct slice payload);
void agent_turn_stale(struct agent *agent);

/* ---- agent_apply -------------------------------------------------------------------------------------- */

/* False: it is larger than anything may be, which has been told. */
bool agent_apply(struct agent *agent, const struct fleet_state_message *message, size_t bytes);
void agent_lose_applied(struct agent *agent); /* the store has nothing of it any more */

/* Logs and counts it. `limit` 0: not a matter of a limit. */
void agent_reject(struct agent *agent, const char *field, uint64_t limit);

/* The first in the queue met a record that another node has: this one is not to touch it again. */
void agent_fenced(struct agent *agent);

/* ---- agent_gauge -------------------------------------------------------------------------------------- */

/* Takes the instance. */
void agent_know_applied(struct agent *agent, struct fleet_instance *instance);
void agent_forget_applied(struct agent *agent);

void agent_know_stale(struct agent *agent);
void agent_know_answered(struct agent *agent); /* it is not stale, or not any more */

/* ---- agent_command -------------------------------------------------------------------------------------- */

void agent_take_ack(struct agent *agent, struct slice payload);

/* Of those without an acknowledgement: none will come. */
void agent_stop_tasks(struct agent *agent);
void agent_end_tasks(struct agent *agent);

/* ---- agent_leave ------------------------------------------------------------------------------------------ */

void agent_leave(struct agent *agent);

/* ---- agent_name ------------------------------------------------------------------------------------------- */

void agent_check_name(struct agent *agent);

/* ---- agent_queue ------------------------------------------------------------------------------------------ */

struct agent_item_kind {
    const char *name;
    /* Begins; agent_item_done() or agent_item_failed() follow, at once or later. */
    void (*run)(struct agent *agent, struct agent_item *item);
    void (*fini)(struct agent_item *item); /* NULL: it holds nothing */
    unsigned
        replaces; /* of enum agent_item_trait: what it makes idle, where that is the last in line */
    unsigned traits;
};
enum agent_item_trait {
    ITEM_IS_TOUCH = 1,
    ITEM_IS_STATE = 2,
    ITEM_IS_LAST = 4, /* it takes away what the store has of the agent: never given up */
};

/* The first member of what an item is. */
struct agent_item {
    struct list node;
    const struct agent_item_kind *kind;
    size_t bytes;
    bool is_repeat;  /* it may have happened already */
    uint32_t errors; /* that Redis answered it with  */
};

/* The item is the queue's. May free the agent when that is leaving and closed. */
void agent_queue_add(struct agent *agent, struct agent_item *item);
struct agent_item *agent_queue_first(const struct agent *agent);
void agent_item_done(struct agent *agent);

/* UNAVAILABLE, UNCERTAIN: it is tried again, later each time. After some errors it is given up, and the agent with it. */
void agent_item_failed(struct agent *agent, enum result result);
void agent_queue_fini(struct agent *agent);

/* Is it worth another try? */
static inline bool agent_may_retry(enum result result)
{
    return result == RESULT_UNAVAILABLE || result == RESULT_UNCERTAIN;
}

#endif
