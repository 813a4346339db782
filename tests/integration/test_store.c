/* SPDX-License-Identifier: MIT */
/* The command link: what operations end with when Redis comes, goes, hangs and forgets. */
#include "fake_redis.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/clock.h"

/* ---- connecting ------------------------------------------------------------------------------------- */

static void knows_the_server_once_it_is_up(void **state)
{
    struct rig *rig = *state;

    assert_int_equal(rig->ups, 1);
    assert_true(store_has_keyspace_events(rig->store));
    assert_true(llabs(store_now_ms(rig->store) - clock_wall_ms()) < 50);
    rig_expect(rig, "config get notify-keyspace-events | tail -1", "g$xK");
}

static void leaves_keyspace_events_that_are_there(void **state)
{
    struct rig *rig = *state;

    rig_command(rig, "config set notify-keyspace-events El");
    rig_command(rig, "client kill type normal");
    rig_wait_down(rig);
    rig_wait_up(rig);
    rig_expect(rig, "config get notify-keyspace-events | tail -1", "g$lxKE");
}

static unsigned free_port(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static void connects_by_name_with_a_password(void **state)
{
    struct rig *rig = *state;
    unsigned port = free_port();
    char command[100], url[100];
    struct answer answer = { .slot = NULL };
    const struct channel_id id = rig_channel(CHANNEL_NODE, "tcp");

    store_close(&rig->store);
    snprintf(command, sizeof command, "config set port %u", port);
    rig_command(rig, command);
    rig_command(rig, "config set requirepass p@ss");
    snprintf(url, sizeof url, "redis://:p%%40ss@localhost:%u/2", port);
    rig->store = rig_open(rig, url, RIG_TIMEOUT_MS);
    rig_wait_up(rig);
    set_bounds(rig, CHANNEL_NODE, 100, 100);
    append_text(rig, &id, "x", &answer);
    assert_int_equal(rig_wait(rig, &answer), RESULT_OK);
    rig_expect(rig, "-a p@ss -n 2 --no-auth-warning exists sb:{node:test:tcp}:q", "1");
}

/* ---- many in flight ----------------------------------------------------------------------------------- */

enum { MANY = 10000 };

struct crowd {
    struct answer answers[MANY];
    uint64_t last;
    unsigned ended, out_of_order;
    unsigned results[RESULT_COUNT];
};

struct member {
    struct crowd *crowd;
    unsigned index;
};

static void on_member_appended(enum result result, const struct channel_appended *appended,
                               void *ctx)
{
    struct crowd *crowd = ctx;

    crowd->ended++;
    crowd->results[result]++;
    if (result == RESULT_OK && appended->number <= crowd->last)
        crowd->out_of_order++;
    if (result == RESULT_OK)
        crowd->last = appended->number;
}

static bool crowd_has_ended(void *ctx)
{
    return ((struct crowd *)ctx)->ended == MANY;
}

static void crowd_append(struct rig *rig, struct crowd *crowd, unsigned from, unsigned to)
{
    const struct channel_id id = rig_channel(CHANNEL_NODE, "crowd");
    char text[16];

    for (unsigned i = from; i < to; i++) {
        const struct channel_message message = { .payload = { text, 0 } };
        struct channel_message numbered = message;

        numbered.payload.len = (size_t)snprintf(text, sizeof text, "%u", i);
        channel_append(rig->store, &id, &numbered, on_member_appended, crowd, NULL);
    }
}

/* Every entry on the list, and in the order of the appends. */
static void expect_list_in_order(struct rig *rig, unsigned count)
{
    char command[200];

    snprintf(command, sizeof command,
             "eval \"local l=redis.call('LRANGE',KEYS[1],0,-1) for i=1,#l do "
             "if l[i]:sub(17)~=tostring(i-1) then return 'at '..i end end return #l..' in order'\" "
             "1 sb:{node:test:crowd}:q");
    char wanted[40];

    snprintf(wanted, sizeof wanted, "%u in order", count);
    rig_expect(rig, command, wanted);
}

static void keeps_the_order_of_ten_thousand(void **state)
{
    struct rig *rig = *state;
    struct crowd *crowd = xcalloc(1, sizeof *crowd);

    set_bounds(rig, CHANNEL_NODE, MANY, MANY);
    crowd_append(rig, crowd, 0, MANY);
    assert_int_equal(crowd->ended, 0);
    assert_int_equal(store_stats(rig->store)->pending, MANY);
    support_wait(&rig->loop, crowd_has_ended, crowd, SUPPORT_WAIT_MS, "all are answered");
    assert_int_equal(crowd->results[RESULT_OK], MANY);
    assert_int_equal(crowd->out_of_order, 0);
    assert_int_equal(store_stats(rig->store)->pending, 0);
    expect_list_in_order(rig, MANY);
    free(crowd);
}

/* ---- scripts --------------------------------------------------------------------------------------------- */

static void reloads_lost_scripts_and_keeps_the_order(void **state)
{
    struct rig *rig = *state;
    struct crowd *crowd = xcalloc(1, sizeof *crowd);

    set_bounds(rig, CHANNEL_NODE, MANY, MANY);
    for (unsigned i = 0; i < MANY; i += 100) {
        if (i % 2500 == 0)
            rig_command(rig, "script flush");
        crowd_append(rig, crowd, i, i + 100);
        uv_run(&rig->loop, UV_RUN_NOWAIT);
    }
    support_wait(&rig->loop, crowd_has_ended, crowd, SUPPORT_WAIT_MS, "all are answered");
    assert_int_equal(crowd->results[RESULT_OK], MANY);
    assert_int_equal(crowd->out_of_order, 0);
    assert_in_range(store_stats(rig->store)->script_loads, 1, 4);
    expect_list_in_order(rig, MANY);
    free(crowd);
}

/* ---- when Redis comes and goes --------------------------------------------------------------------------- */

static void goes_on_after_a_restart(void **state)
{
    struct rig *rig = *state;
    const struct channel_id id = rig_channel(CHANNEL_NODE, "restart");
    struct answer answer = { .slot = NULL };

    set_bounds(rig, CHANNEL_NODE, 100, 100);
    append_text(rig, &id, "before", &answer);
    assert_int_equal(rig_wait(rig, &answer), RESULT_OK);
    support_redis_kill(rig->redis);
    rig_wait_down(rig);
    support_redis_restart(rig->redis);
    rig_wait_up(rig);
    answer = (struct answer){ .slot = NULL };
    append_text(rig, &id, "after", &answer);
    assert_int_equal(rig_wait(rig, &answer), RESULT_OK);
    rig_expect(rig, "llen sb:{node:test:restart}:q", "2");
    assert_int_equal(rig->ups, 2);
    assert_int_equal(rig->downs, 1);
    assert_int_equal(store_stats(rig->store)->disconnects, 1);
}

/* Only while the link has not been down for longer: in an outage everybody is told at once. */
static void waits_for_a_reconnect_and_no_longer(void **state)
{
    struct rig *rig = *state;
    const struct channel_id id = rig_channel(CHANNEL_NODE, "wait");
    struct answer early = { .slot = NULL }, late = early, again = early;
    int64_t start_ms;

    set_bounds(rig, CHANNEL_NODE, 100, 100);
    support_redis_kill(rig->redis);
    rig_wait_down(rig);
    start_ms = clock_ms();
    append_text(rig, &id, "early", &early);
    assert_int_equal(rig_wait(rig, &early), RESULT_UNAVAILABLE);
    assert_in_range(clock_ms() - start_ms, 900, 1500);
    start_ms = clock_ms();
    append_text(rig, &id, "late", &late);
    assert_int_equal(rig_wait(rig, &late), RESULT_UNAVAILABLE);
    assert_in_range(clock_ms() - start_ms, 0, 500);
    support_redis_restart(rig->redis);
    rig_wait_up(rig);
    rig_command(rig, "client kill type normal skipme yes");
    rig_wait_down(rig);
    append_text(rig, &id, "again", &again);
    assert_int_equal(rig_wait(rig, &again), RESULT_OK);
    rig_expect(rig, "llen sb:{node:test:wait}:q", "1");
}

static void is_uncertain_when_redis_hangs(void **state)
{
    struct rig *rig = *state;
    const struct channel_id id = rig_channel(CHANNEL_NODE, "hang");
    struct answer answer = { .slot = NULL };
    int64_t start_ms;

    store_close(&rig->store);
    rig->store = rig_open(rig, support_redis_url(rig->redis), RIG_IMPATIENT_MS);
    rig_wait_up(rig);
    set_bounds(rig, CHANNEL_NODE, 100, 100);
    start_ms = clock_ms();
    support_redis_pause(rig->redis);
    append_text(rig, &id, "hangs", &answer);
    assert_int_equal(rig_wait(rig, &answer), RESULT_UNCERTAIN);
    assert_in_range(clock_ms() - start_ms, RIG_IMPATIENT_MS - 10, RIG_IMPATIENT_MS + 1000);
    assert_false(store_is_up(rig->store));
    support_redis_resume(rig->redis);
    rig_wait_up(rig);
    answer = (struct answer){ .slot = NULL };
    append_text(rig, &id, "goes on", &answer);
    assert_int_equal(rig_wait(rig, &answer), RESULT_OK);
}

static void survives_the_killing_of_its_clients(void **state)
{
    struct rig *rig = *state;
    const struct channel_id id = rig_channel(CHANNEL_NODE, "kill");

    set_bounds(rig, CHANNEL_NODE, 100, 100);
    for (unsigned i = 0; i < 20; i++) {
        struct answer answer = { .slot = NULL };

        rig_command(rig, i % 2 == 0 ? "client kill type normal" : "client kill type pubsub");
        append_text(rig, &id, "x", &answer);
        assert_int_not_equal(rig_wait(rig, &answer), RESULT_REFUSED);
        rig_wait_up(rig);
    }
}

/* Every append has one end; what is OK is on the list, what is unavailable is not. */
static void tells_the_truth_when_the_link_breaks(void **state)
{
    struct rig *rig = *state;
    struct crowd *crowd = xcalloc(1, sizeof *crowd);
    unsigned stored;
    char *got;

    set_bounds(rig, CHANNEL_NODE, MANY, MANY);
    for (unsigned i = 0; i < MANY; i += 100) {
        crowd_append(rig, crowd, i, i + 100);
        uv_run(&rig->loop, UV_RUN_NOWAIT);
        if (i % 1000 == 900)
            rig_command(rig, "client kill type normal");
    }
    support_wait(&rig->loop, crowd_has_ended, crowd, SUPPORT_WAIT_MS, "all have ended");
    got = support_redis_command(rig->redis, "llen sb:{node:test:crowd}:q");
    stored = (unsigned)atoi(got);
    free(got);
    assert_int_equal(crowd->out_of_order, 0);
    assert_in_range(stored, crowd->results[RESULT_OK],
                    crowd->results[RESULT_OK] + crowd->results[RESULT_UNCERTAIN]);
    free(crowd);
}

static void is_unavailable_when_redis_has_no_memory(void **state)
{
    struct rig *rig = *state;
    const struct channel_id id = rig_channel(CHANNEL_NODE, "memory");
    struct answer answer = { .slot = NULL };

    set_bounds(rig, CHANNEL_NODE, 100, 100);
    rig_command(rig, "config set maxmemory 1");
    append_text(rig, &id, "x", &answer);
    assert_int_equal(rig_wait(rig, &answer), RESULT_UNAVAILABLE);
    rig_command(rig, "config set maxmemory 0");
    rig_expect(rig, "exists sb:{node:test:memory}:q sb:{node:test:memory}:n", "0");
    assert_int_equal(store_stats(rig->store)->malformed_replies, 0);
}

/* One that has become a replica is left, and taken again when it is none any more. */
static void is_unavailable_on_a_replica(void **state)
{
    struct rig *rig = *state;
    const struct channel_id id = rig_channel(CHANNEL_NODE, "replica");
    struct answer answer = { .slot = NULL };

    set_bounds(rig, CHANNEL_NODE, 100, 100);
    rig_command(rig, "replicaof 127.0.0.1 1");
    append_text(rig, &id, "x", &answer);
    assert_int_equal(rig_wait(rig, &answer), RESULT_UNAVAILABLE);
    rig_wait_down(rig);
    assert_int_equal(rig->downs, 1);
    answer = (struct answer){ .slot = NULL };
    append_text(rig, &id, "y", &answer); /* waits for another one, in vain */
    assert_int_equal(rig_wait(rig, &answer), RESULT_UNAVAILABLE);
    assert_int_equal(rig->ups, 1);
    assert_true(store_stats(rig->store)->topic_disconnects >= 1);
    rig_command(rig, "replicaof no one");
    rig_wait_up(rig);
    answer = (struct answer){ .slot = NULL };
    append_text(rig, &id, "z", &answer);
    assert_int_equal(rig_wait(rig, &answer), RESULT_OK);
    rig_expect(rig, "llen sb:{node:test:replica}:q", "1");
}

static void is_uncertain_when_a_script_fails_half_way(void **state)
{
    struct rig *rig = *state;
    const struct channel_id id = rig_channel(CHANNEL_NODE, "type");
    struct answer answer = { .slot = NULL };

    set_bounds(rig, CHANNEL_NODE, 100, 100);
    rig_command(rig, "set sb:{node:test:type}:q text");
    rig_command(rig, "set sb:{node:test:type}:n 5");
    append_text(rig, &id, "x", &answer);
    assert_int_equal(rig_wait(rig, &answer), RESULT_UNCERTAIN);
}

/* ---- limits and cancelling ---------------------------------------------------------------------------------- */

static bool nothing_is_pending(void *ctx)
{
    return store_stats(((struct rig *)ctx)->store)->pending == 0;
}

static void refuses_what_is_too_much_but_later(void **state)
{
    struct rig *rig = *state;
    const struct channel_id id = rig_channel(CHANNEL_NODE, "much");
    struct answer answer = { .slot = NULL };
    struct crowd *crowd = xcalloc(1, sizeof *crowd);

    set_bounds(rig, CHANNEL_NODE, MANY, MANY);
    crowd_append(rig, crowd, 0, MANY);
    crowd_append(rig, crowd, 0, MANY); /* 20,000: pending_max */
    append_text(rig, &id, "one too much", &answer);
    assert_non_null(answer.slot);
    assert_int_equal(answer.count, 0);
    assert_int_equal(rig_wait(rig, &answer), RESULT_UNAVAILABLE);
    support_wait(&rig->loop, nothing_is_pending, rig, SUPPORT_WAIT_MS, "all have ended");
    answer = (struct answer){ .slot = NULL };
    append_text(rig, &id, "fits", &answer);
    assert_int_equal(rig_wait(rig, &answer), RESULT_OK);
    assert_int_equal(crowd->results[RESULT_OK], 2 * MANY);
    assert_int_equal(store_stats(rig->store)->refused[STORE_PENDING_MAX], 1);
    assert_int_equal(store_stats(rig->store)->refused[STORE_PENDING_BYTES], 0);
    free(crowd);
}

static void refuses_what_has_no_room(void **state)
{
    enum { LARGE = 15 * 1024 * 1024, COUNT = 6, FIT = 4 };
    struct rig *rig = *state;
    const struct channel_id id = rig_channel(CHANNEL_NODE, "room");
    char *large = xcalloc(1, LARGE);
    const struct channel_message message = { .payload = { large, LARGE } };
    struct answer answers[COUNT] = { { .slot = NULL } };

    set_bounds(rig, CHANNEL_NODE, 100, 100);
    for (unsigned i = 0; i < COUNT; i++)
        channel_append(rig->store, &id, &message, on_appended, &answers[i], &answers[i].slot);
    for (unsigned i = 0; i < COUNT; i++)
        assert_int_equal(rig_wait(rig, &answers[i]), i < FIT ? RESULT_OK : RESULT_UNAVAILABLE);
    rig_expect(rig, "llen sb:{node:test:room}:q", "4");
    assert_int_equal(store_stats(rig->store)->refused[STORE_PENDING_MAX], 0);
    assert_int_equal(store_stats(rig->store)->refused[STORE_PENDING_BYTES], COUNT - FIT);
    free(large);
}

struct pair {
    struct rig *rig;
    struct answer first, second;
    bool does_close;
};

/* Each of them is refused, and what it starts in answer too: none may be forgotten. */
static void on_refused(enum result result, const struct channel_appended *appended, void *ctx)
{
    struct pair *pair = ctx;

    (void)appended;
    on_answered(result, &pair->first);
    append_text(
        pair->rig,
        &(struct channel_id){ CHANNEL_NODE, SLICE_LITERAL("test"), SLICE_LITERAL("refused") },
        "again", &pair->second);
}

static void refuses_again_without_delay(void **state)
{
    const struct store_options options = {
        .url = support_redis_url(((struct rig *)*state)->redis),
        .timeout_ms = RIG_TIMEOUT_MS,
        .wait_ms = 1000,
        .pending_max = 1,
    };
    const struct channel_message message = { .payload = SLICE_LITERAL("x") };
    struct rig *rig = *state;
    const struct channel_id id = rig_channel(CHANNEL_NODE, "refused");
    struct pair pair = { .rig = rig };
    struct answer hung = { .slot = NULL };
    int64_t start_ms;

    store_close(&rig->store);
    rig->store = store_open(&rig->loop, &options, rig_on_state, rig, NULL);
    rig_wait_up(rig);
    set_bounds(rig, CHANNEL_NODE, 100, 100);
    support_redis_pause(rig->redis);
    append_text(rig, &id, "hangs", &hung);
    channel_append(rig->store, &id, &message, on_refused, &pair, &pair.first.slot);
    start_ms = clock_ms();
    while (pair.second.count == 0)
        uv_run(&rig->loop, UV_RUN_ONCE);
    assert_in_range(clock_ms() - start_ms, 0, 500);
    assert_int_equal(pair.first.result, RESULT_UNAVAILABLE);
    assert_int_equal(pair.second.result, RESULT_UNAVAILABLE);
    support_redis_resume(rig->redis);
    assert_int_equal(rig_wait(rig, &hung), RESULT_OK);
}

static void hears_nothing_after_cancelling(void **state)
{
    struct rig *rig = *state;
    const struct channel_id id = rig_channel(CHANNEL_NODE, "cancel");
    struct answer unsent = { .slot = NULL }, sent = { .slot = NULL }, down = { .slot = NULL };

    set_bounds(rig, CHANNEL_NODE, 100, 100);
    append_text(rig, &id, "not yet sent", &unsent);
    store_cancel(&unsent.slot);
    assert_null(unsent.slot);
    store_cancel(&unsent.slot); /* nothing is pending: no-op */
    support_redis_pause(rig->redis);
    append_text(rig, &id, "in flight", &sent);
    uv_run(&rig->loop, UV_RUN_NOWAIT);
    store_cancel(&sent.slot);
    support_redis_resume(rig->redis);
    support_wait(&rig->loop, nothing_is_pending, rig, SUPPORT_WAIT_MS, "both are answered");
    support_redis_kill(rig->redis);
    rig_wait_down(rig);
    append_text(rig, &id, "while it is down", &down);
    store_cancel(&down.slot);
    support_wait(&rig->loop, nothing_is_pending, rig, SUPPORT_WAIT_MS, "it is given up");
    assert_int_equal(unsent.count + sent.count + down.count, 0);
    assert_int_equal(channel_stats(rig->store)->appended[CHANNEL_NODE][0], 2);
}

/* The first to end cancels the second, or closes the store under both. */
static void on_first(enum result result, const struct channel_appended *appended, void *ctx)
{
    struct pair *pair = ctx;

    (void)appended;
    on_answered(result, &pair->first);
    if (pair->does_close)
        store_close(&pair->rig->store);
    else
        store_cancel(&pair->second.slot);
}

static bool first_has_ended(void *ctx)
{
    return ((struct pair *)ctx)->first.count > 0;
}

static void append_pair(struct pair *pair)
{
    const struct channel_id id = rig_channel(CHANNEL_NODE, "pair");
    const struct channel_message message = { .payload = SLICE_LITERAL("x") };

    channel_append(pair->rig->store, &id, &message, on_first, pair, &pair->first.slot);
    append_text(pair->rig, &id, "second", &pair->second);
}

static void may_cancel_within_a_callback(void **state)
{
    static const struct {
        const char *name;
        bool is_down;
    } cases[] = { { "answered", false }, { "given up", true } };
    struct rig *rig = *state;

    set_bounds(rig, CHANNEL_NODE, 100, 100);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pair pair = { .rig = rig };

        if (cases[i].is_down) {
            support_redis_kill(rig->redis);
            rig_wait_down(rig);
        }
        append_pair(&pair);
        support_wait(&rig->loop, first_has_ended, &pair, SUPPORT_WAIT_MS, cases[i].name);
        support_wait(&rig->loop, nothing_is_pending, rig, SUPPORT_WAIT_MS, cases[i].name);
        assert_int_equal(pair.first.count, 1);
        assert_int_equal(pair.second.count, 0);
    }
}

