/* SPDX-License-Identifier: MIT */
/*
 * Who may: the throttle of the client's address first, which all nodes share and which nobody passes while it is empty,
 * not even with a good key; then the key, from the configuration or from Redis. A key that is none takes a token;
 * when others have taken the last one since it was looked for, the answer is that of the throttle.
 */
#include <stdio.h>
#include <string.h>

#include "agent_keys.h"
#include "rest_inner.h"
#include "store/limits.h"

static const struct rate_limit throttle = { 10, 60000 };

#define THROTTLE_REALM SLICE_LITERAL("all")
enum { SUBJECT_SIZE = sizeof "fleet " + PEER_TEXT_SIZE };

static struct node *node_of(const struct rest_call *call)
{
    return call->rest->fleet->node;
}

static struct slice subject_of(const struct rest_call *call, char room[SUBJECT_SIZE])
{
    struct peer subscriber = peer_subscriber(http_peer(call->request));
    char address[PEER_TEXT_SIZE];

    peer_format(&subscriber, address);
    snprintf(room, SUBJECT_SIZE, "fleet %s", address);
    return slice_of(room);
}

/* A line of who failed, without the query, where a key may stand. */
static void log_failure(const struct rest_call *call, const char *what)
{
    struct slice path = http_path(call->request);
    char address[PEER_TEXT_SIZE];

    peer_format(http_peer(call->request), address);
    log_peer(LOG_WARN, NULL, "fleet.login", "outcome=%s ip=%s method=%s path=%s", what, address,
             rest_method_name(call), log_quote(path.data, path.len));
}

static void refuse_throttled(struct rest_call *call)
{
    log_failure(call, "throttled");
    rest_refuse(call, REST_AUTH_THROTTLED);
}

static void on_taken(enum result result, uint32_t retry_ms, void *ctx)
{
    struct rest_call *call = ctx;

    (void)retry_ms;
    if (result == RESULT_REFUSED) {
        refuse_throttled(call);
        return;
    }
    log_failure(call, "failed");
    rest_refuse(call, REST_UNAUTHORIZED);
}

void rest_gate_refuse(struct rest_call *call)
{
    char subject[SUBJECT_SIZE];

    node_of(call)->metrics.fleet_auth_failures[FLEET_AUDIENCE_ADMIN]++;
    rate_take(node_of(call)->store, THROTTLE_REALM, subject_of(call, subject), &throttle, 1,
              on_taken, call, &call->op);
}

void rest_gate_pass(struct rest_call *call, const struct credential_digest *digest,
                    struct slice realm)
{
    call->is_known = true;
    call->digest = *digest;
    credential_fingerprint(digest, call->fingerprint);
    call->realm = fleet_realm_of(call->rest->fleet, realm);
    if (rest_body_judge(call))
        call->route->handle(call);
}

/* ---- keys ----------------------------------------------------------------------------------------------- */

static void try_query(struct rest_call *call);

static void judge_outcome(struct rest_call *call, const struct auth_outcome *outcome)
{
    switch (outcome->answer) {
    case AUTH_PENDING:
        break;
    case AUTH_OK:
        call->identity = identity_ref(outcome->identity);
        rest_gate_pass(call, &outcome->identity->digest, slice_of(outcome->identity->realm));
        break;
    case AUTH_REFUSED:
        try_query(call);
        break;
    case AUTH_THROTTLED:
        refuse_throttled(call);
        break;
    case AUTH_UNKNOWN:
        rest_refuse(call, REST_UNAVAILABLE);
        break;
    }
}

static void on_checked(const struct auth_outcome *outcome, void *ctx)
{
    judge_outcome(ctx, outcome);
}

static void ask(struct rest_call *call, const struct auth_request *request)
{
    struct auth_outcome outcome =
        auth_check(node_of(call)->auth, request, on_checked, call, &call->check);

    judge_outcome(call, &outcome);
}

void rest_gate_ask(struct rest_call *call, const struct credential_digest *digest)
{
    ask(call, &(struct auth_request){
                  .kind = CREDENTIAL_ADMIN,
                  .digest = digest,
                  .peer = http_peer(call->request),
              });
}

static void try_key(struct rest_call *call, struct slice key)
{
    struct credential_digest digest;

    if (agent_keys_have(call->rest->fleet->admin_keys, key)) {
        credential_digest(key, &digest);
        rest_gate_pass(call, &digest, REST_DEFAULT_REALM);
        return;
    }
    ask(call, &(struct auth_request){
                  .kind = CREDENTIAL_ADMIN,
                  .secret = key,
                  .peer = http_peer(call->request),
              });
}

/* ---- in the query, for who cannot set headers ---------------------------------------------------------------- */

/* The value of the parameter in call->text; data NULL: it is not there exactly once. */
static struct slice query_once(struct rest_call *call, const char *wanted)
{
    struct slice query = http_query_raw(call->request), name, value, found = { NULL, 0 };
    struct buf room;
    size_t count = 0;

    rest_query_room(&room, query);
    while (rest_query_next(&query, &room, &name, &value)) {
        if (!slice_is(name, wanted))
            continue;
        count++;
        buf_clear(&call->text);
        buf_add_slice(&call->text, value);
    }
    buf_fini(&room);
    if (count == 1)
        found = (struct slice){ call->text.len > 0 ? call->text.data : "", call->text.len };
    return found;
}

/* What stands for the header is tried after it, once: the last thing that is. */
static void try_query(struct rest_call *call)
{
    bool may = (call->route->traits & REST_STREAMED) != 0 && !call->has_tried_query;
    bool takes_keys = may && node_of(call)->config->sse_query_auth;
    struct slice token = may ? query_once(call, "token") : (struct slice){ NULL, 0 };
    struct slice key;

    call->has_tried_query = true;
    if (rest_token_is_one(token)) {
        rest_token_check(call);
        return;
    }
    key = takes_keys ? query_once(call, "key") : (struct slice){ NULL, 0 };
    if (key.len > 0 && key.len <= CREDENTIAL_SECRET_MAX)
        try_key(call, key);
    else
        rest_gate_refuse(call);
}

/* ---- the throttle ---------------------------------------------------------------------------------------- */

static void on_peeked(enum result result, uint32_t retry_ms, void *ctx)
{
    struct rest_call *call = ctx;
    struct slice key = http_bearer(call->request);

    (void)retry_ms;
    if (result == RESULT_REFUSED)
        refuse_throttled(call);
    else if (result != RESULT_OK)
        rest_refuse(call, REST_UNAVAILABLE);
    else if (key.len > 0 && key.len <= CREDENTIAL_SECRET_MAX)
        try_key(call, key);
    else
        try_query(call);
}

void rest_gate_enter(struct rest_call *call)
{
    char subject[SUBJECT_SIZE];

    rest_call_hold(call);
    rate_peek(node_of(call)->store, THROTTLE_REALM, subject_of(call, subject), &throttle, 1,
              on_peeked, call, &call->op);
}
