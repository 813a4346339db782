/* SPDX-License-Identifier: MIT */
#ifndef SB_MAILBOX_ROSTER_H
#define SB_MAILBOX_ROSTER_H

#include "base/buf.h"
#include "mailbox_room.h"

/* The ids of all jobs that a universe may have, each once, in order. Whether they live, their
 * heartbeats know. */
struct roster {
    struct slice *jobs;
    size_t count;

    /* the roster's own */
    struct store *store;
    struct store_op *listing;
    struct slice realm, universe;
    void (*done)(struct roster *roster, enum result result);
    struct buf text;
};

/* Lives in the object that waits; zero-initialise it. Realm and universe are borrowed until the end.
 * `done` runs once, never before this returns; without OK there are no jobs. */
void roster_read(struct roster *roster, struct store *store, struct slice realm,
                 struct slice universe, void (*done)(struct roster *roster, enum result result));

/* Stops what is under way and releases the memory. */
void roster_fini(struct roster *roster);

#endif
