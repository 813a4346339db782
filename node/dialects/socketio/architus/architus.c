/* SPDX-License-Identifier: MIT */
/* The app: one session for each socket of the namespace "/", its events, and the routes for back ends. */
#include "architus.h"

#include <assert.h>
#include <stdlib.h>

#include "architus_room.h"
#include "auth_throttle.h"
#include "base/mem.h"
#include "fetch.h"
#include "metrics.h"
#include "request.h"
#include "session_data.h"

static void handle_ids(struct session *session, const struct sio_event *event)
{
    ask_handle(session, event, ASK_IDS);
}

static void handle_all(struct session *session, const struct sio_event *event)
{
    ask_handle(session, event, ASK_ALL);
}

static void handle_search(struct session *session, const struct sio_event *event)
{
    ask_handle(session, event, ASK_SEARCH);
}

static const struct {
    const char *name;
    bool counts_itself; /* it says in its own way that it was said too often */
    void (*handle)(struct session *session, const struct sio_event *event);
} events[] = {
    { "pool_request", true, handle_ids },   { "pool_all_request", true, handle_all },
    { "pool_search", true, handle_search }, { "request_elevation", false, elevate_handle },
    { "spectate", true, watch_handle },     { "mock_user_event", false, mock_handle },
};

static void handle(struct session *session, const struct sio_event *event, size_t index)
{
    if (!events[index].counts_itself && !session_may_say(session)) {
        session->app->node->metrics.limits[LIMIT_ARCHITUS_RATE]++;
        session_refuse_ack(session, REFUSAL_TOO_OFTEN, NULL, ack_of(event));
    } else {
        events[index].handle(session, event);
    }
}

static bool on_event(struct sio_socket *socket, const struct sio_event *event, void *app)
{
    struct session *session = session_find(app, socket);

    if (session == NULL)
        return false;
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
        if (slice_is(event->name, events[i].name)) {
            handle(session, event, i);
            return true;
        }
    return false;
}

static void on_connect(struct sio_socket *socket, bool is_back, void *app)
{
    struct session *session;

    if (!slice_is(sio_namespace(socket), "/"))
        return;
    session = session_create(app, socket);
    elevate_settle(session);
    if (is_back)
        session_resume(session);
}

static void on_renewed(struct sio_socket *socket, void *app)
{
    struct session *session = session_find(app, socket);

    if (session != NULL)
        elevate_settle(session);
}

static void on_disconnect(struct sio_socket *socket, const char *reason, bool has_moved, void *app)
{
    struct session *session = session_find(app, socket);

    (void)reason;
    (void)has_moved;
    session_destroy(&session);
}

/* ---- its life ------------------------------------------------------------------------------------------ */

static void *architus_open(struct node *node, struct sio *sio)
{
    struct architus *app = xcalloc(1, sizeof *app);

    app->node = node;
    app->sio = sio;
    list_init(&app->fetches);
    app->deadlines = deadlines_create(node->loop);
    app->backend = backend_create(node, app->deadlines, sio_default_realm());
    app->discord = discord_create(node->loop, node->config);
    app->herald = herald_create(app);
    app->nonce_failures = throttle_create();
    return app;
}

/* Who has never accepted tokens leaves the list to nodes that do. */
static void architus_configure(void *opened)
{
    struct architus *app = opened;

    if (app->gateway == NULL && jwts_is_configured(app->node->jwts))
        app->gateway = gateway_create(app);
}

static void architus_close(void *opened)
{
    struct architus *app = opened;

    assert(app->sessions == NULL);
    fetches_end(app);
    flights_end(app);
    gateway_destroy(&app->gateway);
    herald_destroy(&app->herald);
    throttle_destroy(&app->nonce_failures);
    discord_destroy(&app->discord);
    backend_destroy(&app->backend);
    deadlines_destroy(&app->deadlines);
    free(app);
}

static const struct http_route routes[] = {
    { HTTP_POST, "/api/v1/guilds/{}/events", publish_handle_events, HTTP_PLAIN },
    { HTTP_PUT, "/api/v1/guilds/{}/pools/{}", fill_handle_put, HTTP_PLAIN },
    { HTTP_PATCH, "/api/v1/guilds/{}/pools/{}", fill_handle_patch, HTTP_PLAIN },
    { HTTP_DELETE, "/api/v1/guilds/{}/pools/{}", fill_handle_delete, HTTP_PLAIN },
    { HTTP_PUT, "/api/v1/guilds/{}/permissions", gate_handle_permissions, HTTP_PLAIN },
    { HTTP_POST, "/api/v1/nonces", gate_handle_nonces, HTTP_PLAIN },
    { HTTP_POST, "/api/v1/demote", gate_handle_demote, HTTP_PLAIN },
};

const struct sio_app architus_app = {
    .name = "architus",
    .open = architus_open,
    .configure = architus_configure,
    .close = architus_close,
    .admit = elevate_admit,
    .on_connect = on_connect,
    .on_renewed = on_renewed,
    .on_event = on_event,
    .on_disconnect = on_disconnect,
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
};
