/* SPDX-License-Identifier: MIT */
#include "base/result.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

static const char *const names[RESULT_COUNT] = {
    [RESULT_OK] = "ok",
    [RESULT_INVALID] = "invalid",
    [RESULT_REFUSED] = "refused",
    [RESULT_NOT_FOUND] = "not_found",
    [RESULT_CONFLICT] = "conflict",
    [RESULT_UNAVAILABLE] = "unavailable",
    [RESULT_UNCERTAIN] = "uncertain",
};

const char *result_name(enum result result)
{
    assert((int)result < RESULT_COUNT);
    return names[result];
}

bool why_set(struct why *why, const char *format, ...)
{
    va_list args;

    if (why != NULL) {
        va_start(args, format);
        vsnprintf(why->text, sizeof why->text, format, args);
        va_end(args);
    }
    return false;
}
