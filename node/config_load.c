/* SPDX-License-Identifier: MIT */
/*
 * The sources of options, each laid over the one before: defaults, file, environment, flags. A wrong
 * value is a complaint wherever it stands, also where a later source would win over it.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/list.h"
#include "base/mem.h"
#include "config_option.h"

struct loaded {
    struct config config; /* the first member: what the others see */
    int argc;
    char *const *argv, *const *environ_;
};

/* Options being read from one source. */
struct source {
    struct config *config;
    struct buf *complaints;
    const char *path;   /* of the file, else NULL              */
    bool *has_been_set; /* by option: a list's first item here replaces what earlier sources said */
};

enum { SHOWN_MAX = 80 };

static void complain(struct source *source, const char *where, const struct option *option,
                     const char *text)
{
    struct buf *out = source->complaints;

    if (source->path != NULL)
        buf_printf(out, "%s: ", source->path);
    if (option_is_public(option))
        buf_printf(out, "%s \"%.*s\": must be ", where, SHOWN_MAX, text);
    else
        buf_printf(out, "%s: must be ", where);
    option_print_rule(option, out);
    buf_add_byte(out, '\n');
}

static void set_option(struct source *source, const char *where, const struct option *option,
                       const char *text)
{
    bool *has_been_set = &source->has_been_set[option - options];

    if (option_is_list(option) && !*has_been_set)
        option_clear(option, source->config);
    *has_been_set = true;
    if (!option_parse(option, source->config, text))
        complain(source, where, option, text);
}

static void source_open(struct source *source, struct config *config, struct buf *complaints)
{
    *source = (struct source){ config, complaints, NULL, xcalloc(option_count, sizeof(bool)) };
}

static void source_close(struct source *source)
{
    free(source->has_been_set);
}

/* ---- defaults --------------------------------------------------------------------------------- */

static char *default_data(void)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    char path[4096] = "/var/lib/signalbox";

    if (geteuid() != 0 && state != NULL && state[0] == '/')
        snprintf(path, sizeof path, "%s/signalbox", state);
    else if (geteuid() != 0 && home != NULL && home[0] == '/')
        snprintf(path, sizeof path, "%s/.local/state/signalbox", home);
    return xstrdup(path);
}

static void read_defaults(struct config *config)
{
    for (size_t i = 0; i < option_count; i++) {
        bool is_good = option_parse(&options[i], config, options[i].value);

        assert(is_good);
        (void)is_good;
    }
}

/* ---- flags: -name value, --name value, --name=value; a bool's value may be left out ------------- */

struct flag {
    struct slice name;
    const char *value;                /* NULL: it is the next argument        */
    const struct option *option;      /* NULL: there is none                  */
    const struct option_alias *alias; /* NULL: that is the option's own name  */
};

static bool flag_parse(const char *argument, struct flag *flag)
{
    const char *name = argument, *equals;

    if (name[0] != '-')
        return false;
    name += name[1] == '-' ? 2 : 1;
    equals = strchr(name, '=');
    flag->name = (struct slice){ name, equals != NULL ? (size_t)(equals - name) : strlen(name) };
    flag->value = equals != NULL ? equals + 1 : NULL;
    flag->alias = NULL;
    flag->option = option_find(flag->name);
    if (flag->option == NULL)
        flag->alias = option_alias_find(flag->name, &flag->option);
    return flag->name.len > 0;
}

/* The value, which may be the argument behind it; NULL: it is missing. */
static const char *flag_value(const struct flag *flag, int argc, char *const argv[], int *at)
{
    if (flag->value != NULL)
        return flag->value;
    if (flag->option->type == OPTION_BOOL)
        return "true";
    return *at + 1 < argc ? argv[++*at] : NULL;
}

/* What is not of the alias' form is the option's to complain about. */
static const char *flag_text(const struct flag *flag, const char *value,
                             char room[OPTION_ALIAS_ROOM])
{
    const char *text =
        flag->alias != NULL ? option_alias_read(flag->option, flag->alias, value, room) : value;

    return text != NULL ? text : value;
}

typedef void flag_fn(const struct option *option, const char *value, void *ctx);

