/* SPDX-License-Identifier: MIT */
/*
 * Who owns the folder is decided by flock() on DATA/lock. redis-server inherits the descriptor, and so
 * the lock: it is free only when the node and its redis-server are both gone, and never do two of them
 * write one append-only file, also when a node was killed and the next one starts at once.
 */
#include "embedded.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "embedded_exec.h"

enum {
    ANSWER_WITHIN_MS = 10000,
    PING_TIMEOUT_MS = 500,
    PAUSE_MS = 10,
    END_WITHIN_MS = 8000,
    BACKOFF_MIN_MS = 100,
    BACKOFF_MAX_MS = 5000,
    STABLE_AFTER_MS = 60000, /* the next death begins with a short pause again */
};

struct embedded {
    struct sockaddr_un address;
    char *url, *folder, *log_path;
    int lock_fd;
    bool has_lock;
    pid_t pid; /* 0: none of ours runs */
    int64_t started_ms, retry_ms;
    uint32_t backoff_ms;
};

const char *embedded_url(const struct embedded *embedded)
{
    return embedded->url;
}

bool embedded_is_ours(const struct embedded *embedded)
{
    return embedded->has_lock;
}

/* ---- the folder ------------------------------------------------------------------------------- */

/* mkdir -p, for our eyes only. */
static bool make_folder(const char *path, struct why *why)
{
    char *copy = xstrdup(path);
    bool is_good;

    for (char *slash = strchr(copy + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(copy, 0700); /* the last one tells */
        *slash = '/';
    }
    is_good = mkdir(copy, 0700) == 0 || errno == EEXIST;
    if (!is_good)
        why_set(why, "--data: cannot make the folder %s: %s", path, strerror(errno));
    free(copy);
    return is_good;
}

static char *path_in(const char *folder, const char *name)
{
    size_t size = strlen(folder) + strlen(name) + 2;
    char *path = xmalloc(size);

    snprintf(path, size, "%s/%s", folder, name);
    return path;
}

static bool set_address(struct embedded *embedded, const char *socket_path, struct why *why)
{
    size_t room = sizeof embedded->address.sun_path, size = strlen(socket_path) + 8;

    if (strlen(socket_path) >= room)
        return why_set(why,
                       "--data: the path of its socket is too long: %s has %zu bytes, at most "
                       "%zu are possible",
                       socket_path, strlen(socket_path), room - 1);
    embedded->address.sun_family = AF_UNIX;
    memcpy(embedded->address.sun_path, socket_path, strlen(socket_path) + 1);
    embedded->url = xmalloc(size);
    snprintf(embedded->url, size, "unix://%s", socket_path);
    return true;
}

static bool name_files(struct embedded *embedded, const char *data, struct why *why)
{
    char *socket_path;
    bool is_good;

    embedded->folder = realpath(data, NULL);
    if (embedded->folder == NULL)
        return why_set(why, "--data: %s: %s", data, strerror(errno));
    embedded->log_path = path_in(embedded->folder, "redis.log");
    socket_path = path_in(embedded->folder, "redis.sock");
    is_good = set_address(embedded, socket_path, why);
    free(socket_path);
    return is_good;
}

static bool open_lock(struct embedded *embedded, struct why *why)
{
    char *path = path_in(embedded->folder, "lock");

    embedded->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (embedded->lock_fd < 0)
        why_set(why, "--data: cannot open %s: %s", path, strerror(errno));
    free(path);
    return embedded->lock_fd >= 0;
}

static bool take_lock(struct embedded *embedded)
{
    if (!embedded->has_lock)
        embedded->has_lock = flock(embedded->lock_fd, LOCK_EX | LOCK_NB) == 0;
    return embedded->has_lock;
}

/* ---- does it answer? -------------------------------------------------------------------------- */

/* Any answer to PING will do: "+PONG", "-LOADING …". */
static bool answers_on(int fd)
{
    static const char ping[] = "PING\r\n";
    struct pollfd poller = { .fd = fd, .events = POLLIN };
    char reply[64];

    if (send(fd, ping, sizeof ping - 1, MSG_NOSIGNAL) != sizeof ping - 1)
        return false;
    return poll(&poller, 1, PING_TIMEOUT_MS) == 1 && recv(fd, reply, sizeof reply, 0) > 0;
}

static bool is_answering(const struct embedded *embedded)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is;

    if (fd < 0)
        return false;
    is = connect(fd, (const struct sockaddr *)&embedded->address, sizeof embedded->address) == 0 &&
         answers_on(fd);
    close(fd);
    return is;
}

/* ---- its life --------------------------------------------------------------------------------- */

