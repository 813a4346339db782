/* SPDX-License-Identifier: MIT */
/*
 * Requests are checked member by member. What is decoded goes into one text that is as large as the argument
 * from the start: nothing gets longer by being decoded, so nothing moves once it has been pointed to.
 */
#include "architus_wire.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/mem.h"

enum { ID_DIGITS_MAX = 20, ID_DIGITS_PROPER = 7, LIMIT_DEFAULT = 25 };

#define NOTHING ((struct slice){ NULL, 0 })

static bool is_given(struct json value)
{
    return value.type != JSON_ABSENT && value.type != JSON_NULL;
}

static bool is_id(struct slice text)
{
    if (text.len == 0 || text.len > ID_DIGITS_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    return true;
}

struct slice wire_text(struct json value, struct buf *text)
{
    size_t start = text->len;

    if (value.type != JSON_STRING || !json_text(value, text))
        return NOTHING;
    if (text->len == start)
        return SLICE_LITERAL(""); /* there may be no text to point to */
    return (struct slice){ text->data + start, text->len - start };
}

struct slice wire_id(struct json value, struct buf *text)
{
    size_t start = text->len;
    struct slice id;

    if (value.type == JSON_NUMBER && is_id(value.raw) && buf_add_slice(text, value.raw))
        return (struct slice){ text->data + start, text->len - start };
    id = wire_text(value, text);
    return is_id(id) ? id : NOTHING;
}

bool wire_id_is_proper(struct slice id)
{
    return is_id(id) && id.len >= ID_DIGITS_PROPER;
}

/* Beyond 2^53 - 1, and whole. */
static bool is_rounded(struct slice number)
{
    static const char max[] = "9007199254740991";
    size_t max_len = sizeof max - 1, sign = number.data[0] == '-';
    struct slice digits = { number.data + sign, number.len - sign };

    for (size_t i = 0; i < digits.len; i++)
        if (digits.data[i] < '0' || digits.data[i] > '9')
            return false;
    return digits.len > max_len || (digits.len == max_len && memcmp(digits.data, max, max_len) > 0);
}

void wire_add_exact(struct buf *out, struct json value)
{
    const char *at = value.raw.data, *end = at + value.raw.len;
    struct json_walk walk;
    enum json_step step;

    json_walk_init(&walk, value);
    while (value.type != JSON_ABSENT && (step = json_walk_next(&walk)) != JSON_STEP_END) {
        struct slice number = walk.value.raw;

        if (step != JSON_STEP_VALUE || walk.value.type != JSON_NUMBER || !is_rounded(number))
            continue;
        buf_add(out, at, (size_t)(number.data - at));
        json_quote(out, number);
        at = number.data + number.len;
    }
    if (at != end)
        buf_add(out, at, (size_t)(end - at));
}

static void text_init(struct buf *text, struct json argument)
{
    buf_init(text, argument.raw.len + 1);
    buf_reserve(text, argument.raw.len);
}

static size_t count_characters(struct slice text)
{
    size_t count = 0;

    for (size_t i = 0; i < text.len; i++)
        count += ((unsigned char)text.data[i] & 0xc0) != 0x80;
    return count;
}

/* ---- pool_* -------------------------------------------------------------------------------------- */

enum member { NUMBER, TYPE, GUILD, IDS, TOKEN, QUERY, LIMIT, MEMBERS };

struct seen {
    UT_hash_handle hh; /* by an id */
};

static void add_id(struct ask *ask, struct slice id, struct seen **seen, struct seen *place)
{
    struct seen *before;

    HASH_FIND(hh, *seen, id.data, id.len, before);
    if (before != NULL)
        return;
    HASH_ADD_KEYPTR(hh, *seen, id.data, id.len, place);
    ask->ids[ask->id_count++] = id;
}

static const char *parse_ids(struct json ids, struct ask *ask)
{
    struct seen *seen = NULL, *places;
    struct json item;
    size_t offset = 0, count = 0;

    while (json_next(ids, &offset, &item))
        count++;
    if (count == 0)
        return "ids: must be an array that is not empty";
    if (count > ASK_IDS_MAX)
        return "ids: must be at most 1000";
    ask->ids = xcalloc(count, sizeof *ask->ids);
    places = xcalloc(count, sizeof *places);
    for (offset = 0; json_next(ids, &offset, &item);) {
        struct slice id = wire_id(item, &ask->text);

        if (wire_id_is_proper(id))
            add_id(ask, id, &seen, &places[ask->id_count]);
        else
            ask->bad_ids++;
    }
    HASH_CLEAR(hh, seen);
    free(places);
    return NULL;
}

static const char *parse_query(const struct json_member *members, struct ask *ask)
{
    int64_t limit = LIMIT_DEFAULT;
    size_t characters;

    ask->query = wire_text(members[QUERY].value, &ask->text);
    characters = count_characters(ask->query);
    if (characters == 0 || characters > ASK_QUERY_MAX)
        return "query: must be a string of 1 to 32 characters";
    if (is_given(members[LIMIT].value) &&
        !json_whole(members[LIMIT].value, 1, ASK_LIMIT_MAX, &limit))
        return "limit: must be a number from 1 to 100";
    ask->limit = (uint32_t)limit;
    return NULL;
}

static const char *parse_members(const struct json_member *members, enum ask_kind kind,
                                 struct ask *ask)
{
    ask->type = wire_text(members[TYPE].value, &ask->text);
    if (ask->type.len == 0)
        return "type: must be a string";
    if (is_given(members[GUILD].value)) {
        ask->guild = wire_id(members[GUILD].value, &ask->text);
        if (ask->guild.data == NULL)
            return "guildId: must be an id";
    }
    if (is_given(members[TOKEN].value)) {
        ask->token = wire_text(members[TOKEN].value, &ask->text);
        if (ask->token.len == 0 || ask->token.len > ASK_TOKEN_MAX)
            return "token: must be a string";
    }
    if (kind == ASK_IDS)
        return parse_ids(members[IDS].value, ask);
    return kind == ASK_SEARCH ? parse_query(members, ask) : NULL;
}

const char *ask_parse(struct json argument, enum ask_kind kind, struct ask *ask)
{
    struct json_member members[MEMBERS] = {
        [NUMBER] = { .name = "_id" },    [TYPE] = { .name = "type" },
        [GUILD] = { .name = "guildId" }, [IDS] = { .name = "ids" },
        [TOKEN] = { .name = "token" },   [QUERY] = { .name = "query" },
        [LIMIT] = { .name = "limit" },
    };

    text_init(&ask->text, argument);
    if (argument.type != JSON_OBJECT || !json_members(argument, members, MEMBERS))
        return "the argument must be an object";
    ask->has_number = json_whole(members[NUMBER].value, 0, INT64_MAX, &ask->number);
    if (!ask->has_number)
        return "_id: must be a whole number";
    return parse_members(members, kind, ask);
}

void ask_fini(struct ask *ask)
{
    free(ask->ids);
    ask->ids = NULL;
    ask->id_count = 0;
    buf_fini(&ask->text);
}

/* ---- the other requests ---------------------------------------------------------------------------- */

bool proof_parse(struct json argument, struct proof *proof)
{
    struct json_member members[] = { { .name = "nonce" }, { .name = "token" } };

    *proof = (struct proof){ .nonce = NOTHING };
    text_init(&proof->text, argument);
    if (argument.type != JSON_OBJECT) {
        proof->nonce = wire_id(argument, &proof->text);
    } else if (json_members(argument, members, 2)) {
        proof->nonce = wire_id(members[0].value, &proof->text);
        proof->token = wire_text(members[1].value, &proof->text);
    }
    if (proof->token.len > ASK_TOKEN_MAX)
        proof->token = NOTHING;
    return proof->nonce.len > 0 || proof->token.len > 0;
}

bool spectate_parse(struct json argument, struct spectate *spectate)
{
    struct json_member members[] = { { .name = "guild_id" },
                                     { .name = "guildId" },
                                     { .name = "include_logs" },
                                     { .name = "non_pool" } };

    *spectate = (struct spectate){ .guild = NOTHING };
    text_init(&spectate->text, argument);
    if (argument.type == JSON_NULL)
        return true;
    if (argument.type != JSON_OBJECT) {
        spectate->guild = wire_id(argument, &spectate->text);
        spectate->has_logs = true;
        return spectate->guild.data != NULL;
    }
    if (!json_members(argument, members, 4))
        return false;
    spectate->guild =
        wire_id(is_given(members[0].value) ? members[0].value : members[1].value, &spectate->text);
    spectate->has_logs = members[2].value.type == JSON_TRUE || members[3].value.type == JSON_TRUE;
    return spectate->guild.data != NULL;
}

static bool is_short(struct json value)
{
    struct buf text;
    bool is_good;

    if (!is_given(value))
        return true;
    buf_init(&text, MOCK_SIZE_MAX);
    is_good = value.type == JSON_STRING && json_text(value, &text) &&
              (text.len == 0 || count_characters(buf_slice(&text)) <= MOCK_CONTENT_MAX);
    buf_fini(&text);
    return is_good;
}

/* All members are passed on, so both spellings have to be of a guild of the demo. */
const char *mock_check(struct json argument, struct slice *guild_out)
{
    struct json_member members[] = { { .name = "guildId" },
                                     { .name = "guild_id" },
                                     { .name = "content" } };
    struct json guild, other;
    int64_t number;

    if (argument.type != JSON_OBJECT || !json_members(argument, members, 3))
        return "the argument must be an object";
    if (argument.raw.len > MOCK_SIZE_MAX)
        return "too large";
    guild = is_given(members[0].value) ? members[0].value : members[1].value;
    other = is_given(members[1].value) ? members[1].value : guild;
    if (!json_whole(guild, 0, MOCK_GUILD_MAX, &number) ||
        !json_whole(other, 0, MOCK_GUILD_MAX, &number))
        return "guildId: must be a number below 10000000";
    if (!is_short(members[2].value))
        return "content: must be a string of at most 2000 characters";
    *guild_out = guild.raw;
    return NULL;
}

/* ---- answers ----------------------------------------------------------------------------------------- */

void pool_response_write(struct buf *out, const struct pool_response *response)
{
    buf_printf(out, "{\"_id\":%" PRId64 ",\"finished\":%s,\"nonexistant\":[", response->number,
               response->is_finished ? "true" : "false");
    buf_add_slice(out, response->absent);
    buf_add_text(out, "],\"data\":[");
    buf_add_slice(out, response->data);
    buf_add_text(out, "]}");
}

static void add_quoted(struct buf *out, const char *name, const char *text)
{
    buf_printf(out, "\"%s\":", name);
    if (text == NULL)
        buf_add_text(out, "null");
    else
        json_quote(out, slice_of(text));
    buf_add_byte(out, ',');
}

void error_write(struct buf *out, const struct error_answer *error)
{
    buf_add_byte(out, '{');
    add_quoted(out, "message", error->message);
    add_quoted(out, "human", error->human);
    add_quoted(out, "details", error->details);
    buf_add_text(out, "\"context\":[");
    buf_add_slice(out, error->context);
    buf_printf(out, "],\"code\":%d,\"_id\":%" PRId64 "}", error->code,
               error->has_number ? error->number : 0);
}

void event_write(struct buf *out, const char *name, struct slice object)
{
    buf_printf(out, "[\"%s\",", name);
    buf_add_slice(out, object);
    buf_add_byte(out, ']');
}
