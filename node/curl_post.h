/* SPDX-License-Identifier: MIT */
#ifndef SB_CURL_POST_H
#define SB_CURL_POST_H

#include <curl/curl.h>

#include "base/buf.h"

/*
 * One POST of JSON to a service of the operator's: http and https alone, no redirects followed. Everything
 * is borrowed until the transfer is over.
 */
struct curl_post {
    const char *url;
    struct curl_slist *headers;
    struct slice body;
    struct buf *answer; /* what comes goes here; more than it takes breaks the transfer */
    long limit_ms;      /* 0: somebody else looks after the time */
    void *owner;        /* CURLINFO_PRIVATE */
};

/* A transfer for curl_loop_add(). Ends the process when there is no memory. */
CURL *curl_post_create(const struct curl_post *post);

/* The headers that all have: types, User-Agent, no Expect. Free them with curl_slist_free_all(). */
struct curl_slist *curl_post_headers(void);
struct curl_slist *curl_post_add_header(struct curl_slist *headers, const char *line);

#endif
