/* SPDX-License-Identifier: MIT */
#ifndef SB_MAILBOX_WIRE_H
#define SB_MAILBOX_WIRE_H

#include "base/buf.h"

/* The bodies of the mailbox dialect: bytes ↔ what they mean. */
enum { COMMAND_JOBS_MAX = 1000, COMMAND_TTL_MAX_S = 86400, COMMAND_TTL_DEFAULT_S = 60 };

/* What a POST /api/v1/commands asks for. */
struct command {
    struct slice *jobs; /* valid ids, each once; none: all live ones of `universe`  */
    size_t job_count;
    bool is_list;          /* they came as jobIds                                      */
    struct slice universe; /* nothing unless it stands for its jobs                    */
    struct slice payload;  /* borrowed from the body                                   */
    struct slice once;     /* nothing without an id                                    */
    uint32_t ttl_ms;
    struct buf text; /* what the others point to                                 */
};

/* Fills a zero-initialised command, or returns which member is wrong and how, in words. command_fini()
 * is due in both cases. */
const char *command_parse(struct slice body, struct command *command);
void command_fini(struct command *command);

/* {"results":[{"jobId":"…","status":"…"},…]}: each row after the other between start and end. */
void results_start(struct buf *out);
void results_add(struct buf *out, struct slice job, const char *status);
void results_end(struct buf *out);

struct job_row {
    struct slice job, universe;
    int64_t last_seen_ms;
    uint64_t waiting;
};

/* {"jobId":"…","universeId":"…","lastSeen":…,"integrated":true,"waiting":…} */
void job_write(struct buf *out, const struct job_row *row);

/* {"jobs":[{"jobId":"…","universeId":"…","lastSeen":…,"waiting":…},…]} */
void jobs_start(struct buf *out);
void jobs_add(struct buf *out, const struct job_row *row);
void jobs_end(struct buf *out);

#endif
