/* SPDX-License-Identifier: MIT */
/* Credentials of back ends, and the answers that all of their routes have in common. */
#include "visitor.h"

#include "http_refusal.h"

void visitor_fini(struct visitor *visitor)
{
    auth_cancel(&visitor->checking);
    identity_unref(&visitor->identity);
}

static void on_gone(void *ctx)
{
    struct visitor *visitor = ctx;

    visitor->destroy(visitor);
}

struct http_request *visitor_leave(struct visitor *visitor)
{
    struct http_request *request = visitor->request;

    visitor->destroy(visitor);
    return request;
}

static void on_checked(const struct auth_outcome *outcome, void *ctx)
{
    struct visitor *visitor = ctx;

    if (outcome->answer != AUTH_OK) {
        http_refuse_caller(visitor_leave(visitor), outcome);
        return;
    }
    visitor->identity = identity_ref(outcome->identity);
    visitor->begin(visitor);
}

void visitor_receive(struct visitor *visitor, struct http_request *request, struct architus *app)
{
    struct auth_request ask = {
        .kind = CREDENTIAL_SERVER,
        .secret = http_bearer(request),
        .peer = http_peer(request),
    };
    struct auth_outcome outcome;

    visitor->request = request;
    visitor->app = app;
    if (ask.secret.len == 0) {
        http_reply_error(visitor_leave(visitor), 401, "Missing credentials.");
        return;
    }
    http_wait(request, on_gone, visitor);
    outcome = auth_check(app->node->auth, &ask, on_checked, visitor, &visitor->checking);
    if (outcome.answer != AUTH_PENDING)
        on_checked(&outcome, visitor);
}

struct slice visitor_realm(const struct visitor *visitor)
{
    return slice_of(visitor->identity->realm);
}

static bool is_guild(struct slice guild)
{
    uint64_t number;

    return guild.len <= 20 && slice_to_u64(guild, 0, UINT64_MAX, &number);
}

bool visitor_guild(struct visitor *visitor, struct slice *guild_out)
{
    *guild_out = http_param(visitor->request, 0);
    if (is_guild(*guild_out))
        return true;
    visitor_refuse(visitor, 400, "Invalid guild id.");
    return false;
}

void visitor_fail(struct visitor *visitor, enum result result)
{
    switch (result) {
    case RESULT_REFUSED:
        visitor->app->node->metrics.limits[LIMIT_POOL]++;
        visitor_refuse(visitor, 413, "The pool is full.");
        break;
    case RESULT_CONFLICT:
        visitor_refuse(visitor, 409, "The pool has changed meanwhile.");
        break;
    default:
        http_refuse_failure(visitor_leave(visitor), result);
        break;
    }
}

void visitor_refuse(struct visitor *visitor, int status, const char *error)
{
    http_reply_error(visitor_leave(visitor), status, error);
}

void visitor_accept(struct visitor *visitor)
{
    const struct http_reply reply = { .status = 204 };

    http_reply(visitor_leave(visitor), &reply);
}
