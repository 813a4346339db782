/* SPDX-License-Identifier: MIT */
#ifndef SB_TESTS_SIO_RIG_H
#define SB_TESTS_SIO_RIG_H

#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sio_recover.h"

/*
 * Connections and sockets over an engine, rooms and a clock that do what the test says, below two apps, "a" and
 * "b". What they do is noted, a line of text each:
 *
 *     c1 > 40{"sid":"id-1…"}      sent to the client of connection 1
 *     a connect / id-1            what an app is told
 *
 * Included by exactly one file of a test.
 */
enum { RIG_CONNS_MAX = 64, RIG_DEADLINES_MAX = 128, RIG_NOTES_MAX = 65536, RIG_JOINS_MAX = 64 };

struct engine {
    const struct engine_ops *ops;
    void *ctx;
};

struct engine_conn {
    struct engine_handshake handshake;
    char sid[ENGINE_ID_LEN + 1];
    uint64_t number;
    void *upper;             /* NULL: it is gone */
    enum engine_sent answer; /* what sending comes to */
    bool is_closing;
    enum engine_end how;
};

enum rig_decision { RIG_ADMIT, RIG_REFUSE, RIG_LATER };

static struct rig {
    struct node node;
    struct config config;
    struct sio *sio;
    struct engine engine;
    struct engine_conn conns[RIG_CONNS_MAX];
    size_t conn_count, id_count;
    struct buf notes;
    int64_t now_ms;
    struct {
        struct deadline *deadline;
        int64_t due_ms;
        deadline_fn *on_due;
    } deadlines[RIG_DEADLINES_MAX];
    size_t deadline_count;
    struct rig_join {
        struct sio_socket *socket;
        sio_joined_fn *done;
        void *ctx;
    } joins[RIG_JOINS_MAX];
    size_t join_count;
    sio_emitted_fn *emitted;
    void *emitted_ctx;
    struct store_op **emitted_slot;
    enum rig_decision decisions[2]; /* of the apps */
    struct sio_admission *waiting;  /* what "later" is about */
    struct sio_socket *socket;      /* the one that connected last */
    bool is_quiet;                  /* sends nothing for events: notes them */
} rig;

/* ---- notes ------------------------------------------------------------------------------------------ */

static inline void note(const char *format, ...) PRINTF_LIKE(1, 2);
static inline void note(const char *format, ...)
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
static inline void rig_expect_at(int line, ...)
{
    struct buf want;
    const char *text;
    va_list args;

    buf_init(&want, RIG_NOTES_MAX);
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

#define rig_expect_nothing() rig_expect_at(__LINE__, NULL)

static inline void rig_forget_notes(void)
{
    buf_clear(&rig.notes);
}

/* ---- time --------------------------------------------------------------------------------------------- */

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
    assert_true(rig.deadline_count < RIG_DEADLINES_MAX);
    rig.deadlines[rig.deadline_count].deadline = deadline;
    rig.deadlines[rig.deadline_count].due_ms = rig.now_ms + after_ms;
    rig.deadlines[rig.deadline_count++].on_due = on_due;
    deadline->node.next = NULL; /* it is in no list, and yet it is set */
}

static inline bool rig_run_first_due(int64_t until_ms)
{
    size_t first = rig.deadline_count;
    struct deadline *deadline;
    deadline_fn *on_due;

    for (size_t i = 0; i < rig.deadline_count; i++)
        if (rig.deadlines[i].due_ms <= until_ms &&
            (first == rig.deadline_count || rig.deadlines[i].due_ms < rig.deadlines[first].due_ms))
            first = i;
    if (first == rig.deadline_count)
        return false;
    deadline = rig.deadlines[first].deadline;
    on_due = rig.deadlines[first].on_due;
    rig.now_ms = rig.deadlines[first].due_ms;
    deadline_clear(deadline);
    on_due(deadline);
    return true;
}

static inline void rig_pass(uint32_t ms)
{
    int64_t until_ms = rig.now_ms + ms;

    while (rig_run_first_due(until_ms))
        ;
    rig.now_ms = until_ms;
}

/* The loop's next turn. */
static inline void rig_turn(void)
{
    rig_pass(0);
}

