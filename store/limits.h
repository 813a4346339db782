/* SPDX-License-Identifier: MIT */
#ifndef SB_STORE_LIMITS_H
#define SB_STORE_LIMITS_H

#include "store/key.h"
#include "store/store.h"

/*
 * Token buckets that all nodes draw from.
 *
 *     sb:{rate:<realm>:<subject>}:bucket
 */
struct rate_limit {
    uint32_t count, period_ms; /* holds `count` tokens, refills evenly over the period; both > 0 */
};

/* REFUSED: there are not so many, nothing was taken; `retry_ms`: until they would be there. */
typedef void rate_taken_fn(enum result result, uint32_t retry_ms, void *ctx);

/* Takes `tokens` (> 0), all or none. To repeat it takes again. (lua/rate_take.lua) */
void rate_take(struct store *store, struct slice realm, struct slice subject,
               const struct rate_limit *limit, uint32_t tokens, rate_taken_fn *done, void *ctx,
               struct store_op **slot);

/* Are there `tokens` (> 0)? Takes none. Safe to repeat. (lua/rate_peek.lua) */
void rate_peek(struct store *store, struct slice realm, struct slice subject,
               const struct rate_limit *limit, uint32_t tokens, rate_taken_fn *done, void *ctx,
               struct store_op **slot);

#endif
