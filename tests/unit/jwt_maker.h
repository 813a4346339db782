/* SPDX-License-Identifier: MIT */
#ifndef SB_TESTS_JWT_MAKER_H
#define SB_TESTS_JWT_MAKER_H

#include "support.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/mem.h"

/* Tokens and keys as an identity provider makes them. Texts are the caller's to free. */

static inline char *maker_encode(const void *data, size_t len)
{
    struct buf text;
    char *encoded;

    buf_init(&text, base64_size(len) + 1);
    assert_true(base64_encode(&text, (struct slice){ data, len }));
    while (text.len > 0 && text.data[text.len - 1] == '=')
        text.len--;
    for (size_t i = 0; i < text.len; i++)
        text.data[i] = (char)(text.data[i] == '+' ? '-' : text.data[i] == '/' ? '_' : text.data[i]);
    encoded = slice_dup(buf_slice(&text));
    buf_fini(&text);
    return encoded;
}

/* "a.b": frees both. */
static inline char *maker_join(char *a, char *b)
{
    size_t size = strlen(a) + strlen(b) + 2;
    char *text = xcalloc(1, size);

    snprintf(text, size, "%s.%s", a, b);
    free(a);
    free(b);
    return text;
}

static inline char *maker_unsigned(const char *header, const char *claims)
{
    return maker_join(maker_encode(header, strlen(header)), maker_encode(claims, strlen(claims)));
}

/* HS256 by any header. */
static inline char *maker_secret_token(const char *secret, const char *header, const char *claims)
{
    char *text = maker_unsigned(header, claims);
    unsigned char mac[32];

    HMAC(EVP_sha256(), secret, (int)strlen(secret), (const unsigned char *)text, strlen(text), mac,
         NULL);
    return maker_join(text, maker_encode(mac, sizeof mac));
}

/* ---- keys ------------------------------------------------------------------------------------- */

struct maker_key {
    const char *id, *algorithm;
    EVP_PKEY *pair;
};

static inline struct maker_key maker_rsa(const char *id, unsigned bits)
{
    return (struct maker_key){ id, "RS256", EVP_RSA_gen(bits) };
}

static inline struct maker_key maker_ec(const char *id, const char *curve)
{
    return (struct maker_key){ id, "ES256", EVP_EC_gen(curve) };
}

static inline void maker_free(struct maker_key *key)
{
    EVP_PKEY_free(key->pair);
    key->pair = NULL;
}

static inline char *maker_number(const struct maker_key *key, const char *name, int pad_to)
{
    unsigned char bytes[1024];
    BIGNUM *number = NULL;
    int len;
    char *text;

    assert_int_equal(EVP_PKEY_get_bn_param(key->pair, name, &number), 1);
    len = pad_to > 0 ? BN_bn2binpad(number, bytes, pad_to) : BN_bn2bin(number, bytes);
    text = maker_encode(bytes, (size_t)len);
    BN_free(number);
    return text;
}

/* Its public half. `more`: ",\"use\":\"enc\"" */
static inline char *maker_jwk(const struct maker_key *key, const char *more)
{
    bool is_rsa = strcmp(key->algorithm, "RS256") == 0;
    int coordinate = (EVP_PKEY_get_bits(key->pair) + 7) / 8;
    char *first = is_rsa ? maker_number(key, OSSL_PKEY_PARAM_RSA_N, 0)
                         : maker_number(key, OSSL_PKEY_PARAM_EC_PUB_X, coordinate);
    char *second = is_rsa ? maker_number(key, OSSL_PKEY_PARAM_RSA_E, 0)
                          : maker_number(key, OSSL_PKEY_PARAM_EC_PUB_Y, coordinate);
    char *text = xcalloc(1, 4096);

    if (is_rsa)
        snprintf(text, 4096, "{\"kty\":\"RSA\",\"kid\":\"%s\",\"n\":\"%s\",\"e\":\"%s\"%s}",
                 key->id, first, second, more);
    else
        snprintf(text, 4096,
                 "{\"kty\":\"EC\",\"crv\":\"P-%d\",\"kid\":\"%s\",\"x\":\"%s\",\"y\":\"%s\"%s}",
                 EVP_PKEY_get_bits(key->pair), key->id, first, second, more);
    free(first);
    free(second);
    return text;
}

/* The DER of a signature as r and s, one behind the other. */
static inline size_t maker_flatten(unsigned char *signature, size_t len)
{
    const unsigned char *at = signature;
    ECDSA_SIG *numbers = d2i_ECDSA_SIG(NULL, &at, (long)len);

    assert_non_null(numbers);
    BN_bn2binpad(ECDSA_SIG_get0_r(numbers), signature, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(numbers), signature + 32, 32);
    ECDSA_SIG_free(numbers);
    return 64;
}

static inline char *maker_signed(const struct maker_key *key, const char *header,
                                 const char *claims)
{
    char *text = maker_unsigned(header, claims);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char signature[1024];
    size_t len = sizeof signature;

    assert_int_equal(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key->pair), 1);
    assert_int_equal(
        EVP_DigestSign(ctx, signature, &len, (const unsigned char *)text, strlen(text)), 1);
    EVP_MD_CTX_free(ctx);
    if (strcmp(key->algorithm, "ES256") == 0)
        len = maker_flatten(signature, len);
    return maker_join(text, maker_encode(signature, len));
}

/* With the header that belongs to the key. */
static inline char *maker_key_token(const struct maker_key *key, const char *claims)
{
    char header[128];

    snprintf(header, sizeof header, "{\"alg\":\"%s\",\"typ\":\"JWT\",\"kid\":\"%s\"}",
             key->algorithm, key->id);
    return maker_signed(key, header, claims);
}

#endif
