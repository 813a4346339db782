/* SPDX-License-Identifier: MIT */
/*
 * Accepts in batches: a storm of connections is taken quickly and still leaves room for those that are
 * there. One descriptor is kept in reserve: when the process has no other left it is given up for as
 * long as it takes to accept a connection and close it, which tells the client now what it would
 * otherwise wait for.
 */
#include "listener.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"

enum { BACKLOG = 4096, BATCH = 64, ADDRESS_SIZE = 128 };

#define UNIX_SCHEME "unix://"

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un path;
};

struct listener {
    uv_poll_t poll;
    int fd, reserve_fd;
    listener_fn *on_accepted;
    void *ctx;
    char address[ADDRESS_SIZE];
    char *unlink_path; /* NULL: not a path, or not ours */
};

/* ---- accepting ------------------------------------------------------------------------------------- */

static void peer_of(const union address *address, struct peer *peer_out)
{
    static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
    struct peer peer = { .ip = { 0 } };

    if (address->any.sa_family == AF_INET) {
        memcpy(peer.ip, mapped, sizeof mapped);
        memcpy(peer.ip + sizeof mapped, &address->v4.sin_addr, 4);
    } else if (address->any.sa_family == AF_INET6) {
        memcpy(peer.ip, &address->v6.sin6_addr, sizeof peer.ip);
    }
    *peer_out = peer;
}

static int reserve_open(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* No descriptor is left. False when nobody was waiting. */
static bool shed_one(struct listener *listener)
{
    int fd;

    if (listener->reserve_fd >= 0)
        close(listener->reserve_fd);
    fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0) {
        close(fd);
        log_peer(LOG_ERROR, NULL, "listener.full", "addr=%s", listener->address);
    }
    listener->reserve_fd = reserve_open();
    return fd >= 0;
}

/* False when there is nothing more to accept now. */
static bool accept_one(struct listener *listener)
{
    union address address = { .any = { .sa_family = AF_UNSPEC } };
    socklen_t len = sizeof address;
    struct peer peer;
    int fd = accept4(listener->fd, &address.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd >= 0) {
        peer_of(&address, &peer);
        listener->on_accepted(fd, &peer, listener->ctx);
        return true;
    }
    if (errno == EMFILE || errno == ENFILE) /* which comes before a look at the queue */
        return shed_one(listener);
    /* What is left are errors of the one connection (accept(2)), or of memory: again next turn. */
    return errno == ECONNABORTED || errno == EINTR || errno == EPROTO;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct listener *listener = poll->data;

    (void)status;
    (void)events;
    for (int i = 0; i < BATCH && listener->fd >= 0 && accept_one(listener); i++)
        ;
}

/* ---- addresses ------------------------------------------------------------------------------------- */

/* Splits "host:port", "[v6]:port" or ":port" into two strings (host may be empty). */
static bool split(const char *text, char *host, size_t host_size, const char **port_out)
{
    const char *colon = strrchr(text, ':');
    size_t len = colon != NULL ? (size_t)(colon - text) : 0;
    bool is_bracketed = len >= 2 && text[0] == '[' && text[len - 1] == ']';
    uint64_t port;

    if (colon == NULL || len >= host_size || !slice_to_u64(slice_of(colon + 1), 0, 65535, &port))
        return false;
    if (!is_bracketed && memchr(text, ':', len) != NULL)
        return false;
    memcpy(host, text + is_bracketed, len - 2 * is_bracketed);
    host[len - 2 * is_bracketed] = '\0';
    *port_out = colon + 1;
    return !is_bracketed || len > 2;
}

