/* SPDX-License-Identifier: MIT */
#ifndef SB_TESTS_FLEET_AGENT_RIG_H
#define SB_TESTS_FLEET_AGENT_RIG_H

#include "support.h"

#include <inttypes.h>

#include "base/clock.h"
#include "call.h"
#include "fleet.h"
#include "fleet_inner.h"
#include "inbox.h"
#include "rest.h"
#include "store/fleet.h"
#include "store/fleet_registrations.h"

/*
 * Agents and orders of one node without anything around: sockets, the store, other nodes, the model and REST are
 * played by the test. Instances are called A, B, … in the order in which they were first seen.
 */
union op_done {
    fleet_applied_fn *applied;
    store_done_fn *done;
    fleet_removed_fn *removed;
    fleet_order_fn *placed;
    fleet_beat_fn *beat;
    fleet_admitted_fn *admitted;
    model_done_fn *model;
    call_done_fn *call;
};

#include "dialect_rig.h"

enum { LEASE_MS = 3000, IDS_MAX = 26, SOCKETS_MAX = 64, FRAME_BYTES_MAX = 16 * 1024 * 1024 };

struct ws {
    const struct ws_ops *ops;
    void *conn;
    uint64_t number;
    bool is_full, is_closing;
};

static struct fleet_rig {
    char ids[IDS_MAX][FLEET_ID_LEN + 1];
    size_t id_count;
    http_handle_fn *arrive;
    struct ws sockets[SOCKETS_MAX];
    size_t socket_count;
    call_asked_fn *asked;
    void (*lost)(struct slice text, void *ctx);
    call_gone_fn *asker_gone; /* of the question that waits */
    void *asker_ctx;
    struct fleet *fleet;
    bool are_beats_held;             /* else Redis answers each */
    struct model_instance *known[4]; /* what the model shows */
    size_t known_count;
    bool wants_synced; /* the last reading did */
    struct store_stats stats;
} fake;

/* ---- names ------------------------------------------------------------------------------------------ */

static const char *name_of(struct slice id)
{
    static char names[IDS_MAX][2];
    size_t at = 0;

    while (at < fake.id_count && !slice_is(id, fake.ids[at]))
        at++;
    assert_true(at < IDS_MAX);
    if (at == fake.id_count)
        snprintf(fake.ids[fake.id_count++], sizeof fake.ids[0], "%.*s", (int)id.len, id.data);
    names[at][0] = (char)('A' + at);
    return names[at];
}

static inline struct slice id_of(char name)
{
    return slice_of(fake.ids[name - 'A']);
}

/* ---- the store -------------------------------------------------------------------------------------- */

const struct store_stats *store_stats(const struct store *store)
{
    (void)store;
    return &fake.stats;
}

static inline void op_start(const char *name, union op_done done, void *ctx, void *slot)
{
    op_add(name, done, ctx, slot);
}

/* The first that waits and is called so; it waits no more. */
static struct store_op *take_op(const char *name)
{
    for (size_t i = 0; i < rig.op_count; i++)
        if (strcmp(rig.ops[i]->name, name) == 0) {
            struct store_op *op = rig.ops[i];

            op_remove(op);
            return op;
        }
    fail_msg("no %s waits", name);
    return NULL;
}

static inline size_t ops_waiting(const char *name)
{
    size_t count = 0;

    for (size_t i = 0; i < rig.op_count; i++)
        count += strcmp(rig.ops[i]->name, name) == 0;
    return count;
}

void fleet_apply(struct store *store, struct slice realm, const struct fleet_state *state,
                 fleet_applied_fn *done, void *ctx, struct store_op **slot)
{
    (void)store, (void)realm;
    assert_true(slice_is(state->owner, "n1"));
    note("apply %s%s seq=%u poll=%" PRIu64 " +%zu ~%zu -%zu%s%s%s", name_of(state->id),
         state->document.len > 0 ? " whole" : "", state->seq, state->poll, state->added_count,
         state->changed_count, state->removed_count, state->is_repeat ? " repeat" : "",
         state->replaced != NULL ? " for " : "",
         state->replaced != NULL ? name_of(state->replaced->id) : "");
    op_start("apply", (union op_done){ .applied = done }, ctx, slot);
}

