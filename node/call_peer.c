/* SPDX-License-Identifier: MIT */
/*
 * The other nodes. Whether one lives is seen by its inbox: while it does, it listens there. So whenever
 * something is sent to it, and once a second while something is open between us, Redis tells how many
 * listen; when that is nobody for SILENCE_MS, the node is dead, and all that is open ends.
 *
 *     new → asked → known → new (dead)
 *
 * A node that nobody knows is looked up in the registry first: node ids come out of what clients send, and
 * one of their making must not cost Redis anything. Nothing is concluded while our own links are
 * shaky: after a restart of Redis everybody has to come back to his inbox.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "call_inner.h"
#include "store/nodes.h"

enum {
    SILENCE_MS = 900, /* just below the time between two probes                             */
    SHAKY_MS = 4000,  /* a link is back within a second of Redis, and its subscriptions then */
    FORGET_MS = 150 * 1000, /* longer than a message lives: none of a forgotten node comes twice */
};

static const struct {
    const char *name;
    unsigned next;
} rules[PEER_STATES] = {
#define TO(state) (1u << (state))
    [PEER_NEW] = { "new", TO(PEER_ASKED) | TO(PEER_KNOWN) },
    [PEER_ASKED] = { "asked", TO(PEER_NEW) | TO(PEER_KNOWN) },
    [PEER_KNOWN] = { "known", TO(PEER_NEW) },
#undef TO
};

static void peer_enter(struct call_peer *peer, enum peer_state to)
{
    assert(rules[peer->state].next & (1u << to));
    log_debug(NULL, "call.node", "node=%s from=%s to=%s", peer->id, rules[peer->state].name,
              rules[to].name);
    peer->state = to;
}

/* ---- our own links ------------------------------------------------------------------------------- */

/* Before the inbox was well for the first time nothing has broken yet. */
bool calls_are_shaky(struct calls *calls)
{
    const struct store_stats *stats = store_stats(calls->store);
    uint64_t breaks = stats->disconnects + stats->topic_disconnects;
    bool is_well = store_is_up(calls->store) && inbox_is_healthy(calls->inbox);

    if (!calls->was_healthy) {
        calls->was_healthy = is_well;
        calls->breaks = breaks;
        return !is_well;
    }
    if (!is_well || breaks != calls->breaks)
        calls->shaky_until_ms = clock_ms() + SHAKY_MS;
    calls->breaks = breaks;
    return clock_ms() < calls->shaky_until_ms;
}

/* ---- the table ----------------------------------------------------------------------------------- */

struct call_peer *peer_find(struct calls *calls, struct slice id)
{
    struct call_peer *peer;

    HASH_FIND(hh, calls->peers, id.data, id.len, peer);
    return peer;
}

struct call_peer *peer_get(struct calls *calls, struct slice id)
{
    struct call_peer *peer = peer_find(calls, id);

    if (peer == NULL) {
        peer = xcalloc(1, sizeof *peer);
        peer->calls = calls;
        memcpy(peer->id, id.data, id.len);
        list_init(&peer->open);
        list_init(&peer->notes);
        HASH_ADD(hh, calls->peers, id, id.len, peer);
    }
    peer->used_ms = clock_ms();
    return peer;
}

static void send_open(struct call_peer *peer)
{
    LIST_EACH (node, spare, &peer->open)
        call_send(LIST_ENTRY(node, struct call, node));
}

void peer_meet(struct call_peer *peer)
{
    peer->silent_ms = 0;
    if (peer->state == PEER_KNOWN)
        return;
    peer_enter(peer, PEER_KNOWN);
    send_open(peer);
}

static bool is_idle(const struct call_peer *peer)
{
    return list_is_empty(&peer->open) && peer->held == NULL && list_is_empty(&peer->notes);
}

static void peer_free(struct call_peer *peer)
{
    struct calls *calls = peer->calls;

    HASH_DELETE(hh, calls->peers, peer);
    store_cancel(&peer->probing);
    notes_drop(peer);
    free(peer);
}

static void forget_idle(struct calls *calls)
{
    int64_t long_ago_ms = clock_ms() - FORGET_MS;
    struct call_peer *peer, *spare;

    HASH_ITER (hh, calls->peers, peer, spare) {
        bool was_met = peer->state == PEER_KNOWN || peer->last_asked > 0;

        if (is_idle(peer) && (!was_met || peer->used_ms < long_ago_ms))
            peer_free(peer);
    }
}

