/* SPDX-License-Identifier: MIT */
#ifndef SB_STORE_CHANNEL_H
#define SB_STORE_CHANNEL_H

#include "store/key.h"
#include "store/store.h"
#include "store/topic.h"

/*
 * A channel: a capped list in Redis with a running number, and the keyspace topic of that list.
 * docs/architecture.md has the whole picture.
 *
 *     first ≤ settled + 1,  settled ≤ appended,  a reader's cursor ≤ appended
 *
 * A *queue* has one listener at a time; what is settled is gone. A *feed* has any number, each
 * reading at its own pace; what is settled stays for the feed's retention.
 */
enum channel_kind {
    CHANNEL_NODE,      /* queue: a node's inbox                             id: node id */
    CHANNEL_PLAYER,    /* feed:  a player's connections                     id: player */
    CHANNEL_BROADCAST, /* feed:  all players of a realm                     id: "all" */
    CHANNEL_MODS,      /* feed:  a relay channel's mods                     id: relay channel */
    CHANNEL_BOT,       /* queue: a relay channel's bot                      id: relay channel */
    CHANNEL_MAILBOX,   /* queue: a job's commands, taken by polls           id: job */
    CHANNEL_ROOM, /* feed:  a Socket.IO room                           id: a pair, namespace#room */
    CHANNEL_NAMESPACE, /* feed:  all sockets of a Socket.IO namespace       id: namespace */
    CHANNEL_FLEET,     /* feed:  the events of a realm's fleet              id: "all" */
    CHANNEL_KINDS
};

/* "player", as in keys, logs and metrics. */
const char *channel_kind_name(enum channel_kind kind);
bool channel_kind_is_feed(enum channel_kind kind);

/* Both strings are borrowed; every call copies what it keeps. */
struct channel_id {
    enum channel_kind kind;
    struct slice realm, id;
};

struct channel_bounds {
    uint32_t offline_cap; /* entries kept of those appended while nobody listens; 0: none */
    uint32_t live_bound;  /* entries while somebody does, and during the grace */
    uint32_t ttl_ms;      /* an entry's life unless the message says otherwise; also the keys' */
    uint32_t keep_ms;     /* feeds: how long settled entries stay */
    uint32_t keep_count;  /* feeds: and how many at most */
    uint32_t grace_ms;    /* how long the live bound outlasts a listener that broke off */
};

/* Bounds belong to the kind; the node sets them at start and when options are reloaded. */
void channel_set_bounds(struct store *store, enum channel_kind kind,
                        const struct channel_bounds *bounds);

/* The topic to subscribe to as TOPIC_CHANNEL: the key of the list. */
void channel_topic_key(const struct channel_id *id, struct key *key);

/* ---- appending ------------------------------------------------------------------------------- */

enum { CHANNEL_PAYLOAD_MAX = 16 * 1024 * 1024 };

struct channel_message {
    struct slice payload; /* the form in which it is written to the socket */
    uint32_t ttl_ms;      /* 0: the kind's */
    struct slice once;    /* an id: the same id within the ttl is stored once. Nothing: always */
    bool is_live_only;    /* when nobody listens (and there is no grace) it is not stored at all */
};

struct channel_appended {
    uint64_t number;    /* the entry's number (a duplicate's first one's); 0: it was not stored */
    uint32_t listeners; /* nodes that were given it; 0: it waits (or, live only, is not stored) */
    bool is_duplicate;  /* `once` was there already; nothing was stored */
};

typedef void channel_appended_fn(enum result result, const struct channel_appended *appended,
                                 void *ctx);

/* Appends of one store to one channel keep their order. Repeating is safe only with `once`.
 * (lua/channel_append.lua) */
void channel_append(struct store *store, const struct channel_id *id,
                    const struct channel_message *message, channel_appended_fn *done, void *ctx,
                    struct store_op **slot);

/* ---- listening ------------------------------------------------------------------------------- */

