/* SPDX-License-Identifier: MIT */
/*
 * Nodes that share one Redis, an emitter that publishes there, and in place of the sockets a list of what
 * they would have been sent. One node listens at a time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "support.h"

#include "base/mem.h"
#include "bridge.h"
#include "node.h"
#include "sio_emit.h"
#include "store/resp.h"

enum { NODES = 2, LEASE_MS = 2000, FAIL_OVER_MS = 3000 };

struct world;

struct member {
    struct world *world;
    struct config config;
    struct node node;
    void *bridge;
};

struct world {
    uv_loop_t loop;
    struct support_redis *redis;
    struct member members[NODES];
    struct buf passed; /* a line for each */
};

/* ---- in place of Socket.IO ------------------------------------------------------------------------ */

static struct world *world_of(const struct sio *sio)
{
    return ((struct member *)(uintptr_t)sio)->world;
}

struct slice sio_default_realm(void)
{
    return SLICE_LITERAL("default");
}

bool sio_target_check(const struct sio_target *to, struct why *why)
{
    return to->nsp.len < 100 || why_set(why, "namespace: too long");
}

bool sio_emit_check(const struct sio *sio, const struct sio_emit *emit, struct why *why)
{
    (void)sio;
    if (emit->items.len >= 10 && strncmp(emit->items.data, "[\"connect\"", 10) == 0)
        return why_set(why, "event: 'connect' is reserved");
    return sio_target_check(&emit->to, why);
}

static void add_names(struct buf *out, const char *label, const struct slice *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buf_printf(out, " %s:%.*s", label, (int)names[i].len, names[i].data);
}

static void add_target(struct buf *out, const char *what, const struct sio_target *to)
{
    assert_true(slice_equals(to->realm, sio_default_realm()));
    buf_printf(out, "%s %.*s", what, (int)to->nsp.len, to->nsp.data);
    add_names(out, "in", to->rooms, to->room_count);
    add_names(out, "not", to->except, to->except_count);
}

/* Takes as long as Redis does. */
static void finish(struct sio *sio, sio_emitted_fn *done, void *ctx, struct store_op **slot)
{
    const struct channel_id id = { CHANNEL_NODE, SLICE_LITERAL("default"),
                                   SLICE_LITERAL("passed") };
    const struct channel_message message = { .payload = SLICE_LITERAL("x") };

    channel_append(((struct member *)sio)->node.store, &id, &message, done, ctx, slot);
}

void sio_emit(struct sio *sio, const struct sio_emit *emit, sio_emitted_fn *done, void *ctx,
              struct store_op **slot)
{
    struct buf *passed = &world_of(sio)->passed;

    add_target(passed, emit->is_volatile ? "volatile" : "emit", &emit->to);
    buf_printf(passed, " %.*s", (int)emit->items.len, emit->items.data);
    for (size_t i = 0; i < emit->attachment_count; i++)
        buf_printf(passed, " <%zu>", emit->attachments[i].len);
    buf_add_byte(passed, '\n');
    finish(sio, done, ctx, slot);
}

void sio_control(struct sio *sio, const struct sio_target *to, enum sio_control what,
                 const struct slice *rooms, size_t room_count, sio_emitted_fn *done, void *ctx,
                 struct store_op **slot)
{
    static const char *const whats[] = { "join", "leave", "disconnect", "close" };
    struct buf *passed = &world_of(sio)->passed;

    assert_int_equal(what <= SIO_CONTROL_LEAVE, room_count > 0);
    add_target(passed, whats[what], to);
    add_names(passed, "room", rooms, room_count);
    buf_add_byte(passed, '\n');
    finish(sio, done, ctx, slot);
}

/* ---- the nodes -------------------------------------------------------------------------------------- */

static void on_state(bool is_up, void *ctx)
{
    (void)is_up, (void)ctx;
}

static bool is_store_up(void *ctx)
{
    return store_is_up(((struct member *)ctx)->node.store);
}

