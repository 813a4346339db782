/* SPDX-License-Identifier: MIT */
/* The job room on a real Redis: heartbeats that begin and end, and what breaks meanwhile. */
#include "rig.h"

#include <stdio.h>

#include "jobs.h"
#include "node.h"
#include "store/jobs.h"

enum { SHORT_MS = 150, LONG_MS = 60000, SUCCESS = 1, LOST = 2, TOLD_MAX = 32 };

struct sio_socket {
    char *data;
    bool is_in;
    int told[TOLD_MAX]; /* SUCCESS, LOST: what it was sent */
    size_t told_count, wanted;
    char acked[128];
};

static struct bench {
    struct rig *rig;
    struct config config;
    struct node node;
    void *app;
    struct sio_socket socket;
} bench;

/* ---- a socket that is told ---------------------------------------------------------------------- */

struct slice sio_namespace(const struct sio_socket *socket)
{
    (void)socket;
    return SLICE_LITERAL("/");
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
    (void)room;
    (void)right;
    return true;
}

bool sio_is_in(const struct sio_socket *socket, struct slice room)
{
    (void)room;
    return socket->is_in;
}

void sio_join(struct sio_socket *socket, struct slice room, sio_joined_fn *done, void *ctx)
{
    (void)room;
    socket->is_in = true;
    done(RESULT_OK, ctx); /* sooner than it should, which does not matter here */
}

void sio_send(struct sio_socket *socket, struct slice items)
{
    assert_true(socket->told_count < TOLD_MAX);
    socket->told[socket->told_count++] =
        memmem(items.data, items.len, "INTEGRATION_SUCCESS", 19) != NULL ? SUCCESS : LOST;
}

void sio_ack(struct sio_socket *socket, uint64_t ack_id, struct slice args)
{
    (void)ack_id;
    snprintf(socket->acked, sizeof socket->acked, "%.*s", (int)args.len, args.data);
}

struct slice sio_data(const struct sio_socket *socket, const char *app)
{
    (void)app;
    return slice_of(socket->data);
}

void sio_set_data(struct sio_socket *socket, const char *app, struct slice json)
{
    (void)app;
    free(socket->data);
    socket->data = json.data != NULL ? slice_dup(json) : NULL;
}

struct json sio_argument(const struct sio_event *event, size_t index)
{
    struct json item;
    size_t offset = 0;

    assert_int_equal(index, 0);
    assert_true(json_next(event->items, &offset, &item));
    assert_true(json_next(event->items, &offset, &item));
    return item;
}

void sio_task_begin(struct sio_socket *socket, struct sio_task *task,
                    void (*on_gone)(struct sio_task *))
{
    task->socket = socket;
    task->on_gone = on_gone;
}

void sio_task_end(struct sio_task *task)
{
    task->socket = NULL;
}

/* ---- the bench ---------------------------------------------------------------------------------- */

static int start(void **state)
{
    void *rig;

    (void)state;
    rig_start(&rig);
    bench = (struct bench){ .rig = rig };
    bench.node.loop = &bench.rig->loop;
    bench.node.store = bench.rig->store;
    bench.node.config = &bench.config;
    bench.app = jobs_app.open(&bench.node, NULL);
    return 0;
}

static int stop(void **state)
{
    void *rig = bench.rig;

    (void)state;
    jobs_app.on_disconnect(&bench.socket, "transport close", false, bench.app);
    jobs_app.close(bench.app);
    free(bench.socket.data);
    return rig_stop(&rig);
}

static bool is_acked(void *ctx)
{
    (void)ctx;
    return bench.socket.acked[0] != '\0';
}

static const char *join(const char *args)
{
    struct sio_event event = { .name = SLICE_LITERAL("join_job"), .wants_ack = true };
    char items[256];

    snprintf(items, sizeof items, "[\"join_job\",%s]", args);
    assert_true(json_parse(slice_of(items), &event.items));
    bench.socket.acked[0] = '\0';
    assert_true(jobs_app.on_event(&bench.socket, &event, bench.app));
    support_wait(&bench.rig->loop, is_acked, NULL, SUPPORT_WAIT_MS, "an acknowledgement");
    return bench.socket.acked;
}

static void on_polled(enum result result, const struct job_taken *taken, void *ctx)
{
    (void)taken;
    assert_int_equal(result, RESULT_OK);
    *(bool *)ctx = true;
}

