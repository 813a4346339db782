/* SPDX-License-Identifier: MIT */
/* Which full states are accepted. The first fault that is found is the answer, so the order is part of the protocol. */
#include <assert.h>

#include "fleet_labels.h"
#include "fleet_state.h"
#include "json.h"

enum {
    URL_UNITS = 512,
    NAME_UNITS = 64,
    TYPE_UNITS = 64,
    LABEL_UNITS = FLEET_KEY_UNITS,
    ROOM_ID_UNITS = 256,
    METADATA_UNITS = 256,
    CONNECTIONS_MAX = 1000000,
};
static_assert((int)FLEET_STATE_ROOMS == (int)FLEET_ROOMS_MAX,
              "what is accepted is what the store takes");
static_assert(FLEET_STATE_TYPES + FLEET_STATE_LABELS + 2 <= (int)FLEET_TAGS_MAX, "each has a tag");

/* The limit that one of them is beyond; 0: none is. */
static size_t overrun(const struct fleet_label *labels, size_t count, size_t value_units)
{
    for (size_t i = 0; i < count; i++) {
        if (!fleet_text_is_within(labels[i].key, LABEL_UNITS))
            return LABEL_UNITS;
        if (!fleet_text_is_within(labels[i].value, value_units))
            return value_units;
    }
    return 0;
}

static struct fleet_fault judge_types(const struct fleet_state_message *state)
{
    if (state->type_count > FLEET_STATE_TYPES)
        return (struct fleet_fault){ "roomTypes", FLEET_STATE_TYPES };
    for (size_t i = 0; i < state->type_count; i++) {
        if (!fleet_text_is_within(state->types[i], TYPE_UNITS))
            return (struct fleet_fault){ "roomTypes[]", TYPE_UNITS };
    }
    return (struct fleet_fault){ 0 };
}

static struct fleet_fault judge_labels(const struct fleet_state_message *state)
{
    if (state->label_count > FLEET_STATE_LABELS)
        return (struct fleet_fault){ "labels", FLEET_STATE_LABELS };
    if (overrun(state->labels, state->label_count, LABEL_UNITS) > 0)
        return (struct fleet_fault){ "labels[]", LABEL_UNITS };
    return (struct fleet_fault){ 0 };
}

static struct fleet_fault judge_room(const struct fleet_sync_room *room)
{
    size_t beyond;

    if (!fleet_text_is_within(room->id, ROOM_ID_UNITS))
        return (struct fleet_fault){ "rooms[].id", ROOM_ID_UNITS };
    if (!fleet_text_is_within(room->type, TYPE_UNITS))
        return (struct fleet_fault){ "rooms[].type", TYPE_UNITS };
    if (room->connections > CONNECTIONS_MAX)
        return (struct fleet_fault){ "rooms[].connections", CONNECTIONS_MAX };
    if (room->metadata_count > FLEET_ROOM_LABELS)
        return (struct fleet_fault){ "rooms[].metadata", FLEET_ROOM_LABELS };
    beyond = overrun(room->metadata, room->metadata_count, METADATA_UNITS);
    return (struct fleet_fault){ beyond > 0 ? "rooms[].metadata[]" : NULL, beyond };
}

static struct fleet_fault judge_rooms(const struct fleet_state_message *state)
{
    struct fleet_fault fault = { 0 };

    for (size_t i = 0; i < state->room_count && fault.field == NULL; i++)
        fault = judge_room(&state->rooms[i]);
    return fault;
}

/* What is short enough to be looked at closely. */
static struct fleet_fault judge_sizes(const struct fleet_state_message *state)
{
    struct fleet_fault fault;

    if (!fleet_text_is_within(state->endpoint_url, URL_UNITS))
        return (struct fleet_fault){ "endpointUrl", URL_UNITS };
    if (!fleet_text_is_within(state->name, NAME_UNITS))
        return (struct fleet_fault){ "name", NAME_UNITS };
    fault = judge_types(state);
    if (fault.field == NULL && state->room_count > FLEET_STATE_ROOMS)
        fault = (struct fleet_fault){ "rooms", FLEET_STATE_ROOMS };
    return fault;
}

struct fleet_fault fleet_state_judge(const struct fleet_state_message *state)
{
    struct fleet_fault fault = judge_sizes(state);
    struct slice uid;

    if (fault.field == NULL && !fleet_url_is_good(state->endpoint_url))
        fault.field = "endpointUrl";
    if (fault.field == NULL)
        fault = judge_labels(state);
    if (fault.field == NULL)
        fault = judge_rooms(state);
    /* the protocol has no limit here, the store has: in bytes, of what is no UTF-8 three for one */
    uid = state->process_uid;
    if (fault.field == NULL && uid.len * (utf8_is_valid(uid) ? 1 : 3) > FLEET_UID_MAX)
        fault = (struct fleet_fault){ "processUid", FLEET_UID_MAX };
    return fault;
}
