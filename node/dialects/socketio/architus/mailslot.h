/* SPDX-License-Identifier: MIT */
#ifndef SB_ARCHITUS_MAILSLOT_H
#define SB_ARCHITUS_MAILSLOT_H

#include "deadline.h"
#include "json.h"
#include "store/rpc.h"

/*
 * Takes letters (JSON objects) from a list in Redis while somebody waits for some. Redis says when its life
 * is set; because a worker may forget to set it, the slot is also looked into every `look_ms`.
 */
struct mailslot;

typedef void mailslot_fn(struct json letter, void *ctx);
struct mailslot *mailslot_create(struct store *store, struct deadlines *deadlines,
                                 const struct key *list, uint32_t look_ms, mailslot_fn *on_letter,
                                 void *ctx);
void mailslot_destroy(struct mailslot **mailslot);

/* One more waits for a letter; one less. */
void mailslot_enter(struct mailslot *mailslot);
void mailslot_leave(struct mailslot *mailslot);

#endif
