/* SPDX-License-Identifier: MIT */
/*
 * One tag holds a realm's bots, claims and channels, so that "is it free?" and "it is mine" are one
 * instant. A script that meets a lease which has run out treats it as gone; whoever writes next
 * removes it.
 */
#include "store/claims.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "store/op.h"

enum { BOTS, CLAIMS, VERSION, CHANNELS, CLAIM_KEYS };

struct claim_keys {
    struct key keys[CLAIM_KEYS];
    struct slice slices[CLAIM_KEYS];
};

static void make_keys(struct claim_keys *made, struct slice realm)
{
    static const char *const parts[CLAIM_KEYS] = {
        [BOTS] = "bots", [CLAIMS] = "claims", [VERSION] = "version", [CHANNELS] = "channels"
    };

    for (size_t i = 0; i < CLAIM_KEYS; i++) {
        struct key *key = &made->keys[i];

        key_make(key, "relay", realm, SLICE_LITERAL("all"), parts[i]);
        made->slices[i] = key_slice(key);
    }
}

static bool is_number(const redisReply *item)
{
    return reply_is_integer(item) && item->integer >= 0;
}

/* ---- taking, renewing, releasing ------------------------------------------------------------- */

struct claiming {
    claim_fn *done;
    void *ctx;
};

static void answer_claim(enum result result, const struct claim *claim, const void *state)
{
    const struct claiming *claiming = state;

    if (claiming->done != NULL)
        claiming->done(result, claim, claiming->ctx);
}

static bool judge_taken(const redisReply *reply, enum result *result_out)
{
    if (!reply_is_array(reply, 3) || !is_number(reply->element[0]) ||
        !is_number(reply->element[1]) || !reply_is_string(reply->element[2]))
        return false;
    *result_out = reply->element[0]->integer == 1 ? RESULT_OK : RESULT_CONFLICT;
    return true;
}

static void deliver_taken(struct store *store, enum result result, const redisReply *reply,
                          void *state)
{
    struct claim claim = { 0 };

    (void)store;
    if (result == RESULT_OK) {
        claim.version = (uint64_t)reply->element[1]->integer;
        claim.rest = reply_slice(reply->element[2]);
    }
    answer_claim(result, &claim, state);
}

static const struct verb claim_take_verb = {
    .id = VERB_CLAIM_TAKE,
    .judge = judge_taken,
    .deliver = deliver_taken,
};

static struct slice lease_text(struct op_number *number)
{
    return op_u64(number, CLAIM_LEASE_MS);
}

static void start_claim(struct store *store, const struct verb *verb, const struct claim_id *id,
                        const struct slice *args, size_t arg_count, claim_fn *done, void *ctx,
                        struct store_op **slot)
{
    struct claiming claiming = { done, ctx };
    struct claim_keys made;
    struct op_call call = {
        .verb = verb,
        .keys = made.slices,
        .key_count = CHANNELS, /* those in front of it */
        .args = args,
        .arg_count = arg_count,
        .state = &claiming,
        .state_size = sizeof claiming,
    };

    make_keys(&made, id->realm);
    op_start(store, &call, slot);
}

void claim_take(struct store *store, const struct claim_id *id, const struct slice *channels,
                size_t channel_count, claim_fn *done, void *ctx, struct store_op **slot)
{
    struct op_number lease;
    struct slice args[3] = { id->bot, lease_text(&lease) };
    struct buf list;

    assert(channel_count <= CLAIM_CHANNELS_MAX);
    buf_init(&list, channel_count * (KEY_ID_MAX + 1));
    for (size_t i = 0; i < channel_count; i++) {
        buf_add_slice(&list, channels[i]);
        buf_add_byte(&list, '\n'); /* no identifier holds one */
    }
    assert(!list.has_overflowed);
    args[2] = buf_slice(&list);
    start_claim(store, &claim_take_verb, id, args, 3, done, ctx, slot);
    buf_fini(&list);
}

static bool judge_renewed(const redisReply *reply, enum result *result_out)
{
    if (!reply_is_array(reply, 2) || !is_number(reply->element[0]) || !is_number(reply->element[1]))
        return false;
    *result_out = reply->element[0]->integer == 1 ? RESULT_OK : RESULT_NOT_FOUND;
    return true;
}

static void deliver_renewed(struct store *store, enum result result, const redisReply *reply,
                            void *state)
{
    struct claim claim = { 0 };

    (void)store;
    if (result == RESULT_OK)
        claim.version = (uint64_t)reply->element[1]->integer;
    answer_claim(result, &claim, state);
}

static const struct verb claim_renew_verb = {
    .id = VERB_CLAIM_RENEW,
    .judge = judge_renewed,
    .deliver = deliver_renewed,
};

void claim_renew(struct store *store, const struct claim_id *id, claim_fn *done, void *ctx,
                 struct store_op **slot)
{
    struct op_number lease;
    struct slice args[] = { id->bot, lease_text(&lease) };

    start_claim(store, &claim_renew_verb, id, args, 2, done, ctx, slot);
}