/* ---- closing --------------------------------------------------------------------------------------------------- */

static void ends_everything_when_it_is_closed(void **state)
{
    static const struct {
        const char *name;
        bool is_sent;
        enum result wanted;
    } cases[] = {
        { "not yet sent", false, RESULT_UNAVAILABLE },
        { "in flight", true, RESULT_UNCERTAIN },
    };
    struct rig *rig = *state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct answer answer = { .slot = NULL };
        const struct channel_id id = rig_channel(CHANNEL_NODE, "close");

        set_bounds(rig, CHANNEL_NODE, 100, 100);
        append_text(rig, &id, "x", &answer);
        if (cases[i].is_sent) {
            support_redis_pause(rig->redis);
            uv_run(&rig->loop, UV_RUN_NOWAIT);
        }
        store_close(&rig->store);
        assert_null(rig->store);
        assert_int_equal(answer.count, 1);
        assert_int_equal(answer.result, cases[i].wanted);
        assert_null(answer.slot);
        support_redis_resume(rig->redis);
        rig->store = rig_open(rig, support_redis_url(rig->redis), RIG_TIMEOUT_MS);
        rig_wait_up(rig);
    }
}

static void may_be_closed_within_a_callback(void **state)
{
    struct rig *rig = *state;
    struct pair pair = { .rig = rig, .does_close = true };

    set_bounds(rig, CHANNEL_NODE, 100, 100);
    append_pair(&pair);
    support_wait(&rig->loop, first_has_ended, &pair, SUPPORT_WAIT_MS, "the first ends");
    assert_int_equal(pair.first.result, RESULT_OK);
    assert_int_equal(pair.second.count, 1); /* before store_close() returned */
    assert_int_equal(pair.second.result, RESULT_UNCERTAIN);
}

