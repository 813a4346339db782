/* SPDX-License-Identifier: MIT */
/*
 * One lookup asks Redis, then SQL, then the hook, until one knows:
 *
 *     Redis ── knows it ──────────────────────────────▶ accept
 *       │ └─── knows the universe, but not the key ───▶ refuse
 *      SQL ─── has the row ───────────────────────────▶ accept or refuse
 *      hook ── 200, 401, 403 ─────────────────────────▶ accept or refuse
 *     nobody ─────────────────────────────────────────▶ refuse
 *     any of them silent ─────────────────────────────▶ unknown: what was known stays
 *
 * All who wait for the same entry share its lookup. Redis is always asked first, and never answers
 * at once: so nobody is called back before auth_check() has returned.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "auth_entry.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

static const char default_realm[] = "default";

static const size_t lane_max[LANES] = { [LANE_STORE] = 256, [LANE_OUTSIDE] = 32 };

static void find(struct auth_entry *entry);

static enum credential_kind kind_of(const struct auth_entry *entry)
{
    return (enum credential_kind)entry->record.kind;
}

/* ---- lanes: confirmations in their turn ----------------------------------------------------------- */

static void lane_advance(struct auth *auth, enum auth_lane lane)
{
    struct auth_lane_state *state = &auth->lanes[lane];

    while (state->under_way < lane_max[lane] && !list_is_empty(&state->waiting)) {
        struct auth_entry *entry = LIST_ENTRY(state->waiting.next, struct auth_entry, waiting);

        entry->lane = (uint8_t)lane;
        state->under_way++;
        auth_lookup_start(entry);
    }
}

static void leave_lane(struct auth_entry *entry)
{
    enum auth_lane lane = (enum auth_lane)entry->lane;

    if (lane == LANE_NONE)
        return;
    entry->lane = LANE_NONE;
    entry->auth->lanes[lane].under_way--;
    lane_advance(entry->auth, lane);
}

void lookup_confirm(struct auth_entry *entry)
{
    enum auth_lane lane = entry->origin == ORIGIN_REDIS ? LANE_STORE : LANE_OUTSIDE;

    if (!entry->is_looking && list_is_empty(&entry->waiting)) {
        list_append(&entry->auth->lanes[lane].waiting, &entry->waiting);
        lane_advance(entry->auth, lane);
    }
    entry_schedule(entry);
}

/* ---- telling those who wait ------------------------------------------------------------------------ */

/* What the checks are told; copied, because the entry may go while they are. */
struct news {
    struct auth *auth;
    enum auth_answer answer;
    struct identity *identity; /* a reference; OK only */
    struct auth_record record;
    char subject[KEY_ID_MAX + 1];
    struct list checks;
};

static struct auth_outcome outcome_for(const struct news *news, const struct peer *peer)
{
    enum credential_kind kind = (enum credential_kind)news->record.kind;

    if (news->answer == AUTH_REFUSED)
        return auth_refused(news->auth, kind, &news->record.digest, slice_of(news->subject), peer);
    news->auth->stats.answers[kind][news->answer]++;
    return (struct auth_outcome){ .answer = news->answer, .identity = news->identity };
}

static void tell(struct news *news)
{
    while (!list_is_empty(&news->checks)) {
        struct auth_check *check = LIST_ENTRY(news->checks.next, struct auth_check, node);
        struct auth_outcome outcome = outcome_for(news, &check->peer);
        auth_fn *done = check->done;
        void *ctx = check->ctx;

        list_remove(&check->node);
        *check->slot = NULL;
        free(check);
        done(&outcome, ctx);
    }
    identity_unref(&news->identity);
}

/* The lookup is over, and the entry has its new state. Last of all the checks hear of it. */
static void conclude(struct auth_entry *entry, enum auth_answer answer)
{
    struct news news = { .auth = entry->auth, .answer = answer, .record = entry->record };

    snprintf(news.subject, sizeof news.subject, "%s", entry->subject != NULL ? entry->subject : "");
    list_init(&news.checks);
    list_splice(&news.checks, &entry->checks);
    entry->is_looking = false;
    leave_lane(entry);
    entry_schedule(entry);
    if (answer == AUTH_OK)
        news.identity = identity_ref(entry->identity);
    tell(&news);
}

/* ---- the three ends --------------------------------------------------------------------------------- */

/* A whole period less a part of its own, so that what began together does not stay together. */
static int64_t next_period_ms(const struct auth_entry *entry)
{
    uint32_t period = entry->auth->config->revalidate_period_ms, part;

    memcpy(&part, entry->record.digest.bytes, sizeof part);
    return period - part % (period / 4 + 1);
}

static void set_times(struct auth_entry *entry)
{
    const struct config *config = entry->auth->config;
    int64_t now = clock_ms(), trusted = config->auth_cache_ms, confirm = next_period_ms(entry);

    if (entry->origin == ORIGIN_SQL && trusted > config->revalidate_period_ms)
        trusted = config->revalidate_period_ms;
    if (entry->origin == ORIGIN_REDIS && !watch_is_on(entry)) {
        trusted = trusted < AUTH_UNWATCHED_MS ? trusted : AUTH_UNWATCHED_MS;
        confirm = AUTH_UNWATCHED_MS;
    }
    entry->trusted_until_ms = now + trusted;
    entry->confirm_at_ms = now + confirm;
}

/* Those who hold it are told on the timer's turn. */
static void end_identity(struct auth_entry *entry, const char *reason)
{
    if (entry->identity != NULL)
        entry_let_go(entry, reason, &entry->auth->ended);
}

