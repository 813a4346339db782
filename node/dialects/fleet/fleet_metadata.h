/* SPDX-License-Identifier: MIT */
#ifndef SB_FLEET_METADATA_H
#define SB_FLEET_METADATA_H

#include "base/buf.h"

/* What was put to rooms of one instance: a JSON object, base → object, made ready for many questions. */
struct fleet_metadata;

/* Borrows the text. One that is no such object has nothing. */
struct fleet_metadata *fleet_metadata_create(struct slice json);
void fleet_metadata_destroy(struct fleet_metadata **metadata);

/* The room's object; nothing: there is none. */
struct slice fleet_metadata_find(const struct fleet_metadata *metadata, struct slice base);

#endif