static void may_be_closed_at_once(void **state)
{
    struct rig *rig = *state;

    store_close(&rig->store);
    rig->store =
        rig_open(rig, "redis://localhost:1", RIG_TIMEOUT_MS); /* a name that has to be looked up */
    uv_run(&rig->loop, UV_RUN_NOWAIT);
    store_close(&rig->store);
    store_close(&rig->store);
}

/* ---- a server that is not what it should be ------------------------------------------------------------------------ */

struct faked {
    struct rig rig;
    struct fake fake;
};

static int fake_rig_start(void **state)
{
    struct faked *faked = xcalloc(1, sizeof *faked);

    assert_int_equal(uv_loop_init(&faked->rig.loop), 0);
    *state = faked;
    return 0;
}

static int fake_rig_stop(void **state)
{
    struct faked *faked = *state;

    store_close(&faked->rig.store);
    fake_stop(&faked->fake);
    support_loop_close(&faked->rig.loop);
    free(faked);
    return 0;
}

static bool has_tried_often(void *ctx)
{
    return ((struct faked *)ctx)->fake.connections >= 8; /* two links each time */
}

static void refuses_an_old_or_unknown_server(void **state)
{
    static const char *const infos[] = {
        "# Server\r\nredis_version:6.2.14\r\n",
        "# Server\r\nredis_version:x\r\n",
        "",
        "nothing",
    };
    struct faked *faked = *state;

    for (size_t i = 0; i < sizeof infos / sizeof infos[0]; i++) {
        if (i > 0)
            fake_stop(&faked->fake);
        uv_run(&faked->rig.loop, UV_RUN_NOWAIT);
        faked->fake = (struct fake){ .info = infos[i] };
        fake_start(&faked->fake, &faked->rig.loop);
        faked->rig.store = rig_open(&faked->rig, faked->fake.url, RIG_IMPATIENT_MS);
        support_wait(&faked->rig.loop, has_tried_often, faked, SUPPORT_WAIT_MS, "it tries again");
        assert_int_equal(faked->rig.ups, 0);
        store_close(&faked->rig.store);
    }
}

