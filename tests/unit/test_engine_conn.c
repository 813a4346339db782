/* SPDX-License-Identifier: MIT */
/* A connection's life, its polls and what waits for it. */
#include "engine_fakes.h"

static int start(void **state)
{
    struct stage *stage = xcalloc(1, sizeof *stage);

    stage_start(stage);
    *state = stage;
    return 0;
}

static int stop(void **state)
{
    stage_stop(*state);
    free(*state);
    return 0;
}

/* ---- the handshake ---------------------------------------------------------------------------------------------- */

static void open_greeting(struct stage *stage, struct fake_poll *hello)
{
    static struct engine_ops ops;
    struct engine_conn *conn;

    ops = upper_ops;
    ops.speaks_first = true;
    stage->engine->ops = &ops;
    conn = engine_conn_create(stage->engine, stage_handshake(stage), NULL);
    poll_init(hello, "hello");
    engine_conn_open(conn);
    expect("open");
    engine_conn_greet(conn, &hello->poll);
}

static void end_it(struct stage *stage)
{
    buf_clear(&notes);
    engine_close(upper.conn, ENGINE_TRANSPORT_ERROR);
    stage_turn(stage);
    expect("close transport error");
}

static void expect_hello(const char *rest)
{
    char text[256], line[300];

    snprintf(text, sizeof text,
             "0{\"sid\":\"%s\",\"upgrades\":[\"websocket\"],\"pingInterval\":300,"
             "\"pingTimeout\":200,\"maxPayload\":1000000}",
             upper.conn->sid);
    snprintf(line, sizeof line, "hello: 200 %zu:%s%s", strlen(text), text, rest);
    expect(line);
}

/* Protocol 3: what the upper layer says first comes with the handshake's answer. */
static void it_waits_for_the_first_word(void **state)
{
    struct stage *stage = *state;
    struct fake_poll hello;

    stage->version = ENGINE_3;
    open_greeting(stage, &hello);
    assert_int_equal(send_text(upper.conn, "40"), ENGINE_WRITTEN);
    expect_hello("2:40");
    end_it(stage);

    open_greeting(stage, &hello); /* nothing is said */
    pass(999);
    expect_nothing();
    pass(1);
    expect_hello("");
    end_it(stage);

    open_greeting(stage, &hello); /* it is refused */
    engine_close(upper.conn, ENGINE_SERVER_DISCONNECT);
    expect_hello("");
    stage_turn(stage);
    expect("close server namespace disconnect");

    open_greeting(stage, &hello); /* its client goes away */
    engine_poll_gone(&hello.poll);
    stage_turn(stage);
    expect("close transport error");

    stage->version = ENGINE_4;
    open_greeting(stage, &hello);
    assert_true(hello.is_over);
    end_it(stage);
}

/* ---- ends ----------------------------------------------------------------------------------------------------- */

/* What the GET that is held is told, and what the next one is where none is held. */
static const struct {
    enum engine_end end;
    const char *held, *next, *told;
} ends[] = {
    { ENGINE_TRANSPORT_CLOSE, "held: 200 6", "next: 200 6", "close transport close" },
    { ENGINE_TRANSPORT_ERROR, "held: 200 1", "next: error 1", "close transport error" },
    { ENGINE_PING_TIMEOUT, "held: 200 1", "next: error 1", "close ping timeout" },
    { ENGINE_PARSE_ERROR, "held: 200 1", "next: error 1", "close parse error" },
    { ENGINE_FORCED_CLOSE, "held: 200 1",
      "next: 200 6\x1e"
      "1",
      "close forced close" },
    { ENGINE_FORCED_SERVER_CLOSE, "held: 200 1",
      "next: 200 6\x1e"
      "1",
      "close forced server close" },
    { ENGINE_SERVER_DISCONNECT, "held: 200 1",
      "next: 200 6\x1e"
      "1",
      "close server namespace disconnect" },
    { ENGINE_SHUTTING_DOWN, "held: 200 1", "next: error 1", "close server shutting down" },
    { ENGINE_TOO_SLOW, "held: 200 1", "next: error 1", "close transport error" },
};

