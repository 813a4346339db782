/* SPDX-License-Identifier: MIT */
/* Polls that come to any of three nodes, and what happens to them when one of these dies or Redis is away. */
#include "engine_nodes_rig.h"

#include "base/clock.h"

/* ---- polling ---------------------------------------------------------------------------------------------- */

static void test_messages_come_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < VERSIONS; i++) {
        struct session session;

        deal_open(&session, versions[i]);
        for (int round = 0; round < 4; round++) { /* by each of the nodes */
            char want[32];

            deal_post(&session, "4hello", &answer);
            expect((&answer), 200, "ok");
            deal_get(&session, &answer);
            snprintf(want, sizeof want, "4%d:hello", round);
            expect_packet((&session), (&answer), want);
        }
        deal_post(&session, "1", &answer);
        expect((&answer), 200, "ok");
    }
}

static void test_payloads_in_all_framings(void **state)
{
    static const struct {
        const char *query, *type;
        struct slice body, want;
    } cases[] = {
        { "EIO=4&transport=polling", "text/plain",
          SLICE_LITERAL("4a\x1e"
                        "bAQID\x1e"
                        "4b"),
          SLICE_LITERAL("40:a\x1e"
                        "bAQID\x1e"
                        "42:b") },
        { "EIO=3&transport=polling&b64=1", "text/plain", SLICE_LITERAL("2:4a6:b4AQID2:4b"),
          SLICE_LITERAL("4:40:a6:b4AQID4:42:b") },
        { "EIO=3&transport=polling", "application/octet-stream",
          SLICE_LITERAL("\x00\x02\xff"
                        "4a\x01\x04\xff\x04\x01\x02\x03"),
          SLICE_LITERAL("\x00\x04\xff"
                        "40:a\x01\x04\xff\x04\x01\x02\x03") },
        { "EIO=4&transport=polling&j=7", "application/x-www-form-urlencoded",
          SLICE_LITERAL("d=4a%1e4%5C%5Cn"), SLICE_LITERAL("___eio[7](\"40:a\\u001e41:\\\\n\");") },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct session session;
        struct asker asker;

        deal_open(&session, cases[i].query);
        asker_post(&asker, deal(), session.query, cases[i].type, cases[i].body);
        asker_wait(&asker, &answer);
        assert_int_equal(answer.status, 200);
        deal_get(&session, &answer);
        expect_at(__LINE__, &answer, 200, cases[i].want.data, cases[i].want.len);
    }
}

static void test_held_get_is_answered(void **state)
{
    struct session session;
    struct asker asker;

    (void)state;
    for (size_t i = 0; i < NODES; i++) {
        deal_open(&session, versions[0]);
        world.next += i;
        hold_get(&asker, &session);
        deal_post(&session, "4x", &answer);
        expect((&answer), 200, "ok");
        asker_wait(&asker, &answer);
        expect((&answer), 200, "40:x");
    }
}

/* Its client polls elsewhere from then on, and has lost nothing. */
static void test_held_get_returns_when_its_node_drains(void **state)
{
    (void)state;
    for (size_t i = 0; i < VERSIONS; i++) {
        struct session session;
        struct asker get, upgrade;
        struct rig *leaving;

        deal_open(&session, versions[i]);
        hold_get(&get, &session);
        wait_for_held();
        leaving = session.rig;
        leaving->node.is_draining = true;
        engine_drain(leaving->engine);
        asker_wait(&get, &answer);
        expect_packet((&session), (&answer), "6");
        asker_start(&upgrade, leaving,
                    "GET /engine.io/?EIO=%d&transport=websocket&sid=%s HTTP/1.1\r\nHost: h\r\n"
                    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                    session.is_3 ? 3 : 4, session.sid);
        asker_wait(&upgrade, &answer);
        expect((&answer), 503, "");
        leaving->node.is_draining = false;
        deal_post(&session, "4hello", &answer);
        expect((&answer), 200, "ok");
        deal_get(&session, &answer);
        expect_packet((&session), (&answer), "40:hello");
        deadline_clear(&leaving->engine->draining);
    }
}

