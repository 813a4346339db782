/* SPDX-License-Identifier: MIT */
/*
 * A message is made JSON first, if it is not; then there is one reader for all forms:
 *
 *     [uid, {"type":2,"data":["event",…],"nsp":"/"}, {"rooms":[…],"except":[…],"flags":{…}}]
 *     {"type":2|3|4, "opts":{"rooms":[…],"except":[…]}, "rooms":[…], "close":true}
 *     {"type":2|3|4, "sid":"…", "room":"…", "close":true}       of one socket; old servers'
 *     {"type":6, "data":["event",…]}                            for servers, not for clients
 *
 * Names are decoded into one buffer that never grows beyond the text, so that slices of it stay.
 */
#include "bridge_wire.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "json.h"

enum { PACKET_EVENT = 2, PACKET_BINARY_EVENT = 5 };
enum { REQUEST_JOIN = 2, REQUEST_LEAVE, REQUEST_DISCONNECT, REQUEST_SERVERS = 6 };

/* ---- channels ----------------------------------------------------------------------------------- */

static bool skip(struct slice *text, struct slice prefix)
{
    if (text->len < prefix.len || memcmp(text->data, prefix.data, prefix.len) != 0)
        return false;
    *text = (struct slice){ text->data + prefix.len, text->len - prefix.len };
    return true;
}

/* "<prefix>-request#/admin#": the namespace. data is NULL when it is another channel. */
static struct slice request_namespace(struct slice prefix, struct slice channel)
{
    if (!skip(&channel, prefix) || !skip(&channel, SLICE_LITERAL("-request#")) ||
        channel.len == 0 || channel.data[channel.len - 1] != '#')
        return (struct slice){ NULL, 0 };
    return (struct slice){ channel.data, channel.len - 1 };
}

/* Rooms' names are free, so only the packet can tell the namespace; the channel must agree. */
static bool is_of_namespace(struct slice prefix, struct slice channel, struct slice nsp)
{
    return skip(&channel, prefix) && skip(&channel, SLICE_LITERAL("#")) && skip(&channel, nsp) &&
           skip(&channel, SLICE_LITERAL("#"));
}

/* ---- fields ------------------------------------------------------------------------------------- */

static bool is_nothing(struct json value)
{
    return value.type == JSON_ABSENT || value.type == JSON_NULL;
}

/* {} and [], which some languages cannot tell from each other. */
static bool is_empty(struct json value)
{
    struct json name, item;
    size_t offset = 0;

    return (value.type == JSON_ARRAY && !json_next(value, &offset, &item)) ||
           (value.type == JSON_OBJECT && !json_next_member(value, &offset, &name, &item));
}

/* A number is the name that its digits are. */
static bool read_name(struct bridge_message *message, struct json value, struct slice *name_out)
{
    struct buf *names = &message->names;
    size_t start = names->len;

    if (value.type == JSON_NUMBER) {
        *name_out = value.raw;
        return true;
    }
    if (!json_text(value, names))
        return false;
    *name_out = (struct slice){ names->data + start, names->len - start };
    return true;
}

static bool read_names(struct bridge_message *message, struct json array,
                       struct bridge_names *names_out)
{
    struct json item;
    size_t offset = 0, count = 0;

    if (is_nothing(array) || is_empty(array))
        return true;
    while (json_next(array, &offset, &item))
        count++;
    if (count == 0)
        return false;
    names_out->items = xcalloc(count, sizeof *names_out->items);
    for (offset = 0; json_next(array, &offset, &item); names_out->count++) {
        if (!read_name(message, item, &names_out->items[names_out->count]))
            return false;
    }
    return true;
}

static bool read_one_name(struct bridge_message *message, struct json value,
                          struct bridge_names *names_out)
{
    names_out->items = xcalloc(1, sizeof *names_out->items);
    names_out->count = 1;
    return read_name(message, value, names_out->items);
}

static bool read_flags(struct bridge_message *message, struct json flags)
{
    struct json_member members[] = { { .name = "volatile" } };

    if (is_nothing(flags) || is_empty(flags))
        return true;
    if (!json_members(flags, members, 1))
        return false;
    message->is_volatile = members[0].value.type == JSON_TRUE;
    return true;
}

