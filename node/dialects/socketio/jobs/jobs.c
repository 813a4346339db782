/* SPDX-License-Identifier: MIT */
#include "jobs.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "jobs_room.h"
#include "node.h"

static void *jobs_open(struct node *node, struct sio *sio)
{
    struct jobs *jobs = xcalloc(1, sizeof *jobs);

    (void)sio;
    jobs->node = node;
    jobs->deadlines = deadlines_create(node->loop);
    return jobs;
}

static void jobs_close(void *app)
{
    struct jobs *jobs = app;

    assert(jobs->guests == NULL && jobs->watches == NULL);
    deadlines_destroy(&jobs->deadlines);
    free(jobs);
}

static bool is_ours(const struct sio_socket *socket)
{
    return slice_is(sio_namespace(socket), "/");
}

static void jobs_on_connect(struct sio_socket *socket, bool is_back, void *app)
{
    if (is_back && is_ours(socket))
        job_guest_restore(app, socket);
}

static bool jobs_on_event(struct sio_socket *socket, const struct sio_event *event, void *app)
{
    if (!is_ours(socket) || !slice_is(event->name, "join_job"))
        return false;
    job_join(app, socket, event);
    return true;
}

static void jobs_on_disconnect(struct sio_socket *socket, const char *reason, bool has_moved,
                               void *app)
{
    struct job_guest *guest = job_guest_find(app, socket);

    (void)reason;
    (void)has_moved;
    job_guest_destroy(&guest);
}

const struct sio_app jobs_app = {
    .name = "jobs",
    .open = jobs_open,
    .close = jobs_close,
    .on_connect = jobs_on_connect,
    .on_event = jobs_on_event,
    .on_disconnect = jobs_on_disconnect,
};
