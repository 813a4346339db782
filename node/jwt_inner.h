/* SPDX-License-Identifier: MIT */
#ifndef SB_JWT_INNER_H
#define SB_JWT_INNER_H

#include "jwt.h"

/* For jwt*.c: the first reference. `claims` is what json_parse() took for an object; all is copied. */
struct jwt *jwt_create(struct slice claims, struct slice subject, int64_t expires_ms,
                       const unsigned char sha256[32]);

#endif
