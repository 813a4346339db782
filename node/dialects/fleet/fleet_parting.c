/* SPDX-License-Identifier: MIT */
#include "fleet_parting.h"

#include <stdlib.h>

#include "base/mem.h"
#include "order.h"

void parting_init(struct parting *parting, const struct parted *parted)
{
    const struct fleet_instance *instance = parted->instance;

    *parting = (struct parting){ .bases = xcalloc(instance->room_count + 1, sizeof(struct slice)) };
    for (size_t i = 0; i < instance->room_count; i++)
        parting->bases[i] = instance->rooms[i].base;
    buf_init(&parting->event, FLEET_EVENT_MAX);
    fleet_leave_event(&parting->event, instance, parted->id, parted->synced_ms);
    parting->leaving = (struct fleet_leaving){
        .id = parted->id,
        .owner = parted->owner,
        .version = parted->version,
        .event = buf_slice(&parting->event),
        .bases = parting->bases,
        .base_count = instance->room_count,
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
    free(parting->bases);
    buf_fini(&parting->event);
}

void parting_tell_lost(struct fleet_realm *realm, const struct fleet_removed *removed)
{
    for (size_t i = 0; i < removed->lost_count; i++)
        order_tell_lost(realm, removed->lost[i].requester, removed->lost[i].command);
}
