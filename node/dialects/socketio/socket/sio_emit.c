/* SPDX-License-Identifier: MIT */
/*
 * Emitting: an entry is written once, by whoever emits, in the form in which every node writes it to its
 * WebSockets; and appended once, however many rooms, members and nodes there are.
 */
#include "sio_emit.h"

#include <assert.h>

#include "sio_channel.h"
#include "sio_name.h"
#include "sio_post.h"

/* ---- what may be emitted ---------------------------------------------------------------------------- */

static bool check_rooms(const struct slice *rooms, size_t count, const char *what, struct why *why)
{
    if (count > SIO_TARGET_MAX)
        return why_set(why, "%s: must be at most %d", what, SIO_TARGET_MAX);
    for (size_t i = 0; i < count; i++) {
        if (!sio_room_name_is_valid(rooms[i]))
            return why_set(why, "%s: each must be 1 to 128 bytes without control characters", what);
    }
    return true;
}

bool sio_target_check(const struct sio_target *to, struct why *why)
{
    if (!sio_namespace_is_valid(to->nsp))
        return why_set(why, "namespace: must begin with /, and have at most 128 bytes without "
                            "control characters and #");
    return check_rooms(to->rooms, to->room_count, "rooms", why) &&
           check_rooms(to->except, to->except_count, "except", why);
}

static bool check_name(struct json items, struct why *why)
{
    struct json first = { .type = JSON_ABSENT };
    size_t offset = 0;
    struct buf name;
    bool is_valid;

    json_next(items, &offset, &first);
    buf_init(&name, SIO_NAME_MAX);
    is_valid = json_text(first, &name) && sio_event_name_is_valid(buf_slice(&name));
    if (!is_valid && sio_name_is_reserved(buf_slice(&name)))
        why_set(why, "event: '%.*s' is reserved", (int)name.len, name.data);
    else if (!is_valid)
        why_set(why, "event: must be a string of 1 to 128 bytes without control characters");
    buf_fini(&name);
    return is_valid;
}

static size_t bytes_of(const struct sio_emit *emit)
{
    size_t bytes = emit->items.len;

    for (size_t i = 0; i < emit->attachment_count; i++)
        bytes += emit->attachments[i].len;
    return bytes;
}

bool sio_emit_check(const struct sio *sio, const struct sio_emit *emit, struct why *why)
{
    const struct config *config = sio->node->config;
    struct json items;

    if (!sio_target_check(&emit->to, why))
        return false;
    if (emit->attachment_count > config->socketio_max_attachments)
        return why_set(why, "attachments: must be at most %u", config->socketio_max_attachments);
    if (bytes_of(emit) > config->socketio_max_payload)
        return why_set(why, "args, attachments: must have at most %u bytes together",
                       config->socketio_max_payload);
    if (!json_parse(emit->items, &items) || items.type != JSON_ARRAY)
        return why_set(why, "args: must be a JSON array that is not nested too deeply");
    if (!check_name(items, why))
        return false;
    if (emit->attachment_count > 0 &&
        !sio_placeholders_are_valid(items, (uint32_t)emit->attachment_count))
        return why_set(why, "args: a placeholder names an attachment that is not there");
    if (emit->once.data != NULL && !key_id_is_valid(emit->once))
        return why_set(why, "id: must be 1 to 128 bytes without control characters");
    return true;
}

/* ---- posting ---------------------------------------------------------------------------------------- */

static void write_post(struct buf *out, const struct sio_post *post, bool has_target)
{
    struct sio_entry entry = post->entry;

    if (has_target) {
        entry.has_target = true;
        entry.rooms = (struct sio_texts){ post->to->rooms, post->to->room_count };
        entry.except = (struct sio_texts){ post->to->except, post->to->except_count };
    }
    sio_entry_write(out, &entry);
    if (post->packet != NULL)
        sio_packet_write(out, post->packet);
    assert(!out->has_overflowed);
}

void sio_post(struct sio *sio, const struct sio_post *post, sio_emitted_fn *done, void *ctx,
              struct store_op **slot)
{
    const struct sio_target *to = post->to;
    bool is_one_room = to->room_count == 1 && to->except_count == 0;
    struct channel_message message = {
        .ttl_ms = post->ttl_ms,
        .once = post->once,
        .is_live_only = sio->node->config->recovery_ms == 0,
    };
    struct sio_channel channel;
    struct buf entry;
    bool fits = sio_channel_of(&channel, to->realm, to->nsp,
                               is_one_room ? to->rooms[0] : SLICE_LITERAL(""));

    assert(fits);
    (void)fits;
    buf_init(&entry, CHANNEL_PAYLOAD_MAX);
    write_post(&entry, post, to->room_count + to->except_count > 0 && !is_one_room);
    message.payload = buf_slice(&entry);
    channel_append(sio->node->store, &channel.id, &message, done, ctx, slot);
    buf_fini(&entry);
}

struct sio_packet sio_packet_of(const struct sio_emit *emit)
{
    return (struct sio_packet){
        .type = SIO_EVENT,
        .attachment_count = (uint32_t)emit->attachment_count,
        .nsp = emit->to.nsp,
        .payload = { JSON_ARRAY, emit->items },
    };
}

/* An id must be remembered for longer than a volatile entry lives. */
void sio_emit(struct sio *sio, const struct sio_emit *emit, sio_emitted_fn *done, void *ctx,
              struct store_op **slot)
{
    struct sio_packet packet = sio_packet_of(emit);
    struct sio_post post = {
        .to = &emit->to,
        .entry = { .is_volatile = emit->is_volatile,
                   .attachments = { emit->attachments, emit->attachment_count } },
        .packet = &packet,
        .once = emit->once,
        .ttl_ms = emit->is_volatile && emit->once.data == NULL ? SIO_VOLATILE_TTL_MS : 0,
    };

    sio->node->metrics.socketio_emitted++;
    sio_post(sio, &post, done, ctx, slot);
}
