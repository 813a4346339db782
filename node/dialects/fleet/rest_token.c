/* SPDX-License-Identifier: MIT */
/*
 * Short-lived tokens for streams: a page may have one in its URL, where a key must not be.
 *
 *     token  = "ft1." base64url(claims) "." base64url(HMAC-SHA-256(under, "ft1." base64url(claims)))
 *     claims = {"k":<key's name>,"r":<realm>,"e":<expiry, ms>}
 *     under  = HMAC-SHA-256(SHA-256(key), "fleet events token");  name = HMAC-SHA-256(…, "fleet key name"), 16 digits
 *
 * Any node that knows the key's digest can check it, be the key of the configuration or in Redis; nothing of a token
 * tells the digest. When the key goes, its tokens go.
 */
#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/hex.h"
#include "base/mem.h"
#include "rest_inner.h"

#define PREFIX "ft1."

enum {
    MAC_SIZE = 32,
    NAME_LEN = 16,
    TTL_DEFAULT_MS = 60000,
    TTL_MAX_MS = 300000,
    TOKEN_MAX = 1024,
};

struct claims {
    char name[NAME_LEN + 1];
    struct buf realm;
    int64_t expires_ms;
};

static void mac(struct slice key, struct slice text, uint8_t out[MAC_SIZE])
{
    unsigned len = 0;

    if (HMAC(EVP_sha256(), key.data, (int)key.len, (const unsigned char *)text.data, text.len, out,
             &len) == NULL ||
        len != MAC_SIZE)
        abort();
}

static void key_name(const struct credential_digest *digest, char out[NAME_LEN + 1])
{
    uint8_t bytes[MAC_SIZE];

    mac((struct slice){ (const char *)digest->bytes, sizeof digest->bytes },
        SLICE_LITERAL("fleet key name"), bytes);
    hex_write(bytes, NAME_LEN / 2, out);
}

static void sign(const struct credential_digest *digest, struct slice text, uint8_t out[MAC_SIZE])
{
    uint8_t under[MAC_SIZE];

    mac((struct slice){ (const char *)digest->bytes, sizeof digest->bytes },
        SLICE_LITERAL("fleet events token"), under);
    mac((struct slice){ (const char *)under, sizeof under }, text, out);
}

/* ---- making --------------------------------------------------------------------------------------------- */

static void write_token(struct buf *out, const struct rest_call *call, int64_t expires_ms)
{
    char name[NAME_LEN + 1];
    uint8_t signature[MAC_SIZE];
    struct buf claims;

    buf_init(&claims, TOKEN_MAX);
    key_name(&call->digest, name);
    buf_printf(&claims, "{\"k\":\"%s\",\"r\":", name);
    json_quote(&claims, slice_of(call->realm->name));
    buf_printf(&claims, ",\"e\":%lld}", (long long)expires_ms);
    buf_add_text(out, PREFIX);
    base64url_encode(out, buf_slice(&claims));
    sign(&call->digest, buf_slice(out), signature);
    buf_add_byte(out, '.');
    base64url_encode(out, (struct slice){ (const char *)signature, sizeof signature });
    buf_fini(&claims);
}

static bool read_wish(struct json body, int64_t *ttl_ms_out)
{
    struct json_member members[] = { { .name = "scope" }, { .name = "ttlMs" } };

    *ttl_ms_out = TTL_DEFAULT_MS;
    return json_members(body, members, 2) && json_text_is(members[0].value, "events") &&
           (members[1].value.type == JSON_ABSENT ||
            json_whole(members[1].value, 1, TTL_MAX_MS, ttl_ms_out));
}

void rest_make_token(struct rest_call *call)
{
    int64_t ttl_ms, expires_ms;
    struct buf token, data;

    if (!read_wish(call->body, &ttl_ms)) {
        rest_refuse(call, REST_VALIDATION);
        return;
    }
    expires_ms = store_now_ms(call->rest->fleet->node->store) + ttl_ms;
    buf_init(&token, 2 * TOKEN_MAX);
    buf_init(&data, 3 * TOKEN_MAX);
    write_token(&token, call, expires_ms);
    buf_printf(&data, "{\"token\":\"%.*s\",\"expiresAt\":%lld}", (int)token.len, token.data,
               (long long)expires_ms);
    rest_reply(call, 201, buf_slice(&data));
    buf_fini(&token);
    buf_fini(&data);
}

/* ---- reading ---------------------------------------------------------------------------------------------- */

