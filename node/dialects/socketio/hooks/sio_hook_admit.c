/* SPDX-License-Identifier: MIT */
/*
 * Where an end will have to be told, Redis knows of the session before the back end does: so there is no
 * connect without a disconnect, whoever dies when. Only a clear yes lets a client in. After a clear no, or
 * when nothing was asked, there was no session; when nobody knows what the back end did, it has ended.
 */
#include <string.h>

#include "base/mem.h"
#include "sio_hook.h"
#include "sio_hook_body.h"

enum { MESSAGE_MAX = 1024 };

static void let_in(struct sio_hook_guest *guest)
{
    struct sio_admission *admission = guest->admission;

    guest->admission = NULL;
    sio_hook_guest_hold(guest); /* until it is connected, and the answer is carried out */
    sio_admit(admission);
}

static void refuse(struct sio_hook_guest *guest, struct slice message, struct slice data)
{
    struct sio_admission *admission = guest->admission;

    guest->admission = NULL;
    sio_hook_session_forget(&guest->session);
    sio_hook_guest_destroy(&guest);
    sio_refuse(admission, message, data);
}

static void refuse_unavailable(struct sio_hook_guest *guest)
{
    refuse(guest, SLICE_LITERAL("Connect hook is unavailable"), (struct slice){ NULL, 0 });
}

static void refuse_as_told(struct sio_hook_guest *guest, struct slice answer)
{
    struct buf message;
    struct slice data;

    buf_init(&message, MESSAGE_MAX);
    sio_hook_refusal_parse(answer, &message, &data);
    refuse(guest, message.len > 0 ? buf_slice(&message) : SLICE_LITERAL("Forbidden"), data);
    buf_fini(&message);
}

static void end_session(struct sio_hook_guest *guest)
{
    sio_hook_session_end(&guest->session, "transport close",
                         store_now_ms(guest->hooks->node->store));
}

static void on_asked(enum result result, const struct hook_answer *answer, void *ctx)
{
    struct sio_hook_guest *guest = ctx;
    int digit = result == RESULT_OK ? answer->status / 100 : 0;

    if (digit == 2 && sio_hook_turn_read(&guest->turn, guest->hooks->node, answer->body)) {
        let_in(guest);
    } else if (digit == 4 && (answer->status == 401 || answer->status == 403)) {
        refuse_as_told(guest, answer->body);
    } else {
        if (digit != 4 && result != RESULT_UNAVAILABLE && result != RESULT_REFUSED)
            end_session(guest);
        refuse_unavailable(guest);
    }
}

static void ask(struct sio_hook_guest *guest)
{
    struct node *node = guest->hooks->node;
    char id[HOOK_ID_LEN + 1];
    const struct sio_hook_note note = { { id, HOOK_ID_LEN }, store_now_ms(node->store) };
    struct hook_request request = {
        .url = node->config->connect_hook,
        .delivery = note.id,
        .is_repeatable = true, /* the same socket id again: no other question */
    };
    struct buf body;

    hook_make_id(id);
    buf_init(&body, SIO_HOOK_BODY_MAX);
    sio_hook_write_connect(&body, &note, guest->admission);
    request.body = buf_slice(&body);
    if (!body.has_overflowed && request.url != NULL) {
        guest->was_asked = true;
        hook_call(node->hooks, &request, on_asked, guest, &guest->call);
        guest = NULL;
    }
    buf_fini(&body);
    if (guest != NULL)
        refuse_unavailable(guest);
}

static void on_session_begun(enum result result, void *ctx)
{
    struct sio_hook_guest *guest = ctx;

    if (result == RESULT_OK)
        ask(guest);
    else
        refuse(guest, SLICE_LITERAL("The store is unavailable"), (struct slice){ NULL, 0 });
}

static void on_client_gone(void *ctx)
{
    struct sio_hook_guest *guest = ctx;

    guest->admission = NULL;
    if (guest->was_asked)
        end_session(guest);
    else
        sio_hook_session_forget(&guest->session);
    sio_hook_guest_destroy(&guest);
}

void sio_hook_admit(struct sio_hooks *hooks, struct sio_admission *admission)
{
    struct sio_socket *socket = sio_admission_socket(admission);
    struct sio_hook_guest *guest;

    if (hooks->node->config->connect_hook == NULL) {
        sio_admit(admission);
        return;
    }
    guest = sio_hook_guest_create(hooks, socket);
    guest->admission = admission;
    sio_admission_wait(admission, on_client_gone, guest);
    if (hooks->node->config->disconnect_hook == NULL)
        ask(guest);
    else
        guest->session =
            sio_hook_session_begin(hooks->sessions, socket, false, on_session_begun, guest);
}