static bool judge_bot(const redisReply *reply, enum result *result_out)
{
    *result_out = RESULT_OK;
    return reply_is_string(reply);
}

static void deliver_released(struct store *store, enum result result, const redisReply *reply,
                             void *state)
{
    struct claim claim = { 0 };

    (void)store;
    if (result == RESULT_OK)
        claim.rest = reply_slice(reply);
    answer_claim(result, &claim, state);
}

static const struct verb claim_release_verb = {
    .id = VERB_CLAIM_RELEASE,
    .judge = judge_bot,
    .deliver = deliver_released,
};

void claim_release(struct store *store, const struct claim_id *id, claim_fn *done, void *ctx,
                   struct store_op **slot)
{
    start_claim(store, &claim_release_verb, id, &id->bot, 1, done, ctx, slot);
}

/* ---- the realm's channels -------------------------------------------------------------------- */

struct viewing {
    claim_view_fn *done;
    void *ctx;
};

static bool read_ends(const redisReply *text, int64_t *ends_out)
{
    uint64_t ends;

    if (!slice_to_u64(reply_slice(text), 0, INT64_MAX, &ends))
        return false;
    *ends_out = (int64_t)ends;
    return true;
}

static bool judge_viewed(const redisReply *reply, enum result *result_out)
{
    const redisReply *channels;
    int64_t ends;

    *result_out = RESULT_OK;
    if (!reply_is_array(reply, 3) || !is_number(reply->element[0]) ||
        !reply_is_list(reply->element[1], reply_is_string) ||
        !reply_is_list(reply->element[2], reply_is_string))
        return false;
    channels = reply->element[1];
    for (size_t i = 1; i < channels->elements; i += 2)
        if (!read_ends(channels->element[i], &ends))
            return false;
    return channels->elements % 2 == 0;
}

static void deliver_viewed(struct store *store, enum result result, const redisReply *reply,
                           void *state)
{
    const struct viewing *viewing = state;
    const redisReply *pairs, *others;
    struct claim_channel *channels;
    struct slice *taken;
    struct claim_view view = { 0 };

    (void)store;
    if (result != RESULT_OK) {
        viewing->done(result, &view, viewing->ctx);
        return;
    }
    pairs = reply->element[1];
    others = reply->element[2];
    channels = xcalloc(pairs->elements / 2 + 1, sizeof *channels);
    taken = xcalloc(others->elements + 1, sizeof *taken);
    for (size_t i = 0; i < pairs->elements / 2; i++) {
        channels[i].id = reply_slice(pairs->element[2 * i]);
        (void)read_ends(pairs->element[2 * i + 1], &channels[i].ends_ms); /* judged */
    }
    for (size_t i = 0; i < others->elements; i++)
        taken[i] = reply_slice(others->element[i]);
    view = (struct claim_view){ (uint64_t)reply->element[0]->integer, channels, pairs->elements / 2,
                                taken, others->elements };
    viewing->done(RESULT_OK, &view, viewing->ctx);
    free(channels);
    free(taken);
}

static const struct verb claim_view_verb = {
    .id = VERB_CLAIM_VIEW,
    .judge = judge_viewed,
    .deliver = deliver_viewed,
};

void claim_view(struct store *store, const struct claim_id *id, claim_view_fn *done, void *ctx,
                struct store_op **slot)
{
    struct viewing viewing = { done, ctx };
    struct claim_keys made;
    struct op_call call = {
        .verb = &claim_view_verb,
        .keys = made.slices,
        .key_count = CLAIM_KEYS,
        .args = &id->bot,
        .arg_count = 1,
        .state = &viewing,
        .state_size = sizeof viewing,
    };

    make_keys(&made, id->realm);
    op_start(store, &call, slot);
}

#define NOTHING ((struct slice){ 0 })

struct touching {
    claim_server_fn *done;
    void *ctx;
};

static void deliver_touched(struct store *store, enum result result, const redisReply *reply,
                            void *state)
{
    const struct touching *touching = state;

    (void)store;
    if (touching->done != NULL)
        touching->done(result, result == RESULT_OK ? reply_slice(reply) : NOTHING, touching->ctx);
}

static const struct verb claim_touch_verb = {
    .id = VERB_CLAIM_TOUCH,
    .judge = judge_bot,
    .deliver = deliver_touched,
};

void claim_touch(struct store *store, struct slice realm, struct slice channel, uint32_t keep_ms,
                 claim_server_fn *done, void *ctx, struct store_op **slot)
{
    struct touching touching = { done, ctx };
    struct op_number keep;
    struct slice args[] = { channel, op_u64(&keep, keep_ms) };
    struct claim_keys made;
    struct op_call call = {
        .verb = &claim_touch_verb,
        .keys = made.slices,
        .key_count = CLAIM_KEYS,
        .args = args,
        .arg_count = 2,
        .state = &touching,
        .state_size = sizeof touching,
    };

    make_keys(&made, realm);
    op_start(store, &call, slot);
}
