/* SPDX-License-Identifier: MIT */
/*
 * An order at the node that was asked for it:
 *
 *     placing ──> carrying ──> settling ──> (its answer)
 *        └────────────┴──────────────────────^
 *
 * The owner of the instance settles what it was given, and runs the time-out. What it was not given, or took with it
 * into its death, is settled here. Our own guard comes later than its time-out, and goes through the store as well, so
 * there is one outcome. Who does not want to hear of it any more changes nothing: the order goes its way.
 */
#include "order.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { GUARD_MARGIN_MS = 2000, TEXT_MAX = 256 * 1024 };

enum order_state { ORDER_PLACING, ORDER_CARRYING, ORDER_SETTLING };

struct order {
    struct list node; /* fleet->orders */
    struct fleet_realm *realm;
    enum order_state state;
    struct order_text text; /* its slices are ours */
    char *owner, *endpoint_url;
    struct deadline guard;
    struct store_op *op;
    struct call *call;        /* to another node's agent … */
    struct carried *carried;  /* … or with one of our own  */
    enum fleet_answer answer; /* SETTLING: what it will be */
    order_done_fn *done;      /* NULL: forgotten */
    void *ctx;
};

static struct node *node_of(const struct order *order)
{
    return order->realm->fleet->node;
}

/* ---- its end ------------------------------------------------------------------------------------------- */

static void free_slice(struct slice slice)
{
    free((char *)(uintptr_t)slice.data);
}

static void order_free(struct order *order)
{
    store_cancel(&order->op);
    call_cancel(&order->call);
    carried_drop(&order->carried);
    deadline_clear(&order->guard);
    list_remove(&order->node);
    free_slice(order->text.instance);
    free_slice(order->text.command.room_id);
    free_slice(order->text.command.room_type);
    free_slice(order->text.command.options);
    free(order->owner);
    free(order->endpoint_url);
    free(order);
}

static void order_end(struct order *order, enum fleet_answer answer)
{
    struct order_result result = { .answer = answer };
    order_done_fn *done = order->done;

    if (answer == FLEET_ANSWER_OK) {
        result.instance = order->text.instance;
        result.endpoint_url = slice_of(order->endpoint_url);
    }
    order->done = NULL;
    if (done != NULL)
        done(&result, order->ctx);
    order_free(order);
}

static void on_settled(enum result result, void *ctx)
{
    struct order *order = ctx;

    /* When Redis cannot be reached any node does it, once it is overdue. */
    log_debug(NULL, "order.settled", "result=%s", result_name(result));
    order_end(order, order->answer);
}

static void settle(struct order *order, enum fleet_outcome outcome, enum fleet_answer answer)
{
    call_cancel(&order->call);
    carried_drop(&order->carried);
    deadline_clear(&order->guard);
    order->state = ORDER_SETTLING;
    order->answer = answer;
    fleet_settle(node_of(order)->store, slice_of(order->realm->name), order->text.instance,
                 order->text.command.number, outcome, 0, on_settled, order, &order->op);
}

static void on_guard(struct deadline *deadline)
{
    settle(LIST_ENTRY(deadline, struct order, guard), FLEET_TIMED_OUT, FLEET_ANSWER_TIMEOUT);
}

/* ---- carrying ------------------------------------------------------------------------------------------ */

static void conclude(struct order *order, int end)
{
    static const enum fleet_answer answers[] = {
        [AGENT_ACKED] = FLEET_ANSWER_OK,           [AGENT_REFUSED] = FLEET_ANSWER_FAILED,
        [AGENT_EXISTS] = FLEET_ANSWER_ROOM_EXISTS, [AGENT_TIMED_OUT] = FLEET_ANSWER_TIMEOUT,
        [AGENT_GONE] = FLEET_ANSWER_DISCONNECTED,
    };

    if (end == ORDER_ABSENT)
        settle(order, FLEET_DISCONNECTED, FLEET_ANSWER_DISCONNECTED);
    else
        order_end(order, answers[end]);
}

static void on_carried(enum agent_end end, void *ctx)
{
    struct order *order = ctx;

    order->carried = NULL;
    conclude(order, (int)end);
}

/* Of what may have been sent nothing is known but what the store will say: its guard asks it. A settling now would
 * let the agent's acknowledgement lose. */
static void on_called(enum result result, struct slice answer, void *ctx)
{
    struct order *order = ctx;
    int end;

    if (result == RESULT_OK && order_end_parse(answer, &end))
        conclude(order, end);
    else if (result == RESULT_UNAVAILABLE)
        settle(order, FLEET_DISCONNECTED, FLEET_ANSWER_UNAVAILABLE);
    else if (result == RESULT_NOT_FOUND || result == RESULT_INVALID)
        settle(order, FLEET_DISCONNECTED, FLEET_ANSWER_DISCONNECTED);
}

static void call_owner(struct order *order)
{
    struct buf text;

    buf_init(&text, TEXT_MAX);
    order_write(&text, &order->text);
    if (text.has_overflowed)
        settle(order, FLEET_DISCONNECTED, FLEET_ANSWER_FAILED);
    else
        call_start(node_of(order)->calls, slice_of(order->owner), "fleet.order", buf_slice(&text),
                   on_called, order, &order->call);
    buf_fini(&text);
}

