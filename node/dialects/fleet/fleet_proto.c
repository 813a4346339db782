/* SPDX-License-Identifier: MIT */
/*
 *     message = field…
 *     field   = key value               key = varint: tag × 8 + type, of 32 bits
 *     value   = varint | 8 bytes | length bytes | field… end (of the same tag) | 4 bytes
 */
#include "fleet_proto.h"

#include <string.h>

#include "base/pack.h"

enum { KEY_BYTES = 5, VARINT_BYTES = 10 };

bool proto_varint(struct slice *left, size_t max_bytes, uint64_t *number_out)
{
    size_t bytes = left->len < max_bytes ? left->len : max_bytes;
    uint64_t number = 0;

    for (size_t i = 0; i < bytes; i++) {
        unsigned char byte = (unsigned char)left->data[i];

        number |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *left = (struct slice){ left->data + i + 1, left->len - i - 1 };
            *number_out = number;
            return true;
        }
    }
    return false;
}

static bool take(struct slice *left, uint64_t len, struct slice *bytes_out)
{
    if (len > left->len)
        return false;
    *bytes_out = (struct slice){ left->data, (size_t)len };
    *left = (struct slice){ left->data + len, left->len - (size_t)len };
    return true;
}

static bool take_key(struct slice *left, struct proto_field *field)
{
    uint64_t key;

    if (!proto_varint(left, KEY_BYTES, &key) || key > UINT32_MAX)
        return false;
    field->tag = (uint32_t)(key >> 3);
    field->type = (enum proto_type)(key & 7);
    return field->tag != 0;
}

/* Anything but a group. */
static bool take_value(struct slice *left, struct proto_field *field)
{
    uint64_t len;

    switch (field->type) {
    case PROTO_VARINT:
        return proto_varint(left, VARINT_BYTES, &field->number);
    case PROTO_FIXED64:
        return take(left, 8, &field->bytes);
    case PROTO_BYTES:
        return proto_varint(left, VARINT_BYTES, &len) && take(left, (uint32_t)len, &field->bytes);
    case PROTO_FIXED32:
        return take(left, 4, &field->bytes);
    default:
        return false;
    }
}

/* Groups lie within each other: a stack of their tags, and no recursion. */
static bool skip_group(struct slice *left, uint32_t tag)
{
    uint32_t open[PROTO_DEPTH_MAX + 1];
    size_t depth = 0;
    struct proto_field field;

    open[depth++] = tag;
    while (depth > 0) {
        if (!take_key(left, &field))
            return false;
        if (field.type == PROTO_GROUP) {
            if (depth > PROTO_DEPTH_MAX)
                return false;
            open[depth++] = field.tag;
        } else if (field.type == PROTO_END) {
            if (open[--depth] != field.tag)
                return false;
        } else if (!take_value(left, &field)) {
            return false;
        }
    }
    return true;
}

enum proto_step proto_next(struct slice *left, struct proto_field *field_out)
{
    bool is_good;

    if (left->len == 0)
        return PROTO_DONE;
    if (!take_key(left, field_out))
        return PROTO_BROKEN;
    is_good = field_out->type == PROTO_GROUP ? skip_group(left, field_out->tag)
                                             : take_value(left, field_out);
    return is_good ? PROTO_FIELD : PROTO_BROKEN;
}

/* ---- members --------------------------------------------------------------------------------------- */

static const enum proto_type types[] = {
    [PROTO_TEXT] = PROTO_BYTES,
    [PROTO_FLAG] = PROTO_VARINT,
    [PROTO_NUMBER] = PROTO_VARINT,
    [PROTO_PART] = PROTO_BYTES,
};

static bool set_member(const struct proto_member *member, const struct proto_field *field,
                       char *message)
{
    uint32_t low = (uint32_t)field->number;
    bool flag = field->number != 0;

    if (member->presence != 0)
        *(bool *)(message + member->presence) = true;
    switch (member->kind) {
    case PROTO_TEXT:
        memcpy(message + member->offset, &field->bytes, sizeof field->bytes);
        break;
    case PROTO_FLAG:
        memcpy(message + member->offset, &flag, sizeof flag);
        break;
    case PROTO_NUMBER:
        memcpy(message + member->offset, &low, sizeof low);
        break;
    case PROTO_PART:
        return member->read(field->bytes, message);
    }
    return true;
}

bool proto_read(struct slice bytes, const struct proto_member *members, size_t count, void *message)
{
    struct proto_field field;
    enum proto_step step;

    while ((step = proto_next(&bytes, &field)) == PROTO_FIELD) {
        for (size_t i = 0; i < count; i++) {
            if (members[i].tag == field.tag && types[members[i].kind] == field.type &&
                !set_member(&members[i], &field, message))
                return false;
        }
    }
    return step == PROTO_DONE;
}

/* ---- writing ----------------------------------------------------------------------------------------- */

void proto_add_text(struct buf *out, unsigned tag, struct slice text)
{
    pack_number(out, tag << 3 | PROTO_BYTES);
    pack_slice(out, text);
}

void proto_add_number(struct buf *out, unsigned tag, uint32_t number)
{
    pack_number(out, tag << 3 | PROTO_VARINT);
    pack_number(out, number);
}
