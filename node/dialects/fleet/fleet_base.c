/* SPDX-License-Identifier: MIT */
/*
 * Rooms' ids as documents have them: what is not of A-Z a-z 0-9 _ - becomes %XX. So an id of those is its own base, also
 * one that is too long to be asked for.
 */
#include "fleet_image.h"

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

static size_t special_count(struct slice id)
{
    size_t count = 0;

    for (size_t i = 0; i < id.len; i++)
        count += !is_plain(id.data[i]);
    return count;
}

bool fleet_room_id_is_clean(struct slice id)
{
    return id.len >= 1 && id.len <= 64 && special_count(id) == 0;
}

static void add_base(struct buf *out, struct slice id)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < id.len; i++) {
        unsigned char c = (unsigned char)id.data[i];
        const char escape[] = { '%', digits[c >> 4], digits[c & 15] };

        if (is_plain(id.data[i]))
            buf_add_byte(out, id.data[i]);
        else
            buf_add(out, escape, sizeof escape);
    }
}

static void write_bases(struct fleet_instance *instance)
{
    struct buf *bases = &instance->bases;

    for (size_t i = 0; i < instance->room_count; i++) {
        struct fleet_instance_room *room = &instance->rooms[i];

        if (room->base.len > room->id.len) {
            room->base.data = bases->data + bases->len;
            add_base(bases, room->id);
        }
    }
}

/* Most ids are their own base. The others' are written into memory that does not move any more. */
void fleet_bases_make(struct fleet_instance *instance)
{
    size_t needed = 0;

    for (size_t i = 0; i < instance->room_count; i++) {
        struct fleet_instance_room *room = &instance->rooms[i];
        size_t specials = special_count(room->id);

        room->base = room->id;
        room->base.len += 2 * specials;
        needed += specials > 0 ? room->base.len : 0;
    }
    buf_init(&instance->bases, needed);
    buf_reserve(&instance->bases, needed);
    write_bases(instance);
}
