/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "inbox.h"
#include "store/nodes.h"

/*
 * Two nodes on a real Redis, and a relay between them and Redis that can make a connection deaf:
 * everything passes but what was published.
 */

/* ---- the relay ------------------------------------------------------------------------------------- */

struct line;

struct line_end {
    uv_pipe_t pipe;
    struct line *line;
    struct line_end *other;
    bool is_redis;
};

struct line {
    struct list node;
    struct line_end client, redis;
    bool is_deaf;
    int open;
};

struct relay {
    uv_pipe_t listener;
    char socket[300], url[320];
    struct list lines;
};

static void on_line_closed(uv_handle_t *handle)
{
    struct line *line = ((struct line_end *)handle->data)->line;

    if (--line->open > 0)
        return;
    list_remove(&line->node);
    free(line);
}

static void line_close(struct line *line)
{
    if (!uv_is_closing((uv_handle_t *)&line->client.pipe))
        uv_close((uv_handle_t *)&line->client.pipe, on_line_closed);
    if (!uv_is_closing((uv_handle_t *)&line->redis.pipe))
        uv_close((uv_handle_t *)&line->redis.pipe, on_line_closed);
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    (void)handle;
    *buf = uv_buf_init(xmalloc(size), (unsigned)size);
}

static void on_passed(uv_write_t *write, int status)
{
    (void)status;
    free(write->data);
    free(write);
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    struct line_end *end = stream->data;
    uv_write_t *write;

    if (len < 0)
        line_close(end->line);
    if (len <= 0 || (end->is_redis && end->line->is_deaf &&
                     memmem(buf->base, (size_t)len, "smessage", 8) != NULL)) {
        free(buf->base);
        return;
    }
    write = xcalloc(1, sizeof *write);
    write->data = buf->base;
    uv_write(write, (uv_stream_t *)&end->other->pipe, &(uv_buf_t){ buf->base, (size_t)len }, 1,
             on_passed);
}

static void line_end_open(struct line_end *end, struct line *line, struct line_end *other,
                          uv_loop_t *loop)
{
    end->line = line;
    end->other = other;
    uv_pipe_init(loop, &end->pipe, 0);
    end->pipe.data = end;
    line->open++;
}

static void on_connected(uv_connect_t *connect, int status)
{
    struct line *line = connect->data;

    if (status == 0) {
        uv_read_start((uv_stream_t *)&line->client.pipe, on_alloc, on_read);
        uv_read_start((uv_stream_t *)&line->redis.pipe, on_alloc, on_read);
    } else if (status != UV_ECANCELED) {
        line_close(line);
    }
    free(connect);
}

static void on_client(uv_stream_t *stream, int status)
{
    struct relay *relay = stream->data;
    struct line *line = xcalloc(1, sizeof *line);
    uv_connect_t *connect = xcalloc(1, sizeof *connect);
    char redis_socket[310];

    assert_int_equal(status, 0);
    list_append(&relay->lines, &line->node);
    line_end_open(&line->client, line, &line->redis, stream->loop);
    line_end_open(&line->redis, line, &line->client, stream->loop);
    line->redis.is_redis = true;
    uv_accept(stream, (uv_stream_t *)&line->client.pipe);
    connect->data = line;
    snprintf(redis_socket, sizeof redis_socket, "%.*s", (int)(strlen(relay->socket) - 6),
             relay->socket);
    uv_pipe_connect(connect, &line->redis.pipe, redis_socket, on_connected);
}

static struct relay *relay_open(uv_loop_t *loop, struct support_redis *redis)
{
    struct relay *relay = xcalloc(1, sizeof *relay);

    snprintf(relay->socket, sizeof relay->socket, "%.290s.relay", support_redis_socket(redis));
    snprintf(relay->url, sizeof relay->url, "unix://%s", relay->socket);
    list_init(&relay->lines);
    uv_pipe_init(loop, &relay->listener, 0);
    relay->listener.data = relay;
    assert_int_equal(uv_pipe_bind(&relay->listener, relay->socket), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&relay->listener, 8, on_client), 0);
    return relay;
}

/* The connections of now; those that are made later hear again. */
static void relay_deafen(struct relay *relay)
{
    LIST_EACH (node, spare, &relay->lines) {
        LIST_ENTRY(node, struct line, node)->is_deaf = true;
    }
}

