/* SPDX-License-Identifier: MIT */
#ifndef SB_LISTENER_H
#define SB_LISTENER_H

#include <uv.h>

#include "base/result.h"
#include "peer.h"

/*
 * A socket that others connect to:
 *
 *     HOST:PORT       a name stands for its first address, IPv4 before IPv6
 *     :PORT           every address of this machine, IPv6 and IPv4
 *     [v6]:PORT
 *     unix:///path    a socket that nobody serves any more is replaced
 *
 * Port 0 lets the kernel choose one. TCP ports are shared by every process that asks for the same one:
 * the kernel spreads the connections.
 */
struct listener;

/* The descriptor is the callee's: non-blocking, close-on-exec. */
typedef void listener_fn(int fd, const struct peer *peer, void *ctx);

struct listener *listener_create(uv_loop_t *loop, const char *address, listener_fn *on_accepted,
                                 void *ctx, struct why *why);

/* Closes the socket at once; the handle is released as the loop runs on. */
void listener_destroy(struct listener **listener);

/* Where it listens in fact: "127.0.0.1:41234", "[::]:8080", "unix:///run/signalbox.sock". */
const char *listener_address(const struct listener *listener);

#endif
