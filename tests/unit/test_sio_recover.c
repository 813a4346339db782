/* SPDX-License-Identifier: MIT */
/*
 * A client that comes back: from the state that was written and the offset that it brings to the socket that it
 * was, or to nothing. The store answers when the test says so, what the test says.
 */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sio_asked.h"
#include "sio_entry.h"
#include "sio_recover.h"
#include "sio_room.h"
#include "store/resumes.h"

enum { ROOMS_MAX = 4, ENTRIES_MAX = 8, NOTES_MAX = 8192 };

#define PID "pid-pid-pid-pid-pid-"
#define ID  "id-id-id-id-id-id-id"
#define SID "sid-of-the-connectio"

struct store_op {
    int unused;
};

/* A channel as the store has it. */
struct room {
    const char *name;
    struct channel_batch batch;
    struct channel_entry entries[ENTRIES_MAX];
    char payloads[ENTRIES_MAX][128];
    uint64_t asked; /* the cursor that was asked for last */
};

static struct world {
    struct node node;
    struct config config;
    struct sio sio;
    struct sio_conn conn;
    struct sio_socket socket;
    struct engine_handshake handshake;
    struct room rooms[ROOMS_MAX];
    size_t room_count;
    struct buf notes, state; /* state: what was written last */
    uint32_t saves;
    enum result loads, saved;
    bool is_over; /* done was called */
    struct sio_recovery *recovery, *slot;
    struct store_op op;
    struct store_op **pending;
    resume_fn *on_loaded;
    channel_batch_fn *on_read;
    struct room *reading;
    store_done_fn *on_taken; /* NULL: nothing is being taken */
    store_done_fn *on_saved;
    void *ctx, *saved_ctx;
    deadline_fn *on_due;
    struct deadline *due;
    uint32_t due_ms;
    uint64_t cursor;  /* of every member */
    size_t room_left; /* for what waits */
} world;

