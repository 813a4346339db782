/* SPDX-License-Identifier: MIT */
#ifndef SB_TESTS_FLEET_REST_RIG_H
#define SB_TESTS_FLEET_REST_RIG_H

/*
 * /v1 behind a real HTTP connection, with everything else faked: a store that holds two instances and answers in the
 * next turn, orders that end as the test says, a log of events that says what the test makes it say, and a clock that
 * stands still. Included by exactly one file of a test.
 *
 *     rig_ask()      a request; what comes back
 *     rig_expect()   the same, compared: status and body
 *     rig_pass()     time passes
 */
#include "../integration/http_fixture.h"

#include "agent_keys.h"
#include "base/hex.h"
#include "deadline.h"
#include "fleet_inner.h"
#include "frame.h"
#include "json.h"
#include "rest.h"
#include "store/fleet_registrations.h"
#include "store/limits.h"

#define ADMIN "admin-key-0123456789abcdef0123456789"
#define KEY   "Authorization: Bearer " ADMIN "\r\n"
#define JSON  "Content-Type: application/json\r\n"

#define ID_A "a000000000000001"
#define ID_B "b000000000000002"
#define HASH "b70d202a5525a326"

enum { RIG_OPS = 64, RIG_DEADLINES = 64, RIG_INSTANCES = 8, RIG_REPLY = 65536 };

struct store_op {
    void (*answer)(struct store_op *op);
    struct store_op **slot;
    void *ctx;
    union {
        rate_taken_fn *rate;
        fleet_read_fn *read;
        store_done_fn *done;
        credential_list_fn *listed;
        credential_revoked_fn *revoked;
        fleet_unregistered_fn *unregistered;
    } on;
};

struct order {
    order_done_fn *done;
    void *ctx;
};

struct auth_check {
    int unused;
};

static struct rig {
    struct fixture fixture;
    struct fleet fleet;
    struct fleet_realm realm, other;
    struct client client;
    struct store_op *ops[RIG_OPS];
    size_t op_count;
    void (*unanswered)(struct store_op *op); /* what stays open until nobody waits for it */
    uv_idle_t turn;

    enum result result; /* of the store: RESULT_OK, or everything ends so */
    int tokens;         /* of the throttle */
    char throttled[64]; /* whose they are */
    enum result describe, registered, added, revoked, unregistered;
    struct fleet_change changes[RIG_INSTANCES];
    struct buf records[RIG_INSTANCES];
    size_t instance_count, reads;
    struct slice synced[2 * RIG_INSTANCES];

    enum fleet_answer answer;
    bool is_holding; /* orders stay open */
    struct order *held;
    struct buf notes; /* what was ordered */

    struct hub_listener *ears[RIG_OPS];
    size_t ear_count;
    uint64_t listened_after; /* UINT64_MAX: from now on */
    bool is_deaf;            /* the hub does not say that it listens */
    int64_t now_ms;
    struct {
        struct deadline *deadline;
        int64_t due_ms;
        deadline_fn *on_due;
    } deadlines[RIG_DEADLINES];
    size_t deadline_count;
    struct credential credential;
    struct identity identity;
    struct auth_hold *hold;
} rig;

/* ---- the clock --------------------------------------------------------------------------------------------- */

struct deadlines *deadlines_create(uv_loop_t *loop)
{
    return (struct deadlines *)loop;
}

void deadlines_destroy(struct deadlines **deadlines)
{
    *deadlines = NULL;
}

void deadline_init(struct deadline *deadline)
{
    list_init(&deadline->node);
}

void deadline_clear(struct deadline *deadline)
{
    for (size_t i = 0; i < rig.deadline_count; i++) {
        if (rig.deadlines[i].deadline == deadline)
            rig.deadlines[i--] = rig.deadlines[--rig.deadline_count];
    }
}

