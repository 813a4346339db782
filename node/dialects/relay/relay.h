/* SPDX-License-Identifier: MIT */
#ifndef SB_RELAY_H
#define SB_RELAY_H

#include "node.h"

/* Mods and bots on one WebSocket route, GET /sync. docs/relay.md is the protocol. */
extern const struct dialect relay_dialect;

#endif
