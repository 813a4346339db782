/* SPDX-License-Identifier: MIT */
/* What an option's type means: text to field and back, one function per kind of field. */
#include "config_option.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static void *field_of(const struct option *option, struct config *config)
{
    return (char *)config + option->offset;
}

static const void *const_field_of(const struct option *option, const struct config *config)
{
    return (const char *)config + option->offset;
}

/* ---- text ------------------------------------------------------------------------------------- */

static bool port_is_valid(struct slice port)
{
    uint64_t ignored;

    return port.len <= 5 && slice_to_u64(port, 0, 65535, &ignored);
}

static bool is_host_byte(char byte)
{
    return isalnum((unsigned char)byte) || strchr(".-_", byte) != NULL;
}

/* address = [ host / "[" ipv6 "]" ] ":" port / "unix://" absolute-path */
static bool address_is_valid(struct slice text)
{
    const char *colon = memrchr(text.data, ':', text.len);
    struct slice host, port;

    if (text.len > 8 && memcmp(text.data, "unix:///", 8) == 0)
        return true;
    if (colon == NULL)
        return false;
    host = (struct slice){ text.data, (size_t)(colon - text.data) };
    port = (struct slice){ colon + 1, text.len - host.len - 1 };
    if (host.len > 2 && host.data[0] == '[' && host.data[host.len - 1] == ']')
        return strspn(host.data + 1, "0123456789abcdefABCDEF:.") == host.len - 2 &&
               port_is_valid(port);
    for (size_t i = 0; i < host.len; i++)
        if (!is_host_byte(host.data[i]))
            return false;
    return port_is_valid(port);
}

bool option_url_is_valid(const char *text)
{
    const char *host = strncmp(text, "http://", 7) == 0    ? text + 7
                       : strncmp(text, "https://", 8) == 0 ? text + 8
                                                           : NULL;

    return host != NULL && *host != '\0' && *host != '/' && strpbrk(host, " \t\r\n") == NULL;
}

static bool set_text(const struct option *option, char **field, const char *text)
{
    if (strlen(text) > option->max)
        return false;
    if (option->type == OPTION_URL && *text != '\0' && !option_url_is_valid(text))
        return false;
    free(*field);
    *field = *text != '\0' ? xstrdup(text) : NULL;
    return true;
}

/* ---- lists ------------------------------------------------------------------------------------ */

static struct slice take_item(const char **at)
{
    size_t len = strcspn(*at, ",");
    struct slice item = slice_trim((struct slice){ *at, len });

    *at += len;
    if (**at == ',')
        ++*at;
    return item;
}

static bool items_are_valid(const struct option *option, const char *text, size_t count)
{
    while (*text != '\0') {
        struct slice item = take_item(&text);

        if (item.len == 0)
            continue;
        if (option->type == OPTION_ADDRESSES && !address_is_valid(item))
            return false;
        count++;
    }
    return count <= option->max;
}

static bool add_items(const struct option *option, struct strings *field, const char *text)
{
    if (!items_are_valid(option, text, field->count))
        return false;
    while (*text != '\0') {
        struct slice item = take_item(&text);

        if (item.len == 0)
            continue;
        field->items = xrealloc(field->items, (field->count + 1) * sizeof *field->items);
        field->items[field->count++] = slice_dup(item);
    }
    return true;
}

static bool strings_equal(const struct strings *a, const struct strings *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->items[i], b->items[i]) != 0)
            return false;
    return true;
}

static void strings_clear(struct strings *strings)
{
    for (size_t i = 0; i < strings->count; i++)
        free(strings->items[i]);
    free(strings->items);
    *strings = (struct strings){ 0 };
}

/* ---- the other kinds -------------------------------------------------------------------------- */

static bool set_number(const struct option *option, uint32_t *field, const char *text)
{
    uint64_t number;

    if (!option_number_parse(option, text, &number) || number < option->min || number > option->max)
        return false;
    *field = (uint32_t)number;
    return true;
}

static bool set_rate(const struct option *option, struct rate *field, const char *text)
{
    const char *slash = strchr(text, '/');
    uint64_t count, ms;

    if (strcmp(text, "0") == 0) {
        *field = (struct rate){ 0, 1000 };
        return true;
    }
    if (slash == NULL || !duration_parse(slash + 1, &ms) || ms == 0)
        return false;
    if (!slice_to_u64((struct slice){ text, (size_t)(slash - text) }, option->min, option->max,
                      &count))
        return false;
    *field = (struct rate){ (uint32_t)count, (uint32_t)ms };
    return true;
}

static bool set_bool(bool *field, const char *text)
{
    bool is_true = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;

    if (!is_true && strcmp(text, "false") != 0 && strcmp(text, "0") != 0)
        return false;
    *field = is_true;
    return true;
}

static bool set_choice(const struct option *option, int *field, const char *text)
{
    for (const struct option_choice *choice = option->choices; choice->name != NULL; choice++)
        if (strcasecmp(choice->name, text) == 0) {
            *field = choice->value;
            return true;
        }
    return false;
}