static void settle_refused(struct auth_entry *entry)
{
    end_identity(entry, "unconfirmed");
    entry->verdict = VERDICT_REFUSED;
    entry->trusted_until_ms = clock_ms() + entry->auth->config->auth_refused_cache_ms;
    watch_update(entry);
    conclude(entry, AUTH_REFUSED);
}

static void settle_accepted(struct auth_entry *entry, enum auth_origin origin,
                            const struct credential *credential)
{
    struct identity *identity;

    if (credential->expires_ms != 0 && credential->expires_ms <= store_now_ms(entry->auth->store)) {
        settle_refused(entry);
        return;
    }
    identity = identity_create(credential);
    if (entry->identity != NULL && !identity_is_same(entry->identity, identity))
        end_identity(entry, "changed");
    if (entry->identity == NULL || entry->identity->expires_ms != identity->expires_ms) {
        identity_unref(&entry->identity);
        entry->identity = identity_ref(identity);
    }
    identity_unref(&identity);
    entry->verdict = VERDICT_ACCEPTED;
    entry->origin = (uint8_t)origin;
    watch_update(entry);
    set_times(entry);
    conclude(entry, AUTH_OK);
}

static void settle_unknown(struct auth_entry *entry)
{
    int64_t now = clock_ms();

    if (entry->identity == NULL)
        entry->verdict = VERDICT_NONE;
    entry->confirm_at_ms =
        now + (entry->origin == ORIGIN_REDIS ? AUTH_UNWATCHED_MS : next_period_ms(entry));
    conclude(entry, AUTH_UNKNOWN);
}

/* ---- SQL and hook ------------------------------------------------------------------------------------ */

static void accept_from(struct auth_entry *entry, enum auth_origin origin,
                        const struct source_subject *subject)
{
    struct credential credential = {
        .kind = kind_of(entry),
        .digest = entry->record.digest,
        .subject = subject->subject,
        .realm = slice_of(default_realm),
        .expires_ms = subject->expires_ms,
    };

    settle_accepted(entry, origin, &credential);
}

static void on_hook_answered(enum source_answer answer, const struct source_subject *subject,
                             void *ctx)
{
    struct auth_entry *entry = ctx;

    if (answer == SOURCE_ACCEPTS)
        accept_from(entry, ORIGIN_HOOK, subject);
    else if (answer == SOURCE_SILENT)
        settle_unknown(entry);
    else
        settle_refused(entry);
}

static struct source_question question_of(const struct auth_entry *entry)
{
    return (struct source_question){
        .kind = kind_of(entry),
        .secret = { entry->secret, entry->secret_len },
        .subject = slice_of(entry->subject),
    };
}

static void ask_hook(struct auth_entry *entry)
{
    struct source_question question = question_of(entry);

    if (entry->secret == NULL || !hook_serves(entry->auth->hook, question.kind)) {
        settle_refused(entry);
        return;
    }
    entry->auth->stats.hook_calls++;
    hook_ask(entry->auth->hook, &question, on_hook_answered, entry, &entry->asking);
}

static void on_sql_answered(enum source_answer answer, const struct source_subject *subject,
                            void *ctx)
{
    struct auth_entry *entry = ctx;

    if (answer == SOURCE_ACCEPTS)
        accept_from(entry, ORIGIN_SQL, subject);
    else if (answer == SOURCE_SILENT)
        settle_unknown(entry);
    else if (answer == SOURCE_REFUSES)
        settle_refused(entry);
    else
        ask_hook(entry);
}

static void ask_sql(struct auth_entry *entry)
{
    struct source_question question = question_of(entry);
    bool is_token = question.kind == CREDENTIAL_PLAYER || question.kind == CREDENTIAL_SERVER;

    if (entry->auth->sql == NULL || !is_token || entry->secret == NULL) {
        ask_hook(entry);
        return;
    }
    entry->auth->stats.sql_queries++;
    sql_ask(entry->auth->sql, &question, on_sql_answered, entry, &entry->asking);
}

/* ---- Redis ------------------------------------------------------------------------------------------- */

static void on_found(enum result result, const struct credential_found *found, void *ctx)
{
    struct auth_entry *entry = ctx;

    if (result == RESULT_OK)
        settle_accepted(entry, ORIGIN_REDIS, found->credential);
    else if (result != RESULT_NOT_FOUND)
        settle_unknown(entry);
    else if (kind_of(entry) == CREDENTIAL_UNIVERSE && found->is_subject_known)
        settle_refused(entry);
    else
        ask_sql(entry);
}

static void find(struct auth_entry *entry)
{
    credential_find(entry->auth->store, kind_of(entry), &entry->record.digest,
                    slice_of(entry->subject), on_found, entry, &entry->finding);
}

/* ---- the door ---------------------------------------------------------------------------------------- */

void auth_lookup_start(struct auth_entry *entry)
{
    assert(!entry->is_looking);
    list_remove(&entry->waiting); /* it is its turn, or sooner */
    entry->is_looking = true;
    entry->was_asked_for = false;
    find(entry);
}

void lookup_restart(struct auth_entry *entry)
{
    assert(entry->is_looking);
    store_cancel(&entry->finding);
    source_drop(&entry->asking);
    find(entry);
}

void auth_lookup_cancel(struct auth_entry *entry)
{
    store_cancel(&entry->finding);
    source_drop(&entry->asking);
    list_remove(&entry->waiting);
    entry->is_looking = false;
    leave_lane(entry);
}