static void note(const char *format, ...) PRINTF_LIKE(1, 2);
static void note(const char *format, ...)
{
    char line[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    buf_add_text(&world.notes, line);
    assert_true(buf_add_byte(&world.notes, '\n'));
}

#define expect_notes(text) expect_notes_at(__LINE__, text)
static void expect_notes_at(int line, const char *text)
{
    if (!slice_is(buf_slice(&world.notes), text))
        fail_msg("line %d: wanted\n%sgot\n%.*s", line, text, (int)world.notes.len,
                 world.notes.len > 0 ? world.notes.data : "");
    buf_clear(&world.notes);
}

/* ---- the store -------------------------------------------------------------------------------------- */

int64_t store_now_ms(const struct store *store)
{
    (void)store;
    return 5000;
}

static void wait_in(struct store_op **slot)
{
    assert_null(*slot);
    *slot = &world.op;
    world.pending = slot;
}

void store_cancel(struct store_op **slot)
{
    if (*slot != NULL)
        note("cancel");
    *slot = NULL;
}

void resume_load(struct store *store, struct slice realm, struct slice secret, resume_fn *done,
                 void *ctx, struct store_op **slot)
{
    (void)store;
    (void)realm;
    assert_true(slice_is(secret, PID));
    world.on_loaded = done;
    world.ctx = ctx;
    wait_in(slot);
}

static void check_id(const struct resume_id *id)
{
    assert_true(slice_is(id->realm, "default"));
    assert_true(slice_is(id->secret, PID));
    assert_true(slice_is(id->holder, SID));
}

void resume_save(struct store *store, const struct resume_id *id, struct slice state,
                 uint32_t ttl_ms, store_done_fn *done, void *ctx, struct store_op **slot)
{
    (void)store;
    check_id(id);
    assert_true(ttl_ms > world.config.recovery_ms);
    buf_clear(&world.state);
    assert_true(buf_add_slice(&world.state, state));
    world.saves++;
    world.on_saved = done;
    world.saved_ctx = ctx;
    (void)slot; /* answered at once, or never */
}

void resume_keep(struct store *store, const struct resume_id *id, uint32_t ttl_ms,
                 store_done_fn *done, void *ctx, struct store_op **slot)
{
    (void)store;
    (void)done;
    (void)ctx;
    (void)slot;
    check_id(id);
    note("keep for %u", (unsigned)ttl_ms);
}

void resume_forget(struct store *store, const struct resume_id *id, store_done_fn *done, void *ctx,
                   struct store_op **slot)
{
    (void)store;
    (void)slot;
    check_id(id);
    note("forget");
    if (done != NULL)
        done(RESULT_CONFLICT, ctx);
}

void resume_take(struct store *store, const struct resume_id *id, store_done_fn *done, void *ctx,
                 struct store_op **slot)
{
    (void)store;
    check_id(id);
    world.on_taken = done;
    world.ctx = ctx;
    wait_in(slot);
}

void channel_read(struct store *store, const struct channel_id *id, uint64_t cursor,
                  size_t entries_max, channel_batch_fn *done, void *ctx, struct store_op **slot)
{
    const char *hash = memchr(id->id.data, '#', id->id.len);
    size_t at = hash != NULL ? (size_t)(hash - id->id.data) + 1 : id->id.len;

    (void)store;
    assert_int_equal(entries_max, CHANNEL_READ_MAX);
    world.reading = NULL;
    for (size_t i = 0; i < world.room_count; i++)
        if (slice_is((struct slice){ id->id.data + at, id->id.len - at }, world.rooms[i].name))
            world.reading = &world.rooms[i];
    assert_non_null(world.reading);
    world.reading->asked = cursor;
    world.on_read = done;
    world.ctx = ctx;
    wait_in(slot);
}

/* An entry outlives every client that may still come for it: also one whose end was noticed late, on a node
 * that died behind the last time that it wrote. */
void channel_set_bounds(struct store *store, enum channel_kind kind,
                        const struct channel_bounds *bounds)
{
    (void)store;
    (void)kind;
    assert_true(bounds->keep_ms >= 45000 + 120000 * 3 / 2 + 1000);
}

/* What was asked last is answered. */
static void answer_load(void)
{
    struct slice state = { NULL, 0 };

    *world.pending = NULL;
    if (world.loads == RESULT_OK)
        state = buf_slice(&world.state);
    world.on_loaded(world.loads, state, world.ctx);
}

static void answer_read(enum result result)
{
    *world.pending = NULL;
    world.on_read(result, result == RESULT_OK ? &world.reading->batch : NULL, world.ctx);
}

static void answer_take(enum result result)
{
    store_done_fn *done = world.on_taken;

    *world.pending = NULL;
    world.on_taken = NULL;
    done(result, world.ctx);
}

/* ---- what stands below ------------------------------------------------------------------------------- */

void deadline_init(struct deadline *deadline)
{
    list_init(&deadline->node);
}

void deadline_set(struct deadlines *deadlines, struct deadline *deadline, uint32_t after_ms,
                  deadline_fn *on_due)
{
    (void)deadlines;
    world.due = deadline;
    world.due_ms = after_ms;
    world.on_due = on_due;
}

void deadline_clear(struct deadline *deadline)
{
    if (world.due == deadline)
        world.due = NULL;
}

void engine_random_id(char out[ENGINE_ID_LEN + 1])
{
    strcpy(out, PID);
}

const char *engine_sid(const struct engine_conn *conn)
{
    (void)conn;
    return SID;
}

void sio_socket_yield(struct sio_socket *socket)
{
    assert_ptr_equal(socket, &world.socket);
    note("yield");
}

struct slice sio_id(const struct sio_socket *socket)
{
    return slice_of(socket->id);
}

struct slice sio_namespace(const struct sio_socket *socket)
{
    return slice_of(socket->nsp);
}

struct slice sio_default_realm(void)
{
    return SLICE_LITERAL("default");
}

struct slice sio_realm(const struct sio_socket *socket)
{
    (void)socket;
    return sio_default_realm();
}

const struct engine_handshake *sio_handshake(const struct sio_socket *socket)
{
    (void)socket;
    return &world.handshake;
}

void sio_socket_rename(struct sio_socket *socket, const char *id)
{
    strcpy(socket->id, id);
}

void sio_auth_pack(const struct sio_socket *socket, struct buf *image)
{
    pack_number(image, socket->identity != NULL);
}

bool sio_auth_unpack(struct sio_socket *socket, struct unpack *image)
{
    static struct jwt expired;

    socket->identity = unpack_number(image) == 1 ? &expired : NULL;
    return !image->is_broken;
}

void sio_auth_end(struct sio_socket *socket)
{
    socket->identity = NULL;
}

bool sio_auth_has_ended(const struct sio_socket *socket)
{
    return socket->identity != NULL;
}

uint64_t sio_member_cursor(const struct sio_member *member)
{
    (void)member;
    return world.cursor;
}

struct sio_member *sio_member_find(const struct sio_socket *socket, struct slice room)
{
    LIST_EACH (node, spare, &socket->members) {
        struct sio_member *member = LIST_ENTRY(node, struct sio_member, node);

        if (slice_equals(member->room, room))
            return member;
    }
    return NULL;
}

static struct sio_member *member_add(struct slice room, uint32_t index, uint64_t from)
{
    struct sio_member *member = xcalloc(1, sizeof *member);

    member->socket = &world.socket;
    member->room = room;
    member->index = index;
    member->from = from;
    member->is_listening = true;
    list_append(&world.socket.members, &member->node);
    return member;
}

void sio_member_resume(struct sio_socket *socket, const struct sio_place *place)
{
    note("in '%.*s' as %u from %u after %u", (int)place->room.len, place->room.data,
         (unsigned)place->index, (unsigned)place->from, (unsigned)place->cursor);
    member_add(place->room, place->index, place->from);
    if (socket->members_made <= place->index)
        socket->members_made = place->index + 1;
}

static void member_free(struct sio_member *member)
{
    list_remove(&member->node);
    free(member);
}

void sio_leave(struct sio_socket *socket, struct slice room)
{
    struct sio_member *member = sio_member_find(socket, room);

    note("leave %.*s", (int)room.len, room.data);
    if (member != NULL)
        member_free(member);
}

bool sio_entry_is_for(const struct sio_entry *entry, const struct sio_member *member)
{
    (void)member;
    return entry->rooms.count == 0 || slice_is(entry->rooms.items[0], "r");
}

struct packet *sio_entry_packet(const struct sio_entry *entry)
{
    return packet_create(frame_of(entry->packet), NULL, 0);
}

bool engine_has_room(const struct engine_conn *conn, size_t bytes)
{
    (void)conn;
    return bytes <= world.room_left;
}

void sio_conn_answer(struct sio_conn *conn, struct packet *packet)
{
    (void)conn;
    note("> %.*s", (int)packet->text->len, (const char *)packet->text->data);
}

/* ---- the world ----------------------------------------------------------------------------------------- */

static struct room *room_of(const char *name)
{
    for (size_t i = 0; i < world.room_count; i++)
        if (strcmp(world.rooms[i].name, name) == 0)
            return &world.rooms[i];
    world.rooms[world.room_count].name = name;
    return &world.rooms[world.room_count++];
}

/* The room stands at `appended`; entries that are said follow on one another up to there. */
static struct room *room_at(const char *name, uint64_t appended)
{
    struct room *room = room_of(name);

    room->batch = (struct channel_batch){ .entries = room->entries, .appended = appended };
    return room;
}

static void room_say(struct room *room, const struct sio_entry *entry)
{
    size_t i = room->batch.count++;
    struct buf bytes;

    assert_true(i < ENTRIES_MAX);
    buf_init(&bytes, sizeof room->payloads[i]);
    sio_entry_write(&bytes, entry);
    memcpy(room->payloads[i], bytes.data, bytes.len);
    room->entries[i] = (struct channel_entry){ .number = ++room->batch.appended,
                                               .payload = { room->payloads[i], bytes.len } };
    buf_fini(&bytes);
}

static void room_event(struct room *room, const char *packet)
{
    room_say(room, &(struct sio_entry){ .packet = slice_of(packet) });
}

/* A socket in its namespace (from 10), its own room (from 20) and r (from 30), whose state is written. */
static int setup(void **state)
{
    static char nsp[] = "/";

    (void)state;
    world = (struct world){
        .config = { .recovery_ms = 120000, .room_keep = 1024, .socketio_pending_max = 4096 },
        .handshake = { .version = ENGINE_4 },
        .loads = RESULT_OK,
        .room_left = 4096,
    };
    world.node.config = &world.config;
    world.sio.node = &world.node;
    world.conn.sio = &world.sio;
    world.socket = (struct sio_socket){ .sio = &world.sio, .conn = &world.conn, .nsp = nsp };
    strcpy(world.socket.id, ID);
    world.socket.state = SIO_CONNECTED;
    list_init(&world.socket.members);
    list_init(&world.socket.data);
    buf_init(&world.notes, NOTES_MAX);
    buf_init(&world.state, SIO_SESSION_STATE_MAX);
    member_add(slice_of(ID), 0, 20);
    member_add(slice_of(""), 1, 10);
    member_add(slice_of("r"), 2, 30);
    world.socket.members_made = 7; /* others were left */
    room_at(ID, 20);
    room_at("", 10);
    room_at("r", 30);
    return 0;
}

static void members_free(void)
{
    while (!list_is_empty(&world.socket.members))
        member_free(LIST_ENTRY(world.socket.members.next, struct sio_member, node));
}

static void session_free(void)
{
    static const struct sio_end moved = { .leave = CHANNEL_LEAVE_BROKEN, .has_moved = true };

    sio_session_end(&world.socket, &moved);
}

static void socket_free(void)
{
    members_free();
    sio_data_end(&world.socket);
    session_free();
}

static int teardown(void **state)
{
    (void)state;
    socket_free();
    sio_recovery_destroy(&world.recovery);
    assert_null(world.slot);
    expect_notes("");
    buf_fini(&world.notes);
    buf_fini(&world.state);
    return 0;
}

/* Each member has come to its `from`, unless the test says otherwise. */
static void write_state(uint64_t cursor)
{
    world.cursor = cursor;
    sio_session_create(&world.socket, NULL);
    sio_session_save(&world.socket);
    assert_int_equal(world.saves, 1);
    socket_free();
    world.socket.members_made = 0;
    strcpy(world.socket.id, "new");
}

static void on_done(struct sio_recovery *recovery, void *ctx)
{
    assert_ptr_equal(ctx, &world);
    assert_false(world.is_over);
    world.is_over = true;
    world.recovery = recovery;
}

/* "tag" and behind it what stands in `places`: ".2-v" */
static void come_back_to(const char *nsp, const char *places)
{
    char tag[SIO_OFFSET_TAG_LEN], auth[512];

    sio_session_make_tag(PID, tag);
    snprintf(auth, sizeof auth, "{\"pid\":\"" PID "\",\"offset\":\"%.*s%s\"}", SIO_OFFSET_TAG_LEN,
             tag, places);
    assert_true(sio_recovery_begin(&world.conn, slice_of(nsp), slice_of(auth), on_done, &world,
                                   &world.slot));
    assert_non_null(world.slot);
}

static void come_back(const char *places)
{
    come_back_to("/", places);
    answer_load();
}

static void read_rooms(void)
{
    for (int i = 0; i < 3 && !world.is_over; i++)
        answer_read(RESULT_OK);
}

static void read_all(void)
{
    read_rooms();
    if (world.on_taken != NULL)
        answer_take(RESULT_OK);
    assert_true(world.is_over);
    assert_null(world.slot);
}

static void expect_count_of_failures(uint64_t count)
{
    assert_int_equal(world.node.metrics.socketio_recoveries[false], count);
    assert_int_equal(world.node.metrics.socketio_recoveries[true], 0);
}

static void expect_failure(void)
{
    assert_true(world.is_over);
    assert_null(world.recovery);
    assert_null(world.slot);
    expect_count_of_failures(1);
}

static void go_on(void)
{
    assert_non_null(world.recovery);
    assert_true(sio_recovery_apply(world.recovery, &world.socket));
    sio_recovery_join(world.recovery, &world.socket);
    sio_recovery_replay(world.recovery, &world.socket);
}

/* ---- back ------------------------------------------------------------------------------------------------ */

#define TAG "CsDo" /* of PID */

static void test_what_it_missed(void **state)
{
    struct room *r = room_at("r", 30), *own = room_at(ID, 20);

    (void)state;
    write_state(30);
    room_event(own, "42[\"own\"]");
    r->batch.appended = 31;
    room_event(r, "42[\"a\"]");
    room_event(r, "42[\"b\",1]");
    come_back(".2-v"); /* 31 in r */
    read_all();
    assert_int_equal(r->asked, 31);
    assert_int_equal(own->asked, 20);
    go_on();
    expect_notes("in '" ID "' as 0 from 20 after 21\n"
                 "in '' as 1 from 10 after 10\n"
                 "in 'r' as 2 from 30 after 33\n"
                 "> 42[\"own\",\"" TAG ".0-l.2-v\"]\n"
                 "> 42[\"a\",\"" TAG ".0-l.2-w\"]\n"
                 "> 42[\"b\",1,\"" TAG ".0-l.2-x\"]\n");
    assert_string_equal(world.socket.id, ID);
    assert_int_equal(world.socket.members_made, 7); /* none of them is used again */
    assert_int_equal(world.node.metrics.socketio_recoveries[true], 1);
}

static void test_what_is_not_repeated(void **state)
{
    const struct slice other = SLICE_LITERAL("other"), asker = SLICE_LITERAL("aaaaaaaaaa");
    struct room *r = room_at("r", 30);

    (void)state;
    write_state(30);
    room_say(r, &(struct sio_entry){ .packet = slice_of("42[\"v\"]"), .is_volatile = true });
    room_say(r, &(struct sio_entry){
                    .packet = slice_of("42[\"o\"]"), .has_target = true, .rooms = { &other, 1 } });
    room_say(r, &(struct sio_entry){ .packet = slice_of("421[\"ask\"]"), .asker = asker });
    room_event(r, "42[\"expired\"]");
    r->entries[3].expires_ms = 4999;
    room_event(r, "42[\"here\"]");
    come_back("");
    read_all();
    go_on();
    expect_notes("in '" ID "' as 0 from 20 after 20\n"
                 "in '' as 1 from 10 after 10\n"
                 "in 'r' as 2 from 30 after 35\n"
                 "> 42[\"here\",\"" TAG ".2-z\"]\n");
}

/* An order to leave is obeyed where it stands, unless it was before; what follows in that room is not for it. */
static void test_leaves(void **state)
{
    const struct slice name = SLICE_LITERAL("r"), gone = SLICE_LITERAL("x");
    struct room *r = room_at("r", 30);

    (void)state;
    write_state(31); /* 31 was obeyed */
    room_say(r, &(struct sio_entry){ .kind = SIO_ENTRY_LEAVE, .names = { &gone, 1 } });
    room_event(r, "42[\"a\"]");
    room_say(r, &(struct sio_entry){ .kind = SIO_ENTRY_LEAVE, .names = { &name, 1 } });
    room_event(r, "42[\"b\"]");
    come_back("");
    read_all();
    go_on();
    expect_notes("in '" ID "' as 0 from 20 after 20\n"
                 "in '' as 1 from 10 after 10\n"
                 "in 'r' as 2 from 30 after 34\n"
                 "> 42[\"a\",\"" TAG ".2-w\"]\n"
                 "leave r\n");
}

static void test_a_long_read(void **state)
{
    struct room *r = room_at("r", 30);

    (void)state;
    write_state(30);
    room_event(r, "42[\"a\"]");
    r->batch.has_more = true;
    r->batch.appended = 32;
    come_back("");
    answer_read(RESULT_OK); /* own */
    answer_read(RESULT_OK); /* the namespace */
    answer_read(RESULT_OK);
    assert_false(world.is_over);
    r = room_at("r", 31);
    room_event(r, "42[\"b\"]");
    answer_read(RESULT_OK);
    assert_int_equal(r->asked, 31);
    answer_take(RESULT_OK);
    go_on();
    expect_notes("in '" ID "' as 0 from 20 after 20\n"
                 "in '' as 1 from 10 after 10\n"
                 "in 'r' as 2 from 30 after 32\n"
                 "> 42[\"a\",\"" TAG ".2-v\"]\n"
                 "> 42[\"b\",\"" TAG ".2-w\"]\n");
}

/* ---- not back ---------------------------------------------------------------------------------------------- */

static void test_auth_without_it(void **state)
{
    static const char *const rows[] = {
        "{}",
        "{\"pid\":\"" PID "\"}",
        "{\"offset\":\"x\"}",
        "{\"pid\":1,\"offset\":\"x\"}",
        "{\"pid\":\"short\",\"offset\":\"x\"}",
        "{\"pid\":\"pid-pid-pid-pid-pid-p\",\"offset\":\"x\"}",
        "{\"pid\":\"pid-pid-pid-pid\\npid-\",\"offset\":\"x\"}",
        "{\"pid\":\"" PID "\",\"offset\":{}}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (sio_recovery_begin(&world.conn, slice_of("/"), slice_of(rows[i]), on_done, &world,
                               &world.slot))
            fail_msg("%s", rows[i]);
    world.config.recovery_ms = 0;
    assert_false(sio_recovery_begin(&world.conn, slice_of("/"),
                                    slice_of("{\"pid\":\"" PID "\",\"offset\":\"" TAG "\"}"),
                                    on_done, &world, &world.slot));
}

