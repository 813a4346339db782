/* SPDX-License-Identifier: MIT */
#ifndef SB_MAILBOX_H
#define SB_MAILBOX_H

#include "node.h"

/* Game servers that can only make HTTP requests: their heartbeats and the commands for them. */
extern const struct dialect mailbox_dialect;

#endif
