/* SPDX-License-Identifier: MIT */
/*
 *     token  := part "." part "." part
 *     part   := base64url of the header, of the claims (both JSON objects), of the signature
 *
 * Two kinds of claims say until when it is good: the registered one, "exp", and those of Architus, which
 * has only "issued_at" (a local time, taken for UTC) and "expires_in" (seconds). The earlier one counts.
 */
#include "jwt_token.h"

#include <jansson.h>
#include <math.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "auth_time.h"
#include "base/base64.h"
#include "jwt_inner.h"

enum { PARTS = 3 };

/* ---- taking apart ----------------------------------------------------------------------------- */

static bool split(struct slice text, struct slice parts[PARTS])
{
    for (size_t i = 0; i < PARTS; i++) {
        const char *dot = memchr(text.data, '.', text.len);
        size_t len = dot != NULL ? (size_t)(dot - text.data) : text.len;

        if ((dot != NULL) != (i + 1 < PARTS) || len == 0)
            return false;
        parts[i] = (struct slice){ text.data, len };
        if (dot != NULL)
            text = (struct slice){ dot + 1, text.len - len - 1 };
    }
    return true;
}

static json_t *read_object(struct buf *bytes, struct slice part)
{
    json_t *object;

    if (!base64url_decode(bytes, part))
        return NULL;
    object = json_loadb(bytes->data, bytes->len, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(object))
        return object;
    json_decref(object);
    return NULL;
}

static bool read_parts(struct jwt_token *token, struct slice parts[PARTS])
{
    struct buf bytes;
    bool is_good;

    buf_init(&bytes, JWT_TOKEN_MAX);
    token->header = read_object(&bytes, parts[0]);
    buf_clear(&bytes);
    is_good = base64url_decode(&bytes, parts[2]);
    buf_fini(&bytes);
    token->claims = read_object(&token->claims_text, parts[1]);
    return is_good && token->header != NULL && token->claims != NULL;
}

bool jwt_token_read(struct jwt_token *token, struct slice text)
{
    struct slice parts[PARTS];

    *token = (struct jwt_token){ .text = text };
    buf_init(&token->claims_text, JWT_TOKEN_MAX);
    return text.len > 0 && text.len <= JWT_TOKEN_MAX && split(text, parts) &&
           read_parts(token, parts);
}

void jwt_token_fini(struct jwt_token *token)
{
    json_decref(token->header);
    json_decref(token->claims);
    buf_fini(&token->claims_text);
}

const char *jwt_token_algorithm(const struct jwt_token *token)
{
    if (json_object_get(token->header, "crit") != NULL)
        return NULL;
    return json_string_value(json_object_get(token->header, "alg"));
}

const char *jwt_token_key_id(const struct jwt_token *token)
{
    return json_string_value(json_object_get(token->header, "kid"));
}

const char *jwt_token_issuer(const struct jwt_token *token)
{
    return json_string_value(json_object_get(token->claims, "iss"));
}

/* ---- what it says ----------------------------------------------------------------------------- */

static bool is_for(const json_t *audience, const char *wanted)
{
    const json_t *item;
    size_t i;

    if (json_is_string(audience))
        return strcmp(json_string_value(audience), wanted) == 0;
    json_array_foreach(audience, i,
                       item) if (json_is_string(item) &&
                                 strcmp(json_string_value(item), wanted) == 0) return true;
    return false;
}

/* The end of the year 9999: what lies behind it is no date any more. */
#define LAST_S 253402300799

/* Seconds since 1970 as milliseconds, 1 at least, because 0 means never. */
static bool read_seconds(const json_t *value, int64_t *ms_out)
{
    double seconds;

    if (!json_is_number(value))
        return false;
    seconds = fmin(fmax(json_number_value(value), 0), LAST_S);
    *ms_out = (int64_t)fmax(seconds * 1000, 1);
    return true;
}

static bool read_date(const json_t *value, int64_t *ms_out)
{
    return json_is_string(value) ? auth_time_parse(slice_of(json_string_value(value)), ms_out)
                                 : read_seconds(value, ms_out);
}

/* False when a claim that must be a time is none. */
static bool read_end(const json_t *claims, int64_t *expires_ms_out)
{
    const json_t *exp = json_object_get(claims, "exp");
    const json_t *issued_at = json_object_get(claims, "issued_at");
    const json_t *expires_in = json_object_get(claims, "expires_in");
    int64_t issued_ms, lasts_ms;

    *expires_ms_out = 0;
    if (exp != NULL && !read_seconds(exp, expires_ms_out))
        return false;
    if (issued_at == NULL || expires_in == NULL)
        return true;
    if (!read_date(issued_at, &issued_ms) || !read_seconds(expires_in, &lasts_ms))
        return false;
    if (*expires_ms_out == 0 || issued_ms + lasts_ms < *expires_ms_out)
        *expires_ms_out = issued_ms + lasts_ms;
    return true;
}

static enum jwt_answer judge_times(const json_t *claims, const struct config *config,
                                   int64_t now_ms, int64_t *expires_ms_out)
{
    const json_t *nbf = json_object_get(claims, "nbf");
    int64_t not_before_ms = 0;

    if (!read_end(claims, expires_ms_out) || (nbf != NULL && !read_seconds(nbf, &not_before_ms)))
        return JWT_REFUSED;
    if (now_ms + config->jwt_leeway_ms < not_before_ms)
        return JWT_REFUSED;
    if (*expires_ms_out != 0 && now_ms >= *expires_ms_out + config->jwt_leeway_ms)
        return JWT_EXPIRED;
    return JWT_OK;
}

/* "sub", else "id"; NULL when that is neither a text nor, for the latter, a whole number. */
static const char *read_subject(const json_t *claims, char digits[32])
{
    const json_t *sub = json_object_get(claims, "sub"), *id = json_object_get(claims, "id");

    if (sub != NULL)
        return json_string_value(sub);
    if (id == NULL)
        return "";
    if (!json_is_integer(id))
        return json_string_value(id);
    snprintf(digits, 32, "%" JSON_INTEGER_FORMAT, json_integer_value(id));
    return digits;
}

enum jwt_answer jwt_token_judge(const struct jwt_token *token, const struct config *config,
                                int64_t now_ms, struct jwt **jwt_out)
{
    const json_t *audience = json_object_get(token->claims, "aud");
    unsigned char sha256[32];
    const char *subject;
    int64_t expires_ms;
    char digits[32];
    enum jwt_answer answer;

    if (config->jwt_audience != NULL && !is_for(audience, config->jwt_audience))
        return JWT_REFUSED;
    subject = read_subject(token->claims, digits);
    if (subject == NULL)
        return JWT_REFUSED;
    answer = judge_times(token->claims, config, now_ms, &expires_ms);
    if (answer != JWT_OK)
        return answer;
    EVP_Digest(token->text.data, token->text.len, sha256, NULL, EVP_sha256(), NULL);
    *jwt_out = jwt_create(buf_slice(&token->claims_text), slice_of(subject), expires_ms, sha256);
    return JWT_OK;
}