static void test_no_state(void **state)
{
    static const enum result results[] = { RESULT_NOT_FOUND, RESULT_UNAVAILABLE, RESULT_UNCERTAIN };

    (void)state;
    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++) {
        world.loads = results[i];
        world.is_over = false;
        world.node.metrics.socketio_recoveries[false] = 0;
        come_back("");
        expect_failure();
    }
}

static void test_another_namespace(void **state)
{
    (void)state;
    write_state(30);
    come_back_to("/admin", "");
    answer_load();
    expect_failure();
}

/* Cut anywhere. */
static void test_broken_states(void **state)
{
    size_t whole;

    (void)state;
    write_state(30);
    whole = world.state.len;
    for (size_t len = 0; len < whole; len++) {
        world.state.len = len;
        world.is_over = false;
        come_back("");
        if (!world.is_over)
            read_all();
        if (world.recovery != NULL) {
            assert_false(sio_recovery_apply(world.recovery, &world.socket));
            expect_notes("forget\n");
        }
        sio_recovery_destroy(&world.recovery);
        assert_string_equal(world.socket.id, "new");
        assert_null(world.socket.session);
    }
    world.state.len = whole;
}

static void test_offsets(void **state)
{
    static const struct {
        const char *name, *places;
    } rows[] = {
        { "no number", ".2" },
        { "no index", ".-5" },
        { "no place", "." },
        { "not a digit", ".2-V" },
        { "behind it all", ".2-3w5e11264sgsf" },
        { "more than a number can be", ".2-zzzzzzzzzzzzzz" },
        { "before it joined", ".2-a" },
        { "something behind", ".2-v " },
    };

    (void)state;
    write_state(30);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        world.is_over = false;
        come_back(rows[i].places);
        if (!world.is_over || world.recovery != NULL)
            fail_msg("%s", rows[i].name);
    }
}

