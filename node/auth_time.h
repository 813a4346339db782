/* SPDX-License-Identifier: MIT */
#ifndef SB_AUTH_TIME_H
#define SB_AUTH_TIME_H

#include "base/buf.h"

/*
 * Points in time as databases and services write them:
 *
 *     YYYY-MM-DD ("T" | "t" | " ") HH:MM:SS [("." | ",") digits] [" "] ["Z" | ("+" | "-") HH[":"]MM]
 *     YYYY-MM-DD
 *     digits                         seconds since 1970; beyond 10^12 milliseconds
 *
 * Without a zone it is UTC. Fractions are cut to milliseconds. What lies before 1970 is 1, because
 * 0 means never wherever such times are kept. False when it is none of these.
 */
bool auth_time_parse(struct slice text, int64_t *ms_out);

#endif
