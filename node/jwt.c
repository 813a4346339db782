/* SPDX-License-Identifier: MIT */
/*
 * The algorithm decides which key a token may have been signed with: HS256 the secret, RS256 and ES256 a
 * key of the issuer's document, and nothing else. Until algorithm and issuer have been found to be allowed, a
 * token causes no fetch. A check that waited for a document is judged anew from the start, by what is known
 * then.
 */
#include "jwt.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "json.h"
#include "jwt_inner.h"
#include "jwt_keys.h"
#include "jwt_token.h"
#include "jwt_verify.h"

struct jwts {
    struct store *store;
    const struct config *config;
    struct jwt_keys *keys;
    struct jwt_stats stats;
};

struct jwt_check {
    struct jwt_keys_wait wait;
    struct jwts *jwts;
    jwt_done_fn *done;
    void *ctx;
    struct jwt_check **slot;
    size_t len;
    char text[];
};

/* ---- what a token says ------------------------------------------------------------------------ */

/* One block: the struct, the claims, the subject. */
struct jwt *jwt_create(struct slice claims, struct slice subject, int64_t expires_ms,
                       const unsigned char sha256[32])
{
    struct jwt *jwt = xcalloc(1, sizeof *jwt + claims.len + subject.len + 2);
    char *text = (char *)(jwt + 1);

    memcpy(text, claims.data, claims.len);
    jwt->refs = 1;
    jwt->claims = (struct slice){ text, claims.len };
    jwt->subject = text + claims.len + 1;
    memcpy(jwt->subject, subject.data, subject.len);
    jwt->expires_ms = expires_ms;
    memcpy(jwt->sha256, sha256, sizeof jwt->sha256);
    return jwt;
}

struct jwt *jwt_ref(struct jwt *jwt)
{
    jwt->refs++;
    return jwt;
}

void jwt_unref(struct jwt **jwt)
{
    struct jwt *mine = *jwt;

    *jwt = NULL;
    if (mine != NULL && --mine->refs == 0)
        free(mine);
}

/* Nothing where there is none. */
static void read_issuer(const struct jwt *jwt, struct buf *out)
{
    struct json_member issuer = { .name = "iss" };
    struct json claims;

    buf_init(out, JWT_TOKEN_MAX);
    if (json_parse(jwt->claims, &claims) && json_members(claims, &issuer, 1))
        json_text(issuer.value, out);
}

bool jwt_is_same_holder(const struct jwt *a, const struct jwt *b)
{
    struct buf first, second;
    bool is_same;

    read_issuer(a, &first);
    read_issuer(b, &second);
    is_same =
        strcmp(a->subject, b->subject) == 0 && slice_equals(buf_slice(&first), buf_slice(&second));
    buf_fini(&first);
    buf_fini(&second);
    return is_same;
}

void jwt_pack(const struct jwt *jwt, struct buf *out)
{
    pack_number(out, jwt != NULL);
    if (jwt == NULL)
        return;
    pack_slice(out, jwt->claims);
    pack_slice(out, slice_of(jwt->subject));
    pack_number(out, (uint64_t)jwt->expires_ms);
    pack_slice(out, (struct slice){ (const char *)jwt->sha256, sizeof jwt->sha256 });
}

struct jwt *jwt_unpack(struct unpack *unpack)
{
    struct slice claims, subject, sha256;
    struct json object;
    int64_t expires_ms;

    if (unpack_number_max(unpack, 1) == 0)
        return NULL;
    claims = unpack_slice(unpack);
    subject = unpack_slice(unpack);
    expires_ms = (int64_t)unpack_number_max(unpack, INT64_MAX);
    sha256 = unpack_slice(unpack);
    if (!unpack->is_broken && sha256.len == sizeof((struct jwt *)NULL)->sha256 &&
        json_parse(claims, &object) && object.type == JSON_OBJECT)
        return jwt_create(claims, subject, expires_ms, (const unsigned char *)sha256.data);
    unpack->is_broken = true;
    return NULL;
}

const char *jwt_answer_text(enum jwt_answer answer)
{
    static const char *const texts[JWT_ANSWERS] = {
        [JWT_PENDING] = "Token is being checked", [JWT_OK] = "Token accepted",
        [JWT_MALFORMED] = "Token malformed",      [JWT_REFUSED] = "Token refused",
        [JWT_EXPIRED] = "Token expired",          [JWT_UNKNOWN] = "Token cannot be checked now",
    };

    return texts[answer];
}

/* ---- judging ---------------------------------------------------------------------------------- */

/* Does it say that it comes from an issuer that is accepted? */
static bool has_good_issuer(const struct config *config, const char *issuer)
{
    const struct strings *accepted = &config->jwt_issuer;

    for (size_t i = 0; i < accepted->count; i++)
        if (issuer != NULL && strcmp(accepted->items[i], issuer) == 0)
            return true;
    return accepted->count == 0;
}

