/* SPDX-License-Identifier: MIT */
/* At the node that has the agent. A command that was handed over goes on whether or not somebody still waits for it. */
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "fleet_realm.h"
#include "order.h"

struct carried {
    struct list node; /* fleet->carried */
    carried_fn *done; /* NULL: nobody of ours waits */
    void *ctx;
    struct call_asked *asked; /* NULL: no other node does */
};

static void carried_free(struct carried *carried)
{
    list_remove(&carried->node);
    free(carried);
}

static void on_end(enum agent_end end, void *ctx)
{
    struct carried *carried = ctx;
    struct call_asked *asked = carried->asked;
    carried_fn *done = carried->done;
    void *done_ctx = carried->ctx;

    carried_free(carried);
    if (done != NULL)
        done(end, done_ctx);
    if (asked != NULL)
        call_answer(asked, order_end_text((int)end));
}

struct carried *carry(struct fleet *fleet, const struct order_text *text, carried_fn *done,
                      void *ctx)
{
    struct fleet_realm *realm = fleet_realm_find(fleet, text->realm);
    struct carried *carried = xcalloc(1, sizeof *carried);

    carried->done = done;
    carried->ctx = ctx;
    list_append(&fleet->carried, &carried->node);
    if (realm != NULL && agent_send(realm, text->instance, &text->command, on_end, carried))
        return carried;
    carried_free(carried);
    return NULL;
}

void carried_drop(struct carried **carried)
{
    if (*carried != NULL)
        (*carried)->done = NULL;
    *carried = NULL;
}

/* ---- for another node ----------------------------------------------------------------------------------- */

static void on_asker_gone(void *ctx)
{
    ((struct carried *)ctx)->asked = NULL;
}

void order_on_asked(struct call_asked *asked, struct slice text, void *ctx)
{
    struct order_text order;
    struct carried *carried = NULL;

    if (order_parse(text, &order))
        carried = carry(ctx, &order, NULL, NULL);
    else
        log_peer(LOG_WARN, NULL, "fleet.order", "bytes=%zu", text.len);
    if (carried == NULL) {
        call_answer(asked, order_end_text(ORDER_ABSENT));
        return;
    }
    carried->asked = asked;
    call_wait(asked, on_asker_gone, carried);
}
