/* SPDX-License-Identifier: MIT */
#ifndef SB_TESTS_FUZZ_KINDS_H
#define SB_TESTS_FUZZ_KINDS_H

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

/* Inputs whose first byte says as what the rest is read. */
struct fuzz_kind {
    char letter;
    void (*read)(struct slice text);
};

/* The text is a copy of its own, so that reading too far is noticed. Of no kind: it is not read. */
static inline void fuzz_read(const uint8_t *data, size_t size, const struct fuzz_kind *kinds,
                             size_t count)
{
    char *copy;

    if (size == 0)
        return;
    copy = xmalloc(size);
    memcpy(copy, data, size);
    for (size_t i = 0; i < count; i++)
        if (kinds[i].letter == copy[0])
            kinds[i].read((struct slice){ copy + 1, size - 1 });
    free(copy);
}

#endif
