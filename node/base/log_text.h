/* SPDX-License-Identifier: MIT */
#ifndef SB_BASE_LOG_TEXT_H
#define SB_BASE_LOG_TEXT_H

#include "base/buf.h"

/*
 * The text of a log line: only log.c needs this. Fields are `name=value`, separated by one blank; a
 * value that starts with a quote is a JSON string and ends with its closing quote.
 */

/* `value` as a JSON string, cut after LOG_TEXT_VALUE_MAX bytes, and a NUL behind it. Control
 * characters and bytes that are no UTF-8 are escaped. */
enum { LOG_TEXT_VALUE_MAX = 64, LOG_TEXT_QUOTED_MAX = 6 * LOG_TEXT_VALUE_MAX + 8 };
void log_text_quote(struct buf *out, struct slice value);

/* The fields as they are, behind a blank; control characters become blanks; cut where `out` is full. */
void log_text_add_plain(struct buf *out, struct slice fields);

/* Each field as `,"name":value`: numbers and booleans as such, all else as strings. The first field
 * that does not fit and all behind it are left out. */
void log_text_add_members(struct buf *out, struct slice fields);

#endif
