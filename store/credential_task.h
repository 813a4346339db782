/* SPDX-License-Identifier: MIT */
#ifndef SB_STORE_CREDENTIAL_TASK_H
#define SB_STORE_CREDENTIAL_TASK_H

#include "store/credential_record.h"
#include "store/op.h"

/*
 * An operation of several steps over the credentials that an index names: the index is read page
 * by page, and for each digest of a page something is asked of its record, all of a page at once.
 * Records have a hash tag each, so no script can do that. For store/ only.
 *
 * The owner's slot is always with one operation that is under way. Memory is counted by the
 * operations: the task goes with the last of them, answered or cancelled.
 */
struct task;

struct task_rule {
    const struct verb
        *item;             /* task_note_item, task_deliver_item, task_release_item; its own judge */
    size_t item_arg_count; /* of subject and realm: 0 or 2                                        */
    /* An answer for one digest; never an error. */
    void (*take)(struct task *task, const char *digest, const redisReply *reply);
    /* After each page: is there any use in reading on? */
    bool (*wants_more)(struct task *task);
    void (*done)(struct task *task, enum result result);
    void (*fini)(struct task *task); /* may be NULL */
};

/* The head of each such operation; all but kind, subject, realm and fingerprint are the task's. */
struct task {
    const struct task_rule *rule;
    struct store *store;
    struct store_op **slot;
    enum credential_kind kind;
    char *subject, *realm;                         /* NULL: of the whole kind; of any realm */
    char fingerprint[CREDENTIAL_FINGERPRINT_SIZE]; /* "": any        */

    uint32_t refs;
    char cursor[24];
    char (*digests)[DIGEST_HEX_SIZE];
    bool *has_answer;
    size_t page, count, unanswered;
    enum result worst;
    struct buf stale; /* digests without a record, separated by blanks */
};

/* `size` bytes that begin with a task; one reference, which task_unref() drops. */
struct task *task_create(const struct task_rule *rule, size_t size, struct store *store,
                         enum credential_kind kind, struct slice subject, struct store_op **slot);
struct task *task_ref(struct task *task);
void task_unref(struct task **task);

/* Reads the index from its beginning. `done` runs once at the end, unless it is cancelled. */
void task_start(struct task *task);

/* From `take`: this digest has no record (any more), or somebody else has it. What was added over
 * a minute ago is dropped from the index. */
void task_mark_stale(struct task *task, const char *digest);

void task_note_item(struct store *store, enum result result, const redisReply *reply, void *state);
void task_deliver_item(struct store *store, enum result result, const redisReply *reply,
                       void *state);
void task_release_item(void *state);

/* Reads the record of each digest; `take` gets a string or nil. */
extern const struct verb task_record_verb;

/* What such a reply says: the credential when it is in force, else NULL. Its texts live as long as
 * the JSON, which the caller drops. What is no record of ours counts as none. */
json_t *task_read_record(const struct task *task, const struct credential_digest *digest,
                         const redisReply *reply, struct credential *credential_out);

#endif
