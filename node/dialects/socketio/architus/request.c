/* SPDX-License-Identifier: MIT */
/*
 * The way of every pool_* event: its limits, its text, who asks; then its kind takes over, and comes back
 * with an answer, a refusal or a failure.
 */
#include "request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "metrics.h"
#include "request_parts.h"

enum { TEXT_MAX = 65536, SEARCHES_PER_S = 5 };

/* ---- refusals -------------------------------------------------------------------------------------- */

static const struct {
    int code;
    bool ends_whole; /* the user may not have it at all: a whole request is over, too */
    const char *message, *human;
} refusals[REFUSALS] = {
    [REFUSAL_MALFORMED] = { 400, false, "Invalid Request", NULL },
    [REFUSAL_BAD_TYPE] = { 400, false, "Invalid Request", NULL },
    [REFUSAL_NOT_AUTHENTICATED] = { 401, false, "not authenticated",
                                    "There was an error authenticating your request." },
    [REFUSAL_NOT_A_MEMBER] = { 401, true, "not a member",
                               "Unable to verify membership of the server." },
    [REFUSAL_NO_RIGHT] = { 403, true, "missing permission", "You are not allowed to see this." },
    [REFUSAL_TOO_OFTEN] = { 429, false, "too many requests", "Please slow down." },
    [REFUSAL_TOO_MANY] = { 429, false, "too many requests in flight", "Please slow down." },
    [REFUSAL_STORE] = { 503, false, "unavailable",
                        "There was an error fetching some data from the api." },
};

static struct error_answer refusal_answer(enum refusal refusal, const char *details,
                                          const struct ask *ask)
{
    return (struct error_answer){
        .message = refusals[refusal].message,
        .human = refusals[refusal].human,
        .details = details,
        .code = refusals[refusal].code,
        .has_number = ask != NULL && ask->has_number,
        .number = ask != NULL ? ask->number : 0,
    };
}

void session_refuse(struct session *session, enum refusal refusal, const char *details,
                    const struct ask *ask)
{
    struct error_answer error = refusal_answer(refusal, details, ask);

    session_fail(session, &error);
}

static void ack_error(struct session *session, const struct error_answer *error,
                      struct pending_ack ack)
{
    struct buf object;

    buf_init(&object, ANSWER_BYTES);
    error_write(&object, error);
    session_ack(session, ack, buf_slice(&object));
    buf_fini(&object);
}

void session_fail_ack(struct session *session, const struct error_answer *error,
                      struct pending_ack ack)
{
    session_fail(session, error);
    ack_error(session, error, ack);
}

void session_refuse_ack(struct session *session, enum refusal refusal, const char *details,
                        struct pending_ack ack)
{
    struct error_answer error = refusal_answer(refusal, details, NULL);

    session_fail_ack(session, &error, ack);
}

/* ---- who asks ----------------------------------------------------------------------------------------- */

struct pool_id request_pool(const struct request *request)
{
    return (struct pool_id){ sio_realm(request->session->socket), request->ask.guild,
                             request->type };
}

struct slice request_user(const struct request *request)
{
    return identity_user(request->identity);
}

struct pool_asker request_asker(const struct request *request)
{
    return (struct pool_asker){
        .user = request_user(request),
        .needs = request->type == POOL_SETTING ? POOL_RIGHT_SETTINGS : 0,
        .limit = identity_limit(request->identity),
    };
}

static void request_go(struct request *request, struct jwt *identity)
{
    if (identity == NULL || !identity_is_good(request->session->app, identity)) {
        request_refuse(request, REFUSAL_NOT_AUTHENTICATED, "session did not contain jwt");
        return;
    }
    request->identity = jwt_ref(identity);
    request->kind->begin(request);
}

static void on_token_checked(enum jwt_answer answer, struct jwt *jwt, void *ctx)
{
    request_go(ctx, answer == JWT_OK ? jwt : NULL);
}

static void request_identify(struct request *request)
{
    struct architus *app = request->session->app;
    enum jwt_answer answer;
    struct jwt *jwt = NULL;

    if (request->ask.token.len == 0) {
        request_go(request, session_identity(request->session));
        return;
    }
    answer = jwt_check(app->node->jwts, request->ask.token, &jwt, on_token_checked, request,
                       &request->checking);
    if (answer == JWT_PENDING)
        return;
    request_go(request, answer == JWT_OK ? jwt : NULL);
    jwt_unref(&jwt);
}

/* ---- what it is about ----------------------------------------------------------------------------------- */

/* NULL: there is no such thing to ask for. */
static const struct request_kind *kind_of(struct request *request, const char **wrong)
{
    const struct ask *ask = &request->ask;
    bool wants_all = request->ask_kind == ASK_ALL;

    *wrong = "type: is not known";
    if (request->ask_kind == ASK_SEARCH) {
        *wrong = "type: must be member";
        if (!slice_is(ask->type, pool_type_name(POOL_MEMBER)))
            return NULL;
    }
    if (slice_is(ask->type, "guild"))
        return wants_all ? &ask_guild_all_kind : &ask_guild_ids_kind;
    if (slice_is(ask->type, "user"))
        return wants_all ? NULL : &ask_user_kind;
    if (!pool_type_find(ask->type, &request->type))
        return NULL;
    *wrong = "guildId: is missing";
    if (ask->guild.data == NULL)
        return NULL;
    if (request->ask_kind == ASK_SEARCH)
        return &ask_search_kind;
    return wants_all ? &ask_all_kind : &ask_ids_kind;
}

static void note_bad_ids(struct request *request)
{
    if (request->ask.bad_ids > 0)
        session_refuse(request->session, REFUSAL_MALFORMED, "ids: some are no ids", &request->ask);
}

