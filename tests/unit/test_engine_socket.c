/* SPDX-License-Identifier: MIT */
/* Heartbeats, WebSockets, and the way from polling to them: here, and to another node. */
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

/* ---- heartbeat -------------------------------------------------------------------------------------------------- */

static void exact_to_the_millisecond(void **state)
{
    struct stage *stage = *state;
    struct fake_poll poll;

    stage_session(stage);
    get(stage, &poll, "held");
    pass(299);
    expect_nothing();
    pass(1);
    expect("held: 200 2");
    get(stage, &poll, "held");
    pass(199);
    expect_nothing();
    pass(1);
    expect("held: 200 1");
    stage_turn(stage);
    expect("close ping timeout");
}

/* A timer that was late for the ping does not make the end later. */
static void a_late_timer(void **state)
{
    struct stage *stage = *state;
    struct engine_conn *conn = stage_session(stage);

    now_ms += 305;
    pass(0);
    assert_true(conn->is_pinged);
    assert_int_equal(conn->beat.due_ms, now_ms + 195);
    pass(195);
    stage_turn(stage);
    expect("close ping timeout");
}

/* The request is there before the timer has run. */
static void the_time_is_up_for_a_request(void **state)
{
    struct stage *stage = *state;
    struct fake_poll poll;

    stage_session(stage);
    pass(499);
    now_ms++;
    get(stage, &poll, "late");
    expect("late: error 1");
    stage_turn(stage);
    expect("close ping timeout");
}

static void pongs_and_other_signs_of_life(void **state)
{
    struct stage *stage = *state;
    struct fake_poll poll;

    stage_session(stage);
    pass(250);
    post(stage, "3"); /* unasked: the next ping is later */
    pass(299);
    get(stage, &poll, "held");
    pass(1);
    expect("post: 200 ok", "held: 200 2");
    pass(150);
    post(stage, "6"); /* something: the whole time again … */
    pass(150);
    post(stage, "6"); /* … but once */
    expect("post: 200 ok", "post: 200 ok");
    pass(49);
    stage_turn(stage);
    expect_nothing();
    pass(1);
    stage_turn(stage);
    expect("close ping timeout");
}

static void the_client_pings(void **state)
{
    struct stage *stage = *state;
    struct fake_poll poll;

    stage->version = ENGINE_3;
    stage_session(stage);
    pass(450);
    get(stage, &poll, "held");
    post(stage, "4:2abc");
    expect("held: 200 4:3abc", "post: 200 ok");
    pass(499);
    post(stage, "2:4a"); /* no sign of life in protocol 3 */
    expect("text a", "post: 200 ok");
    pass(1);
    stage_turn(stage);
    expect("close ping timeout");
}

/* ---- a WebSocket from the start ------------------------------------------------------------------------------------ */

static struct ws direct_ws(struct stage *stage, size_t room)
{
    struct ws ws = { .name = "w", .room = room };

    upgrading = &ws;
    carrier_create_direct(stage->engine, NULL, "", stage_handshake(stage));
    return ws;
}

static void ws_fake_open(struct ws *ws)
{
    ws->ops->on_open(ws, ws->conn);
}

/* Opens it; the open packet is checked elsewhere. */
static void open_direct(struct stage *stage, struct ws *ws, size_t room)
{
    *ws = direct_ws(stage, room);
    ws_fake_open(ws);
    buf_clear(&notes);
}

static void end_direct(struct stage *stage, struct ws *ws, enum close_reason reason,
                       const char *told)
{
    ws_fake_end(ws, reason);
    stage_turn(stage);
    expect(told);
}

static void what_on_open_sends_comes_second(void **state)
{
    struct stage *stage = *state;
    struct ws ws;
    struct slice lines;

    upper.sends_on_open = true;
    ws = direct_ws(stage, 1000);
    ws_fake_open(&ws);
    lines = buf_slice(&notes);
    assert_memory_equal(lines.data, "open\nw: text 0{\"sid\":", 21);
    assert_memory_equal(lines.data + lines.len - 18, "\nw: text 40\ndrain\n", 18);
    buf_clear(&notes);
    end_direct(stage, &ws, CLOSE_PEER_CLOSED, "close transport close");
}

