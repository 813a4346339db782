/* SPDX-License-Identifier: MIT */
#ifndef SB_STORE_FLEET_H
#define SB_STORE_FLEET_H

#include "store/channel.h"
#include "store/key.h"
#include "store/store.h"

/*
 * A fleet: the instances of a realm's game servers, their rooms' ids, what is reserved for commands under
 * way, and the log of its events. All of it is under one tag, sb:{fleet:<realm>:all}:…, so that each step
 * below is one script, whole or not at all. docs/architecture.md lists the keys.
 *
 * A *base* is a room's id as it stands in documents while no other room has the same. Of several rooms with
 * one base one keeps it (made by a command before the agent's own, then the lower join number, then the lower
 * instance id), the others are called <processUid>~<base>. A script says so, not the nodes: which names exist
 * is decided where ids are taken.
 *
 * What is JSON or an event's text here is written as it is given: the store knows no documents.
 */
enum {
    FLEET_ID_LEN = 16, /* an instance's id: lower-case hexadecimal digits                         */
    FLEET_HASH_LEN = 16,
    FLEET_TAG_LEN =
        16, /* bytes of a tag: what a placement may ask for (a type, a label, a trait) */
    FLEET_TAGS_MAX = 512,
    FLEET_COMMANDS_MAX =
        32, /* unsettled ones of one instance                                     */
    FLEET_ROOMS_MAX = 50000,
    FLEET_RECORD_MAX = 4 * 1024 * 1024,
    FLEET_UID_MAX = 4096,
};

/* ---- states ------------------------------------------------------------------------------------ */

enum fleet_status { FLEET_ACTIVE, FLEET_DRAINING, FLEET_OTHER };

/* A room that the instance has now and had not, or whose origin has changed. */
struct fleet_room {
    struct slice base;
    bool is_fleets;    /* made by a command */
    struct slice tail; /* its RoomInfo behind the id: `"type":…,"local":false}` */
};

/* A room as it stands in the record, whether or not it has changed. */
struct fleet_room_now {
    struct slice base;
    uint32_t connections;
    bool is_fleets;
};

/* An instance that goes. Which rooms go with it the store knows. */
struct fleet_leaving {
    struct slice id;
    struct slice owner; /* the node that is to have it: another one is CONFLICT               */
    uint64_t version;   /* of the record that the rest is about: a newer one is CONFLICT       */
    struct slice event; /* the instance:leave event, whole: "event: …\ndata: …\n\n"           */
    bool
        is_orphan; /* swept, or taken over: only while its owner's lease is over, else CONFLICT      */
};

struct fleet_state {
    struct slice id,
        owner;      /* an instance of another owner: CONFLICT, nothing changes                */
    uint32_t seq;   /* <= the last one of this connection: REFUSED, nothing changes …         */
    bool is_repeat; /* … unless it is the same one again (after UNCERTAIN): OK                */
    uint64_t poll;  /* number of the poll it answers: holds after later commands stay         */
    struct slice
        record; /* what nodes read: fleet_read() gives it back                            */
    struct slice
        digest;       /* FLEET_HASH_LEN digits: of everything in the record that documents show */
    struct slice uid; /* processUid; its text within JSON strings is `uid_json`                 */
    struct slice uid_json;
    enum fleet_status status;
    bool creates; /* autoCreate */
    bool has_max_rooms, has_max_connections;
    int32_t max_rooms, max_connections;
    uint64_t connections;
    uint32_t room_count;
    const struct fleet_room_now
        *rooms; /* all of them in the record's order: what renames are told by, and what goes
                              with the instance                                                       */
    struct slice endpoint_url; /* as JSON text, quotes included                                   */
    const uint8_t (*tags)[FLEET_TAG_LEN]; /* different ones, ascending */
    size_t tag_count;
    struct slice
        types; /* roomTypes as a JSON array: FleetStats shows the union                   */
    struct slice
        document; /* looked at in a first state: InstanceInfo around its rooms: everything up to
                              `"rooms":[` …                                                           */
    struct slice rest; /* … and from `]` on. Rooms stand between them with their public ids       */

    /* Against what this owner applied before (its seq is `base_seq`); nothing, or not known any more: everything is
     * added, and the document says so. */
    uint32_t base_seq;
    const struct fleet_room *added; /* in their order */
    size_t added_count;
    const struct fleet_room *changed; /* of another origin; tails do not count */
    size_t changed_count;
    const struct slice *removed; /* bases */
    size_t removed_count;

    const struct fleet_leaving
        *replaced; /* NULL: none. Goes in the same step                        */
};

