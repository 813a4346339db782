/* SPDX-License-Identifier: MIT */
/*
 * What Socket.IO tells goes to the guests, and each hook that is not configured costs nothing: no guest without
 * an event under way or an end to tell.
 */
#include "sio_hooks.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sio_hook.h"

/* ---- the life of a socket --------------------------------------------------------------------------------- */

static void admit(struct sio_admission *admission, void *app)
{
    sio_hook_admit(app, admission);
}

/* The answer of its connect hook is carried out now; or, where an end will have to be told, it is noted. */
static void on_connect(struct sio_socket *socket, bool is_back, void *app)
{
    struct sio_hooks *hooks = app;
    struct sio_hook_guest *guest = sio_hook_guest_find(hooks, socket);

    if (guest != NULL) {
        guest->is_connected = true;
        sio_hook_turn_begin(guest);
    } else if (hooks->node->config->disconnect_hook != NULL) {
        guest = sio_hook_guest_create(hooks, socket);
        guest->is_connected = true;
        guest->session = sio_hook_session_begin(hooks->sessions, socket, is_back, NULL, NULL);
    }
}

static void refuse_event(struct sio_hooks *hooks, struct sio_socket *socket,
                         const struct sio_event *event)
{
    hooks->node->metrics.hook_events_refused++;
    if (event->wants_ack)
        sio_ack(socket, event->ack_id, SLICE_LITERAL("[{\"error\":\"Too many requests.\"}]"));
}

static bool on_event(struct sio_socket *socket, const struct sio_event *event, void *app)
{
    struct sio_hooks *hooks = app;
    const char *url = hook_rules_find(&hooks->rules, sio_namespace(socket), event->name);
    struct sio_hook_guest *guest;

    if (url == NULL)
        return false;
    guest = sio_hook_guest_find(hooks, socket);
    if (guest == NULL) {
        guest = sio_hook_guest_create(hooks, socket);
        guest->is_connected = true;
    }
    if (sio_hook_guest_add(guest, url, event))
        sio_hook_guest_go(guest);
    else
        refuse_event(hooks, socket, event);
    return true;
}

static void on_disconnect(struct sio_socket *socket, const char *reason, bool has_moved, void *app)
{
    struct sio_hook_guest *guest = sio_hook_guest_find(app, socket);

    if (guest == NULL)
        return;
    if (has_moved)
        sio_hook_session_release(&guest->session);
    else if (sio_hook_is_goodbye(reason))
        sio_hook_guest_part(guest, socket);
    sio_hook_guest_leave(guest, reason);
}

/* ---- the app ------------------------------------------------------------------------------------------------ */

static void *hooks_open(struct node *node, struct sio *sio)
{
    struct sio_hooks *hooks = xcalloc(1, sizeof *hooks);

    hooks->node = node;
    hooks->sio = sio;
    hooks->deadlines = deadlines_create(node->loop);
    hooks->sessions = sio_hook_sessions_create(node, hooks->deadlines);
    hooks->teller = sio_hook_teller_create(node, hooks->deadlines);
    list_init(&hooks->leaving);
    return hooks;
}

static void hooks_configure(void *app)
{
    struct sio_hooks *hooks = app;

    hook_rules_read(&hooks->rules, &hooks->node->config->hook);
    sio_hook_teller_configure(hooks->teller);
}

/* Events that are under way are given up; the ends of their sockets are told all the same. */
static void hooks_close(void *app)
{
    struct sio_hooks *hooks = app;

    assert(hooks->guests == NULL);
    while (!list_is_empty(&hooks->leaving)) {
        struct sio_hook_guest *guest = LIST_ENTRY(hooks->leaving.next, struct sio_hook_guest, node);

        sio_hook_session_end(&guest->session, guest->reason, guest->ended_ms);
        sio_hook_guest_destroy(&guest);
    }
    sio_hook_teller_destroy(&hooks->teller);
    sio_hook_sessions_destroy(&hooks->sessions);
    deadlines_destroy(&hooks->deadlines);
    hook_rules_fini(&hooks->rules);
    free(hooks);
}

const struct sio_app sio_hooks_app = {
    .name = "hooks",
    .open = hooks_open,
    .configure = hooks_configure,
    .close = hooks_close,
    .admit = admit,
    .on_connect = on_connect,
    .on_event = on_event,
    .on_disconnect = on_disconnect,
};
