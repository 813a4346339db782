/* SPDX-License-Identifier: MIT */
/*
 *     asked → held → given
 *     asked → counting → asked again: there is no place, unless some belong to nodes that died
 *
 * A place without an owner is in push.given. One whose script is still on its way waits for its answer
 * first: the script may be sent again (after NOSCRIPT), and must not come after what undoes it.
 */
#include "place.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "store/nodes.h"
#include "store/players.h"

enum { RETRY_MS = 1000, NODES_TEXT_MAX = 1024 * 1024 };

enum place_state { PLACE_ASKED, PLACE_COUNTING, PLACE_ASKED_AGAIN, PLACE_HELD, PLACE_GIVEN };

struct place {
    struct push *push;
    struct identity *identity;
    uint64_t number;
    place_fn *done; /* NULL: it has no owner */
    void *ctx;
    struct store_op *op;
    struct list node; /* push.given */
    struct deadline renewal;
    enum place_state state;
};

static void place_free(struct place *place)
{
    store_cancel(&place->op);
    list_remove(&place->node);
    deadline_clear(&place->renewal);
    identity_unref(&place->identity);
    free(place);
}

static struct player_conn conn_of(const struct place *place)
{
    return (struct player_conn){
        .realm = slice_of(place->identity->realm),
        .player = slice_of(place->identity->subject),
        .node_id = place->push->node->id,
        .number = place->number,
    };
}

/* ---- giving back ----------------------------------------------------------------------------- */

static void place_leave(struct place *place);

static void on_retry_due(struct deadline *deadline)
{
    struct push *push = LIST_ENTRY(deadline, struct push, retry);

    LIST_EACH (node, spare, &push->given) {
        struct place *place = LIST_ENTRY(node, struct place, node);

        if (place->op == NULL)
            place_leave(place);
    }
}

static void on_left(enum result result, void *ctx)
{
    struct place *place = ctx;
    struct push *push = place->push;

    if (result == RESULT_OK)
        place_free(place);
    else if (!deadline_is_set(&push->retry))
        deadline_set(push->deadlines, &push->retry, RETRY_MS, on_retry_due);
}

static void place_leave(struct place *place)
{
    struct player_conn conn = conn_of(place);

    place->state = PLACE_GIVEN;
    player_leave(place->push->node->store, &conn, on_left, place, &place->op);
}

void place_give(struct place **place)
{
    struct place *given = *place;

    *place = NULL;
    if (given == NULL)
        return;
    given->done = NULL;
    list_append(&given->push->given, &given->node);
    deadline_clear(&given->renewal);
    if (given->state == PLACE_COUNTING) {
        place_free(given);
    } else if (given->state == PLACE_HELD) {
        store_cancel(&given->op); /* a renewal */
        place_leave(given);
    }
}

void places_forget(struct push *push)
{
    LIST_EACH (node, spare, &push->given) {
        place_free(LIST_ENTRY(node, struct place, node));
    }
}

/* ---- taking ---------------------------------------------------------------------------------- */

static void on_joined(enum result result, void *ctx);
static void place_count(struct place *place);
static void place_set_renewal(struct place *place);

static void place_ask(struct place *place, struct slice live_nodes)
{
    struct player_conn conn = conn_of(place);

    place->state = live_nodes.data != NULL ? PLACE_ASKED_AGAIN : PLACE_ASKED;
    player_join(place->push->node->store, &conn, place->push->node->config->max_conns, live_nodes,
                on_joined, place, &place->op);
}

/* Tells the owner that there is nothing; what may be there all the same is given back. */
static void place_fail(struct place *place, enum result result)
{
    place_fn *done = place->done;
    void *ctx = place->ctx;

    if (result == RESULT_UNCERTAIN) {
        place->state = PLACE_HELD;
        place_give(&place);
    } else {
        place_free(place);
    }
    done(result, ctx);
}

static void on_joined(enum result result, void *ctx)
{
    struct place *place = ctx;

    if (place->done == NULL) {
        if (result == RESULT_OK || result == RESULT_UNCERTAIN)
            place_leave(place);
        else
            place_free(place);
    } else if (result == RESULT_REFUSED && place->state == PLACE_ASKED) {
        place_count(place);
    } else if (result != RESULT_OK) {
        place_fail(place, result);
    } else {
        place->state = PLACE_HELD;
        place_set_renewal(place);
        place->done(RESULT_OK, place->ctx);
    }
}

static void on_nodes(enum result result, const struct slice *ids, size_t count, void *ctx)
{
    struct place *place = ctx;
    struct buf text;

    if (result != RESULT_OK) {
        place_fail(place, RESULT_UNAVAILABLE);
        return;
    }
    buf_init(&text, NODES_TEXT_MAX);
    buf_add_byte(&text, ' ');
    for (size_t i = 0; i < count; i++) {
        buf_add_slice(&text, ids[i]);
        buf_add_byte(&text, ' ');
    }
    buf_add_text(&text, place->push->node->id); /* whatever the list says, this one lives */
    if (buf_add_byte(&text, ' '))
        place_ask(place, buf_slice(&text));
    else
        place_fail(place, RESULT_REFUSED);
    buf_fini(&text);
}

static void place_count(struct place *place)
{
    place->state = PLACE_COUNTING;
    nodes_list_live(place->push->node->store, on_nodes, place, &place->op);
}

struct place *place_take(struct push *push, struct identity *identity, place_fn *done, void *ctx)
{
    struct place *place = xcalloc(1, sizeof *place);

    assert(done != NULL);
    place->push = push;
    place->identity = identity_ref(identity);
    place->number = ++push->last_number;
    place->done = done;
    place->ctx = ctx;
    list_init(&place->node);
    deadline_init(&place->renewal);
    place_ask(place, (struct slice){ NULL, 0 });
    return place;
}

/* ---- holding --------------------------------------------------------------------------------- */

static void on_renewal_due(struct deadline *deadline)
{
    struct place *place = LIST_ENTRY(deadline, struct place, renewal);
    struct player_conn conn = conn_of(place);

    if (place->op == NULL)
        player_renew(place->push->node->store, &conn, NULL, NULL, &place->op);
    place_set_renewal(place);
}

static void place_set_renewal(struct place *place)
{
    deadline_set(place->push->deadlines, &place->renewal, PLAYER_RENEW_MS, on_renewal_due);
}
