/* SPDX-License-Identifier: MIT */
/*
 * The record is the truth: a secret is valid exactly while its record is there. Two indexes, in hash
 * tags of their own, say which records to look at: one per subject, one per kind.
 *
 * To add is index, index, record, in this order. So every record is in both indexes, whatever broke
 * off in between; an entry without a record means nothing, and is dropped by whoever meets it once it
 * is old enough that nobody can be about to write the record.
 */
#include "store/credentials.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/credential_task.h"

/* ---- finding: the record; when it is not there, is the subject known? --------------------------- */

struct finding {
    struct task task; /* subject: NULL when none was given */
    struct credential_digest digest;
    credential_found_fn *done;
    void *ctx;
    bool is_subject_known;
};

static void take_other(struct task *task, const char *hex, const redisReply *reply)
{
    struct finding *finding = (struct finding *)task;
    struct credential credential;
    struct credential_digest digest;
    json_t *record;

    digest_from_hex(slice_of(hex), &digest);
    record = task_read_record(task, &digest, reply, &credential);
    if (record != NULL && slice_is(credential.subject, task->subject))
        finding->is_subject_known = true;
    json_decref(record);
}

static bool is_still_unknown(struct task *task)
{
    return !((struct finding *)task)->is_subject_known;
}

static void on_known(struct task *task, enum result result)
{
    struct finding *finding = (struct finding *)task;
    struct credential_found found = { .is_subject_known = finding->is_subject_known };

    /* one valid record decides, whatever became of the others */
    if (result == RESULT_OK || finding->is_subject_known)
        result = RESULT_NOT_FOUND;
    finding->done(result, &found, finding->ctx);
}

static const struct task_rule finding_rule = {
    .item = &task_record_verb,
    .take = take_other,
    .wants_more = is_still_unknown,
    .done = on_known,
};

static void deliver_found(struct store *store, enum result result, const redisReply *reply,
                          void *state)
{
    struct finding *finding = *(struct finding **)state;
    struct credential credential;
    struct credential_found found = { .credential = &credential };
    json_t *record;

    (void)store;
    if (reply == NULL) {
        finding->done(result, &(struct credential_found){ 0 }, finding->ctx);
        return;
    }
    record = task_read_record(&finding->task, &finding->digest, reply, &credential);
    if (record != NULL &&
        (finding->task.subject == NULL || slice_is(credential.subject, finding->task.subject)))
        finding->done(RESULT_OK, &found, finding->ctx);
    else if (finding->task.subject != NULL)
        task_start(&finding->task);
    else
        finding->done(RESULT_NOT_FOUND, &(struct credential_found){ 0 }, finding->ctx);
    json_decref(record);
}

static void release_task(void *state)
{
    task_unref(state);
}

static const struct verb find_verb = {
    .id = VERB_CREDENTIAL_FIND,
    .judge = op_judge_text,
    .deliver = deliver_found,
    .release = release_task,
};

void credential_find(struct store *store, enum credential_kind kind,
                     const struct credential_digest *digest, struct slice subject,
                     credential_found_fn *done, void *ctx, struct store_op **slot)
{
    struct task *task =
        task_create(&finding_rule, sizeof(struct finding), store, kind, subject, slot);
    struct finding *finding = (struct finding *)task;
    struct key key;
    struct slice keys[1];
    struct op_call call = {
        .verb = &find_verb,
        .keys = keys,
        .key_count = 1,
        .state = &task,
        .state_size = sizeof task,
    };

    finding->digest = *digest;
    finding->done = done;
    finding->ctx = ctx;
    credential_key(kind, digest, &key);
    keys[0] = key_slice(&key);
    op_start(store, &call, slot);
}

/* ---- adding: index, index, record ---------------------------------------------------------------- */

struct adding {
    struct store_op **slot;
    store_done_fn *done;
    void *ctx;
    struct credential credential; /* its texts are the three below */
    char *subject, *realm, *universe;
    enum { ADD_TO_SUBJECT, ADD_TO_KIND, ADD_RECORD } step;
};

static void add_next(struct store *store, struct adding *adding);

