/* SPDX-License-Identifier: MIT */
#ifndef SB_API_CALL_H
#define SB_API_CALL_H

#include "api_room.h"
#include "api_wire.h"

/*
 * A request of a back end's, from its arrival to its answer. Everything that can
 * be pending is in it, so it is let go of in one place.
 */
struct api_call {
    struct http_request *request;
    struct api *api;
    struct auth_check *checking;
    struct identity *identity; /* whose token it is */
    struct api_body body;
    struct store_op *op;
    struct sio_ask *ask;
    void (*begin)(struct api_call *call);
};

/* Asks who it is; `begin` runs for those who may, with the body read. It, or what it started, ends the call
 * with one of the others. The last thing that a handler does. */
void api_call_start(struct http_request *request, struct api *api,
                    void (*begin)(struct api_call *call));

struct slice api_call_realm(const struct api_call *call);

/* Each answers, and frees the call. */
void api_call_reply(struct api_call *call, int status, struct slice json);
void api_call_refuse(struct api_call *call, int status, const char *error);
void api_call_fail(struct api_call *call, enum result result);

/* 202 {"nodes":n} */
void api_call_accept(struct api_call *call, uint32_t nodes);

#endif
