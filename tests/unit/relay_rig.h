/* SPDX-License-Identifier: MIT */
#ifndef SB_TESTS_RELAY_RIG_H
#define SB_TESTS_RELAY_RIG_H

#include "support.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "deadline.h"
#include "node.h"
#include "relay.h"
#include "store/claims.h"
#include "store/members.h"

/*
 * The relay dialect with nothing around it: what it asks of the store, the hub, its WebSockets and other
 * nodes is noted as a line of text each, and nothing happens until the test says so. Included by
 * exactly one file of a test.
 *
 *     rig_open()   → a WebSocket that has opened
 *     rig_say()    → what its peer sends
 *     rig_op()     → an operation of the store that waits for its answer
 *     rig_ear()    → a listener at the hub
 *     rig_hear()   → a notice from another node
 *     rig_expect() → everything that was noted since the last time
 */
enum { NOTES_MAX = 1 << 20, OPS_MAX = 8192, EARS_MAX = 8192, LIMITS_MAX = 64 };

struct ws {
    const struct ws_ops *ops;
    void *conn;
    uint64_t number;
    int room;     /* frames that it takes; -1: any number               */
    bool is_slow; /* … but not at once                                  */
    bool is_paused, is_closing;
};

struct store_op {
    const char *name;
    struct store_op **slot;
    void *ctx;
    union {
        claim_fn *claim;
        claim_view_fn *view;
        claim_server_fn *server;
        member_fn *member;
        store_done_fn *done;
        channel_appended_fn *appended;
    } on;
};

struct rig_ear {
    struct hub_listener *listener; /* NULL: it has left */
    const struct hub_listener_ops *ops;
    enum channel_kind kind;
    char id[KEY_ID_MAX + 1];
};

struct rig {
    struct node node;
    struct config config;
    void *dialect;
    struct buf notes;
    struct store_op *ops[OPS_MAX]; /* that wait for an answer, oldest first */
    size_t op_count;
    struct rig_ear ears[EARS_MAX];
    size_t ear_count;
    int64_t now_ms;
    struct {
        const char *topic;
        inbox_fn *on_message;
        void *ctx;
    } handlers[8];
    size_t handler_count;
    struct auth_hold *held; /* the hold that was made last */
    struct {
        struct deadline *deadline;
        uint32_t after_ms;
        deadline_fn *on_due;
    } limits[LIMITS_MAX];
    size_t limit_count;
    struct identity identity;
};
static struct rig rig;

static void note(const char *format, ...) PRINTF_LIKE(1, 2);
static void note(const char *format, ...)
{
    char line[2048];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    buf_add_text(&rig.notes, line);
    buf_add_byte(&rig.notes, '\n');
}

#define rig_expect(...) rig_expect_at(__LINE__, __VA_ARGS__, NULL)

/* The notes since the last time are exactly these lines. */
static inline void rig_expect_at(int line, ...)
{
    struct buf want;
    const char *text;
    va_list args;

    buf_init(&want, NOTES_MAX);
    va_start(args, line);
    while ((text = va_arg(args, const char *)) != NULL)
        buf_printf(&want, "%s\n", text);
    va_end(args);
    if (!slice_equals(buf_slice(&want), buf_slice(&rig.notes)))
        fail_msg("line %d: wanted\n%.*sgot\n%.*s", line, (int)want.len, want.len ? want.data : "",
                 (int)rig.notes.len, rig.notes.len ? rig.notes.data : "");
    buf_fini(&want);
    buf_clear(&rig.notes);
}

/* ---- WebSockets -------------------------------------------------------------------------------- */

static const char *const reasons[CLOSE_REASONS] = {
#define CLOSE(name, code, is_ours, label, text) label,
#include "close.def"
#undef CLOSE
};

uint64_t ws_number(const struct ws *ws)
{
    return ws->number;
}