static void end_held(struct stage *stage, size_t i)
{
    struct engine_conn *conn = stage_session(stage);
    struct fake_poll poll;

    get(stage, &poll, "held");
    engine_close(conn, ends[i].end);
    engine_close(conn, ENGINE_PARSE_ERROR); /* the first stays */
    expect(ends[i].held);
    get(stage, &poll, "later");
    expect("later: error 1");
    stage_turn(stage);
    expect(ends[i].told);
}

static void end_without_get(struct stage *stage, size_t i)
{
    struct engine_conn *conn = stage_session(stage);
    struct fake_poll poll;

    engine_close(conn, ends[i].end);
    expect_nothing();
    stage_turn(stage);
    expect(ends[i].told);
    get(stage, &poll, "next");
    expect(ends[i].next);
    get(stage, &poll, "later");
    expect("later: error 1");
    stage_turn(stage);
    expect_nothing();
}

/* The last words may be fetched before the upper layer is told. */
static void end_and_get_in_one_turn(struct stage *stage, size_t i)
{
    struct engine_conn *conn = stage_session(stage);
    struct fake_poll poll;

    engine_close(conn, ends[i].end);
    get(stage, &poll, "next");
    expect(ends[i].next);
    stage_turn(stage);
    expect(ends[i].told);
}

static void every_end(void **state)
{
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        end_held(*state, i);
        end_without_get(*state, i);
        end_and_get_in_one_turn(*state, i);
    }
}

static void what_waits_is_still_sent(void **state)
{
    struct stage *stage = *state;
    struct engine_conn *conn = stage_session(stage);
    struct fake_poll poll;

    assert_int_equal(send_text(conn, "41"), ENGINE_QUEUED);
    engine_close(conn, ENGINE_SERVER_DISCONNECT);
    assert_int_equal(send_text(conn, "42"), ENGINE_FULL);
    stage_turn(stage);
    expect("close server namespace disconnect");
    post(stage, "4hello"); /* the client does not know yet */
    expect("post: 200 ok");
    get(stage, &poll, "next");
    expect("next: 200 41\x1e"
           "1");
    stage_turn(stage);
    expect_nothing();
}

static void more_waits_than_fits(void **state)
{
    struct stage *stage = *state;
    struct engine_conn *conn = stage_session(stage);
    struct fake_poll poll;

    for (int i = 0; i < 5; i++)
        send_text(conn, "4a");
    engine_close(conn, ENGINE_FORCED_CLOSE);
    get(stage, &poll, "first");
    get(stage, &poll, "second");
    get(stage, &poll, "third");
    expect("first: 200 4a\x1e"
           "4a\x1e"
           "4a\x1e"
           "4a",
           "second: 200 4a\x1e"
           "1",
           "third: error 1");
    stage_turn(stage);
    expect("close forced close");
}

static void nobody_fetches_the_last_words(void **state)
{
    struct stage *stage = *state;
    struct fake_poll poll;

    engine_close(stage_session(stage), ENGINE_FORCED_CLOSE);
    stage_turn(stage);
    expect("close forced close");
    pass(29999);
    assert_true(engine_has(stage->engine, slice_of(stage->sid)));
    pass(1);
    get(stage, &poll, "late");
    expect("late: error 1");
    stage_turn(stage);
}

static void closed_while_it_opens(void **state)
{
    struct stage *stage = *state;
    struct fake_poll poll;

    upper.closes_on_open = upper.sends_on_open = true;
    upper.close_as = ENGINE_FORCED_CLOSE;
    stage->version = ENGINE_3;
    stage_session(stage);
    get(stage, &poll, "next");
    expect("next: 200 1:61:1");
    stage_turn(stage);
    expect("close forced close");
    upper.close_as = ENGINE_TOO_SLOW;
    stage_session(stage);
    get(stage, &poll, "next");
    expect("next: error 1");
    stage_turn(stage);
    expect("close transport error");
}

