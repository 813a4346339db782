/* SPDX-License-Identifier: MIT */
#ifndef SB_UTF8_H
#define SB_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* How many bytes the well-formed character (RFC 3629) at the start of these 1 or more bytes takes: 1..4.
 * 0: there is none. */
size_t utf8_character(const unsigned char *text, size_t len);

/* Writes a code point that is no surrogate; returns the number of bytes, 1..4. */
size_t utf8_encode(uint32_t code, char out[4]);

#endif
