/* SPDX-License-Identifier: MIT */
#ifndef SB_TLS_H
#define SB_TLS_H

#include "base/result.h"
#include "http_server.h"

/*
 * TLS in front of HTTP (--tls-addr): each connection is decrypted here and enters HTTP as one end of a
 * socket pair, with the address of its client. Nobody behind it knows. The process ignores SIGPIPE:
 * OpenSSL writes to sockets with write(2).
 */
struct tls;

/* Reads --tls-cert (a chain, PEM) and --tls-key. NULL with the reason when they do not fit. */
struct tls *tls_create(struct node *node, struct http *http, struct why *why);

/* Ends every connection. No later than the turn of http_destroy(); handles are released as the loop runs
 * on. */
void tls_destroy(struct tls **tls);

/* Reads the files anew, for connections that come from now on. When anything is wrong nothing changes. */
bool tls_reload(struct tls *tls, struct why *why) MUST_CHECK;

/* A new connection; a listener_fn with the struct tls as its context. */
void tls_on_accepted(int fd, const struct peer *peer, void *ctx);

/* Connections, also those that HTTP has ended and whose last bytes are still on their way. */
size_t tls_connections(const struct tls *tls);

#endif
