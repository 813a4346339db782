/* SPDX-License-Identifier: MIT */
/*
 * A line is put together in one static buffer and handed to the kernel in one write(2), so that
 * several processes can append to one file. The log may never hold up the loop: a line is at most
 * PIPE_BUF bytes, and a pipe or terminal that has no room for one loses it. What was lost is counted
 * and said in the next line that gets through.
 */
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log_text.h"
#include "base/mem.h"

enum { LINE_MAX_BYTES = PIPE_BUF, TAIL_BYTES = 32, LINES_PER_SECOND = 10, QUOTES = 4 };

static const char *const level_names[] = { "debug", "info", "warn", "error" };

static struct {
    char *path; /* NULL: standard error */
    int fd;
    enum log_format format;
    enum log_level level;
    struct buf line;
    uint64_t lost;
    bool is_torn; /* the last line was written in part */
} sink = { .fd = STDERR_FILENO, .format = LOG_TEXT, .level = LOG_INFO };

static int open_for_appending(const char *path, struct why *why)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);

    if (fd < 0)
        why_set(why, "cannot write the log file %s: %s", path, strerror(errno));
    return fd;
}

static void use_fd(int fd)
{
    if (sink.fd != STDERR_FILENO)
        close(sink.fd);
    sink.fd = fd;
    sink.is_torn = false;
}

bool log_open(const char *path, enum log_format format, enum log_level level, struct why *why)
{
    int fd = path != NULL ? open_for_appending(path, why) : STDERR_FILENO;

    if (fd < 0)
        return false;
    use_fd(fd);
    free(sink.path);
    sink.path = path != NULL ? xstrdup(path) : NULL;
    sink.format = format;
    sink.level = level;
    return true;
}

bool log_reopen(struct why *why)
{
    int fd;

    if (sink.path == NULL)
        return true;
    fd = open_for_appending(sink.path, why);
    if (fd < 0)
        return false;
    use_fd(fd);
    return true;
}

void log_set_level(enum log_level level)
{
    sink.level = level;
}

bool log_is_on(enum log_level level)
{
    return level >= sink.level;
}

/* POLLOUT promises a pipe's writer room for PIPE_BUF bytes. */
static bool has_room(void)
{
    struct pollfd poller = { .fd = sink.fd, .events = POLLOUT };

    return poll(&poller, 1, 0) == 1 && (poller.revents & POLLOUT) != 0;
}

static void put_line(void)
{
    ssize_t written;

    buf_add_byte(&sink.line, '\n');
    if (!has_room()) {
        sink.lost++;
        return;
    }
    do {
        written = write(sink.fd, sink.line.data, sink.line.len);
    } while (written < 0 && errno == EINTR);
    if (written < 0 || (size_t)written < sink.line.len)
        sink.lost++;
    if (written > 0)
        sink.is_torn = (size_t)written < sink.line.len;
}

/* Everything but the line feed; the fields end where the line is full. */
static void make_line(enum log_level level, const char *event, struct slice fields)
{
    struct buf *line = &sink.line;
    char now[CLOCK_RFC3339_SIZE];

    if (line->max == 0)
        buf_init(line, LINE_MAX_BYTES);
    buf_clear(line);
    if (sink.is_torn)
        buf_add_byte(line, '\n');
    clock_format(clock_wall_ms(), now);
    if (sink.format == LOG_JSON)
        buf_printf(line, "{\"time\":\"%s\",\"level\":\"%s\",\"event\":\"%s\"", now,
                   level_names[level], event);
    else
        buf_printf(line, "%s %s %s", now, level_names[level], event);
    line->max = LINE_MAX_BYTES - TAIL_BYTES;
    if (sink.format == LOG_JSON)
        log_text_add_members(line, fields);
    else
        log_text_add_plain(line, fields);
    line->max = LINE_MAX_BYTES;
    line->has_overflowed = false;
    if (sink.format == LOG_JSON)
        buf_add_byte(line, '}');
}

static void confess_losses(void)
{
    char text[48];
    uint64_t lost = sink.lost;

    if (lost == 0 || !has_room())
        return;
    snprintf(text, sizeof text, "lines=%llu", (unsigned long long)lost);
    sink.lost = 0;
    make_line(LOG_WARN, "log.lost", slice_of(text));
    put_line();
    if (sink.lost > 0)
        sink.lost = lost; /* this line is not one that anybody misses */
}

void log_write(enum log_level level, const struct log *log, const char *event, const char *format,
               ...)
{
    char fields[LINE_MAX_BYTES];
    size_t len = 0;
    va_list args;
    int errno_before = errno;

    if (!log_is_on(level))
        return;
    if (log != NULL && log->context[0] != '\0')
        len = (size_t)snprintf(fields, sizeof fields, "%s ", log->context);
    va_start(args, format);
    vsnprintf(fields + len, sizeof fields - len, format, args);
    va_end(args);
    confess_losses();
    make_line(level, event, slice_trim(slice_of(fields)));
    put_line();
    errno = errno_before;
}

bool log_limit_passes(struct log_limit *limit)
{
    int64_t second = clock_ms() / 1000;

    if (limit->second != second) {
        limit->second = second;
        limit->lines = 0;
    }
    if (limit->lines < LINES_PER_SECOND) {
        limit->lines++;
        return true;
    }
    limit->suppressed++;
    return false;
}

uint32_t log_limit_take_suppressed(struct log_limit *limit)
{
    uint32_t suppressed = limit->suppressed;

    limit->suppressed = 0;
    return suppressed;
}

const char *log_quote(const char *data, size_t len)
{
    static struct buf texts[QUOTES];
    static unsigned next;
    struct buf *text = &texts[next++ % QUOTES];

    if (text->max == 0)
        buf_init(text, LOG_TEXT_QUOTED_MAX);
    buf_clear(text);
    log_text_quote(text, (struct slice){ data, len });
    return text->data;
}
