/* SPDX-License-Identifier: MIT */
/*
 * What is only passed on (author, content, meta, msg_id) keeps the spelling of its sender, byte for
 * byte; what names something in the store (servers, channels, bots) is decoded and checked. A text
 * wraps meta in one level of its own, so meta may be nested as deep as any JSON of ours.
 */
#include "relay_wire.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "relay_time.h"

enum { ENVELOPE_LEVELS = 1 };

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

const char *relay_side_name(enum relay_side side)
{
    return side == RELAY_MOD ? "mod" : "bot";
}

const char *relay_status_name(enum relay_status status)
{
    static const char *const names[] = { "completed", "queued", "failed" };

    return names[status];
}

/* ---- errors ---------------------------------------------------------------------------------- */

#define ERROR_TEXT(message, code) "{\"message\":\"" message "\",\"code\":" #code "}"

static const struct {
    const char *label, *text;
} errors[RELAY_ERRORS] = {
    [RELAY_FINE] = { "fine", "" },
    [RELAY_BAD_KEY] = { "bad_key", ERROR_TEXT("Invalid or missing API key.", 401) },
    [RELAY_TOO_MANY_FAILURES] = { "throttled", ERROR_TEXT("Too many failed attempts.", 429) },
    [RELAY_KEYS_UNREACHABLE] = { "keys_unreachable", ERROR_TEXT("Try again later.", 503) },
    [RELAY_BAD_HANDSHAKE] = { "bad_handshake", ERROR_TEXT("Malformed handshake.", 400) },
    [RELAY_UNKNOWN_HANDSHAKE] = { "unknown_handshake", ERROR_TEXT("Unknown handshake.", 400) },
    [RELAY_BAD_MOD_HANDSHAKE] = { "bad_handshake", ERROR_TEXT("Malformed mod handshake.", 400) },
    [RELAY_BAD_BOT_HANDSHAKE] = { "bad_handshake", ERROR_TEXT("Malformed bot handshake.", 400) },
    [RELAY_BOT_TAKEN] = { "bot_taken", ERROR_TEXT("Bot already connected.", 409) },
    [RELAY_INTERNAL] = { "internal", ERROR_TEXT("Internal error.", 500) },
    [RELAY_BAD_MESSAGE] = { "bad_message", ERROR_TEXT("Malformed message.", 400) },
};

struct slice relay_error_text(enum relay_error error)
{
    assert(error > RELAY_FINE && error < RELAY_ERRORS);
    return slice_of(errors[error].text);
}

const char *relay_error_label(enum relay_error error)
{
    return errors[error].label;
}

/* ---- strings --------------------------------------------------------------------------------- */

static bool is_text(struct json value)
{
    return value.type == JSON_STRING && value.raw.len > 2; /* more than its quotes */
}

/* Decodes a string that is an identifier of the store. */
static bool take_id(struct json value, char id_out[KEY_ID_MAX + 1])
{
    struct buf decoded;
    bool is_good;

    if (!is_text(value))
        return false;
    buf_init(&decoded, KEY_ID_MAX);
    is_good = json_text(value, &decoded) && key_id_is_valid(buf_slice(&decoded));
    if (is_good) {
        memcpy(id_out, decoded.data, decoded.len);
        id_out[decoded.len] = '\0';
    }
    buf_fini(&decoded);
    return is_good;
}

static char *dup_id(struct json value)
{
    char id[KEY_ID_MAX + 1];

    return take_id(value, id) ? xstrdup(id) : NULL;
}

static bool is_id(struct json value, const char *wanted)
{
    char id[KEY_ID_MAX + 1];

    return take_id(value, id) && strcmp(id, wanted) == 0;
}

/* ---- handshake ------------------------------------------------------------------------------- */

