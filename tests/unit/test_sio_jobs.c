/* SPDX-License-Identifier: MIT */
/* The job room on sockets that only note what is done to them, and a store that answers when the test says. */
#include "support.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "deadline.h"
#include "jobs.h"
#include "jobs_room.h"
#include "node.h"
#include "store/jobs.h"
#include "store/topic.h"

enum { SOCKETS = 3, ROOMS_MAX = 4, OPS_MAX = 64, TOPICS_MAX = 8, TIMERS_MAX = 64 };

struct sio_socket {
    const char *name, *nsp;
    char rooms[ROOMS_MAX][JOB_ROOM_MAX + 1];
    char *data;
    struct list tasks;
};

struct store_op {
    char job[KEY_ID_MAX + 1];
    job_found_fn *done;
    void *ctx;
    struct store_op **slot;
};

struct topic {
    char key[KEY_ID_MAX + 8];
    topic_fn *on_news;
    void *ctx;
};

static struct rig {
    struct config config;
    struct node node;
    void *app;
    struct sio_socket sockets[SOCKETS];
    struct buf notes;
    struct store_op *ops[OPS_MAX]; /* oldest first */
    size_t op_count;
    struct {
        sio_joined_fn *done;
        void *ctx;
        struct sio_socket *socket;
    } joins[OPS_MAX];
    size_t join_count;
    struct topic *topics[TOPICS_MAX];
    size_t topic_count;
    struct {
        struct deadline *deadline;
        int64_t due_ms;
        deadline_fn *on_due;
    } timers[TIMERS_MAX];
    size_t timer_count;
    int64_t now_ms;
    bool has_events, is_forbidden;
} rig;

static void note(const char *format, ...) PRINTF_LIKE(1, 2);
static void note(const char *format, ...)
{
    char line[2048];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    assert_true(buf_printf(&rig.notes, "%s\n", line));
}

#define expect(...) expect_at(__LINE__, __VA_ARGS__, NULL)

static void expect_at(int line, ...)
{
    const char *text;
    struct buf want;
    va_list args;

    buf_init(&want, 65536);
    va_start(args, line);
    while ((text = va_arg(args, const char *)) != NULL)
        buf_printf(&want, "%s\n", text);
    va_end(args);
    if (!slice_equals(buf_slice(&want), buf_slice(&rig.notes)))
        fail_msg("line %d: wanted\n%.*sgot\n%.*s", line, (int)want.len, want.data,
                 (int)rig.notes.len, rig.notes.len > 0 ? rig.notes.data : "");
    buf_fini(&want);
    buf_clear(&rig.notes);
}

#define expect_nothing() assert_int_equal(rig.notes.len, 0)

/* ---- sockets ------------------------------------------------------------------------------------ */

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

bool sio_allows(const struct sio_socket *socket, struct slice room, enum jwt_right right)
{
    (void)socket;
    assert_int_equal(right, JWT_RIGHT_JOIN);
    assert_memory_equal(room.data, "job:", 4);
    return !rig.is_forbidden;
}

static char *room_of(const struct sio_socket *socket, struct slice room)
{
    for (size_t i = 0; i < ROOMS_MAX; i++)
        if (slice_is(room, socket->rooms[i]))
            return (char *)(uintptr_t)socket->rooms[i];
    return NULL;
}

bool sio_is_in(const struct sio_socket *socket, struct slice room)
{
    return room_of(socket, room) != NULL;
}

void sio_join(struct sio_socket *socket, struct slice room, sio_joined_fn *done, void *ctx)
{
    note("%s joins %.*s", socket->name, (int)room.len, room.data);
    for (size_t i = 0; i < ROOMS_MAX && !sio_is_in(socket, room); i++)
        if (socket->rooms[i][0] == '\0')
            memcpy(socket->rooms[i], room.data, room.len);
    rig.joins[rig.join_count].done = done;
    rig.joins[rig.join_count].ctx = ctx;
    rig.joins[rig.join_count++].socket = socket;
    assert_true(rig.join_count < OPS_MAX);
}

static void leave(struct sio_socket *socket, const char *room)
{
    memset(room_of(socket, slice_of(room)), 0, JOB_ROOM_MAX + 1);
}

/* Answers the oldest. */
static void joined(enum result result)
{
    sio_joined_fn *done = rig.joins[0].done;
    void *ctx = rig.joins[0].ctx;

    assert_true(rig.join_count > 0);
    memmove(&rig.joins[0], &rig.joins[1], --rig.join_count * sizeof rig.joins[0]);
    done(result, ctx);
}

