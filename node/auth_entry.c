/* SPDX-License-Identifier: MIT */
/*
 * The table of entries, when each comes due, and how it ends.
 *
 *     holds not empty ⇒ accepted;  checks not empty ⇒ a lookup is under way
 *
 * The table's own order is that of a clock with a second chance: the front goes first when there is
 * no room, unless it was asked for since it was last looked at; then it goes to the back.
 */
#include "auth_entry.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

enum {
    EVICT_LOOK_AT = 16, /* entries, to find one that can go */
    DUE_PER_TURN = 1000,
    DUE_AHEAD_MAX_MS = 3600 * 1000, /* later ones are looked at again in between */
};

/* ---- the table ----------------------------------------------------------------------------------- */

void auth_key_make(const struct auth *auth, enum credential_kind kind,
                   const struct credential_digest *digest, struct slice subject,
                   struct auth_key *key_out)
{
    char bytes[sizeof auth->seed + sizeof *digest + 1 + KEY_ID_MAX];
    size_t len = 0;
    struct credential_digest key;

    assert(subject.len <= KEY_ID_MAX);
    memcpy(bytes, auth->seed, sizeof auth->seed);
    len += sizeof auth->seed;
    memcpy(bytes + len, digest->bytes, sizeof digest->bytes);
    len += sizeof digest->bytes;
    bytes[len++] = (char)kind;
    if (subject.len > 0)
        memcpy(bytes + len, subject.data, subject.len);
    credential_digest((struct slice){ bytes, len + subject.len }, &key);
    memcpy(key_out->bytes, key.bytes, sizeof key_out->bytes);
}

struct auth_entry *entry_find(const struct auth *auth, const struct auth_key *key)
{
    struct auth_entry *entry;

    HASH_FIND(hh, auth->entries, key, sizeof *key, entry);
    return entry;
}

bool entry_is_used(const struct auth_entry *entry)
{
    return !list_is_empty(&entry->holds) || (entry->identity != NULL && entry->identity->refs > 1);
}

bool entry_has_expired(const struct auth_entry *entry)
{
    return entry->identity != NULL && entry->identity->expires_ms != 0 &&
           entry->identity->expires_ms <= store_now_ms(entry->auth->store);
}

static void move_to_back(struct auth_entry *entry)
{
    HASH_DELETE(hh, entry->auth->entries, entry);
    HASH_ADD(hh, entry->auth->entries, key, sizeof entry->key, entry);
}

static void make_room(struct auth *auth)
{
    if (HASH_COUNT(auth->entries) < AUTH_ENTRIES_MAX)
        return;
    for (int i = 0; i < EVICT_LOOK_AT; i++) {
        struct auth_entry *oldest = auth->entries;

        if (!entry_is_used(oldest) && !oldest->is_looking && !oldest->was_asked_for) {
            entry_free(oldest);
            return;
        }
        oldest->was_asked_for = false;
        move_to_back(oldest);
    }
}

struct auth_entry *entry_create(struct auth *auth, const struct auth_key *key,
                                enum credential_kind kind, const struct credential_digest *digest,
                                struct slice subject)
{
    struct auth_entry *entry = xcalloc(1, sizeof *entry);

    make_room(auth);
    entry->auth = auth;
    entry->key = *key;
    entry->record.digest = *digest;
    entry->record.kind = (uint8_t)kind;
    entry->subject = subject.data != NULL ? slice_dup(subject) : NULL;
    list_init(&entry->holds);
    list_init(&entry->checks);
    list_init(&entry->waiting);
    HASH_ADD(hh, auth->entries, key, sizeof entry->key, entry);
    return entry;
}

static void forget_secret(struct auth_entry *entry)
{
    if (entry->secret != NULL)
        OPENSSL_cleanse(entry->secret, entry->secret_len);
    free(entry->secret);
    entry->secret = NULL;
}

void entry_free(struct auth_entry *entry)
{
    assert(list_is_empty(&entry->holds) && list_is_empty(&entry->checks));
    auth_lookup_cancel(entry);
    watch_stop(entry);
    due_remove(&entry->auth->due, &entry->due);
    HASH_DELETE(hh, entry->auth->entries, entry);
    identity_unref(&entry->identity);
    forget_secret(entry);
    free(entry->subject);
    free(entry);
}

