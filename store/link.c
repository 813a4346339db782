/* SPDX-License-Identifier: MIT */
/*
 * A link's state is in one place, its connection (`struct wire`) in another: a wire that breaks is
 * let go at once and lives on only until the loop has closed its handle, while the link has long
 * begun the next attempt. A wire without a link is dead.
 */
#include "store/link.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/lookup.h"

enum {
    BACKOFF_MIN_MS = 20,
    BACKOFF_MAX_MS = 1000,
    /* hiredis moves what is left of its buffer each time it has consumed a kilobyte: small
     * portions keep that cheap. */
    CHUNK_SIZE = 8 * 1024,
    READS_PER_TURN = 32,
    TURN_US = 10 * 1000, /* then others have their turn: one entry may go to thousands */
    READER_KEEP_SIZE = 256 * 1024,
    OUT_MAX = 64 * 1024 * 1024,
    OUT_KEEP_SIZE = 64 * 1024,
};

enum link_state { LINK_IDLE, LINK_RESOLVING, LINK_CONNECTING, LINK_HELLO, LINK_READY, LINK_CLOSED };

struct wire {
    struct link *link; /* NULL: broken */
    uv_poll_t poll;
    redisReader *reader;
    int fd;
};

struct link {
    uv_loop_t *loop;
    const char *name;
    const struct url *url;
    const struct link_ops *ops;
    void *ctx;
    uint32_t limit_ms;
    enum link_state state;
    uint32_t failures; /* in a row */
    int64_t ready_ms;
    uv_timer_t timer; /* the state's limit; when idle, the back-off */
    struct lookup *lookup;
    struct wire *wire;
    bool wants_write;
    int64_t heard_ms;
    struct buf out;
    char refusal[200]; /* what was logged last as an error */
    char chunk[CHUNK_SIZE];
};

#define TO(state) (1u << (state))

struct link_rule {
    const char *name;
    bool has_limit;
    unsigned next;
};

static const struct link_rule rules[] = {
    /*                   name         has_limit may move to                                    */
    [LINK_IDLE] = { "idle", false, TO(LINK_RESOLVING) | TO(LINK_CONNECTING) | TO(LINK_CLOSED) },
    [LINK_RESOLVING] = { "resolving", true, TO(LINK_IDLE) | TO(LINK_CONNECTING) | TO(LINK_CLOSED) },
    [LINK_CONNECTING] = { "connecting", true, TO(LINK_IDLE) | TO(LINK_HELLO) | TO(LINK_CLOSED) },
    [LINK_HELLO] = { "hello", true, TO(LINK_IDLE) | TO(LINK_READY) | TO(LINK_CLOSED) },
    [LINK_READY] = { "ready", false, TO(LINK_IDLE) | TO(LINK_CLOSED) },
    [LINK_CLOSED] = { "closed", false, 0 },
};

static void on_timer(uv_timer_t *timer);

/* Full jitter on the upper half, so that nodes that lost Redis together do not return together. */
static uint32_t backoff_ms(const struct link *link)
{
    uint32_t most = BACKOFF_MIN_MS, dice = 0;

    for (uint32_t i = 0; i < link->failures && most < BACKOFF_MAX_MS; i++)
        most *= 2;
    if (most > BACKOFF_MAX_MS)
        most = BACKOFF_MAX_MS;
    uv_random(NULL, NULL, &dice, sizeof dice, 0, NULL);
    return most / 2 + dice % (most / 2 + 1);
}

static void link_enter(struct link *link, enum link_state to)
{
    assert(rules[link->state].next & TO(to));
    log_debug(NULL, "redis.link", "link=%s from=%s to=%s", link->name, rules[link->state].name,
              rules[to].name);
    link->state = to;
    uv_timer_stop(&link->timer);
    if (to == LINK_IDLE)
        uv_timer_start(&link->timer, on_timer, backoff_ms(link), 0);
    else if (rules[to].has_limit)
        uv_timer_start(&link->timer, on_timer, link->limit_ms, 0);
}

/* ---- the end of a connection ------------------------------------------------------------------- */

static void on_wire_closed(uv_handle_t *handle)
{
    struct wire *wire = handle->data;

    redisReaderFree(wire->reader);
    free(wire);
}

static void wire_drop(struct link *link)
{
    struct wire *wire = link->wire;

    if (wire == NULL)
        return;
    wire->link = NULL;
    link->wire = NULL;
    link->wants_write = false;
    uv_close((uv_handle_t *)&wire->poll, on_wire_closed);
    close(wire->fd);
    buf_fini(&link->out);
}

