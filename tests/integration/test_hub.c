/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "hub.h"

/*
 * Two nodes in one process, each with a store and a hub, on a real Redis that is treated badly.
 * Messages are numbered texts; an ear checks that they come in order, none missing.
 */
enum { NUMBERS_MAX = 20000, WINDOW = 200 };

static const struct channel_id player = { CHANNEL_PLAYER, { "all", 3 }, { "anna", 4 } };
static const struct channel_id bot = { CHANNEL_BOT, { "all", 3 }, { "b1", 2 } };

struct node {
    struct store *store;
    struct hub *hub;
};

static struct world {
    uv_loop_t loop;
    struct support_redis *redis;
    struct node a, b;
    struct list ears; /* those that a failed test left open */
} world;

static void on_state(bool is_up, void *ctx)
{
    (void)is_up;
    (void)ctx;
}

static void node_open(struct node *node)
{
    static const struct hub_options hub_options = { .settle_ms = 5,
                                                    .settle_count = 256,
                                                    .stall_ms = 300 };
    static const struct channel_bounds bounds = { .offline_cap = 5,
                                                  .live_bound = 30000,
                                                  .ttl_ms = 60000,
                                                  .keep_ms = 60000,
                                                  .keep_count = 1000,
                                                  .grace_ms = 10000 };
    struct store_options options = { .url = support_redis_url(world.redis),
                                     .timeout_ms = 2000,
                                     .wait_ms = 1000,
                                     .pending_max = 100000 };
    struct why why = { "" };

    node->store = store_open(&world.loop, &options, on_state, NULL, &why);
    assert_non_null(node->store);
    channel_set_bounds(node->store, CHANNEL_PLAYER, &bounds);
    channel_set_bounds(node->store, CHANNEL_BOT, &bounds);
    node->hub = hub_create(&world.loop, node->store, &hub_options);
}

static void node_close(struct node *node)
{
    hub_destroy(&node->hub);
    store_close(&node->store);
}

static bool are_up(void *ctx)
{
    (void)ctx;
    return store_is_up(world.a.store) && store_is_up(world.b.store);
}

static int set_up(void **state)
{
    (void)state;
    log_set_level(LOG_ERROR);
    list_init(&world.ears);
    uv_loop_init(&world.loop);
    world.redis = support_redis_start();
    node_open(&world.a);
    node_open(&world.b);
    support_wait(&world.loop, are_up, NULL, SUPPORT_WAIT_MS, "both nodes to be up");
    return 0;
}

static void redis(const char *command)
{
    free(support_redis_command(world.redis, command));
}

static uint64_t redis_number(const char *command)
{
    char *text = support_redis_command(world.redis, command);
    uint64_t number = strtoull(text, NULL, 10);

    free(text);
    return number;
}

/* ---- listeners ------------------------------------------------------------------------------------ */

struct ear {
    struct hub_listener listener;
    struct list open;
    struct hub *hub;
    size_t starts, count, again;
    uint64_t missed, last; /* the last text's number  */
    int room;              /* -1: without end          */
    bool has[NUMBERS_MAX + 1];
};

static enum hub_take on_entry(struct hub_listener *listener, const struct hub_entry *entry)
{
    struct ear *ear = (struct ear *)listener;
    uint64_t number;

    assert_true(slice_to_u64(frame_slice(entry->frame), 1, NUMBERS_MAX, &number));
    if (ear->room == 0)
        return HUB_FULL;
    if (ear->room > 0)
        ear->room--;
    ear->again += ear->has[number];
    ear->has[number] = true;
    ear->last = number;
    ear->count++;
    return HUB_WRITTEN;
}

static void on_listening(struct hub_listener *listener)
{
    ((struct ear *)listener)->starts++;
}

static void on_gap(struct hub_listener *listener, uint64_t missed)
{
    ((struct ear *)listener)->missed += missed;
}

static const struct hub_listener_ops ear_ops = { .on_entry = on_entry,
                                                 .on_listening = on_listening,
                                                 .on_gap = on_gap };

static bool is_listening(void *ctx)
{
    return ((struct ear *)ctx)->starts > 0;
}

static struct ear *ear_open(struct node *node, const struct channel_id *id)
{
    struct ear *ear = xcalloc(1, sizeof *ear);

