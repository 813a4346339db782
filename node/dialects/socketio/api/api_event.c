/* SPDX-License-Identifier: MIT */
/*
 * Rooms for clients, where their permissions say so: `signalbox:join` and `signalbox:leave` {"room"}, and
 * `signalbox:emit` {"room","event","args"}. Each is acknowledged with {"ok":true} or {"error":"…"}.
 */
#include <stdlib.h>
#include <string.h>

#include "api_room.h"
#include "base/mem.h"
#include "sio_emit.h"
#include "sio_name.h"

struct api_guest {
    UT_hash_handle hh;
    struct sio_socket *socket;
    uint32_t wishes;
};

/* What a client asked for, until it is done. The socket stays here meanwhile. */
struct wish {
    struct sio_task task;
    struct api *api;
    struct api_guest *guest;
    struct store_op *op;
    bool wants_ack;
    uint64_t ack_id;
};

static void answer(struct sio_socket *socket, bool wants_ack, uint64_t ack_id, const char *error)
{
    struct buf args;

    if (!wants_ack)
        return;
    buf_init(&args, 4096);
    if (error == NULL) {
        buf_add_text(&args, "[{\"ok\":true}]");
    } else {
        buf_add_text(&args, "[{\"error\":");
        json_quote(&args, slice_of(error));
        buf_add_text(&args, "}]");
    }
    sio_ack(socket, ack_id, buf_slice(&args));
    buf_fini(&args);
}

static struct api_guest *guest_of(struct api *api, struct sio_socket *socket)
{
    struct api_guest *guest;

    HASH_FIND_PTR(api->guests, &socket, guest);
    if (guest != NULL)
        return guest;
    guest = xcalloc(1, sizeof *guest);
    guest->socket = socket;
    HASH_ADD_PTR(api->guests, socket, guest);
    return guest;
}

static void wish_free(struct wish *wish)
{
    if (--wish->guest->wishes == 0) {
        HASH_DEL(wish->api->guests, wish->guest);
        free(wish->guest);
    }
    free(wish);
}

static void on_gone(struct sio_task *task)
{
    struct wish *wish = LIST_ENTRY(task, struct wish, task);

    store_cancel(&wish->op);
    wish_free(wish);
}

/* NULL: it has too many already, and is told so. */
static struct wish *wish_begin(struct api *api, struct sio_socket *socket,
                               const struct sio_event *event)
{
    struct api_guest *guest = guest_of(api, socket);
    struct wish *wish;

    if (guest->wishes >= API_WISHES_MAX) {
        api->node->metrics.limits[LIMIT_SOCKETIO_WISHES]++;
        answer(socket, event->wants_ack, event->ack_id, "too many at once");
        return NULL;
    }
    guest->wishes++;
    wish = xcalloc(1, sizeof *wish);
    wish->api = api;
    wish->guest = guest;
    wish->wants_ack = event->wants_ack;
    wish->ack_id = event->ack_id;
    sio_task_begin(socket, &wish->task, on_gone);
    return wish;
}

static void wish_end(struct wish *wish, const char *error)
{
    answer(wish->task.socket, wish->wants_ack, wish->ack_id, error);
    sio_task_end(&wish->task);
    wish_free(wish);
}

/* ---- what is said of a room ---------------------------------------------------------------------------- */

enum { ROOM, EVENT, ARGS, MEMBERS };

static bool is_id_byte(char byte)
{
    return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
           (byte >= '0' && byte <= '9') || byte == '-' || byte == '_';
}

/* Another socket's own room, or one that is named after it: "<id>", "<id>_auth", "/nsp#<id>". Patterns that
 * allow everything do not mean those. */
static bool is_of_a_socket(struct slice room)
{
    static const char suffix[] = "_auth";
    size_t suffix_len = sizeof suffix - 1, len = room.len;

    if (room.data[0] == '/' && memchr(room.data, '#', len) != NULL)
        return true;
    if (len == ENGINE_ID_LEN + suffix_len &&
        memcmp(room.data + ENGINE_ID_LEN, suffix, suffix_len) == 0)
        len = ENGINE_ID_LEN;
    for (size_t i = 0; i < len; i++) {
        if (!is_id_byte(room.data[i]))
            return false;
    }
    return len == ENGINE_ID_LEN;
}

static const char *check_room(const struct sio_socket *socket, struct slice room,
                              enum jwt_right right)
{
    if (!sio_room_name_is_valid(room))
        return "room: must be a string of 1 to 128 bytes without control characters";
    if (right == JWT_RIGHT_JOIN && is_of_a_socket(room))
        return "room: is reserved";
    return sio_allows(socket, room, right) ? NULL : "not allowed";
}

