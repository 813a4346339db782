/* SPDX-License-Identifier: MIT */
/* Registrations: a record of numbers and claims, and the places that agents take. */
#include "store/fleet_registrations.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "store/fleet_inside.h"

enum { RECORD_HEAD = 4 + 8 };

static void start(struct store *store, struct slice realm, const struct verb *verb,
                  const enum fleet_part *parts, size_t part_count, const struct slice *args,
                  size_t arg_count, const void *state, size_t state_size, struct store_op **slot)
{
    struct op_call call = {
        .verb = verb,
        .args = args,
        .arg_count = arg_count,
        .state = state,
        .state_size = state_size,
    };

    assert(args[0].len > 0 && args[0].len <= FLEET_REGISTRATION_ID_MAX);
    fleet_start(store, realm, parts, part_count, &call, slot);
}

/* ---- making ------------------------------------------------------------------------------------- */

static bool judge_registered(const redisReply *reply, enum result *result_out)
{
    if (!reply_is_number(reply) || reply->integer > 1)
        return false;
    *result_out = reply->integer == 1 ? RESULT_OK : RESULT_CONFLICT;
    return true;
}

void fleet_register(struct store *store, struct slice realm,
                    const struct fleet_registration *registration, store_done_fn *done, void *ctx,
                    struct store_op **slot)
{
    static const struct verb verb = { .id = VERB_FLEET_REGISTER,
                                      .judge = judge_registered,
                                      .deliver = op_deliver_done };
    static const enum fleet_part parts[] = { FLEET_REGISTRATIONS, FLEET_EXPIRING, FLEET_SEATS };
    struct op_done registering = { done, ctx };
    struct op_number expires, now;
    struct buf record;

    assert(registration->max_instances > 0 && registration->max_instances <= FLEET_SEATS_MAX);
    assert(registration->claims.len <= FLEET_CLAIMS_MAX);
    buf_init(&record, RECORD_HEAD + FLEET_CLAIMS_MAX);
    fleet_pack_number(&record, registration->max_instances, 4);
    fleet_pack_number(&record, (uint64_t)registration->expires_ms, 8);
    if (registration->claims.len > 0)
        buf_add_slice(&record, registration->claims);
    struct slice args[] = { registration->id, buf_slice(&record),
                            op_u64(&expires, (uint64_t)registration->expires_ms),
                            op_u64(&now, (uint64_t)store_now_ms(store)) };

    start(store, realm, &verb, parts, 3, args, 4, &registering, sizeof registering, slot);
    buf_fini(&record);
}

/* ---- looking and admitting ------------------------------------------------------------------------ */

struct admitting {
    fleet_admitted_fn *done;
    void *ctx;
};

static bool judge_admitted(const redisReply *reply, enum result *result_out)
{
    if (!fleet_judge_code(reply, result_out))
        return false;
    if (*result_out == RESULT_NOT_FOUND)
        return true;
    return *result_out != RESULT_CONFLICT && reply_is_array(reply, 2) &&
           reply_is_string(reply->element[1]) && reply->element[1]->len >= RECORD_HEAD;
}

static uint64_t read_number(const char *from, size_t bytes)
{
    uint64_t number = 0;

    for (size_t i = 0; i < bytes; i++)
        number = number << 8 | (unsigned char)from[i];
    return number;
}

static void deliver_admitted(struct store *store, enum result result, const redisReply *reply,
                             void *state)
{
    const struct admitting *admitting = state;
    struct fleet_registration registration = { 0 };

    (void)store;
    if (result == RESULT_OK || result == RESULT_REFUSED) {
        struct slice record = reply_slice(reply->element[1]);

        registration.max_instances = (uint32_t)read_number(record.data, 4);
        registration.expires_ms = (int64_t)read_number(record.data + 4, 8);
        registration.claims = (struct slice){ record.data + RECORD_HEAD, record.len - RECORD_HEAD };
    }
    if (admitting->done != NULL)
        admitting->done(result, &registration, admitting->ctx);
}

