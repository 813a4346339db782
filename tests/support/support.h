/* SPDX-License-Identifier: MIT */
#ifndef SB_TESTS_SUPPORT_H
#define SB_TESTS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include <cmocka.h>

/* Runs the loop until `is_done(ctx)`, or fails the test after `deadline_ms`, naming `what`. */
typedef bool support_done_fn(void *ctx);
void support_wait(uv_loop_t *loop, support_done_fn *is_done, void *ctx, uint32_t deadline_ms,
                  const char *what);
#define SUPPORT_WAIT_MS 60000

/* The same without a loop: for what other processes do. */
void support_wait_outside(support_done_fn *is_done, void *ctx, uint32_t deadline_ms,
                          const char *what);

/* Runs the loop until nothing is left in it, closes it, and fails when that takes over 10 s. */
void support_loop_close(uv_loop_t *loop);

/* A fresh folder below $TMPDIR; its path is written to `path`. */
void support_folder_make(char *path, size_t size, const char *name);
void support_folder_remove(const char *path); /* with all that is in it */

/*
 * A redis-server of the test's own: on a UNIX socket in a fresh folder below $TMPDIR, with an
 * append-only file (appendfsync always), killed and removed by support_redis_stop() and when the test
 * process dies.
 */
struct support_redis;
struct support_redis *support_redis_start(void);
void support_redis_stop(struct support_redis **redis);
const char *support_redis_url(const struct support_redis *redis); /* unix:///… */
const char *support_redis_socket(const struct support_redis *redis);
void support_redis_kill(struct support_redis *redis);    /* SIGKILL */
void support_redis_restart(struct support_redis *redis); /* after a kill: same folder, same data */
void support_redis_pause(struct support_redis *redis);   /* SIGSTOP */
void support_redis_resume(struct support_redis *redis);  /* SIGCONT */

/* Runs one command by redis-cli and returns its raw output without the last line feed; the caller
 * frees it. Fails the test when redis-cli fails. */
char *support_redis_command(struct support_redis *redis, const char *command);

#endif
