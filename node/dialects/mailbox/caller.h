/* SPDX-License-Identifier: MIT */
#ifndef SB_MAILBOX_CALLER_H
#define SB_MAILBOX_CALLER_H

#include "http_refusal.h"
#include "mailbox_room.h"

/* Who asks: a back end with a server token, or a universe with its own key. */

/* The credentials of whoever enqueues or looks: a bearer token, else those of a universe. False: there
 * are none. Borrowed from the request. */
bool caller_read(const struct http_request *request, struct auth_request *ask_out);

/* Starts the check as auth_check() does; a universe id that cannot be one is refused at once. */
struct auth_outcome caller_check(struct mailbox *mailbox, const struct auth_request *ask,
                                 auth_fn *done, void *ctx, struct auth_check **slot) MUST_CHECK;

/* The only universe that this caller may reach. Nothing: any. */
struct slice caller_universe(const struct identity *identity);
bool caller_may_reach(const struct identity *identity, struct slice universe);

#define OTHER_UNIVERSE "Job belongs to another universe."

#endif