enum ws_sent ws_send(struct ws *ws, struct frame *frame, enum ws_kind kind)
{
    assert_int_equal(kind, WS_TEXT);
    if (ws->is_closing || ws->room == 0)
        return WS_FULL;
    if (ws->room > 0)
        ws->room--;
    note("%" PRIu64 " < %.*s", ws->number, (int)frame->len, (const char *)frame->data);
    return ws->is_slow ? WS_QUEUED : WS_WRITTEN;
}

void ws_answer(struct ws *ws, struct slice text)
{
    note("%" PRIu64 " < %.*s", ws->number, (int)text.len, text.data);
}

void ws_pause(struct ws *ws)
{
    ws->is_paused = true;
}

void ws_continue(struct ws *ws)
{
    ws->is_paused = false;
}

void ws_close(struct ws *ws, enum close_reason reason)
{
    if (!ws->is_closing)
        note("%" PRIu64 " close %s", ws->number, reasons[reason]);
    ws->is_closing = true;
}

/* ---- the store --------------------------------------------------------------------------------- */

static struct store_op *op_add(const char *name, void *ctx, struct store_op **slot)
{
    struct store_op *op = xcalloc(1, sizeof *op);

    assert(slot == NULL || *slot == NULL);
    assert(rig.op_count < OPS_MAX);
    op->name = name;
    op->ctx = ctx;
    op->slot = slot;
    if (slot != NULL)
        *slot = op;
    rig.ops[rig.op_count++] = op;
    return op;
}

static void op_remove(struct store_op *op)
{
    size_t at = 0;

    while (rig.ops[at] != op)
        at++;
    memmove(&rig.ops[at], &rig.ops[at + 1], (--rig.op_count - at) * sizeof rig.ops[0]);
    if (op->slot != NULL)
        *op->slot = NULL;
}

void store_cancel(struct store_op **slot)
{
    struct store_op *op = *slot;

    if (op == NULL)
        return;
    op_remove(op);
    free(op);
}

/* Takes a waiting operation of that name, passing over `older` ones; the caller answers and frees it. */
static inline struct store_op *rig_op_after(const char *name, size_t older)
{
    for (size_t i = 0; i < rig.op_count; i++) {
        struct store_op *op = rig.ops[i];

        if (strcmp(op->name, name) != 0 || older-- > 0)
            continue;
        op_remove(op);
        return op;
    }
    fail_msg("no %s is waiting", name);
    return NULL;
}

static inline struct store_op *rig_op(const char *name)
{
    return rig_op_after(name, 0);
}

static inline size_t rig_ops_waiting(void)
{
    return rig.op_count;
}

int64_t store_now_ms(const struct store *store)
{
    (void)store;
    return rig.now_ms;
}

void channel_set_bounds(struct store *store, enum channel_kind kind,
                        const struct channel_bounds *bounds)
{
    (void)store;
    note("bounds %d cap=%u live=%u ttl=%u grace=%u", (int)kind, bounds->offline_cap,
         bounds->live_bound, bounds->ttl_ms, bounds->grace_ms);
}

static char kind_letter(enum channel_kind kind)
{
    return kind == CHANNEL_BOT ? 'b' : 'm';
}

void channel_append(struct store *store, const struct channel_id *id,
                    const struct channel_message *message, channel_appended_fn *done, void *ctx,
                    struct store_op **slot)
{
    (void)store;
    (void)message;
    note("append %c:%.*s/%.*s", kind_letter(id->kind), (int)id->realm.len, id->realm.data,
         (int)id->id.len, id->id.data);
    op_add("append", ctx, slot)->on.appended = done;
}

void claim_take(struct store *store, const struct claim_id *id, const struct slice *channels,
                size_t channel_count, claim_fn *done, void *ctx, struct store_op **slot)
{
    (void)store;
    note("take %.*s %zu%s%.*s", (int)id->bot.len, id->bot.data, channel_count,
         channel_count > 0 ? " " : "", channel_count > 0 ? (int)channels[0].len : 0,
         channel_count > 0 ? channels[0].data : "");
    op_add("take", ctx, slot)->on.claim = done;
}

void claim_renew(struct store *store, const struct claim_id *id, claim_fn *done, void *ctx,
                 struct store_op **slot)
{
    (void)store;
    note("renew %.*s", (int)id->bot.len, id->bot.data);
    op_add("renew", ctx, slot)->on.claim = done;
}