static void closed_by_on_open(void **state)
{
    struct stage *stage = *state;
    struct ws ws;

    upper.closes_on_open = true;
    upper.close_as = ENGINE_FORCED_CLOSE;
    open_direct(stage, &ws, 1000);
    assert_true(ws.is_closed);
    end_direct(stage, &ws, CLOSE_ENGINE_CLOSED, "close forced close");
}

static void never_opened(void **state)
{
    struct stage *stage = *state;
    struct ws ws = direct_ws(stage, 0);

    ws.ops->on_close(NULL, WS_ENDED_BROKEN, CLOSE_PEER_GONE, ws.conn);
    stage_turn(stage);
    expect_nothing();
}

static void how_it_ends(void **state)
{
    static const struct {
        enum close_reason reason;
        const char *told;
    } rows[] = {
        { CLOSE_PEER_CLOSED, "close transport close" },
        { CLOSE_PEER_GONE, "close transport close" },
        { CLOSE_GOING_AWAY, "close server shutting down" },
        { CLOSE_SLOW_READER, "close transport error" },
        { CLOSE_TOO_BIG, "close transport error" },
    };
    struct stage *stage = *state;
    struct ws ws;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        open_direct(stage, &ws, 1000);
        end_direct(stage, &ws, rows[i].reason, rows[i].told);
    }
}

/* The frames of a packet stay together, wherever the socket is full. */
static void a_full_socket(void **state)
{
    struct stage *stage = *state;
    struct frame *attachments[] = { frame_create(10), frame_create(20) };
    struct packet *packet = packet_create(frame_of(SLICE_LITERAL("452-x")), attachments, 2);
    struct ws ws;

    open_direct(stage, &ws, 15);
    assert_true(engine_is_writable(upper.conn));
    assert_int_equal(engine_send(upper.conn, packet), ENGINE_QUEUED);
    assert_int_equal(send_text(upper.conn, "4a"), ENGINE_QUEUED);
    assert_false(engine_is_writable(upper.conn));
    expect("w: text 452-x", "w: binary 10 bytes");
    ws.ops->on_drain(&ws, ws.conn);
    expect_nothing();
    ws.room = 21;
    ws.ops->on_drain(&ws, ws.conn);
    expect("w: binary 20 bytes");
    ws.room = 100;
    ws.ops->on_drain(&ws, ws.conn);
    expect("w: text 4a", "drain");
    ws.pending = 999; /* with the WebSocket itself */
    assert_int_equal(send_text(upper.conn, "4b"), ENGINE_FULL);
    ws.pending = 0;
    ws.ops->on_drain(&ws, ws.conn);
    expect("drain");
    packet_unref(&packet);
    end_direct(stage, &ws, CLOSE_PEER_CLOSED, "close transport close");
}

/* We end it: what its client was told before is not lost. Whoever else ends it has nothing more to say. */
static void the_last_words_to_a_slow_client(void **state)
{
    static const struct {
        enum engine_end how;
        const char *told, *closed;
    } rows[] = {
        { ENGINE_SERVER_DISCONNECT, "w: text 4a\nw: text 41\nw: close",
          "close server namespace disconnect" },
        { ENGINE_PING_TIMEOUT, "w: close", "close ping timeout" },
    };
    struct stage *stage = *state;
    struct ws ws;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        open_direct(stage, &ws, 0);
        assert_int_equal(send_text(upper.conn, "4a"), ENGINE_QUEUED);
        assert_int_equal(send_text(upper.conn, "41"), ENGINE_QUEUED);
        engine_close(upper.conn, rows[i].how);
        expect(rows[i].told);
        end_direct(stage, &ws, CLOSE_ENGINE_CLOSED, rows[i].closed);
    }
}

/* ---- with a pace ------------------------------------------------------------------------------------------------------ */

