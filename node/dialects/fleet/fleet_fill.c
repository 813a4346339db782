/* SPDX-License-Identifier: MIT */
/* What the store wants of an instance: texts are written one behind the other, and pointed to when none moves any more. */
#include <ctype.h>

#include "fleet_state.h"
#include "json.h"

/* ---- how large it may be ------------------------------------------------------------------------------ */

enum {
    DOCUMENTS_MAX = 48 * 1024 * 1024,
    ROOM_BYTES = 160,  /* a room's document without what its agent says       */
    PLAIN_BYTES = 2,   /* of a text's byte: within JSON, and within a base … */
    SPECIAL_BYTES = 9, /* … as \u0000 and %00                                */
};

static size_t bytes_of_texts(struct slice image)
{
    size_t bytes = image.len * PLAIN_BYTES;

    for (size_t i = 0; i < image.len; i++)
        if (!isalnum((unsigned char)image.data[i]))
            bytes += SPECIAL_BYTES - PLAIN_BYTES;
    return bytes;
}

bool fleet_instance_fits(const struct fleet_instance *instance)
{
    struct slice image = buf_slice(&instance->text);
    struct buf repeated;
    size_t bytes;

    if (image.len > FLEET_RECORD_MAX)
        return false;
    buf_init(&repeated, SIZE_MAX);
    json_quote(&repeated, instance->endpoint_url);
    json_quote(&repeated, instance->process_uid);
    bytes = instance->room_count * (ROOM_BYTES + repeated.len) + bytes_of_texts(image);
    buf_fini(&repeated);
    return bytes <= DOCUMENTS_MAX;
}

/* ---- texts -------------------------------------------------------------------------------------------- */

enum text { RECORD, DIGEST, UID_JSON, TYPES, DOCUMENT, REST, TAGS, TEXTS };

static void write_digest(struct buf *out, const struct fleet_instance *instance, struct slice id)
{
    char digest[FLEET_HASH_LEN + 1];

    fleet_instance_digest(instance, id, digest);
    buf_add_text(out, digest);
}

static size_t write_tags(struct buf *out, const struct fleet_instance *instance)
{
    uint8_t tags[FLEET_TAGS_MAX][FLEET_TAG_LEN];
    size_t count = fleet_instance_tags(instance, tags);

    buf_add(out, tags, count * FLEET_TAG_LEN);
    return count;
}

/* One behind the other; where each begins is noted. Returns the number of tags. */
static size_t write_texts(struct buf *out, const struct fleet_instance *instance, struct slice id,
                          int64_t synced_ms, size_t starts[TEXTS + 1])
{
    size_t tags;

    starts[RECORD] = out->len;
    fleet_instance_write(instance, out);
    starts[DIGEST] = out->len;
    write_digest(out, instance, id);
    starts[UID_JSON] = out->len;
    json_quote(out, instance->process_uid);
    starts[TYPES] = out->len;
    fleet_types_write(out, instance);
    starts[DOCUMENT] = out->len;
    fleet_instance_head(out, instance, id);
    starts[REST] = out->len;
    fleet_instance_rest(out, instance, synced_ms);
    starts[TAGS] = out->len;
    tags = write_tags(out, instance);
    starts[TEXTS] = out->len;
    return tags;
}

static struct slice text_of(const struct buf *texts, const size_t starts[TEXTS + 1], enum text text)
{
    return (struct slice){ texts->data + starts[text], starts[text + 1] - starts[text] };
}

/* Within the JSON string. */
static struct slice unquoted(struct slice quoted)
{
    return (struct slice){ quoted.data + 1, quoted.len - 2 };
}

enum fleet_status fleet_status_of(struct slice status)
{
    if (slice_is(status, "active"))
        return FLEET_ACTIVE;
    return slice_is(status, "draining") ? FLEET_DRAINING : FLEET_OTHER;
}

static void fill_numbers(struct fleet_state *state, const struct fleet_instance *instance)
{
    state->status = fleet_status_of(instance->status);
    state->creates = instance->creates;
    state->has_max_rooms = instance->has_max_rooms;
    state->has_max_connections = instance->has_max_connections;
    state->max_rooms = instance->max_rooms;
    state->max_connections = instance->max_connections;
    state->connections = instance->connections;
    state->room_count = (uint32_t)instance->room_count;
}

bool fleet_state_fill(struct fleet_state *state, const struct fleet_instance *instance,
                      struct slice id, int64_t synced_ms, struct buf *texts)
{
    size_t starts[TEXTS + 1];
    size_t tags = write_texts(texts, instance, id, synced_ms, starts);

    if (texts->has_overflowed)
        return false;
    fill_numbers(state, instance);
    state->id = id;
    state->uid = instance->process_uid;
    state->record = text_of(texts, starts, RECORD);
    state->digest = text_of(texts, starts, DIGEST);
    state->uid_json = unquoted(text_of(texts, starts, UID_JSON));
    state->types = text_of(texts, starts, TYPES);
    state->document = text_of(texts, starts, DOCUMENT);
    state->rest = text_of(texts, starts, REST);
    state->tags = (void *)(uintptr_t)text_of(texts, starts, TAGS).data;
    state->tag_count = tags;
    return true;
}