void claim_release(struct store *store, const struct claim_id *id, claim_fn *done, void *ctx,
                   struct store_op **slot)
{
    (void)store;
    note("release %.*s", (int)id->bot.len, id->bot.data);
    op_add("release", ctx, slot)->on.claim = done;
}

void claim_view(struct store *store, const struct claim_id *id, claim_view_fn *done, void *ctx,
                struct store_op **slot)
{
    (void)store;
    note("view %.*s", (int)id->bot.len, id->bot.data);
    op_add("view", ctx, slot)->on.view = done;
}

void claim_touch(struct store *store, struct slice realm, struct slice channel, uint32_t keep_ms,
                 claim_server_fn *done, void *ctx, struct store_op **slot)
{
    (void)store;
    (void)realm;
    note("touch %.*s %u", (int)channel.len, channel.data, keep_ms);
    if (done != NULL)
        op_add("touch", ctx, slot)->on.server = done;
}

void member_take(struct store *store, const struct member_id *id, uint32_t ttl_ms, member_fn *done,
                 void *ctx, struct store_op **slot)
{
    (void)store;
    (void)ttl_ms;
    note("join %.*s/%.*s %.*s", (int)id->channel.len, id->channel.data, (int)id->server.len,
         id->server.data, (int)id->connection.len, id->connection.data);
    op_add("join", ctx, slot)->on.member = done;
}

void member_renew(struct store *store, const struct member_id *id, uint32_t ttl_ms,
                  store_done_fn *done, void *ctx, struct store_op **slot)
{
    (void)store;
    (void)ttl_ms;
    note("stay %.*s", (int)id->connection.len, id->connection.data);
    op_add("stay", ctx, slot)->on.done = done;
}

void member_release(struct store *store, const struct member_id *id, uint32_t grace_ms,
                    store_done_fn *done, void *ctx, struct store_op **slot)
{
    (void)store;
    (void)done;
    (void)ctx;
    (void)slot;
    note("part %.*s%s", (int)id->connection.len, id->connection.data,
         grace_ms > 0 ? " for a while" : "");
}

void member_mark(struct store *store, const struct member_id *id, uint64_t number, uint32_t ttl_ms,
                 store_done_fn *done, void *ctx, struct store_op **slot)
{
    (void)store;
    (void)ttl_ms;
    (void)done;
    (void)ctx;
    (void)slot;
    note("mark %.*s %" PRIu64, (int)id->server.len, id->server.data, number);
}

/* The answers. */
static inline void rig_claim(const char *name, enum result result, uint64_t version,
                             const char *rest)
{
    struct store_op *op = rig_op(name);
    struct claim claim = { version, slice_of(rest) };

    op->on.claim(result, &claim, op->ctx);
    free(op);
}

/* Channels are one letter each. */
static inline void rig_view(enum result result, uint64_t version, const char *rest,
                            const char *taken)
{
    struct claim_channel channels[32] = { 0 };
    struct slice others[32] = { 0 };
    struct claim_view view = { version, channels, strlen(rest), others, strlen(taken) };
    struct store_op *op = rig_op("view");

    for (size_t i = 0; i < view.channel_count; i++)
        channels[i] = (struct claim_channel){ { rest + i, 1 }, rig.now_ms + 1000 };
    for (size_t i = 0; i < view.taken_count; i++)
        others[i] = (struct slice){ taken + i, 1 };
    op->on.view(result, &view, op->ctx);
    free(op);
}

static inline void rig_server(enum result result, const char *bot)
{
    struct store_op *op = rig_op("touch");

    op->on.server(result, slice_of(bot), op->ctx);
    free(op);
}

static inline void rig_member_at(enum result result, const char *former, uint64_t mark)
{
    struct member member = { slice_of(former), mark };
    struct store_op *op = rig_op("join");

    op->on.member(result, &member, op->ctx);
    free(op);
}

