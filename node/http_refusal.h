/* SPDX-License-Identifier: MIT */
#ifndef SB_HTTP_REFUSAL_H
#define SB_HTTP_REFUSAL_H

#include "auth.h"
#include "http.h"

/* What back ends are told, {"error":"…"}, by every dialect that speaks JSON with them. Each answers the request. */

/* Who was not let in; any outcome but AUTH_OK and AUTH_PENDING. */
void http_refuse_caller(struct http_request *request, const struct auth_outcome *outcome);

/* The store failed: 503, which says whether it may have happened. */
void http_refuse_failure(struct http_request *request, enum result result);

#endif