static void test_wrong_tag(void **state)
{
    (void)state;
    write_state(30);
    assert_true(sio_recovery_begin(&world.conn, slice_of("/"),
                                   slice_of("{\"pid\":\"" PID "\",\"offset\":\"abcd.2-v\"}"),
                                   on_done, &world, &world.slot));
    answer_load();
    expect_failure();
}

/* It was written that it joins; where the room stood then nobody knows. */
static void test_a_room_that_had_not_begun(void **state)
{
    (void)state;
    member_add(slice_of("s"), 3, 0)->is_listening = false;
    write_state(30);
    come_back("");
    expect_failure();
}

static const struct {
    const char *name;
    struct channel_batch batch; /* of r, where it is after 30 */
    uint64_t first;             /* the number of its only entry; 0: there is none */
    enum result result;
} bad_reads[] = {
    { "no answer", { .appended = 30 }, 0, RESULT_UNCERTAIN },
    { "a gap", { .appended = 33, .missed = 2 }, 33, RESULT_OK },
    { "a hole", { .appended = 33 }, 33, RESULT_OK },
    { "all is gone", { .appended = 33 }, 0, RESULT_OK },
    { "gone back", { .appended = 29, .has_gone_back = true }, 0, RESULT_OK },
    { "lost", { .appended = 0 }, 0, RESULT_OK },
};