static inline void rig_member(enum result result, const char *former)
{
    rig_member_at(result, former, 0);
}

static inline void rig_stayed(enum result result)
{
    struct store_op *op = rig_op("stay");

    op->on.done(result, op->ctx);
    free(op);
}

static inline void rig_appended_after(size_t older, enum result result, uint32_t listeners)
{
    struct channel_appended appended = { .number = 1, .listeners = listeners };
    struct store_op *op = rig_op_after("append", older);

    op->on.appended(result, &appended, op->ctx);
    free(op);
}

static inline void rig_appended(enum result result, uint32_t listeners)
{
    rig_appended_after(0, result, listeners);
}

/* ---- the hub ----------------------------------------------------------------------------------- */

static struct rig_ear *ear_of(const struct hub_listener *listener)
{
    for (size_t i = 0; i < rig.ear_count; i++) {
        if (rig.ears[i].listener == listener)
            return &rig.ears[i];
    }
    return NULL;
}

static void ear_add(const struct channel_id *id, struct hub_listener *listener,
                    const struct hub_listener_ops *ops)
{
    struct rig_ear *ear = &rig.ears[rig.ear_count++];

    assert(rig.ear_count < EARS_MAX && ear_of(listener) == NULL);
    *ear = (struct rig_ear){ .listener = listener, .ops = ops, .kind = id->kind };
    snprintf(ear->id, sizeof ear->id, "%.*s", (int)id->id.len, id->id.data);
}

void hub_listen(struct hub *hub, const struct channel_id *id, struct hub_listener *listener,
                const struct hub_listener_ops *ops)
{
    (void)hub;
    ear_add(id, listener, ops);
    note("listen %c:%.*s", kind_letter(id->kind), (int)id->id.len, id->id.data);
}

void hub_listen_after(struct hub *hub, const struct channel_id *id, struct hub_listener *listener,
                      const struct hub_listener_ops *ops, uint64_t number)
{
    (void)hub;
    ear_add(id, listener, ops);
    listener->cursor = listener->written = number;
    note("listen %c:%.*s after %" PRIu64, kind_letter(id->kind), (int)id->id.len, id->id.data,
         number);
}

void hub_leave(struct hub *hub, struct hub_listener *listener, enum channel_leave how)
{
    struct rig_ear *ear = ear_of(listener);

    (void)hub;
    if (ear == NULL)
        return;
    note("leave %c:%s %s", kind_letter(ear->kind), ear->id,
         how == CHANNEL_LEAVE_IN_ORDER ? "in order" : "broken");
    ear->listener = NULL;
}

void hub_written(struct hub *hub, struct hub_listener *listener)
{
    (void)hub;
    note("written %s", ear_of(listener)->id);
}

void hub_resume(struct hub *hub, struct hub_listener *listener)
{
    (void)hub;
    note("resume %s", ear_of(listener)->id);
}

/* The newest one at that channel that has not left. */
static inline struct rig_ear *rig_ear(const char *id)
{
    for (size_t i = rig.ear_count; i > 0; i--) {
        if (rig.ears[i - 1].listener != NULL && strcmp(rig.ears[i - 1].id, id) == 0)
            return &rig.ears[i - 1];
    }
    fail_msg("nobody listens to %s", id);
    return NULL;
}

static inline void rig_listening(const char *id)
{
    struct rig_ear *ear = rig_ear(id);

    ear->listener->has_started = true;
    ear->ops->on_listening(ear->listener);
}

static inline enum hub_take rig_offer(const char *id, const char *text)
{
    struct rig_ear *ear = rig_ear(id);
    struct hub_entry entry = { .number = 1, .frame = frame_of(slice_of(text)) };
    enum hub_take take = ear->ops->on_entry(ear->listener, &entry);

    frame_unref(&entry.frame);
    return take;
}

/* ---- other nodes ------------------------------------------------------------------------------- */

void inbox_handle(struct inbox *inbox, const char *topic, inbox_fn *on_message, void *ctx)
{
    (void)inbox;
    rig.handlers[rig.handler_count].topic = topic;
    rig.handlers[rig.handler_count].on_message = on_message;
    rig.handlers[rig.handler_count++].ctx = ctx;
}