void deadline_set(struct deadlines *deadlines, struct deadline *deadline, uint32_t after_ms,
                  deadline_fn *on_due)
{
    (void)deadlines;
    deadline_clear(deadline);
    assert_true(rig.deadline_count < RIG_DEADLINES);
    rig.deadlines[rig.deadline_count].deadline = deadline;
    rig.deadlines[rig.deadline_count].due_ms = rig.now_ms + after_ms;
    rig.deadlines[rig.deadline_count++].on_due = on_due;
}

static inline void rig_pass(int64_t ms)
{
    rig.now_ms += ms;
    for (size_t i = 0; i < rig.deadline_count; i++) {
        struct deadline *deadline = rig.deadlines[i].deadline;
        deadline_fn *on_due = rig.deadlines[i].on_due;

        if (rig.deadlines[i].due_ms > rig.now_ms)
            continue;
        deadline_clear(deadline);
        on_due(deadline);
        i = SIZE_MAX; /* from the start: anything may have changed */
    }
}

int64_t store_now_ms(const struct store *store)
{
    (void)store;
    return rig.now_ms;
}

/* ---- the store ------------------------------------------------------------------------------------------------ */

/* Everything that was asked is answered in the next turn. */
static void on_turn(uv_idle_t *turn)
{
    size_t count = rig.op_count, kept = 0;

    for (size_t i = 0; i < count; i++) {
        struct store_op *op = rig.ops[i];

        if (op->slot != NULL && op->answer == rig.unanswered) {
            rig.ops[kept++] = op;
            continue;
        }
        if (op->slot != NULL) {
            *op->slot = NULL;
            op->answer(op);
        }
        free(op);
    }
    memmove(rig.ops + kept, rig.ops + count, (rig.op_count - count) * sizeof rig.ops[0]);
    rig.op_count -= count - kept;
    if (rig.op_count == 0)
        uv_idle_stop(turn);
}

static struct store_op *op_new(void (*answer)(struct store_op *op), void *ctx,
                               struct store_op **slot)
{
    struct store_op *op = xcalloc(1, sizeof *op);

    assert_true(rig.op_count < RIG_OPS);
    op->answer = answer;
    op->ctx = ctx;
    op->slot = slot;
    if (slot != NULL) {
        assert_null(*slot);
        *slot = op;
    }
    rig.ops[rig.op_count++] = op;
    uv_idle_start(&rig.turn, on_turn);
    return op;
}

void store_cancel(struct store_op **slot)
{
    if (*slot == NULL)
        return;
    (*slot)->slot = NULL;
    *slot = NULL;
}

static void answer_peek(struct store_op *op)
{
    enum result result = rig.tokens < 1 ? RESULT_REFUSED : RESULT_OK;

    op->on.rate(rig.result != RESULT_OK ? rig.result : result, 0, op->ctx);
}

void rate_peek(struct store *store, struct slice realm, struct slice subject,
               const struct rate_limit *limit, uint32_t tokens, rate_taken_fn *done, void *ctx,
               struct store_op **slot)
{
    (void)store;
    assert_true(slice_is(realm, "all"));
    snprintf(rig.throttled, sizeof rig.throttled, "%.*s", (int)subject.len, subject.data);
    assert_int_equal(limit->count, 10);
    assert_int_equal(limit->period_ms, 60000);
    assert_int_equal(tokens, 1);
    op_new(answer_peek, ctx, slot)->on.rate = done;
}

static void answer_take(struct store_op *op)
{
    enum result result = rig.tokens < 1 ? RESULT_REFUSED : RESULT_OK;

    rig.tokens -= result == RESULT_OK;
    op->on.rate(rig.result != RESULT_OK ? rig.result : result, 0, op->ctx);
}

void rate_take(struct store *store, struct slice realm, struct slice subject,
               const struct rate_limit *limit, uint32_t tokens, rate_taken_fn *done, void *ctx,
               struct store_op **slot)
{
    (void)store, (void)limit;
    assert_true(slice_is(realm, "all") && slice_is(subject, rig.throttled));
    assert_int_equal(tokens, 1);
    op_new(answer_take, ctx, slot)->on.rate = done;
}

