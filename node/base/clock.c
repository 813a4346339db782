/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

static bool is_held;
static int64_t held_ms;

static int64_t read_us(clockid_t id)
{
    struct timespec now;

    if (is_held)
        return held_ms * 1000;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}

int64_t clock_ms(void)
{
    return read_us(CLOCK_MONOTONIC) / 1000;
}

int64_t clock_wall_ms(void)
{
    return read_us(CLOCK_REALTIME) / 1000;
}

void clock_hold(int64_t ms)
{
    is_held = true;
    held_ms = ms;
}

void clock_release(void)
{
    is_held = false;
}

void clock_format(int64_t wall_ms, char out[CLOCK_RFC3339_SIZE])
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm utc;
    char whole[24];

    gmtime_r(&seconds, &utc);
    strftime(whole, sizeof whole, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(out, CLOCK_RFC3339_SIZE, "%s.%03dZ", whole, (int)(wall_ms % 1000));
}
