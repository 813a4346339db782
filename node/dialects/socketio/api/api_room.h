/* SPDX-License-Identifier: MIT */
#ifndef SB_API_ROOM_H
#define SB_API_ROOM_H

#include <uthash.h>

#include "api.h"

/* The inside of the api; for api/ only. */
struct api {
    struct node *node;
    struct sio *sio;
    struct api_guest *guests; /* uthash: sockets that wait for something */
};

/* api_emit.c, api_control.c, api_members.c: handlers of routes, which are given the api */
http_handle_fn api_emit_handle, api_room_emit_handle;
http_handle_fn api_room_join_handle, api_room_leave_handle, api_room_disconnect_handle;
http_handle_fn api_socket_join_handle, api_socket_leave_handle, api_socket_disconnect_handle;
http_handle_fn api_members_handle, api_count_handle;

/* api_event.c. What one socket may have asked for that is not done yet. */
enum { API_WISHES_MAX = 1024 };
bool api_on_event(struct sio_socket *socket, const struct sio_event *event, void *api);

#endif
