/* SPDX-License-Identifier: MIT */
/*
 * What a connection costs: one frame to all of many connections, again and again; and memory while
 * they are idle. A child process is the clients, so that the times are the host's alone.
 *
 *     ws_fanout [connections] [rounds] [payload bytes]
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "node.h"
#include "ws_inner.h"

static struct node node;
static struct config config;
static struct ws **sockets;
static size_t opened;

static void on_open(struct ws *ws, void *conn)
{
    (void)conn;
    sockets[opened++] = ws;
}

static void on_message(struct ws *ws, struct slice message, enum ws_kind kind, void *conn)
{
    (void)ws, (void)message, (void)kind, (void)conn;
}

static void on_close(struct ws *ws, enum ws_end how, enum close_reason reason, void *conn)
{
    (void)ws, (void)how, (void)reason, (void)conn;
}

static const struct ws_ops ops = {
    .message_max_bytes = 65536, .on_open = on_open, .on_message = on_message, .on_close = on_close
};

/* Connects, reads and throws away until it is killed. */
static void be_clients(struct sockaddr_in address, size_t count)
{
    static char bytes[65536];
    struct epoll_event events[64];
    int poll = epoll_create1(0);

    for (size_t i = 0; i < count; i++) {
        struct epoll_event event = { .events = EPOLLIN };

        event.data.fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(event.data.fd, (struct sockaddr *)&address, sizeof address) != 0)
            exit(1);
        epoll_ctl(poll, EPOLL_CTL_ADD, event.data.fd, &event);
    }
    for (;;)
        for (int n = epoll_wait(poll, events, 64, -1); n > 0; n--)
            if (recv(events[n - 1].data.fd, bytes, sizeof bytes, 0) <= 0)
                exit(0);
}

static long resident_kib(void)
{
    long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    if (file == NULL || fscanf(file, "%ld %ld", &pages, &resident) != 2)
        resident = 0;
    if (file != NULL)
        fclose(file);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static double seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static void arrive(struct ws_host *host, int listener, size_t count)
{
    struct ws_handshake handshake = { .key = SLICE_LITERAL("dGhlIHNhbXBsZSBub25jZQ==") };
    int one = 1;

    for (size_t target = opened + count, n = opened; opened < target;) {
        for (int i = 0; i < 100 && n < target; i++, n++) {
            int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);

            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
            ws_adopt(host, fd, &handshake, &ops, NULL);
        }
        uv_run(node.loop, UV_RUN_NOWAIT);
    }
}

static void fan_out(size_t rounds, size_t payload)
{
    struct rusage start, end;
    uint64_t began = uv_hrtime(), queued = 0;
    double sends = (double)(rounds * opened);

    getrusage(RUSAGE_SELF, &start);
    for (size_t round = 0; round < rounds; round++) {
        struct frame *frame = frame_create(payload);

        memset(frame->data, 'x', payload);
        for (size_t i = 0; i < opened; i++)
            queued += ws_send(sockets[i], frame, WS_TEXT) != WS_WRITTEN;
        frame_unref(&frame);
        uv_run(node.loop, UV_RUN_NOWAIT);
    }
    getrusage(RUSAGE_SELF, &end);
    printf(
        "%.0f sends of %zu bytes: %.2f us user, %.2f us system each; %.0f/s; %.2f%% not at once\n",
        sends, payload, (seconds(end.ru_utime) - seconds(start.ru_utime)) / sends * 1e6,
        (seconds(end.ru_stime) - seconds(start.ru_stime)) / sends * 1e6,
        sends / ((double)(uv_hrtime() - began) / 1e9), (double)queued / sends * 100);
}

int main(int argc, char *argv[])
{
    size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000;
    size_t rounds = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000;
    size_t payload = argc > 3 ? strtoul(argv[3], NULL, 10) : 200;
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t len = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct why why = { "" };
    struct ws_host *host;
    uint64_t began;
    long before;
    pid_t child;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(listener, 4096) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &len) != 0)
        return 1;
    child = fork();
    if (child == 0)
        be_clients(address, count);
    config = (struct config){ .ping_interval_ms = 600000,
                              .silence_timeout_ms = 600000,
                              .write_timeout_ms = 5000,
                              .ws_pending_max = 1 << 20,
                              .drain_rate = 1000 };
    log_set_level(LOG_ERROR);
    node.loop = uv_default_loop();
    node.config = &config;
    sockets = calloc(count, sizeof(struct ws *));
    host = ws_host_create(&node, &why);
    if (host == NULL)
        return 1;
    arrive(host, listener, count / 4);
    before = resident_kib();
    began = uv_hrtime();
    arrive(host, listener, count - count / 4);
    printf("%zu connections: %.0f bytes each while idle; %.0f arrivals/s\n", opened,
           (double)(resident_kib() - before) * 1024 / (double)(count - count / 4),
           (double)(count - count / 4) / ((double)(uv_hrtime() - began) / 1e9));
    if (rounds > 0)
        fan_out(rounds, payload);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    ws_host_destroy(&host);
    uv_run(node.loop, UV_RUN_DEFAULT);
    free(sockets);
    return 0;
}
