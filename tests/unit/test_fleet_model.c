/* SPDX-License-Identifier: MIT */
/* A node's copy of a fleet, over a store whose answers the test gives: who waits for which reading, and what is read. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "fleet_inner.h"

#define S(text) SLICE_LITERAL(text)

struct store_op {
    struct store_op **slot;
    uint64_t after;
    bool wants_synced;
    fleet_read_fn *done;
    void *ctx;
};

enum { CHANGES_MAX = 8 };

static struct {
    struct node node;
    struct fleet fleet;
    struct fleet_realm realm;
    struct fleet_model *model;
    struct store_op *op; /* the reading's step that is under way */
    struct fleet_change changes[CHANGES_MAX];
    struct buf records[CHANGES_MAX];
    size_t change_count;
    struct buf heard; /* what waiters were told */
} rig;

static char realm_name[] = "default";

/* ---- the store ------------------------------------------------------------------------------------------------ */

void fleet_read(struct store *store, struct slice realm, uint64_t after, bool wants_synced,
                fleet_read_fn *done, void *ctx, struct store_op **slot)
{
    struct store_op *op = xcalloc(1, sizeof *op);

    (void)store;
    assert_true(slice_is(realm, "default"));
    assert_null(rig.op); /* one at a time */
    *op = (struct store_op){ slot, after, wants_synced, done, ctx };
    *slot = rig.op = op;
}

void store_cancel(struct store_op **slot)
{
    if (*slot == NULL)
        return;
    free(*slot);
    *slot = rig.op = NULL;
}

static void answer(enum result result, const struct fleet_reading *reading)
{
    struct store_op *op = rig.op;

    assert_non_null(op);
    rig.op = NULL;
    *op->slot = NULL;
    op->done(result, reading, op->ctx);
    free(op);
}

static void changes_clear(void)
{
    for (size_t i = 0; i < rig.change_count; i++)
        buf_fini(&rig.records[i]);
    rig.change_count = 0;
}

struct room {
    const char *id, *type;
    uint32_t connections;
};

static struct fleet_change *add(const char *id, uint64_t version, uint64_t join, const char *uid,
                                const char *const *types, const struct room *rooms, size_t count)
{
    struct fleet_instance_room list[16] = { { .id = { NULL, 0 } } };
    struct slice names[8];
    struct fleet_instance instance = {
        .name = slice_of(id),
        .process_uid = slice_of(uid),
        .agent_version = S("8"),
        .endpoint_url = S("ws://h"),
        .status = S("active"),
        .hash = S(""),
        .types = names,
        .rooms = list,
        .room_count = count,
    };
    size_t i = rig.change_count++;

    for (; types != NULL && types[instance.type_count] != NULL; instance.type_count++)
        names[instance.type_count] = slice_of(types[instance.type_count]);
    for (size_t room = 0; room < count; room++) {
        list[room].id = slice_of(rooms[room].id);
        list[room].type = slice_of(rooms[room].type);
        list[room].connections = rooms[room].connections;
    }
    buf_init(&rig.records[i], FLEET_RECORD_MAX);
    fleet_instance_write(&instance, &rig.records[i]);
    rig.changes[i] = (struct fleet_change){ .id = slice_of(id),
                                            .version = version,
                                            .join_number = join,
                                            .owner = S("n"),
                                            .record = buf_slice(&rig.records[i]) };
    return &rig.changes[i];
}

static void add_gone(const char *id, uint64_t version)
{
    rig.changes[rig.change_count] =
        (struct fleet_change){ .id = slice_of(id), .version = version, .is_gone = true };
    buf_init(&rig.records[rig.change_count++], 1);
}

/* The step under way is answered with what was added. */
static void answer_with(uint64_t version, bool is_anew, bool has_more)
{
    struct fleet_reading reading = { .version = version,
                                     .hash = "0123456789abcdef",
                                     .changes = rig.changes,
                                     .change_count = rig.change_count,
                                     .is_anew = is_anew,
                                     .has_more = has_more };

    answer(RESULT_OK, &reading);
    changes_clear();
}

/* ---- who waits -------------------------------------------------------------------------------------------------- */

