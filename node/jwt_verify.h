/* SPDX-License-Identifier: MIT */
#ifndef SB_JWT_VERIFY_H
#define SB_JWT_VERIFY_H

#include "base/buf.h"

/* Was this token (at most JWT_TOKEN_MAX bytes) signed with `algorithm` ("HS256") and this key: a secret's bytes,
 * or a public key's PEM? A token that itself names another algorithm was not. */
bool jwt_verify(struct slice text, const char *algorithm, struct slice key) MUST_CHECK;

#endif
