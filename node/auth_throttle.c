/* SPDX-License-Identifier: MIT */
/*
 * Only addresses that failed are kept. A bucket is one time: when it will be full again. Each
 * failure moves it by per_ms / count; it is empty when it lies a whole period ahead.
 *
 * The table's own order is that of the last failures: the front is forgotten first.
 */
#include "auth_throttle.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/clock.h"
#include "base/mem.h"

struct source_address {
    struct peer subscriber;
    int64_t full_us; /* clock_us() time */
    UT_hash_handle hh;
};

struct throttle {
    struct source_address *addresses;
};

static struct source_address *find(const struct throttle *throttle, const struct peer *peer)
{
    struct peer subscriber = peer_subscriber(peer);
    struct source_address *address;

    HASH_FIND(hh, throttle->addresses, &subscriber, sizeof subscriber, address);
    return address;
}

static int64_t cost_us(const struct rate *rate)
{
    return (int64_t)rate->per_ms * 1000 / rate->count;
}

struct throttle *throttle_create(void)
{
    return xcalloc(1, sizeof(struct throttle));
}

static void forget(struct throttle *throttle, struct source_address *address)
{
    HASH_DEL(throttle->addresses, address);
    free(address);
}

void throttle_destroy(struct throttle **throttle)
{
    if (*throttle == NULL)
        return;
    while ((*throttle)->addresses != NULL)
        forget(*throttle, (*throttle)->addresses);
    free(*throttle);
    *throttle = NULL;
}

int64_t throttle_wait_ms(const struct throttle *throttle, const struct peer *peer,
                         const struct rate *rate)
{
    const struct source_address *address;
    int64_t wait_us;

    if (rate->count == 0 || (address = find(throttle, peer)) == NULL)
        return 0;
    /* one more failure must still fit into the period */
    wait_us = address->full_us + cost_us(rate) - clock_us() - (int64_t)rate->per_ms * 1000;
    return wait_us > 0 ? (wait_us + 999) / 1000 : 0;
}

void throttle_count(struct throttle *throttle, const struct peer *peer, const struct rate *rate)
{
    struct source_address *address;
    int64_t now = clock_us(), limit;

    if (rate->count == 0)
        return;
    address = find(throttle, peer);
    if (address != NULL) {
        HASH_DEL(throttle->addresses, address);
    } else {
        if (HASH_COUNT(throttle->addresses) >= THROTTLE_PEERS_MAX)
            forget(throttle, throttle->addresses);
        address = xcalloc(1, sizeof *address);
        address->subscriber = peer_subscriber(peer);
        address->full_us = now;
    }
    if (address->full_us < now)
        address->full_us = now;
    limit = now + (int64_t)rate->per_ms * 1000;
    address->full_us += cost_us(rate);
    if (address->full_us > limit)
        address->full_us = limit;
    HASH_ADD(hh, throttle->addresses, subscriber, sizeof address->subscriber, address);
}
