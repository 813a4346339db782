/* SPDX-License-Identifier: MIT */
#ifndef SB_EMBEDDED_H
#define SB_EMBEDDED_H

#include <stdbool.h>

#include "base/result.h"

/*
 * The private Redis of one machine: a redis-server that is our child, on a unix socket in the data
 * folder, with an append-only file. It ends with us, however we end. Needs no loop.
 *
 * One redis-server at a time serves a folder: it holds a lock on DATA/lock as long as it lives. Who
 * finds the lock taken attaches to the socket of the one that is there, and takes over when it ends.
 *
 * The file is synced every second: the death of redis-server loses nothing that it has written, the
 * death of the machine at most about the last second. Who cannot have that runs a Redis of their own
 * with `appendfsync always`, at two to three times the cost of a write.
 */
struct embedded;

/*
 * Attaches to the Redis that serves `data`, or starts one (the folder is made when it is missing).
 * Blocks until it answers, if only that it is loading; at most 10 s. NULL with `why` on failure.
 */
struct embedded *embedded_attach_or_start(const char *data, struct why *why);

/* unix:///…, for store_open(). Lives as long as `embedded`. */
const char *embedded_url(const struct embedded *embedded);

/* Is it our child, or somebody else's? */
bool embedded_is_ours(const struct embedded *embedded);

/* To be called a few times a second: starts it again (with back-off) when it has died, takes over when
 * somebody else's has. True when a redis-server was started just now. */
bool embedded_check(struct embedded *embedded);

/* Ends it if it is ours, and waits for that: a few seconds at most. Accepts NULL, leaves NULL. */
void embedded_close(struct embedded **embedded);

/* For a forked child of its owner: forgets it without ending it. */
void embedded_disown(struct embedded **embedded);

#endif
