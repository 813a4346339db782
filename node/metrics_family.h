/* SPDX-License-Identifier: MIT */
#ifndef SB_METRICS_FAMILY_H
#define SB_METRICS_FAMILY_H

#include "base/buf.h"

/* Pieces of the Prometheus text: the inner room of metrics*.c. */
struct node;
struct store_stats;

struct family {
    const char *name, *help;
    size_t offset, count;                /* uint64_t counters in a row                       */
    const char *(*labels)(size_t index); /* 'reason="silent"'; NULL: no sample. NULL: no labels */
};

/* "counter" for a name that ends in _total, else "gauge". */
const char *family_type(const char *name);

void family_print_head(struct buf *out, const char *name, const char *type, const char *help);
void sample_print(struct buf *out, const char *name, const char *labels, uint64_t value);
void sample_print_real(struct buf *out, const char *name, const char *labels, double value);

void metrics_print_node(const struct node *node, struct buf *out);
void metrics_print_operations(const struct store_stats *stats, struct buf *out);

#endif
