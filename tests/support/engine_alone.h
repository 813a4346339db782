/* SPDX-License-Identifier: MIT */
#ifndef SB_TESTS_ENGINE_ALONE_H
#define SB_TESTS_ENGINE_ALONE_H

/* An Engine.IO without other nodes: nobody is asked, nothing comes from elsewhere. Needs no calls.
 * Included by one file of a test. */
#include "base/clock.h"
#include "engine_inner.h"
#include "support.h"

struct engine_remote *engine_remote_create(struct engine *engine)
{
    (void)engine;
    return NULL;
}

void engine_remote_destroy(struct engine_remote **remote)
{
    assert_null(*remote);
}

void engine_remote_poll(struct engine_remote *remote, const struct poll_request *request,
                        struct poll *poll)
{
    (void)remote;
    (void)request;
    engine_poll_refuse(poll, ENGINE_UNKNOWN);
}

uint32_t engine_remote_return(struct engine_remote *remote, uint32_t max)
{
    (void)remote;
    (void)max;
    return 0;
}

void engine_remote_arrives(struct engine_remote *remote, const struct poll_request *request,
                           struct poll *poll)
{
    (void)remote;
    (void)request;
    (void)poll;
}

void engine_remote_forget(struct engine_remote *remote, struct poll *poll)
{
    (void)remote;
    (void)poll;
}

bool engine_remote_gone(struct engine_remote *remote, struct poll *poll)
{
    (void)remote;
    (void)poll;
    return false;
}

struct engine_moves *engine_moves_create(struct engine *engine)
{
    (void)engine;
    return NULL;
}

void engine_moves_destroy(struct engine_moves **moves)
{
    assert_null(*moves);
}

void engine_move_begin(struct engine_moves *moves, struct slice sid, enum engine_version version,
                       engine_home_fn *done, void *ctx, struct move **slot)
{
    (void)moves;
    (void)sid;
    (void)version;
    (void)slot;
    done(ENGINE_UNKNOWN, NULL, ctx);
}

void engine_move_cancel(struct move **slot)
{
    assert_null(*slot);
}

int64_t store_now_ms(const struct store *store)
{
    (void)store;
    return clock_wall_ms();
}

#endif