/* Calls `on_flag` for each flag that has an option and a value. `complaints` may be NULL. */
static void each_flag(int argc, char *const argv[], struct buf *complaints, flag_fn *on_flag,
                      void *ctx)
{
    struct buf ignored;

    buf_init(&ignored, 0);
    if (complaints == NULL)
        complaints = &ignored;
    for (int i = 0; i < argc; i++) {
        char room[OPTION_ALIAS_ROOM];
        struct flag flag;
        const char *value;

        if (!flag_parse(argv[i], &flag)) {
            buf_printf(complaints, "%.*s: this is no option\n", SHOWN_MAX, argv[i]);
            continue;
        }
        if (flag.option == NULL) {
            buf_printf(complaints, "%.*s: there is no such option\n", SHOWN_MAX, argv[i]);
            i += flag.value == NULL && i + 1 < argc && argv[i + 1][0] != '-'; /* its value */
            continue;
        }
        value = flag_value(&flag, argc, argv, &i);
        if (value != NULL)
            on_flag(flag.option, flag_text(&flag, value, room), ctx);
        else
            buf_printf(complaints, "--%s: needs a value\n", flag.option->name);
    }
}

static void on_flag_read(const struct option *option, const char *value, void *ctx)
{
    char where[OPTION_ENV_MAX];

    snprintf(where, sizeof where, "--%s", option->name);
    set_option(ctx, where, option, value);
}

/* ---- environment: an empty variable counts as unset, because that is how people unset one -------- */

static const char *env_value(char *const environ_[], const char *name)
{
    size_t len = strlen(name);

    for (; environ_ != NULL && *environ_ != NULL; environ_++)
        if (strncmp(*environ_, name, len) == 0 && (*environ_)[len] == '=')
            return (*environ_)[len + 1] != '\0' ? *environ_ + len + 1 : NULL;
    return NULL;
}

/* A variable of an alias that is not of its form counts as unset. */
static void read_aliases(struct source *source, char *const environ_[], const struct option *option)
{
    const struct option_alias *alias = NULL;
    const char *value = NULL;
    char room[OPTION_ALIAS_ROOM];

    while (value == NULL && (alias = option_alias_next(option, alias)) != NULL) {
        if (alias->variable != NULL)
            value = env_value(environ_, alias->variable);
        if (value != NULL)
            value = option_alias_read(option, alias, value, room);
        if (value != NULL)
            set_option(source, alias->variable, option, value);
    }
}

static void read_environment(struct source *source, char *const environ_[])
{
    for (size_t i = 0; i < option_count; i++) {
        char name[OPTION_ENV_MAX];
        const char *value;

        option_env_name(&options[i], name);
        value = env_value(environ_, name);
        if (value != NULL)
            set_option(source, name, &options[i], value);
        else
            read_aliases(source, environ_, &options[i]);
    }
}

/* ---- file ------------------------------------------------------------------------------------- */

static void on_path_flag(const struct option *option, const char *value, void *ctx)
{
    if (strcmp(option->name, "config") == 0)
        *(const char **)ctx = value;
}

static const char *file_path(const struct loaded *loaded)
{
    const char *path = env_value(loaded->environ_, "SIGNALBOX_CONFIG");

    each_flag(loaded->argc, loaded->argv, NULL, on_path_flag, &path);
    return path;
}

static void on_member(const char *name, const char *value, void *ctx)
{
    struct source *source = ctx;
    const struct option *option = option_find(slice_of(name));

    if (option == NULL || strcmp(option->name, "config") == 0)
        buf_printf(source->complaints, "%s: %.*s: there is no such option\n", source->path,
                   SHOWN_MAX, name);
    else if (value == NULL && option_is_list(option)) {
        option_clear(option, source->config);
        source->has_been_set[option - options] = true;
    } else
        set_option(source, name, option, value != NULL ? value : "");
}

static void read_file(struct source *source, const char *path)
{
    struct why why = { "" };

    source->path = path;
    if (!config_read_file(path, on_member, source, &why))
        buf_printf(source->complaints, "%s: %s\n", path, why.text);
}

/* ---- all of them ------------------------------------------------------------------------------ */

typedef void read_fn(struct source *source, const struct loaded *loaded);

static void read_file_source(struct source *source, const struct loaded *loaded)
{
    const char *path = file_path(loaded);

    if (path != NULL && path[0] != '\0')
        read_file(source, path);
}

static void read_environment_source(struct source *source, const struct loaded *loaded)
{
    read_environment(source, loaded->environ_);
}

