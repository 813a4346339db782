/* SPDX-License-Identifier: MIT */
/*
 * One instance's rooms by their bases: an open table of the last room with each base, and for each room the one before
 * it with the same base. Two arrays, no more memory than that: an instance of 50,000 rooms is indexed at once.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "model_inner.h"

struct model_rooms {
    uint32_t mask;
    uint32_t *slots;  /* MODEL_NO_ROOM: free; at most half of them are not */
    uint32_t *before; /* for each room */
};

static uint32_t hash_of(struct slice text) /* FNV-1a */
{
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ (unsigned char)text.data[i]) * 16777619u;
    return hash ^ hash >> 15;
}

/* Where the base stands, or would. */
static uint32_t *slot_of(const struct model_rooms *rooms, const struct fleet_instance *instance,
                         struct slice base)
{
    uint32_t at = hash_of(base) & rooms->mask;

    while (rooms->slots[at] != MODEL_NO_ROOM &&
           !slice_equals(instance->rooms[rooms->slots[at]].base, base))
        at = (at + 1) & rooms->mask;
    return &rooms->slots[at];
}

struct model_rooms *model_rooms_create(const struct fleet_instance *instance)
{
    struct model_rooms *rooms = xcalloc(1, sizeof *rooms);
    uint32_t size = 2;

    while (size < 2 * instance->room_count)
        size *= 2;
    rooms->mask = size - 1;
    rooms->slots = xmalloc(size * sizeof *rooms->slots);
    rooms->before = xmalloc((instance->room_count + 1) * sizeof *rooms->before);
    for (uint32_t i = 0; i < size; i++)
        rooms->slots[i] = MODEL_NO_ROOM;
    for (uint32_t room = 0; room < instance->room_count; room++) {
        uint32_t *slot = slot_of(rooms, instance, instance->rooms[room].base);

        rooms->before[room] = *slot;
        *slot = room;
    }
    return rooms;
}

void model_rooms_destroy(struct model_rooms **rooms)
{
    if (*rooms == NULL)
        return;
    free((*rooms)->slots);
    free((*rooms)->before);
    free(*rooms);
    *rooms = NULL;
}

uint32_t model_rooms_last(const struct model_instance *instance, struct slice base)
{
    return *slot_of(instance->rooms, instance->instance, base);
}

uint32_t model_rooms_before(const struct model_instance *instance, uint32_t room)
{
    return instance->rooms->before[room];
}