void fleet_touch(struct store *store, struct slice realm, struct slice id, struct slice owner,
                 uint64_t poll, store_done_fn *done, void *ctx, struct store_op **slot)
{
    (void)store, (void)realm, (void)owner;
    note("touch %s poll=%" PRIu64, name_of(id), poll);
    op_start("touch", (union op_done){ .done = done }, ctx, slot);
}

void fleet_stale(struct store *store, struct slice realm, struct slice id, struct slice owner,
                 struct slice event, store_done_fn *done, void *ctx, struct store_op **slot)
{
    (void)store, (void)realm, (void)owner;
    assert_true(event.len > 22 && memcmp(event.data, "event: instance:stale\n", 22) == 0);
    note("stale %s", name_of(id));
    op_start("stale", (union op_done){ .done = done }, ctx, slot);
}

void fleet_remove(struct store *store, struct slice realm, const struct fleet_leaving *leaving,
                  fleet_removed_fn *done, void *ctx, struct store_op **slot)
{
    (void)store, (void)realm;
    assert_true(memcmp(leaving->event.data, "event: instance:leave\n", 22) == 0);
    note("remove %s version=%" PRIu64 "%s", name_of(leaving->id), leaving->version,
         leaving->is_orphan ? " orphan" : "");
    op_start("remove", (union op_done){ .removed = done }, ctx, slot);
}

void fleet_place(struct store *store, struct slice realm, const struct fleet_place *place,
                 fleet_order_fn *done, void *ctx, struct store_op **slot)
{
    (void)store, (void)realm;
    assert_true(slice_is(place->requester, "n1"));
    note("place %.*s timeout=%u", (int)place->room.len, place->room.data, place->timeout_ms);
    op_start("place", (union op_done){ .placed = done }, ctx, slot);
}

void fleet_command(struct store *store, struct slice realm, struct slice instance, enum fleet_op op,
                   struct slice requester, uint32_t timeout_ms, fleet_order_fn *done, void *ctx,
                   struct store_op **slot)
{
    (void)store, (void)realm, (void)requester, (void)timeout_ms;
    note("command %s op=%d", name_of(instance), op);
    op_start("place", (union op_done){ .placed = done }, ctx, slot);
}

void fleet_settle(struct store *store, struct slice realm, struct slice instance, uint64_t command,
                  enum fleet_outcome outcome, uint64_t poll, store_done_fn *done, void *ctx,
                  struct store_op **slot)
{
    static const char *const outcomes[] = { "done", "failed", "timed out", "disconnected" };

    (void)store, (void)realm;
    note("settle %s/%" PRIu64 " %s poll=%" PRIu64, name_of(instance), command, outcomes[outcome],
         poll);
    op_start("settle", (union op_done){ .done = done }, ctx, slot);
}

void fleet_beat(struct store *store, struct slice realm, struct slice node, uint32_t ttl_ms,
                fleet_beat_fn *done, void *ctx, struct store_op **slot)
{
    (void)store, (void)realm;
    assert_true(slice_is(node, "n1"));
    if (ttl_ms != LEASE_MS)
        note("beat %u", ttl_ms);
    if (ttl_ms > 0)
        op_start("beat", (union op_done){ .beat = done }, ctx, slot);
}

void fleet_admit(struct store *store, struct slice realm, struct slice id, struct slice instance,
                 struct slice owner, fleet_admitted_fn *done, void *ctx, struct store_op **slot)
{
    (void)store, (void)realm, (void)owner;
    note("admit %s to %.*s", name_of(instance), (int)id.len, id.data);
    op_start("admit", (union op_done){ .admitted = done }, ctx, slot);
}

void fleet_dismiss(struct store *store, struct slice realm, struct slice id, struct slice instance,
                   store_done_fn *done, void *ctx, struct store_op **slot)
{
    (void)store, (void)realm;
    note("dismiss %s from %.*s", name_of(instance), (int)id.len, id.data);
    if (done != NULL)
        op_start("dismiss", (union op_done){ .done = done }, ctx, slot);
}

static inline void answer_admit(enum result result, const char *claims)
{
    struct store_op *op = take_op("admit");

    op->done.admitted(result, &(struct fleet_registration){ .claims = slice_of(claims) }, op->ctx);
    free(op);
}

static inline void answer(const char *name, enum result result)
{
    struct store_op *op = take_op(name);

    op->done.done(result, op->ctx);
    free(op);
}

static inline void answer_apply_as(enum result result, const struct fleet_applied *applied)
{
    struct store_op *op = take_op("apply");

    op->done.applied(result, applied, op->ctx);
    free(op);
}

