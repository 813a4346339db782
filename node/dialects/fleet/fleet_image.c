/* SPDX-License-Identifier: MIT */
/*
 * An image is a version byte and what an instance is, one after the other. There is one way to make an instance: from
 * its image. So a node that was told of a state, and those that read of it, have the same.
 *
 *     image = version  name processUid agentVersion endpointUrl status hash  protocolVersion features
 *             traits [maxConnections] [maxRooms]  labels (key value)…  types type…
 *             rooms (id type connections traits [metadata])…
 */
#include "fleet_image.h"

#include <string.h>

#include "base/mem.h"
#include "base/pack.h"
#include "fleet_labels.h"
#include "json.h"

enum { IMAGE_VERSION = 1, BYTES_OF_A_ROOM = 4 };
enum { HAS_MAX_CONNECTIONS = 1, HAS_MAX_ROOMS = 2, CREATES = 4 };
enum { IS_LOCAL = 1, IS_FLEETS = 2, HAS_METADATA = 4 };

/* ---- writing --------------------------------------------------------------------------------------------- */

static void write_text(struct buf *out, struct slice text)
{
    struct buf replaced;

    if (utf8_is_valid(text)) {
        pack_slice(out, text);
        return;
    }
    buf_init(&replaced, 3 * text.len);
    fleet_add_text(&replaced, text);
    pack_slice(out, buf_slice(&replaced));
    buf_fini(&replaced);
}

static void write_capacity(struct buf *out, const struct fleet_instance *instance)
{
    pack_number(out, (instance->has_max_connections ? HAS_MAX_CONNECTIONS : 0u) |
                         (instance->has_max_rooms ? HAS_MAX_ROOMS : 0u) |
                         (instance->creates ? CREATES : 0u));
    if (instance->has_max_connections)
        pack_number(out, (uint32_t)instance->max_connections);
    if (instance->has_max_rooms)
        pack_number(out, (uint32_t)instance->max_rooms);
}

static void write_lists(struct buf *out, const struct fleet_instance *instance)
{
    pack_number(out, instance->label_count);
    for (size_t i = 0; i < instance->label_count; i++) {
        write_text(out, instance->labels[i].key);
        write_text(out, instance->labels[i].value);
    }
    pack_number(out, instance->type_count);
    for (size_t i = 0; i < instance->type_count; i++)
        write_text(out, instance->types[i]);
}

static void write_room(struct buf *out, const struct fleet_instance_room *room)
{
    write_text(out, room->id);
    write_text(out, room->type);
    pack_number(out, room->connections);
    pack_number(out, (room->is_local ? IS_LOCAL : 0u) | (room->is_fleets ? IS_FLEETS : 0u) |
                         (room->metadata.len > 0 ? HAS_METADATA : 0u));
    if (room->metadata.len > 0)
        pack_slice(out, room->metadata);
}

void fleet_instance_write(const struct fleet_instance *instance, struct buf *out)
{
    pack_number(out, IMAGE_VERSION);
    write_text(out, instance->name);
    write_text(out, instance->process_uid);
    write_text(out, instance->agent_version);
    write_text(out, instance->endpoint_url);
    write_text(out, instance->status);
    write_text(out, instance->hash);
    pack_number(out, instance->protocol_version);
    pack_number(out, instance->features);
    write_capacity(out, instance);
    write_lists(out, instance);
    pack_number(out, instance->room_count);
    for (size_t i = 0; i < instance->room_count; i++)
        write_room(out, &instance->rooms[i]);
}

/* ---- reading: nothing of it is trusted ------------------------------------------------------------------- */

static struct slice read_text(struct unpack *unpack)
{
    struct slice text = unpack_slice(unpack);

    if (!utf8_is_valid(text))
        unpack->is_broken = true;
    return text;
}

