/* SPDX-License-Identifier: MIT */
/* The whole: one engine, all sockets, and the apps that sit on them. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sio_inner.h"
#include "sio_name.h"

/* ---- settings -------------------------------------------------------------------------------------- */

/* As the servers under test of the official suites are set. */
enum {
    CONFORMANCE_INTERVAL_MS = 300,
    CONFORMANCE_TIMEOUT_MS = 200,
    CONFORMANCE_CONNECT_MS = 1000,
    CONFORMANCE_PAYLOAD = 1000000,
    CONFORMANCE_PACE_MS = 10, /* they look for one message, then for the next */
};

static bool has_transport(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->socketio_transports.count; i++)
        if (strcmp(config->socketio_transports.items[i], name) == 0)
            return true;
    return false;
}

void sio_engine_settings(const struct config *config, struct engine_settings *out)
{
    *out = (struct engine_settings){
        .ping_interval_ms = config->socketio_ping_interval_ms,
        .ping_timeout_ms = config->socketio_ping_timeout_ms,
        .upgrade_timeout_ms = config->socketio_upgrade_timeout_ms,
        .max_payload = config->socketio_max_payload,
        .pending_max = config->socketio_pending_max,
        .poll_packets = config->socketio_poll_packets,
        .post_packets = config->socketio_post_packets,
        .has_polling = has_transport(config, "polling"),
        .has_websocket = has_transport(config, "websocket"),
        .has_upgrades = config->socketio_upgrades,
        .has_version_3 = config->socketio_eio3,
        .has_jsonp = config->jsonp,
    };
    if (!config->conformance)
        return;
    out->ping_interval_ms = CONFORMANCE_INTERVAL_MS;
    out->ping_timeout_ms = CONFORMANCE_TIMEOUT_MS;
    out->max_payload = CONFORMANCE_PAYLOAD;
    out->pace_ms = CONFORMANCE_PACE_MS;
    out->is_open_to_all = true;
}

bool sio_has_namespace(const struct sio *sio, struct slice nsp)
{
    const struct config *config = sio->node->config;

    if (!sio_namespace_is_valid(nsp))
        return false;
    for (size_t i = 0; i < config->socketio_namespaces.count; i++)
        if (pattern_matches(slice_of(config->socketio_namespaces.items[i]), nsp))
            return true;
    return config->conformance && slice_is(nsp, "/custom");
}

void sio_configure(struct sio *sio)
{
    const struct config *config = sio->node->config;
    struct engine_settings settings;

    sio_engine_settings(config, &settings);
    engine_configure(sio->engine, &settings);
    sio->connect_timeout_ms =
        config->conformance ? CONFORMANCE_CONNECT_MS : config->socketio_connect_timeout_ms;
    sio_rooms_configure(sio);
    for (size_t i = 0; i < sio->apps.count; i++)
        if (sio->apps.items[i]->configure != NULL)
            sio->apps.items[i]->configure(sio->opened[i]);
}

/* ---- life ------------------------------------------------------------------------------------------- */

static void open_apps(struct sio *sio)
{
    sio->opened = xcalloc(sio->apps.count, sizeof *sio->opened);
    for (size_t i = 0; i < sio->apps.count; i++) {
        const struct sio_app *app = sio->apps.items[i];

        sio->opened[i] = app->open(sio->node, sio);
        http_add_routes(sio->node->http, app->routes, app->route_count, sio->opened[i]);
    }
}

struct sio *sio_create(struct node *node, struct sio_app_list apps)
{
    struct sio *sio = xcalloc(1, sizeof *sio);
    struct engine_settings settings;

    sio->node = node;
    sio->apps = apps;
    sio->deadlines = deadlines_create(node->loop);
    list_init(&sio->conns);
    list_init(&sio->graves);
    deadline_init(&sio->burial);
    sio_rooms_open(sio);
    sio->engine = engine_create(node, &sio_conn_ops, sio);
    sio_engine_settings(node->config, &settings);
    engine_configure(sio->engine, &settings);
    open_apps(sio);
    engine_serve(sio->engine, node->config->socketio_path, true);
    return sio;
}

void sio_drain(struct sio *sio)
{
    engine_drain(sio->engine);
    for (size_t i = 0; i < sio->apps.count; i++)
        if (sio->apps.items[i]->drain != NULL)
            sio->apps.items[i]->drain(sio->opened[i]);
}

void sio_destroy(struct sio **sio)
{
    struct sio *gone = *sio;

    *sio = NULL;
    if (gone == NULL)
        return;
    engine_destroy(&gone->engine);
    assert(list_is_empty(&gone->conns));
    deadline_clear(&gone->burial);
    sio_sockets_bury(gone);
    for (size_t i = gone->apps.count; i-- > 0;)
        gone->apps.items[i]->close(gone->opened[i]);
    sio_rooms_close(gone);
    deadlines_destroy(&gone->deadlines);
    free(gone->opened);
    free(gone);
}
