/* SPDX-License-Identifier: MIT */
/*
 * GET /sync: whose key is that? A good one turns the request into a WebSocket; the realm is the key's.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "relay_conn.h"

/* A request whose key is being checked. */
struct arrival {
    struct relay *relay;
    struct http_request *request;
    struct auth_check *check;
};

static void arrival_free(struct arrival *arrival)
{
    auth_cancel(&arrival->check);
    free(arrival);
}

static void refuse(struct http_request *request, int status, enum relay_error error,
                   const char *headers)
{
    http_reply(request, &(struct http_reply){ .status = status,
                                              .type = "application/json",
                                              .body = relay_error_text(error),
                                              .headers = headers });
}

static void answer(struct relay *relay, struct http_request *request,
                   const struct auth_outcome *outcome)
{
    switch (outcome->answer) {
    case AUTH_OK:
        http_upgrade(request, &relay->ws_ops, relay_conn_create(relay, outcome->identity));
        break;
    case AUTH_THROTTLED:
        http_reply_too_many(request, "application/json", relay_error_text(RELAY_TOO_MANY_FAILURES),
                            outcome->retry_after_s);
        break;
    case AUTH_UNKNOWN:
        refuse(request, 503, RELAY_KEYS_UNREACHABLE, "Retry-After: 1\r\n");
        break;
    case AUTH_REFUSED:
    case AUTH_PENDING:
        refuse(request, 401, RELAY_BAD_KEY, NULL);
        break;
    }
}

static void on_checked(const struct auth_outcome *outcome, void *ctx)
{
    struct arrival *arrival = ctx;
    struct http_request *request = arrival->request;
    struct relay *relay = arrival->relay;

    arrival_free(arrival);
    answer(relay, request, outcome);
}

static void on_gone(void *ctx)
{
    arrival_free(ctx);
}

static struct slice find_key(struct http_request *request)
{
    struct slice key = http_query(request, "api_key");

    return key.data != NULL ? key : http_header(request, "x-api-key");
}

static void check(struct relay *relay, struct http_request *request, struct slice key)
{
    struct arrival *arrival = xcalloc(1, sizeof *arrival);
    struct auth_request question = { .kind = CREDENTIAL_RELAY,
                                     .secret = key,
                                     .peer = http_peer(request) };
    struct auth_outcome outcome;

    arrival->relay = relay;
    arrival->request = request;
    outcome = auth_check(relay->node->auth, &question, on_checked, arrival, &arrival->check);
    if (outcome.answer == AUTH_PENDING) {
        http_wait(request, on_gone, arrival);
        return;
    }
    arrival_free(arrival);
    answer(relay, request, &outcome);
}

void relay_sync(struct http_request *request, void *dialect)
{
    struct slice key = find_key(request);

    if (key.len == 0)
        refuse(request, 401, RELAY_BAD_KEY, NULL);
    else
        check(dialect, request, key);
}