static bool start(struct embedded *embedded, struct why *why)
{
    const struct embedded_command command = {
        .folder = embedded->folder,
        .socket_path = embedded->address.sun_path,
        .log_path = embedded->log_path,
        .lock_fd = embedded->lock_fd,
    };

    assert(embedded->has_lock && embedded->pid == 0);
    embedded->started_ms = clock_ms();
    embedded->pid = embedded_exec(&command, why);
    if (embedded->pid > 0)
        log_info(NULL, "redis.start", "pid=%d socket=%s", (int)embedded->pid,
                 embedded->address.sun_path);
    return embedded->pid > 0;
}

/* Has our child ended? Then it is gone for good. */
static bool reap(struct embedded *embedded)
{
    int status;

    if (embedded->pid == 0 || waitpid(embedded->pid, &status, WNOHANG) != embedded->pid)
        return false;
    log_error(NULL, "redis.died", "pid=%d %s=%d log=%s", (int)embedded->pid,
              WIFSIGNALED(status) ? "signal" : "exit",
              WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), embedded->log_path);
    embedded->pid = 0;
    return true;
}

/* One step on the way to a Redis that answers. False: there is no way. */
static bool start_or_wait(struct embedded *embedded, struct why *why)
{
    if (embedded->pid == 0 && take_lock(embedded) && !start(embedded, why))
        return false;
    if (reap(embedded))
        return why_set(why, "the private redis-server ended at once: %s says why",
                       embedded->log_path);
    usleep(PAUSE_MS * 1000);
    return true;
}

static bool bring_up(struct embedded *embedded, struct why *why)
{
    int64_t end_ms = clock_ms() + ANSWER_WITHIN_MS;

    do {
        if (!start_or_wait(embedded, why))
            return false;
        if (is_answering(embedded))
            return true;
    } while (clock_ms() < end_ms);
    return why_set(why, "no answer from Redis on %s within %d s%s", embedded->address.sun_path,
                   ANSWER_WITHIN_MS / 1000,
                   embedded->has_lock ? "" : ", although another process has it running there");
}

struct embedded *embedded_attach_or_start(const char *data, struct why *why)
{
    struct embedded *embedded = xcalloc(1, sizeof *embedded);

    embedded->lock_fd = -1;
    embedded->backoff_ms = BACKOFF_MIN_MS;
    if (!make_folder(data, why) || !name_files(embedded, data, why) || !open_lock(embedded, why) ||
        !bring_up(embedded, why))
        embedded_close(&embedded);
    else if (!embedded->has_lock)
        log_info(NULL, "redis.attach", "socket=%s", embedded->address.sun_path);
    return embedded;
}

static void back_off(struct embedded *embedded, int64_t now_ms)
{
    if (now_ms - embedded->started_ms > STABLE_AFTER_MS)
        embedded->backoff_ms = BACKOFF_MIN_MS;
    embedded->retry_ms = now_ms + embedded->backoff_ms;
    embedded->backoff_ms *= 2;
    if (embedded->backoff_ms > BACKOFF_MAX_MS)
        embedded->backoff_ms = BACKOFF_MAX_MS;
}

bool embedded_check(struct embedded *embedded)
{
    struct why why = { "" };
    int64_t now_ms = clock_ms();

    if (reap(embedded))
        back_off(embedded, now_ms);
    if (embedded->pid > 0 || now_ms < embedded->retry_ms || !take_lock(embedded))
        return false;
    if (start(embedded, &why))
        return true;
    log_error(NULL, "redis.start", "why=%s", log_quote(why.text, strlen(why.text)));
    back_off(embedded, now_ms);
    return false;
}

/* ---- its end ---------------------------------------------------------------------------------- */

static void end_child(struct embedded *embedded)
{
    int64_t end_ms = clock_ms() + END_WITHIN_MS;

    kill(embedded->pid, SIGTERM);
    while (waitpid(embedded->pid, NULL, WNOHANG) == 0) {
        if (clock_ms() > end_ms) {
            log_warn(NULL, "redis.kill", "pid=%d", (int)embedded->pid);
            kill(embedded->pid, SIGKILL);
            waitpid(embedded->pid, NULL, 0);
            break;
        }
        usleep(PAUSE_MS * 1000);
    }
    embedded->pid = 0;
}

void embedded_close(struct embedded **embedded)
{
    if (*embedded == NULL)
        return;
    if ((*embedded)->pid > 0)
        end_child(*embedded);
    embedded_disown(embedded);
}

void embedded_disown(struct embedded **embedded)
{
    if (*embedded == NULL)
        return;
    if ((*embedded)->lock_fd >= 0)
        close((*embedded)->lock_fd);
    free((*embedded)->url);
    free((*embedded)->folder);
    free((*embedded)->log_path);
    free(*embedded);
    *embedded = NULL;
}
