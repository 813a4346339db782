/* SPDX-License-Identifier: MIT */
#ifndef SB_STORE_CHANNEL_KEYS_H
#define SB_STORE_CHANNEL_KEYS_H

#include "store/channel.h"
#include "store/inside.h"

/* What the operations on channels share. For store/channel*.c, and for a noun whose scripts append by themselves. */

enum channel_part {
    PART_LIST,    /* :q the entries                         */
    PART_NUMBER,  /* :n the last number                     */
    PART_SETTLED, /* :s everything up to here is settled    */
    PART_LEASE,   /* :l somebody listens, or did just now   */
    PART_OFFLINE, /* :o entries since nobody listens        */
    PART_AGE,     /* :a how old a feed's settled entries are */
    PART_COUNT
};

enum {
    CHANNEL_KEY_MAX = 4 + 16 + 3 * KEY_ID_MAX + 1 + 3 * KEY_PAIR_MAX + 1 + 4,
    CHANNEL_TOPIC_MAX = CHANNEL_KEY_MAX + 32,
};

struct channel_keys {
    struct slice keys[PART_COUNT]; /* in the order of enum channel_part */
    struct slice topic;
    char text[PART_COUNT][CHANNEL_KEY_MAX];
    char topic_text[CHANNEL_TOPIC_MAX];
};
void channel_keys_make(struct channel_keys *keys, const struct store *store,
                       const struct channel_id *id);

/* Settled entries that may stay: none in a queue. */
uint32_t channel_keep_count(const struct store *store, enum channel_kind kind);

/* How long the list lives from now on, when its last entry must live for `ttl_ms`: so much more that
 * it need not be renewed at each entry. */
uint64_t channel_life_ms(uint64_t ttl_ms);

#endif