static void one_message_at_a_time(void **state)
{
    struct stage *stage = *state;
    struct slice lines;
    struct ws ws;

    stage->engine->settings.pace_ms = 10;
    upper.sends_on_open = true;
    ws = direct_ws(stage, 1000);
    ws_fake_open(&ws);
    pass(9);
    expect("w: pause"); /* nothing comes with the 101 */
    pass(1);
    lines = buf_slice(&notes);
    assert_memory_equal(lines.data, "open\nw: text 0{\"sid\":", 21);
    assert_memory_equal(lines.data + lines.len - 14, "}\nw: continue\n", 14);
    buf_clear(&notes);
    assert_false(engine_is_writable(upper.conn));
    assert_int_equal(send_text(upper.conn, "4a"), ENGINE_QUEUED);
    pass(9);
    expect_nothing();
    pass(1);
    expect("w: text 40");
    ws.ops->on_drain(&ws, ws.conn); /* there is room, but it is not time */
    expect_nothing();
    pass(10);
    expect("w: text 4a", "drain");
    pass(9);
    assert_int_equal(send_text(upper.conn, "4b"), ENGINE_QUEUED);
    pass(1);
    expect("w: text 4b", "drain");
    pass(10);
    assert_int_equal(send_text(upper.conn, "4c"), ENGINE_WRITTEN);
    expect("w: text 4c");
    end_direct(stage, &ws, CLOSE_PEER_CLOSED, "close transport close");
}

static void gone_before_its_time(void **state)
{
    struct stage *stage = *state;
    struct ws ws;

    stage->engine->settings.pace_ms = 10;
    ws = direct_ws(stage, 1000);
    ws_fake_open(&ws);
    ws.ops->on_close(&ws, WS_ENDED_BROKEN, CLOSE_PEER_GONE, ws.conn);
    pass(10);
    expect("w: pause");
    assert_int_equal(due_count, 0);
}

/* ---- upgrades here ---------------------------------------------------------------------------------------------------- */

static enum engine_verdict probe(struct stage *stage, struct ws *ws)
{
    struct home *home = NULL;
    enum engine_verdict verdict =
        engine_home_here(stage->engine, slice_of(stage->sid), stage->version, &home);

    *ws = (struct ws){ .name = "w", .room = 10000 };
    upgrading = ws;
    carrier_create_probing(stage->engine, NULL, "", stage->version, home);
    return verdict;
}

static void switched(void **state)
{
    struct stage *stage = *state;
    struct engine_conn *conn = stage_session(stage);
    struct fake_poll poll;
    struct ws ws;

    assert_int_equal(probe(stage, &ws), ENGINE_FOUND);
    ws_fake_open(&ws);
    ws_fake_say(&ws, "2probe");
    expect("w: text 3probe");
    get(stage, &poll, "held");
    pass(99);
    expect_nothing();
    pass(1);
    expect("held: 200 6");
    send_text(conn, "4a");
    send_text(conn, "4b");
    ws_fake_say(&ws, "5");
    expect("w: continue", "w: text 4a", "w: text 4b", "drain");
    get(stage, &poll, "late");
    expect("late: error 3");
    ws_fake_say(&ws, "4hello");
    expect("text hello");
    assert_int_equal(stage->node.metrics.engine_open[0], 0);
    assert_int_equal(stage->node.metrics.engine_open[1], 1);
    end_direct(stage, &ws, CLOSE_PEER_CLOSED, "close transport close");
    get(stage, &poll, "later");
    expect("later: error 1");
}

static void one_probe_at_a_time(void **state)
{
    struct stage *stage = *state;
    struct ws first, second;

    stage_session(stage);
    assert_int_equal(probe(stage, &first), ENGINE_FOUND);
    ws_fake_open(&first);
    assert_int_equal(probe(stage, &second), ENGINE_BUSY);
    ws_fake_open(&second);
    expect("w: close");
    ws_fake_end(&second, CLOSE_ENGINE_CLOSED);
    ws_fake_end(&first, CLOSE_PEER_GONE);
    assert_int_equal(probe(stage, &first), ENGINE_FOUND);
    first.ops->on_close(NULL, WS_ENDED_BROKEN, CLOSE_PEER_GONE, first.conn); /* it never opens */
    assert_null(upper.conn->probe);
}

