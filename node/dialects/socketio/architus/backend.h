/* SPDX-License-Identifier: MIT */
#ifndef SB_ARCHITUS_BACKEND_H
#define SB_ARCHITUS_BACKEND_H

#include "base/buf.h"
#include "deadline.h"
#include "json.h"
#include "node.h"

/*
 * Questions to the bot's shards: {"method","args","kwargs"} → {"sc","resp"}, over HTTP (--architus-hook) or, without
 * it, on lists in Redis that workers take them from. At most BACKEND_CALLS_MAX run for a shard.
 */
struct backend;
struct backend_call;

enum { BACKEND_CALLS_MAX = 64, BACKEND_TIMEOUT_MS = 5000, BACKEND_ANY_SHARD = -1 };

/* `realm` is a constant. */
struct backend *backend_create(struct node *node, struct deadlines *deadlines, struct slice realm);
void backend_destroy(struct backend **backend); /* nothing is pending any more: asserted */

struct backend_question {
    const char *method;
    struct slice guild;  /* nothing when it is about none */
    int64_t shard;       /* BACKEND_ANY_SHARD: the guild's, or any */
    struct slice args;   /* JSON, what stands between the brackets */
    struct slice kwargs; /* JSON, an object; nothing: {} */
};

/*
 * `status` is the back end's (200 for good); 502 when it makes no sense, 503 when it could not be asked, 504 when it
 * did not answer in time. `resp` is JSON, nothing when there is none. `done` runs once, never before this
 * returns. `*slot` must be NULL on entry and is non-NULL while it is pending.
 */
typedef void backend_done_fn(int status, struct json resp, void *ctx);
void backend_ask(struct backend *backend, const struct backend_question *question,
                 backend_done_fn *done, void *ctx, struct backend_call **slot);
void backend_cancel(struct backend_call **slot);

#endif
