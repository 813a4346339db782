/* SPDX-License-Identifier: MIT */
#ifndef SB_JWT_KEYS_H
#define SB_JWT_KEYS_H

#include <uv.h>

#include "base/list.h"
#include "config.h"

/*
 * Public keys by issuer and key id, from the JWKS document that --jwt-jwks-url names. One document for each
 * issuer is kept, for --jwks-cache; after that, or when it lacks a key, it is fetched anew, at most every
 * JWT_KEYS_RETRY_MS. Whoever needs a document that is on its way waits for it with the others. Keys of an old
 * document are good until another one could be fetched.
 */
enum { JWT_KEYS_RETRY_MS = 5000, JWT_KEYS_WAITING_MAX = 4096, JWT_KEYS_BYTES_MAX = 1024 * 1024 };

struct jwt_keys;

/* Fetches are counted in `fetches`: failed, good. */
struct jwt_keys *jwt_keys_create(uv_loop_t *loop, const struct config *config, uint64_t *fetches);
void jwt_keys_destroy(struct jwt_keys **keys); /* nobody waits any more: asserted */

/* Lives in the object that waits; zero-initialise it. */
struct jwt_keys_wait {
    struct list node;
    void (*on_fetched)(struct jwt_keys_wait *wait);
    struct jwt_keyring *ring; /* NULL: it does not wait */
};

enum jwt_keys_answer {
    JWT_KEY_FOUND,
    JWT_KEY_ABSENT,   /* the document has no such key                                  */
    JWT_KEY_UNKNOWN,  /* there is no document that could say so                        */
    JWT_KEY_FETCHING, /* on_fetched follows, once: ask again then, by the same wait    */
};

struct jwt_keys_question {
    const char *issuer, *algorithm;
    const char *key_id; /* NULL: the only key for that algorithm */
};

/* FOUND: `*pem_out` is valid until this returns to the loop. The second question by the same wait is
 * answered by what there is. */
enum jwt_keys_answer jwt_keys_find(struct jwt_keys *keys, const struct jwt_keys_question *question,
                                   struct jwt_keys_wait *wait, struct slice *pem_out) MUST_CHECK;
void jwt_keys_cancel(struct jwt_keys_wait *wait); /* no-op when it does not wait */

#endif
