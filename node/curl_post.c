/* SPDX-License-Identifier: MIT */
#include "curl_post.h"

#include <stdlib.h>

/* Setting an option fails for want of memory alone: the options are known, and a URL that is none shows when
 * the transfer starts. */
#define SET(easy, option, value)                                                                   \
    do {                                                                                           \
        if (curl_easy_setopt(easy, option, value) != CURLE_OK)                                     \
            abort();                                                                               \
    } while (0)

static size_t on_part(char *data, size_t size, size_t count, void *ctx)
{
    return buf_add(ctx, data, size * count) ? size * count : 0;
}

CURL *curl_post_create(const struct curl_post *post)
{
    CURL *easy = curl_easy_init();

    if (easy == NULL)
        abort();
    SET(easy, CURLOPT_URL, post->url);
    SET(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    SET(easy, CURLOPT_HTTPHEADER, post->headers);
    SET(easy, CURLOPT_POSTFIELDS, post->body.data);
    SET(easy, CURLOPT_POSTFIELDSIZE, (long)post->body.len);
    SET(easy, CURLOPT_FOLLOWLOCATION, 0L);
    SET(easy, CURLOPT_TIMEOUT_MS, post->limit_ms);
    SET(easy, CURLOPT_CONNECTTIMEOUT_MS, post->limit_ms);
    SET(easy, CURLOPT_NOSIGNAL, 1L);
    SET(easy, CURLOPT_WRITEFUNCTION, on_part);
    SET(easy, CURLOPT_WRITEDATA, post->answer);
    SET(easy, CURLOPT_PRIVATE, post->owner);
    return easy;
}

struct curl_slist *curl_post_add_header(struct curl_slist *headers, const char *line)
{
    struct curl_slist *longer = curl_slist_append(headers, line);

    if (longer == NULL)
        abort();
    return longer;
}

struct curl_slist *curl_post_headers(void)
{
    static const char *const lines[] = {
        "Content-Type: application/json",
        "Accept: application/json",
        ("User-Agent: signalbox/" SIGNALBOX_VERSION),
        "Expect:",
    };
    struct curl_slist *headers = NULL;

    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        headers = curl_post_add_header(headers, lines[i]);
    return headers;
}