static void relay_close(struct relay *relay, uv_loop_t *loop)
{
    uv_close((uv_handle_t *)&relay->listener, NULL);
    LIST_EACH (node, spare, &relay->lines) {
        line_close(LIST_ENTRY(node, struct line, node));
    }
    support_loop_close(loop);
    free(relay);
}

/* ---- nodes ------------------------------------------------------------------------------------------- */

struct node {
    const char *id;
    struct store *store;
    struct hub *hub;
    struct inbox *inbox;
    size_t turns; /* how often its health changed */
    char heard[4096];
    size_t live; /* nodes, as it was told last   */
};

static struct world {
    uv_loop_t loop;
    struct support_redis *redis;
    struct relay *relay;
    struct node a, b;
} world;

static void on_state(bool is_up, void *ctx)
{
    (void)is_up;
    (void)ctx;
}

static void on_health(bool is_healthy, void *ctx)
{
    struct node *node = ctx;

    node->turns++;
    assert_int_equal(is_healthy, inbox_is_healthy(node->inbox));
}

static void on_word(struct slice text, void *ctx)
{
    struct node *node = ctx;
    size_t len = strlen(node->heard);

    snprintf(node->heard + len, sizeof node->heard - len, "[%.*s]", (int)text.len, text.data);
}

static void node_open(struct node *node, const char *id, const char *url)
{
    static const struct hub_options hub_options = { .settle_ms = 5,
                                                    .settle_count = 256,
                                                    .stall_ms = 1000 };
    struct store_options options = {
        .url = url, .timeout_ms = 2000, .wait_ms = 1000, .pending_max = 10000
    };
    struct why why = { "" };

    *node = (struct node){ .id = id };
    node->store = store_open(&world.loop, &options, on_state, NULL, &why);
    assert_non_null(node->store);
    node->hub = hub_create(&world.loop, node->store, &hub_options);
    node->inbox = inbox_create(&world.loop, node->store, node->hub, id, on_health, node);
    inbox_handle(node->inbox, "say", on_word, node);
}

static void node_close(struct node *node)
{
    inbox_destroy(&node->inbox);
    hub_destroy(&node->hub);
    store_close(&node->store);
}

static bool are_healthy(void *ctx)
{
    (void)ctx;
    return inbox_is_healthy(world.a.inbox) && inbox_is_healthy(world.b.inbox);
}

static bool are_unhealthy(void *ctx)
{
    (void)ctx;
    return !inbox_is_healthy(world.a.inbox) && !inbox_is_healthy(world.b.inbox);
}

static int set_up(void **state)
{
    (void)state;
    log_set_level(LOG_ERROR);
    uv_loop_init(&world.loop);
    world.redis = support_redis_start();
    world.relay = relay_open(&world.loop, world.redis);
    node_open(&world.a, "aaaa", world.relay->url);
    node_open(&world.b, "bbbb", support_redis_url(world.redis));
    support_wait(&world.loop, are_healthy, NULL, SUPPORT_WAIT_MS, "both to be healthy");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (world.a.inbox != NULL)
        node_close(&world.a);
    node_close(&world.b);
    relay_close(world.relay, &world.loop);
    support_redis_stop(&world.redis);
    return 0;
}

static void say(struct node *from, const struct node *to, const char *text)
{
    inbox_send(from->inbox, slice_of(to->id), "say", slice_of(text));
}

static bool has_heard_the_end(void *ctx)
{
    return strstr(((struct node *)ctx)->heard, "[end]") != NULL;
}

static void wait_for_end(struct node *node)
{
    support_wait(&world.loop, has_heard_the_end, node, SUPPORT_WAIT_MS, "the last message");
}

/* ---- tests ---------------------------------------------------------------------------------------------- */

static void test_messages_come_in_order(void **state)
{
    (void)state;
    say(&world.a, &world.b, "one");
    say(&world.a, &world.b, "");
    say(&world.a, &world.b, "two words");
    inbox_send(world.a.inbox, slice_of("bbbb"), "unknown", slice_of("nobody cares"));
    inbox_send(world.a.inbox, SLICE_LITERAL("no\nbody"), "say", slice_of("to an id that is none"));
    say(&world.a, &world.b, "end");
    wait_for_end(&world.b);
    assert_string_equal(world.b.heard, "[one][][two words][end]");
    say(&world.b, &world.a, "back");
    say(&world.b, &world.a, "end");
    say(&world.a, &world.a, "to oneself");
    wait_for_end(&world.a);
    assert_non_null(strstr(world.a.heard, "[back][end]"));
}

