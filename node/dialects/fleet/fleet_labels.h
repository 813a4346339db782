/* SPDX-License-Identifier: MIT */
#ifndef SB_FLEET_LABELS_H
#define SB_FLEET_LABELS_H

#include "fleet_wire.h"

/* Labels as members of a JavaScript object. */

/* Sets one among `*count` of which there is room for max + 1: its value, when the key is there, else behind the
 * others. Once there are more than max, which nobody accepts, nothing is set any more; __proto__ never is. Keys are
 * UTF-8. */
void fleet_labels_set(struct fleet_label *labels, size_t *count, size_t max,
                      const struct fleet_label *label);

enum { FLEET_KEY_UNITS = 64, FLEET_KEY_BYTES = 3 * FLEET_KEY_UNITS };

/* What an agent's key reads, worked out once, so that bytes tell which are the same, however many come. */
struct fleet_key {
    struct slice text;              /* the key as it came, or in … */
    char replaced[FLEET_KEY_BYTES]; /* … here: it is no UTF-8      */
};

/* Sets one as it came from an agent; `keys` are those of the labels, and have room for as many. Of keys that are too
 * long for any state those that differ in a byte are different. */
void fleet_labels_set_raw(struct fleet_label *labels, struct fleet_key *keys, size_t *count,
                          size_t max, const struct fleet_label *label);

/* Keys that are array indexes come first, ascending; the others stay in their order. */
void fleet_labels_arrange(struct fleet_label *labels, size_t count);

/* Appends {"key":"value",…}; what is no UTF-8 is replaced. */
void fleet_labels_write(struct buf *out, const struct fleet_label *labels, size_t count);

/* Is this one of ECMAScript's array indexes, 0 to 2³²−2 without leading zeros? */
bool fleet_key_is_index(struct slice key, uint64_t *index_out);

#endif
