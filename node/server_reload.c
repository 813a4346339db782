/* SPDX-License-Identifier: MIT */
/* SIGHUP: options, then what depends on them. Each part that fails stays as it was, and says so. */
#include <string.h>

#include "base/log.h"
#include "server_inner.h"

enum { COMPLAINTS_MAX = 16384, NOTES_MAX = 4096 };

void server_configure_dialects(struct server *server)
{
    for (size_t i = 0; i < server->opened_count; i++)
        if (server->setup.dialects[i]->configure != NULL)
            server->setup.dialects[i]->configure(server->opened[i]);
}

static void log_complaints(struct buf *complaints)
{
    char *line, *rest;

    buf_add_byte(complaints, '\0');
    for (line = strtok_r(complaints->data, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest))
        log_error(NULL, "config.wrong", "%s", line);
}

static bool reload_config(struct server *server)
{
    struct buf complaints, notes;
    bool is_good;

    buf_init(&complaints, COMPLAINTS_MAX);
    buf_init(&notes, NOTES_MAX);
    is_good = config_reload(server->setup.config, &complaints, &notes);
    server->node.metrics.config_reloads[is_good]++;
    if (!is_good)
        log_complaints(&complaints);
    else
        log_info(NULL, "config.reload", "need_restart=\"%.*s\"", (int)notes.len,
                 buf_slice(&notes).data);
    buf_fini(&complaints);
    buf_fini(&notes);
    return is_good;
}

/* Whoever does not read the options each time. */
static void configure(struct server *server)
{
    const struct store_options store_options = server_store_options(server);
    const struct hub_options hub_options = server_hub_options(server);

    store_set_limits(server->node.store, &store_options);
    hub_set_options(server->node.hub, &hub_options);
    server_configure_dialects(server);
}

void server_reload(struct server *server)
{
    const struct config *config = server->setup.config;
    struct why why = { "" };

    if (reload_config(server))
        configure(server);
    if (!log_open(config->log_file, config->log_format, config->log_level, &why))
        log_error(NULL, "log.reopen", "%s", why.text);
    if (server->tls != NULL && !tls_reload(server->tls, &why))
        log_error(NULL, "tls.reload", "%s", why.text);
}