static void test_bad_reads(void **state)
{
    (void)state;
    write_state(30);
    for (size_t i = 0; i < sizeof bad_reads / sizeof bad_reads[0]; i++) {
        struct room *r = room_at("r", bad_reads[i].first - 1);

        if (bad_reads[i].first != 0)
            room_event(r, "42[\"a\"]");
        r->batch.appended = bad_reads[i].batch.appended;
        r->batch.missed = bad_reads[i].batch.missed;
        r->batch.has_gone_back = bad_reads[i].batch.has_gone_back;
        world.is_over = false;
        come_back("");
        answer_read(RESULT_OK);
        answer_read(RESULT_OK);
        answer_read(bad_reads[i].result);
        if (!world.is_over || world.recovery != NULL)
            fail_msg("%s", bad_reads[i].name);
    }
}

static void test_too_many_bytes(void **state)
{
    struct room *r = room_at("r", 30);

    (void)state;
    write_state(30);
    world.config.socketio_pending_max = 20;
    room_event(r, "42[\"0123456789\"]");
    room_event(r, "42[\"0123456789\"]");
    come_back("");
    read_all();
    expect_failure();
}

/* Each is sent with an offset, which names every room. */
static void test_offsets_count(void **state)
{
    struct room *r = room_at("r", 30);

    (void)state;
    write_state(30);
    world.config.socketio_pending_max = 200;
    for (int i = 0; i < 4; i++)
        room_event(r, "42[\"0123456789\"]");
    come_back("");
    read_all();
    expect_failure();
}