static void closed_by_a_message(void **state)
{
    struct stage *stage = *state;
    struct fake_poll poll;

    upper.closes_on_text = true;
    upper.close_as = ENGINE_FORCED_CLOSE;
    stage_session(stage);
    get(stage, &poll, "held");
    post(stage, "4a\x1e"
                "4b\x1e"
                "x");
    expect("text a", "held: 200 1", "post: 200 ok");
    stage_turn(stage);
    expect("close forced close");
}

/* ---- payloads ---------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name, *body;
    const char *notes[4];
} posts[] = {
    { "a message", "4hello", { "text hello", "post: 200 ok" } },
    { "an empty message", "4", { "text ", "post: 200 ok" } },
    { "binary", "bAQID", { "binary 3 bytes", "post: 200 ok" } },
    { "what means nothing",
      "0\x1e"
      "5\x1e"
      "6\x1e"
      "4a",
      { "text a", "post: 200 ok" } },
    { "a pong unasked", "3", { "post: 200 ok" } },
    { "the wrong heartbeat",
      "4a\x1e"
      "2\x1e"
      "4b",
      { "text a", "post: 200 ok", "close transport error" } },
    { "a close, and more",
      "4a\x1e"
      "1\x1e"
      "4b",
      { "text a", "post: 200 ok", "close transport close" } },
    { "an error, and more",
      "4a\x1e"
      "x\x1e"
      "4b",
      { "text a", "post: 200 ok", "close parse error" } },
    { "nothing", "", { "post: 200 ok", "close parse error" } },
    { "too many",
      "6\x1e"
      "6\x1e"
      "6\x1e"
      "6\x1e"
      "6\x1e"
      "6\x1e"
      "6\x1e"
      "6\x1e"
      "6",
      { "post: 200 ok", "close parse error" } },
};

static void every_post(void **state)
{
    struct stage *stage = *state;

    for (size_t i = 0; i < sizeof posts / sizeof posts[0]; i++) {
        struct engine_conn *conn = stage_session(stage);
        const char *const *want = posts[i].notes;
        bool lives;

        post(stage, posts[i].body);
        lives = conn->end == ENGINE_ENDS;
        stage_turn(stage);
        expect_at((int)i, want[0], want[1], want[2], want[3], NULL);
        if (lives) {
            engine_close(conn, ENGINE_TRANSPORT_ERROR);
            stage_turn(stage);
            buf_clear(&notes);
        }
    }
}

/* ---- what waits ---------------------------------------------------------------------------------------------------- */

static void to_a_held_get(void **state)
{
    struct stage *stage = *state;
    struct engine_conn *conn = stage_session(stage);
    struct fake_poll poll;

    assert_false(engine_is_writable(conn));
    get(stage, &poll, "held");
    assert_true(engine_is_writable(conn));
    assert_int_equal(send_text(conn, "4a"), ENGINE_WRITTEN);
    expect("held: 200 4a");
    assert_int_equal(send_text(conn, "4b"), ENGINE_QUEUED);
    assert_int_equal(send_text(conn, "4c"), ENGINE_QUEUED);
    get(stage, &poll, "next");
    expect("next: 200 4b\x1e"
           "4c",
           "drain");
    assert_null(conn->queue);
}

static struct packet *large_packet(size_t attachment, size_t count)
{
    struct frame *attachments[8];

    for (size_t i = 0; i < count; i++) {
        attachments[i] = frame_create(attachment);
        memset(attachments[i]->data, 0, attachment);
    }
    return packet_create(frame_of(SLICE_LITERAL("45x")), attachments, count);
}

static void beyond_the_bound(void **state)
{
    struct stage *stage = *state;
    struct engine_conn *conn = stage_session(stage);
    struct packet *packet = large_packet(2000, 1), *small = packet_of(SLICE_LITERAL("4a"));
    struct fake_poll poll;

    assert_int_equal(engine_send(conn, packet), ENGINE_QUEUED); /* alone it may be of any size */
    assert_int_equal(engine_send(conn, small), ENGINE_FULL);
    assert_int_equal(stage->node.metrics.limits[LIMIT_SOCKETIO_PENDING], 1);
    engine_answer(conn, small);
    get(stage, &poll, "next");
    buf_clear(&notes);
    get(stage, &poll, "held");
    expect_nothing();
    assert_int_equal(engine_send(conn, small), ENGINE_WRITTEN);
    expect("held: 200 4a");
    for (int i = 0; i < 33; i++) /* 64 KiB more */
        engine_answer(conn, packet);
    assert_int_equal(conn->end, ENGINE_TOO_SLOW);
    stage_turn(stage);
    expect("close transport error");
    packet_unref(&packet);
    packet_unref(&small);
}

