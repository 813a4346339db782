/* SPDX-License-Identifier: MIT */
#ifndef SB_TOKEN_SECRET_H
#define SB_TOKEN_SECRET_H

#include <stdio.h>

#include "store/credentials.h"

/* Where the secret of a new credential comes from: made, or given. */

/* 1..512 printable ASCII characters without a blank at either end: what fits into any header. */
bool token_secret_is_valid(struct slice secret);

/* 256 random bits as base64 for URLs (RFC 4648, section 5) without padding. False when the system has
 * no random bytes. */
bool token_secret_make(char out[CREDENTIAL_SECRET_MAX + 1]) MUST_CHECK;

/* All that can be read, less one line end behind it. False when that is no valid secret. */
bool token_secret_read(FILE *from, char out[CREDENTIAL_SECRET_MAX + 1]) MUST_CHECK;

#endif
