/* SPDX-License-Identifier: MIT */
/* Credentials of back ends, and the answers that all routes of the api have in common. */
#include "api_call.h"

#include <stdlib.h>

#include "base/mem.h"
#include "http_refusal.h"

static void call_destroy(struct api_call **call)
{
    struct api_call *gone = *call;

    *call = NULL;
    auth_cancel(&gone->checking);
    store_cancel(&gone->op);
    sio_ask_cancel(&gone->ask);
    identity_unref(&gone->identity);
    api_body_fini(&gone->body);
    free(gone);
}

static void on_client_gone(void *ctx)
{
    struct api_call *call = ctx;

    call_destroy(&call);
}

/* The request, which the caller now answers; the rest is gone. */
static struct http_request *call_finish(struct api_call *call)
{
    struct http_request *request = call->request;

    call_destroy(&call);
    return request;
}

struct slice api_call_realm(const struct api_call *call)
{
    return slice_of(call->identity->realm);
}

/* ---- answers ------------------------------------------------------------------------------------------- */

void api_call_reply(struct api_call *call, int status, struct slice json)
{
    http_reply_json(call_finish(call), status, json);
}

void api_call_refuse(struct api_call *call, int status, const char *error)
{
    http_reply_error(call_finish(call), status, error);
}

void api_call_fail(struct api_call *call, enum result result)
{
    http_refuse_failure(call_finish(call), result);
}

void api_call_accept(struct api_call *call, uint32_t nodes)
{
    struct buf body;

    buf_init(&body, 64);
    buf_printf(&body, "{\"nodes\":%u}", nodes);
    api_call_reply(call, 202, buf_slice(&body));
    buf_fini(&body);
}

/* ---- who, and what ----------------------------------------------------------------------------------- */

static void on_checked(const struct auth_outcome *outcome, void *ctx)
{
    struct api_call *call = ctx;
    const char *wrong;

    if (outcome->answer != AUTH_OK) {
        http_refuse_caller(call_finish(call), outcome);
        return;
    }
    call->identity = identity_ref(outcome->identity);
    wrong = api_body_parse(http_body(call->request), &call->body);
    if (wrong != NULL)
        api_call_refuse(call, 400, wrong);
    else
        call->begin(call);
}

void api_call_start(struct http_request *request, struct api *api,
                    void (*begin)(struct api_call *call))
{
    const struct auth_request ask = {
        .kind = CREDENTIAL_SERVER,
        .secret = http_bearer(request),
        .peer = http_peer(request),
    };
    struct auth_outcome outcome;
    struct api_call *call;

    if (ask.secret.len == 0) {
        http_reply_error(request, 401, "Missing credentials.");
        return;
    }
    call = xcalloc(1, sizeof *call);
    call->request = request;
    call->api = api;
    call->begin = begin;
    http_wait(request, on_client_gone, call);
    outcome = auth_check(api->node->auth, &ask, on_checked, call, &call->checking);
    if (outcome.answer != AUTH_PENDING)
        on_checked(&outcome, call);
}
