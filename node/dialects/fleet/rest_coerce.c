/* SPDX-License-Identifier: MIT */
/*
 * The validator of the original makes texts of what is none: 5 is "5", true is "true", null is "", ["a"] is "a". Callers
 * may live on that.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rest_inner.h"

enum { DIGITS_MAX = 17, POINT_MAX = 21, POINT_MIN = -6 };

/* The fewest digits that read back as the same number, and where their point is: 0.digits × 10^point. */
static int shortest(double number, char digits[DIGITS_MAX + 1], int *point_out)
{
    char text[40];
    int len = 0;

    for (int precision = 0; precision < DIGITS_MAX; precision++) {
        snprintf(text, sizeof text, "%.*e", precision, number);
        if (strtod(text, NULL) == number)
            break;
    }
    *point_out = atoi(strchr(text, 'e') + 1) + 1;
    for (const char *at = text; *at != 'e'; at++) {
        if (*at != '.')
            digits[len++] = *at;
    }
    while (len > 1 && digits[len - 1] == '0')
        len--;
    digits[len] = '\0';
    return len;
}

static void write_exponential(struct buf *out, const char *digits, int len, int point)
{
    buf_add_byte(out, digits[0]);
    if (len > 1)
        buf_printf(out, ".%s", digits + 1);
    buf_printf(out, "e%+d", point - 1);
}

void rest_write_number(struct buf *out, double number)
{
    char digits[DIGITS_MAX + 1];
    int point, len;

    if (number == 0) {
        buf_add_byte(out, '0');
        return;
    }
    if (number < 0)
        buf_add_byte(out, '-');
    if (isinf(number)) {
        buf_add_text(out, "Infinity");
        return;
    }
    len = shortest(fabs(number), digits, &point);
    if (point > POINT_MAX || point < POINT_MIN + 1)
        write_exponential(out, digits, len, point);
    else if (point >= len)
        buf_printf(out, "%s%.*s", digits, point - len, "000000000000000000000");
    else if (point > 0)
        buf_printf(out, "%.*s.%s", point, digits, digits + point);
    else
        buf_printf(out, "0.%.*s%s", -point, "000000", digits);
}

static bool coerce_number(struct slice raw, struct buf *out)
{
    char *text = slice_dup(raw);

    rest_write_number(out, strtod(text, NULL));
    free(text);
    return true;
}

static bool coerce_scalar(struct json value, struct buf *out)
{
    switch (value.type) {
    case JSON_STRING:
        return json_text(value, out);
    case JSON_NUMBER:
        return coerce_number(value.raw, out);
    case JSON_TRUE:
        return buf_add_text(out, "true");
    case JSON_FALSE:
        return buf_add_text(out, "false");
    case JSON_NULL:
        return true;
    default:
        return false;
    }
}

bool rest_coerce_text(struct json value, struct buf *out)
{
    struct json item, other;
    size_t offset = 0;

    if (value.type != JSON_ARRAY)
        return coerce_scalar(value, out);
    return json_next(value, &offset, &item) && !json_next(value, &offset, &other) &&
           coerce_scalar(item, out);
}
