/* SPDX-License-Identifier: MIT */
#ifndef SB_TESTS_DIALECT_RIG_H
#define SB_TESTS_DIALECT_RIG_H

#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "deadline.h"
#include "node.h"
#include "store/channel.h"

/*
 * A dialect that answers HTTP requests, with nothing around it: what it does is noted, a line of text
 * each, and nothing happens until the test says so. Included by exactly one file of a test, which adds
 * the operations of the store that its dialect uses, and before that `union op_done`: what they call.
 *
 *     rig_request()   a request comes in
 *     rig_gone()      its client goes away
 *     rig_auth()      who it is becomes known
 *     rig_op()        an operation of the store that waits: answer it, then op_free() it
 *     rig_pass()      time passes
 *     rig_expect()    everything that was noted since the last time
 */
enum { REQUESTS_MAX = 64, OPS_MAX = 256, DEADLINES_MAX = 256, LINES_MAX = 65536 };

/* A request's headers, query and body live as long as the rig: constants. */
struct http_request {
    const char *name;    /* in the notes                     */
    const char *headers; /* "name: value\n" each             */
    const char *query;   /* "name=value", one at most        */
    const char *param, *body;
    bool is_upgrade;
    http_gone_fn *on_gone;
    void *ctx;
    bool is_over;
    const struct ws_ops *ops; /* when it was upgraded */
    void *conn;
};

struct store_op {
    const char *name;
    struct store_op **slot;
    void *ctx;
    union op_done done;
};

struct auth_check {
    auth_fn *done;
    void *ctx;
    struct auth_check **slot;
};

static struct rig {
    struct node node;
    struct config config;
    void *dialect;
    struct buf notes;
    struct http_request requests[REQUESTS_MAX];
    size_t request_count;
    struct store_op *ops[OPS_MAX]; /* that wait for an answer, oldest first */
    size_t op_count;
    int64_t now_ms;
    struct {
        struct deadline *deadline;
        int64_t due_ms;
        deadline_fn *on_due;
    } deadlines[DEADLINES_MAX];
    size_t deadline_count;
    struct identity identity;
    struct auth_outcome outcome; /* of every check                         */
    struct auth_check *check;    /* the one that waits                     */
    struct auth_hold *hold;      /* the one that was made last             */
} rig;

static void note(const char *format, ...) PRINTF_LIKE(1, 2);
static void note(const char *format, ...)
{
    char line[4096];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    buf_add_text(&rig.notes, line);
    assert_true(buf_add_byte(&rig.notes, '\n'));
}

#define rig_expect(...) rig_expect_at(__LINE__, __VA_ARGS__, NULL)

