/* SPDX-License-Identifier: MIT */
#ifndef SB_AUTH_SOURCE_H
#define SB_AUTH_SOURCE_H

#include "store/credentials.h"

/*
 * What the SQL table and the HTTP hook have in common, as auth sees them: a question, one of four
 * answers, and a call that may be dropped meanwhile.
 */
enum source_answer {
    SOURCE_ACCEPTS,
    SOURCE_REFUSES,   /* it knows that the secret is wrong, or no longer valid    */
    SOURCE_KNOWS_NOT, /* it has never heard of it: the next source is asked       */
    SOURCE_SILENT,    /* out of reach, too slow, or makes no sense                */
};

struct source_question {
    enum credential_kind kind;
    struct slice secret;  /* copied                           */
    struct slice subject; /* universes; else nothing. Copied  */
};

/* Whom a source accepts: borrowed. */
struct source_subject {
    struct slice subject;
    int64_t expires_ms; /* 0: never */
};

/* `subject` is NULL unless the source accepts. */
typedef void source_answered_fn(enum source_answer answer, const struct source_subject *subject,
                                void *ctx);

/*
 * A question on its way. Sources embed it in what they keep per question. `answered` runs once,
 * perhaps before the asking returns, and not after source_drop(); `*slot` is non-NULL until then.
 */
struct source_call {
    source_answered_fn *answered;
    void *ctx;
    struct source_call **slot;
};

static inline void source_call_init(struct source_call *call, source_answered_fn *answered,
                                    void *ctx, struct source_call **slot)
{
    *call = (struct source_call){ answered, ctx, slot };
    *slot = call;
}

static inline void source_answer(struct source_call *call, enum source_answer answer,
                                 const struct source_subject *subject)
{
    if (call->slot == NULL)
        return;
    *call->slot = NULL;
    call->slot = NULL;
    call->answered(answer, subject, call->ctx);
}

/* The source ends: the question is not answered. */
static inline void source_forget(struct source_call *call)
{
    if (call->slot != NULL)
        *call->slot = NULL;
    call->slot = NULL;
}

/* The question may still be answered, but nobody will hear it. No-op when nothing is asked. */
static inline void source_drop(struct source_call **slot)
{
    if (*slot == NULL)
        return;
    (*slot)->slot = NULL;
    *slot = NULL;
}

#endif
