/* SPDX-License-Identifier: MIT */
/* Deadlines of several durations on one timer. */
#include <stdlib.h>

#include "base/buf.h"
#include "deadline.h"
#include "support.h"

struct item {
    struct deadline deadline;
    char name;
    int times;
};

static uv_loop_t loop;
static struct deadlines *deadlines;
static struct buf seen;

static void setup(void)
{
    assert_int_equal(0, uv_loop_init(&loop));
    deadlines = deadlines_create(&loop);
    buf_init(&seen, 1 << 20);
}

static void teardown(void)
{
    deadlines_destroy(&deadlines);
    assert_null(deadlines);
    deadlines_destroy(&deadlines);
    support_loop_close(&loop);
    buf_fini(&seen);
}

static struct item *item_of(struct deadline *deadline)
{
    return LIST_ENTRY(deadline, struct item, deadline);
}

static void on_due(struct deadline *deadline)
{
    buf_add_byte(&seen, item_of(deadline)->name);
}

static struct item make(char name)
{
    struct item item = { .name = name };

    return item;
}

static bool has_seen(void *ctx)
{
    return slice_is(buf_slice(&seen), ctx);
}

static void wait_for(const char *want)
{
    char copy[32] = { 0 };

    for (size_t i = 0; want[i] != '\0'; i++)
        copy[i] = want[i];
    support_wait(&loop, has_seen, copy, SUPPORT_WAIT_MS, want);
}

static void in_order_of_time(void **state)
{
    struct item a = make('a'), b = make('b'), c = make('c'), d = make('d');

    (void)state;
    setup();
    deadline_init(&a.deadline);
    deadline_init(&b.deadline);
    deadline_init(&c.deadline);
    deadline_init(&d.deadline);
    deadline_set(deadlines, &d.deadline, 90, on_due);
    deadline_set(deadlines, &b.deadline, 30, on_due);
    deadline_set(deadlines, &c.deadline, 60, on_due);
    deadline_set(deadlines, &a.deadline, 0, on_due);
    wait_for("abcd");
    teardown();
}

static void moved_and_cleared(void **state)
{
    struct item a = make('a'), b = make('b'), c = make('c');

    (void)state;
    setup();
    deadline_init(&a.deadline);
    deadline_init(&b.deadline);
    deadline_init(&c.deadline);
    deadline_clear(&c.deadline); /* was not set */
    deadline_set(deadlines, &a.deadline, 20, on_due);
    deadline_set(deadlines, &b.deadline, 20, on_due);
    deadline_set(deadlines, &c.deadline, 20, on_due);
    deadline_set(deadlines, &a.deadline, 20, on_due);  /* behind the others */
    deadline_set(deadlines, &b.deadline, 100, on_due); /* another duration */
    deadline_clear(&c.deadline);
    deadline_clear(&c.deadline);
    wait_for("ab");
    teardown();
}

static struct item *other;

static void on_due_again(struct deadline *deadline)
{
    struct item *item = item_of(deadline);

    on_due(deadline);
    if (++item->times < 3)
        deadline_set(deadlines, deadline, (uint32_t)(item->times * 7), on_due_again);
}

static void on_due_clear_other(struct deadline *deadline)
{
    on_due(deadline);
    deadline_clear(&other->deadline);
}

static void set_and_cleared_inside(void **state)
{
    struct item a = make('a'), b = make('b'), c = make('c');

    (void)state;
    setup();
    other = &c;
    deadline_init(&a.deadline);
    deadline_init(&b.deadline);
    deadline_init(&c.deadline);
    deadline_set(deadlines, &b.deadline, 10, on_due_clear_other);
    deadline_set(deadlines, &c.deadline, 10, on_due_clear_other); /* due in the same turn */
    deadline_set(deadlines, &a.deadline, 15, on_due_again);
    wait_for("baaa");
    teardown();
}

static bool has_seen_all(void *ctx)
{
    (void)ctx;
    return seen.len == 5000;
}

static void set_many(struct item items[5000])
{
    for (int i = 0; i < 5000; i++) {
        items[i].name = 'x';
        deadline_init(&items[i].deadline);
        deadline_set(deadlines, &items[i].deadline, i % 2 ? 5 : 10, on_due);
    }
}

static void many(void **state)
{
    static struct item items[5000];

    (void)state;
    setup();
    set_many(items);
    support_wait(&loop, has_seen_all, NULL, SUPPORT_WAIT_MS, "all of them");
    teardown();
}

/* Others have their turn in between, and none is late for longer than that takes. */
static void many_in_several_turns(void **state)
{
    static struct item items[5000];
    size_t before = 0, most = 0;
    int64_t end_ms;

    (void)state;
    setup();
    set_many(items);
    end_ms = (int64_t)uv_now(&loop) + SUPPORT_WAIT_MS;
    while (seen.len < 5000 && (int64_t)uv_now(&loop) < end_ms) {
        uv_run(&loop, UV_RUN_NOWAIT);
        most = seen.len - before > most ? seen.len - before : most;
        before = seen.len;
    }
    assert_int_equal(5000, seen.len);
    assert_in_range(most, 1, 1024);
    teardown();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_order_of_time),       cmocka_unit_test(moved_and_cleared),
        cmocka_unit_test(set_and_cleared_inside), cmocka_unit_test(many),
        cmocka_unit_test(many_in_several_turns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
