/* SPDX-License-Identifier: MIT */
#ifndef SB_BASE_RESULT_H
#define SB_BASE_RESULT_H

#include <stdbool.h>

/*
 * How an operation ended. One type for the whole program; each dialect maps it to its own
 * answers in one function.
 */
enum result {
    RESULT_OK,
    RESULT_INVALID,     /* the request makes no sense; nothing was sent                  */
    RESULT_REFUSED,     /* understood, but not allowed; nothing was written              */
    RESULT_NOT_FOUND,   /* there is no such thing                                        */
    RESULT_CONFLICT,    /* somebody else has it; nothing was written                     */
    RESULT_UNAVAILABLE, /* it was never sent: trying again is safe                       */
    RESULT_UNCERTAIN,   /* sent, no answer: it may have happened. Never call this a
                           failure; repeat only what is safe to repeat                   */
};

#define MUST_CHECK               __attribute__((warn_unused_result))
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))

/* A constant lower-case name ("unavailable"), for logs and metrics. */
const char *result_name(enum result result);

enum { RESULT_COUNT = RESULT_UNCERTAIN + 1 };

/* What is wrong and where, in words for the person who must mend it. Zero-initialise it. */
struct why {
    char text[512];
};

/* Sets the text (cut when too long). `why` may be NULL. Returns false, so that a check can
 * end with `return why_set(why, …)`. */
bool why_set(struct why *why, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
