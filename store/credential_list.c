/* SPDX-License-Identifier: MIT */
/*
 * What is done to all credentials of a kind or of a subject: a task over the index, which looks at
 * every record, because only the record says whether a credential is still there, and whose it is.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/credential_task.h"

/* ---- listing ------------------------------------------------------------------------------------ */

struct listing {
    struct task task;
    credential_list_fn *done;
    void *ctx;
    struct credential *credentials;
    json_t **records; /* what the credentials' texts live in */
    size_t found, size;
};

static void take_listed(struct task *task, const char *hex, const redisReply *reply)
{
    struct listing *listing = (struct listing *)task;
    struct credential credential;
    struct credential_digest digest;
    json_t *record;

    digest_from_hex(slice_of(hex), &digest);
    record = task_read_record(task, &digest, reply, &credential);
    if (record == NULL) {
        task_mark_stale(task, hex);
        return;
    }
    if (listing->found == listing->size) {
        listing->size = listing->size > 0 ? listing->size * 2 : 64;
        listing->credentials =
            xrealloc(listing->credentials, listing->size * sizeof *listing->credentials);
        listing->records = xrealloc(listing->records, listing->size * sizeof *listing->records);
    }
    listing->credentials[listing->found] = credential;
    listing->records[listing->found++] = record;
}

static bool always(struct task *task)
{
    (void)task;
    return true;
}

static int compare_slices(struct slice a, struct slice b)
{
    int order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);

    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare(const void *left, const void *right)
{
    const struct credential *a = left, *b = right;
    int order = compare_slices(a->subject, b->subject);

    if (order == 0)
        order = compare_slices(a->realm, b->realm);
    return order != 0 ? order : memcmp(&a->digest, &b->digest, sizeof a->digest);
}

/* A hash that grows while it is read may show an entry twice. */
static size_t without_repeats(struct credential *credentials, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || memcmp(&credentials[kept - 1].digest, &credentials[i].digest,
                                sizeof credentials[i].digest) != 0)
            credentials[kept++] = credentials[i];
    }
    return kept;
}

static void on_listed(struct task *task, enum result result)
{
    struct listing *listing = (struct listing *)task;

    if (result != RESULT_OK) {
        listing->done(result, NULL, 0, listing->ctx);
        return;
    }
    if (listing->found > 0)
        qsort(listing->credentials, listing->found, sizeof *listing->credentials, compare);
    listing->done(RESULT_OK, listing->credentials,
                  without_repeats(listing->credentials, listing->found), listing->ctx);
}

static void listing_fini(struct task *task)
{
    struct listing *listing = (struct listing *)task;

    for (size_t i = 0; i < listing->found; i++)
        json_decref(listing->records[i]);
    free(listing->records);
    free(listing->credentials);
}

static const struct task_rule listing_rule = {
    .item = &task_record_verb,
    .take = take_listed,
    .wants_more = always,
    .done = on_listed,
    .fini = listing_fini,
};

void credential_list(struct store *store, enum credential_kind kind, credential_list_fn *done,
                     void *ctx, struct store_op **slot)
{
    struct task *task = task_create(&listing_rule, sizeof(struct listing), store, kind,
                                    (struct slice){ NULL, 0 }, slot);
    struct listing *listing = (struct listing *)task;

    listing->done = done;
    listing->ctx = ctx;
    task_start(task);
    task_unref(&task);
}

/* ---- revoking ----------------------------------------------------------------------------------- */

struct revoking {
    struct task task;
    credential_revoked_fn *done;
    void *ctx;
    size_t revoked;
};

static void take_revoked(struct task *task, const char *hex, const redisReply *reply)
{
    struct revoking *revoking = (struct revoking *)task;

    if (reply->integer == 0)
        return;
    revoking->revoked++;
    task_mark_stale(task, hex);
}

static void on_revoked(struct task *task, enum result result)
{
    struct revoking *revoking = (struct revoking *)task;

    if (result == RESULT_OK && revoking->revoked == 0)
        result = RESULT_NOT_FOUND;
    if (revoking->done != NULL)
        revoking->done(result, revoking->revoked, revoking->ctx);
}

static const struct verb revoke_verb = {
    .id = VERB_CREDENTIAL_REVOKE,
    .judge = op_judge_integer,
    .note = task_note_item,
    .deliver = task_deliver_item,
    .release = task_release_item,
};

static const struct task_rule revoking_rule = {
    .item = &revoke_verb,
    .item_arg_count = 2,
    .take = take_revoked,
    .wants_more = always,
    .done = on_revoked,
};

void credential_revoke(struct store *store, enum credential_kind kind, struct slice subject,
                       struct slice realm, const char *fingerprint, credential_revoked_fn *done,
                       void *ctx, struct store_op **slot)
{
    struct task *task =
        task_create(&revoking_rule, sizeof(struct revoking), store, kind, subject, slot);
    struct revoking *revoking = (struct revoking *)task;

    assert(key_id_is_valid(subject) && key_id_is_valid(realm));
    revoking->done = done;
    revoking->ctx = ctx;
    task->realm = slice_dup(realm);
    if (fingerprint != NULL)
        snprintf(task->fingerprint, sizeof task->fingerprint, "%s", fingerprint);
    task_start(task);
    task_unref(&task);
}
