/* SPDX-License-Identifier: MIT */
/*
 * The door of authentication. A secret is hashed, an entry is found by the hash, and mostly that is
 * all: no memory is allocated and nobody is asked. Otherwise the check waits at its entry for the
 * lookup, which it shares with all others that ask for the same.
 *
 * The throttle stands between: a peer that has failed too often still passes with what is known to
 * be good (many servers share one address), but nothing is looked up for it.
 */
#include "auth.h"

#include <assert.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "auth_entry.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

/* ---- life ---------------------------------------------------------------------------------------- */

struct auth *auth_create(uv_loop_t *loop, struct store *store, const struct config *config,
                         struct why *why)
{
    struct sql *sql = NULL;
    struct auth *auth;
    int has_seed;

    if (config->db != SQL_NONE && (sql = sql_create(loop, config, why)) == NULL)
        return NULL;
    auth = xcalloc(1, sizeof *auth);
    has_seed = RAND_bytes(auth->seed, sizeof auth->seed);
    assert(has_seed == 1);
    (void)has_seed;
    auth->loop = loop;
    auth->store = store;
    auth->config = config;
    auth->sql = sql;
    auth->hook = hook_create(loop, config);
    auth->throttle = throttle_create();
    auth->timer_at_ms = INT64_MAX;
    for (int i = 0; i < LANES; i++)
        list_init(&auth->lanes[i].waiting);
    list_init(&auth->ended);
    uv_timer_init(loop, &auth->timer);
    auth->timer.data = auth;
    return auth;
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void auth_destroy(struct auth **auth)
{
    struct auth *mine = *auth;

    if (mine == NULL)
        return;
    *auth = NULL;
    assert(list_is_empty(&mine->ended));
    for (int i = 0; i < LANES; i++) { /* nothing moves up any more */
        while (!list_is_empty(&mine->lanes[i].waiting))
            list_remove(mine->lanes[i].waiting.next);
    }
    while (mine->entries != NULL)
        entry_free(mine->entries);
    due_queue_fini(&mine->due);
    throttle_destroy(&mine->throttle);
    hook_destroy(&mine->hook);
    sql_destroy(&mine->sql);
    uv_close((uv_handle_t *)&mine->timer, on_timer_closed);
}

bool auth_is_ready(const struct auth *auth)
{
    return auth->sql == NULL || sql_is_reached(auth->sql);
}

const struct auth_stats *auth_stats(const struct auth *auth)
{
    return &auth->stats;
}

/* ---- answers ------------------------------------------------------------------------------------- */

static void log_refused(enum credential_kind kind, const struct credential_digest *digest,
                        struct slice subject, const struct peer *peer)
{
    char ip[PEER_TEXT_SIZE], fingerprint[CREDENTIAL_FINGERPRINT_SIZE];

    peer_format(peer, ip);
    credential_fingerprint(digest, fingerprint);
    if (kind == CREDENTIAL_UNIVERSE)
        log_peer(LOG_WARN, NULL, "auth.refused", "kind=universe universe=%s ip=%s",
                 log_quote(subject.data != NULL ? subject.data : "", subject.len), ip);
    else
        log_peer(LOG_INFO, NULL, "auth.refused", "kind=%s fingerprint=%s ip=%s",
                 credential_kind_name(kind), fingerprint, ip);
}

struct auth_outcome auth_refused(struct auth *auth, enum credential_kind kind,
                                 const struct credential_digest *digest, struct slice subject,
                                 const struct peer *peer)
{
    throttle_count(auth->throttle, peer, &auth->config->auth_failures);
    log_refused(kind, digest, subject, peer);
    auth->stats.answers[kind][AUTH_REFUSED]++;
    return (struct auth_outcome){ .answer = AUTH_REFUSED };
}

static bool is_throttled(struct auth *auth, const struct auth_request *request,
                         struct auth_outcome *outcome_out)
{
    int64_t wait_ms = throttle_wait_ms(auth->throttle, request->peer, &auth->config->auth_failures);

