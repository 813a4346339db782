/* SPDX-License-Identifier: MIT */
#ifndef SB_STORE_FLEET_REGISTRATIONS_H
#define SB_STORE_FLEET_REGISTRATIONS_H

#include "store/fleet.h"

/*
 * Registrations of a fleet: what an agent with a key of its own may say of itself, and how many agents may be there with
 * it at a time. The key is a credential; here it is known by its registration's id.
 */
enum { FLEET_REGISTRATION_ID_MAX = 64, FLEET_CLAIMS_MAX = 16 * 1024, FLEET_SEATS_MAX = 1000 };

struct fleet_registration {
    struct slice id;
    struct slice claims;    /* as they were given: the store knows no documents                */
    uint32_t max_instances; /* 1..FLEET_SEATS_MAX                                              */
    int64_t expires_ms;     /* store_now_ms() time; 0: never. Who is admitted stays            */
};

/* CONFLICT: the id is there. Safe to repeat with the same registration. (lua/fleet_register.lua) */
void fleet_register(struct store *store, struct slice realm,
                    const struct fleet_registration *registration, store_done_fn *done, void *ctx,
                    struct store_op **slot);

/* OK and REFUSED: the registration, without its id. */
typedef void fleet_admitted_fn(enum result result, const struct fleet_registration *registration,
                               void *ctx);

/* NOT_FOUND: there is none, or it has expired. (lua/fleet_admit.lua) */
void fleet_find_registration(struct store *store, struct slice realm, struct slice id,
                             fleet_admitted_fn *done, void *ctx, struct store_op **slot);

/* An agent is there with it: takes a place, until fleet_dismiss() or until the owner's lease is over. REFUSED: all places are
 * taken. NOT_FOUND: as above. Safe to repeat. (lua/fleet_admit.lua) */
void fleet_admit(struct store *store, struct slice realm, struct slice id, struct slice instance,
                 struct slice owner, fleet_admitted_fn *done, void *ctx, struct store_op **slot);

/* Its connection has ended. NOT_FOUND: it had no place. Safe to repeat. (lua/fleet_dismiss.lua) */
void fleet_dismiss(struct store *store, struct slice realm, struct slice id, struct slice instance,
                   store_done_fn *done, void *ctx, struct store_op **slot);

/* It is no more, and nor are its places: OK with the instances that had them, whose connections end with the key.
 * NOT_FOUND: it was gone. Safe to repeat. (lua/fleet_unregister.lua) */
struct fleet_seat {
    struct slice instance, owner;
};
struct fleet_unregistered {
    const struct fleet_seat *seats;
    size_t seat_count;
};
typedef void fleet_unregistered_fn(enum result result, const struct fleet_unregistered *left,
                                   void *ctx);
void fleet_unregister(struct store *store, struct slice realm, struct slice id,
                      fleet_unregistered_fn *done, void *ctx, struct store_op **slot);

#endif
