/* SPDX-License-Identifier: MIT */
#ifndef SB_STORE_TOPIC_H
#define SB_STORE_TOPIC_H

#include "base/list.h"
#include "store/store.h"

/*
 * A subscription on the store's subscription link. It survives reconnects: it is renewed by
 * itself, and its owner is told each time, because what was published meanwhile is gone.
 */
enum topic_kind {
    TOPIC_CHANNEL, /* SSUBSCRIBE to the topic of a channel's list: entries */
    TOPIC_KEY,     /* SUBSCRIBE to a key's keyspace events: "set", "del", "expired", … */
    TOPIC_PATTERN, /* PSUBSCRIBE to other people's channels, by a glob pattern */
};

enum topic_news {
    TOPIC_UP,      /* in force: at first, and after every doubt. Read what you may have missed */
    TOPIC_DOWN,    /* the link broke; TOPIC_UP follows when it is back */
    TOPIC_MESSAGE, /* `message` was published */
};

struct topic;
typedef void topic_fn(struct topic *topic, enum topic_news news, struct slice message, void *ctx);

/*
 * Subscribes to the keyspace topic of `key` (a whole key, made by store/key.h), or to the pattern that it
 * is (KEYS in Redis' manual has the rules). At most one subscription per topic and kind exists in a store
 * at a time: asserted. `on_news` runs on the loop thread, never before this returns.
 */
struct topic *topic_subscribe(struct store *store, enum topic_kind kind, const char *key,
                              topic_fn *on_news, void *ctx);

/* Ends it at once; `on_news` does not run again, and the topic may be subscribed to again at once.
 * Accepts NULL, leaves NULL. */
void topic_unsubscribe(struct topic **topic);

/* Where the message that on_news is being given was published: of a TOPIC_PATTERN only. Borrowed. */
struct slice topic_channel(const struct topic *topic);

/* Breaks the subscription link and connects it anew: for an owner who has reason to think that it
 * is deaf. */
void topic_reconnect(struct store *store);

#endif