/* More frames than go into one answer: the rest goes into the next, and nothing comes between. */
static void a_packet_of_many_frames(void **state)
{
    struct stage *stage = *state;
    struct engine_conn *conn = stage_session(stage);
    struct packet *packet = large_packet(1, 5);
    struct fake_poll poll;

    get(stage, &poll, "held");
    assert_int_equal(engine_send(conn, packet), ENGINE_QUEUED);
    assert_int_equal(send_text(conn, "4a"), ENGINE_QUEUED);
    expect("held: 200 45x\x1e"
           "bAA==\x1e"
           "bAA==\x1e"
           "bAA==");
    get(stage, &poll, "second");
    expect("second: 200 bAA==\x1e"
           "bAA==\x1e"
           "4a",
           "drain");
    packet_unref(&packet);
}

/* What belongs together comes in one answer, however many packets that are; what follows does not. */
static void corked(void **state)
{
    struct stage *stage = *state;
    struct engine_conn *conn = stage_session(stage);
    struct fake_poll poll;

    get(stage, &poll, "held");
    engine_cork(conn);
    for (int i = 0; i < 6; i++)
        assert_int_equal(send_text(conn, "4a"), ENGINE_QUEUED);
    expect_nothing();
    engine_uncork(conn);
    expect("held: 200 4a\x1e"
           "4a\x1e"
           "4a\x1e"
           "4a\x1e"
           "4a\x1e"
           "4a",
           "drain");
    engine_cork(conn);
    for (int i = 0; i < 5; i++)
        assert_int_equal(send_text(conn, "4b"), ENGINE_QUEUED);
    engine_uncork(conn);
    for (int i = 0; i < 2; i++)
        assert_int_equal(send_text(conn, "4c"), ENGINE_QUEUED);
    get(stage, &poll, "next");
    expect("next: 200 4b\x1e"
           "4b\x1e"
           "4b\x1e"
           "4b\x1e"
           "4b");
    get(stage, &poll, "last");
    expect("last: 200 4c\x1e"
           "4c",
           "drain");
}

/* ---- requests that come at the wrong time ----------------------------------------------------------------------------- */

static void overlapping_gets(void **state)
{
    struct stage *stage = *state;
    struct fake_poll first, second;

    stage_session(stage);
    get(stage, &first, "first");
    get(stage, &second, "second");
    expect("second: 400", "first: 200 1");
    stage_turn(stage);
    expect("close transport error");
}

static void arriving_posts(void **state)
{
    struct stage *stage = *state;
    struct poll_request request = { .version = ENGINE_4,
                                    .is_post = true,
                                    .body = SLICE_LITERAL("4a") };
    struct fake_poll first, second;

    request.sid = (struct slice){ stage->sid, ENGINE_ID_LEN };
    stage_session(stage);
    poll_init(&first, "first");
    poll_init(&second, "second");
    engine_poll_arrives(stage->engine, &request, &first.poll);
    engine_poll(stage->engine, &request, &first.poll);
    expect("text a", "first: 200 ok");
    poll_init(&first, "first");
    engine_poll_arrives(stage->engine, &request, &first.poll);
    engine_poll_arrives(stage->engine, &request, &second.poll);
    expect("first: cut", "second: 400");
    stage_turn(stage);
    expect("close transport error");
    stage_session(stage);
    poll_init(&first, "first");
    engine_poll_arrives(stage->engine, &request, &first.poll);
    engine_poll_gone(&first.poll);
    stage_turn(stage);
    expect("close transport error");
    stage_session(stage);
    engine_poll_arrives(stage->engine, &request, &first.poll);
    engine_close(upper.conn, ENGINE_FORCED_CLOSE); /* while it arrives */
    assert_null(first.poll.conn);
    engine_poll(stage->engine, &request, &first.poll);
    stage_turn(stage);
    expect("first: 200 ok", "close forced close");
}