static void carry_out(struct order *order)
{
    order->state = ORDER_CARRYING;
    deadline_set(order->realm->fleet->deadlines, &order->guard,
                 node_of(order)->config->fleet_command_timeout_ms + GUARD_MARGIN_MS, on_guard);
    if (strcmp(order->owner, node_of(order)->id) != 0) {
        call_owner(order);
        return;
    }
    order->carried = carry(order->realm->fleet, &order->text, on_carried, order);
    if (order->carried == NULL)
        conclude(order, ORDER_ABSENT);
}

/* ---- placing --------------------------------------------------------------------------------------------- */

static void take_place(struct order *order, const struct fleet_order *placed)
{
    order->text.instance = (struct slice){ slice_dup(placed->instance), placed->instance.len };
    order->text.command.number = placed->command;
    order->owner = slice_dup(placed->owner);
    order->endpoint_url = slice_dup(placed->endpoint_url);
}

static enum fleet_answer answer_of(enum fleet_refusal refusal)
{
    static const enum fleet_answer answers[] = {
        [FLEET_REFUSED_NOTHING] = FLEET_ANSWER_FAILED,
        [FLEET_REFUSED_ROOM_EXISTS] = FLEET_ANSWER_ROOM_EXISTS,
        [FLEET_REFUSED_NO_CANDIDATE] = FLEET_ANSWER_NO_CANDIDATE,
        [FLEET_REFUSED_UNKNOWN_INSTANCE] = FLEET_ANSWER_UNKNOWN_INSTANCE,
        [FLEET_REFUSED_DRAINING] = FLEET_ANSWER_DRAINING,
        [FLEET_REFUSED_DISCONNECTED] = FLEET_ANSWER_DISCONNECTED,
        [FLEET_REFUSED_BUSY] = FLEET_ANSWER_BUSY,
    };

    return answers[refusal];
}

/* Whether it was placed is not known where there was no answer: its id may stay taken, as after a time-out. */
static void on_placed(enum result result, const struct fleet_order *placed, void *ctx)
{
    struct order *order = ctx;

    if (result == RESULT_OK) {
        take_place(order, placed);
        carry_out(order);
    } else if (result == RESULT_REFUSED) {
        order_end(order, answer_of(placed->refusal));
    } else if (result == RESULT_UNCERTAIN) {
        order_end(order, FLEET_ANSWER_TIMEOUT);
    } else {
        order_end(order,
                  result == RESULT_UNAVAILABLE ? FLEET_ANSWER_UNAVAILABLE : FLEET_ANSWER_FAILED);
    }
}

/* ---- life ------------------------------------------------------------------------------------------------ */

static struct slice keep(struct slice text)
{
    return (struct slice){ text.data != NULL ? slice_dup(text) : NULL, text.len };
}

static struct order *order_begin(struct fleet_realm *realm, enum fleet_op op, order_done_fn *done,
                                 void *ctx)
{
    struct order *order = xcalloc(1, sizeof *order);

    order->realm = realm;
    order->text.realm = slice_of(realm->name);
    order->text.command.op = op;
    order->text.command.until_ms = (uint64_t)store_now_ms(realm->fleet->node->store) +
                                   realm->fleet->node->config->fleet_command_timeout_ms;
    order->done = done;
    order->ctx = ctx;
    deadline_init(&order->guard);
    list_append(&realm->fleet->orders, &order->node);
    return order;
}

struct order *order_create(struct fleet_realm *realm, struct fleet_place *place,
                           struct slice room_type, struct slice options, order_done_fn *done,
                           void *ctx)
{
    struct order *order = order_begin(realm, FLEET_CREATE, done, ctx);
    struct node *node = node_of(order);

    order->text.command.room_id = keep(place->room);
    order->text.command.room_type = keep(room_type);
    order->text.command.options = keep(options);
    place->requester = slice_of(node->id);
    place->timeout_ms = node->config->fleet_command_timeout_ms;
    fleet_place(node->store, slice_of(realm->name), place, on_placed, order, &order->op);
    return order;
}

struct order *order_command(struct fleet_realm *realm, struct slice instance, enum fleet_op op,
                            struct slice raw_room_id, order_done_fn *done, void *ctx)
{
    struct order *order = order_begin(realm, op, done, ctx);
    struct node *node = node_of(order);

    order->text.command.room_id = keep(raw_room_id);
    fleet_command(node->store, slice_of(realm->name), instance, op, slice_of(node->id),
                  node->config->fleet_command_timeout_ms, on_placed, order, &order->op);
    return order;
}

void order_forget(struct order **order)
{
    if (*order != NULL)
        (*order)->done = NULL;
    *order = NULL;
}

/* It has been settled already. */
void order_lost(struct fleet *fleet, struct slice realm, uint64_t command)
{
    LIST_EACH (node, spare, &fleet->orders) {
        struct order *order = LIST_ENTRY(node, struct order, node);

        if (order->state == ORDER_CARRYING && order->text.command.number == command &&
            slice_equals(order->text.realm, realm)) {
            order_end(order, FLEET_ANSWER_DISCONNECTED);
            return;
        }
    }
}

void orders_open(struct fleet *fleet)
{
    list_init(&fleet->orders);
    list_init(&fleet->carried);
    call_handle(fleet->node->calls, "fleet.order", order_on_asked, fleet);
    inbox_handle(fleet->node->inbox, "fleet.lost", order_on_lost, fleet);
}

void orders_close(struct fleet *fleet)
{
    assert(list_is_empty(&fleet->carried));
    while (!list_is_empty(&fleet->orders))
        order_free(LIST_ENTRY(fleet->orders.next, struct order, node));
}
