/* SPDX-License-Identifier: MIT */
/*
 * One operation on the store, on a loop of its own: connect, do it, print, leave. Whatever takes
 * longer than the deadline has failed; each of the operations is safe to repeat.
 */
#include "token_cli.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "base/log.h"
#include "config.h"
#include "embedded.h"
#include "token_args.h"
#include "token_print.h"
#include "token_secret.h"

enum { EXIT_GOOD = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };
enum {
    DEADLINE_MS = 10000,
    COMPLAINTS_MAX = 65536,
};

static const char usage[] =
    "signalbox token add --kind KIND --subject NAME [--realm R] [--ttl D] [--secret S|-]\n"
    "                    [--universe U]\n"
    "    Stores a credential and prints its secret, and nothing else, on standard output.\n"
    "    KIND is universe, relay, player, server, agent or admin; for a universe NAME is its id.\n"
    "    Without --secret one is made; \"-\" reads it from standard input. --universe binds a\n"
    "    server token to one universe. A subject may have several secrets at a time.\n"
    "\n"
    "signalbox token list [--kind KIND] [--json]\n"
    "    Shows kind, subject, realm, fingerprint and expiry of each; never a secret.\n"
    "\n"
    "signalbox token revoke --kind KIND --subject NAME [--realm R] [--fingerprint F]\n"
    "    Ends all secrets of the subject in the realm, or one. Open connections end with it.\n"
    "\n"
    "    --redis URL, --data DIR and --config FILE mean what they mean for `signalbox serve`.\n";

struct run {
    struct token_args args;
    const struct config *config;
    struct embedded *embedded;
    uv_loop_t loop;
    uv_timer_t deadline;
    struct store *store;
    struct store_op *slot;
    char secret[CREDENTIAL_SECRET_MAX + 1];
    struct credential credential;
    struct token_printer printer;
    int listing; /* the kind that is being listed */
    bool has_started;
    int code; /* -1: not over yet */
};

/* ---- how it ends ------------------------------------------------------------------------------------ */

static void finish(struct run *run, int code)
{
    if (run->code < 0)
        run->code = code;
    uv_stop(&run->loop);
}

static const char *explain(enum result result)
{
    switch (result) {
    case RESULT_OK:
        return "done";
    case RESULT_NOT_FOUND:
        return "there is no such credential";
    case RESULT_CONFLICT:
        return "this secret is already known for another subject or realm";
    case RESULT_UNAVAILABLE:
        return "Redis is out of reach. Repeating it is safe";
    case RESULT_UNCERTAIN:
        return "Redis gave no answer: it may have happened. Repeating it is safe";
    default:
        return "it was refused";
    }
}

static void fail(struct run *run, enum result result)
{
    fprintf(stderr, "signalbox token: %s\n", explain(result));
    finish(run, EXIT_FAILED);
}

static void on_deadline(uv_timer_t *timer)
{
    struct run *run = timer->data;

    fprintf(stderr, "signalbox token: Redis gave no answer within %d s%s\n", DEADLINE_MS / 1000,
            run->has_started ? ": it may have happened. Repeating it is safe" : "");
    finish(run, EXIT_FAILED);
}

/* ---- add --------------------------------------------------------------------------------------------- */

/* EXIT_GOOD when there is a secret. */
static int choose_secret(struct run *run)
{
    if (run->args.secret == NULL) {
        if (token_secret_make(run->secret))
            return EXIT_GOOD;
        fprintf(stderr, "signalbox token: the system gave no random bytes\n");
        return EXIT_FAILED;
    }
    if (strcmp(run->args.secret, "-") != 0) {
        snprintf(run->secret, sizeof run->secret, "%s", run->args.secret);
        return EXIT_GOOD;
    }
    if (token_secret_read(stdin, run->secret))
        return EXIT_GOOD;
    fprintf(stderr, "signalbox token: the secret on standard input must be 1 to 512 printable "
                    "ASCII characters without a blank at either end\n");
    return EXIT_USAGE;
}

static void on_added(enum result result, void *ctx)
{
    struct run *run = ctx;
    char expiry[CLOCK_RFC3339_SIZE], fingerprint[CREDENTIAL_FINGERPRINT_SIZE];

    if (result != RESULT_OK) {
        fail(run, result);
        return;
    }
    if (printf("%s\n", run->secret) < 0 || fflush(stdout) != 0) {
        fprintf(stderr, "signalbox token: the secret is stored but could not be printed\n");
        finish(run, EXIT_FAILED);
        return;
    }
    credential_fingerprint(&run->credential.digest, fingerprint);
    token_format_expiry(run->credential.expires_ms, expiry);
    fprintf(stderr, "added: kind=%s subject=%s realm=%s fingerprint=%s expires=%s\n",
            credential_kind_name(run->args.kind), run->args.subject, run->args.realm, fingerprint,
            expiry);
    finish(run, EXIT_GOOD);
}

static void start_add(struct run *run)
{
    run->credential = (struct credential){
        .kind = run->args.kind,
        .subject = slice_of(run->args.subject),
        .realm = slice_of(run->args.realm),
        .universe = slice_of(run->args.universe),
        .expires_ms = run->args.ttl_ms > 0 ? store_now_ms(run->store) + run->args.ttl_ms : 0,
    };
    credential_digest(slice_of(run->secret), &run->credential.digest);
    credential_add(run->store, &run->credential, on_added, run, &run->slot);
}

