/* SPDX-License-Identifier: MIT */
/*
 * What a body says of the place. Nothing in it is wrong but what cannot be read at all: a label that is no text matches
 * no instance, and an id that is none names none. Both are for the store to find, for whether the room's id is taken
 * comes first.
 */
#include <string.h>

#include "rest_inner.h"

enum { METADATA_MAX = 16, METADATA_KEY_UNITS = 64, METADATA_VALUE_UNITS = 256 };

/* ---- tags ---------------------------------------------------------------------------------------------- */

/* A tag of zeros is no hash of anything: no instance has it. */
static uint8_t *tag_new(struct rest_placement *placement)
{
    struct fleet_place *place = &placement->place;

    return memset(placement->tags[place->tag_count++], 0, FLEET_TAG_LEN);
}

/* As in the document of an instance: of two labels with one key the last counts. False: no instance has them all. */
static bool wanted_labels_read(struct rest_placement *placement, struct json object,
                               struct fleet_label labels[FLEET_STATE_LABELS + 1], size_t *count)
{
    struct json name, value;
    size_t offset = 0;

    while (json_next_member(object, &offset, &name, &value)) {
        struct fleet_label label = { .value = { NULL, 0 } };

        if (!rest_text_of(name, &placement->texts, &label.key))
            return false;
        if (value.type != JSON_STRING || !rest_text_of(value, &placement->texts, &label.value))
            label.value = (struct slice){ NULL, 0 };
        fleet_labels_set(labels, count, FLEET_STATE_LABELS, &label);
    }
    return *count <= FLEET_STATE_LABELS;
}

static void add_labels(struct rest_placement *placement, struct json object)
{
    struct fleet_label labels[FLEET_STATE_LABELS + 1];
    size_t count = 0;

    if (!wanted_labels_read(placement, object, labels, &count)) {
        tag_new(placement);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        uint8_t *tag = tag_new(placement);

        if (labels[i].value.data != NULL)
            fleet_tag(FLEET_TAG_LABEL, labels[i].key, labels[i].value, tag);
    }
}

/* A text or a list has members, too, under numbers, but no instance has labels that are called so and match. */
static bool add_labels_of(struct rest_placement *placement, struct json value)
{
    size_t offset = 0;
    struct json item;

    if (value.type == JSON_OBJECT)
        add_labels(placement, value);
    else if ((value.type == JSON_ARRAY && json_next(value, &offset, &item)) ||
             (value.type == JSON_STRING && value.raw.len > sizeof "\"\"" - 1))
        tag_new(placement);
    return value.type != JSON_NULL;
}

/* `other`: a type that the placement asks for in place of the room's. */
static void add_type(struct rest_placement *placement, struct slice type, struct json other)
{
    uint8_t *tag = tag_new(placement);

    if (other.type != JSON_ABSENT && !rest_text_of(other, &placement->texts, &type))
        return;
    fleet_tag(FLEET_TAG_TYPE, type, (struct slice){ NULL, 0 }, tag);
}

/* ---- the rest ---------------------------------------------------------------------------------------------- */

#define NO_ID SLICE_LITERAL("-") /* of an instance; as a processUid an agent may have any text */

/* What is no text names nothing that there is. */
static void pin(struct rest_placement *placement, struct json value, struct slice *pinned)
{
    struct slice text;

    if (value.type == JSON_ABSENT)
        return;
    if (value.type == JSON_STRING && rest_text_of(value, &placement->texts, &text) &&
        text.len > 0 && text.len <= FLEET_UID_MAX)
        *pinned = text;
    else
        placement->place.pinned_id = NO_ID;
}

/* Then nobody looks at the labels. */
static bool is_pinned(const struct fleet_place *place)
{
    return place->pinned_id.data != NULL || place->pinned_uid.data != NULL;
}

static enum fleet_strategy strategy_of(struct json value)
{
    if (json_text_is(value, "most-loaded"))
        return FLEET_MOST_LOADED;
    return json_text_is(value, "random") ? FLEET_RANDOM : FLEET_LEAST_LOADED;
}

enum { LABELS, STRATEGY, INSTANCE_ID, PROCESS_UID, FORCE, TYPE, MEMBERS };

static bool placement_fill(struct rest_placement *placement, const struct json_member *members,
                           struct slice type, bool needs_options)
{
    struct fleet_place *place = &placement->place;

    if (members[INSTANCE_ID].value.type != JSON_ABSENT &&
        members[PROCESS_UID].value.type != JSON_ABSENT)
        return false;
    add_type(placement, type, members[TYPE].value);
    pin(placement, members[INSTANCE_ID].value, &place->pinned_id);
    pin(placement, members[PROCESS_UID].value, &place->pinned_uid);
    if (!add_labels_of(placement, members[LABELS].value) && !is_pinned(place))
        return false;
    place->is_forced = members[FORCE].value.type == JSON_TRUE;
    place->strategy = strategy_of(members[STRATEGY].value);
    if (needs_options) {
        fleet_feature_tag(FLEET_OPTIONS, placement->feature);
        memcpy(tag_new(placement), placement->feature, FLEET_TAG_LEN);
        place->needed = placement->feature;
    }
    return true;
}

bool rest_placement_read(struct rest_placement *placement, struct json value, struct slice type,
                         bool needs_options)
{
    struct json_member members[MEMBERS] = {
        [LABELS] = { .name = "labels" },
        [STRATEGY] = { .name = "strategy" },
        [INSTANCE_ID] = { .name = "instanceId" },
        [PROCESS_UID] = { .name = "processUid" },
        [FORCE] = { .name = "force" },
        [TYPE] = { .name = "type" },
    };

    memset(placement, 0, sizeof *placement);
    placement->place.tags = placement->tags;
    buf_init(&placement->texts, value.raw.len + 1); /* decoded, nothing grows */
    buf_reserve(&placement->texts, value.raw.len + 1);
    if (value.type != JSON_ABSENT && !json_members(value, members, MEMBERS))
        return false;
    return placement_fill(placement, members, type, needs_options);
}

void rest_placement_fini(struct rest_placement *placement)
{
    buf_fini(&placement->texts);
}

/* ---- metadata -------------------------------------------------------------------------------------------------- */

bool rest_metadata_read(struct json value, struct buf *out)
{
    static const struct rest_pairs_limits limits = {
        .count = METADATA_MAX,
        .key_units = METADATA_KEY_UNITS,
        .value_units = METADATA_VALUE_UNITS,
    };

    return rest_pairs_write(value, &limits, out);
}
