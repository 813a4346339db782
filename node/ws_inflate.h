/* SPDX-License-Identifier: MIT */
#ifndef SB_WS_INFLATE_H
#define SB_WS_INFLATE_H

#include "base/buf.h"
#include "base/result.h"

/*
 * What comes compressed by permessage-deflate (RFC 7692, section 7.2.2), whole messages at a time. No
 * peer keeps a window between its messages (client_no_context_takeover), so that one inflater serves
 * all connections.
 */
struct ws_inflater;

struct ws_inflater *ws_inflater_create(void);
void ws_inflater_destroy(struct ws_inflater **inflater);

enum ws_inflated {
    WS_INFLATED,
    WS_INFLATE_MALFORMED,
    WS_INFLATE_TOO_BIG, /* the plain bytes would pass the ceiling of `plain` */
};

/* Adds the plain bytes of one message to `plain`. */
MUST_CHECK enum ws_inflated ws_inflate(struct ws_inflater *inflater, struct slice packed,
                                       struct buf *plain);

/* At most so many bytes does a message of `plain_bytes` come as: zlib's own bound for any deflater. */
size_t ws_inflate_packed_max(size_t plain_bytes);

#endif
