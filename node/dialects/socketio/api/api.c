/* SPDX-License-Identifier: MIT */
/* The app: its routes. It keeps nothing but what is under way. */
#include "api.h"

#include <stdlib.h>

#include "api_room.h"
#include "base/mem.h"

static const struct http_route routes[] = {
    { HTTP_POST, "/api/v1/emit", api_emit_handle, HTTP_CROSS_ORIGIN },
    { HTTP_GET, "/api/v1/rooms/{}", api_count_handle, HTTP_CROSS_ORIGIN },
    { HTTP_GET, "/api/v1/rooms/{}/members", api_members_handle, HTTP_CROSS_ORIGIN },
    { HTTP_POST, "/api/v1/rooms/{}/emit", api_room_emit_handle, HTTP_CROSS_ORIGIN },
    { HTTP_POST, "/api/v1/rooms/{}/join", api_room_join_handle, HTTP_CROSS_ORIGIN },
    { HTTP_POST, "/api/v1/rooms/{}/leave", api_room_leave_handle, HTTP_CROSS_ORIGIN },
    { HTTP_POST, "/api/v1/rooms/{}/disconnect", api_room_disconnect_handle, HTTP_CROSS_ORIGIN },
    { HTTP_POST, "/api/v1/sockets/{}/join", api_socket_join_handle, HTTP_CROSS_ORIGIN },
    { HTTP_POST, "/api/v1/sockets/{}/leave", api_socket_leave_handle, HTTP_CROSS_ORIGIN },
    { HTTP_POST, "/api/v1/sockets/{}/disconnect", api_socket_disconnect_handle, HTTP_CROSS_ORIGIN },
};

static void *api_open(struct node *node, struct sio *sio)
{
    struct api *api = xcalloc(1, sizeof *api);

    api->node = node;
    api->sio = sio;
    return api;
}

static void api_close(void *app)
{
    free(app);
}

const struct sio_app api_app = {
    .name = "api",
    .open = api_open,
    .close = api_close,
    .on_event = api_on_event,
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
};