/* It ends before the WebSocket is open, and after. */
static void the_session_ends_meanwhile(void **state)
{
    struct stage *stage = *state;
    struct ws ws;

    for (int is_open = 0; is_open < 2; is_open++) {
        struct engine_conn *conn = stage_session(stage);

        probe(stage, &ws);
        if (is_open)
            ws_fake_open(&ws);
        engine_close(conn, ENGINE_FORCED_CLOSE);
        if (!is_open)
            ws_fake_open(&ws);
        expect("w: close");
        stage_turn(stage);
        expect("close forced close");
        ws_fake_end(&ws, CLOSE_ENGINE_CLOSED);
    }
}

static void no_probe_of_what_closes(void **state)
{
    struct stage *stage = *state;
    struct home *home = NULL;

    engine_close(stage_session(stage), ENGINE_FORCED_CLOSE);
    assert_int_equal(engine_home_here(stage->engine, slice_of(stage->sid), ENGINE_4, &home),
                     ENGINE_UNKNOWN);
    assert_null(home);
    stage_turn(stage);
    expect("close forced close");
}

/* ---- upgrades to another node ------------------------------------------------------------------------------------------ */

static struct buf image; /* what was packed last */

static void on_over(struct engine_probe *from)
{
    assert_null(from->conn);
    note("probe over");
}

static void on_packed(struct engine_probe *from, struct slice packed)
{
    assert_null(from->conn);
    note("packed");
    buf_clear(&image);
    buf_add_slice(&image, packed);
}

static const struct engine_probe_ops far_ops = { .on_over = on_over, .on_packed = on_packed };

static void begin_far(struct stage *stage, struct engine_probe *far)
{
    buf_init(&image, 100000);
    assert_int_equal(
        engine_probe_begin(stage->engine, slice_of(stage->sid), stage->version, &far_ops, far),
        ENGINE_FOUND);
}

static void leaves_a_tombstone(void **state)
{
    struct stage *stage = *state;
    struct engine_probe far, second;
    struct fake_poll poll;

    stage_session(stage);
    begin_far(stage, &far);
    engine_probe_heard(&far);
    get(stage, &poll, "held");
    engine_probe_take(&far);
    expect("held: error 3", "pack", "packed");
    get(stage, &poll, "late");
    post(stage, "4a");
    expect("late: error 3", "post: error 3");
    assert_int_equal(
        engine_probe_begin(stage->engine, slice_of(stage->sid), ENGINE_4, &far_ops, &second),
        ENGINE_WRONG_TRANSPORT);
    pass(44999);
    assert_true(engine_has(stage->engine, slice_of(stage->sid)));
    pass(1);
    stage_turn(stage);
    assert_false(engine_has(stage->engine, slice_of(stage->sid)));
    expect_nothing(); /* nobody is told: it lives */
    buf_fini(&image);
}

static void waits_for_rest(void **state)
{
    struct stage *stage = *state;
    struct engine_conn *conn = stage_session(stage);
    struct engine_probe far;

    upper.is_busy = true;
    begin_far(stage, &far);
    engine_probe_take(&far);
    expect_nothing();
    assert_int_equal(send_text(conn, "4a"), ENGINE_QUEUED); /* it goes along */
    post(stage, "4b");
    expect("post: error 3");
    engine_rested(conn);
    expect("pack", "packed");
    buf_fini(&image);
}

static void ends_while_it_waits(void **state)
{
    struct stage *stage = *state;
    struct engine_probe far;

    upper.is_busy = true;
    for (int i = 0; i < 3; i++) {
        struct engine_conn *conn = stage_session(stage);

        begin_far(stage, &far);
        engine_probe_take(&far);
        if (i == 0)
            engine_close(conn, ENGINE_FORCED_CLOSE);
        else if (i == 1)
            engine_probe_leave(&far); /* the WebSocket broke */
        else
            while (conn->end == ENGINE_ENDS) /* nobody comes to rest, and the client is silent */
                pass(100);
        stage_turn(stage);
        if (i == 0)
            expect("probe over", "close forced close");
        else if (i == 1)
            expect("close transport close");
        else
            expect("probe over", "close ping timeout");
        buf_fini(&image);
    }
}

