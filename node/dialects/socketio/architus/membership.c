/* SPDX-License-Identifier: MIT */
/* is_member: asked once for everybody who wants to know, kept for a minute. */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "request.h"

enum { KEY_SIZE = 3 * KEY_ID_MAX + 8, ARGS_MAX = 512 };

struct membership {
    struct flight flight;
    struct backend_call *call;
    struct store_op *keeping;
    char *realm, *guild, *user;
};

static void membership_destroy(struct flight *flight)
{
    struct membership *membership = LIST_ENTRY(flight, struct membership, flight);

    backend_cancel(&membership->call);
    store_cancel(&membership->keeping);
    free(membership->realm);
    free(membership->guild);
    free(membership->user);
    free(membership);
}

static void on_kept(enum result result, void *ctx)
{
    struct membership *membership = ctx;

    flight_land(&membership->flight, result == RESULT_OK ? 200 : 503);
}

/* {"member":true,"admin":false,…} */
static void on_answered(int status, struct json resp, void *ctx)
{
    struct json_member members[] = { { .name = "member" }, { .name = "admin" } };
    struct membership *membership = ctx;
    enum pool_standing standing = POOL_IS_STRANGER;

    if (status == 200 && !json_members(resp, members, 2))
        status = 502;
    if (status != 200) {
        flight_land(&membership->flight, status);
        return;
    }
    if (members[0].value.type == JSON_TRUE)
        standing = members[1].value.type == JSON_TRUE ? POOL_IS_ADMINISTRATOR : POOL_IS_MEMBER;
    pool_know(membership->flight.app->node->store, slice_of(membership->realm),
              slice_of(membership->guild), slice_of(membership->user), standing, on_kept,
              membership, &membership->keeping);
}

static struct flight *membership_begin(struct architus *app, const char *key, struct slice realm,
                                       struct slice guild, struct slice user)
{
    struct membership *membership = xcalloc(1, sizeof *membership);
    struct backend_question question = { .method = "is_member",
                                         .guild = guild,
                                         .shard = BACKEND_ANY_SHARD };
    struct buf args;

    membership->realm = slice_dup(realm);
    membership->guild = slice_dup(guild);
    membership->user = slice_dup(user);
    flight_begin(&membership->flight, app, key, membership_destroy);
    buf_init(&args, ARGS_MAX);
    json_quote(&args, user);
    buf_add_byte(&args, ',');
    json_quote(&args, guild);
    question.args = buf_slice(&args);
    backend_ask(app->backend, &question, on_answered, membership, &membership->call);
    buf_fini(&args);
    return &membership->flight;
}

void membership_ask(struct architus *app, struct slice realm, struct slice guild, struct slice user,
                    struct flight_wait *wait,
                    void (*on_landed)(struct flight_wait *wait, struct flight *flight))
{
    struct flight *flight;
    char key[KEY_SIZE];

    snprintf(key, sizeof key, "member/%.*s/%.*s/%.*s", (int)realm.len, realm.data, (int)guild.len,
             guild.data, (int)user.len, user.data);
    flight = flight_find(app, key);
    if (flight == NULL)
        flight = membership_begin(app, key, realm, guild, user);
    flight_join(flight, wait, on_landed);
}
