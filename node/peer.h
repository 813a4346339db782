/* SPDX-License-Identifier: MIT */
#ifndef SB_PEER_H
#define SB_PEER_H

#include <stdbool.h>
#include <stdint.h>

/* Whom we talk to: the address of the socket, or with --trust-proxy the last address in
 * X-Forwarded-For. IPv4 is kept as an IPv4-mapped IPv6 address; UNIX sockets are all zeros. */
struct peer {
    uint8_t ip[16];
};

enum { PEER_TEXT_SIZE = 46 };
void peer_format(const struct peer *peer, char out[PEER_TEXT_SIZE]);
bool peer_parse(struct peer *peer_out, const char *text);
bool peer_equals(const struct peer *a, const struct peer *b);

/* What is counted for a peer: its IPv4 address, or the /64 of its IPv6 address, which is what one subscriber has. */
struct peer peer_subscriber(const struct peer *peer);

#endif
