/* SPDX-License-Identifier: MIT */
/* One transfer for each question; the connection to Discord is kept for the next. */
#include "discord.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "config.h"
#include "curl_loop.h"

enum { TOKEN_MAX = 4096, PATH_MAX_LEN = 32 };

struct discord {
    const struct config *config;
    struct curl_loop *curl;
    size_t running;
};

struct discord_call {
    struct discord *discord;
    struct discord_call **slot;
    discord_done_fn *done;
    void *ctx;
    CURL *easy;
    struct curl_slist *headers;
    struct buf body;
    char *url;
};

static void call_free(struct discord_call *call)
{
    call->discord->running--;
    for (struct curl_slist *header = call->headers; header != NULL; header = header->next)
        OPENSSL_cleanse(header->data, strlen(header->data));
    curl_slist_free_all(call->headers);
    curl_easy_cleanup(call->easy);
    buf_fini(&call->body);
    free(call->url);
    free(call);
}

static size_t on_body_part(char *data, size_t size, size_t count, void *ctx)
{
    struct discord_call *call = ctx;

    return buf_add(&call->body, data, size * count) ? size * count : 0;
}

static void on_transferred(CURL *easy, CURLcode code, void *ctx)
{
    struct discord_call *call;
    long status = 0;

    (void)ctx;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&call);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK) {
        const char *error = curl_easy_strerror(code);

        status = code == CURLE_OPERATION_TIMEDOUT ? 504 : 502;
        log_peer(LOG_WARN, NULL, "architus.discord_silent", "error=%s",
                 log_quote(error, strlen(error)));
    }
    *call->slot = NULL;
    call->done((int)status, code == CURLE_OK ? buf_slice(&call->body) : (struct slice){ NULL, 0 },
               call->ctx);
    call_free(call);
}

static bool set_headers(struct discord_call *call, struct slice access_token)
{
    char header[TOKEN_MAX + 32];

    if (access_token.len == 0 || access_token.len > TOKEN_MAX)
        return false;
    for (size_t i = 0; i < access_token.len; i++)
        if (access_token.data[i] <= ' ' || access_token.data[i] > '~')
            return false;
    snprintf(header, sizeof header, "Authorization: Bearer %.*s", (int)access_token.len,
             access_token.data);
    call->headers = curl_slist_append(NULL, header);
    OPENSSL_cleanse(header, sizeof header);
    return call->headers != NULL;
}

static bool configure(struct discord_call *call)
{
    CURL *easy = call->easy;

    return curl_easy_setopt(easy, CURLOPT_URL, call->url) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_USERAGENT, "signalbox") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)DISCORD_TIMEOUT_MS) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body_part) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, call) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PRIVATE, call) == CURLE_OK;
}

static char *make_url(const char *base)
{
    size_t len = strlen(base) + PATH_MAX_LEN;
    char *url = xmalloc(len);

    snprintf(url, len, "%s/users/@me/guilds", base);
    return url;
}

bool discord_ask(struct discord *discord, struct slice access_token, discord_done_fn *done,
                 void *ctx, struct discord_call **slot)
{
    struct discord_call *call;

    if (discord->running >= DISCORD_CALLS_MAX || discord->config->discord_api == NULL)
        return false;
    call = xcalloc(1, sizeof *call);
    call->discord = discord;
    call->slot = slot;
    call->done = done;
    call->ctx = ctx;
    call->url = make_url(discord->config->discord_api);
    buf_init(&call->body, DISCORD_ANSWER_MAX);
    discord->running++;
    call->easy = curl_easy_init();
    if (call->easy == NULL || !set_headers(call, access_token) || !configure(call) ||
        !curl_loop_add(discord->curl, call->easy)) {
        call_free(call);
        return false;
    }
    *slot = call;
    return true;
}

void discord_cancel(struct discord_call **slot)
{
    struct discord_call *gone = *slot;

    *slot = NULL;
    if (gone == NULL)
        return;
    curl_loop_remove(gone->discord->curl, gone->easy);
    call_free(gone);
}

struct discord *discord_create(uv_loop_t *loop, const struct config *config)
{
    struct discord *discord = xcalloc(1, sizeof *discord);

    discord->config = config;
    discord->curl = curl_loop_create(loop, DISCORD_CALLS_MAX, on_transferred, discord);
    return discord;
}

void discord_destroy(struct discord **discord)
{
    struct discord *gone = *discord;

    *discord = NULL;
    if (gone == NULL)
        return;
    assert(gone->running == 0);
    curl_loop_destroy(&gone->curl);
    free(gone);
}
