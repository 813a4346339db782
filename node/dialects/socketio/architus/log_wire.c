/* SPDX-License-Identifier: MIT */
/* Events are written in the order of the original's members; what it does not know is left out. */
#include "log_wire.h"

#include <string.h>

#include "architus_wire.h"

enum { TYPE_LEN_MAX = 32, ID_TEXT_MAX = 64 };

enum member { ID, OBJECT, PRIVATE, REVERSIBLE, ACTION, AGENT, SUBJECT, DATA, POOL, TTL, MEMBERS };

static const char *const names[MEMBERS] = {
    [ID] = "id",
    [OBJECT] = "discord_object",
    [PRIVATE] = "private",
    [REVERSIBLE] = "reversible",
    [ACTION] = "action_number",
    [AGENT] = "agent_id",
    [SUBJECT] = "subject_id",
    [DATA] = "data",
    [POOL] = "pool",
    [TTL] = "ttl",
};

static void find_members(struct json value, struct json_member members[MEMBERS])
{
    for (size_t i = 0; i < MEMBERS; i++)
        members[i] = (struct json_member){ .name = names[i] };
    json_members(value, members, MEMBERS);
}

static bool is_given(struct json value)
{
    return value.type != JSON_ABSENT && value.type != JSON_NULL;
}

static bool is_word(struct json value, const char *word)
{
    struct buf text;
    bool is_it;

    buf_init(&text, TYPE_LEN_MAX);
    is_it =
        value.type == JSON_STRING && json_text(value, &text) && slice_is(buf_slice(&text), word);
    buf_fini(&text);
    return is_it;
}

/* ---- reading ------------------------------------------------------------------------------------------- */

static const char *parse_type(struct log_event *event)
{
    event->is_kept = pool_type_find(event->type_name, &event->type);
    if (event->is_kept || slice_is(event->type_name, "user") || slice_is(event->type_name, "guild"))
        return NULL;
    return "pool.type: is not known";
}

static bool says_id(struct json entity, struct slice id)
{
    struct json_member said = { .name = "id" };
    struct buf text;
    bool is_it;

    buf_init(&text, ID_TEXT_MAX);
    is_it = json_members(entity, &said, 1) && slice_equals(wire_id(said.value, &text), id);
    buf_fini(&text);
    return is_it;
}

static const char *parse_pool(struct json pool, struct buf *text, struct log_event *event)
{
    struct json_member members[] = {
        { .name = "type" }, { .name = "op" }, { .name = "id" }, { .name = "entity" }
    };
    const char *wrong;

    if (!json_members(pool, members, 4))
        return "pool: must be an object";
    event->type_name = wire_text(members[0].value, text);
    wrong = parse_type(event);
    if (wrong != NULL)
        return wrong;
    event->entity_id = wire_id(members[2].value, text);
    if (event->entity_id.data == NULL)
        return "pool.id: must be an id";
    if (is_word(members[1].value, "remove")) {
        event->change = LOG_REMOVE;
        return NULL;
    }
    if (!is_word(members[1].value, "add") && !is_word(members[1].value, "update"))
        return "pool.op: must be add, update or remove";
    if (members[3].value.type != JSON_OBJECT || members[3].value.raw.len > POOL_ENTITY_MAX)
        return "pool.entity: must be an object of at most 64 KiB";
    event->change = LOG_PUT;
    event->entity = members[3].value;
    return says_id(event->entity, event->entity_id) ? NULL : "pool.entity.id: must be pool.id";
}

const char *log_event_parse(struct json value, struct buf *text, struct log_event *event)
{
    struct json_member members[MEMBERS];
    int64_t number;

    *event = (struct log_event){ .source = value };
    if (value.type != JSON_OBJECT)
        return "an event must be an object";
    find_members(value, members);
    if (is_given(members[ID].value)) {
        event->id = wire_id(members[ID].value, text);
        if (event->id.data == NULL)
            return "id: must be an id";
    }
    if (is_given(members[PRIVATE].value) && members[PRIVATE].value.type != JSON_TRUE &&
        members[PRIVATE].value.type != JSON_FALSE)
        return "private: must be true or false";
    event->is_private = members[PRIVATE].value.type == JSON_TRUE;
    event->has_action = is_given(members[ACTION].value);
    if (event->has_action && !json_whole(members[ACTION].value, -1, INT32_MAX, &number))
        return "action_number: must be a whole number";
    if (is_given(members[TTL].value) && !json_whole(members[TTL].value, 0, INT32_MAX, &number))
        return "ttl: must be a whole number of seconds";
    if (is_given(members[POOL].value))
        return parse_pool(members[POOL].value, text, event);
    return event->has_action ? NULL : "action_number or pool must be there";
}

/* ---- writing -------------------------------------------------------------------------------------------- */

static void add_id(struct buf *out, struct json value)
{
    struct slice id;
    struct buf text;

    buf_init(&text, ID_TEXT_MAX);
    id = wire_id(value, &text);
    if (id.data != NULL)
        json_quote(out, id);
    else
        buf_add_slice(out, value.raw);
    buf_fini(&text);
}

static void add_member(struct buf *out, enum member which, struct json value)
{
    bool is_id = which == OBJECT || which == AGENT || which == SUBJECT;

    if (value.type == JSON_ABSENT)
        return;
    buf_printf(out, ",\"%s\":", names[which]);
    if (is_id)
        add_id(out, value);
    else
        buf_add_slice(out, value.raw);
}

/* Settings are not for every member who watches: whoever may see them asks for them. */
static bool needs_a_right(const struct log_event *event)
{
    return event->is_kept && event->type == POOL_SETTING;
}

static void add_change(struct buf *out, const struct log_event *event, struct json pool)
{
    struct json_member op = { .name = "op" };

    json_members(pool, &op, 1);
    buf_add_text(out, ",\"pool\":{\"type\":");
    json_quote(out, event->type_name);
    buf_add_text(out, ",\"op\":");
    buf_add_slice(out, op.value.raw);
    buf_add_text(out, ",\"id\":");
    json_quote(out, event->entity_id);
    if (event->change == LOG_PUT && !needs_a_right(event)) {
        buf_add_text(out, ",\"entity\":");
        buf_add_slice(out, event->entity.raw);
    }
    buf_add_byte(out, '}');
}

static void start(struct buf *out, struct slice id, struct slice guild)
{
    buf_add_text(out, "{\"id\":");
    json_quote(out, id);
    buf_add_text(out, ",\"guild_id\":");
    json_quote(out, guild);
}

void log_event_write(struct buf *out, const struct log_event *event, struct slice id,
                     struct slice guild)
{
    struct json_member members[MEMBERS];

    find_members(event->source, members);
    start(out, id, guild);
    for (enum member which = OBJECT; which <= DATA; which++)
        add_member(out, which, members[which].value);
    if (event->change != LOG_NO_CHANGE)
        add_change(out, event, members[POOL].value);
    buf_add_byte(out, '}');
}

void log_change_write(struct buf *out, const struct log_event *event, struct slice id,
                      struct slice guild)
{
    struct json_member members[MEMBERS];

    find_members(event->source, members);
    start(out, id, guild);
    add_change(out, event, members[POOL].value);
    buf_add_byte(out, '}');
}