static bool read_opts(struct bridge_message *message, struct json opts)
{
    struct json_member members[] = { { .name = "rooms" },
                                     { .name = "except" },
                                     { .name = "flags" } };

    if (is_nothing(opts) || is_empty(opts))
        return true;
    return json_members(opts, members, 3) &&
           read_names(message, members[0].value, &message->rooms) &&
           read_names(message, members[1].value, &message->except) &&
           read_flags(message, members[2].value);
}

static bool read_items(struct bridge_message *message, struct json data)
{
    message->items = data.raw;
    return data.type == JSON_ARRAY && !is_empty(data);
}

/* ---- broadcasts --------------------------------------------------------------------------------- */

static bool is_event(struct json type)
{
    int64_t number;

    return is_nothing(type) || (json_whole(type, PACKET_EVENT, PACKET_BINARY_EVENT, &number) &&
                                (number == PACKET_EVENT || number == PACKET_BINARY_EVENT));
}

/* All of them stand in the event: nothing else may hold bytes. */
static bool read_attachments(struct bridge_message *message)
{
    size_t start = (size_t)(message->items.data - message->json.data);
    const struct msgpack_bins *bins = &message->bins;

    message->attachments = xcalloc(bins->count + 1, sizeof *message->attachments);
    for (size_t i = 0; i < bins->count; i++) {
        if (bins->items[i].at < start || bins->items[i].at >= start + message->items.len)
            return false;
        message->attachments[message->attachment_count++] = bins->items[i].bytes;
    }
    return true;
}

static bool read_packet(struct bridge_message *message, struct json packet)
{
    struct json_member members[] = { { .name = "type" }, { .name = "data" }, { .name = "nsp" } };
    struct json data, nsp;

    if (!json_members(packet, members, 3) || !is_event(members[0].value))
        return false;
    data = members[1].value;
    nsp = members[2].value;
    message->what = BRIDGE_EMIT;
    message->nsp = SLICE_LITERAL("/");
    return read_items(message, data) && (is_nothing(nsp) || read_name(message, nsp, &message->nsp));
}

static bool read_broadcast(struct bridge_message *message, struct json array)
{
    struct json uid, packet, opts = { .type = JSON_ABSENT };
    size_t offset = 0;

    if (!json_next(array, &offset, &uid) || !json_next(array, &offset, &packet))
        return false;
    json_next(array, &offset, &opts);
    return read_packet(message, packet) && read_opts(message, opts) && read_attachments(message);
}

/* ---- requests ----------------------------------------------------------------------------------- */

/* False: not ours to answer. */
static bool read_what(struct bridge_message *message, struct json type)
{
    static const enum bridge_what whats[] = {
        [REQUEST_JOIN] = BRIDGE_JOIN,
        [REQUEST_LEAVE] = BRIDGE_LEAVE,
        [REQUEST_DISCONNECT] = BRIDGE_DISCONNECT,
        [REQUEST_SERVERS] = BRIDGE_SERVERS,
    };
    int64_t number;

    if (!json_whole(type, REQUEST_JOIN, REQUEST_SERVERS, &number) ||
        (number > REQUEST_DISCONNECT && number < REQUEST_SERVERS))
        return false;
    message->what = whats[number];
    return true;
}

/* Whom it is for. Without a word about that nobody is meant, not everybody. */
static bool read_target(struct bridge_message *message, struct json opts, struct json sid)
{
    if (!is_nothing(sid))
        return read_one_name(message, sid, &message->rooms);
    return !is_nothing(opts) && read_opts(message, opts);
}

static bool read_changed(struct bridge_message *message, struct json rooms, struct json room)
{
    if (message->what == BRIDGE_DISCONNECT)
        return true;
    if (!is_nothing(room))
        return read_one_name(message, room, &message->changed);
    return read_names(message, rooms, &message->changed) && message->changed.count > 0;
}

