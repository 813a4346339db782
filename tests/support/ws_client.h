/* SPDX-License-Identifier: MIT */
#ifndef SB_TESTS_WS_CLIENT_H
#define SB_TESTS_WS_CLIENT_H

#include "base/buf.h"

/*
 * The other end of a WebSocket, down to the byte: it sends whatever it is told, right or wrong, and
 * writes down what it gets, one line per frame:
 *
 *     text hello
 *     ping 0000
 *     close 1000 Replaced.
 *     eof                     or "reset"
 *
 * Texts are written as they are up to 80 bytes, longer ones as "text 70000 bytes".
 */
struct ws_client {
    int fd;          /* non-blocking; -1 when closed */
    struct buf in;   /* bytes that are no whole frame yet */
    struct buf head; /* the answer to the handshake */
    struct buf lines;
    size_t frames, bytes; /* data frames, and what they carried */
    bool has_head, has_ended;
};

void ws_client_init(struct ws_client *client, int fd);
void ws_client_fini(struct ws_client *client);

enum { WS_MASKED = 1, WS_UNMASKED = 0 };

/* Appends a frame: `first` is its first byte (FIN, RSV, opcode). */
void ws_client_frame(struct buf *out, unsigned first, struct slice payload, int is_masked);

/* Writes all of it; fails the test when the socket does not take it. */
void ws_client_send(struct ws_client *client, struct slice bytes);
void ws_client_say(struct ws_client *client, unsigned first, const char *payload);

/* Takes in what has come, at most `max` bytes. */
void ws_client_read(struct ws_client *client, size_t max);
bool ws_client_has(const struct ws_client *client, const char *lines);

void ws_client_close(struct ws_client *client);
void ws_client_reset(struct ws_client *client); /* TCP: an RST instead of a FIN */

#endif
