/* SPDX-License-Identifier: MIT */
/* Options by the names, and in the forms, of a program that we stand in for. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "config_option.h"

static bool is_number(const char *text)
{
    return *text != '\0' && text[strspn(text, "0123456789")] == '\0';
}

static const char *bool_named(const char *text)
{
    if (strcasecmp(text, "true") == 0)
        return "true";
    return strcasecmp(text, "false") == 0 ? "false" : NULL;
}

static const char *opposite_of(const char *text)
{
    const char *name = bool_named(text);

    if (name == NULL)
        return NULL;
    return strcmp(name, "true") == 0 ? "false" : "true";
}

static const char *number_of(const struct option *option, const char *text,
                             char room[OPTION_ALIAS_ROOM])
{
    if (!is_number(text))
        return NULL;
    if (option->type != OPTION_DURATION || strlen(text) + sizeof "ms" > OPTION_ALIAS_ROOM)
        return text;
    snprintf(room, OPTION_ALIAS_ROOM, "%sms", text);
    return room;
}

const char *option_alias_read(const struct option *option, const struct option_alias *alias,
                              const char *text, char room[OPTION_ALIAS_ROOM])
{
    switch (alias->form) {
    case ALIAS_NUMBER:
        return number_of(option, text, room);
    case ALIAS_BOOL:
        return bool_named(text);
    case ALIAS_OPPOSITE:
        return opposite_of(text);
    case ALIAS_SAME:
        break;
    }
    return text;
}

const struct option_alias *option_alias_next(const struct option *option,
                                             const struct option_alias *alias)
{
    alias = alias == NULL ? option->aliases : alias + 1;
    return alias != NULL && (alias->flag != NULL || alias->variable != NULL) ? alias : NULL;
}

const struct option_alias *option_alias_find(struct slice flag, const struct option **option_out)
{
    for (size_t i = 0; i < option_count; i++) {
        const struct option_alias *alias = NULL;

        while ((alias = option_alias_next(&options[i], alias)) != NULL)
            if (alias->flag != NULL && slice_is(flag, alias->flag)) {
                *option_out = &options[i];
                return alias;
            }
    }
    return NULL;
}

void option_print_aliases(const struct option *option, struct buf *out)
{
    const struct option_alias *alias = NULL;
    const char *between = " (also ";

    while ((alias = option_alias_next(option, alias)) != NULL) {
        if (alias->flag != NULL)
            buf_printf(out, "%s%s%s", between, alias->flag[1] == '\0' ? "-" : "--", alias->flag);
        if (alias->variable != NULL)
            buf_printf(out, "%s%s", alias->flag != NULL ? ", " : between, alias->variable);
        between = ", ";
    }
    if (option->aliases != NULL)
        buf_add_byte(out, ')');
}