static void stays_down_when_it_may_not_sign_in(void **state)
{
    struct faked *faked = *state;
    char url[140];

    faked->fake.auth = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";
    fake_start(&faked->fake, &faked->rig.loop);
    snprintf(url, sizeof url, "unix://user:wrong@%s", faked->fake.path);
    faked->rig.store = rig_open(&faked->rig, url, RIG_IMPATIENT_MS);
    support_wait(&faked->rig.loop, has_tried_often, faked, SUPPORT_WAIT_MS, "it tries again");
    assert_int_equal(faked->rig.ups, 0);
    assert_int_equal(store_stats(faked->rig.store)->topic_connects, 0);
}

static void knows_when_keyspace_events_are_missing(void **state)
{
    static const struct {
        const char *name, *config;
        bool wanted;
    } cases[] = {
        { "CONFIG GET is forbidden", "-NOPERM this user has no permissions\r\n", false },
        { "CONFIG SET is forbidden", "*2\r\n$1\r\nn\r\n$0\r\n\r\n", false },
        { "one is missing", "*2\r\n$1\r\nn\r\n$3\r\nKg$\r\n", false },
        { "they are there", "*2\r\n$1\r\nn\r\n$4\r\nKgx$\r\n", true },
        { "all are there", "*2\r\n$1\r\nn\r\n$2\r\nAK\r\n", true },
        { "without K", "*2\r\n$1\r\nn\r\n$2\r\nAE\r\n", false },
    };
    struct faked *faked = *state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        print_message("  %s\n", cases[i].name);
        if (i > 0)
            fake_stop(&faked->fake);
        uv_run(&faked->rig.loop, UV_RUN_NOWAIT);
        faked->fake = (struct fake){ .config = cases[i].config };
        fake_start(&faked->fake, &faked->rig.loop);
        faked->rig.store = rig_open(&faked->rig, faked->fake.url, RIG_IMPATIENT_MS);
        rig_wait_up(&faked->rig);
        assert_int_equal(store_has_keyspace_events(faked->rig.store), cases[i].wanted);
        assert_in_range(store_now_ms(faked->rig.store), 1699999999000, 1700000010000);
        store_close(&faked->rig.store);
    }
}

