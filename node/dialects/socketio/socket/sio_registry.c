/* SPDX-License-Identifier: MIT */
/*
 * What Redis is told of members (store/rooms.h): that they are there, now and again, and that they left. A
 * departure is said until Redis has heard it; a node that is dead need not say anything. Who comes back
 * meanwhile has not left.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sio_room.h"

enum {
    RETRY_MS = 5000,
    MOVE_MS = 5000, /* so long the node that has it now may take to say so */
};

static struct room_member describe(const struct sio_member *member,
                                   const struct sio_channel *channel)
{
    const struct sio_socket *socket = member->socket;

    return (struct room_member){
        .id = { channel->id.realm, channel->id.id },
        .socket = sio_id(socket),
        .node = { socket->sio->node->id, NODE_ID_LEN },
    };
}

/* ---- departures ----------------------------------------------------------------------------------- */

struct sio_departure {
    UT_hash_handle hh; /* by text */
    struct sio *sio;
    struct store_op *op;
    struct deadline again;
    size_t room_len, len;
    char text[]; /* the room's pair, and the socket's id */
};

static void departure_destroy(struct sio_departure *departure)
{
    HASH_DELETE(hh, departure->sio->rooms->departures, departure);
    store_cancel(&departure->op);
    deadline_clear(&departure->again);
    free(departure);
}

static struct sio_departure *departure_find(struct sio *sio, const struct room_member *member)
{
    char text[KEY_PAIR_MAX + SIO_ID_MAX];
    struct sio_departure *departure;

    memcpy(text, member->id.room.data, member->id.room.len);
    memcpy(text + member->id.room.len, member->socket.data, member->socket.len);
    HASH_FIND(hh, sio->rooms->departures, text, member->id.room.len + member->socket.len,
              departure);
    return departure;
}

static void say(struct sio_departure *departure);

static void on_again(struct deadline *deadline)
{
    say(LIST_ENTRY(deadline, struct sio_departure, again));
}

static void on_heard(enum result result, void *ctx)
{
    struct sio_departure *departure = ctx;

    if (result == RESULT_OK)
        departure_destroy(departure);
    else
        deadline_set(departure->sio->deadlines, &departure->again, RETRY_MS, on_again);
}

static void say(struct sio_departure *departure)
{
    struct room_member member = {
        .id = { sio_default_realm(), { departure->text, departure->room_len } },
        .socket = { departure->text + departure->room_len, departure->len - departure->room_len },
        .node = { departure->sio->node->id, NODE_ID_LEN },
    };

    deadline_clear(&departure->again);
    room_leave(departure->sio->node->store, &member, on_heard, departure, &departure->op);
}

static struct sio_departure *departure_create(struct sio *sio, const struct room_member *member)
{
    size_t len = member->id.room.len + member->socket.len;
    struct sio_departure *departure = xcalloc(1, sizeof *departure + len);

    departure->sio = sio;
    departure->room_len = member->id.room.len;
    departure->len = len;
    deadline_init(&departure->again);
    memcpy(departure->text, member->id.room.data, member->id.room.len);
    memcpy(departure->text + member->id.room.len, member->socket.data, member->socket.len);
    HASH_ADD(hh, sio->rooms->departures, text, len, departure);
    return departure;
}

void sio_registry_leave(struct sio_member *member)
{
    struct sio *sio = member->socket->sio;
    struct sio_departure *departure;
    struct sio_channel channel;
    struct room_member described;

    sio_channel_of(&channel, sio_realm(member->socket), sio_namespace(member->socket),
                   member->room);
    described = describe(member, &channel);
    departure = departure_find(sio, &described);
    if (departure == NULL)
        departure = departure_create(sio, &described);
    if (member->is_moving)
        deadline_set(sio->deadlines, &departure->again, MOVE_MS, on_again);
    else if (departure->op == NULL)
        say(departure);
}

void sio_registry_close(struct sio *sio)
{
    struct sio_departure *departure, *next;

    HASH_ITER (hh, sio->rooms->departures, departure, next)
        departure_destroy(departure);
}

/* ---- being there ------------------------------------------------------------------------------------ */

static void on_renewal_due(struct deadline *deadline)
{
    sio_registry_write(LIST_ENTRY(deadline, struct sio_member, renewal));
}

/* One that never was in the room is not in it now; one that was stays, and it is said again. */
static void on_written(enum result result, void *ctx)
{
    struct sio_member *member = ctx;
    struct deadlines *deadlines = member->socket->sio->deadlines;

    if (result == RESULT_OK) {
        member->is_listed = true;
        deadline_set(deadlines, &member->renewal, ROOM_RENEW_MS, on_renewal_due);
        sio_member_note(member);
    } else if (member->is_listed) {
        deadline_set(deadlines, &member->renewal, RETRY_MS, on_renewal_due);
    } else {
        sio_member_remove(member, CHANNEL_LEAVE_IN_ORDER, RESULT_UNAVAILABLE);
    }
}

void sio_registry_write(struct sio_member *member)
{
    struct sio_socket *socket = member->socket;
    struct sio_departure *departure;
    struct sio_channel channel;
    struct room_member described;

    sio_channel_of(&channel, sio_realm(socket), sio_namespace(socket), member->room);
    described = describe(member, &channel);
    departure = departure_find(socket->sio, &described);
    if (departure != NULL)
        departure_destroy(departure);
    room_join(socket->sio->node->store, &described, on_written, member, &member->writing);
}