/* A link that breaks as soon as it is ready has not been mended by connecting. */
static void forget_failures(struct link *link)
{
    if (link->state != LINK_READY || clock_ms() - link->ready_ms < BACKOFF_MAX_MS)
        return;
    link->failures = 0;
    link->refusal[0] = '\0';
}

static void fail(struct link *link, const char *reason)
{
    bool was_open = link->state == LINK_HELLO || link->state == LINK_READY;

    forget_failures(link);
    if ((link->state == LINK_READY || link->failures == 0) && link->refusal[0] == '\0')
        log_warn(NULL, "redis.broken", "link=%s state=%s reason=%s", link->name,
                 rules[link->state].name, log_quote(reason, strlen(reason)));
    wire_drop(link);
    lookup_cancel(&link->lookup);
    link_enter(link, LINK_IDLE);
    link->failures++;
    if (was_open)
        link->ops->on_broken(reason, link->ctx);
}

void link_break(struct link *link, const char *reason)
{
    if (link->state == LINK_HELLO || link->state == LINK_READY)
        fail(link, reason);
}

void link_refuse(struct link *link, const char *reason)
{
    forget_failures(link);
    if (strncmp(link->refusal, reason, sizeof link->refusal - 1) != 0) {
        snprintf(link->refusal, sizeof link->refusal, "%s", reason);
        log_error(NULL, "redis.refused", "link=%s reason=%s", link->name,
                  log_quote(reason, strlen(reason)));
    }
    link_break(link, reason);
}

/* ---- reading ----------------------------------------------------------------------------------- */

/* False when the wire has broken meanwhile. */
static bool feed(struct wire *wire, const char *data, size_t len)
{
    void *reply = NULL;

    if (redisReaderFeed(wire->reader, data, len) != REDIS_OK) {
        fail(wire->link, "out of memory for a reply");
        return false;
    }
    while (redisReaderGetReply(wire->reader, &reply) == REDIS_OK) {
        if (reply == NULL)
            return true;
        wire->link->ops->on_reply(reply, wire->link->ctx);
        freeReplyObject(reply);
        if (wire->link == NULL)
            return false;
    }
    fail(wire->link, "what came is no RESP");
    return false;
}

static void read_some(struct wire *wire)
{
    struct link *link = wire->link;
    int64_t end_us = clock_us() + TURN_US;

    for (int i = 0; i < READS_PER_TURN && clock_us() < end_us; i++) {
        ssize_t got = read(wire->fd, link->chunk, sizeof link->chunk);

        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (got <= 0) {
            fail(link, got == 0 ? "closed by the server" : strerror(errno));
            return;
        }
        link->heard_ms = clock_ms();
        if (!feed(wire, link->chunk, (size_t)got) || (size_t)got < sizeof link->chunk)
            return;
    }
}

/* ---- writing ----------------------------------------------------------------------------------- */

static void on_ready_to_move(uv_poll_t *poll, int status, int events);

static void wire_watch(struct wire *wire, bool wants_write)
{
    wire->link->wants_write = wants_write;
    uv_poll_start(&wire->poll, UV_READABLE | (wants_write ? UV_WRITABLE : 0), on_ready_to_move);
}

