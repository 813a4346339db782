/* SPDX-License-Identifier: MIT */
#ifndef SB_BRIDGE_TELL_H
#define SB_BRIDGE_TELL_H

#include "sio.h"

/*
 * What emitters have for servers (serverSideEmit) is for a back end here: the one that --hook names for the event,
 * as if a client had said it, but from nobody (docs/hooks.md). Told at most once; its answer says nothing.
 */
struct bridge_teller;

struct bridge_teller *bridge_teller_create(struct node *node);
void bridge_teller_configure(struct bridge_teller *teller);
void bridge_teller_destroy(struct bridge_teller **teller);

/* `items` is a JSON array that is not empty. False: it has no name for an event. Otherwise it is counted, as
 * EMITTER_IGNORED where no hook is for it. */
bool bridge_tell(struct bridge_teller *teller, struct slice nsp, struct slice items,
                 struct why *why);

#endif
