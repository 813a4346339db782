/* SPDX-License-Identifier: MIT */
/*
 * Redis' clock: its difference to our monotonic one, taken in the middle of a round trip. So it stays
 * right when this machine's wall clock is set.
 */
#include "base/clock.h"
#include "store/inside.h"
#include "store/op.h"

/* The difference is known to half a round trip: one that took longer than this says too little. */
enum { TRIP_MAX_US = 100 * 1000 };

struct reading {
    int64_t sent_us;
};

static bool parse_time(const redisReply *reply, int64_t *us_out)
{
    uint64_t seconds, micros;

    if (!reply_is_array(reply, 2) ||
        !slice_to_u64(reply_slice(reply->element[0]), 1, INT64_MAX / 2000000, &seconds) ||
        !slice_to_u64(reply_slice(reply->element[1]), 0, 999999, &micros))
        return false;
    *us_out = (int64_t)(seconds * 1000000 + micros);
    return true;
}

static bool judge_time(const redisReply *reply, enum result *result_out)
{
    int64_t redis_us;

    *result_out = RESULT_OK;
    return parse_time(reply, &redis_us);
}

bool store_learn_clock(struct store *store, const redisReply *reply, int64_t sent_us)
{
    int64_t trip_us = clock_us() - sent_us, redis_us;

    if (!parse_time(reply, &redis_us))
        return false;
    if (store->is_clock_known && trip_us > TRIP_MAX_US)
        return true;
    store->clock_offset_ms = (redis_us - (sent_us + trip_us / 2)) / 1000;
    store->is_clock_known = true;
    return true;
}

static void deliver_time(struct store *store, enum result result, const redisReply *reply,
                         void *state)
{
    const struct reading *reading = state;

    if (result == RESULT_OK)
        store_learn_clock(store, reply, reading->sent_us);
}

void store_read_clock(struct store *store)
{
    static const struct verb verb = { .id = VERB_CLOCK_READ,
                                      .judge = judge_time,
                                      .deliver = deliver_time };
    struct reading reading = { clock_us() };
    struct op_call call = { .verb = &verb, .state = &reading, .state_size = sizeof reading };

    op_start(store, &call, NULL);
}

int64_t store_now_ms(const struct store *store)
{
    return store->is_clock_known ? clock_ms() + store->clock_offset_ms : clock_wall_ms();
}
