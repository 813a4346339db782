/* SPDX-License-Identifier: MIT */
#ifndef SB_FLEET_MODEL_INNER_H
#define SB_FLEET_MODEL_INNER_H

#include <uthash.h>

#include "fleet_inner.h"

/*
 * The inside of the model, for model*.c only.
 *
 *     model            the copy: instances by id and by join number, what they are together
 *     model_reading    the way of a reading from the store into the copy
 *     model_instance   one instance, from a change
 *     model_rooms      one instance's rooms by base
 *     model_types      which room types there are
 */

/* ---- model_instance --------------------------------------------------------------------------------- */

/* One reference. NULL: its record is no image. */
struct model_instance *model_instance_of(const struct fleet_change *change);

/* ---- model_rooms ------------------------------------------------------------------------------------ */

enum { MODEL_NO_ROOM = UINT32_MAX };
struct model_rooms *model_rooms_create(const struct fleet_instance *instance);
void model_rooms_destroy(struct model_rooms **rooms);

/* The last room with this base, and the one before it with the same; MODEL_NO_ROOM: there is none. */
uint32_t model_rooms_last(const struct model_instance *instance, struct slice base);
uint32_t model_rooms_before(const struct model_instance *instance, uint32_t room);

/* ---- model_types ------------------------------------------------------------------------------------ */

struct model_type;
struct model_types {
    struct model_type *types; /* by text, with how many instances name it */
    struct slice *sorted;
    size_t count;
    bool is_unsorted;
};
void model_types_add(struct model_types *types, const struct fleet_instance *instance);
void model_types_remove(struct model_types *types, const struct fleet_instance *instance);
void model_types_sort(struct model_types *types);
void model_types_fini(struct model_types *types);

/* ---- model ------------------------------------------------------------------------------------------ */

struct model_entry {
    struct model_instance *instance; /* one reference */
    UT_hash_handle hh;               /* by its id     */
};

/* A change of a reading that is not whole yet. */
struct model_change {
    char id[FLEET_ID_LEN + 1];
    struct model_instance *instance; /* NULL: it is gone */
};

struct fleet_model {
    struct fleet_realm *realm;
    struct model_entry *entries;
    struct model_instance **order; /* by join number: what the entries hold */
    size_t count;
    bool is_unordered; /* `order` is to be made anew */
    uint64_t version, rooms, connections;
    char hash[FLEET_HASH_LEN + 1];
    struct model_types types;

    struct list waiting, reading; /* who waits for the next reading, and for the one under way */
    struct store_op *op;
    uint64_t read_to; /* the reading under way goes on behind it */
    bool is_anew;     /* … and tells of all instances there are  */
    struct model_change *changes;
    size_t change_count, change_room;
};

struct model_entry *model_entry_of(const struct fleet_model *model, struct slice id);
void model_put(struct fleet_model *model,
               struct model_instance *instance); /* takes the reference */
void model_drop(struct fleet_model *model, struct slice id);
void model_drop_all(struct fleet_model *model);

/* The copy is whole again. */
void model_settle(struct fleet_model *model);

/* ---- model_reading ---------------------------------------------------------------------------------- */

void model_reading_fini(struct fleet_model *model);

#endif
