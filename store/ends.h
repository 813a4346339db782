/* SPDX-License-Identifier: MIT */
#ifndef SB_STORE_ENDS_H
#define SB_STORE_ENDS_H

#include "store/store.h"

/*
 * Ends of sessions that have to be told to somebody, each once, whatever becomes of the node that has the
 * session. While it lives its owner pushes the due time of its end ahead; at its end the owner sets it, and
 * who is dead does nothing, so it comes by itself. Every node looks for what is due, claims it, tells it and
 * settles it; what was claimed and not settled is claimed again, with the same delivery.
 *
 *     sb:{ends:all:<shard>}:due       sorted set  session → when its end is due
 *     sb:{ends:all:<shard>}:sessions  hash        session → owner, end, reason, delivery, about
 *     sb:{ends:all:<shard>}:sweep     string      when somebody last looked for what is due
 *
 * A session's name is 1..ENDS_NAME_MAX bytes without tab at its begin and without line feed, and does not begin
 * with '!'; an owner and a delivery are words. All times are Redis' own.
 */
enum {
    ENDS_SHARDS = 16,
    ENDS_NAME_MAX = 512,
    ENDS_LEASE_MIN_MS = 30000, /* without a renewal, after which an owner is dead */
    ENDS_QUIET_MS = 5000,      /* that nobody looked: then nobody is taken for dead for a lease */
    ENDS_KEEP_MS = 24 * 3600 * 1000, /* what could not be told for so long never will be */
    ENDS_RENEW_MAX = 256,            /* sessions in one ends_renew() */
};

/* Where a session belongs: 0..ENDS_SHARDS - 1. Its delivery stays there. */
unsigned ends_shard(struct slice name);

struct end_session {
    struct slice name;
    struct slice owner; /* unique to one stay of the session at one node */
};

/* It begins, or goes on with another owner: then an end that was due and not claimed is cancelled, and delivery
 * and about stay as they were. Safe to repeat. (lua/end_begin.lua) */
struct end_begin {
    struct slice delivery, about;
    uint32_t lease_ms;
};
void ends_begin(struct store *store, const struct end_session *session,
                const struct end_begin *begin, store_done_fn *done, void *ctx,
                struct store_op **slot);

/* All of one shard, for another lease. `lost` are the owners whose session is another's, or not there: its end has been claimed, or
 * Redis has lost it. Safe to repeat. (lua/end_renew.lua) */
typedef void ends_renewed_fn(enum result result, const struct slice *lost, size_t count, void *ctx);
void ends_renew(struct store *store, unsigned shard, uint32_t lease_ms,
                const struct end_session *sessions, size_t count, ends_renewed_fn *done, void *ctx,
                struct store_op **slot);

struct end {
    struct slice delivery, reason, about;
    int64_t ended_ms;
};

/* It has ended, and is told after the grace. CONFLICT: it is another owner's, or nobody's. Safe to repeat.
 * (lua/end_set.lua) */
void ends_set(struct store *store, const struct end_session *session, struct slice reason,
              int64_t ended_ms, uint32_t grace_ms, store_done_fn *done, void *ctx,
              struct store_op **slot);

/* It never was: nobody is told. Otherwise as ends_set(). */
void ends_forget(struct store *store, const struct end_session *session, store_done_fn *done,
                 void *ctx, struct store_op **slot);

struct ends_claimed {
    const struct end *ends;
    size_t count;
    bool is_more;      /* due now */
    uint64_t given_up; /* that were too old */
};

/* Claims what is due: others leave it alone for `claim_ms`. (lua/end_claim.lua) */
struct end_claim {
    uint32_t most, claim_ms;
    uint32_t lease_ms; /* of owners: the same on all nodes */
};
typedef void ends_claimed_fn(enum result result, const struct ends_claimed *claimed, void *ctx);
void ends_claim(struct store *store, unsigned shard, const struct end_claim *claim,
                ends_claimed_fn *done, void *ctx, struct store_op **slot);

/* It has been told. Safe to repeat. (lua/end_settle.lua) */
void ends_settle(struct store *store, unsigned shard, struct slice delivery, store_done_fn *done,
                 void *ctx, struct store_op **slot);

#endif
