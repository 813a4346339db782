/* SPDX-License-Identifier: MIT */
/*
 * One walk over the answer, before anything of it is carried out: either all of it makes sense, or none is
 * done. What is decoded never grows (an escape is longer than what it stands for, base64 too; an emit's
 * items take their quotes and brackets from its envelope), so one buffer of the body's size holds it all
 * and never moves.
 */
#include "sio_hook_answer.h"

#include <stdlib.h>

#include "base/mem.h"
#include "sio_name.h"

static bool decode_name(struct json item, struct buf *text)
{
    size_t start = text->len;

    return json_text(item, text) &&
           sio_room_name_is_valid((struct slice){ text->data + start, text->len - start });
}

static size_t count_items(struct json list)
{
    struct json item;
    size_t offset = 0, count = 0;

    while (json_next(list, &offset, &item))
        count++;
    return count;
}

/* ---- emits ------------------------------------------------------------------------------------------ */

enum { EMIT_EVENT, EMIT_ARGS, EMIT_ROOMS, EMIT_EXCEPT, EMIT_NSP, EMIT_VOLATILE, EMIT_ATTACHMENTS };

static bool is_event_name(struct json value)
{
    struct buf name;
    bool is_good;

    buf_init(&name, value.raw.len + 1);
    is_good = json_text(value, &name) && sio_event_name_is_valid(buf_slice(&name));
    buf_fini(&name);
    return is_good;
}

/* ["event",args…] of both, as they stand there. */
static bool take_items(struct json event, struct json args, struct buf *text, struct slice *out)
{
    size_t start = text->len, offset = 0;
    struct json first;

    if (!is_event_name(event) || (args.type != JSON_ABSENT && args.type != JSON_ARRAY))
        return false;
    buf_add_byte(text, '[');
    buf_add_slice(text, event.raw);
    if (json_next(args, &offset, &first)) {
        buf_add_byte(text, ',');
        buf_add(text, first.raw.data, (size_t)(args.raw.data + args.raw.len - 1 - first.raw.data));
    }
    buf_add_byte(text, ']');
    *out = (struct slice){ text->data + start, text->len - start };
    return true;
}

static bool take_namespace(struct json value, struct buf *text, struct slice *out)
{
    size_t start = text->len;

    if (value.type == JSON_ABSENT || value.type == JSON_NULL)
        return true;
    if (!json_text(value, text))
        return false;
    *out = (struct slice){ text->data + start, text->len - start };
    return sio_namespace_is_valid(*out);
}

static bool take_emit(struct json item, struct buf *text, struct sio_hook_emit *emit,
                      struct why *why)
{
    struct json_member members[] = {
        [EMIT_EVENT] = { .name = "event" },
        [EMIT_ARGS] = { .name = "args" },
        [EMIT_ROOMS] = { .name = "rooms" },
        [EMIT_EXCEPT] = { .name = "except" },
        [EMIT_NSP] = { .name = "namespace" },
        [EMIT_VOLATILE] = { .name = "volatile" },
        [EMIT_ATTACHMENTS] = { .name = "attachments" },
    };

    if (!json_members(item, members, sizeof members / sizeof members[0]))
        return why_set(why, "emit: no object");
    if (!take_items(members[EMIT_EVENT].value, members[EMIT_ARGS].value, text, &emit->items))
        return why_set(why, "emit: event or args");
    if (!json_list_take(members[EMIT_ROOMS].value, decode_name, SIO_HOOK_NAMES_MAX, text,
                        &emit->rooms) ||
        !json_list_take(members[EMIT_EXCEPT].value, decode_name, SIO_HOOK_NAMES_MAX, text,
                        &emit->except))
        return why_set(why, "emit: rooms or except");
    if (!json_list_take(members[EMIT_ATTACHMENTS].value, json_base64, SIO_HOOK_ATTACHMENTS_MAX,
                        text, &emit->attachments))
        return why_set(why, "emit: attachments");
    if (!json_flag(members[EMIT_VOLATILE].value, &emit->is_volatile))
        return why_set(why, "emit: volatile");
    emit->is_to_rooms = members[EMIT_ROOMS].value.type == JSON_ARRAY;
    if (!take_namespace(members[EMIT_NSP].value, text, &emit->nsp) ||
        (!emit->is_to_rooms && (emit->nsp.data != NULL || emit->except.count > 0)))
        return why_set(why, "emit: namespace or except without rooms");
    return true;
}

