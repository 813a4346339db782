/* SPDX-License-Identifier: MIT */
#ifndef SB_TESTS_HTTP_STUB_H
#define SB_TESTS_HTTP_STUB_H

#include <uv.h>

/* A small HTTP service on the test's own loop, on a free port of 127.0.0.1: takes any request with a
 * Content-Length, and answers them all alike. */
struct http_stub;

struct http_stub *http_stub_start(uv_loop_t *loop);
struct http_stub *http_stub_start_on(uv_loop_t *loop, int port); /* 0: a free one */
void http_stub_stop(struct http_stub **stub);                    /* run the loop until it is idle */
int http_stub_port(const struct http_stub *stub);

/* From now on: a status line without "HTTP/1.1 " ("302 Found\r\nLocation: /x" adds a header), and a
 * body. NULL: the connection is closed instead. Both are copied. */
void http_stub_answer(struct http_stub *stub, const char *status, const char *body);

/* Requests are taken and not answered until they are released. */
void http_stub_hold(struct http_stub *stub);
void http_stub_release(struct http_stub *stub);

int http_stub_requests(const struct http_stub *stub);     /* so far */
int http_stub_connections(const struct http_stub *stub);  /* so far */
const char *http_stub_last(const struct http_stub *stub); /* the whole text of the last request */

#endif
