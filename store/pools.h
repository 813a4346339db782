/* SPDX-License-Identifier: MIT */
#ifndef SB_STORE_POOLS_H
#define SB_STORE_POOLS_H

#include "store/key.h"
#include "store/store.h"

/*
 * A guild's pools: the entities of each type as clients get them, who may see them, and the index by which
 * members are found. All keys of one guild carry one tag, so that data and right are read in one look.
 *
 *     sb:{guild:<realm>:<guild>}:p:<type>      id → entity
 *     sb:{guild:<realm>:<guild>}:m             per type: is it complete, since when, until when, how often changed
 *     sb:{guild:<realm>:<guild>}:x:<type>      ids known not to exist
 *     sb:{guild:<realm>:<guild>}:f:<type>      entities that were asked for, and until when they are good
 *     sb:{guild:<realm>:<guild>}:i, :w         the members' index, and what stands in it of each
 *     sb:{guild:<realm>:<guild>}:perm          user or role → bits, "@everyone", "owner"
 *     sb:{guild:<realm>:<guild>}:known:<user>  what a back end said of a user's membership
 *     sb:{guild:<realm>:<guild>}:sp:<stage>, si:, sw:   a replacement in the making
 */
enum pool_type {
    POOL_MEMBER,
    POOL_CHANNEL,
    POOL_ROLE,
    POOL_EMOJI,
    POOL_RESPONSE,
    POOL_SETTING,
    POOL_TYPES
};
const char *pool_type_name(enum pool_type type); /* "member", "autoResponse": as clients say it */
bool pool_type_find(struct slice name, enum pool_type *type_out);

enum {
    POOL_ENTITY_MAX = 65536,
    POOL_IDS_MAX = 1000,     /* of one read, and of one change */
    POOL_ENTITIES_MAX = 500, /* of one change */
    POOL_PAGE = 500,
    POOL_FIND_MAX = 100,
    POOL_FILL_MS = 5 * 60 * 1000, /* how long what a node asked for is good */
    POOL_ABSENT_MS = 60 * 1000,   /* the same for "there is no such thing" */
    POOL_KNOWN_MS = 60 * 1000,    /* the same for membership */
};

/* All borrowed; every call copies what it keeps. */
struct pool_id {
    struct slice realm, guild;
    enum pool_type type;
};

/* ---- reading --------------------------------------------------------------------------------- */

enum pool_right {
    POOL_RIGHT_ADMINISTRATOR = 0x0001,
    POOL_RIGHT_PUBLIC_LOGS = 0x0002,
    POOL_RIGHT_PRIVATE_LOGS = 0x0004,
    POOL_RIGHT_SETTINGS = 0x0100,
};
enum { POOL_RIGHTS_ALL = 0x7fffffff };

struct pool_asker {
    struct slice user;
    uint32_t needs; /* of enum pool_right; 0: to be a member is enough */
    uint32_t limit; /* of the rights that its login may have at most   */
};

enum pool_access {
    POOL_UNKNOWN,  /* nobody knows whether the user is a member: ask, pool_know(), read again */
    POOL_STRANGER, /* is none */
    POOL_LACKING,  /* is one, without the right */
    POOL_ALLOWED,
};
enum pool_state {
    POOL_PARTIAL,  /* not known to be complete */
    POOL_COMPLETE, /* an id that is not in it does not exist */
    POOL_OLD,      /* was complete when it was asked for, a while ago */
};
enum pool_item { POOL_FOUND, POOL_ABSENT, POOL_MISSING };

struct pool_answer {
    enum pool_access access; /* unless it is POOL_ALLOWED there are no items */
    uint32_t rights;
    enum pool_state state;
    uint64_t changes;  /* for pool_fill() and pool_replace() */
    struct slice next; /* page: where the next one starts; "0": this was the last */
    size_t count;
    const void *reply; /* pool_answer_item() knows */
};
enum pool_item pool_answer_item(const struct pool_answer *answer, size_t index,
                                struct slice *entity_out);

/* lua/pool_read.lua. All of them are safe to repeat. */
typedef void pool_answer_fn(enum result result, const struct pool_answer *answer, void *ctx);

/* Nothing but the right. */
void pool_look(struct store *store, const struct pool_id *id, const struct pool_asker *asker,
               pool_answer_fn *done, void *ctx, struct store_op **slot);

