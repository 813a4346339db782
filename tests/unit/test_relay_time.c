/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <string.h>

#include "relay_time.h"

/* `want` NULL: refused. */
static const struct {
    const char *name, *text, *want;
} cases[] = {
    { "seconds", "2026-01-31T12:34:56Z", "2026-01-31T12:34:56.000Z" },
    { "milliseconds", "2026-01-31T12:34:56.789Z", "2026-01-31T12:34:56.789Z" },
    { "one digit of a fraction", "2026-01-31T12:34:56.7Z", "2026-01-31T12:34:56.700Z" },
    { "two digits", "2026-01-31T12:34:56.78Z", "2026-01-31T12:34:56.780Z" },
    { "a finer fraction is cut", "2026-01-31T12:34:56.789999Z", "2026-01-31T12:34:56.789Z" },
    { "thirty digits", "2026-01-31T12:34:56.123456789012345678901234567890Z",
      "2026-01-31T12:34:56.123Z" },
    { "just before the next second", "2026-12-31T23:59:59.9999Z", "2026-12-31T23:59:59.999Z" },
    { "lower case", "2026-01-31t12:34:56z", "2026-01-31T12:34:56.000Z" },
    { "east of Greenwich", "2026-01-31T12:34:56+02:00", "2026-01-31T10:34:56.000Z" },
    { "west of Greenwich", "2026-01-31T12:34:56-05:30", "2026-01-31T18:04:56.000Z" },
    { "offset of nothing", "2026-01-31T12:34:56+00:00", "2026-01-31T12:34:56.000Z" },
    { "unknown offset", "2026-01-31T12:34:56-00:00", "2026-01-31T12:34:56.000Z" },
    { "largest offset", "2026-01-31T23:59:00+23:59", "2026-01-31T00:00:00.000Z" },
    { "offset into the day before", "2026-03-01T00:30:00+01:00", "2026-02-28T23:30:00.000Z" },
    { "offset into a leap day", "2024-03-01T00:30:00+01:00", "2024-02-29T23:30:00.000Z" },
    { "offset into the next year", "2025-12-31T23:30:00-01:00", "2026-01-01T00:30:00.000Z" },
    { "fraction and offset", "2026-01-02T03:04:05.6789+02:00", "2026-01-02T01:04:05.678Z" },
    { "leap day", "2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z" },
    { "leap day of a fourth century", "2000-02-29T00:00:00Z", "2000-02-29T00:00:00.000Z" },
    { "the epoch", "1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z" },
    { "before the epoch", "1969-12-31T23:59:59.25Z", "1969-12-31T23:59:59.250Z" },
    { "year one", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z" },
    { "the first instant", "0000-01-01T00:00:00Z", "0000-01-01T00:00:00.000Z" },
    { "the last instant", "9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z" },
    { "after 2038", "2038-01-19T03:14:08Z", "2038-01-19T03:14:08.000Z" },

    { "nothing", "", NULL },
    { "a word", "yesterday", NULL },
    { "a date alone", "2026-01-31", NULL },
    { "no offset", "2026-01-31T12:34:56", NULL },
    { "no seconds", "2026-01-31T12:34Z", NULL },
    { "a blank for the T", "2026-01-31 12:34:56Z", NULL },
    { "blank in front", " 2026-01-31T12:34:56Z", NULL },
    { "blank behind", "2026-01-31T12:34:56Z ", NULL },
    { "more behind the Z", "2026-01-31T12:34:56ZZ", NULL },
    { "an empty fraction", "2026-01-31T12:34:56.Z", NULL },
    { "a comma", "2026-01-31T12:34:56,5Z", NULL },
    { "a fraction without offset", "2026-01-31T12:34:56.5", NULL },
    { "leap second", "2016-12-31T23:59:60Z", NULL },
    { "second 61", "2026-01-31T12:34:61Z", NULL },
    { "minute 60", "2026-01-31T12:60:00Z", NULL },
    { "hour 24", "2026-01-31T24:00:00Z", NULL },
    { "day zero", "2026-01-00T12:34:56Z", NULL },
    { "day 32", "2026-01-32T12:34:56Z", NULL },
    { "the 31st of April", "2026-04-31T12:34:56Z", NULL },
    { "the 29th in a common year", "2026-02-29T12:34:56Z", NULL },
    { "the 29th in 1900", "1900-02-29T12:34:56Z", NULL },
    { "month zero", "2026-00-01T12:34:56Z", NULL },
    { "month 13", "2026-13-01T12:34:56Z", NULL },
    { "one digit of month", "2026-1-31T12:34:56Z", NULL },
    { "two digits of year", "26-01-31T12:34:56Z", NULL },
    { "five digits of year", "12026-01-31T12:34:56Z", NULL },
    { "a sign", "-026-01-31T12:34:56Z", NULL },
    { "a letter among the digits", "2026-01-3lT12:34:56Z", NULL },
    { "offset of 24 hours", "2026-01-31T12:34:56+24:00", NULL },
    { "offset of 60 minutes", "2026-01-31T12:34:56+01:60", NULL },
    { "offset without colon", "2026-01-31T12:34:56+0100", NULL },
    { "offset of hours alone", "2026-01-31T12:34:56+01", NULL },
    { "an unusual minus",
      "2026-01-31T12:34:56\xe2\x88\x92"
      "01:00",
      NULL },
    { "before the first instant", "0000-01-01T00:00:00+00:01", NULL },
    { "after the last instant", "9999-12-31T23:59:59-00:01", NULL },
    { "basic format", "20260131T123456Z", NULL },
};

static void reads_and_writes_rfc3339(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[RELAY_TIME_SIZE] = "refused";
        int64_t ms;

        if (relay_time_parse(slice_of(cases[i].text), &ms))
            relay_time_format(ms, text);
        if (strcmp(text, cases[i].want != NULL ? cases[i].want : "refused") != 0)
            fail_msg("%s: %s gave %s", cases[i].name, cases[i].text, text);
    }
}

static void counts_milliseconds_since_1970(void **state)
{
    int64_t ms = 0;

    (void)state;
    assert_true(relay_time_parse(SLICE_LITERAL("2001-09-09T01:46:40.001Z"), &ms));
    assert_int_equal(ms, 1000000000001);
    assert_true(relay_time_parse(SLICE_LITERAL("1969-12-31T23:59:59.999Z"), &ms));
    assert_int_equal(ms, -1);
}

static void every_day_comes_back(void **state)
{
    (void)state;
    for (int64_t ms = -62167219200000; ms < 253402300800000; ms += 86400000 * 5 + 3723457) {
        char text[RELAY_TIME_SIZE];
        int64_t back = 0;

        relay_time_format(ms, text);
        if (!relay_time_parse(slice_of(text), &back) || back != ms)
            fail_msg("%lld became %s", (long long)ms, text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_writes_rfc3339),
        cmocka_unit_test(counts_milliseconds_since_1970),
        cmocka_unit_test(every_day_comes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
