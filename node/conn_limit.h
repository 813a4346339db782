/* SPDX-License-Identifier: MIT */
#ifndef SB_CONN_LIMIT_H
#define SB_CONN_LIMIT_H

#include <stdbool.h>

#include "config.h"
#include "metrics.h"
#include "peer.h"

/*
 * How many connections there are, in all (--max-connections) and per address (--max-conns-per-ip).
 * A connection holds one place from its accept to its end, whatever it turns into on the way: the
 * place moves from TLS to HTTP to WebSocket by assignment, and whoever has it last gives it back.
 */
struct conn_limit;

/* All zeros: no place. */
struct conn_place {
    struct conn_limit *limit;
    struct conn_address *address; /* NULL: counted in all, but not (yet) for an address */
};

/* Reads the bounds anew each time; refusals are counted in `metrics`. */
struct conn_limit *conn_limit_create(const struct config *config, struct metrics *metrics);
void conn_limit_destroy(struct conn_limit **limit); /* places may still be given back after it */

/* A place among all. False when there is none. */
bool conn_limit_take(struct conn_limit *limit, struct conn_place *place) MUST_CHECK;

/* Counts the place for this address, and no longer for the one before. Without a limit per address
 * and for UNIX sockets (all zeros) nothing is counted. False when the address has its share: the
 * place is then counted for none. */
bool conn_limit_take_address(struct conn_place *place, const struct peer *peer) MUST_CHECK;

/* Leaves no place. No-op when there was none. */
void conn_limit_give(struct conn_place *place);

#endif
