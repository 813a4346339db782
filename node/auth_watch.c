/* SPDX-License-Identifier: MIT */
/*
 * What Redis accepts is subscribed to by the record's keyspace topic. The subscription and the lookup
 * travel on different links, so only a lookup that was sent while the subscription was in force is
 * followed by it without a gap: each TOPIC_UP brings one more lookup, and each event makes one that
 * is under way start anew.
 */
#include <assert.h>

#include "auth_entry.h"
#include "base/clock.h"

static void on_up(struct auth_entry *entry)
{
    entry->is_topic_up = true;
    if (entry->is_looking)
        lookup_restart(entry);
    else
        lookup_confirm(entry);
}

static void on_down(struct auth_entry *entry)
{
    int64_t soon = clock_ms() + AUTH_UNWATCHED_MS;

    entry->is_topic_up = false;
    if (entry->trusted_until_ms > soon)
        entry->trusted_until_ms = soon;
    if (entry->confirm_at_ms > soon)
        entry->confirm_at_ms = soon;
    entry_schedule(entry);
}

static void on_changed(struct auth_entry *entry)
{
    entry->trusted_until_ms = 0;
    if (entry->is_looking)
        lookup_restart(entry);
    else
        lookup_confirm(entry);
}

static void on_news(struct topic *topic, enum topic_news news, struct slice message, void *ctx)
{
    struct auth_entry *entry = ctx;

    (void)topic;
    switch (news) {
    case TOPIC_UP:
        on_up(entry);
        break;
    case TOPIC_DOWN:
        on_down(entry);
        break;
    case TOPIC_MESSAGE:
        if (slice_is(message, "del") || slice_is(message, "expired") ||
            slice_is(message, "evicted"))
            entry_end(entry, "revoked");
        else
            on_changed(entry);
        break;
    }
}

/* A record belongs to one subject. Whoever followed it under another one has missed its end; that is
 * told on the timer's turn, because it may lead anywhere. */
static void take_over(struct auth_entry *entry)
{
    struct auth_entry *other;

    HASH_FIND(hh_record, entry->auth->followed, &entry->record, sizeof entry->record, other);
    if (other == NULL)
        return;
    list_splice(&entry->auth->ended, &other->holds);
    entry_end(other, "reassigned"); /* nobody holds it any more: calls nobody */
}

void watch_update(struct auth_entry *entry)
{
    struct auth *auth = entry->auth;
    struct key key;

    if (entry->verdict != VERDICT_ACCEPTED || entry->origin != ORIGIN_REDIS) {
        watch_stop(entry);
        return;
    }
    if (entry->topic != NULL || !store_has_keyspace_events(auth->store))
        return;
    take_over(entry);
    credential_key((enum credential_kind)entry->record.kind, &entry->record.digest, &key);
    entry->topic = topic_subscribe(auth->store, TOPIC_KEY, key.text, on_news, entry);
    HASH_ADD(hh_record, auth->followed, record, sizeof entry->record, entry);
}

void watch_stop(struct auth_entry *entry)
{
    if (entry->topic == NULL)
        return;
    topic_unsubscribe(&entry->topic);
    entry->is_topic_up = false;
    HASH_DELETE(hh_record, entry->auth->followed, entry);
}

bool watch_is_on(const struct auth_entry *entry)
{
    return entry->topic != NULL && entry->is_topic_up &&
           store_has_keyspace_events(entry->auth->store);
}
