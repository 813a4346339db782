/* SPDX-License-Identifier: MIT */
/*
 * This node's copy of a realm's fleet. It is never told of changes: whoever wants to read it has it brought up to date
 * (model_reading.c). Sums are kept up with each change, so that a question costs what it asks for.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model_inner.h"

#define HASH_OF_NOTHING "4f53cda18c2baa0c" /* of an empty fleet, as the protocol's page has it */

struct fleet_model *model_create(struct fleet_realm *realm)
{
    struct fleet_model *model = xcalloc(1, sizeof *model);

    model->realm = realm;
    memcpy(model->hash, HASH_OF_NOTHING, sizeof model->hash);
    list_init(&model->waiting);
    list_init(&model->reading);
    return model;
}

void model_destroy(struct fleet_model **model_ref)
{
    struct fleet_model *model = *model_ref;

    if (model == NULL)
        return;
    *model_ref = NULL;
    model_reading_fini(model);
    model_drop_all(model);
    model_types_fini(&model->types);
    free(model->order);
    free(model);
}

/* ---- changing ----------------------------------------------------------------------------------------- */

struct model_entry *model_entry_of(const struct fleet_model *model, struct slice id)
{
    struct model_entry *entry = NULL;

    if (id.len > 0)
        HASH_FIND(hh, model->entries, id.data, id.len, entry);
    return entry;
}

/* Its instance's share of what all are together goes, and the entry with it. */
static struct model_instance *entry_take_out(struct fleet_model *model, struct model_entry *entry)
{
    struct model_instance *instance = entry->instance;

    HASH_DEL(model->entries, entry);
    free(entry);
    model->rooms -= instance->instance->room_count;
    model->connections -= instance->instance->connections;
    model_types_remove(&model->types, instance->instance);
    return instance;
}

static int by_join(const void *a, const void *b)
{
    const struct model_instance *one = *(struct model_instance *const *)a;
    const struct model_instance *other = *(struct model_instance *const *)b;

    return (one->join_number > other->join_number) - (one->join_number < other->join_number);
}

/* A new version stands where the old one stood. */
static void order_replace(struct fleet_model *model, const struct model_instance *old,
                          struct model_instance *new)
{
    struct model_instance **place = NULL;

    if (!model->is_unordered && old->join_number == new->join_number)
        place = bsearch(&old, model->order, model->count, sizeof(struct model_instance *), by_join);
    if (place != NULL && *place == old)
        *place = new;
    else
        model->is_unordered = true;
}

void model_put(struct fleet_model *model, struct model_instance *instance)
{
    struct model_entry *entry = model_entry_of(model, slice_of(instance->id));
    struct model_instance *old = NULL;

    if (entry != NULL) {
        old = entry_take_out(model, entry);
        instance->synced_ms = old->synced_ms;
        order_replace(model, old, instance);
        model_instance_unref(&old);
    } else {
        model->is_unordered = true;
    }
    entry = xcalloc(1, sizeof *entry);
    entry->instance = instance;
    HASH_ADD_KEYPTR(hh, model->entries, instance->id, strlen(instance->id), entry);
    model->rooms += instance->instance->room_count;
    model->connections += instance->instance->connections;
    model_types_add(&model->types, instance->instance);
}

static void entry_drop(struct fleet_model *model, struct model_entry *entry)
{
    struct model_instance *instance = entry_take_out(model, entry);

    model_instance_unref(&instance);
    model->is_unordered = true;
}

void model_drop(struct fleet_model *model, struct slice id)
{
    struct model_entry *entry = model_entry_of(model, id);

    if (entry != NULL)
        entry_drop(model, entry);
}

void model_drop_all(struct fleet_model *model)
{
    struct model_entry *entry, *spare;

    HASH_ITER (hh, model->entries, entry, spare)
        entry_drop(model, entry);
}

static void make_order(struct fleet_model *model)
{
    struct model_entry *entry, *spare;

    model->count = 0;
    model->order = xrealloc(model->order, (HASH_COUNT(model->entries) + 1) * sizeof *model->order);
    HASH_ITER (hh, model->entries, entry, spare)
        model->order[model->count++] = entry->instance;
    qsort(model->order, model->count, sizeof *model->order, by_join);
    model->is_unordered = false;
}

void model_settle(struct fleet_model *model)
{
    if (model->is_unordered)
        make_order(model);
    model_types_sort(&model->types);
}

/* ---- reading ------------------------------------------------------------------------------------------ */

struct model_instance *model_find(struct fleet_model *model, struct slice id)
{
    struct model_entry *entry = model_entry_of(model, id);

    return entry != NULL ? entry->instance : NULL;
}

/* The last one of an instance's rooms that is called so. */
static uint32_t find_in(const struct model_instance *instance, struct slice base, bool is_renamed)
{
    uint32_t room = model_rooms_last(instance, base);

    while (room != MODEL_NO_ROOM && model_room_is_renamed(instance, room) != is_renamed)
        room = model_rooms_before(instance, room);
    return room;
}

/* A base has no '~', a processUid may. */
struct model_instance *model_find_room(struct fleet_model *model, struct slice public_id,
                                       size_t *room_out)
{
    const char *tilde = public_id.len > 0 ? memrchr(public_id.data, '~', public_id.len) : NULL;
    size_t uid_len = tilde != NULL ? (size_t)(tilde - public_id.data) : 0;
    size_t skipped = tilde != NULL ? uid_len + 1 : 0;
    struct slice uid = { public_id.data, uid_len };
    struct slice base = { public_id.data + skipped, public_id.len - skipped };

    for (size_t i = model->count; i-- > 0;) {
        struct model_instance *instance = model->order[i];

        if (tilde != NULL && !slice_equals(instance->instance->process_uid, uid))
            continue;
        uint32_t room = find_in(instance, base, tilde != NULL);

        if (room != MODEL_NO_ROOM) {
            *room_out = room;
            return instance;
        }
    }
    return NULL;
}
