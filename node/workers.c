/* SPDX-License-Identifier: MIT */
/*
 * The parent has no loop: a child that forks off a running one would share its descriptors. It sleeps
 * in sigtimedwait(), with all its signals blocked, and looks around when it wakes up.
 */
#include "workers.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "embedded.h"
#include "pid_file.h"

enum {
    LOOK_MS = 100,
    BACKOFF_MIN_MS = 100,
    BACKOFF_MAX_MS = 5000,
    STABLE_AFTER_MS = 10000,
    SAME_REQUEST_MS = 500, /* as in server_life.c */
    MARGIN_MS = 10000,     /* beyond the drain's own limits: then a worker hangs */
};

struct worker {
    pid_t pid; /* 0: does not run */
    bool is_first;
    int64_t started_ms, retry_ms;
    uint32_t backoff_ms;
};

struct workers {
    const struct workers_options *options;
    struct worker *items;
    size_t count;
    sigset_t signals;
    bool is_stopping, has_failed;
    int64_t stopping_ms;
};

/* ---- a child ---------------------------------------------------------------------------------- */

/* A group of its own keeps the terminal's Ctrl-C from reaching it twice. */
static _Noreturn void be_worker(const struct workers *workers, pid_t parent)
{
    const struct workers_options *options = workers->options;
    struct embedded *embedded = options->embedded;
    struct pid_file *pid_file = options->pid_file;

    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) /* it died before prctl() */
        exit(1);
    sigprocmask(SIG_UNBLOCK, &workers->signals, NULL);
    embedded_disown(&embedded);
    pid_file_disown(&pid_file);
    exit(options->run_one(options->ctx));
}

static void back_off(struct worker *worker)
{
    worker->retry_ms = clock_ms() + worker->backoff_ms;
    worker->backoff_ms *= 2;
    if (worker->backoff_ms > BACKOFF_MAX_MS)
        worker->backoff_ms = BACKOFF_MAX_MS;
}

static void start(struct workers *workers, struct worker *worker)
{
    pid_t parent = getpid();

    worker->started_ms = clock_ms();
    worker->pid = fork();
    if (worker->pid == 0)
        be_worker(workers, parent);
    if (worker->pid < 0) {
        log_error(NULL, "worker.fork", "errno=%d", errno);
        worker->pid = 0;
        back_off(worker);
        return;
    }
    log_info(NULL, "worker.start", "pid=%d", (int)worker->pid);
}

/* ---- the parent ------------------------------------------------------------------------------- */

static void signal_all(const struct workers *workers, int number)
{
    for (size_t i = 0; i < workers->count; i++)
        if (workers->items[i].pid > 0)
            kill(workers->items[i].pid, number);
}

static void stop_all(struct workers *workers)
{
    workers->is_stopping = true;
    workers->stopping_ms = clock_ms();
    signal_all(workers, SIGTERM);
}

static void on_ended(struct workers *workers, struct worker *worker, int status)
{
    bool is_good = WIFEXITED(status) && WEXITSTATUS(status) == 0;

    worker->pid = 0;
    if (workers->is_stopping) {
        workers->has_failed |= !is_good;
        return;
    }
    log_error(NULL, "worker.died", "%s=%d", WIFSIGNALED(status) ? "signal" : "exit",
              WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    if (worker->is_first && WIFEXITED(status) && WEXITSTATUS(status) == WORKER_CANNOT_START) {
        workers->has_failed = true;
        stop_all(workers);
        return;
    }
    worker->is_first = false;
    if (clock_ms() - worker->started_ms > STABLE_AFTER_MS)
        worker->backoff_ms = BACKOFF_MIN_MS;
    back_off(worker);
}

static bool look_after(struct workers *workers)
{
    bool is_any_left = !workers->is_stopping;

    for (size_t i = 0; i < workers->count; i++) {
        struct worker *worker = &workers->items[i];
        int status;

        if (worker->pid > 0 && waitpid(worker->pid, &status, WNOHANG) == worker->pid)
            on_ended(workers, worker, status);
        if (worker->pid == 0 && !workers->is_stopping && clock_ms() >= worker->retry_ms)
            start(workers, worker);
        is_any_left |= worker->pid > 0;
    }
    return is_any_left;
}

static void kill_all(struct workers *workers)
{
    workers->has_failed = true;
    signal_all(workers, SIGKILL);
}

static void on_stop_signal(struct workers *workers)
{
    if (!workers->is_stopping)
        stop_all(workers);
    else if (clock_ms() - workers->stopping_ms > SAME_REQUEST_MS)
        kill_all(workers);
}

static void on_signal(struct workers *workers, int number)
{
    struct why why = { "" };

    if (number == SIGTERM || number == SIGINT) {
        log_info(NULL, "workers.signal", "number=%d", number);
        on_stop_signal(workers);
    } else if (number == SIGHUP) {
        log_info(NULL, "workers.signal", "number=%d", number);
        if (!log_reopen(&why))
            log_error(NULL, "log.reopen", "%s", why.text);
        signal_all(workers, SIGHUP);
    }
}

static bool is_late(const struct workers *workers)
{
    return workers->is_stopping &&
           clock_ms() - workers->stopping_ms >
               (int64_t)workers->options->config->drain_timeout_ms + MARGIN_MS;
}

static void watch(struct workers *workers)
{
    const struct timespec look = { .tv_nsec = LOOK_MS * 1000000L };

    while (look_after(workers)) {
        int number = sigtimedwait(&workers->signals, NULL, &look);

        if (number > 0)
            on_signal(workers, number);
        if (workers->options->embedded != NULL)
            embedded_check(workers->options->embedded);
        if (is_late(workers))
            kill_all(workers);
    }
}

static void block_signals(struct workers *workers)
{
    sigemptyset(&workers->signals);
    sigaddset(&workers->signals, SIGTERM);
    sigaddset(&workers->signals, SIGINT);
    sigaddset(&workers->signals, SIGHUP);
    sigaddset(&workers->signals, SIGCHLD);
    sigprocmask(SIG_BLOCK, &workers->signals, NULL);
}

int workers_run(const struct workers_options *options)
{
    struct workers workers = { .options = options, .count = options->config->workers };

    workers.items = xcalloc(workers.count, sizeof *workers.items);
    block_signals(&workers);
    for (size_t i = 0; i < workers.count; i++) {
        workers.items[i] = (struct worker){ .is_first = true, .backoff_ms = BACKOFF_MIN_MS };
        start(&workers, &workers.items[i]);
    }
    options->on_started(options->ctx);
    watch(&workers);
    free(workers.items);
    return workers.has_failed ? 1 : 0;
}
