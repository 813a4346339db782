/* SPDX-License-Identifier: MIT */
/* The table of options as people read it: --help, and docs/options.md. */
#include <string.h>

#include "config_option.h"

static void print_default(const struct option *option, const char *quote, struct buf *out)
{
    if (option->value[0] != '\0')
        buf_printf(out, "%s%s%s", quote, option->value, quote);
}

static void print_help_of(const struct option *option, struct buf *out)
{
    bool has_default = option->value[0] != '\0' && option->type != OPTION_BOOL;

    buf_printf(out, "  --%s%s%s\n        %s", option->name, option->metavar != NULL ? " " : "",
               option->metavar != NULL ? option->metavar : "", option->help);
    if (option->type == OPTION_CHOICE) {
        buf_add_text(out, ": ");
        option_print_rule(option, out);
    }
    if (has_default)
        buf_printf(out, " (default %s)", option->value);
    option_print_aliases(option, out);
    buf_add_byte(out, '\n');
}

void config_print_help(struct buf *out)
{
    for (enum option_group group = 0; group < GROUPS; group++) {
        buf_printf(out, "\n%s:\n", group_titles[group]);
        for (size_t i = 0; i < option_count; i++)
            if (options[i].group == group)
                print_help_of(&options[i], out);
    }
    buf_add_text(out,
                 "\nOptions may be written with one dash or two, and as --name=VALUE. Each can "
                 "be set in the\nenvironment (SIGNALBOX_MAX_BODY for --max-body) and in the "
                 "JSON file of --config.\n");
}

/* A vertical bar would end the cell. */
static void print_cell(const char *text, struct buf *out)
{
    for (; *text != '\0'; text++) {
        if (*text == '|')
            buf_add_byte(out, '\\');
        buf_add_byte(out, *text);
    }
}

static void print_row(const struct option *option, struct buf *out)
{
    buf_printf(out, "| `--%s%s%s` | ", option->name, option->metavar != NULL ? " " : "",
               option->metavar != NULL ? option->metavar : "");
    print_default(option, "`", out);
    buf_add_text(out, " | ");
    option_print_rule(option, out);
    buf_add_text(out, option->reload == ON_RELOAD ? " | yes | " : " | | ");
    print_cell(option->help, out);
    option_print_aliases(option, out);
    buf_add_text(out, " |\n");
}

void config_print_page(struct buf *out)
{
    buf_add_text(
        out,
        "# Options\n\n"
        "This page is printed by `signalbox help --markdown` from the program's own table.\n\n"
        "Each option is a flag (`--max-body 2MiB`, `--max-body=2MiB`, or with one dash), an "
        "environment variable (`SIGNALBOX_MAX_BODY=2MiB`; an empty one counts as unset, lists are "
        "separated by commas), and a member of the JSON file that `--config` names "
        "(`{\"max-body\": \"2MiB\", \"addr\": [\":8080\", \":8081\"]}`; a member that is no option "
        "is an error). Flags win over the environment, which wins over the file, which wins over "
        "the defaults. Everything that is wrong is reported at once, and the exit code is 2; "
        "`signalbox check-config` does nothing but that.\n\n"
        "Times are written as `500ms`, `10s`, `1m30s`, `24h`; sizes as `65536`, `64KiB`, `1MiB`. "
        "SIGHUP reads everything anew: options with a *yes* under *reload* take effect at once, "
        "the others at the next start, and when anything is wrong nothing changes.\n\n"
        "Some options have further names: those of `rivalis-fleet`, a flag and a variable without "
        "our prefix. "
        "A number under such a name may be a number of milliseconds. As with the original, such a "
        "variable counts as "
        "unset when it should be a number or true or false and is not (Kubernetes sets "
        "`FLEET_PORT` where a service is "
        "called fleet); everything else that is wrong is refused. The option's own variable "
        "wins.\n");
    for (enum option_group group = 0; group < GROUPS; group++) {
        buf_printf(out,
                   "\n## %s\n\n| option | default | must be | reload | |\n"
                   "| --- | --- | --- | --- | --- |\n",
                   group_titles[group]);
        for (size_t i = 0; i < option_count; i++)
            if (options[i].group == group)
                print_row(&options[i], out);
    }
}
