/* SPDX-License-Identifier: MIT */
#ifndef SB_JWT_JWK_H
#define SB_JWT_JWK_H

#include "base/buf.h"

/* A JWKS document (RFC 7517): the public keys in it that sign tokens as we take them. */
struct jwk {
    char *id;              /* NULL: it has none */
    const char *algorithm; /* "RS256", "ES256" */
    char *pem;
};

enum { JWK_KEYS_MAX = 100 };

struct jwks {
    struct jwk keys[JWK_KEYS_MAX];
    size_t count;
};

/* Other keys (for encryption, of other kinds, too short, broken) are left out. False with `why` when it is no
 * such document, or holds more keys than JWK_KEYS_MAX. */
bool jwks_parse(struct jwks *jwks, struct slice document, struct why *why) MUST_CHECK;
void jwks_clear(struct jwks *jwks);

#endif
