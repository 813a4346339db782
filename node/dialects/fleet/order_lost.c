/* SPDX-License-Identifier: MIT */
/* Whoever removes what a dead node left has settled its commands: their requesters hear of it by their inboxes. */
#include "base/log.h"
#include "order.h"

enum { LOSS_MAX = 512 };
static const char topic[] = "fleet.lost";

static void write_loss(struct buf *out, const struct fleet_realm *realm, uint64_t command)
{
    buf_init(out, LOSS_MAX);
    order_loss_write(out, &(struct order_loss){ slice_of(realm->name), command });
}

void order_tell_lost(struct fleet_realm *realm, struct slice requester, uint64_t command)
{
    struct node *node = realm->fleet->node;
    struct buf text;

    if (slice_is(requester, node->id)) {
        order_lost(realm->fleet, slice_of(realm->name), command);
        return;
    }
    write_loss(&text, realm, command);
    inbox_send(node->inbox, requester, topic, buf_slice(&text));
    buf_fini(&text);
}

void order_on_lost(struct slice text, void *fleet)
{
    struct order_loss loss;

    if (order_loss_parse(text, &loss))
        order_lost(fleet, loss.realm, loss.command);
    else
        log_peer(LOG_WARN, NULL, "fleet.loss", "bytes=%zu", text.len);
}