static void answer_read(struct store_op *op)
{
    struct fleet_reading reading = {
        .version = 7,
        .changes = rig.changes,
        .change_count = rig.instance_count,
        .is_anew = true,
        .synced = rig.synced,
        .synced_count = 2 * rig.instance_count,
    };

    rig.reads++;
    memcpy(reading.hash, HASH, sizeof HASH);
    op->on.read(rig.result, rig.result == RESULT_OK ? &reading : NULL, op->ctx);
}

void fleet_read(struct store *store, struct slice realm, uint64_t after, bool wants_synced,
                fleet_read_fn *done, void *ctx, struct store_op **slot)
{
    (void)store, (void)after, (void)wants_synced;
    assert_true(slice_is(realm, "default") || slice_is(realm, "other"));
    op_new(answer_read, ctx, slot)->on.read = done;
}

static void answer_describe(struct store_op *op)
{
    op->on.done(rig.result != RESULT_OK ? rig.result : rig.describe, op->ctx);
}

void fleet_describe(struct store *store, struct slice realm, struct slice instance,
                    struct slice base, struct slice metadata, store_done_fn *done, void *ctx,
                    struct store_op **slot)
{
    (void)store, (void)realm;
    buf_printf(&rig.notes, "describe %.*s %.*s %.*s\n", (int)instance.len, instance.data,
               (int)base.len, base.data, (int)metadata.len, metadata.data);
    op_new(answer_describe, ctx, slot)->on.done = done;
}

static void answer_list(struct store_op *op)
{
    op->on.listed(rig.result, &rig.credential, 1, op->ctx);
}

void credential_list(struct store *store, enum credential_kind kind, credential_list_fn *done,
                     void *ctx, struct store_op **slot)
{
    (void)store;
    assert_int_equal(kind, CREDENTIAL_ADMIN);
    op_new(answer_list, ctx, slot)->on.listed = done;
}

/* ---- registrations: "register {"name":"a"} seats=1 expires=0", "key registration:… 43" ------------------------ */

static void answer_registered(struct store_op *op)
{
    op->on.done(rig.registered, op->ctx);
}

void fleet_register(struct store *store, struct slice realm,
                    const struct fleet_registration *registration, store_done_fn *done, void *ctx,
                    struct store_op **slot)
{
    (void)store;
    buf_printf(&rig.notes, "register %.*s %.*s seats=%u expires=%lld\n", (int)realm.len, realm.data,
               (int)registration->claims.len, registration->claims.data,
               registration->max_instances, (long long)registration->expires_ms);
    op_new(answer_registered, ctx, slot)->on.done = done;
}

static void answer_added(struct store_op *op)
{
    op->on.done(rig.added, op->ctx);
}

void credential_add(struct store *store, const struct credential *credential, store_done_fn *done,
                    void *ctx, struct store_op **slot)
{
    (void)store;
    assert_int_equal(credential->kind, CREDENTIAL_AGENT);
    assert_int_equal(credential->subject.len, strlen("registration:") + 16);
    buf_printf(&rig.notes, "key %.*s %.13s expires=%lld\n", (int)credential->realm.len,
               credential->realm.data, credential->subject.data, (long long)credential->expires_ms);
    op_new(answer_added, ctx, slot)->on.done = done;
}

static void answer_revoked(struct store_op *op)
{
    op->on.revoked(rig.revoked, rig.revoked == RESULT_OK, op->ctx);
}

void credential_revoke(struct store *store, enum credential_kind kind, struct slice subject_,
                       struct slice realm, const char *fingerprint, credential_revoked_fn *done,
                       void *ctx, struct store_op **slot)
{
    (void)store, (void)realm;
    assert_int_equal(kind, CREDENTIAL_AGENT);
    assert_null(fingerprint);
    if (done == NULL) { /* nobody wants to know */
        buf_add_text(&rig.notes, "revoke\n");
        return;
    }
    buf_printf(&rig.notes, "revoke %.*s\n", (int)subject_.len, subject_.data);
    op_new(answer_revoked, ctx, slot)->on.revoked = done;
}

