/* SPDX-License-Identifier: MIT */
/*
 * One table says which options there are, which commands take them and how each is read. Whatever
 * is not in it belongs to the node, with its value: config_load() knows whether there is such a thing.
 */
#include "token_args.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "token_secret.h"

#define IN(command) (1u << (command))

enum { DAY_MS = 86400000 };
static const uint64_t ttl_max_ms = UINT64_C(3650) * DAY_MS;

static const char *const command_names[TOKEN_COMMANDS] = {
    [TOKEN_ADD] = "add",
    [TOKEN_LIST] = "list",
    [TOKEN_REVOKE] = "revoke",
};

/* ---- values --------------------------------------------------------------------------------------- */

static bool read_kind(struct token_args *args, const char *text)
{
    args->has_kind = credential_kind_parse(slice_of(text), &args->kind);
    return args->has_kind;
}

static bool read_subject(struct token_args *args, const char *text)
{
    args->subject = text;
    return key_id_is_valid(slice_of(text));
}

static bool read_realm(struct token_args *args, const char *text)
{
    args->realm = text;
    return key_id_is_valid(slice_of(text));
}

static bool read_universe(struct token_args *args, const char *text)
{
    args->universe = text;
    return key_id_is_valid(slice_of(text));
}

static bool read_secret(struct token_args *args, const char *text)
{
    args->secret = text;
    return token_secret_is_valid(slice_of(text));
}

static const struct {
    const char *name;
    uint64_t ms;
} units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "d", DAY_MS } };

/* digits unit: adds it. */
static bool take_time(const char **rest, uint64_t *ms)
{
    size_t digits = strspn(*rest, "0123456789");
    size_t letters = strspn(*rest + digits, "abcdefghijklmnopqrstuvwxyz");
    struct slice unit = { *rest + digits, letters };
    uint64_t number;

    if (!slice_to_u64((struct slice){ *rest, digits }, 0, ttl_max_ms, &number))
        return false;
    *rest += digits + letters;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (!slice_is(unit, units[i].name))
            continue;
        if (number > ttl_max_ms / units[i].ms)
            return false;
        *ms += number * units[i].ms;
        return *ms <= ttl_max_ms;
    }
    return false;
}

static bool read_ttl(struct token_args *args, const char *text)
{
    uint64_t ms = 0;

    do {
        if (!take_time(&text, &ms))
            return false;
    } while (*text != '\0');
    args->ttl_ms = (int64_t)ms;
    return ms > 0;
}

static bool read_fingerprint(struct token_args *args, const char *text)
{
    if (strlen(text) != CREDENTIAL_FINGERPRINT_SIZE - 1)
        return false;
    for (size_t i = 0; text[i] != '\0'; i++) {
        char digit = text[i] >= 'A' && text[i] <= 'F' ? (char)(text[i] + ('a' - 'A')) : text[i];

        if (strchr("0123456789abcdef", digit) == NULL)
            return false;
        args->fingerprint[i] = digit;
    }
    return true;
}

static bool read_json(struct token_args *args, const char *text)
{
    (void)text;
    args->is_json = true;
    return true;
}

/* ---- options -------------------------------------------------------------------------------------- */

static const struct token_option {
    const char *name;
    unsigned commands, required_by;
    bool (*read)(struct token_args *args, const char *text);
    const char *rule;
    bool is_switch, is_secret;
} token_options[] = {
    { "kind", IN(TOKEN_ADD) | IN(TOKEN_LIST) | IN(TOKEN_REVOKE), IN(TOKEN_ADD) | IN(TOKEN_REVOKE),
      read_kind, "universe, relay, player, server, agent or admin", false, false },
    { "subject", IN(TOKEN_ADD) | IN(TOKEN_REVOKE), IN(TOKEN_ADD) | IN(TOKEN_REVOKE), read_subject,
      "1 to 128 bytes of UTF-8 without control characters", false, false },
    { "realm", IN(TOKEN_ADD) | IN(TOKEN_REVOKE), 0, read_realm,
      "1 to 128 bytes of UTF-8 without control characters", false, false },
    { "ttl", IN(TOKEN_ADD), 0, read_ttl, "a time such as 500ms, 10s, 1h30m or 90d, up to 3650d",
      false, false },
    { "secret", IN(TOKEN_ADD), 0, read_secret,
      "1 to 512 printable ASCII characters without a blank at either end, or - to read it from "
      "standard input",
      false, true },
    { "universe", IN(TOKEN_ADD), 0, read_universe,
      "1 to 128 bytes of UTF-8 without control characters", false, false },
    { "json", IN(TOKEN_LIST), 0, read_json, "given without a value", true, false },
    { "fingerprint", IN(TOKEN_REVOKE), 0, read_fingerprint, "8 hexadecimal digits", false, false },
};

