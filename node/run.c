/* SPDX-License-Identifier: MIT */
/*
 * The order matters: the process goes to the background before it has children, because they end with
 * the process that forked them; the pid file comes after that, and before anything that takes time.
 */
#include "run.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "daemon.h"
#include "embedded.h"
#include "pid_file.h"
#include "server.h"
#include "workers.h"

enum { EXIT_GOOD = 0, EXIT_FAILED = 1 };

struct run {
    struct config *config;
    const struct dialect *const *dialects;
    size_t dialect_count;
    struct daemon *daemon;
    struct pid_file *pid_file;
    struct embedded *embedded;
    char *redis_url;
};

/* What a person must mend: in the log, and on the terminal when the log is elsewhere. */
static void complain(const struct config *config, const struct why *why)
{
    log_error(NULL, "start.failed", "%s", why->text);
    if (config->log_file != NULL)
        fprintf(stderr, "%s\n", why->text);
}

static bool prepare(struct run *run, struct why *why)
{
    struct config *config = run->config;

    if (!log_open(config->log_file, config->log_format, config->log_level, why))
        return false;
    if (config->daemon) {
        run->daemon = daemon_enter(why);
        if (run->daemon == NULL)
            return false;
    }
    run->pid_file = pid_file_create(config->pid_file, why);
    if (run->pid_file == NULL)
        return false;
    if (config->redis == NULL) {
        run->embedded = embedded_attach_or_start(config->data, why);
        if (run->embedded == NULL)
            return false;
    }
    run->redis_url = xstrdup(run->embedded != NULL ? embedded_url(run->embedded) : config->redis);
    return true;
}

static struct server *create_server(const struct run *run, struct embedded *embedded)
{
    const struct server_setup setup = {
        .config = run->config,
        .redis_url = run->redis_url,
        .dialects = run->dialects,
        .dialect_count = run->dialect_count,
        .embedded = embedded,
    };
    struct why why = { "" };
    struct server *server = server_create(&setup, &why);

    if (server == NULL)
        complain(run->config, &why);
    return server;
}

/* ---- one process ------------------------------------------------------------------------------ */

static int serve_alone(struct run *run)
{
    struct server *server = create_server(run, run->embedded);
    int code;

    if (server == NULL)
        return EXIT_FAILED;
    daemon_ready(&run->daemon);
    code = server_run(server);
    if (code != EXIT_GOOD) { /* at once: the private Redis ends because we do */
        pid_file_remove(&run->pid_file);
        _exit(code);
    }
    server_destroy(&server);
    return code;
}

/* ---- several ---------------------------------------------------------------------------------- */

static int serve_as_worker(void *ctx)
{
    struct run *run = ctx;
    struct server *server = create_server(run, NULL); /* the parent looks after Redis */
    int code;

    if (server == NULL)
        return WORKER_CANNOT_START;
    code = server_run(server);
    if (code != EXIT_GOOD)
        _exit(code);
    server_destroy(&server);
    config_free(&run->config);
    free(run->redis_url);
    return code;
}

static void on_started(void *ctx)
{
    struct run *run = ctx;

    daemon_ready(&run->daemon);
}

static int serve_together(struct run *run)
{
    const struct workers_options options = {
        .config = run->config,
        .embedded = run->embedded,
        .pid_file = run->pid_file,
        .run_one = serve_as_worker,
        .on_started = on_started,
        .ctx = run,
    };

    return workers_run(&options);
}

int run_node(struct config *config, const struct dialect *const *dialects, size_t dialect_count)
{
    struct run run = { .config = config, .dialects = dialects, .dialect_count = dialect_count };
    struct why why = { "" };
    int code = EXIT_FAILED;

    if (!prepare(&run, &why))
        complain(config, &why);
    else
        code = config->workers > 1 ? serve_together(&run) : serve_alone(&run);
    embedded_close(&run.embedded);
    pid_file_remove(&run.pid_file);
    free(run.redis_url);
    log_info(NULL, "process.end", "code=%d", code);
    return code;
}
