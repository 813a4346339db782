/* SPDX-License-Identifier: MIT */
#ifndef SB_CONFIG_OPTION_H
#define SB_CONFIG_OPTION_H

#include "config.h"

/*
 * One option and what can be done with its field in a struct config: the inner room of the
 * config*.c files. The table itself is in config.c.
 */
enum option_type {
    OPTION_STRING,    /* char *; NULL: not set                                              */
    OPTION_URL,       /* char *; http:// or https://; never shown, it may hold a password   */
    OPTION_SECRET,    /* char *; never shown                                                */
    OPTION_STRINGS,   /* struct strings; min..max is the count                              */
    OPTION_SECRETS,   /* the same, never shown                                              */
    OPTION_ADDRESSES, /* the same, each HOST:PORT or unix:///path                           */
    OPTION_INT,       /* uint32_t                                                           */
    OPTION_SIZE,      /* uint32_t bytes: 1048576, 64KiB, 1MiB                               */
    OPTION_DURATION,  /* uint32_t milliseconds: 500ms, 10s, 1m30s                           */
    OPTION_RATE,      /* struct rate: COUNT/DURATION, 0: no limit; min..max is the count    */
    OPTION_BOOL,
    OPTION_CHOICE, /* an enum: one of choices                                            */
};

enum option_reload {
    NEEDS_RESTART,
    ON_RELOAD,
};

enum option_group {
    GROUP_PROCESS,
    GROUP_CONNECTIONS,
    GROUP_REDIS,
    GROUP_AUTH,
    GROUP_MAILBOX,
    GROUP_RELAY,
    GROUP_PUSH,
    GROUP_SOCKETIO,
    GROUP_TOKENS,
    GROUP_HOOKS,
    GROUP_ARCHITUS,
    GROUP_FLEET,
    GROUPS
};
extern const char *const group_titles[GROUPS];

struct option_choice {
    const char *name; /* NULL: the end of the list */
    int value;
    bool is_alias; /* understood, but not offered */
};

/* Another name that a program which we stand in for gives it. One's own name wins. */
enum option_alias_form {
    ALIAS_SAME,
    ALIAS_NUMBER, /* digits: milliseconds, where it is a time; a variable of anything else counts as unset,
                       because Kubernetes sets FLEET_PORT for a service of that name                       */
    ALIAS_BOOL, /* true or false in any case; a variable of anything else counts as unset              */
    ALIAS_OPPOSITE, /* a flag that says no                                                                 */
};
struct option_alias {
    const char *flag, *variable; /* NULL: there is none; both: the end of the list */
    enum option_alias_form form;
};

struct option {
    const char *name;
    enum option_type type;
    enum option_group group;
    enum option_reload reload;
    size_t offset;     /* of its field in struct config */
    const char *value; /* the default, as text          */
    uint64_t min, max;
    const char *metavar, *help;
    const struct option_choice *choices;
    const struct option_alias *aliases; /* NULL: it has none */
};

extern const struct option options[]; /* in the order of their names */
extern const size_t option_count;

const struct option *option_find(struct slice name);

/* The alias that is called so as a flag, and whose it is; NULL: none. */
const struct option_alias *option_alias_find(struct slice flag, const struct option **option_out);

/* The first (NULL) or next one; NULL: there is no more. */
const struct option_alias *option_alias_next(const struct option *option,
                                             const struct option_alias *alias);

/* What a value in the alias' form is as one of the option's; NULL: it is not of that form. */
enum { OPTION_ALIAS_ROOM = 32 };
const char *option_alias_read(const struct option *option, const struct option_alias *alias,
                              const char *text, char room[OPTION_ALIAS_ROOM]);

/* " (also --heartbeat, FLEET_HEARTBEAT_MS)", or nothing. */
void option_print_aliases(const struct option *option, struct buf *out);

/* Sets the field from text; lists grow by what the text holds, separated by commas. False when the
 * text is wrong: then nothing changes, and option_print_rule() says what would be right. */
bool option_parse(const struct option *option, struct config *config, const char *text) MUST_CHECK;

bool option_equals(const struct option *option, const struct config *a, const struct config *b);
void option_swap(const struct option *option, struct config *a, struct config *b);

/* Releases what the field holds and makes it empty. */
void option_clear(const struct option *option, struct config *config);

/* http:// or https://, and a host behind it. */
bool option_url_is_valid(const char *text);

bool option_is_list(const struct option *option);

/* May its value be printed? */
bool option_is_public(const struct option *option);

/* "a size from 1KiB to 64MiB" */
void option_print_rule(const struct option *option, struct buf *out);

/* SIGNALBOX_MAX_BODY */
enum { OPTION_ENV_MAX = 64 };
void option_env_name(const struct option *option, char out[OPTION_ENV_MAX]);

/* Milliseconds of "1m30s"; false when it is none or above UINT32_MAX. */
bool duration_parse(const char *text, uint64_t *ms_out);

/* The number that `text` is for an option of this type, and the other way round. */
bool option_number_parse(const struct option *option, const char *text, uint64_t *number_out);
void option_print_number(const struct option *option, uint64_t number, struct buf *out);

/* Options that make no sense together, one line each. */
void config_check_together(const struct config *config, struct buf *complaints);

/* Gives every member of the JSON object in `path` to `on_member`, as text; an array's items one by
 * one. False when the file cannot be read or is no such object: then `why` is set. */
typedef void config_member_fn(const char *name, const char *value, void *ctx);
bool config_read_file(const char *path, config_member_fn *on_member, void *ctx, struct why *why);

#endif