static void member_open(struct world *world, int index, char *key)
{
    struct store_options options = { .timeout_ms = 5000, .wait_ms = 100, .pending_max = 2000 };
    struct member *member = &world->members[index];
    struct why why = { "" };

    *member = (struct member){ .world = world, .config = { .emitter_key = key } };
    options.url = support_redis_url(world->redis);
    member->node.loop = &world->loop;
    member->node.config = &member->config;
    member->node.store = store_open(&world->loop, &options, on_state, NULL, &why);
    snprintf(member->node.id, sizeof member->node.id, "node%d", index);
    support_wait(&world->loop, is_store_up, member, SUPPORT_WAIT_MS, "the store is up");
    member->bridge = bridge_app.open(&member->node, (struct sio *)member);
}

static bool has_nothing_pending(void *ctx)
{
    return store_stats(((struct member *)ctx)->node.store)->pending == 0;
}

/* As the server does: Redis is told what is left to tell. */
static void member_close(struct member *member)
{
    if (member->bridge != NULL)
        bridge_app.close(member->bridge);
    member->bridge = NULL;
    assert_int_equal(member->node.metrics.emitter_listening, 0);
    support_wait(&member->world->loop, has_nothing_pending, member, SUPPORT_WAIT_MS, "the rest");
    store_close(&member->node.store);
}

static int world_open(void **state)
{
    struct world *world = xcalloc(1, sizeof *world);

    assert_int_equal(uv_loop_init(&world->loop), 0);
    world->redis = support_redis_start();
    buf_init(&world->passed, 1 << 20);
    *state = world;
    return 0;
}

static int world_close(void **state)
{
    struct world *world = *state;

    for (int i = 0; i < NODES; i++) {
        if (world->members[i].node.store != NULL)
            member_close(&world->members[i]);
    }
    support_loop_close(&world->loop);
    support_redis_stop(&world->redis);
    buf_fini(&world->passed);
    free(world);
    return 0;
}

/* Whoever has subscribed to both patterns is heard by Redis. */
static bool has_ears(void *ctx)
{
    struct world *world = ctx;
    char *count = support_redis_command(world->redis, "pubsub numpat");
    bool is_so = strcmp(count, "2") == 0;

    free(count);
    return is_so;
}

static int listening(const struct world *world)
{
    return (int)(world->members[0].node.metrics.emitter_listening +
                 world->members[1].node.metrics.emitter_listening);
}

static bool has_listener(void *ctx)
{
    return listening(ctx) == 1 && has_ears(ctx);
}

static void wait_listener(struct world *world, uint32_t within_ms)
{
    support_wait(&world->loop, has_listener, world, within_ms, "a node listens");
}

/* ---- the emitter ------------------------------------------------------------------------------------ */

static void publish(struct world *world, const char *channel, struct slice message)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    const struct slice words[] = { SLICE_LITERAL("PUBLISH"), slice_of(channel), message };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct buf out;
    char answer[16];

    snprintf(address.sun_path, sizeof address.sun_path, "%s", support_redis_socket(world->redis));
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    buf_init(&out, 65536);
    assert_true(resp_write(&out, words, 3));
    assert_int_equal(send(fd, out.data, out.len, 0), out.len);
    assert_true(recv(fd, answer, sizeof answer, 0) > 0);
    buf_fini(&out);
    close(fd);
}

/* [uid, {"data":[event]}, {"rooms":["a"]}] */
static void publish_event(struct world *world, const char *event)
{
    char message[128];
    int len = snprintf(message, sizeof message,
                       "\x93\xa7"
                       "emitter\x81\xa4"
                       "data\x91%c%s\x81\xa5rooms\x91\xa1"
                       "a",
                       (char)(0xa0 + strlen(event)), event);

    publish(world, "socket.io#/#a#", (struct slice){ message, (size_t)len });
}

struct outcome {
    struct world *world;
    enum emitter_outcome outcome;
    uint64_t count;
};

static uint64_t count_of(const struct world *world, enum emitter_outcome outcome)
{
    return world->members[0].node.metrics.emitter_messages[outcome] +
           world->members[1].node.metrics.emitter_messages[outcome];
}

static bool has_come_out(void *ctx)
{
    struct outcome *want = ctx;

    return count_of(want->world, want->outcome) >= want->count;
}

