/* SPDX-License-Identifier: MIT */
#ifndef SB_FLEET_LABELS_H
#define SB_FLEET_LABELS_H

#include "fleet_wire.h"

/* Labels as members of a JavaScript object. */

/* Sets one among `*count` of which there is room for max + 1: its value, when the key is there, else behind the
 * others. What is beyond max + 1 is left out, and so is __proto__. */
void fleet_labels_set(struct fleet_label *labels, size_t *count, size_t max,
                      const struct fleet_label *label);

/* Keys that are array indexes come first, ascending; the others stay in their order. */
void fleet_labels_arrange(struct fleet_label *labels, size_t count);

/* Appends {"key":"value",…}; what is no UTF-8 is replaced. */
void fleet_labels_write(struct buf *out, const struct fleet_label *labels, size_t count);

/* Is this one of ECMAScript's array indexes, 0 to 2³²−2 without leading zeros? */
bool fleet_key_is_index(struct slice key, uint64_t *index_out);

#endif
