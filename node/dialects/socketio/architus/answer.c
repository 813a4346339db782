/* SPDX-License-Identifier: MIT */
/*
 * Entities are gathered until they make an answer, answers wait until the socket takes them:
 *
 *     data (being filled) → answers (each about ANSWER_BYTES) → the socket
 *
 * A small answer does not wait: it may always be added to what the connection has pending. What a session's
 * requests have gathered together has a bound; a request that goes beyond it gathers no more, and is refused at its end.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "metrics.h"
#include "request_parts.h"

enum { DATA_MAX = 64 * 1024 * 1024, SMALL_BYTES = 16 * 1024 };

struct answer {
    struct list node;
    struct buf data;
};

void answers_init(struct request *request)
{
    list_init(&request->answers);
    buf_init(&request->data, DATA_MAX);
    buf_init(&request->absent, DATA_MAX);
}

static void answer_free(struct request *request, struct answer *answer)
{
    request->session->gathered_bytes -= answer->data.len;
    list_remove(&answer->node);
    buf_fini(&answer->data);
    free(answer);
}

void answers_fini(struct request *request)
{
    LIST_EACH (node, spare, &request->answers) {
        answer_free(request, LIST_ENTRY(node, struct answer, node));
    }
    request->session->gathered_bytes -= request->data.len;
    buf_fini(&request->data);
    buf_fini(&request->absent);
}

static void answer_close(struct request *request)
{
    struct answer *answer = xcalloc(1, sizeof *answer);

    answer->data = request->data;
    request->data_count = 0;
    buf_init(&request->data, DATA_MAX);
    list_append(&request->answers, &answer->node);
}

void request_add(struct request *request, struct slice entity)
{
    struct session *session = request->session;
    size_t before;

    if (session->gathered_bytes + entity.len > SESSION_BYTES_MAX)
        request->is_too_much = true;
    if (request->is_too_much)
        return;
    if (request->data_count == ANSWER_ENTITIES ||
        (request->data.len > 0 && request->data.len + entity.len >= ANSWER_BYTES))
        answer_close(request);
    before = request->data.len;
    if (before > 0)
        buf_add_byte(&request->data, ',');
    buf_add_slice(&request->data, entity);
    session->gathered_bytes += request->data.len - before;
    request->data_count++;
}

void request_add_absent(struct request *request, struct slice id)
{
    if (request->absent.len > 0)
        buf_add_byte(&request->absent, ',');
    json_quote(&request->absent, id);
}

static void answer_send(struct request *request, struct answer *answer)
{
    bool is_last = request->is_over && answer->node.next == &request->answers;
    struct pool_response response = {
        .number = request->ask.number,
        .is_finished = is_last,
        .absent = is_last ? buf_slice(&request->absent) : (struct slice){ NULL, 0 },
        .data = buf_slice(&answer->data),
    };
    struct buf object;

    buf_init(&object, DATA_MAX);
    pool_response_write(&object, &response);
    session_send(request->session, "pool_response", buf_slice(&object));
    if (is_last)
        session_ack(request->session, request->ack, buf_slice(&object));
    buf_fini(&object);
    answer_free(request, answer);
}

static bool may_send(const struct request *request, const struct answer *answer)
{
    bool is_only_one = request->answers.next == request->answers.prev;

    return sio_can_take(request->session->socket) ||
           (is_only_one && answer->data.len + request->absent.len < SMALL_BYTES);
}

void answers_pump(struct request *request)
{
    while (!list_is_empty(&request->answers)) {
        struct answer *answer = LIST_ENTRY(request->answers.next, struct answer, node);

        if (!may_send(request, answer)) {
            request_wait_for_socket(request);
            return;
        }
        answer_send(request, answer);
    }
    if (request->is_over)
        request_end(request);
    else
        request_go_on(request);
}

void request_flush(struct request *request)
{
    if (request->data.len > 0)
        answer_close(request);
    answers_pump(request);
}

void request_finish(struct request *request)
{
    if (request->is_too_much) {
        request->is_too_much = false;
        request->session->app->node->metrics.limits[LIMIT_ARCHITUS_REQUESTS]++;
        request_refuse(request, REFUSAL_TOO_MANY, "too much waits to be sent");
        return;
    }
    answer_close(request);
    request->is_over = true;
    answers_pump(request);
}