    ear->room = -1;
    ear->hub = node->hub;
    list_append(&world.ears, &ear->open);
    hub_listen(node->hub, id, &ear->listener, &ear_ops);
    support_wait(&world.loop, is_listening, ear, SUPPORT_WAIT_MS, "the listener to start");
    return ear;
}

static void ear_close(struct ear *ear)
{
    list_remove(&ear->open);
    hub_leave(ear->hub, &ear->listener, CHANNEL_LEAVE_IN_ORDER);
    free(ear);
}

static int tear_down(void **state)
{
    (void)state;
    LIST_EACH (node, spare, &world.ears) {
        ear_close(LIST_ENTRY(node, struct ear, open));
    }
    node_close(&world.a);
    node_close(&world.b);
    support_loop_close(&world.loop);
    support_redis_stop(&world.redis);
    return 0;
}

/* ---- senders -------------------------------------------------------------------------------------- */

/* Sends 1, 2, 3 … with a window; what was not acknowledged may or may not have come. */
struct sender {
    struct node *node;
    const struct channel_id *id;
    uint64_t next, last;
    size_t pending;
    bool is_acked[NUMBERS_MAX + 1];
    size_t failed;
};

struct sent {
    struct sender *sender;
    uint64_t number;
};

static void send_on(struct sender *sender);

static void on_appended(enum result result, const struct channel_appended *appended, void *ctx)
{
    struct sent *sent = ctx;
    struct sender *sender = sent->sender;

    (void)appended;
    sender->is_acked[sent->number] = result == RESULT_OK;
    sender->failed += result != RESULT_OK;
    sender->pending--;
    free(sent);
    send_on(sender);
}

static void send_on(struct sender *sender)
{
    while (sender->pending < WINDOW && sender->next <= sender->last) {
        struct sent *sent = xcalloc(1, sizeof *sent);
        struct channel_message message = { 0 };
        char text[24];

        *sent = (struct sent){ sender, sender->next++ };
        message.payload.data = text;
        message.payload.len =
            (size_t)snprintf(text, sizeof text, "%llu", (unsigned long long)sent->number);
        sender->pending++;
        channel_append(sender->node->store, sender->id, &message, on_appended, sent, NULL);
    }
}

static struct sender *sender_start(struct node *node, const struct channel_id *id, uint64_t count)
{
    struct sender *sender = xcalloc(1, sizeof *sender);

    *sender = (struct sender){ .node = node, .id = id, .next = 1, .last = count };
    send_on(sender);
    return sender;
}

static bool is_sent(void *ctx)
{
    struct sender *sender = ctx;

    return sender->pending == 0 && sender->next > sender->last;
}

/* Half of them are on their way. */
static bool is_half_sent(void *ctx)
{
    struct sender *sender = ctx;

    return sender->next > sender->last / 2;
}

struct pair {
    struct sender *sender;
    struct ear *ear;
};

static bool has_all(void *ctx)
{
    struct pair *pair = ctx;

    if (!is_sent(pair->sender))
        return false;
    for (uint64_t i = 1; i <= pair->sender->last; i++) {
        if (pair->sender->is_acked[i] && !pair->ear->has[i])
            return false;
    }
    return true;
}

static void wait_for_all(struct sender *sender, struct ear *ear, const char *what)
{
    struct pair pair = { sender, ear };

    support_wait(&world.loop, has_all, &pair, 30000, what);
}

struct quiet {
    const char *command;
    uint64_t want;
};

static bool is_answer(void *ctx)
{
    const struct quiet *quiet = ctx;

    return redis_number(quiet->command) == quiet->want;
}

static void wait_for_answer(const char *command, uint64_t want)
{
    struct quiet quiet = { command, want };

    support_wait(&world.loop, is_answer, &quiet, SUPPORT_WAIT_MS, command);
}

/* ---- tests ------------------------------------------------------------------------------------------ */

/* A channel's very first entry must be read: nobody knows where its numbers begin. */
static void use_once(struct node *from, struct node *to, const struct channel_id *id)
{
    struct ear *ear = ear_open(to, id);
    struct sender *sender = sender_start(from, id, 1);

    wait_for_all(sender, ear, "the first message");
    ear_close(ear);
    free(sender);
}

