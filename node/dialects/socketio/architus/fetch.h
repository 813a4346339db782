/* SPDX-License-Identifier: MIT */
#ifndef SB_ARCHITUS_FETCH_H
#define SB_ARCHITUS_FETCH_H

#include "architus_room.h"

/*
 * Entities that the pools lack: back ends are asked for them, and what they say is kept before anybody hears of
 * it. An id that is being asked for is not asked for again: whoever wants it waits along.
 */
struct fetch;

enum fetch_outcome {
    FETCH_UNSURE, /* neither found nor ruled out */
    FETCH_FOUND,
    FETCH_ABSENT,
};

struct fetch_id {
    UT_hash_handle hh; /* app->fetching */
    struct fetch *fetch;
    struct list waits;
    enum fetch_outcome outcome;
    struct slice json; /* FETCH_FOUND */
    struct slice id;   /* the end of its key */
    char *key;
};

struct fetch_wait {
    struct list node;
    struct slice id;
    void *ctx; /* the caller's */
    bool is_waiting;
    void (*on_fetched)(struct fetch_wait *wait, const struct fetch_id *id);
};

/* What they have in common. Borrowed. */
struct fetch_question {
    struct slice realm, guild;  /* guild: nothing for users */
    struct slice type;          /* as the client says it */
    const struct pool_id *pool; /* where it is kept; NULL: users */
    uint64_t changes;           /* of the pool, as seen before */
    struct slice user;          /* who asks */
};

/* Each of `waits` hears once of its `id` (set before; alive until then), never before this returns. */
void fetch_ids(struct architus *app, const struct fetch_question *question,
               struct fetch_wait *const *waits, size_t count,
               void (*on_fetched)(struct fetch_wait *wait, const struct fetch_id *id));
void fetch_leave(struct fetch_wait *wait); /* no-op when it waits for none */

/* 200, or what went wrong; then the context says what the back end said. */
int fetch_status(const struct fetch *fetch);
struct slice fetch_context(const struct fetch *fetch);

void fetches_end(struct architus *app); /* nobody waits any more */

#endif