/* A session with a ping and a packet that wait: `image` is what leaves its node. */
static void pack_session(struct stage *stage)
{
    struct frame *attachment = frame_of(SLICE_LITERAL("\1\2"));
    struct packet *packet = packet_create(frame_of(SLICE_LITERAL("451-x")), &attachment, 1);
    struct engine_conn *conn = stage_session(stage);
    struct engine_probe far;

    pass(320);
    engine_send(conn, packet);
    packet_unref(&packet);
    begin_far(stage, &far);
    engine_probe_take(&far);
    expect("pack", "packed");
}

/* --socketio-pending-max may be larger than what one node can hand to another. */
static void waits_too_much_to_move(void **state)
{
    struct engine_settings settings = stage_settings;
    struct stage *stage = *state;
    struct engine_conn *conn;
    struct engine_probe far;
    char *text = xmalloc(1000001);

    settings.pending_max = 64 * 1024 * 1024;
    engine_configure(stage->engine, &settings);
    conn = stage_session(stage);
    memset(text, '4', 1000000);
    text[1000000] = '\0';
    for (int i = 0; i < 9; i++)
        assert_int_equal(send_text(conn, text), ENGINE_QUEUED);
    free(text);
    begin_far(stage, &far);
    engine_probe_take(&far);
    expect("probe over");
    buf_fini(&image);
    stage_turn(stage);
    expect("close transport error");
}

/* The upper layer gets what room is left, and hears of the end when that is not enough. */
static void is_too_much_to_move(void **state)
{
    struct stage *stage = *state;
    struct engine_conn *conn = stage_session(stage);
    struct engine_probe far;
    char *text = xmalloc(ENGINE_IMAGE_MAX);

    memset(text, 'x', ENGINE_IMAGE_MAX - 1);
    text[ENGINE_IMAGE_MAX - 1] = '\0';
    upper.image = text;
    assert_int_equal(send_text(conn, "4a"), ENGINE_QUEUED);
    begin_far(stage, &far);
    engine_probe_take(&far);
    expect("pack", "probe over");
    buf_fini(&image);
    stage_turn(stage);
    expect("close transport error");
    free(text);
}

/* The same stage is another node from now on. */
static void go_to_another_node(struct stage *stage)
{
    stage_stop(stage);
    stage_start(stage);
    strcpy(stage->node.id, "00000000ff");
}

static void on_commit(struct home *home)
{
    struct engine_conn *conn = engine_image_unpack(home->carrier->engine, buf_slice(&image));

    assert_non_null(conn);
    carrier_attach(home->carrier, conn);
}

static void moves(void **state)
{
    static const struct home_ops ops = { .commit = on_commit };
    struct home home = { &ops, NULL };
    struct stage *stage = *state;
    struct ws ws = { .name = "w", .room = 1000 };
    char sid[ENGINE_ID_LEN + 1];

    pack_session(stage);
    strcpy(sid, stage->sid);
    go_to_another_node(stage);
    upgrading = &ws;
    carrier_create_probing(stage->engine, NULL, "", ENGINE_4, &home);
    ws_fake_open(&ws);
    ws_fake_say(&ws, "5");
    expect("unpack image", "w: continue", "w: text 2", "w: text 451-x", "w: binary 2 bytes");
    assert_string_equal(engine_sid(upper.conn), sid);
    assert_string_equal(engine_handshake(upper.conn)->query, "EIO=4&nonce=a%20b");
    assert_string_equal(engine_handshake(upper.conn)->cookie, "a=1; io = x ;b=\"2\"");
    assert_int_equal(engine_handshake(upper.conn)->opened_ms, 5);
    assert_true(engine_is_ours(stage->engine, slice_of(sid)));
    assert_null(engine_image_unpack(stage->engine, buf_slice(&image))); /* it is here already */
    pass(199); /* the pong is due, in its whole time */
    ws_fake_say(&ws, "3");
    pass(299);
    expect_nothing();
    pass(1);
    expect("w: text 2");
    end_direct(stage, &ws, CLOSE_PEER_CLOSED, "close transport close");
    buf_fini(&image);
}

