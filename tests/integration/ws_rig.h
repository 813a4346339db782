/* SPDX-License-Identifier: MIT */
#ifndef SB_TESTS_WS_RIG_H
#define SB_TESTS_WS_RIG_H

/*
 * A WebSocket host with nothing around it, and pairs of a raw client and what a dialect sees of it.
 * What the dialect is told is written down, one line per call:
 *
 *     open
 *     text hello
 *     drain
 *     close in_order peer_closed
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "node.h"
#include "support.h"
#include "ws_client.h"
#include "ws_inner.h"

#define TEXT   0x81u
#define BINARY 0x82u
#define CLOSE_ 0x88u
#define PING   0x89u
#define PONG   0x8au

struct rig {
    uv_loop_t loop;
    struct config config;
    struct node node;
    struct ws_host *host;
};

struct pair {
    struct rig *rig;
    struct ws_client client;
    struct ws *ws; /* NULL before on_open and after on_close */
    struct buf lines;
    int opened, closed;
    void (*on_text)(struct pair *pair, struct slice text); /* NULL: only written down */
    void (*on_ended)(struct pair *pair);
    bool reads_itself; /* the test reads the client's socket, not the waiting */
};

static inline void rig_start(struct rig *rig, void (*set)(struct config *config))
{
    struct why why = { "" };

    *rig = (struct rig){
        .config = { .ping_interval_ms = 600000,
                    .silence_timeout_ms = 600000,
                    .write_timeout_ms = 600000,
                    .ws_pending_max = 64 * 1024,
                    .drain_rate = 500 },
    };
    if (set != NULL)
        set(&rig->config);
    assert_int_equal(0, uv_loop_init(&rig->loop));
    rig->node.loop = &rig->loop;
    rig->node.config = &rig->config;
    rig->host = ws_host_create(&rig->node, &why);
    if (rig->host == NULL)
        fail_msg("no host: %s", why.text);
}

static inline void rig_stop(struct rig *rig)
{
    ws_host_destroy(&rig->host);
    assert_int_equal(0, rig->node.metrics.ws_open);
    assert_int_equal(0, rig->node.metrics.ws_pending_bytes);
    support_loop_close(&rig->loop);
}

static inline void pair_on_open(struct ws *ws, void *conn)
{
    struct pair *pair = conn;

    pair->ws = ws;
    pair->opened++;
    buf_add_text(&pair->lines, "open\n");
}

static inline void pair_on_message(struct ws *ws, struct slice message, enum ws_kind kind,
                                   void *conn)
{
    struct pair *pair = conn;

    assert_ptr_equal(ws, pair->ws);
    assert_int_equal(0, pair->closed);
    assert_int_equal('\0', message.data[message.len]);
    if (message.len > 80)
        buf_printf(&pair->lines, "%s %zu bytes\n", kind == WS_TEXT ? "text" : "binary",
                   message.len);
    else
        buf_printf(&pair->lines, "%s%s%s\n", kind == WS_TEXT ? "text" : "binary",
                   message.len > 0 ? " " : "", message.data);
    if (pair->on_text != NULL)
        pair->on_text(pair, message);
}

static inline void pair_on_drain(struct ws *ws, void *conn)
{
    struct pair *pair = conn;

    assert_int_equal(0, ws_pending_bytes(ws));
    buf_add_text(&pair->lines, "drain\n");
}

static inline void pair_on_close(struct ws *ws, enum ws_end how, enum close_reason reason,
                                 void *conn)
{
    struct pair *pair = conn;

    assert_ptr_equal(ws, pair->ws);
    pair->ws = NULL;
    pair->closed++;
    buf_printf(&pair->lines, "close %s %s\n", how == WS_ENDED_IN_ORDER ? "in_order" : "broken",
               close_label(reason));
    if (pair->on_ended != NULL)
        pair->on_ended(pair);
}

static const struct ws_ops pair_ops = {
    .dialect = "test",
    .message_max_bytes = 100000,
    .on_open = pair_on_open,
    .on_message = pair_on_message,
    .on_drain = pair_on_drain,
    .on_close = pair_on_close,
};

static inline void make_nonblocking(int fd)
{
    assert_int_equal(0, fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK));
}

