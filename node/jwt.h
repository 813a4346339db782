/* SPDX-License-Identifier: MIT */
#ifndef SB_JWT_H
#define SB_JWT_H

#include <uv.h>

#include "base/pack.h"
#include "config.h"
#include "store/store.h"

/*
 * JSON Web Tokens (RFC 7519): HS256 with --jwt-secret, RS256 and ES256 with the keys of a JWKS document
 * (RFC 7517) that --jwt-jwks-url names. Nothing is fetched for a token whose algorithm or issuer is not
 * allowed. Keys are cached by issuer and key id; an unknown key id makes the document be fetched anew,
 * at most every few seconds.
 */
struct jwts;

enum { JWT_TOKEN_MAX = 8192 }; /* bytes of a token; longer ones are malformed */

struct jwts *jwts_create(uv_loop_t *loop, struct store *store, const struct config *config);
void jwts_destroy(struct jwts **jwts);

/* Is any kind of token accepted at all? */
bool jwts_is_configured(const struct jwts *jwts);

/* What a token that was checked says. Counted references; immutable. */
struct jwt {
    uint32_t refs;
    struct slice claims; /* the JSON object as it stands in the token: numbers keep all digits */
    char *subject;       /* "sub", else "id", a number digit by digit; "": it has neither */
    int64_t expires_ms;  /* store_now_ms() time, "exp" or issued_at + expires_in; 0: never */
    unsigned char sha256[32]; /* of the whole token: to know it again */
};
struct jwt *jwt_ref(struct jwt *jwt);
void jwt_unref(struct jwt **jwt);

/* The same subject of the same issuer? */
bool jwt_is_same_holder(const struct jwt *a, const struct jwt *b);

/* From one node to another. NULL is packed, too: unpacking it gives NULL, as does what makes no sense, which
 * breaks `unpack`. */
void jwt_pack(const struct jwt *jwt, struct buf *out);
struct jwt *jwt_unpack(struct unpack *unpack);

enum jwt_answer {
    JWT_PENDING, /* keys are being fetched: done follows */
    JWT_OK,
    JWT_MALFORMED, /* no token at all */
    JWT_REFUSED,   /* signature, algorithm, issuer, audience or time ("nbf") are wrong */
    JWT_EXPIRED,
    JWT_UNKNOWN, /* the keys could not be fetched: try again later; never an accept */
    JWT_ANSWERS
};
/* "Token expired": for clients, without secrets. */
const char *jwt_answer_text(enum jwt_answer answer);

/* `jwt` is borrowed; NULL unless OK. */
typedef void jwt_done_fn(enum jwt_answer answer, struct jwt *jwt, void *ctx);
struct jwt_check;

/* The answer at once where it is known, with `*jwt_out` (a reference of the caller's) when it is JWT_OK; else
 * JWT_PENDING, and `done` follows. `*slot` must be NULL on entry and is non-NULL while it is pending. */
enum jwt_answer jwt_check(struct jwts *jwts, struct slice token, struct jwt **jwt_out,
                          jwt_done_fn *done, void *ctx, struct jwt_check **slot) MUST_CHECK;
void jwt_cancel(struct jwt_check **slot);

struct jwt_stats {
    uint64_t answers[JWT_ANSWERS];
    uint64_t fetches[2]; /* of JWKS documents: failed, good */
};
const struct jwt_stats *jwts_stats(const struct jwts *jwts);

/*
 * What its claims allow in a room: the claim that --jwt-rooms-claim names is an object of patterns, each with an
 * array of rights: {"job:*":["join"],"user:{sub}":["join","emit"]}. '*' is any run of characters, {sub} the
 * subject. No such claim: nothing.
 */
enum jwt_right { JWT_RIGHT_JOIN, JWT_RIGHT_EMIT };
bool jwt_allows(const struct jwt *jwt, const struct config *config, struct slice room,
                enum jwt_right right);

/* '*' stands for any run of bytes, also none. */
bool pattern_matches(struct slice pattern, struct slice text);

#endif
