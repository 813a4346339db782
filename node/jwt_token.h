/* SPDX-License-Identifier: MIT */
#ifndef SB_JWT_TOKEN_H
#define SB_JWT_TOKEN_H

#include "jwt.h"

/*
 * A token's text (RFC 7515, compact form) taken apart, and what its claims say; for jwt*.c. Who has only
 * read it knows nothing yet: that it is true is jwt_verify()'s business.
 */
struct jwt_token {
    struct slice text;
    struct buf claims_text;         /* the object, as it stands in the token */
    struct json_t *header, *claims; /* jansson's */
};

/* False: it is none. Numbers in it beyond 64 bits, and names that stand twice, make it none, too: others
 * would read something else than we do. `text` is borrowed. */
bool jwt_token_read(struct jwt_token *token, struct slice text) MUST_CHECK;
void jwt_token_fini(struct jwt_token *token);

/* Of the header; NULL when there is none. A token that demands what we do not know (crit) has no
 * algorithm. */
const char *jwt_token_algorithm(const struct jwt_token *token);
const char *jwt_token_key_id(const struct jwt_token *token);

const char *jwt_token_issuer(const struct jwt_token *token); /* NULL: none */

/* Of a token that was verified: is it for us, and now? OK: `*jwt_out` is a reference. */
enum jwt_answer jwt_token_judge(const struct jwt_token *token, const struct config *config,
                                int64_t now_ms, struct jwt **jwt_out) MUST_CHECK;

#endif
