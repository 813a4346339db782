/* SPDX-License-Identifier: MIT */
#ifndef SB_API_H
#define SB_API_H

#include "sio.h"

/*
 * Rooms for back ends, by HTTP below /api/v1, and for clients, by events whose names begin with `signalbox:`:
 * emit, join, leave, disconnect, and who is there.
 */
extern const struct sio_app api_app;

#endif
