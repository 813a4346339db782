/* SPDX-License-Identifier: MIT */
/*
 * The calls to one URL form a line: some run, the others wait for a place, or for their next attempt.
 *
 *     WAITING ──► RUNNING ──► over
 *        ▲           │
 *        └─ PAUSED ◄─┘        an attempt failed, and another one is safe
 *
 * "Nothing was sent" is what curl says just before it writes a request (on_about_to_send): an attempt that
 * never came so far may be repeated by anybody. When a kept connection breaks under a request, curl would
 * send it again by itself: an attempt sends once, and what happens then is for us to say.
 */
#include "hook.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "config.h"
#include "curl_loop.h"
#include "curl_post.h"
#include "deadline.h"
#include "hook_headers.h"
#include "hook_retry.h"

enum { CONNECTIONS_KEPT = 1024 }; /* in all, while nothing runs on them */

struct hooks {
    uv_loop_t *loop;
    const struct config *config;
    struct curl_loop *curl;
    struct deadlines *deadlines;
    struct hook_line *lines; /* uthash, by URL; each has a call */
    struct hook_stats stats;
};

struct hook_line {
    UT_hash_handle hh;
    struct list waiting; /* of struct hook_call */
    size_t calls, running, waiting_count, waiting_bytes;
    char url[];
};

enum call_state { CALL_NEW, CALL_WAITING, CALL_RUNNING, CALL_PAUSED, CALL_OVER };

struct hook_call {
    struct hooks *hooks;
    struct hook_line *line;
    struct list node; /* line->waiting */
    struct deadline over, pause;
    hook_done_fn *done;
    void *ctx;
    struct hook_call **slot;
    struct curl_slist *headers;
    struct slice body;
    struct buf answer;
    CURL *easy; /* while it runs */
    enum call_state state;
    uint32_t attempts;
    bool is_repeatable;
    bool is_sent;   /* this attempt … */
    bool was_sent;  /* … or an earlier one */
    char content[]; /* of body */
};

/* For the log: the host, since a path, a query or a password may be secret. */
static const char *quote_host(const char *url)
{
    const char *host = strstr(url, "://");
    const char *at;
    size_t len;

    host = host != NULL ? host + 3 : url;
    len = strcspn(host, "/?#");
    at = memrchr(host, '@', len);
    if (at != NULL) {
        len -= (size_t)(at + 1 - host);
        host = at + 1;
    }
    return log_quote(host, len);
}

/* ---- a call, and its line ------------------------------------------------------------------------- */

static struct hook_line *line_of(struct hooks *hooks, const char *url)
{
    struct hook_line *line;
    size_t len = strlen(url);

    HASH_FIND_STR(hooks->lines, url, line);
    if (line != NULL)
        return line;
    line = xcalloc(1, sizeof *line + len + 1);
    memcpy(line->url, url, len);
    list_init(&line->waiting);
    HASH_ADD_STR(hooks->lines, url, line);
    return line;
}

static struct hook_call *call_create(struct hooks *hooks, const struct hook_request *request)
{
    struct hook_call *call = xcalloc(1, sizeof *call + request->body.len + 1);

    if (request->body.len > 0)
        memcpy(call->content, request->body.data, request->body.len);
    call->hooks = hooks;
    call->line = line_of(hooks, request->url);
    call->line->calls++;
    call->body = (struct slice){ call->content, request->body.len };
    call->headers = hook_headers_create(hooks->config, request);
    call->is_repeatable = request->is_repeatable;
    list_init(&call->node);
    deadline_init(&call->over);
    deadline_init(&call->pause);
    buf_init(&call->answer, HOOK_ANSWER_MAX);
    return call;
}

static void call_free(struct hook_call *call)
{
    struct hook_line *line = call->line;

    assert(call->state == CALL_OVER);
    if (--line->calls == 0) {
        HASH_DEL(call->hooks->lines, line);
        free(line);
    }
    deadline_clear(&call->over);
    deadline_clear(&call->pause);
    curl_slist_free_all(call->headers);
    buf_fini(&call->answer);
    free(call);
}

/* ---- its states ------------------------------------------------------------------------------------ */

