/* SPDX-License-Identifier: MIT */
#ifndef SB_PUSH_ROOM_H
#define SB_PUSH_ROOM_H

#include "deadline.h"
#include "node.h"

/* What the files of this dialect share. */
struct push {
    struct node *node;
    struct deadlines *deadlines;
    struct list given;     /* places that are being given back: place.c       */
    struct deadline retry; /* asks again for those that the store has not confirmed */
    uint64_t last_number;  /* of a place                                      */
};

/* The id of the one broadcast channel of a realm. */
#define BROADCAST_ID SLICE_LITERAL("all")

/* The routes. */
void player_handle(struct http_request *request, void *dialect);    /* GET /ws         */
void publish_handle(struct http_request *request, void *dialect);   /* POST /publish   */
void broadcast_handle(struct http_request *request, void *dialect); /* POST /broadcast */

/* The answers of push are plain text, as the original writes it. The one place for each: callers who
 * were not let in (`status` and `text` for those that are known to be wrong), and a store that fails. */
void push_refuse(struct http_request *request, const struct auth_outcome *outcome, int status,
                 const char *text);
void push_fail(struct http_request *request);
void push_too_many(struct http_request *request, const char *text, uint32_t retry_after_s);

#endif
