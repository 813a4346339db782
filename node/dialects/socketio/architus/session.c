/* SPDX-License-Identifier: MIT */
/* A socket as this app knows it, and the words in which it is answered. */
#include <stdlib.h>

#include "architus_room.h"
#include "base/clock.h"
#include "base/mem.h"
#include "request_parts.h"

enum { TEXT_MAX = 80 * 1024 * 1024, DEFAULT_CLAIM = 0x112, EVENTS_PER_S = 20, EVENTS_BURST = 100 };

/* ---- how much it may ask ----------------------------------------------------------------------- */

bool allowance_take(struct allowance *allowance, uint32_t per_second, uint32_t burst)
{
    int64_t now_us = clock_us(), step_us = 1000000 / per_second;
    int64_t full_at_us = allowance->full_at_us > now_us ? allowance->full_at_us : now_us;

    if (full_at_us + step_us - now_us > (int64_t)burst * step_us)
        return false;
    allowance->full_at_us = full_at_us + step_us;
    return true;
}

bool session_may_say(struct session *session)
{
    return allowance_take(&session->events, EVENTS_PER_S, EVENTS_BURST);
}

/* ---- its life ------------------------------------------------------------------------------------ */

struct session *session_find(struct architus *app, struct sio_socket *socket)
{
    struct session *session;

    HASH_FIND_PTR(app->sessions, &socket, session);
    return session;
}

struct session *session_create(struct architus *app, struct sio_socket *socket)
{
    struct session *session = xcalloc(1, sizeof *session);

    session->app = app;
    session->socket = socket;
    list_init(&session->open);
    list_init(&session->elevations);
    HASH_ADD_PTR(app->sessions, socket, session);
    return session;
}

void session_destroy(struct session **session)
{
    struct session *gone = *session;

    *session = NULL;
    if (gone == NULL)
        return;
    LIST_EACH (node, spare, &gone->open) {
        request_drop(LIST_ENTRY(node, struct request, node));
    }
    watch_forget(gone);
    elevations_end(gone);
    HASH_DEL(gone->app->sessions, gone);
    free(gone);
}

/* ---- who it is ------------------------------------------------------------------------------------ */

struct slice identity_user(const struct jwt *identity)
{
    struct slice user = slice_of(identity->subject);

    return wire_id_is_proper(user) ? user : (struct slice){ NULL, 0 };
}

bool identity_is_good(const struct architus *app, const struct jwt *identity)
{
    int64_t ends_ms = identity->expires_ms;

    return identity_user(identity).data != NULL &&
           (ends_ms == 0 ||
            store_now_ms(app->node->store) <= ends_ms + app->node->config->jwt_leeway_ms);
}

/* The API writes the same number into every login: only another one means something. */
uint32_t identity_limit(const struct jwt *identity)
{
    struct json_member member = { .name = "permissions" };
    struct json claims;
    int64_t bits;

    if (!json_parse(identity->claims, &claims) || !json_members(claims, &member, 1) ||
        !json_whole(member.value, 0, UINT32_MAX, &bits) || bits == DEFAULT_CLAIM)
        return POOL_RIGHTS_ALL;
    return (uint32_t)bits;
}

struct jwt *session_identity(const struct session *session)
{
    struct jwt *identity = sio_identity(session->socket);

    return identity != NULL && identity_is_good(session->app, identity) ? identity : NULL;
}

/* ---- what it is told -------------------------------------------------------------------------------- */

void session_send(struct session *session, const char *event, struct slice object)
{
    struct buf text;

    buf_init(&text, TEXT_MAX);
    event_write(&text, event, object);
    sio_send(session->socket, buf_slice(&text));
    buf_fini(&text);
}

void session_fail(struct session *session, const struct error_answer *error)
{
    struct buf object;

    buf_init(&object, TEXT_MAX);
    error_write(&object, error);
    session_send(session, "error", buf_slice(&object));
    buf_fini(&object);
}

struct pending_ack ack_of(const struct sio_event *event)
{
    return (struct pending_ack){ event->wants_ack, event->ack_id };
}

void session_ack(struct session *session, struct pending_ack ack, struct slice object)
{
    struct buf args;

    if (!ack.is_wanted)
        return;
    buf_init(&args, TEXT_MAX);
    buf_add_byte(&args, '[');
    buf_add_slice(&args, object);
    buf_add_byte(&args, ']');
    sio_ack(session->socket, ack.id, buf_slice(&args));
    buf_fini(&args);
}
