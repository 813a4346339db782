/* SPDX-License-Identifier: MIT */
/*
 * fork and exec by hand: libuv's way has no place for what must happen between the two. Whether exec
 * succeeded comes back through a pipe that exec itself closes.
 */
#include "embedded_exec.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* The terminal's Ctrl-C is for the node, which ends Redis when its own work is done: hence setsid(). */
static void leave_the_parent(pid_t parent)
{
    sigset_t none;

    setsid();
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) /* it died before prctl() */
        _exit(1);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* What redis-server says before it has opened its log goes there, too. Of our descriptors it gets none
 * but the lock. */
static void set_up_files(const struct embedded_command *command)
{
    int null = open("/dev/null", O_RDONLY);
    int log = open(command->log_path, O_WRONLY | O_APPEND | O_CREAT, 0600);

    if (null >= 0)
        dup2(null, STDIN_FILENO);
    if (log >= 0) {
        dup2(log, STDOUT_FILENO);
        dup2(log, STDERR_FILENO);
    }
    close_range(STDERR_FILENO + 1, UINT_MAX, CLOSE_RANGE_CLOEXEC);
    fcntl(command->lock_fd, F_SETFD, 0);
}

static void become_redis(const struct embedded_command *command)
{
    execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", command->socket_path,
           "--unixsocketperm", "700", "--dir", command->folder, "--logfile", command->log_path,
           "--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--daemonize", "no",
           (char *)NULL);
}

static bool explain(int error, struct why *why)
{
    if (error == ENOENT)
        return why_set(why, "there is no redis-server: install it (Debian and Ubuntu: "
                            "apt-get install redis-server), or name a Redis with --redis");
    return why_set(why, "cannot start redis-server: %s", strerror(error));
}

/* 0 when exec succeeded, else why not. */
static int exec_error(int pipe_fd)
{
    int error = 0;
    ssize_t got;

    do {
        got = read(pipe_fd, &error, sizeof error);
    } while (got < 0 && errno == EINTR);
    return got == sizeof error ? error : 0;
}

pid_t embedded_exec(const struct embedded_command *command, struct why *why)
{
    pid_t parent = getpid(), pid;
    int ends[2], error;

    if (pipe2(ends, O_CLOEXEC) != 0) {
        explain(errno, why);
        return 0;
    }
    pid = fork();
    if (pid == 0) {
        leave_the_parent(parent);
        set_up_files(command);
        become_redis(command);
        error = errno;
        _exit(write(ends[1], &error, sizeof error) == sizeof error ? 127 : 126);
    }
    error = pid < 0 ? errno : 0;
    close(ends[1]);
    if (pid > 0)
        error = exec_error(ends[0]);
    close(ends[0]);
    if (error == 0)
        return pid;
    if (pid > 0)
        waitpid(pid, NULL, 0);
    explain(error, why);
    return 0;
}