/* ---- list -------------------------------------------------------------------------------------------- */

static void on_listed(enum result result, const struct credential *credentials, size_t count,
                      void *ctx)
{
    struct run *run = ctx;

    if (result != RESULT_OK) {
        fail(run, result);
        return;
    }
    for (size_t i = 0; i < count; i++)
        token_print(&run->printer, &credentials[i]);
    run->listing++;
    if (!run->args.has_kind && run->listing < CREDENTIAL_KINDS) {
        credential_list(run->store, (enum credential_kind)run->listing, on_listed, run, &run->slot);
        return;
    }
    token_print_end(&run->printer);
    finish(run, fflush(stdout) == 0 ? EXIT_GOOD : EXIT_FAILED);
}

static void start_list(struct run *run)
{
    run->printer.is_json = run->args.is_json;
    run->listing = run->args.has_kind ? (int)run->args.kind : 0;
    credential_list(run->store, (enum credential_kind)run->listing, on_listed, run, &run->slot);
}

/* ---- revoke ------------------------------------------------------------------------------------------ */

static void on_revoked(enum result result, size_t revoked, void *ctx)
{
    struct run *run = ctx;

    if (result != RESULT_OK) {
        fail(run, result);
        return;
    }
    fprintf(stderr, "revoked: %zu\n", revoked);
    finish(run, EXIT_GOOD);
}

static void start_revoke(struct run *run)
{
    const char *fingerprint = run->args.fingerprint[0] != '\0' ? run->args.fingerprint : NULL;

    credential_revoke(run->store, run->args.kind, slice_of(run->args.subject),
                      slice_of(run->args.realm), fingerprint, on_revoked, run, &run->slot);
}

/* ---- the run ----------------------------------------------------------------------------------------- */

static void (*const starts[TOKEN_COMMANDS])(struct run *run) = {
    [TOKEN_ADD] = start_add,
    [TOKEN_LIST] = start_list,
    [TOKEN_REVOKE] = start_revoke,
};

static void on_state(bool is_up, void *ctx)
{
    struct run *run = ctx;

    if (!is_up || run->has_started)
        return;
    run->has_started = true;
    starts[run->args.command](run);
}

/* The Redis to use; NULL when there is none. */
static const char *find_redis(struct run *run, struct why *why)
{
    if (run->config->redis != NULL)
        return run->config->redis;
    run->embedded = embedded_attach_or_start(run->config->data, why);
    return run->embedded != NULL ? embedded_url(run->embedded) : NULL;
}

static void operate(struct run *run, const char *url, struct why *why)
{
    struct store_options options = {
        .url = url,
        .timeout_ms = run->config->redis_timeout_ms,
        .wait_ms = run->config->redis_wait_ms,
        .pending_max = run->config->redis_pending_max,
        .pending_bytes = run->config->redis_pending_bytes,
    };

    run->store = store_open(&run->loop, &options, on_state, run, why);
    if (run->store == NULL)
        return;
    uv_timer_init(&run->loop, &run->deadline);
    run->deadline.data = run;
    uv_timer_start(&run->deadline, on_deadline, DEADLINE_MS, 0);
    uv_run(&run->loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&run->deadline, NULL);
    store_cancel(&run->slot);
    store_close(&run->store);
}

static int run_command(struct run *run)
{
    struct why why = { "" };
    const char *url;

    uv_loop_init(&run->loop);
    url = find_redis(run, &why);
    if (url != NULL)
        operate(run, url, &why);
    uv_run(&run->loop, UV_RUN_DEFAULT);
    uv_loop_close(&run->loop);
    embedded_close(&run->embedded);
    if (run->code < 0)
        fprintf(stderr, "signalbox token: %s\n", why.text);
    return run->code >= 0 ? run->code : EXIT_FAILED;
}

static int run_with_config(struct run *run, struct buf *complaints)
{
    struct config *config =
        config_load(run->args.node_argc, run->args.node_argv, environ, complaints);
    int code;

    if (config == NULL)
        return EXIT_USAGE;
    run->config = config;
    log_set_level(LOG_WARN);
    code = run->args.command == TOKEN_ADD ? choose_secret(run) : EXIT_GOOD;
    if (code == EXIT_GOOD)
        code = run_command(run);
    OPENSSL_cleanse(run->secret, sizeof run->secret);
    config_free(&config);
    return code;
}

static bool asks_for_help(int argc, char *const argv[])
{
    return argc > 0 && (strcmp(argv[0], "help") == 0 || strcmp(argv[argc - 1], "--help") == 0 ||
                        strcmp(argv[argc - 1], "-h") == 0);
}

int token_main(int argc, char **argv)
{
    struct run run = { .code = -1 };
    struct buf complaints;
    int code = EXIT_USAGE;

    if (argc == 0 || asks_for_help(argc, argv)) {
        fputs(usage, argc == 0 ? stderr : stdout);
        return argc == 0 ? EXIT_USAGE : EXIT_GOOD;
    }
    buf_init(&complaints, COMPLAINTS_MAX);
    if (token_args_parse(argc, argv, &run.args, &complaints))
        code = run_with_config(&run, &complaints);
    fwrite(buf_slice(&complaints).data, 1, complaints.len, stderr);
    token_args_fini(&run.args);
    buf_fini(&complaints);
    return code;
}