static enum jwt_keys_answer find_key(struct jwts *jwts, const struct jwt_token *token,
                                     struct jwt_keys_wait *wait, struct slice *key_out)
{
    const char *algorithm = jwt_token_algorithm(token), *issuer = jwt_token_issuer(token);
    const struct config *config = jwts->config;

    if (algorithm == NULL || !has_good_issuer(config, issuer))
        return JWT_KEY_ABSENT;
    if (strcmp(algorithm, "HS256") == 0) {
        *key_out = slice_of(config->jwt_secret);
        return config->jwt_secret != NULL ? JWT_KEY_FOUND : JWT_KEY_ABSENT;
    }
    if (config->jwt_jwks_url == NULL || config->jwt_issuer.count == 0 ||
        (strcmp(algorithm, "RS256") != 0 && strcmp(algorithm, "ES256") != 0))
        return JWT_KEY_ABSENT;
    return jwt_keys_find(jwts->keys,
                         &(struct jwt_keys_question){ .issuer = issuer,
                                                      .algorithm = algorithm,
                                                      .key_id = jwt_token_key_id(token) },
                         wait, key_out);
}

static enum jwt_answer judge_token(struct jwts *jwts, const struct jwt_token *token,
                                   struct jwt_keys_wait *wait, struct jwt **jwt_out)
{
    struct slice key;

    switch (find_key(jwts, token, wait, &key)) {
    case JWT_KEY_FETCHING:
        return JWT_PENDING;
    case JWT_KEY_UNKNOWN:
        return JWT_UNKNOWN;
    case JWT_KEY_ABSENT:
        return JWT_REFUSED;
    case JWT_KEY_FOUND:
        break;
    }
    if (!jwt_verify(token->text, jwt_token_algorithm(token), key))
        return JWT_REFUSED;
    return jwt_token_judge(token, jwts->config, store_now_ms(jwts->store), jwt_out);
}

static enum jwt_answer judge(struct jwts *jwts, struct slice text, struct jwt_keys_wait *wait,
                             struct jwt **jwt_out)
{
    enum jwt_answer answer = JWT_MALFORMED;
    struct jwt_token token;
    struct json claims;

    *jwt_out = NULL;
    if (jwt_token_read(&token, text) && json_parse(buf_slice(&token.claims_text), &claims))
        answer = judge_token(jwts, &token, wait, jwt_out);
    jwt_token_fini(&token);
    if (answer != JWT_PENDING)
        jwts->stats.answers[answer]++;
    return answer;
}

/* ---- checks ----------------------------------------------------------------------------------- */

static void on_fetched(struct jwt_keys_wait *wait)
{
    struct jwt_check *check = LIST_ENTRY(wait, struct jwt_check, wait);
    struct slice text = { check->text, check->len };
    struct jwt *jwt;
    enum jwt_answer answer = judge(check->jwts, text, wait, &jwt);

    assert(answer != JWT_PENDING);
    *check->slot = NULL;
    check->done(answer, jwt, check->ctx);
    jwt_unref(&jwt);
    free(check);
}

enum jwt_answer jwt_check(struct jwts *jwts, struct slice token, struct jwt **jwt_out,
                          jwt_done_fn *done, void *ctx, struct jwt_check **slot)
{
    size_t len = token.len <= JWT_TOKEN_MAX ? token.len : 0; /* what is longer never waits */
    struct jwt_check *check = xcalloc(1, sizeof *check + len);
    enum jwt_answer answer;

    assert(*slot == NULL);
    *check = (struct jwt_check){
        .wait.on_fetched = on_fetched,
        .jwts = jwts,
        .done = done,
        .ctx = ctx,
        .slot = slot,
        .len = len,
    };
    answer = judge(jwts, token, &check->wait, jwt_out);
    if (answer == JWT_PENDING) {
        memcpy(check->text, token.data, len);
        *slot = check;
    } else {
        free(check);
    }
    return answer;
}

void jwt_cancel(struct jwt_check **slot)
{
    struct jwt_check *check = *slot;

    if (check == NULL)
        return;
    *slot = NULL;
    jwt_keys_cancel(&check->wait);
    free(check);
}

/* ---- the whole -------------------------------------------------------------------------------- */

bool jwts_is_configured(const struct jwts *jwts)
{
    return jwts->config->jwt_secret != NULL || jwts->config->jwt_jwks_url != NULL;
}

const struct jwt_stats *jwts_stats(const struct jwts *jwts)
{
    return &jwts->stats;
}

struct jwts *jwts_create(uv_loop_t *loop, struct store *store, const struct config *config)
{
    struct jwts *jwts = xcalloc(1, sizeof *jwts);

    jwts->store = store;
    jwts->config = config;
    jwts->keys = jwt_keys_create(loop, config, jwts->stats.fetches);
    return jwts;
}

void jwts_destroy(struct jwts **jwts)
{
    struct jwts *mine = *jwts;

    if (mine == NULL)
        return;
    *jwts = NULL;
    jwt_keys_destroy(&mine->keys);
    free(mine);
}
