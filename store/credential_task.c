/* SPDX-License-Identifier: MIT */
/*
 * index page → one operation per digest → next page … → done.
 *
 * The last operation of a page carries the owner's slot: on one link it is answered last. Where
 * there are several links it may not be; then one that has no answer yet is asked once more with the
 * slot, until all have one. That is why items must be safe to repeat; only first answers count.
 */
#include "store/credential_task.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define PAGE_COUNT "128" /* about so many digests are asked for at a time */

enum {
    STALE_AFTER_MS = 60000, /* far longer than any credential_add() takes */
    STALE_BATCH = 256,      /* digests in one cleaning                    */
};

enum { IS_LEADER = true };

struct item {
    struct task *task;
    size_t page, index;
    bool is_leader; /* carries the owner's slot */
};

static void read_page(struct task *task);

struct task *task_create(const struct task_rule *rule, size_t size, struct store *store,
                         enum credential_kind kind, struct slice subject, struct store_op **slot)
{
    struct task *task = xcalloc(1, size);

    task->rule = rule;
    task->store = store;
    task->slot = slot;
    task->kind = kind;
    task->subject = subject.data != NULL ? slice_dup(subject) : NULL;
    task->refs = 1;
    task->cursor[0] = '0';
    buf_init(&task->stale, (size_t)STALE_BATCH * DIGEST_HEX_SIZE);
    return task;
}

struct task *task_ref(struct task *task)
{
    task->refs++;
    return task;
}

void task_unref(struct task **task)
{
    struct task *mine = *task;

    *task = NULL;
    if (mine == NULL || --mine->refs > 0)
        return;
    if (mine->rule->fini != NULL)
        mine->rule->fini(mine);
    buf_fini(&mine->stale);
    free(mine->digests);
    free(mine->has_answer);
    free(mine->subject);
    free(mine->realm);
    free(mine);
}

static void index_key(const struct task *task, struct key *key)
{
    if (task->subject != NULL)
        subject_index_key(task->kind, slice_of(task->subject), key);
    else
        kind_index_key(task->kind, key);
}

/* ---- what has no record ------------------------------------------------------------------------ */

static const struct verb unindex_verb = {
    .id = VERB_CREDENTIAL_UNINDEX,
    .judge = op_judge_integer,
    .deliver = op_deliver_done,
};

/* Nobody waits for it: whoever meets the entries next tries again. */
static void unindex(struct task *task, const struct key *key, struct slice digests)
{
    struct op_done nobody = { NULL, NULL };
    struct op_number before;
    struct slice keys[] = { key_slice(key) };
    struct slice args[] = {
        op_u64(&before, (uint64_t)(store_now_ms(task->store) - STALE_AFTER_MS)),
        digests,
    };
    struct op_call call = {
        .verb = &unindex_verb,
        .keys = keys,
        .key_count = 1,
        .args = args,
        .arg_count = 2,
        .state = &nobody,
        .state_size = sizeof nobody,
    };

    op_start(task->store, &call, NULL);
}

static void drop_stale(struct task *task)
{
    struct key key;

    if (task->stale.len == 0)
        return;
    index_key(task, &key);
    unindex(task, &key, buf_slice(&task->stale));
    if (task->subject != NULL) {
        kind_index_key(task->kind, &key);
        unindex(task, &key, buf_slice(&task->stale));
    }
    buf_clear(&task->stale);
}

void task_mark_stale(struct task *task, const char *digest)
{
    if (task->stale.len + DIGEST_HEX_SIZE > task->stale.max)
        drop_stale(task);
    buf_add_text(&task->stale, digest);
    buf_add_byte(&task->stale, ' ');
}

/* ---- one page ---------------------------------------------------------------------------------- */

/* Leaves the page: answers that are still to come belong to nothing. */
static void end_page(struct task *task)
{
    task->page++;
    if (task->worst == RESULT_OK)
        drop_stale(task);
    if (task->worst == RESULT_OK && strcmp(task->cursor, "0") != 0 && task->rule->wants_more(task))
        read_page(task);
    else
        task->rule->done(task, task->worst);
}

static void ask(struct task *task, size_t index, bool is_leader)
{
    struct credential_digest digest;
    struct key key;
    struct item item = { task_ref(task), task->page, index, is_leader };
    struct slice keys[1];
    struct slice args[] = { slice_of(task->subject), slice_of(task->realm) };
    struct op_call call = {
        .verb = task->rule->item,
        .keys = keys,
        .key_count = 1,
        .args = args,
        .arg_count = task->rule->item_arg_count,
        .state = &item,
        .state_size = sizeof item,
    };

    digest_from_hex(slice_of(task->digests[index]), &digest);
    credential_key(task->kind, &digest, &key);
    keys[0] = key_slice(&key);
    op_start(task->store, &call, is_leader ? task->slot : NULL);
}

