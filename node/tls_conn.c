/* SPDX-License-Identifier: MIT */
/*
 * The life of a TLS connection: a handshake against a deadline, then a socket pair whose other end HTTP
 * gets, and the pump between; at last both handles, one after the other.
 */
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "tls_inner.h"

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

void tls_pump_close(struct pump *pump)
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
        tls_pump_close(LIST_ENTRY(tls->conns.next, struct pump, node));
}

static void on_handshake_late(struct deadline *deadline)
{
    struct pump *pump = LIST_ENTRY(deadline, struct pump, deadline);

    pump->tls->node->metrics.limits[LIMIT_HANDSHAKE_TIME]++;
    tls_pump_close(pump);
}

void tls_on_write_late(struct deadline *deadline)
{
    struct pump *pump = LIST_ENTRY(deadline, struct pump, deadline);

    pump->tls->node->metrics.limits[LIMIT_WRITE_TIME]++;
    tls_pump_close(pump);
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
    wants = result == 1 ? 0 : tls_wants(pump, result);
    if (wants > 0) {
        tls_side_poll(&pump->net, wants, tls_on_net);
    } else if (result == 1 && pump_open(pump)) {
        tls_pump_run(pump);
    } else {
        const char *reason = ERR_reason_error_string(ERR_get_error());
        char peer[PEER_TEXT_SIZE];

        peer_format(&pump->peer, peer);
        reason = reason != NULL ? reason : "the peer went away";
        log_peer(LOG_INFO, NULL, "tls.refused", "peer=%s reason=%s", peer,
                 log_quote(reason, strlen(reason)));
        tls_pump_close(pump);
    }
}

void tls_on_net(uv_poll_t *poll, int status, int events)
{
    struct pump *pump = poll->data;

    (void)events;
    if (status < 0)
        tls_pump_close(pump);
    else if (pump->is_ready)
        tls_pump_run(pump);
    else
        pump_handshake(pump);
}

void tls_on_app(uv_poll_t *poll, int status, int events)
{
    struct pump *pump = poll->data;

    if (status < 0 || (events & UV_PRIORITIZED) != 0)
        tls_app_gone(pump);
    tls_pump_run(pump);
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
