/* SPDX-License-Identifier: MIT */
#ifndef SB_PACKET_H
#define SB_PACKET_H

#include "frame.h"

/*
 * One Socket.IO packet with its attachments, in the form in which Engine.IO 4 writes it to a WebSocket:
 * made once and shared by every connection that it goes to. What other transports need is made of it
 * where it is written. Counted references; loop thread only.
 */
struct packet {
    uint32_t refs;
    uint32_t attachment_count;
    struct frame *text; /* begins with Engine.IO's '4'; NULL: nothing but attachments */
    struct frame *attachments[];
};

/* One reference. Takes over the caller's references to `text` and the attachments. */
struct packet *packet_create(struct frame *text, struct frame *const *attachments, size_t count);
struct packet *packet_of(struct slice text); /* copies; no attachments */
struct packet *packet_ref(struct packet *packet);
void packet_unref(struct packet **packet); /* accepts NULL, leaves NULL */

size_t packet_bytes(const struct packet *packet); /* of all its frames */

#endif
