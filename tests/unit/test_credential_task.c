/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/mem.h"
#include "store/credential_task.h"
#include "store/credentials.h"

/*
 * Listing over several links: the operations of a page are answered in any order, as on a cluster. The
 * store here keeps every operation open until the test answers it.
 */
struct store {
    struct list ops;
    int64_t now_ms;
};

struct store_op {
    struct list node;
    const struct verb *verb;
    struct store_op **slot;
    bool is_cancelled;
    char key[KEY_MAX];
    _Alignas(max_align_t) char state[OP_STATE_MAX];
};

static struct store store;

/* ---- what store/op.c would define ------------------------------------------------------------------- */

void op_start(struct store *to, const struct op_call *call, struct store_op **slot)
{
    struct store_op *op = xcalloc(1, sizeof *op);

    assert_true(slot == NULL || *slot == NULL);
    op->verb = call->verb;
    op->slot = slot;
    memcpy(op->state, call->state, call->state_size);
    snprintf(op->key, sizeof op->key, "%.*s", (int)call->keys[0].len, call->keys[0].data);
    if (slot != NULL)
        *slot = op;
    list_append(&to->ops, &op->node);
}

void store_cancel(struct store_op **slot)
{
    struct store_op *op = *slot;

    if (op == NULL)
        return;
    *slot = NULL;
    op->is_cancelled = true;
    if (op->verb->release != NULL)
        op->verb->release(op->state);
}

int64_t store_now_ms(const struct store *of)
{
    return of->now_ms;
}

bool reply_is_integer(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_INTEGER;
}

bool reply_is_string(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING;
}

bool reply_is_nil(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_NIL;
}

bool reply_is_array(const redisReply *reply, size_t count)
{
    return reply->type == REDIS_REPLY_ARRAY && reply->elements == count;
}

bool reply_is_list(const redisReply *reply, bool (*is_item)(const redisReply *item))
{
    for (size_t i = 0; i < reply->elements; i++) {
        if (!is_item(reply->element[i]))
            return false;
    }
    return true;
}

struct slice reply_slice(const redisReply *reply)
{
    return (struct slice){ reply->str, reply->len };
}

bool op_judge_text(const redisReply *reply, enum result *result_out)
{
    *result_out = reply_is_nil(reply) ? RESULT_NOT_FOUND : RESULT_OK;
    return reply_is_nil(reply) || reply_is_string(reply);
}

bool op_judge_integer(const redisReply *reply, enum result *result_out)
{
    *result_out = RESULT_OK;
    return reply_is_integer(reply);
}

void op_deliver_done(struct store *of, enum result result, const redisReply *reply, void *state)
{
    (void)of;
    (void)result;
    (void)reply;
    (void)state;
}

struct slice op_u64(struct op_number *number, uint64_t value)
{
    int len = snprintf(number->text, sizeof number->text, "%llu", (unsigned long long)value);

    return (struct slice){ number->text, (size_t)len };
}

/* ---- answering ---------------------------------------------------------------------------------------- */

static int pending(void)
{
    int count = 0;

    LIST_EACH (node, spare, &store.ops)
        count++;
    return count;
}

static struct store_op *op_at(int index)
{
    struct list *node = store.ops.next;

    while (index-- > 0)
        node = node->next;
    return LIST_ENTRY(node, struct store_op, node);
}

/* As op_finish() does. `reply` NULL: unavailable. */
static void finish(struct store_op *op, const redisReply *reply)
{
    enum result result = RESULT_UNAVAILABLE;

    list_remove(&op->node);
    if (reply != NULL)
        assert_true(op->verb->judge(reply, &result));
    if (op->verb->note != NULL)
        op->verb->note(&store, result, reply, op->state);
    if (!op->is_cancelled) {
        if (op->slot != NULL)
            *op->slot = NULL;
        op->verb->deliver(&store, result, reply, op->state);
        if (op->verb->release != NULL)
            op->verb->release(op->state);
    }
    free(op);
}

static redisReply string_reply(char *text)
{
    return (redisReply){ .type = REDIS_REPLY_STRING, .str = text, .len = strlen(text) };
}

static void answer_record(int index)
{
    char text[] = "{\"subject\":\"a\",\"realm\":\"r\",\"expires\":0}";
    redisReply reply = string_reply(text);

    finish(op_at(index), &reply);
}

static void answer_nil(int index)
{
    redisReply reply = { .type = REDIS_REPLY_NIL };

    finish(op_at(index), &reply);
}

