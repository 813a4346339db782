/* SPDX-License-Identifier: MIT */
#ifndef SB_PUSH_H
#define SB_PUSH_H

#include "node.h"

/* Players listen on WebSockets; back ends publish over HTTP, to one player or to all. */
extern const struct dialect push_dialect;

#endif
