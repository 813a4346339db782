/* SPDX-License-Identifier: MIT */
/*
 * RFC 3339, section 5.6, by position: everything but the fraction has a fixed width.
 *
 *     date-time   yyyy-mm-dd ( T | t ) hh:mm:ss [ . 1*digit ] offset
 *     offset      Z | z | ( + | - ) hh:mm
 *
 * A leap second has no number of its own in milliseconds since 1970, so :60 is refused.
 */
#include "relay_time.h"

#include <assert.h>
#include <stddef.h>

enum {
    DATE_TIME_LEN = 19, /* up to the seconds */
    OFFSET_LEN = 6,
    MS_PER_SECOND = 1000,
    SECONDS_PER_MINUTE = 60,
    SECONDS_PER_HOUR = 3600,
    SECONDS_PER_DAY = 86400,
};

/* The span that can be shown: 0000-01-01T00:00:00Z up to, not including, 10000-01-01T00:00:00Z. */
#define SECONDS_MIN (-62167219200)
#define SECONDS_END 253402300800

struct civil {
    int year, month, day, hour, minute, second;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* `width` digits within min..max. */
static bool take_number(const char *at, size_t width, int min, int max, int *number_out)
{
    int number = 0;

    for (size_t i = 0; i < width; i++) {
        if (!is_digit(at[i]))
            return false;
        number = number * 10 + (at[i] - '0');
    }
    *number_out = number;
    return number >= min && number <= max;
}

static bool is_leap_year(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_in_month(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

    return month == 2 && is_leap_year(year) ? 29 : days[month - 1];
}

/* Days from 1970-01-01 to a date of the years 0 to 10000. */
static int days_since_1970(int year, int month, int day)
{
    int years = year + 400 - 1; /* whole ones since a year 400 before 0: the calendar repeats */
    int days = years * 365 + years / 4 - years / 100 + years / 400 - 146097;

    for (int earlier = 1; earlier < month; earlier++)
        days += days_in_month(year, earlier);
    return days + day - 1 - 719162; /* 0001-01-01 to 1970-01-01 */
}

static bool take_civil(const char *at, struct civil *civil)
{
    return take_number(at, 4, 0, 9999, &civil->year) && at[4] == '-' &&
           take_number(at + 5, 2, 1, 12, &civil->month) && at[7] == '-' &&
           take_number(at + 8, 2, 1, days_in_month(civil->year, civil->month), &civil->day) &&
           (at[10] == 'T' || at[10] == 't') && take_number(at + 11, 2, 0, 23, &civil->hour) &&
           at[13] == ':' && take_number(at + 14, 2, 0, 59, &civil->minute) && at[16] == ':' &&
           take_number(at + 17, 2, 0, 59, &civil->second);
}

/* Steps over ".digits", if there are any; false when the point stands alone. */
static bool take_fraction(struct slice *rest, int *ms_out)
{
    size_t digits = 0;
    int weight = 100;

    *ms_out = 0;
    if (rest->len == 0 || rest->data[0] != '.')
        return true;
    while (1 + digits < rest->len && is_digit(rest->data[1 + digits])) {
        *ms_out += (rest->data[1 + digits] - '0') * weight;
        weight /= 10;
        digits++;
    }
    rest->data += 1 + digits;
    rest->len -= 1 + digits;
    return digits > 0;
}

static bool take_offset(struct slice rest, int64_t *seconds_out)
{
    int hours, minutes;

    *seconds_out = 0;
    if (rest.len == 1)
        return rest.data[0] == 'Z' || rest.data[0] == 'z';
    if (rest.len != OFFSET_LEN || (rest.data[0] != '+' && rest.data[0] != '-') ||
        !take_number(rest.data + 1, 2, 0, 23, &hours) || rest.data[3] != ':' ||
        !take_number(rest.data + 4, 2, 0, 59, &minutes))
        return false;
    *seconds_out = (int64_t)(hours * 60 + minutes) * SECONDS_PER_MINUTE;
    if (rest.data[0] == '-')
        *seconds_out = -*seconds_out;
    return true;
}

bool relay_time_parse(struct slice text, int64_t *ms_out)
{
    struct civil civil;
    int64_t seconds, offset;
    int ms;

    if (text.len < DATE_TIME_LEN || !take_civil(text.data, &civil))
        return false;
    text.data += DATE_TIME_LEN;
    text.len -= DATE_TIME_LEN;
    if (!take_fraction(&text, &ms) || !take_offset(text, &offset))
        return false;
    seconds = (int64_t)days_since_1970(civil.year, civil.month, civil.day) * SECONDS_PER_DAY +
              civil.hour * SECONDS_PER_HOUR + civil.minute * SECONDS_PER_MINUTE + civil.second -
              offset;
    if (seconds < SECONDS_MIN || seconds >= SECONDS_END)
        return false;
    *ms_out = seconds * MS_PER_SECOND + ms;
    return true;
}

static struct civil civil_at(int64_t seconds)
{
    int days = (int)((seconds - SECONDS_MIN) / SECONDS_PER_DAY); /* since 0000-01-01 */
    int rest = (int)((seconds - SECONDS_MIN) % SECONDS_PER_DAY);
    struct civil civil = { .year = days / 366, .month = 12 }; /* that or a little later */

    days += days_since_1970(0, 1, 1);
    while (days >= days_since_1970(civil.year + 1, 1, 1))
        civil.year++;
    while (days < days_since_1970(civil.year, civil.month, 1))
        civil.month--;
    civil.day = 1 + days - days_since_1970(civil.year, civil.month, 1);
    civil.hour = rest / SECONDS_PER_HOUR;
    civil.minute = rest / SECONDS_PER_MINUTE % 60;
    civil.second = rest % SECONDS_PER_MINUTE;
    return civil;
}

/* Writes `number` into `width` places and returns the place behind them. */
static char *put_number(char *at, size_t width, int number, char behind)
{
    for (size_t i = width; i > 0; i--) {
        at[i - 1] = (char)('0' + number % 10);
        number /= 10;
    }
    at[width] = behind;
    return at + width + 1;
}

void relay_time_format(int64_t ms, char out[RELAY_TIME_SIZE])
{
    int64_t since_start = ms - SECONDS_MIN * MS_PER_SECOND;
    struct civil civil;

    assert(since_start >= 0 && ms < SECONDS_END * MS_PER_SECOND);
    civil = civil_at(since_start / MS_PER_SECOND + SECONDS_MIN);
    out = put_number(out, 4, civil.year, '-');
    out = put_number(out, 2, civil.month, '-');
    out = put_number(out, 2, civil.day, 'T');
    out = put_number(out, 2, civil.hour, ':');
    out = put_number(out, 2, civil.minute, ':');
    out = put_number(out, 2, civil.second, '.');
    out = put_number(out, 3, (int)(since_start % MS_PER_SECOND), 'Z');
    *out = '\0';
}
