/* SPDX-License-Identifier: MIT */
/* The queue of frames that wait for a socket. */
#include <stdlib.h>

#include "support.h"
#include "ws_queue.h"

static struct frame *frame_with(uint32_t number)
{
    struct frame *frame = frame_create(sizeof number);

    *(uint32_t *)(void *)frame->data = number;
    return frame;
}

static void push(struct ws_queue *queue, uint32_t number)
{
    struct frame *frame = frame_with(number);

    ws_queue_push(queue, frame, number % 2 ? WS_TEXT : WS_BINARY);
    assert_int_equal(2, frame->refs);
    frame_unref(&frame);
}

static void expect(struct ws_queue *queue, uint32_t number)
{
    struct ws_item item = ws_queue_pop(queue);

    assert_non_null(item.frame);
    assert_int_equal(number, *(uint32_t *)(void *)item.frame->data);
    assert_int_equal(number % 2 ? WS_TEXT : WS_BINARY, item.kind);
    assert_int_equal(1, item.frame->refs);
    frame_unref(&item.frame);
}

/* Every filling from 0 to 100, with the ring's start wherever it happens to be. */
static void first_in_first_out(void **state)
{
    struct ws_queue *queue = ws_queue_create();
    uint32_t in = 0, out = 0;

    (void)state;
    for (uint32_t fill = 0; fill < 100; fill++) {
        while (in - out < fill)
            push(queue, in++);
        assert_int_equal(fill, queue->count);
        assert_int_equal(fill * (sizeof(uint32_t) + 16), queue->bytes);
        for (uint32_t i = 0; i < fill / 3; i++)
            expect(queue, out++);
    }
    while (out < in)
        expect(queue, out++);
    assert_null(ws_queue_pop(queue).frame);
    assert_int_equal(0, queue->bytes);
    ws_queue_destroy(&queue);
    assert_null(queue);
    ws_queue_destroy(&queue);
}

static void destroyed_while_full(void **state)
{
    struct ws_queue *queue = ws_queue_create();
    struct frame *kept = frame_with(1);

    (void)state;
    for (uint32_t i = 0; i < 20; i++)
        push(queue, i);
    ws_queue_push(queue, kept, WS_TEXT);
    ws_queue_destroy(&queue);
    assert_int_equal(1, kept->refs);
    frame_unref(&kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_in_first_out),
        cmocka_unit_test(destroyed_while_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
