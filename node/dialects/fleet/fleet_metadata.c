/* SPDX-License-Identifier: MIT */
#include "fleet_metadata.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "json.h"

struct entry {
    struct slice base, object;
    size_t place;
};

struct fleet_metadata {
    struct entry *entries; /* by base, then by place: of equal ones the last counts */
    size_t count;
};

static int compare_slices(struct slice a, struct slice b)
{
    int order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);

    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_entries(const void *a, const void *b)
{
    const struct entry *left = a, *right = b;
    int order = compare_slices(left->base, right->base);

    return order != 0 ? order : (left->place > right->place) - (left->place < right->place);
}

static size_t count_of(struct json object)
{
    struct json name, value;
    size_t offset = 0, count = 0;

    while (json_next_member(object, &offset, &name, &value))
        count++;
    return count;
}

/* There is nothing in a base that JSON would escape. */
static void fill(struct fleet_metadata *metadata, struct json object)
{
    struct json name, value;
    size_t offset = 0;

    while (json_next_member(object, &offset, &name, &value)) {
        metadata->entries[metadata->count] = (struct entry){
            .base = { name.raw.data + 1, name.raw.len - 2 },
            .object = value.type == JSON_OBJECT ? value.raw : (struct slice){ NULL, 0 },
            .place = metadata->count,
        };
        metadata->count++;
    }
    if (metadata->count > 1)
        qsort(metadata->entries, metadata->count, sizeof *metadata->entries, compare_entries);
}

struct fleet_metadata *fleet_metadata_create(struct slice json)
{
    struct fleet_metadata *metadata = xcalloc(1, sizeof *metadata);
    struct json object;

    if (json.len > 0 && json_parse(json, &object) && object.type == JSON_OBJECT) {
        metadata->entries = xcalloc(count_of(object) + 1, sizeof *metadata->entries);
        fill(metadata, object);
    }
    return metadata;
}

void fleet_metadata_destroy(struct fleet_metadata **metadata)
{
    if (*metadata == NULL)
        return;
    free((*metadata)->entries);
    free(*metadata);
    *metadata = NULL;
}

/* Where the first entry behind the base is, or would be. */
static size_t place_behind(const struct fleet_metadata *metadata, struct slice base)
{
    size_t low = 0, high = metadata->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare_slices(metadata->entries[middle].base, base) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct slice fleet_metadata_find(const struct fleet_metadata *metadata, struct slice base)
{
    size_t behind = place_behind(metadata, base);

    if (behind > 0 && slice_equals(metadata->entries[behind - 1].base, base))
        return metadata->entries[behind - 1].object;
    return (struct slice){ NULL, 0 };
}