size_t link_send(struct link *link, struct slice bytes)
{
    ssize_t taken;

    if (link->wire == NULL || link->wants_write || bytes.len == 0)
        return 0;
    taken = send(link->wire->fd, bytes.data, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (taken < 0 && errno != EAGAIN && errno != EINTR) {
        fail(link, strerror(errno));
        return 0;
    }
    if (taken < 0)
        taken = 0;
    if ((size_t)taken < bytes.len)
        wire_watch(link->wire, true);
    return (size_t)taken;
}

struct buf *link_out(struct link *link)
{
    return &link->out;
}

void link_flush(struct link *link)
{
    if (link->out.has_overflowed) {
        link_break(link, "too much to send");
        return;
    }
    if (link->out.len == 0 || (link->state != LINK_HELLO && link->state != LINK_READY))
        return;
    buf_consume(&link->out, link_send(link, buf_slice(&link->out)));
    if (link->out.len == 0 && link->out.size > OUT_KEEP_SIZE)
        buf_fini(&link->out);
}

/* ---- connecting -------------------------------------------------------------------------------- */

static int socket_error(const struct wire *wire)
{
    int error = 0;
    socklen_t size = sizeof error;

    return getsockopt(wire->fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

static void opened(struct wire *wire)
{
    struct link *link = wire->link;
    int error = socket_error(wire);

    if (error != 0) {
        fail(link, strerror(error));
        return;
    }
    link->heard_ms = clock_ms();
    wire_watch(wire, false);
    link_enter(link, LINK_HELLO);
    link->ops->on_open(link->ctx);
}

static void on_ready_to_move(uv_poll_t *poll, int status, int events)
{
    struct wire *wire = poll->data;

    if (status < 0) { /* the loop says no more than that there is an error */
        int error = socket_error(wire);

        fail(wire->link, error != 0 ? strerror(error) : uv_strerror(status));
        return;
    }
    if (wire->link->state == LINK_CONNECTING) {
        opened(wire);
        return;
    }
    if (events & UV_WRITABLE) {
        wire_watch(wire, false);
        link_flush(wire->link);
        if (wire->link != NULL && !wire->link->wants_write)
            wire->link->ops->on_writable(wire->link->ctx);
    }
    if (wire->link != NULL && events & UV_READABLE)
        read_some(wire);
}

static void link_connect(struct link *link, const struct sockaddr *address, socklen_t size)
{
    int one = 1, fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct wire *wire;

    link_enter(link, LINK_CONNECTING);
    if (fd < 0) {
        fail(link, strerror(errno));
        return;
    }
    if (address->sa_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(fd, address, size) != 0 && errno != EINPROGRESS) {
        int error = errno;

        close(fd);
        fail(link, strerror(error));
        return;
    }
    wire = link->wire = xcalloc(1, sizeof *wire);
    wire->link = link;
    wire->fd = fd;
    wire->poll.data = wire;
    wire->reader = redisReaderCreate();
    if (wire->reader == NULL || uv_poll_init(link->loop, &wire->poll, fd) != 0)
        abort(); /* a descriptor of ours that the kernel just gave us, or no memory */
    wire->reader->maxbuf = READER_KEEP_SIZE;
    uv_poll_start(&wire->poll, UV_WRITABLE, on_ready_to_move);
}

static void on_looked_up(const struct sockaddr *address, socklen_t size, const char *error,
                         void *ctx)
{
    struct link *link = ctx;

    link->lookup = NULL;
    if (address == NULL)
        fail(link, error);
    else
        link_connect(link, address, size);
}

static void link_resolve(struct link *link)
{
    const char *error = NULL;

    link_enter(link, LINK_RESOLVING);
    link->lookup = lookup_start(link->loop, link->url, link->failures, on_looked_up, link, &error);
    if (link->lookup == NULL)
        fail(link, error);
}

static void link_open(struct link *link)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    if (link->url->path == NULL) {
        link_resolve(link);
        return;
    }
    strncpy(address.sun_path, link->url->path, sizeof address.sun_path - 1);
    link_connect(link, (const struct sockaddr *)&address, sizeof address);
}

static void on_timer(uv_timer_t *timer)
{
    struct link *link = timer->data;

    if (link->state == LINK_IDLE)
        link_open(link);
    else
        fail(link, "no answer in time");
}

/* ---- the link's own life ----------------------------------------------------------------------- */

struct link *link_create(uv_loop_t *loop, const char *name, const struct url *url,
                         uint32_t limit_ms, const struct link_ops *ops, void *ctx)
{
    struct link *link = xcalloc(1, sizeof *link);

    link->loop = loop;
    link->name = name;
    link->url = url;
    link->limit_ms = limit_ms;
    link->ops = ops;
    link->ctx = ctx;
    buf_init(&link->out, OUT_MAX);
    uv_timer_init(loop, &link->timer);
    link->timer.data = link;
    uv_timer_start(&link->timer, on_timer, 0, 0);
    return link;
}

static void on_link_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void link_set_limit(struct link *link, uint32_t limit_ms)
{
    link->limit_ms = limit_ms;
}

void link_destroy(struct link **link)
{
    if (*link == NULL)
        return;
    wire_drop(*link);
    lookup_cancel(&(*link)->lookup);
    link_enter(*link, LINK_CLOSED);
    buf_fini(&(*link)->out);
    uv_close((uv_handle_t *)&(*link)->timer, on_link_closed);
    *link = NULL;
}

void link_set_ready(struct link *link)
{
    link_enter(link, LINK_READY);
    link->ready_ms = clock_ms();
}

bool link_is_ready(const struct link *link)
{
    return link->state == LINK_READY;
}

int64_t link_heard_ms(const struct link *link)
{
    return link->heard_ms;
}
