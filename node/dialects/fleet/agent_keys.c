/* SPDX-License-Identifier: MIT */
#include "agent_keys.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

struct agent_keys {
    size_t count;
    struct credential_digest digests[];
};

struct agent_keys *agent_keys_create(const struct strings *texts)
{
    struct agent_keys *keys = xcalloc(1, sizeof *keys + texts->count * sizeof keys->digests[0]);

    keys->count = texts->count;
    for (size_t i = 0; i < texts->count; i++)
        credential_digest(slice_of(texts->items[i]), &keys->digests[i]);
    return keys;
}

void agent_keys_destroy(struct agent_keys **keys)
{
    free(*keys);
    *keys = NULL;
}

/* Nonzero when they differ. */
static unsigned difference(const struct credential_digest *a, const struct credential_digest *b)
{
    unsigned different = 0;

    for (size_t i = 0; i < CREDENTIAL_DIGEST_SIZE; i++)
        different |= (unsigned)(a->bytes[i] ^ b->bytes[i]);
    return different;
}

bool agent_keys_have(const struct agent_keys *keys, struct slice key)
{
    struct credential_digest digest;
    unsigned found = 0;

    credential_digest(key, &digest);
    for (size_t i = 0; i < keys->count; i++)
        found += difference(&keys->digests[i], &digest) == 0;
    return found > 0;
}

void agent_key_name(struct slice key, char out[AGENT_KEY_NAME_SIZE])
{
    char fingerprint[CREDENTIAL_FINGERPRINT_SIZE];
    struct credential_digest digest;

    credential_digest(key, &digest);
    credential_fingerprint(&digest, fingerprint);
    snprintf(out, AGENT_KEY_NAME_SIZE, "key#%s", fingerprint);
}