/* Its client is told at once, wherever its GET is held. */
static void test_held_get_ends_when_its_owner_drains(void **state)
{
    (void)state;
    for (size_t i = 0; i < VERSIONS; i++) {
        struct session session;
        struct asker get;

        deal_open(&session, versions[i]);
        hold_get(&get, &session);
        wait_for_held();
        engine_drain(owner_of(&session)->engine);
        asker_wait(&get, &answer);
        expect_packet((&session), (&answer), "1");
        expect_unknown(&session);
        deadline_clear(&owner_of(&session)->engine->draining);
    }
}

static void test_second_get_ends_it(void **state)
{
    struct session session;
    struct asker asker;

    (void)state;
    deal_open(&session, versions[0]);
    hold_get(&asker, &session);
    wait_for_held();
    deal_get(&session, &answer);
    expect((&answer), 400, "");
    asker_wait(&asker, &answer);
    expect((&answer), 200, "1");
    expect_unknown(&session);
}

static void test_get_that_breaks_ends_it(void **state)
{
    struct session session;
    struct asker asker;

    (void)state;
    deal_open(&session, versions[0]);
    hold_get(&asker, &session);
    wait_for_held();
    asker_close(&asker);
    support_wait(&world.loop, is_not_held, NULL, SUPPORT_WAIT_MS, "the poll to be taken back");
    expect_unknown(&session);
    assert_int_equal(world.closed[ENGINE_TRANSPORT_ERROR], 1);
}

static void start_post(struct asker *asker, const struct session *session, const char *part)
{
    asker_start(asker, session->rig,
                "POST /engine.io/?%s HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\n%s",
                session->query, part);
}

/* Its head, and so much of its body, at a node that is not its connection's; that knows of it when this returns. */
static void begin_post(struct asker *asker, struct session *session, const char *part)
{
    session->rig = deal_elsewhere(session);
    start_post(asker, session, part);
    wait_for_held();
}

static void test_posts_that_overlap_end_it(void **state)
{
    struct session session;
    struct asker first;

    (void)state;
    for (size_t i = 0; i < NODES; i++) { /* the second comes to each of the nodes */
        deal_open(&session, versions[0]);
        begin_post(&first, &session, "4");
        session.rig = &world.rigs[i];
        session_post(&session, "4hello", &answer);
        expect((&answer), 400, "");
        asker_wait(&first, &answer);
        assert_int_equal(answer.status, 0); /* it is cut */
        expect_unknown(&session);
    }
    assert_int_equal(world.closed[ENGINE_TRANSPORT_ERROR], NODES);
}

static void test_two_that_have_begun(void **state)
{
    struct session session;
    struct asker first, second;

    (void)state;
    deal_open(&session, versions[0]);
    begin_post(&first, &session, "4");
    begin_post(&second, &session, "4");
    asker_wait(&second, &answer);
    assert_int_equal(answer.status, 0); /* both are cut */
    asker_wait(&first, &answer);
    assert_int_equal(answer.status, 0);
    expect_unknown(&session);
}

static void test_post_that_breaks_ends_it(void **state)
{
    struct session session;
    struct asker asker;

    (void)state;
    deal_open(&session, versions[0]);
    begin_post(&asker, &session, "4hel");
    asker_close(&asker);
    support_wait(&world.loop, is_not_held, NULL, SUPPORT_WAIT_MS, "the POST to be taken back");
    expect_unknown(&session);
    assert_int_equal(world.closed[ENGINE_TRANSPORT_ERROR], 1);
}

static bool has_closed(void *ctx)
{
    (void)ctx;
    return world.closed[ENGINE_TRANSPORT_ERROR] == 1;
}

/* Before anybody was told of it. */
static void test_post_that_breaks_at_once(void **state)
{
    struct session session;
    struct asker asker;

    (void)state;
    deal_open(&session, versions[0]);
    session.rig = deal_elsewhere(&session);
    start_post(&asker, &session, "4hel");
    for (int i = 0; i < 3; i++) /* its head is read */
        rig_turn(session.rig);
    asker_close(&asker);
    support_wait(&world.loop, has_closed, NULL, SUPPORT_WAIT_MS, "the connection to end");
    expect_unknown(&session);
}

