/* SPDX-License-Identifier: MIT */
/* Commands to an instance that is named, or that has the room that is: each is answered when its agent has. */
#include "rest_inner.h"

static void on_done(const struct order_result *result, void *ctx)
{
    struct rest_call *call = ctx;

    if (result->answer == FLEET_ANSWER_OK)
        rest_reply(call, 200, (struct slice){ NULL, 0 });
    else
        rest_refuse(call, rest_cause_of(result->answer));
}

/* ---- instances ------------------------------------------------------------------------------------------ */

static bool is_instance_id(struct slice text)
{
    bool is = text.len == FLEET_ID_LEN;

    for (size_t i = 0; is && i < text.len; i++)
        is = (text.data[i] >= '0' && text.data[i] <= '9') ||
             (text.data[i] >= 'a' && text.data[i] <= 'f');
    return is;
}

static void order_instance(struct rest_call *call, enum fleet_op op)
{
    if (!is_instance_id(call->param))
        rest_refuse(call, REST_INSTANCE_NOT_FOUND);
    else
        call->order =
            order_command(call->realm, call->param, op, (struct slice){ NULL, 0 }, on_done, call);
}

void rest_drain_instance(struct rest_call *call)
{
    order_instance(call, FLEET_DRAIN);
}

void rest_undrain_instance(struct rest_call *call)
{
    order_instance(call, FLEET_UNDRAIN);
}

/* ---- rooms ------------------------------------------------------------------------------------------------ */

/* The room of the path. NULL: the call has been answered. */
static struct model_instance *room_of(struct rest_call *call, enum result result, size_t *room_out)
{
    struct model_instance *instance = NULL;

    if (result != RESULT_OK) {
        rest_refuse(call, REST_UNAVAILABLE);
        return NULL;
    }
    instance = model_find_room(call->realm->model, call->param, room_out);
    if (instance == NULL)
        rest_refuse(call, REST_ROOM_NOT_FOUND);
    return instance;
}

static void on_found_to_destroy(enum result result, const struct model_view *view, void *ctx)
{
    struct rest_call *call = ctx;
    size_t room;
    struct model_instance *instance = room_of(call, result, &room);

    (void)view;
    if (instance != NULL)
        call->order = order_command(call->realm, slice_of(instance->id), FLEET_DESTROY,
                                    instance->instance->rooms[room].id, on_done, call);
}

void rest_delete_room(struct rest_call *call)
{
    model_read(call->realm->model, false, on_found_to_destroy, call, &call->reading);
}

/* ---- metadata ----------------------------------------------------------------------------------------------- */

static void on_described(enum result result, void *ctx)
{
    struct rest_call *call = ctx;

    if (result == RESULT_OK)
        rest_reply(call, 200, (struct slice){ NULL, 0 });
    else if (result == RESULT_NOT_FOUND)
        rest_refuse(call, REST_ROOM_NOT_FOUND);
    else
        rest_fail(call, result);
}

static void on_found_to_describe(enum result result, const struct model_view *view, void *ctx)
{
    struct rest_call *call = ctx;
    size_t room;
    struct model_instance *instance = room_of(call, result, &room);
    struct buf metadata;

    (void)view;
    if (instance == NULL)
        return;
    buf_init(&metadata, call->body.raw.len * 6 + 3);
    rest_metadata_read(call->body, &metadata); /* it was judged before */
    fleet_describe(call->rest->fleet->node->store, slice_of(call->realm->name),
                   slice_of(instance->id), instance->instance->rooms[room].base,
                   buf_slice(&metadata), on_described, call, &call->op);
    buf_fini(&metadata);
}

void rest_describe_room(struct rest_call *call)
{
    struct buf metadata;
    bool is_good;

    buf_init(&metadata, call->body.raw.len * 6 + 3);
    is_good = rest_metadata_read(call->body, &metadata);
    buf_fini(&metadata);
    if (is_good)
        model_read(call->realm->model, false, on_found_to_describe, call, &call->reading);
    else
        rest_refuse(call, REST_VALIDATION);
}