/* Another namespace of the same client has just been given what it missed. */
static void test_no_room_for_it(void **state)
{
    (void)state;
    write_state(30);
    room_event(room_at("r", 30), "42[\"0123456789\"]");
    come_back("");
    read_all();
    world.room_left = 20;
    assert_false(sio_recovery_apply(world.recovery, &world.socket));
    expect_notes("forget\n");
    expect_count_of_failures(1);
    assert_null(world.socket.session);
    assert_string_equal(world.socket.id, "new");
}

/* What a back end made of it meanwhile. */
static void test_orders_in_the_gap(void **state)
{
    static const enum sio_entry_kind kinds[] = { SIO_ENTRY_JOIN, SIO_ENTRY_DISCONNECT,
                                                 SIO_ENTRY_CLOSE };
    const struct slice name = SLICE_LITERAL("s");

    (void)state;
    write_state(30);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        room_say(room_at("r", 30),
                 &(struct sio_entry){ .kind = kinds[i],
                                      .names = { &name, kinds[i] == SIO_ENTRY_JOIN } });
        world.is_over = false;
        come_back("");
        read_all();
        assert_null(world.recovery);
    }
}

/* Orders to all of a namespace that are for others. */
static void test_orders_to_others(void **state)
{
    const struct slice name = SLICE_LITERAL("s"), other = SLICE_LITERAL("other"),
                       r = SLICE_LITERAL("r");
    struct room *nsp = room_at("", 10);

    (void)state;
    write_state(10);
    room_say(nsp, &(struct sio_entry){ .kind = SIO_ENTRY_JOIN,
                                       .names = { &name, 1 },
                                       .has_target = true,
                                       .rooms = { &other, 1 } });
    room_say(nsp, &(struct sio_entry){
                      .kind = SIO_ENTRY_CLOSE, .has_target = true, .except = { &r, 1 } });
    come_back("");
    read_all();
    assert_non_null(world.recovery);
}