void sio_send(struct sio_socket *socket, struct slice items)
{
    note("%s is sent %.*s", socket->name, (int)items.len, items.data);
}

void sio_ack(struct sio_socket *socket, uint64_t ack_id, struct slice args)
{
    note("%s ack %" PRIu64 " %.*s", socket->name, ack_id, (int)args.len, args.data);
}

struct slice sio_data(const struct sio_socket *socket, const char *app)
{
    assert_string_equal(app, "jobs");
    return slice_of(socket->data);
}

void sio_set_data(struct sio_socket *socket, const char *app, struct slice json)
{
    char *old = socket->data;

    assert_string_equal(app, "jobs");
    socket->data = json.data != NULL ? slice_dup(json) : NULL;
    free(old);
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
    task->socket = socket;
    task->on_gone = on_gone;
    list_append(&socket->tasks, &task->node);
}

void sio_task_end(struct sio_task *task)
{
    if (task->socket != NULL)
        list_remove(&task->node);
    task->socket = NULL;
}

/* As the socket layer does it: tasks, then the apps, then who waits to have joined is forgotten. */
static void end(struct sio_socket *socket, bool has_moved)
{
    while (!list_is_empty(&socket->tasks)) {
        struct sio_task *task = LIST_ENTRY(socket->tasks.next, struct sio_task, node);

        sio_task_end(task);
        task->on_gone(task);
    }
    jobs_app.on_disconnect(socket, "transport close", has_moved, rig.app);
    for (size_t i = rig.join_count; i-- > 0;)
        if (rig.joins[i].socket == socket)
            memmove(&rig.joins[i], &rig.joins[i + 1], (--rig.join_count - i) * sizeof rig.joins[0]);
}

/* ---- the store ---------------------------------------------------------------------------------- */

int64_t store_now_ms(const struct store *store)
{
    (void)store;
    return rig.now_ms;
}

bool store_has_keyspace_events(const struct store *store)
{
    (void)store;
    return rig.has_events;
}

static void op_remove(size_t at)
{
    *rig.ops[at]->slot = NULL;
    memmove(&rig.ops[at], &rig.ops[at + 1], (--rig.op_count - at) * sizeof rig.ops[0]);
}

void store_cancel(struct store_op **slot)
{
    struct store_op *op = *slot;

    for (size_t i = 0; op != NULL && i < rig.op_count; i++) {
        if (rig.ops[i] == op) {
            op_remove(i);
            free(op);
            return;
        }
    }
}

void job_find(struct store *store, const struct job_id *id, job_found_fn *done, void *ctx,
              struct store_op **slot)
{
    struct store_op *op = xcalloc(1, sizeof *op);

    (void)store;
    assert_null(*slot);
    assert_true(slice_is(id->realm, "default"));
    memcpy(op->job, id->job.data, id->job.len);
    op->done = done;
    op->ctx = ctx;
    op->slot = slot;
    *slot = op;
    rig.ops[rig.op_count++] = op;
    assert_true(rig.op_count < OPS_MAX);
}

/* Answers the oldest question. */
static void found(const char *job, enum result result)
{
    struct store_op *op = rig.ops[0];

    assert_true(rig.op_count > 0);
    assert_string_equal(op->job, job);
    op_remove(0);
    op->done(result, NULL, op->ctx);
    free(op);
}

void job_heartbeat_key(const struct job_id *id, struct key *key)
{
    key->len =
        (size_t)snprintf(key->text, sizeof key->text, "hb:%.*s", (int)id->job.len, id->job.data);
}

struct topic *topic_subscribe(struct store *store, enum topic_kind kind, const char *key,
                              topic_fn *on_news, void *ctx)
{
    struct topic *topic = xcalloc(1, sizeof *topic);

    (void)store;
    assert_int_equal(kind, TOPIC_KEY);
    note("subscribe %s", key);
    for (size_t i = 0; i < rig.topic_count; i++)
        assert_string_not_equal(rig.topics[i]->key, key);
    snprintf(topic->key, sizeof topic->key, "%s", key);
    topic->on_news = on_news;
    topic->ctx = ctx;
    rig.topics[rig.topic_count++] = topic;
    return topic;
}

