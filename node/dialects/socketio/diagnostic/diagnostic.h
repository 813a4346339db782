/* SPDX-License-Identifier: MIT */
#ifndef SB_DIAGNOSTIC_H
#define SB_DIAGNOSTIC_H

#include "sio.h"

/* --conformance: what the official test suites of Engine.IO and Socket.IO talk to. Without it nothing. */
extern const struct sio_app diagnostic_app;

#endif