static void is_uncertain_about_malformed_replies(void **state)
{
    static const struct {
        const char *name, *answer;
        uint64_t malformed;
        enum result wanted;
    } cases[] = {
        { "well formed", "*5\r\n:7\r\n:1\r\n:0\r\n:0\r\n:0\r\n", 0, RESULT_OK },
        { "a number", ":1\r\n", 1, RESULT_UNCERTAIN },
        { "a status", "+OK\r\n", 1, RESULT_UNCERTAIN },
        { "nothing", "$-1\r\n", 1, RESULT_UNCERTAIN },
        { "no array", "*-1\r\n", 1, RESULT_UNCERTAIN },
        { "an empty array", "*0\r\n", 1, RESULT_UNCERTAIN },
        { "one too few", "*4\r\n:7\r\n:1\r\n:0\r\n:0\r\n", 1, RESULT_UNCERTAIN },
        { "one too many", "*6\r\n:7\r\n:1\r\n:0\r\n:0\r\n:0\r\n:0\r\n", 1, RESULT_UNCERTAIN },
        { "text in it", "*5\r\n:7\r\n:1\r\n$1\r\n0\r\n:0\r\n:0\r\n", 1, RESULT_UNCERTAIN },
        { "an array in it", "*5\r\n:7\r\n:1\r\n*0\r\n:0\r\n:0\r\n", 1, RESULT_UNCERTAIN },
        { "an error in it", "*5\r\n:7\r\n:1\r\n-ERR\r\n:0\r\n:0\r\n", 1, RESULT_UNCERTAIN },
        { "a negative number", "*5\r\n:-7\r\n:1\r\n:0\r\n:0\r\n:0\r\n", 1, RESULT_UNCERTAIN },
        { "loading", "-LOADING Redis is loading the dataset in memory\r\n", 0, RESULT_UNAVAILABLE },
        { "master down", "-MASTERDOWN Link with MASTER is down\r\n", 0, RESULT_UNAVAILABLE },
        { "busy", "-BUSY Redis is busy running a script\r\n", 0, RESULT_UNAVAILABLE },
        { "no memory", "-OOM command not allowed\r\n", 0, RESULT_UNAVAILABLE },
        { "no replicas", "-NOREPLICAS Not enough good replicas\r\n", 0, RESULT_UNAVAILABLE },
        { "like busy", "-BUSYGROUP name already exists\r\n", 0, RESULT_UNCERTAIN },
        { "some error", "-ERR Error running script\r\n", 0, RESULT_UNCERTAIN },
        { "an error without text", "-\r\n", 0, RESULT_UNCERTAIN },
        { "no RESP at all", "HTTP/1.1 400 Bad Request\r\n\r\n", 0, RESULT_UNCERTAIN },
        { "two answers", "*5\r\n:7\r\n:1\r\n:0\r\n:0\r\n:0\r\n:1\r\n", 0, RESULT_OK },
    };
    struct faked *faked = *state;
    const struct channel_id id = rig_channel(CHANNEL_NODE, "malformed");

    fake_start(&faked->fake, &faked->rig.loop);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct answer answer = { .slot = NULL };
        uint64_t before;

        print_message("  %s\n", cases[i].name);
        if (i == 0) {
            faked->rig.store = rig_open(&faked->rig, faked->fake.url, RIG_IMPATIENT_MS);
            set_bounds(&faked->rig, CHANNEL_NODE, 100, 100);
        }
        rig_wait_up(&faked->rig);
        faked->fake.answer = cases[i].answer;
        before = store_stats(faked->rig.store)->malformed_replies;
        append_text(&faked->rig, &id, "x", &answer);
        assert_int_equal(rig_wait(&faked->rig, &answer), cases[i].wanted);
        assert_int_equal(store_stats(faked->rig.store)->malformed_replies - before,
                         cases[i].malformed);
    }
    assert_int_equal(faked->rig.downs, 2); /* no RESP; an answer that nobody asked for */
}

