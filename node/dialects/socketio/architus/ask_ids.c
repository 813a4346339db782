/* SPDX-License-Identifier: MIT */
/*
 * pool_request: what is in the pool goes out at once; the rest is asked for, together with everybody else who
 * wants it, and goes out with the last answer. The same for users, who are kept one by one.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "fan.h"
#include "fetch.h"
#include "request.h"
#include "store/kept.h"

enum { CONTEXT_MAX = 4096 };

struct ids {
    struct fetch_wait *waits; /* for each id of the request */
    struct fetch_wait **missing;
    size_t missing_count, pending;
    int status; /* what a back end said, if it failed */
    struct buf context;
    struct fan fan; /* users: each is looked for */
    struct user *users;
};

/* One user that is looked for. */
struct user {
    struct request *request;
    struct store_op *reading;
    size_t index;
};

static void ids_release(struct request *request)
{
    struct ids *ids = request->own;

    if (ids == NULL)
        return;
    for (size_t i = 0; i < request->ask.id_count; i++) {
        fetch_leave(&ids->waits[i]);
        if (ids->users != NULL)
            store_cancel(&ids->users[i].reading);
    }
    free(ids->waits);
    free(ids->missing);
    free(ids->users);
    buf_fini(&ids->context);
    free(ids);
}

static struct ids *ids_of(struct request *request)
{
    size_t count = request->ask.id_count;
    struct ids *ids = request->own;

    if (ids != NULL)
        return ids;
    ids = request->own = xcalloc(1, sizeof *ids);
    ids->waits = xcalloc(count + 1, sizeof *ids->waits);
    ids->missing = xcalloc(count + 1, sizeof(struct fetch_wait *));
    buf_init(&ids->context, CONTEXT_MAX);
    for (size_t i = 0; i < count; i++) {
        list_init(&ids->waits[i].node);
        ids->waits[i].id = request->ask.ids[i];
        ids->waits[i].ctx = request;
    }
    return ids;
}

/* ---- the rest ---------------------------------------------------------------------------------------- */

static void on_fetched(struct fetch_wait *wait, const struct fetch_id *id)
{
    struct request *request = wait->ctx;
    struct ids *ids = request->own;

    if (id->outcome == FETCH_FOUND) {
        request_add(request, id->json);
    } else if (id->outcome == FETCH_ABSENT) {
        request_add_absent(request, id->id);
    } else if (ids->status == 0 && fetch_status(id->fetch) != 200) {
        ids->status = fetch_status(id->fetch);
        buf_add_slice(&ids->context, fetch_context(id->fetch));
    }
    if (--ids->pending > 0)
        return;
    if (ids->status != 0)
        request_fail(request, ids->status, buf_slice(&ids->context));
    else
        request_finish(request);
}

/* What is known has been added: it goes out, and what is missing is asked for. */
static void ids_go_on(struct request *request, const struct pool_id *pool, uint64_t changes)
{
    struct ids *ids = request->own;
    struct fetch_question question = {
        .realm = sio_realm(request->session->socket),
        .guild = pool != NULL ? pool->guild : (struct slice){ NULL, 0 },
        .type = request->ask.type,
        .pool = pool,
        .changes = changes,
        .user = request_user(request),
    };

    if (ids->missing_count == 0) {
        request_finish(request);
        return;
    }
    request_flush(request);
    ids->pending = ids->missing_count;
    fetch_ids(request->session->app, &question, ids->missing, ids->missing_count, on_fetched);
}

static void note_item(struct request *request, size_t index, enum pool_item item,
                      struct slice entity)
{
    struct ids *ids = request->own;

    if (item == POOL_FOUND)
        request_add(request, entity);
    else if (item == POOL_ABSENT)
        request_add_absent(request, request->ask.ids[index]);
    else
        ids->missing[ids->missing_count++] = &ids->waits[index];
}

/* ---- a guild's pool ------------------------------------------------------------------------------------ */

static void on_read(enum result result, const struct pool_answer *answer, void *ctx)
{
    struct request *request = ctx;
    struct pool_id pool = request_pool(request);

    if (!request_may(request, result, answer))
        return;
    for (size_t i = 0; i < answer->count && i < request->ask.id_count; i++) {
        struct slice entity;
        enum pool_item item = pool_answer_item(answer, i, &entity);

        note_item(request, i, item, entity);
    }
    ids_go_on(request, &pool, answer->changes);
}

static void ids_begin(struct request *request)
{
    struct pool_id pool = request_pool(request);
    struct pool_asker asker = request_asker(request);

    ids_of(request);
    pool_get(request->session->app->node->store, &pool, &asker, request->ask.ids,
             request->ask.id_count, on_read, request, &request->reading);
}

const struct request_kind ask_ids_kind = { .begin = ids_begin, .release = ids_release };

/* ---- users --------------------------------------------------------------------------------------------- */

static void on_user(enum result result, struct slice text, void *ctx)
{
    struct user *user = ctx;
    struct ids *ids = user->request->own;
    bool is_known = result == RESULT_OK && text.len > 0;

    if (is_known)
        note_item(user->request, user->index, POOL_FOUND, text);
    else
        note_item(user->request, user->index, result == RESULT_OK ? POOL_ABSENT : POOL_MISSING,
                  text);
    fan_answered(&ids->fan);
}

static void start_user(struct fan *fan, size_t index)
{
    struct ids *ids = LIST_ENTRY(fan, struct ids, fan);
    struct user *user = &ids->users[index];
    struct request *request = user->request;

    kept_get(request->session->app->node->store, KEPT_USER, sio_realm(request->session->socket),
             request->ask.ids[index], on_user, user, &user->reading);
}

static void on_all_users(struct fan *fan)
{
    struct ids *ids = LIST_ENTRY(fan, struct ids, fan);

    ids_go_on(ids->users[0].request, NULL, 0);
}

static void user_begin(struct request *request)
{
    struct ids *ids = ids_of(request);
    size_t count = request->ask.id_count;

    if (count == 0) {
        request_finish(request);
        return;
    }
    ids->users = xcalloc(count, sizeof *ids->users);
    for (size_t i = 0; i < count; i++)
        ids->users[i] = (struct user){ .request = request, .index = i };
    ids->fan = (struct fan){ .count = count, .start = start_user, .done = on_all_users };
    fan_begin(&ids->fan);
}

const struct request_kind ask_user_kind = { .begin = user_begin, .release = ids_release };
