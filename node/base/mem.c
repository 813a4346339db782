/* SPDX-License-Identifier: MIT */
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *or_abort(void *got)
{
    if (got == NULL) {
        fputs("signalbox: out of memory\n", stderr);
        abort();
    }
    return got;
}

void *xcalloc(size_t count, size_t size)
{
    return or_abort(calloc(count, size));
}

void *xmalloc(size_t size)
{
    return or_abort(malloc(size > 0 ? size : 1));
}

void *xrealloc(void *old, size_t size)
{
    return or_abort(realloc(old, size > 0 ? size : 1));
}

char *xstrdup(const char *text)
{
    return or_abort(strdup(text));
}

char *xstrndup(const char *text, size_t len)
{
    return or_abort(strndup(text, len));
}
