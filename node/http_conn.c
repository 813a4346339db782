/* SPDX-License-Identifier: MIT */
/*
 * One connection: a socket, and where it is between a request and its answer. One request at a time:
 * while it is handled nothing is read, so what a client sends ahead waits in the kernel and at last
 * with the client. All there is to watch for meanwhile is that the client goes away; the end of its
 * sending counts as that.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "http_inner.h"

enum { LINGER_MS = 1000 };

static void on_ready_handling(struct http_conn *conn);
static void on_ready_lingering(struct http_conn *conn);
static void let_go(struct http_conn *conn);
static void on_late(struct deadline *deadline);

#define TO(state)     (1u << (state))
#define CONFIG(field) offsetof(struct config, field)

static const struct conn_rule {
    const char *name;
    size_t limit; /* of the time in it: an offset in struct config; 0: none, or LINGER_MS */
    enum limit_kind counted;
    int events;
    uint32_t next;
    void (*on_ready)(struct http_conn *conn);
    void (*enter)(struct http_conn *conn);
} rules[] = {
    [CONN_FRESH] = { "fresh", CONFIG(header_timeout_ms), LIMIT_HEADER_TIME, UV_READABLE,
                     TO(CONN_HEAD) | TO(CONN_BODY) | TO(CONN_HANDLING) | TO(CONN_CLOSED),
                     http_conn_read, NULL },
    [CONN_IDLE] = { "idle", CONFIG(idle_timeout_ms), LIMIT_IDLE_TIME, UV_READABLE,
                    TO(CONN_HEAD) | TO(CONN_BODY) | TO(CONN_HANDLING) | TO(CONN_CLOSED),
                    http_conn_read, NULL },
    [CONN_HEAD] = { "head", CONFIG(header_timeout_ms), LIMIT_HEADER_TIME, UV_READABLE,
                    TO(CONN_BODY) | TO(CONN_HANDLING) | TO(CONN_CLOSED), http_conn_read, NULL },
    [CONN_BODY] = { "body", CONFIG(body_timeout_ms), LIMIT_BODY_TIME, UV_READABLE,
                    TO(CONN_HANDLING) | TO(CONN_CLOSED), http_conn_read, NULL },
    [CONN_HANDLING] = { "handling", 0, 0, UV_READABLE,
                        TO(CONN_IDLE) | TO(CONN_STREAMING) | TO(CONN_WRITING) | TO(CONN_LINGERING) |
                            TO(CONN_CLOSED),
                        on_ready_handling, NULL },
    [CONN_STREAMING] = { "streaming", 0, 0, UV_READABLE,
                         TO(CONN_IDLE) | TO(CONN_WRITING) | TO(CONN_LINGERING) | TO(CONN_CLOSED),
                         http_stream_on_ready, NULL },
    [CONN_WRITING] = { "writing", CONFIG(write_timeout_ms), LIMIT_WRITE_TIME, UV_WRITABLE,
                       TO(CONN_IDLE) | TO(CONN_LINGERING) | TO(CONN_CLOSED), http_conn_flush,
                       NULL },
    [CONN_LINGERING] = { "lingering", 0, 0, UV_READABLE, TO(CONN_CLOSED), on_ready_lingering,
                         NULL },
    [CONN_CLOSED] = { "closed", 0, 0, 0, 0, NULL, let_go },
};

static uint32_t limit_ms(const struct http_conn *conn, enum conn_state state)
{
    const char *config = (const char *)conn->http->node->config;

    if (state == CONN_LINGERING)
        return LINGER_MS;
    return rules[state].limit != 0 ? *(const uint32_t *)(config + rules[state].limit) : 0;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct http_conn *conn = poll->data;

    if (status < 0 || (events & UV_DISCONNECT) != 0)
        http_conn_close(conn);
    else
        rules[conn->state].on_ready(conn);
}

void http_conn_poll(struct http_conn *conn, int events)
{
    if (conn->events == events)
        return;
    conn->events = events;
    uv_poll_start(&conn->poll, events, on_poll);
}

/* Makes `to` the state: the only place that does. */
static void conn_settle(struct http_conn *conn, enum conn_state to)
{
    const struct conn_rule *rule = &rules[to];
    struct http *http = conn->http;
    uint32_t limit = limit_ms(conn, to);

    http->counts[to]++;
    conn->state = to;
    if (limit > 0)
        deadline_set(http->deadlines, &conn->deadline, limit, on_late);
    else
        deadline_clear(&conn->deadline);
    list_remove(&conn->node);
    list_append(&http->conns[to], &conn->node);
    if (rule->events != 0)
        http_conn_poll(conn, rule->events);
    if (rule->enter != NULL)
        rule->enter(conn);
}