enum { OPTION_COUNT = sizeof token_options / sizeof token_options[0] };

/* "--name", "--name=value", or the same with one dash. */
static struct slice name_of(const char *arg)
{
    size_t dashes = strspn(arg, "-");

    if (dashes < 1 || dashes > 2 || arg[dashes] == '\0')
        return (struct slice){ NULL, 0 };
    return (struct slice){ arg + dashes, strcspn(arg + dashes, "=") };
}

static const struct token_option *find_option(struct slice name)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (slice_is(name, token_options[i].name))
            return &token_options[i];
    }
    return NULL;
}

static void complain(struct buf *complaints, const struct token_option *option, const char *text)
{
    if (option->is_secret)
        buf_printf(complaints, "--%s: must be %s\n", option->name, option->rule);
    else
        buf_printf(complaints, "--%s \"%.80s\": must be %s\n", option->name, text, option->rule);
}

struct reader {
    struct token_args *args;
    struct buf *complaints;
    int argc, at;
    char *const *argv;
    unsigned seen; /* a bit per option */
};

static void read_option(struct reader *reader, const struct token_option *option)
{
    const char *value = strchr(reader->argv[reader->at++], '=');

    reader->seen |= 1u << (option - token_options);
    if (value != NULL)
        value++;
    else if (!option->is_switch && reader->at < reader->argc)
        value = reader->argv[reader->at++];
    if ((option->commands & IN(reader->args->command)) == 0)
        buf_printf(reader->complaints, "--%s: has no meaning for \"token %s\"\n", option->name,
                   command_names[reader->args->command]);
    else if (value == NULL && !option->is_switch)
        buf_printf(reader->complaints, "--%s: its value is missing\n", option->name);
    else if ((option->is_switch && value != NULL) || !option->read(reader->args, value))
        complain(reader->complaints, option, value);
}

static void pass_on(struct reader *reader)
{
    struct token_args *args = reader->args;
    bool has_value = strchr(reader->argv[reader->at], '=') != NULL;

    args->node_argv[args->node_argc++] = reader->argv[reader->at++];
    if (!has_value && reader->at < reader->argc && reader->argv[reader->at][0] != '-')
        args->node_argv[args->node_argc++] = reader->argv[reader->at++];
}

static void read_all(struct reader *reader)
{
    while (reader->at < reader->argc) {
        struct slice name = name_of(reader->argv[reader->at]);
        const struct token_option *option = find_option(name);

        if (option != NULL)
            read_option(reader, option);
        else if (name.data != NULL)
            pass_on(reader);
        else
            buf_printf(reader->complaints, "\"%.80s\": an option begins with --\n",
                       reader->argv[reader->at++]);
    }
}

static void check_together(const struct reader *reader)
{
    const struct token_args *args = reader->args;

    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if ((token_options[i].required_by & IN(args->command)) != 0 &&
            (reader->seen & (1u << i)) == 0)
            buf_printf(reader->complaints, "--%s: is missing\n", token_options[i].name);
    }
    if (args->universe != NULL && args->has_kind && args->kind != CREDENTIAL_SERVER)
        buf_add_text(reader->complaints, "--universe: only a server token is bound to one\n");
}

bool token_args_parse(int argc, char *const argv[], struct token_args *args_out,
                      struct buf *complaints)
{
    struct reader reader = {
        .args = args_out,
        .complaints = complaints,
        .argc = argc,
        .at = 1,
        .argv = argv,
    };
    int command = 0;

    *args_out = (struct token_args){ .realm = "default" };
    args_out->node_argv = xcalloc((size_t)argc + 1, sizeof *args_out->node_argv);
    while (command < TOKEN_COMMANDS && (argc == 0 || strcmp(argv[0], command_names[command]) != 0))
        command++;
    if (command == TOKEN_COMMANDS) {
        buf_printf(complaints, "\"%.80s\": must be add, list or revoke\n", argc > 0 ? argv[0] : "");
        return false;
    }
    args_out->command = (enum token_command)command;
    read_all(&reader);
    check_together(&reader);
    return complaints->len == 0;
}

void token_args_fini(struct token_args *args)
{
    free(args->node_argv);
    args->node_argv = NULL;
}
