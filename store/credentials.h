/* SPDX-License-Identifier: MIT */
#ifndef SB_STORE_CREDENTIALS_H
#define SB_STORE_CREDENTIALS_H

#include "store/key.h"
#include "store/store.h"

/*
 * Secrets that Redis knows, as SHA-256 only.
 *
 *     sb:{cred:<kind>:<sha256 in hex>}:record   string, JSON; its own expiry is the credential's
 */
enum credential_kind {
    CREDENTIAL_UNIVERSE, /* subject: the universe id */
    CREDENTIAL_RELAY,    /* subject: a name */
    CREDENTIAL_PLAYER,   /* subject: the player id */
    CREDENTIAL_SERVER,   /* subject: a name; may be bound to one universe */
    CREDENTIAL_AGENT,
    CREDENTIAL_ADMIN,
    CREDENTIAL_KINDS
};

const char *credential_kind_name(enum credential_kind kind);
bool credential_kind_parse(struct slice name, enum credential_kind *kind_out);

enum { CREDENTIAL_DIGEST_SIZE = 32, CREDENTIAL_SECRET_MAX = 512, CREDENTIAL_FINGERPRINT_SIZE = 9 };

struct credential_digest {
    uint8_t bytes[CREDENTIAL_DIGEST_SIZE];
};
void credential_digest(struct slice secret, struct credential_digest *digest_out);

/* The first 8 hex digits of the digest: what logs and lists show of a secret. */
void credential_fingerprint(const struct credential_digest *digest,
                            char out[CREDENTIAL_FINGERPRINT_SIZE]);

struct credential {
    enum credential_kind kind;
    struct credential_digest digest;
    struct slice subject, realm;
    struct slice universe; /* server tokens that are bound to one; else data is NULL */
    int64_t expires_ms;    /* store_now_ms() time; 0: never */
};

/* The key whose keyspace topic tells of the credential's end ("del", "expired") or change ("set"). */
void credential_key(enum credential_kind kind, const struct credential_digest *digest,
                    struct key *key);

/* Safe to repeat. CONFLICT: the same secret exists for another subject or realm. */
void credential_add(struct store *store, const struct credential *credential, store_done_fn *done,
                    void *ctx, struct store_op **slot);

struct credential_found {
    const struct credential *credential; /* OK */
    bool is_subject_known; /* NOT_FOUND: has `subject` any valid credential of this kind? */
};
typedef void credential_found_fn(enum result result, const struct credential_found *found,
                                 void *ctx);

/* Looks a secret up. `subject` (universes: the id that came with the key) may be nothing; when it is
 * given, a credential of another subject is NOT_FOUND. */
void credential_find(struct store *store, enum credential_kind kind,
                     const struct credential_digest *digest, struct slice subject,
                     credential_found_fn *done, void *ctx, struct store_op **slot);

typedef void credential_list_fn(enum result result, const struct credential *credentials,
                                size_t count, void *ctx);
/* All of a kind, ordered by subject. */
void credential_list(struct store *store, enum credential_kind kind, credential_list_fn *done,
                     void *ctx, struct store_op **slot);

typedef void credential_revoked_fn(enum result result, size_t revoked, void *ctx);
/* All of a subject in a realm, or the one with that fingerprint (NULL: all). NOT_FOUND: none. */
void credential_revoke(struct store *store, enum credential_kind kind, struct slice subject,
                       struct slice realm, const char *fingerprint, credential_revoked_fn *done,
                       void *ctx, struct store_op **slot);

#endif
