/* SPDX-License-Identifier: MIT */
#include "peer.h"

#include <arpa/inet.h>
#include <string.h>

/* ::ffff:0:0/96 (RFC 4291, section 2.5.5.2) */
static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

static bool is_v4(const struct peer *peer)
{
    return memcmp(peer->ip, mapped, sizeof mapped) == 0;
}

void peer_format(const struct peer *peer, char out[PEER_TEXT_SIZE])
{
    const char *text;

    if (is_v4(peer))
        text = inet_ntop(AF_INET, peer->ip + sizeof mapped, out, PEER_TEXT_SIZE);
    else
        text = inet_ntop(AF_INET6, peer->ip, out, PEER_TEXT_SIZE);
    (void)text; /* the room is enough for every address */
}

bool peer_parse(struct peer *peer_out, const char *text)
{
    struct peer peer = { .ip = { 0 } };

    if (inet_pton(AF_INET, text, peer.ip + sizeof mapped) == 1)
        memcpy(peer.ip, mapped, sizeof mapped);
    else if (inet_pton(AF_INET6, text, peer.ip) != 1)
        return false;
    *peer_out = peer;
    return true;
}

bool peer_equals(const struct peer *a, const struct peer *b)
{
    return memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

struct peer peer_subscriber(const struct peer *peer)
{
    struct peer subscriber = *peer;

    if (!is_v4(peer))
        memset(subscriber.ip + 8, 0, 8);
    return subscriber;
}
