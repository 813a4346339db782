/* SPDX-License-Identifier: MIT */
#ifndef SB_RUN_H
#define SB_RUN_H

#include "config.h"

struct dialect;

/*
 * `signalbox serve`: everything around the loop. Log, background, pid file, private Redis, workers; and
 * then a server, or the watch over several. Returns the exit code.
 */
int run_node(struct config *config, const struct dialect *const *dialects, size_t dialect_count);

#endif
