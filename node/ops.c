/* SPDX-License-Identifier: MIT */
#include "ops.h"

#include "node.h"

enum { METRICS_MAX = 4 * 1024 * 1024 };

const char *ops_unready_reason(const struct node *node)
{
    if (node->is_draining)
        return "draining";
    if (!store_is_up(node->store))
        return "Redis cannot be reached";
    if (!inbox_is_healthy(node->inbox))
        return "subscriptions are not alive";
    if (!auth_is_ready(node->auth))
        return "a source of credentials has not been reached";
    return NULL;
}

static void on_health(struct http_request *request, void *node)
{
    (void)node;
    http_reply_json(request, 200, SLICE_LITERAL("{\"status\":\"healthy\"}"));
}

static void on_live(struct http_request *request, void *node)
{
    (void)node;
    http_reply_json(request, 200, SLICE_LITERAL("{\"status\":\"ok\"}"));
}

static void on_ready(struct http_request *request, void *node)
{
    const char *reason = ops_unready_reason(node);
    struct buf body;

    buf_init(&body, 256);
    buf_printf(&body, "{\"status\":\"%s\"}", reason != NULL ? reason : "ready");
    http_reply_json(request, reason != NULL ? 503 : 200, buf_slice(&body));
    buf_fini(&body);
}

static void on_metrics(struct http_request *request, void *node)
{
    struct http_reply reply = { .status = 200, .type = "text/plain; version=0.0.4; charset=utf-8" };
    struct buf page;

    buf_init(&page, METRICS_MAX);
    metrics_print(node, &page);
    reply.body = buf_slice(&page);
    http_reply(request, &reply);
    buf_fini(&page);
}

const struct http_route ops_routes[] = {
    { .method = HTTP_GET, .path = "/health", .handle = on_health, .traits = HTTP_CROSS_ORIGIN },
    { .method = HTTP_GET, .path = "/healthz", .handle = on_live },
    { .method = HTTP_GET, .path = "/readyz", .handle = on_ready },
    { .method = HTTP_GET, .path = "/metrics", .handle = on_metrics },
};
const size_t ops_route_count = sizeof ops_routes / sizeof ops_routes[0];
