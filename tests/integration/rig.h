/* SPDX-License-Identifier: MIT */
#ifndef SB_TESTS_RIG_H
#define SB_TESTS_RIG_H

#include <stdlib.h>
#include <string.h>

#include "support.h"

#include "base/mem.h"
#include "store/channel.h"
#include "store/store.h"
#include "store/topic.h"

/* A loop, a Redis and a store on it: what every test of store/ needs. */
struct rig {
    uv_loop_t loop;
    struct support_redis *redis;
    struct store *store;
    unsigned ups, downs;
};

static inline void rig_on_state(bool is_up, void *ctx)
{
    struct rig *rig = ctx;

    if (is_up)
        rig->ups++;
    else
        rig->downs++;
}

/* A test that lets Redis hang opens its store with RIG_IMPATIENT_MS. */
enum { RIG_TIMEOUT_MS = 5000, RIG_IMPATIENT_MS = 300 };

static inline struct store *rig_open(struct rig *rig, const char *url, uint32_t timeout_ms)
{
    const struct store_options options = {
        .url = url, .timeout_ms = timeout_ms, .wait_ms = 1000, .pending_max = 20000
    };
    struct why why = { "" };
    struct store *store = store_open(&rig->loop, &options, rig_on_state, rig, &why);

    if (store == NULL)
        fail_msg("store_open: %s", why.text);
    return store;
}

static inline bool rig_store_is_up(void *ctx)
{
    return store_is_up(((struct rig *)ctx)->store);
}

static inline bool rig_store_is_down(void *ctx)
{
    return !store_is_up(((struct rig *)ctx)->store);
}

static inline void rig_wait_up(struct rig *rig)
{
    support_wait(&rig->loop, rig_store_is_up, rig, SUPPORT_WAIT_MS, "the store is up");
}

static inline void rig_wait_down(struct rig *rig)
{
    support_wait(&rig->loop, rig_store_is_down, rig, SUPPORT_WAIT_MS, "the store is down");
}

static inline int rig_start(void **state)
{
    struct rig *rig = xcalloc(1, sizeof *rig);

    assert_int_equal(uv_loop_init(&rig->loop), 0);
    rig->redis = support_redis_start();
    rig->store = rig_open(rig, support_redis_url(rig->redis), RIG_TIMEOUT_MS);
    rig_wait_up(rig);
    *state = rig;
    return 0;
}

static inline int rig_stop(void **state)
{
    struct rig *rig = *state;

    store_close(&rig->store);
    support_loop_close(&rig->loop);
    support_redis_stop(&rig->redis);
    free(rig);
    return 0;
}

/* Runs a command by redis-cli and compares what it prints. */
static inline void rig_expect(struct rig *rig, const char *command, const char *wanted)
{
    char *got = support_redis_command(rig->redis, command);

    assert_string_equal(got, wanted);
    free(got);
}

static inline void rig_command(struct rig *rig, const char *command)
{
    free(support_redis_command(rig->redis, command));
}

/* ---- one operation and its end ------------------------------------------------------------------- */

struct answer {
    struct store_op *slot;
    unsigned count; /* times that it ended */
    enum result result;
    struct channel_appended appended;
    struct channel_position position;
};

static inline bool answer_has_come(void *ctx)
{
    return ((struct answer *)ctx)->count > 0;
}

static inline enum result rig_wait(struct rig *rig, struct answer *answer)
{
    support_wait(&rig->loop, answer_has_come, answer, SUPPORT_WAIT_MS, "the operation ends");
    assert_int_equal(answer->count, 1);
    assert_null(answer->slot);
    return answer->result;
}

static inline void on_answered(enum result result, void *ctx)
{
    struct answer *answer = ctx;

    answer->count++;
    answer->result = result;
    assert_null(answer->slot);
}

static inline void on_appended(enum result result, const struct channel_appended *appended,
                               void *ctx)
{
    ((struct answer *)ctx)->appended = *appended;
    on_answered(result, ctx);
}

static inline void on_position(enum result result, const struct channel_position *position,
                               void *ctx)
{
    ((struct answer *)ctx)->position = *position;
    on_answered(result, ctx);
}

/* ---- channels ---------------------------------------------------------------------------------------- */

static inline struct channel_id rig_channel(enum channel_kind kind, const char *id)
{
    return (struct channel_id){ kind, SLICE_LITERAL("test"), slice_of(id) };
}

static inline void append_text(struct rig *rig, const struct channel_id *id, const char *text,
                               struct answer *answer)
{
    const struct channel_message message = { .payload = slice_of(text) };

    channel_append(rig->store, id, &message, on_appended, answer, &answer->slot);
}

static inline void set_bounds(struct rig *rig, enum channel_kind kind, uint32_t offline_cap,
                              uint32_t live_bound)
{
    const struct channel_bounds bounds = {
        .offline_cap = offline_cap,
        .live_bound = live_bound,
        .ttl_ms = 60000,
        .keep_ms = 60000,
        .keep_count = 100,
        .grace_ms = 300,
    };

    channel_set_bounds(rig->store, kind, &bounds);
}

#endif