void topic_unsubscribe(struct topic **topic)
{
    note("unsubscribe %s", (*topic)->key);
    for (size_t i = 0; i < rig.topic_count; i++)
        if (rig.topics[i] == *topic)
            rig.topics[i] = rig.topics[--rig.topic_count];
    free(*topic);
    *topic = NULL;
}

static void bring(const char *job, enum topic_news news, const char *message)
{
    for (size_t i = 0; i < rig.topic_count; i++)
        if (strcmp(rig.topics[i]->key + 3, job) == 0)
            rig.topics[i]->on_news(rig.topics[i], news, slice_of(message), rig.topics[i]->ctx);
}

/* ---- time --------------------------------------------------------------------------------------- */

struct deadlines *deadlines_create(uv_loop_t *loop)
{
    (void)loop;
    return NULL;
}

void deadlines_destroy(struct deadlines **deadlines)
{
    (void)deadlines;
    assert_int_equal(rig.timer_count, 0);
}

void deadline_init(struct deadline *deadline)
{
    list_init(&deadline->node);
}

void deadline_clear(struct deadline *deadline)
{
    for (size_t i = 0; i < rig.timer_count; i++)
        if (rig.timers[i].deadline == deadline)
            rig.timers[i] = rig.timers[--rig.timer_count];
}

void deadline_set(struct deadlines *deadlines, struct deadline *deadline, uint32_t after_ms,
                  deadline_fn *on_due)
{
    (void)deadlines;
    deadline_clear(deadline);
    rig.timers[rig.timer_count].deadline = deadline;
    rig.timers[rig.timer_count].due_ms = rig.now_ms + after_ms;
    rig.timers[rig.timer_count++].on_due = on_due;
    assert_true(rig.timer_count < TIMERS_MAX);
}

static void pass(uint32_t ms)
{
    rig.now_ms += ms;
    for (size_t i = 0; i < rig.timer_count;) {
        struct deadline *deadline = rig.timers[i].deadline;
        deadline_fn *on_due = rig.timers[i].on_due;

        if (rig.timers[i].due_ms > rig.now_ms) {
            i++;
            continue;
        }
        deadline_clear(deadline);
        on_due(deadline);
        i = 0;
    }
}

/* ---- the rig ------------------------------------------------------------------------------------ */

#define SUCCESS                                                                                    \
    "[\"system_message\",{\"type\":\"INTEGRATION_SUCCESS\",\"message\":\"This server has RCL "     \
    "Integration enabled.\",\"timestamp\":1800000000000}]"
#define LOST                                                                                       \
    "[\"system_message\",{\"type\":\"INTEGRATION_LOST\",\"message\":\"This server has no RCL "     \
    "Integration any more.\",\"timestamp\":1800000000000}]"

static struct sio_socket *const ann = &rig.sockets[0], *const bob = &rig.sockets[1],
                                *const other = &rig.sockets[2];

