/* SPDX-License-Identifier: MIT */
/*
 * A realm's fleet on this node: it says that the node lives, and hears from the answer which nodes do not, and
 * whether Redis still has what it had. Whoever is told a death right after Redis was away waits with his judgement
 * until everybody has had the time to be heard.
 */
#include "fleet_realm.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "agent.h"
#include "base/clock.h"
#include "base/mem.h"
#include "rest.h"

enum {
    LEASE_MIN_MS = 2000,
    LEASE_MAX_MS = 10000,
    BEATS_PER_LEASE = 3,
    BEAT_AGAIN_MS = 250, /* Redis is away: rooms are placed again when it has heard of us */
};

struct fleet_beating {
    struct fleet_realm *realm;
    struct deadline next;
    struct store_op *op;
    uint64_t epoch;
    bool is_shaky;         /* the last beat had no answer         */
    int64_t good_since_ms; /* since then each one had its answer */
    struct fleet_sweep *sweep;
};

/* ---- the lease ------------------------------------------------------------------------------------------ */

static uint32_t lease_ms(const struct fleet_realm *realm)
{
    uint64_t ms = 3ull * realm->fleet->node->config->fleet_heartbeat_ms;

    if (ms > LEASE_MAX_MS)
        return LEASE_MAX_MS;
    return ms < LEASE_MIN_MS ? LEASE_MIN_MS : (uint32_t)ms;
}

void fleet_realm_beat(struct fleet_realm *realm, fleet_beat_fn *done, void *ctx,
                      struct store_op **slot)
{
    fleet_beat(realm->fleet->node->store, slice_of(realm->name), slice_of(realm->fleet->node->id),
               lease_ms(realm), done, ctx, slot);
}

uint64_t fleet_realm_epoch(const struct fleet_realm *realm)
{
    return realm->beating->epoch;
}

void fleet_realm_want_own(struct fleet_realm *realm)
{
    fleet_sweep_want_own(realm->beating->sweep);
}

/* What the store has may be something else than we think: everybody is asked for everything. */
static void ask_all(struct fleet_realm *realm)
{
    for (struct agent *agent = realm->agents; agent != NULL; agent = agent->hh.next) {
        agent->wants_full = true;
        agent_keep_seat(agent);
    }
}

void fleet_realm_heard(struct fleet_realm *realm, const struct fleet_beat *beat)
{
    struct fleet_beating *beating = realm->beating;
    bool is_lost = beating->epoch != 0 && beating->epoch != beat->epoch;
    bool is_believed;

    if (is_lost) {
        log_warn(NULL, "fleet.lost", "realm=%s", log_quote(realm->name, strlen(realm->name)));
        rest_end_streams(realm->fleet->rest, realm);
        fleet_realm_want_own(realm);
    }
    if (is_lost || (beating->is_shaky && beating->epoch != 0))
        ask_all(realm);
    if (beating->is_shaky)
        beating->good_since_ms = clock_ms();
    beating->is_shaky = false;
    beating->epoch = beat->epoch;
    is_believed = beat->dead_count > 0 && clock_ms() - beating->good_since_ms >= lease_ms(realm);
    fleet_sweep_start(beating->sweep, is_believed ? beat : NULL);
}

static void on_due(struct deadline *deadline);

static void on_beat(enum result result, const struct fleet_beat *beat, void *ctx)
{
    struct fleet_beating *beating = ctx;

    if (result == RESULT_OK) {
        fleet_realm_heard(beating->realm, beat);
        return;
    }
    beating->is_shaky = true;
    deadline_set(beating->realm->fleet->deadlines, &beating->next, BEAT_AGAIN_MS, on_due);
}

static void on_due(struct deadline *deadline)
{
    struct fleet_beating *beating = LIST_ENTRY(deadline, struct fleet_beating, next);
    struct fleet_realm *realm = beating->realm;

    deadline_set(realm->fleet->deadlines, &beating->next, lease_ms(realm) / BEATS_PER_LEASE,
                 on_due);
    if (beating->op == NULL)
        fleet_realm_beat(realm, on_beat, beating, &beating->op);
    else
        beating->is_shaky = true;
}

/* ---- realms ----------------------------------------------------------------------------------------------- */

struct fleet_realm *fleet_realm_find(struct fleet *fleet, struct slice name)
{
    struct fleet_realm *realm;

    HASH_FIND(hh, fleet->realms, name.data, name.len, realm);
    return realm;
}

static struct fleet_beating *beating_create(struct fleet_realm *realm)
{
    struct fleet_beating *beating = xcalloc(1, sizeof *beating);

    beating->realm = realm;
    beating->is_shaky = true; /* nothing has been answered yet */
    beating->sweep = fleet_sweep_create(realm);
    deadline_init(&beating->next);
    return beating;
}

struct fleet_realm *fleet_realm_of(struct fleet *fleet, struct slice name)
{
    struct fleet_realm *realm = fleet_realm_find(fleet, name);

    if (realm != NULL)
        return realm;
    realm = xcalloc(1, sizeof *realm);
    realm->fleet = fleet;
    realm->name = slice_dup(name);
    realm->beating = beating_create(realm);
    realm->model = model_create(realm);
    HASH_ADD_KEYPTR(hh, fleet->realms, realm->name, name.len, realm);
    on_due(&realm->beating->next);
    return realm;
}

static void realm_destroy(struct fleet_realm *realm)
{
    struct fleet_beating *beating = realm->beating;
    const struct node *node = realm->fleet->node;

    store_cancel(&beating->op);
    fleet_beat(node->store, slice_of(realm->name), slice_of(node->id), 0, NULL, NULL, NULL);
    deadline_clear(&beating->next);
    fleet_sweep_destroy(&beating->sweep);
    model_destroy(&realm->model);
    free(beating);
    free(realm->name);
    free(realm);
}

void fleet_realms_drain(struct fleet *fleet)
{
    for (struct fleet_realm *realm = fleet->realms; realm != NULL; realm = realm->hh.next)
        while (realm->agents != NULL)
            agent_kick(realm->agents, FLEET_KICK_SHUTDOWN);
}

void fleet_realms_close(struct fleet *fleet)
{
    struct fleet_realm *realm, *spare;

    HASH_ITER (hh, fleet->realms, realm, spare) {
        HASH_DELETE(hh, fleet->realms, realm);
        realm_destroy(realm);
    }
}