static void wait_outcome(struct world *world, enum emitter_outcome outcome, uint64_t count)
{
    struct outcome want = { world, outcome, count };

    support_wait(&world->loop, has_come_out, &want, SUPPORT_WAIT_MS, "an outcome");
    assert_int_equal(count_of(world, outcome), count);
}

static void expect_passed(struct world *world, const char *lines)
{
    buf_add_byte(&world->passed, '\0');
    assert_string_equal(world->passed.data, lines);
    buf_clear(&world->passed);
}

#define JSON_REQUEST(text) "socket.io-request#/#", SLICE_LITERAL(text)

/* ---- tests ------------------------------------------------------------------------------------------ */

static char key[] = "socket.io";

static void passes_in_order(void **state)
{
    struct world *world = *state;

    member_open(world, 0, key);
    wait_listener(world, SUPPORT_WAIT_MS);
    publish_event(world, "one");
    publish(world, JSON_REQUEST("{\"type\":2,\"opts\":{\"rooms\":[\"a\"]},\"rooms\":[\"b\"]}"));
    publish_event(world, "two");
    publish(world, JSON_REQUEST("{\"type\":3,\"opts\":{\"rooms\":[]},\"rooms\":[\"b\",\"c\"]}"));
    publish(world, JSON_REQUEST("{\"type\":4,\"opts\":{\"rooms\":[\"a\"],\"except\":[\"x\"]}}"));
    publish(world, JSON_REQUEST("{\"type\":4,\"sid\":\"s\",\"close\":true}"));
    publish(world, "socket.io#/#",
            SLICE_LITERAL("\x93\xc0\x81\xa4"
                          "data\x92\xa1"
                          "e\xc4\x02xy\x81\xa5"
                          "flags\x81\xa8volatile\xc3"));
    wait_outcome(world, EMITTER_PASSED, 7);
    expect_passed(world, "emit / in:a [\"one\"]\n"
                         "join / in:a room:b\n"
                         "emit / in:a [\"two\"]\n"
                         "leave / room:b room:c\n"
                         "disconnect / in:a not:x\n"
                         "close / in:s\n"
                         "volatile / [\"e\",{\"_placeholder\":true,\"num\":0}] <2>\n");
}

static void counts_what_it_drops(void **state)
{
    static const struct {
        const char *name, *channel;
        struct slice message;
        enum emitter_outcome outcome;
    } cases[] = {
        { "nonsense", "socket.io#/#", SLICE_LITERAL("nonsense"), EMITTER_MALFORMED },
        { "an extension", "socket.io#/#",
          SLICE_LITERAL("\x92\xc0\x81\xa4"
                        "data\x91\xd4\x05\x05"),
          EMITTER_UNSUPPORTED },
        { "a reserved name", "socket.io#/#",
          SLICE_LITERAL("\x92\xc0\x81\xa4"
                        "data\x91\xa7"
                        "connect"),
          EMITTER_REFUSED },
        { "for servers, and no hook", JSON_REQUEST("{\"type\":6,\"data\":[\"ping\",1]}"),
          EMITTER_IGNORED },
        { "for servers, without a name", JSON_REQUEST("{\"type\":6,\"data\":[1]}"),
          EMITTER_REFUSED },
        { "between servers", JSON_REQUEST("{\"type\":5,\"requestId\":\"r\"}"), EMITTER_IGNORED },
        { "an empty room to join",
          JSON_REQUEST("{\"type\":2,\"opts\":{\"rooms\":[]},\"rooms\":[\"\"]}"), EMITTER_REFUSED },
    };
    struct world *world = *state;

    member_open(world, 0, key);
    wait_listener(world, SUPPORT_WAIT_MS);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        print_message("  %s\n", cases[i].name);
        publish(world, cases[i].channel, cases[i].message);
        wait_outcome(world, cases[i].outcome, count_of(world, cases[i].outcome) + 1);
    }
    expect_passed(world, "");
}

