/* SPDX-License-Identifier: MIT */
#ifndef SB_BRIDGE_H
#define SB_BRIDGE_H

#include "sio.h"

/*
 * Back ends that publish with @socket.io/redis-emitter (--emitter-key): what they publish in our Redis is
 * emitted here. Of all nodes one listens, the holder of a lease; when it dies another does within 3 s. What is
 * published meanwhile is lost, as it is for the servers that these emitters were made for.
 */
extern const struct sio_app bridge_app;

#endif
