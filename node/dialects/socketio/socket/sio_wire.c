/* SPDX-License-Identifier: MIT */
/*
 * Packets of Socket.IO, as they stand behind Engine.IO's '4':
 *
 *     packet = type [ count "-" ] [ namespace [ "," ] ] [ id ] [ JSON ]
 *
 * A count of attachments stands in the binary kinds only, a namespace begins with '/', and the comma may be
 * missing where nothing follows. Payloads are checked and passed on as they are.
 */
#include "sio_wire.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sio_name.h"

enum { COUNT_DIGITS_MAX = 9, ID_DIGITS_MAX = 15 };

const char *sio_fault_name(enum sio_fault fault)
{
    static const char *const names[SIO_FAULTS] = {
        [SIO_FINE] = "none",
        [SIO_FAULT_TYPE] = "type",
        [SIO_FAULT_COUNT] = "attachment_count",
        [SIO_FAULT_MANY] = "too_many_attachments",
        [SIO_FAULT_NAMESPACE] = "namespace",
        [SIO_FAULT_ID] = "ack_id",
        [SIO_FAULT_JSON] = "json",
        [SIO_FAULT_PAYLOAD] = "payload",
        [SIO_FAULT_NAME] = "event_name",
        [SIO_FAULT_PLACEHOLDER] = "placeholder",
        [SIO_FAULT_ORDER] = "attachment_order",
        [SIO_FAULT_BYTES] = "attachment_bytes",
        [SIO_FAULT_LATE] = "attachment_time",
        [SIO_FAULT_STATE] = "state",
        [SIO_FAULT_QUEUE] = "admission_queue",
    };

    return names[fault];
}

/* ---- reading ------------------------------------------------------------------------------------ */

static bool is_binary(enum sio_type type)
{
    return type == SIO_BINARY_EVENT || type == SIO_BINARY_ACK;
}

static struct slice take_digits(struct slice *left)
{
    struct slice digits = { left->data, 0 };

    while (digits.len < left->len && left->data[digits.len] >= '0' && left->data[digits.len] <= '9')
        digits.len++;
    left->data += digits.len;
    left->len -= digits.len;
    return digits;
}

static enum sio_fault take_type(struct slice *left, struct sio_packet *packet)
{
    if (left->len == 0 || left->data[0] < '0' || left->data[0] > '6')
        return SIO_FAULT_TYPE;
    packet->type = (enum sio_type)(left->data[0] - '0');
    left->data++;
    left->len--;
    return SIO_FINE;
}

static enum sio_fault take_count(struct slice *left, uint32_t max, struct sio_packet *packet)
{
    struct slice digits;
    uint64_t count;

    if (!is_binary(packet->type))
        return SIO_FINE;
    digits = take_digits(left);
    if (left->len == 0 || left->data[0] != '-' || digits.len == 0)
        return SIO_FAULT_COUNT;
    left->data++;
    left->len--;
    if (digits.len > COUNT_DIGITS_MAX || !slice_to_u64(digits, 0, UINT32_MAX, &count) ||
        count > max)
        return SIO_FAULT_MANY;
    packet->attachment_count = (uint32_t)count;
    return count > 0 ? SIO_FINE : SIO_FAULT_COUNT;
}

static void take_namespace(struct slice *left, struct sio_packet *packet)
{
    const char *comma;
    size_t len;

    packet->nsp = SLICE_LITERAL("/");
    if (left->len == 0 || left->data[0] != '/')
        return;
    comma = memchr(left->data, ',', left->len);
    len = comma != NULL ? (size_t)(comma - left->data) : left->len;
    packet->nsp = (struct slice){ left->data, len };
    if (comma != NULL)
        len++;
    left->data += len;
    left->len -= len;
}

static enum sio_fault take_id(struct slice *left, struct sio_packet *packet)
{
    struct slice digits = take_digits(left);

    if (digits.len == 0)
        return SIO_FINE;
    packet->has_id = true;
    return digits.len <= ID_DIGITS_MAX && slice_to_u64(digits, 0, UINT64_MAX, &packet->id)
               ? SIO_FINE
               : SIO_FAULT_ID;
}

/* The reference reads a blank here as an id of 0: no JSON begins with one for us. */
static enum sio_fault take_payload(struct slice left, struct sio_packet *packet)
{
    if (left.len == 0)
        return SIO_FINE;
    if (memchr(" \t\r\n", left.data[0], 4) != NULL ||
        !json_parse_shallow(left, SIO_DEPTH_MAX, &packet->payload))
        return SIO_FAULT_JSON;
    return SIO_FINE;
}

/* ---- what each type asks of its payload ----------------------------------------------------------- */

static enum sio_fault check_name(struct json first)
{
    struct buf name;
    bool is_good;

    if (first.type == JSON_NUMBER)
        return first.raw.len <= SIO_NAME_MAX ? SIO_FINE : SIO_FAULT_NAME;
    if (first.type != JSON_STRING)
        return SIO_FAULT_PAYLOAD;
    buf_init(&name, SIO_NAME_MAX);
    is_good = json_text(first, &name) && !sio_name_is_reserved(buf_slice(&name));
    buf_fini(&name);
    return is_good ? SIO_FINE : SIO_FAULT_NAME;
}

static enum sio_fault check_event(const struct sio_packet *packet)
{
    struct json first;
    size_t offset = 0;

