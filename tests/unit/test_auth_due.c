/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <stdlib.h>

#include "auth_due.h"

enum { COUNT = 500 };

static void test_soonest_first(void **state)
{
    struct due_queue queue = { 0 };
    struct due dues[COUNT] = { { 0 } };
    int64_t last = -1;

    (void)state;
    srandom(1);
    for (size_t i = 0; i < COUNT; i++)
        due_set(&queue, &dues[i], random() % 1000);
    for (size_t i = 0; i < COUNT; i += 3) /* sooner or later than before */
        due_set(&queue, &dues[i], random() % 1000);
    for (size_t i = 0; i < COUNT; i += 5) {
        due_remove(&queue, &dues[i]);
        due_remove(&queue, &dues[i]);
    }
    for (size_t i = 0; i < COUNT - COUNT / 5; i++) {
        struct due *first = due_first(&queue);

        assert_non_null(first);
        assert_true(first->at_ms >= last);
        assert_int_not_equal((first - dues) % 5, 0);
        last = first->at_ms;
        due_remove(&queue, first);
    }
    assert_null(due_first(&queue));
    due_queue_fini(&queue);
}

static void test_empty(void **state)
{
    struct due_queue queue = { 0 };
    struct due due = { 0 };

    (void)state;
    assert_null(due_first(&queue));
    due_remove(&queue, &due);
    due_set(&queue, &due, 5);
    due_set(&queue, &due, 3);
    assert_ptr_equal(due_first(&queue), &due);
    due_remove(&queue, &due);
    assert_null(due_first(&queue));
    due_queue_fini(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_soonest_first),
        cmocka_unit_test(test_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
