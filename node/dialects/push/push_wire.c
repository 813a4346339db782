/* SPDX-License-Identifier: MIT */
/*
 * A message is checked member by member; its payload is cut out as it stands. What is decoded goes into
 * one text that is as large as the body from the start: neither escapes nor numbers get longer, so
 * nothing moves once it has been pointed to. As in the original null is as good as nothing.
 */
#include "push_wire.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "json.h"
#include "store/channel.h"
#include "store/key.h"

enum member { PLAYER_ID, EVENT, PAYLOAD, ID, TTL, MEMBERS };

static bool is_given(const struct json_member *member)
{
    return member->value.type != JSON_ABSENT && member->value.type != JSON_NULL;
}

/* A decoded string; nothing when it is none. */
static struct slice decode(struct buf *text, struct json value)
{
    size_t start = text->len;

    if (!json_text(value, text))
        return (struct slice){ NULL, 0 };
    return (struct slice){ text->data + start, text->len - start };
}

static struct slice decode_id(struct buf *text, struct json value)
{
    struct slice id = decode(text, value);

    return key_id_is_valid(id) ? id : (struct slice){ NULL, 0 };
}

/* 42 is the player "42". */
static struct slice decode_player(struct buf *text, struct json value)
{
    size_t start = text->len;
    int64_t number;
    char digits[24];

    if (!json_whole(value, INT64_MIN, INT64_MAX, &number))
        return decode_id(text, value);
    buf_add(text, digits, (size_t)snprintf(digits, sizeof digits, "%" PRId64, number));
    return (struct slice){ text->data + start, text->len - start };
}

static const char *parse_player(struct push_message *message, struct buf *text,
                                const struct json_member *member, enum push_route route)
{
    if (!is_given(member))
        return route == PUSH_PUBLISH ? "player_id: is missing" : NULL;
    message->player = decode_player(text, member->value);
    return message->player.data != NULL ? NULL
                                        : "player_id: must be a string of 1 to 128 bytes without "
                                          "control characters, or an integer";
}

static const char *parse_event(struct push_message *message, struct buf *text,
                               const struct json_member *member)
{
    message->event = decode(text, member->value);
    return message->event.len > 0 ? NULL : "event: must be a string that is not empty";
}

static const char *parse_options(struct push_message *message, struct buf *text,
                                 const struct json_member *members, uint32_t max_ttl_ms)
{
    int64_t ttl_s = 0;

    if (is_given(&members[ID])) {
        message->once = decode_id(text, members[ID].value);
        if (message->once.data == NULL)
            return "id: must be a string of 1 to 128 bytes without control characters";
    }
    if (is_given(&members[TTL]) && !json_whole(members[TTL].value, 1, max_ttl_ms / 1000, &ttl_s))
        return "ttl: must be a whole number of seconds, not beyond the bound";
    message->ttl_ms = (uint32_t)ttl_s * 1000;
    return NULL;
}

static const char *parse_members(struct push_message *message, struct buf *text,
                                 const struct json_member *members, enum push_route route,
                                 uint32_t max_ttl_ms)
{
    const char *wrong = parse_player(message, text, &members[PLAYER_ID], route);

    if (wrong == NULL)
        wrong = parse_event(message, text, &members[EVENT]);
    if (wrong == NULL && route == PUSH_PUBLISH)
        wrong = parse_options(message, text, members, max_ttl_ms);
    if (wrong != NULL)
        return wrong;
    message->payload = members[PAYLOAD].value.type != JSON_ABSENT ? members[PAYLOAD].value.raw
                                                                  : SLICE_LITERAL("null");
    return push_frame_max(message) <= CHANNEL_PAYLOAD_MAX ? NULL : "payload: is too large";
}

static void parse_message(struct push_message *message, struct buf *text, struct json value,
                          enum push_route route, uint32_t max_ttl_ms)
{
    struct json_member members[MEMBERS] = {
        [PLAYER_ID] = { .name = "player_id" },
        [EVENT] = { .name = "event" },
        [PAYLOAD] = { .name = "payload" },
        [ID] = { .name = "id" },
        [TTL] = { .name = "ttl" },
    };

    if (json_members(value, members, MEMBERS))
        message->wrong = parse_members(message, text, members, route, max_ttl_ms);
    else
        message->wrong = "must be an object";
    if (message->wrong != NULL)
        *message = (struct push_message){ .wrong = message->wrong };
}

/* How many levels of a body are its own: its first byte tells. */
static unsigned envelope_of(struct slice body)
{
    size_t i = 0;

    while (i < body.len && body.data[i] != '[' && body.data[i] != '{')
        i++;
    return i < body.len && body.data[i] == '[' ? 2 : 1;
}

static bool parse_list(struct push_batch *batch, struct json list, uint32_t max_ttl_ms)
{
    size_t offset = 0;
    struct json item;

    batch->is_list = true;
    batch->messages = xcalloc(PUSH_MESSAGES_MAX, sizeof *batch->messages);
    while (json_next(list, &offset, &item)) {
        if (batch->count == PUSH_MESSAGES_MAX)
            return false;
        parse_message(&batch->messages[batch->count++], &batch->text, item, PUSH_PUBLISH,
                      max_ttl_ms);
    }
    return true;
}

bool push_parse(struct slice body, enum push_route route, uint32_t max_ttl_ms,
                struct push_batch *batch)
{
    struct json value;

    buf_init(&batch->text, body.len);
    if (!json_parse_within(body, envelope_of(body), &value))
        return false;
    buf_reserve(&batch->text, body.len);
    if (value.type == JSON_ARRAY && route == PUSH_PUBLISH)
        return parse_list(batch, value, max_ttl_ms);
    batch->messages = xcalloc(1, sizeof *batch->messages);
    batch->count = 1;
    parse_message(&batch->messages[0], &batch->text, value, route, max_ttl_ms);
    return batch->messages[0].wrong == NULL;
}

void push_batch_fini(struct push_batch *batch)
{
    free(batch->messages);
    batch->messages = NULL;
    batch->count = 0;
    buf_fini(&batch->text);
}

size_t push_frame_max(const struct push_message *message)
{
    return sizeof "{\"event\":\"\",\"payload\":}" + 6 * message->event.len + message->payload.len;
}

void push_frame_write(struct buf *out, const struct push_message *message)
{
    buf_add_text(out, "{\"event\":");
    json_quote(out, message->event);
    buf_add_text(out, ",\"payload\":");
    buf_add_slice(out, message->payload);
    buf_add_byte(out, '}');
}
