/* SPDX-License-Identifier: MIT */
#ifndef SB_SIO_ROOM_H
#define SB_SIO_ROOM_H

#include "sio_channel.h"
#include "sio_inner.h"
#include "store/rooms.h"

/*
 * The inside of rooms:
 *
 *     sio_member.c       a membership: its listener, its life
 *     sio_join.c         who waits for one to come into force
 *     sio_registry.c     what Redis is told of it (store/rooms.h)
 *     sio_member_move.c  memberships that go on elsewhere
 *     sio_deliver.c      entries to members
 */
struct sio_rooms {
    struct list told;                 /* of struct sio_joining: the result is known */
    struct deadline soon;             /* … and is said in the loop's next turn      */
    struct sio_departure *departures; /* uthash: Redis has yet to hear that they left */
};

/* ---- sio_member.c ----------------------------------------------------------------------------------- */

/* Not listened to yet; the room is copied. It is the socket's own when it is empty, or the socket's id. */
struct sio_member *sio_member_create(struct sio_socket *socket, struct slice room);
void sio_member_listen(struct sio_member *member, const uint64_t *after);

/* Whoever still waits for it is told the result. */
void sio_member_remove(struct sio_member *member, enum channel_leave how, enum result result);

static inline bool sio_member_is_in_force(const struct sio_member *member)
{
    return member->is_listening && (member->is_own || member->is_listed);
}

/* One of the two has come; tells who waits when it is in force. The member may be gone afterwards. */
void sio_member_note(struct sio_member *member);

/* ---- sio_join.c ------------------------------------------------------------------------------------- */

void sio_joins_tell(struct sio_member *member); /* it is in force; may free members */
void sio_joins_fail(struct sio_member *member, enum result result); /* tells in the next turn */
void sio_joins_forget(struct sio_socket *socket);                   /* of one that ends */

/* ---- sio_registry.c --------------------------------------------------------------------------------- */

void sio_registry_write(struct sio_member *member);

/* Whoever goes on elsewhere is there in a moment: then nothing is left to be done. */
void sio_registry_leave(struct sio_member *member);
void sio_registry_close(struct sio *sio);

/* ---- sio_deliver.c ---------------------------------------------------------------------------------- */

extern const struct hub_listener_ops sio_member_ops;         /* starts at the tip */
extern const struct hub_listener_ops sio_member_resumed_ops; /* goes on where it was */

void sio_delivery_open(struct sio *sio);
void sio_delivery_forget(struct sio_member *member); /* it is being removed */
void sio_delivery_close(struct sio *sio);

#endif