/* It left a room by the word of another channel: how much was said in the room before that nobody knows. */
static void test_leaves_by_another_channel(void **state)
{
    const struct slice r = SLICE_LITERAL("r");
    const struct sio_entry leave = { .kind = SIO_ENTRY_LEAVE, .names = { &r, 1 } };

    (void)state;
    write_state(10);
    room_say(room_at(ID, 20), &leave);
    come_back("");
    read_all();
    assert_non_null(world.recovery);
    sio_recovery_destroy(&world.recovery);
    world.is_over = false;
    room_event(room_at("r", 30), "42[\"a\"]");
    come_back("");
    read_all();
    expect_failure();
}

static void test_identity_has_ended(void **state)
{
    static struct jwt identity;

    (void)state;
    world.socket.identity = &identity;
    write_state(30);
    world.socket.identity = NULL;
    come_back("");
    read_all();
    assert_false(sio_recovery_apply(world.recovery, &world.socket));
    expect_notes("forget\n");
    expect_count_of_failures(1);
    assert_null(world.socket.identity);
    assert_null(world.socket.session);
    assert_string_equal(world.socket.id, "new");
}

static void test_cancelled_at_each_step(void **state)
{
    (void)state;
    write_state(30);
    for (int steps = 0; steps < 5; steps++) {
        come_back_to("/", "");
        if (steps > 0)
            answer_load();
        for (int i = 1; i < steps; i++)
            answer_read(RESULT_OK);
        sio_recovery_destroy(&world.slot);
        assert_false(world.is_over);
        expect_notes("cancel\n");
    }
}

/* Its goodbye, or Redis, was faster. */
static void test_it_cannot_be_taken(void **state)
{
    static const enum result results[] = { RESULT_NOT_FOUND, RESULT_UNAVAILABLE, RESULT_UNCERTAIN };

    (void)state;
    write_state(30);
    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++) {
        world.is_over = false;
        world.node.metrics.socketio_recoveries[false] = 0;
        come_back("");
        read_rooms();
        assert_false(world.is_over);
        answer_take(results[i]);
        expect_failure();
    }
}

static void test_how_long_rooms_keep(void **state)
{
    (void)state;
    world.config.socketio_ping_interval_ms = 25000;
    world.config.socketio_ping_timeout_ms = 20000;
    sio_rooms_configure(&world.sio);
}

/* ---- what is written ------------------------------------------------------------------------------------------ */

static void test_save_that_failed(void **state)
{
    (void)state;
    sio_session_create(&world.socket, NULL);
    sio_session_save(&world.socket);
    assert_int_equal(world.due_ms, 61000); /* half the window and a little */
    world.on_saved(RESULT_UNCERTAIN, world.saved_ctx);
    assert_int_equal(world.due_ms, 1000);
    world.on_due(world.due);
    assert_int_equal(world.saves, 2);
    world.on_saved(RESULT_OK, world.saved_ctx);
    assert_int_equal(world.due_ms, 61000);
}

