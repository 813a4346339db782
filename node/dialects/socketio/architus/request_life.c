/* SPDX-License-Identifier: MIT */
/*
 * A request works (the store or a back end is at it, and a task holds its client here) or waits:
 *
 *     works → waits for the socket → parked after PARK_AFTER_MS → works again, or is over
 *     works → parked for a retry → works again
 *
 * What is parked holds nobody: it stands in the socket's data, from which another node begins it anew.
 */
#include <stdlib.h>

#include "request_parts.h"
#include "session_data.h"

/* ---- beginning and end ------------------------------------------------------------------------------ */

void request_stop(struct request *request)
{
    if (request->kind != NULL && request->kind->release != NULL)
        request->kind->release(request);
    request->own = NULL;
    jwt_cancel(&request->checking);
    store_cancel(&request->reading);
    flight_leave(&request->waiting);
    deadline_clear(&request->later);
    answers_fini(request);
    answers_init(request);
    request->data_count = 0;
    request->is_over = request->is_too_much = false;
}

static void request_free(struct request *request)
{
    struct session *session = request->session;

    request_stop(request);
    jwt_unref(&request->identity);
    ask_fini(&request->ask);
    free(request->text);
    list_remove(&request->node);
    session->requests--;
    free(request);
}

void request_end(struct request *request)
{
    struct session *session = request->session;
    bool was_parked = request->is_parked;

    sio_task_end(&request->task);
    request_free(request);
    if (was_parked)
        session_save(session);
}

void request_drop(struct request *request)
{
    sio_task_end(&request->task);
    request_free(request);
}

static void on_gone(struct sio_task *task)
{
    request_free(LIST_ENTRY(task, struct request, task));
}

static void on_drain(struct sio_task *task)
{
    struct request *request = LIST_ENTRY(task, struct request, task);

    if (request->wait == REQUEST_FOR_SOCKET)
        answers_pump(request);
}

void request_occupy(struct request *request)
{
    sio_task_begin(request->session->socket, &request->task, on_gone);
    request->task.on_drain = on_drain;
}

/* ---- parking ------------------------------------------------------------------------------------------ */

static void request_unpark(struct request *request)
{
    request->wait = REQUEST_WORKS;
    deadline_clear(&request->later);
    if (!request->is_parked)
        return;
    request->is_parked = false;
    request_occupy(request);
    session_save(request->session);
}

static void request_retry(struct request *request)
{
    request_unpark(request);
    if (identity_is_good(request->session->app, request->identity))
        request->kind->begin(request);
    else
        request_refuse(request, REFUSAL_NOT_AUTHENTICATED, "the token has expired");
}

static void on_later(struct deadline *deadline)
{
    struct request *request = LIST_ENTRY(deadline, struct request, later);

    if (request->wait == REQUEST_FOR_RETRY)
        request_retry(request);
    else if (request->is_parked && sio_can_take(request->session->socket))
        answers_pump(request);
    else
        request_park(request, REQUEST_FOR_SOCKET);
}

void request_park(struct request *request, enum request_wait wait)
{
    bool was_parked = request->is_parked;

    request->wait = wait;
    request->is_parked = true;
    sio_task_end(&request->task);
    deadline_set(request->session->app->deadlines, &request->later,
                 wait == REQUEST_FOR_RETRY ? RETRY_MS : PARKED_LOOK_MS, on_later);
    if (!was_parked)
        session_save(request->session);
}

void request_wait_for_socket(struct request *request)
{
    request->wait = REQUEST_FOR_SOCKET;
    if (!deadline_is_set(&request->later))
        deadline_set(request->session->app->deadlines, &request->later,
                     request->is_parked ? PARKED_LOOK_MS : PARK_AFTER_MS, on_later);
}

void request_go_on(struct request *request)
{
    request_unpark(request);
    if (request->kind->on_drain != NULL)
        request->kind->on_drain(request);
}