/* ---- the engine ----------------------------------------------------------------------------------------- */

struct engine *engine_create(struct node *node, const struct engine_ops *ops, void *ctx)
{
    (void)node;
    rig.engine = (struct engine){ ops, ctx };
    return &rig.engine;
}

void engine_configure(struct engine *engine, const struct engine_settings *settings)
{
    (void)engine;
    (void)settings;
}

void engine_serve(struct engine *engine, const char *path, bool has_files)
{
    (void)engine;
    (void)path;
    (void)has_files;
}

void engine_drain(struct engine *engine)
{
    (void)engine;
}

const char *engine_end_text(enum engine_end end)
{
    static const char *const texts[ENGINE_ENDS] = {
        [ENGINE_TRANSPORT_CLOSE] = "transport close",
        [ENGINE_TRANSPORT_ERROR] = "transport error",
        [ENGINE_PING_TIMEOUT] = "ping timeout",
        [ENGINE_PARSE_ERROR] = "parse error",
        [ENGINE_FORCED_CLOSE] = "forced close",
        [ENGINE_FORCED_SERVER_CLOSE] = "forced server close",
        [ENGINE_SERVER_DISCONNECT] = "server namespace disconnect",
        [ENGINE_SHUTTING_DOWN] = "server shutting down",
        [ENGINE_TOO_SLOW] = "transport error",
    };

    return texts[end];
}

static inline void note_packet(const struct engine_conn *conn, const struct packet *packet)
{
    note("c%u > %.*s", (unsigned)conn->number, (int)packet->text->len,
         (const char *)packet->text->data);
    for (uint32_t i = 0; i < packet->attachment_count; i++)
        note("c%u > binary %.*s", (unsigned)conn->number, (int)packet->attachments[i]->len,
             (const char *)packet->attachments[i]->data);
}

enum engine_sent engine_send(struct engine_conn *conn, struct packet *packet)
{
    if (conn->is_closing)
        return ENGINE_FULL;
    if (conn->answer != ENGINE_FULL)
        note_packet(conn, packet);
    return conn->answer;
}

void engine_answer(struct engine_conn *conn, struct packet *packet)
{
    if (!conn->is_closing)
        note_packet(conn, packet);
}

void engine_close(struct engine_conn *conn, enum engine_end how)
{
    if (conn->is_closing)
        return;
    conn->is_closing = true;
    conn->how = how;
    note("c%u closes: %s", (unsigned)conn->number, engine_end_text(how));
}

void engine_rested(struct engine_conn *conn)
{
    note("c%u rested", (unsigned)conn->number);
}

const struct engine_handshake *engine_handshake(const struct engine_conn *conn)
{
    return &conn->handshake;
}

const char *engine_sid(const struct engine_conn *conn)
{
    return conn->sid;
}

uint64_t engine_number(const struct engine_conn *conn)
{
    return conn->number;
}

void engine_random_id(char out[ENGINE_ID_LEN + 1])
{
    snprintf(out, ENGINE_ID_LEN + 1, "id-%u", (unsigned)++rig.id_count);
}

static inline struct engine_conn *rig_conn(enum engine_version version, const char *query)
{
    struct engine_conn *conn = &rig.conns[rig.conn_count++];

    assert_true(rig.conn_count <= RIG_CONNS_MAX);
    *conn = (struct engine_conn){ .handshake = { .version = version, .query = xstrdup(query) },
                                  .number = rig.conn_count,
                                  .answer = ENGINE_WRITTEN };
    snprintf(conn->sid, sizeof conn->sid, "sid-%u", (unsigned)rig.conn_count);
    return conn;
}

static inline struct engine_conn *rig_open_conn(enum engine_version version, const char *query)
{
    struct engine_conn *conn = rig_conn(version, query);

    conn->upper = rig.engine.ops->on_open(conn, rig.engine.ctx);
    return conn;
}

static inline void rig_text(struct engine_conn *conn, const char *text)
{
    rig.engine.ops->on_text(conn, slice_of(text), conn->upper);
}