static void on_any_batch(enum result result, const struct channel_batch *batch, void *ctx)
{
    (void)batch;
    on_answered(result, ctx);
}

static void checks_every_entry_of_a_batch(void **state)
{
    static const struct {
        const char *name, *answer;
        enum result wanted;
    } cases[] = {
        { "no entries", "*7\r\n:9\r\n:9\r\n:0\r\n:0\r\n:0\r\n:0\r\n*0\r\n", RESULT_OK },
        { "entries is a number", "*7\r\n:9\r\n:9\r\n:0\r\n:0\r\n:0\r\n:0\r\n:0\r\n",
          RESULT_UNCERTAIN },
        { "one too short", "*7\r\n:9\r\n:9\r\n:0\r\n:0\r\n:0\r\n:0\r\n*1\r\n$3\r\nabc\r\n",
          RESULT_UNCERTAIN },
        { "one is a number", "*7\r\n:9\r\n:9\r\n:0\r\n:0\r\n:0\r\n:0\r\n*1\r\n:1\r\n",
          RESULT_UNCERTAIN },
        { "a number beyond the last",
          "*7\r\n:9\r\n:9\r\n:0\r\n:0\r\n:0\r\n:0\r\n*1\r\n$16\r\n1234567812345678\r\n",
          RESULT_UNCERTAIN },
        { "the same twice",
          "*7\r\n:3544952156018063161\r\n:9\r\n:0\r\n:0\r\n:0\r\n:0\r\n*2\r\n"
          "$16\r\n1234567812345678\r\n$16\r\n1234567812345678\r\n",
          RESULT_UNCERTAIN },
        { "two in a row",
          "*7\r\n:3544952156018063161\r\n:9\r\n:0\r\n:0\r\n:0\r\n:0\r\n*2\r\n"
          "$16\r\n1234567812345678\r\n$16\r\n1234567912345678\r\n",
          RESULT_OK },
    };
    struct faked *faked = *state;
    const struct channel_id id = rig_channel(CHANNEL_NODE, "batch");

    fake_start(&faked->fake, &faked->rig.loop);
    faked->rig.store = rig_open(&faked->rig, faked->fake.url, RIG_IMPATIENT_MS);
    set_bounds(&faked->rig, CHANNEL_NODE, 100, 100);
    rig_wait_up(&faked->rig);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct answer answer = { .slot = NULL };

        print_message("  %s\n", cases[i].name);
        faked->fake.answer = cases[i].answer;
        channel_read(faked->rig.store, &id, 5, CHANNEL_READ_MAX, on_any_batch, &answer,
                     &answer.slot);
        assert_int_equal(rig_wait(&faked->rig, &answer), cases[i].wanted);
    }
}