/* Those that come at once cost their node's inbox, and the owner's, nothing more. */
static void test_post_in_two_pieces(void **state)
{
    struct session session;
    struct asker asker;

    (void)state;
    deal_open(&session, versions[0]);
    session.rig = deal_elsewhere(&session);
    start_post(&asker, &session, "4hel");
    asker_add(&asker, SLICE_LITERAL("lo"));
    asker_wait(&asker, &answer);
    expect((&answer), 200, "ok");
    assert_int_equal(calls_stats(session.rig->node.calls)->started, 1);
    deal_get(&session, &answer);
    expect((&answer), 200, "40:hello");
}

static void test_post_in_pieces(void **state)
{
    static const char *const bodies[] = { "4hello", "4:4abc" }, *const wants[] = { "40:hello",
                                                                                   "40:abc" };

    (void)state;
    for (size_t i = 0; i < VERSIONS; i++) {
        struct session session;
        struct asker asker;

        deal_open(&session, versions[i]);
        begin_post(&asker, &session, "");
        for (size_t at = 0; at < 6; at++)
            asker_add(&asker, (struct slice){ bodies[i] + at, 1 });
        asker_wait(&asker, &answer);
        expect((&answer), 200, "ok");
        support_wait(&world.loop, is_not_held, NULL, SUPPORT_WAIT_MS, "the POST to be over");
        deal_get(&session, &answer);
        expect_packet((&session), (&answer), wants[i]);
    }
}

/* It leaves its connection alone. */
static void test_post_that_grows_too_large(void **state)
{
    struct session session;
    struct asker asker;

    (void)state;
    deal_open(&session, versions[0]);
    session.rig = deal_elsewhere(&session);
    asker_start(
        &asker, session.rig,
        "POST /engine.io/?%s HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n4\r\n",
        session.query);
    wait_for_held();
    asker_add(&asker, SLICE_LITERAL("fffffff\r\n"));
    asker_wait(&asker, &answer);
    expect((&answer), 413, "");
    support_wait(&world.loop, is_not_held, NULL, SUPPORT_WAIT_MS, "the POST to be over");
    deal_post(&session, "4abc", &answer);
    expect((&answer), 200, "ok");
    deal_get(&session, &answer);
    expect((&answer), 200, "40:abc");
}

/* The connection ends, and after it the node, while a POST is still arriving elsewhere. */
static void test_post_that_comes_too_late(void **state)
{
    struct session session;
    struct asker asker;

    (void)state;
    deal_open(&session, versions[0]);
    begin_post(&asker, &session, "4");
    engine_close(LIST_ENTRY(world.tallies.next, struct score, node)->conn, ENGINE_FORCED_CLOSE);
    asker_add(&asker, SLICE_LITERAL("hello"));
    asker_wait(&asker, &answer);
    assert_int_equal(answer.status, 200); /* as on its own node: the last words wait for a GET */
    deal_open(&session, versions[0]);
    begin_post(&asker, &session, "4");
    engine_close(LIST_ENTRY(world.tallies.prev, struct score, node)->conn, ENGINE_TRANSPORT_ERROR);
}

static void test_nonsense_ends_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < VERSIONS; i++) {
        struct session session;

        deal_open(&session, versions[i]);
        deal_post(&session, "abc", &answer);
        expect((&answer), 200, "ok");
        expect_unknown(&session);
    }
    assert_int_equal(world.closed[ENGINE_PARSE_ERROR], VERSIONS);
}

static void test_client_closes(void **state)
{
    (void)state;
    for (size_t i = 0; i < VERSIONS; i++) {
        struct session session;
        struct asker asker;

        deal_open(&session, versions[i]);
        hold_get(&asker, &session);
        wait_for_held();
        deal_post(&session, "1", &answer);
        expect((&answer), 200, "ok");
        asker_wait(&asker, &answer);
        expect_packet((&session), (&answer), "6");
        expect_unknown(&session);
    }
    assert_int_equal(world.closed[ENGINE_TRANSPORT_CLOSE], VERSIONS);
}

