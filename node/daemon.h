/* SPDX-License-Identifier: MIT */
#ifndef SB_DAEMON_H
#define SB_DAEMON_H

#include "base/result.h"

/*
 * --daemon. Forks before anything else lives: the parent waits, and leaves with 0 once the child has
 * called daemon_ready(), or with the child's own exit code if that ends before. Until then the child's
 * messages go to the terminal.
 */
struct daemon;

/* Returns in the child alone. NULL with `why` when there can be none. */
struct daemon *daemon_enter(struct why *why);

/* Lets the parent go and cuts the ties to the terminal. Accepts NULL, leaves NULL. */
void daemon_ready(struct daemon **daemon);

#endif