static void release_adding(void *state)
{
    struct adding *adding = *(struct adding **)state;

    if (adding == NULL)
        return; /* the next step has it */
    free(adding->subject);
    free(adding->realm);
    free(adding->universe);
    free(adding);
}

static void deliver_added(struct store *store, enum result result, const redisReply *reply,
                          void *state)
{
    struct adding *adding = *(struct adding **)state;

    (void)reply;
    if (result == RESULT_OK && adding->step != ADD_RECORD) {
        *(struct adding **)state = NULL;
        adding->step++;
        add_next(store, adding);
        return;
    }
    if (result == RESULT_UNCERTAIN && adding->step != ADD_RECORD)
        result = RESULT_UNAVAILABLE; /* the record was certainly not written */
    if (adding->done != NULL)
        adding->done(result, adding->ctx);
}

static bool judge_added(const redisReply *reply, enum result *result_out)
{
    if (!reply_is_integer(reply))
        return false;
    *result_out = reply->integer == 1 ? RESULT_OK : RESULT_CONFLICT;
    return true;
}

static const struct verb index_verb = {
    .id = VERB_CREDENTIAL_INDEX,
    .judge = op_judge_integer,
    .deliver = deliver_added,
    .release = release_adding,
};

static const struct verb add_verb = {
    .id = VERB_CREDENTIAL_ADD,
    .judge = judge_added,
    .deliver = deliver_added,
    .release = release_adding,
};

static void add_step(struct store *store, struct adding *adding, const struct verb *verb,
                     const struct key *key, const struct slice *args, size_t arg_count)
{
    struct slice keys[] = { key_slice(key) };
    struct op_call call = {
        .verb = verb,
        .keys = keys,
        .key_count = 1,
        .args = args,
        .arg_count = arg_count,
        .state = &adding,
        .state_size = sizeof adding,
    };

    op_start(store, &call, adding->slot);
}

static void add_to_index(struct store *store, struct adding *adding, const struct key *key)
{
    char hex[DIGEST_HEX_SIZE];
    struct op_number now, expires;
    struct slice args[] = {
        { hex, sizeof hex - 1 },
        op_u64(&now, (uint64_t)store_now_ms(store)),
        op_u64(&expires, (uint64_t)adding->credential.expires_ms),
    };

    digest_to_hex(&adding->credential.digest, hex);
    add_step(store, adding, &index_verb, key, args, 3);
}

static void add_record(struct store *store, struct adding *adding)
{
    const struct credential *credential = &adding->credential;
    char *record = record_print(credential, store_now_ms(store));
    struct key key;
    struct op_number expires;
    struct slice args[] = {
        slice_of(record),
        credential->subject,
        credential->realm,
        op_u64(&expires, (uint64_t)credential->expires_ms),
    };

    credential_key(credential->kind, &credential->digest, &key);
    add_step(store, adding, &add_verb, &key, args, 4);
    free(record);
}

static void add_next(struct store *store, struct adding *adding)
{
    struct key key;

    switch (adding->step) {
    case ADD_TO_SUBJECT:
        subject_index_key(adding->credential.kind, adding->credential.subject, &key);
        add_to_index(store, adding, &key);
        break;
    case ADD_TO_KIND:
        kind_index_key(adding->credential.kind, &key);
        add_to_index(store, adding, &key);
        break;
    case ADD_RECORD:
        add_record(store, adding);
        break;
    }
}

/* Makes the slice point to a copy, which is returned. */
static char *own(struct slice *slice)
{
    char *copy = slice->data != NULL ? slice_dup(*slice) : NULL;

    slice->data = copy;
    return copy;
}

void credential_add(struct store *store, const struct credential *credential, store_done_fn *done,
                    void *ctx, struct store_op **slot)
{
    struct adding *adding = xcalloc(1, sizeof *adding);

    assert(key_id_is_valid(credential->subject) && key_id_is_valid(credential->realm));
    assert(credential->universe.data == NULL || key_id_is_valid(credential->universe));
    assert(credential->expires_ms >= 0);
    adding->slot = slot;
    adding->done = done;
    adding->ctx = ctx;
    adding->credential = *credential;
    adding->subject = own(&adding->credential.subject);
    adding->realm = own(&adding->credential.realm);
    adding->universe = own(&adding->credential.universe);
    add_next(store, adding);
}
