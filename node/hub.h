/* SPDX-License-Identifier: MIT */
#ifndef SB_HUB_H
#define SB_HUB_H

#include "base/list.h"
#include "frame.h"
#include "store/channel.h"

/*
 * The node's local listeners of channels. A channel is subscribed to while, and only while, it has
 * a listener here. Entries come in order, each once per listener, from the topic when they follow
 * on, else by reading the list: one read in flight per channel.
 *
 *     listener->written ≤ listener->cursor ≤ channel's appended
 */
struct hub;
struct hub_channel;
struct hub_listener;

struct hub_entry {
    uint64_t number;
    int64_t expires_ms;
    struct frame *frame; /* the payload, shared; take a reference to keep it */
    bool is_live;        /* straight from the topic: the subscription is alive */
};

enum hub_take {
    HUB_WRITTEN, /* the kernel has it */
    HUB_TAKEN,   /* it is in the listener's own queue: hub_written() follows */
    HUB_FULL,    /* not taken: offered again after hub_resume() */
};

struct hub_listener_ops {
    /* The next entry. May call hub_leave() on this listener (and then returns HUB_FULL). */
    enum hub_take (*on_entry)(struct hub_listener *listener, const struct hub_entry *entry);
    /* The subscription is in force and the first read has been answered: whoever appends from now
     * on sees a live listener. Once. What waited is offered right after. NULL: not wanted. */
    void (*on_listening)(struct hub_listener *listener);
    /* `missed` entries are gone before this listener could have them. NULL: not wanted. */
    void (*on_gap)(struct hub_listener *listener, uint64_t missed);
    /* What was appended before on_listening is not for this listener. Where others listen here already, it
     * starts without asking the store. */
    bool starts_at_tip;
    /* Entries are kept only as long as somebody listens: the channel stays subscribed, however long nobody
     * here can take any. What is dropped meanwhile is a gap then, and not a hole that nobody sees. */
    bool stays;
};

/* Lives in the object that listens; zero-initialise it. The fields are the hub's. */
struct hub_listener {
    const struct hub_listener_ops *ops;
    struct hub_channel *channel; /* NULL: not listening */
    struct list node;
    uint64_t cursor;  /* the last entry that was offered and taken, or skipped as expired */
    uint64_t written; /* everything up to here is with the kernel */
    bool is_full, has_started, is_placed;
};

struct hub_options {
    uint32_t settle_ms;    /* what was delivered is settled after so long … */
    uint32_t settle_count; /* … or so many entries */
    uint32_t stall_ms;     /* a channel none of whose listeners can take more for so
                              long is unsubscribed until one can                    */
};

struct hub *hub_create(uv_loop_t *loop, struct store *store, const struct hub_options *options);
void hub_set_options(struct hub *hub, const struct hub_options *options); /* from now on */
void hub_destroy(struct hub **hub); /* all listeners have left before: asserted */

/* Starts at the channel's settled mark; a second listener of the same feed on this node as well.
 * Nothing is called before this returns. */
void hub_listen(struct hub *hub, const struct channel_id *id, struct hub_listener *listener,
                const struct hub_listener_ops *ops);

/* The same for a listener that knows how far it had come when it left: it starts after `number`, as
 * far as the feed still has that (else on_gap), whatever others have settled since. */
void hub_listen_after(struct hub *hub, const struct channel_id *id, struct hub_listener *listener,
                      const struct hub_listener_ops *ops, uint64_t number);

/* The listener is the caller's again. What was written is settled. No-op when it listens to
 * nothing. */
void hub_leave(struct hub *hub, struct hub_listener *listener, enum channel_leave how);

/* How many listeners of its channel have started on this node, itself included. */
size_t hub_count(const struct hub_listener *listener);

/* Everything the listener ever answered HUB_TAKEN to is with the kernel now. */
void hub_written(struct hub *hub, struct hub_listener *listener);

/* The listener can take entries again. */
void hub_resume(struct hub *hub, struct hub_listener *listener);

/* Sends every outstanding settle now: before the node stops. */
void hub_flush(struct hub *hub);

struct hub_stats {
    uint64_t channels, listeners; /* now */
    uint64_t fast[CHANNEL_KINDS]; /* entries delivered straight from the topic */
    uint64_t read[CHANNEL_KINDS]; /* entries delivered from a read */
    uint64_t reads, settles, stalls;
    uint64_t losses;              /* numbers went back, as seen by a topic or a hold; what a
                                           read shows is in store_stats()                      */
    uint64_t gaps[CHANNEL_KINDS]; /* times a listener was told of a gap */
};
const struct hub_stats *hub_stats(const struct hub *hub);

#endif
