/* SPDX-License-Identifier: MIT */
/* A name has its place, or has none, as long as it counts something: so what is taken away is taken from where it stands. */
#include "tally.h"

#include <assert.h>
#include <stdlib.h>
#include <uthash.h>

#include "base/mem.h"

struct tally_name {
    char *text;
    size_t len;
    uint64_t count;
    struct tally_name **place; /* among those shown; NULL: it counts as another */
    UT_hash_handle hh;
};

static bool may_be_shown(struct slice name)
{
    if (slice_is(name, TALLY_OTHER))
        return false;
    for (size_t i = 0; i < name.len; i++)
        if ((unsigned char)name.data[i] < ' ' || name.data[i] == 0x7f)
            return false;
    return true;
}

static struct tally_name **free_place(struct tally *tally)
{
    for (size_t at = 0; at < TALLY_NAMES_MAX; at++)
        if (tally->shown[at] == NULL)
            return &tally->shown[at];
    return NULL;
}

static struct tally_name *find(const struct tally *tally, struct slice text)
{
    struct tally_name *name;

    HASH_FIND(hh, tally->names, text.data, text.len, name);
    return name;
}

static struct tally_name *name_create(struct tally *tally, struct slice text)
{
    struct tally_name *name = xcalloc(1, sizeof *name);

    name->text = slice_dup(text);
    name->len = text.len;
    name->place = may_be_shown(text) ? free_place(tally) : NULL;
    if (name->place != NULL)
        *name->place = name;
    HASH_ADD_KEYPTR(hh, tally->names, name->text, name->len, name);
    return name;
}

static void name_free(struct tally *tally, struct tally_name *name)
{
    HASH_DELETE(hh, tally->names, name);
    if (name->place != NULL)
        *name->place = NULL;
    free(name->text);
    free(name);
}

void tally_add(struct tally *tally, struct slice text, uint64_t count)
{
    struct tally_name *name;

    if (count == 0)
        return;
    name = find(tally, text);
    if (name == NULL)
        name = name_create(tally, text);
    name->count += count;
    if (name->place == NULL)
        tally->other += count;
}

void tally_take(struct tally *tally, struct slice text, uint64_t count)
{
    struct tally_name *name;

    if (count == 0)
        return;
    name = find(tally, text);
    assert(name != NULL && name->count >= count);
    name->count -= count;
    if (name->place == NULL)
        tally->other -= count;
    if (name->count == 0)
        name_free(tally, name);
}

bool tally_shown(const struct tally *tally, size_t at, struct slice *name_out, uint64_t *count_out)
{
    const struct tally_name *name = tally->shown[at];

    if (name == NULL)
        return false;
    *name_out = (struct slice){ name->text, name->len };
    *count_out = name->count;
    return true;
}
