/* SPDX-License-Identifier: MIT */
#ifndef SB_CURL_LOOP_H
#define SB_CURL_LOOP_H

#include <curl/curl.h>
#include <stdbool.h>
#include <uv.h>

/*
 * libcurl's multi-socket interface on our loop: transfers run side by side, connections are kept for
 * the next ones.
 */
struct curl_loop;

/* A transfer is over; its handle is the caller's again. May add and remove others. */
typedef void curl_loop_done_fn(CURL *easy, CURLcode code, void *ctx);

struct curl_loop *curl_loop_create(uv_loop_t *loop, long connections_max, curl_loop_done_fn *done,
                                   void *ctx);

/* All transfers have been removed. The memory goes when the loop has closed the handles. */
void curl_loop_destroy(struct curl_loop **curl);

bool curl_loop_add(struct curl_loop *curl, CURL *easy) __attribute__((warn_unused_result));
void curl_loop_remove(struct curl_loop *curl, CURL *easy); /* not from its own `done` */

#endif
