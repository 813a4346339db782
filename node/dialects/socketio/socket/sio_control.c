/* SPDX-License-Identifier: MIT */
/* What others make sockets do: an entry like any other, which the nodes obey in the order of its channel. */
#include <assert.h>

#include "sio_post.h"
#include "sio_session.h"

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

/* Not said: whoever else has it goes on until its connection ends, and this one yields to all. */
static void on_announced(enum result result, const struct channel_appended *appended, void *ctx)
{
    struct sio_session *session = ctx;

    (void)appended;
    if (result != RESULT_OK)
        session->is_announcing = false;
}

void sio_supersede(struct sio_socket *socket)
{
    struct sio_session *session = socket->session;
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

    session->is_announcing = true;
    sio_post(socket->sio, &post, on_announced, session, &session->announcing);
}
