/* SPDX-License-Identifier: MIT */
#ifndef SB_HTTP_SERVER_H
#define SB_HTTP_SERVER_H

#include "base/result.h"
#include "conn_limit.h"
#include "http.h"

/*
 * HTTP as the server (the owner of the process' life) sees it: connections in, routes, drain.
 *
 * Order of life: node->ws_host, http, routes, listeners. To end: destroy the listeners, http_drain() and
 * ws_host_drain(), wait for http_open_requests() to become 0, http_destroy(), ws_host_destroy(); only
 * then close the dialects, because http_destroy() tells them of the requests they hold (on_gone).
 */
struct http;
struct node;

/* Uses node->loop, config, metrics, and at the time of an upgrade ws_host. */
struct http *http_create(struct node *node);

/* Ends held requests and closes all connections. Handles are released as the loop runs on. */
void http_destroy(struct http **http);

/* A new connection: takes the descriptor (a non-blocking stream socket) over. This is a listener_fn
 * with the struct http as its context. */
void http_on_accepted(int fd, const struct peer *peer, void *http);

/* The same in two steps, for who has work to do between them (TLS): a place for a connection from
 * there, or a refusal, which is counted; and the connection with its place. */
bool http_admit(struct http *http, const struct peer *peer,
                struct conn_place *place_out) MUST_CHECK;
void http_serve(struct http *http, int fd, const struct peer *peer, struct conn_place place);

/* From now on connections end with the answer that is being waited for, idle ones at once. */
void http_drain(struct http *http);

/* Requests that have begun to come and whose answer is not written yet. */
size_t http_open_requests(const struct http *http);

#endif
