/* SPDX-License-Identifier: MIT */
#ifndef SB_FLEET_REALM_H
#define SB_FLEET_REALM_H

#include "fleet_inner.h"

/* NULL: nobody has needed it on this node. */
struct fleet_realm *fleet_realm_find(struct fleet *fleet, struct slice name);

/* Agents of all realms are told to go, and leave. */
void fleet_realms_drain(struct fleet *fleet);

/* The last thing that is said: that this node has gone. */
void fleet_realms_close(struct fleet *fleet);

/* Renews this node's lease out of turn; who asks passes on what he hears. */
void fleet_realm_beat(struct fleet_realm *realm, fleet_beat_fn *done, void *ctx,
                      struct store_op **slot);
void fleet_realm_heard(struct fleet_realm *realm, const struct fleet_beat *beat);

/* Changes when Redis has lost what it had, or may have. 0: not known yet. */
uint64_t fleet_realm_epoch(const struct fleet_realm *realm);

/* The store may have instances that are said to be ours and have no agent: with the next beat they go. */
void fleet_realm_want_own(struct fleet_realm *realm);

/* ---- fleet_sweep ------------------------------------------------------------------------------------- */

/* Removes what dead nodes left, one instance after the other; and what is ours by mistake. */
struct fleet_sweep;

struct fleet_sweep *fleet_sweep_create(struct fleet_realm *realm);
void fleet_sweep_destroy(struct fleet_sweep **sweep);
void fleet_sweep_want_own(
    struct fleet_sweep *sweep); /* the next time, and until it has been done */

/* Unless it is at work. NULL: of the dead nothing is to be believed. */
void fleet_sweep_start(struct fleet_sweep *sweep, const struct fleet_beat *beat);

#endif
