/* SPDX-License-Identifier: MIT */
#ifndef SB_FLEET_H
#define SB_FLEET_H

#include "node.h"

/* The fleet dialect: docs/fleet.md has its protocol. */
extern const struct dialect fleet_dialect;

#endif
