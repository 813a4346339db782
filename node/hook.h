/* SPDX-License-Identifier: MIT */
#ifndef SB_HOOK_H
#define SB_HOOK_H

#include <uv.h>

#include "base/buf.h"
#include "base/result.h"

/*
 * Calls to back ends over HTTP: POST with a JSON body, on connections that are kept. At most
 * --hook-concurrency run at a time for one URL, --hook-queue wait in line. Each carries
 *
 *     X-Signalbox-Delivery: <id>             the same for all attempts: the back end can tell a repetition
 *     X-Signalbox-Signature: sha256=<hex>    HMAC-SHA-256 of the body with --hook-secret, when there is one
 *
 * A call is repeated (--hook-retries, with back-off) when nothing of it was sent, or when the caller says
 * that it is safe to repeat. http and https alone; redirects are not followed.
 */
struct hooks;
struct hook_call;
struct config;

struct hooks *hooks_create(uv_loop_t *loop, const struct config *config);
void hooks_destroy(struct hooks **hooks); /* nothing is pending any more: asserted */

struct hook_request {
    const char *url;
    struct slice body;     /* copied */
    struct slice delivery; /* an id; nothing: one is made */
    uint32_t timeout_ms;   /* for all attempts together; 0: --hook-timeout */
    bool is_repeatable;    /* after a connection that broke, or 502, 503, 504 */
};

/* A name for a delivery, where the body says it too. */
enum { HOOK_ID_LEN = 32 };
void hook_make_id(char out[HOOK_ID_LEN + 1]);

/* OK: the back end answered with this status, whatever it is. UNAVAILABLE: nothing was sent. UNCERTAIN: it was
 * sent, and no answer came (in time). REFUSED: too many wait already, or too many bytes. */
struct hook_answer {
    int status;
    struct slice body; /* at most HOOK_ANSWER_MAX bytes: more is UNCERTAIN */
};
enum { HOOK_ANSWER_MAX = 8 * 1024 * 1024, HOOK_WAITING_BYTES_MAX = 64 * 1024 * 1024 };

/* `answer` is NULL unless OK. */
typedef void hook_done_fn(enum result result, const struct hook_answer *answer, void *ctx);

/* `done` runs once, never before this returns. `*slot` must be NULL on entry and is non-NULL while it is
 * pending. */
void hook_call(struct hooks *hooks, const struct hook_request *request, hook_done_fn *done,
               void *ctx, struct hook_call **slot);
void hook_cancel(struct hook_call **slot);

struct hook_stats {
    uint64_t calls, retries, refused, running, waiting; /* running, waiting: now */
    uint64_t answers[6];                                /* by first digit; 0: none came */
};
const struct hook_stats *hooks_stats(const struct hooks *hooks);

#endif
