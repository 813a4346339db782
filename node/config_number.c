/* SPDX-License-Identifier: MIT */
/*
 *     time = "0" / 1*( digits [ "." digits ] ( "ms" / "s" / "m" / "h" ) )      1m30s, as Go has it
 *     size = digits [ "KiB" / "MiB" / "GiB" ]
 */
#include "config_option.h"

#include <string.h>

struct unit {
    const char *name;
    uint64_t factor;
};

/* Where one name starts another the longer one comes first. */
static const struct unit time_units[] = {
    { "ms", 1 }, { "s", 1000 }, { "m", 60 * 1000 }, { "h", 3600 * 1000 }, { NULL, 0 }
};
static const struct unit size_units[] = {
    { "KiB", 1024 }, { "MiB", 1024 * 1024 }, { "GiB", 1024 * 1024 * 1024 }, { NULL, 0 }
};

static const struct unit *take_unit(const char **at, const struct unit *units)
{
    for (; units->name != NULL; units++) {
        size_t len = strlen(units->name);

        if (strncmp(*at, units->name, len) == 0) {
            *at += len;
            return units;
        }
    }
    return NULL;
}

static bool take_digits(const char **at, uint64_t *number_out)
{
    size_t len = strspn(*at, "0123456789");
    struct slice digits = { *at, len };

    *at += len;
    return len <= 12 && slice_to_u64(digits, 0, UINT64_MAX, number_out);
}

/* number = digits [ "." digits ] unit: adds it, cut to whole milliseconds. */
static bool take_time(const char **at, uint64_t *ms)
{
    uint64_t whole, tenths = 0, scale = 1;
    const struct unit *unit;

    if (!take_digits(at, &whole))
        return false;
    if (**at == '.') {
        const char *start = ++*at;

        if (!take_digits(at, &tenths) || *at - start > 6)
            return false;
        for (; start < *at; start++)
            scale *= 10;
    }
    unit = take_unit(at, time_units);
    if (unit == NULL)
        return false;
    *ms += whole * unit->factor + tenths * unit->factor / scale;
    return true;
}

bool duration_parse(const char *text, uint64_t *ms_out)
{
    uint64_t ms = 0;

    if (strcmp(text, "0") == 0) {
        *ms_out = 0;
        return true;
    }
    do {
        if (!take_time(&text, &ms) || ms > UINT32_MAX)
            return false;
    } while (*text != '\0');
    *ms_out = ms;
    return true;
}

static bool size_parse(const char *text, uint64_t *bytes_out)
{
    const struct unit *unit;

    if (!take_digits(&text, bytes_out))
        return false;
    if (*text == '\0')
        return true;
    unit = take_unit(&text, size_units);
    if (unit == NULL || *text != '\0' || *bytes_out > UINT32_MAX)
        return false;
    *bytes_out *= unit->factor;
    return true;
}

bool option_number_parse(const struct option *option, const char *text, uint64_t *number_out)
{
    switch (option->type) {
    case OPTION_DURATION:
        return duration_parse(text, number_out);
    case OPTION_SIZE:
        return size_parse(text, number_out);
    default:
        return slice_to_u64(slice_of(text), 0, UINT64_MAX, number_out);
    }
}

/* With the largest unit that leaves a whole number. */
void option_print_number(const struct option *option, uint64_t number, struct buf *out)
{
    const struct unit *units = option->type == OPTION_SIZE ? size_units : time_units, *best = NULL;

    if (option->type == OPTION_SIZE || option->type == OPTION_DURATION)
        for (; units->name != NULL; units++)
            if (number >= units->factor && number % units->factor == 0)
                best = units;
    if (best != NULL)
        buf_printf(out, "%llu%s", (unsigned long long)(number / best->factor), best->name);
    else
        buf_printf(out, "%llu", (unsigned long long)number);
}