void inbox_send(struct inbox *inbox, struct slice node_id, const char *topic, struct slice text)
{
    (void)inbox;
    note("%.*s ! %s %.*s", (int)node_id.len, node_id.data, topic, (int)text.len, text.data);
}

static inline void rig_hear(const char *topic, const char *text)
{
    for (size_t i = 0; i < rig.handler_count; i++) {
        if (strcmp(rig.handlers[i].topic, topic) == 0)
            rig.handlers[i].on_message(slice_of(text), rig.handlers[i].ctx);
    }
}

/* ---- credentials ------------------------------------------------------------------------------- */

struct identity *identity_ref(struct identity *identity)
{
    identity->refs++;
    return identity;
}

void identity_unref(struct identity **identity)
{
    if (*identity != NULL)
        (*identity)->refs--;
    *identity = NULL;
}

void auth_follow(struct auth *auth, struct auth_hold *hold, struct identity *identity,
                 void (*on_end)(struct auth_hold *hold))
{
    (void)auth;
    hold->identity = identity;
    hold->on_end = on_end;
    rig.held = hold;
}

void auth_release(struct auth_hold *hold)
{
    hold->identity = NULL;
}

static struct auth_outcome outcome; /* of the next check */
static auth_fn *on_checked;
static void *check_ctx;
static struct auth_check **check_slot;

struct auth_outcome auth_check(struct auth *auth, const struct auth_request *request, auth_fn *done,
                               void *ctx, struct auth_check **slot)
{
    (void)auth;
    assert_int_equal(request->kind, CREDENTIAL_RELAY);
    note("check %.*s", (int)request->secret.len, request->secret.data);
    on_checked = done;
    check_ctx = ctx;
    check_slot = slot;
    if (outcome.answer == AUTH_PENDING)
        *slot = (struct auth_check *)&outcome;
    return outcome;
}

void auth_cancel(struct auth_check **slot)
{
    *slot = NULL;
}

/* ---- requests ---------------------------------------------------------------------------------- */

struct http_request {
    const char *query, *header; /* NULL: there is none */
    http_gone_fn *on_gone;
    void *gone_ctx;
    const struct ws_ops *ops;
    void *conn;
};

struct slice http_query(struct http_request *request, const char *name)
{
    assert_string_equal(name, "api_key");
    return slice_of(request->query);
}

struct slice http_header(const struct http_request *request, const char *name)
{
    assert_string_equal(name, "x-api-key");
    return slice_of(request->header);
}

const struct peer *http_peer(const struct http_request *request)
{
    static const struct peer peer;

    (void)request;
    return &peer;
}

void http_wait(struct http_request *request, http_gone_fn *on_gone, void *ctx)
{
    request->on_gone = on_gone;
    request->gone_ctx = ctx;
}

void http_reply(struct http_request *request, const struct http_reply *reply)
{
    (void)request;
    note("%d %.*s%s%s", reply->status, (int)reply->body.len, reply->body.data,
         reply->headers != NULL ? " " : "", reply->headers != NULL ? "Retry-After" : "");
}

void http_reply_too_many(struct http_request *request, const char *type, struct slice body,
                         uint32_t retry_after_s)
{
    (void)request;
    assert_string_equal(type, "application/json");
    note("429 %.*s %u", (int)body.len, body.data, retry_after_s);
}

void http_upgrade(struct http_request *request, const struct ws_ops *ops, void *conn)
{
    request->ops = ops;
    request->conn = conn;
    note("upgrade");
}

static inline void rig_request(struct http_request *request)
{
    relay_dialect.routes[0].handle(request, rig.dialect);
}

/* ---- deadlines --------------------------------------------------------------------------------- */

struct deadlines *deadlines_create(uv_loop_t *loop)
{
    (void)loop;
    return (struct deadlines *)&rig;
}

void deadlines_destroy(struct deadlines **deadlines)
{
    *deadlines = NULL;
}