/* A reload has made the interval shorter: what was left of the old one is the new one, at most. */
static void moves_after_a_reload(void **state)
{
    struct engine_settings settings = stage_settings;
    struct stage *stage = *state;
    struct engine_probe far;
    struct engine_conn *conn;

    stage_session(stage);
    settings.ping_interval_ms = 100;
    engine_configure(stage->engine, &settings);
    begin_far(stage, &far);
    engine_probe_take(&far);
    expect("pack", "packed");
    go_to_another_node(stage);
    engine_configure(stage->engine, &settings);
    conn = engine_image_unpack(stage->engine, buf_slice(&image));
    assert_non_null(conn);
    expect("unpack image");
    assert_in_range(conn->beat.due_ms - now_ms, 100, 120);
    engine_conn_enter(conn, CONN_SOCKET);
    engine_close(conn, ENGINE_FORCED_CLOSE);
    stage_turn(stage);
    expect("close forced close");
    buf_fini(&image);
}

static void on_commit_later(struct home *home)
{
    (void)home;
}

static void on_leave(struct home *home)
{
    home->carrier = NULL;
    note("left");
}

/* --socketio-upgrade-timeout is the client's. The owner of the connection has its own time to come to rest. */
static void the_home_takes_its_time(void **state)
{
    static const struct home_ops ops = { .commit = on_commit_later, .leave = on_leave };
    struct stage *stage = *state;
    const uint64_t *late = &stage->node.metrics.limits[LIMIT_SOCKETIO_UPGRADE_TIME];

    for (int says_five = 0; says_five < 2; says_five++) {
        uint32_t limit_ms = says_five ? ENGINE_REST_MS + 5000 : stage_settings.upgrade_timeout_ms;
        struct home home = { &ops, NULL };
        struct ws ws = { .name = "w", .room = 1000 };

        upgrading = &ws;
        carrier_create_probing(stage->engine, NULL, "", ENGINE_4, &home);
        ws_fake_open(&ws);
        if (says_five) {
            pass(stage_settings.upgrade_timeout_ms - 1);
            ws_fake_say(&ws, "5");
            expect("w: pause");
        }
        pass(limit_ms - 1);
        expect_nothing();
        pass(1);
        expect("left", "w: close");
        ws_fake_end(&ws, CLOSE_ENGINE_CLOSED);
        assert_int_equal(*late, 1);
    }
}

static void images_that_make_no_sense(void **state)
{
    struct stage *stage = *state;

    pack_session(stage);
    go_to_another_node(stage);
    for (size_t len = 0; len < image.len; len++) {
        assert_null(engine_image_unpack(stage->engine, (struct slice){ image.data, len }));
        stage_turn(stage);
    }
    expect_nothing();
    upper.image = "other"; /* to the upper layer */
    assert_null(engine_image_unpack(stage->engine, buf_slice(&image)));
    expect("unpack image");
    stage_turn(stage);
    expect_nothing();
    assert_int_equal(stage->node.metrics.engine_moves[1], 0);
    buf_fini(&image);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(exact_to_the_millisecond),
        TEST(a_late_timer),
        TEST(the_time_is_up_for_a_request),
        TEST(pongs_and_other_signs_of_life),
        TEST(the_client_pings),
        TEST(what_on_open_sends_comes_second),
        TEST(closed_by_on_open),
        TEST(never_opened),
        TEST(how_it_ends),
        TEST(a_full_socket),
        TEST(the_last_words_to_a_slow_client),
        TEST(one_message_at_a_time),
        TEST(gone_before_its_time),
        TEST(switched),
        TEST(one_probe_at_a_time),
        TEST(the_session_ends_meanwhile),
        TEST(no_probe_of_what_closes),
        TEST(leaves_a_tombstone),
        TEST(waits_for_rest),
        TEST(ends_while_it_waits),
        TEST(waits_too_much_to_move),
        TEST(is_too_much_to_move),
        TEST(moves),
        TEST(moves_after_a_reload),
        TEST(the_home_takes_its_time),
        TEST(images_that_make_no_sense),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
