/* SPDX-License-Identifier: MIT */
/*
 *     order = realm instance number until op traits room-id room-type options     packed (base/pack.h)
 *     loss  = realm number
 */
#include "order_wire.h"

#include "base/pack.h"

/* Texts that may be missing, which is not the same as being empty. */
enum { HAS_ROOM_ID = 1, HAS_ROOM_TYPE = 2, HAS_OPTIONS = 4, TRAITS_MAX = 7 };

static uint64_t traits_of(const struct agent_command *command)
{
    return (command->room_id.data != NULL ? HAS_ROOM_ID : 0) |
           (command->room_type.data != NULL ? HAS_ROOM_TYPE : 0) |
           (command->options.data != NULL ? HAS_OPTIONS : 0);
}

void order_write(struct buf *out, const struct order_text *order)
{
    const struct agent_command *command = &order->command;

    pack_slice(out, order->realm);
    pack_slice(out, order->instance);
    pack_number(out, command->number);
    pack_number(out, command->until_ms);
    pack_number(out, (uint64_t)command->op);
    pack_number(out, traits_of(command));
    pack_slice(out, command->room_id);
    pack_slice(out, command->room_type);
    pack_slice(out, command->options);
}

static struct slice text_if(struct slice text, bool is_there)
{
    if (!is_there)
        return (struct slice){ NULL, 0 };
    return text.len > 0 ? text : SLICE_LITERAL("");
}

bool order_parse(struct slice text, struct order_text *order)
{
    struct unpack unpack;
    uint64_t traits;

    unpack_init(&unpack, text);
    order->realm = unpack_slice(&unpack);
    order->instance = unpack_slice(&unpack);
    order->command.number = unpack_number(&unpack);
    order->command.until_ms = unpack_number(&unpack);
    order->command.op = (enum fleet_op)unpack_number_max(&unpack, FLEET_OPS - 1);
    traits = unpack_number_max(&unpack, TRAITS_MAX);
    order->command.room_id = text_if(unpack_slice(&unpack), (traits & HAS_ROOM_ID) != 0);
    order->command.room_type = text_if(unpack_slice(&unpack), (traits & HAS_ROOM_TYPE) != 0);
    order->command.options = text_if(unpack_slice(&unpack), (traits & HAS_OPTIONS) != 0);
    return unpack_is_done(&unpack);
}

static const char *const ends[ORDER_ENDS] = {
    [AGENT_ACKED] = "acked",         [AGENT_REFUSED] = "refused", [AGENT_EXISTS] = "exists",
    [AGENT_TIMED_OUT] = "timed_out", [AGENT_GONE] = "gone",       [ORDER_ABSENT] = "absent",
};

struct slice order_end_text(int end)
{
    return slice_of(ends[end]);
}

bool order_end_parse(struct slice text, int *end_out)
{
    for (int end = 0; end < ORDER_ENDS; end++)
        if (slice_is(text, ends[end])) {
            *end_out = end;
            return true;
        }
    return false;
}

void order_loss_write(struct buf *out, const struct order_loss *loss)
{
    pack_slice(out, loss->realm);
    pack_number(out, loss->command);
}

bool order_loss_parse(struct slice text, struct order_loss *loss)
{
    struct unpack unpack;

    unpack_init(&unpack, text);
    loss->realm = unpack_slice(&unpack);
    loss->command = unpack_number(&unpack);
    return unpack_is_done(&unpack);
}
