/* SPDX-License-Identifier: MIT */
/*
 * Arrivals. A socket whose handshake HTTP has read waits for the next turn of the loop, so that nobody
 * is called back before http_upgrade() returns, and is then given to lws together with a handshake
 * that lws will accept.
 */
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "ws_conn.h"
#include "ws_deflate.h"

/* What the kernel may hold of what it has not sent yet. Its own bound is megabytes for each peer that
 * does not read, and all of that would count as delivered and go with the connection. */
enum { UNSENT_MAX = 64 * 1024 };

static void bound_unsent(int fd)
{
    int bytes = UNSENT_MAX;

    /* where it is no TCP there is nothing to bound */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof bytes);
}

static bool is_offered(struct slice offers, const char *name)
{
    while (offers.len > 0) {
        const char *comma = memchr(offers.data, ',', offers.len);
        size_t len = comma != NULL ? (size_t)(comma - offers.data) : offers.len;

        if (slice_is(slice_trim((struct slice){ offers.data, len }), name))
            return true;
        len += comma != NULL;
        offers = (struct slice){ offers.data + len, offers.len - len };
    }
    return false;
}

/* The first of ours that the client offers (RFC 6455, section 4.2.2); NULL when it knows none. */
static const char *protocol_of(const struct ws_ops *ops, struct slice offers)
{
    const char *const *known = ops->protocols;

    while (known != NULL && *known != NULL && !is_offered(offers, *known))
        known++;
    return known != NULL ? *known : NULL;
}

static void put(struct ws_arrival *arrival, struct slice bytes)
{
    if (bytes.len > 0)
        memcpy(arrival->head + arrival->head_len, bytes.data, bytes.len);
    arrival->head_len += bytes.len;
}

static void put_answer(struct ws_arrival *arrival, struct slice bytes)
{
    if (bytes.len > 0)
        memcpy(arrival->head + arrival->head_len + arrival->answer_len, bytes.data, bytes.len);
    arrival->answer_len += bytes.len;
}

static const char head_start[] = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                                 "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                 "Sec-WebSocket-Key: ";
static const char head_deflate[] = "\r\nSec-WebSocket-Extensions: " WS_DEFLATE_ACCEPTED;
static const char head_end[] = "\r\n\r\n";
static const char answer_protocol[] = "Sec-WebSocket-Protocol: ";
static const char answer_end[] = "\r\n";

void ws_adopt(struct ws_host *host, int fd, const struct ws_handshake *handshake,
              const struct ws_ops *ops, void *conn)
{
    struct slice protocol = slice_of(protocol_of(ops, handshake->protocols));
    size_t size = sizeof head_start + sizeof head_deflate + sizeof head_end + handshake->key.len +
                  handshake->early.len + handshake->headers.len + sizeof answer_protocol +
                  protocol.len + sizeof answer_end;
    struct ws_arrival *arrival = xmalloc(sizeof *arrival + size);

    *arrival = (struct ws_arrival){
        .fd = fd,
        .ops = ops,
        .conn = conn,
        .peer = handshake->peer,
        .place = handshake->place,
        .has_early = handshake->early.len > 0,
        .is_deflated = host->deflate != NULL && ws_deflate_is_offered(handshake->extensions),
    };
    put(arrival, SLICE_LITERAL(head_start));
    put(arrival, handshake->key);
    if (arrival->is_deflated)
        put(arrival, SLICE_LITERAL(head_deflate));
    put(arrival, SLICE_LITERAL(head_end));
    put(arrival, handshake->early);
    put_answer(arrival, handshake->headers);
    if (protocol.data != NULL) {
        put_answer(arrival, SLICE_LITERAL(answer_protocol));
        put_answer(arrival, protocol);
        put_answer(arrival, SLICE_LITERAL(answer_end));
    }
    list_append(&host->arrivals, &arrival->node);
    ws_host_wake(host);
}

static void arrival_end(struct ws_arrival *arrival)
{
    if (arrival->ws == NULL) {
        conn_limit_give(&arrival->place);
        arrival->ops->on_close(NULL, WS_ENDED_BROKEN, CLOSE_PEER_GONE, arrival->conn);
    }
    free(arrival);
}

/* lws answers the handshake within this call, and closes the socket when it cannot. What came behind
 * the head it keeps, and looks at when something happens on the socket: that it becomes writable. */
void ws_arrive(struct ws_host *host)
{
    struct ws_arrival *arrival = LIST_ENTRY(host->arrivals.next, struct ws_arrival, node);
    size_t len = arrival->head_len;
    struct lws *wsi;

    list_remove(&arrival->node);
    bound_unsent(arrival->fd);
    host->arriving = arrival;
    wsi = lws_adopt_socket_vhost_readbuf(host->vhost, arrival->fd, arrival->head, len);
    host->arriving = NULL;
    if (wsi != NULL && arrival->ws == NULL)
        lws_set_timeout(wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_SYNC);
    else if (wsi != NULL && arrival->has_early)
        lws_callback_on_writable(wsi);
    arrival_end(arrival);
}

int ws_on_answering(const struct ws_arrival *arrival, struct lws_process_html_args *answer)
{
    if (arrival->answer_len > (size_t)answer->max_len)
        return -1;
    memcpy(answer->p, arrival->head + arrival->head_len, arrival->answer_len);
    answer->p += arrival->answer_len;
    answer->max_len -= (int)arrival->answer_len;
    return 0;
}

void ws_turn_away(struct ws_host *host)
{
    struct ws_arrival *arrival = LIST_ENTRY(host->arrivals.next, struct ws_arrival, node);

    list_remove(&arrival->node);
    close(arrival->fd);
    arrival_end(arrival);
}