static enum bridge_verdict read_request(struct bridge_message *message, struct json object)
{
    enum { TYPE, OPTS, SID, ROOMS, ROOM, CLOSE, DATA, MEMBERS };
    struct json_member members[MEMBERS] = {
        [TYPE] = { .name = "type" },   [OPTS] = { .name = "opts" }, [SID] = { .name = "sid" },
        [ROOMS] = { .name = "rooms" }, [ROOM] = { .name = "room" }, [CLOSE] = { .name = "close" },
        [DATA] = { .name = "data" },
    };

    if (!json_members(object, members, MEMBERS))
        return BRIDGE_MALFORMED;
    if (!read_what(message, members[TYPE].value))
        return BRIDGE_IGNORED;
    if (message->what == BRIDGE_SERVERS)
        return read_items(message, members[DATA].value) ? BRIDGE_GOOD : BRIDGE_MALFORMED;
    message->closes = members[CLOSE].value.type == JSON_TRUE;
    if (!read_target(message, members[OPTS].value, members[SID].value) ||
        !read_changed(message, members[ROOMS].value, members[ROOM].value))
        return BRIDGE_MALFORMED;
    return BRIDGE_GOOD;
}

/* ---- both --------------------------------------------------------------------------------------- */

static enum bridge_verdict unpack(struct bridge_message *message, struct slice bytes)
{
    static const enum bridge_verdict verdicts[] = {
        [MSGPACK_OK] = BRIDGE_GOOD,
        [MSGPACK_MALFORMED] = BRIDGE_MALFORMED,
        [MSGPACK_UNSUPPORTED] = BRIDGE_UNSUPPORTED,
        [MSGPACK_TOO_BIG] = BRIDGE_TOO_BIG,
    };

    return verdicts[msgpack_to_json(bytes, &message->json, &message->bins)];
}

/* Names take no more room than their text. */
static enum bridge_verdict parse_text(struct bridge_message *message, struct slice text,
                                      struct json *value_out)
{
    if (!json_parse_shallow(text, MSGPACK_DEPTH_MAX, value_out))
        return BRIDGE_MALFORMED;
    buf_init(&message->names, text.len);
    buf_reserve(&message->names, text.len);
    return BRIDGE_GOOD;
}

static enum bridge_verdict parse_request(struct bridge_message *message, struct slice bytes)
{
    enum bridge_verdict verdict = BRIDGE_GOOD;
    struct slice text = bytes;
    struct json value;

    if (bytes.len == 0 || bytes.data[0] != '{') {
        verdict = unpack(message, bytes);
        text = buf_slice(&message->json);
    }
    if (verdict == BRIDGE_GOOD && message->bins.count > 0)
        verdict = BRIDGE_MALFORMED;
    if (verdict == BRIDGE_GOOD)
        verdict = parse_text(message, text, &value);
    return verdict == BRIDGE_GOOD ? read_request(message, value) : verdict;
}

static enum bridge_verdict parse_broadcast(struct bridge_message *message, struct slice bytes)
{
    enum bridge_verdict verdict = unpack(message, bytes);
    struct json value;

    if (verdict == BRIDGE_GOOD)
        verdict = parse_text(message, buf_slice(&message->json), &value);
    if (verdict == BRIDGE_GOOD && !read_broadcast(message, value))
        verdict = BRIDGE_MALFORMED;
    return verdict;
}

enum bridge_verdict bridge_parse(struct slice prefix, struct slice channel, struct slice bytes,
                                 struct bridge_message *message)
{
    enum bridge_verdict verdict;

    *message = (struct bridge_message){ .nsp = request_namespace(prefix, channel) };
    buf_init(&message->json, BRIDGE_TEXT_MAX);
    if (bytes.len > BRIDGE_TEXT_MAX)
        return BRIDGE_TOO_BIG;
    if (message->nsp.data != NULL)
        return parse_request(message, bytes);
    verdict = parse_broadcast(message, bytes);
    if (verdict == BRIDGE_GOOD && !is_of_namespace(prefix, channel, message->nsp))
        return BRIDGE_IGNORED;
    return verdict;
}

void bridge_message_fini(struct bridge_message *message)
{
    free(message->rooms.items);
    free(message->except.items);
    free(message->changed.items);
    free(message->attachments);
    buf_fini(&message->json);
    buf_fini(&message->names);
    msgpack_bins_fini(&message->bins);
}