static inline void answer_apply(enum result result)
{
    answer_apply_as(result, &(struct fleet_applied){ .version = 7, .join_number = 1 });
}

static inline void answer_remove(enum result result)
{
    struct store_op *op = take_op("remove");

    op->done.removed(result, &(struct fleet_removed){ .lost_count = 0 }, op->ctx);
    free(op);
}

static inline void answer_place(enum result result, enum fleet_refusal refusal, char instance,
                                const char *owner)
{
    struct store_op *op = take_op("place");
    struct fleet_order order = { .refusal = refusal };

    if (result == RESULT_OK)
        order = (struct fleet_order){ .instance = id_of(instance),
                                      .owner = slice_of(owner),
                                      .endpoint_url = SLICE_LITERAL("\"wss://e\""),
                                      .command = 5 };
    op->done.placed(result, &order, op->ctx);
    free(op);
}

static inline void answer_beat_with(uint64_t epoch, const char *dead)
{
    struct store_op *op = take_op("beat");
    struct slice owner = slice_of(dead);

    op->done.beat(
        RESULT_OK,
        &(struct fleet_beat){ .dead = &owner, .dead_count = dead != NULL ? 1 : 0, .epoch = epoch },
        op->ctx);
    free(op);
}

static inline void answer_beat(uint64_t epoch)
{
    answer_beat_with(epoch, NULL);
}

static inline void fail_beat(void)
{
    struct store_op *op = take_op("beat");

    op->done.beat(RESULT_UNAVAILABLE, &(struct fleet_beat){ .epoch = 0 }, op->ctx);
    free(op);
}

/* ---- the model -------------------------------------------------------------------------------------- */

struct fleet_model *model_create(struct fleet_realm *realm)
{
    return (struct fleet_model *)realm;
}

void model_destroy(struct fleet_model **model)
{
    *model = NULL;
}

void model_read(struct fleet_model *model, bool wants_synced, model_done_fn *done, void *ctx,
                struct model_wait **slot)
{
    (void)model;
    fake.wants_synced = wants_synced;
    op_start("model", (union op_done){ .model = done }, ctx, slot);
}

void model_cancel(struct model_wait **slot)
{
    struct store_op *op = (struct store_op *)*slot;

    if (op == NULL)
        return;
    op_remove(op);
    free(op);
}

struct model_instance *model_find(struct fleet_model *model, struct slice id)
{
    (void)model;
    for (size_t i = 0; i < fake.known_count; i++)
        if (slice_is(id, fake.known[i]->id))
            return fake.known[i];
    return NULL;
}

static inline void answer_model(enum result result)
{
    struct store_op *op = take_op("model");

    op->done.model(result,
                   &(struct model_view){
                       .hash = "", .instances = fake.known, .instance_count = fake.known_count },
                   op->ctx);
    free(op);
}

/* The model has what the state says, under an id and an owner. */
static inline struct model_instance *model_put(const char *id, const char *owner,
                                               const struct fleet_state_message *state)
{
    struct model_instance *known = xcalloc(1, sizeof *known);

    snprintf(known->id, sizeof known->id, "%s", id);
    known->owner = xstrdup(owner);
    known->version = 3;
    known->instance = fleet_instance_of_state(state);
    fake.known[fake.known_count++] = known;
    return known;
}

#define STATE_MESSAGE                                                                              \
    (&(struct fleet_state_message){ .is_full = true,                                               \
                                    .name = SLICE_LITERAL("eu1"),                                  \
                                    .process_uid = SLICE_LITERAL("p_1"),                           \
                                    .agent_version = SLICE_LITERAL("8.0.0"),                       \
                                    .endpoint_url = SLICE_LITERAL("wss://e"),                      \
                                    .status = SLICE_LITERAL("active"),                             \
                                    .hash = SLICE_LITERAL("h") })

static inline void model_forget(void)
{
    while (fake.known_count > 0) {
        struct model_instance *known = fake.known[--fake.known_count];

        fleet_instance_free(&known->instance);
        free(known->owner);
        free(known);
    }
}

/* ---- REST, other nodes --------------------------------------------------------------------------------- */

struct rest *rest_open(struct fleet *fleet)
{
    fake.fleet = fleet;
    return (struct rest *)fleet;
}

void rest_configure(struct rest *rest)
{
    (void)rest;
}

