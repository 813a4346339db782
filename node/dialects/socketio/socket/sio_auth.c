/* SPDX-License-Identifier: MIT */
/*
 * A socket's identity, what it allows, and how it ends:
 *
 *     set ── --jwt-warn before its end ──▶ warned ── its end and --jwt-leeway ──▶ DISCONNECT
 *
 * Tokens end at any time, but deadlines are kept in one queue for each duration. So a socket waits for the
 * longest power of two that is not too long, and again, until its time has come.
 */
#include "sio_auth.h"

#include <inttypes.h>

#include "sio_session.h"

/* ---- identity --------------------------------------------------------------------------------- */

struct jwt *sio_identity(const struct sio_socket *socket)
{
    return socket->identity;
}

static bool is_open_to_all(const struct config *config, struct slice room)
{
    const struct strings *patterns = &config->unauthenticated_rooms;

    for (size_t i = 0; i < patterns->count; i++)
        if (pattern_matches(slice_of(patterns->items[i]), room))
            return true;
    return false;
}

/* `identity` is NULL: nobody's. */
static bool allows(const struct node *node, const struct jwt *identity, struct slice room,
                   enum jwt_right right)
{
    if (identity != NULL)
        return jwt_allows(identity, node->config, room, right);
    return right == JWT_RIGHT_JOIN &&
           (!jwts_is_configured(node->jwts) || is_open_to_all(node->config, room));
}

bool sio_allows(const struct sio_socket *socket, struct slice room, enum jwt_right right)
{
    return allows(socket->sio->node, socket->identity, room, right);
}

/* Rooms that it might have joined as who it was, and might not now. What hooks and back ends made it join beyond its
 * rights stays. */
static void leave_rooms(struct sio_socket *socket, const struct jwt *old)
{
    const struct node *node = socket->sio->node;

    LIST_EACH (at, spare, &socket->members) {
        struct slice room = LIST_ENTRY(at, struct sio_member, node)->room;

        if (allows(node, old, room, JWT_RIGHT_JOIN) && !sio_allows(socket, room, JWT_RIGHT_JOIN))
            sio_leave(socket, room);
    }
}

void sio_set_identity(struct sio_socket *socket, struct jwt *identity)
{
    struct jwt *old = socket->identity;

    if (socket->state == SIO_OVER)
        return;
    socket->identity = identity != NULL ? jwt_ref(identity) : NULL;
    leave_rooms(socket, old);
    jwt_unref(&old);
    sio_session_save(socket);
    if (socket->state == SIO_CONNECTED)
        sio_auth_settle(socket);
}

void sio_auth_end(struct sio_socket *socket)
{
    deadline_clear(&socket->expiry);
    jwt_unref(&socket->identity);
}

void sio_auth_pack(const struct sio_socket *socket, struct buf *image)
{
    jwt_pack(socket->identity, image);
}

bool sio_auth_unpack(struct sio_socket *socket, struct unpack *image)
{
    socket->identity = jwt_unpack(image);
    return !image->is_broken;
}

/* ---- its end ---------------------------------------------------------------------------------- */

enum { STEP_MIN_MS = 64, STEP_MAX_MS = 1 << 30 };

static int64_t now_ms(const struct sio_socket *socket)
{
    return store_now_ms(socket->sio->node->store);
}

static int64_t warning_ms(const struct sio_socket *socket)
{
    return socket->identity->expires_ms - socket->sio->node->config->jwt_warn_ms;
}

static int64_t end_ms(const struct sio_socket *socket)
{
    return socket->identity->expires_ms + socket->sio->node->config->jwt_leeway_ms;
}

bool sio_auth_has_ended(const struct sio_socket *socket)
{
    return socket->identity != NULL && socket->identity->expires_ms != 0 &&
           end_ms(socket) <= now_ms(socket);
}

/* Comes before that time, or less than STEP_MIN_MS behind it. */
static void wait_towards(struct sio_socket *socket, int64_t left_ms, deadline_fn *on_due)
{
    uint32_t step = STEP_MIN_MS;

    while (step < STEP_MAX_MS && (int64_t)step * 2 <= left_ms)
        step *= 2;
    deadline_set(socket->sio->deadlines, &socket->expiry, step, on_due);
}

/* One that came in time may save the socket; those that come now are refused. No check takes longer. */
static bool waits_for_renewal(const struct sio_socket *socket, int64_t left_ms)
{
    return sio_auth_is_renewing(socket) &&
           left_ms > -(int64_t)socket->sio->node->config->auth_timeout_ms;
}

static void on_end_due(struct deadline *deadline)
{
    struct sio_socket *socket = LIST_ENTRY(deadline, struct sio_socket, expiry);
    int64_t left_ms = end_ms(socket) - now_ms(socket);

    if (left_ms > 0 || waits_for_renewal(socket, left_ms)) {
        wait_towards(socket, left_ms, on_end_due);
        return;
    }
    socket->sio->node->metrics.socketio_tokens[SOCKETIO_TOKEN_EXPIRED]++;
    sio_part(socket);
    sio_send(socket, SLICE_LITERAL("[\"" SIO_AUTH_EXPIRED "\",{}]"));
    sio_disconnect(socket, false);
}

static void warn(struct sio_socket *socket)
{
    struct buf items;

    buf_init(&items, 128);
    buf_printf(&items, "[\"" SIO_AUTH_EXPIRING "\",{\"expires\":%" PRId64 "}]",
               socket->identity->expires_ms);
    sio_send(socket, buf_slice(&items));
    buf_fini(&items);
    socket->sio->node->metrics.socketio_tokens[SOCKETIO_TOKEN_EXPIRING]++;
}

static void on_warning_due(struct deadline *deadline)
{
    struct sio_socket *socket = LIST_ENTRY(deadline, struct sio_socket, expiry);
    int64_t left_ms = warning_ms(socket) - now_ms(socket);

    if (left_ms > 0) {
        wait_towards(socket, left_ms, on_warning_due);
        return;
    }
    wait_towards(socket, end_ms(socket) - now_ms(socket), on_end_due);
    warn(socket);
}

/* A token that ends sooner than the warning takes is warned of when half of its time is over, or less: told at
 * once, a client whose tokens are all so short would renew them without a pause. */
static void await_end(struct sio_socket *socket)
{
    int64_t left_ms = warning_ms(socket) - now_ms(socket);

    if (socket->sio->node->config->jwt_warn_ms == 0) {
        wait_towards(socket, end_ms(socket) - now_ms(socket), on_end_due);
        return;
    }
    if (left_ms <= 0)
        left_ms = (socket->identity->expires_ms - now_ms(socket)) / 2;
    wait_towards(socket, left_ms, on_warning_due);
}

/* ---- in line with it -------------------------------------------------------------------------- */

static void settle_room(struct sio_socket *socket)
{
    struct slice room = slice_of(socket->sio->node->config->unauthenticated_room);

    if (room.data == NULL)
        return;
    if (sio_is_restricted(socket))
        sio_join(socket, room, NULL, NULL);
    else if (socket->identity != NULL && sio_is_in(socket, room) &&
             !sio_allows(socket, room, JWT_RIGHT_JOIN))
        sio_leave(socket, room);
}

void sio_auth_settle(struct sio_socket *socket)
{
    deadline_clear(&socket->expiry);
    if (socket->identity != NULL && socket->identity->expires_ms != 0)
        await_end(socket);
    settle_room(socket);
}
