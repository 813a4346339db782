/* SPDX-License-Identifier: MIT */
#ifndef SB_API_WIRE_H
#define SB_API_WIRE_H

#include "json_list.h"
#include "sio_emit.h"

/* The bodies of the api: JSON ↔ what it means. */
enum { API_ACK_MAX_MS = 60000 };

/* What a body may ask for; a route takes what it needs of it. */
struct api_body {
    struct slice nsp; /* "/" when it is not given */
    bool has_event;
    struct buf items; /* ["event", args…] */
    struct json_list rooms, sockets, except, attachments;
    bool has_rooms, has_sockets;
    bool is_volatile, closes;
    struct slice once;       /* nothing: none */
    uint32_t ack_timeout_ms; /* 0: no acknowledgements are wanted */
    struct buf text;         /* what the others point to */
};

/* Fills a zero-initialised body, or returns which member is wrong and how, in words. An empty text is an empty
 * object. api_body_fini() is due in both cases. Names are not looked at: sio_emit_check() and
 * sio_target_check() do. */
const char *api_body_parse(struct slice json, struct api_body *body);
void api_body_fini(struct api_body *body);

/* {"complete":…,"clients":…,"answers":[{"socket":"…","args":[…],"attachments":["…"]},…]} */
void api_answers_write(struct buf *out, const struct sio_answers *answers);

#endif
