/* SPDX-License-Identifier: MIT */
#ifndef SB_STORE_RESUMES_H
#define SB_STORE_RESUMES_H

#include "store/key.h"
#include "store/store.h"

/*
 * What a client that broke off needs to go on where it was, kept under a secret that only it knows. Written
 * ahead, so that it is there whatever happens to the node; read as often as the client tries.
 *
 *     sb:{resume:<realm>:<secret>}:state  hash  holder, state: bytes of the caller's
 *
 * It has one holder: the connection that the client was on last. Who held it before changes nothing any more,
 * however late it is.
 */
struct resume_id {
    struct slice realm, secret;
    struct slice holder; /* 1..128 bytes, unique to a connection */
};

/* Writes it (again); it lives for `ttl_ms`. CONFLICT: somebody else holds it. Safe to repeat. (lua/resume_hold.lua) */
void resume_save(struct store *store, const struct resume_id *id, struct slice state,
                 uint32_t ttl_ms, store_done_fn *done, void *ctx, struct store_op **slot);

/* It lives for `ttl_ms` from now. NOT_FOUND: it is gone. CONFLICT: as above. Safe to repeat. */
void resume_keep(struct store *store, const struct resume_id *id, uint32_t ttl_ms,
                 store_done_fn *done, void *ctx, struct store_op **slot);

/* Nobody will come back: OK, NOT_FOUND. CONFLICT: somebody has, and holds it. Safe to repeat. */
void resume_forget(struct store *store, const struct resume_id *id, store_done_fn *done, void *ctx,
                   struct store_op **slot);

/* NOT_FOUND: there is none (any more). */
typedef void resume_fn(enum result result, struct slice state, void *ctx);
void resume_load(struct store *store, struct slice realm, struct slice secret, resume_fn *done,
                 void *ctx, struct store_op **slot);

/* The client is on this connection now. NOT_FOUND: it was forgotten. Safe to repeat. (lua/resume_take.lua) */
void resume_take(struct store *store, const struct resume_id *id, store_done_fn *done, void *ctx,
                 struct store_op **slot);

#endif
