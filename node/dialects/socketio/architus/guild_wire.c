/* SPDX-License-Identifier: MIT */
/* Member by member, in their order; what we say ourselves stands at the end. */
#include "guild_wire.h"

#include "architus_wire.h"

enum { ID_MAX = 64 };

/* A text of digits as a number, all else as it is. JSON knows no number with noughts before it. */
static void add_number(struct buf *out, struct json value)
{
    struct buf text;
    struct slice id;
    bool is_number;

    buf_init(&text, ID_MAX);
    id = value.type == JSON_STRING ? wire_id(value, &text) : (struct slice){ NULL, 0 };
    is_number = id.data != NULL && (id.len == 1 || id.data[0] != '0');
    buf_add_slice(out, is_number ? id : value.raw);
    buf_fini(&text);
}

/* A number of digits as a text, a text as it is. */
static void add_id(struct buf *out, struct json value)
{
    struct buf text;
    struct slice id;

    buf_init(&text, ID_MAX);
    id = value.type == JSON_NUMBER ? wire_id(value, &text) : (struct slice){ NULL, 0 };
    if (id.data != NULL)
        json_quote(out, id);
    else
        buf_add_slice(out, value.raw);
    buf_fini(&text);
}

static void add_as_it_is(struct buf *out, struct json value)
{
    wire_add_exact(out, value);
}

static void leave_out(struct buf *out, struct json value)
{
    (void)out;
    (void)value;
}

static const struct {
    const char *name;                                   /* as it stands in the text */
    void (*add[2])(struct buf *out, struct json value); /* of a shard, of Discord */
} members[] = {
    { "\"id\"", { add_id, add_id } },
    { "\"owner_id\"", { add_id, add_id } },
    { "\"permissions\"", { add_number, add_number } },
    { "\"owner\"", { leave_out, add_as_it_is } },
    { "\"has_architus\"", { leave_out, leave_out } },
    { "\"architus_admin\"", { add_as_it_is, leave_out } },
};

static void add_member(struct buf *out, struct json name, struct json value,
                       enum guild_source source)
{
    void (*add)(struct buf *, struct json) = add_as_it_is;

    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        if (slice_is(name.raw, members[i].name))
            add = members[i].add[source];
    if (add == leave_out)
        return;
    buf_add_slice(out, name.raw);
    buf_add_byte(out, ':');
    add(out, value);
    buf_add_byte(out, ',');
}

struct slice guild_id_of(struct json guild, struct buf *text)
{
    struct json_member id = { .name = "id" };

    if (!json_members(guild, &id, 1))
        return (struct slice){ NULL, 0 };
    return wire_id(id.value, text);
}

static bool is_owned_by(struct json owner, struct slice user)
{
    struct buf text;
    bool is_owner;

    buf_init(&text, ID_MAX);
    is_owner = slice_equals(wire_id(owner, &text), user);
    buf_fini(&text);
    return is_owner;
}

bool guild_write(struct buf *out, struct json guild, enum guild_source source, struct slice user)
{
    struct json_member known[] = { { .name = "owner_id" },
                                   { .name = "features" },
                                   { .name = "architus_admin" },
                                   { .name = "owner" } };
    struct json name, value;
    size_t offset = 0;
    struct buf text;
    bool has_id;

    buf_init(&text, ID_MAX);
    has_id = guild_id_of(guild, &text).data != NULL;
    buf_fini(&text);
    if (!has_id || !json_members(guild, known, 4))
        return false;
    buf_add_byte(out, '{');
    while (json_next_member(guild, &offset, &name, &value))
        add_member(out, name, value, source);
    if (known[1].value.type == JSON_ABSENT)
        buf_add_text(out, "\"features\":[],");
    if (source == GUILD_OF_DISCORD || known[2].value.type == JSON_ABSENT)
        buf_add_text(out, "\"architus_admin\":false,");
    if (source == GUILD_OF_SHARD)
        buf_printf(out, "\"owner\":%s,", is_owned_by(known[0].value, user) ? "true" : "false");
    else if (known[3].value.type == JSON_ABSENT)
        buf_add_text(out, "\"owner\":false,");
    buf_printf(out, "\"has_architus\":%s}", source == GUILD_OF_SHARD ? "true" : "false");
    return true;
}