static void test_heartbeat(void **state)
{
    struct session session;

    (void)state;
    deal_open(&session, versions[0]);
    for (int i = 0; i < 3; i++) {
        deal_get(&session, &answer);
        expect((&answer), 200, "2");
        deal_post(&session, "3", &answer);
        expect((&answer), 200, "ok");
    }
    deal_get(&session, &answer); /* the ping that is not answered */
    deal_get(&session, &answer);
    expect((&answer), 200, "1");
    expect_unknown(&session);
}

static void test_heartbeat_of_the_client(void **state)
{
    struct session session;

    (void)state;
    deal_open(&session, versions[1]);
    for (int i = 0; i < 3; i++) {
        deal_post(&session, "2", &answer);
        expect((&answer), 200, "ok");
        deal_get(&session, &answer);
        expect((&answer), 200, "1:3");
    }
    deal_get(&session, &answer);
    expect((&answer), 200, "1:1");
    expect_unknown(&session);
}

static void test_unknown_sessions(void **state)
{
    struct session session = { .query = "EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAAAAAA" };
    struct socket socket;

    (void)state;
    expect_unknown(&session);
    deal_open(&session, versions[0]);
    session.query[strlen(session.query) - 1] ^= 1; /* its node lives */
    session.sid[ENGINE_ID_LEN - 1] ^= 1;
    for (size_t i = 0; i < NODES; i++)
        expect_unknown(&session);
    for (size_t i = 0; i < NODES; i++) {
        socket_at(&socket, &session, &world.rigs[i]);
        expect_refusal(&socket, "400 Bad Request");
    }
}

static void test_versions_are_not_mixed(void **state)
{
    struct session session;

    (void)state;
    deal_open(&session, versions[0]);
    session.query[4] = '3';
    deal_get(&session, &answer);
    expect((&answer), 400, "{\"code\":3,\"message\":\"Bad request\"}");
}

/* ---- faults -------------------------------------------------------------------------------------------------- */

/* A fourth node, in a process of its own; tells the sid of a connection that it has opened. */
static void run_child(int to_parent)
{
    static struct rig rig;
    struct session session;
    uv_loop_t loop;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    uv_loop_init(&loop);
    node_open(&rig, &loop, "00000000ff");
    while (!inbox_is_healthy(rig.node.inbox))
        uv_run(&loop, UV_RUN_ONCE);
    session_open(&session, &rig, versions[0]);
    if (write(to_parent, session.sid, ENGINE_ID_LEN) != ENGINE_ID_LEN)
        _exit(1);
    uv_run(&loop, UV_RUN_DEFAULT);
    _exit(1);
}

static void open_in_child(struct session *session)
{
    int ends[2];

    *session = (struct session){ .rig = NULL };
    assert_int_equal(pipe(ends), 0);
    world.child = fork();
    assert_int_not_equal(world.child, -1);
    if (world.child == 0)
        run_child(ends[1]);
    close(ends[1]);
    assert_int_equal(read(ends[0], session->sid, ENGINE_ID_LEN), ENGINE_ID_LEN);
    close(ends[0]);
    snprintf(session->query, sizeof session->query, "%s&sid=%s", versions[0], session->sid);
}

static void test_killed_owner(void **state)
{
    struct session session;
    struct socket socket;
    struct asker asker;
    int64_t killed_ms;

    (void)state;
    open_in_child(&session);
    deal_post(&session, "4a", &answer);
    expect((&answer), 200, "ok");
    deal_get(&session, &answer);
    expect((&answer), 200, "40:a");
    hold_get(&asker, &session);
    deal_socket(&socket, &session);
    socket_say(&socket, "2probe");
    socket_expect(&socket, "text 3probe\n");
    asker_wait(&asker, &answer);
    expect((&answer), 200, "6");
    hold_get(&asker, &session);
    kill_child();
    killed_ms = clock_ms();
    asker_wait(&asker, &answer);
    expect((&answer), 400, "{\"code\":1,\"message\":\"Session ID unknown\"}");
    socket_expect(&socket, "close\n");
    assert_in_range(clock_ms() - killed_ms, 0, 3000);
    socket_end(&socket);
    expect_unknown(&session);
}

static bool are_down(void *ctx)
{
    (void)ctx;
    for (size_t i = 0; i < NODES; i++) {
        if (store_is_up(world.rigs[i].node.store))
            return false;
    }
    return true;
}