static void answer_unregistered(struct store_op *op)
{
    op->on.unregistered(rig.unregistered, NULL, op->ctx);
}

void fleet_unregister(struct store *store, struct slice realm, struct slice id,
                      fleet_unregistered_fn *done, void *ctx, struct store_op **slot)
{
    (void)store, (void)realm;
    if (done == NULL) { /* nobody wants to know */
        buf_add_text(&rig.notes, "unregister\n");
        return;
    }
    buf_printf(&rig.notes, "unregister %.*s\n", (int)id.len, id.data);
    op_new(answer_unregistered, ctx, slot)->on.unregistered = done;
}

void channel_set_bounds(struct store *store, enum channel_kind kind,
                        const struct channel_bounds *bounds)
{
    (void)store;
    assert_int_equal(kind, CHANNEL_FLEET);
    assert_int_equal(bounds->keep_ms, 24 * 3600 * 1000);
}

/* ---- who it is ------------------------------------------------------------------------------------------------- */

struct auth_outcome auth_check(struct auth *auth, const struct auth_request *request, auth_fn *done,
                               void *ctx, struct auth_check **slot)
{
    struct auth_outcome outcome = { .answer = AUTH_REFUSED };

    (void)auth, (void)done, (void)ctx, (void)slot;
    assert_int_equal(request->kind, CREDENTIAL_ADMIN);
    if (request->digest != NULL
            ? memcmp(request->digest, &rig.identity.digest, sizeof rig.identity.digest) == 0
            : slice_is(request->secret, "key-in-redis"))
        outcome = (struct auth_outcome){ .answer = AUTH_OK, .identity = &rig.identity };
    else if (slice_is(request->secret, "key-of-nobody-to-ask"))
        outcome.answer = AUTH_UNKNOWN;
    else if (slice_is(request->secret, "key-too-often"))
        outcome.answer = AUTH_THROTTLED;
    return outcome;
}

void auth_cancel(struct auth_check **slot)
{
    assert_null(*slot);
}

void auth_follow(struct auth *auth, struct auth_hold *hold, struct identity *identity,
                 void (*on_end)(struct auth_hold *hold))
{
    (void)auth;
    assert_ptr_equal(identity, &rig.identity);
    hold->on_end = on_end;
    rig.hold = hold;
}

void auth_release(struct auth_hold *hold)
{
    if (rig.hold == hold)
        rig.hold = NULL;
}

/* ---- orders ----------------------------------------------------------------------------------------------------- */

static struct order_result result_now(void)
{
    return (struct order_result){
        .answer = rig.answer,
        .instance = SLICE_LITERAL(ID_A),
        .endpoint_url = SLICE_LITERAL("\"wss://eu1.example.com\""),
    };
}

static void answer_order(struct store_op *op)
{
    struct order *order = op->ctx;
    struct order_result result = result_now();
    order_done_fn *done = order->done;
    void *ctx = order->ctx;

    if (ctx == NULL) { /* forgotten */
        free(order);
        return;
    }
    if (rig.is_holding) {
        rig.held = order;
        return;
    }
    ((struct order *)order)->ctx = NULL;
    done(&result, ctx);
    free(order);
}

static struct order *order_new(order_done_fn *done, void *ctx)
{
    static struct store_op *nobody;
    struct order *order = xcalloc(1, sizeof *order);

    order->done = done;
    order->ctx = ctx;
    nobody = NULL;
    op_new(answer_order, order, &nobody);
    return order;
}

static void note_tags(const struct fleet_place *place)
{
    for (size_t i = 0; i < place->tag_count; i++) {
        char hex[2 * FLEET_TAG_LEN + 1];

        hex_write(place->tags[i], 4, hex);
        buf_printf(&rig.notes, " %s", hex);
    }
}

