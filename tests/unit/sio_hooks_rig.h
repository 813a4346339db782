/* SPDX-License-Identifier: MIT */
#ifndef SB_TESTS_SIO_HOOKS_RIG_H
#define SB_TESTS_SIO_HOOKS_RIG_H

#include "support.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "deadline.h"
#include "node.h"
#include "sio_emit.h"
#include "sio_hooks.h"
#include "store/ends.h"

/*
 * The hooks with nothing around them: Socket.IO, the back ends and Redis note what is asked of them, a line of
 * text each, and nothing happens until the test says so. Included by one file.
 *
 *     socket_connect(), socket_says(), socket_ends()   what a client does
 *     answer_call(), answer_op(), answer_join()        what was asked is answered, the oldest first
 *     pass()                                           time passes
 *     expect()                                         everything that was noted since the last time
 */
enum { QUEUE_MAX = 1024, NOTES_MAX = 1 << 20, DEADLINES_MAX = 64 };

struct hook_call {
    hook_done_fn *done;
    void *ctx;
    struct hook_call **slot;
};

struct store_op {
    const char *name;
    store_done_fn *on_done;
    ends_renewed_fn *on_renewed;
    ends_claimed_fn *on_claimed;
    void *ctx;
    struct store_op **slot;
    char owner[64]; /* of the first session */
};

struct join {
    struct sio_socket *socket;
    sio_joined_fn *done;
    void *ctx;
};

static struct rig {
    struct node node;
    struct config config;
    void *app;
    struct buf notes;
    struct hook_call *calls[QUEUE_MAX];
    struct store_op *ops[QUEUE_MAX];
    struct join joins[QUEUE_MAX];
    size_t call_count, op_count, join_count;
    struct {
        struct deadline *deadline;
        deadline_fn *on_due;
        int64_t due_ms;
    } deadlines[DEADLINES_MAX];
    size_t deadline_count;
    int64_t now_ms;
    uint32_t lease_ms; /* that is right */
    char *hooks[8];    /* --hook */
} rig;

static void note(const char *format, ...) PRINTF_LIKE(1, 2);
static void note(const char *format, ...)
{
    char line[8192];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    buf_add_text(&rig.notes, line);
    assert_true(buf_add_byte(&rig.notes, '\n'));
}

#define expect(...)      expect_at(__LINE__, __VA_ARGS__, NULL)
#define expect_nothing() expect_at(__LINE__, NULL)

static void expect_at(int line, ...)
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
        fail_msg("line %d: wanted\n%.*sgot\n%.*s", line, (int)want.len,
                 want.len > 0 ? want.data : "", (int)rig.notes.len,
                 rig.notes.len > 0 ? rig.notes.data : "");
    buf_fini(&want);
    buf_clear(&rig.notes);
}

/* ---- the back ends ------------------------------------------------------------------------------------ */

/* Ids are random: each run of 32 hexadecimal digits becomes "#". */
static void mask_ids(char *text)
{
    char *to = text;

    for (const char *from = text; *from != '\0';) {
        size_t run = strspn(from, "0123456789abcdef");

        if (run == 32) {
            *to++ = '#';
            from += run;
        } else if (run > 0) {
            memmove(to, from, run);
            to += run;
            from += run;
        } else {
            *to++ = *from++;
        }
    }
    *to = '\0';
}

void hook_call(struct hooks *hooks, const struct hook_request *request, hook_done_fn *done,
               void *ctx, struct hook_call **slot)
{
    struct hook_call *call = xcalloc(1, sizeof *call);
    char *body = slice_dup(request->body), *delivery = slice_dup(request->delivery);

    (void)hooks;
    assert_null(*slot);
    assert_non_null(strstr(body, delivery));
    mask_ids(body);
    note("call%s %s %s", request->is_repeatable ? " repeatable" : "", request->url, body);
    free(body);
    free(delivery);
    *call = (struct hook_call){ done, ctx, slot };
    *slot = call;
    assert_true(rig.call_count < QUEUE_MAX);
    rig.calls[rig.call_count++] = call;
}