static void test_redis_is_away(void **state)
{
    struct session session;
    struct socket socket;
    struct rig *owner;

    (void)state;
    deal_open(&session, versions[0]);
    owner = session.rig;
    session.rig = deal_elsewhere(&session);
    support_redis_kill(world.redis);
    support_wait(&world.loop, are_down, NULL, SUPPORT_WAIT_MS, "Redis to be away");
    session_get(&session, &answer);
    expect((&answer), 503, "");
    expect_header(&answer, "Retry-After: 1\r\n");
    deal_socket(&socket, &session);
    expect_refusal(&socket, "503 Service Unavailable");
    session.rig = owner; /* who needs nobody */
    session_post(&session, "4a", &answer);
    session_get(&session, &answer);
    expect((&answer), 200, "40:a");
    support_redis_restart(world.redis);
    support_wait(&world.loop, are_healthy, NULL, 2 * SUPPORT_WAIT_MS, "all to be healthy");
    deal_post(&session, "4b", &answer);
    expect((&answer), 200, "ok");
    deal_get(&session, &answer);
    expect((&answer), 200, "41:b");
}

static void test_forwarded_bytes_are_bounded(void **state)
{
    struct session session;
    struct rig *rig;

    (void)state;
    deal_open(&session, versions[0]);
    rig = session.rig = deal_elsewhere(&session);
    rig->config.poll_forward_max = 4;
    session_post(&session, "4abcd", &answer);
    expect((&answer), 503, "");
    assert_int_equal(rig->node.metrics.limits[LIMIT_POLL_FORWARD], 1);
    session_post(&session, "4abc", &answer);
    expect((&answer), 200, "ok");
    session_get(&session, &answer);
    expect((&answer), 200, "40:abc");
}

/* Questions of another node that make no sense are answered with as little. */
static void on_answered(enum result result, struct slice text, void *ctx)
{
    assert_int_equal(result, RESULT_OK);
    assert_in_range(text.len, 0, 1);
    ++*(size_t *)ctx;
}

static bool is_four(void *ctx)
{
    return *(size_t *)ctx == 4;
}

static void test_questions_that_make_no_sense(void **state)
{
    static const struct {
        const char *topic;
        struct slice text;
    } questions[] = {
        { "tally-poll", SLICE_LITERAL("") },
        { "tally-poll", SLICE_LITERAL("\x02zz\x04\x00\x00") },
        { "tally-move", SLICE_LITERAL("\x09") },
        { "tally-move", SLICE_LITERAL("\x01\x01") }, /* begin without a guard */
    };
    struct call *calls[4] = { NULL };
    size_t answered = 0;

    (void)state;
    for (size_t i = 0; i < 4; i++)
        call_start(world.rigs[0].node.calls, slice_of(world.rigs[1].node.id), questions[i].topic,
                   questions[i].text, on_answered, &answered, &calls[i]);
    support_wait(&world.loop, is_four, &answered, SUPPORT_WAIT_MS, "four answers");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(test_messages_come_back),
        TEST(test_payloads_in_all_framings),
        TEST(test_held_get_is_answered),
        TEST(test_held_get_returns_when_its_node_drains),
        TEST(test_held_get_ends_when_its_owner_drains),
        TEST(test_second_get_ends_it),
        TEST(test_get_that_breaks_ends_it),
        TEST(test_posts_that_overlap_end_it),
        TEST(test_two_that_have_begun),
        TEST(test_post_that_breaks_ends_it),
        TEST(test_post_that_breaks_at_once),
        TEST(test_post_in_two_pieces),
        TEST(test_post_in_pieces),
        TEST(test_post_that_grows_too_large),
        TEST(test_post_that_comes_too_late),
        TEST(test_nonsense_ends_it),
        TEST(test_client_closes),
        TEST_BEAT(test_heartbeat),
        TEST_BEAT(test_heartbeat_of_the_client),
        TEST(test_unknown_sessions),
        TEST(test_versions_are_not_mixed),
        TEST(test_killed_owner),
        TEST(test_redis_is_away),
        TEST(test_forwarded_bytes_are_bounded),
        TEST(test_questions_that_make_no_sense),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
