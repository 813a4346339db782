/* SPDX-License-Identifier: MIT */
#ifndef SB_SIO_NAME_H
#define SB_SIO_NAME_H

#include "base/buf.h"

/* "connect" and its like: clients treat an event of that name as a protocol error, so nobody may emit one. */
bool sio_name_is_reserved(struct slice name);

/* 1..128 bytes of UTF-8 without control characters: events, rooms, namespaces (which begin with '/' and have no
 * '#': it stands between a namespace and its room in the names of channels). */
bool sio_event_name_is_valid(struct slice name); /* not reserved, too */
bool sio_room_name_is_valid(struct slice name);
bool sio_namespace_is_valid(struct slice name);

#endif