static void call_remove(struct hook_call *call)
{
    size_t at = 0;

    while (rig.calls[at] != call)
        at++;
    memmove(&rig.calls[at], &rig.calls[at + 1], (--rig.call_count - at) * sizeof rig.calls[0]);
    *call->slot = NULL;
}

void hook_cancel(struct hook_call **slot)
{
    struct hook_call *call = *slot;

    if (call == NULL)
        return;
    note("cancel call");
    call_remove(call);
    free(call);
}

/* The oldest. A status of 0: `result` says how it went. */
static void answer_call(enum result result, int status, const char *body)
{
    const struct hook_answer answer = { status, slice_of(body) };
    struct hook_call *call = rig.calls[0];

    assert_true(rig.call_count > 0);
    call_remove(call);
    call->done(result, result == RESULT_OK ? &answer : NULL, call->ctx);
    free(call);
}

/* ---- Redis --------------------------------------------------------------------------------------------- */

int64_t store_now_ms(const struct store *store)
{
    (void)store;
    return rig.now_ms;
}

static struct store_op *op_add(const char *name, void *ctx, struct store_op **slot)
{
    struct store_op *op = xcalloc(1, sizeof *op);

    assert_true(slot == NULL || *slot == NULL);
    op->name = name;
    op->ctx = ctx;
    op->slot = slot;
    if (slot != NULL)
        *slot = op;
    assert_true(rig.op_count < QUEUE_MAX);
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
    note("cancel %s", op->name);
    op_remove(op);
    free(op);
}

static struct store_op *op_take(const char *name)
{
    for (size_t i = 0; i < rig.op_count; i++) {
        struct store_op *op = rig.ops[i];

        if (strcmp(op->name, name) == 0) {
            op_remove(op);
            return op;
        }
    }
    fail_msg("nothing waits for the answer to %s", name);
    return NULL;
}

static void answer_op(const char *name, enum result result)
{
    struct store_op *op = op_take(name);

    if (op->on_done != NULL)
        op->on_done(result, op->ctx);
    free(op);
}

/* `is_lost`: the first of its sessions is another's. */
static void answer_renew(enum result result, bool is_lost)
{
    struct store_op *op = op_take("renew");
    const struct slice lost = slice_of(op->owner);

    op->on_renewed(result, &lost, is_lost ? 1 : 0, op->ctx);
    free(op);
}

/* So many ends, of deliveries d0, d1, … */
static void answer_claim(enum result result, size_t count, bool is_more)
{
    static const char *const names[] = { "d0", "d1", "d2", "d3" };
    struct store_op *op = op_take("claim");
    struct end ends[4];
    const struct ends_claimed claimed = { ends, count, is_more, count > 0 ? 1 : 0 };

    for (size_t i = 0; i < count; i++)
        ends[i] = (struct end){ .delivery = slice_of(names[i]),
                                .reason = SLICE_LITERAL("ping timeout"),
                                .about = SLICE_LITERAL("\"namespace\":\"/\""),
                                .ended_ms = 7 };
    op->on_claimed(result, &claimed, op->ctx);
    free(op);
}

/* Answers the claims that found nothing. */
static void answer_claims_empty(void)
{
    for (size_t left = rig.op_count; left > 0; left--)
        answer_claim(RESULT_OK, 0, false);
}

static void copy_owner(struct store_op *op, const struct end_session *session)
{
    snprintf(op->owner, sizeof op->owner, "%.*s", (int)session->owner.len, session->owner.data);
}

unsigned ends_shard(struct slice name)
{
    (void)name;
    return 3;
}

static const char *name_text(const struct end_session *session)
{
    static char text[256];

    snprintf(text, sizeof text, "%.*s %.*s", (int)session->name.len, session->name.data,
             (int)session->owner.len, session->owner.data);
    for (char *at = text; *at != '\0'; at++)
        if (*at == '\t')
            *at = '|';
    mask_ids(text);
    return text;
}

void ends_begin(struct store *store, const struct end_session *session,
                const struct end_begin *begin, store_done_fn *done, void *ctx,
                struct store_op **slot)
{
    (void)store;
    assert_int_equal(begin->delivery.len, 32);
    assert_int_equal(begin->lease_ms, rig.lease_ms);
    note("begin %s %.*s", name_text(session), (int)begin->about.len, begin->about.data);
    op_add("begin", ctx, slot)->on_done = done;
}

