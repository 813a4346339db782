/* SPDX-License-Identifier: MIT */
/*
 * A key is made of its numbers (RSA: n, e; P-256: x, y), checked, and written as the PEM that libjwt reads.
 * Keys of kind "oct" are secrets: they have no place in a public document, and none here.
 */
#include "jwt_jwk.h"

#include <jansson.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/mem.h"

/* SPARE: decoding wants room for whole groups of three bytes. */
enum { RSA_BITS_MIN = 2048, RSA_BITS_MAX = 8192, COORDINATE_BYTES = 32, SPARE = 3 };

/* ---- numbers ---------------------------------------------------------------------------------- */

static bool read_bytes(const json_t *jwk, const char *name, struct buf *out)
{
    const char *text = json_string_value(json_object_get(jwk, name));

    return text != NULL && text[0] != '\0' && base64url_decode(out, slice_of(text));
}

static BIGNUM *read_number(const json_t *jwk, const char *name)
{
    BIGNUM *number = NULL;
    struct buf bytes;

    buf_init(&bytes, RSA_BITS_MAX / 8 + SPARE);
    if (read_bytes(jwk, name, &bytes))
        number = BN_bin2bn((const unsigned char *)bytes.data, (int)bytes.len, NULL);
    buf_fini(&bytes);
    return number;
}

/* ---- keys ------------------------------------------------------------------------------------- */

static EVP_PKEY *key_of(const char *type, OSSL_PARAM *params)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *key = NULL;

    if (ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1)
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static EVP_PKEY *rsa_key_of(const BIGNUM *n, const BIGNUM *e)
{
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;
    EVP_PKEY *key = NULL;

    if (OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) == 1)
        params = OSSL_PARAM_BLD_to_param(build);
    if (params != NULL)
        key = key_of("RSA", params);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    return key;
}

static EVP_PKEY *rsa_key(const json_t *jwk)
{
    BIGNUM *n = read_number(jwk, "n"), *e = read_number(jwk, "e");
    EVP_PKEY *key = NULL;

    if (n != NULL && e != NULL && BN_num_bits(n) >= RSA_BITS_MIN && BN_num_bits(n) <= RSA_BITS_MAX)
        key = rsa_key_of(n, e);
    BN_free(n);
    BN_free(e);
    return key;
}

static EVP_PKEY *ec_key(const json_t *jwk)
{
    static char group[] = "prime256v1";
    const char *curve = json_string_value(json_object_get(jwk, "crv"));
    EVP_PKEY *key = NULL;
    struct buf point;

    if (curve == NULL || strcmp(curve, "P-256") != 0)
        return NULL;
    buf_init(&point, 1 + 2 * COORDINATE_BYTES + SPARE);
    buf_add_byte(&point, POINT_CONVERSION_UNCOMPRESSED);
    if (read_bytes(jwk, "x", &point) && point.len == 1 + COORDINATE_BYTES &&
        read_bytes(jwk, "y", &point) && point.len == 1 + 2 * COORDINATE_BYTES) {
        OSSL_PARAM params[] = {
            OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
            OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data, point.len),
            OSSL_PARAM_construct_end(),
        };

        key = key_of("EC", params);
    }
    buf_fini(&point);
    return key;
}

/* What signs tokens: a kind of key goes with one algorithm. */
static const struct {
    const char *type, *algorithm;
    EVP_PKEY *(*read)(const json_t *jwk);
} kinds[] = {
    { "RSA", "RS256", rsa_key },
    { "EC", "ES256", ec_key },
};

static char *pem_of(const EVP_PKEY *key)
{
    BIO *out = BIO_new(BIO_s_mem());
    char *pem = NULL, *data;
    long len;

    if (out != NULL && PEM_write_bio_PUBKEY(out, key) == 1) {
        len = BIO_get_mem_data(out, &data);
        pem = xstrndup(data, (size_t)len);
    }
    BIO_free(out);
    return pem;
}

/* ---- the document ----------------------------------------------------------------------------- */

/* Absent, or this. */
static bool may_be(const json_t *jwk, const char *name, const char *wanted)
{
    const json_t *value = json_object_get(jwk, name);

    return value == NULL ||
           (json_is_string(value) && strcmp(json_string_value(value), wanted) == 0);
}

/* False: not one for us. */
static bool read_key(const json_t *item, struct jwk *jwk)
{
    const char *type = json_string_value(json_object_get(item, "kty"));
    const char *id = json_string_value(json_object_get(item, "kid"));
    EVP_PKEY *key = NULL;

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0] && type != NULL && key == NULL; i++) {
        if (strcmp(type, kinds[i].type) == 0 && may_be(item, "alg", kinds[i].algorithm) &&
            may_be(item, "use", "sig")) {
            key = kinds[i].read(item);
            *jwk = (struct jwk){ .algorithm = kinds[i].algorithm };
        }
    }
    if (key == NULL)
        return false;
    jwk->pem = pem_of(key);
    jwk->id = id != NULL && jwk->pem != NULL ? xstrdup(id) : NULL;
    EVP_PKEY_free(key);
    return jwk->pem != NULL;
}

static bool read_keys(struct jwks *jwks, const json_t *keys, struct why *why)
{
    const json_t *item;
    size_t i;

    if (!json_is_array(keys))
        return why_set(why, "no JWKS document");
    if (json_array_size(keys) > JWK_KEYS_MAX)
        return why_set(why, "more than %d keys", JWK_KEYS_MAX);
    json_array_foreach(keys, i, item) if (read_key(item, &jwks->keys[jwks->count])) jwks->count++;
    return true;
}

bool jwks_parse(struct jwks *jwks, struct slice document, struct why *why)
{
    json_t *root = document.len > 0 ? json_loadb(document.data, document.len, 0, NULL) : NULL;
    bool is_good;

    jwks->count = 0;
    is_good = read_keys(jwks, json_object_get(root, "keys"), why);
    json_decref(root);
    ERR_clear_error(); /* what is left there would be taken for an error of the next TLS connection */
    return is_good;
}

void jwks_clear(struct jwks *jwks)
{
    for (size_t i = 0; i < jwks->count; i++) {
        free(jwks->keys[i].id);
        free(jwks->keys[i].pem);
    }
    jwks->count = 0;
}
