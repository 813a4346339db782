/* SPDX-License-Identifier: MIT */
/*
 * A request under /v1 comes in: preflights are answered here, whatever has no route is 404, the rest goes through the
 * gate. A request whose body was refused goes the same way, for who has no key is to hear of that first.
 */
#include "rest_inner.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "origin.h"

enum { STATUS_GONE = 499 }; /* of a call whose caller went away, in its line of audit */

static const struct config *config_of(const struct rest *rest)
{
    return rest->fleet->node->config;
}

/* ---- other origins ----------------------------------------------------------------------------------- */

void rest_cors_add(const struct rest_call *call, struct buf *out)
{
    const struct strings *origins = &config_of(call->rest)->fleet_cors;
    struct slice origin = http_header(call->request, "origin");

    if (origins->count == 0)
        return;
    if (origins_hold_all(origins)) {
        buf_add_text(out, "Access-Control-Allow-Origin: *\r\n");
        return;
    }
    buf_add_text(out, "Vary: Origin\r\n");
    if (origin.data != NULL && origin_is_allowed(origins, origin)) {
        buf_add_text(out, "Access-Control-Allow-Origin: ");
        buf_add_slice(out, origin);
        buf_add_text(out, "\r\n");
    }
}

static void add_preflight(const struct rest_call *call, struct buf *out)
{
    const struct strings *origins = &config_of(call->rest)->fleet_cors;
    struct slice origin = http_header(call->request, "origin");
    struct slice headers = http_header(call->request, "access-control-request-headers");
    bool is_any = origins_hold_all(origins);

    if (is_any || origin_is_allowed(origins, origin)) {
        buf_add_text(out, "Access-Control-Allow-Origin: ");
        buf_add_slice(out, is_any ? SLICE_LITERAL("*") : origin);
        buf_add_text(out, "\r\n");
    }
    buf_add_text(out, is_any ? "Vary: Access-Control-Request-Headers\r\n"
                             : "Vary: Origin, Access-Control-Request-Headers\r\n");
    buf_add_text(out, "Access-Control-Allow-Methods: GET,HEAD,POST,PUT,DELETE\r\n");
    if (headers.len > 0) {
        buf_add_text(out, "Access-Control-Allow-Headers: ");
        buf_add_slice(out, headers);
        buf_add_text(out, "\r\n");
    }
}

static bool is_preflight(const struct rest_call *call)
{
    return http_header(call->request, "origin").data != NULL &&
           http_header(call->request, "access-control-request-method").data != NULL;
}

static void answer_options(struct rest_call *call)
{
    struct http_reply reply = { .status = 204 };
    struct buf headers;

    buf_init(&headers, SIZE_MAX);
    if (config_of(call->rest)->fleet_cors.count == 0) {
        rest_refuse(call, REST_NOT_FOUND);
    } else if (is_preflight(call)) {
        rest_date_add(call, &headers);
        add_preflight(call, &headers);
        buf_add_byte(&headers, '\0');
        reply.headers = headers.data;
        http_reply(call->request, &reply);
        rest_call_free(&call);
    } else {
        reply = (struct http_reply){ .status = 400,
                                     .type = "text/plain",
                                     .body = SLICE_LITERAL("Invalid Preflight Request") };
        rest_reply_raw(call, &reply);
    }
    buf_fini(&headers);
}

/* ---- a request ------------------------------------------------------------------------------------------ */

static struct rest_call *call_create(struct rest *rest, struct http_request *request)
{
    struct rest_call *call = xcalloc(1, sizeof *call);

    call->rest = rest;
    call->request = request;
    buf_init(&call->text, config_of(rest)->max_header);
    return call;
}

void rest_call_free(struct rest_call **call_ref)
{
    struct rest_call *call = *call_ref;

    *call_ref = NULL;
    store_cancel(&call->op);
    auth_cancel(&call->check);
    model_cancel(&call->reading);
    order_forget(&call->order);
    rest_create_forget(&call->create);
    rest_registering_forget(&call->registering);
    events_forget(&call->events);
    identity_unref(&call->identity);
    buf_fini(&call->text);
    free(call);
}

/* A command goes on, where it has begun. */
static void on_gone(void *ctx)
{
    struct rest_call *call = ctx;

    rest_audit(call, STATUS_GONE);
    rest_call_free(&call);
}

void rest_call_hold(struct rest_call *call)
{
    http_wait(call->request, on_gone, call);
}

static void call_begin(struct rest_call *call)
{
    enum rest_found found = rest_route_find(call);

    if (found == REST_BROKEN_ESCAPE)
        rest_refuse(call, REST_VALIDATION);
    else if (found == REST_NOWHERE || !config_of(call->rest)->fleet_api)
        rest_refuse(call, REST_NOT_FOUND);
    else
        rest_gate_enter(call);
}

static void handle(struct http_request *request, void *ctx)
{
    struct rest_call *call = call_create(ctx, request);

    if (http_request_method(request) == HTTP_OPTIONS)
        answer_options(call);
    else
        call_begin(call);
}

/* Its body is too large, broken, or does not come (who asks is to hear first whether he may); or its client has
 * too many connections, and nobody is to look any further. */
static void handle_refused(struct http_request *request, int status, void *ctx)
{
    struct rest_call *call = call_create(ctx, request);

    call->refused = status;
    if (status == 503)
        rest_refuse_and_close(call, REST_UNAVAILABLE);
    else
        call_begin(call);
}

static uint32_t body_max(void *ctx)
{
    return config_of(ctx)->fleet_body;
}

/* ---- life --------------------------------------------------------------------------------------------- */

struct rest *rest_open(struct fleet *fleet)
{
    static const struct http_prefix prefix = {
        .path = "/v1",
        .handle = handle,
        .body_max = body_max,
        .on_refused = handle_refused,
    };
    struct rest *rest = xcalloc(1, sizeof *rest);

    rest->fleet = fleet;
    list_init(&rest->streams);
    http_add_prefix(fleet->node->http, &prefix, rest);
    return rest;
}

void rest_configure(struct rest *rest)
{
    events_configure(rest);
}

void rest_drain(struct rest *rest)
{
    rest->has_stopped = true;
    events_stop(rest);
}

void rest_close(struct rest **rest_ref)
{
    struct rest *rest = *rest_ref;

    if (rest == NULL)
        return;
    *rest_ref = NULL;
    assert(list_is_empty(&rest->streams));
    free(rest);
}
