/* SPDX-License-Identifier: MIT */
#ifndef SB_BASE_MEM_H
#define SB_BASE_MEM_H

#include <stddef.h>

/*
 * Allocation that ends the process when there is no memory: for sizes that are small and fixed,
 * or that were bounded before. Nothing here takes a size that came from the network unchecked.
 */
void *xcalloc(size_t count, size_t size);
void *xmalloc(size_t size);
void *xrealloc(void *old, size_t size);
char *xstrdup(const char *text);
char *xstrndup(const char *text, size_t len);

#endif
