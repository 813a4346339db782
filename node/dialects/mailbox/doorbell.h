/* SPDX-License-Identifier: MIT */
#ifndef SB_MAILBOX_DOORBELL_H
#define SB_MAILBOX_DOORBELL_H

#include "base/list.h"
#include "mailbox_room.h"
#include "store/jobs.h"

/*
 * Tells held polls that there may be something in a mailbox: one subscription to the mailbox's topic
 * for all polls of this node that are held for the job. It rings once too often rather than once too
 * seldom: when the subscription comes into force, and again after every doubt.
 */
struct doorbell_wait;
typedef void doorbell_fn(struct doorbell_wait *wait);

/* Lives in the poll; zero-initialise it. `on_ring` may neither begin nor end a wait. */
struct doorbell_wait {
    struct list node;
    struct doorbell *doorbell; /* NULL: it does not wait */
    struct mailbox *mailbox;
    doorbell_fn *on_ring;
};

/* `on_ring` never runs before this returns. True: what arrived before this may have rung already, so
 * the mailbox must be looked into; false: it will ring once the subscription is in force. */
bool doorbell_listen(struct mailbox *mailbox, const struct job_id *id, struct doorbell_wait *wait,
                     doorbell_fn *on_ring) MUST_CHECK;
void doorbell_leave(struct doorbell_wait *wait); /* no-op when it does not wait */

#endif
