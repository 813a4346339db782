/* SPDX-License-Identifier: MIT */
#include "hook_headers.h"

#include <assert.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "config.h"
#include "curl_post.h"

enum { HEADER_MAX = 256 };

void hook_make_id(char out[HOOK_ID_LEN + 1])
{
    unsigned char bytes[HOOK_ID_LEN / 2];

    if (uv_random(NULL, NULL, bytes, sizeof bytes, 0, NULL) != 0)
        abort();
    hex_write(bytes, sizeof bytes, out);
}

static void write_delivery(struct buf *out, struct slice given)
{
    char made[HOOK_ID_LEN + 1];

    buf_add_text(out, "X-Signalbox-Delivery: ");
    if (given.len > 0) {
        buf_add_slice(out, given);
        return;
    }
    hook_make_id(made);
    buf_add_text(out, made);
}

static void write_signature(struct buf *out, const char *secret, struct slice body)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    char hex[2 * EVP_MAX_MD_SIZE + 1];
    unsigned len = 0;

    if (HMAC(EVP_sha256(), secret, (int)strlen(secret), (const unsigned char *)body.data, body.len,
             digest, &len) == NULL)
        abort();
    buf_add_text(out, "X-Signalbox-Signature: sha256=");
    hex_write(digest, len, hex);
    buf_add_text(out, hex);
}

static struct curl_slist *add_header(struct curl_slist *headers, struct buf *line)
{
    assert(!line->has_overflowed);
    buf_add_byte(line, '\0');
    headers = curl_post_add_header(headers, line->data);
    buf_fini(line);
    return headers;
}

struct curl_slist *hook_headers_create(const struct config *config,
                                       const struct hook_request *request)
{
    struct curl_slist *headers = curl_post_headers();
    struct buf line;

    buf_init(&line, HEADER_MAX);
    write_delivery(&line, request->delivery);
    headers = add_header(headers, &line);
    if (config->hook_secret == NULL)
        return headers;
    write_signature(&line, config->hook_secret, request->body);
    return add_header(headers, &line);
}
