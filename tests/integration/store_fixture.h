/* SPDX-License-Identifier: MIT */
#ifndef SB_TESTS_STORE_FIXTURE_H
#define SB_TESTS_STORE_FIXTURE_H

#include <stdlib.h>

#include "store/store.h"
#include "support.h"

/* One Redis and one store for all tests of a file, which start and stop with its group; a test that
 * starts from nothing has flush() as its setup. */
static uv_loop_t loop;
static struct support_redis *redis;
static struct store *store;

static inline void fixture_on_state(bool is_up, void *ctx)
{
    (void)is_up;
    (void)ctx;
}

static inline bool fixture_is_up(void *ctx)
{
    return store_is_up(ctx);
}

static inline int start(void **state)
{
    struct store_options options = { .timeout_ms = 5000, .wait_ms = 100, .pending_max = 2000 };
    struct why why = { "" };

    (void)state;
    redis = support_redis_start();
    uv_loop_init(&loop);
    options.url = support_redis_url(redis);
    store = store_open(&loop, &options, fixture_on_state, NULL, &why);
    assert_non_null(store);
    support_wait(&loop, fixture_is_up, store, SUPPORT_WAIT_MS, "the store is up");
    return 0;
}

static inline int stop(void **state)
{
    (void)state;
    store_close(&store);
    support_loop_close(&loop);
    support_redis_stop(&redis);
    return 0;
}

static inline int flush(void **state)
{
    (void)state;
    free(support_redis_command(redis, "FLUSHALL"));
    return 0;
}

#endif
