/* SPDX-License-Identifier: MIT */
#ifndef SB_ARCHITUS_ENTITY_H
#define SB_ARCHITUS_ENTITY_H

#include "json.h"
#include "store/pools.h"

/*
 * Entities as back ends give them: checked, with their ids as text, and for members what they are found by.
 * The JSON is kept as it stands.
 */
struct entities {
    struct pool_entity *items;
    size_t count;
    size_t without_id; /* objects that name nobody: left out, as are those that are too large */
    size_t too_large;
    struct buf text;
};

/* Of an array. False when it is none, or an item is no object. Borrows from the array; to be ended with
 * entities_fini() either way. */
bool entities_parse(struct json array, bool are_members, struct entities *entities);
void entities_fini(struct entities *entities);

/* How many different ids there are. */
size_t entities_count_ids(const struct entities *entities);

#endif
