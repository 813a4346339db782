/* SPDX-License-Identifier: MIT */
#include "ws_client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "support.h"

enum { IN_MAX = 64 * 1024 * 1024, SHOWN_MAX = 80 };

static const char *const opcodes[16] = {
    [0x0] = "more",  [0x1] = "text", [0x2] = "binary",
    [0x8] = "close", [0x9] = "ping", [0xa] = "pong",
};

void ws_client_init(struct ws_client *client, int fd)
{
    *client = (struct ws_client){ .fd = fd };
    buf_init(&client->in, IN_MAX);
    buf_init(&client->head, 4096);
    buf_init(&client->lines, IN_MAX);
}

void ws_client_fini(struct ws_client *client)
{
    ws_client_close(client);
    buf_fini(&client->in);
    buf_fini(&client->head);
    buf_fini(&client->lines);
}

void ws_client_frame(struct buf *out, unsigned first, struct slice payload, int is_masked)
{
    static const unsigned char mask[4] = { 0x11, 0x22, 0x33, 0xf4 };
    unsigned char head[10] = { (unsigned char)first };
    size_t head_len = payload.len < 126 ? 2 : payload.len < 65536 ? 4 : 10;
    unsigned length = head_len == 2 ? (unsigned)payload.len : head_len == 4 ? 126 : 127;

    head[1] = (unsigned char)(length | (is_masked ? 0x80 : 0));
    for (size_t i = 2; i < head_len; i++)
        head[i] = (unsigned char)(payload.len >> 8 * (head_len - 1 - i));
    assert_true(buf_add(out, head, head_len));
    if (is_masked)
        assert_true(buf_add(out, mask, sizeof mask));
    for (size_t i = 0; i < payload.len; i++)
        assert_true(buf_add_byte(out, (char)(payload.data[i] ^ (is_masked ? mask[i % 4] : 0))));
}

void ws_client_send(struct ws_client *client, struct slice bytes)
{
    ssize_t n = send(client->fd, bytes.data, bytes.len, MSG_NOSIGNAL);

    if (n != (ssize_t)bytes.len)
        fail_msg("the socket took %zd of %zu bytes (%s)", n, bytes.len, strerror(errno));
}

void ws_client_say(struct ws_client *client, unsigned first, const char *payload)
{
    struct buf out;

    buf_init(&out, IN_MAX);
    ws_client_frame(&out, first, slice_of(payload), WS_MASKED);
    ws_client_send(client, buf_slice(&out));
    buf_fini(&out);
}

static void write_down(struct ws_client *client, unsigned first, const unsigned char *data,
                       size_t len)
{
    const char *name = opcodes[first & 15] != NULL ? opcodes[first & 15] : "unknown";
    const char *shown = (const char *)data;
    struct buf *lines = &client->lines;

    if ((first & 8) == 0) {
        client->frames++;
        client->bytes += len;
    }
    buf_printf(lines, "%s%s%s", name, first & 0x40 ? "+deflate" : "", first & 0x80 ? "" : "...");
    if ((first & 15) == 8 && len >= 2)
        buf_printf(lines, " %d%s%.*s", data[0] << 8 | data[1], len > 2 ? " " : "", (int)len - 2,
                   shown + 2);
    else if ((first & 15) == 9 || first & 0x40)
        buf_printf(lines, " %zu bytes", len);
    else if (len > SHOWN_MAX)
        buf_printf(lines, " %zu bytes", len);
    else if (len > 0)
        buf_printf(lines, " %.*s", (int)len, shown);
    buf_add_byte(lines, '\n');
}

/* Takes one frame from the front of `in`. False: it is not whole yet. */
static bool take_frame(struct ws_client *client)
{
    const unsigned char *in = (const unsigned char *)client->in.data;
    size_t have = client->in.len, at = 2, len;

    if (have < 2)
        return false;
    len = in[1] & 127;
    at = len < 126 ? 2 : len == 126 ? 4 : 10;
    if (have < at)
        return false;
    if (at > 2) {
        len = 0;
        for (size_t i = 2; i < at; i++)
            len = len << 8 | in[i];
    }
    if (have - at < len)
        return false;
    write_down(client, in[0], in + at, len);
    buf_consume(&client->in, at + len);
    return true;
}

static void take_head(struct ws_client *client)
{
    const char *end =
        client->in.len == 0 ? NULL : memmem(client->in.data, client->in.len, "\r\n\r\n", 4);

    if (client->has_head || end == NULL)
        return;
    client->has_head = true;
    buf_add(&client->head, client->in.data, (size_t)(end - client->in.data) + 4);
    buf_add_byte(&client->head, '\0');
    buf_consume(&client->in, client->head.len - 1);
}

static void write_end(struct ws_client *client, const char *how)
{
    buf_printf(&client->lines, "%s\n", how);
    client->has_ended = true;
}

static void take_in(struct ws_client *client, const char *bytes, size_t len)
{
    assert_true(buf_add(&client->in, bytes, len));
    take_head(client);
    while (client->has_head && take_frame(client))
        ;
}

void ws_client_read(struct ws_client *client, size_t max)
{
    while (client->fd >= 0 && max > 0 && !client->has_ended) {
        char bytes[16384];
        ssize_t n = recv(client->fd, bytes, max < sizeof bytes ? max : sizeof bytes, 0);

        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            write_end(client, n == 0 ? "eof" : "reset");
            return;
        }
        take_in(client, bytes, (size_t)n);
        max -= (size_t)n;
    }
}

bool ws_client_has(const struct ws_client *client, const char *lines)
{
    return slice_is(buf_slice(&client->lines), lines);
}

void ws_client_close(struct ws_client *client)
{
    if (client->fd >= 0)
        close(client->fd);
    client->fd = -1;
}

void ws_client_reset(struct ws_client *client)
{
    struct linger linger = { 1, 0 };

    setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    ws_client_close(client);
}