void fleet_admit(struct store *store, struct slice realm, struct slice id, struct slice instance,
                 struct slice owner, fleet_admitted_fn *done, void *ctx, struct store_op **slot)
{
    static const struct verb verb = { .id = VERB_FLEET_ADMIT,
                                      .judge = judge_admitted,
                                      .deliver = deliver_admitted };
    static const enum fleet_part parts[] = { FLEET_REGISTRATIONS, FLEET_SEATS, FLEET_NODES };
    struct admitting admitting = { done, ctx };
    struct op_number now;
    struct slice args[] = { id, op_u64(&now, (uint64_t)store_now_ms(store)), instance, owner };

    assert(instance.len == 0 || (instance.len == FLEET_ID_LEN && owner.len <= 255));
    start(store, realm, &verb, parts, 3, args, 4, &admitting, sizeof admitting, slot);
}

void fleet_find_registration(struct store *store, struct slice realm, struct slice id,
                             fleet_admitted_fn *done, void *ctx, struct store_op **slot)
{
    fleet_admit(store, realm, id, SLICE_LITERAL(""), SLICE_LITERAL(""), done, ctx, slot);
}

/* ---- the end ------------------------------------------------------------------------------------ */

static bool judge_dismissed(const redisReply *reply, enum result *result_out)
{
    if (!reply_is_number(reply) || reply->integer > 1)
        return false;
    *result_out = reply->integer == 1 ? RESULT_OK : RESULT_NOT_FOUND;
    return true;
}

void fleet_dismiss(struct store *store, struct slice realm, struct slice id, struct slice instance,
                   store_done_fn *done, void *ctx, struct store_op **slot)
{
    static const struct verb verb = { .id = VERB_FLEET_DISMISS,
                                      .judge = judge_dismissed,
                                      .deliver = op_deliver_done };
    static const enum fleet_part parts[] = { FLEET_SEATS };
    struct op_done dismissing = { done, ctx };
    struct slice args[] = { id, instance };

    start(store, realm, &verb, parts, 1, args, 2, &dismissing, sizeof dismissing, slot);
}

struct unregistering {
    fleet_unregistered_fn *done;
    void *ctx;
};

static bool judge_unregistered(const redisReply *reply, enum result *result_out)
{
    if (!fleet_judge_code(reply, result_out) || reply->elements % 2 != 1)
        return false;
    for (size_t i = 1; i < reply->elements; i++)
        if (!reply_is_string(reply->element[i]))
            return false;
    return *result_out == RESULT_OK || *result_out == RESULT_NOT_FOUND;
}

static void deliver_unregistered(struct store *store, enum result result, const redisReply *reply,
                                 void *state)
{
    const struct unregistering *unregistering = state;
    size_t count = result == RESULT_OK ? (reply->elements - 1) / 2 : 0;
    struct fleet_seat *seats = xcalloc(count + 1, sizeof *seats);
    struct fleet_unregistered left = { seats, count };

    (void)store;
    for (size_t i = 0; i < count; i++)
        seats[i] = (struct fleet_seat){ reply_slice(reply->element[1 + 2 * i]),
                                        reply_slice(reply->element[2 + 2 * i]) };
    if (unregistering->done != NULL)
        unregistering->done(result, &left, unregistering->ctx);
    free(seats);
}

void fleet_unregister(struct store *store, struct slice realm, struct slice id,
                      fleet_unregistered_fn *done, void *ctx, struct store_op **slot)
{
    static const struct verb verb = { .id = VERB_FLEET_UNREGISTER,
                                      .judge = judge_unregistered,
                                      .deliver = deliver_unregistered };
    static const enum fleet_part parts[] = { FLEET_REGISTRATIONS, FLEET_EXPIRING, FLEET_SEATS };
    struct unregistering unregistering = { done, ctx };

    start(store, realm, &verb, parts, 3, &id, 1, &unregistering, sizeof unregistering, slot);
}