/* Two ends of a TCP connection over the loopback interface, with small buffers when asked for. */
static inline void tcp_pair(int fds[2], int buffer_bytes)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t len = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(0, bind(listener, (struct sockaddr *)&address, sizeof address));
    assert_int_equal(0, listen(listener, 1));
    assert_int_equal(0, getsockname(listener, (struct sockaddr *)&address, &len));
    fds[1] = socket(AF_INET, SOCK_STREAM, 0);
    if (buffer_bytes > 0)
        setsockopt(fds[1], SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof buffer_bytes);
    assert_int_equal(0, connect(fds[1], (struct sockaddr *)&address, sizeof address));
    fds[0] = accept(listener, NULL, NULL);
    assert_true(fds[0] >= 0);
    if (buffer_bytes > 0)
        setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof buffer_bytes);
    setsockopt(fds[0], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fds[1], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    close(listener);
    make_nonblocking(fds[0]);
    make_nonblocking(fds[1]);
}

static inline struct pair *pair_adopt(struct rig *rig, const int fds[2], const struct ws_ops *ops,
                                      const struct ws_handshake *handshake)
{
    struct pair *pair = xcalloc(1, sizeof *pair);

    pair->rig = rig;
    buf_init(&pair->lines, 16 * 1024 * 1024);
    ws_client_init(&pair->client, fds[1]);
    ws_adopt(rig->host, fds[0], handshake, ops, pair);
    assert_int_equal(0, pair->opened + pair->closed);
    return pair;
}

#define HANDSHAKE_KEY .key = SLICE_LITERAL("dGhlIHNhbXBsZSBub25jZQ==")

struct condition {
    struct pair *pair;
    const char *dialect, *client; /* NULL: no matter */
};

static inline bool pair_is_as(void *ctx)
{
    struct condition *want = ctx;
    struct pair *pair = want->pair;

    if (!pair->reads_itself)
        ws_client_read(&pair->client, SIZE_MAX);
    return (want->dialect == NULL || slice_is(buf_slice(&pair->lines), want->dialect)) &&
           (want->client == NULL || ws_client_has(&pair->client, want->client));
}

/* Runs the loop until the dialect and the client have seen just this. */
static inline void pair_wait(struct pair *pair, const char *name, const char *dialect,
                             const char *client)
{
    struct condition want = { pair, dialect, client };
    int64_t end = (int64_t)(uv_hrtime() / 1000000) + SUPPORT_WAIT_MS;

    while (!pair_is_as(&want)) {
        if ((int64_t)(uv_hrtime() / 1000000) > end)
            fail_msg("%s: the dialect saw:\n%.*s\nthe client got:\n%.*s\n", name,
                     (int)pair->lines.len, pair->lines.data == NULL ? "" : pair->lines.data,
                     (int)pair->client.lines.len,
                     pair->client.lines.data == NULL ? "" : pair->client.lines.data);
        uv_run(&pair->rig->loop, UV_RUN_NOWAIT);
    }
}

static inline void turns(struct rig *rig, int count)
{
    while (count-- > 0)
        uv_run(&rig->loop, UV_RUN_NOWAIT);
}

/* An open pair over TCP. */
static inline struct pair *pair_open(struct rig *rig, const struct ws_ops *ops, int buffer_bytes)
{
    struct ws_handshake handshake = { HANDSHAKE_KEY };
    struct pair *pair;
    int fds[2];

    tcp_pair(fds, buffer_bytes);
    pair = pair_adopt(rig, fds, ops, &handshake);
    pair_wait(pair, "opens", "open\n", NULL);
    while (!pair->client.has_head)
        ws_client_read(&pair->client, SIZE_MAX);
    return pair;
}

static inline bool pair_has_closed(void *ctx)
{
    struct pair *pair = ctx;

    ws_client_read(&pair->client, SIZE_MAX);
    return pair->closed == 1;
}

static inline void pair_free(struct pair **pair)
{
    assert_int_equal(1, (*pair)->closed);
    ws_client_fini(&(*pair)->client);
    buf_fini(&(*pair)->lines);
    free(*pair);
    *pair = NULL;
}

/* Closes the client's end, waits for on_close, frees the pair. */
static inline void pair_end(struct pair **pair)
{
    ws_client_close(&(*pair)->client);
    support_wait(&(*pair)->rig->loop, pair_has_closed, *pair, SUPPORT_WAIT_MS, "on_close");
    pair_free(pair);
}

static inline enum ws_sent send_text(struct pair *pair, const char *text)
{
    struct frame *frame = frame_of(slice_of(text));
    enum ws_sent sent = ws_send(pair->ws, frame, WS_TEXT);

    frame_unref(&frame);
    return sent;
}

#endif