static int on_about_to_send(void *ctx, char *address, char *local, int port, int local_port)
{
    struct hook_call *call = ctx;
    bool is_again = call->is_sent;

    (void)address;
    (void)local;
    (void)port;
    (void)local_port;
    call->is_sent = true;
    return is_again ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

static void begin_waiting(struct hook_call *call)
{
    struct hook_line *line = call->line;

    list_append(&line->waiting, &call->node);
    line->waiting_count++;
    line->waiting_bytes += call->body.len;
    call->hooks->stats.waiting++;
}

static void end_waiting(struct hook_call *call)
{
    struct hook_line *line = call->line;

    list_remove(&call->node);
    line->waiting_count--;
    line->waiting_bytes -= call->body.len;
    call->hooks->stats.waiting--;
}

static void begin_running(struct hook_call *call)
{
    const struct curl_post post = {
        .url = call->line->url,
        .headers = call->headers,
        .body = call->body,
        .answer = &call->answer,
        .owner = call,
    };

    call->line->running++;
    call->hooks->stats.running++;
    call->hooks->stats.retries += call->attempts > 0;
    call->attempts++;
    call->is_sent = false;
    buf_clear(&call->answer);
    call->answer.has_overflowed = false;
    call->easy = curl_post_create(&post);
    if (curl_easy_setopt(call->easy, CURLOPT_PREREQFUNCTION, on_about_to_send) != CURLE_OK ||
        curl_easy_setopt(call->easy, CURLOPT_PREREQDATA, call) != CURLE_OK ||
        !curl_loop_add(call->hooks->curl, call->easy))
        abort();
}

/* curl has let go of the transfer already. */
static void end_running(struct hook_call *call)
{
    curl_easy_cleanup(call->easy);
    call->easy = NULL;
    call->was_sent |= call->is_sent;
    call->line->running--;
    call->hooks->stats.running--;
}

static const struct {
    unsigned next;
    void (*enter)(struct hook_call *call), (*leave)(struct hook_call *call);
} rules[] = {
#define TO(state) (1u << (state))
    [CALL_NEW] = { TO(CALL_WAITING) | TO(CALL_OVER), NULL, NULL },
    [CALL_WAITING] = { TO(CALL_RUNNING) | TO(CALL_OVER), begin_waiting, end_waiting },
    [CALL_RUNNING] = { TO(CALL_PAUSED) | TO(CALL_OVER), begin_running, end_running },
    [CALL_PAUSED] = { TO(CALL_WAITING) | TO(CALL_OVER), NULL, NULL },
    [CALL_OVER] = { 0, NULL, NULL },
};

static void call_enter(struct hook_call *call, enum call_state to)
{
    enum call_state from = call->state;

    assert(rules[from].next & TO(to));
    call->state = to;
    if (rules[from].leave != NULL)
        rules[from].leave(call);
    if (rules[to].enter != NULL)
        rules[to].enter(call);
}

/* Out of whatever it is in, without a word to its owner. */
static void call_stop(struct hook_call *call)
{
    if (call->state == CALL_RUNNING)
        curl_loop_remove(call->hooks->curl, call->easy);
    call_enter(call, CALL_OVER);
}

static void line_go_on(struct hooks *hooks, struct hook_line *line)
{
    while (line->running < hooks->config->hook_concurrency && !list_is_empty(&line->waiting))
        call_enter(LIST_ENTRY(line->waiting.next, struct hook_call, node), CALL_RUNNING);
}

/* The one end of a call that is not cancelled; it is CALL_OVER. */
static void call_finish(struct hook_call *call, enum result result, int status)
{
    const struct hook_answer answer = { status, buf_slice(&call->answer) };

    assert(call->state == CALL_OVER);
    if (result == RESULT_REFUSED)
        call->hooks->stats.refused++;
    else
        call->hooks->stats.answers[status / 100 % 6]++;
    *call->slot = NULL;
    call->slot = NULL;
    call->done(result, result == RESULT_OK ? &answer : NULL, call->ctx);
    line_go_on(call->hooks, call->line);
    call_free(call);
}

static enum result result_without_answer(const struct hook_call *call)
{
    return call->was_sent ? RESULT_UNCERTAIN : RESULT_UNAVAILABLE;
}

static void on_time_over(struct deadline *deadline)
{
    struct hook_call *call = LIST_ENTRY(deadline, struct hook_call, over);

    log_peer(LOG_WARN, NULL, "hook.timeout", "host=%s attempts=%u was_sent=%s",
             quote_host(call->line->url), call->attempts,
             call->was_sent || call->is_sent ? "true" : "false");
    call_stop(call);
    call_finish(call, result_without_answer(call), 0);
}

static void on_refused(struct deadline *deadline)
{
    struct hook_call *call = LIST_ENTRY(deadline, struct hook_call, over);

    log_peer(LOG_WARN, NULL, "hook.refused", "host=%s waiting=%zu bytes=%zu",
             quote_host(call->line->url), call->line->waiting_count, call->line->waiting_bytes);
    call_enter(call, CALL_OVER);
    call_finish(call, RESULT_REFUSED, 0);
}

/* ---- attempts that failed ------------------------------------------------------------------------- */

static void on_pause_over(struct deadline *deadline)
{
    struct hook_call *call = LIST_ENTRY(deadline, struct hook_call, pause);

    call_enter(call, CALL_WAITING);
    line_go_on(call->hooks, call->line);
}

/* Another attempt, after a pause. False: there are none left, or no time. */
static bool call_pause(struct hook_call *call)
{
    struct hooks *hooks = call->hooks;
    uint32_t ms = hook_pause_ms(call->attempts);
    struct hook_line *line = call->line;

    if (call->attempts > hooks->config->hook_retries ||
        call->over.due_ms - (int64_t)uv_now(hooks->loop) <= ms)
        return false;
    call_enter(call, CALL_PAUSED);
    deadline_set(hooks->deadlines, &call->pause, ms, on_pause_over);
    line_go_on(hooks, line);
    return true;
}

static void on_answered(struct hook_call *call)
{
    long status = 0;

    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    if (call->is_repeatable && status >= 502 && status <= 504 && call_pause(call))
        return;
    call_enter(call, CALL_OVER);
    call_finish(call, RESULT_OK, (int)status);
}

static void on_failed(struct hook_call *call, CURLcode code)
{
    const char *error =
        code == CURLE_ABORTED_BY_CALLBACK ? "a kept connection broke" : curl_easy_strerror(code);

    log_peer(LOG_WARN, NULL, "hook.failed", "host=%s error=%s attempt=%u is_sent=%s",
             quote_host(call->line->url), log_quote(error, strlen(error)), call->attempts,
             call->is_sent ? "true" : "false");
    if (hook_may_pass(code) && (call->is_repeatable || !call->is_sent) && call_pause(call))
        return;
    call_enter(call, CALL_OVER);
    call_finish(call, result_without_answer(call), 0);
}

static void on_transferred(CURL *easy, CURLcode code, void *ctx)
{
    struct hook_call *call;

    (void)ctx;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&call);
    if (code == CURLE_OK)
        on_answered(call);
    else
        on_failed(call, code);
}