void deadline_init(struct deadline *deadline)
{
    list_init(&deadline->node);
}

void deadline_set(struct deadlines *deadlines, struct deadline *deadline, uint32_t after_ms,
                  deadline_fn *on_due)
{
    (void)deadlines;
    deadline_clear(deadline);
    assert(rig.limit_count < LIMITS_MAX);
    rig.limits[rig.limit_count].deadline = deadline;
    rig.limits[rig.limit_count].after_ms = after_ms;
    rig.limits[rig.limit_count++].on_due = on_due;
}

void deadline_clear(struct deadline *deadline)
{
    for (size_t i = 0; i < rig.limit_count; i++) {
        if (rig.limits[i].deadline != deadline)
            continue;
        memmove(&rig.limits[i], &rig.limits[i + 1], (--rig.limit_count - i) * sizeof rig.limits[0]);
        return;
    }
}

/* The oldest deadline of that length has come. */
static inline void rig_late(uint32_t after_ms)
{
    for (size_t i = 0; i < rig.limit_count; i++) {
        struct deadline *deadline = rig.limits[i].deadline;
        deadline_fn *on_due = rig.limits[i].on_due;

        if (rig.limits[i].after_ms != after_ms)
            continue;
        deadline_clear(deadline);
        on_due(deadline);
        return;
    }
    fail_msg("nothing is due in %u ms", after_ms);
}

/* ---- connections ------------------------------------------------------------------------------- */

static inline int rig_start(void **state)
{
    (void)state;
    memset(&rig, 0, sizeof rig);
    buf_init(&rig.notes, NOTES_MAX);
    rig.now_ms = 1000000;
    rig.config = (struct config){ .queue_max = 8,
                                  .live_bound = 1000,
                                  .relay_ttl_ms = 5000,
                                  .reconnect_grace_ms = 10000,
                                  .relay_handshake_ms = 60000,
                                  .relay_max_message = 4096 };
    rig.node.config = &rig.config;
    snprintf(rig.node.id, sizeof rig.node.id, "me");
    rig.identity.realm = xstrdup("r");
    outcome = (struct auth_outcome){ .answer = AUTH_OK, .identity = &rig.identity };
    rig.dialect = relay_dialect.open(&rig.node);
    return 0;
}

/* Every connection has gone by then. */
static inline int rig_stop(void **state)
{
    (void)state;
    relay_dialect.close(rig.dialect);
    assert_int_equal(rig.op_count, 0);
    assert_int_equal(rig.identity.refs, 0);
    assert_int_equal(rig.limit_count, 0);
    assert_int_equal(rig.node.metrics.relay_mods + rig.node.metrics.relay_bots, 0);
    for (size_t i = 0; i < rig.ear_count; i++)
        assert_null(rig.ears[i].listener);
    free(rig.identity.realm);
    buf_fini(&rig.notes);
    return 0;
}

static inline struct ws *rig_open(uint64_t number)
{
    struct http_request request = { .query = "key" };
    struct ws *ws = xcalloc(1, sizeof *ws);

    rig_request(&request);
    ws->ops = request.ops;
    ws->conn = request.conn;
    ws->number = number;
    ws->room = -1;
    ws->ops->on_open(ws, ws->conn);
    buf_clear(&rig.notes);
    return ws;
}

static inline void rig_say_as(struct ws *ws, const char *text, enum ws_kind kind)
{
    assert_false(ws->is_paused);
    ws->ops->on_message(ws, slice_of(text), kind, ws->conn);
}

static inline void rig_say(struct ws *ws, const char *text)
{
    rig_say_as(ws, text, WS_TEXT);
}

static inline void rig_ended(struct ws **ws, enum ws_end how, enum close_reason reason)
{
    (*ws)->ops->on_close(*ws, how, reason, (*ws)->conn);
    free(*ws);
    *ws = NULL;
}

static inline void rig_gone(struct ws **ws, enum ws_end how)
{
    rig_ended(ws, how, how == WS_ENDED_IN_ORDER ? CLOSE_PEER_CLOSED : CLOSE_PEER_GONE);
}

#endif
