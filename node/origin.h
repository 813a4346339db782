/* SPDX-License-Identifier: MIT */
#ifndef SB_ORIGIN_H
#define SB_ORIGIN_H

#include "config.h"

/* Origins of browsers (RFC 6454) against a list of them, byte by byte; "*" in the list stands for all. */

/* An empty list allows every origin. No origin at all (data is NULL) is on no list. */
bool origin_is_allowed(const struct strings *origins, struct slice origin);

bool origins_hold_all(const struct strings *origins); /* "*" */

#endif
