/* SPDX-License-Identifier: MIT */
#ifndef SB_PUSH_PLACE_H
#define SB_PUSH_PLACE_H

#include "push_room.h"

/*
 * A place among a player's connections, of which there are --max-conns over all nodes. It may outlast
 * its connection: what was asked for is given back, and that is asked for until the store has said so.
 */
struct place;

/* OK: it is there. REFUSED: there is none. UNAVAILABLE, UNCERTAIN: nobody knows. Without OK the place
 * is gone. */
typedef void place_fn(enum result result, void *ctx);

/* `done` runs once, never before this returns; not after place_give(). */
struct place *place_take(struct push *push, struct identity *identity, place_fn *done, void *ctx);

/* At any time. Accepts NULL, leaves NULL. */
void place_give(struct place **place);

/* The end of the dialect: those that are still being given back are forgotten; the node's death does
 * the rest. */
void places_forget(struct push *push);

#endif