void ends_renew(struct store *store, unsigned shard, uint32_t lease_ms,
                const struct end_session *sessions, size_t count, ends_renewed_fn *done, void *ctx,
                struct store_op **slot)
{
    struct store_op *op = op_add("renew", ctx, slot);

    (void)store;
    assert_int_equal(shard, 3);
    assert_int_equal(lease_ms, rig.lease_ms);
    note("renew %zu from %s", count, name_text(&sessions[0]));
    op->on_renewed = done;
    copy_owner(op, &sessions[0]);
}

void ends_set(struct store *store, const struct end_session *session, struct slice reason,
              int64_t ended_ms, uint32_t grace_ms, store_done_fn *done, void *ctx,
              struct store_op **slot)
{
    (void)store;
    note("set %s %.*s at %lld grace %u", name_text(session), (int)reason.len, reason.data,
         (long long)(ended_ms - 1800000000000), grace_ms);
    op_add("set", ctx, slot)->on_done = done;
}

void ends_forget(struct store *store, const struct end_session *session, store_done_fn *done,
                 void *ctx, struct store_op **slot)
{
    (void)store;
    note("forget %s", name_text(session));
    op_add("forget", ctx, slot)->on_done = done;
}

/* Only one shard is noted: they are all alike. */
void ends_claim(struct store *store, unsigned shard, const struct end_claim *claim,
                ends_claimed_fn *done, void *ctx, struct store_op **slot)
{
    (void)store;
    assert_int_equal(claim->lease_ms, rig.lease_ms);
    if (shard == 0)
        note("claim %u for %u", claim->most, claim->claim_ms);
    op_add("claim", ctx, slot)->on_claimed = done;
}

void ends_settle(struct store *store, unsigned shard, struct slice delivery, store_done_fn *done,
                 void *ctx, struct store_op **slot)
{
    (void)store;
    (void)shard;
    note("settle %.*s", (int)delivery.len, delivery.data);
    op_add("settle", ctx, slot)->on_done = done;
}

/* ---- Socket.IO -------------------------------------------------------------------------------------------- */

struct sio_admission {
    struct sio_socket *socket;
    void (*on_gone)(void *ctx);
    void *ctx;
    bool is_decided;
};

struct sio_socket {
    const char *id, *nsp;
    struct engine_handshake handshake;
    struct jwt *identity;
    struct list tasks;
    struct sio_admission admission;
    char *data, *stay;
    bool is_connected, is_over, is_full;
    bool is_recoverable;
};

struct slice sio_id(const struct sio_socket *socket)
{
    return slice_of(socket->id);
}

struct slice sio_namespace(const struct sio_socket *socket)
{
    return slice_of(socket->nsp);
}

struct slice sio_realm(const struct sio_socket *socket)
{
    (void)socket;
    return SLICE_LITERAL("default");
}

const struct engine_handshake *sio_handshake(const struct sio_socket *socket)
{
    return &socket->handshake;
}

struct jwt *sio_identity(const struct sio_socket *socket)
{
    return socket->identity;
}

struct slice sio_data(const struct sio_socket *socket, const char *app)
{
    if (strcmp(app, "hooks.stay") == 0)
        return slice_of(socket->stay);
    assert_string_equal(app, "hooks");
    return slice_of(socket->data);
}

void sio_set_data(struct sio_socket *socket, const char *app, struct slice json)
{
    if (strcmp(app, "hooks.stay") == 0) {
        free(socket->stay);
        socket->stay = slice_dup(json);
        return;
    }
    assert_string_equal(app, "hooks");
    note("%s data %.*s", socket->id, (int)json.len, json.len > 0 ? json.data : "");
    free(socket->data);
    socket->data = json.data != NULL ? slice_dup(json) : NULL;
}

