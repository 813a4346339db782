/* SPDX-License-Identifier: MIT */
#ifndef SB_BASE_LOG_H
#define SB_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/result.h"

/*
 * The process' one log: lines of a constant event name and fields, as text or as JSON.
 *
 *     info ws.close conn=71 dialect=push reason=slow_reader age_ms=8120
 *
 * error: someone must act. warn: we run degraded. info: life. debug: states.
 * Never payloads or secrets. What a peer can cause is logged through log_peer().
 */
enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_TEXT, LOG_JSON };

/* Opens `path` for appending, or standard error when it is NULL. Until then, and when it fails,
 * lines go to standard error as text. */
bool log_open(const char *path, enum log_format format, enum log_level level,
              struct why *why) MUST_CHECK;

/* Opens the same path again (after a rotation). When that fails the old file stays in use. */
bool log_reopen(struct why *why) MUST_CHECK;

void log_set_level(enum log_level level);
bool log_is_on(enum log_level level);

/* Where a line comes from: printed before the line's own fields, so "conn=71 dialect=push". An
 * object keeps its own; NULL is allowed wherever one is asked for. */
struct log {
    char context[80];
};

/* `format` yields fields: name=value, separated by one blank; a value that may hold blanks or
 * quotes is passed through log_quote(). With LOG_JSON the fields become members. */
void log_write(enum log_level level, const struct log *log, const char *event, const char *format,
               ...) PRINTF_LIKE(4, 5);

#define log_error(log, event, ...) log_write(LOG_ERROR, log, event, __VA_ARGS__)
#define log_warn(log, event, ...)  log_write(LOG_WARN, log, event, __VA_ARGS__)
#define log_info(log, event, ...)  log_write(LOG_INFO, log, event, __VA_ARGS__)
#define log_debug(log, event, ...)                                                                 \
    do {                                                                                           \
        if (log_is_on(LOG_DEBUG))                                                                  \
            log_write(LOG_DEBUG, log, event, __VA_ARGS__);                                         \
    } while (0)

/* A place in the code that peers can reach at will: at most ten lines a second each; the next
 * line that passes says how many were left out (suppressed=N). */
struct log_limit {
    int64_t second;
    uint32_t lines, suppressed;
};
bool log_limit_passes(struct log_limit *limit);
uint32_t log_limit_take_suppressed(struct log_limit *limit);

#define log_peer(level, log, event, format, ...)                                                   \
    do {                                                                                           \
        static struct log_limit limit_;                                                            \
        if (log_is_on(level) && log_limit_passes(&limit_))                                         \
            log_write(level, log, event, format " suppressed=%u", __VA_ARGS__,                     \
                      log_limit_take_suppressed(&limit_));                                         \
    } while (0)

/* `len` bytes of `data` as one quoted value, control characters escaped, cut at 64 bytes.
 * The text lives in one of four static buffers, until the fourth next call. */
const char *log_quote(const char *data, size_t len);

#endif