void rest_drain(struct rest *rest)
{
    (void)rest;
    note("streams end");
}

void rest_end_streams(struct rest *rest, const struct fleet_realm *realm)
{
    (void)rest, (void)realm;
    note("streams begin anew");
}

void rest_close(struct rest **rest)
{
    *rest = NULL;
}

void call_handle(struct calls *calls, const char *topic, call_asked_fn *on_asked, void *ctx)
{
    (void)calls, (void)ctx;
    assert_string_equal(topic, "fleet.order");
    fake.asked = on_asked;
}

void inbox_handle(struct inbox *inbox, const char *topic, inbox_fn *on_notice, void *ctx)
{
    (void)inbox, (void)ctx;
    assert_string_equal(topic, "fleet.lost");
    fake.lost = on_notice;
}

void inbox_send(struct inbox *inbox, struct slice node_id, const char *topic, struct slice text)
{
    (void)inbox, (void)text;
    note("tell %.*s %s", (int)node_id.len, node_id.data, topic);
}

void call_start(struct calls *calls, struct slice node_id, const char *topic, struct slice text,
                call_done_fn *done, void *ctx, struct call **slot)
{
    (void)calls, (void)topic, (void)text;
    note("call %.*s", (int)node_id.len, node_id.data);
    op_start("call", (union op_done){ .call = done }, ctx, slot);
}

void call_cancel(struct call **slot)
{
    store_cancel((struct store_op **)slot);
}

void call_wait(struct call_asked *asked, call_gone_fn *on_gone, void *ctx)
{
    (void)asked;
    fake.asker_gone = on_gone;
    fake.asker_ctx = ctx;
}

void call_answer(struct call_asked *asked, struct slice text)
{
    (void)asked;
    note("answer %.*s", (int)text.len, text.data);
}

static inline void answer_call(enum result result, const char *text)
{
    struct store_op *op = take_op("call");

    op->done.call(result, slice_of(text), op->ctx);
    free(op);
}

/* ---- sockets --------------------------------------------------------------------------------------------- */

void http_add_subprotocol(struct http *http, const char *name, http_handle_fn *handle, void *ctx)
{
    (void)http, (void)ctx;
    assert_string_equal(name, "rivalis-fleet.v1");
    fake.arrive = handle;
}

struct slice http_offers_take(struct slice *offers)
{
    size_t len = strcspn(offers->data, ",");
    struct slice first = { offers->data, len };

    len += offers->data[len] == ',';
    *offers = (struct slice){ offers->data + len, offers->len - len };
    return first;
}

uint64_t ws_number(const struct ws *ws)
{
    return ws->number;
}

void ws_pause(struct ws *ws)
{
    (void)ws;
    note("pause");
}

void ws_continue(struct ws *ws)
{
    (void)ws;
    note("continue");
}

void ws_close(struct ws *ws, enum close_reason reason)
{
    if (ws->is_closing)
        return;
    ws->is_closing = true;
    note("close %d %s", close_code(reason), close_label(reason));
}

/* A number or a text: " 1=poll_1" */
static inline void note_field(struct buf *line, const uint8_t **at)
{
    unsigned tag = *(*at)++, value = 0, shift = 0;

    do {
        value |= (unsigned)(**at & 127) << shift;
        shift += 7;
    } while ((*(*at)++ & 128) != 0);
    if ((tag & 7) == 0) {
        buf_printf(line, " %u=%u", tag >> 3, value);
        return;
    }
    if (value == FLEET_ID_LEN && (*at)[0] != 'p' && tag >> 3 == 1)
        buf_printf(line, " 1=%s", name_of((struct slice){ (const char *)*at, value }));
    else
        buf_printf(line, " %u=%.*s", tag >> 3, (int)value, (const char *)*at);
    *at += value;
}

enum ws_sent ws_send(struct ws *ws, struct frame *frame, enum ws_kind kind)
{
    struct fleet_frame parsed;
    struct buf line;
    const uint8_t *at;

    assert_false(ws->is_closing);
    assert_int_equal(kind, WS_BINARY);
    assert_int_equal(fleet_frame_parse(frame_slice(frame), &parsed), FLEET_FRAME_GOOD);
    assert_memory_equal(parsed.payload.data, "\3\0", 2);
    if (ws->is_full)
        return WS_FULL;
    buf_init(&line, 4096);
    at = (const uint8_t *)parsed.payload.data + 2;
    while (at < (const uint8_t *)parsed.payload.data + parsed.payload.len)
        note_field(&line, &at);
    note("%.*s%.*s", (int)parsed.topic.len, parsed.topic.data, (int)line.len, line.data);
    buf_fini(&line);
    return WS_WRITTEN;
}

