/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <string.h>

#include "frame.h"

static void test_payload_is_copied(void **state)
{
    static const struct {
        const char *name;
        struct slice payload;
    } cases[] = {
        { "text", { "{\"a\":1}", 7 } },
        { "bytes with NUL", { "a\0b\0", 4 } },
        { "empty", { "", 0 } },
        { "nothing", { NULL, 0 } },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct frame *frame = frame_of(cases[i].payload);

        print_message("  %s\n", cases[i].name);
        assert_int_equal(frame->len, cases[i].payload.len);
        assert_int_equal(frame_slice(frame).len, cases[i].payload.len);
        if (frame->len > 0)
            assert_memory_equal(frame->data, cases[i].payload.data, frame->len);
        frame_unref(&frame);
        assert_null(frame);
    }
}

/* The sanitizer sees to it that the room is really there. */
static void test_room_in_front_is_writable(void **state)
{
    struct frame *frame = frame_create(3);

    (void)state;
    memset(frame->data - FRAME_HEADROOM, 0xff, FRAME_HEADROOM);
    memcpy(frame->data, "abc", 3);
    assert_int_equal(frame->refs, 1);
    assert_int_equal(frame->len, 3);
    assert_true(slice_is(frame_slice(frame), "abc"));
    frame_unref(&frame);
}

static void test_last_reference_frees(void **state)
{
    struct frame *first = frame_of(SLICE_LITERAL("shared"));
    struct frame *second = frame_ref(first);

    (void)state;
    assert_ptr_equal(first, second);
    frame_unref(&first);
    assert_null(first);
    assert_true(slice_is(frame_slice(second), "shared"));
    frame_unref(&second);
    frame_unref(&second);
    assert_null(second);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_payload_is_copied),
        cmocka_unit_test(test_room_in_front_is_writable),
        cmocka_unit_test(test_last_reference_frees),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