/* The notes since the last time are exactly these lines. */
static void rig_expect_at(int line, ...)
{
    struct buf want;
    const char *text;
    va_list args;

    buf_init(&want, LINES_MAX);
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

#define rig_expect_nothing() assert_int_equal(rig.notes.len, 0)

/* ---- HTTP ------------------------------------------------------------------------------------ */

struct slice http_header(const struct http_request *request, const char *name)
{
    size_t len = strlen(name);
    const char *at = request->headers != NULL ? request->headers : "";

    for (; *at != '\0'; at = strchr(at, '\n') + 1) {
        if (strncmp(at, name, len) == 0 && at[len] == ':')
            return slice_trim((struct slice){ at + len + 1, strcspn(at + len + 1, "\n") });
    }
    return (struct slice){ NULL, 0 };
}

/* Nothing is decoded here: what is encoded counts as broken. */
struct slice http_query(struct http_request *request, const char *name)
{
    size_t len = strlen(name);

    if (request->query == NULL || strncmp(request->query, name, len) != 0 ||
        strchr(request->query, '%') != NULL)
        return (struct slice){ NULL, 0 };
    return slice_of(request->query + len + 1);
}

bool http_has_query(const struct http_request *request, const char *name)
{
    size_t len = strlen(name);

    return request->query != NULL && strncmp(request->query, name, len) == 0;
}

struct slice http_bearer(const struct http_request *request)
{
    return http_header(request, "bearer");
}

struct slice http_param(const struct http_request *request, size_t index)
{
    assert_int_equal(index, 0);
    return slice_of(request->param);
}

struct slice http_body(const struct http_request *request)
{
    return request->body != NULL ? slice_of(request->body) : SLICE_LITERAL("");
}

const struct peer *http_peer(const struct http_request *request)
{
    static const struct peer peer;

    (void)request;
    return &peer;
}

bool http_is_upgrade(const struct http_request *request)
{
    return request->is_upgrade;
}

void http_wait(struct http_request *request, http_gone_fn *on_gone, void *ctx)
{
    assert_false(request->is_over);
    request->on_gone = on_gone;
    request->ctx = ctx;
}

static void end(struct http_request *request)
{
    assert_false(request->is_over);
    request->is_over = true;
}

/* "r1: 200 application/json [1] x-cursor: 5" */
void http_reply(struct http_request *request, const struct http_reply *reply)
{
    char text[1024];

    end(request);
    snprintf(text, sizeof text, "%s: %d%s%s %.*s%s%s", request->name, reply->status,
             reply->type != NULL ? " " : "", reply->type != NULL ? reply->type : "",
             (int)reply->body.len, reply->body.len > 0 ? reply->body.data : "",
             reply->headers != NULL ? " " : "", reply->headers != NULL ? reply->headers : "");
    text[strcspn(text, "\r")] = '\0';
    note("%s", text);
}

void http_reply_text(struct http_request *request, int status, const char *text)
{
    end(request);
    note("%s: %d text %s", request->name, status, text);
}

void http_reply_error(struct http_request *request, int status, const char *error)
{
    end(request);
    note("%s: %d error %s", request->name, status, error);
}

void http_reply_json(struct http_request *request, int status, struct slice json)
{
    end(request);
    note("%s: %d json %.*s", request->name, status, (int)json.len, json.data);
}

void http_reply_unavailable(struct http_request *request, const char *error)
{
    end(request);
    note("%s: 503 error %s", request->name, error);
}

void http_reply_too_many(struct http_request *request, const char *type, struct slice body,
                         uint32_t retry_after_s)
{
    end(request);
    note("%s: 429 %s %.*s after %u", request->name, type,
         (int)(body.data[body.len - 1] == '\n' ? body.len - 1 : body.len), body.data,
         retry_after_s);
}

void http_upgrade(struct http_request *request, const struct ws_ops *ops, void *conn)
{
    end(request);
    request->ops = ops;
    request->conn = conn;
    note("%s: upgrade", request->name);
}

static struct http_request *rig_request(const struct http_request *template, http_handle_fn *handle)
{
    struct http_request *request = &rig.requests[rig.request_count++];

    assert_true(rig.request_count <= REQUESTS_MAX);
    *request = *template;
    handle(request, rig.dialect);
    return request;
}

static inline void rig_gone(struct http_request *request)
{
    end(request);
    request->on_gone(request->ctx);
}

/* ---- auth ------------------------------------------------------------------------------------ */

struct auth_outcome auth_check(struct auth *auth, const struct auth_request *request, auth_fn *done,
                               void *ctx, struct auth_check **slot)
{
    (void)auth;
    (void)request;
    if (rig.outcome.answer == AUTH_PENDING) {
        assert_null(rig.check);
        rig.check = xcalloc(1, sizeof *rig.check);
        *rig.check = (struct auth_check){ done, ctx, slot };
        *slot = rig.check;
    }
    return rig.outcome;
}

void auth_cancel(struct auth_check **slot)
{
    if (*slot == NULL)
        return;
    assert_ptr_equal(*slot, rig.check);
    free(rig.check);
    rig.check = NULL;
    *slot = NULL;
}

/* What is known from now on, also of the check that waits. */
static inline void rig_auth(enum auth_answer answer)
{
    struct auth_check *check = rig.check;

    rig.outcome = (struct auth_outcome){ answer, answer == AUTH_OK ? &rig.identity : NULL, 7 };
    if (check == NULL)
        return;
    rig.check = NULL;
    *check->slot = NULL;
    check->done(&rig.outcome, check->ctx);
    free(check);
}

void auth_follow(struct auth *auth, struct auth_hold *hold, struct identity *identity,
                 void (*on_end)(struct auth_hold *hold))
{
    (void)auth;
    assert_null(hold->identity);
    *hold = (struct auth_hold){ .identity = identity_ref(identity), .on_end = on_end };
    rig.hold = hold;
}

void auth_release(struct auth_hold *hold)
{
    if (hold->identity == NULL)
        return;
    identity_unref(&hold->identity);
    if (rig.hold == hold)
        rig.hold = NULL;
}

static inline void rig_revoke(void)
{
    struct auth_hold *hold = rig.hold;

    rig.hold = NULL;
    identity_unref(&hold->identity);
    hold->on_end(hold);
}

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

/* ---- the store ------------------------------------------------------------------------------- */

static struct store_op *op_add(const char *name, union op_done done, void *ctx,
                               struct store_op **slot)
{
    struct store_op *op = xcalloc(1, sizeof *op);

    assert_true(slot == NULL || *slot == NULL);
    assert_true(rig.op_count < OPS_MAX);
    *op = (struct store_op){ .name = name, .slot = slot, .ctx = ctx, .done = done };
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
    note("cancel %s", op->name);
    op_remove(op);
    free(op);
}

/* The oldest that waits; it waits no more. The caller answers it and frees it. */
static inline struct store_op *rig_op(const char *name)
{
    struct store_op *op;

    assert_true(rig.op_count > 0);
    op = rig.ops[0];
    assert_string_equal(op->name, name);
    op_remove(op);
    return op;
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
    note("bounds %s offline=%u live=%u ttl=%u grace=%u", channel_kind_name(kind),
         bounds->offline_cap, bounds->live_bound, bounds->ttl_ms, bounds->grace_ms);
}

const char *channel_kind_name(enum channel_kind kind)
{
    switch (kind) {
    case CHANNEL_PLAYER:
        return "player";
    case CHANNEL_BROADCAST:
        return "broadcast";
    default:
        assert_int_equal(kind, CHANNEL_MAILBOX);
        return "mailbox";
    }
}

/* ---- time ------------------------------------------------------------------------------------ */

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
    for (size_t i = 0; i < rig.deadline_count; i++) {
        if (rig.deadlines[i].deadline == deadline)
            rig.deadlines[i] = rig.deadlines[--rig.deadline_count];
    }
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

/* The one that is due first, up to then. */
static struct deadline *take_due(int64_t until_ms, deadline_fn **on_due_out)
{
    struct deadline *first = NULL;
    int64_t due_ms = until_ms;

    for (size_t i = 0; i < rig.deadline_count; i++) {
        if (rig.deadlines[i].due_ms <= due_ms) {
            first = rig.deadlines[i].deadline;
            due_ms = rig.deadlines[i].due_ms;
            *on_due_out = rig.deadlines[i].on_due;
        }
    }
    if (first != NULL) {
        rig.now_ms = due_ms;
        deadline_clear(first);
    }
    return first;
}

static inline void rig_pass(uint32_t ms)
{
    int64_t until_ms = rig.now_ms + ms;
    struct deadline *deadline;
    deadline_fn *on_due;

    while ((deadline = take_due(until_ms, &on_due)) != NULL)
        on_due(deadline);
    rig.now_ms = until_ms;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void rig_open(const struct dialect *dialect)
{
    static char subject[] = "s", realm[] = "default";

    buf_init(&rig.notes, LINES_MAX);
    rig.now_ms = 1800000000000;
    rig.node = (struct node){ .config = &rig.config, .id = "n1" };
    rig.identity = (struct identity){ .refs = 1, .subject = subject, .realm = realm };
    rig.outcome = (struct auth_outcome){ .answer = AUTH_OK, .identity = &rig.identity };
    rig.request_count = 0;
    rig.dialect = dialect->open(&rig.node);
    dialect->configure(rig.dialect);
}

/* Everybody has been answered or is gone, and nothing is left behind. */
static void rig_close(const struct dialect *dialect)
{
    rig_expect_nothing();
    for (size_t i = 0; i < rig.request_count; i++)
        assert_true(rig.requests[i].is_over);
    dialect->close(rig.dialect);
    assert_int_equal(rig.op_count, 0);
    assert_null(rig.check);
    assert_int_equal(rig.identity.refs, 1);
    buf_fini(&rig.notes);
}

#endif