void entry_keep_secret(struct auth_entry *entry, struct slice secret)
{
    enum credential_kind kind = (enum credential_kind)entry->record.kind;
    bool is_token = kind == CREDENTIAL_PLAYER || kind == CREDENTIAL_SERVER;

    if (entry->secret != NULL ||
        !(hook_serves(entry->auth->hook, kind) || (is_token && entry->auth->sql != NULL)))
        return;
    entry->secret = slice_dup(secret);
    entry->secret_len = (uint16_t)secret.len;
}

/* ---- what comes due ------------------------------------------------------------------------------ */

void entries_wake(struct auth *auth)
{
    const struct due *first = due_first(&auth->due);
    int64_t now = clock_ms(), at = first != NULL ? first->at_ms : INT64_MAX;

    if (!list_is_empty(&auth->ended))
        at = now;
    if (at == auth->timer_at_ms)
        return;
    auth->timer_at_ms = at;
    if (at == INT64_MAX)
        uv_timer_stop(&auth->timer);
    else
        uv_timer_start(&auth->timer, entries_on_due, at > now ? (uint64_t)(at - now) : 0, 0);
}

void entry_schedule(struct auth_entry *entry)
{
    struct auth *auth = entry->auth;
    int64_t now = clock_ms(), at = now + DUE_AHEAD_MAX_MS;
    int64_t wanted = entry_is_used(entry) ? entry->confirm_at_ms : entry->trusted_until_ms;

    if (!entry->is_looking && list_is_empty(&entry->waiting) && wanted < at)
        at = wanted;
    if (entry->identity != NULL && entry->identity->expires_ms != 0) {
        int64_t left = entry->identity->expires_ms - store_now_ms(auth->store);

        if (left < at - now)
            at = now + left;
    }
    due_set(&auth->due, &entry->due, at);
    entries_wake(auth);
}

static void entry_on_due(struct auth_entry *entry, int64_t now)
{
    bool is_used = entry_is_used(entry);
    bool is_wanted = is_used || (entry->verdict == VERDICT_ACCEPTED && entry->was_asked_for);

    if (entry_has_expired(entry))
        entry_end(entry, "expired");
    else if (entry->is_looking || !list_is_empty(&entry->waiting) ||
             now < (is_used ? entry->confirm_at_ms : entry->trusted_until_ms))
        entry_schedule(entry);
    else if (is_wanted)
        lookup_confirm(entry);
    else
        entry_free(entry);
}

void entries_on_due(uv_timer_t *timer)
{
    struct auth *auth = timer->data;
    int64_t now = clock_ms();
    struct due *first;

    auth->timer_at_ms = INT64_MAX;
    holds_end(&auth->ended);
    for (int i = 0; i < DUE_PER_TURN && (first = due_first(&auth->due)) != NULL; i++) {
        if (first->at_ms > now)
            break;
        due_remove(&auth->due, first);
        entry_on_due(LIST_ENTRY(first, struct auth_entry, due), now);
    }
    entries_wake(auth);
}

/* ---- ends ---------------------------------------------------------------------------------------- */

void holds_end(struct list *holds)
{
    struct list mine;

    /* what is added meanwhile comes next time */
    list_init(&mine);
    list_splice(&mine, holds);
    while (!list_is_empty(&mine)) {
        struct auth_hold *hold = LIST_ENTRY(mine.next, struct auth_hold, node);
        struct identity *identity = hold->identity;

        list_remove(&hold->node);
        hold->identity = NULL;
        hold->on_end(hold);
        identity_unref(&identity);
    }
}

void entry_let_go(struct auth_entry *entry, const char *reason, struct list *holds_out)
{
    log_info(NULL, "auth.ended", "kind=%s fingerprint=%s reason=%s held=%d",
             credential_kind_name((enum credential_kind)entry->record.kind),
             entry->identity->fingerprint, reason, !list_is_empty(&entry->holds));
    entry->auth->stats.revocations++;
    entry->verdict = VERDICT_NONE;
    entry->trusted_until_ms = 0;
    list_splice(holds_out, &entry->holds);
    identity_unref(&entry->identity);
}

void entry_end(struct auth_entry *entry, const char *reason)
{
    struct list holds;

    list_init(&holds);
    entry_let_go(entry, reason, &holds);
    watch_stop(entry);
    if (list_is_empty(&entry->checks)) {
        entry_free(entry);
    } else {
        lookup_restart(entry);
        entry_schedule(entry);
    }
    holds_end(&holds); /* last: it may lead anywhere */
}