static void read_flags_source(struct source *source, const struct loaded *loaded)
{
    each_flag(loaded->argc, loaded->argv, source->complaints, on_flag_read, source);
}

static enum sql_driver driver_named(const char *name)
{
    if (name == NULL)
        return SQL_NONE;
    if (strcmp(name, "sqlite3") == 0 || strcmp(name, "sqlite") == 0)
        return SQL_SQLITE;
    return strcmp(name, "mysql") == 0 ? SQL_MYSQL : SQL_NONE;
}

bool config_has_known_driver(const struct config *config, struct why *why)
{
    if (config->db_name == NULL || config->db != SQL_NONE)
        return true;
    return why_set(why, "--db \"%.80s\": must be sqlite3 or mysql", config->db_name);
}

/* --fleet-host and --fleet-port: where the original would listen, besides --addr. */
static void add_fleet_address(struct config *config, struct buf *complaints)
{
    const char *host = config->fleet_host != NULL ? config->fleet_host : "0.0.0.0";
    const char *port = config->fleet_port != NULL ? config->fleet_port : "7350";
    bool is_bare_ipv6 = strchr(host, ':') != NULL && host[0] != '[';
    char text[320];

    if (config->fleet_host == NULL && config->fleet_port == NULL)
        return;
    snprintf(text, sizeof text, is_bare_ipv6 ? "[%s]:%s" : "%s:%s", host, port);
    if (!option_parse(option_find(SLICE_LITERAL("addr")), config, text))
        buf_printf(complaints, "--fleet-host and --fleet-port: \"%s\" is no HOST:PORT\n", text);
}

static bool is_production(char *const environ_[])
{
    const char *value = env_value(environ_, "NODE_ENV");

    return value != NULL && strcmp(value, "production") == 0;
}

static void read_all(struct loaded *loaded, struct buf *complaints)
{
    static read_fn *const readers[] = { read_file_source, read_environment_source,
                                        read_flags_source };
    struct config *config = &loaded->config;

    read_defaults(config);
    for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++) {
        struct source source;

        source_open(&source, config, complaints);
        readers[i](&source, loaded);
        source_close(&source);
    }
    if (config->data == NULL)
        config->data = default_data();
    config->db = driver_named(config->db_name);
    config->is_production = is_production(loaded->environ_);
    add_fleet_address(config, complaints);
    if (complaints->len == 0)
        config_check_together(config, complaints);
}

struct config *config_load(int argc, char *const argv[], char *const environ_[],
                           struct buf *complaints)
{
    struct loaded *loaded = xcalloc(1, sizeof *loaded);
    struct config *config = &loaded->config;

    *loaded = (struct loaded){ .argc = argc, .argv = argv, .environ_ = environ_ };
    read_all(loaded, complaints);
    if (complaints->len > 0 || complaints->has_overflowed)
        config_free(&config);
    return config;
}

void config_free(struct config **config)
{
    if (*config == NULL)
        return;
    for (size_t i = 0; i < option_count; i++)
        option_clear(&options[i], *config);
    free(LIST_ENTRY(*config, struct loaded, config));
    *config = NULL;
}

/* Exchanges the options for which a reload does that much. */
static void swap_options(struct config *a, struct config *b, enum option_reload which)
{
    for (size_t i = 0; i < option_count; i++)
        if (options[i].reload == which)
            option_swap(&options[i], a, b);
}

static void note_unused(const struct config *old, const struct config *fresh, struct buf *notes)
{
    for (size_t i = 0; i < option_count; i++)
        if (options[i].reload == NEEDS_RESTART && !option_equals(&options[i], old, fresh))
            buf_printf(notes, "%s%s", notes->len > 0 ? ", " : "", options[i].name);
}

bool config_reload(struct config *config, struct buf *complaints, struct buf *notes)
{
    const struct loaded *loaded = LIST_ENTRY(config, struct loaded, config);
    struct config *fresh = config_load(loaded->argc, loaded->argv, loaded->environ_, complaints);

    if (fresh == NULL)
        return false;
    note_unused(config, fresh, notes);
    swap_options(config, fresh, ON_RELOAD);
    config_check_together(config, complaints); /* the new ones with the old ones that stay */
    if (complaints->len > 0)
        swap_options(config, fresh, ON_RELOAD);
    config_free(&fresh);
    return complaints->len == 0;
}
