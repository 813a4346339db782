/* SPDX-License-Identifier: MIT */
#ifndef SB_STORE_OP_H
#define SB_STORE_OP_H

#include <hiredis/hiredis.h>

#include "store/store.h"

/*
 * How the files of store/ carry out their operations. For store/ only.
 *
 * An operation is a line in store/verbs.def, a `struct verb` that knows its reply, and a state: a
 * small struct that holds `done`, `ctx` and whatever else is needed when the reply comes. It is
 * copied into the operation.
 *
 *     struct taking { lease_fn *done; void *ctx; };
 *
 *     static bool judge_taken(const redisReply *reply, enum result *result_out)
 *     {
 *         if (!reply_is_array(reply, 2) || !reply_is_integer(reply->element[0]))
 *             return false;
 *         *result_out = reply->element[0]->integer == 1 ? RESULT_OK : RESULT_CONFLICT;
 *         return true;
 *     }
 *
 *     static void deliver_taken(struct store *store, enum result result, const redisReply *reply,
 *                               void *state)
 *     {
 *         struct taking *taking = state;
 *         …fill the typed answer; without a reply (UNAVAILABLE, UNCERTAIN) `reply` is NULL…
 *         if (taking->done != NULL)
 *             taking->done(result, &lease, taking->ctx);
 *     }
 *
 *     static const struct verb lease_take_verb = {
 *         .id = VERB_LEASE_TAKE, .judge = judge_taken, .deliver = deliver_taken,
 *     };
 *
 *     void lease_take(…)
 *     {
 *         struct taking taking = { done, ctx };
 *         struct slice keys[] = { key_slice(&holder_key), key_slice(&epoch_key) };
 *         struct slice args[] = { slice_of(holder), ttl };
 *         struct op_call call = {
 *             .verb = &lease_take_verb, .keys = keys, .key_count = 2, .args = args, .arg_count = 2,
 *             .state = &taking, .state_size = sizeof taking,
 *         };
 *
 *         op_start(store, &call, slot);
 *     }
 */
enum verb_id {
#define VERB(id, name, how) VERB_##id,
#include "store/verbs.def"
#undef VERB
    VERB_COUNT
};

/*
 * Checks type and arity of a reply (which is no error) and says what it means: any result but
 * UNAVAILABLE and UNCERTAIN. False: malformed; the operation ends as uncertain and is counted.
 */
typedef bool op_judge_fn(const redisReply *reply, enum result *result_out);

/* `reply` has passed the judge; it is NULL exactly when the result is UNAVAILABLE or UNCERTAIN. The
 * owner's slot is NULL already, so the same slot can be given to a next step's op_start(). */
typedef void op_deliver_fn(struct store *store, enum result result, const redisReply *reply,
                           void *state);

struct verb {
    enum verb_id id;
    op_judge_fn *judge;
    op_deliver_fn
        *deliver;        /* not called when the operation was cancelled                          */
    op_deliver_fn *note; /* may be NULL. Called before deliver, cancelled or not: for counters.
                               Touches nothing that belongs to the owner                            */
    void (*release)(void *state); /* may be NULL. Frees what the state points to: after deliver, or
                                     when the operation is cancelled. Once                          */
};

enum { OP_STATE_MAX = 64, OP_WORDS_MAX = 64 };

struct op_call {
    const struct verb *verb;
    /* SCRIPT: KEYS and ARGV. A command: what follows its words, keys first. All keys of an operation
     * carry one hash tag. No key at all: an operation that concerns no tag (SCAN, TIME). */
    const struct slice *keys;
    size_t key_count;
    const struct slice *args;
    size_t arg_count;
    const void *state; /* copied; at most OP_STATE_MAX bytes */
    size_t state_size;
};

/* Everything is copied. Keeps the contract of store.h about `slot` (which may be NULL); the state
 * belongs to the operation from here on, even when it will never be sent. */
void op_start(struct store *store, const struct op_call *call, struct store_op **slot);

/* ---- reading replies: each is safe on any reply ------------------------------------------------ */

bool reply_is_integer(const redisReply *reply);
bool reply_is_number(const redisReply *reply); /* an integer that is not negative */
bool reply_is_string(const redisReply *reply); /* bulk */
bool reply_is_nil(const redisReply *reply);
bool reply_is_status(const redisReply *reply, const char *text);
bool reply_is_array(const redisReply *reply, size_t count); /* of exactly `count` elements */
bool reply_is_list(const redisReply *reply,
                   bool (*is_item)(const redisReply *item)); /* any length */
struct slice reply_slice(const redisReply *reply); /* of a bulk string or status, else nothing */

/* ---- the plainest operations: nothing but a result ---------------------------------------------- */

struct op_done {
    store_done_fn *done;
    void *ctx;
};
bool op_judge_integer(const redisReply *reply, enum result *result_out); /* any integer is OK */
bool op_judge_string(const redisReply *reply, enum result *result_out);  /* any bulk string    */
bool op_judge_text(const redisReply *reply, enum result *result_out);    /* nil: NOT_FOUND    */
bool op_judge_status(const redisReply *reply, enum result *result_out);  /* +OK               */
void op_deliver_done(struct store *store, enum result result, const redisReply *reply, void *state);

/* Numbers as arguments: the text lives in `number`. */
struct op_number {
    char text[24];
};
struct slice op_u64(struct op_number *number, uint64_t value);

#endif
