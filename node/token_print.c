/* SPDX-License-Identifier: MIT */
/*
 * One line per credential, whatever the form.
 */
#include "token_print.h"

#include <assert.h>
#include <stdio.h>

#include "json.h"

enum { LINE_MAX_BYTES = 4096 };

void token_format_expiry(int64_t expires_ms, char out[CLOCK_RFC3339_SIZE])
{
    if (expires_ms != 0)
        clock_format(expires_ms, out);
    else
        snprintf(out, CLOCK_RFC3339_SIZE, "never");
}

static void add_member(struct buf *line, const char *name, struct slice value)
{
    buf_printf(line, "\"%s\":", name);
    json_quote(line, value);
    buf_add_byte(line, ',');
}

static void print_json(const struct credential *credential, const char *fingerprint,
                       const char *expiry)
{
    struct buf line;

    buf_init(&line, LINE_MAX_BYTES);
    buf_add_byte(&line, '{');
    add_member(&line, "kind", slice_of(credential_kind_name(credential->kind)));
    add_member(&line, "subject", credential->subject);
    add_member(&line, "realm", credential->realm);
    if (credential->universe.data != NULL)
        add_member(&line, "universe", credential->universe);
    add_member(&line, "fingerprint", slice_of(fingerprint));
    buf_add_text(&line, "\"expires\":");
    if (credential->expires_ms != 0)
        json_quote(&line, slice_of(expiry));
    else
        buf_add_text(&line, "null");
    buf_add_byte(&line, '}');
    assert(!line.has_overflowed);
    fwrite(line.data, 1, line.len, stdout);
    buf_fini(&line);
}

static void print_row(const struct credential *credential, const char *fingerprint,
                      const char *expiry)
{
    struct slice universe = credential->universe;

    printf("%-9s %-24.*s %-16.*s %-11s %s", credential_kind_name(credential->kind),
           (int)credential->subject.len, credential->subject.data, (int)credential->realm.len,
           credential->realm.data, fingerprint, expiry);
    if (universe.data != NULL)
        printf("  universe=%.*s", (int)universe.len, universe.data);
    putchar('\n');
}

void token_print(struct token_printer *printer, const struct credential *credential)
{
    char expiry[CLOCK_RFC3339_SIZE], fingerprint[CREDENTIAL_FINGERPRINT_SIZE];
    bool is_first = printer->printed++ == 0;

    credential_fingerprint(&credential->digest, fingerprint);
    token_format_expiry(credential->expires_ms, expiry);
    if (printer->is_json) {
        fputs(is_first ? "[\n " : ",\n ", stdout);
        print_json(credential, fingerprint, expiry);
        return;
    }
    if (is_first)
        printf("%-9s %-24s %-16s %-11s %s\n", "KIND", "SUBJECT", "REALM", "FINGERPRINT", "EXPIRES");
    print_row(credential, fingerprint, expiry);
}

void token_print_end(const struct token_printer *printer)
{
    if (printer->is_json)
        fputs(printer->printed > 0 ? "\n]\n" : "[]\n", stdout);
    else if (printer->printed == 0)
        fputs("there are none\n", stderr);
}
