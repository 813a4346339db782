/* SPDX-License-Identifier: MIT */
/* The upper layer of --conformance's /engine.io/. It remembers nothing, so it is always at rest. */
#include "engine_echo.h"

#include <string.h>

static void *on_open(struct engine_conn *conn, void *ctx)
{
    (void)ctx;
    return conn;
}

static void echo(struct engine_conn *conn, struct packet *packet)
{
    engine_answer(conn, packet);
    packet_unref(&packet);
}

static void on_text(struct engine_conn *conn, struct slice text, void *upper)
{
    struct frame *frame = frame_create(1 + text.len);

    (void)upper;
    frame->data[0] = '4';
    memcpy(frame->data + 1, text.data, text.len);
    echo(conn, packet_create(frame, NULL, 0));
}

static void on_binary(struct engine_conn *conn, struct slice bytes, void *upper)
{
    struct frame *frame = frame_of(bytes);

    (void)upper;
    echo(conn, packet_create(NULL, &frame, 1));
}

static void on_drain(struct engine_conn *conn, void *upper)
{
    (void)conn;
    (void)upper;
}

static void on_close(struct engine_conn *conn, enum engine_end how, void *upper)
{
    (void)conn;
    (void)how;
    (void)upper;
}

static bool is_at_rest(void *upper)
{
    (void)upper;
    return true;
}

static void pack(void *upper, struct buf *image)
{
    (void)upper;
    (void)image;
}

static void *unpack(struct engine_conn *conn, struct slice image, void *ctx)
{
    (void)ctx;
    return image.len == 0 ? conn : NULL;
}

const struct engine_ops engine_echo_ops = {
    .name = "echo",
    .on_open = on_open,
    .on_text = on_text,
    .on_binary = on_binary,
    .on_drain = on_drain,
    .on_close = on_close,
    .is_at_rest = is_at_rest,
    .pack = pack,
    .unpack = unpack,
};
