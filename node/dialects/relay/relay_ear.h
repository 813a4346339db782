/* SPDX-License-Identifier: MIT */
#ifndef SB_RELAY_EAR_H
#define SB_RELAY_EAR_H

#include "relay_conn.h"

/*
 * One channel that a connection listens to. A mod has one ear, a bot has thousands on one socket: those
 * that had to wait for it go on in turn, so that none starves. Before the connection is open nothing
 * is taken; what comes waits in its channel.
 */
struct relay_ear {
    struct hub_listener listener;
    struct relay_conn *conn;
    struct list full, unwritten; /* in the connection's lists of these names */
    void (*on_listening)(struct relay_ear *ear);
    void (*on_written)(struct relay_ear *ear); /* listener.written moves; NULL: not wanted */
};

void relay_ear_init(struct relay_ear *ear, struct relay_conn *conn,
                    void (*when_listening)(struct relay_ear *ear));
void relay_ear_listen(struct relay_ear *ear, enum channel_kind kind, struct slice channel);

/* Goes on after what was delivered to it before. */
void relay_ear_listen_after(struct relay_ear *ear, enum channel_kind kind, struct slice channel,
                            uint64_t number);
void relay_ear_leave(struct relay_ear *ear, enum channel_leave how);

static inline bool relay_ear_is_listening(const struct relay_ear *ear)
{
    return ear->listener.has_started;
}

/* The socket has taken everything: those who wait go on. */
void relay_ears_drained(struct relay_conn *conn);

/* The connection has opened: what was held back comes now. */
void relay_ears_resume(struct relay_conn *conn);

#endif
