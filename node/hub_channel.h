/* SPDX-License-Identifier: MIT */
#ifndef SB_HUB_CHANNEL_H
#define SB_HUB_CHANNEL_H

#include <uthash.h>

#include "deadline.h"
#include "hub.h"

/*
 * The inside of the hub; for hub*.c only.
 *
 *     hub.c          what the outside calls; the table of channels
 *     hub_channel.c  one channel's subscription and its states; the tip
 *     hub_ask.c      holds and reads
 *     hub_deliver.c  entries to listeners; the only place from which listeners are called
 *     hub_stash.c    what the topic brings while a read is in flight
 *     hub_settle.c   what was delivered is settled, in batches
 *
 * Listeners are called only from an answer of the store or from a topic's news, never from
 * within a call to the hub: so there is one walk over listeners at a time.
 */
struct hub {
    struct store *store;
    struct hub_options options;
    struct deadlines *deadlines;
    struct hub_channel *channels; /* uthash, by hub_channel.key                                */
    struct hub_channel *walked;   /* whose listeners are being called                          */
    struct hub_listener *called;  /* the one of them that is being called, until it leaves     */
    struct hub_stats stats;
};

enum hub_state {
    HUB_SUBSCRIBING, /* the topic is not in force (yet, or since its link broke)                */
    HUB_HOLDING,     /* it is; where the channel stands is being asked                          */
    HUB_LIVE,        /* entries flow                                                            */
    HUB_PAUSED,      /* nobody here can take any (yet, or for too long): not subscribed         */
    HUB_OVER,        /* the last listener has left                                              */
};

/* Entries that follow on one another. */
struct hub_stash {
    struct hub_entry *entries;
    size_t count, count_max, size, bytes;
};

/*
 * A listener is in one list: `tight` (its cursor is the tip: the next entry from the topic is for
 * it), `behind` (it can take entries, which must be read first; or it is in doubt) or `full`.
 *
 *     listener->cursor ≤ tip,  heard ≤ tip
 *
 * There are thousands of these, most of them idle.
 */
struct hub_channel {
    struct hub *hub;
    UT_hash_handle hh;
    struct topic *topic;
    struct list tight, behind, full;
    struct deadline renewal, settle, stall;
    struct deadline
        retry; /* until then nothing is read: a read failed, or newcomers start without one */
    struct store_op *holding, *reading, *settling;
    struct hub_stash *stash; /* NULL: empty, as always when no read is in flight                 */
    uint64_t tip;         /* the highest number that is known to have been given out            */
    uint64_t heard;       /* the highest that the topic brought, or could not bring any more    */
    uint64_t read_from;   /* the cursor that the read in flight (or the last one) was sent with */
    uint64_t asked_tip;   /* the tip when the read, or the first hold, was sent                 */
    uint64_t settled;     /* the settled mark as far as known                                   */
    uint64_t delivered;   /* the highest number that a listener here has written                */
    uint64_t settling_to; /* what the settle in flight asks for                                 */
    uint64_t expired;     /* expired entries are counted up to here                             */
    uint32_t listeners;
    uint16_t key_len;
    uint8_t state;   /* enum hub_state; written by hub_channel_enter()                   */
    uint8_t tries;   /* holds and reads in a row that failed                               */
    bool is_lost;    /* numbers went back: cursors follow when the hold has been answered  */
    bool is_certain; /* it was live, and has not been subscribed anew since: may be settled */
    char key[];      /* kind, length of the realm, realm, id                               */
};

enum { HUB_KEY_MAX = 2 + KEY_ID_MAX + KEY_PAIR_MAX };
size_t hub_key_make(char key[HUB_KEY_MAX], const struct channel_id *id);
struct channel_id hub_channel_id(const struct hub_channel *channel);

/* hub_channel.c */
struct hub_channel *hub_channel_create(struct hub *hub, const struct channel_id *id);
void hub_channel_end(struct hub_channel *channel, enum channel_leave how); /* frees it */
void hub_channel_enter(struct hub_channel *channel, enum hub_state to);    /* may free it, too */

/* Somebody can take entries (again). */
void hub_channel_wake(struct hub_channel *channel);

/* A newcomer starts at the tip of a live channel: in the loop's next turn, with all that come in this one. */
void hub_channel_start_soon(struct hub_channel *channel);

/* Listeners have been moved: read, or begin to stall, where that is needed now. */
void hub_channel_go_on(struct hub_channel *channel);

/* Everybody who was at the tip has to read. */
void hub_channel_doubt(struct hub_channel *channel);
void hub_channel_raise_tip(struct hub_channel *channel, uint64_t number);

/* Redis lost the end of the channel: as soon as it is known where it stands now, the cursors go
 * back there. `heard` is the first number of the new life, or 0. */
void hub_channel_note_loss(struct hub_channel *channel, uint64_t heard);
void hub_channel_take_back(struct hub_channel *channel, uint64_t settled);

/* hub_ask.c; each does nothing where it is not needed now */
void hub_ask_hold(struct hub_channel *channel);
void hub_ask_read(struct hub_channel *channel);
void hub_ask_stop(struct hub_channel *channel);

/* How many entries may be offered in one turn of the loop to those who are behind: the fewer, the more
 * of them there are. */
size_t hub_ask_portion(struct hub_channel *channel);

/* hub_deliver.c; both may free the channel */
void hub_deliver_live(struct hub_channel *channel, const struct channel_entry *entry);
void hub_deliver_batch(struct hub_channel *channel, const struct channel_batch *batch);

/* hub_stash.c */
void hub_stash_add(struct hub_channel *channel,
                   const struct hub_entry *entry); /* takes a reference */
void hub_stash_clear(struct hub_channel *channel);

/* hub_settle.c */
void hub_settle_note(struct hub_channel *channel); /* `delivered` may have moved       */
void hub_settle_soon(struct hub_channel *channel); /* the channel is live again        */
void hub_settle_now(struct hub_channel *channel);  /* all of it, without waiting       */
void hub_settle_last(struct hub_channel *channel); /* the same, and nobody waits for it */
void hub_settle_forget(struct hub_channel *channel);

/* It starts wherever the channel stands. */
static inline bool hub_listener_is_new(const struct hub_listener *listener)
{
    return !listener->has_started && !listener->is_placed;
}

static inline enum channel_kind hub_channel_kind(const struct hub_channel *channel)
{
    return (enum channel_kind)channel->key[0];
}

static inline bool hub_channel_can_take(const struct hub_channel *channel)
{
    return !list_is_empty(&channel->tight) || !list_is_empty(&channel->behind);
}

#endif
