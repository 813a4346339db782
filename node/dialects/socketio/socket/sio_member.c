/* SPDX-License-Identifier: MIT */
/*
 * A socket's membership of a room: a listener of the room's channel, with a cursor of its own, and a line in
 * the room's list in Redis. A member of the namespace, and of the room that is named like the socket, are its
 * own: they come and go with it, and are not listed.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sio_room.h"
#include "sio_session.h"

static struct slice own_room(const struct sio_socket *socket)
{
    return slice_of(socket->id);
}

struct sio_member *sio_member_create(struct sio_socket *socket, struct slice room)
{
    struct sio_member *member = xcalloc(1, sizeof *member + room.len);
    char *text = (char *)(member + 1);

    if (room.len > 0)
        memcpy(text, room.data, room.len);
    member->socket = socket;
    member->room = (struct slice){ text, room.len };
    member->is_own = room.len == 0 || slice_equals(room, own_room(socket));
    member->index = socket->members_made++;
    list_init(&member->joins);
    deadline_init(&member->renewal);
    list_append(&socket->members, &member->node);
    if (!member->is_own)
        socket->member_count++;
    return member;
}

void sio_member_listen(struct sio_member *member, const uint64_t *after)
{
    const struct sio_socket *socket = member->socket;
    struct hub *hub = socket->sio->node->hub;
    struct sio_channel channel;
    bool fits = sio_channel_of(&channel, sio_realm(socket), sio_namespace(socket), member->room);

    assert(fits);
    (void)fits;
    if (after == NULL)
        hub_listen(hub, &channel.id, &member->listener, &sio_member_ops);
    else
        hub_listen_after(hub, &channel.id, &member->listener, &sio_member_resumed_ops, *after);
}

void sio_member_remove(struct sio_member *member, enum channel_leave how, enum result result)
{
    struct sio_socket *socket = member->socket;

    sio_delivery_forget(member);
    hub_leave(socket->sio->node->hub, &member->listener, how);
    store_cancel(&member->writing);
    deadline_clear(&member->renewal);
    list_remove(&member->node);
    if (!member->is_own) {
        socket->member_count--;
        sio_registry_leave(member);
        sio_session_save(socket);
    }
    sio_joins_fail(member, result);
    free(member);
}

void sio_member_note(struct sio_member *member)
{
    if (sio_member_is_in_force(member))
        sio_joins_tell(member);
}

/* ---- what the outside calls ------------------------------------------------------------------------- */

struct sio_member *sio_member_find(const struct sio_socket *socket, struct slice room)
{
    LIST_EACH (node, spare, &socket->members) {
        struct sio_member *member = LIST_ENTRY(node, struct sio_member, node);

        if (slice_equals(member->room, room))
            return member;
    }
    return NULL;
}

bool sio_is_in(const struct sio_socket *socket, struct slice room)
{
    return room.len > 0 && sio_member_find(socket, room) != NULL;
}

size_t sio_rooms(const struct sio_socket *socket, struct slice *rooms, size_t max)
{
    size_t count = 0;

    LIST_EACH (node, spare, &socket->members) {
        const struct sio_member *member = LIST_ENTRY(node, struct sio_member, node);

        if (member->room.len == 0)
            continue;
        if (count < max)
            rooms[count] = member->room;
        count++;
    }
    return count < max ? count : max;
}

void sio_leave(struct sio_socket *socket, struct slice room)
{
    struct sio_member *member = room.len > 0 ? sio_member_find(socket, room) : NULL;

    if (member != NULL && !member->is_own)
        sio_member_remove(member, CHANNEL_LEAVE_IN_ORDER, RESULT_UNAVAILABLE);
}

void sio_members_drain(struct sio_socket *socket)
{
    struct hub *hub = socket->sio->node->hub;

    LIST_EACH (node, spare, &socket->members) {
        struct sio_member *member = LIST_ENTRY(node, struct sio_member, node);

        hub_written(hub, &member->listener);
        hub_resume(hub, &member->listener);
    }
}

void sio_members_end(struct sio_socket *socket, enum channel_leave how)
{
    sio_joins_forget(socket);
    while (!list_is_empty(&socket->members))
        sio_member_remove(LIST_ENTRY(socket->members.next, struct sio_member, node), how,
                          RESULT_OK);
}

/* ---- the whole -------------------------------------------------------------------------------------- */

void sio_rooms_open(struct sio *sio)
{
    sio->rooms = xcalloc(1, sizeof *sio->rooms);
    list_init(&sio->rooms->told);
    deadline_init(&sio->rooms->soon);
    sio_delivery_open(sio);
    sio_asks_open(sio);
}

void sio_rooms_close(struct sio *sio)
{
    assert(sio->sockets == NULL && list_is_empty(&sio->rooms->told));
    sio_asks_close(sio);
    sio_delivery_close(sio);
    sio_registry_close(sio);
    deadline_clear(&sio->rooms->soon);
    free(sio->rooms);
    sio->rooms = NULL;
}