static void a_get_goes_away(void **state)
{
    struct stage *stage = *state;
    struct fake_poll poll;

    stage_session(stage);
    get(stage, &poll, "held");
    engine_poll_gone(&poll.poll);
    get(stage, &poll, "next");
    expect("next: error 1");
    stage_turn(stage);
    expect("close transport error");
}

static void the_other_version(void **state)
{
    struct stage *stage = *state;
    struct fake_poll poll;

    stage_session(stage);
    stage->version = ENGINE_3;
    get(stage, &poll, "other");
    expect("other: error 3");
}

/* ---- the node, and what is kept ------------------------------------------------------------------------------------------ */

static void drained_at_its_rate(void **state)
{
    struct stage *stage = *state;

    stage->config.drain_rate = 20;
    for (int i = 0; i < 5; i++)
        stage_session(stage);
    engine_drain(stage->engine);
    assert_int_equal(stage->node.metrics.engine_open[0], 3);
    pass(100);
    assert_int_equal(stage->node.metrics.engine_open[0], 1);
    pass(100);
    assert_int_equal(stage->node.metrics.engine_open[0], 0);
    stage_turn(stage);
    assert_int_equal(stage->node.metrics.engine_closed[ENGINE_SHUTTING_DOWN], 5);
    buf_clear(&notes);
}

static void texts_of_a_handshake(void **state)
{
    struct stage *stage = *state;
    const struct engine_handshake *handshake = engine_handshake(stage_session(stage));
    struct buf value;

    buf_init(&value, 16);
    assert_true(engine_query(handshake, "nonce", &value));
    assert_true(slice_is(buf_slice(&value), "a b"));
    assert_false(engine_query(handshake, "other", &value));
    assert_true(slice_is(engine_cookie(handshake, "a"), "1"));
    assert_true(slice_is(engine_cookie(handshake, "io"), "x"));
    assert_true(slice_is(engine_cookie(handshake, "b"), "\"2\""));
    assert_null(engine_cookie(handshake, "c").data);
    assert_string_equal(handshake->origin, "");
    buf_fini(&value);
}

static void a_sid_names_its_node(void **state)
{
    struct stage *stage = *state;
    char owner[NODE_ID_LEN + 1], id[ENGINE_ID_LEN + 1];

    stage_session(stage);
    engine_owner(slice_of(stage->sid), owner);
    assert_string_equal(owner, "0123456789");
    assert_true(engine_is_ours(stage->engine, slice_of(stage->sid)));
    assert_false(engine_is_ours(stage->engine, SLICE_LITERAL("__________AAAAAAAAAA")));
    assert_false(engine_is_sid(SLICE_LITERAL("__________AAAAAAAAA")));
    assert_false(engine_is_sid(SLICE_LITERAL("__________AAAAAAAA+A")));
    engine_random_id(id);
    assert_true(engine_is_sid(slice_of(id)));
}

/* There are many of them, most of them idle. */
static void small(void **state)
{
    (void)state;
    assert_true(sizeof(struct engine_conn) + sizeof(struct engine_handshake) +
                    sizeof(struct carrier) <=
                512);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(it_waits_for_the_first_word),
        TEST(every_end),
        TEST(what_waits_is_still_sent),
        TEST(more_waits_than_fits),
        TEST(nobody_fetches_the_last_words),
        TEST(closed_while_it_opens),
        TEST(closed_by_a_message),
        TEST(every_post),
        TEST(to_a_held_get),
        TEST(beyond_the_bound),
        TEST(a_packet_of_many_frames),
        TEST(corked),
        TEST(overlapping_gets),
        TEST(arriving_posts),
        TEST(a_get_goes_away),
        TEST(the_other_version),
        TEST(drained_at_its_rate),
        TEST(texts_of_a_handshake),
        TEST(a_sid_names_its_node),
        TEST(small),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