/* "create match-42 match id=- uid=- forced strategy=0 tags=… needed metadata={} options={}" */
struct order *order_create(struct fleet_realm *realm, struct fleet_place *place,
                           struct slice room_type, struct slice options, order_done_fn *done,
                           void *ctx)
{
    (void)realm;
    buf_printf(&rig.notes, "create %.*s %.*s", (int)place->room.len, place->room.data,
               (int)room_type.len, room_type.data);
    if (place->pinned_id.len > 0)
        buf_printf(&rig.notes, " id=%.*s", (int)place->pinned_id.len, place->pinned_id.data);
    if (place->pinned_uid.len > 0)
        buf_printf(&rig.notes, " uid=%.*s", (int)place->pinned_uid.len, place->pinned_uid.data);
    if (place->is_forced)
        buf_add_text(&rig.notes, " forced");
    if (place->strategy != FLEET_LEAST_LOADED)
        buf_printf(&rig.notes, " strategy=%d", (int)place->strategy);
    note_tags(place);
    if (place->needed != NULL)
        buf_add_text(&rig.notes, " needed");
    if (place->metadata.len > 0)
        buf_printf(&rig.notes, " metadata=%.*s", (int)place->metadata.len, place->metadata.data);
    if (options.data != NULL)
        buf_printf(&rig.notes, " options=%.*s", (int)options.len, options.data);
    buf_add_byte(&rig.notes, '\n');
    return order_new(done, ctx);
}

struct order *order_command(struct fleet_realm *realm, struct slice instance, enum fleet_op op,
                            struct slice raw_room_id, order_done_fn *done, void *ctx)
{
    static const char *const names[] = { "create", "destroy", "drain", "undrain" };

    (void)realm;
    buf_printf(&rig.notes, "%s %.*s%s%.*s\n", names[op], (int)instance.len, instance.data,
               raw_room_id.data != NULL ? " " : "", (int)raw_room_id.len,
               raw_room_id.data != NULL ? raw_room_id.data : "");
    return order_new(done, ctx);
}

void order_forget(struct order **order)
{
    if (*order != NULL)
        (*order)->ctx = NULL;
    *order = NULL;
}

struct fleet_realm *fleet_realm_of(struct fleet *fleet, struct slice name)
{
    assert_ptr_equal(fleet, &rig.fleet);
    return slice_is(name, "default") ? &rig.realm : &rig.other;
}

/* ---- the log of events ------------------------------------------------------------------------------------------- */

static void ear_new(const struct channel_id *id, struct hub_listener *listener,
                    const struct hub_listener_ops *told)
{
    assert_int_equal(id->kind, CHANNEL_FLEET);
    assert_true(slice_is(id->id, "all"));
    listener->ops = told;
    rig.ears[rig.ear_count++] = listener;
}

void hub_listen(struct hub *hub, const struct channel_id *id, struct hub_listener *listener,
                const struct hub_listener_ops *told)
{
    (void)hub;
    rig.listened_after = UINT64_MAX;
    assert_true(told->starts_at_tip && told->stays);
    ear_new(id, listener, told);
}

void hub_listen_after(struct hub *hub, const struct channel_id *id, struct hub_listener *listener,
                      const struct hub_listener_ops *told, uint64_t number)
{
    (void)hub;
    rig.listened_after = number;
    assert_true(!told->starts_at_tip && told->stays);
    ear_new(id, listener, told);
}

void hub_leave(struct hub *hub, struct hub_listener *listener, enum channel_leave how)
{
    (void)hub, (void)how;
    for (size_t i = 0; i < rig.ear_count; i++) {
        if (rig.ears[i] == listener)
            rig.ears[i--] = rig.ears[--rig.ear_count];
    }
}

static uint32_t resumes;

void hub_resume(struct hub *hub, struct hub_listener *listener)
{
    (void)hub, (void)listener;
    resumes++;
}

/* ---- instances ---------------------------------------------------------------------------------------------------- */