static bool take_mod(struct json data, struct relay_handshake *handshake)
{
    struct json_member members[] = { { .name = "server_id" }, { .name = "channel_id" } };

    if (!json_members(data, members, COUNT(members)))
        return false;
    handshake->side = RELAY_MOD;
    handshake->server_id = dup_id(members[0].value);
    handshake->channel_id = dup_id(members[1].value);
    return handshake->server_id != NULL && handshake->channel_id != NULL;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void drop_repeated(struct relay_handshake *handshake)
{
    char **channels = handshake->channels;
    size_t kept = 1;

    qsort(channels, handshake->channel_count, sizeof *channels, compare_texts);
    for (size_t i = 1; i < handshake->channel_count; i++) {
        if (strcmp(channels[kept - 1], channels[i]) == 0)
            free(channels[i]);
        else
            channels[kept++] = channels[i];
    }
    handshake->channel_count = kept;
}

static bool take_channels(struct json list, struct relay_handshake *handshake)
{
    size_t offset = 0;
    struct json item;

    if (list.type != JSON_ARRAY)
        return false;
    handshake->channels = xcalloc(RELAY_CHANNELS_MAX, sizeof *handshake->channels);
    while (json_next(list, &offset, &item)) {
        char *channel = handshake->channel_count < RELAY_CHANNELS_MAX ? dup_id(item) : NULL;

        if (channel == NULL)
            return false;
        handshake->channels[handshake->channel_count++] = channel;
    }
    if (handshake->channel_count == 0)
        return false;
    drop_repeated(handshake);
    return true;
}

static bool take_bot(struct json data, struct relay_handshake *handshake)
{
    struct json_member members[] = { { .name = "bot_id" }, { .name = "channels" } };
    struct json channels;

    if (!json_members(data, members, COUNT(members)))
        return false;
    handshake->side = RELAY_BOT;
    handshake->bot_id = dup_id(members[0].value);
    channels = members[1].value;
    return handshake->bot_id != NULL &&
           (channels.type == JSON_ABSENT || take_channels(channels, handshake));
}

static const struct {
    const char *type; /* as it stands in the text */
    bool (*take)(struct json data, struct relay_handshake *handshake);
    enum relay_error otherwise;
} handshakes[] = {
    { "mod", take_mod, RELAY_BAD_MOD_HANDSHAKE },
    { "bot", take_bot, RELAY_BAD_BOT_HANDSHAKE },
};

static enum relay_error take_handshake(struct json type, struct json data,
                                       struct relay_handshake *handshake)
{
    for (size_t i = 0; i < COUNT(handshakes); i++) {
        if (!is_id(type, handshakes[i].type))
            continue;
        return handshakes[i].take(data, handshake) ? RELAY_FINE : handshakes[i].otherwise;
    }
    return RELAY_UNKNOWN_HANDSHAKE;
}

enum relay_error relay_handshake_parse(struct slice text, struct relay_handshake *handshake_out)
{
    struct json_member members[] = { { .name = "type" }, { .name = "data" } };
    struct json whole;
    enum relay_error error;

    *handshake_out = (struct relay_handshake){ 0 };
    if (!json_parse(text, &whole) || !json_members(whole, members, COUNT(members)) ||
        members[0].value.type != JSON_STRING || members[1].value.type != JSON_OBJECT)
        return RELAY_BAD_HANDSHAKE;
    error = take_handshake(members[0].value, members[1].value, handshake_out);
    if (error != RELAY_FINE)
        relay_handshake_fini(handshake_out);
    return error;
}

void relay_handshake_fini(struct relay_handshake *handshake)
{
    for (size_t i = 0; i < handshake->channel_count; i++)
        free(handshake->channels[i]);
    free(handshake->channels);
    free(handshake->server_id);
    free(handshake->channel_id);
    free(handshake->bot_id);
    *handshake = (struct relay_handshake){ 0 };
}

struct slice relay_welcome_text(enum relay_side side)
{
    return slice_of(side == RELAY_MOD ? "{\"status\":\"connected\",\"type\":\"mod\"}"
                                      : "{\"status\":\"connected\",\"type\":\"bot\"}");
}

/* ---- messages -------------------------------------------------------------------------------- */

enum { MSG_ID, ID, DESTINATION, AUTHOR, CONTENT, META, TS, MESSAGE_MEMBERS };

static bool take_text(struct json value, struct slice *raw_out)
{
    *raw_out = value.raw;
    return is_text(value);
}

static bool take_msg_id(struct json value, struct relay_message *message)
{
    char id[KEY_ID_MAX + 1];

    message->msg_id = value.raw;
    return take_id(value, id); /* it comes back in the acknowledgement: so it has a bound */
}

static bool take_author(struct json author, struct relay_message *message)
{
    struct json_member members[] = { { .name = "id" }, { .name = "name" } };
    struct json name;

    if (!json_members(author, members, COUNT(members)) ||
        !take_text(members[0].value, &message->author_id))
        return false;
    name = members[1].value;
    if (name.type == JSON_STRING)
        message->author_name = name.raw;
    return name.type == JSON_STRING || name.type == JSON_ABSENT || name.type == JSON_NULL;
}

static bool take_meta(struct json meta, struct relay_message *message)
{
    if (meta.type == JSON_OBJECT)
        message->meta = meta.raw;
    return meta.type == JSON_OBJECT || meta.type == JSON_ABSENT || meta.type == JSON_NULL;
}

static bool take_ts(struct json ts, struct relay_message *message)
{
    struct buf decoded;

    if (ts.type == JSON_ABSENT)
        return true;
    buf_init(&decoded, ts.raw.len + 1);
    message->has_ts = json_text(ts, &decoded) && /* false for what is no string */
                      relay_time_parse(buf_slice(&decoded), &message->ts_ms);
    buf_fini(&decoded);
    return message->has_ts;
}

/* To which channel? A mod speaks for its server, to its own channel; a bot names one. */
static bool take_channel(const struct json_member *members, const struct relay_sender *sender,
                         struct relay_message *message)
{
    struct json_member to = { .name = "channel_id" };

    if (sender->side == RELAY_BOT)
        return take_id(members[ID].value, message->channel_id);
    return is_id(members[ID].value, sender->server_id) &&
           json_members(members[DESTINATION].value, &to, 1) &&
           take_id(to.value, message->channel_id) &&
           strcmp(message->channel_id, sender->channel_id) == 0;
}

bool relay_message_parse(struct slice text, const struct relay_sender *sender,
                         struct relay_message *message_out)
{
    struct json_member members[MESSAGE_MEMBERS] = {
        [MSG_ID] = { .name = "msg_id" },
        [ID] = { .name = "id" },
        [DESTINATION] = { .name = "destination" },
        [AUTHOR] = { .name = "author" },
        [CONTENT] = { .name = "content" },
        [META] = { .name = "meta" },
        [TS] = { .name = "ts" },
    };
    struct json whole;

    *message_out = (struct relay_message){ 0 };
    return json_parse_within(text, ENVELOPE_LEVELS, &whole) &&
           json_members(whole, members, COUNT(members)) &&
           take_msg_id(members[MSG_ID].value, message_out) &&
           take_channel(members, sender, message_out) &&
           take_author(members[AUTHOR].value, message_out) &&
           take_text(members[CONTENT].value, &message_out->content) &&
           take_meta(members[META].value, message_out) && take_ts(members[TS].value, message_out);
}

/* ,"name":value */
static void add_member(struct buf *out, const char *name, struct slice value)
{
    buf_add_text(out, ",\"");
    buf_add_text(out, name);
    buf_add_text(out, "\":");
    buf_add_slice(out, value);
}

static void add_time(struct buf *out, const char *name, int64_t ms)
{
    char text[RELAY_TIME_SIZE];

    relay_time_format(ms, text);
    buf_add_text(out, ",\"");
    buf_add_text(out, name);
    buf_add_text(out, "\":\"");
    buf_add_text(out, text);
    buf_add_byte(out, '"');
}

bool relay_delivery_write(struct buf *out, enum relay_side origin,
                          const struct relay_message *message, const struct relay_times *times)
{
    buf_add_text(out, "{\"type\":\"");
    buf_add_text(out, relay_side_name(origin));
    buf_add_byte(out, '"');
    add_member(out, "msg_id", message->msg_id);
    buf_add_text(out, ",\"channel_id\":");
    json_quote(out, slice_of(message->channel_id));
    buf_add_text(out, ",\"author\":{\"id\":");
    buf_add_slice(out, message->author_id);
    if (message->author_name.data != NULL)
        add_member(out, "name", message->author_name);
    buf_add_byte(out, '}');
    add_member(out, "content", message->content);
    if (message->meta.data != NULL)
        add_member(out, "meta", message->meta);
    add_time(out, "ts", message->has_ts ? message->ts_ms : times->received_ms);
    add_time(out, "received_at", times->received_ms);
    add_time(out, "forwarded_at", times->forwarded_ms);
    return buf_add_byte(out, '}');
}

bool relay_ack_write(struct buf *out, enum relay_status status, enum relay_side side,
                     struct slice msg_id)
{
    buf_add_text(out, "{\"status\":\"");
    buf_add_text(out, relay_status_name(status));
    buf_add_text(out, "\",\"type\":\"");
    buf_add_text(out, relay_side_name(side));
    buf_add_byte(out, '"');
    add_member(out, "msg_id", msg_id);
    return buf_add_byte(out, '}');
}
