/* SPDX-License-Identifier: MIT */
/*
 * The mailbox dialect: what it serves, and its one channel. A job's commands wait in a channel that has
 * no listener but polls, so its two bounds are one and the same, and the grace has no meaning.
 */
#include "mailbox.h"

#include <stdlib.h>

#include "base/mem.h"
#include "mailbox_room.h"

static const struct http_route routes[] = {
    { HTTP_GET, "/api/v1/commands", poll_handle, HTTP_EFFECTIVE },
    { HTTP_POST, "/api/v1/commands", enqueue_handle, HTTP_CROSS_ORIGIN },
    { HTTP_GET, "/api/v1/jobs", jobs_handle, HTTP_CROSS_ORIGIN },
    { HTTP_GET, "/api/v1/jobs/{}", job_handle, HTTP_CROSS_ORIGIN },
};

static void *mailbox_open(struct node *node)
{
    struct mailbox *mailbox = xcalloc(1, sizeof *mailbox);

    mailbox->node = node;
    mailbox->deadlines = deadlines_create(node->loop);
    list_init(&mailbox->held);
    deadline_init(&mailbox->watch);
    return mailbox;
}

static void mailbox_configure(void *dialect)
{
    struct mailbox *mailbox = dialect;
    const struct config *config = mailbox->node->config;
    const struct channel_bounds bounds = {
        .offline_cap = config->mailbox_cap,
        .live_bound = config->mailbox_cap,
        .ttl_ms = config->max_ttl_ms,
    };

    channel_set_bounds(mailbox->node->store, CHANNEL_MAILBOX, &bounds);
}

static void mailbox_close(void *dialect)
{
    struct mailbox *mailbox = dialect;

    deadline_clear(&mailbox->watch);
    deadlines_destroy(&mailbox->deadlines);
    free(mailbox);
}

const struct dialect mailbox_dialect = {
    .name = "mailbox",
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
    .open = mailbox_open,
    .configure = mailbox_configure,
    .close = mailbox_close,
};
