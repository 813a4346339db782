/* SPDX-License-Identifier: MIT */
/* Arguments in, exit code out: 0 good, 1 failed, 2 wrong usage. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "config.h"
#include "node.h"
#include "run.h"
#include "token_cli.h"

enum { EXIT_GOOD = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, TEXT_MAX = 262144 };

static const char usage[] =
    "signalbox: keeps game servers, bots and players' apps in touch.\n"
    "\n"
    "  signalbox [serve] [OPTION…]             serve until SIGTERM\n"
    "  signalbox token add|list|revoke …       credentials; `signalbox token` says more\n"
    "  signalbox check-config [OPTION…]        look at the options, and do nothing else\n"
    "  signalbox version\n"
    "  signalbox help\n";

/* Each connection is a descriptor. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static struct config *load(int argc, char **argv)
{
    struct buf complaints;
    struct config *config;

    buf_init(&complaints, TEXT_MAX);
    config = config_load(argc, argv, environ, &complaints);
    fwrite(buf_slice(&complaints).data, 1, complaints.len, stderr);
    buf_fini(&complaints);
    return config;
}

static int print(void (*add)(struct buf *out))
{
    struct buf out;
    size_t written;

    buf_init(&out, TEXT_MAX);
    add(&out);
    written = fwrite(buf_slice(&out).data, 1, out.len, stdout);
    buf_fini(&out);
    return written > 0 && fflush(stdout) == 0 ? EXIT_GOOD : EXIT_FAILED;
}

/* ---- commands --------------------------------------------------------------------------------- */

static int serve(int argc, char **argv)
{
    struct config *config = load(argc, argv);
    int code;

    if (config == NULL)
        return EXIT_USAGE;
    raise_descriptor_limit();
    code = run_node(config, dialects, dialect_count);
    config_free(&config);
    return code;
}

static int check_config(int argc, char **argv)
{
    struct config *config = load(argc, argv);
    struct why why = { "" };
    bool is_good;

    if (config == NULL)
        return EXIT_USAGE;
    is_good = config_has_known_driver(config, &why) && config_has_safe_keys(config, &why);
    config_free(&config);
    if (is_good)
        puts("the options are good");
    else
        fprintf(stderr, "%s\n", why.text);
    return is_good ? EXIT_GOOD : EXIT_FAILED;
}

static int version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    puts("signalbox " SIGNALBOX_VERSION);
    return EXIT_GOOD;
}

static void add_help(struct buf *out)
{
    buf_add_text(out, usage);
    config_print_help(out);
}

static int help(int argc, char **argv)
{
    bool is_page = argc > 0 && strcmp(argv[0], "--markdown") == 0;

    return print(is_page ? config_print_page : add_help);
}

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {
    { "serve", serve },      { "token", token_main }, { "check-config", check_config },
    { "version", version },  { "help", help },        { "--version", version },
    { "-version", version },
};

static bool asks_for_help(int argc, char **argv)
{
    static const char *const words[] = { "--help", "-help", "-h" };

    for (int i = 0; i < argc; i++)
        for (size_t at = 0; at < sizeof words / sizeof words[0]; at++)
            if (strcmp(argv[i], words[at]) == 0)
                return true;
    return false;
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

int main(int argc, char **argv)
{
    const struct command *command;

    signal(SIGPIPE, SIG_IGN);
    argc--;
    argv++;
    command = argc > 0 ? find_command(argv[0]) : NULL;
    if (asks_for_help(argc, argv) && (command == NULL || command->run != token_main))
        return help(0, NULL);
    if (command != NULL)
        return command->run(argc - 1, argv + 1);
    if (argc == 0 || argv[0][0] == '-')
        return serve(argc, argv);
    fprintf(stderr, "%s: there is no such command\n\n%s", argv[0], usage);
    return EXIT_USAGE;
}