static inline void rig_add(const char *id, struct fleet_instance *instance, const char *renamed,
                           const char *metadata)
{
    size_t i = rig.instance_count++;
    struct fleet_change *change = &rig.changes[i];

    for (size_t room = 0; room < instance->room_count; room++)
        instance->connections += instance->rooms[room].connections;
    buf_init(&rig.records[i], FLEET_RECORD_MAX);
    fleet_instance_write(instance, &rig.records[i]);
    *change = (struct fleet_change){
        .id = slice_of(id),
        .version = i + 1,
        .join_number = i + 1,
        .owner = SLICE_LITERAL("node"),
        .record = buf_slice(&rig.records[i]),
        .renamed = slice_of(renamed),
        .metadata = slice_of(metadata),
    };
    rig.synced[2 * i] = change->id;
    rig.synced[2 * i + 1] = SLICE_LITERAL("1795220212277");
}

#define S(text) SLICE_LITERAL(text)

static inline void rig_add_two(void)
{
    struct fleet_label eu[] = { { S("region"), S("eu") } };
    struct fleet_label us[] = { { S("region"), S("us") }, { S("tier"), S("gold") } };
    struct slice types[] = { S("lobby"), S("match") };
    struct fleet_instance_room rooms_a[] = {
        { .id = S("hall"), .type = S("lobby"), .is_local = true },
        { .id = S("match-42"), .type = S("match"), .connections = 300, .is_fleets = true },
    };
    struct fleet_instance_room rooms_b[] = {
        { .id = S("a/b ~\xc3\xa9"), .type = S("match"), .connections = 1, .is_local = true },
        { .id = S("hall"), .type = S("lobby"), .is_local = true },
    };
    struct fleet_instance a = {
        .name = S("eu1"),
        .process_uid = S("p_A"),
        .agent_version = S("8.0.0"),
        .endpoint_url = S("wss://eu1.example.com"),
        .status = S("active"),
        .hash = S("x"),
        .protocol_version = 3,
        .labels = eu,
        .label_count = 1,
        .has_max_connections = true,
        .has_max_rooms = true,
        .max_connections = 2000,
        .max_rooms = 100,
        .creates = true,
        .types = types,
        .type_count = 2,
        .rooms = rooms_a,
        .room_count = 2,
    };
    struct fleet_instance b = {
        .name = S("us1"),
        .process_uid = S("p_B"),
        .agent_version = S("8.0.0"),
        .endpoint_url = S("wss://us1.example.com/ws?x=1"),
        .status = S("draining"),
        .hash = S("y"),
        .protocol_version = 3,
        .labels = us,
        .label_count = 2,
        .types = types + 1,
        .type_count = 1,
        .rooms = rooms_b,
        .room_count = 2,
    };

    rig_add(ID_A, &a, NULL, "{\"match-42\":{\"mode\":\"ranked\"}}");
    rig_add(ID_B, &b, "01", NULL);
}

/* ---- life ------------------------------------------------------------------------------------------------------------ */

static char admin_key[] = ADMIN, realm_default[] = "default", realm_other[] = "other",
            subject[] = "x";
static char *admin_keys[] = { admin_key };

static inline int rig_start(void **state)
{
    (void)state;
    memset(&rig, 0, sizeof rig);
    fixture_start(&rig.fixture);
    rig.now_ms = 1795220212277;
    rig.tokens = 10;
    rig.fixture.config.fleet_api = true;
    rig.fixture.config.fleet_body = 65536;
    rig.fixture.config.fleet_streams = 3;
    rig.fixture.config.admin_keys = (struct strings){ admin_keys, 1 };
    rig.fixture.node.http = rig.fixture.http;
    uv_idle_init(&rig.fixture.loop, &rig.turn);
    rig.fleet.node = &rig.fixture.node;
    rig.fleet.admin_keys = agent_keys_create(&rig.fixture.config.admin_keys);
    rig.fleet.deadlines = deadlines_create(&rig.fixture.loop);
    rig.realm = (struct fleet_realm){ .fleet = &rig.fleet, .name = realm_default };
    rig.other = (struct fleet_realm){ .fleet = &rig.fleet, .name = realm_other };
    rig.realm.model = model_create(&rig.realm);
    rig.other.model = model_create(&rig.other);
    rig.identity = (struct identity){ .refs = 1, .subject = subject, .realm = realm_other };
    credential_digest(S("key-in-redis"), &rig.identity.digest);
    rig.credential = (struct credential){ .kind = CREDENTIAL_ADMIN,
                                          .digest = rig.identity.digest,
                                          .subject = S("x"),
                                          .realm = S("other") };
    buf_init(&rig.notes, RIG_REPLY);
    rig_add_two();
    rig.fleet.rest = rest_open(&rig.fleet);
    rest_configure(rig.fleet.rest);
    client_open(&rig.client, &rig.fixture);
    return 0;
}

