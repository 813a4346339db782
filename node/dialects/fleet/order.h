/* SPDX-License-Identifier: MIT */
#ifndef SB_ORDER_H
#define SB_ORDER_H

#include "fleet_inner.h"
#include "order_wire.h"

/*
 * The way of a command, for order*.c and those who remove instances.
 *
 *     order         at the node that was asked for it: its place, its outcome
 *     order_carry   at the node that has the agent
 *     order_lost    what another node removed with the instance
 *     order_wire    what the two say to each other
 */
void orders_open(struct fleet *fleet);
void orders_close(struct fleet *fleet); /* all agents have gone; who waits is not told */

/* ---- order_carry ------------------------------------------------------------------------------------ */

/* Somebody who waits for an agent of this node: an order of ours, or another node. */
struct carried;
typedef void carried_fn(enum agent_end end, void *ctx);

/* NULL: the agent is not here. Else `done` once, never before this returns, unless it is dropped. */
struct carried *carry(struct fleet *fleet, const struct order_text *text, carried_fn *done,
                      void *ctx);
void carried_drop(struct carried **carried);

/* Another node asks: call_asked_fn with the fleet. */
void order_on_asked(struct call_asked *asked, struct slice text, void *fleet);

/* ---- order_lost -------------------------------------------------------------------------------------- */

/* An instance was removed while this command was under way to it: its requester need not wait. */
void order_tell_lost(struct fleet_realm *realm, struct slice requester, uint64_t command);
void order_on_lost(struct slice text, void *fleet); /* inbox_fn */

/* ---- order ------------------------------------------------------------------------------------------- */

void order_lost(struct fleet *fleet, struct slice realm, uint64_t command);

#endif
