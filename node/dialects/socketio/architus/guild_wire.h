/* SPDX-License-Identifier: MIT */
#ifndef SB_ARCHITUS_GUILD_WIRE_H
#define SB_ARCHITUS_GUILD_WIRE_H

#include "json.h"

/*
 * A guild as the client wants it, from a shard's or Discord's: ids are strings, permissions a number, `owner`,
 * `has_architus`, `architus_admin` and `features` are there. All else stays as it is.
 */
enum guild_source { GUILD_OF_SHARD, GUILD_OF_DISCORD };

/* Appends it. `user`: whose list it is. False, and nothing is appended, when it has no id. */
bool guild_write(struct buf *out, struct json guild, enum guild_source source, struct slice user);

/* Its id, appended to `text`; nothing when it has none. */
struct slice guild_id_of(struct json guild, struct buf *text);

#endif
