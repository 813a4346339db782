/* SPDX-License-Identifier: MIT */
/*
 * The push dialect: its routes, its two channels (a feed for each player, and one for all players of a
 * realm), and the answers in plain text that its routes have in common.
 */
#include "push.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "place.h"

/* How long a connection that lags has to catch up with broadcasts; for nobody else do they wait. */
enum { BROADCAST_TTL_MS = 10000 };

static const struct http_route routes[] = {
    { HTTP_GET, "/ws", player_handle, HTTP_EFFECTIVE },
    { HTTP_POST, "/publish", publish_handle, HTTP_CROSS_ORIGIN },
    { HTTP_POST, "/broadcast", broadcast_handle, HTTP_CROSS_ORIGIN },
};

static void *push_open(struct node *node)
{
    struct push *push = xcalloc(1, sizeof *push);

    push->node = node;
    push->deadlines = deadlines_create(node->loop);
    list_init(&push->given);
    deadline_init(&push->retry);
    return push;
}

static void push_configure(void *dialect)
{
    struct push *push = dialect;
    const struct config *config = push->node->config;
    struct channel_bounds bounds = {
        .offline_cap = config->max_queued,
        .live_bound = config->live_bound,
        .ttl_ms = config->offline_ttl_ms,
        .keep_ms = config->feed_keep_ms,
        .keep_count = config->feed_keep,
        .grace_ms = config->reconnect_grace_ms,
    };

    channel_set_bounds(push->node->store, CHANNEL_PLAYER, &bounds);
    bounds.offline_cap = 0;
    bounds.ttl_ms = BROADCAST_TTL_MS;
    bounds.grace_ms = 0;
    channel_set_bounds(push->node->store, CHANNEL_BROADCAST, &bounds);
}

static void push_close(void *dialect)
{
    struct push *push = dialect;

    places_forget(push);
    deadline_clear(&push->retry);
    deadlines_destroy(&push->deadlines);
    free(push);
}

void push_too_many(struct http_request *request, const char *text, uint32_t retry_after_s)
{
    char body[64];
    int len = snprintf(body, sizeof body, "%s\n", text);

    assert(len > 0 && (size_t)len < sizeof body);
    http_reply_too_many(request, "text/plain; charset=utf-8", (struct slice){ body, (size_t)len },
                        retry_after_s);
}

void push_fail(struct http_request *request)
{
    const struct http_reply reply = {
        .status = 503,
        .type = "text/plain; charset=utf-8",
        .body = SLICE_LITERAL("unavailable\n"),
        .headers = "Retry-After: 1\r\n",
    };

    http_reply(request, &reply);
}

void push_refuse(struct http_request *request, const struct auth_outcome *outcome, int status,
                 const char *text)
{
    switch (outcome->answer) {
    case AUTH_THROTTLED:
        push_too_many(request, "too many failed attempts", outcome->retry_after_s);
        break;
    case AUTH_UNKNOWN:
        push_fail(request);
        break;
    default:
        assert(outcome->answer == AUTH_REFUSED);
        http_reply_text(request, status, text);
        break;
    }
}

const struct dialect push_dialect = {
    .name = "push",
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
    .open = push_open,
    .configure = push_configure,
    .close = push_close,
};
