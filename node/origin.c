/* SPDX-License-Identifier: MIT */
#include "origin.h"

static bool is_listed(const struct strings *origins, struct slice origin)
{
    for (size_t i = 0; i < origins->count; i++) {
        if (slice_is(origin, origins->items[i]))
            return true;
    }
    return false;
}

bool origins_hold_all(const struct strings *origins)
{
    return is_listed(origins, SLICE_LITERAL("*"));
}

bool origin_is_allowed(const struct strings *origins, struct slice origin)
{
    return origins->count == 0 || origins_hold_all(origins) ||
           (origin.data != NULL && is_listed(origins, origin));
}
