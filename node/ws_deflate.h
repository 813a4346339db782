/* SPDX-License-Identifier: MIT */
#ifndef SB_WS_DEFLATE_H
#define SB_WS_DEFLATE_H

#include <libwebsockets.h>

#include "ws.h"

/*
 * permessage-deflate (RFC 7692): what is negotiated, and what we send. No connection keeps a
 * window between messages (both sides' no_context_takeover), so that a frame is compressed once
 * for all that it goes to, and memory per connection stays small.
 */
struct ws_deflate;

struct ws_deflate *ws_deflate_create(void);
void ws_deflate_destroy(struct ws_deflate **deflate);

/* Whether a Sec-WebSocket-Extensions header holds an offer that can be taken, and what lws is to
 * answer then. */
bool ws_deflate_is_offered(struct slice extensions);
#define WS_DEFLATE_ACCEPTED                                                                        \
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

/* What lws needs to let compressed frames pass; their bytes it hands up as they came. */
extern const struct lws_extension ws_deflate_extensions[];

/* ws_frame_write(), compressed when that makes it smaller. */
bool ws_deflate_write(struct ws_deflate *deflate, struct lws *wsi, struct frame *frame,
                      unsigned first_byte);

#endif
