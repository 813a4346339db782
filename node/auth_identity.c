/* SPDX-License-Identifier: MIT */
/*
 * An identity is one block of memory: the struct, and behind it the texts that it points to.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "auth_entry.h"
#include "base/mem.h"

static char *put(char **place, struct slice text)
{
    char *start = *place;

    if (text.data == NULL)
        return NULL;
    memcpy(start, text.data, text.len);
    start[text.len] = '\0';
    *place += text.len + 1;
    return start;
}

struct identity *identity_create(const struct credential *credential)
{
    size_t size = credential->subject.len + credential->realm.len + credential->universe.len + 3;
    struct identity *identity = xcalloc(1, sizeof *identity + size);
    char *place = (char *)(identity + 1);

    identity->refs = 1;
    identity->kind = credential->kind;
    identity->subject = put(&place, credential->subject);
    identity->realm = put(&place, credential->realm);
    identity->universe = put(&place, credential->universe);
    identity->expires_ms = credential->expires_ms;
    identity->digest = credential->digest;
    credential_fingerprint(&identity->digest, identity->fingerprint);
    return identity;
}

struct identity *identity_ref(struct identity *identity)
{
    identity->refs++;
    return identity;
}

void identity_unref(struct identity **identity)
{
    struct identity *mine = *identity;

    *identity = NULL;
    if (mine == NULL)
        return;
    assert(mine->refs > 0);
    if (--mine->refs == 0)
        free(mine);
}

bool identity_is_same(const struct identity *a, const struct identity *b)
{
    return a->kind == b->kind && strcmp(a->subject, b->subject) == 0 &&
           strcmp(a->realm, b->realm) == 0 &&
           slice_equals(slice_of(a->universe), slice_of(b->universe)) &&
           (a->universe == NULL) == (b->universe == NULL);
}
