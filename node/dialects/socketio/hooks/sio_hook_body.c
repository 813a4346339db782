/* SPDX-License-Identifier: MIT */
/* Written piece by piece into one buffer; whether it was too small is asked once, at its end. */
#include "sio_hook_body.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/mem.h"

enum { ROOMS_FIRST = 16 };

/* A header or a query may hold any bytes; what is no text is left out. */
static void add_text(struct buf *out, const char *name, const char *text)
{
    struct slice value = slice_of(text);

    buf_printf(out, "\"%s\":", name);
    if (text != NULL && utf8_is_valid(value))
        json_quote(out, value);
    else
        buf_add_text(out, "null");
}

static void add_json(struct buf *out, const char *name, struct slice json)
{
    buf_printf(out, "\"%s\":", name);
    buf_add_slice(out, json.data != NULL ? json : SLICE_LITERAL("null"));
}

/* ---- the socket ------------------------------------------------------------------------------------- */

/* There is no telling how many before they are asked for. */
static struct slice *list_rooms(const struct sio_socket *socket, size_t *count_out)
{
    struct slice *rooms = NULL;
    size_t max = ROOMS_FIRST;

    for (;; max *= 2) {
        rooms = xrealloc(rooms, max * sizeof *rooms);
        *count_out = sio_rooms(socket, rooms, max);
        if (*count_out < max)
            return rooms;
    }
}

static void add_rooms(struct buf *out, const struct sio_socket *socket)
{
    size_t count;
    struct slice *rooms = list_rooms(socket, &count);

    buf_add_text(out, ",\"rooms\":[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_add_byte(out, ',');
        json_quote(out, rooms[i]);
    }
    buf_add_byte(out, ']');
    free(rooms);
}

static void add_identity(struct buf *out, const struct sio_socket *socket)
{
    const struct jwt *identity = sio_identity(socket);
    char address[PEER_TEXT_SIZE];

    peer_format(&sio_handshake(socket)->peer, address);
    buf_add_byte(out, ',');
    add_json(out, "claims", identity != NULL ? identity->claims : (struct slice){ NULL, 0 });
    buf_add_byte(out, ',');
    add_text(out, "address", address);
}

static void add_socket(struct buf *out, const struct sio_socket *socket)
{
    buf_add_text(out, ",\"socket\":{\"id\":");
    json_quote(out, sio_id(socket));
    add_rooms(out, socket);
    add_identity(out, socket);
    buf_add_byte(out, ',');
    add_text(out, "query", sio_handshake(socket)->query);
    buf_add_byte(out, ',');
    add_json(out, "data", sio_data(socket, "hooks"));
    buf_add_byte(out, '}');
}

static void begin(struct buf *out, const char *type, const struct sio_hook_note *note,
                  const struct sio_socket *socket)
{
    buf_printf(out, "{\"type\":\"%s\",\"id\":", type);
    json_quote(out, note->id);
    buf_printf(out, ",\"sentAt\":%" PRId64 ",\"namespace\":", note->sent_ms);
    json_quote(out, sio_namespace(socket));
}

/* ---- an event ---------------------------------------------------------------------------------------- */

/* All items but the first, the name: as they stand there, up to the bracket behind the last. */
static void add_args(struct buf *out, const struct sio_event *event)
{
    struct json first = sio_argument(event, 0);
    const char *end = event->items.raw.data + event->items.raw.len;

    buf_add_text(out, ",\"args\":[");
    if (first.type == JSON_ABSENT)
        buf_add_byte(out, ']');
    else
        buf_add(out, first.raw.data, (size_t)(end - first.raw.data));
}

static void add_attachments(struct buf *out, const struct sio_event *event)
{
    buf_add_text(out, ",\"attachments\":[");
    for (size_t i = 0; i < event->attachment_count; i++) {
        buf_add_text(out, i > 0 ? ",\"" : "\"");
        base64_encode(out, event->attachments[i]);
        buf_add_byte(out, '"');
    }
    buf_add_byte(out, ']');
}

void sio_hook_write_event(struct buf *out, const struct sio_hook_note *note,
                          const struct sio_socket *socket, const struct sio_event *event)
{
    begin(out, "event", note, socket);
    buf_add_text(out, ",\"event\":");
    json_quote(out, event->name);
    add_args(out, event);
    add_attachments(out, event);
    buf_printf(out, ",\"ack\":%s", event->wants_ack ? "true" : "false");
    add_socket(out, socket);
    buf_add_byte(out, '}');
}

/* ---- coming and going ----------------------------------------------------------------------------------- */

void sio_hook_write_connect(struct buf *out, const struct sio_hook_note *note,
                            struct sio_admission *admission)
{
    const struct sio_socket *socket = sio_admission_socket(admission);
    const struct engine_handshake *handshake = sio_handshake(socket);

    begin(out, "connect", note, socket);
    buf_add_byte(out, ',');
    add_json(out, "auth", sio_admission_auth(admission));
    buf_add_text(out, ",\"headers\":{");
    add_text(out, "origin", handshake->origin);
    buf_add_byte(out, ',');
    add_text(out, "user-agent", handshake->user_agent);
    buf_add_byte(out, '}');
    add_socket(out, socket);
    buf_add_byte(out, '}');
}

void sio_hook_write_about(struct buf *out, const struct sio_socket *socket, int64_t connected_ms)
{
    buf_add_text(out, "\"namespace\":");
    json_quote(out, sio_namespace(socket));
    buf_add_text(out, ",\"socket\":{\"id\":");
    json_quote(out, sio_id(socket));
    add_identity(out, socket);
    buf_printf(out, "},\"connectedAt\":%" PRId64, connected_ms);
}

void sio_hook_write_end(struct buf *out, struct slice id, struct slice about, struct slice reason,
                        int64_t ended_ms)
{
    buf_add_text(out, "{\"type\":\"disconnect\",\"id\":");
    json_quote(out, id);
    buf_add_byte(out, ',');
    buf_add_slice(out, about);
    buf_add_text(out, ",\"reason\":");
    json_quote(out, reason);
    buf_printf(out, ",\"endedAt\":%" PRId64 "}", ended_ms);
}
