/* SPDX-License-Identifier: MIT */
#ifndef SB_BRIDGE_WIRE_H
#define SB_BRIDGE_WIRE_H

#include "bridge_msgpack.h"

/*
 * What @socket.io/redis-emitter and its likes publish, bytes in, fields out:
 *
 *     <prefix>#<nsp>#, <prefix>#<nsp>#<room>#   MessagePack [uid, packet, opts]
 *     <prefix>-request#<nsp>#                   JSON when it begins with '{', else MessagePack
 *
 * Ports in other languages differ in small things, so much is taken: empty arrays for empty maps, null for
 * what is absent, numbers for rooms. Both forms are read as JSON.
 */
enum bridge_what { BRIDGE_EMIT, BRIDGE_JOIN, BRIDGE_LEAVE, BRIDGE_DISCONNECT, BRIDGE_SERVERS };

enum bridge_verdict {
    BRIDGE_GOOD,
    BRIDGE_IGNORED, /* not for us: another namespace's, or between servers of theirs */
    BRIDGE_MALFORMED,
    BRIDGE_UNSUPPORTED, /* an extension of MessagePack that nobody has told us of        */
    BRIDGE_TOO_BIG,
};

enum { BRIDGE_TEXT_MAX = 8 * 1024 * 1024 };

struct bridge_names {
    struct slice *items;
    size_t count;
};

/* Borrows from what was parsed. Release with bridge_message_fini(), whatever the verdict. */
struct bridge_message {
    enum bridge_what what;
    struct slice nsp;
    struct bridge_names rooms, except; /* whom it is for; no rooms: the whole namespace */
    struct bridge_names changed;       /* JOIN, LEAVE: these rooms                      */
    struct slice items;                /* EMIT, SERVERS: the event and its arguments, as JSON */
    struct slice *attachments;         /* EMIT: what its placeholders stand for         */
    size_t attachment_count;
    bool is_volatile;
    bool closes; /* DISCONNECT: the connection, too */
    struct buf json, names;
    struct msgpack_bins bins;
};

enum bridge_verdict bridge_parse(struct slice prefix, struct slice channel, struct slice bytes,
                                 struct bridge_message *message);
void bridge_message_fini(struct bridge_message *message);

#endif
