/* SPDX-License-Identifier: MIT */
/*
 * Names, digests, keys and JSON of credentials: everything about them that needs no Redis.
 */
#include "store/credential_record.h"

#include <assert.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/hex.h"

static const char *const kind_names[CREDENTIAL_KINDS] = {
    [CREDENTIAL_UNIVERSE] = "universe", [CREDENTIAL_RELAY] = "relay",
    [CREDENTIAL_PLAYER] = "player",     [CREDENTIAL_SERVER] = "server",
    [CREDENTIAL_AGENT] = "agent",       [CREDENTIAL_ADMIN] = "admin",
};

const char *credential_kind_name(enum credential_kind kind)
{
    assert(kind < CREDENTIAL_KINDS);
    return kind_names[kind];
}

bool credential_kind_parse(struct slice name, enum credential_kind *kind_out)
{
    for (int kind = 0; kind < CREDENTIAL_KINDS; kind++) {
        if (slice_is(name, kind_names[kind])) {
            *kind_out = (enum credential_kind)kind;
            return true;
        }
    }
    return false;
}

/* Fetching the algorithm and allocating a context cost more than hashing a secret does: both are
 * kept for the life of the process. */
void credential_digest(struct slice secret, struct credential_digest *digest_out)
{
    static EVP_MD_CTX *context;
    static EVP_MD *sha256;
    unsigned len = 0;
    int ok;

    if (context == NULL) {
        context = EVP_MD_CTX_new();
        sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
        assert(context != NULL && sha256 != NULL);
    }
    ok = EVP_DigestInit_ex(context, sha256, NULL) &&
         EVP_DigestUpdate(context, secret.data, secret.len) &&
         EVP_DigestFinal_ex(context, digest_out->bytes, &len);
    assert(ok && len == CREDENTIAL_DIGEST_SIZE);
    (void)ok;
}

void digest_to_hex(const struct credential_digest *digest, char out[DIGEST_HEX_SIZE])
{
    hex_write(digest->bytes, CREDENTIAL_DIGEST_SIZE, out);
}

void credential_fingerprint(const struct credential_digest *digest,
                            char out[CREDENTIAL_FINGERPRINT_SIZE])
{
    hex_write(digest->bytes, (CREDENTIAL_FINGERPRINT_SIZE - 1) / 2, out);
}

/* Ours are written in lower case, and in no other. */
static int digit_value(char c)
{
    const char *digits = "0123456789abcdef";
    const char *place = c != '\0' ? strchr(digits, c) : NULL;

    return place != NULL ? (int)(place - digits) : -1;
}

bool digest_from_hex(struct slice hex, struct credential_digest *digest_out)
{
    if (hex.len != DIGEST_HEX_SIZE - 1)
        return false;
    for (size_t i = 0; i < CREDENTIAL_DIGEST_SIZE; i++) {
        int high = digit_value(hex.data[2 * i]), low = digit_value(hex.data[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        digest_out->bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

void credential_key(enum credential_kind kind, const struct credential_digest *digest,
                    struct key *key)
{
    char hex[DIGEST_HEX_SIZE];

    digest_to_hex(digest, hex);
    key_make(key, "cred", slice_of(credential_kind_name(kind)), slice_of(hex), "record");
}

void subject_index_key(enum credential_kind kind, struct slice subject, struct key *key)
{
    key_make(key, "cred-subject", slice_of(credential_kind_name(kind)), subject, "digests");
}

void kind_index_key(enum credential_kind kind, struct key *key)
{
    key_make(key, "cred-kind", slice_of(credential_kind_name(kind)), SLICE_LITERAL("all"),
             "digests");
}

char *record_print(const struct credential *credential, int64_t created_ms)
{
    json_t *record =
        json_pack("{s:s%, s:s%, s:I, s:I}", "subject", credential->subject.data,
                  credential->subject.len, "realm", credential->realm.data, credential->realm.len,
                  "created", (json_int_t)created_ms, "expires", (json_int_t)credential->expires_ms);
    char *text;

    if (credential->universe.data != NULL)
        json_object_set_new(record, "universe",
                            json_stringn(credential->universe.data, credential->universe.len));
    text = json_dumps(record, JSON_COMPACT);
    assert(text != NULL); /* names are valid UTF-8 */
    json_decref(record);
    return text;
}

/* A member that names something; nothing when it is absent. */
static bool read_name(const json_t *record, const char *member, bool is_required,
                      struct slice *name_out)
{
    const json_t *value = json_object_get(record, member);

    *name_out = (struct slice){ json_string_value(value), json_string_length(value) };
    if (value == NULL)
        return !is_required;
    return name_out->data != NULL && key_id_is_valid(*name_out);
}

json_t *record_parse(struct slice text, struct credential *credential_out)
{
    json_t *record = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *expires = json_object_get(record, "expires");

    if (!read_name(record, "subject", true, &credential_out->subject) ||
        !read_name(record, "realm", true, &credential_out->realm) ||
        !read_name(record, "universe", false, &credential_out->universe) ||
        !json_is_integer(expires) || json_integer_value(expires) < 0) {
        json_decref(record);
        return NULL;
    }
    credential_out->expires_ms = json_integer_value(expires);
    return record;
}