static void one_of_two_listens(void **state)
{
    struct world *world = *state;

    member_open(world, 0, key);
    wait_listener(world, SUPPORT_WAIT_MS);
    member_open(world, 1, key);
    for (int i = 0; i < 5; i++) {
        publish_event(world, "once");
        wait_outcome(world, EMITTER_PASSED, (uint64_t)i + 1);
    }
    assert_int_equal(world->members[1].node.metrics.emitter_listening, 0);
    member_close(&world->members[0]); /* in order: it gives its lease up */
    wait_listener(world, LEASE_MS - 500);
    publish_event(world, "then");
    wait_outcome(world, EMITTER_PASSED, 6);
    assert_int_equal(world->members[1].node.metrics.emitter_messages[EMITTER_PASSED], 1);
}

/* A node that was killed has left its lease behind. */
static void takes_over_from_the_dead(void **state)
{
    struct world *world = *state;

    free(support_redis_command(world->redis,
                               "set sb:{lease:default:socket.io}:holder dead px 2000"));
    member_open(world, 0, key);
    assert_int_equal(listening(world), 0);
    wait_listener(world, FAIL_OVER_MS);
}

static bool nobody_listens(void *ctx)
{
    return listening(ctx) == 0;
}

/* It cannot know who holds the lease: so it does not, until it has it again. */
static void stops_without_redis(void **state)
{
    struct world *world = *state;

    member_open(world, 0, key);
    wait_listener(world, SUPPORT_WAIT_MS);
    support_redis_pause(world->redis);
    support_wait(&world->loop, nobody_listens, world, FAIL_OVER_MS, "it stops");
    support_redis_resume(world->redis);
    wait_listener(world, SUPPORT_WAIT_MS);
    publish_event(world, "again");
    wait_outcome(world, EMITTER_PASSED, 1);
}

/* Somebody has taken it by force. */
static void stops_when_another_has_it(void **state)
{
    struct world *world = *state;

    member_open(world, 0, key);
    wait_listener(world, SUPPORT_WAIT_MS);
    free(support_redis_command(world->redis,
                               "set sb:{lease:default:socket.io}:holder other px 60000"));
    support_wait(&world->loop, nobody_listens, world, FAIL_OVER_MS, "it stops");
}

static void a_prefix_is_no_pattern(void **state)
{
    static char strange[] = "a*[b]?";
    static const char event[] = "\x92\xc0\x81\xa4"
                                "data\x91\xa1"
                                "e";
    struct world *world = *state;

    member_open(world, 0, strange);
    wait_listener(world, SUPPORT_WAIT_MS);
    publish(world, "axb!#/#", slice_of(event));
    publish(world, "a*[b]?#/#", slice_of(event));
    wait_outcome(world, EMITTER_PASSED, 1);
    assert_int_equal(count_of(world, EMITTER_IGNORED), 0);
    expect_passed(world, "emit / [\"e\"]\n");
}

static bool has_passed_on(void *ctx)
{
    return ((struct world *)ctx)->passed.len > 0;
}

/* Its messages are on their way to Redis, which does not answer. */
static void closes_with_messages_on_their_way(void **state)
{
    struct world *world = *state;

    member_open(world, 0, key);
    wait_listener(world, SUPPORT_WAIT_MS);
    publish_event(world, "late");
    support_wait(&world->loop, has_passed_on, world, SUPPORT_WAIT_MS, "it is passed on");
    bridge_app.close(world->members[0].bridge);
    world->members[0].bridge = NULL;
    uv_run(&world->loop, UV_RUN_NOWAIT);
}

static void does_nothing_without_a_key(void **state)
{
    struct world *world = *state;

    member_open(world, 0, NULL);
    uv_run(&world->loop, UV_RUN_NOWAIT);
    assert_int_equal(listening(world), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_open, world_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(passes_in_order),
        TEST(counts_what_it_drops),
        TEST(one_of_two_listens),
        TEST(takes_over_from_the_dead),
        TEST(stops_without_redis),
        TEST(stops_when_another_has_it),
        TEST(a_prefix_is_no_pattern),
        TEST(closes_with_messages_on_their_way),
        TEST(does_nothing_without_a_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
