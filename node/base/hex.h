/* SPDX-License-Identifier: MIT */
#ifndef SB_BASE_HEX_H
#define SB_BASE_HEX_H

#include <stddef.h>

/* 0..15, or -1 when it is no hexadecimal digit. */
static inline int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

/* Two lower-case digits for each byte, and a NUL: 2 * len + 1 characters. */
static inline void hex_write(const unsigned char *bytes, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < len; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    *out = '\0';
}

#endif
