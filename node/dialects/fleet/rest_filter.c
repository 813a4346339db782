/* SPDX-License-Identifier: MIT */
/*
 * ?type= and ?instanceId= (given once, else they do not count), ?label=k:v of the instance and ?meta=k:v of the room
 * (any number; of two with one key the last counts). All must match.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "http_url.h"
#include "rest_inner.h"

enum { PAIRS_MAX = 64 };

struct pairs {
    struct fleet_label items[PAIRS_MAX];
    size_t count;
};

struct once {
    struct slice value;
    size_t count;
};

struct rest_filter {
    struct once type, instance;
    struct pairs labels, metadata;
    struct buf texts;
};

/* ---- queries ------------------------------------------------------------------------------------------ */

static struct slice decode(struct slice text, struct buf *room)
{
    char *out = buf_reserve(room, text.len);
    size_t len;

    if (out == NULL || !url_decode(text, URL_PLUS_IS_BLANK, out, &len))
        return text;
    room->len += len;
    return (struct slice){ out, len };
}

void rest_query_room(struct buf *room, struct slice query)
{
    buf_init(room, query.len + 1);
    buf_reserve(room, query.len + 1); /* it does not move afterwards */
}

bool rest_query_next(struct slice *query, struct buf *room, struct slice *name_out,
                     struct slice *value_out)
{
    const char *end, *equals;
    size_t len;

    if (query->len == 0)
        return false;
    end = memchr(query->data, '&', query->len);
    len = end != NULL ? (size_t)(end - query->data) : query->len;
    equals = memchr(query->data, '=', len);

    struct slice name = { query->data, equals != NULL ? (size_t)(equals - query->data) : len };
    struct slice value = { name.data + name.len, 0 };

    if (equals != NULL)
        value = (struct slice){ equals + 1, len - name.len - 1 };
    len += end != NULL;
    *query = (struct slice){ query->data + len, query->len - len };
    *name_out = decode(name, room);
    *value_out = decode(value, room);
    return true;
}

/* ---- making ------------------------------------------------------------------------------------------- */

static void pairs_add(struct pairs *pairs, struct slice text)
{
    const char *colon = text.len > 1 ? memchr(text.data + 1, ':', text.len - 1) : NULL;
    struct fleet_label pair;
    size_t i = 0;

    if (colon == NULL)
        return;
    pair.key = (struct slice){ text.data, (size_t)(colon - text.data) };
    pair.value = (struct slice){ colon + 1, text.len - pair.key.len - 1 };
    while (i < pairs->count && !slice_equals(pairs->items[i].key, pair.key))
        i++;
    if (i < PAIRS_MAX)
        pairs->items[i] = pair;
    if (i == pairs->count && i < PAIRS_MAX)
        pairs->count++;
}

static void once_add(struct once *once, struct slice value)
{
    once->value = value;
    once->count++;
}

struct rest_filter *rest_filter_create(struct slice query)
{
    struct rest_filter *filter = xcalloc(1, sizeof *filter);
    struct slice name, value;

    rest_query_room(&filter->texts, query);
    while (rest_query_next(&query, &filter->texts, &name, &value)) {
        if (slice_is(name, "type"))
            once_add(&filter->type, value);
        else if (slice_is(name, "instanceId"))
            once_add(&filter->instance, value);
        else if (slice_is(name, "label"))
            pairs_add(&filter->labels, value);
        else if (slice_is(name, "meta"))
            pairs_add(&filter->metadata, value);
    }
    return filter;
}

void rest_filter_destroy(struct rest_filter **filter)
{
    if (*filter == NULL)
        return;
    buf_fini(&(*filter)->texts);
    free(*filter);
    *filter = NULL;
}

/* ---- matching -------------------------------------------------------------------------------------------- */

static bool has_label(const struct fleet_instance *instance, const struct fleet_label *wanted)
{
    for (size_t i = 0; i < instance->label_count; i++) {
        if (slice_equals(instance->labels[i].key, wanted->key))
            return slice_equals(instance->labels[i].value, wanted->value);
    }
    return false;
}

bool rest_filter_takes(const struct rest_filter *filter, const struct model_instance *instance)
{
    if (filter->instance.count == 1 && !slice_is(filter->instance.value, instance->id))
        return false;
    for (size_t i = 0; i < filter->labels.count; i++) {
        if (!has_label(instance->instance, &filter->labels.items[i]))
            return false;
    }
    return true;
}

static bool has_metadata(struct json object, const struct fleet_label *wanted)
{
    struct json name, value;
    size_t offset = 0;
    bool has = false;
    struct buf text;

    buf_init(&text, object.raw.len);
    while (json_next_member(object, &offset, &name, &value)) {
        buf_clear(&text);
        if (!json_text(name, &text) || !slice_equals(buf_slice(&text), wanted->key))
            continue;
        buf_clear(&text);
        has = json_text(value, &text) && slice_equals(buf_slice(&text), wanted->value);
    }
    buf_fini(&text);
    return has;
}

/* The agent's own wins. */
static bool has_all_metadata(const struct rest_filter *filter,
                             const struct model_instance *instance, size_t room)
{
    struct slice text = instance->instance->rooms[room].metadata;
    struct json object;

    if (filter->metadata.count == 0)
        return true;
    if (text.len == 0)
        text = model_room_metadata(instance, room);
    if (text.len == 0 || !json_parse(text, &object))
        return false;
    for (size_t i = 0; i < filter->metadata.count; i++) {
        if (!has_metadata(object, &filter->metadata.items[i]))
            return false;
    }
    return true;
}

bool rest_filter_takes_room(const struct rest_filter *filter, const struct model_instance *instance,
                            size_t room)
{
    const struct once *type = &filter->type;

    if (type->count == 1 &&
        (type->value.len == 0 || !slice_equals(type->value, instance->instance->rooms[room].type)))
        return false;
    return has_all_metadata(filter, instance, room);
}
