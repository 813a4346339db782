/* SPDX-License-Identifier: MIT */
/* pool_search: members by the start of a word of their names. Only what the pool has is searched. */
#include "request.h"
#include "store/fold.h"

static void on_found(enum result result, const struct pool_answer *answer, void *ctx)
{
    struct request *request = ctx;

    if (!request_may(request, result, answer))
        return;
    for (size_t i = 0; i < answer->count; i++) {
        struct slice entity;

        if (pool_answer_item(answer, i, &entity) == POOL_FOUND)
            request_add(request, entity);
    }
    request_finish(request);
}

static void search_begin(struct request *request)
{
    struct pool_id pool = request_pool(request);
    struct pool_asker asker = request_asker(request);
    struct buf folded;

    buf_init(&folded, FOLD_MAX);
    fold_text(&folded, request->ask.query);
    if (folded.len > 0)
        pool_find(request->session->app->node->store, &pool, &asker, buf_slice(&folded),
                  request->ask.limit, on_found, request, &request->reading);
    else
        request_finish(request); /* nothing but separators: nobody is called that */
    buf_fini(&folded);
}

const struct request_kind ask_search_kind = { .begin = search_begin };