/* A page of `count` digests that differ in their last digit. */
static void answer_page(const char *cursor, int count)
{
    char names[8][DIGEST_HEX_SIZE], entry[] = "1 0", next[24];
    redisReply items[16], *pointers[16], cursor_reply, list, *pair[2] = { &cursor_reply, &list };
    redisReply reply = { .type = REDIS_REPLY_ARRAY, .elements = 2, .element = pair };

    snprintf(next, sizeof next, "%s", cursor);
    cursor_reply = string_reply(next);
    for (int i = 0; i < count; i++) {
        memset(names[i], '0', sizeof names[i] - 1);
        names[i][sizeof names[i] - 2] = (char)('0' + i);
        names[i][sizeof names[i] - 1] = '\0';
        items[2 * i] = string_reply(names[i]);
        items[2 * i + 1] = string_reply(entry);
        pointers[2 * i] = &items[2 * i];
        pointers[2 * i + 1] = &items[2 * i + 1];
    }
    list = (redisReply){ .type = REDIS_REPLY_ARRAY,
                         .elements = (size_t)count * 2,
                         .element = pointers };
    finish(op_at(0), &reply);
}

/* ---- one listing ----------------------------------------------------------------------------------------- */

struct listed {
    int calls;
    enum result result;
    size_t count;
    struct store_op *slot;
};

static void on_listed(enum result result, const struct credential *credentials, size_t count,
                      void *ctx)
{
    struct listed *listed = ctx;

    (void)credentials;
    assert_null(listed->slot);
    listed->calls++;
    listed->result = result;
    listed->count = count;
}

static void expect(const struct listed *listed, enum result result, size_t count)
{
    assert_int_equal(listed->calls, 1);
    assert_int_equal(listed->result, result);
    assert_int_equal(listed->count, count);
    assert_null(listed->slot);
}

static int start(void **state)
{
    (void)state;
    store = (struct store){ .now_ms = 1700000000000 };
    list_init(&store.ops);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    assert_int_equal(pending(), 0);
    return 0;
}

static void test_in_order(void **state)
{
    struct listed listed = { .calls = 0 };

    (void)state;
    credential_list(&store, CREDENTIAL_RELAY, on_listed, &listed, &listed.slot);
    answer_page("0", 3);
    assert_int_equal(pending(), 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(listed.calls, 0);
        answer_record(0);
    }
    expect(&listed, RESULT_OK, 3);
}

/* The one with the owner's slot is answered first: another one is asked again with it. */
static void test_leader_first(void **state)
{
    struct listed listed = { .calls = 0 };

    (void)state;
    credential_list(&store, CREDENTIAL_RELAY, on_listed, &listed, &listed.slot);
    answer_page("0", 3);
    answer_record(2);
    assert_non_null(listed.slot);
    assert_int_equal(pending(), 3);
    assert_string_equal(op_at(2)->key, op_at(0)->key);
    answer_record(2); /* the repetition overtakes as well */
    assert_non_null(listed.slot);
    assert_string_equal(op_at(2)->key, op_at(1)->key);
    answer_record(2);
    expect(&listed, RESULT_OK, 3);
    answer_record(0); /* what is still to come means nothing any more */
    answer_record(0);
    expect(&listed, RESULT_OK, 3);
}

static void test_late_answers_fall_into_the_next_page(void **state)
{
    struct listed listed = { .calls = 0 };

    (void)state;
    credential_list(&store, CREDENTIAL_RELAY, on_listed, &listed, &listed.slot);
    answer_page("17", 2);
    answer_record(1); /* the leader */
    answer_record(1); /* the first one, asked again */
    assert_int_equal(pending(), 2);
    finish(op_at(0), NULL); /* the first one itself, late: unavailable by now */
    answer_page("0", 1);
    answer_nil(0);
    expect(&listed, RESULT_OK, 2);
    finish(op_at(0), NULL); /* the entry without a record, on its way out of the index */
}

static void test_one_fails(void **state)
{
    struct listed listed = { .calls = 0 };

    (void)state;
    credential_list(&store, CREDENTIAL_RELAY, on_listed, &listed, &listed.slot);
    answer_page("17", 3);
    finish(op_at(0), NULL);
    answer_record(1); /* the leader: what has failed is not made good by waiting */
    expect(&listed, RESULT_UNAVAILABLE, 0);
    answer_record(0);
}

static void test_cancelled_with_a_page_under_way(void **state)
{
    struct listed *listed = xcalloc(1, sizeof *listed);

    (void)state;
    credential_list(&store, CREDENTIAL_RELAY, on_listed, listed, &listed->slot);
    answer_page("0", 3);
    answer_record(2);
    store_cancel(&listed->slot);
    free(listed);
    while (pending() > 0)
        answer_record(0);
}

static void test_cancelled_before_the_page(void **state)
{
    struct listed *listed = xcalloc(1, sizeof *listed);

    (void)state;
    credential_list(&store, CREDENTIAL_RELAY, on_listed, listed, &listed->slot);
    store_cancel(&listed->slot);
    free(listed);
    answer_page("0", 3);
    assert_int_equal(pending(), 0);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_in_order),
        TEST(test_leader_first),
        TEST(test_late_answers_fall_into_the_next_page),
        TEST(test_one_fails),
        TEST(test_cancelled_with_a_page_under_way),
        TEST(test_cancelled_before_the_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