void sio_send_binary(struct sio_socket *socket, struct slice items, const struct slice *attachments,
                     size_t attachment_count)
{
    assert_false(socket->is_over);
    note("%s send %.*s%s%.*s", socket->id, (int)items.len, items.data,
         attachment_count > 0 ? " with " : "", attachment_count > 0 ? (int)attachments[0].len : 0,
         attachment_count > 0 ? attachments[0].data : "");
}

bool sio_can_take(const struct sio_socket *socket)
{
    return !socket->is_full;
}

void sio_ack(struct sio_socket *socket, uint64_t ack_id, struct slice args)
{
    assert_false(socket->is_over);
    note("%s ack %llu %.*s", socket->id, (unsigned long long)ack_id, (int)args.len, args.data);
}

void sio_ack_binary(struct sio_socket *socket, uint64_t ack_id, struct slice args,
                    const struct slice *attachments, size_t attachment_count)
{
    note("%s ack %llu %.*s with %zu: %.*s", socket->id, (unsigned long long)ack_id, (int)args.len,
         args.data, attachment_count, (int)attachments[0].len, attachments[0].data);
}

size_t sio_rooms(const struct sio_socket *socket, struct slice *rooms, size_t max)
{
    if (max > 0)
        rooms[0] = slice_of(socket->id);
    return max > 0 ? 1 : 0;
}

void sio_join(struct sio_socket *socket, struct slice room, sio_joined_fn *done, void *ctx)
{
    note("%s join %.*s", socket->id, (int)room.len, room.data);
    assert_true(rig.join_count < QUEUE_MAX);
    rig.joins[rig.join_count++] = (struct join){ socket, done, ctx };
}

void sio_leave(struct sio_socket *socket, struct slice room)
{
    note("%s leave %.*s", socket->id, (int)room.len, room.data);
}

static void answer_join(enum result result)
{
    struct join join = rig.joins[0];

    assert_true(rig.join_count > 0);
    memmove(&rig.joins[0], &rig.joins[1], --rig.join_count * sizeof rig.joins[0]);
    join.done(result, join.ctx);
}

struct json sio_argument(const struct sio_event *event, size_t index)
{
    struct json item = { .type = JSON_ABSENT };
    size_t offset = 0;

    for (size_t i = 0; i <= index + 1; i++)
        if (!json_next(event->items, &offset, &item))
            return (struct json){ .type = JSON_ABSENT };
    return item;
}

void sio_task_begin(struct sio_socket *socket, struct sio_task *task,
                    void (*on_gone)(struct sio_task *))
{
    assert_null(task->socket);
    assert_false(socket->is_over);
    task->socket = socket;
    task->on_gone = on_gone;
    list_append(&socket->tasks, &task->node);
}

void sio_task_end(struct sio_task *task)
{
    if (task->socket == NULL)
        return;
    list_remove(&task->node);
    task->socket = NULL;
}

bool sio_emit_check(const struct sio *sio, const struct sio_emit *emit, struct why *why)
{
    (void)sio;
    return emit->to.room_count < 3 || why_set(why, "too many rooms");
}

static void note_names(struct buf *out, const char *what, const struct slice *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buf_printf(out, "%s%.*s", i == 0 ? what : ",", (int)names[i].len, names[i].data);
}

void sio_emit(struct sio *sio, const struct sio_emit *emit, sio_emitted_fn *done, void *ctx,
              struct store_op **slot)
{
    const struct channel_appended appended = { 0 };
    struct buf names;

    (void)sio;
    assert_null(slot);
    buf_init(&names, 4096);
    note_names(&names, " to ", emit->to.rooms, emit->to.room_count);
    note_names(&names, " except ", emit->to.except, emit->to.except_count);
    buf_add_byte(&names, '\0');
    note("emit %.*s %.*s%s%s%s", (int)emit->to.nsp.len, emit->to.nsp.data, (int)emit->items.len,
         emit->items.data, names.data, emit->is_volatile ? " volatile" : "",
         emit->attachment_count > 0 ? " with attachments" : "");
    buf_fini(&names);
    done(RESULT_UNAVAILABLE, &appended, ctx);
}

/* ---- the life of a socket ------------------------------------------------------------------------------------ */

