/* SPDX-License-Identifier: MIT */
/*
 * One TLS connection: a pump between the client's socket and one end of a socket pair, whose other end
 * HTTP has.
 *
 *     client ⇄ [net: SSL] ⇄ [app] ⇄ HTTP
 *
 * In each direction at most one piece waits. While one does, its source is not read: so who does not
 * take holds up who sends, through the buffers of the kernel, as on a plain connection. Each direction
 * ends by itself: what is left is written, then the end is passed on.
 */
#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "tls_inner.h"

struct side {
    uv_poll_t poll;
    int fd, events;
    bool is_open;       /* the handle exists                                                   */
    bool has_ended;     /* nothing more comes from here                                        */
    bool is_shut;       /* the end of the other side was passed on to here                     */
    bool is_gone;       /* closed: takes nothing more                                          */
    struct buf pending; /* what came from the other side and is not taken yet: from `taken` on */
    size_t taken;
};

struct pump {
    struct tls *tls;
    struct list node;
    struct deadline deadline; /* for the handshake; later for a client that does not read */
    SSL *ssl;
    bool is_ready; /* the handshake is done                                     */
    bool is_closed;
    int read_wants, write_wants; /* what `net` has to become before SSL can go on         */
    struct side net, app;
    struct peer peer;
    struct conn_place place; /* until HTTP has it                                         */
};

/* ---- the end --------------------------------------------------------------------------------------- */

static void pump_release(struct pump *pump)
{
    struct tls *tls = pump->tls;

    if (pump->net.is_open || pump->app.is_open)
        return;
    buf_fini(&pump->net.pending);
    buf_fini(&pump->app.pending);
    free(pump);
    tls->count--;
    tls_release(tls);
}

static void on_net_closed(uv_handle_t *handle)
{
    struct pump *pump = handle->data;

    pump->net.is_open = false;
    pump_release(pump);
}

static void on_app_closed(uv_handle_t *handle)
{
    struct pump *pump = handle->data;

    pump->app.is_open = false;
    pump_release(pump);
}

static void pump_close(struct pump *pump)
{
    if (pump->is_closed)
        return;
    pump->is_closed = true;
    list_remove(&pump->node);
    deadline_clear(&pump->deadline);
    conn_limit_give(&pump->place);
    SSL_free(pump->ssl);
    ERR_clear_error();
    uv_close((uv_handle_t *)&pump->net.poll, on_net_closed);
    close(pump->net.fd);
    if (pump->app.is_open) {
        uv_close((uv_handle_t *)&pump->app.poll, on_app_closed);
        close(pump->app.fd);
    }
}

void tls_pump_stop_all(struct tls *tls)
{
    while (!list_is_empty(&tls->conns))
        pump_close(LIST_ENTRY(tls->conns.next, struct pump, node));
}

static void on_handshake_late(struct deadline *deadline)
{
    struct pump *pump = LIST_ENTRY(deadline, struct pump, deadline);

    pump->tls->node->metrics.limits[LIMIT_HANDSHAKE_TIME]++;
    pump_close(pump);
}

static void on_write_late(struct deadline *deadline)
{
    struct pump *pump = LIST_ENTRY(deadline, struct pump, deadline);

    pump->tls->node->metrics.limits[LIMIT_WRITE_TIME]++;
    pump_close(pump);
}

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

/* What SSL asks for after `result`: an event, 0 at the end of the stream, or -1 when it has failed. */
static int ssl_wants(struct pump *pump, int result)
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
    pump->write_wants = sent > 0 ? 0 : ssl_wants(pump, sent);
    if (sent > 0)
        return sent;
    return pump->write_wants > 0 ? 0 : -1;
}

