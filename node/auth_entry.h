/* SPDX-License-Identifier: MIT */
#ifndef SB_AUTH_ENTRY_H
#define SB_AUTH_ENTRY_H

#include <openssl/crypto.h>
#include <uv.h>

#define HASH_KEYCMP(a, b, n) CRYPTO_memcmp(a, b, n) /* keys are made of secrets */
#include <uthash.h>

#include "auth.h"
#include "auth_due.h"
#include "auth_hook.h"
#include "auth_source.h"
#include "auth_sql.h"
#include "auth_throttle.h"
#include "store/topic.h"

/*
 * What auth knows: one entry per (kind, secret, and for universes the id that came with it). It is
 * the cache's entry and the identity that connections hold, in one; whoever waits for the answer and
 * whoever depends on it hang in its two lists. For auth_*.c only.
 *
 * An entry is *used* while somebody holds its identity. Used entries stay and are confirmed from time
 * to time; others go when their time is over, or when there are AUTH_ENTRIES_MAX of them.
 */
enum { AUTH_ENTRIES_MAX = 65536, AUTH_UNWATCHED_MS = 1000 };

enum auth_verdict { VERDICT_NONE, VERDICT_ACCEPTED, VERDICT_REFUSED };
enum auth_origin { ORIGIN_REDIS, ORIGIN_SQL, ORIGIN_HOOK };

/* Confirmations of used entries run beside lookups for new ones, a few at a time: by Redis, and by
 * the slower sources. */
enum auth_lane { LANE_NONE, LANE_STORE, LANE_OUTSIDE, LANES };

struct auth_key {
    uint8_t bytes[CREDENTIAL_DIGEST_SIZE];
};

/* What a record in Redis is named by. Bytes only: it is hashed as it lies. */
struct auth_record {
    struct credential_digest digest;
    uint8_t kind;
};

struct auth_entry {
    UT_hash_handle hh;        /* auth->entries, by key; oldest first              */
    UT_hash_handle hh_record; /* auth->followed, by record; while there is a topic */
    struct auth_key key;
    struct auth_record record;
    uint8_t verdict, origin; /* enum auth_verdict, enum auth_origin              */
    uint8_t lane;            /* enum auth_lane: the confirmation under way        */
    bool is_looking;         /* a lookup is under way                            */
    bool is_topic_up;
    bool was_asked_for; /* since it was last confirmed                       */
    uint16_t secret_len;
    struct auth *auth;
    struct identity *identity; /* while accepted                                   */
    struct topic *topic;       /* of the record; only what Redis has accepted       */
    struct list holds;         /* of auth_hold                                     */
    struct list checks;        /* of auth_check: they wait for the lookup          */
    struct list waiting;       /* in auth->lanes[].waiting                         */
    struct due due;
    int64_t trusted_until_ms; /* clock_ms(): until then checks are answered from here   */
    int64_t confirm_at_ms;    /* clock_ms(): while it is used                           */
    char *subject;            /* universes: the id; else NULL                     */
    char *secret;             /* where SQL or the hook may have to be asked; else NULL  */
    struct store_op *finding;
    struct source_call *asking;
};

struct auth_lane_state {
    struct list waiting; /* of auth_entry */
    size_t under_way;
};

struct auth {
    uv_loop_t *loop;
    struct store *store;
    const struct config *config;
    struct throttle *throttle;
    struct sql *sql; /* NULL: none */
    struct hook *hook;
    struct auth_entry *entries, *followed;
    struct due_queue due;
    uv_timer_t timer;
    int64_t timer_at_ms;
    struct auth_lane_state lanes[LANES];
    struct list ended; /* holds that were made of what had already ended */
    uint8_t seed[16];  /* of the keys, so that nobody outside can choose where they fall */
    struct auth_stats stats;
};

struct auth_check {
    struct list node;
    struct auth_entry *entry;
    auth_fn *done;
    void *ctx;
    struct auth_check **slot;
    struct peer peer;
};

/* ---- auth_identity.c ----------------------------------------------------------------------------- */

/* One reference. */
struct identity *identity_create(const struct credential *credential);
bool identity_is_same(const struct identity *a, const struct identity *b); /* but for its expiry */

/* ---- auth_entry.c -------------------------------------------------------------------------------- */

void auth_key_make(const struct auth *auth, enum credential_kind kind,
                   const struct credential_digest *digest, struct slice subject,
                   struct auth_key *key_out);

struct auth_entry *entry_find(const struct auth *auth, const struct auth_key *key);
struct auth_entry *entry_create(struct auth *auth, const struct auth_key *key,
                                enum credential_kind kind, const struct credential_digest *digest,
                                struct slice subject);
/* Nobody waits for it and nobody holds it. */
void entry_free(struct auth_entry *entry);

bool entry_is_used(const struct auth_entry *entry);
bool entry_has_expired(const struct auth_entry *entry);

/* SQL and the hook are asked with the secret itself: keeps it, if this kind may come to that. */
void entry_keep_secret(struct auth_entry *entry, struct slice secret);

/* Sets when it comes due, from its state. To be called after each change. */
void entry_schedule(struct auth_entry *entry);

/* Sets the timer for the entry that comes due first, or at once when holds wait for their end. */
void entries_wake(struct auth *auth);
void entries_on_due(uv_timer_t *timer);

/* What it was has ended: the holders are told, those who wait get a new lookup. The entry may be gone
 * afterwards. */
void entry_end(struct auth_entry *entry, const char *reason);

/* The identity is no longer accepted; those who hold it are moved to `holds_out`. */
void entry_let_go(struct auth_entry *entry, const char *reason, struct list *holds_out);

/* Runs on_end of each; the list is empty afterwards. */
void holds_end(struct list *holds);

/* ---- auth_lookup.c: Redis, SQL, hook; the first that knows decides --------------------------------- */

void auth_lookup_start(struct auth_entry *entry); /* none is under way                         */
void lookup_restart(struct auth_entry *entry);    /* what is under way may be out of date      */
void auth_lookup_cancel(struct auth_entry *entry);
void lookup_confirm(
    struct auth_entry *entry); /* in its turn, behind others; no-op when it is on the way */

/* ---- auth.c --------------------------------------------------------------------------------------- */

/* A refusal: counts against the peer, and is logged. */
struct auth_outcome auth_refused(struct auth *auth, enum credential_kind kind,
                                 const struct credential_digest *digest, struct slice subject,
                                 const struct peer *peer);

/* ---- auth_watch.c: the record's keyspace topic ------------------------------------------------------ */

/* Sees to it that what Redis has accepted is followed, and other things are not. */
void watch_update(struct auth_entry *entry);
void watch_stop(struct auth_entry *entry);
/* Will the topic tell of whatever happens to the record from the last lookup on? */
bool watch_is_on(const struct auth_entry *entry);

#endif