static void gives_up_a_script_that_does_not_stay(void **state)
{
    struct faked *faked = *state;
    const struct channel_id id = rig_channel(CHANNEL_NODE, "noscript");
    struct answer answer = { .slot = NULL };

    faked->fake.answer = "-NOSCRIPT No matching script. Please use EVAL.\r\n";
    fake_start(&faked->fake, &faked->rig.loop);
    faked->rig.store = rig_open(&faked->rig, faked->fake.url, RIG_IMPATIENT_MS);
    set_bounds(&faked->rig, CHANNEL_NODE, 100, 100);
    rig_wait_up(&faked->rig);
    append_text(&faked->rig, &id, "x", &answer);
    assert_int_equal(rig_wait(&faked->rig, &answer), RESULT_UNAVAILABLE);
    assert_in_range(faked->fake.asked, 2, 20);
    assert_int_equal(store_stats(faked->rig.store)->pending, 0);
}

/* What the kernel has taken in part is uncertain, what it has not is sent after the reconnect. */
static void knows_what_was_written_in_part(void **state)
{
    struct faked *faked = *state;
    const struct channel_id id = rig_channel(CHANNEL_NODE, "part");
    char *large = xcalloc(1, 4 * 1024 * 1024);
    struct channel_message message = { .payload = { large, 4 * 1024 * 1024 } };
    struct answer first = { .slot = NULL }, second = { .slot = NULL };

    faked->fake.is_deaf = true;
    faked->fake.answer = "*5\r\n:7\r\n:1\r\n:0\r\n:0\r\n:0\r\n";
    fake_start(&faked->fake, &faked->rig.loop);
    faked->rig.store = rig_open(&faked->rig, faked->fake.url, RIG_IMPATIENT_MS);
    set_bounds(&faked->rig, CHANNEL_NODE, 100, 100);
    rig_wait_up(&faked->rig);
    channel_append(faked->rig.store, &id, &message, on_appended, &first, &first.slot);
    message.payload.len = 1000;
    channel_append(faked->rig.store, &id, &message, on_appended, &second, &second.slot);
    faked->fake.is_deaf = false; /* for the next connection */
    assert_int_equal(rig_wait(&faked->rig, &first), RESULT_UNCERTAIN);
    assert_int_equal(rig_wait(&faked->rig, &second), RESULT_OK);
    assert_int_equal(faked->fake.asked, 1);
    free(large);
}

