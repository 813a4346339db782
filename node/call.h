/* SPDX-License-Identifier: MIT */
#ifndef SB_CALL_H
#define SB_CALL_H

#include "inbox.h"

/*
 * Questions from node to node, and their answers, by the inboxes. A call is answered once, by the node
 * that was asked or, when that node is dead, by us: RESULT_NOT_FOUND within about two seconds of its death
 * (nobody listens to its inbox). Calls to one node arrive in order.
 */
struct calls;
struct call;       /* a question of ours that has no answer yet */
struct call_asked; /* a question of another node's */

struct calls *calls_create(uv_loop_t *loop, struct store *store, struct inbox *inbox,
                           const char *node_id);

/* What is still open is dropped without a word; to others we are dead. The inbox goes right after. */
void calls_destroy(struct calls **calls);

/* OK: `answer` is what it said. NOT_FOUND: the node is dead. UNAVAILABLE, UNCERTAIN: Redis could not be
 * reached; INVALID: it does not know the topic. */
typedef void call_done_fn(enum result result, struct slice answer, void *ctx);

enum { CALL_TEXT_MAX = 8 * 1024 * 1024 };

/* `done` runs exactly once, never before this returns, unless it is cancelled. `*slot` must be NULL on entry
 * and is non-NULL while there is no answer. There is no time limit: the one who asks sets his own. */
void call_start(struct calls *calls, struct slice node_id, const char *topic, struct slice text,
                call_done_fn *done, void *ctx, struct call **slot);

/* The other side hears of it (call_gone_fn). No-op when nothing is pending. */
void call_cancel(struct call **slot);

/* ---- being asked ------------------------------------------------------------------------------- */

/* `text` is borrowed. Answer with call_answer(), at once or later. */
typedef void call_asked_fn(struct call_asked *asked, struct slice text, void *ctx);
void call_handle(struct calls *calls, const char *topic, call_asked_fn *on_asked, void *ctx);

/* Whoever does not answer at once says what to do when the question is taken back, or its node dies (noticed
 * within about two seconds): do not answer then. */
typedef void call_gone_fn(void *ctx);
void call_wait(struct call_asked *asked, call_gone_fn *on_gone, void *ctx);

void call_answer(struct call_asked *asked,
                 struct slice answer);                   /* the pointer is dead afterwards */
struct slice call_asker(const struct call_asked *asked); /* the node that asked */

struct call_stats {
    uint64_t started, answered[RESULT_COUNT], asked, pending, held; /* pending, held: now */
};
const struct call_stats *calls_stats(const struct calls *calls);

#endif
