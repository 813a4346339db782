/* SPDX-License-Identifier: MIT */
/*
 * The servers under test of the official suites (socketio.md 21): Engine.IO that echoes, at /engine.io/, and
 * Socket.IO that says who connected and gives events back:
 *
 *     on connect               → auth, with the payload of CONNECT
 *     message, args…           → message-back, args…
 *     message-with-ack, args…  → the same as the acknowledgement
 */
#include "diagnostic.h"

#include <stdlib.h>

#include "base/mem.h"
#include "engine_echo.h"

struct diagnostic {
    struct node *node;
    struct engine *echo; /* NULL: --conformance is off, and was when the node started */
};

static void *diagnostic_open(struct node *node, struct sio *sio)
{
    struct diagnostic *diagnostic = xcalloc(1, sizeof *diagnostic);
    struct engine_settings settings;

    (void)sio;
    diagnostic->node = node;
    if (!node->config->conformance)
        return diagnostic;
    log_warn(NULL, "diagnostic.conformance", "%s", "not_for_production=1");
    diagnostic->echo = engine_create(node, &engine_echo_ops, NULL);
    sio_engine_settings(node->config, &settings);
    engine_configure(diagnostic->echo, &settings);
    engine_serve(diagnostic->echo, "/engine.io/", false);
    return diagnostic;
}

static void diagnostic_drain(void *app)
{
    struct diagnostic *diagnostic = app;

    if (diagnostic->echo != NULL)
        engine_drain(diagnostic->echo);
}

static void diagnostic_close(void *app)
{
    struct diagnostic *diagnostic = app;

    engine_destroy(&diagnostic->echo);
    free(diagnostic);
}

/* What the client says of itself is known here only. */
static void diagnostic_admit(struct sio_admission *admission, void *app)
{
    struct diagnostic *diagnostic = app;

    if (diagnostic->echo != NULL)
        sio_set_data(sio_admission_socket(admission), diagnostic_app.name,
                     sio_admission_auth(admission));
    sio_admit(admission);
}

static void diagnostic_connect(struct sio_socket *socket, bool is_back, void *app)
{
    struct slice auth = sio_data(socket, diagnostic_app.name);
    struct buf items;

    (void)app;
    if (auth.data == NULL || is_back)
        return;
    buf_init(&items, auth.len + 16);
    buf_add_text(&items, "[\"auth\",");
    buf_add_slice(&items, auth);
    buf_add_byte(&items, ']');
    sio_send(socket, buf_slice(&items));
    buf_fini(&items);
}

/* The items with another name, or with none. */
static void items_write(const struct sio_event *event, const char *name, struct buf *out)
{
    struct json item;
    size_t offset = 0;

    buf_add_byte(out, '[');
    if (name != NULL)
        buf_printf(out, "\"%s\"", name);
    json_next(event->items, &offset, &item);
    while (json_next(event->items, &offset, &item)) {
        if (out->len > 1)
            buf_add_byte(out, ',');
        buf_add_slice(out, item.raw);
    }
    buf_add_byte(out, ']');
}

static bool diagnostic_event(struct sio_socket *socket, const struct sio_event *event, void *app)
{
    struct diagnostic *diagnostic = app;
    bool is_asked = slice_is(event->name, "message-with-ack");
    struct buf items;

    if (diagnostic->echo == NULL || (!is_asked && !slice_is(event->name, "message")))
        return false;
    buf_init(&items, event->items.raw.len + 32);
    items_write(event, is_asked ? NULL : "message-back", &items);
    if (!is_asked)
        sio_send_binary(socket, buf_slice(&items), event->attachments, event->attachment_count);
    else if (event->wants_ack)
        sio_ack_binary(socket, event->ack_id, buf_slice(&items), event->attachments,
                       event->attachment_count);
    buf_fini(&items);
    return true;
}

const struct sio_app diagnostic_app = {
    .name = "diagnostic",
    .open = diagnostic_open,
    .drain = diagnostic_drain,
    .close = diagnostic_close,
    .admit = diagnostic_admit,
    .on_connect = diagnostic_connect,
    .on_event = diagnostic_event,
};
