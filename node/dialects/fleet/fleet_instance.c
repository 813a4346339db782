/* SPDX-License-Identifier: MIT */
/* Instances are made from images; that of a state is written first, by way of an instance that borrows everything. */
#include <stdlib.h>

#include "base/mem.h"
#include "fleet_image.h"
#include "fleet_labels.h"

/* Enough for what came within a frame of 4 MiB, when each byte of it is replaced (3 for 1) or escaped (6 for 1). */
enum { TEXT_MAX = 8 * FLEET_RECORD_MAX };

void fleet_instance_free(struct fleet_instance **instance)
{
    if (*instance == NULL)
        return;
    free((*instance)->labels);
    free((*instance)->types);
    free((*instance)->rooms);
    buf_fini(&(*instance)->text);
    buf_fini(&(*instance)->bases);
    free(*instance);
    *instance = NULL;
}

/* Takes the image over. */
static struct fleet_instance *instance_create(struct buf *image)
{
    struct fleet_instance *instance = xcalloc(1, sizeof *instance);

    instance->text = *image;
    if (!image->has_overflowed && fleet_image_read(instance))
        fleet_bases_make(instance);
    else
        fleet_instance_free(&instance);
    return instance;
}

struct fleet_instance *fleet_instance_of_image(struct slice image)
{
    struct buf text;

    buf_init(&text, TEXT_MAX);
    buf_add_slice(&text, image);
    return instance_create(&text);
}

/* ---- of a state ------------------------------------------------------------------------------------------- */

/* All rooms' metadata lies behind each other; where, is known when it has stopped moving. */
static void describe_rooms(const struct fleet_state_message *state,
                           struct fleet_instance_room *rooms, struct buf *metadata)
{
    const char *next;

    for (size_t i = 0; i < state->room_count; i++) {
        const struct fleet_sync_room *room = &state->rooms[i];
        size_t start = metadata->len;

        if (room->metadata_count > 0)
            fleet_labels_write(metadata, room->metadata, room->metadata_count);
        rooms[i].metadata.len = metadata->len - start;
    }
    next = buf_slice(metadata).data;
    for (size_t i = 0; i < state->room_count; i++) {
        rooms[i].metadata.data = next;
        next += rooms[i].metadata.len;
    }
}

static struct fleet_instance_room *rooms_of(const struct fleet_state_message *state)
{
    struct fleet_instance_room *rooms = xcalloc(state->room_count + 1, sizeof *rooms);

    for (size_t i = 0; i < state->room_count; i++) {
        const struct fleet_sync_room *room = &state->rooms[i];

        rooms[i] = (struct fleet_instance_room){
            .id = room->id,
            .type = room->type,
            .connections = room->connections,
            .is_local = slice_is(room->origin, "local"),
            .is_fleets = slice_is(room->origin, "fleet"),
        };
    }
    return rooms;
}

/* Without rooms; borrows everything. */
static struct fleet_instance outline_of(const struct fleet_state_message *state)
{
    return (struct fleet_instance){
        .name = state->name,
        .process_uid = state->process_uid,
        .agent_version = state->agent_version,
        .endpoint_url = state->endpoint_url,
        .status = state->status,
        .hash = state->hash,
        .protocol_version = state->protocol_version,
        .features = state->features,
        .labels = state->labels,
        .label_count = state->label_count,
        .has_max_connections = state->has_max_connections,
        .has_max_rooms = state->has_max_rooms,
        .max_connections = state->max_connections,
        .max_rooms = state->max_rooms,
        .creates = state->creates,
        .types = state->types,
        .type_count = state->type_count,
        .room_count = state->room_count,
    };
}

struct fleet_instance *fleet_instance_of_state(const struct fleet_state_message *state)
{
    struct fleet_instance outline = outline_of(state);
    struct buf image, metadata;

    buf_init(&metadata, TEXT_MAX);
    buf_init(&image, TEXT_MAX);
    outline.rooms = rooms_of(state);
    describe_rooms(state, outline.rooms, &metadata);
    fleet_instance_write(&outline, &image);
    free(outline.rooms);
    buf_fini(&metadata);
    return instance_create(&image);
}
