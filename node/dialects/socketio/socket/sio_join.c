/* SPDX-License-Identifier: MIT */
/*
 * Joining, and who waits for it. What is to be told goes through one list, from which it is taken one by one:
 * so a callback may join, leave, or end its socket, which takes with it what that still waits for.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "sio_name.h"
#include "sio_room.h"
#include "sio_session.h"

struct sio_joining {
    struct list node; /* member->joins, or rooms->told */
    struct sio_socket *socket;
    struct sio_member *next; /* waits for this one as well; NULL: no more */
    enum result result;      /* once it is told */
    sio_joined_fn *done;
    void *ctx;
};

static struct sio_joining *joining_create(struct sio_socket *socket, sio_joined_fn *done, void *ctx)
{
    struct sio_joining *joining = xcalloc(1, sizeof *joining);

    joining->socket = socket;
    joining->done = done;
    joining->ctx = ctx;
    return joining;
}

static void tell_all(struct sio_rooms *rooms)
{
    while (!list_is_empty(&rooms->told)) {
        struct sio_joining joining = *LIST_ENTRY(rooms->told.next, struct sio_joining, node);
        struct list *node = rooms->told.next;

        list_remove(node);
        free(LIST_ENTRY(node, struct sio_joining, node));
        joining.done(joining.result, joining.ctx);
    }
}

static void on_soon(struct deadline *deadline)
{
    tell_all(LIST_ENTRY(deadline, struct sio_rooms, soon));
}

static void tell_all_soon(struct sio *sio)
{
    if (!list_is_empty(&sio->rooms->told) && !deadline_is_set(&sio->rooms->soon))
        deadline_set(sio->deadlines, &sio->rooms->soon, 0, on_soon);
}

/* The result is known already, but is not said before the call returns. */
static void tell_soon(struct sio_socket *socket, enum result result, sio_joined_fn *done, void *ctx)
{
    struct sio_joining *joining;

    if (done == NULL)
        return;
    joining = joining_create(socket, done, ctx);
    joining->result = result;
    list_append(&socket->sio->rooms->told, &joining->node);
    tell_all_soon(socket->sio);
}

/* Who waited for the member waits to be told, or for another one. */
static void settle(struct sio_member *member, enum result result)
{
    struct sio_rooms *rooms = member->socket->sio->rooms;

    LIST_EACH (node, spare, &member->joins) {
        struct sio_joining *joining = LIST_ENTRY(node, struct sio_joining, node);
        struct sio_member *next = joining->next;

        list_remove(node);
        joining->next = NULL;
        joining->result = result;
        if (result == RESULT_OK && next != NULL && !sio_member_is_in_force(next))
            list_append(&next->joins, node);
        else
            list_append(&rooms->told, node);
    }
}

void sio_joins_tell(struct sio_member *member)
{
    struct sio_rooms *rooms = member->socket->sio->rooms;

    settle(member, RESULT_OK);
    tell_all(rooms);
}

void sio_joins_fail(struct sio_member *member, enum result result)
{
    settle(member, result);
    tell_all_soon(member->socket->sio);
}

static void forget(struct list *joins, const struct sio_socket *socket)
{
    LIST_EACH (node, spare, joins) {
        struct sio_joining *joining = LIST_ENTRY(node, struct sio_joining, node);

        if (joining->socket != socket)
            continue;
        list_remove(node);
        free(joining);
    }
}

void sio_joins_forget(struct sio_socket *socket)
{
    forget(&socket->sio->rooms->told, socket);
    LIST_EACH (node, spare, &socket->members) {
        forget(&LIST_ENTRY(node, struct sio_member, node)->joins, socket);
    }
}

static void wait_for(struct sio_member *member, struct sio_member *next, sio_joined_fn *done,
                     void *ctx)
{
    struct sio_joining *joining = joining_create(member->socket, done, ctx);

    joining->next = next;
    list_append(&member->joins, &joining->node);
}

void sio_join(struct sio_socket *socket, struct slice room, sio_joined_fn *done, void *ctx)
{
    const struct config *config = socket->sio->node->config;
    struct sio_member *member;

    if (socket->state == SIO_OVER)
        return;
    if (!sio_room_name_is_valid(room) && !sio_is_in(socket, room)) {
        tell_soon(socket, RESULT_INVALID, done, ctx);
        return;
    }
    member = sio_member_find(socket, room);
    if (member == NULL && socket->member_count >= config->socketio_max_rooms) {
        socket->sio->node->metrics.limits[LIMIT_SOCKETIO_ROOMS]++;
        tell_soon(socket, RESULT_REFUSED, done, ctx);
        return;
    }
    if (member == NULL) {
        member = sio_member_create(socket, room);
        sio_session_save(socket);
        sio_member_listen(member, NULL);
        sio_registry_write(member);
    }
    if (sio_member_is_in_force(member))
        tell_soon(socket, RESULT_OK, done, ctx);
    else if (done != NULL)
        wait_for(member, NULL, done, ctx);
}

void sio_members_begin(struct sio_socket *socket, sio_joined_fn *done, void *ctx)
{
    struct sio_channel channel;
    struct sio_member *own, *nsp;

    if (!sio_channel_of(&channel, sio_realm(socket), sio_namespace(socket), slice_of(socket->id))) {
        tell_soon(socket, RESULT_INVALID, done, ctx);
        return;
    }
    own = sio_member_create(socket, slice_of(socket->id));
    nsp = sio_member_create(socket, SLICE_LITERAL(""));
    wait_for(own, nsp, done, ctx);
    sio_member_listen(own, NULL);
    sio_member_listen(nsp, NULL);
}