/* "a 7: aaaa…(2) bbbb…(0); " */
static void on_view(enum result result, const struct model_view *view, void *ctx)
{
    if (result != RESULT_OK) {
        buf_printf(&rig.heard, "%s %s; ", (const char *)ctx, result_name(result));
        return;
    }
    buf_printf(&rig.heard, "%s %llu:", (const char *)ctx, (unsigned long long)view->version);
    for (size_t i = 0; i < view->instance_count; i++)
        buf_printf(&rig.heard, " %c%zu", view->instances[i]->id[0],
                   view->instances[i]->instance->room_count);
    buf_printf(&rig.heard, " rooms=%llu connections=%llu types=", (unsigned long long)view->rooms,
               (unsigned long long)view->connections);
    for (size_t i = 0; i < view->type_count; i++)
        buf_printf(&rig.heard, "%.*s,", (int)view->types[i].len, view->types[i].data);
    buf_add_text(&rig.heard, "; ");
}

static char a[] = "a", b[] = "b", c[] = "c";

static void ask(char *who, struct model_wait **slot)
{
    model_read(rig.model, false, on_view, who, slot);
}

#define expect(want) expect_at(__LINE__, want)

static void expect_at(int line, const char *want)
{
    buf_add_byte(&rig.heard, '\0');
    if (strcmp(rig.heard.data, want) != 0)
        fail_msg("line %d: wanted %s\ngot %s", line, want, rig.heard.data);
    buf_clear(&rig.heard);
}

static int start(void **state)
{
    (void)state;
    memset(&rig, 0, sizeof rig);
    rig.fleet.node = &rig.node;
    rig.realm = (struct fleet_realm){ .fleet = &rig.fleet, .name = realm_name };
    rig.model = model_create(&rig.realm);
    buf_init(&rig.heard, 65536);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    model_destroy(&rig.model);
    assert_null(rig.op);
    changes_clear();
    buf_fini(&rig.heard);
    return 0;
}

#define A "aaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbb"
#define C "cccccccccccccccc"

static const struct room one[] = { { "r", "t", 5 } };
static const struct room two[] = { { "x", "t", 1 }, { "y", "u", 2 } };
static const char *const some_types[] = { "t", "u", NULL };
static const char *const other_types[] = { "v", "t", NULL };

static void test_who_waits_shares_a_reading_begun_later(void **state)
{
    struct model_wait *waits[3] = { NULL };

    (void)state;
    ask(a, &waits[0]);
    ask(b, &waits[1]); /* after the first one has begun */
    ask(c, &waits[2]);
    answer_with(0, false, false);
    expect("a 0: rooms=0 connections=0 types=; ");
    assert_true(waits[0] == NULL && waits[1] != NULL);
    add(A, 1, 1, "p", some_types, one, 1);
    answer_with(1, false, false);
    expect("b 1: a1 rooms=1 connections=5 types=t,u,; c 1: a1 rooms=1 connections=5 types=t,u,; ");
    assert_null(rig.op);
}

static void test_an_empty_fleet_has_a_hash(void **state)
{
    struct model_wait *wait = NULL;
    struct fleet_reading nothing = { .version = 0 };

    (void)state;
    ask(a, &wait);
    answer(RESULT_OK, &nothing);
    expect("a 0: rooms=0 connections=0 types=; ");
}

static void test_who_goes_is_not_told(void **state)
{
    struct model_wait *waits[2] = { NULL };

    (void)state;
    ask(a, &waits[0]);
    ask(b, &waits[1]);
    model_cancel(&waits[0]);
    model_cancel(&waits[1]);
    assert_true(waits[0] == NULL && waits[1] == NULL);
    answer_with(0, false, false);
    expect("");
    assert_null(rig.op);
}

static void test_failures_are_told(void **state)
{
    struct model_wait *waits[2] = { NULL };

    (void)state;
    ask(a, &waits[0]);
    ask(b, &waits[1]);
    answer(RESULT_UNAVAILABLE, NULL);
    expect("a unavailable; ");
    answer(RESULT_UNCERTAIN, NULL);
    expect("b uncertain; ");
}

/* ---- what is read ---------------------------------------------------------------------------------------------------- */

static void test_only_what_has_changed_is_asked_for(void **state)
{
    struct model_wait *wait = NULL;

    (void)state;
    ask(a, &wait);
    assert_int_equal(rig.op->after, 0);
    add(A, 3, 1, "p", some_types, one, 1);
    add(B, 4, 2, "p", other_types, two, 2);
    answer_with(4, false, false);
    expect("a 4: a1 b2 rooms=3 connections=8 types=t,u,v,; ");
    ask(b, &wait);
    assert_int_equal(rig.op->after, 4);
    add(A, 5, 1, "p", other_types, two, 2);
    answer_with(5, false, false);
    expect("b 5: a2 b2 rooms=4 connections=6 types=t,v,; ");
    ask(c, &wait);
    add_gone(A, 6);
    answer_with(6, false, false);
    expect("c 6: b2 rooms=2 connections=3 types=t,v,; ");
}

