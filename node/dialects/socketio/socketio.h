/* SPDX-License-Identifier: MIT */
#ifndef SB_SOCKETIO_H
#define SB_SOCKETIO_H

#include "node.h"

/* Engine.IO and Socket.IO for web and app clients, and the apps on them (apps.c). */
extern const struct dialect socketio_dialect;

#endif
