/* SPDX-License-Identifier: MIT */
/*
 * A poll that came by HTTP, and what is written around its answer: status, headers, JSON-P, errors.
 * The same whether its connection is here or elsewhere.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine_door.h"

#define ERROR(code, text) SLICE_LITERAL("{\"code\":" #code ",\"message\":\"" text "\"}")

static const struct slice errors[] = {
    [ENGINE_ERROR_TRANSPORT] = ERROR(0, "Transport unknown"),
    [ENGINE_ERROR_SID] = ERROR(1, "Session ID unknown"),
    [ENGINE_ERROR_METHOD] = ERROR(2, "Bad handshake method"),
    [ENGINE_ERROR_REQUEST] = ERROR(3, "Bad request"),
    [ENGINE_ERROR_FORBIDDEN] = ERROR(4, "Forbidden"),
    [ENGINE_ERROR_VERSION] = ERROR(5, "Unsupported protocol version"),
};

struct slice engine_error_body(enum engine_error error)
{
    return errors[error];
}

static const struct {
    const char *type, *headers;
} forms[POLL_FORMS] = {
    [POLL_TEXT] = { "text/plain; charset=UTF-8", "Cache-Control: no-store\r\n" },
    [POLL_BINARY] = { "application/octet-stream", "Cache-Control: no-store\r\n" },
    [POLL_OK] = { "text/html", "Cache-Control: no-store\r\n" },
    [POLL_ERROR] = { "application/json", "" },
    [POLL_EMPTY] = { NULL, "" },
};

/* Internet Explorer took payloads for pages. */
static bool is_old_explorer(const struct http_request *request)
{
    struct slice agent = http_header(request, "user-agent");

    return agent.len > 0 && (memmem(agent.data, agent.len, ";MSIE", 5) != NULL ||
                             memmem(agent.data, agent.len, "Trident/", 8) != NULL);
}

static void wrap(struct http_request *request, const struct poll_answer *answer, struct buf *script,
                 struct http_reply *reply, struct buf *headers)
{
    enum { SCRIPT_MAX = 64, ESCAPE_MAX = 6 };
    struct slice index = http_query(request, "j");

    buf_init(script, SCRIPT_MAX + ESCAPE_MAX * answer->body.len);
    eio_jsonp_wrap(script, index.len > 0 ? index : answer->jsonp, answer->body);
    reply->type = "text/javascript; charset=UTF-8";
    reply->body = buf_slice(script);
    buf_add_text(headers, "X-Content-Type-Options: nosniff\r\n");
}

static void write_answer(struct engine *engine, struct http_request *request,
                         const struct poll_answer *answer)
{
    struct http_reply reply = { .status = answer->status,
                                .type = forms[answer->form].type,
                                .body = answer->body };
    struct buf headers, script = { NULL, 0, 0, 0, false };

    engine_headers_init(&headers, engine, request);
    buf_add_text(&headers, forms[answer->form].headers);
    if (answer->status == 503)
        buf_add_text(&headers, "Retry-After: 1\r\n");
    if (answer->status == 200 && is_old_explorer(request))
        buf_add_text(&headers, "X-XSS-Protection: 0\r\n");
    if (answer->form == POLL_OK) {
        reply.body = SLICE_LITERAL("ok");
    } else if (answer->form == POLL_ERROR) {
        engine->node->metrics.engine_refused[answer->error]++;
        reply.body = engine_error_body(answer->error);
    } else if (answer->form == POLL_TEXT && answer->jsonp.data != NULL) {
        wrap(request, answer, &script, &reply, &headers);
    }
    reply.headers = engine_headers_end(&headers);
    http_reply(request, &reply);
    buf_fini(&script);
    buf_fini(&headers);
}

static void on_answer(struct poll *poll, const struct poll_answer *answer)
{
    struct visitor *visitor = LIST_ENTRY(poll, struct visitor, poll);
    struct engine *engine = visitor->engine;
    struct http_request *request = visitor->request;

    free(visitor);
    if (answer->form == POLL_CUT)
        http_cut(request);
    else
        write_answer(engine, request, answer);
}

static void on_gone(void *ctx)
{
    struct visitor *visitor = ctx;

    if (visitor->poll.conn != NULL)
        engine_poll_gone(&visitor->poll);
    else
        engine_remote_gone(visitor->engine->remote, &visitor->poll);
    free(visitor);
}

struct visitor *visitor_create(struct engine *engine, struct http_request *request)
{
    static const struct poll_ops ops = { .answer = on_answer };
    struct visitor *visitor = xcalloc(1, sizeof *visitor);

    visitor->poll.ops = &ops;
    visitor->engine = engine;
    visitor->request = request;
    http_wait(request, on_gone, visitor);
    return visitor;
}

void visitor_forget(struct visitor **visitor)
{
    if (*visitor == NULL)
        return;
    engine_poll_forget(&(*visitor)->poll);
    engine_remote_forget((*visitor)->engine->remote, &(*visitor)->poll);
    free(*visitor);
    *visitor = NULL;
}