/* A command that was under way to an instance that has gone. */
struct fleet_lost {
    struct slice requester; /* the node that asked */
    uint64_t command;
};
struct fleet_removed {
    const struct fleet_lost *lost;
    size_t lost_count;
};

struct fleet_applied {
    uint64_t version;     /* OK: the record's */
    uint64_t join_number; /* OK: the lower, the longer it is there */
    /* OK: of two rooms made by commands with one base the other's instance, and the public id of the one that does not
     * keep it, so that it can be told; nothing: none */
    struct slice rival_base, rival, renamed;
    struct fleet_removed replaced; /* OK: what was under way to the one that was replaced */
    /* NOT_FOUND: differences were sent, and what they are from is not there (Redis lost it): send all.
     * CONFLICT, with an id: an instance of the same processUid is there whose owner is dead: it is to be
     * replaced in the same step (fleet_read() has it). Without: the instance is another node's. */
    struct slice orphan;
};
typedef void fleet_applied_fn(enum result result, const struct fleet_applied *applied, void *ctx);

/* A full state. Holds of the instance fall, the override when the status shows it, the stale mark; events follow.
 * Safe to repeat with is_repeat. (lua/fleet_apply.lua) */
void fleet_apply(struct store *store, struct slice realm, const struct fleet_state *state,
                 fleet_applied_fn *done, void *ctx, struct store_op **slot);

/* An answer without a state: lastSyncAt, holds, override, stale mark. No version, no event. NOT_FOUND: no record;
 * CONFLICT: another node's. Safe to repeat. (lua/fleet_touch.lua) */
void fleet_touch(struct store *store, struct slice realm, struct slice id, struct slice owner,
                 uint64_t poll, store_done_fn *done, void *ctx, struct store_op **slot);

/* It has missed polls: no candidate any more; `event` (instance:stale) goes to the log, once in an episode.
 * Safe to repeat. (lua/fleet_stale.lua) */
void fleet_stale(struct store *store, struct slice realm, struct slice id, struct slice owner,
                 struct slice event, store_done_fn *done, void *ctx, struct store_op **slot);

typedef void fleet_removed_fn(enum result result, const struct fleet_removed *removed, void *ctx);

/* OK: it is gone, and this call did it. NOT_FOUND: it was gone. An instance that never applied a state is not there.
 * (lua/fleet_remove.lua) */
void fleet_remove(struct store *store, struct slice realm, const struct fleet_leaving *leaving,
                  fleet_removed_fn *done, void *ctx, struct store_op **slot);

/* ---- commands ------------------------------------------------------------------------------------ */

enum fleet_op { FLEET_CREATE, FLEET_DESTROY, FLEET_DRAIN, FLEET_UNDRAIN, FLEET_OPS };

enum fleet_refusal {
    FLEET_REFUSED_NOTHING, /* it is under way */
    FLEET_REFUSED_ROOM_EXISTS,
    FLEET_REFUSED_NO_CANDIDATE,
    FLEET_REFUSED_UNKNOWN_INSTANCE,
    FLEET_REFUSED_DRAINING,
    FLEET_REFUSED_DISCONNECTED, /* pinned to an instance that is stale */
    FLEET_REFUSED_BUSY,         /* FLEET_COMMANDS_MAX are under way */
};

enum fleet_strategy { FLEET_LEAST_LOADED, FLEET_MOST_LOADED, FLEET_RANDOM };

/* A room is to be made: its id and a place for it are taken in one step. Precedence: the id, the instance. */
struct fleet_place {
    struct slice room; /* its id (a base)                                           */
    struct slice pinned_id, pinned_uid; /* an instance, or the last one that joined with this
                                             processUid; nothing for both: any that has all tags       */
    bool is_forced; /* pinned: though it drains or is stale                      */
    const uint8_t (
        *tags)[FLEET_TAG_LEN]; /* at least one (the type); a pinned one needs `needed` only */
    size_t tag_count;
    const uint8_t
        *needed; /* a tag that a pinned instance must have; NULL: none (else NO_CANDIDATE) */
    enum fleet_strategy strategy;
    struct slice
        metadata;       /* a JSON object, kept under processUid and base; nothing: none           */
    uint32_t random[4]; /* decides between equals                                                 */
    struct slice
        requester; /* our node                                                               */
    uint32_t
        timeout_ms; /* after so long (and a margin) any node may settle it as timed out       */
};

struct fleet_order {
    struct slice instance, owner; /* OK: who is to carry it out, and the node that has its socket */
    struct slice endpoint_url;    /* as JSON text, quotes included                                */
    uint64_t command;             /* its number, never used before in this fleet                  */
    enum fleet_refusal refusal;   /* REFUSED: why; nothing has changed                            */
};
typedef void fleet_order_fn(enum result result, const struct fleet_order *order, void *ctx);

