/* SPDX-License-Identifier: MIT */
/* The dialect: Socket.IO with its apps, in the order in which they are asked. */
#include "socketio.h"

#include "api/api.h"
#include "architus/architus.h"
#include "bridge/bridge.h"
#include "diagnostic/diagnostic.h"
#include "hooks/sio_hooks.h"
#include "jobs/jobs.h"
#include "sio.h"
#include "sio_auth.h"

static const struct sio_app *const apps[] = {
    &sio_auth_app, &sio_hooks_app, &diagnostic_app, &api_app, &jobs_app, &bridge_app, &architus_app,
};

static void *socketio_open(struct node *node)
{
    return sio_create(node, (struct sio_app_list){ apps, sizeof apps / sizeof apps[0] });
}

static void socketio_configure(void *dialect)
{
    sio_configure(dialect);
}

static void socketio_drain(void *dialect)
{
    sio_drain(dialect);
}

static void socketio_close(void *dialect)
{
    struct sio *sio = dialect;

    sio_destroy(&sio);
}

const struct dialect socketio_dialect = {
    .name = "socketio",
    .open = socketio_open,
    .configure = socketio_configure,
    .drain = socketio_drain,
    .close = socketio_close,
};