static inline void rig_binary(struct engine_conn *conn, const char *bytes)
{
    rig.engine.ops->on_binary(conn, slice_of(bytes), conn->upper);
}

static inline void rig_drain(struct engine_conn *conn)
{
    conn->answer = ENGINE_WRITTEN;
    rig.engine.ops->on_drain(conn, conn->upper);
}

/* It is closed now: as was said before, or by the client. */
static inline void rig_closed(struct engine_conn *conn, enum engine_end how)
{
    void *upper = conn->upper;

    if (conn->is_closing)
        how = conn->how;
    conn->is_closing = true;
    conn->upper = NULL;
    rig.engine.ops->on_close(conn, how, upper);
}

void engine_destroy(struct engine **engine)
{
    *engine = NULL;
    for (size_t i = 0; i < rig.conn_count; i++) {
        if (rig.conns[i].upper != NULL)
            rig_closed(&rig.conns[i], ENGINE_SHUTTING_DOWN);
        free(rig.conns[i].handshake.query);
    }
}

/* ---- rooms, asks, identities ------------------------------------------------------------------------------ */

void sio_rooms_open(struct sio *sio)
{
    (void)sio;
}

void sio_rooms_configure(struct sio *sio)
{
    (void)sio;
}

void sio_rooms_close(struct sio *sio)
{
    (void)sio;
    assert_int_equal(rig.join_count, 0);
}

/* The oldest whose channels are not in force yet hears. */
static inline void rig_joined(enum result result)
{
    struct rig_join join = rig.joins[0];

    assert_true(rig.join_count > 0);
    memmove(&rig.joins[0], &rig.joins[1], --rig.join_count * sizeof join);
    join.done(result, join.ctx);
}

void sio_members_begin(struct sio_socket *socket, sio_joined_fn *done, void *ctx)
{
    assert_true(rig.join_count < RIG_JOINS_MAX);
    rig.joins[rig.join_count++] = (struct rig_join){ socket, done, ctx };
}

void sio_members_end(struct sio_socket *socket, enum channel_leave how)
{
    size_t left = 0;

    for (size_t i = 0; i < rig.join_count; i++)
        if (rig.joins[i].socket != socket)
            rig.joins[left++] = rig.joins[i];
    rig.join_count = left;
    if (socket->members_made > 0)
        note("rooms of %s end %s", socket->id,
             how == CHANNEL_LEAVE_IN_ORDER ? "in order" : "broken");
}

void sio_members_drain(struct sio_socket *socket)
{
    if (rig.is_quiet)
        return;
    note("rooms of %s go on", socket->id);
}

void sio_members_pack(const struct sio_socket *socket, struct buf *image)
{
    pack_slice(image, slice_of(socket->id));
}

void sio_members_stay(struct sio_socket *socket)
{
    note("rooms of %s stay", socket->id);
}

bool sio_members_unpack(struct sio_socket *socket, struct unpack *image)
{
    return slice_is(unpack_slice(image), socket->id) && !image->is_broken;
}

bool sio_asks_answer(struct sio_socket *socket, uint64_t ack_id, struct slice args,
                     const struct slice *attachments, size_t attachment_count)
{
    (void)attachments;
    note("answer of %s to %u: %.*s with %zu", socket->id, (unsigned)ack_id, (int)args.len,
         args.data, attachment_count);
    return true;
}

void sio_asks_forget(struct sio_socket *socket)
{
    (void)socket;
}

void sio_asks_pack(const struct sio_socket *socket, struct buf *image)
{
    (void)socket;
    pack_number(image, 7);
}

void sio_asks_stay(struct sio_socket *socket)
{
    note("debts of %s stay", socket->id);
}

bool sio_asks_unpack(struct sio_socket *socket, struct unpack *image)
{
    (void)socket;
    return unpack_number(image) == 7 && !image->is_broken;
}

void sio_auth_end(struct sio_socket *socket)
{
    (void)socket;
}

void sio_auth_pack(const struct sio_socket *socket, struct buf *image)
{
    (void)socket;
    pack_number(image, 8);
}

bool sio_auth_unpack(struct sio_socket *socket, struct unpack *image)
{
    (void)socket;
    return unpack_number(image) == 8 && !image->is_broken;
}

