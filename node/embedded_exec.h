/* SPDX-License-Identifier: MIT */
#ifndef SB_EMBEDDED_EXEC_H
#define SB_EMBEDDED_EXEC_H

#include <sys/types.h>

#include "base/result.h"

struct embedded_command {
    const char *folder, *socket_path, *log_path; /* absolute */
    int lock_fd;                                 /* redis-server inherits it */
};

/* Starts redis-server. It is asked to end (SIGTERM) when the calling thread ends. 0 with `why` when it
 * cannot be started. */
pid_t embedded_exec(const struct embedded_command *command, struct why *why);

#endif
