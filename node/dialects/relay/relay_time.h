/* SPDX-License-Identifier: MIT */
#ifndef SB_RELAY_TIME_H
#define SB_RELAY_TIME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/*
 * A point in time as RFC 3339 has it, in milliseconds since 1970 (negative before); what is finer is
 * cut. False for anything else: dates and leap seconds that do not exist or that UTC in four digits
 * of year cannot show.
 */
bool relay_time_parse(struct slice text, int64_t *ms_out);

/* Room for "2026-01-31T12:34:56.789Z" and its NUL. */
enum { RELAY_TIME_SIZE = 25 };

/* UTC with three digits of milliseconds; for whatever relay_time_parse() yields. */
void relay_time_format(int64_t ms, char out[RELAY_TIME_SIZE]);

#endif
