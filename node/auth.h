/* SPDX-License-Identifier: MIT */
#ifndef SB_AUTH_H
#define SB_AUTH_H

#include <uv.h>

#include "base/list.h"
#include "config.h"
#include "peer.h"
#include "store/credentials.h"

/*
 * Who is that? Secrets against Redis, then SQL (player and server), then the HTTP hook; the first
 * source that knows decides. Answers are cached; a credential in Redis is followed through its
 * keyspace topic, so that the cache and open connections end with it. Failures are counted per IP.
 */
struct auth;

struct auth *auth_create(uv_loop_t *loop, struct store *store, const struct config *config,
                         struct why *why);
void auth_destroy(struct auth **auth);

/* Has every configured source been reached at least once? Part of readiness. */
bool auth_is_ready(const struct auth *auth);

/* Shared by everyone who holds it; counted references. Immutable. */
struct identity {
    uint32_t refs;
    enum credential_kind kind;
    char *subject, *realm;
    char *universe;     /* NULL: not bound */
    int64_t expires_ms; /* store_now_ms() time; 0: never */
    struct credential_digest digest;
    char fingerprint[CREDENTIAL_FINGERPRINT_SIZE];
};
struct identity *identity_ref(struct identity *identity);
void identity_unref(struct identity **identity);

enum auth_answer {
    AUTH_PENDING,   /* not known yet: done follows */
    AUTH_OK,        /* `identity` is whose secret it is */
    AUTH_REFUSED,   /* a source knows that it is wrong, or none knows it */
    AUTH_THROTTLED, /* too many failures from this address: 429 */
    AUTH_UNKNOWN,   /* a source could not be asked: 503, never an accept */
};

struct auth_request {
    enum credential_kind kind;
    struct slice secret;
    const struct credential_digest *digest; /* in place of a secret that is not there; else NULL */
    struct slice subject; /* universes: the id that came with the key; else nothing */
    const struct peer *peer;
};

struct auth_outcome {
    enum auth_answer answer;
    struct identity *identity; /* OK: borrowed; take a reference to keep it */
    uint32_t retry_after_s;    /* THROTTLED */
};

typedef void auth_fn(const struct auth_outcome *outcome, void *ctx);
struct auth_check;

/*
 * The outcome at once when it is known (most calls), else AUTH_PENDING: then `done` runs later,
 * exactly once, and `*slot` is non-NULL until then; auth_cancel(slot) stops it.
 *
 * A peer with more than --auth-failures refusals is throttled: nothing is looked up for it, and it is
 * not told of refusals. What is known to be good passes all the same, because many good clients may
 * share an address with a bad one. Only refusals count, AUTH_UNKNOWN does not.
 */
struct auth_outcome auth_check(struct auth *auth, const struct auth_request *request, auth_fn *done,
                               void *ctx, struct auth_check **slot) MUST_CHECK;
void auth_cancel(struct auth_check **slot);

/* Lives in the object that depends on an identity; zero-initialise it. */
struct auth_hold {
    struct list node;
    struct identity *identity;
    void (*on_end)(struct auth_hold *hold);
};

/* `on_end` runs once when the identity is revoked, expires, or is no longer confirmed by its source
 * (SQL and hook: asked again each --revalidate-period; a source out of reach ends nothing). Not before
 * this returns. After it, or after auth_release(), the hold is the caller's again. */
void auth_follow(struct auth *auth, struct auth_hold *hold, struct identity *identity,
                 void (*on_end)(struct auth_hold *hold));
void auth_release(struct auth_hold *hold); /* no-op when it holds nothing */

struct auth_stats {
    uint64_t answers[CREDENTIAL_KINDS][AUTH_UNKNOWN + 1];
    uint64_t cache_hits, revocations, hook_calls, sql_queries, throttled;
};
const struct auth_stats *auth_stats(const struct auth *auth);

#endif