/* Both ways at once, over a feed and a queue; nearly all of it straight from the topic. */
static void test_two_nodes_exchange_messages(void **state)
{
    use_once(&world.a, &world.b, &bot);
    use_once(&world.b, &world.a, &player);

    struct ear *there = ear_open(&world.b, &bot), *here = ear_open(&world.a, &player);
    struct sender *to_b = sender_start(&world.a, &bot, 10000);
    struct sender *to_a = sender_start(&world.b, &player, 10000);

    (void)state;
    wait_for_all(to_b, there, "10,000 messages from a to b");
    wait_for_all(to_a, here, "10,000 messages from b to a");
    assert_int_equal(there->count, 10000);
    assert_int_equal(here->count, 10000);
    assert_int_equal(there->last, 10000);
    assert_int_equal(here->missed + there->missed, 0);
    assert_int_equal(to_a->failed + to_b->failed, 0);
    assert_in_range(hub_stats(world.b.hub)->fast[CHANNEL_BOT], 9000, 10000);
    assert_in_range(hub_stats(world.a.hub)->fast[CHANNEL_PLAYER], 9000, 10000);
    assert_in_range(hub_stats(world.b.hub)->settles, 1, 2500);
    wait_for_answer("LLEN 'sb:{bot:all:b1}:q'", 0);
    ear_close(there);
    ear_close(here);
    free(to_a);
    free(to_b);
}

static void kill_subscriptions(void)
{
    redis("CLIENT KILL TYPE pubsub");
}

static void kill_commands(void)
{
    redis("CLIENT KILL TYPE normal SKIPME yes");
}

static void sleep_awhile(void)
{
    redis("DEBUG SLEEP 0.5");
}

static void stop_awhile(void)
{
    int64_t end_ms = clock_ms() + 3000;

    support_redis_pause(world.redis);
    while (clock_ms() < end_ms)
        uv_run(&world.loop, UV_RUN_NOWAIT);
    support_redis_resume(world.redis);
}

static void kill_and_restart(void)
{
    support_redis_kill(world.redis);
    for (int i = 0; i < 20; i++)
        uv_run(&world.loop, UV_RUN_NOWAIT);
    support_redis_restart(world.redis);
}

static void forget_scripts(void)
{
    redis("SCRIPT FLUSH");
}

static void test_faults_lose_nothing(void **state)
{
    static const struct {
        const char *name;
        void (*strike)(void);
    } cases[] = {
        { "subscriptions are killed", kill_subscriptions },
        { "commands are killed", kill_commands },
        { "scripts are forgotten", forget_scripts },
        { "Redis sleeps", sleep_awhile },
        { "Redis is stopped", stop_awhile },
        { "Redis is killed and restarted", kill_and_restart },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[8];
        struct channel_id id = { CHANNEL_PLAYER, { "all", 3 }, { name, 2 } };
        struct ear *ear;
        struct sender *sender;

        print_message("  %s\n", cases[i].name);
        snprintf(name, sizeof name, "p%zu", i);
        ear = ear_open(&world.b, &id);
        sender = sender_start(&world.a, &id, 5000);
        support_wait(&world.loop, is_half_sent, sender, SUPPORT_WAIT_MS, "half to be sent");
        cases[i].strike();
        wait_for_all(sender, ear, cases[i].name);
        assert_int_equal(ear->missed, 0);
        assert_int_equal(ear->again, 0); /* nobody had to start anew */
        assert_int_equal(ear->starts, 1);
        ear_close(ear);
        free(sender);
    }
}

/* It is slow for so long that its channel counts as offline: the cap applies, and the rest is told. */
static void test_slow_listener_comes_back(void **state)
{
    struct ear *slow = ear_open(&world.b, &player);
    struct sender *sender = sender_start(&world.a, &player, 10);

    (void)state;
    wait_for_all(sender, slow, "ten messages");
    free(sender);
    slow->room = 0;
    sender = sender_start(&world.a, &player, 1);
    support_wait(&world.loop, is_sent, sender, SUPPORT_WAIT_MS, "one to be sent");
    free(sender);
    wait_for_answer("PUBSUB SHARDNUMSUB '__keyspace@0__:sb:{player:all:anna}:q' | tail -1", 0);
    wait_for_answer("EXISTS 'sb:{player:all:anna}:l'", 0);
    assert_int_equal(hub_stats(world.b.hub)->stalls, 1);
    sender = sender_start(&world.a, &player, 20);
    support_wait(&world.loop, is_sent, sender, SUPPORT_WAIT_MS, "twenty to be sent");
    slow->room = -1;
    slow->count = 0;
    hub_resume(world.b.hub, &slow->listener);
    sender->is_acked[20] = true;
    for (int i = 1; i < 20; i++)
        sender->is_acked[i] = false;
    support_wait(&world.loop, has_all, &(struct pair){ sender, slow }, SUPPORT_WAIT_MS,
                 "the last one");
    assert_int_equal(slow->count + slow->missed, 21);
    assert_in_range(slow->missed, 1, 16);
    ear_close(slow);
    free(sender);
}

