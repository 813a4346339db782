/* SPDX-License-Identifier: MIT */
#ifndef SB_FLEET_PARTING_H
#define SB_FLEET_PARTING_H

#include "fleet_inner.h"

/* What the store wants to know of an instance that goes, whoever removes it. */
struct parting {
    struct fleet_leaving leaving;
    struct buf event;
};

/* Borrows from all that it is given. */
struct parted {
    const struct fleet_instance *instance;
    struct slice id, owner;
    uint64_t version;
    int64_t synced_ms;
};
void parting_init(struct parting *parting, const struct parted *parted);

void parting_init_known(struct parting *parting, const struct model_instance *known);
void parting_fini(struct parting *parting);

/* Whoever waits for a command of an instance that was removed hears of it, on whatever node. */
void parting_tell_lost(struct fleet_realm *realm, const struct fleet_removed *removed);

#endif