static void socket_init(struct sio_socket *socket, const char *id, const char *nsp)
{
    static char query[] = "EIO=4&t=1", agent[] = "browser";

    *socket = (struct sio_socket){ .id = id, .nsp = nsp };
    socket->handshake.query = query;
    socket->handshake.user_agent = agent;
    list_init(&socket->tasks);
}

static void socket_ends(struct sio_socket *socket, const char *reason, bool has_moved)
{
    if (socket->is_over)
        return;
    socket->is_over = true;
    if (socket->admission.on_gone != NULL)
        socket->admission.on_gone(socket->admission.ctx);
    socket->admission.on_gone = NULL;
    while (!list_is_empty(&socket->tasks)) {
        struct sio_task *task = LIST_ENTRY(socket->tasks.next, struct sio_task, node);

        list_remove(&task->node);
        task->socket = NULL;
        task->on_gone(task);
    }
    for (size_t i = 0; i < rig.join_count;) {
        if (rig.joins[i].socket == socket)
            rig.joins[i] = rig.joins[--rig.join_count];
        else
            i++;
    }
    if (socket->is_connected)
        sio_hooks_app.on_disconnect(socket, reason, has_moved, rig.app);
    free(socket->data);
    free(socket->stay);
    socket->data = socket->stay = NULL;
}

bool sio_forget(struct sio_socket *socket, store_done_fn *done, void *ctx, struct store_op **slot)
{
    if (!socket->is_recoverable)
        return false;
    note("%s is forgotten", socket->id);
    op_add("forgetting", ctx, slot)->on_done = done;
    return true;
}

void sio_part(struct sio_socket *socket)
{
    note("%s parts", socket->id);
}

void sio_disconnect(struct sio_socket *socket, bool closes)
{
    assert_false(closes);
    note("%s disconnect", socket->id);
    socket_ends(socket, "server namespace disconnect", false);
}

struct sio_socket *sio_admission_socket(struct sio_admission *admission)
{
    return admission->socket;
}

struct slice sio_admission_auth(const struct sio_admission *admission)
{
    (void)admission;
    return SLICE_LITERAL("{\"token\":1.0}");
}

void sio_admission_wait(struct sio_admission *admission, void (*on_gone)(void *ctx), void *ctx)
{
    admission->on_gone = on_gone;
    admission->ctx = ctx;
}

void sio_admit(struct sio_admission *admission)
{
    assert_false(admission->is_decided);
    admission->is_decided = true;
    admission->on_gone = NULL;
    note("%s admitted", admission->socket->id);
}

void sio_refuse(struct sio_admission *admission, struct slice message, struct slice data)
{
    assert_false(admission->is_decided);
    admission->is_decided = true;
    admission->on_gone = NULL;
    note("%s refused %.*s %.*s", admission->socket->id, (int)message.len, message.data,
         (int)data.len, data.len > 0 ? data.data : "");
    socket_ends(admission->socket, "refused", false);
}

static void socket_knocks(struct sio_socket *socket)
{
    socket->admission = (struct sio_admission){ .socket = socket };
    sio_hooks_app.admit(&socket->admission, rig.app);
}

static void socket_is_in(struct sio_socket *socket, bool is_back)
{
    socket->is_connected = true;
    sio_hooks_app.on_connect(socket, is_back, rig.app);
}

/* An event with an acknowledgement unless the id is 0. */
static bool socket_says(struct sio_socket *socket, const char *items, uint64_t ack_id)
{
    struct sio_event event = { .wants_ack = ack_id > 0, .ack_id = ack_id };
    struct json first;
    struct buf name;
    size_t offset = 0;
    bool is_taken;

    assert_true(json_parse(slice_of(items), &event.items));
    assert_true(json_next(event.items, &offset, &first));
    buf_init(&name, 256);
    assert_true(json_text(first, &name));
    event.name = buf_slice(&name);
    is_taken = sio_hooks_app.on_event(socket, &event, rig.app);
    buf_fini(&name);
    return is_taken;
}

/* ---- time ---------------------------------------------------------------------------------------------------- */

struct deadlines *deadlines_create(uv_loop_t *loop)
{
    (void)loop;
    return NULL;
}

