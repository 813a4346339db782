/* SPDX-License-Identifier: MIT */
#include "base/pack.h"

void pack_number(struct buf *out, uint64_t number)
{
    for (; number >= 0x80; number >>= 7)
        buf_add_byte(out, (char)(unsigned char)(number | 0x80));
    buf_add_byte(out, (char)(unsigned char)number);
}

void pack_slice(struct buf *out, struct slice slice)
{
    pack_number(out, slice.len);
    buf_add_slice(out, slice);
}

void unpack_init(struct unpack *unpack, struct slice bytes)
{
    *unpack = (struct unpack){ .left = bytes };
}

static void unpack_advance(struct unpack *unpack, size_t len)
{
    unpack->left.data += len;
    unpack->left.len -= len;
}

static void unpack_break(struct unpack *unpack)
{
    unpack->is_broken = true;
    unpack_advance(unpack, unpack->left.len);
}

uint64_t unpack_number(struct unpack *unpack)
{
    uint64_t number = 0;

    for (unsigned shift = 0; shift < 64 && unpack->left.len > 0; shift += 7) {
        unsigned char byte = (unsigned char)unpack->left.data[0];

        if (shift == 63 && byte > 1)
            break;
        unpack_advance(unpack, 1);
        number |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return number;
    }
    unpack_break(unpack);
    return 0;
}

uint64_t unpack_number_max(struct unpack *unpack, uint64_t max)
{
    uint64_t number = unpack_number(unpack);

    if (number <= max)
        return number;
    unpack_break(unpack);
    return 0;
}

struct slice unpack_slice(struct unpack *unpack)
{
    size_t len = (size_t)unpack_number(unpack);
    struct slice slice = { unpack->left.data, len };

    if (unpack->is_broken || len > unpack->left.len) {
        unpack_break(unpack);
        return (struct slice){ "", 0 };
    }
    unpack_advance(unpack, len);
    return slice;
}

bool unpack_is_done(const struct unpack *unpack)
{
    return !unpack->is_broken && unpack->left.len == 0;
}
