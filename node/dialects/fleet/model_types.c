/* SPDX-License-Identifier: MIT */
/* The room types that a fleet's instances name, each with how often; sorted when somebody may want to see them. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model_inner.h"

struct model_type {
    uint32_t mentions;
    UT_hash_handle hh;
    struct slice text;
    char bytes[];
};

static struct model_type *type_of(struct model_types *types, struct slice text)
{
    struct model_type *type;

    HASH_FIND(hh, types->types, text.data, text.len, type);
    if (type != NULL)
        return type;
    type = xcalloc(1, sizeof *type + text.len + 1);
    if (text.len > 0)
        memcpy(type->bytes, text.data, text.len);
    type->text = (struct slice){ type->bytes, text.len };
    HASH_ADD_KEYPTR(hh, types->types, type->text.data, type->text.len, type);
    types->is_unsorted = true;
    return type;
}

void model_types_add(struct model_types *types, const struct fleet_instance *instance)
{
    for (size_t i = 0; i < instance->type_count; i++)
        type_of(types, instance->types[i])->mentions++;
}

static void type_free(struct model_types *types, struct model_type *type)
{
    HASH_DEL(types->types, type);
    free(type);
    types->is_unsorted = true;
}

void model_types_remove(struct model_types *types, const struct fleet_instance *instance)
{
    for (size_t i = 0; i < instance->type_count; i++) {
        struct model_type *type = type_of(types, instance->types[i]);

        if (--type->mentions == 0)
            type_free(types, type);
    }
}

/* In UTF-16 the characters from U+E000 to U+FFFF stand behind those beyond: their first bytes are 0xEE and 0xEF. */
static int unit_rank(unsigned char byte)
{
    return byte == 0xEE || byte == 0xEF ? byte + 0x10 : byte;
}

static int by_units(const void *a, const void *b)
{
    const struct slice *one = a, *other = b;
    size_t len = one->len < other->len ? one->len : other->len;

    for (size_t i = 0; i < len; i++) {
        if (one->data[i] != other->data[i])
            return unit_rank((unsigned char)one->data[i]) -
                   unit_rank((unsigned char)other->data[i]);
    }
    return (one->len > other->len) - (one->len < other->len);
}

void model_types_sort(struct model_types *types)
{
    struct model_type *type, *spare;

    if (!types->is_unsorted)
        return;
    types->count = 0;
    types->sorted = xrealloc(types->sorted, (HASH_COUNT(types->types) + 1) * sizeof *types->sorted);
    HASH_ITER (hh, types->types, type, spare)
        types->sorted[types->count++] = type->text;
    qsort(types->sorted, types->count, sizeof *types->sorted, by_units);
    types->is_unsorted = false;
}

void model_types_fini(struct model_types *types)
{
    struct model_type *type, *spare;

    HASH_ITER (hh, types->types, type, spare)
        type_free(types, type);
    free(types->sorted);
}