static void test_feed_on_two_nodes(void **state)
{
    struct ear *here = ear_open(&world.a, &player), *there = ear_open(&world.b, &player);
    struct sender *sender = sender_start(&world.a, &player, 1000);
    struct ear *late;

    (void)state;
    wait_for_all(sender, here, "all to come here");
    wait_for_all(sender, there, "all to come there");
    hub_flush(world.a.hub);
    hub_flush(world.b.hub);
    late = ear_open(&world.b, &player);
    assert_int_equal(late->count, 0);
    free(sender);
    sender = sender_start(&world.b, &player, 10);
    wait_for_all(sender, late, "ten more to come to who came late");
    assert_int_equal(late->count, 10);
    ear_close(late);
    ear_close(here);
    ear_close(there);
    free(sender);
}

static bool is_full(void *ctx)
{
    return ((struct ear *)ctx)->room == 0;
}

/* What the first listener had and what it had not is told apart when the next one comes. */
static void test_next_listener_goes_on(void **state)
{
    struct ear *first = ear_open(&world.a, &bot), *second;
    struct sender *sender;

    (void)state;
    first->room = 3;
    sender = sender_start(&world.a, &bot, 8);
    support_wait(&world.loop, is_sent, sender, SUPPORT_WAIT_MS, "eight to be sent");
    support_wait(&world.loop, is_full, first, SUPPORT_WAIT_MS, "three to come");
    hub_leave(world.a.hub, &first->listener, CHANNEL_LEAVE_BROKEN);
    second = ear_open(&world.b, &bot);
    for (int i = 1; i <= 3; i++)
        sender->is_acked[i] = false;
    wait_for_all(sender, second, "the rest");
    assert_int_equal(second->count, 5);
    ear_close(first);
    ear_close(second);
    free(sender);
}

static void test_delivery_goes_on_after_everything_was_flushed(void **state)
{
    struct ear *ear = ear_open(&world.b, &player);
    struct sender *sender = sender_start(&world.a, &player, 100);

    (void)state;
    wait_for_all(sender, ear, "a hundred messages");
    free(sender);
    redis("FLUSHALL");
    ear->count = 0;
    memset(ear->has, 0, sizeof ear->has);
    sender = sender_start(&world.a, &player, 100);
    wait_for_all(sender, ear, "a hundred more");
    assert_int_equal(ear->count, 100);
    ear_close(ear);
    free(sender);
}

static bool has_lost(void *ctx)
{
    (void)ctx;
    return hub_stats(world.b.hub)->losses + store_stats(world.b.store)->losses > 0;
}

/* As after a failover to a replica that lacks the last two. */
static void test_redis_goes_back(void **state)
{
    struct ear *ear = ear_open(&world.b, &bot);
    struct sender *sender = sender_start(&world.a, &bot, 10);

    (void)state;
    wait_for_all(sender, ear, "ten messages");
    wait_for_answer("LLEN 'sb:{bot:all:b1}:q'", 0);
    redis("DECRBY 'sb:{bot:all:b1}:n' 2");
    redis("DECRBY 'sb:{bot:all:b1}:s' 2");
    kill_subscriptions();
    support_wait(&world.loop, has_lost, NULL, SUPPORT_WAIT_MS, "the loss to be noticed");
    free(sender);
    sender = sender_start(&world.a, &bot, 20);
    ear->count = 0;
    memset(ear->has, 0, sizeof ear->has);
    wait_for_all(sender, ear, "what follows");
    assert_int_equal(ear->count, 20);
    ear_close(ear);
    free(sender);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_two_nodes_exchange_messages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_faults_lose_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_slow_listener_comes_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_feed_on_two_nodes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_next_listener_goes_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_delivery_goes_on_after_everything_was_flushed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_redis_goes_back, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