/* One item for each id (at most POOL_IDS_MAX), in their order. */
void pool_get(struct store *store, const struct pool_id *id, const struct pool_asker *asker,
              const struct slice *ids, size_t count, pool_answer_fn *done, void *ctx,
              struct store_op **slot);

/* About POOL_PAGE entities, or 512 KiB of them. The first page's cursor is "0". Everything that is in the pool all the
 * while is on some page; when the pool is replaced meanwhile it begins anew. */
void pool_page(struct store *store, const struct pool_id *id, const struct pool_asker *asker,
               struct slice cursor, pool_answer_fn *done, void *ctx, struct store_op **slot);

/* Members with a name or a word in it that starts so (fold.h): at most `count`, the best first. */
void pool_find(struct store *store, const struct pool_id *id, const struct pool_asker *asker,
               struct slice folded, size_t count, pool_answer_fn *done, void *ctx,
               struct store_op **slot);

/* ---- writing --------------------------------------------------------------------------------- */

struct pool_entity {
    struct slice id, json;
    struct slice texts; /* members: what they are found by; fold_name() */
};

struct pool_change {
    const struct pool_entity *entities; /* at most POOL_ENTITIES_MAX */
    size_t entity_count;
    const struct slice *removed; /* ids, at most POOL_IDS_MAX */
    size_t removed_count;
    enum { POOL_AS_BEFORE, POOL_NOW_COMPLETE, POOL_NOW_PARTIAL } completeness;
};

/* A back end says what is so. REFUSED: there would be more than `max` entities; nothing was written. Safe to
 * repeat. (lua/pool_change.lua) */
void pool_change(struct store *store, const struct pool_id *id, const struct pool_change *change,
                 uint32_t max, store_done_fn *done, void *ctx, struct store_op **slot);

/* What a back end answered when it was asked: kept for a while. CONFLICT: the pool has changed since `changes`
 * was seen, and nothing was kept. `removed` are the ids that do not exist. */
void pool_fill(struct store *store, const struct pool_id *id, const struct pool_change *fill,
               uint64_t changes, uint32_t max, store_done_fn *done, void *ctx,
               struct store_op **slot);

/*
 * A whole pool, in as many steps as it needs: entities are put aside under a name of the caller's (unique;
 * forgotten after a minute), then take the pool's place at once. `done` of a stage hears the pool's count
 * of changes. REFUSED: too many. (lua/pool_stage.lua)
 */
typedef void pool_staged_fn(enum result result, uint64_t changes, void *ctx);
void pool_stage(struct store *store, const struct pool_id *id, struct slice stage,
                const struct pool_entity *entities, size_t count, uint32_t max,
                pool_staged_fn *done, void *ctx, struct store_op **slot);

struct pool_replacement {
    struct slice stage;   /* nothing: by nothing at all, and the pool is not known to be complete */
    size_t count;         /* different ids that were put aside */
    bool has_seen;        /* only if the pool has changed … */
    uint64_t changes;     /* … so often */
    uint32_t good_for_ms; /* 0: for good */
};

/* CONFLICT: it has changed meanwhile; nothing was written. (lua/pool_replace.lua) */
void pool_replace(struct store *store, const struct pool_id *id,
                  const struct pool_replacement *replacement, store_done_fn *done, void *ctx,
                  struct store_op **slot);

/* ---- rights ---------------------------------------------------------------------------------- */

struct pool_grant {
    struct slice holder; /* user, role, "@everyone", "owner" */
    struct slice value;  /* bits in decimal; of "owner" a user */
};
enum { POOL_GRANTS_MAX = 5000 };

/* Replaces all that was said before. Safe to repeat. (lua/perm_put.lua) */
void pool_set_rights(struct store *store, struct slice realm, struct slice guild,
                     const struct pool_grant *grants, size_t count, store_done_fn *done, void *ctx,
                     struct store_op **slot);

enum pool_standing { POOL_IS_STRANGER, POOL_IS_MEMBER, POOL_IS_ADMINISTRATOR };

/* A back end's word about a user, for POOL_KNOWN_MS. Safe to repeat. */
void pool_know(struct store *store, struct slice realm, struct slice guild, struct slice user,
               enum pool_standing standing, store_done_fn *done, void *ctx, struct store_op **slot);

#endif