    if (!json_next(packet->payload, &offset, &first))
        return SIO_FAULT_PAYLOAD;
    return check_name(first);
}

static enum sio_fault check_ack(const struct sio_packet *packet)
{
    if (packet->payload.type != JSON_ARRAY)
        return SIO_FAULT_PAYLOAD;
    return packet->has_id ? SIO_FINE : SIO_FAULT_ID;
}

static enum sio_fault check_connect(const struct sio_packet *packet)
{
    enum json_type type = packet->payload.type;

    return type == JSON_ABSENT || type == JSON_OBJECT ? SIO_FINE : SIO_FAULT_PAYLOAD;
}

static enum sio_fault check_disconnect(const struct sio_packet *packet)
{
    return packet->payload.type == JSON_ABSENT ? SIO_FINE : SIO_FAULT_PAYLOAD;
}

static enum sio_fault check_connect_error(const struct sio_packet *packet)
{
    enum json_type type = packet->payload.type;

    return type == JSON_STRING || type == JSON_OBJECT ? SIO_FINE : SIO_FAULT_PAYLOAD;
}

static enum sio_fault check_payload(const struct sio_packet *packet)
{
    static enum sio_fault (*const checks[])(const struct sio_packet *) = {
        [SIO_CONNECT] = check_connect,
        [SIO_DISCONNECT] = check_disconnect,
        [SIO_EVENT] = check_event,
        [SIO_ACK] = check_ack,
        [SIO_CONNECT_ERROR] = check_connect_error,
        [SIO_BINARY_EVENT] = check_event,
        [SIO_BINARY_ACK] = check_ack,
    };

    return checks[packet->type](packet);
}

enum sio_fault sio_packet_read(struct slice text, uint32_t attachments_max,
                               struct sio_packet *packet_out)
{
    enum sio_fault fault;

    *packet_out = (struct sio_packet){ .payload.type = JSON_ABSENT };
    fault = take_type(&text, packet_out);
    if (fault == SIO_FINE)
        fault = take_count(&text, attachments_max, packet_out);
    if (fault != SIO_FINE)
        return fault;
    take_namespace(&text, packet_out);
    fault = take_id(&text, packet_out);
    if (fault == SIO_FINE)
        fault = take_payload(text, packet_out);
    return fault == SIO_FINE ? check_payload(packet_out) : fault;
}

/* ---- placeholders ---------------------------------------------------------------------------------- */

/* What is known of an object that is open: is it a placeholder, and for which attachment? */
struct placeholder {
    bool is_one, has_number;
};

/* As in JavaScript, the last member of a name counts. */
static void note_member(struct placeholder *open, const struct json_walk *walk,
                        uint32_t attachment_count)
{
    int64_t number;

    if (json_text_is(walk->name, "_placeholder"))
        open->is_one = walk->value.type == JSON_TRUE;
    else if (json_text_is(walk->name, "num"))
        open->has_number = walk->value.type == JSON_NUMBER &&
                           json_whole(walk->value, 0, (int64_t)attachment_count - 1, &number);
}

bool sio_placeholders_are_valid(struct json payload, uint32_t attachment_count)
{
    struct placeholder open[SIO_DEPTH_MAX + 1] = { 0 };
    struct json_walk walk;

    json_walk_init(&walk, payload);
    for (;;) {
        switch (json_walk_next(&walk)) {
        case JSON_STEP_OPENS:
            note_member(&open[walk.depth - 1], &walk, attachment_count);
            open[walk.depth] = (struct placeholder){ false, false };
            break;
        case JSON_STEP_VALUE:
            note_member(&open[walk.depth], &walk, attachment_count);
            break;
        case JSON_STEP_CLOSES:
            if (open[walk.depth + 1].is_one && !open[walk.depth + 1].has_number)
                return false;
            break;
        case JSON_STEP_END:
            return true;
        }
    }
}

/* ---- writing ---------------------------------------------------------------------------------------- */

static char digit_of(const struct sio_packet *packet)
{
    if (packet->attachment_count == 0)
        return (char)('0' + packet->type);
    return packet->type == SIO_ACK || packet->type == SIO_BINARY_ACK ? '6' : '5';
}

void sio_packet_write(struct buf *out, const struct sio_packet *packet)
{
    buf_printf(out, "4%c", digit_of(packet));
    if (packet->attachment_count > 0)
        buf_printf(out, "%" PRIu32 "-", packet->attachment_count);
    if (!slice_is(packet->nsp, "/")) {
        buf_add_slice(out, packet->nsp);
        buf_add_byte(out, ',');
    }
    if (packet->has_id)
        buf_printf(out, "%" PRIu64, packet->id);
    if (packet->payload.type != JSON_ABSENT)
        buf_add_slice(out, packet->payload.raw);
}

struct packet *sio_packet_make(const struct sio_packet *packet, const struct slice *attachments)
{
    struct frame **frames = NULL;
    struct packet *made;
    struct buf text;

    buf_init(&text, packet->nsp.len + packet->payload.raw.len + 64);
    sio_packet_write(&text, packet);
    assert(!text.has_overflowed);
    if (packet->attachment_count > 0)
        frames = xcalloc(packet->attachment_count, sizeof(struct frame *));
    for (uint32_t i = 0; i < packet->attachment_count; i++)
        frames[i] = frame_of(attachments[i]);
    made = packet_create(frame_of(buf_slice(&text)), frames, packet->attachment_count);
    free(frames);
    buf_fini(&text);
    return made;
}
