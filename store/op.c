/* SPDX-License-Identifier: MIT */
/*
 * One operation from its call to its end. It is in exactly one list all its life, and ends in
 * op_finish() alone.
 */
#include "store/op.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/inside.h"
#include "store/resp.h"
#include "store/scripts.h"

enum { SPARE_MAX = 4096 };

const uint32_t store_bucket_us[STORE_BUCKETS] = { 100,    250,    500,     1000,      2500,
                                                  5000,   10000,  25000,   50000,     100000,
                                                  250000, 500000, 1000000, UINT32_MAX };

/* ---- the verbs ------------------------------------------------------------------------------------ */

#define SCRIPT NULL
static const struct {
    const char *name;
    const char *command; /* NULL: a script */
} verbs[VERB_COUNT] = {
#define VERB(id, name, how) [VERB_##id] = { name, how },
#include "store/verbs.def"
#undef VERB
};
#undef SCRIPT

static const struct lua_script *scripts[VERB_COUNT];

void op_init_verbs(struct store_verb_stats stats[VERB_COUNT])
{
    for (size_t i = 0; i < VERB_COUNT; i++) {
        stats[i].name = verbs[i].name;
        if (verbs[i].command == NULL) {
            scripts[i] = script_find(verbs[i].name);
            assert(scripts[i] != NULL);
        }
    }
}

bool op_is_script(const struct store_op *op)
{
    return scripts[op->verb->id] != NULL;
}

/* ---- its bytes ------------------------------------------------------------------------------------ */

static size_t put_words(struct slice *to, const char *words)
{
    size_t count = 0;

    while (*words != '\0') {
        size_t len = strcspn(words, " ");

        to[count++] = (struct slice){ words, len };
        words += len + (words[len] == ' ');
    }
    return count;
}

bool op_write(struct buf *out, const struct op_call *call)
{
    const struct lua_script *script = scripts[call->verb->id];
    struct slice words[OP_WORDS_MAX];
    struct op_number key_count;
    size_t count;

    if (script != NULL) {
        words[0] = SLICE_LITERAL("EVALSHA");
        words[1] = slice_of(script->sha1);
        words[2] = op_u64(&key_count, call->key_count);
        count = 3;
    } else {
        count = put_words(words, verbs[call->verb->id].command);
    }
    assert(count + call->key_count + call->arg_count <= OP_WORDS_MAX);
    for (size_t i = 0; i < call->key_count; i++)
        words[count++] = call->keys[i];
    for (size_t i = 0; i < call->arg_count; i++)
        words[count++] = call->args[i];
    return resp_write(out, words, count);
}

struct slice op_u64(struct op_number *number, uint64_t value)
{
    char *start = number->text + sizeof number->text;

    do {
        *--start = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    return (struct slice){ start, (size_t)(number->text + sizeof number->text - start) };
}

/* ---- its life ------------------------------------------------------------------------------------- */

struct store_op *op_create(struct store *store, const struct op_call *call)
{
    struct store_op *op;

    assert(call->state_size <= OP_STATE_MAX);
    if (list_is_empty(&store->spare)) {
        op = xmalloc(sizeof *op);
    } else {
        op = LIST_ENTRY(store->spare.next, struct store_op, node);
        list_remove(&op->node);
        store->spare_count--;
    }
    *op = (struct store_op){ .verb = call->verb, .started_us = clock_us() };
    list_init(&op->node);
    if (call->state_size > 0)
        memcpy(op->state, call->state, call->state_size);
    store->stats.pending++;
    return op;
}

static void op_free(struct store *store, struct store_op *op)
{
    if (store->spare_count >= SPARE_MAX) {
        free(op);
        return;
    }
    list_append(&store->spare, &op->node);
    store->spare_count++;
}

/* False when there are too many already, or too large ones. */
static bool add(struct store *store, struct store_op *op, const struct op_call *call)
{
    bool is_one_too_many = store->stats.pending > store->pending_max;

    if (!is_one_too_many && pipeline_add(&store->pipeline, op, call))
        return true;
    store->stats.refused[is_one_too_many ? STORE_PENDING_MAX : STORE_PENDING_BYTES]++;
    return false;
}

void op_start(struct store *store, const struct op_call *call, struct store_op **slot)
{
    struct store_op *op = op_create(store, call);

    assert(!store->is_closed);
    assert(slot == NULL || *slot == NULL);
    op->slot = slot;
    if (slot != NULL)
        *slot = op;
    if (!add(store, op, call)) {
        op->ending = RESULT_UNAVAILABLE;
        list_append(&store->ending, &op->node);
    }
    store_watch_deadline(store);
}

void store_cancel(struct store_op **slot)
{
    struct store_op *op = *slot;

    if (op == NULL)
        return;
    *slot = NULL;
    op->slot = NULL;
    op->is_cancelled = true;
    if (op->verb->release != NULL)
        op->verb->release(op->state);
}

static void count(struct store *store, const struct store_op *op, enum result result)
{
    struct store_verb_stats *stats = &store->verbs[op->verb->id];
    uint64_t took_us = (uint64_t)(clock_us() - op->started_us);
    size_t bucket = 0;

    while (took_us > store_bucket_us[bucket] && bucket < STORE_BUCKETS - 1)
        bucket++;
    stats->results[result]++;
    stats->buckets[bucket]++;
    stats->sum_us += took_us;
}

/* Turns the reply into a result; without a good one there is none to look at any more. */
static enum result judge(struct store *store, const struct store_op *op, const redisReply **reply)
{
    enum result result = RESULT_UNCERTAIN;
    const char *name = verbs[op->verb->id].name;