static int find_inet(const char *host, const char *port, int family, union address *out,
                     socklen_t *len_out)
{
    struct addrinfo hints = { .ai_family = family,
                              .ai_socktype = SOCK_STREAM,
                              .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
    struct addrinfo *found = NULL;
    int error = getaddrinfo(*host != '\0' ? host : NULL, port, &hints, &found);

    if (error == 0) {
        memcpy(out, found->ai_addr, found->ai_addrlen);
        *len_out = found->ai_addrlen;
        freeaddrinfo(found);
    }
    return error;
}

static bool resolve_inet(const char *text, union address *out, socklen_t *len_out, struct why *why)
{
    char host[256];
    const char *port;
    int error;

    if (!split(text, host, sizeof host, &port))
        return why_set(why, "%s: want HOST:PORT, :PORT, [v6]:PORT or unix:///path", text);
    /* No host: the IPv6 wildcard takes IPv4 too, where there is IPv6 at all. */
    error = find_inet(host, port, *host == '\0' ? AF_INET6 : AF_INET, out, len_out);
    if (error != 0)
        error = find_inet(host, port, AF_UNSPEC, out, len_out);
    return error == 0 || why_set(why, "%s: %s", text, gai_strerror(error));
}

static bool resolve_unix(const char *text, union address *out, socklen_t *len_out, struct why *why)
{
    const char *path = text + sizeof UNIX_SCHEME - 1;

    if (path[0] != '/' || strlen(path) >= sizeof out->path.sun_path)
        return why_set(why, "%s: want an absolute path of at most %zu bytes", text,
                       sizeof out->path.sun_path - 1);
    out->path = (struct sockaddr_un){ .sun_family = AF_UNIX };
    strcpy(out->path.sun_path, path);
    *len_out = sizeof out->path;
    return true;
}

/* ---- opening --------------------------------------------------------------------------------------- */

/* A socket file whose process is gone refuses; a live one accepts and stays. */
static void unlink_stale(const union address *address, socklen_t len)
{
    struct stat stat_buf;
    int fd;

    if (lstat(address->path.sun_path, &stat_buf) != 0 || !S_ISSOCK(stat_buf.st_mode))
        return;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    if (connect(fd, &address->any, len) != 0 && errno == ECONNREFUSED)
        unlink(address->path.sun_path);
    close(fd);
}

/* What accepted sockets have from the start, they inherit from here. */
static void set_inet_options(int fd, int family)
{
    static const int on = 1, off = 0;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
}

static void name_inet(struct listener *listener)
{
    union address address;
    socklen_t len = sizeof address;
    struct peer peer;
    char ip[PEER_TEXT_SIZE];
    bool is_v6;

    getsockname(listener->fd, &address.any, &len);
    peer_of(&address, &peer);
    peer_format(&peer, ip);
    is_v6 = strchr(ip, ':') != NULL;
    snprintf(listener->address, sizeof listener->address, is_v6 ? "[%s]:%u" : "%s:%u", ip,
             ntohs(is_v6 ? address.v6.sin6_port : address.v4.sin_port));
}

static bool open_socket(struct listener *listener, const char *text, struct why *why)
{
    bool is_unix = strncmp(text, UNIX_SCHEME, sizeof UNIX_SCHEME - 1) == 0;
    union address address;
    socklen_t len;
    int fd;

    if (!(is_unix ? resolve_unix : resolve_inet)(text, &address, &len, why))
        return false;
    fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 && errno == EAFNOSUPPORT && text[0] == ':') { /* a machine without IPv6 */
        address.v4 =
            (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = address.v6.sin6_port };
        len = sizeof address.v4;
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    }
    if (fd < 0)
        return why_set(why, "%s: socket: %s", text, strerror(errno));
    listener->fd = fd;
    if (is_unix)
        unlink_stale(&address, len);
    else
        set_inet_options(fd, address.any.sa_family);
    if (bind(fd, &address.any, len) != 0)
        return why_set(why, "%s: %s", text, strerror(errno));
    if (is_unix)
        listener->unlink_path = xstrdup(address.path.sun_path);
    if (listen(fd, BACKLOG) != 0)
        return why_set(why, "%s: %s", text, strerror(errno));
    if (is_unix)
        snprintf(listener->address, sizeof listener->address, "%s", text);
    else
        name_inet(listener);
    return true;
}

/* ---- life ------------------------------------------------------------------------------------------- */

static void listener_release(struct listener *listener)
{
    if (listener->fd >= 0)
        close(listener->fd);
    if (listener->reserve_fd >= 0)
        close(listener->reserve_fd);
    if (listener->unlink_path != NULL)
        unlink(listener->unlink_path);
    listener->fd = listener->reserve_fd = -1;
    free(listener->unlink_path);
    listener->unlink_path = NULL;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

struct listener *listener_create(uv_loop_t *loop, const char *address, listener_fn *on_accepted,
                                 void *ctx, struct why *why)
{
    struct listener *listener = xcalloc(1, sizeof *listener);
    bool is_open;

    listener->fd = -1;
    listener->reserve_fd = reserve_open();
    listener->on_accepted = on_accepted;
    listener->ctx = ctx;
    is_open = open_socket(listener, address, why);
    if (is_open && uv_poll_init(loop, &listener->poll, listener->fd) == 0) {
        listener->poll.data = listener;
        uv_poll_start(&listener->poll, UV_READABLE, on_readable);
        log_info(NULL, "listener.open", "addr=%s", listener->address);
        return listener;
    }
    if (is_open)
        why_set(why, "%s: the socket cannot be watched", address);
    listener_release(listener);
    free(listener);
    return NULL;
}

void listener_destroy(struct listener **listener)
{
    if (*listener == NULL)
        return;
    log_info(NULL, "listener.close", "addr=%s", (*listener)->address);
    uv_close((uv_handle_t *)&(*listener)->poll, on_closed);
    listener_release(*listener);
    *listener = NULL;
}

const char *listener_address(const struct listener *listener)
{
    return listener->address;
}
