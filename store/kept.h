/* SPDX-License-Identifier: MIT */
#ifndef SB_STORE_KEPT_H
#define SB_STORE_KEPT_H

#include "store/key.h"
#include "store/store.h"

/*
 * Texts that are kept for a while, one key each.
 *
 *     sb:{user:<realm>:<id>}:v    a user's entity; empty: there is no such user
 *     sb:{ug:<realm>:<user>}:v    the guilds of a user, as its client gets them: a JSON array
 *     sb:{nonce:<realm>:<n>}:v    a token that waits to be fetched, once
 */
enum kept_kind { KEPT_USER, KEPT_NO_USER, KEPT_GUILDS, KEPT_NONCE, KEPT_KINDS };

/* Safe to repeat. The id is a valid identifier. */
void kept_put(struct store *store, enum kept_kind kind, struct slice realm, struct slice id,
              struct slice text, store_done_fn *done, void *ctx, struct store_op **slot);

/* NOT_FOUND: there is none, or its time is over. */
typedef void kept_fn(enum result result, struct slice text, void *ctx);
void kept_get(struct store *store, enum kept_kind kind, struct slice realm, struct slice id,
              kept_fn *done, void *ctx, struct store_op **slot);

/* The same, and it is gone: of several who take one, one has it. Not safe to repeat. */
void kept_take(struct store *store, enum kept_kind kind, struct slice realm, struct slice id,
               kept_fn *done, void *ctx, struct store_op **slot);

#endif
