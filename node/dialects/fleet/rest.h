/* SPDX-License-Identifier: MIT */
#ifndef SB_FLEET_REST_H
#define SB_FLEET_REST_H

#include "fleet_inner.h"

/*
 * /v1: what back ends and dashboards see of a fleet, and what they ask of it. On every node, whatever node has the
 * agents. docs/fleet.md has routes and documents.
 */
struct rest;

struct rest *rest_open(struct fleet *fleet); /* adds the routes */
void rest_configure(struct rest *rest);      /* bounds of the log of events */
void rest_drain(struct rest *rest);          /* streams end: before any agent goes */
/* The log of a realm's events has gone: its streams end, so that their readers begin anew. */
void rest_end_streams(struct rest *rest, const struct fleet_realm *realm);
void rest_close(struct rest **rest); /* all requests are over */

#endif
