/* SPDX-License-Identifier: MIT */
#ifndef SB_STORE_JOBS_H
#define SB_STORE_JOBS_H

#include "store/key.h"
#include "store/store.h"

/*
 * A job: a game server that polls. Its heartbeat says whose it is, and commands wait in its mailbox:
 * the list of a channel of kind CHANNEL_MAILBOX, which polls take from and nobody else reads. Whoever
 * wants to know of new commands subscribes to that channel's topic (channel_topic_key); what is
 * published there says only that there is something.
 *
 *     sb:{mailbox:<realm>:<job>}:hb      who has it, when it was last seen; lives for the heartbeat
 *     sb:{mailbox:<realm>:<job>}:q       the commands
 *     sb:{mailbox:<realm>:<job>}:n       the last number given out
 *     sb:{mailbox:<realm>:<job>}:c       the last cursor handed out
 *     sb:{mailbox:<realm>:<job>}:i:<id>  that command was stored
 *     sb:{jobs:<realm>:<universe>}:live  a universe's jobs
 */

/* Both borrowed; every call copies what it keeps. */
struct job_id {
    struct slice realm, job;
};

struct job_poll {
    struct slice universe;
    uint32_t ttl_ms; /* of the heartbeat */
    bool is_safe;    /* what is taken stays until it is acknowledged … */
    uint64_t ack;    /* … and everything up to here is; 0: nothing */
};

struct job_taken {
    uint64_t cursor; /* safe: what to acknowledge */
    size_t count;
    const void *reply; /* job_payload() knows */
};
struct slice job_payload(const struct job_taken *taken, size_t index);

/*
 * Renews the heartbeat and takes what waits (lua/job_poll.lua). CONFLICT: the job is another
 * universe's. INVALID: no such cursor was handed out. After UNCERTAIN commands may have been taken that
 * nobody was given, unless it was safe.
 */
typedef void job_polled_fn(enum result result, const struct job_taken *taken, void *ctx);
void job_poll(struct store *store, const struct job_id *id, const struct job_poll *poll,
              job_polled_fn *done, void *ctx, struct store_op **slot);

struct job_command {
    struct slice payload; /* JSON, as it is to be handed out */
    struct slice scope;   /* the only universe that may have it; nothing: any */
    struct slice once;    /* an id: the same id within the ttl is stored once. Nothing: always */
    bool is_live_only;    /* for a job with a heartbeat, or not at all */
    uint32_t ttl_ms, cap;
};

/*
 * Puts a command into a mailbox (lua/job_enqueue.lua). `is_live`: the job has a heartbeat. REFUSED: its
 * heartbeat is another universe's than the scope. NOT_FOUND: live only, and there is none. Repeating is
 * safe only with `once`. What the cap drops is counted (channel_count_dropped).
 */
typedef void job_enqueued_fn(enum result result, bool is_live, void *ctx);
void job_enqueue(struct store *store, const struct job_id *id, const struct job_command *command,
                 job_enqueued_fn *done, void *ctx, struct store_op **slot);

struct job {
    int64_t last_seen_ms; /* store_now_ms() time */
    uint64_t waiting;     /* what its next poll would be handed */
    struct slice universe;
};

/* Whoever follows a job subscribes to this key's events (TOPIC_KEY): "set" with every poll, "expired". */
void job_heartbeat_key(const struct job_id *id, struct key *key);

/* NOT_FOUND: it has no heartbeat. (lua/job_find.lua) */
typedef void job_found_fn(enum result result, const struct job *job, void *ctx);
void job_find(struct store *store, const struct job_id *id, job_found_fn *done, void *ctx,
              struct store_op **slot);

/*
 * A page of the jobs that a universe may have: all that live are on some page, others may be too, and
 * the same one may come twice. The first page has cursor "0"; the page whose `next` is "0" was the last.
 */
struct job_page {
    struct slice next;
    size_t count;
    const void *reply; /* job_page_item() knows */
};
struct slice job_page_item(const struct job_page *page, size_t index);

typedef void job_page_fn(enum result result, const struct job_page *page, void *ctx);
void job_list(struct store *store, struct slice realm, struct slice universe, struct slice cursor,
              job_page_fn *done, void *ctx, struct store_op **slot);

#endif
