/* SPDX-License-Identifier: MIT */
#ifndef SB_PUSH_WIRE_H
#define SB_PUSH_WIRE_H

#include "base/buf.h"

/* The bodies of /publish and /broadcast, and the frames that are made of them. */
enum { PUSH_MESSAGES_MAX = 1000 };

struct push_message {
    const char *wrong; /* NULL: it is good. Else what is wrong, in words; the rest is empty       */
    struct slice
        player; /* nothing: everybody                                                      */
    struct slice
        event; /* decoded                                                                 */
    struct slice
        payload;       /* as it stands in the body, which it is borrowed from                     */
    struct slice once; /* nothing without an id                                                   */
    uint32_t ttl_ms;   /* 0: not given                                                            */
};

/* What one body asks for. */
struct push_batch {
    struct push_message *messages;
    size_t count;
    bool is_list; /* it came as an array: what is wrong with one message is told of that message  */
    struct buf text; /* what the messages point to */
};

enum push_route { PUSH_PUBLISH, PUSH_BROADCAST };

/* Fills a zero-initialised batch. False: the body as a whole is wrong (a message in it that does not
 * come in a list included). push_batch_fini() is due in both cases. */
bool push_parse(struct slice body, enum push_route route, uint32_t max_ttl_ms,
                struct push_batch *batch);
void push_batch_fini(struct push_batch *batch);

/* The frame that players get: {"event":"…","payload":…}. At most so many bytes: */
size_t push_frame_max(const struct push_message *message);
void push_frame_write(struct buf *out, const struct push_message *message);

#endif
