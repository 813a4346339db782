/* SPDX-License-Identifier: MIT */
/*
 * pool_all_request for a guild's pool: page after page, each when the socket has taken the one before. A pool
 * that is not known to be complete is asked for first; one that was, a while ago, is better than nothing.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "request.h"

enum { CURSOR_MAX = 64 };

struct all {
    struct buf cursor;
    uint64_t connects; /* of the store, when the first page came */
    bool has_begun;    /* a page has been taken */
    bool has_asked;    /* a back end, for the whole pool */
    bool has_old;      /* there is an old one */
};

static void all_release(struct request *request)
{
    struct all *all = request->own;

    if (all == NULL)
        return;
    buf_fini(&all->cursor);
    free(all);
    request->own = NULL;
}

/* ---- pages ------------------------------------------------------------------------------------------- */

static void on_page(enum result result, const struct pool_answer *answer, void *ctx);

static void read_page(struct request *request)
{
    struct all *all = request->own;
    struct pool_id pool = request_pool(request);
    struct pool_asker asker = request_asker(request);

    pool_page(request->session->app->node->store, &pool, &asker, buf_slice(&all->cursor), on_page,
              request, &request->reading);
}

static void take_page(struct request *request, const struct pool_answer *answer)
{
    struct all *all = request->own;

    if (!all->has_begun)
        all->connects = store_stats(request->session->app->node->store)->connects;
    all->has_begun = true;
    for (size_t i = 0; i < answer->count; i++) {
        struct slice entity;

        if (pool_answer_item(answer, i, &entity) == POOL_FOUND)
            request_add(request, entity);
    }
    buf_clear(&all->cursor);
    buf_add_slice(&all->cursor, answer->next);
    if (slice_is(answer->next, "0") || request->is_too_much)
        request_finish(request);
    else
        request_flush(request); /* all_drained() reads the next one */
}

static void all_drained(struct request *request)
{
    read_page(request);
}

/* ---- a pool that is not complete ------------------------------------------------------------------------ */

static void on_listed(struct flight_wait *wait, struct flight *flight)
{
    struct request *request = LIST_ENTRY(wait, struct request, waiting);
    struct all *all = request->own;

    if (flight->status != 200 && !all->has_old)
        request_fail(request, flight->status, listing_context(flight));
    else
        read_page(request);
}

static void ask_for_pool(struct request *request, const struct pool_answer *answer)
{
    struct all *all = request->own;
    struct listing_question question = { request_pool(request), answer->changes };

    all->has_asked = true;
    all->has_old = answer->state == POOL_OLD;
    listing_ask(request->session->app, &question, &request->waiting, on_listed);
}

/* Goes on behind the pages that were sent. */
static void all_begin(struct request *request)
{
    struct all *all = request->own;

    if (all == NULL || !all->has_begun) {
        all_release(request);
        all = request->own = xcalloc(1, sizeof *all);
        buf_init(&all->cursor, CURSOR_MAX);
        buf_add_byte(&all->cursor, '0');
    }
    read_page(request);
}

static void all_begin_anew(struct request *request)
{
    all_release(request);
    all_begin(request);
}

/* A cursor means something to the server that gave it: another one, or the same after a restart, would
 * leave entities out. */
static bool has_lost_its_place(struct request *request)
{
    const struct all *all = request->own;

    return all->has_begun &&
           all->connects != store_stats(request->session->app->node->store)->connects;
}

static void on_page(enum result result, const struct pool_answer *answer, void *ctx)
{
    struct request *request = ctx;
    struct all *all = request->own;
    bool is_good = answer->state == POOL_COMPLETE ||
                   (answer->state == POOL_OLD && (all->has_asked || all->has_begun));

    if (!request_may(request, result, answer))
        return;
    if (has_lost_its_place(request))
        all_begin_anew(request);
    else if (is_good)
        take_page(request, answer);
    else if (all->has_begun)
        all_begin_anew(request); /* it was emptied meanwhile */
    else if (!all->has_asked)
        ask_for_pool(request, answer);
    else
        request_fail(request, 503, (struct slice){ NULL, 0 }); /* it has changed meanwhile */
}

const struct request_kind ask_all_kind = {
    .begin = all_begin,
    .on_drain = all_drained,
    .release = all_release,
    .is_whole = true,
};