/* Appends the room's name. What is no object has no members. */
static struct slice read_room(const struct sio_event *event, struct json_member *members,
                              struct buf *room)
{
    members[ROOM] = (struct json_member){ .name = "room" };
    members[EVENT] = (struct json_member){ .name = "event" };
    members[ARGS] = (struct json_member){ .name = "args" };
    buf_init(room, KEY_ID_MAX);
    if (json_members(sio_argument(event, 0), members, MEMBERS))
        json_text(members[ROOM].value, room);
    return buf_slice(room);
}

/* ---- joining and leaving -------------------------------------------------------------------------------- */

static void on_joined(enum result result, void *ctx)
{
    wish_end(ctx, result == RESULT_OK        ? NULL
                  : result == RESULT_REFUSED ? "too many rooms"
                                             : "unavailable");
}

static void join(struct api *api, struct sio_socket *socket, const struct sio_event *event)
{
    struct json_member members[MEMBERS];
    struct buf text;
    struct slice room = read_room(event, members, &text);
    const char *error = check_room(socket, room, JWT_RIGHT_JOIN);
    struct wish *wish = error == NULL ? wish_begin(api, socket, event) : NULL;

    if (error != NULL)
        answer(socket, event->wants_ack, event->ack_id, error);
    else if (wish != NULL)
        sio_join(socket, room, on_joined, wish);
    buf_fini(&text);
}

static void leave(struct sio_socket *socket, const struct sio_event *event)
{
    struct json_member members[MEMBERS];
    struct buf text;
    struct slice room = read_room(event, members, &text);

    sio_leave(socket, room);
    answer(socket, event->wants_ack, event->ack_id, NULL);
    buf_fini(&text);
}

/* ---- emitting --------------------------------------------------------------------------------------------- */

static void on_emitted(enum result result, const struct channel_appended *emitted, void *ctx)
{
    (void)emitted;
    wish_end(ctx, result == RESULT_OK ? NULL : "unavailable");
}

/* ["event", args…]; nothing when they are not what they must be. */
static void write_items(struct buf *items, const struct json_member *members)
{
    struct json args = members[ARGS].value, first;
    size_t offset = 0;

    if (members[EVENT].value.type != JSON_STRING ||
        (args.type != JSON_ARRAY && args.type != JSON_ABSENT))
        return;
    buf_add_byte(items, '[');
    buf_add_slice(items, members[EVENT].value.raw);
    if (json_next(args, &offset, &first)) {
        buf_add_byte(items, ',');
        buf_add(items, args.raw.data + 1, args.raw.len - 2);
    }
    buf_add_byte(items, ']');
}

static void emit_items(struct api *api, struct sio_socket *socket, const struct sio_event *event,
                       struct slice room, struct slice items)
{
    const struct sio_emit emit = {
        .to = { .realm = sio_realm(socket),
                .nsp = sio_namespace(socket),
                .rooms = &room,
                .room_count = 1 },
        .items = items,
        .attachments = event->attachments,
        .attachment_count = event->attachment_count,
    };
    struct why why = { "" };
    struct wish *wish;

    if (!sio_emit_check(api->sio, &emit, &why)) {
        answer(socket, event->wants_ack, event->ack_id, why.text);
        return;
    }
    wish = wish_begin(api, socket, event);
    if (wish != NULL)
        sio_emit(api->sio, &emit, on_emitted, wish, &wish->op);
}

static void emit(struct api *api, struct sio_socket *socket, const struct sio_event *event)
{
    struct json_member members[MEMBERS];
    struct buf text, items;
    struct slice room = read_room(event, members, &text);
    const char *error = check_room(socket, room, JWT_RIGHT_EMIT);

    buf_init(&items, event->items.raw.len + 8);
    write_items(&items, members);
    if (error == NULL && items.len == 0)
        error = "event, args: must be a string and an array";
    if (error == NULL)
        emit_items(api, socket, event, room, buf_slice(&items));
    else
        answer(socket, event->wants_ack, event->ack_id, error);
    buf_fini(&items);
    buf_fini(&text);
}

bool api_on_event(struct sio_socket *socket, const struct sio_event *event, void *app)
{
    if (slice_is(event->name, "signalbox:join"))
        join(app, socket, event);
    else if (slice_is(event->name, "signalbox:leave"))
        leave(socket, event);
    else if (slice_is(event->name, "signalbox:emit"))
        emit(app, socket, event);
    else
        return false;
    return true;
}
