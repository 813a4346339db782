/* SPDX-License-Identifier: MIT */
/*
 * What is decoded is written into one text, which moves while it grows: it is pointed to in a second pass, in
 * the order in which it was written.
 */
#include "entity.h"

#include <stdlib.h>
#include <string.h>

#include "architus_wire.h"
#include "base/mem.h"
#include "store/fold.h"

enum { TEXT_MAX = 256 * 1024 * 1024, NAME_MAX_BYTES = 4096 };

static void add_texts(struct buf *out, struct json name)
{
    struct buf decoded;

    buf_init(&decoded, NAME_MAX_BYTES);
    if (name.type == JSON_STRING && json_text(name, &decoded) && decoded.len > 0)
        fold_name(out, buf_slice(&decoded));
    buf_fini(&decoded);
}

/* Only lengths are right afterwards. */
static void read_entity(struct entities *entities, struct json value, bool is_member)
{
    struct json_member members[] = { { .name = "id" }, { .name = "name" }, { .name = "nick" } };
    struct pool_entity *entity = &entities->items[entities->count];

    json_members(value, members, 3);
    if (value.raw.len > POOL_ENTITY_MAX) {
        entities->too_large++;
        return;
    }
    entity->id = wire_id(members[0].value, &entities->text);
    if (entity->id.data == NULL) {
        entities->without_id++;
        return;
    }
    entity->json = value.raw;
    entity->texts.len = entities->text.len;
    if (is_member) {
        add_texts(&entities->text, members[1].value);
        add_texts(&entities->text, members[2].value);
    }
    entity->texts.len = entities->text.len - entity->texts.len;
    entities->count++;
}

static void point(struct entities *entities)
{
    const char *at = entities->text.data;

    for (size_t i = 0; i < entities->count; i++) {
        struct pool_entity *entity = &entities->items[i];

        entity->id.data = at;
        entity->texts.data = at + entity->id.len;
        at = entity->texts.data + entity->texts.len;
    }
}

bool entities_parse(struct json array, bool are_members, struct entities *entities)
{
    struct json item;
    size_t offset = 0, count = 0;

    *entities = (struct entities){ .count = 0 };
    buf_init(&entities->text, TEXT_MAX);
    if (array.type != JSON_ARRAY)
        return false;
    while (json_next(array, &offset, &item)) {
        if (item.type != JSON_OBJECT)
            return false;
        count++;
    }
    entities->items = xcalloc(count + 1, sizeof *entities->items);
    for (offset = 0; json_next(array, &offset, &item);)
        read_entity(entities, item, are_members);
    if (entities->text.has_overflowed)
        return false;
    point(entities);
    return true;
}

void entities_fini(struct entities *entities)
{
    free(entities->items);
    entities->items = NULL;
    entities->count = 0;
    buf_fini(&entities->text);
}

static int compare_ids(const void *left, const void *right)
{
    const struct slice *a = left, *b = right;
    int order = memcmp(a->data, b->data, a->len < b->len ? a->len : b->len);

    return order != 0 ? order : (a->len > b->len) - (a->len < b->len);
}

size_t entities_count_ids(const struct entities *entities)
{
    struct slice *ids = xcalloc(entities->count + 1, sizeof *ids);
    size_t different = 0;

    for (size_t i = 0; i < entities->count; i++)
        ids[i] = entities->items[i].id;
    qsort(ids, entities->count, sizeof *ids, compare_ids);
    for (size_t i = 0; i < entities->count; i++)
        different += i == 0 || !slice_equals(ids[i], ids[i - 1]);
    free(ids);
    return different;
}
