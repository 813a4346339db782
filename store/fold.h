/* SPDX-License-Identifier: MIT */
#ifndef SB_STORE_FOLD_H
#define SB_STORE_FOLD_H

#include "base/buf.h"

/*
 * Names as they are compared in a search: without case and accents, their words one blank apart. Latin
 * letters (up to U+017F) become their base letter, "ß" ss, "æ" ae and so on; Greek and Cyrillic ones become
 * lower case; combining accents go; everything else stays as it is. What is no letter, digit or other
 * sign of a script separates words.
 */
enum { FOLD_MAX = 128, FOLD_WORDS_MAX = 8 };

/* Appends at most FOLD_MAX bytes, whole characters. `name` is valid UTF-8. */
void fold_text(struct buf *out, struct slice name);

/*
 * Appends what a name is found by: "0" and the whole, then for each further word "1" and the name from there
 * on (at most FOLD_WORDS_MAX), a line feed behind each. Nothing for a name of nothing but separators.
 */
void fold_name(struct buf *out, struct slice name);

#endif
