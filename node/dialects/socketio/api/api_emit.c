/* SPDX-License-Identifier: MIT */
/* Emitting for back ends: to a room, to several, or to all; and with acknowledgements. */
#include "api_call.h"

/* The answers to one question are bounded by sio_ask(); in JSON and base64 they are larger. */
enum { ANSWERS_MAX = 64 * 1024 * 1024 };

static void on_emitted(enum result result, const struct channel_appended *emitted, void *ctx)
{
    struct api_call *call = ctx;

    if (result != RESULT_OK)
        api_call_fail(call, result);
    else if (emitted->is_duplicate)
        api_call_reply(call, 202, SLICE_LITERAL("{\"nodes\":0,\"duplicate\":true}"));
    else
        api_call_accept(call, emitted->listeners);
}

static void on_asked(enum result result, const struct sio_answers *answers, void *ctx)
{
    struct api_call *call = ctx;
    struct buf body;

    if (result != RESULT_OK) {
        api_call_fail(call, result);
        return;
    }
    buf_init(&body, ANSWERS_MAX);
    api_answers_write(&body, answers);
    if (body.has_overflowed) /* names of sockets may be six times as long as JSON */
        api_call_refuse(call, 502, "The answers are too large.");
    else
        api_call_reply(call, 200, buf_slice(&body));
    buf_fini(&body);
}

static void emit_to(struct api_call *call, const struct slice *rooms, size_t room_count)
{
    const struct api_body *body = &call->body;
    struct sio *sio = call->api->sio;
    const struct sio_emit emit = {
        .to = { .realm = api_call_realm(call),
                .nsp = body->nsp,
                .rooms = rooms,
                .room_count = room_count,
                .except = body->except.items,
                .except_count = body->except.count },
        .items = buf_slice(&body->items),
        .attachments = body->attachments.items,
        .attachment_count = body->attachments.count,
        .is_volatile = body->is_volatile,
        .once = body->once,
    };
    struct why why = { "" };

    if (!body->has_event)
        api_call_refuse(call, 400, "event: is missing");
    else if (!sio_emit_check(sio, &emit, &why))
        api_call_refuse(call, 400, why.text);
    else if (body->ack_timeout_ms > 0)
        sio_ask(sio, &emit, body->ack_timeout_ms, on_asked, call, &call->ask);
    else
        sio_emit(sio, &emit, on_emitted, call, &call->op);
}

static void begin(struct api_call *call)
{
    emit_to(call, call->body.rooms.items, call->body.rooms.count);
}

static void begin_room(struct api_call *call)
{
    struct slice room = http_param(call->request, 0);

    emit_to(call, &room, 1);
}

void api_emit_handle(struct http_request *request, void *api)
{
    api_call_start(request, api, begin);
}

void api_room_emit_handle(struct http_request *request, void *api)
{
    api_call_start(request, api, begin_room);
}
