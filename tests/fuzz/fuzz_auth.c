/* SPDX-License-Identifier: MIT */
/* Texts that databases, services and operators write: any bytes are taken or refused, and what is
 * taken keeps its promises. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "auth_sql_driver.h"
#include "auth_time.h"
#include "config_option.h"
#include "store/credential_record.h"
#include "store/url.h"

static void check_time(struct slice text)
{
    int64_t ms;

    if (auth_time_parse(text, &ms))
        assert(ms > 0);
}

static void check_dsns(const char *dsn)
{
    char name[SQL_PATH_MAX];
    struct mysql_dsn parsed;
    struct why why = { "" };

    if (!mysql_dsn_parse(dsn, &parsed, &why))
        assert(why.text[0] != '\0');
    else
        assert((parsed.host[0] == '\0') != (parsed.socket[0] == '\0') && parsed.port > 0);
    if (sqlite_dsn_parse(dsn, name, &why))
        assert(name[0] != '\0');
}

static void check_url(const char *text)
{
    struct url url;
    struct why why = { "" };

    if (!url_parse(&url, text, &why)) {
        assert(why.text[0] != '\0');
        return;
    }
    assert((url.host == NULL) != (url.path == NULL));
    url_fini(&url);
}

/* A number that was read is printed and read again as it was. */
static void check_number(const struct option *option, const char *text)
{
    uint64_t number, again;
    struct buf printed;

    if (!option_number_parse(option, text, &number))
        return;
    buf_init(&printed, 64);
    option_print_number(option, number, &printed);
    buf_add_byte(&printed, '\0');
    assert(option_number_parse(option, printed.data, &again) && again == number);
    buf_fini(&printed);
}

static void check_options(const char *text)
{
    static struct config config, untouched;

    for (size_t i = 0; i < option_count; i++) {
        check_number(&options[i], text);
        if (!option_parse(&options[i], &config, text))
            assert(option_equals(&options[i], &config, &untouched));
        option_clear(&options[i], &config);
    }
}

/* A record that was read is written and read again as it was. */
static void check_record(struct slice text)
{
    struct credential credential = { .expires_ms = -1 }, again = { .expires_ms = -1 };
    json_t *json = record_parse(text, &credential), *json_again;
    char *printed;

    if (json == NULL)
        return;
    printed = record_print(&credential, 1);
    json_again = record_parse(slice_of(printed), &again);
    assert(json_again != NULL && again.expires_ms == credential.expires_ms);
    assert(slice_equals(again.subject, credential.subject));
    assert(slice_equals(again.realm, credential.realm));
    assert(slice_equals(again.universe, credential.universe));
    json_decref(json_again);
    json_decref(json);
    free(printed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = { (const char *)data, size };
    char *line = slice_dup(text);

    check_time(text);
    check_dsns(line);
    check_url(line);
    check_options(line);
    check_record(text);
    free(line);
    return 0;
}
