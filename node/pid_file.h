/* SPDX-License-Identifier: MIT */
#ifndef SB_PID_FILE_H
#define SB_PID_FILE_H

#include "base/result.h"

/*
 * --pid-file: our process id, a line feed behind it. The file is locked as long as we run: one that a
 * dead process left is overwritten, one of a living process is refused.
 */
struct pid_file;

/* A NULL path makes one that is no file. NULL with `why` when it cannot be. */
struct pid_file *pid_file_create(const char *path, struct why *why);

/* Removes the file. Accepts NULL, leaves NULL. */
void pid_file_remove(struct pid_file **file);

/* For a forked child: closes our copy and leaves the file. */
void pid_file_disown(struct pid_file **file);

#endif
