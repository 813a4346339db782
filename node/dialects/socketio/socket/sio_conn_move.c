/* SPDX-License-Identifier: MIT */
/*
 * A connection on its way to another node, with all that it carries:
 *
 *     image  = version is_joined assembly count *socket
 *     socket = nsp id pid data members asks identity
 *
 * It moves at rest only: nobody is being admitted, and no app has something under way.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "sio_assembly.h"
#include "sio_inner.h"
#include "sio_name.h"
#include "sio_session.h"

enum { IMAGE_VERSION = 2 };

bool sio_conn_is_at_rest(const struct sio_conn *conn)
{
    if (!conn->has_begun)
        return false;
    LIST_EACH (node, spare, &conn->sockets) {
        const struct sio_socket *socket = LIST_ENTRY(node, struct sio_socket, node);

        if (socket->state != SIO_CONNECTED || !list_is_empty(&socket->tasks))
            return false;
    }
    return true;
}

static void pack_socket(const struct sio_socket *socket, struct buf *image)
{
    pack_slice(image, sio_namespace(socket));
    pack_slice(image, sio_id(socket));
    pack_slice(image, slice_of(socket->session != NULL ? socket->session->pid : ""));
    sio_data_pack(socket, image);
    sio_members_pack(socket, image);
    sio_asks_pack(socket, image);
    sio_auth_pack(socket, image);
}

/* It goes nowhere after all. */
static void stay(const struct sio_conn *conn)
{
    LIST_EACH (node, spare, &conn->sockets) {
        struct sio_socket *socket = LIST_ENTRY(node, struct sio_socket, node);

        sio_members_stay(socket);
        sio_asks_stay(socket);
    }
}

bool sio_conn_pack(const struct sio_conn *conn, struct buf *image)
{
    pack_number(image, IMAGE_VERSION);
    pack_number(image, !deadline_is_set(&conn->connecting));
    sio_assembly_pack(conn->assembly, image);
    pack_number(image, conn->socket_count);
    LIST_EACH (node, spare, &conn->sockets)
        pack_socket(LIST_ENTRY(node, struct sio_socket, node), image);
    if (image->has_overflowed)
        stay(conn);
    return !image->has_overflowed;
}

/* Is it a socket that may be here? */
static bool check_socket(const struct sio_conn *conn, struct slice nsp, struct slice id)
{
    if (!sio_namespace_is_valid(nsp) || !sio_room_name_is_valid(id) || id.len >= SIO_ID_MAX)
        return false;
    LIST_EACH (node, spare, &conn->sockets)
        if (slice_is(nsp, LIST_ENTRY(node, struct sio_socket, node)->nsp))
            return false;
    return true;
}

static bool unpack_state(struct sio_socket *socket, struct unpack *image)
{
    return sio_data_unpack(socket, image) && sio_members_unpack(socket, image) &&
           sio_asks_unpack(socket, image) && sio_auth_unpack(socket, image);
}

static bool unpack_socket(struct sio_conn *conn, struct unpack *image)
{
    struct slice nsp = unpack_slice(image), id = unpack_slice(image), pid = unpack_slice(image);
    struct sio_socket *socket;
    char *id_text;

    if (image->is_broken || !check_socket(conn, nsp, id))
        return false;
    id_text = slice_dup(id);
    socket = sio_socket_create(conn, nsp, id_text);
    free(id_text);
    if (pid.len == ENGINE_ID_LEN)
        sio_session_create(socket, pid.data);
    sio_socket_enter(socket, SIO_JOINING);
    if (!unpack_state(socket, image))
        return false;
    socket->is_back = true;
    sio_socket_enter(socket, SIO_CONNECTED);
    sio_session_save(socket);
    return true;
}

/* What is incomplete is read again when it is complete: here is where it may still make no sense. */
static bool unpack_assembly(struct sio_conn *conn, struct unpack *image)
{
    const struct config *config = conn->sio->node->config;
    struct sio_assembly *assembly;
    struct sio_packet packet;

    if (!sio_assembly_unpack(image, config->socketio_max_attachments, config->socketio_max_payload,
                             &assembly))
        return false;
    if (assembly == NULL)
        return true;
    sio_conn_await(conn, assembly);
    return sio_packet_read(sio_assembly_text(assembly), UINT32_MAX, &packet) == SIO_FINE &&
           packet.attachment_count == sio_assembly_wanted(assembly);
}

bool sio_conn_unpack(struct sio_conn *conn, struct slice bytes)
{
    const struct config *config = conn->sio->node->config;
    struct unpack image;
    uint64_t count;

    unpack_init(&image, bytes);
    if (unpack_number(&image) != IMAGE_VERSION)
        return false;
    if (unpack_number_max(&image, 1) == 1)
        deadline_clear(&conn->connecting);
    if (!unpack_assembly(conn, &image))
        return false;
    count = unpack_number_max(&image, config->socketio_max_namespaces);
    while (count > 0 && unpack_socket(conn, &image))
        count--;
    return count == 0 && unpack_is_done(&image);
}
