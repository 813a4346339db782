/* SPDX-License-Identifier: MIT */
/* Credentials of the mailbox' callers, and the answers that all of its routes have in common. */
#include "caller.h"

#include <assert.h>

bool caller_read(const struct http_request *request, struct auth_request *ask_out)
{
    struct slice token = http_bearer(request);

    *ask_out = (struct auth_request){ .kind = CREDENTIAL_SERVER,
                                      .secret = token,
                                      .peer = http_peer(request) };
    if (token.len > 0)
        return true;
    ask_out->kind = CREDENTIAL_UNIVERSE;
    ask_out->secret = http_header(request, "x-api-key");
    ask_out->subject = http_header(request, "x-universe-id");
    return ask_out->secret.len > 0 && ask_out->subject.len > 0;
}

struct auth_outcome caller_check(struct mailbox *mailbox, const struct auth_request *ask,
                                 auth_fn *done, void *ctx, struct auth_check **slot)
{
    if (ask->kind == CREDENTIAL_UNIVERSE && !key_id_is_valid(ask->subject))
        return (struct auth_outcome){ .answer = AUTH_REFUSED };
    return auth_check(mailbox->node->auth, ask, done, ctx, slot);
}

struct slice caller_universe(const struct identity *identity)
{
    return slice_of(identity->kind == CREDENTIAL_UNIVERSE ? identity->subject : identity->universe);
}

bool caller_may_reach(const struct identity *identity, struct slice universe)
{
    struct slice own = caller_universe(identity);

    return own.data == NULL || slice_equals(own, universe);
}

void caller_refuse(struct http_request *request, const struct auth_outcome *outcome)
{
    switch (outcome->answer) {
    case AUTH_THROTTLED:
        http_reply_too_many(request, "application/json",
                            SLICE_LITERAL("{\"error\":\"Too many failed attempts.\"}"),
                            outcome->retry_after_s);
        break;
    case AUTH_UNKNOWN:
        http_reply_unavailable(request, "Authentication is unavailable.");
        break;
    default:
        assert(outcome->answer == AUTH_REFUSED);
        http_reply_error(request, 403, "Invalid credentials.");
        break;
    }
}

void caller_fail(struct http_request *request, enum result result)
{
    http_reply_unavailable(request, result == RESULT_UNCERTAIN
                                        ? "The store did not answer: it may have happened."
                                        : "The store is unavailable.");
}