    if ((*reply)->type == REDIS_REPLY_ERROR) {
        result = op_judge_error(*reply);
        log_peer(LOG_WARN, NULL, "redis.error", "verb=%s result=%s text=%s", name,
                 result_name(result), log_quote((*reply)->str, (size_t)(*reply)->len));
        *reply = NULL;
    } else if (!op->verb->judge(*reply, &result)) {
        store->stats.malformed_replies++;
        log_peer(LOG_ERROR, NULL, "redis.malformed", "verb=%s type=%d", name, (*reply)->type);
        result = RESULT_UNCERTAIN;
        *reply = NULL;
    }
    return result;
}

void op_finish(struct store *store, struct store_op *op, enum result result,
               const redisReply *reply)
{
    const struct verb *verb = op->verb;

    if (reply != NULL)
        result = judge(store, op, &reply);
    store->stats.pending--;
    count(store, op, result);
    if (verb->note != NULL)
        verb->note(store, result, reply, op->state);
    if (!op->is_cancelled) {
        if (op->slot != NULL)
            *op->slot = NULL;
        verb->deliver(store, result, reply, op->state);
        if (verb->release != NULL)
            verb->release(op->state);
    }
    op_free(store, op);
}

/* ---- replies -------------------------------------------------------------------------------------- */

/*
 * Errors after which nothing was written: the command was turned away at the door, or, for the last
 * four, at its first write; a script that has written once is not stopped by them any more.
 */
static const char *const harmless_errors[] = {
    "NOSCRIPT", "LOADING",  "MASTERDOWN", "BUSY",    "NOAUTH",     "CLUSTERDOWN", "MOVED",
    "ASK",      "TRYAGAIN", "READONLY",   "MISCONF", "NOREPLICAS", "OOM",
};

enum result op_judge_error(const redisReply *error)
{
    size_t len = strcspn(error->str, " ");

    for (size_t i = 0; i < sizeof harmless_errors / sizeof harmless_errors[0]; i++) {
        if (slice_is((struct slice){ error->str, len }, harmless_errors[i]))
            return RESULT_UNAVAILABLE;
    }
    return RESULT_UNCERTAIN;
}

bool reply_is_integer(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_INTEGER;
}

bool reply_is_number(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_INTEGER && reply->integer >= 0;
}

bool reply_is_string(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING;
}

bool reply_is_nil(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_NIL;
}

bool reply_is_status(const redisReply *reply, const char *text)
{
    return reply->type == REDIS_REPLY_STATUS && strcmp(reply->str, text) == 0;
}

bool reply_is_array(const redisReply *reply, size_t count)
{
    return reply->type == REDIS_REPLY_ARRAY && reply->elements == count;
}

bool reply_is_list(const redisReply *reply, bool (*is_item)(const redisReply *item))
{
    if (reply->type != REDIS_REPLY_ARRAY)
        return false;
    for (size_t i = 0; i < reply->elements; i++) {
        if (!is_item(reply->element[i]))
            return false;
    }
    return true;
}

struct slice reply_slice(const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_STRING && reply->type != REDIS_REPLY_STATUS)
        return (struct slice){ NULL, 0 };
    return (struct slice){ reply->str, (size_t)reply->len };
}

/* ---- the plainest operations ----------------------------------------------------------------------- */

bool op_judge_integer(const redisReply *reply, enum result *result_out)
{
    *result_out = RESULT_OK;
    return reply_is_integer(reply);
}

bool op_judge_string(const redisReply *reply, enum result *result_out)
{
    *result_out = RESULT_OK;
    return reply_is_string(reply);
}

bool op_judge_text(const redisReply *reply, enum result *result_out)
{
    *result_out = reply_is_nil(reply) ? RESULT_NOT_FOUND : RESULT_OK;
    return reply_is_nil(reply) || reply_is_string(reply);
}

bool op_judge_status(const redisReply *reply, enum result *result_out)
{
    *result_out = RESULT_OK;
    return reply_is_status(reply, "OK");
}

void op_deliver_done(struct store *store, enum result result, const redisReply *reply, void *state)
{
    const struct op_done *op = state;

    (void)store;
    (void)reply;
    if (op->done != NULL)
        op->done(result, op->ctx);
}
