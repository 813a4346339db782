/* SPDX-License-Identifier: MIT */
#ifndef SB_WORKERS_H
#define SB_WORKERS_H

#include "config.h"

/*
 * --workers: several processes on the same ports, each a node of its own; the kernel spreads the
 * connections. The parent only watches over them: it starts one again that has died (with back-off)
 * and passes signals on. It also owns the private Redis.
 */
struct embedded;
struct pid_file;

struct workers_options {
    const struct config *config;
    struct embedded *embedded; /* NULL: none */
    struct pid_file *pid_file;
    int (*run_one)(void *ctx);     /* in the child; returns its exit code       */
    void (*on_started)(void *ctx); /* in the parent: all have been forked       */
    void *ctx;
};

/* A worker that cannot even start leaves with this code, having said why. When it is one of the first
 * ones, all end: there is no use in trying again. */
enum { WORKER_CANNOT_START = 3 };

/* Runs until all have ended. The exit code: 0 when they were told to and did it in order. */
int workers_run(const struct workers_options *options);

#endif
