/* SPDX-License-Identifier: MIT */
#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

struct daemon {
    int ready_fd; /* a byte means: ready; its end: we have died */
};

static _Noreturn void wait_for(pid_t child, int ready_fd)
{
    char byte;
    int status;
    ssize_t got;

    do {
        got = read(ready_fd, &byte, 1);
    } while (got < 0 && errno == EINTR);
    if (got == 1)
        _exit(0);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

struct daemon *daemon_enter(struct why *why)
{
    struct daemon *daemon;
    int ends[2];
    pid_t child;

    if (pipe2(ends, O_CLOEXEC) != 0 || (child = fork()) < 0) {
        why_set(why, "--daemon: %s", strerror(errno));
        return NULL;
    }
    if (child > 0) {
        close(ends[1]);
        wait_for(child, ends[0]);
    }
    close(ends[0]);
    setsid();
    daemon = xcalloc(1, sizeof *daemon);
    daemon->ready_fd = ends[1];
    return daemon;
}

void daemon_ready(struct daemon **daemon)
{
    int null;

    if (*daemon == NULL)
        return;
    null = open("/dev/null", O_RDWR);
    if (null >= 0) {
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
        close(null);
    }
    /* without the byte the parent waits for our end, which is no harm */
    while (write((*daemon)->ready_fd, "", 1) < 0 && errno == EINTR)
        ;
    close((*daemon)->ready_fd);
    free(*daemon);
    *daemon = NULL;
}