static inline int rig_stop(void **state)
{
    (void)state;
    close(rig.client.fd);
    uv_close((uv_handle_t *)&rig.turn, NULL);
    rest_drain(rig.fleet.rest);
    fixture_stop(&rig.fixture);
    for (size_t i = 0; i < rig.op_count; i++) {
        if (rig.ops[i]->answer == answer_order)
            free(rig.ops[i]->ctx);
        free(rig.ops[i]);
    }
    free(rig.held);
    rest_close(&rig.fleet.rest);
    model_destroy(&rig.realm.model);
    model_destroy(&rig.other.model);
    agent_keys_destroy(&rig.fleet.admin_keys);
    for (size_t i = 0; i < rig.instance_count; i++)
        buf_fini(&rig.records[i]);
    buf_fini(&rig.notes);
    assert_int_equal(rig.identity.refs, 1);
    return 0;
}

/* ---- asking -------------------------------------------------------------------------------------------------------------- */

struct reply {
    int status;
    char head[4096], body[RIG_REPLY];
    bool has_ended; /* the connection, behind it */
};

static struct reply reply;

/* A head, and as much body as it says (none for HEAD, 204, 304). */
struct wanted {
    bool is_head;
};

static inline const char *head_end(void)
{
    return strstr(rig.client.got, "\r\n\r\n");
}

static inline size_t length_of(const char *head, bool is_head, int status)
{
    const char *length = strcasestr(head, "\r\nContent-Length: ");

    return length != NULL && !is_head && status != 304 ? strtoul(length + 18, NULL, 10) : 0;
}

static inline bool is_whole(void *ctx)
{
    const struct wanted *wanted = ctx;
    const char *end;

    client_read(&rig.client);
    end = head_end();
    return end != NULL && rig.client.len >= (size_t)(end + 4 - rig.client.got) +
                                                length_of(rig.client.got, wanted->is_head, 0);
}

static inline void reply_take(bool is_head)
{
    struct wanted wanted = { is_head };
    struct client *client = &rig.client;
    size_t head, body;

    support_wait(&rig.fixture.loop, is_whole, &wanted, SUPPORT_WAIT_MS, "an answer");
    head = (size_t)(head_end() + 4 - client->got);
    reply.status = atoi(client->got + sizeof "HTTP/1.1 " - 1);
    snprintf(reply.head, sizeof reply.head, "%.*s", (int)head, client->got);
    body = length_of(reply.head, is_head, reply.status);
    snprintf(reply.body, sizeof reply.body, "%.*s", (int)body, client->got + head);
    client->len -= head + body;
    memmove(client->got, client->got + head + body, client->len + 1);
    reply.has_ended = strstr(reply.head, "Connection: close\r\n") != NULL;
    if (!reply.has_ended)
        return;
    close(client->fd);
    client_open(client, &rig.fixture);
}

/* `request`: "GET /v1/stats"; `headers`: complete lines; `body`: NULL: none, and no length. */
static inline void rig_ask(const char *request, const char *headers, const char *body)
{
    struct buf text;

    buf_init(&text, SIZE_MAX);
    buf_printf(&text, "%s HTTP/1.1\r\nHost: x\r\n%s", request, headers);
    if (body != NULL)
        buf_printf(&text, "Content-Length: %zu\r\n\r\n%s", strlen(body), body);
    else
        buf_add_text(&text, "\r\n");
    client_send(&rig.client, buf_slice(&text));
    buf_fini(&text);
    reply_take(strncmp(request, "HEAD ", 5) == 0);
}

