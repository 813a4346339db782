/* SPDX-License-Identifier: MIT */
/* What others make sockets do: an entry like any other, which the nodes obey in the order of its channel. */
#include <assert.h>

#include "sio_post.h"

static const enum sio_entry_kind kinds[] = {
    [SIO_CONTROL_JOIN] = SIO_ENTRY_JOIN,
    [SIO_CONTROL_LEAVE] = SIO_ENTRY_LEAVE,
    [SIO_CONTROL_DISCONNECT] = SIO_ENTRY_DISCONNECT,
    [SIO_CONTROL_CLOSE] = SIO_ENTRY_CLOSE,
};

void sio_control(struct sio *sio, const struct sio_target *to, enum sio_control what,
                 const struct slice *rooms, size_t room_count, sio_emitted_fn *done, void *ctx,
                 struct store_op **slot)
{
    bool has_rooms = what == SIO_CONTROL_JOIN || what == SIO_CONTROL_LEAVE;
    struct sio_post post = {
        .to = to,
        .entry = { .kind = kinds[what], .names = { rooms, room_count } },
    };

    assert(has_rooms == (room_count > 0));
    (void)has_rooms;
    sio_post(sio, &post, done, ctx, slot);
}

void sio_supersede(struct sio_socket *socket)
{
    struct slice id = sio_id(socket), holder = slice_of(engine_sid(socket->conn->engine));
    struct sio_target to = {
        .realm = sio_realm(socket),
        .nsp = sio_namespace(socket),
        .rooms = &id,
        .room_count = 1,
    };
    struct sio_post post = {
        .to = &to,
        .entry = { .kind = SIO_ENTRY_SUPERSEDE, .names = { &holder, 1 } },
    };

    sio_post(socket->sio, &post, NULL, NULL, NULL);
}
