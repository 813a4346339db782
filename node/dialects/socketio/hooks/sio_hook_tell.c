/* SPDX-License-Identifier: MIT */
/*
 * Every node looks each second for ends that are due, whosever the sessions were, and claims no more than it
 * can tell at a time. An end that a back end took, or said it never will, is settled; all else comes again,
 * to whichever node, when the claim's time is over: always with the same delivery.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sio_hook.h"
#include "sio_hook_body.h"
#include "store/ends.h"

enum {
    TICK_MS = 1000,
    TELLINGS_MAX = 256,
    CLAIM_MAX = TELLINGS_MAX / ENDS_SHARDS, /* of one shard at a time */
    CLAIM_MIN_MS = 15000,
    CLAIM_SLACK_MS = 5000,
};

struct telling {
    struct list node;
    struct sio_hook_teller *teller;
    struct hook_call *call;
    struct store_op *settling;
    bool is_told;
    unsigned shard;
    char *delivery;
};

struct claim {
    struct sio_hook_teller *teller;
    struct store_op *op;
    uint32_t most;
};

struct sio_hook_teller {
    struct node *node;
    struct deadlines *deadlines;
    struct deadline tick; /* set while there is a hook */
    struct list tellings;
    uint32_t count; /* of them, and of those that may come with a claim */
    unsigned first; /* the shard that is asked first */
    struct claim claims[ENDS_SHARDS];
};

/* ---- one end -------------------------------------------------------------------------------------------- */

static void telling_destroy(struct telling **telling)
{
    struct telling *gone = *telling;

    *telling = NULL;
    gone->teller->count--;
    list_remove(&gone->node);
    hook_cancel(&gone->call);
    store_cancel(&gone->settling);
    free(gone->delivery);
    free(gone);
}

static void on_settled(enum result result, void *ctx)
{
    struct telling *telling = ctx;

    if (result == RESULT_OK)
        telling_destroy(&telling);
}

/* Until Redis has taken it, else somebody would tell it again. */
static void settle(struct telling *telling)
{
    if (telling->settling == NULL)
        ends_settle(telling->teller->node->store, telling->shard, slice_of(telling->delivery),
                    on_settled, telling, &telling->settling);
}

/* Asked again, would it say something else? */
static bool is_final(int status)
{
    return status / 100 == 2 ||
           (status / 100 == 4 && status != 408 && status != 425 && status != 429);
}

static void on_told(enum result result, const struct hook_answer *answer, void *ctx)
{
    struct telling *telling = ctx;

    if (result == RESULT_OK && is_final(answer->status)) {
        telling->is_told = true;
        settle(telling);
        return;
    }
    log_peer(LOG_WARN, NULL, "hook.end_untold", "delivery=%s result=%s status=%d",
             telling->delivery, result_name(result), answer != NULL ? answer->status : 0);
    telling_destroy(&telling);
}

static void tell(struct sio_hook_teller *teller, unsigned shard, const struct end *end)
{
    struct hook_request request = {
        .url = teller->node->config->disconnect_hook,
        .delivery = end->delivery,
        .is_repeatable = true,
    };
    struct telling *telling;
    struct buf body;

    if (request.url == NULL)
        return;
    telling = xcalloc(1, sizeof *telling);
    telling->teller = teller;
    telling->shard = shard;
    telling->delivery = slice_dup(end->delivery);
    list_append(&teller->tellings, &telling->node);
    teller->count++;
    buf_init(&body, SIO_HOOK_BODY_MAX);
    sio_hook_write_end(&body, end->delivery, end->about, end->reason, end->ended_ms);
    request.body = buf_slice(&body);
    hook_call(teller->node->hooks, &request, on_told, telling, &telling->call);
    buf_fini(&body);
}

/* ---- looking for them ------------------------------------------------------------------------------------ */

static void claim_some(struct claim *claim);

static void on_claimed(enum result result, const struct ends_claimed *claimed, void *ctx)
{
    struct claim *claim = ctx;
    struct sio_hook_teller *teller = claim->teller;

    teller->count -= claim->most;
    teller->node->metrics.hook_ends_given_up += claimed->given_up;
    for (size_t i = 0; i < claimed->count; i++)
        tell(teller, (unsigned)(claim - teller->claims), &claimed->ends[i]);
    if (result == RESULT_OK && claimed->is_more && deadline_is_set(&teller->tick))
        claim_some(claim);
}

/* As long as others have to leave a claimed end alone, this node's attempts are over. */
static uint32_t claim_ms(const struct config *config)
{
    uint32_t ms = config->hook_timeout_ms + CLAIM_SLACK_MS;

    return ms > CLAIM_MIN_MS ? ms : CLAIM_MIN_MS;
}

static void claim_some(struct claim *claim)
{
    struct sio_hook_teller *teller = claim->teller;
    const struct config *config = teller->node->config;
    uint32_t room = TELLINGS_MAX - teller->count;
    struct end_claim wanted = { .claim_ms = claim_ms(config),
                                .lease_ms = sio_hook_lease_ms(config) };

    if (claim->op != NULL || room == 0)
        return;
    wanted.most = claim->most = room < CLAIM_MAX ? room : CLAIM_MAX;
    teller->count += claim->most;
    ends_claim(teller->node->store, (unsigned)(claim - teller->claims), &wanted, on_claimed, claim,
               &claim->op);
}

static void on_tick(struct deadline *tick)
{
    struct sio_hook_teller *teller = LIST_ENTRY(tick, struct sio_hook_teller, tick);

    deadline_set(teller->deadlines, tick, TICK_MS, on_tick);
    LIST_EACH (node, spare, &teller->tellings) {
        struct telling *telling = LIST_ENTRY(node, struct telling, node);

        if (telling->is_told)
            settle(telling);
    }
    teller->first++;
    for (unsigned i = 0; i < ENDS_SHARDS; i++)
        claim_some(&teller->claims[(teller->first + i) % ENDS_SHARDS]);
}

/* ---- the door --------------------------------------------------------------------------------------------- */

struct sio_hook_teller *sio_hook_teller_create(struct node *node, struct deadlines *deadlines)
{
    struct sio_hook_teller *teller = xcalloc(1, sizeof *teller);

    teller->node = node;
    teller->deadlines = deadlines;
    deadline_init(&teller->tick);
    list_init(&teller->tellings);
    for (size_t i = 0; i < ENDS_SHARDS; i++)
        teller->claims[i].teller = teller;
    return teller;
}

void sio_hook_teller_configure(struct sio_hook_teller *teller)
{
    if (teller->node->config->disconnect_hook == NULL)
        deadline_clear(&teller->tick);
    else if (!deadline_is_set(&teller->tick))
        deadline_set(teller->deadlines, &teller->tick, TICK_MS, on_tick);
}

void sio_hook_teller_destroy(struct sio_hook_teller **teller)
{
    struct sio_hook_teller *gone = *teller;

    *teller = NULL;
    deadline_clear(&gone->tick);
    for (size_t i = 0; i < ENDS_SHARDS; i++)
        store_cancel(&gone->claims[i].op);
    while (!list_is_empty(&gone->tellings)) {
        struct telling *telling = LIST_ENTRY(gone->tellings.next, struct telling, node);

        telling_destroy(&telling);
    }
    free(gone);
}