/* ---- what an agent says ------------------------------------------------------------------------------------ */

static inline void put_varint(struct buf *out, uint64_t number)
{
    for (; number > 127; number >>= 7)
        buf_add_byte(out, (char)(number | 128));
    buf_add_byte(out, (char)number);
}

static inline void put_number(struct buf *out, unsigned tag, uint64_t number)
{
    put_varint(out, tag << 3);
    put_varint(out, number);
}

static inline void put_slice(struct buf *out, unsigned tag, struct slice text)
{
    put_varint(out, tag << 3 | 2);
    put_varint(out, text.len);
    buf_add_slice(out, text);
}

static inline void put_text(struct buf *out, unsigned tag, const char *text)
{
    put_slice(out, tag, slice_of(text));
}

static inline void say_bytes(struct ws *ws, struct slice bytes)
{
    ws->ops->on_message(ws, bytes, WS_BINARY, ws->conn);
}

static inline void say(struct ws *ws, const char *topic, const struct buf *inner)
{
    struct buf bytes;

    buf_init(&bytes, FRAME_BYTES_MAX);
    put_text(&bytes, 1, topic);
    put_slice(&bytes, 2, buf_slice(inner));
    say_bytes(ws, buf_slice(&bytes));
    buf_fini(&bytes);
}

struct said {
    unsigned poll, seq;
    const char *hash, *rooms; /* a room for each letter */
    const char *status, *name, *uid;
    const char *padding;  /* of agentVersion */
    unsigned connections; /* to each room */
    bool is_brief, is_bad;
};

static inline void put_rooms(struct buf *out, const char *rooms, unsigned connections)
{
    for (; rooms != NULL && *rooms != '\0'; rooms++) {
        struct buf room;

        buf_init(&room, 256);
        put_slice(&room, 1, (struct slice){ rooms, 1 });
        put_text(&room, 2, "match");
        put_number(&room, 3, connections);
        put_text(&room, 4, "fleet");
        put_slice(out, 14, buf_slice(&room));
        buf_fini(&room);
    }
}

static inline void put_state(struct buf *inner, const struct said *said)
{
    char id[32];

    buf_add(inner, "\3\0", 2);
    snprintf(id, sizeof id, "poll_%u", said->poll);
    put_text(inner, 1, id);
    put_number(inner, 2, !said->is_brief);
    put_number(inner, 3, said->seq);
    put_text(inner, 4, said->hash != NULL ? said->hash : "h");
    if (said->is_brief)
        return;
    put_text(inner, 5, said->name != NULL ? said->name : "eu1");
    put_text(inner, 6, said->uid != NULL ? said->uid : "p_1");
    put_text(inner, 7, said->padding != NULL ? said->padding : "8.0.0");
    put_number(inner, 8, 3);
    put_text(inner, 9, said->is_bad ? "nope" : "wss://e");
    put_number(inner, 12, 1);
    put_text(inner, 13, "match");
    put_rooms(inner, said->rooms, said->connections);
    put_text(inner, 15, said->status != NULL ? said->status : "active");
}

static inline void say_state(struct ws *ws, const struct said *said)
{
    struct buf inner;

    buf_init(&inner, FRAME_BYTES_MAX);
    put_state(&inner, said);
    say(ws, "fleet/state", &inner);
    buf_fini(&inner);
}

#define STATE(...)                                                                                 \
    &(struct said)                                                                                 \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

static inline void say_ack(struct ws *ws, unsigned command, bool is_ok, bool exists)
{
    struct buf inner;
    char id[32];

    buf_init(&inner, 256);
    snprintf(id, sizeof id, "cmd_%u", command);
    buf_add(&inner, "\3\0", 2);
    put_text(&inner, 1, id);
    put_number(&inner, 2, is_ok);
    if (exists)
        put_number(&inner, 6, 1);
    say(ws, "fleet/ack", &inner);
    buf_fini(&inner);
}

/* ---- the whole ---------------------------------------------------------------------------------------------- */

