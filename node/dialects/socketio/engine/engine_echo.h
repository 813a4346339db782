/* SPDX-License-Identifier: MIT */
#ifndef SB_ENGINE_ECHO_H
#define SB_ENGINE_ECHO_H

#include "engine.h"

/* Every message comes back unchanged: what the official test suites of Engine.IO talk to. Takes no
 * context. */
extern const struct engine_ops engine_echo_ops;

#endif
