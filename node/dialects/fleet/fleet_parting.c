/* SPDX-License-Identifier: MIT */
#include "fleet_parting.h"

#include "order.h"

void parting_init(struct parting *parting, const struct parted *parted)
{
    buf_init(&parting->event, FLEET_EVENT_MAX);
    fleet_leave_event(&parting->event, parted->instance, parted->id, parted->synced_ms);
    parting->leaving = (struct fleet_leaving){
        .id = parted->id,
        .owner = parted->owner,
        .version = parted->version,
        .event = buf_slice(&parting->event),
    };
}

void parting_init_known(struct parting *parting, const struct model_instance *known)
{
    parting_init(parting, &(struct parted){
                              .instance = known->instance,
                              .id = slice_of(known->id),
                              .owner = slice_of(known->owner),
                              .version = known->version,
                              .synced_ms = known->synced_ms,
                          });
}

void parting_fini(struct parting *parting)
{
    buf_fini(&parting->event);
}

void parting_tell_lost(struct fleet_realm *realm, const struct fleet_removed *removed)
{
    for (size_t i = 0; i < removed->lost_count; i++)
        order_tell_lost(realm, removed->lost[i].requester, removed->lost[i].command);
}
