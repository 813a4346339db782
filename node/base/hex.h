/* SPDX-License-Identifier: MIT */
#ifndef SB_BASE_HEX_H
#define SB_BASE_HEX_H

/* 0..15, or -1 when it is no hexadecimal digit. */
static inline int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

#endif