static int start(void **state)
{
    (void)state;
    memset(&rig, 0, sizeof rig);
    buf_init(&rig.notes, 65536);
    rig.now_ms = 1800000000000;
    rig.has_events = true;
    rig.node.config = &rig.config;
    ann->name = "ann";
    bob->name = "bob";
    other->name = "other";
    ann->nsp = bob->nsp = "/";
    other->nsp = "/other";
    for (size_t i = 0; i < SOCKETS; i++)
        list_init(&rig.sockets[i].tasks);
    rig.app = jobs_app.open(&rig.node, NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    expect_nothing();
    for (size_t i = 0; i < SOCKETS; i++) {
        end(&rig.sockets[i], false);
        free(rig.sockets[i].data);
    }
    jobs_app.close(rig.app);
    assert_int_equal(rig.op_count + rig.topic_count + rig.join_count, 0);
    buf_fini(&rig.notes);
    return 0;
}

static bool say_to(struct sio_socket *socket, const char *name, const char *args, bool wants_ack)
{
    struct sio_event event = { .name = slice_of(name), .wants_ack = wants_ack, .ack_id = 7 };
    char items[1024];

    snprintf(items, sizeof items, "[\"%s\"%s]", name, args);
    assert_true(json_parse(slice_of(items), &event.items));
    return jobs_app.on_event(socket, &event, rig.app);
}

static void say(struct sio_socket *socket, const char *args)
{
    assert_true(say_to(socket, "join_job", args, true));
}

/* It watches job "j", which it was told is alive, or not. */
static void watch(struct sio_socket *socket, bool is_alive)
{
    bool is_first = rig.topic_count == 0;

    say(socket, ",{\"jobId\":\"j\",\"watch\":true}");
    joined(RESULT_OK);
    found("j", is_alive ? RESULT_OK : RESULT_NOT_FOUND);
    if (is_first) {
        bring("j", TOPIC_UP, NULL);
        found("j", is_alive ? RESULT_OK : RESULT_NOT_FOUND);
    }
    buf_clear(&rig.notes);
}

/* ---- joining ------------------------------------------------------------------------------------ */

static void a_living_job(void **state)
{
    (void)state;
    say(ann, ",{\"jobId\":\"j\"}");
    expect("ann joins job:j");
    joined(RESULT_OK);
    expect_nothing();
    found("j", RESULT_OK);
    expect("ann is sent " SUCCESS, "ann ack 7 [{\"integrated\":true}]");
    assert_true(list_is_empty(&ann->tasks));
    assert_null(ann->data);
}

static void a_job_without_a_heartbeat(void **state)
{
    (void)state;
    say(ann, ",{\"jobId\":\"j\",\"watch\":1}");
    joined(RESULT_OK);
    found("j", RESULT_NOT_FOUND);
    expect("ann joins job:j", "ann ack 7 [{\"integrated\":false}]");
}

static void nobody_wants_an_ack(void **state)
{
    (void)state;
    say_to(ann, "join_job", ",{\"jobId\":\"j\"}", false);
    joined(RESULT_OK);
    found("j", RESULT_OK);
    expect("ann joins job:j", "ann is sent " SUCCESS);
    say_to(ann, "join_job", ",{\"jobId\":\"j\"}", false);
    joined(RESULT_OK);
    found("j", RESULT_UNAVAILABLE);
    expect("ann joins job:j");
    say_to(ann, "join_job", "", false);
    expect_nothing();
}

static void what_is_no_job_id(void **state)
{
    static char long_id[200];
    static const char *const cases[] = {
        "",
        ",null",
        ",\"j\"",
        ",[\"j\"]",
        ",{}",
        ",{\"jobId\":5}",
        ",{\"jobId\":\"\"}",
        ",{\"jobId\":\"a\\u0001\"}",
        ",{\"jobId\":\"\\ud800\"}",
        long_id,
    };

    (void)state;
    snprintf(long_id, sizeof long_id, ",{\"jobId\":\"%0129d\"}", 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        say(ann, cases[i]);
        expect("ann ack 7 [{\"error\":\"Invalid job id.\"}]");
    }
}

static void what_is_not_for_us(void **state)
{
    (void)state;
    assert_false(say_to(ann, "other", ",{\"jobId\":\"j\"}", true));
    assert_false(say_to(other, "join_job", ",{\"jobId\":\"j\"}", true));
}

static void without_the_right(void **state)
{
    (void)state;
    rig.is_forbidden = true;
    say(ann, ",{\"jobId\":\"j\"}");
    expect("ann ack 7 [{\"error\":\"Not authorized.\"}]");
}

static void what_goes_wrong(void **state)
{
    static const struct {
        enum result joined, found;
        const char *want;
    } cases[] = {
        { RESULT_INVALID, RESULT_OK, "ann ack 7 [{\"error\":\"Invalid job id.\"}]" },
        { RESULT_REFUSED, RESULT_OK, "ann ack 7 [{\"error\":\"Too many rooms.\"}]" },
        { RESULT_UNAVAILABLE, RESULT_OK, "ann ack 7 [{\"error\":\"The store is unavailable.\"}]" },
        { RESULT_OK, RESULT_UNAVAILABLE, "ann ack 7 [{\"error\":\"The store is unavailable.\"}]" },
        { RESULT_OK, RESULT_UNCERTAIN, "ann ack 7 [{\"error\":\"The store is unavailable.\"}]" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        say(ann, ",{\"jobId\":\"j\",\"watch\":true}");
        joined(cases[i].joined);
        if (cases[i].joined == RESULT_OK)
            found("j", cases[i].found);
        expect("ann joins job:j", cases[i].want);
    }
}

static void no_more_at_once_than_may(void **state)
{
    (void)state;
    for (int i = 0; i < JOBS_JOINS_MAX; i++)
        say(ann, ",{\"jobId\":\"j\"}");
    buf_clear(&rig.notes);
    say(ann, ",{\"jobId\":\"j\"}");
    expect("ann ack 7 [{\"error\":\"Too many at once.\"}]");
    assert_int_equal(rig.node.metrics.limits[LIMIT_JOB_JOINS], 1);
    joined(RESULT_OK);
    found("j", RESULT_NOT_FOUND);
    say(ann, ",{\"jobId\":\"j\"}");
    expect("ann ack 7 [{\"integrated\":false}]", "ann joins job:j");
}

static void it_takes_too_long(void **state)
{
    (void)state;
    say(ann, ",{\"jobId\":\"j\"}");
    pass(JOBS_JOIN_MS);
    expect("ann joins job:j", "ann ack 7 [{\"error\":\"The store is unavailable.\"}]");
    assert_true(list_is_empty(&ann->tasks)); /* it may move again */
    joined(RESULT_OK);
    expect_nothing();
    say(ann, ",{\"jobId\":\"j\"}");
    joined(RESULT_OK);
    pass(JOBS_JOIN_MS);
    expect("ann joins job:j", "ann ack 7 [{\"error\":\"The store is unavailable.\"}]");
    assert_int_equal(rig.op_count, 0);
    say(ann, ",{\"jobId\":\"j\"}"); /* and stop() ends it after its time */
    pass(JOBS_JOIN_MS);
    buf_clear(&rig.notes);
}

static void clients_go(void **state)
{
    (void)state;
    say(ann, ",{\"jobId\":\"j\"}");
    end(ann, false); /* while it joins */
    say(ann, ",{\"jobId\":\"j\"}");
    joined(RESULT_OK);
    end(ann, true); /* while it asks */
    assert_int_equal(rig.op_count, 0);
    end(ann, false); /* when we do not know it */
    expect("ann joins job:j", "ann joins job:j");
}

/* ---- watching ----------------------------------------------------------------------------------- */

static void changes_are_told(void **state)
{
    (void)state;
    say(ann, ",{\"jobId\":\"j\",\"watch\":true}");
    joined(RESULT_OK);
    found("j", RESULT_NOT_FOUND);
    expect("ann joins job:j", "ann ack 7 [{\"integrated\":false}]", "subscribe hb:j");
    assert_string_equal(ann->data, "{\"j\":false}");
    bring("j", TOPIC_UP, NULL);
    found("j", RESULT_NOT_FOUND);
    expect_nothing();
    bring("j", TOPIC_MESSAGE, "set");
    found("j", RESULT_OK);
    expect("ann is sent " SUCCESS);
    assert_string_equal(ann->data, "{\"j\":true}");
    bring("j", TOPIC_MESSAGE, "expire");
    bring("j", TOPIC_MESSAGE, "set"); /* the next poll is no news */
    assert_int_equal(rig.op_count, 0);
    bring("j", TOPIC_MESSAGE, "expired");
    found("j", RESULT_NOT_FOUND);
    expect("ann is sent " LOST);
    assert_string_equal(ann->data, "{\"j\":false}");
}

/* "expired" of the last life and "set" of the next arrive behind an answer that knows both. */
static void events_may_be_late(void **state)
{
    (void)state;
    watch(ann, true);
    bring("j", TOPIC_MESSAGE, "expired");
    bring("j", TOPIC_MESSAGE, "set");
    assert_int_equal(rig.op_count, 1);
    found("j", RESULT_OK);
    found("j", RESULT_OK); /* asked again, because something happened meanwhile */
    assert_int_equal(rig.op_count, 0);
    expect_nothing();
}

static void one_subscription_for_all(void **state)
{
    (void)state;
    watch(ann, false);
    say(bob, ",{\"jobId\":\"j\",\"watch\":true}");
    joined(RESULT_OK);
    found("j", RESULT_OK); /* the first to hear of it */
    expect("bob joins job:j", "bob is sent " SUCCESS, "bob ack 7 [{\"integrated\":true}]",
           "ann is sent " SUCCESS);
    bring("j", TOPIC_MESSAGE, "del");
    found("j", RESULT_NOT_FOUND);
    expect("ann is sent " LOST, "bob is sent " LOST);
    end(ann, false);
    expect_nothing();
    end(bob, false);
    expect("unsubscribe hb:j");
}

static void watching_twice_is_watching_once(void **state)
{
    (void)state;
    watch(ann, true);
    watch(ann, true);
    bring("j", TOPIC_MESSAGE, "expired");
    found("j", RESULT_NOT_FOUND);
    expect("ann is sent " LOST);
    assert_string_equal(ann->data, "{\"j\":false}");
}

static void a_client_that_left_the_room(void **state)
{
    (void)state;
    watch(ann, true);
    watch(bob, true);
    leave(ann, "job:j");
    bring("j", TOPIC_MESSAGE, "expired");
    found("j", RESULT_NOT_FOUND);
    expect("bob is sent " LOST);
    assert_null(ann->data);
    leave(bob, "job:j");
    say(bob, ",{\"jobId\":\"k\",\"watch\":true}");
    joined(RESULT_OK);
    found("k", RESULT_NOT_FOUND);
    expect("bob joins job:k", "bob ack 7 [{\"integrated\":false}]", "unsubscribe hb:j",
           "subscribe hb:k");
    assert_string_equal(bob->data, "{\"k\":false}");
    leave(bob, "job:k"); /* the last watcher goes while it is being told */
    bring("k", TOPIC_UP, NULL);
    found("k", RESULT_OK);
    expect("unsubscribe hb:k");
}

static void a_subscription_that_breaks(void **state)
{
    (void)state;
    watch(ann, true);
    bring("j", TOPIC_DOWN, NULL);
    pass(JOBS_POLL_MS); /* so long it is asked for */
    found("j", RESULT_OK);
    pass(JOBS_POLL_MS);
    found("j", RESULT_UNAVAILABLE);
    bring("j", TOPIC_UP, NULL);
    rig.now_ms = 1800000000000;
    found("j", RESULT_NOT_FOUND); /* gone meanwhile */
    expect("ann is sent " LOST);
    pass(10 * JOBS_POLL_MS);
    assert_int_equal(rig.op_count, 0);
}

static void a_question_without_an_answer(void **state)
{
    (void)state;
    watch(ann, true);
    bring("j", TOPIC_MESSAGE, "expired");
    found("j", RESULT_UNCERTAIN);
    expect_nothing();
    pass(JOBS_POLL_MS);
    rig.now_ms = 1800000000000;
    found("j", RESULT_NOT_FOUND);
    expect("ann is sent " LOST);
}

static void without_events_it_is_polled(void **state)
{
    (void)state;
    rig.has_events = false;
    watch(ann, true);
    for (int i = 0; i < 3; i++) {
        pass(JOBS_POLL_MS);
        found("j", RESULT_OK);
    }
    pass(JOBS_POLL_MS);
    rig.now_ms = 1800000000000;
    found("j", RESULT_NOT_FOUND);
    expect("ann is sent " LOST);
}

/* ---- coming back -------------------------------------------------------------------------------- */

static void what_it_watched_moves_with_it(void **state)
{
    (void)state;
    watch(ann, true);
    end(ann, true);
    expect("unsubscribe hb:j");
    jobs_app.on_connect(ann, true, rig.app);
    expect("subscribe hb:j");
    found("j", RESULT_OK);
    bring("j", TOPIC_UP, NULL);
    found("j", RESULT_OK);
    expect_nothing(); /* that it was told already */
    end(ann, true);
    jobs_app.on_connect(ann, true, rig.app);
    expect("unsubscribe hb:j", "subscribe hb:j");
    found("j", RESULT_NOT_FOUND);
    expect("ann is sent " LOST);
}

static void a_new_client_watches_nothing(void **state)
{
    (void)state;
    ann->data = xstrdup("{\"j\":true}");
    jobs_app.on_connect(ann, false, rig.app);
    expect_nothing();
}

static void data_that_makes_no_sense(void **state)
{
    static const char *const cases[] = { "x", "[]", "{\"\":true}", "{\"a\\u0000\":true}" };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        free(ann->data);
        ann->data = xstrdup(cases[i]);
        jobs_app.on_connect(ann, true, rig.app);
        expect_nothing();
    }
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_living_job),
        CASE(a_job_without_a_heartbeat),
        CASE(nobody_wants_an_ack),
        CASE(what_is_no_job_id),
        CASE(what_is_not_for_us),
        CASE(without_the_right),
        CASE(what_goes_wrong),
        CASE(no_more_at_once_than_may),
        CASE(it_takes_too_long),
        CASE(clients_go),
        CASE(changes_are_told),
        CASE(events_may_be_late),
        CASE(one_subscription_for_all),
        CASE(watching_twice_is_watching_once),
        CASE(a_client_that_left_the_room),
        CASE(a_subscription_that_breaks),
        CASE(a_question_without_an_answer),
        CASE(without_events_it_is_polled),
        CASE(what_it_watched_moves_with_it),
        CASE(a_new_client_watches_nothing),
        CASE(data_that_makes_no_sense),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