static void ask_all(struct task *task)
{
    size_t count = task->unanswered = task->count;

    free(task->has_answer);
    task->has_answer = xcalloc(count, sizeof *task->has_answer);
    for (size_t i = 0; i < count; i++)
        ask(task, i, i + 1 == count);
}

void task_note_item(struct store *store, enum result result, const redisReply *reply, void *state)
{
    struct item *item = state;
    struct task *task = item->task;

    (void)store;
    if (task == NULL || item->page != task->page || task->has_answer[item->index])
        return; /* cancelled, or asked twice */
    task->has_answer[item->index] = true;
    task->unanswered--;
    if (reply != NULL)
        task->rule->take(task, task->digests[item->index], reply);
    else
        task->worst = result;
}

void task_deliver_item(struct store *store, enum result result, const redisReply *reply,
                       void *state)
{
    struct item *item = state;
    struct task *task = item->task;
    size_t index = 0;

    (void)store;
    (void)result;
    (void)reply;
    if (!item->is_leader)
        return;
    if (task->unanswered == 0 || task->worst != RESULT_OK) {
        end_page(task);
        return;
    }
    while (task->has_answer[index])
        index++;
    ask(task, index, IS_LEADER);
}

void task_release_item(void *state)
{
    struct item *item = state;

    task_unref(&item->task);
}

/* ---- the index --------------------------------------------------------------------------------- */

/* [cursor, [digest, entry, …]] */
static bool judge_page(const redisReply *reply, enum result *result_out)
{
    *result_out = RESULT_OK;
    return reply_is_array(reply, 2) && reply_is_string(reply->element[0]) &&
           reply->element[0]->len < sizeof((struct task *)NULL)->cursor &&
           reply_is_list(reply->element[1], reply_is_string) &&
           reply->element[1]->elements % 2 == 0;
}

static bool is_wanted(const struct task *task, struct slice hex)
{
    struct credential_digest digest;
    struct slice start = { hex.data, strlen(task->fingerprint) };

    return digest_from_hex(hex, &digest) && slice_is(start, task->fingerprint);
}

static void take_page(struct task *task, const redisReply *reply)
{
    const redisReply *pairs = reply->element[1];

    snprintf(task->cursor, sizeof task->cursor, "%s", reply->element[0]->str);
    task->count = 0;
    free(task->digests);
    task->digests = xcalloc(pairs->elements / 2 + 1, sizeof *task->digests);
    for (size_t i = 0; i < pairs->elements; i += 2) {
        struct slice hex = reply_slice(pairs->element[i]);

        if (is_wanted(task, hex))
            memcpy(task->digests[task->count++], hex.data, hex.len);
    }
}

static void deliver_page(struct store *store, enum result result, const redisReply *reply,
                         void *state)
{
    struct task *task = *(struct task **)state;

    (void)store;
    task->worst = result;
    task->count = 0;
    if (reply != NULL)
        take_page(task, reply);
    if (task->count > 0)
        ask_all(task);
    else
        end_page(task);
}

static void release_page(void *state)
{
    task_unref(state);
}

static const struct verb page_verb = {
    .id = VERB_CREDENTIAL_PAGE,
    .judge = judge_page,
    .deliver = deliver_page,
    .release = release_page,
};

static void read_page(struct task *task)
{
    struct key key;
    struct slice keys[1];
    struct slice args[] = { slice_of(task->cursor), slice_of("COUNT"), slice_of(PAGE_COUNT) };
    struct op_call call = {
        .verb = &page_verb,
        .keys = keys,
        .key_count = 1,
        .args = args,
        .arg_count = 3,
        .state = &task,
        .state_size = sizeof task,
    };

    task_ref(task);
    index_key(task, &key);
    keys[0] = key_slice(&key);
    op_start(task->store, &call, task->slot);
}

void task_start(struct task *task)
{
    read_page(task);
}

/* ---- records ------------------------------------------------------------------------------------ */

json_t *task_read_record(const struct task *task, const struct credential_digest *digest,
                         const redisReply *reply, struct credential *credential_out)
{
    json_t *record;

    if (reply_is_nil(reply))
        return NULL;
    *credential_out = (struct credential){ .kind = task->kind, .digest = *digest };
    record = record_parse(reply_slice(reply), credential_out);
    if (record != NULL && credential_out->expires_ms != 0 &&
        credential_out->expires_ms <= store_now_ms(task->store)) {
        json_decref(record);
        return NULL;
    }
    return record;
}

const struct verb task_record_verb = {
    .id = VERB_CREDENTIAL_FIND,
    .judge = op_judge_text,
    .note = task_note_item,
    .deliver = task_deliver_item,
    .release = task_release_item,
};
