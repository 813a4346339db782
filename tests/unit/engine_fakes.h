/* SPDX-License-Identifier: MIT */
#ifndef SB_TESTS_ENGINE_FAKES_H
#define SB_TESTS_ENGINE_FAKES_H

/*
 * An Engine.IO without HTTP, WebSockets and time: polls, WebSockets and the upper layer are notes,
 * a line each, and time passes when the test says so. Included by one file of a test.
 *
 *     upper: "open", "text hello", "binary 3 bytes", "drain", "close parse error"
 *     polls: "a: 200 4hello", "a: 400", "a: 200 ok", "a: error 1", "a: cut"
 *     WebSockets: "w: text 4hello", "w: binary 3 bytes", "w: close", "w: pause", "w: continue"
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine_alone.h"

enum { LINES_MAX = 65536, DEADLINES_MAX = 64 };

/* ---- notes -------------------------------------------------------------------------------------------------- */

static struct buf notes;

static void note(const char *format, ...) PRINTF_LIKE(1, 2);
static void note(const char *format, ...)
{
    char line[4096];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    buf_add_text(&notes, line);
    assert_true(buf_add_byte(&notes, '\n'));
}

#define expect(...)      expect_at(__LINE__, __VA_ARGS__, NULL)
#define expect_nothing() assert_int_equal(notes.len, 0)

/* The notes since the last time are exactly these lines. */
static inline void expect_at(int line, ...)
{
    struct buf want;
    const char *text;
    va_list args;

    buf_init(&want, LINES_MAX);
    va_start(args, line);
    while ((text = va_arg(args, const char *)) != NULL)
        buf_printf(&want, "%s\n", text);
    va_end(args);
    if (!slice_equals(buf_slice(&want), buf_slice(&notes)))
        fail_msg("line %d: wanted\n%.*sgot\n%.*s", line, (int)want.len,
                 want.len > 0 ? want.data : "", (int)notes.len, notes.len > 0 ? notes.data : "");
    buf_fini(&want);
    buf_clear(&notes);
}

/* ---- time ------------------------------------------------------------------------------------------------------ */

static int64_t now_ms;
static struct {
    struct deadline *deadline;
    deadline_fn *on_due;
} due[DEADLINES_MAX];
static size_t due_count;

uint64_t uv_now(const uv_loop_t *loop)
{
    (void)loop;
    return (uint64_t)now_ms;
}

struct deadlines *deadlines_create(uv_loop_t *loop)
{
    (void)loop;
    return NULL;
}

void deadlines_destroy(struct deadlines **deadlines)
{
    *deadlines = NULL;
    assert_int_equal(due_count, 0);
}

void deadline_init(struct deadline *deadline)
{
    list_init(&deadline->node);
}

void deadline_clear(struct deadline *deadline)
{
    for (size_t i = 0; i < due_count; i++) {
        if (due[i].deadline == deadline)
            due[i] = due[--due_count];
    }
    list_init(&deadline->node);
}

void deadline_set(struct deadlines *deadlines, struct deadline *deadline, uint32_t after_ms,
                  deadline_fn *on_due)
{
    (void)deadlines;
    deadline_clear(deadline);
    assert_true(due_count < DEADLINES_MAX);
    deadline->due_ms = now_ms + after_ms;
    deadline->node.next = NULL; /* it is in no list, and yet it is set */
    due[due_count].deadline = deadline;
    due[due_count++].on_due = on_due;
}

/* Runs the first that is due up to then. */
static inline bool run_due(int64_t until_ms)
{
    size_t first = due_count;
    struct deadline *deadline;
    deadline_fn *on_due;

    for (size_t i = 0; i < due_count; i++) {
        if (due[i].deadline->due_ms <= until_ms &&
            (first == due_count || due[i].deadline->due_ms < due[first].deadline->due_ms))
            first = i;
    }
    if (first == due_count)
        return false;
    deadline = due[first].deadline;
    on_due = due[first].on_due;
    if (deadline->due_ms > now_ms)
        now_ms = deadline->due_ms;
    deadline_clear(deadline);
    on_due(deadline);
    return true;
}

static inline void pass(uint32_t ms)
{
    int64_t until_ms = now_ms + ms;

    while (run_due(until_ms))
        ;
    now_ms = until_ms;
}

/* ---- HTTP and WebSockets ------------------------------------------------------------------------------------------ */

struct ws {
    const char *name;
    size_t pending, room; /* bytes that the kernel still takes */
    bool is_closed;
    const struct ws_ops *ops;
    void *conn;
};

static struct ws *upgrading; /* what http_upgrade_with() makes */

struct slice http_query(struct http_request *request, const char *name)
{
    (void)request;
    (void)name;
    return (struct slice){ NULL, 0 };
}

bool http_has_query(const struct http_request *request, const char *name)
{
    (void)request;
    (void)name;
    return false;
}

struct slice http_query_raw(const struct http_request *request)
{
    (void)request;
    return SLICE_LITERAL("EIO=4");
}

