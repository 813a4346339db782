/* SPDX-License-Identifier: MIT */
/* Credentials of the mailbox' callers. */
#include "caller.h"

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
