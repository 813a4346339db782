/* SPDX-License-Identifier: MIT */
/*
 * A guest is there while there is something to do or to remember for its socket. Its events form a line of
 * their own, and only its head is with the back end or being carried out: so answers keep the order of the
 * events.
 *
 * What a client has said before it went is still passed on: then the guest outlives its socket (hooks->leaving),
 * and its end is told when the last of its events is over. A goodbye that its client overtook, coming back on another
 * node, is no end: the session is that node's.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sio_hook.h"
#include "sio_hook_body.h"

struct waiting_event {
    struct list node;
    char *url;
    struct buf body;
    uint64_t ack_id;
    bool wants_ack;
    char id[HOOK_ID_LEN + 1];
};

/* ---- life -------------------------------------------------------------------------------------------- */

struct sio_hook_guest *sio_hook_guest_find(const struct sio_hooks *hooks,
                                           const struct sio_socket *socket)
{
    struct sio_hook_guest *guest;

    HASH_FIND_PTR(hooks->guests, &socket, guest);
    return guest;
}

struct sio_hook_guest *sio_hook_guest_create(struct sio_hooks *hooks, struct sio_socket *socket)
{
    struct sio_hook_guest *guest = xcalloc(1, sizeof *guest);

    guest->hooks = hooks;
    guest->key = guest->socket = socket;
    guest->realm = slice_dup(sio_realm(socket));
    guest->nsp = slice_dup(sio_namespace(socket));
    list_init(&guest->node);
    list_init(&guest->events);
    HASH_ADD_PTR(hooks->guests, key, guest);
    return guest;
}

static void event_destroy(struct waiting_event **event)
{
    free((*event)->url);
    buf_fini(&(*event)->body);
    free(*event);
    *event = NULL;
}

static size_t bytes_of(const struct waiting_event *event)
{
    return sizeof *event + event->body.len;
}

static struct waiting_event *take_event(struct sio_hook_guest *guest)
{
    struct waiting_event *event = LIST_ENTRY(guest->events.next, struct waiting_event, node);

    list_remove(&event->node);
    guest->event_count--;
    guest->event_bytes -= bytes_of(event);
    guest->hooks->waiting_bytes -= bytes_of(event);
    guest->hooks->node->metrics.hook_events_waiting--;
    return event;
}

static void append_event(struct sio_hook_guest *guest, struct waiting_event *event)
{
    list_append(&guest->events, &event->node);
    guest->event_count++;
    guest->event_bytes += bytes_of(event);
    guest->hooks->waiting_bytes += bytes_of(event);
    guest->hooks->node->metrics.hook_events_waiting++;
}

/* From the one place to the other, or out of both. */
static void unlist(struct sio_hook_guest *guest)
{
    if (guest->key != NULL)
        HASH_DEL(guest->hooks->guests, guest);
    guest->key = NULL;
    list_remove(&guest->node);
}

void sio_hook_guest_destroy(struct sio_hook_guest **guest)
{
    struct sio_hook_guest *gone = *guest;

    *guest = NULL;
    unlist(gone);
    hook_cancel(&gone->call);
    store_cancel(&gone->forgetting);
    while (!list_is_empty(&gone->events)) {
        struct waiting_event *event = take_event(gone);

        event_destroy(&event);
    }
    sio_hook_turn_fini(&gone->turn);
    sio_task_end(&gone->task);
    free(gone->realm);
    free(gone->nsp);
    free(gone);
}

/* ---- its socket ---------------------------------------------------------------------------------------- */

/* One that was told that it is connected is told of its end, too; the others hear of it here. */
static void on_socket_gone(struct sio_task *task)
{
    struct sio_hook_guest *guest = LIST_ENTRY(task, struct sio_hook_guest, task);

    guest->socket = NULL;
    if (!guest->is_connected)
        sio_hook_guest_leave(guest, "transport close");
}

void sio_hook_guest_hold(struct sio_hook_guest *guest)
{
    if (guest->task.socket == NULL && guest->socket != NULL)
        sio_task_begin(guest->socket, &guest->task, on_socket_gone);
}

static void on_forgotten(enum result result, void *ctx)
{
    struct sio_hook_guest *guest = ctx;

    if (result == RESULT_CONFLICT)
        sio_hook_session_release(&guest->session);
    sio_hook_guest_go(guest);
}

void sio_hook_guest_part(struct sio_hook_guest *guest, struct sio_socket *socket)
{
    if (guest->session != NULL)
        sio_forget(socket, on_forgotten, guest, &guest->forgetting);
}

