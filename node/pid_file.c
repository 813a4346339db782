/* SPDX-License-Identifier: MIT */
#include "pid_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/mem.h"

struct pid_file {
    char *path;
    int fd;
};

static bool write_pid(const struct pid_file *file, struct why *why)
{
    char text[24];
    int len = snprintf(text, sizeof text, "%d\n", (int)getpid());

    if (ftruncate(file->fd, 0) == 0 && pwrite(file->fd, text, (size_t)len, 0) == len)
        return true;
    return why_set(why, "--pid-file: cannot write %s: %s", file->path, strerror(errno));
}

static bool take(struct pid_file *file, struct why *why)
{
    char pid[24] = "";

    file->fd = open(file->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (file->fd < 0)
        return why_set(why, "--pid-file: cannot open %s: %s", file->path, strerror(errno));
    if (flock(file->fd, LOCK_EX | LOCK_NB) == 0)
        return write_pid(file, why);
    if (pread(file->fd, pid, sizeof pid - 1, 0) < 0)
        pid[0] = '\0';
    return why_set(why, "--pid-file: %s belongs to process %.*s, which is running", file->path,
                   (int)strspn(pid, "0123456789"), pid);
}

struct pid_file *pid_file_create(const char *path, struct why *why)
{
    struct pid_file *file = xcalloc(1, sizeof *file);

    file->fd = -1;
    if (path == NULL)
        return file;
    file->path = xstrdup(path);
    if (!take(file, why))
        pid_file_disown(&file);
    return file;
}

void pid_file_remove(struct pid_file **file)
{
    if (*file != NULL && (*file)->path != NULL)
        unlink((*file)->path);
    pid_file_disown(file);
}

void pid_file_disown(struct pid_file **file)
{
    if (*file == NULL)
        return;
    if ((*file)->fd >= 0)
        close((*file)->fd);
    free((*file)->path);
    free(*file);
    *file = NULL;
}