void deadlines_destroy(struct deadlines **deadlines)
{
    *deadlines = NULL;
    assert_int_equal(rig.deadline_count, 0);
}

void deadline_init(struct deadline *deadline)
{
    list_init(&deadline->node);
}

void deadline_clear(struct deadline *deadline)
{
    for (size_t i = 0; i < rig.deadline_count; i++)
        if (rig.deadlines[i].deadline == deadline)
            rig.deadlines[i] = rig.deadlines[--rig.deadline_count];
    list_init(&deadline->node);
}

void deadline_set(struct deadlines *deadlines, struct deadline *deadline, uint32_t after_ms,
                  deadline_fn *on_due)
{
    (void)deadlines;
    deadline_clear(deadline);
    assert_true(rig.deadline_count < DEADLINES_MAX);
    rig.deadlines[rig.deadline_count].deadline = deadline;
    rig.deadlines[rig.deadline_count].due_ms = rig.now_ms + after_ms;
    rig.deadlines[rig.deadline_count++].on_due = on_due;
    deadline->node.next = NULL; /* it is in no list, and yet it is set */
}

static struct deadline *take_due(int64_t until_ms, deadline_fn **on_due_out)
{
    struct deadline *first = NULL;
    int64_t due_ms = until_ms;

    for (size_t i = 0; i < rig.deadline_count; i++)
        if (rig.deadlines[i].due_ms <= due_ms) {
            first = rig.deadlines[i].deadline;
            due_ms = rig.deadlines[i].due_ms;
            *on_due_out = rig.deadlines[i].on_due;
        }
    if (first != NULL) {
        rig.now_ms = due_ms;
        deadline_clear(first);
    }
    return first;
}

static void pass(uint32_t ms)
{
    int64_t until_ms = rig.now_ms + ms;
    struct deadline *deadline;
    deadline_fn *on_due;

    while ((deadline = take_due(until_ms, &on_due)) != NULL)
        on_due(deadline);
    rig.now_ms = until_ms;
}

/* ---- the whole ------------------------------------------------------------------------------------------------- */

static int rig_start(void **state)
{
    static char rules[4][64] = { "chat=http://b/chat", "*=http://b/any", "/adm*#kick=http://b/kick",
                                 "/adm*#chat=http://b/other" };

    (void)state;
    memset(&rig, 0, sizeof rig);
    buf_init(&rig.notes, NOTES_MAX);
    rig.now_ms = 1800000000000;
    rig.lease_ms = 30000;
    rig.node = (struct node){ .config = &rig.config, .id = "n1" };
    rig.config = (struct config){ .hook_queue = 100,
                                  .hook_socket_queue = 1024,
                                  .hook_timeout_ms = 5000,
                                  .socketio_max_payload = 1000000,
                                  .socketio_max_attachments = 10 };
    for (size_t i = 0; i < 4; i++)
        rig.hooks[i] = rules[i];
    rig.config.hook = (struct strings){ rig.hooks, 4 };
    rig.app = sio_hooks_app.open(&rig.node, NULL);
    sio_hooks_app.configure(rig.app);
    return 0;
}

static void rig_configure(const char *connect_hook, const char *disconnect_hook)
{
    static char connect_url[64], disconnect_url[64];

    snprintf(connect_url, sizeof connect_url, "%s", connect_hook != NULL ? connect_hook : "");
    snprintf(disconnect_url, sizeof disconnect_url, "%s",
             disconnect_hook != NULL ? disconnect_hook : "");
    rig.config.connect_hook = connect_hook != NULL ? connect_url : NULL;
    rig.config.disconnect_hook = disconnect_hook != NULL ? disconnect_url : NULL;
    sio_hooks_app.configure(rig.app);
}

/* Nothing is left behind. */
static int rig_stop(void **state)
{
    (void)state;
    expect_nothing();
    sio_hooks_app.close(rig.app);
    assert_int_equal(rig.call_count, 0);
    for (size_t i = 0; i < rig.op_count; i++)
        assert_null(rig.ops[i]->slot);
    while (rig.op_count > 0)
        free(rig.ops[--rig.op_count]);
    buf_fini(&rig.notes);
    return 0;
}

#endif
