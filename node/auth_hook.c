/* SPDX-License-Identifier: MIT */
/*
 * A request runs at once where there is room, else it waits in line.
 *
 *     running ≤ HOOK_CONCURRENT_MAX, waiting ≤ HOOK_WAITING_MAX, waiting > 0 only while running is full
 *
 * The time limit counts from the question. Whatever waits was asked after everything that runs, so
 * when a place becomes free, those whose time is over are answered on the way.
 */
#include "auth_hook.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "auth_time.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "curl_loop.h"
#include "curl_post.h"
#include "json.h"

/* Room for the longest secret and subject with every byte escaped. Taken in one piece, because
 * growing would leave copies of the secret behind. */
enum { BODY_SIZE = 4096 };

struct hook {
    const struct config *config;
    struct curl_loop *curl;
    struct curl_slist *headers;
    struct list running, waiting; /* of hook_request */
    size_t running_count, waiting_count;
};

struct hook_request {
    struct source_call call;
    struct list node;
    struct hook *hook;
    enum credential_kind kind;
    char *url, *subject;
    struct buf body, reply;
    int64_t deadline_ms;
    CURL *easy; /* while it runs */
};

static const char *url_for(const struct hook *hook, enum credential_kind kind)
{
    switch (kind) {
    case CREDENTIAL_UNIVERSE:
        return hook->config->universe_auth_url;
    case CREDENTIAL_PLAYER:
    case CREDENTIAL_SERVER:
        return hook->config->token_auth_url;
    default:
        return NULL;
    }
}

/* ---- one request ------------------------------------------------------------------------------ */

static bool write_body(struct buf *body, const struct source_question *question)
{
    if (question->kind == CREDENTIAL_UNIVERSE)
        return buf_add_text(body, "{\"universeId\":") && json_quote(body, question->subject) &&
               buf_add_text(body, ",\"apiKey\":") && json_quote(body, question->secret) &&
               buf_add_byte(body, '}');
    return buf_add_text(body, "{\"token\":") && json_quote(body, question->secret) &&
           buf_printf(body, ",\"kind\":\"%s\"}", credential_kind_name(question->kind));
}

static struct hook_request *request_create(struct hook *hook,
                                           const struct source_question *question)
{
    struct hook_request *request = xcalloc(1, sizeof *request);

    request->hook = hook;
    request->kind = question->kind;
    request->url = xstrdup(url_for(hook, question->kind));
    request->subject = slice_dup(question->subject);
    request->deadline_ms = clock_ms() + hook->config->auth_timeout_ms;
    list_init(&request->node);
    buf_init(&request->reply, HOOK_BODY_MAX);
    buf_init(&request->body, BODY_SIZE);
    buf_reserve(&request->body, BODY_SIZE);
    write_body(&request->body, question);
    assert(!request->body.has_overflowed);
    return request;
}

static void request_free(struct hook_request *request)
{
    if (request->easy != NULL)
        curl_easy_cleanup(request->easy);
    list_remove(&request->node);
    OPENSSL_cleanse(request->body.data, request->body.size);
    buf_fini(&request->body);
    buf_fini(&request->reply);
    free(request->url);
    free(request->subject);
    free(request);
}

/* False when there is no time left. */
static bool request_start(struct hook_request *request)
{
    struct hook *hook = request->hook;
    const struct curl_post post = {
        .url = request->url,
        .headers = hook->headers,
        .body = buf_slice(&request->body),
        .answer = &request->reply,
        .limit_ms = (long)(request->deadline_ms - clock_ms()),
        .owner = request,
    };

    if (post.limit_ms <= 0)
        return false;
    request->easy = curl_post_create(&post);
    if (!curl_loop_add(hook->curl, request->easy))
        return false;
    list_append(&hook->running, &request->node);
    hook->running_count++;
    return true;
}

/* ---- what the answer means --------------------------------------------------------------------- */

/* Absent, null, RFC 3339, or seconds since 1970. */
static bool expiry_of(struct json value, int64_t *ms_out)
{
    struct buf text;
    bool is_good;

    *ms_out = 0;
    switch (value.type) {
    case JSON_ABSENT:
    case JSON_NULL:
        return true;
    case JSON_NUMBER:
        return auth_time_parse(value.raw, ms_out);
    default:
        buf_init(&text, 64);
        is_good = json_text(value, &text) && auth_time_parse(buf_slice(&text), ms_out);
        buf_fini(&text);
        return is_good;
    }
}

static bool subject_of(struct slice reply, struct buf *name, struct source_subject *subject_out)
{
    struct json_member members[] = { { .name = "subject" }, { .name = "expires_at" } };
    struct json value;

    if (!json_parse(reply, &value) || !json_members(value, members, 2) ||
        !json_text(members[0].value, name) || !key_id_is_valid(buf_slice(name)) ||
        !expiry_of(members[1].value, &subject_out->expires_ms))
        return false;
    subject_out->subject = buf_slice(name);
    return true;
}

