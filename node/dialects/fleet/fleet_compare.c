/* SPDX-License-Identifier: MIT */
/*
 * What has become of an instance's rooms. Two lists of the same order are walked side by side; agents sort theirs, so
 * usually both have it as they are, else they are given it. Of equal bases the first belongs to the first, the second
 * to the second.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "fleet_state.h"

enum fate { STAYS, IS_ADDED, IS_CHANGED };

/* A row of rooms' places: by base, equal ones in their order. */
struct row {
    const struct fleet_instance_room *rooms;
    uint32_t *places;
    size_t count, next;
};

static int compare_bases(const struct fleet_instance_room *a, const struct fleet_instance_room *b)
{
    size_t len = a->base.len < b->base.len ? a->base.len : b->base.len;
    int order = memcmp(a->base.data, b->base.data, len);

    return order != 0 ? order : (a->base.len > b->base.len) - (a->base.len < b->base.len);
}

static int compare_places(const void *a, const void *b, void *rooms)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    const struct fleet_instance_room *of = rooms;
    int order = compare_bases(&of[left], &of[right]);

    return order != 0 ? order : (left > right) - (left < right);
}

static bool is_in_order(const struct fleet_instance *instance)
{
    for (size_t i = 1; i < instance->room_count; i++) {
        if (compare_bases(&instance->rooms[i - 1], &instance->rooms[i]) > 0)
            return false;
    }
    return true;
}

/* NULL: no rooms. */
static struct row row_of(const struct fleet_instance *instance)
{
    struct row row = { 0 };

    if (instance == NULL)
        return row;
    row.rooms = instance->rooms;
    row.count = instance->room_count;
    row.places = xmalloc((row.count + 1) * sizeof *row.places);
    for (size_t i = 0; i < row.count; i++)
        row.places[i] = (uint32_t)i;
    if (!is_in_order(instance))
        qsort_r(row.places, row.count, sizeof *row.places, compare_places, instance->rooms);
    return row;
}

static const struct fleet_instance_room *row_peek(const struct row *row)
{
    return row->next < row->count ? &row->rooms[row->places[row->next]] : NULL;
}

/* < 0: the next one that was is no more. > 0: the next one that is was not. */
static int compare_next(const struct fleet_instance_room *was, const struct fleet_instance_room *is)
{
    if (was == NULL || is == NULL)
        return was == NULL ? 1 : -1;
    return compare_bases(was, is);
}

/* Notes each room's fate, and which bases are no more. */
static void walk(struct row *before, struct row *now, uint8_t *fates, struct slice *removed,
                 size_t *removed_count)
{
    const struct fleet_instance_room *was, *is;

    while ((was = row_peek(before)), (is = row_peek(now)), was != NULL || is != NULL) {
        int order = compare_next(was, is);

        if (order < 0)
            removed[(*removed_count)++] = was->base;
        else if (order > 0)
            fates[now->places[now->next]] = IS_ADDED;
        else if (was->is_fleets != is->is_fleets)
            fates[now->places[now->next]] = IS_CHANGED;
        before->next += order <= 0;
        now->next += order >= 0;
    }
}

/* ---- what the store is told ------------------------------------------------------------------------------ */

struct fates {
    const struct fleet_instance *instance;
    struct slice id;
    const uint8_t *of;
};

static size_t fate_count(const struct fates *fates, enum fate fate)
{
    size_t count = 0;

    for (size_t i = 0; i < fates->instance->room_count; i++)
        count += fates->of[i] == fate;
    return count;
}

/* Rooms, and behind them their tails, in one piece of memory that is the first room's. */
static struct fleet_room *rooms_with(const struct fates *fates, enum fate fate, size_t count)
{
    size_t head = count * sizeof(struct fleet_room), next = 0;
    struct fleet_room *rooms;
    struct buf all;

    buf_init(&all, SIZE_MAX);
    if (buf_reserve(&all, head) != NULL)
        all.len = head;
    for (size_t i = 0; i < fates->instance->room_count; i++) {
        struct fleet_room room = { .base = fates->instance->rooms[i].base,
                                   .is_fleets = fates->instance->rooms[i].is_fleets };
        size_t start = all.len;

        if (fates->of[i] != fate)
            continue;
        if (fate == IS_ADDED)
            fleet_room_tail(&all, fates->instance, fates->id, i, (struct slice){ NULL, 0 });
        room.tail.len = all.len - start;
        memcpy(all.data + next++ * sizeof room, &room, sizeof room);
    }
    rooms = (struct fleet_room *)(void *)all.data;
    for (size_t i = 0, at = head; i < count; at += rooms[i++].tail.len)
        rooms[i].tail.data = all.data + at;
    return rooms;
}

void fleet_instance_compare(const struct fleet_instance *before, const struct fleet_instance *now,
                            struct slice id, struct fleet_state *state)
{
    struct row old = row_of(before), new = row_of(now);
    uint8_t *of = xcalloc(now->room_count + 1, sizeof *of);
    struct slice *removed = xmalloc((old.count + 1) * sizeof *removed);
    struct fates fates = { now, id, of };

    fleet_compare_fini(state);
    walk(&old, &new, of, removed, &state->removed_count);
    state->removed = removed;
    state->added_count = fate_count(&fates, IS_ADDED);
    state->added = rooms_with(&fates, IS_ADDED, state->added_count);
    state->changed_count = fate_count(&fates, IS_CHANGED);
    state->changed = rooms_with(&fates, IS_CHANGED, state->changed_count);
    free(of);
    free(old.places);
    free(new.places);
}

void fleet_compare_fini(struct fleet_state *state)
{
    free((void *)(uintptr_t)state->added);
    free((void *)(uintptr_t)state->changed);
    free((void *)(uintptr_t)state->removed);
    state->added = state->changed = NULL;
    state->removed = NULL;
    state->added_count = state->changed_count = state->removed_count = 0;
}