/* HTTP has closed its end: what comes in from now on is of no use to anybody. */
static void app_gone(struct pump *pump)
{
    pump->app.is_gone = true;
    pump->net.has_ended = true;
    side_take(&pump->app, side_pending(&pump->app).len);
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
    pump->read_wants = got > 0 ? 0 : ssl_wants(pump, got);
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

static void on_net(uv_poll_t *poll, int status, int events);
static void on_app(uv_poll_t *poll, int status, int events);

static void side_poll(struct side *side, int events, uv_poll_cb on_event)
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
    side_poll(net, net_events, on_net);
    side_poll(app, app->is_gone ? 0 : app_events, on_app);
    if (net->pending.len == 0)
        deadline_clear(&pump->deadline);
    else if (!deadline_is_set(&pump->deadline))
        deadline_set(pump->tls->deadlines, &pump->deadline,
                     pump->tls->node->config->write_timeout_ms, on_write_late);
}

static void pump_run(struct pump *pump)
{
    struct side *net = &pump->net, *app = &pump->app;

    if (!move(pump, &inward, net, app) || !move(pump, &outward, app, net) ||
        (net->is_shut && app->is_shut))
        pump_close(pump);
    else
        pump_poll(pump);
}

/* ---- its start ------------------------------------------------------------------------------------- */

/* The handshake is done: HTTP gets its end. */
static bool pump_open(struct pump *pump)
{
    struct tls *tls = pump->tls;
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0)
        return false;
    if (uv_poll_init(tls->node->loop, &pump->app.poll, ends[0]) != 0) {
        close(ends[0]);
        close(ends[1]);
        return false;
    }
    pump->app.poll.data = pump;
    pump->app.fd = ends[0];
    pump->app.is_open = true;
    pump->is_ready = true;
    deadline_clear(&pump->deadline);
    http_serve(tls->http, ends[1], &pump->peer, pump->place);
    pump->place = (struct conn_place){ NULL, NULL };
    return true;
}

static void pump_handshake(struct pump *pump)
{
    int result, wants;

    ERR_clear_error();
    result = SSL_accept(pump->ssl);
    wants = result == 1 ? 0 : ssl_wants(pump, result);
    if (wants > 0) {
        side_poll(&pump->net, wants, on_net);
    } else if (result == 1 && pump_open(pump)) {
        pump_run(pump);
    } else {
        const char *reason = ERR_reason_error_string(ERR_get_error());
        char peer[PEER_TEXT_SIZE];

        peer_format(&pump->peer, peer);
        reason = reason != NULL ? reason : "the peer went away";
        log_peer(LOG_INFO, NULL, "tls.refused", "peer=%s reason=%s", peer,
                 log_quote(reason, strlen(reason)));
        pump_close(pump);
    }
}

static void on_net(uv_poll_t *poll, int status, int events)
{
    struct pump *pump = poll->data;

    (void)events;
    if (status < 0)
        pump_close(pump);
    else if (pump->is_ready)
        pump_run(pump);
    else
        pump_handshake(pump);
}

static void on_app(uv_poll_t *poll, int status, int events)
{
    struct pump *pump = poll->data;

    if (status < 0 || (events & UV_PRIORITIZED) != 0)
        app_gone(pump);
    pump_run(pump);
}

void tls_pump_start(struct tls *tls, int fd, const struct peer *peer, struct conn_place place)
{
    struct pump *pump = xcalloc(1, sizeof *pump);

    pump->ssl = SSL_new(tls->context);
    if (pump->ssl == NULL || SSL_set_fd(pump->ssl, fd) != 1 ||
        uv_poll_init(tls->node->loop, &pump->net.poll, fd) != 0) {
        log_peer(LOG_ERROR, NULL, "tls.failed", "fd=%d", fd);
        SSL_free(pump->ssl);
        conn_limit_give(&place);
        close(fd);
        free(pump);
        return;
    }
    pump->tls = tls;
    pump->net.poll.data = pump;
    pump->net.fd = fd;
    pump->net.is_open = true;
    pump->peer = *peer;
    pump->place = place;
    buf_init(&pump->net.pending, TLS_PIECE);
    buf_init(&pump->app.pending, TLS_PIECE);
    deadline_init(&pump->deadline);
    list_append(&tls->conns, &pump->node);
    tls->count++;
    deadline_set(tls->deadlines, &pump->deadline, tls->node->config->header_timeout_ms,
                 on_handshake_late);
    pump_handshake(pump);
}