struct channel_entry {
    uint64_t number;
    int64_t expires_ms; /* store_now_ms() time; 0: never */
    struct slice payload;
};

/* What arrives on the topic is one entry in its stored form. False when it is not one. */
bool channel_entry_parse(struct slice stored, struct channel_entry *entry_out);

struct channel_position {
    uint64_t settled;  /* where a new listener starts */
    uint64_t appended; /* the last number given out; 0: never used */
};
typedef void channel_position_fn(enum result result, const struct channel_position *position,
                                 void *ctx);

/*
 * Says that somebody listens, and renews the life of all of the channel's keys. Called once the
 * subscription is in force, and again every channel_hold_every_ms() while it is. It is what lets
 * the grace begin when the node dies without a word. Safe to repeat. (lua/channel_hold.lua)
 */
void channel_hold(struct store *store, const struct channel_id *id, channel_position_fn *done,
                  void *ctx, struct store_op **slot);
uint32_t channel_hold_every_ms(void);

enum channel_leave {
    CHANNEL_LEAVE_IN_ORDER, /* it closed, or cannot take more: the offline cap applies now */
    CHANNEL_LEAVE_BROKEN,   /* it broke off: the live bound stays for the grace */
};

/* Says that this node listens no more; called after topic_unsubscribe(). When another node still
 * listens it changes nothing. Safe to repeat. (lua/channel_leave.lua) */
void channel_leave(struct store *store, const struct channel_id *id, enum channel_leave how,
                   store_done_fn *done, void *ctx, struct store_op **slot);

struct channel_batch {
    const struct channel_entry *entries; /* ascending, without holes, expired ones included */
    size_t count;
    uint64_t settled, appended; /* as they stood in the same instant */
    bool has_more;              /* the batch was cut at its bounds */
    uint64_t missed;            /* entries after the cursor that are no longer there */
    bool has_gone_back;         /* the cursor lies beyond `appended`: Redis lost something;
                                            the entries begin at `settled`                          */
};
typedef void channel_batch_fn(enum result result, const struct channel_batch *batch, void *ctx);

enum { CHANNEL_READ_MAX = 256 };

/* A cursor: before the first entry that is there. For who has listened since before the channel was used:
 * all of it is news, whatever others have settled. */
#define CHANNEL_FROM_FIRST UINT64_MAX

/* Everything after `cursor` (0: after the settled mark), at most `entries_max` (1..CHANNEL_READ_MAX)
 * entries and about 256 KiB (one entry at least). (lua/channel_read.lua) */
void channel_read(struct store *store, const struct channel_id *id, uint64_t cursor,
                  size_t entries_max, channel_batch_fn *done, void *ctx, struct store_op **slot);

/* Everything up to and including `number` has been delivered. Never goes back; safe to repeat. What
 * Redis has not (any more) given out it does not settle.
 * (lua/channel_settle.lua) */
void channel_settle(struct store *store, const struct channel_id *id, uint64_t number,
                    store_done_fn *done, void *ctx, struct store_op **slot);

/* ---- what was dropped ------------------------------------------------------------------------ */

enum channel_drop { DROP_OFFLINE_CAP, DROP_LIVE_BOUND, DROP_EXPIRED, DROP_REASONS };
const char *channel_drop_name(enum channel_drop reason);

struct channel_stats {
    uint64_t appended[CHANNEL_KINDS][2]; /* [kind][0: queued, 1: live] */
    uint64_t duplicates[CHANNEL_KINDS];
    uint64_t dropped[CHANNEL_KINDS][DROP_REASONS];
};
const struct channel_stats *channel_stats(const struct store *store);

/* For whoever skips an entry because it has expired. */
void channel_count_expired(struct store *store, enum channel_kind kind, uint64_t entries);

/* For an operation of another noun on a channel's keys that drops entries. */
void channel_count_dropped(struct store *store, enum channel_kind kind, enum channel_drop reason,
                           uint64_t entries);

#endif
