/* SPDX-License-Identifier: MIT */
/*
 * What comes from an agent: State and Ack. A frame may hold 4 MiB, so whatever is listed in it costs memory only up to
 * what will be accepted, and one more; and time only for its bytes, each of which is looked at a few times.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "fleet_labels.h"
#include "fleet_proto.h"
#include "fleet_wire.h"

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static bool take_version(struct slice *payload)
{
    if (payload->len < 2 || payload->data[0] != FLEET_PROTOCOL)
        return false;
    *payload = (struct slice){ payload->data + 2, payload->len - 2 };
    return true;
}

/* Room for one more behind `count` items: what there is doubles at each power of two. */
static void *grow(void *items, size_t count, size_t size)
{
    if ((count & (count - 1)) != 0)
        return items;
    return xrealloc(items, (count > 0 ? 2 * count : 1) * size);
}

/* A state on its way. The first member is what the table of members is about. */
struct state_reading {
    struct fleet_state_message state;
    struct fleet_key label_keys[FLEET_STATE_LABELS + 1];
};

/* ---- parts of a state ----------------------------------------------------------------------------------- */

static bool read_label(struct slice bytes, struct fleet_label *label)
{
    static const struct proto_member members[] = {
        { 1, PROTO_TEXT, offsetof(struct fleet_label, key), 0, NULL },
        { 2, PROTO_TEXT, offsetof(struct fleet_label, value), 0, NULL },
    };

    *label = (struct fleet_label){ SLICE_LITERAL(""), SLICE_LITERAL("") };
    return proto_read(bytes, members, COUNT(members), label);
}

static bool read_state_label(struct slice bytes, void *message)
{
    struct state_reading *reading = message;
    struct fleet_state_message *state = &reading->state;
    struct fleet_label label;

    if (!read_label(bytes, &label))
        return false;
    if (state->labels == NULL)
        state->labels = xcalloc(FLEET_STATE_LABELS + 1, sizeof label);
    fleet_labels_set_raw(state->labels, reading->label_keys, &state->label_count,
                         FLEET_STATE_LABELS, &label);
    return true;
}

static bool read_capacity(struct slice bytes, void *message)
{
    static const struct proto_member members[] = {
        { 1, PROTO_NUMBER, offsetof(struct fleet_state_message, max_connections),
          offsetof(struct fleet_state_message, has_max_connections), NULL },
        { 2, PROTO_NUMBER, offsetof(struct fleet_state_message, max_rooms),
          offsetof(struct fleet_state_message, has_max_rooms), NULL },
    };

    return proto_read(bytes, members, COUNT(members), message);
}

static bool read_type(struct slice bytes, void *message)
{
    struct fleet_state_message *state = message;

    if (state->type_count > FLEET_STATE_TYPES)
        return true;
    state->types = grow(state->types, state->type_count, sizeof bytes);
    state->types[state->type_count++] = bytes;
    return true;
}

/* ---- rooms ------------------------------------------------------------------------------------------------ */

struct room_reading {
    struct fleet_sync_room room;
    struct fleet_label labels[FLEET_ROOM_LABELS + 1];
    struct fleet_key keys[FLEET_ROOM_LABELS + 1];
};

static bool read_room_label(struct slice bytes, void *message)
{
    struct room_reading *reading = message;
    struct fleet_label label;

    if (!read_label(bytes, &label))
        return false;
    fleet_labels_set_raw(reading->labels, reading->keys, &reading->room.metadata_count,
                         FLEET_ROOM_LABELS, &label);
    return true;
}

static void keep_room(struct fleet_state_message *state, struct room_reading *reading)
{
    fleet_labels_arrange(reading->labels, reading->room.metadata_count);
    for (size_t i = 0; i < reading->room.metadata_count; i++) {
        state->metadata = grow(state->metadata, state->metadata_count, sizeof *state->metadata);
        state->metadata[state->metadata_count++] = reading->labels[i];
    }
    state->rooms = grow(state->rooms, state->room_count, sizeof *state->rooms);
    state->rooms[state->room_count++] = reading->room;
}

