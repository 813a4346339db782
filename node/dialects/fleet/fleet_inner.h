/* SPDX-License-Identifier: MIT */
#ifndef SB_FLEET_INNER_H
#define SB_FLEET_INNER_H

#include <uthash.h>

#include "deadline.h"
#include "fleet_state.h"
#include "node.h"

/*
 * The inside of the fleet dialect, for fleet_*.c, agent_*.c and rest_*.c only.
 *
 *     agents   agent*.c   one WebSocket each: hello, polls, states, commands, its end
 *     orders   order*.c   a command from any node to the node that has the agent, and its outcome back
 *     model    model*.c   this node's copy of a realm's instances, brought up to date before it is read
 *     rest     rest*.c    /v1: who may, routes, documents, streams
 *
 * A realm's fleet is made when somebody needs it, and stays while the node lives: it beats for the node, and
 * sweeps what dead nodes left.
 */
/* What a registration's key begins with, and in its identity the subject, before the registration's id. */
#define FLEET_REGISTRATION_KEY     "frt_"
#define FLEET_REGISTRATION_SUBJECT "registration:"

struct fleet_metadata;
struct fleet_model;
struct agent;

struct fleet {
    struct node *node;
    struct deadlines *deadlines;
    struct fleet_realm *realms;                 /* by name (uthash) */
    struct agent_keys *agent_keys, *admin_keys; /* those of the configuration */
    struct rest *rest;
    struct ws_ops agent_ops;
    struct list agents;  /* of struct agent: all whose memory is not free yet */
    struct list orders;  /* of struct order: those that have no outcome       */
    struct list carried; /* of struct carried: commands that agents here have */
};

/* One realm's fleet as this node knows it. */
struct fleet_realm {
    struct fleet *fleet;
    char *name;
    struct fleet_model *model;
    struct fleet_beating *beating; /* renews the lease, sweeps */
    struct agent *agents;          /* of this node, by instance id (uthash) */
    UT_hash_handle hh;
};

struct fleet_realm *fleet_realm_of(struct fleet *fleet, struct slice name); /* never NULL */

/* ---- orders: the way of a command ---------------------------------------------------------------------- */

/* How a caller's request ended; maps to a status and a cause in one table (rest_reply.c). */
enum fleet_answer {
    FLEET_ANSWER_OK,
    FLEET_ANSWER_ROOM_EXISTS,
    FLEET_ANSWER_NO_CANDIDATE,
    FLEET_ANSWER_UNKNOWN_INSTANCE,
    FLEET_ANSWER_DRAINING,
    FLEET_ANSWER_BUSY,
    FLEET_ANSWER_FAILED,       /* the agent refused            */
    FLEET_ANSWER_DISCONNECTED, /* the instance has gone        */
    FLEET_ANSWER_TIMEOUT,
    FLEET_ANSWER_UNAVAILABLE, /* Redis could not be reached; nothing was done */
    FLEET_ANSWERS
};

struct order;
struct order_result {
    enum fleet_answer answer;
    struct slice instance;     /* OK, create: who has it              */
    struct slice endpoint_url; /* likewise: as JSON text with quotes  */
};
typedef void order_done_fn(const struct order_result *result, void *ctx);

/* A create: reserves, places, sends, waits for the ack; `done` exactly once, never before this returns. `place`'s requester
 * and time-out are filled in here. Cancelling (order_forget) stops waiting, the command goes on. */
struct order *order_create(struct fleet_realm *realm, struct fleet_place *place,
                           struct slice room_type, struct slice options, order_done_fn *done,
                           void *ctx);
struct order *order_command(struct fleet_realm *realm, struct slice instance, enum fleet_op op,
                            struct slice raw_room_id, order_done_fn *done, void *ctx);
void order_forget(struct order **order);

/* ---- agents: what orders need of them -------------------------------------------------------------------- */

struct agent_command {
    uint64_t number;
    uint64_t until_ms; /* by Redis' clock: its time-out, wherever it is by then */
    enum fleet_op op;
    struct slice room_id, room_type, options; /* data NULL: not there */
};
enum agent_end { AGENT_ACKED, AGENT_REFUSED, AGENT_EXISTS, AGENT_TIMED_OUT, AGENT_GONE };
typedef void agent_end_fn(enum agent_end end, void *ctx);

/* Hands a command to an agent of this node; false: it is not here (any more), its socket takes no more, or it is too late: the caller
 * settles it as disconnected. Else `done` exactly once, never before this returns, when the command has been settled. */
bool agent_send(struct fleet_realm *realm, struct slice instance,
                const struct agent_command *command, agent_end_fn *done, void *ctx);

/* ---- model --------------------------------------------------------------------------------------------------- */

/* Never changes but for `synced_ms` and `rooms`: another version of it is another one. Whoever wants it beyond the view counts. */
struct model_instance {
    uint32_t refs;
    char id[FLEET_ID_LEN + 1];
    uint64_t version, join_number;
    char *owner;
    int64_t synced_ms;
    struct fleet_instance *instance;
    char *renamed;                    /* one '0' or '1' for each room; NULL: none is */
    char *metadata;                   /* JSON, base → object; NULL: none */
    struct fleet_metadata *described; /* the same, to be asked for a base; NULL: none */
    struct model_rooms *rooms;        /* by base, once somebody asked (model_rooms.c) */
};
struct model_instance *model_instance_ref(struct model_instance *instance);
void model_instance_unref(struct model_instance **instance);

/* Is the room called <processUid>~<base>? What was put to it by REST; nothing: nothing. */
bool model_room_is_renamed(const struct model_instance *instance, size_t room);
struct slice model_room_metadata(const struct model_instance *instance, size_t room);

struct model_view {
    uint64_t version;
    const char *hash;                        /* stateHash */
    struct model_instance *const *instances; /* by join number */
    size_t instance_count;
    uint64_t rooms, connections; /* of all instances */
    const struct slice *types;   /* of all instances, each once, in the order of UTF-16 units */
    size_t type_count;
};
typedef void model_done_fn(enum result result, const struct model_view *view, void *ctx);

struct model_wait;
/* Brings the copy to a version that is not older than this call, then `done` (never before this returns). Callers that
 * wait at the same time share a reading. The view is valid until `done` returns. */
void model_read(struct fleet_model *model, bool wants_synced, model_done_fn *done, void *ctx,
                struct model_wait **slot);
void model_cancel(struct model_wait **slot);

/* In the copy as it is: only within model_done_fn, or where an older version will do. NULL: not there. */
struct model_instance *model_find(struct fleet_model *model, struct slice id);
/* By public id. `room_out`: its place among the instance's rooms. */
struct model_instance *model_find_room(struct fleet_model *model, struct slice public_id,
                                       size_t *room_out);

struct fleet_model *model_create(struct fleet_realm *realm);
void model_destroy(struct fleet_model **model);

#endif
