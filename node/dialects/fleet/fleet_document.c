/* SPDX-License-Identifier: MIT */
/*
 * Documents, and the events that hold whole ones: JSON as JSON.stringify() writes it, members in the order of the
 * protocol's page. Whoever waits for rooms to be written waits for 50,000 of them, so nothing here formats.
 */
#include "fleet_labels.h"
#include "fleet_metadata.h"
#include "fleet_state.h"
#include "json.h"

enum { DIGITS_MAX = 20 };

static void add_number(struct buf *out, uint64_t number)
{
    char digits[DIGITS_MAX], *at = digits + sizeof digits;

    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    buf_add(out, at, (size_t)(digits + sizeof digits - at));
}

static void add_signed(struct buf *out, int64_t number)
{
    if (number < 0)
        buf_add_byte(out, '-');
    add_number(out, number < 0 ? -(uint64_t)number : (uint64_t)number);
}

static void add_bool(struct buf *out, bool is_true)
{
    buf_add_text(out, is_true ? "true" : "false");
}

/* `lead`: what stands before the value, its name included. */
static void add_text(struct buf *out, const char *lead, struct slice text)
{
    buf_add_text(out, lead);
    json_quote(out, text);
}

/* ---- rooms ------------------------------------------------------------------------------------------------ */

void fleet_room_name(struct buf *out, const struct fleet_instance *instance, size_t room,
                     bool is_renamed)
{
    if (is_renamed) {
        buf_add_slice(out, instance->process_uid);
        buf_add_byte(out, '~');
    }
    buf_add_slice(out, instance->rooms[room].base);
}

void fleet_room_tail(struct buf *out, const struct fleet_instance *instance, struct slice id,
                     size_t room, struct slice metadata)
{
    const struct fleet_instance_room *of = &instance->rooms[room];
    struct slice shown = of->metadata.len > 0 ? of->metadata : metadata;

    add_text(out, "\"type\":", of->type);
    buf_add_text(out, ",\"connections\":");
    add_number(out, of->connections);
    add_text(out, ",\"instanceId\":", id);
    add_text(out, ",\"endpointUrl\":", instance->endpoint_url);
    buf_add_text(out, ",\"local\":");
    add_bool(out, of->is_local);
    if (shown.len > 0 && !slice_is(shown, "{}")) {
        buf_add_text(out, ",\"metadata\":");
        buf_add_slice(out, shown);
    }
    buf_add_byte(out, '}');
}

static void add_room(struct buf *out, const struct fleet_instance *instance, struct slice id,
                     size_t room, struct slice name, struct slice metadata)
{
    if (room > 0)
        buf_add_byte(out, ',');
    add_text(out, "{\"id\":", name);
    buf_add_byte(out, ',');
    fleet_room_tail(out, instance, id, room, metadata);
}

/* ---- instances -------------------------------------------------------------------------------------------- */

void fleet_types_write(struct buf *out, const struct fleet_instance *instance)
{
    buf_add_byte(out, '[');
    for (size_t i = 0; i < instance->type_count; i++)
        add_text(out, i > 0 ? "," : "", instance->types[i]);
    buf_add_byte(out, ']');
}

static void add_limit(struct buf *out, const char *lead, bool is_there, int32_t limit)
{
    buf_add_text(out, lead);
    if (is_there)
        add_signed(out, limit);
    else
        buf_add_text(out, "null");
}

void fleet_instance_head(struct buf *out, const struct fleet_instance *instance, struct slice id)
{
    add_text(out, "{\"id\":", id);
    add_text(out, ",\"name\":", instance->name);
    add_text(out, ",\"processUid\":", instance->process_uid);
    add_text(out, ",\"endpointUrl\":", instance->endpoint_url);
    buf_add_text(out, ",\"labels\":");
    fleet_labels_write(out, instance->labels, instance->label_count);
    buf_add_text(out, ",\"roomTypes\":");
    fleet_types_write(out, instance);
    buf_add_text(out, ",\"rooms\":[");
}

void fleet_instance_rest(struct buf *out, const struct fleet_instance *instance, int64_t synced_ms)
{
    buf_add_text(out, "],\"connections\":");
    add_number(out, instance->connections);
    add_limit(out, ",\"capacity\":{\"maxConnections\":", instance->has_max_connections,
              instance->max_connections);
    add_limit(out, ",\"maxRooms\":", instance->has_max_rooms, instance->max_rooms);
    buf_add_text(out, "},\"autoCreate\":");
    add_bool(out, instance->creates);
    add_text(out, ",\"status\":", instance->status);
    buf_add_text(out, ",\"lastSyncAt\":");
    add_signed(out, synced_ms);
    add_text(out, ",\"agentVersion\":", instance->agent_version);
    buf_add_text(out, ",\"protocolVersion\":");
    add_number(out, instance->protocol_version);
    buf_add_byte(out, '}');
}

/* ---- events ----------------------------------------------------------------------------------------------- */

void fleet_leave_event(struct buf *out, const struct fleet_instance *instance, struct slice id,
                       int64_t synced_ms)
{
    buf_add_text(out, "event: instance:leave\ndata: ");
    fleet_instance_head(out, instance, id);
    for (size_t i = 0; i < instance->room_count; i++)
        add_room(out, instance, id, i, instance->rooms[i].id, (struct slice){ NULL, 0 });
    fleet_instance_rest(out, instance, synced_ms);
    buf_add_text(out, "\n\n");
}

static void write_stale(struct buf *out, const struct fleet_instance *instance, struct slice id,
                        int64_t synced_ms, struct slice renamed, struct slice metadata)
{
    struct fleet_metadata *described = fleet_metadata_create(metadata);
    struct buf name;

    buf_init(&name, SIZE_MAX);
    buf_add_text(out, "event: instance:stale\ndata: ");
    fleet_instance_head(out, instance, id);
    for (size_t i = 0; i < instance->room_count; i++) {
        buf_clear(&name);
        fleet_room_name(&name, instance, i, i < renamed.len && renamed.data[i] == '1');
        add_room(out, instance, id, i, buf_slice(&name),
                 fleet_metadata_find(described, instance->rooms[i].base));
    }
    fleet_instance_rest(out, instance, synced_ms);
    buf_add_text(out, "\n\n");
    buf_fini(&name);
    fleet_metadata_destroy(&described);
}

void fleet_stale_event(struct buf *out, const struct fleet_instance *instance, struct slice id,
                       int64_t synced_ms, struct slice renamed, struct slice metadata)
{
    write_stale(out, instance, id, synced_ms, renamed, metadata);
    if (!out->has_overflowed)
        return;
    buf_clear(out);
    write_stale(out, instance, id, synced_ms, renamed, (struct slice){ NULL, 0 });
}