static bool read_room(struct slice bytes, void *message)
{
    static const struct proto_member members[] = {
        { 1, PROTO_TEXT, offsetof(struct room_reading, room.id), 0, NULL },
        { 2, PROTO_TEXT, offsetof(struct room_reading, room.type), 0, NULL },
        { 3, PROTO_NUMBER, offsetof(struct room_reading, room.connections), 0, NULL },
        { 4, PROTO_TEXT, offsetof(struct room_reading, room.origin), 0, NULL },
        { 5, PROTO_PART, 0, 0, read_room_label },
    };
    struct fleet_state_message *state = message;
    struct room_reading reading;

    reading.room = (struct fleet_sync_room){ .id = SLICE_LITERAL(""),
                                             .type = SLICE_LITERAL(""),
                                             .origin = SLICE_LITERAL("") };
    if (!proto_read(bytes, members, COUNT(members), &reading))
        return false;
    if (state->room_count <= FLEET_STATE_ROOMS)
        keep_room(state, &reading);
    return true;
}

/* The metadata of all rooms lies behind each other, and has stopped moving. */
static void point_rooms(struct fleet_state_message *state)
{
    size_t next = 0;

    for (size_t i = 0; i < state->room_count; i++) {
        struct fleet_sync_room *room = &state->rooms[i];

        if (room->metadata_count > 0)
            room->metadata = state->metadata + next;
        next += room->metadata_count;
    }
}

/* ---- whole messages ------------------------------------------------------------------------------------- */

#define STATE(member) offsetof(struct fleet_state_message, member), 0, NULL

static const struct proto_member state_members[] = {
    { 14, PROTO_PART, 0, 0, read_room }, /* by far the most, so it comes first */
    { 1, PROTO_TEXT, STATE(request_id) },    { 2, PROTO_FLAG, STATE(is_full) },
    { 3, PROTO_NUMBER, STATE(seq) },         { 4, PROTO_TEXT, STATE(hash) },
    { 5, PROTO_TEXT, STATE(name) },          { 6, PROTO_TEXT, STATE(process_uid) },
    { 7, PROTO_TEXT, STATE(agent_version) }, { 8, PROTO_NUMBER, STATE(protocol_version) },
    { 9, PROTO_TEXT, STATE(endpoint_url) },  { 10, PROTO_PART, 0, 0, read_state_label },
    { 11, PROTO_PART, 0, 0, read_capacity }, { 12, PROTO_FLAG, STATE(creates) },
    { 13, PROTO_PART, 0, 0, read_type },     { 15, PROTO_TEXT, STATE(status) },
    { 16, PROTO_NUMBER, STATE(features) },
};

bool fleet_state_parse(struct slice payload, struct fleet_state_message *state_out)
{
    struct state_reading reading; /* its keys are left as they are */
    bool is_whole;

    reading.state = (struct fleet_state_message){
        .request_id = SLICE_LITERAL(""),
        .hash = SLICE_LITERAL(""),
        .name = SLICE_LITERAL(""),
        .process_uid = SLICE_LITERAL(""),
        .agent_version = SLICE_LITERAL(""),
        .endpoint_url = SLICE_LITERAL(""),
        .status = SLICE_LITERAL(""),
    };
    is_whole = take_version(&payload) &&
               proto_read(payload, state_members, COUNT(state_members), &reading);
    *state_out = reading.state;
    if (is_whole) {
        fleet_labels_arrange(state_out->labels, state_out->label_count);
        point_rooms(state_out);
    } else {
        fleet_state_message_fini(state_out);
    }
    return is_whole;
}

void fleet_state_message_fini(struct fleet_state_message *state)
{
    free(state->labels);
    free(state->types);
    free(state->rooms);
    free(state->metadata);
    *state = (struct fleet_state_message){ 0 };
}

static bool read_ack_room(struct slice bytes, void *message)
{
    static const struct proto_member members[] = {
        { 1, PROTO_TEXT, offsetof(struct fleet_sync_room, id), 0, NULL },
        { 2, PROTO_TEXT, offsetof(struct fleet_sync_room, type), 0, NULL },
    };
    struct fleet_sync_room nobody_asks;

    (void)message;
    return proto_read(bytes, members, COUNT(members), &nobody_asks);
}

#define ACK(member) offsetof(struct fleet_ack, member), 0, NULL

bool fleet_ack_parse(struct slice payload, struct fleet_ack *ack_out)
{
    static const struct proto_member members[] = {
        { 1, PROTO_TEXT, ACK(command_id) },     { 2, PROTO_FLAG, ACK(is_ok) },
        { 3, PROTO_TEXT, ACK(error) },          { 4, PROTO_FLAG, ACK(already_gone) },
        { 5, PROTO_PART, 0, 0, read_ack_room }, { 6, PROTO_FLAG, ACK(exists) },
    };

    *ack_out = (struct fleet_ack){ .command_id = SLICE_LITERAL("") };
    return take_version(&payload) && proto_read(payload, members, COUNT(members), ack_out);
}