static void test_the_order_is_that_of_joining(void **state)
{
    struct model_wait *wait = NULL;

    (void)state;
    ask(a, &wait);
    add(A, 1, 9, "p", NULL, one, 1);
    add(B, 2, 3, "p", NULL, two, 2);
    add(C, 3, 7, "p", NULL, one, 1);
    answer_with(3, false, false);
    expect("a 3: b2 c1 a1 rooms=4 connections=13 types=; ");
    ask(b, &wait);
    add(B, 4, 11, "p", NULL, two, 2); /* it has joined again */
    answer_with(4, false, false);
    expect("b 4: c1 a1 b2 rooms=4 connections=13 types=; ");
}

static void test_a_reading_of_several_steps_is_applied_whole(void **state)
{
    struct model_wait *wait = NULL;

    (void)state;
    ask(a, &wait);
    add(A, 1, 1, "p", NULL, one, 1);
    answer_with(9, false, true);
    expect("");
    assert_null(model_find(rig.model, S(A)));
    assert_int_equal(rig.op->after, 1);
    add(B, 2, 2, "p", NULL, two, 2);
    add(A, 3, 1, "p", NULL, two, 2); /* changed meanwhile */
    answer_with(3, false, false);
    expect("a 3: a2 b2 rooms=4 connections=6 types=; ");
    /* one that breaks off changes nothing */
    ask(b, &wait);
    add_gone(A, 4);
    answer_with(9, false, true);
    answer(RESULT_UNAVAILABLE, NULL);
    expect("b unavailable; ");
    assert_non_null(model_find(rig.model, S(A)));
    ask(c, &wait);
    assert_int_equal(rig.op->after, 3);
}

static void test_anew_means_that_others_are_gone(void **state)
{
    struct model_wait *wait = NULL;

    (void)state;
    ask(a, &wait);
    add(A, 1, 1, "p", NULL, one, 1);
    add(B, 2, 2, "p", NULL, one, 1);
    answer_with(2, true, false);
    buf_clear(&rig.heard);
    ask(b, &wait);
    add(C, 1, 3, "p", NULL, two, 2);
    answer_with(9, true, true);
    assert_non_null(model_find(rig.model, S(A)));
    add(B, 2, 4, "p", NULL, one, 1);
    answer_with(2, false, false);
    expect("b 2: c2 b1 rooms=3 connections=8 types=; ");
    ask(c, &wait);
    answer_with(0, true, false);
    expect("c 0: rooms=0 connections=0 types=; ");
}

static void test_what_cannot_be_read_is_left_out(void **state)
{
    struct model_wait *wait = NULL;

    (void)state;
    ask(a, &wait);
    add(A, 1, 1, "p", NULL, one, 1)->record = S("nonsense");
    add(B, 2, 2, "p", NULL, one, 1);
    answer_with(2, false, false);
    expect("a 2: b1 rooms=1 connections=5 types=; ");
}

static void on_synced(enum result result, const struct model_view *view, void *ctx)
{
    (void)result;
    *(int64_t *)ctx = view->instances[0]->synced_ms;
}

static void test_times_come_when_they_are_wanted_and_stay(void **state)
{
    struct slice synced[] = { S(A), S("1795220212277"), S(B), S("1") };
    struct fleet_reading reading = { .version = 1, .synced = synced, .synced_count = 4 };
    struct model_wait *wait = NULL;
    int64_t got_ms = 0;

    (void)state;
    model_read(rig.model, true, on_synced, &got_ms, &wait);
    assert_true(rig.op->wants_synced);
    add(A, 1, 1, "p", NULL, one, 1);
    reading.changes = rig.changes;
    reading.change_count = 1;
    answer(RESULT_OK, &reading);
    changes_clear();
    assert_int_equal(got_ms, 1795220212277);
    ask(a, &wait);
    assert_false(rig.op->wants_synced);
    add(A, 2, 1, "p", NULL, two, 2);
    answer_with(2, false, false);
    assert_int_equal(model_find(rig.model, S(A))->synced_ms, 1795220212277);
}

static void test_types_are_in_the_order_of_javascript(void **state)
{
    static const char *const types[] = {
        "\xef\xbd\xa1", "\xf0\x9f\x98\x80", "b", "ab", "a", "", NULL
    };
    struct model_wait *wait = NULL;

    (void)state;
    ask(a, &wait);
    add(A, 1, 1, "p", types, one, 1);
    answer_with(1, false, false);
    expect("a 1: a1 rooms=1 connections=5 types=,a,ab,b,\xf0\x9f\x98\x80,\xef\xbd\xa1,; ");
}