struct slice http_header(const struct http_request *request, const char *name)
{
    (void)request;
    (void)name;
    return (struct slice){ NULL, 0 };
}

const struct peer *http_peer(const struct http_request *request)
{
    static const struct peer peer;

    (void)request;
    return &peer;
}

void http_upgrade_with(struct http_request *request, const struct ws_ops *ops, void *conn,
                       const char *headers)
{
    (void)request;
    (void)headers;
    upgrading->ops = ops;
    upgrading->conn = conn;
}

void ws_send_last(struct ws *ws, struct frame *frame, enum ws_kind kind)
{
    if (ws->is_closed)
        return;
    if (kind == WS_TEXT)
        note("%s: text %.*s", ws->name, (int)frame->len, frame->data);
    else
        note("%s: binary %u bytes", ws->name, frame->len);
}

enum ws_sent ws_send(struct ws *ws, struct frame *frame, enum ws_kind kind)
{
    if (ws->is_closed || frame->len > ws->room)
        return WS_FULL;
    ws->room -= frame->len;
    ws_send_last(ws, frame, kind);
    return WS_WRITTEN;
}

void ws_answer(struct ws *ws, struct slice text)
{
    note("%s: text %.*s", ws->name, (int)text.len, text.data);
}

size_t ws_pending_bytes(const struct ws *ws)
{
    return ws->pending;
}

void ws_close(struct ws *ws, enum close_reason reason)
{
    assert_int_equal(reason, CLOSE_ENGINE_CLOSED);
    if (!ws->is_closed)
        note("%s: close", ws->name);
    ws->is_closed = true;
}

void ws_pause(struct ws *ws)
{
    note("%s: pause", ws->name);
}

void ws_continue(struct ws *ws)
{
    note("%s: continue", ws->name);
}

/* The last thing that happens to one. */
static inline void ws_fake_end(struct ws *ws, enum close_reason reason)
{
    ws->is_closed = true;
    ws->ops->on_close(ws, WS_ENDED_IN_ORDER, reason, ws->conn);
}

static inline void ws_fake_say(struct ws *ws, const char *text)
{
    ws->ops->on_message(ws, slice_of(text), WS_TEXT, ws->conn);
}

void engine_serve(struct engine *engine, const char *path, bool has_files)
{
    (void)engine;
    (void)path;
    (void)has_files;
}

void engine_files_load(struct engine_files **files, const char *folder)
{
    (void)folder;
    *files = NULL;
}

void engine_files_unload(struct engine_files **files)
{
    assert_null(*files);
}

/* ---- the upper layer ----------------------------------------------------------------------------------------------- */

/* What it does, and when. */
static struct upper {
    bool closes_on_open, closes_on_text, sends_on_open, is_busy;
    enum engine_end close_as;
    const char *image;
    struct engine_conn *conn; /* the last */
} upper;

static inline enum engine_sent send_text(struct engine_conn *conn, const char *text)
{
    struct packet *packet = packet_of(slice_of(text));
    enum engine_sent sent = engine_send(conn, packet);

    packet_unref(&packet);
    return sent;
}

static void *on_open(struct engine_conn *conn, void *ctx)
{
    assert_null(ctx);
    note("open");
    upper.conn = conn;
    if (upper.sends_on_open)
        assert_int_equal(send_text(conn, "40"), ENGINE_QUEUED);
    if (upper.closes_on_open)
        engine_close(conn, upper.close_as);
    return &upper;
}

static void on_text(struct engine_conn *conn, struct slice text, void *ctx)
{
    assert_ptr_equal(ctx, &upper);
    assert_int_equal(text.data[text.len], '\0');
    note("text %s", text.data);
    if (upper.closes_on_text)
        engine_close(conn, upper.close_as);
}

static void on_binary(struct engine_conn *conn, struct slice bytes, void *ctx)
{
    (void)conn;
    assert_ptr_equal(ctx, &upper);
    note("binary %zu bytes", bytes.len);
}

static void on_drain(struct engine_conn *conn, void *ctx)
{
    (void)conn;
    assert_ptr_equal(ctx, &upper);
    note("drain");
}

static void on_close(struct engine_conn *conn, enum engine_end how, void *ctx)
{
    (void)conn;
    assert_ptr_equal(ctx, &upper);
    note("close %s", engine_end_text(how));
}

static bool is_at_rest(void *ctx)
{
    assert_ptr_equal(ctx, &upper);
    return !upper.is_busy;
}

static void pack(void *ctx, struct buf *image)
{
    assert_ptr_equal(ctx, &upper);
    note("pack");
    buf_add_text(image, upper.image);
}

static void *unpack(struct engine_conn *conn, struct slice image, void *ctx)
{
    assert_null(ctx);
    upper.conn = conn;
    note("unpack %.*s", (int)image.len, image.data);
    return slice_is(image, upper.image) ? &upper : NULL;
}

