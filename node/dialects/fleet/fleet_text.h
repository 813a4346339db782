/* SPDX-License-Identifier: MIT */
#ifndef SB_FLEET_TEXT_H
#define SB_FLEET_TEXT_H

#include "base/buf.h"

/* Texts of agents as JavaScript has them: what is no UTF-8 is U+FFFD, one for each maximal part of a character, as
 * WHATWG decoders have it. */

size_t fleet_units(struct slice text); /* its length in UTF-16 units */

/* Has it no more units than that? What is far too long is not looked at. */
bool fleet_text_is_within(struct slice text, size_t units);

/* Appends the text with U+FFFD for what is no UTF-8. */
void fleet_add_text(struct buf *out, struct slice text);

/* Do both read the same? */
bool fleet_text_equals(struct slice a, struct slice b);

#endif
