/* SPDX-License-Identifier: MIT */
#ifndef SB_STORE_LOOKUP_H
#define SB_STORE_LOOKUP_H

#include <uv.h>

#include "store/url.h"

/* From a host's name to one of its addresses, without holding up the loop. */
struct lookup;

/* `address` is NULL when there is none; then `error` says why. Both are borrowed. */
typedef void lookup_fn(const struct sockaddr *address, socklen_t size, const char *error,
                       void *ctx);

/* Of several addresses the one whose turn it is at this attempt is chosen. `done` runs once, on a
 * later turn, unless it is cancelled. NULL with `error_out` when it cannot even begin. */
struct lookup *lookup_start(uv_loop_t *loop, const struct url *url, uint32_t attempt,
                            lookup_fn *done, void *ctx, const char **error_out);

/* `done` does not run any more. Accepts NULL, leaves NULL. */
void lookup_cancel(struct lookup **lookup);

#endif