static void read_capacity(struct unpack *unpack, struct fleet_instance *instance)
{
    uint64_t traits = unpack_number_max(unpack, HAS_MAX_CONNECTIONS | HAS_MAX_ROOMS | CREATES);

    instance->has_max_connections = (traits & HAS_MAX_CONNECTIONS) != 0;
    instance->has_max_rooms = (traits & HAS_MAX_ROOMS) != 0;
    instance->creates = (traits & CREATES) != 0;
    if (instance->has_max_connections)
        instance->max_connections = (int32_t)unpack_number_max(unpack, UINT32_MAX);
    if (instance->has_max_rooms)
        instance->max_rooms = (int32_t)unpack_number_max(unpack, UINT32_MAX);
}

static void read_lists(struct unpack *unpack, struct fleet_instance *instance)
{
    size_t labels = unpack_number_max(unpack, FLEET_STATE_LABELS);
    size_t types;

    instance->labels = xcalloc(labels + 1, sizeof *instance->labels);
    for (size_t i = 0; i < labels; i++) {
        struct fleet_label label = { .key = read_text(unpack) };

        label.value = read_text(unpack);
        fleet_labels_set(instance->labels, &instance->label_count, FLEET_STATE_LABELS, &label);
    }
    types = unpack_number_max(unpack, FLEET_STATE_TYPES);
    instance->types = xcalloc(types + 1, sizeof *instance->types);
    for (size_t i = 0; i < types; i++)
        instance->types[instance->type_count++] = read_text(unpack);
}

/* Of one line, for it goes into events. */
static struct slice read_metadata(struct unpack *unpack)
{
    struct slice text = unpack_slice(unpack);
    struct json value;

    if (!json_parse_shallow(text, 1, &value) || value.type != JSON_OBJECT ||
        memchr(text.data, '\n', text.len) != NULL || memchr(text.data, '\r', text.len) != NULL)
        unpack->is_broken = true;
    return text;
}

static void read_room(struct unpack *unpack, struct fleet_instance_room *room)
{
    uint64_t traits;

    room->id = read_text(unpack);
    room->type = read_text(unpack);
    room->connections = (uint32_t)unpack_number_max(unpack, UINT32_MAX);
    traits = unpack_number_max(unpack, IS_LOCAL | IS_FLEETS | HAS_METADATA);
    room->is_local = (traits & IS_LOCAL) != 0;
    room->is_fleets = (traits & IS_FLEETS) != 0;
    if ((traits & HAS_METADATA) != 0)
        room->metadata = read_metadata(unpack);
}

static void read_rooms(struct unpack *unpack, struct fleet_instance *instance)
{
    size_t rooms = unpack_number_max(unpack, FLEET_ROOMS_MAX);

    if (rooms > unpack->left.len / BYTES_OF_A_ROOM) {
        unpack->is_broken = true;
        return;
    }
    instance->rooms = xcalloc(rooms + 1, sizeof *instance->rooms);
    for (size_t i = 0; i < rooms && !unpack->is_broken; i++) {
        read_room(unpack, &instance->rooms[i]);
        instance->connections += instance->rooms[i].connections;
        instance->room_count++;
    }
}

bool fleet_image_read(struct fleet_instance *instance)
{
    struct unpack unpack;

    unpack_init(&unpack, buf_slice(&instance->text));
    if (unpack_number(&unpack) != IMAGE_VERSION)
        return false;
    instance->name = read_text(&unpack);
    instance->process_uid = read_text(&unpack);
    instance->agent_version = read_text(&unpack);
    instance->endpoint_url = read_text(&unpack);
    instance->status = read_text(&unpack);
    instance->hash = read_text(&unpack);
    instance->protocol_version = (uint32_t)unpack_number_max(&unpack, UINT32_MAX);
    instance->features = (uint32_t)unpack_number_max(&unpack, UINT32_MAX);
    read_capacity(&unpack, instance);
    read_lists(&unpack, instance);
    read_rooms(&unpack, instance);
    return unpack_is_done(&unpack);
}