#define TEST(name)      cmocka_unit_test_setup_teardown(name, rig_start, rig_stop)
#define FAKE_TEST(name) cmocka_unit_test_setup_teardown(name, fake_rig_start, fake_rig_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(knows_the_server_once_it_is_up),
        TEST(leaves_keyspace_events_that_are_there),
        TEST(connects_by_name_with_a_password),
        TEST(keeps_the_order_of_ten_thousand),
        TEST(reloads_lost_scripts_and_keeps_the_order),
        TEST(goes_on_after_a_restart),
        TEST(waits_for_a_reconnect_and_no_longer),
        TEST(is_uncertain_when_redis_hangs),
        TEST(survives_the_killing_of_its_clients),
        TEST(tells_the_truth_when_the_link_breaks),
        TEST(is_unavailable_when_redis_has_no_memory),
        TEST(is_unavailable_on_a_replica),
        TEST(is_uncertain_when_a_script_fails_half_way),
        TEST(refuses_what_is_too_much_but_later),
        TEST(refuses_what_has_no_room),
        TEST(refuses_again_without_delay),
        TEST(hears_nothing_after_cancelling),
        TEST(may_cancel_within_a_callback),
        TEST(ends_everything_when_it_is_closed),
        TEST(may_be_closed_within_a_callback),
        TEST(may_be_closed_at_once),
        FAKE_TEST(refuses_an_old_or_unknown_server),
        FAKE_TEST(stays_down_when_it_may_not_sign_in),
        FAKE_TEST(knows_when_keyspace_events_are_missing),
        FAKE_TEST(is_uncertain_about_malformed_replies),
        FAKE_TEST(checks_every_entry_of_a_batch),
        FAKE_TEST(gives_up_a_script_that_does_not_stay),
        FAKE_TEST(knows_what_was_written_in_part),
    };

    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