static inline void pass(uint32_t ms)
{
    while (ms > 0) {
        uint32_t step = ms < 50 ? ms : 50;

        clock_hold(rig.now_ms + step);
        rig_pass(step);
        while (!fake.are_beats_held && ops_waiting("beat") > 0)
            answer_beat(1);
        ms -= step;
    }
}

static inline struct ws *arrive_with(const char *offers)
{
    struct ws *ws = &fake.sockets[fake.socket_count++];
    struct http_request *request;
    char headers[256];
    static char kept[SOCKETS_MAX][256];

    snprintf(headers, sizeof headers, "sec-websocket-protocol: %s\n", offers);
    strcpy(kept[fake.socket_count - 1], headers);
    request = rig_request(
        &(struct http_request){ .name = "r", .headers = kept[fake.socket_count - 1] }, fake.arrive);
    *ws = (struct ws){ .ops = request->ops, .conn = request->conn, .number = fake.socket_count };
    ws->ops->on_open(ws, ws->conn);
    return ws;
}

/* Its notes are looked at where that matters. */
static inline struct ws *arrive(void)
{
    struct ws *ws = arrive_with("good,rivalis-fleet.v1");

    while (!fake.are_beats_held && ops_waiting("beat") > 0)
        answer_beat(1);
    buf_clear(&rig.notes);
    return ws;
}

/* An agent that has joined: poll 1 is answered, and applied. */
static inline struct ws *join_with(const struct said *said)
{
    struct ws *ws = arrive();

    say_state(ws, said);
    answer_apply(RESULT_OK);
    if (ops_waiting("model") > 0)
        answer_model(RESULT_OK);
    buf_clear(&rig.notes);
    return ws;
}

static inline struct ws *join(void)
{
    return join_with(STATE(.poll = 1, .seq = 1, .rooms = "ab"));
}

static inline void gone(struct ws *ws)
{
    ws->ops->on_close(ws, WS_ENDED_BROKEN, CLOSE_PEER_GONE, ws->conn);
}

/* … and its record as well. */
static inline void left(struct ws *ws)
{
    gone(ws);
    answer_remove(RESULT_OK);
    buf_clear(&rig.notes);
}

static inline struct fleet_realm *the_realm(void)
{
    return fleet_realm_of(fake.fleet, SLICE_LITERAL("default"));
}

/* What /metrics says of the instances here; of their rooms those of the one type there is. */
static inline void rig_expect_gauges(const char *want)
{
    const struct metrics *metrics = &rig.node.metrics;
    struct slice type;
    uint64_t rooms = 0;
    char line[256];

    if (tally_shown(&metrics->fleet_rooms, 0, &type, &rooms))
        assert_true(slice_is(type, "match"));
    snprintf(line, sizeof line,
             "active %" PRIu64 " draining %" PRIu64 " other %" PRIu64 " stale %" PRIu64
             " connections %" PRIu64 " rooms %" PRIu64,
             metrics->fleet_instances[FLEET_ACTIVE], metrics->fleet_instances[FLEET_DRAINING],
             metrics->fleet_instances[FLEET_OTHER], metrics->fleet_stale,
             metrics->fleet_connections, rooms);
    assert_string_equal(line, want);
}

static int rig_begin(void **state)
{
    static char key[] = "good";
    static char *keys[] = { key };

    (void)state;
    memset(&fake, 0, sizeof fake);
    memset(&rig, 0, sizeof rig);
    clock_hold(1800000000000);
    rig.config.agent_keys = (struct strings){ keys, 1 };
    rig.config.fleet_heartbeat_ms = 1000;
    rig.config.fleet_command_timeout_ms = 2000;
    rig.config.fleet_handshake_ms = 10000;
    rig.config.fleet_shared_keys = true;
    log_set_level(LOG_ERROR);
    rig_open(&fleet_dialect);
    rig.outcome.answer = AUTH_REFUSED;
    return 0;
}

static int rig_end(void **state)
{
    (void)state;
    while (ops_waiting("beat") > 0)
        answer_beat(1);
    buf_clear(&rig.notes);
    rig_close(&fleet_dialect);
    model_forget();
    clock_release();
    assert_int_equal(rig.node.metrics.fleet_agents, 0);
    rig_expect_gauges("active 0 draining 0 other 0 stale 0 connections 0 rooms 0");
    assert_int_equal(rig.node.metrics.fleet_inflight, 0);
    return 0;
}

#endif