/* ---- any kind --------------------------------------------------------------------------------- */

bool option_parse(const struct option *option, struct config *config, const char *text)
{
    void *field = field_of(option, config);

    switch (option->type) {
    case OPTION_STRING:
    case OPTION_URL:
    case OPTION_SECRET:
        return set_text(option, field, text);
    case OPTION_STRINGS:
    case OPTION_SECRETS:
    case OPTION_ADDRESSES:
        return add_items(option, field, text);
    case OPTION_INT:
    case OPTION_SIZE:
    case OPTION_DURATION:
        return set_number(option, field, text);
    case OPTION_RATE:
        return set_rate(option, field, text);
    case OPTION_BOOL:
        return set_bool(field, text);
    case OPTION_CHOICE:
        return set_choice(option, field, text);
    }
    return false;
}

bool option_is_list(const struct option *option)
{
    return option->type == OPTION_STRINGS || option->type == OPTION_SECRETS ||
           option->type == OPTION_ADDRESSES;
}

bool option_is_public(const struct option *option)
{
    return option->type != OPTION_SECRET && option->type != OPTION_SECRETS &&
           option->type != OPTION_URL;
}

static bool is_text(const struct option *option)
{
    return option->type == OPTION_STRING || option->type == OPTION_SECRET ||
           option->type == OPTION_URL;
}

static size_t field_size(const struct option *option)
{
    if (option_is_list(option))
        return sizeof(struct strings);
    if (is_text(option))
        return sizeof(char *);
    if (option->type == OPTION_RATE)
        return sizeof(struct rate);
    return option->type == OPTION_BOOL ? sizeof(bool) : sizeof(uint32_t);
}

bool option_equals(const struct option *option, const struct config *a, const struct config *b)
{
    const void *left = const_field_of(option, a), *right = const_field_of(option, b);

    if (option_is_list(option))
        return strings_equal(left, right);
    if (is_text(option)) {
        const char *one = *(char *const *)left, *other = *(char *const *)right;

        return one == NULL || other == NULL ? one == other : strcmp(one, other) == 0;
    }
    return memcmp(left, right, field_size(option)) == 0;
}

void option_swap(const struct option *option, struct config *a, struct config *b)
{
    char spare[sizeof(struct strings)];
    size_t size = field_size(option);

    assert(size <= sizeof spare);
    memcpy(spare, field_of(option, a), size);
    memcpy(field_of(option, a), field_of(option, b), size);
    memcpy(field_of(option, b), spare, size);
}

void option_clear(const struct option *option, struct config *config)
{
    void *field = field_of(option, config);

    if (option_is_list(option))
        strings_clear(field);
    else if (is_text(option))
        free(*(char **)field);
    memset(field, 0, field_size(option));
}

static void print_choices(const struct option *option, struct buf *out)
{
    const char *between = "";

    for (const struct option_choice *choice = option->choices; choice->name != NULL; choice++) {
        if (choice->is_alias)
            continue;
        buf_printf(out, "%s%s", between, choice->name);
        between = ", ";
    }
}

void option_print_rule(const struct option *option, struct buf *out)
{
    static const char *const nouns[] = {
        [OPTION_STRING] = "a text",
        [OPTION_URL] = "a URL that begins with http:// or https://",
        [OPTION_SECRET] = "a text",
        [OPTION_STRINGS] = "a list",
        [OPTION_SECRETS] = "a list",
        [OPTION_ADDRESSES] = "HOST:PORT, :PORT, [IPV6]:PORT or unix:///PATH",
        [OPTION_INT] = "a number",
        [OPTION_SIZE] = "a size",
        [OPTION_DURATION] = "a time",
        [OPTION_RATE] = "0, or COUNT/TIME with a count",
        [OPTION_BOOL] = "true or false",
        [OPTION_CHOICE] = "one of ",
    };

    buf_add_text(out, nouns[option->type]);
    if (option->type == OPTION_CHOICE)
        print_choices(option, out);
    else if (is_text(option))
        buf_printf(out, " of at most %llu bytes", (unsigned long long)option->max);
    else if (option_is_list(option))
        buf_printf(out, ", at most %llu of them", (unsigned long long)option->max);
    else if (option->type != OPTION_BOOL) {
        buf_add_text(out, " from ");
        option_print_number(option, option->min, out);
        buf_add_text(out, " to ");
        option_print_number(option, option->max, out);
    }
}

void option_env_name(const struct option *option, char out[OPTION_ENV_MAX])
{
    int len = snprintf(out, OPTION_ENV_MAX, "SIGNALBOX_%s", option->name);

    assert(len > 0 && len < OPTION_ENV_MAX);
    for (char *at = out; *at != '\0'; at++)
        *at = *at == '-' ? '_' : (char)toupper((unsigned char)*at);
}