void sio_hook_guest_leave(struct sio_hook_guest *guest, const char *reason)
{
    assert(guest->admission == NULL && guest->reason == NULL);
    sio_task_end(&guest->task);
    guest->socket = NULL;
    guest->reason = reason;
    guest->ended_ms = store_now_ms(guest->hooks->node->store);
    unlist(guest);
    list_append(&guest->hooks->leaving, &guest->node);
    if (guest->turn.joins_left > 0)
        sio_hook_turn_cut(guest);
    else
        sio_hook_guest_go(guest);
}

/* Nothing is left to do for it. Its client may move on now, and then hooks hear of it before this returns. */
static void rest(struct sio_hook_guest *guest)
{
    if (guest->reason != NULL)
        sio_hook_session_end(&guest->session, guest->reason, guest->ended_ms);
    if (guest->session == NULL)
        sio_hook_guest_destroy(&guest);
    else
        sio_task_end(&guest->task);
}

/* ---- its events ------------------------------------------------------------------------------------------ */

static bool is_busy(const struct sio_hook_guest *guest)
{
    return guest->call != NULL || guest->turn.is_open || guest->forgetting != NULL;
}

/* An idle one's event does not wait here at all. */
static bool has_room(const struct sio_hook_guest *guest, size_t bytes)
{
    const struct sio_hooks *hooks = guest->hooks;

    return !is_busy(guest) || (guest->event_count < hooks->node->config->hook_socket_queue &&
                               guest->event_bytes + bytes <= SIO_HOOK_SOCKET_BYTES_MAX &&
                               hooks->waiting_bytes + bytes <= HOOK_WAITING_BYTES_MAX);
}

static struct waiting_event *event_create(const struct sio_hook_guest *guest, const char *url,
                                          const struct sio_event *event)
{
    struct waiting_event *waiting = xcalloc(1, sizeof *waiting);
    struct sio_hook_note note;

    waiting->url = xstrdup(url);
    waiting->ack_id = event->ack_id;
    waiting->wants_ack = event->wants_ack;
    hook_make_id(waiting->id);
    note = (struct sio_hook_note){ slice_of(waiting->id), store_now_ms(guest->hooks->node->store) };
    list_init(&waiting->node);
    buf_init(&waiting->body, SIO_HOOK_BODY_MAX);
    sio_hook_write_event(&waiting->body, &note, guest->socket, event);
    return waiting;
}

bool sio_hook_guest_add(struct sio_hook_guest *guest, const char *url,
                        const struct sio_event *event)
{
    struct waiting_event *waiting;

    if (!has_room(guest, event->items.raw.len))
        return false;
    waiting = event_create(guest, url, event);
    if (!has_room(guest, bytes_of(waiting))) {
        event_destroy(&waiting);
        return false;
    }
    append_event(guest, waiting);
    return true;
}

static const char *error_of(enum result result, const struct hook_answer *answer)
{
    switch (result) {
    case RESULT_OK:
        return answer->status / 100 == 2 ? NULL : "The back end failed.";
    case RESULT_REFUSED:
        return "Too many requests.";
    case RESULT_UNAVAILABLE:
        return "The back end is unavailable.";
    default:
        return "The back end did not answer.";
    }
}

static void on_called(enum result result, const struct hook_answer *answer, void *ctx)
{
    struct sio_hook_guest *guest = ctx;
    const uint64_t ack_id = guest->turn.ack_id;
    const bool wants_ack = guest->turn.wants_ack;
    const char *error = error_of(result, answer);

    if (error == NULL && !sio_hook_turn_read(&guest->turn, guest->hooks->node, answer->body))
        error = "The back end's answer makes no sense.";
    guest->turn.error = error;
    guest->turn.ack_id = ack_id;
    guest->turn.wants_ack = wants_ack;
    sio_hook_turn_begin(guest);
}

static void call_next(struct sio_hook_guest *guest)
{
    struct waiting_event *event = take_event(guest);
    const struct hook_request request = {
        .url = event->url,
        .body = buf_slice(&event->body),
        .delivery = slice_of(event->id),
    };

    guest->turn.ack_id = event->ack_id;
    guest->turn.wants_ack = event->wants_ack;
    if (event->body.has_overflowed) {
        guest->turn.error = "Too large.";
        event_destroy(&event);
        sio_hook_turn_begin(guest);
        return;
    }
    hook_call(guest->hooks->node->hooks, &request, on_called, guest, &guest->call);
    event_destroy(&event);
}

void sio_hook_guest_go(struct sio_hook_guest *guest)
{
    if (is_busy(guest))
        return;
    if (!list_is_empty(&guest->events)) {
        sio_hook_guest_hold(guest);
        call_next(guest);
    } else if (guest->socket != NULL || guest->reason != NULL) {
        rest(guest);
    }
}
