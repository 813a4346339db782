/* SPDX-License-Identifier: MIT */
/*
 * Digests: of all that documents show, which is written for it in a form of which no two things have the same, and
 * tags. Both are what stands at the beginning of a SHA-256.
 */
#include <assert.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/pack.h"
#include "fleet_state.h"
#include "json.h"

enum { SHA256_SIZE = 32 };

static void hash(struct buf *text, uint8_t out[SHA256_SIZE])
{
    struct slice bytes = buf_slice(text);
    int is_done = EVP_Digest(bytes.data, bytes.len, out, NULL, EVP_sha256(), NULL);

    assert(is_done == 1 && !text->has_overflowed);
    (void)is_done;
    buf_fini(text);
}

/* ---- of an instance --------------------------------------------------------------------------------------- */

static void add_limit(struct buf *out, bool is_there, int32_t limit)
{
    pack_number(out, is_there);
    pack_number(out, is_there ? (uint32_t)limit : 0);
}

static void add_lists(struct buf *out, const struct fleet_instance *instance)
{
    pack_number(out, instance->label_count);
    for (size_t i = 0; i < instance->label_count; i++) {
        pack_slice(out, instance->labels[i].key);
        pack_slice(out, instance->labels[i].value);
    }
    pack_number(out, instance->type_count);
    for (size_t i = 0; i < instance->type_count; i++)
        pack_slice(out, instance->types[i]);
}

static void add_rooms(struct buf *out, const struct fleet_instance *instance)
{
    pack_number(out, instance->room_count);
    for (size_t i = 0; i < instance->room_count; i++) {
        const struct fleet_instance_room *room = &instance->rooms[i];
        bool is_described = !slice_is(room->metadata, "{}");

        pack_slice(out, room->base);
        pack_slice(out, room->type);
        pack_number(out, room->connections);
        pack_number(out, room->is_local);
        pack_slice(out, is_described ? room->metadata : SLICE_LITERAL(""));
    }
}

void fleet_instance_digest(const struct fleet_instance *instance, struct slice id,
                           char out[FLEET_HASH_LEN + 1])
{
    uint8_t digest[SHA256_SIZE];
    struct buf shown;

    buf_init(&shown, SIZE_MAX);
    pack_slice(&shown, id);
    pack_slice(&shown, instance->name);
    pack_slice(&shown, instance->process_uid);
    pack_slice(&shown, instance->agent_version);
    pack_slice(&shown, instance->endpoint_url);
    pack_slice(&shown, instance->status);
    pack_number(&shown, instance->protocol_version);
    pack_number(&shown, instance->creates);
    add_limit(&shown, instance->has_max_connections, instance->max_connections);
    add_limit(&shown, instance->has_max_rooms, instance->max_rooms);
    add_lists(&shown, instance);
    add_rooms(&shown, instance);
    hash(&shown, digest);
    hex_write(digest, FLEET_HASH_LEN / 2, out);
}

/* ---- tags ------------------------------------------------------------------------------------------------- */

void fleet_tag(enum fleet_tag_kind kind, struct slice key, struct slice value,
               uint8_t out[FLEET_TAG_LEN])
{
    uint8_t digest[SHA256_SIZE];
    struct buf text;

    buf_init(&text, SIZE_MAX);
    pack_number(&text, kind);
    pack_slice(&text, key);
    pack_slice(&text, value);
    hash(&text, digest);
    memcpy(out, digest, FLEET_TAG_LEN);
}

void fleet_feature_tag(enum fleet_feature feature, uint8_t out[FLEET_TAG_LEN])
{
    const char bit = (char)('0' + feature);

    fleet_tag(FLEET_TAG_FEATURE, (struct slice){ &bit, 1 }, SLICE_LITERAL(""), out);
}

static int compare_tags(const void *a, const void *b)
{
    return memcmp(a, b, FLEET_TAG_LEN);
}

static size_t without_doubles(uint8_t tags[][FLEET_TAG_LEN], size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || memcmp(tags[kept - 1], tags[i], FLEET_TAG_LEN) != 0)
            memmove(tags[kept++], tags[i], FLEET_TAG_LEN);
    }
    return kept;
}

size_t fleet_instance_tags(const struct fleet_instance *instance,
                           uint8_t out[FLEET_TAGS_MAX][FLEET_TAG_LEN])
{
    static const enum fleet_feature features[] = { FLEET_OPTIONS, FLEET_METADATA };
    size_t count = 0;

    for (size_t i = 0; i < instance->type_count; i++)
        fleet_tag(FLEET_TAG_TYPE, instance->types[i], SLICE_LITERAL(""), out[count++]);
    for (size_t i = 0; i < instance->label_count; i++)
        fleet_tag(FLEET_TAG_LABEL, instance->labels[i].key, instance->labels[i].value,
                  out[count++]);
    for (size_t i = 0; i < sizeof features / sizeof features[0]; i++) {
        if ((instance->features & features[i]) != 0)
            fleet_feature_tag(features[i], out[count++]);
    }
    qsort(out, count, FLEET_TAG_LEN, compare_tags);
    return without_doubles(out, count);
}
