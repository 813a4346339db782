/* SPDX-License-Identifier: MIT */
#ifndef SB_FLEET_PROTO_H
#define SB_FLEET_PROTO_H

#include "base/buf.h"

/*
 * As much of protobuf as the fleet speaks: messages as tables of their members. Reading is lenient as protobufjs is:
 * any order, the last one wins, unknown tags and unexpected types are skipped; tag 0, unknown types, groups that do
 * not fit together and truncation are errors. Nothing is copied.
 */
enum { PROTO_DEPTH_MAX = 100 }; /* of groups, which are only ever skipped */

enum proto_type { PROTO_VARINT, PROTO_FIXED64, PROTO_BYTES, PROTO_GROUP, PROTO_END, PROTO_FIXED32 };

struct proto_field {
    uint32_t tag;
    enum proto_type type;
    uint64_t number;    /* PROTO_VARINT */
    struct slice bytes; /* PROTO_BYTES  */
};

enum proto_step { PROTO_FIELD, PROTO_DONE, PROTO_BROKEN };
enum proto_step proto_next(struct slice *left, struct proto_field *field_out);

/* False: it is cut off, or longer than `max_bytes`. */
bool proto_varint(struct slice *left, size_t max_bytes, uint64_t *number_out);

enum proto_kind {
    PROTO_TEXT,   /* struct slice, borrowed           */
    PROTO_FLAG,   /* bool: not zero                   */
    PROTO_NUMBER, /* uint32_t, int32_t: the low bits  */
    PROTO_PART,   /* a message: `read` is given it    */
};
struct proto_member {
    uint32_t tag;
    enum proto_kind kind;
    size_t offset;
    size_t presence; /* offset of a bool that becomes true; 0: none */
    bool (*read)(struct slice bytes, void *message);
};

/* Members that do not come are left as they are. */
bool proto_read(struct slice bytes, const struct proto_member *members, size_t count,
                void *message);

void proto_add_text(struct buf *out, unsigned tag, struct slice text);
void proto_add_number(struct buf *out, unsigned tag, uint32_t number);

#endif