void engine_cork(struct engine_conn *conn)
{
    (void)conn;
    fail();
}

void engine_uncork(struct engine_conn *conn)
{
    (void)conn;
    fail();
}

/* ---- recovery: nobody comes back ---------------------------------------------------------------------- */

bool sio_session_is_wanted(const struct sio_socket *socket)
{
    return rig.config.recovery_ms > 0 && sio_handshake(socket)->version == ENGINE_4;
}

void sio_session_create(struct sio_socket *socket, const char *pid)
{
    socket->session = xcalloc(1, sizeof *socket->session);
    if (pid != NULL)
        memcpy(socket->session->pid, pid, ENGINE_ID_LEN);
    else
        engine_random_id(socket->session->pid);
}

void sio_session_save(struct sio_socket *socket)
{
    (void)socket;
}

void sio_session_end(struct sio_socket *socket, const struct sio_end *end)
{
    (void)end;
    free(socket->session);
    socket->session = NULL;
}

void sio_session_offset(const struct sio_socket *socket, struct buf *out)
{
    (void)socket;
    buf_add_text(out, "offset");
}

struct packet *sio_session_stamp(struct packet *packet, struct slice offset)
{
    note("stamped %.*s", (int)offset.len, offset.data);
    return packet_ref(packet);
}

bool sio_recovery_begin(struct sio_conn *conn, struct slice nsp, struct slice auth,
                        sio_recovered_fn *done, void *ctx, struct sio_recovery **slot)
{
    (void)conn;
    (void)nsp;
    (void)auth;
    (void)done;
    (void)ctx;
    (void)slot;
    return false;
}

void sio_recovery_destroy(struct sio_recovery **recovery)
{
    assert_null(*recovery);
}

bool sio_recovery_apply(struct sio_recovery *recovery, struct sio_socket *socket)
{
    (void)recovery;
    (void)socket;
    return false;
}

void sio_recovery_join(struct sio_recovery *recovery, struct sio_socket *socket)
{
    (void)recovery;
    (void)socket;
}

void sio_recovery_replay(struct sio_recovery *recovery, struct sio_socket *socket)
{
    (void)recovery;
    (void)socket;
}

void sio_supersede(struct sio_socket *socket)
{
    (void)socket;
}

/* ---- emits ------------------------------------------------------------------------------------------------- */

struct store_op {
    int unused;
};
static struct store_op rig_op;

void sio_emit(struct sio *sio, const struct sio_emit *emit, sio_emitted_fn *done, void *ctx,
              struct store_op **slot)
{
    (void)sio;
    assert_int_equal(emit->to.room_count, 1);
    note("emit %.*s %.*s with %zu", (int)emit->to.rooms[0].len, emit->to.rooms[0].data,
         (int)emit->items.len, emit->items.data, emit->attachment_count);
    rig.emitted = done;
    rig.emitted_ctx = ctx;
    rig.emitted_slot = slot;
    *slot = &rig_op;
}

static inline void rig_emitted(enum result result)
{
    const struct channel_appended appended = { .number = 1 };

    *rig.emitted_slot = NULL;
    rig.emitted(result, &appended, rig.emitted_ctx);
}

void store_cancel(struct store_op **slot)
{
    if (*slot != NULL)
        note("cancel");
    *slot = NULL;
}

bool pattern_matches(struct slice pattern, struct slice text)
{
    return slice_equals(pattern, text);
}

void http_add_routes(struct http *http, const struct http_route *routes, size_t count, void *ctx)
{
    (void)http;
    (void)routes;
    (void)count;
    (void)ctx;
}

/* ---- two apps ------------------------------------------------------------------------------------------------ */

static char rig_names[2] = { 'a', 'b' };

static inline void *rig_app_open(struct node *node, struct sio *sio)
{
    static size_t opened;

    (void)node;
    (void)sio;
    return &rig_names[opened++ % 2];
}

static inline void rig_app_close(void *app)
{
    (void)app;
}

static inline char name_of(const void *app)
{
    return *(const char *)app;
}

static inline void on_rig_gone(void *ctx)
{
    note("%c gone", name_of(ctx));
    rig.waiting = NULL;
}