/* ---- the door --------------------------------------------------------------------------------------- */

static bool has_room(const struct hooks *hooks, const struct hook_line *line, size_t bytes)
{
    return line->running < hooks->config->hook_concurrency ||
           (line->waiting_count < hooks->config->hook_queue &&
            line->waiting_bytes + bytes <= HOOK_WAITING_BYTES_MAX);
}

void hook_call(struct hooks *hooks, const struct hook_request *request, hook_done_fn *done,
               void *ctx, struct hook_call **slot)
{
    struct hook_call *call = call_create(hooks, request);

    assert(*slot == NULL && done != NULL);
    call->done = done;
    call->ctx = ctx;
    call->slot = slot;
    *slot = call;
    hooks->stats.calls++;
    if (!has_room(hooks, call->line, request->body.len)) {
        deadline_set(hooks->deadlines, &call->over, 0, on_refused);
        return;
    }
    deadline_set(hooks->deadlines, &call->over,
                 request->timeout_ms > 0 ? request->timeout_ms : hooks->config->hook_timeout_ms,
                 on_time_over);
    call_enter(call, CALL_WAITING);
    line_go_on(hooks, call->line);
}

void hook_cancel(struct hook_call **slot)
{
    struct hook_call *call = *slot;

    if (call == NULL)
        return;
    *slot = NULL;
    call->slot = NULL;
    call_stop(call);
    line_go_on(call->hooks, call->line);
    call_free(call);
}

const struct hook_stats *hooks_stats(const struct hooks *hooks)
{
    return &hooks->stats;
}

struct hooks *hooks_create(uv_loop_t *loop, const struct config *config)
{
    struct hooks *hooks = xcalloc(1, sizeof *hooks);

    hooks->loop = loop;
    hooks->config = config;
    hooks->deadlines = deadlines_create(loop);
    hooks->curl = curl_loop_create(loop, CONNECTIONS_KEPT, on_transferred, hooks);
    return hooks;
}

void hooks_destroy(struct hooks **hooks)
{
    struct hooks *mine = *hooks;

    if (mine == NULL)
        return;
    *hooks = NULL;
    assert(mine->lines == NULL);
    curl_loop_destroy(&mine->curl);
    deadlines_destroy(&mine->deadlines);
    free(mine);
}