void http_conn_enter(struct http_conn *conn, enum conn_state to)
{
    assert(rules[conn->state].next & TO(to));
    conn->http->counts[conn->state]--;
    conn_settle(conn, to);
}

/* ---- its life ------------------------------------------------------------------------------------ */

void http_conn_open(struct http *http, int fd, const struct peer *peer, struct conn_place place)
{
    struct http_conn *conn = xcalloc(1, sizeof *conn);

    if (uv_poll_init(http->node->loop, &conn->poll, fd) != 0) { /* epoll's limit of watches */
        log_peer(LOG_ERROR, NULL, "http.unwatched", "fd=%d", fd);
        close(fd);
        conn_limit_give(&place);
        free(conn);
        return;
    }
    conn->http = http;
    conn->poll.data = conn;
    conn->fd = fd;
    conn->peer = *peer;
    conn->place = place;
    deadline_init(&conn->deadline);
    list_init(&conn->node);
    list_init(&conn->resumed);
    http->handles++;
    http->node->metrics.http_connections_opened++;
    http->node->metrics.http_connections_open++;
    conn_settle(conn, CONN_FRESH);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct http_conn *conn = handle->data;
    struct http *http = conn->http;

    list_remove(&conn->node);
    http->counts[CONN_CLOSED]--;
    http_request_release(&conn->request);
    buf_fini(&conn->in);
    buf_fini(&conn->out);
    free(conn);
    http_handle_closed(http);
}

/* The request's bytes stay until libuv has let go: whoever ends a connection may be reading them. */
static void let_go(struct http_conn *conn)
{
    struct http_request *request = conn->request;

    list_remove(&conn->resumed);
    uv_close((uv_handle_t *)&conn->poll, on_handle_closed);
    if (conn->fd >= 0)
        close(conn->fd);
    conn->fd = -1;
    conn_limit_give(&conn->place);
    conn->http->node->metrics.http_connections_open--;
    if (request != NULL)
        http_request_forsake(request);
    if (conn->stream != NULL)
        http_stream_forsake(conn);
}

void http_conn_close(struct http_conn *conn)
{
    if (conn->state != CONN_CLOSED)
        http_conn_enter(conn, CONN_CLOSED);
}

static void on_late(struct deadline *deadline)
{
    struct http_conn *conn = LIST_ENTRY(deadline, struct http_conn, deadline);
    const struct conn_rule *rule = &rules[conn->state];

    if (rule->limit != 0)
        conn->http->node->metrics.limits[rule->counted]++;
    if (conn->state == CONN_HEAD || conn->state == CONN_BODY)
        http_conn_fault(conn, HTTP_FAULT_TIMEOUT);
    else
        http_conn_close(conn);
}

/* ---- around an answer ----------------------------------------------------------------------------- */

bool http_conn_is_heard(struct http_conn *conn, bool *sent_ahead_out)
{
    char byte;
    ssize_t got = recv(conn->fd, &byte, 1, MSG_PEEK);

    *sent_ahead_out = got > 0;
    if (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR)))
        return true;
    http_conn_close(conn);
    return false;
}

static void on_ready_handling(struct http_conn *conn)
{
    bool has_sent_ahead;

    /* sent ahead: it waits where it is, and only the client's end is news now */
    if (http_conn_is_heard(conn, &has_sent_ahead) && has_sent_ahead)
        http_conn_poll(conn, UV_DISCONNECT);
}

void http_conn_answered(struct http_conn *conn)
{
    if (!conn->closes) {
        http_conn_enter(conn, CONN_IDLE);
        if (conn->in.len > 0)
            http_resume(conn->http, conn);
    } else if (conn->lingers || conn->in.len > 0) {
        /* Closing a socket with unread input resets it, and the reset may overtake the answer. */
        shutdown(conn->fd, SHUT_WR);
        http_conn_enter(conn, CONN_LINGERING);
    } else {
        http_conn_close(conn);
    }
}

static void on_ready_lingering(struct http_conn *conn)
{
    ssize_t got = recv(conn->fd, conn->http->input, sizeof conn->http->input, 0);

    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
        http_conn_close(conn);
}
