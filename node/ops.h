/* SPDX-License-Identifier: MIT */
#ifndef SB_OPS_H
#define SB_OPS_H

#include "http.h"

/* The routes for those who operate a node: /health, /healthz, /readyz, /metrics. Their context is the
 * struct node. */
struct node;

extern const struct http_route ops_routes[];
extern const size_t ops_route_count;

/* Why the node should get no new clients; NULL: it is ready. */
const char *ops_unready_reason(const struct node *node);

#endif
