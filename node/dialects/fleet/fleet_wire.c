/* SPDX-License-Identifier: MIT */
/*
 * Outer frames, and what goes to an agent in them. An agent's process ends itself over a frame that is not well
 * formed, so all are written in one place.
 *
 *     frame   = 0a length topic  12 length payload
 *     payload = major minor message
 */
#include "fleet_wire.h"

#include "base/pack.h"
#include "fleet_proto.h"

enum { OUTER_VARINT_BYTES = 8, TOPIC = 1, PAYLOAD = 2, MESSAGE_EXTRA = 128 };

/* ---- the outer frame -------------------------------------------------------------------------------- */

/* Of types there are but two. A tag that says nothing to us is skipped, 0 as well. */
static bool take_outer(struct slice *left, struct fleet_frame *frame)
{
    uint64_t key, number;
    struct slice bytes;

    if (!proto_varint(left, OUTER_VARINT_BYTES, &key) ||
        ((key & 7) != PROTO_VARINT && (key & 7) != PROTO_BYTES) ||
        !proto_varint(left, OUTER_VARINT_BYTES, &number))
        return false;
    if ((key & 7) == PROTO_VARINT)
        return true;
    if (number > left->len)
        return false;
    bytes = (struct slice){ left->data, (size_t)number };
    *left = (struct slice){ left->data + number, left->len - (size_t)number };
    if (key >> 3 == TOPIC)
        frame->topic = bytes;
    else if (key >> 3 == PAYLOAD)
        frame->payload = bytes;
    return true;
}

enum fleet_frame_fault fleet_frame_parse(struct slice message, struct fleet_frame *frame_out)
{
    *frame_out = (struct fleet_frame){ 0 };
    while (message.len > 0) {
        if (!take_outer(&message, frame_out))
            return FLEET_FRAME_BROKEN;
    }
    return frame_out->topic.data != NULL && frame_out->payload.data != NULL
               ? FLEET_FRAME_GOOD
               : FLEET_FRAME_INCOMPLETE;
}

static void add_frame(struct buf *out, const char *topic, struct buf *message)
{
    proto_add_text(out, TOPIC, slice_of(topic));
    proto_add_text(out, PAYLOAD, buf_slice(message));
    buf_fini(message);
}

static void message_init(struct buf *message, size_t text_len)
{
    buf_init(message, text_len + MESSAGE_EXTRA);
    buf_add_byte(message, FLEET_PROTOCOL);
    buf_add_byte(message, 0);
}

static void add_if_there(struct buf *message, unsigned tag, struct slice text)
{
    if (text.data != NULL)
        proto_add_text(message, tag, text);
}

/* ---- to the agent ------------------------------------------------------------------------------------- */

void fleet_write_hello(struct buf *out, struct slice instance_id, uint32_t heartbeat_ms,
                       uint32_t features)
{
    struct buf message;

    message_init(&message, instance_id.len);
    proto_add_text(&message, 1, instance_id);
    proto_add_number(&message, 2, FLEET_PROTOCOL);
    proto_add_number(&message, 3, heartbeat_ms);
    if (features != 0)
        proto_add_number(&message, 4, features);
    add_frame(out, "fleet/hello", &message);
}

void fleet_write_poll(struct buf *out, const struct fleet_poll *poll)
{
    struct buf message;

    message_init(&message, poll->request_id.len + poll->known_hash.len + poll->status.len);
    proto_add_text(&message, 1, poll->request_id);
    add_if_there(&message, 2, poll->known_hash);
    proto_add_text(&message, 3, poll->status);
    if (poll->features != 0)
        proto_add_number(&message, 4, poll->features);
    add_frame(out, "fleet/poll", &message);
}

void fleet_write_cmd(struct buf *out, const struct fleet_cmd *cmd)
{
    struct buf message;

    message_init(&message,
                 cmd->command_id.len + cmd->room_id.len + cmd->room_type.len + cmd->options.len);
    proto_add_text(&message, 1, cmd->command_id);
    proto_add_text(&message, 2, slice_of(cmd->op));
    add_if_there(&message, 3, cmd->room_id);
    add_if_there(&message, 4, cmd->room_type);
    add_if_there(&message, 5, cmd->options);
    add_frame(out, "fleet/cmd", &message);
}
