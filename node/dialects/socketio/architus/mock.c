/* SPDX-License-Identifier: MIT */
/* mock_user_event: the demo on the front page, open to everybody, and therefore allowed little. */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "metrics.h"
#include "peer.h"
#include "request.h"
#include "store/limits.h"

enum { MOCKS_PER_S = 5, MOCKS_PER_S_AND_ADDRESS = 20, SUBJECT_SIZE = PEER_TEXT_SIZE + 16 };

struct mock {
    struct sio_task task;
    struct session *session;
    struct pending_ack ack;
    struct store_op *taking;
    struct backend_call *call;
    char *action; /* the event's argument */
    struct slice guild;
};

static void mock_free(struct mock *mock)
{
    store_cancel(&mock->taking);
    backend_cancel(&mock->call);
    sio_task_end(&mock->task);
    mock->session->requests--;
    free(mock->action);
    free(mock);
}

static void on_gone(struct sio_task *task)
{
    mock_free(LIST_ENTRY(task, struct mock, task));
}

static void mock_refuse(struct mock *mock, enum refusal refusal)
{
    session_refuse_ack(mock->session, refusal, NULL, mock->ack);
    mock_free(mock);
}

static void on_answered(int status, struct json resp, void *ctx)
{
    struct mock *mock = ctx;
    struct error_answer error = { .message = "shard returned error", .code = status };

    if (resp.type == JSON_OBJECT) {
        session_send(mock->session, "mock_bot_event", resp.raw);
        session_ack(mock->session, mock->ack, resp.raw);
    } else {
        session_fail_ack(mock->session, &error, mock->ack);
    }
    mock_free(mock);
}

static void mock_ask(struct mock *mock)
{
    struct backend_question question = {
        .method = "handle_mock_user_action",
        .guild = mock->guild,
        .shard = BACKEND_ANY_SHARD,
        .args = SLICE_LITERAL(""),
        .kwargs = slice_of(mock->action),
    };

    backend_ask(mock->session->app->backend, &question, on_answered, mock, &mock->call);
}

static void on_taken(enum result result, uint32_t retry_ms, void *ctx)
{
    struct mock *mock = ctx;

    (void)retry_ms;
    if (result == RESULT_OK) {
        mock_ask(mock);
    } else if (result == RESULT_REFUSED) {
        mock->session->app->node->metrics.limits[LIMIT_ARCHITUS_RATE]++;
        mock_refuse(mock, REFUSAL_TOO_OFTEN);
    } else {
        mock_refuse(mock, REFUSAL_STORE);
    }
}

static void mock_take_token(struct mock *mock)
{
    static const struct rate_limit limit = { MOCKS_PER_S_AND_ADDRESS, 1000 };
    struct session *session = mock->session;
    struct peer subscriber = peer_subscriber(&sio_handshake(session->socket)->peer);
    char address[PEER_TEXT_SIZE], subject[SUBJECT_SIZE];

    peer_format(&subscriber, address);
    snprintf(subject, sizeof subject, "architus-mock-%s", address);
    rate_take(session->app->node->store, sio_realm(session->socket), slice_of(subject), &limit, 1,
              on_taken, mock, &mock->taking);
}

static void mock_begin(struct session *session, const struct sio_event *event)
{
    struct mock *mock = xcalloc(1, sizeof *mock);
    struct json action = sio_argument(event, 0);

    mock->session = session;
    mock->ack = ack_of(event);
    mock->action = slice_dup(action.raw);
    session->requests++;
    sio_task_begin(session->socket, &mock->task, on_gone);
    mock_take_token(mock);
}

void mock_handle(struct session *session, const struct sio_event *event)
{
    struct slice guild;
    const char *wrong = mock_check(sio_argument(event, 0), &guild);
    bool may = allowance_take(&session->mocks, MOCKS_PER_S, MOCKS_PER_S);

    if (wrong != NULL) {
        session_refuse_ack(session, REFUSAL_MALFORMED, wrong, ack_of(event));
    } else if (!may || session->requests >= SESSION_REQUESTS_MAX) {
        session->app->node->metrics.limits[may ? LIMIT_ARCHITUS_REQUESTS : LIMIT_ARCHITUS_RATE]++;
        session_refuse_ack(session, may ? REFUSAL_TOO_MANY : REFUSAL_TOO_OFTEN, NULL,
                           ack_of(event));
    } else {
        mock_begin(session, event);
    }
}