bool rest_token_is_one(struct slice text)
{
    return text.len > sizeof PREFIX - 1 && text.len <= TOKEN_MAX &&
           memcmp(text.data, PREFIX, sizeof PREFIX - 1) == 0;
}

static bool claims_parse(struct slice text, struct claims *claims)
{
    struct json_member members[] = { { .name = "k" }, { .name = "r" }, { .name = "e" } };
    struct json object;
    struct buf name;
    bool is_good;

    buf_init(&name, NAME_LEN);
    is_good = json_parse(text, &object) && json_members(object, members, 3) &&
              json_text(members[0].value, &name) && name.len == NAME_LEN &&
              json_text(members[1].value, &claims->realm) &&
              json_whole(members[2].value, 0, INT64_MAX, &claims->expires_ms);
    if (is_good)
        memcpy(claims->name, name.data, NAME_LEN);
    buf_fini(&name);
    return is_good;
}

/* `signed_out`: what the signature is for; `signature`: decoded. */
static bool token_parse(struct slice token, struct claims *claims, struct slice *signed_out,
                        struct buf *signature)
{
    const char *dot = memrchr(token.data, '.', token.len);
    size_t from = sizeof PREFIX - 1;
    struct buf text;
    bool is_good;

    memset(claims, 0, sizeof *claims);
    buf_init(&claims->realm, KEY_ID_MAX);
    if (dot < token.data + from)
        return false;
    *signed_out = (struct slice){ token.data, (size_t)(dot - token.data) };
    buf_init(&text, TOKEN_MAX);
    is_good =
        base64url_decode(&text, (struct slice){ token.data + from, signed_out->len - from }) &&
        claims_parse(buf_slice(&text), claims) &&
        base64url_decode(signature, (struct slice){ dot + 1, token.len - signed_out->len - 1 });
    buf_fini(&text);
    return is_good && signature->len == MAC_SIZE;
}

/* ---- checking ------------------------------------------------------------------------------------------------ */

/* Was it made under this key, for this realm, and is it still good? */
static bool token_is_of(struct slice token, const struct credential_digest *digest,
                        struct slice realm, int64_t now_ms)
{
    char name[NAME_LEN + 1];
    uint8_t wanted[MAC_SIZE];
    struct claims claims;
    struct slice text;
    struct buf signature;
    bool is_good;

    buf_init(&signature, 2 * MAC_SIZE);
    key_name(digest, name);
    is_good = token_parse(token, &claims, &text, &signature) &&
              memcmp(claims.name, name, NAME_LEN) == 0 &&
              slice_equals(buf_slice(&claims.realm), realm) && claims.expires_ms > now_ms;
    if (is_good) {
        sign(digest, text, wanted);
        is_good = CRYPTO_memcmp(wanted, signature.data, MAC_SIZE) == 0;
    }
    buf_fini(&claims.realm);
    buf_fini(&signature);
    return is_good;
}

static struct slice token_of(const struct rest_call *call)
{
    return buf_slice(&call->text);
}

static void on_listed(enum result result, const struct credential *credentials, size_t count,
                      void *ctx)
{
    struct rest_call *call = ctx;
    int64_t now_ms = store_now_ms(call->rest->fleet->node->store);

    if (result != RESULT_OK && result != RESULT_NOT_FOUND) {
        rest_refuse(call, REST_UNAVAILABLE);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const struct credential *credential = &credentials[i];

        if ((credential->expires_ms == 0 || credential->expires_ms > now_ms) &&
            token_is_of(token_of(call), &credential->digest, credential->realm, now_ms)) {
            rest_gate_ask(call, &credential->digest); /* the stream is to end with it */
            return;
        }
    }
    rest_gate_refuse(call);
}

/* Keys are few: those of the configuration, then those in Redis. */
void rest_token_check(struct rest_call *call)
{
    const struct node *node = call->rest->fleet->node;
    const struct strings *keys = &node->config->admin_keys;

    for (size_t i = 0; i < keys->count; i++) {
        struct credential_digest digest;

        credential_digest(slice_of(keys->items[i]), &digest);
        if (token_is_of(token_of(call), &digest, REST_DEFAULT_REALM, store_now_ms(node->store))) {
            rest_gate_pass(call, &digest, REST_DEFAULT_REALM);
            return;
        }
    }
    credential_list(node->store, CREDENTIAL_ADMIN, on_listed, call, &call->op);
}
