/* SPDX-License-Identifier: MIT */
/*
 * Memberships that go on elsewhere: on another node, or after a client that broke off has come back. Each goes
 * on after its cursor; so nothing is lost and nothing comes twice. One that had not begun begins anew.
 *
 *     image = made count *( room index has-begun [from cursor] )
 *
 * `made` is above every index, also of rooms that were left: none is used again.
 */
#include "sio_room.h"

/* Own rooms come on top of the others. */
enum { MEMBERS_MAX = 16384 };

/* One that has come from elsewhere has a cursor before it is listened to here. */
static bool has_cursor(const struct sio_member *member)
{
    return member->is_listening || member->listener.is_placed;
}

static void pack(struct sio_member *member, struct buf *image)
{
    pack_slice(image, member->room);
    pack_number(image, member->index);
    pack_number(image, has_cursor(member));
    if (has_cursor(member)) {
        pack_number(image, member->from);
        pack_number(image, member->listener.cursor);
    }
    member->is_moving = true;
}

void sio_members_pack(const struct sio_socket *socket, struct buf *image)
{
    uint64_t count = 0;

    LIST_EACH (node, spare, &socket->members)
        count++;
    pack_number(image, socket->members_made);
    pack_number(image, count);
    LIST_EACH (node, spare, &socket->members) {
        pack(LIST_ENTRY(node, struct sio_member, node), image);
    }
}

void sio_members_stay(struct sio_socket *socket)
{
    LIST_EACH (node, spare, &socket->members) {
        LIST_ENTRY(node, struct sio_member, node)->is_moving = false;
    }
}

static struct sio_member *create_at(struct sio_socket *socket, struct slice room, uint32_t index)
{
    uint32_t made = socket->members_made;
    struct sio_member *member = sio_member_create(socket, room);

    member->index = index;
    socket->members_made = made > index ? made : index + 1;
    return member;
}

void sio_member_resume(struct sio_socket *socket, const struct sio_place *place)
{
    struct sio_member *member = create_at(socket, place->room, place->index);

    member->from = place->from;
    member->is_listed = true; /* it was: a write that fails is made good later */
    sio_member_listen(member, &place->cursor);
    if (!member->is_own)
        sio_registry_write(member);
}

static void begin_anew(struct sio_socket *socket, struct slice room, uint32_t index)
{
    struct sio_member *member = create_at(socket, room, index);

    sio_member_listen(member, NULL);
    if (!member->is_own)
        sio_registry_write(member);
}

static bool is_possible(const struct sio_socket *socket, struct slice room)
{
    struct sio_channel channel;

    return sio_channel_of(&channel, sio_realm(socket), sio_namespace(socket), room) &&
           (room.len == 0 || key_id_is_valid(room) || slice_is(room, socket->id)) &&
           sio_member_find(socket, room) == NULL;
}

static bool unpack(struct sio_socket *socket, struct unpack *image)
{
    struct sio_place place = { .room = unpack_slice(image) };
    bool has_begun;

    place.index = (uint32_t)unpack_number_max(image, UINT32_MAX - 1);
    has_begun = unpack_number_max(image, 1) == 1;
    if (has_begun) {
        place.from = unpack_number_max(image, INT64_MAX);
        place.cursor = unpack_number_max(image, INT64_MAX);
    }
    if (image->is_broken || !is_possible(socket, place.room))
        return false;
    if (has_begun)
        sio_member_resume(socket, &place);
    else
        begin_anew(socket, place.room, place.index);
    return true;
}

bool sio_members_unpack(struct sio_socket *socket, struct unpack *image)
{
    uint32_t made = (uint32_t)unpack_number_max(image, UINT32_MAX - 1);
    uint64_t count = unpack_number_max(image, MEMBERS_MAX);

    for (uint64_t i = 0; i < count; i++) {
        if (!unpack(socket, image))
            return false;
    }
    if (made > socket->members_made)
        socket->members_made = made;
    return !image->is_broken;
}
