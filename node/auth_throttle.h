/* SPDX-License-Identifier: MIT */
#ifndef SB_AUTH_THROTTLE_H
#define SB_AUTH_THROTTLE_H

#include <stdint.h>

#include "config.h"
#include "peer.h"

/*
 * Failed authentications per address: a token bucket each, full at first, that holds `rate.count`
 * failures and refills evenly over `rate.per_ms`. IPv6 addresses count by their /64, which is what
 * one subscriber has. The addresses of the least recent failures are forgotten beyond a bound.
 */
enum { THROTTLE_PEERS_MAX = 65536 };

struct throttle;

struct throttle *throttle_create(void);
void throttle_destroy(struct throttle **throttle);

/* Milliseconds until this peer may fail again; 0: now. The rate may differ from call to call. */
int64_t throttle_wait_ms(const struct throttle *throttle, const struct peer *peer,
                         const struct rate *rate);

/* It has failed. */
void throttle_count(struct throttle *throttle, const struct peer *peer, const struct rate *rate);

#endif