/* ---- rooms by name ------------------------------------------------------------------------------------------------------ */

static void test_rooms_by_their_names(void **state)
{
    static const struct room rooms_a[] = { { "x", "t", 0 }, { "a/b", "t", 0 }, { "z", "t", 0 } };
    static const struct room rooms_b[] = { { "x", "t", 0 }, { "x", "t", 1 }, { "x", "t", 2 } };
    static const struct {
        const char *name, *id;
        size_t room; /* SIZE_MAX: not there */
    } rows[] = {
        { "x", A, 0 },        { "p~q~x", B, 2 }, /* of two with one name the last */
        { "a%2Fb", A, 1 },    { "z", NULL, 0 },    { "o~z", A, 2 },   { "o~x", NULL, 0 },
        { "p~q~z", NULL, 0 }, { "~x", NULL, 0 },   { "x~", NULL, 0 }, { "~", NULL, 0 },
        { "", NULL, 0 },      { "nope", NULL, 0 },
    };
    struct model_wait *wait = NULL;
    struct fleet_change *change;

    (void)state;
    ask(a, &wait);
    add(A, 1, 1, "o", NULL, rooms_a, 3)->renamed = S("001");
    change = add(B, 2, 2, "p~q", NULL, rooms_b, 3);
    change->renamed = S("111");
    change->metadata = S("{\"x\":{\"k\":\"v\"}}");
    answer_with(2, false, false);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t room = SIZE_MAX;
        struct model_instance *found = model_find_room(rig.model, slice_of(rows[i].name), &room);

        if ((rows[i].id == NULL) != (found == NULL) ||
            (found != NULL && (strcmp(found->id, rows[i].id) != 0 || room != rows[i].room)))
            fail_msg("%s: %s %zu", rows[i].name, found != NULL ? found->id : "none", room);
    }
    assert_true(slice_is(model_room_metadata(model_find(rig.model, S(B)), 1), "{\"k\":\"v\"}"));
    assert_null(model_room_metadata(model_find(rig.model, S(A)), 0).data);
}

static void test_a_held_instance_outlives_the_copy(void **state)
{
    struct model_wait *wait = NULL;
    struct model_instance *held;

    (void)state;
    ask(a, &wait);
    add(A, 1, 1, "p", NULL, one, 1);
    answer_with(1, false, false);
    held = model_instance_ref(model_find(rig.model, S(A)));
    ask(b, &wait);
    add(A, 2, 1, "p", NULL, two, 2);
    answer_with(2, false, false);
    assert_int_equal(held->instance->room_count, 1);
    assert_int_equal(model_find(rig.model, S(A))->instance->room_count, 2);
    model_instance_unref(&held);
}

static void again(enum result result, const struct model_view *view, void *ctx)
{
    static struct model_wait *wait;

    on_view(result, view, a);
    ask(ctx, &wait);
}

static void test_who_is_told_may_ask_again(void **state)
{
    struct model_wait *waits[2] = { NULL };

    (void)state;
    model_read(rig.model, false, again, b, &waits[0]);
    answer_with(1, false, false);
    expect("a 1: rooms=0 connections=0 types=; ");
    answer_with(2, false, false);
    expect("b 2: rooms=0 connections=0 types=; ");
    assert_null(rig.op);
}

static void test_it_ends_while_somebody_waits(void **state)
{
    struct model_wait *waits[2] = { NULL };

    (void)state;
    ask(a, &waits[0]);
    ask(b, &waits[1]);
    model_destroy(&rig.model);
    assert_true(waits[0] == NULL && waits[1] == NULL);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_who_waits_shares_a_reading_begun_later),
        CASE(test_an_empty_fleet_has_a_hash),
        CASE(test_who_goes_is_not_told),
        CASE(test_failures_are_told),
        CASE(test_only_what_has_changed_is_asked_for),
        CASE(test_the_order_is_that_of_joining),
        CASE(test_a_reading_of_several_steps_is_applied_whole),
        CASE(test_anew_means_that_others_are_gone),
        CASE(test_what_cannot_be_read_is_left_out),
        CASE(test_times_come_when_they_are_wanted_and_stay),
        CASE(test_types_are_in_the_order_of_javascript),
        CASE(test_rooms_by_their_names),
        CASE(test_a_held_instance_outlives_the_copy),
        CASE(test_who_is_told_may_ask_again),
        CASE(test_it_ends_while_somebody_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
