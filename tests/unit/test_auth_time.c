/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <stdlib.h>

#include "auth_time.h"
#include "base/clock.h"

/* `want` NULL: refused. */
static const struct {
    const char *name, *text, *want;
} cases[] = {
    { "what MariaDB writes", "2026-01-31 12:34:56", "2026-01-31T12:34:56.000Z" },
    { "with microseconds", "2026-01-31 12:34:56.789123", "2026-01-31T12:34:56.789Z" },
    { "RFC 3339", "2026-01-31T12:34:56Z", "2026-01-31T12:34:56.000Z" },
    { "RFC 3339 in lower case", "2026-01-31t12:34:56z", "2026-01-31T12:34:56.000Z" },
    { "what Go's sqlite3 writes", "2026-01-31 12:34:56.789+00:00", "2026-01-31T12:34:56.789Z" },
    { "ISO 8601 without a colon in the zone", "2026-01-31T12:34:56+0200",
      "2026-01-31T10:34:56.000Z" },
    { "a blank in front of the zone", "2026-01-31 12:34:56 -05:30", "2026-01-31T18:04:56.000Z" },
    { "a fraction behind a comma", "2026-01-31 12:34:56,5", "2026-01-31T12:34:56.500Z" },
    { "a zone that leads into the day before", "2026-03-01T00:30:00+01:00",
      "2026-02-28T23:30:00.000Z" },
    { "a date alone", "2026-01-31", "2026-01-31T00:00:00.000Z" },
    { "a leap day", "2024-02-29 00:00:00", "2024-02-29T00:00:00.000Z" },
    { "a leap second rolls over", "2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z" },
    { "blanks around it", "  2026-01-31 12:34:56 ", "2026-01-31T12:34:56.000Z" },
    { "seconds since 1970", "1769862896", "2026-01-31T12:34:56.000Z" },
    { "milliseconds since 1970", "1769862896789", "2026-01-31T12:34:56.789Z" },
    { "the last day", "9999-12-31 23:59:59.999", "9999-12-31T23:59:59.999Z" },
    { "the first instant is never 0", "1970-01-01 00:00:00", "1970-01-01T00:00:00.001Z" },
    { "before 1970", "1066-10-14 09:00:00", "1970-01-01T00:00:00.001Z" },
    { "zero is long ago", "0", "1970-01-01T00:00:00.001Z" },

    { "nothing", "", NULL },
    { "a word", "never", NULL },
    { "MariaDB's zero date", "0000-00-00 00:00:00", NULL },
    { "a negative number", "-1", NULL },
    { "a fraction of a number", "1769862896.5", NULL },
    { "no seconds", "2026-01-31 12:34", NULL },
    { "an empty fraction", "2026-01-31 12:34:56.", NULL },
    { "month 13", "2026-13-01 00:00:00", NULL },
    { "day 0", "2026-01-00 00:00:00", NULL },
    { "the 29th in a common year", "2026-02-29 00:00:00", NULL },
    { "the 29th in 1900", "1900-02-29 00:00:00", NULL },
    { "hour 24", "2026-01-31 24:00:00", NULL },
    { "minute 60", "2026-01-31 12:60:00", NULL },
    { "half a zone", "2026-01-31T12:34:56+02", NULL },
    { "more behind it", "2026-01-31T12:34:56Z!", NULL },
    { "more digits than a number has", "99999999999999999999", NULL },
};

static void test_times(void **state)
{
    char got[CLOCK_RFC3339_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t ms = -1;
        bool is_good = auth_time_parse(slice_of(cases[i].text), &ms);

        if (is_good != (cases[i].want != NULL))
            fail_msg("%s: %s", cases[i].name, is_good ? "taken" : "refused");
        if (!is_good)
            continue;
        clock_format(ms, got);
        if (!slice_is(slice_of(got), cases[i].want))
            fail_msg("%s: got %s, want %s", cases[i].name, got, cases[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
