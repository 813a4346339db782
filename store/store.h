/* SPDX-License-Identifier: MIT */
#ifndef SB_STORE_STORE_H
#define SB_STORE_STORE_H

#include <stdint.h>
#include <uv.h>

#include "base/buf.h"
#include "base/result.h"

/*
 * Redis, as typed asynchronous operations on one loop.
 *
 * Every operation takes `done`, `ctx` and `slot` as its last arguments:
 *   - arguments are copied before the call returns;
 *   - `done` runs on the loop thread, exactly once, never before the call returns;
 *   - `*slot` must be NULL on entry and is non-NULL exactly while the operation is pending;
 *   - after store_cancel(slot) `done` does not run; the operation may still take effect.
 *   - `slot` (and `done`) may be NULL where nobody wants to know.
 * What `done` is given is borrowed until it returns.
 */
struct store;
struct store_op;

struct store_options {
    const char *url;      /* redis://[[user]:password@]host[:port][/db] or unix:///path[?db=N]  */
    uint32_t timeout_ms;  /* a command without an answer for so long breaks the link: uncertain */
    uint32_t wait_ms;     /* how long after a break operations wait for a reconnect; those that come
                               later are unavailable at once                                       */
    uint32_t pending_max; /* operations without an answer; above it they are unavailable        */
    uint32_t pending_bytes; /* their bytes, likewise; 0: 64 MiB                                   */
};

typedef void store_state_fn(bool is_up, void *ctx);

/*
 * Starts to connect and goes on trying for ever, with back-off and jitter. NULL with `why` when
 * the URL makes no sense. `on_state` hears of every change; is_up means that commands are answered,
 * that the server is a Redis of at least 7.0 and no replica (else it is refused and logged as an error),
 * and that its clock and its keyspace events are known.
 */
struct store *store_open(uv_loop_t *loop, const struct store_options *options,
                         store_state_fn *on_state, void *ctx, struct why *why);

/* Everything pending ends as unavailable or uncertain before this returns. The memory goes when
 * the loop has closed the handles; run the loop until it is idle. Accepts NULL, leaves NULL. */
void store_close(struct store **store);

/* Other limits from now on, for operations that are pending, too. The URL stays. */
void store_set_limits(struct store *store, const struct store_options *options);

bool store_is_up(const struct store *store);

/* Milliseconds since 1970 by Redis' clock, from an offset learnt at every connect and each
 * minute: what all nodes agree on (within a few milliseconds). */
int64_t store_now_ms(const struct store *store);

/* Does Redis publish the keyspace events that are needed (K g x $)? When not, those who follow a
 * key must poll it. Known once the store is up. */
bool store_has_keyspace_events(const struct store *store);

/* Stop waiting; what was sent may still take effect. No-op when nothing is pending. */
void store_cancel(struct store_op **slot);

/* Nothing but a result: for operations with no answer of their own. */
typedef void store_done_fn(enum result result, void *ctx);

/* Latencies are from the call to the answer. Buckets' upper bounds: store_bucket_us[]. */
enum { STORE_BUCKETS = 14 };
extern const uint32_t store_bucket_us[STORE_BUCKETS]; /* the last one is UINT32_MAX */

struct store_verb_stats {
    const char *name; /* "channel_append", "credential_find", …           */
    uint64_t results[RESULT_COUNT];
    uint64_t buckets[STORE_BUCKETS]; /* not cumulative                                    */
    uint64_t sum_us;
};

enum store_bound { STORE_PENDING_MAX, STORE_PENDING_BYTES, STORE_BOUNDS };

struct store_stats {
    uint64_t connects, disconnects; /* command link                                      */
    uint64_t topic_connects, topic_disconnects;
    uint64_t script_loads;          /* NOSCRIPT recovered                                */
    uint64_t malformed_replies;     /* wrong type or arity; the operation was uncertain  */
    uint64_t losses;                /* numbers went back: Redis itself lost something    */
    uint64_t pending;               /* operations without an answer, now                 */
    uint64_t refused[STORE_BOUNDS]; /* unavailable because there were too many           */
    const struct store_verb_stats *verbs;
    size_t verb_count;
};
const struct store_stats *store_stats(const struct store *store);

#endif
