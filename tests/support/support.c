/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"

static void on_tick(uv_timer_t *timer)
{
    (void)timer;
}

/* One turn of the loop that does not wait for ever when nothing happens. The timer repeats: a turn fires what
 * is due before it waits, and on a busy machine that may be this one. */
static void turn(uv_loop_t *loop)
{
    uv_timer_t timer;

    uv_timer_init(loop, &timer);
    uv_timer_start(&timer, on_tick, 5, 5);
    uv_run(loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(loop, UV_RUN_NOWAIT);
}

void support_wait(uv_loop_t *loop, support_done_fn *is_done, void *ctx, uint32_t deadline_ms,
                  const char *what)
{
    int64_t end = clock_ms() + deadline_ms;

    while (!is_done(ctx)) {
        if (clock_ms() > end)
            fail_msg("waited %u ms in vain: %s", deadline_ms, what);
        turn(loop);
    }
}

void support_wait_outside(support_done_fn *is_done, void *ctx, uint32_t deadline_ms,
                          const char *what)
{
    int64_t end = clock_ms() + deadline_ms;

    while (!is_done(ctx)) {
        if (clock_ms() > end)
            fail_msg("waited %u ms in vain: %s", deadline_ms, what);
        usleep(5000);
    }
}

static void print_handle(uv_handle_t *handle, void *ctx)
{
    (void)ctx;
    print_error("still open: %s%s\n", uv_handle_type_name(handle->type),
                uv_is_closing(handle) ? " (closing)" : "");
}

void support_loop_close(uv_loop_t *loop)
{
    int64_t end = clock_ms() + SUPPORT_WAIT_MS;

    while (uv_run(loop, UV_RUN_NOWAIT) != 0 && clock_ms() < end)
        ;
    if (uv_loop_close(loop) != 0) {
        uv_walk(loop, print_handle, NULL);
        fail_msg("the loop still holds handles");
    }
}

void support_folder_make(char *path, size_t size, const char *name)
{
    const char *tmp = getenv("TMPDIR");

    assert_in_range(snprintf(path, size, "%s/sb-%s-XXXXXX", tmp != NULL ? tmp : "/tmp", name), 1,
                    size - 1);
    assert_non_null(mkdtemp(path));
}

void support_folder_remove(const char *path)
{
    char command[512];

    assert_in_range(snprintf(command, sizeof command, "rm -rf '%s'", path), 1, sizeof command - 1);
    assert_int_equal(system(command), 0);
}