static bool take_emits(struct json list, struct sio_hook_answer *answer, struct why *why)
{
    size_t offset = 0, count = count_items(list);
    struct json item;

    if (list.type == JSON_ABSENT || list.type == JSON_NULL)
        return true;
    if (list.type != JSON_ARRAY || count > SIO_HOOK_EMITS_MAX)
        return why_set(why, "emit");
    answer->emits = xcalloc(count + 1, sizeof *answer->emits);
    while (json_next(list, &offset, &item))
        if (!take_emit(item, &answer->text, &answer->emits[answer->emit_count++], why))
            return false;
    return true;
}

/* ---- the whole ---------------------------------------------------------------------------------------- */

enum {
    ANSWER_ACK,
    ANSWER_ATTACHMENTS,
    ANSWER_EMIT,
    ANSWER_JOIN,
    ANSWER_LEAVE,
    ANSWER_DISCONNECT,
    ANSWER_DATA
};

static bool take_ack(struct json ack, struct json attachments, struct sio_hook_answer *answer)
{
    if (ack.type == JSON_ARRAY)
        answer->ack = ack.raw;
    return (ack.type == JSON_ABSENT || ack.type == JSON_NULL || ack.type == JSON_ARRAY) &&
           json_list_take(attachments, json_base64, SIO_HOOK_ATTACHMENTS_MAX, &answer->text,
                          &answer->attachments);
}

static bool take_answer(struct json whole, struct sio_hook_answer *answer, struct why *why)
{
    struct json_member members[] = {
        [ANSWER_ACK] = { .name = "ack" },     [ANSWER_ATTACHMENTS] = { .name = "attachments" },
        [ANSWER_EMIT] = { .name = "emit" },   [ANSWER_JOIN] = { .name = "join" },
        [ANSWER_LEAVE] = { .name = "leave" }, [ANSWER_DISCONNECT] = { .name = "disconnect" },
        [ANSWER_DATA] = { .name = "data" },
    };

    if (!json_members(whole, members, sizeof members / sizeof members[0]))
        return why_set(why, "no object");
    if (!take_ack(members[ANSWER_ACK].value, members[ANSWER_ATTACHMENTS].value, answer))
        return why_set(why, "ack or attachments");
    if (!json_list_take(members[ANSWER_JOIN].value, decode_name, SIO_HOOK_NAMES_MAX, &answer->text,
                        &answer->join))
        return why_set(why, "join");
    if (!json_list_take(members[ANSWER_LEAVE].value, decode_name, SIO_HOOK_NAMES_MAX, &answer->text,
                        &answer->leave))
        return why_set(why, "leave");
    if (!json_flag(members[ANSWER_DISCONNECT].value, &answer->disconnects))
        return why_set(why, "disconnect");
    answer->data = members[ANSWER_DATA].value.raw;
    if (answer->data.len > SIO_HOOK_DATA_MAX)
        return why_set(why, "data: too large");
    return take_emits(members[ANSWER_EMIT].value, answer, why);
}

static bool is_blank(struct slice body)
{
    for (size_t i = 0; i < body.len; i++)
        if (body.data[i] != ' ' && body.data[i] != '\t' && body.data[i] != '\r' &&
            body.data[i] != '\n')
            return false;
    return true;
}

bool sio_hook_answer_parse(struct slice body, struct sio_hook_answer *answer, struct why *why)
{
    struct json whole;

    buf_init(&answer->text, body.len + 1);
    if (is_blank(body))
        return true;
    if (!json_parse(body, &whole))
        return why_set(why, "no JSON");
    if (buf_reserve(&answer->text, body.len + 1) == NULL)
        return why_set(why, "no memory");
    return take_answer(whole, answer, why);
}

static void emit_fini(struct sio_hook_emit *emit)
{
    json_list_fini(&emit->rooms);
    json_list_fini(&emit->except);
    json_list_fini(&emit->attachments);
}

void sio_hook_answer_fini(struct sio_hook_answer *answer)
{
    for (size_t i = 0; i < answer->emit_count; i++)
        emit_fini(&answer->emits[i]);
    free(answer->emits);
    json_list_fini(&answer->join);
    json_list_fini(&answer->leave);
    json_list_fini(&answer->attachments);
    buf_fini(&answer->text);
    *answer = (struct sio_hook_answer){ .data = { NULL, 0 } };
}

void sio_hook_refusal_parse(struct slice body, struct buf *message, struct slice *data_out)
{
    struct json_member members[] = { { .name = "message" }, { .name = "data" } };
    struct json whole;

    *data_out = (struct slice){ NULL, 0 };
    if (!json_parse(body, &whole) || !json_members(whole, members, 2))
        return;
    if (!json_text(members[0].value, message))
        buf_clear(message);
    *data_out = members[1].value.raw;
}