    if (wait_ms == 0)
        return false;
    auth->stats.throttled++;
    auth->stats.answers[request->kind][AUTH_THROTTLED]++;
    *outcome_out = (struct auth_outcome){
        .answer = AUTH_THROTTLED,
        .retry_after_s = (uint32_t)((wait_ms + 999) / 1000),
    };
    return true;
}

static struct auth_outcome answer_ok(struct auth *auth, struct auth_entry *entry)
{
    entry->was_asked_for = true;
    auth->stats.cache_hits++;
    auth->stats.answers[entry->record.kind][AUTH_OK]++;
    return (struct auth_outcome){ .answer = AUTH_OK, .identity = entry->identity };
}

/* ---- checks -------------------------------------------------------------------------------------- */

/* What cannot be anybody's needs no lookup. */
static bool is_possible(const struct auth_request *request)
{
    return (request->digest != NULL || request->secret.len >= 1) &&
           request->secret.len <= CREDENTIAL_SECRET_MAX &&
           (request->kind != CREDENTIAL_UNIVERSE || key_id_is_valid(request->subject));
}

static void wait_for_lookup(struct auth_entry *entry, const struct auth_request *request,
                            auth_fn *done, void *ctx, struct auth_check **slot)
{
    struct auth_check *check = xcalloc(1, sizeof *check);

    assert(*slot == NULL);
    *check = (struct auth_check){
        .entry = entry,
        .done = done,
        .ctx = ctx,
        .slot = slot,
        .peer = *request->peer,
    };
    *slot = check;
    list_append(&entry->checks, &check->node);
    entry_keep_secret(entry, request->secret);
    if (!entry->is_looking)
        auth_lookup_start(entry);
    entry_schedule(entry);
}

struct auth_outcome auth_check(struct auth *auth, const struct auth_request *request, auth_fn *done,
                               void *ctx, struct auth_check **slot)
{
    struct credential_digest digest;
    struct auth_outcome outcome;
    struct auth_entry *entry;
    struct auth_key key;
    bool is_known;

    assert((request->kind == CREDENTIAL_UNIVERSE) == (request->subject.data != NULL));
    if (request->digest != NULL)
        digest = *request->digest;
    else
        credential_digest(request->secret, &digest);
    if (!is_possible(request)) {
        if (!is_throttled(auth, request, &outcome))
            outcome = auth_refused(auth, request->kind, &digest, request->subject, request->peer);
        return outcome;
    }
    auth_key_make(auth, request->kind, &digest, request->subject, &key);
    entry = entry_find(auth, &key);
    is_known = entry != NULL && clock_ms() < entry->trusted_until_ms;
    if (is_known && entry->verdict == VERDICT_ACCEPTED && !entry_has_expired(entry))
        return answer_ok(auth, entry);
    if (is_throttled(auth, request, &outcome))
        return outcome;
    if (is_known && entry->verdict == VERDICT_REFUSED) {
        auth->stats.cache_hits++;
        return auth_refused(auth, request->kind, &digest, request->subject, request->peer);
    }
    if (entry == NULL)
        entry = entry_create(auth, &key, request->kind, &digest, request->subject);
    wait_for_lookup(entry, request, done, ctx, slot);
    return (struct auth_outcome){ .answer = AUTH_PENDING };
}

void auth_cancel(struct auth_check **slot)
{
    struct auth_check *check = *slot;

    if (check == NULL)
        return;
    *slot = NULL;
    list_remove(&check->node);
    free(check);
}

/* ---- holds --------------------------------------------------------------------------------------- */

void auth_follow(struct auth *auth, struct auth_hold *hold, struct identity *identity,
                 void (*on_end)(struct auth_hold *hold))
{
    struct slice subject = identity->kind == CREDENTIAL_UNIVERSE ? slice_of(identity->subject)
                                                                 : (struct slice){ NULL, 0 };
    struct auth_entry *entry;
    struct auth_key key;

    assert(hold->identity == NULL);
    hold->identity = identity_ref(identity);
    hold->on_end = on_end;
    auth_key_make(auth, identity->kind, &identity->digest, subject, &key);
    entry = entry_find(auth, &key);
    if (entry != NULL && entry->identity != NULL && identity_is_same(entry->identity, identity)) {
        list_append(&entry->holds, &hold->node);
        entry_schedule(entry);
    } else {
        list_append(&auth->ended, &hold->node);
        entries_wake(auth);
    }
}

void auth_release(struct auth_hold *hold)
{
    if (hold->identity == NULL)
        return;
    list_remove(&hold->node);
    identity_unref(&hold->identity);
}
