/* SPDX-License-Identifier: MIT */
/* The options file: one JSON object. Numbers and booleans are as good as the texts for them. */
#include <inttypes.h>
#include <stdio.h>

#include <jansson.h>

#include "config_option.h"

/* A value as the text that a flag would have. NULL: it is none of those. */
static const char *text_of(const json_t *value, char *room, size_t size)
{
    if (json_is_string(value))
        return json_string_value(value);
    if (json_is_boolean(value))
        return json_is_true(value) ? "true" : "false";
    if (!json_is_integer(value))
        return NULL;
    snprintf(room, size, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return room;
}

static bool give(const char *name, const json_t *value, config_member_fn *on_member, void *ctx,
                 struct why *why)
{
    char room[32];
    const char *text = text_of(value, room, sizeof room);

    if (text == NULL)
        return why_set(why, "%.80s: must be a text, a whole number, true, false, or a list of them",
                       name);
    on_member(name, text, ctx);
    return true;
}

static bool give_items(const char *name, json_t *array, config_member_fn *on_member, void *ctx,
                       struct why *why)
{
    size_t index;
    json_t *item;

    if (json_array_size(array) == 0)
        on_member(name, NULL, ctx);
    json_array_foreach(array, index, item)
    {
        if (!give(name, item, on_member, ctx, why))
            return false;
    }
    return true;
}

static bool give_members(json_t *object, config_member_fn *on_member, void *ctx, struct why *why)
{
    const char *name;
    json_t *value;

    json_object_foreach(object, name, value)
    {
        if (json_is_array(value) ? !give_items(name, value, on_member, ctx, why)
                                 : !give(name, value, on_member, ctx, why))
            return false;
    }
    return true;
}

bool config_read_file(const char *path, config_member_fn *on_member, void *ctx, struct why *why)
{
    json_error_t error;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    bool is_good;

    if (root == NULL)
        return error.line > 0 ? why_set(why, "line %d: %s", error.line, error.text)
                              : why_set(why, "%s", error.text);
    is_good = json_is_object(root) ? give_members(root, on_member, ctx, why)
                                   : why_set(why, "must be a JSON object");
    json_decref(root);
    return is_good;
}