static const struct engine_ops upper_ops = {
    .name = "test",
    .on_open = on_open,
    .on_text = on_text,
    .on_binary = on_binary,
    .on_drain = on_drain,
    .on_close = on_close,
    .is_at_rest = is_at_rest,
    .pack = pack,
    .unpack = unpack,
};

/* ---- polls ----------------------------------------------------------------------------------------------------------- */

struct fake_poll {
    struct poll poll;
    const char *name;
    bool is_over;
};

static void on_answer(struct poll *poll, const struct poll_answer *answer)
{
    struct fake_poll *fake = LIST_ENTRY(poll, struct fake_poll, poll);

    assert_false(fake->is_over);
    assert_null(poll->conn);
    fake->is_over = true;
    if (answer->form == POLL_CUT)
        note("%s: cut", fake->name);
    else if (answer->form == POLL_ERROR)
        note("%s: error %d", fake->name, answer->error);
    else if (answer->form == POLL_OK)
        note("%s: %d ok", fake->name, answer->status);
    else
        note("%s: %d%s%.*s", fake->name, answer->status, answer->body.len > 0 ? " " : "",
             (int)answer->body.len, answer->body.data);
}

static const struct poll_ops poll_ops_noting = { .answer = on_answer };

static inline void poll_init(struct fake_poll *fake, const char *name)
{
    *fake = (struct fake_poll){ .poll = { .ops = &poll_ops_noting }, .name = name };
}

/* ---- the whole --------------------------------------------------------------------------------------------------------- */

struct stage {
    uv_loop_t loop;
    struct config config;
    struct node node;
    struct engine *engine;
    char sid[ENGINE_ID_LEN + 1]; /* of the session that was opened last */
    enum engine_version version;
};

static const struct engine_settings stage_settings = {
    .ping_interval_ms = 300,
    .ping_timeout_ms = 200,
    .upgrade_timeout_ms = 10000,
    .max_payload = 1000000,
    .pending_max = 1000,
    .poll_packets = 4,
    .post_packets = 8,
    .has_polling = true,
    .has_websocket = true,
    .has_upgrades = true,
    .has_version_3 = true,
};

static inline void stage_start(struct stage *stage)
{
    *stage = (struct stage){ .node = { .id = "0123456789" }, .version = ENGINE_4 };
    stage->config.drain_rate = 500;
    upper = (struct upper){ .image = "image" };
    now_ms = 1000000;
    buf_init(&notes, LINES_MAX);
    assert_int_equal(uv_loop_init(&stage->loop), 0);
    stage->node.loop = &stage->loop;
    stage->node.config = &stage->config;
    stage->engine = engine_create(&stage->node, &upper_ops, NULL);
    engine_configure(stage->engine, &stage_settings);
}

static inline void stage_turn(struct stage *stage)
{
    for (int i = 0; i < 3; i++)
        uv_run(&stage->loop, UV_RUN_NOWAIT);
}

static inline void stage_stop(struct stage *stage)
{
    expect_nothing();
    engine_destroy(&stage->engine);
    support_loop_close(&stage->loop);
    buf_fini(&notes);
}

static inline struct engine_handshake *stage_handshake(const struct stage *stage)
{
    static char query[] = "EIO=4&nonce=a%20b";
    const struct engine_handshake fixed = { .version = stage->version, .opened_ms = 5 };
    const struct handshake_texts texts = { .query = slice_of(query),
                                           .cookie = SLICE_LITERAL("a=1; io = x ;b=\"2\"") };

    return engine_handshake_create(&fixed, &texts);
}

/* A session by polling; what that notes is left to the test. */
static inline struct engine_conn *stage_open(struct stage *stage)
{
    static struct fake_poll hello;
    struct engine_conn *conn = engine_conn_create(stage->engine, stage_handshake(stage), NULL);

    poll_init(&hello, "hello");
    memcpy(stage->sid, conn->sid, sizeof stage->sid);
    engine_conn_open(conn);
    engine_conn_welcome(conn, &hello.poll);
    assert_true(hello.is_over);
    return conn;
}

/* The same, the notes thrown away. */
static inline struct engine_conn *stage_session(struct stage *stage)
{
    struct engine_conn *conn = stage_open(stage);

    buf_clear(&notes);
    return conn;
}

static inline void get(struct stage *stage, struct fake_poll *poll, const char *name)
{
    const struct poll_request request = { .sid = slice_of(stage->sid), .version = stage->version };

    poll_init(poll, name);
    engine_poll(stage->engine, &request, &poll->poll);
}

static inline void post(struct stage *stage, const char *body)
{
    const struct poll_request request = { .sid = slice_of(stage->sid),
                                          .version = stage->version,
                                          .is_post = true,
                                          .body = slice_of(body) };
    struct fake_poll poll;

    poll_init(&poll, "post");
    engine_poll(stage->engine, &request, &poll.poll);
    assert_true(poll.is_over);
}

#endif
