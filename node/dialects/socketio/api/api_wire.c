/* SPDX-License-Identifier: MIT */
/*
 * A body is checked member by member. What is decoded goes into one text that is as large as the body from the
 * start: neither escapes nor base64 get longer, so nothing moves once it has been pointed to. Arguments are cut
 * out as they stand.
 */
#include "api_wire.h"

#include <inttypes.h>

#include "base/base64.h"

enum {
    EVENT,
    ARGS,
    NAMESPACE,
    ROOMS,
    SOCKETS,
    EXCEPT,
    VOLATILE,
    ID,
    ATTACHMENTS,
    ACK,
    CLOSE,
    MEMBERS
};

enum { LIST_MAX = 1000 }; /* items of any list; the limits proper are lower */

static bool is_given(struct json value)
{
    return value.type != JSON_ABSENT && value.type != JSON_NULL;
}

/* ---- what members are --------------------------------------------------------------------------------- */

static bool take_text(struct api_body *body, struct json value, struct slice *item_out)
{
    size_t start = body->text.len;

    if (!json_text(value, &body->text))
        return false;
    *item_out = (struct slice){ body->text.data + start, body->text.len - start };
    return true;
}

static bool take_list(struct api_body *body, struct json list, json_item_fn *take,
                      struct json_list *texts)
{
    return json_list_take(list, take, LIST_MAX, &body->text, texts);
}

/* ---- members -------------------------------------------------------------------------------------------- */

/* Brackets and all: "[1,2]"; what stands between them, when there is something. */
static struct slice inside(struct json array)
{
    struct json item;
    size_t offset = 0;

    if (!json_next(array, &offset, &item))
        return (struct slice){ NULL, 0 };
    return (struct slice){ array.raw.data + 1, array.raw.len - 2 };
}

static const char *parse_event(struct api_body *body, const struct json_member *members)
{
    struct json event = members[EVENT].value, args = members[ARGS].value;
    struct slice rest = { NULL, 0 };

    if (!is_given(event))
        return NULL;
    if (event.type != JSON_STRING)
        return "event: must be a string";
    if (is_given(args) && args.type != JSON_ARRAY)
        return "args: must be an array";
    if (is_given(args))
        rest = inside(args);
    body->has_event = true;
    buf_add_byte(&body->items, '[');
    buf_add_slice(&body->items, event.raw);
    if (rest.len > 0)
        buf_add_byte(&body->items, ',');
    buf_add_slice(&body->items, rest);
    buf_add_byte(&body->items, ']');
    return NULL;
}

static const char *parse_lists(struct api_body *body, const struct json_member *members)
{
    body->has_rooms = is_given(members[ROOMS].value);
    body->has_sockets = is_given(members[SOCKETS].value);
    if (!take_list(body, members[ROOMS].value, json_text, &body->rooms))
        return "rooms: must be an array of at most 1000 strings";
    if (!take_list(body, members[SOCKETS].value, json_text, &body->sockets))
        return "sockets: must be an array of at most 1000 strings";
    if (!take_list(body, members[EXCEPT].value, json_text, &body->except))
        return "except: must be an array of at most 1000 strings";
    if (!take_list(body, members[ATTACHMENTS].value, json_base64, &body->attachments))
        return "attachments: must be an array of base64 texts";
    return NULL;
}

static const char *parse_ack(struct api_body *body, struct json ack)
{
    struct json_member timeout = { .name = "timeout" };
    int64_t timeout_ms;

    if (!is_given(ack))
        return NULL;
    if (!json_members(ack, &timeout, 1) ||
        !json_whole(timeout.value, 1, API_ACK_MAX_MS, &timeout_ms))
        return "ack: must be {\"timeout\":<whole milliseconds from 1 to 60000>}";
    body->ack_timeout_ms = (uint32_t)timeout_ms;
    if (body->once.data != NULL)
        return "id, ack: exclude one another";
    return NULL;
}

static const char *parse_rest(struct api_body *body, const struct json_member *members)
{
    if (!json_flag(members[VOLATILE].value, &body->is_volatile))
        return "volatile: must be true or false";
    if (!json_flag(members[CLOSE].value, &body->closes))
        return "close: must be true or false";
    if (is_given(members[NAMESPACE].value) &&
        !take_text(body, members[NAMESPACE].value, &body->nsp))
        return "namespace: must be a string";
    if (is_given(members[ID].value) && !take_text(body, members[ID].value, &body->once))
        return "id: must be a string";
    return parse_ack(body, members[ACK].value);
}

const char *api_body_parse(struct slice json, struct api_body *body)
{
    struct json_member members[MEMBERS] = {
        [EVENT] = { .name = "event" },
        [ARGS] = { .name = "args" },
        [NAMESPACE] = { .name = "namespace" },
        [ROOMS] = { .name = "rooms" },
        [SOCKETS] = { .name = "sockets" },
        [EXCEPT] = { .name = "except" },
        [VOLATILE] = { .name = "volatile" },
        [ID] = { .name = "id" },
        [ATTACHMENTS] = { .name = "attachments" },
        [ACK] = { .name = "ack" },
        [CLOSE] = { .name = "close" },
    };
    struct json object;
    const char *wrong;

    body->nsp = SLICE_LITERAL("/");
    buf_init(&body->text, json.len);
    buf_init(&body->items, json.len + 8);
    if (json.len == 0)
        return NULL;
    if (!json_parse_within(json, 1, &object))
        return "body: is not JSON, or nested too deeply";
    if (!json_members(object, members, MEMBERS))
        return "body: must be a JSON object";
    buf_reserve(&body->text, json.len);
    wrong = parse_event(body, members);
    if (wrong == NULL)
        wrong = parse_lists(body, members);
    return wrong != NULL ? wrong : parse_rest(body, members);
}

void api_body_fini(struct api_body *body)
{
    json_list_fini(&body->rooms);
    json_list_fini(&body->sockets);
    json_list_fini(&body->except);
    json_list_fini(&body->attachments);
    buf_fini(&body->items);
    buf_fini(&body->text);
}

/* ---- answers ------------------------------------------------------------------------------------------- */

static void write_answer(struct buf *out, const struct sio_answer *answer)
{
    buf_add_text(out, "{\"socket\":");
    json_quote(out, answer->socket);
    buf_add_text(out, ",\"args\":");
    buf_add_slice(out, answer->args);
    for (size_t i = 0; i < answer->attachment_count; i++) {
        buf_add_text(out, i == 0 ? ",\"attachments\":[\"" : "\",\"");
        base64_encode(out, answer->attachments[i]);
    }
    buf_add_text(out, answer->attachment_count > 0 ? "\"]}" : "}");
}

void api_answers_write(struct buf *out, const struct sio_answers *answers)
{
    buf_printf(out, "{\"complete\":%s,\"clients\":%" PRIu32 ",\"answers\":[",
               answers->is_complete ? "true" : "false", answers->clients);
    for (size_t i = 0; i < answers->count; i++) {
        if (i > 0)
            buf_add_byte(out, ',');
        write_answer(out, &answers->items[i]);
    }
    buf_add_text(out, "]}");
}
