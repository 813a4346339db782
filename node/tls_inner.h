/* SPDX-License-Identifier: MIT */
#ifndef SB_TLS_INNER_H
#define SB_TLS_INNER_H

#include <openssl/ssl.h>

#include "base/list.h"
#include "deadline.h"
#include "node.h"
#include "tls.h"

/* The inside of TLS: tls.c has the certificates, tls_pump.c the connections. */
enum { TLS_PIECE = 16384 }; /* the most that one record carries */

struct tls {
    struct node *node;
    struct http *http;
    SSL_CTX *context;
    struct deadlines *deadlines;
    struct list conns;
    size_t count; /* connections, closing ones too */
    bool is_destroyed;
    char piece[TLS_PIECE];
};

void tls_pump_start(struct tls *tls, int fd, const struct peer *peer, struct conn_place place);
void tls_pump_stop_all(struct tls *tls);
void tls_release(struct tls *tls); /* when it is destroyed and the last connection has gone */

#endif