void peers_release(struct calls *calls)
{
    struct call_peer *peer, *spare;

    store_cancel(&calls->looking);
    HASH_ITER (hh, calls->peers, peer, spare)
        peer_free(peer);
}

/* ---- death --------------------------------------------------------------------------------------- */

static void end_open(struct call_peer *peer, enum result result)
{
    struct list open;

    list_init(&open);
    list_splice(&open, &peer->open);
    while (!list_is_empty(&open))
        call_end(LIST_ENTRY(open.next, struct call, node), result, (struct slice){ "", 0 });
}

static void peer_die(struct call_peer *peer)
{
    if (peer->state == PEER_NEW) { /* only told that a question was taken back */
        notes_drop(peer);
        return;
    }
    log_warn(NULL, "call.node_dead", "node=%s held=%u", peer->id, HASH_COUNT(peer->held));
    peer_enter(peer, PEER_NEW);
    notes_drop(peer);
    while (peer->held != NULL)
        asked_end(peer->held);
    end_open(peer, RESULT_NOT_FOUND);
}

void peer_note_listeners(struct call_peer *peer, uint32_t listeners)
{
    if (listeners > 0 || calls_are_shaky(peer->calls))
        peer->silent_ms = 0;
    else if (peer->silent_ms == 0)
        peer->silent_ms = clock_ms();
    else if (clock_ms() - peer->silent_ms >= SILENCE_MS && !is_idle(peer))
        peer_die(peer);
}

/* ---- probes -------------------------------------------------------------------------------------- */

static void on_probed(enum result result, const struct channel_appended *appended, void *ctx)
{
    struct call_peer *peer = ctx;

    if (result == RESULT_OK)
        peer_note_listeners(peer, appended->listeners);
    else
        peer->silent_ms = 0;
}

void peers_probe(struct calls *calls)
{
    struct call_peer *peer, *spare;

    forget_idle(calls);
    HASH_ITER (hh, calls->peers, peer, spare) {
        notes_retry(peer);
        if (peer->state == PEER_KNOWN && !is_idle(peer) && peer->probing == NULL)
            inbox_send_live(calls->inbox, slice_of(peer->id), "probe", (struct slice){ "", 0 },
                            on_probed, peer, &peer->probing);
    }
}

/* ---- the registry -------------------------------------------------------------------------------- */

static bool is_listed(const struct call_peer *peer, const struct slice *ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_is(ids[i], peer->id))
            return true;
    }
    return false;
}

static void look_up(struct calls *calls);

static void on_looked_up(enum result result, const struct slice *ids, size_t count, void *ctx)
{
    struct calls *calls = ctx;
    bool is_sure = result == RESULT_OK && !calls_are_shaky(calls);
    struct call_peer *peer, *spare;

    calls->is_deciding = true;
    HASH_ITER (hh, calls->peers, peer, spare) {
        if (peer->state != PEER_ASKED)
            continue;
        if (is_listed(peer, ids, count)) {
            peer_enter(peer, PEER_KNOWN);
            send_open(peer);
        } else { /* callbacks may ask anew: that is for the next look */
            peer_enter(peer, PEER_NEW);
            end_open(peer, is_sure ? RESULT_NOT_FOUND : RESULT_UNAVAILABLE);
        }
    }
    calls->is_deciding = false;
    look_up(calls);
}

/* Those who were not there when the last look began. */
static void look_up(struct calls *calls)
{
    struct call_peer *peer, *spare;
    bool is_wanted = false;

    if (calls->looking != NULL || calls->is_deciding)
        return;
    HASH_ITER (hh, calls->peers, peer, spare) {
        if (peer->state == PEER_NEW && !list_is_empty(&peer->open)) {
            peer_enter(peer, PEER_ASKED);
            is_wanted = true;
        }
    }
    if (is_wanted)
        nodes_list_live(calls->store, on_looked_up, calls, &calls->looking);
}

void peer_ask(struct call_peer *peer, struct call *call)
{
    list_append(&peer->open, &call->node);
    if (peer->state == PEER_KNOWN)
        call_send(call);
    else
        look_up(peer->calls);
}
