/* SPDX-License-Identifier: MIT */
#ifndef SB_STORE_RESUMES_H
#define SB_STORE_RESUMES_H

#include "store/key.h"
#include "store/store.h"

/*
 * What a client that broke off needs to go on where it was, kept under a secret that only it knows. Written
 * ahead, so that it is there whatever happens to the node; read as often as the client tries.
 *
 *     sb:{resume:<realm>:<secret>}:s  string  bytes of the caller's
 */

/* Writes it (again); it lives for `ttl_ms`. Safe to repeat. */
void resume_save(struct store *store, struct slice realm, struct slice secret, struct slice state,
                 uint32_t ttl_ms, store_done_fn *done, void *ctx, struct store_op **slot);

/* It lives for `ttl_ms` from now. NOT_FOUND: it is gone. Safe to repeat. */
void resume_keep(struct store *store, struct slice realm, struct slice secret, uint32_t ttl_ms,
                 store_done_fn *done, void *ctx, struct store_op **slot);

/* NOT_FOUND: there is none (any more). */
typedef void resume_fn(enum result result, struct slice state, void *ctx);
void resume_load(struct store *store, struct slice realm, struct slice secret, resume_fn *done,
                 void *ctx, struct store_op **slot);

/* Nobody will come back. Safe to repeat. */
void resume_forget(struct store *store, struct slice realm, struct slice secret,
                   store_done_fn *done, void *ctx, struct store_op **slot);

#endif
