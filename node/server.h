/* SPDX-License-Identifier: MIT */
#ifndef SB_SERVER_H
#define SB_SERVER_H

#include <uv.h>

#include "config.h"

/*
 * One node: the loop and everything that lives on it.
 *
 * SIGTERM and SIGINT (or server_stop) drain it: readiness off and sockets closed at once, requests
 * finished, WebSockets closed at --drain-rate, what was delivered settled, all within --drain-timeout;
 * a second signal ends it at once. SIGHUP reads options, certificates and the log file anew.
 */
struct server;
struct embedded;
struct dialect;

struct server_setup {
    struct config *config;
    const char *redis_url;
    const struct dialect *const *dialects; /* what it speaks */
    size_t dialect_count;
    struct embedded *embedded; /* the private Redis that it looks after; NULL: none */
};

/* What the setup points to must live until server_destroy(). NULL with `why` when it cannot start. */
struct server *server_create(const struct server_setup *setup, struct why *why);

/* Serves until it has been stopped. The exit code: 0 when drained, 1 when it was told twice. */
int server_run(struct server *server);

/* As SIGTERM does; from the loop's thread. */
void server_stop(struct server *server);

/* Ends at once what still runs. Accepts NULL and half-built ones, leaves NULL. */
void server_destroy(struct server **server);

/* For tests: where it listens in fact (the index counts --addr, then --tls-addr; NULL: no more), its
 * loop, to be run by them instead of server_run(), and whether it has stopped. */
const char *server_address(const struct server *server, size_t index);
uv_loop_t *server_loop(struct server *server);
bool server_has_ended(const struct server *server);

#endif
