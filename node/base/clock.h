/* SPDX-License-Identifier: MIT */
#ifndef SB_BASE_CLOCK_H
#define SB_BASE_CLOCK_H

#include <stdint.h>

/* Milliseconds of the monotonic clock: for intervals and deadlines. Never goes back. */
int64_t clock_ms(void);

/* Microseconds of the monotonic clock: for latencies. */
int64_t clock_us(void);

/* Milliseconds since 1970-01-01 UTC by this machine's clock: for people. What has to agree
 * between nodes uses store_now_ms(). */
int64_t clock_wall_ms(void);

/* For tests: every clock stands still at `ms` (monotonic and wall alike) until clock_release(). */
void clock_hold(int64_t ms);
void clock_release(void);

/* Room for "2026-01-31T12:34:56.789Z" and its NUL. */
enum { CLOCK_RFC3339_SIZE = 32 };

/* Writes `wall_ms` as RFC 3339 in UTC with three digits of milliseconds. */
void clock_format(int64_t wall_ms, char out[CLOCK_RFC3339_SIZE]);

#endif
