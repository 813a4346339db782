/* SPDX-License-Identifier: MIT */
/*
 * The pump of a TLS connection. In each direction at most one piece waits. While one does, its source is
 * not read: so who does not take holds up who sends, through the buffers of the kernel, as on a plain
 * connection. Each direction ends by itself: what is left is written, then the end is passed on.
 */
#include <errno.h>
#include <openssl/err.h>
#include <sys/socket.h>

#include "tls_inner.h"

/* ---- what waits ------------------------------------------------------------------------------------ */

static struct slice side_pending(const struct side *side)
{
    struct slice all = buf_slice(&side->pending);

    return (struct slice){ all.data + side->taken, all.len - side->taken };
}

static void side_take(struct side *side, size_t len)
{
    side->taken += len;
    if (side->taken == side->pending.len) {
        buf_fini(&side->pending);
        side->taken = 0;
    }
}

/* ---- both ends ------------------------------------------------------------------------------------- */

int tls_wants(struct pump *pump, int result)
{
    switch (SSL_get_error(pump->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return UV_READABLE;
    case SSL_ERROR_WANT_WRITE:
        return UV_WRITABLE;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        return -1;
    }
}

/* Bytes taken, or -1 when this side has failed. */
static ssize_t net_write(struct pump *pump, struct slice bytes)
{
    int sent;

    ERR_clear_error();
    sent = SSL_write(pump->ssl, bytes.data, (int)bytes.len);
    pump->write_wants = sent > 0 ? 0 : tls_wants(pump, sent);
    if (sent > 0)
        return sent;
    return pump->write_wants > 0 ? 0 : -1;
}

void tls_app_gone(struct pump *pump)
{
    pump->app.is_gone = true;
    pump->net.has_ended = true;
    side_take(&pump->app, pump->app.pending.len - pump->app.taken);
}

static ssize_t app_write(struct pump *pump, struct slice bytes)
{
    ssize_t sent = send(pump->app.fd, bytes.data, bytes.len, MSG_NOSIGNAL);

    if (sent < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (sent < 0)
        pump->net.has_ended = pump->app.is_gone = true;
    return sent < 0 ? (ssize_t)bytes.len : sent;
}

/* Bytes read into the shared piece; 0: none now, or the end (has_ended); -1: this side has failed. */
static ssize_t net_read(struct pump *pump)
{
    int got;

    ERR_clear_error();
    got = SSL_read(pump->ssl, pump->tls->piece, TLS_PIECE);
    pump->read_wants = got > 0 ? 0 : tls_wants(pump, got);
    pump->net.has_ended = got <= 0 && pump->read_wants == 0;
    if (got > 0)
        return got;
    return pump->read_wants >= 0 ? 0 : -1;
}

/* An error here is an end too: HTTP closed its end without having read all. */
static ssize_t app_read(struct pump *pump)
{
    ssize_t got = recv(pump->app.fd, pump->tls->piece, TLS_PIECE, 0);

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    pump->app.has_ended = got <= 0;
    return got > 0 ? got : 0;
}

static void net_shut(struct pump *pump)
{
    ERR_clear_error();
    SSL_shutdown(pump->ssl);
    shutdown(pump->net.fd, SHUT_WR);
}

static void app_shut(struct pump *pump)
{
    shutdown(pump->app.fd, SHUT_WR);
}

struct direction {
    ssize_t (*read)(struct pump *pump);
    ssize_t (*write)(struct pump *pump, struct slice bytes);
    void (*shut)(struct pump *pump);
};

static const struct direction inward = { net_read, app_write, app_shut };
static const struct direction outward = { app_read, net_write, net_shut };

/* ---- the pump -------------------------------------------------------------------------------------- */

/* Writes `bytes` as far as they are taken and returns how far, or -1. */
static ssize_t push(struct pump *pump, const struct direction *way, struct slice bytes)
{
    size_t done = 0;

    while (done < bytes.len) {
        ssize_t sent = way->write(pump, (struct slice){ bytes.data + done, bytes.len - done });

        if (sent < 0)
            return -1;
        if (sent == 0)
            break;
        done += (size_t)sent;
    }
    return (ssize_t)done;
}

/* One piece. True when there may be another one. */
static bool move_piece(struct pump *pump, const struct direction *way, struct side *to,
                       bool *failed)
{
    ssize_t got = way->read(pump), sent;

    *failed = got < 0;
    if (got <= 0)
        return false;
    sent = push(pump, way, (struct slice){ pump->tls->piece, (size_t)got });
    *failed = sent < 0;
    if (sent >= 0 && sent < got)
        buf_add(&to->pending, pump->tls->piece + sent, (size_t)(got - sent));
    return sent == got;
}

/* Moves what there is from one side to the other. False when the client's side has failed. */
static bool move(struct pump *pump, const struct direction *way, struct side *from, struct side *to)
{
    bool failed = false;

    if (to->pending.len > 0) {
        ssize_t sent = push(pump, way, side_pending(to));

        if (sent < 0)
            return false;
        side_take(to, (size_t)sent);
    }
    while (to->pending.len == 0 && !from->has_ended && move_piece(pump, way, to, &failed))
        ;
    if (from->has_ended && to->pending.len == 0 && !to->is_shut) {
        to->is_shut = true;
        way->shut(pump);
    }
    return !failed;
}

void tls_side_poll(struct side *side, int events, uv_poll_cb on_event)
{
    if (events == side->events)
        return;
    side->events = events;
    if (events == 0)
        uv_poll_stop(&side->poll);
    else
        uv_poll_start(&side->poll, events, on_event);
}

static void pump_poll(struct pump *pump)
{
    struct side *net = &pump->net, *app = &pump->app;
    int net_events = 0,
        app_events = UV_PRIORITIZED; /* nothing ever is: tells when HTTP has closed */

    if (app->pending.len == 0 && !net->has_ended)
        net_events |= pump->read_wants;
    if (net->pending.len > 0)
        net_events |= pump->write_wants;
    if (net->pending.len == 0 && !app->has_ended)
        app_events |= UV_READABLE;
    if (app->pending.len > 0)
        app_events |= UV_WRITABLE;
    tls_side_poll(net, net_events, tls_on_net);
    tls_side_poll(app, app->is_gone ? 0 : app_events, tls_on_app);
    if (net->pending.len == 0)
        deadline_clear(&pump->deadline);
    else if (!deadline_is_set(&pump->deadline))
        deadline_set(pump->tls->deadlines, &pump->deadline,
                     pump->tls->node->config->write_timeout_ms, tls_on_write_late);
}

void tls_pump_run(struct pump *pump)
{
    struct side *net = &pump->net, *app = &pump->app;

    if (!move(pump, &inward, net, app) || !move(pump, &outward, app, net) ||
        (net->is_shut && app->is_shut))
        tls_pump_close(pump);
    else
        pump_poll(pump);
}
