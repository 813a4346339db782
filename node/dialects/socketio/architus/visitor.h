/* SPDX-License-Identifier: MIT */
#ifndef SB_ARCHITUS_VISITOR_H
#define SB_ARCHITUS_VISITOR_H

#include "architus_room.h"

/*
 * A back end's HTTP request: who is it (a server token), then what it wants. The first in a struct of its
 * kind.
 */
struct visitor {
    struct http_request *request;
    struct architus *app;
    struct auth_check *checking;
    struct identity *identity;
    void (*begin)(struct visitor *visitor);   /* it may come in */
    void (*destroy)(struct visitor *visitor); /* frees the whole struct */
};

/* Checks the token, then begins, or answers. `visitor` is the caller's, with begin and destroy set. */
void visitor_receive(struct visitor *visitor, struct http_request *request, struct architus *app);
void visitor_fini(struct visitor *visitor);

/* The request, which the caller now answers; the rest is gone. */
struct http_request *visitor_leave(struct visitor *visitor);

struct slice visitor_realm(const struct visitor *visitor);

/* The guild in the path. False: it has been answered, with 400. */
bool visitor_guild(struct visitor *visitor, struct slice *guild_out);

/* The answer to anything but RESULT_OK. */
void visitor_fail(struct visitor *visitor, enum result result);
void visitor_refuse(struct visitor *visitor, int status, const char *error);
void visitor_accept(struct visitor *visitor); /* 204 */

#endif
