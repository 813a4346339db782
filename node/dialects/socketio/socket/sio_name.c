/* SPDX-License-Identifier: MIT */
#include "sio_name.h"

#include <string.h>

#include "store/key.h"

bool sio_name_is_reserved(struct slice name)
{
    static const char *const reserved[] = { "connect",       "connect_error", "disconnect",
                                            "disconnecting", "newListener",   "removeListener" };

    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
        if (slice_is(name, reserved[i]))
            return true;
    return false;
}

bool sio_event_name_is_valid(struct slice name)
{
    return key_id_is_valid(name) && !sio_name_is_reserved(name);
}

bool sio_room_name_is_valid(struct slice name)
{
    return key_id_is_valid(name);
}

bool sio_namespace_is_valid(struct slice name)
{
    return key_id_is_valid(name) && name.data[0] == '/' && memchr(name.data, '#', name.len) == NULL;
}