static void answer_token(struct hook_request *request)
{
    struct source_subject subject = { .expires_ms = 0 };
    struct buf name;

    buf_init(&name, KEY_ID_MAX);
    if (subject_of(buf_slice(&request->reply), &name, &subject)) {
        source_answer(&request->call, SOURCE_ACCEPTS, &subject);
    } else {
        log_peer(LOG_WARN, NULL, "auth.hook_malformed", "kind=%s",
                 credential_kind_name(request->kind));
        source_answer(&request->call, SOURCE_SILENT, NULL);
    }
    buf_fini(&name);
}

static void answer_accepted(struct hook_request *request)
{
    struct source_subject subject = { .subject = slice_of(request->subject) };

    if (request->kind == CREDENTIAL_UNIVERSE)
        source_answer(&request->call, SOURCE_ACCEPTS, &subject);
    else
        answer_token(request);
}

static void answer(struct hook_request *request, CURLcode code)
{
    long status = 0;

    curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
    if (code == CURLE_OK && status == 200) {
        answer_accepted(request);
    } else if (code == CURLE_OK && (status == 401 || status == 403)) {
        source_answer(&request->call, SOURCE_REFUSES, NULL);
    } else {
        const char *error = curl_easy_strerror(code);

        log_peer(LOG_WARN, NULL, "auth.hook_silent", "kind=%s status=%ld error=%s",
                 credential_kind_name(request->kind), status, log_quote(error, strlen(error)));
        source_answer(&request->call, SOURCE_SILENT, NULL);
    }
}

static void give_up(struct hook_request *request)
{
    source_answer(&request->call, SOURCE_SILENT, NULL);
    request_free(request);
}

static void start_waiting(struct hook *hook)
{
    while (hook->running_count < HOOK_CONCURRENT_MAX && !list_is_empty(&hook->waiting)) {
        struct hook_request *request = LIST_ENTRY(hook->waiting.next, struct hook_request, node);

        list_remove(&request->node);
        hook->waiting_count--;
        if (request->call.slot == NULL)
            request_free(request); /* nobody waits for it any more */
        else if (!request_start(request))
            give_up(request);
    }
}

static void on_transferred(CURL *easy, CURLcode code, void *ctx)
{
    struct hook *hook = ctx;
    struct hook_request *request;

    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&request);
    list_remove(&request->node);
    hook->running_count--;
    answer(request, code);
    request_free(request);
    start_waiting(hook);
}

/* ---- the door ---------------------------------------------------------------------------------- */

bool hook_serves(const struct hook *hook, enum credential_kind kind)
{
    const char *url = url_for(hook, kind);

    return url != NULL && url[0] != '\0';
}

void hook_ask(struct hook *hook, const struct source_question *question,
              source_answered_fn *answered, void *ctx, struct source_call **slot)
{
    struct hook_request *request;

    assert(hook_serves(hook, question->kind) && question->secret.len <= CREDENTIAL_SECRET_MAX);
    if (!utf8_is_valid(question->secret)) {
        answered(SOURCE_REFUSES, NULL, ctx); /* no JSON can hold it: nobody has given it out */
        return;
    }
    request = request_create(hook, question);
    source_call_init(&request->call, answered, ctx, slot);
    if (hook->running_count < HOOK_CONCURRENT_MAX) {
        if (!request_start(request))
            give_up(request);
    } else if (hook->waiting_count < HOOK_WAITING_MAX) {
        list_append(&hook->waiting, &request->node);
        hook->waiting_count++;
    } else {
        give_up(request);
    }
}

struct hook *hook_create(uv_loop_t *loop, const struct config *config)
{
    struct hook *hook = xcalloc(1, sizeof *hook);

    hook->config = config;
    list_init(&hook->running);
    list_init(&hook->waiting);
    hook->headers = curl_post_headers();
    hook->curl = curl_loop_create(loop, HOOK_CONCURRENT_MAX, on_transferred, hook);
    return hook;
}

static void free_all(struct list *requests, struct curl_loop *curl)
{
    while (!list_is_empty(requests)) {
        struct hook_request *request = LIST_ENTRY(requests->next, struct hook_request, node);

        source_forget(&request->call);
        if (request->easy != NULL)
            curl_loop_remove(curl, request->easy);
        request_free(request);
    }
}

void hook_destroy(struct hook **hook)
{
    struct hook *mine = *hook;

    if (mine == NULL)
        return;
    *hook = NULL;
    free_all(&mine->running, mine->curl);
    free_all(&mine->waiting, mine->curl);
    curl_loop_destroy(&mine->curl);
    curl_slist_free_all(mine->headers);
    free(mine);
}
