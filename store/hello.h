/* SPDX-License-Identifier: MIT */
#ifndef SB_STORE_HELLO_H
#define SB_STORE_HELLO_H

#include <hiredis/hiredis.h>

#include "base/buf.h"

/*
 * What is said on a fresh link before it is used: steps from a table, each asking nothing, one
 * thing or several and waiting for all answers before the next begins.
 */
struct store;

struct hello_step {
    const char *name;
    /* Writes its commands and returns how many answers there will be; 0 skips it. */
    size_t (*say)(struct store *store, struct buf *out);
    /* One answer (it may be an error); `index` counts them from 0. False with `why`: unusable. */
    bool (*hear)(struct store *store, const redisReply *reply, size_t index, struct why *why);
};

struct hello {
    const struct hello_step *steps; /* the last one has no name */
    size_t at, heard, expected;
};

enum hello_state { HELLO_GOES_ON, HELLO_DONE, HELLO_FAILED };

enum hello_state hello_start(struct hello *hello, const struct hello_step *steps,
                             struct store *store, struct buf *out);
enum hello_state hello_hear(struct hello *hello, struct store *store, struct buf *out,
                            const redisReply *reply, struct why *why);

extern const struct hello_step hello_commands[]; /* the command link's      */
extern const struct hello_step hello_topics[];   /* the subscription link's */

#endif
