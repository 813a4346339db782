/* SPDX-License-Identifier: MIT */
/*
 * A cursor over the text; each step takes what it knows or leaves the cursor where it was. Days are
 * counted by the proleptic Gregorian calendar, leap seconds roll over into the next minute.
 */
#include "auth_time.h"

#include <stdint.h>

#define MILLISECONDS_BEYOND UINT64_C(1000000000000)

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool take_byte(struct slice *rest, const char *any_of)
{
    for (; *any_of != '\0'; any_of++) {
        if (rest->len > 0 && rest->data[0] == *any_of) {
            rest->data++;
            rest->len--;
            return true;
        }
    }
    return false;
}

/* Exactly `digits` digits, within min..max. */
static bool take_number(struct slice *rest, size_t digits, int min, int max, int *number_out)
{
    int number = 0;

    if (rest->len < digits)
        return false;
    for (size_t i = 0; i < digits; i++) {
        if (!is_digit(rest->data[i]))
            return false;
        number = number * 10 + (rest->data[i] - '0');
    }
    rest->data += digits;
    rest->len -= digits;
    *number_out = number;
    return number >= min && number <= max;
}

static int days_in(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && is_leap ? 1 : 0);
}

/* Days since 1970-01-01; the year begins in March, so that the leap day is its last. */
static int64_t days_since_1970(int year, int month, int day)
{
    int shifted = month <= 2 ? year - 1 : year;
    int era = shifted / 400, year_of_era = shifted % 400;
    int day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

    return (int64_t)era * 146097 + day_of_era - 719468;
}

static bool take_date(struct slice *rest, int64_t *days_out)
{
    int year, month, day;

    if (!take_number(rest, 4, 1, 9999, &year) || !take_byte(rest, "-") ||
        !take_number(rest, 2, 1, 12, &month) || !take_byte(rest, "-") ||
        !take_number(rest, 2, 1, days_in(year, month), &day))
        return false;
    *days_out = days_since_1970(year, month, day);
    return true;
}

static bool take_fraction(struct slice *rest, int64_t *ms_out)
{
    int scale = 100;

    *ms_out = 0;
    if (!take_byte(rest, ".,"))
        return true;
    if (rest->len == 0 || !is_digit(rest->data[0]))
        return false;
    for (; rest->len > 0 && is_digit(rest->data[0]); rest->data++, rest->len--, scale /= 10)
        *ms_out += (rest->data[0] - '0') * scale;
    return true;
}

static bool take_clock(struct slice *rest, int64_t *ms_out)
{
    int hour, minute, second;
    int64_t fraction;

    if (!take_number(rest, 2, 0, 23, &hour) || !take_byte(rest, ":") ||
        !take_number(rest, 2, 0, 59, &minute) || !take_byte(rest, ":") ||
        !take_number(rest, 2, 0, 60, &second) || !take_fraction(rest, &fraction))
        return false;
    *ms_out = ((int64_t)hour * 3600 + minute * 60 + second) * 1000 + fraction;
    return true;
}

static bool take_zone(struct slice *rest, int64_t *ms_out)
{
    int hour, minute;
    bool is_west;

    *ms_out = 0;
    take_byte(rest, " ");
    if (rest->len == 0 || take_byte(rest, "Zz"))
        return true;
    is_west = rest->data[0] == '-';
    if (!take_byte(rest, "+-") || !take_number(rest, 2, 0, 23, &hour))
        return false;
    take_byte(rest, ":");
    if (!take_number(rest, 2, 0, 59, &minute))
        return false;
    *ms_out = ((int64_t)hour * 60 + minute) * 60000 * (is_west ? -1 : 1);
    return true;
}

static int64_t after_1970(int64_t ms)
{
    return ms > 0 ? ms : 1;
}

bool auth_time_parse(struct slice text, int64_t *ms_out)
{
    struct slice rest = slice_trim(text);
    int64_t days, clock = 0, zone = 0;
    uint64_t number;

    if (slice_to_u64(rest, 0, INT64_MAX, &number)) {
        *ms_out = after_1970((int64_t)(number > MILLISECONDS_BEYOND ? number : number * 1000));
        return true;
    }
    if (!take_date(&rest, &days))
        return false;
    if (rest.len > 0 &&
        (!take_byte(&rest, "Tt ") || !take_clock(&rest, &clock) || !take_zone(&rest, &zone)))
        return false;
    if (rest.len > 0)
        return false;
    *ms_out = after_1970(days * 86400000 + clock - zone);
    return true;
}
