/* SPDX-License-Identifier: MIT */
/* The hash counts by its length, so that to join is one script of three cheap commands. */
#include "store/players.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "store/op.h"

enum { KEEP_MS = 3 * PLAYER_RENEW_MS };

/* "<node>/<connection>" */
struct field {
    char text[64];
};

static struct slice field_text(struct field *field, const struct player_conn *conn)
{
    int len = snprintf(field->text, sizeof field->text, "%s/%" PRIu64, conn->node_id, conn->number);

    assert(len > 0 && (size_t)len < sizeof field->text && strchr(conn->node_id, '/') == NULL);
    return (struct slice){ field->text, (size_t)len };
}

static void start(struct store *store, const struct verb *verb, size_t key_count,
                  const struct player_conn *conn, const struct slice *args, size_t arg_count,
                  const struct op_done *done, struct store_op **slot)
{
    struct key conns, swept;

    key_make(&conns, "player", conn->realm, conn->player, "conns");
    key_make(&swept, "player", conn->realm, conn->player, "swept");
    struct slice keys[] = { key_slice(&conns), key_slice(&swept) };
    struct op_call call = {
        .verb = verb,
        .keys = keys,
        .key_count = key_count,
        .args = args,
        .arg_count = arg_count,
        .state = done,
        .state_size = sizeof *done,
    };

    op_start(store, &call, slot);
}

static bool judge_joined(const redisReply *reply, enum result *result_out)
{
    if (!reply_is_integer(reply))
        return false;
    *result_out = reply->integer == 1 ? RESULT_OK : RESULT_REFUSED;
    return true;
}

static const struct verb player_join_verb = {
    .id = VERB_PLAYER_JOIN,
    .judge = judge_joined,
    .deliver = op_deliver_done,
};

void player_join(struct store *store, const struct player_conn *conn, uint32_t max,
                 struct slice live_nodes, store_done_fn *done, void *ctx, struct store_op **slot)
{
    struct op_number count, keep;
    struct field field;
    struct slice args[] = {
        field_text(&field, conn),
        op_u64(&count, max),
        op_u64(&keep, KEEP_MS),
        live_nodes,
    };

    start(store, &player_join_verb, live_nodes.data != NULL ? 2 : 1, conn, args,
          live_nodes.data != NULL ? 4 : 3, &(struct op_done){ done, ctx }, slot);
}

static const struct verb player_leave_verb = {
    .id = VERB_PLAYER_LEAVE,
    .judge = op_judge_integer,
    .deliver = op_deliver_done,
};

void player_leave(struct store *store, const struct player_conn *conn, store_done_fn *done,
                  void *ctx, struct store_op **slot)
{
    struct field field;
    struct slice arg = field_text(&field, conn);

    start(store, &player_leave_verb, 1, conn, &arg, 1, &(struct op_done){ done, ctx }, slot);
}

static const struct verb player_renew_verb = {
    .id = VERB_PLAYER_RENEW,
    .judge = op_judge_integer,
    .deliver = op_deliver_done,
};

void player_renew(struct store *store, const struct player_conn *conn, store_done_fn *done,
                  void *ctx, struct store_op **slot)
{
    struct op_number keep;
    struct field field;
    struct slice args[] = { field_text(&field, conn), op_u64(&keep, KEEP_MS) };

    start(store, &player_renew_verb, 1, conn, args, 2, &(struct op_done){ done, ctx }, slot);
}
