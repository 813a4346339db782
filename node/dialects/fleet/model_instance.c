/* SPDX-License-Identifier: MIT */
/* One instance in one version, with references: an answer that is on its way may be of an older version than the copy. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "fleet_metadata.h"
#include "model_inner.h"

struct model_instance *model_instance_ref(struct model_instance *instance)
{
    instance->refs++;
    return instance;
}

void model_instance_unref(struct model_instance **instance_ref)
{
    struct model_instance *instance = *instance_ref;

    if (instance == NULL)
        return;
    *instance_ref = NULL;
    assert(instance->refs > 0);
    if (--instance->refs > 0)
        return;
    fleet_instance_free(&instance->instance);
    model_rooms_destroy(&instance->rooms);
    fleet_metadata_destroy(&instance->described);
    free(instance->owner);
    free(instance->renamed);
    free(instance->metadata);
    free(instance);
}

struct model_instance *model_instance_of(const struct fleet_change *change)
{
    struct fleet_instance *image = fleet_instance_of_image(change->record);
    struct model_instance *instance;

    if (image == NULL || change->id.len != FLEET_ID_LEN) {
        fleet_instance_free(&image);
        return NULL;
    }
    instance = xcalloc(1, sizeof *instance);
    instance->refs = 1;
    memcpy(instance->id, change->id.data, FLEET_ID_LEN);
    instance->version = change->version;
    instance->join_number = change->join_number;
    instance->owner = slice_dup(change->owner);
    instance->instance = image;
    if (change->renamed.len == image->room_count && image->room_count > 0)
        instance->renamed = slice_dup(change->renamed);
    if (change->metadata.len > 0) {
        instance->metadata = slice_dup(change->metadata);
        instance->described = fleet_metadata_create(slice_of(instance->metadata));
    }
    return instance;
}

bool model_room_is_renamed(const struct model_instance *instance, size_t room)
{
    return instance->renamed != NULL && instance->renamed[room] == '1';
}

struct slice model_room_metadata(const struct model_instance *instance, size_t room)
{
    if (instance->described == NULL)
        return (struct slice){ NULL, 0 };
    return fleet_metadata_find(instance->described, instance->instance->rooms[room].base);
}