static inline void rig_expect(const char *name, const char *request, const char *headers,
                              const char *body, int status, const char *want)
{
    rig_ask(request, headers, body);
    if (reply.status != status || (want != NULL && strcmp(reply.body, want) != 0))
        fail_msg("%s: %s: wanted %d\n%s\ngot %d\n%s", name, request, status,
                 want != NULL ? want : "", reply.status, reply.body);
}

static inline bool reply_has(const char *line)
{
    return strstr(reply.head, line) != NULL;
}

static inline void rig_expect_notes(const char *name, const char *want)
{
    buf_add_byte(&rig.notes, '\0');
    if (strcmp(rig.notes.data, want) != 0)
        fail_msg("%s: wanted\n%sgot\n%s", name, want, rig.notes.data);
    buf_clear(&rig.notes);
}

#define REJECTED(cause) "{\"status\":\"rejected\",\"cause\":\"" cause "\"}"
#define OK              "{\"status\":\"OK\"}"

#define ROOM_HALL                                                                                  \
    "{\"id\":\"hall\",\"type\":\"lobby\",\"connections\":0,\"instanceId\":\"" ID_A                 \
    "\",\"endpointUrl\":\"wss://eu1.example.com\",\"local\":true}"
#define ROOM_MATCH                                                                                 \
    "{\"id\":\"match-42\",\"type\":\"match\",\"connections\":300,\"instanceId\":\"" ID_A           \
    "\",\"endpointUrl\":\"wss://eu1.example.com\",\"local\":false,\"metadata\":"                   \
    "{\"mode\":\"ranked\"}}"
#define ROOM_SPECIAL                                                                               \
    "{\"id\":\"a%2Fb%20%7E%C3%A9\",\"type\":\"match\",\"connections\":1,\"instanceId\":\"" ID_B    \
    "\",\"endpointUrl\":\"wss://us1.example.com/ws?x=1\",\"local\":true}"
#define ROOM_RENAMED                                                                               \
    "{\"id\":\"p_B~hall\",\"type\":\"lobby\",\"connections\":0,\"instanceId\":\"" ID_B             \
    "\",\"endpointUrl\":\"wss://us1.example.com/ws?x=1\",\"local\":true}"
#define INSTANCE_A                                                                                 \
    "{\"id\":\"" ID_A "\",\"name\":\"eu1\",\"processUid\":\"p_A\",\"endpointUrl\":"                \
    "\"wss://eu1.example.com\",\"labels\":{\"region\":\"eu\"},\"roomTypes\":[\"lobby\",\"match\"]" \
    ",\"rooms\":[" ROOM_HALL "," ROOM_MATCH "],\"connections\":300,\"capacity\":"                  \
    "{\"maxConnections\":2000,\"maxRooms\":100},\"autoCreate\":true,\"status\":\"active\","        \
    "\"lastSyncAt\":1795220212277,\"agentVersion\":\"8.0.0\",\"protocolVersion\":3}"
#define INSTANCE_B                                                                                 \
    "{\"id\":\"" ID_B "\",\"name\":\"us1\",\"processUid\":\"p_B\",\"endpointUrl\":"                \
    "\"wss://us1.example.com/ws?x=1\",\"labels\":{\"region\":\"us\",\"tier\":\"gold\"},"           \
    "\"roomTypes\":[\"match\"],\"rooms\":[" ROOM_SPECIAL "," ROOM_RENAMED "],\"connections\":1,"   \
    "\"capacity\":{\"maxConnections\":null,\"maxRooms\":null},\"autoCreate\":false,"               \
    "\"status\":\"draining\",\"lastSyncAt\":1795220212277,\"agentVersion\":\"8.0.0\","             \
    "\"protocolVersion\":3}"
#define DATA(data) "{\"status\":\"OK\",\"data\":" data "}"
#define STATS                                                                                      \
    DATA("{\"instances\":2,\"rooms\":4,\"connections\":301,\"roomTypes\":[\"lobby\",\"match\"],"   \
         "\"stateHash\":\"" HASH "\"}")

#endif