static bool is_too_often(struct session *session, enum ask_kind kind)
{
    bool may =
        session_may_say(session) &&
        (kind != ASK_SEARCH || allowance_take(&session->searches, SEARCHES_PER_S, SEARCHES_PER_S));

    session->app->node->metrics.limits[LIMIT_ARCHITUS_RATE] += !may;
    return !may;
}

static void request_begin(struct request *request, const char *wrong)
{
    struct session *session = request->session;

    if (session->requests > SESSION_REQUESTS_MAX) {
        session->app->node->metrics.limits[LIMIT_ARCHITUS_REQUESTS]++;
        request_refuse(request, REFUSAL_TOO_MANY, NULL);
    } else if (is_too_often(session, request->ask_kind)) {
        request_refuse(request, REFUSAL_TOO_OFTEN, NULL);
    } else if (wrong != NULL) {
        request_refuse(request, REFUSAL_MALFORMED, wrong);
    } else if ((request->kind = kind_of(request, &wrong)) == NULL) {
        request_refuse(request, REFUSAL_BAD_TYPE, wrong);
    } else {
        note_bad_ids(request);
        request_identify(request);
    }
}

void request_start(struct session *session, enum ask_kind kind, struct json argument,
                   struct pending_ack ack)
{
    struct request *request = xcalloc(1, sizeof *request);
    const char *wrong;

    request->session = session;
    request->ask_kind = kind;
    request->ack = ack;
    deadline_init(&request->later);
    answers_init(request);
    list_append(&session->open, &request->node);
    session->requests++;
    wrong = ask_parse(argument, kind, &request->ask);
    if (argument.raw.len <= TEXT_MAX)
        request->text = slice_dup(argument.raw);
    else
        wrong = "the argument is too large";
    request_occupy(request);
    request_begin(request, wrong);
}

void ask_handle(struct session *session, const struct sio_event *event, enum ask_kind kind)
{
    request_start(session, kind, sio_argument(event, 0), ack_of(event));
}

/* ---- how it ends ------------------------------------------------------------------------------------------ */

/* An error is what an acknowledgement gets when no answer follows. */
static void request_end_with(struct request *request, const struct error_answer *error)
{
    ack_error(request->session, error, request->ack);
    request_end(request);
}

void request_refuse(struct request *request, enum refusal refusal, const char *details)
{
    struct error_answer error = refusal_answer(refusal, details, &request->ask);
    bool is_whole = request->ask_kind == ASK_ALL;

    session_fail(request->session, &error);
    if (request->ask.has_number && (!is_whole || refusals[refusal].ends_whole))
        request_finish(request);
    else
        request_end_with(request, &error);
}

void ask_end_login(struct session *session,
                   bool (*is_meant)(const struct jwt *identity, struct slice text),
                   struct slice text)
{
    LIST_EACH (node, spare, &session->open) {
        struct request *request = LIST_ENTRY(node, struct request, node);

        if (request->identity == NULL || !is_meant(request->identity, text))
            continue;
        request_stop(request);
        request_refuse(request, REFUSAL_NOT_AUTHENTICATED, "the login has ended");
    }
}

/* {"message":"Unknown Guild"} as the only item of the context. */
static void tell_failure(struct request *request, int status, struct slice context)
{
    bool is_whole = request->ask_kind == ASK_ALL;
    struct slice guild =
        request->ask.guild.len > 0 ? request->ask.guild : SLICE_LITERAL("None"); /* as ever */
    char message[128], human[128];
    struct error_answer error = {
        .message = "shard returned error",
        .human = "There was an error fetching some data from the api.",
        .context = context,
        .code = status,
        .has_number = true,
        .number = request->ask.number,
    };

    if (!is_whole) {
        snprintf(message, sizeof message,
                 "guild %.*s returned error fetching entities of type %.*s", (int)guild.len,
                 guild.data, (int)request->ask.type.len, request->ask.type.data);
        snprintf(human, sizeof human, "An error occured fetching %.*s.", (int)request->ask.type.len,
                 request->ask.type.data);
        error.message = message;
        error.human = human;
    }
    session_fail(request->session, &error);
}

void request_fail(struct request *request, int status, struct slice context)
{
    if (!request->has_failed)
        tell_failure(request, status, context);
    request->has_failed = true;
    if (!request->kind->is_whole) {
        request_finish(request);
        return;
    }
    request->has_asked = false;
    request_park(request, REQUEST_FOR_RETRY);
}

/* ---- the right to look --------------------------------------------------------------------------------------- */

static void on_membership(struct flight_wait *wait, struct flight *flight)
{
    struct request *request = LIST_ENTRY(wait, struct request, waiting);

    if (flight->status == 200)
        request->kind->begin(request);
    else
        request_fail(request, flight->status, (struct slice){ NULL, 0 });
}

bool request_may(struct request *request, enum result result, const struct pool_answer *answer)
{
    if (result != RESULT_OK) {
        request_fail(request, 503, (struct slice){ NULL, 0 });
        return false;
    }
    switch (answer->access) {
    case POOL_ALLOWED:
        request->has_asked = false; /* what is known of members ends while many pages are sent */
        return true;
    case POOL_STRANGER:
        request_refuse(request, REFUSAL_NOT_A_MEMBER, NULL);
        return false;
    case POOL_LACKING:
        request_refuse(request, REFUSAL_NO_RIGHT, NULL);
        return false;
    case POOL_UNKNOWN:
        break;
    }
    if (request->has_asked) { /* the answer could not be kept */
        request_fail(request, 503, (struct slice){ NULL, 0 });
        return false;
    }
    request->has_asked = true;
    membership_ask(request->session->app, sio_realm(request->session->socket), request->ask.guild,
                   request_user(request), &request->waiting, on_membership);
    return false;
}
