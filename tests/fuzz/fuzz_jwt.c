/* SPDX-License-Identifier: MIT */
/* Tokens, their claims, JWKS documents and patterns: any bytes are taken or refused, and what is taken can be used
 * by everybody. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "json.h"
#include "jwt_jwk.h"
#include "jwt_token.h"

static char rooms[] = "rooms";
static const struct config config = { .jwt_rooms_claim = rooms, .jwt_leeway_ms = 60000 };

/* What was packed is unpacked as it was. */
static void check_pack(const struct jwt *jwt)
{
    struct unpack unpack;
    struct jwt *again;
    struct buf image;

    buf_init(&image, 4 * JWT_TOKEN_MAX);
    jwt_pack(jwt, &image);
    unpack_init(&unpack, buf_slice(&image));
    again = jwt_unpack(&unpack);
    assert(again != NULL && unpack_is_done(&unpack) && jwt_is_same_holder(jwt, again));
    jwt_unref(&again);
    buf_fini(&image);
}

static void check_token(struct slice text)
{
    struct jwt_token token;
    struct jwt *jwt = NULL;
    struct json claims;

    if (jwt_token_read(&token, text) && json_parse(buf_slice(&token.claims_text), &claims)) {
        assert(claims.type == JSON_OBJECT);
        jwt_token_algorithm(&token);
        jwt_token_key_id(&token);
        jwt_token_issuer(&token);
        if (jwt_token_judge(&token, &config, 1800000000000, &jwt) == JWT_OK) {
            assert(jwt->expires_ms >= 0);
            jwt_allows(jwt, &config, SLICE_LITERAL("job:1"), JWT_RIGHT_JOIN);
            check_pack(jwt);
            jwt_unref(&jwt);
        }
    }
    jwt_token_fini(&token);
}

/* The bytes as a token's claims: that many of them are JSON is all the fuzzer has to find out. */
static void check_claims(struct slice claims)
{
    struct buf text;

    buf_init(&text, 2 * JWT_TOKEN_MAX);
    buf_add_text(&text, "e30.");
    base64_encode(&text, claims);
    while (text.data[text.len - 1] == '=')
        text.len--;
    for (size_t i = 0; i < text.len; i++)
        text.data[i] = (char)(text.data[i] == '+' ? '-' : text.data[i] == '/' ? '_' : text.data[i]);
    buf_add_text(&text, ".AAAA");
    check_token(buf_slice(&text));
    buf_fini(&text);
}

static void check_document(struct slice text)
{
    struct why why = { "" };
    struct jwks jwks;

    if (!jwks_parse(&jwks, text, &why))
        assert(why.text[0] != '\0');
    for (size_t i = 0; i < jwks.count; i++)
        assert(strncmp(jwks.keys[i].pem, "-----BEGIN PUBLIC KEY", 21) == 0);
    jwks_clear(&jwks);
}

/* "pattern", NUL, "text" */
static void check_pattern(struct slice both)
{
    const char *end = memchr(both.data, '\0', both.len);
    struct slice pattern, text;

    if (end == NULL)
        return;
    pattern = (struct slice){ both.data, (size_t)(end - both.data) };
    text = (struct slice){ end + 1, both.len - pattern.len - 1 };
    if (memchr(pattern.data, '*', pattern.len) == NULL)
        assert(pattern_matches(pattern, text) == slice_equals(pattern, text));
    assert(pattern_matches(SLICE_LITERAL("*"), text));
}

static void check_image(struct slice bytes)
{
    struct unpack unpack;
    struct jwt *jwt;

    unpack_init(&unpack, bytes);
    jwt = jwt_unpack(&unpack);
    if (jwt != NULL)
        check_pack(jwt);
    jwt_unref(&jwt);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice bytes = { size > 0 ? (const char *)data : "", size };

    check_token(bytes);
    check_claims(bytes);
    check_document(bytes);
    check_pattern(bytes);
    check_image(bytes);
    return 0;
}
