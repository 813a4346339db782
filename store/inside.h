/* SPDX-License-Identifier: MIT */
#ifndef SB_STORE_INSIDE_H
#define SB_STORE_INSIDE_H

#include <stddef.h>

#include "base/list.h"
#include "store/channel.h"
#include "store/hello.h"
#include "store/link.h"
#include "store/op.h"
#include "store/pipeline.h"
#include "store/url.h"

/* What a store is made of. For store.c and the files that carry it; the typed operations need no
 * more than op.h. */
struct topics;

struct store_op {
    struct list node; /* in pipeline.ops, pipeline.again, store.ending or store.spare          */
    const struct verb *verb;
    struct store_op *
        *slot;       /* the owner's; NULL: none, or cancelled                                */
    uint64_t offset; /* its bytes in the pipeline                                            */
    size_t len;
    int64_t started_us;
    enum result ending; /* in store.ending: how it will end */
    uint8_t repeats;    /* times it met NOSCRIPT            */
    bool is_cancelled;
    _Alignas(max_align_t) char state[OP_STATE_MAX];
};

struct store {
    uv_loop_t *loop;
    struct url url;
    uint32_t timeout_ms, wait_ms, pending_max;
    store_state_fn *on_state;
    void *ctx;

    struct link *link; /* commands */
    struct hello hello;
    struct pipeline pipeline;
    struct list ending; /* their end is certain; their owners hear of it on this turn's way out */
    struct list spare;  /* operations to be used again */
    size_t spare_count;
    int64_t since_ms; /* clock_ms() when it came up, went down, or began */
    bool is_up, is_closed;

    struct topics *topics;

    uv_prepare_t
        flusher; /* before the loop waits: ends what is to end, writes what is to be written */
    uv_timer_t deadline; /* of the oldest operation */
    uv_timer_t minute;
    int open_handles;

    bool is_clock_known, has_keyspace_events;
    int64_t clock_offset_ms; /* Redis' wall clock less our monotonic one */
    int64_t hello_us;
    char events[64]; /* notify-keyspace-events as it is to be */
    char run_id[44]; /* of the server, anew at each of its starts; "": it does not say */

    char topic_prefix[32];
    struct buf tail; /* an entry in the making */

    struct store_stats stats;
    struct store_verb_stats verbs[VERB_COUNT];
    struct channel_bounds bounds[CHANNEL_KINDS];
    struct channel_stats channel_stats;
};

/* ---- op.c ---------------------------------------------------------------------------------------- */

/* Gives the verbs their names, and finds their scripts. */
void op_init_verbs(struct store_verb_stats stats[VERB_COUNT]);
bool op_is_script(const struct store_op *op);

struct store_op *op_create(struct store *store, const struct op_call *call);
bool op_write(struct buf *out, const struct op_call *call);

/* The one place where an operation ends. `reply` is NULL when there is none. */
void op_finish(struct store *store, struct store_op *op, enum result result,
               const redisReply *reply);

/* What an error reply means. */
enum result op_judge_error(const redisReply *error);

/* ---- store.c ------------------------------------------------------------------------------------- */

/* An operation was added: it is written, or its deadline is watched. */
void store_watch_deadline(struct store *store);

/* ---- store_clock.c ------------------------------------------------------------------------------- */

void store_read_clock(struct store *store);

/* The answer to a TIME that was sent at `sent_us` (clock_us). False when it is none. */
bool store_learn_clock(struct store *store, const redisReply *reply, int64_t sent_us);

/* ---- topic.c ------------------------------------------------------------------------------------- */

struct topics *topics_create(struct store *store);
/* Topics that are still subscribed hear nothing more; their owners release them. */
void topics_set_limit(struct topics *topics, uint32_t limit_ms); /* see link_set_limit() */
void topics_break(struct topics *topics, const char *reason);    /* see link_break() */
void topics_destroy(struct topics **topics);
void topics_flush(struct topics *topics);

/* Where the subscription link's line of requests ends now; and whether everything before such a mark
 * is in force (or was lost with the link, which comes to the same). */
uint64_t topics_mark(const struct store *store);
bool topics_has_passed(const struct store *store, uint64_t mark);

#endif