/* Its client has come back elsewhere. */
static void test_somebody_else_holds_it(void **state)
{
    (void)state;
    sio_session_create(&world.socket, NULL);
    sio_session_save(&world.socket);
    world.on_saved(RESULT_CONFLICT, world.saved_ctx);
    expect_notes("yield\n");
}

static void on_forgotten(enum result result, void *ctx)
{
    assert_ptr_equal(ctx, &world);
    note("%s", result_name(result));
}

static void test_what_came_of_a_goodbye(void **state)
{
    static const struct sio_end goodbye = { .leave = CHANNEL_LEAVE_IN_ORDER };
    struct store_op *slot = NULL;

    (void)state;
    assert_false(sio_forget(&world.socket, on_forgotten, &world, &slot));
    sio_session_create(&world.socket, NULL);
    assert_false(sio_forget(&world.socket, on_forgotten, &world, &slot)); /* nothing is written */
    sio_session_save(&world.socket);
    assert_true(sio_forget(&world.socket, on_forgotten, &world, &slot));
    expect_notes("forget\nconflict\n");
    sio_session_end(&world.socket, &goodbye);
    expect_notes("");
}

static void test_state_that_is_too_large(void **state)
{
    static char data[SIO_SESSION_STATE_MAX];

    (void)state;
    sio_session_create(&world.socket, NULL);
    sio_session_save(&world.socket);
    memset(data, '1', sizeof data);
    sio_set_data(&world.socket, "app", (struct slice){ data, sizeof data });
    expect_notes("forget\n");
    assert_int_equal(world.saves, 1);
    sio_set_data(&world.socket, "app", slice_of("1"));
    assert_int_equal(world.saves, 2);
}

static void test_recovery_is_switched_off_and_on(void **state)
{
    (void)state;
    sio_session_create(&world.socket, NULL);
    sio_session_save(&world.socket);
    world.config.recovery_ms = 0;
    world.on_due(world.due);
    expect_notes("forget\n");
    world.on_due(world.due);
    expect_notes("");
    assert_int_equal(world.saves, 1);
    world.config.recovery_ms = 1000;
    world.on_due(world.due);
    assert_int_equal(world.saves, 2);
}

static void test_ends(void **state)
{
    static const struct {
        struct sio_end end;
        const char *notes;
    } rows[] = {
        { { .leave = CHANNEL_LEAVE_IN_ORDER }, "forget\n" },
        { { .leave = CHANNEL_LEAVE_BROKEN }, "keep for 120001\n" },
        { { .leave = CHANNEL_LEAVE_BROKEN, .has_moved = true }, "" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        sio_session_create(&world.socket, PID);
        sio_session_end(&world.socket, &rows[i].end);
        expect_notes(rows[i].notes);
        assert_null(world.socket.session);
        assert_null(world.due);
    }
}

static void test_who_is_wanted(void **state)
{
    (void)state;
    assert_true(sio_session_is_wanted(&world.socket));
    world.handshake.version = ENGINE_3;
    assert_false(sio_session_is_wanted(&world.socket));
    world.handshake.version = ENGINE_4;
    world.config.recovery_ms = 0;
    assert_false(sio_session_is_wanted(&world.socket));
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(test_what_it_missed),
        TEST(test_what_is_not_repeated),
        TEST(test_leaves),
        TEST(test_a_long_read),
        TEST(test_auth_without_it),
        TEST(test_no_state),
        TEST(test_another_namespace),
        TEST(test_broken_states),
        TEST(test_offsets),
        TEST(test_wrong_tag),
        TEST(test_a_room_that_had_not_begun),
        TEST(test_bad_reads),
        TEST(test_too_many_bytes),
        TEST(test_offsets_count),
        TEST(test_no_room_for_it),
        TEST(test_orders_in_the_gap),
        TEST(test_orders_to_others),
        TEST(test_leaves_by_another_channel),
        TEST(test_identity_has_ended),
        TEST(test_cancelled_at_each_step),
        TEST(test_it_cannot_be_taken),
        TEST(test_how_long_rooms_keep),
        TEST(test_save_that_failed),
        TEST(test_somebody_else_holds_it),
        TEST(test_what_came_of_a_goodbye),
        TEST(test_state_that_is_too_large),
        TEST(test_recovery_is_switched_off_and_on),
        TEST(test_ends),
        TEST(test_who_is_wanted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