static inline void rig_app_admit(struct sio_admission *admission, void *app)
{
    struct sio_socket *socket = sio_admission_socket(admission);
    struct slice auth = sio_admission_auth(admission);

    note("%c admit %s %s %.*s", name_of(app), socket->nsp, socket->id, (int)auth.len, auth.data);
    switch (rig.decisions[name_of(app) - 'a']) {
    case RIG_ADMIT:
        sio_admit(admission);
        break;
    case RIG_REFUSE:
        sio_refuse(admission, slice_of("Not \"authorized\""), slice_of("{\"code\":\"E001\"}"));
        break;
    case RIG_LATER:
        rig.waiting = admission;
        sio_admission_wait(admission, on_rig_gone, app);
        break;
    }
}

static inline void rig_app_connect(struct sio_socket *socket, bool is_back, void *app)
{
    note("%c connect %s %s%s", name_of(app), socket->nsp, socket->id, is_back ? " back" : "");
    rig.socket = socket;
}

/* "a" takes nothing but what is named so; "b" does as it is told. */
static inline bool rig_app_event(struct sio_socket *socket, const struct sio_event *event,
                                 void *app)
{
    if (name_of(app) == 'a' && !slice_is(event->name, "a"))
        return false;
    note("%c event %s %.*s %.*s with %zu", name_of(app), socket->id, (int)event->name.len,
         event->name.data, (int)event->items.raw.len, event->items.raw.data,
         event->attachment_count);
    if (event->wants_ack)
        sio_ack_binary(socket, event->ack_id, slice_of("[1]"), event->attachments,
                       event->attachment_count);
    if (slice_is(event->name, "leave"))
        sio_disconnect(socket, false);
    if (slice_is(event->name, "close"))
        sio_disconnect(socket, true);
    return true;
}

static inline void rig_app_disconnect(struct sio_socket *socket, const char *reason, bool has_moved,
                                      void *app)
{
    note("%c disconnect %s: %s%s", name_of(app), socket->id, reason, has_moved ? ", moved" : "");
}

static const struct sio_app rig_app = {
    .name = "rig",
    .open = rig_app_open,
    .close = rig_app_close,
    .admit = rig_app_admit,
    .on_connect = rig_app_connect,
    .on_event = rig_app_event,
    .on_disconnect = rig_app_disconnect,
};

/* ---- the whole ------------------------------------------------------------------------------------------------- */

static inline void rig_open(void)
{
    static const struct sio_app *const apps[] = { &rig_app, &rig_app };
    static char root[] = "/", admin[] = "/admin", path[] = "/socket.io/";
    static char *namespaces[] = { root, admin };

    rig = (struct rig){
        .now_ms = 1000000,
        .config = { .socketio_path = path,
                    .socketio_namespaces = { namespaces, 2 },
                    .socketio_connect_timeout_ms = 45000,
                    .socketio_max_payload = 1000,
                    .socketio_max_attachments = 3,
                    .socketio_max_namespaces = 2 },
    };
    rig.node.config = &rig.config;
    buf_init(&rig.notes, RIG_NOTES_MAX);
    rig.sio = sio_create(&rig.node, (struct sio_app_list){ apps, 2 });
    sio_configure(rig.sio);
}

/* Whatever still lives ends with the node. */
static inline void rig_close(void)
{
    rig_expect_nothing();
    sio_destroy(&rig.sio);
    assert_int_equal(rig.node.metrics.socketio_sockets, 0);
    buf_fini(&rig.notes);
}

static inline int rig_setup(void **state)
{
    (void)state;
    rig_open();
    return 0;
}

static inline int rig_teardown(void **state)
{
    (void)state;
    rig_close();
    return 0;
}

/* A client of protocol 5 that is in `/`; what led there is not noted. */
static inline struct engine_conn *rig_connected(void)
{
    struct engine_conn *conn = rig_open_conn(ENGINE_4, "EIO=4");

    rig_text(conn, "0");
    rig_joined(RESULT_OK);
    rig_forget_notes();
    return conn;
}

#define RIG_TEST(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)

#endif
