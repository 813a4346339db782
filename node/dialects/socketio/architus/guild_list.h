/* SPDX-License-Identifier: MIT */
#ifndef SB_ARCHITUS_GUILD_LIST_H
#define SB_ARCHITUS_GUILD_LIST_H

#include "architus_room.h"

/*
 * The guilds of a user: of each shard those that it shares with the user, then of Discord's list of the user's guilds
 * those that no shard has named. Asked once for all who want it, and kept for a minute when nothing failed.
 */
struct guild_wait;

struct guild_news {
    enum { GUILDS_COME, GUILDS_SHARD_FAILED, GUILDS_DISCORD_FAILED } what;
    struct slice data; /* GUILDS_COME: entities, commas between them */
    int status;        /* failed: with what … */
    size_t shard;      /* … and which */
};

struct guild_wait {
    struct flight_wait wait; /* it lands with 200 when the list is whole */
    void (*on_news)(struct guild_wait *wait, const struct guild_news *news); /* may be NULL */
};

/* What has come before is told of before this returns; the rest later. */
void guild_list_ask(struct architus *app, struct slice realm, struct jwt *identity,
                    struct guild_wait *wait,
                    void (*on_news)(struct guild_wait *wait, const struct guild_news *news),
                    void (*on_landed)(struct flight_wait *wait, struct flight *flight));

/* All entities that came. */
struct slice guild_list_data(struct flight *flight);

#endif
