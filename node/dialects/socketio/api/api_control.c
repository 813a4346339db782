/* SPDX-License-Identifier: MIT */
/*
 * What back ends make sockets do. A socket is reached by the room that is named like it; when nobody listens
 * to that, it is nowhere.
 */
#include "api_call.h"
#include "sio_name.h"

static void on_ordered(enum result result, const struct channel_appended *ordered, void *ctx)
{
    struct api_call *call = ctx;

    if (result != RESULT_OK)
        api_call_fail(call, result);
    else
        api_call_accept(call, ordered->listeners);
}

static void on_socket_ordered(enum result result, const struct channel_appended *ordered, void *ctx)
{
    if (result == RESULT_OK && ordered->listeners == 0)
        api_call_refuse(ctx, 404, "There is no such socket.");
    else
        on_ordered(result, ordered, ctx);
}

/* Whom it concerns, what they do, and in which rooms. */
struct order {
    struct json_list whom, rooms;
    enum sio_control what;
    sio_emitted_fn *done;
};

static bool check(const struct sio_target *to, const struct json_list *rooms, struct why *why)
{
    struct sio_target names = *to;

    names.rooms = rooms->items; /* the rooms of the order are held to the same rules */
    names.room_count = rooms->count;
    return sio_target_check(to, why) && sio_target_check(&names, why);
}

static void carry_out(struct api_call *call, const struct order *order)
{
    const struct sio_target to = {
        .realm = api_call_realm(call),
        .nsp = call->body.nsp,
        .rooms = order->whom.items,
        .room_count = order->whom.count,
    };
    struct why why = { "" };

    if (check(&to, &order->rooms, &why))
        sio_control(call->api->sio, &to, order->what, order->rooms.items, order->rooms.count,
                    order->done, call, &call->op);
    else
        api_call_refuse(call, 400, why.text);
}

/* ---- of rooms ------------------------------------------------------------------------------------------ */

static void begin_room_order(struct api_call *call, enum sio_control what)
{
    const struct api_body *body = &call->body;
    struct slice room = http_param(call->request, 0);
    struct order order = {
        .whom = body->has_sockets ? body->sockets : body->rooms,
        .rooms = { &room, 1 },
        .what = what,
        .done = on_ordered,
    };

    if (body->has_sockets && body->has_rooms)
        api_call_refuse(call, 400, "sockets, rooms: exclude one another");
    else if (order.whom.count > 0)
        carry_out(call, &order);
    else if (what == SIO_CONTROL_LEAVE && !body->has_sockets && !body->has_rooms) {
        order.whom = order.rooms; /* everybody */
        carry_out(call, &order);
    } else {
        api_call_refuse(call, 400, "sockets, rooms: one of them must say who");
    }
}

static void begin_room_join(struct api_call *call)
{
    begin_room_order(call, SIO_CONTROL_JOIN);
}

static void begin_room_leave(struct api_call *call)
{
    begin_room_order(call, SIO_CONTROL_LEAVE);
}

/* ---- of sockets ------------------------------------------------------------------------------------------ */

static void begin_socket_order(struct api_call *call, enum sio_control what)
{
    struct slice socket = http_param(call->request, 0);
    const struct order order = {
        .whom = { &socket, 1 },
        .rooms = call->body.rooms,
        .what = what,
        .done = on_socket_ordered,
    };

    if (order.rooms.count > 0)
        carry_out(call, &order);
    else
        api_call_refuse(call, 400, "rooms: must be 1 to 100 rooms");
}

static void begin_socket_join(struct api_call *call)
{
    begin_socket_order(call, SIO_CONTROL_JOIN);
}

static void begin_socket_leave(struct api_call *call)
{
    begin_socket_order(call, SIO_CONTROL_LEAVE);
}

/* ---- disconnecting ---------------------------------------------------------------------------------------- */

static void disconnect(struct api_call *call, sio_emitted_fn *done)
{
    struct slice whom = http_param(call->request, 0);
    const struct order order = {
        .whom = { &whom, 1 },
        .what = call->body.closes ? SIO_CONTROL_CLOSE : SIO_CONTROL_DISCONNECT,
        .done = done,
    };

    carry_out(call, &order);
}

static void begin_room_disconnect(struct api_call *call)
{
    disconnect(call, on_ordered);
}

static void begin_socket_disconnect(struct api_call *call)
{
    disconnect(call, on_socket_ordered);
}

/* ---- routes ------------------------------------------------------------------------------------------------ */

void api_room_join_handle(struct http_request *request, void *api)
{
    api_call_start(request, api, begin_room_join);
}

void api_room_leave_handle(struct http_request *request, void *api)
{
    api_call_start(request, api, begin_room_leave);
}

void api_room_disconnect_handle(struct http_request *request, void *api)
{
    api_call_start(request, api, begin_room_disconnect);
}

void api_socket_join_handle(struct http_request *request, void *api)
{
    api_call_start(request, api, begin_socket_join);
}

void api_socket_leave_handle(struct http_request *request, void *api)
{
    api_call_start(request, api, begin_socket_leave);
}

void api_socket_disconnect_handle(struct http_request *request, void *api)
{
    api_call_start(request, api, begin_socket_disconnect);
}