static void wait_for_health_to_go(void)
{
    int64_t start_ms = clock_ms();

    support_wait(&world.loop, are_unhealthy, NULL, SUPPORT_WAIT_MS, "both to be unhealthy");
    assert_in_range(clock_ms() - start_ms, 0, 3000);
}

static void wait_for_health_to_come(void)
{
    int64_t start_ms = clock_ms();

    support_wait(&world.loop, are_healthy, NULL, 2 * SUPPORT_WAIT_MS, "both to be healthy");
    assert_in_range(clock_ms() - start_ms, 0, 10000);
}

static void test_redis_dies_and_comes_back(void **state)
{
    (void)state;
    support_redis_kill(world.redis);
    wait_for_health_to_go();
    support_redis_restart(world.redis);
    wait_for_health_to_come();
    assert_int_equal(world.b.turns, 3); /* healthy, unhealthy, healthy */
    say(&world.a, &world.b, "end");
    wait_for_end(&world.b);
}

static void test_redis_stops_and_goes_on(void **state)
{
    (void)state;
    support_redis_pause(world.redis);
    wait_for_health_to_go();
    support_redis_resume(world.redis);
    wait_for_health_to_come();
    say(&world.a, &world.b, "end");
    wait_for_end(&world.b);
}

static bool is_a_unhealthy(void *ctx)
{
    (void)ctx;
    return !inbox_is_healthy(world.a.inbox);
}

/* Its links live and its pings are answered, but it hears nothing: only the canary tells. What
 * was said meanwhile comes when it hears again. */
static void test_deaf_node_notices_and_hears_again(void **state)
{
    int64_t start_ms;

    (void)state;
    relay_deafen(world.relay);
    start_ms = clock_ms();
    say(&world.b, &world.a, "nobody hears this");
    support_wait(&world.loop, is_a_unhealthy, NULL, SUPPORT_WAIT_MS, "a to be unhealthy");
    assert_in_range(clock_ms() - start_ms, 0, 3000);
    say(&world.b, &world.a, "end");
    wait_for_health_to_come();
    wait_for_end(&world.a);
    assert_string_equal(world.a.heard, "[nobody hears this][end]");
    assert_int_equal(world.a.turns, 3);
    assert_int_equal(world.b.turns, 1);
}

static void test_killed_subscription_costs_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        free(support_redis_command(world.redis, "CLIENT KILL TYPE pubsub"));
        say(&world.a, &world.b, "again");
    }
    say(&world.a, &world.b, "end");
    wait_for_end(&world.b);
    assert_string_equal(world.b.heard, "[again][again][again][end]");
    wait_for_health_to_come();
}

static bool is_trimmed(void *ctx)
{
    char *len = support_redis_command(world.redis, "LLEN 'sb:{node:all:bbbb}:q'");
    bool is_zero = strcmp(len, "0") == 0;

    (void)ctx;
    free(len);
    return is_zero;
}

static void test_canaries_do_not_pile_up(void **state)
{
    (void)state;
    support_wait(&world.loop, is_trimmed, NULL, SUPPORT_WAIT_MS, "the list to be empty");
}

static void on_live(enum result result, const struct slice *ids, size_t count, void *ctx)
{
    (void)ids;
    if (result == RESULT_OK)
        *(size_t *)ctx = count;
}

static bool is_alone(void *ctx)
{
    if (world.b.live != *(size_t *)ctx)
        nodes_list_live(world.b.store, on_live, &world.b.live, NULL);
    return world.b.live == *(size_t *)ctx;
}

static void test_nodes_are_registered(void **state)
{
    size_t want = 2;

    (void)state;
    support_wait(&world.loop, is_alone, &want, SUPPORT_WAIT_MS, "both to be registered");
    inbox_destroy(&world.a.inbox);
    want = 1;
    support_wait(&world.loop, is_alone, &want, SUPPORT_WAIT_MS, "one to be gone");
    hub_destroy(&world.a.hub);
    store_close(&world.a.store);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_messages_come_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_redis_dies_and_comes_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_redis_stops_and_goes_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_deaf_node_notices_and_hears_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_killed_subscription_costs_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_canaries_do_not_pile_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nodes_are_registered, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