/* Not safe to repeat: after UNCERTAIN the room's id may stay taken until the time-out. (lua/fleet_place.lua) */
void fleet_place(struct store *store, struct slice realm, const struct fleet_place *place,
                 fleet_order_fn *done, void *ctx, struct store_op **slot);

/* Any other command: counts against FLEET_COMMANDS_MAX. REFUSED with UNKNOWN_INSTANCE or BUSY. (lua/fleet_command.lua) */
void fleet_command(struct store *store, struct slice realm, struct slice instance, enum fleet_op op,
                   struct slice requester, uint32_t timeout_ms, fleet_order_fn *done, void *ctx,
                   struct store_op **slot);

enum fleet_outcome {
    FLEET_DONE,      /* ack ok: a create's id and place stay held until the next state            */
    FLEET_FAILED,    /* ack not ok: they are free again                                           */
    FLEET_TIMED_OUT, /* held, until the answer to a poll that was sent after this                  */
    FLEET_DISCONNECTED, /* free again                                                                */
};

/* The one decision about a command: OK: it was under way, and this was its end. NOT_FOUND: it had ended before.
 * `poll`: the number of the last poll that was sent to the instance. (lua/fleet_settle.lua) */
void fleet_settle(struct store *store, struct slice realm, struct slice instance, uint64_t command,
                  enum fleet_outcome outcome, uint64_t poll, store_done_fn *done, void *ctx,
                  struct store_op **slot);

/* ---- nodes --------------------------------------------------------------------------------------- */

enum { FLEET_DEAD_MAX = 64 };
struct fleet_beat {
    const struct slice
        *dead; /* owners of instances whose lease is over, FLEET_DEAD_MAX at most       */
    size_t dead_count;
    uint64_t epoch; /* changes when Redis has lost what it had, or may have lost the last of it, for
                  it is another server or has been started again                          */
};
typedef void fleet_beat_fn(enum result result, const struct fleet_beat *beat, void *ctx);

/* This node lives for another `ttl_ms` (0: it leaves), and what is long overdue is settled as timed out.
 * Safe to repeat. (lua/fleet_beat.lua) */
void fleet_beat(struct store *store, struct slice realm, struct slice node, uint32_t ttl_ms,
                fleet_beat_fn *done, void *ctx, struct store_op **slot);

/* ---- reading -------------------------------------------------------------------------------------- */

struct fleet_change {
    struct slice id;
    bool is_gone;     /* nothing else is known then                                             */
    uint64_t version; /* of this instance's last change                                         */
    uint64_t join_number;
    struct slice owner;
    bool is_stale; /* as of this reading; its own changes are no version                     */
    struct slice record;
    struct slice renamed; /* one byte for each room of the record: '1': it is called
                               <processUid>~<base>; nothing: none is                                  */
    struct slice
        metadata; /* a JSON object, base → object; nothing: there is none                   */
};
struct fleet_reading {
    uint64_t version; /* the fleet's; 0: nothing ever joined                              */
    char hash[FLEET_HASH_LEN +
              1]; /* stateHash                                                        */
    const struct fleet_change
        *changes; /* after `after`, oldest first                                */
    size_t change_count;
    bool
        has_more; /* the changes were cut (about 128 KiB): read on after the last one's version    */
    bool is_anew; /* what is older than `after` is not known any more (or Redis lost it): these are
                        all instances; forget others                                                  */
    const struct slice
        *synced;         /* wanted: an instance's id, its lastSyncAt (digits), the next one's … */
    size_t synced_count; /* of slices: two for each instance                                     */
};
typedef void fleet_read_fn(enum result result, const struct fleet_reading *reading, void *ctx);

/* What has changed after version `after` (0: everything). (lua/fleet_read.lua) */
void fleet_read(struct store *store, struct slice realm, uint64_t after, bool wants_synced,
                fleet_read_fn *done, void *ctx, struct store_op **slot);

/* Replaces a live room's metadata (a JSON object; "{}": none). NOT_FOUND: the instance has no such room.
 * A new version, and a sync event. Safe to repeat. (lua/fleet_describe.lua) */
void fleet_describe(struct store *store, struct slice realm, struct slice instance,
                    struct slice base, struct slice metadata, store_done_fn *done, void *ctx,
                    struct store_op **slot);

/* ---- events ---------------------------------------------------------------------------------------- */

/* The log is the channel CHANNEL_FLEET "all" of the realm: each entry is one or more whole events, as a stream
 * of server-sent events has them. A batch of one step may be several entries in a row (256 KiB each). */

#endif
