/* SPDX-License-Identifier: MIT */
#include "http_refusal.h"

#include <assert.h>

void http_refuse_caller(struct http_request *request, const struct auth_outcome *outcome)
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

void http_refuse_failure(struct http_request *request, enum result result)
{
    http_reply_unavailable(request, result == RESULT_UNCERTAIN
                                        ? "The store did not answer: it may have happened."
                                        : "The store is unavailable.");
}
