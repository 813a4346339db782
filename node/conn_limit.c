/* SPDX-License-Identifier: MIT */
/*
 * One count for all places, one per address in a hash table that holds only addresses with places.
 *
 *     places = connections; sum over addresses ≤ places
 */
#include "conn_limit.h"

#include <assert.h>
#include <stdlib.h>
#include <uthash.h>

#include "base/mem.h"

struct conn_address {
    struct peer peer;
    uint32_t places;
    UT_hash_handle hh;
};

struct conn_limit {
    const struct config *config;
    struct metrics *metrics;
    struct conn_address *addresses;
    uint32_t places;
    bool is_destroyed;
};

struct conn_limit *conn_limit_create(const struct config *config, struct metrics *metrics)
{
    struct conn_limit *limit = xcalloc(1, sizeof *limit);

    limit->config = config;
    limit->metrics = metrics;
    return limit;
}

static void release(struct conn_limit *limit)
{
    if (!limit->is_destroyed || limit->places > 0)
        return;
    assert(limit->addresses == NULL);
    free(limit);
}

void conn_limit_destroy(struct conn_limit **limit)
{
    if (*limit == NULL)
        return;
    (*limit)->is_destroyed = true;
    release(*limit);
    *limit = NULL;
}

bool conn_limit_take(struct conn_limit *limit, struct conn_place *place)
{
    assert(place->limit == NULL && !limit->is_destroyed);
    if (limit->config->max_conns_total > 0 && limit->places >= limit->config->max_conns_total) {
        limit->metrics->limits[LIMIT_CONNECTIONS]++;
        return false;
    }
    limit->places++;
    *place = (struct conn_place){ .limit = limit };
    return true;
}

static void leave_address(struct conn_place *place)
{
    struct conn_address *address = place->address;

    if (address != NULL && --address->places == 0) {
        HASH_DEL(place->limit->addresses, address);
        free(address);
    }
    place->address = NULL;
}

static struct conn_address *find_address(struct conn_limit *limit, const struct peer *peer)
{
    struct conn_address *address;

    HASH_FIND(hh, limit->addresses, peer, sizeof *peer, address);
    if (address == NULL) {
        address = xcalloc(1, sizeof *address);
        address->peer = *peer;
        HASH_ADD(hh, limit->addresses, peer, sizeof address->peer, address);
    }
    return address;
}

bool conn_limit_take_address(struct conn_place *place, const struct peer *peer)
{
    static const struct peer nobody;
    struct conn_limit *limit = place->limit;
    uint32_t max = limit->config->max_conns_per_ip;

    if (place->address != NULL && peer_equals(&place->address->peer, peer))
        return true;
    leave_address(place);
    if (max == 0 || peer_equals(peer, &nobody))
        return true;

    struct conn_address *address = find_address(limit, peer);

    if (address->places >= max) {
        limit->metrics->limits[LIMIT_CONNECTIONS_PER_IP]++;
        return false;
    }
    address->places++;
    place->address = address;
    return true;
}

void conn_limit_give(struct conn_place *place)
{
    struct conn_limit *limit = place->limit;

    if (limit == NULL)
        return;
    leave_address(place);
    limit->places--;
    *place = (struct conn_place){ NULL, NULL };
    release(limit);
}
