/* SPDX-License-Identifier: MIT */
/*
 * POST /v1/rooms. Everything in the body that can be wrong is found before anything is asked of the store; what can be
 * taken or missing is found there, in one step. The answer is made of the request and of who has the room: no state of
 * the agent shows it yet.
 */
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/mem.h"
#include "rest_inner.h"

enum { OPTIONS_MAX = 16 * 1024, RANDOM_CHARS = 21 };
enum { TYPE, ROOM_ID, PLACEMENT, OPTIONS, OPTIONS_REQUIRED, METADATA, MEMBERS };

/* What the answer says of the room. */
struct rest_create {
    struct buf type, room, metadata;
};

void rest_create_forget(struct rest_create **create)
{
    if (*create == NULL)
        return;
    buf_fini(&(*create)->type);
    buf_fini(&(*create)->room);
    buf_fini(&(*create)->metadata);
    free(*create);
    *create = NULL;
}

/* ---- the answer ----------------------------------------------------------------------------------------- */

static void write_room(struct buf *out, const struct rest_create *create,
                       const struct order_result *result)
{
    buf_add_text(out, "{\"id\":");
    json_quote(out, buf_slice(&create->room));
    buf_add_text(out, ",\"type\":");
    json_quote(out, buf_slice(&create->type));
    buf_add_text(out, ",\"connections\":0,\"instanceId\":");
    json_quote(out, result->instance);
    buf_add_text(out, ",\"endpointUrl\":");
    buf_add_slice(out, result->endpoint_url);
    buf_add_text(out, ",\"local\":false");
    if (create->metadata.len > 0) {
        buf_add_text(out, ",\"metadata\":");
        buf_add_slice(out, buf_slice(&create->metadata));
    }
    buf_add_byte(out, '}');
}

static void on_created(const struct order_result *result, void *ctx)
{
    struct rest_call *call = ctx;
    struct buf room;

    if (result->answer != FLEET_ANSWER_OK) {
        rest_refuse(call, rest_cause_of(result->answer));
        return;
    }
    buf_init(&room, SIZE_MAX); /* bounded by the request and by what a state may say */
    write_room(&room, call->create, result);
    rest_reply(call, 201, buf_slice(&room));
    buf_fini(&room);
}

/* ---- the body -------------------------------------------------------------------------------------------- */

static void invent_id(struct buf *out)
{
    static const char alphabet[64] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    unsigned char random[RANDOM_CHARS];

    if (uv_random(NULL, NULL, random, sizeof random, 0, NULL) != 0)
        abort();
    buf_add_text(out, "r_");
    for (size_t i = 0; i < RANDOM_CHARS; i++)
        buf_add_byte(out, alphabet[random[i] & 63]);
}

static bool read_id(struct rest_create *create, struct json value)
{
    if (value.type == JSON_ABSENT) {
        invent_id(&create->room);
        return true;
    }
    return rest_coerce_text(value, &create->room) &&
           fleet_room_id_is_clean(buf_slice(&create->room));
}

static bool read_metadata(struct rest_create *create, struct json value)
{
    if (value.type == JSON_ABSENT)
        return true;
    if (!rest_metadata_read(value, &create->metadata))
        return false;
    if (slice_is(buf_slice(&create->metadata), "{}"))
        buf_clear(&create->metadata);
    return true;
}

static bool options_are_good(struct json value)
{
    return value.type == JSON_ABSENT || (value.type == JSON_OBJECT && value.raw.len <= OPTIONS_MAX);
}

static bool create_read(struct rest_create *create, const struct json_member *members)
{
    struct json type = members[TYPE].value;

    return rest_coerce_text(type, &create->type) && create->type.len > 0 &&
           read_id(create, members[ROOM_ID].value) && options_are_good(members[OPTIONS].value) &&
           read_metadata(create, members[METADATA].value);
}

/* ---- the order ---------------------------------------------------------------------------------------------- */

static void place_chance(struct fleet_place *place)
{
    if (uv_random(NULL, NULL, place->random, sizeof place->random, 0, NULL) != 0)
        abort();
}

static void order(struct rest_call *call, const struct json_member *members)
{
    struct rest_create *create = call->create;
    struct slice options = members[OPTIONS].value.raw;
    bool needs_options = members[OPTIONS].value.type != JSON_ABSENT &&
                         members[OPTIONS_REQUIRED].value.type != JSON_FALSE;
    struct rest_placement placement;

    if (!rest_placement_read(&placement, members[PLACEMENT].value, buf_slice(&create->type),
                             needs_options)) {
        rest_placement_fini(&placement);
        rest_refuse(call, REST_VALIDATION);
        return;
    }
    placement.place.room = buf_slice(&create->room);
    placement.place.metadata = buf_slice(&create->metadata);
    place_chance(&placement.place);
    call->order = order_create(call->realm, &placement.place, buf_slice(&create->type), options,
                               on_created, call);
    rest_placement_fini(&placement);
}

static struct rest_create *create_new(size_t text_max)
{
    struct rest_create *create = xcalloc(1, sizeof *create);

    buf_init(&create->type, text_max);
    buf_init(&create->room, text_max);
    buf_init(&create->metadata, 6 * text_max);
    return create;
}

void rest_create_room(struct rest_call *call)
{
    struct json_member members[MEMBERS] = {
        [TYPE] = { .name = "type" },
        [ROOM_ID] = { .name = "roomId" },
        [PLACEMENT] = { .name = "placement" },
        [OPTIONS] = { .name = "options" },
        [OPTIONS_REQUIRED] = { .name = "optionsRequired" },
        [METADATA] = { .name = "metadata" },
    };

    call->create = create_new(call->body.raw.len + 64);
    if (json_members(call->body, members, MEMBERS) && create_read(call->create, members))
        order(call, members);
    else
        rest_refuse(call, REST_VALIDATION);
}