static bool is_true(void *ctx)
{
    return *(bool *)ctx;
}

static void poll(uint32_t ttl_ms)
{
    struct job_id id = { sio_default_realm(), SLICE_LITERAL("j") };
    struct job_poll question = { .universe = SLICE_LITERAL("u"), .ttl_ms = ttl_ms };
    struct store_op *slot = NULL;
    bool is_polled = false;

    job_poll(bench.rig->store, &id, &question, on_polled, &is_polled, &slot);
    support_wait(&bench.rig->loop, is_true, &is_polled, SUPPORT_WAIT_MS, "a poll");
}

static bool is_told(void *ctx)
{
    (void)ctx;
    return bench.socket.told_count >= bench.socket.wanted;
}

/* The next that the socket hears. */
static void expect(int message)
{
    bench.socket.wanted++;
    support_wait(&bench.rig->loop, is_told, NULL, SUPPORT_WAIT_MS, "a system_message");
    assert_int_equal(bench.socket.told[bench.socket.wanted - 1], message);
}

static void expect_no_more(void)
{
    assert_int_equal(bench.socket.told_count, bench.socket.wanted);
}

/* ---- the job room ------------------------------------------------------------------------------- */

static void is_it_alive(void **state)
{
    (void)state;
    assert_string_equal(join("{\"jobId\":\"j\"}"), "[{\"integrated\":false}]");
    expect_no_more();
    poll(LONG_MS);
    assert_string_equal(join("{\"jobId\":\"j\"}"), "[{\"integrated\":true}]");
    expect(SUCCESS);
    assert_string_equal(join("{\"jobId\":\"k\"}"), "[{\"integrated\":false}]");
    expect_no_more();
}

static void beginnings_and_ends(void **state)
{
    (void)state;
    assert_string_equal(join("{\"jobId\":\"j\",\"watch\":true}"), "[{\"integrated\":false}]");
    for (int life = 0; life < 3; life++) {
        for (int i = 0; i < 5; i++)
            poll(LONG_MS);
        expect(SUCCESS); /* once for all of them */
        poll(SHORT_MS);
        expect(LOST);
    }
    poll(LONG_MS);
    expect(SUCCESS);
    rig_command(bench.rig, "DEL sb:{mailbox:default:j}:hb");
    expect(LOST);
    expect_no_more();
}

static void redis_breaks_meanwhile(void **state)
{
    (void)state;
    poll(LONG_MS);
    join("{\"jobId\":\"j\",\"watch\":true}");
    expect(SUCCESS);
    support_redis_kill(bench.rig->redis);
    rig_wait_down(bench.rig);
    support_redis_restart(bench.rig->redis);
    rig_command(bench.rig, "DEL sb:{mailbox:default:j}:hb"); /* which nobody hears of, perhaps */
    expect(LOST);
    rig_wait_up(bench.rig);
    poll(LONG_MS);
    expect(SUCCESS);
    expect_no_more();
}

static void it_comes_back(void **state)
{
    (void)state;
    poll(LONG_MS);
    join("{\"jobId\":\"j\",\"watch\":true}");
    expect(SUCCESS);
    jobs_app.on_disconnect(&bench.socket, "transport close", true, bench.app);
    rig_command(bench.rig, "DEL sb:{mailbox:default:j}:hb");
    jobs_app.on_connect(&bench.socket, true, bench.app);
    expect(LOST);
    poll(LONG_MS);
    expect(SUCCESS);
    expect_no_more();
}

static void redis_publishes_nothing(void **state)
{
    (void)state;
    rig_command(bench.rig, "CONFIG SET notify-keyspace-events \"\"");
    rig_command(bench.rig, "ACL SETUSER default -config");
    rig_command(bench.rig, "CLIENT KILL TYPE normal");
    rig_wait_down(bench.rig);
    rig_wait_up(bench.rig);
    assert_false(store_has_keyspace_events(bench.rig->store));
    join("{\"jobId\":\"j\",\"watch\":true}");
    poll(LONG_MS);
    expect(SUCCESS);
    rig_command(bench.rig, "DEL sb:{mailbox:default:j}:hb");
    expect(LOST);
    expect_no_more();
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(is_it_alive),   CASE(beginnings_and_ends),     CASE(redis_breaks_meanwhile),
        CASE(it_comes_back), CASE(redis_publishes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
