/* SPDX-License-Identifier: MIT */
/* Sockets: what is sent to them, what apps keep at them, how they end, and how they move to another node. */
#include "sio_rig.h"

/* ---- sending --------------------------------------------------------------------------------------- */

static void test_send(void **state)
{
    const struct slice attachment = slice_of("bytes");

    (void)state;
    rig_connected();
    sio_send(rig.socket, slice_of("[\"x\",1]"));
    sio_send_binary(rig.socket, slice_of("[\"y\",{\"_placeholder\":true,\"num\":0}]"), &attachment,
                    1);
    sio_ack(rig.socket, 3, slice_of("[]"));
    rig_expect("c1 > 42[\"x\",1]", "c1 > 451-[\"y\",{\"_placeholder\":true,\"num\":0}]",
               "c1 > binary bytes", "c1 > 433[]");
    assert_int_equal(rig.node.metrics.socketio_acks[SOCKETIO_OUT], 1);
}

/* What the client is told is taken in any case; what comes by a channel waits. */
static void test_a_client_that_takes_no_more(void **state)
{
    struct engine_conn *conn = rig_connected();
    struct packet *packet = packet_of(slice_of("42[\"room\"]"));

    (void)state;
    assert_true(sio_can_take(rig.socket));
    conn->answer = ENGINE_QUEUED;
    assert_int_equal(sio_socket_deliver(rig.socket, packet), ENGINE_QUEUED);
    assert_false(sio_can_take(rig.socket));
    conn->answer = ENGINE_FULL;
    assert_int_equal(sio_socket_deliver(rig.socket, packet), ENGINE_FULL);
    sio_send(rig.socket, slice_of("[\"x\"]"));
    rig_expect("c1 > 42[\"room\"]", "c1 > 42[\"x\"]");
    rig_drain(conn);
    rig_expect("rooms of id-1 go on");
    assert_true(sio_can_take(rig.socket));
    assert_int_equal(sio_socket_deliver(rig.socket, packet), ENGINE_WRITTEN);
    rig_expect("c1 > 42[\"room\"]");
    packet_unref(&packet);
}

/* Nothing precedes the answer to CONNECT. */
static void test_what_comes_before_it_is_connected(void **state)
{
    struct packet *packet = packet_of(slice_of("42[\"room\"]"));

    (void)state;
    rig_text(rig_open_conn(ENGINE_4, ""), "0");
    rig_forget_notes();
    assert_int_equal(sio_socket_deliver(rig.joins[0].socket, packet), ENGINE_FULL);
    rig_joined(RESULT_OK);
    rig_expect("c1 > 40{\"sid\":\"id-1\"}", "a connect / id-1", "b connect / id-1",
               "rooms of id-1 go on");
    packet_unref(&packet);
}

static void test_events_that_can_be_recovered(void **state)
{
    struct engine_conn *conn;

    (void)state;
    rig.config.recovery_ms = 1000;
    conn = rig_connected();
    sio_send(rig.socket, slice_of("[\"x\"]"));
    rig_expect("emit id-1 [\"x\"] with 0");
    assert_false(rig.engine.ops->is_at_rest(conn->upper)); /* or it would be overtaken */
    rig_emitted(RESULT_OK);
    rig_turn();
    rig_expect("c1 rested");
    sio_ack(rig.socket, 1, slice_of("[]"));
    rig_expect("c1 > 431[]");
}

/* What came by a channel says how far its client has come. */
static void test_a_packet_gets_an_offset(void **state)
{
    struct packet *packet = packet_of(slice_of("42[\"room\"]"));

    (void)state;
    rig.config.recovery_ms = 1000;
    rig_connected();
    assert_int_equal(sio_socket_deliver(rig.socket, packet), ENGINE_WRITTEN);
    rig_expect("stamped offset", "c1 > 42[\"room\"]");
    packet_unref(&packet);
}

static void test_an_event_that_may_be_lost(void **state)
{
    (void)state;
    rig.config.recovery_ms = 1000;
    rig_connected();
    sio_send(rig.socket, slice_of("[\"x\"]"));
    rig_emitted(RESULT_UNCERTAIN);
    rig_expect("emit id-1 [\"x\"] with 0", "c1 closes: forced server close");
}

/* The last words of one that is disconnected: by the room they would come when it is over. */
static void test_last_words(void **state)
{
    (void)state;
    rig.config.recovery_ms = 1000;
    rig_connected();
    sio_part(rig.socket);
    sio_send(rig.socket, slice_of("[\"bye\"]"));
    sio_disconnect(rig.socket, false);
    rig_expect("c1 > 42[\"bye\"]", "c1 > 41", "a disconnect id-1: server namespace disconnect",
               "b disconnect id-1: server namespace disconnect");
    sio_part(rig.socket);
}

static void test_its_client_goes_while_an_event_is_on_its_way(void **state)
{
    struct engine_conn *conn;

    (void)state;
    rig.config.recovery_ms = 1000;
    conn = rig_connected();
    sio_send(rig.socket, slice_of("[\"x\"]"));
    rig_closed(conn, ENGINE_TRANSPORT_CLOSE);
    rig_expect("emit id-1 [\"x\"] with 0", "cancel", "a disconnect id-1: transport close",
               "b disconnect id-1: transport close");
}

/* ---- its end --------------------------------------------------------------------------------------- */

static void test_found_while_it_lives(void **state)
{
    struct engine_conn *conn = rig_connected();
    char name[400];

    (void)state;
    memset(name, '/', sizeof name);
    assert_null(sio_find(rig.sio, (struct slice){ name, sizeof name }, slice_of("id-1")));
    assert_null(sio_find(rig.sio, slice_of("/"), (struct slice){ name, sizeof name }));
    assert_ptr_equal(sio_find(rig.sio, slice_of("/"), slice_of("id-1")), rig.socket);
    assert_null(sio_find(rig.sio, slice_of("/admin"), slice_of("id-1")));
    assert_null(sio_find(rig.sio, slice_of("/"), slice_of("id-2")));
    rig_closed(conn, ENGINE_TRANSPORT_CLOSE);
    assert_null(sio_find(rig.sio, slice_of("/"), slice_of("id-1")));
    rig_forget_notes();
}

/* Whoever still has it may ask anything of it until the loop's next turn. */
static void test_what_is_over_does_nothing(void **state)
{
    (void)state;
    rig_connected();
    sio_disconnect(rig.socket, false);
    rig_expect("c1 > 41", "a disconnect id-1: server namespace disconnect",
               "b disconnect id-1: server namespace disconnect");
    sio_send(rig.socket, slice_of("[\"x\"]"));
    sio_ack(rig.socket, 1, slice_of("[]"));
    sio_set_data(rig.socket, "app", slice_of("1"));
    sio_disconnect(rig.socket, true);
    assert_false(sio_can_take(rig.socket));
    assert_null(sio_data(rig.socket, "app").data);
    assert_null(sio_socket_engine(rig.socket));
    assert_int_equal(sio_find(rig.sio, sio_namespace(rig.socket), sio_id(rig.socket)) == NULL, 1);
    rig_turn();
    rig_expect_nothing();
}

/* All sockets of the connection, then the connection. */
static void test_disconnect_and_close(void **state)
{
    struct engine_conn *conn = rig_connected();

    (void)state;
    rig_text(conn, "0/admin");
    rig_joined(RESULT_OK);
    rig_forget_notes();
    rig_text(conn, "2/admin,5[\"close\"]");
    rig_expect("b event id-2 close [\"close\"] with 0", "c1 > 43/admin,5[1]", "c1 > 41/admin,",
               "a disconnect id-2: server namespace disconnect",
               "b disconnect id-2: server namespace disconnect", "c1 > 41",
               "a disconnect id-1: server namespace disconnect",
               "b disconnect id-1: server namespace disconnect",
               "c1 closes: server namespace disconnect");
    rig_closed(conn, ENGINE_TRANSPORT_CLOSE);
    rig_expect_nothing();
}

static void test_close_while_another_namespace_is_decided(void **state)
{
    struct engine_conn *conn = rig_connected();

    (void)state;
    rig.decisions[0] = RIG_LATER;
    rig_text(conn, "0/admin");
    rig_forget_notes();
    sio_disconnect(rig.socket, true);
    rig_expect("c1 > 41", "a disconnect id-1: server namespace disconnect",
               "b disconnect id-1: server namespace disconnect", "a gone",
               "c1 closes: server namespace disconnect");
}

/* Whether a room's channel stays for who comes back is decided by how it ended. */
static void test_how_rooms_end(void **state)
{
    static const struct {
        enum engine_end how;
        const char *want;
    } rows[] = {
        { ENGINE_TRANSPORT_CLOSE, "broken" },     { ENGINE_TRANSPORT_ERROR, "broken" },
        { ENGINE_PING_TIMEOUT, "broken" },        { ENGINE_FORCED_CLOSE, "broken" },
        { ENGINE_SHUTTING_DOWN, "broken" },       { ENGINE_PARSE_ERROR, "in order" },
        { ENGINE_SERVER_DISCONNECT, "in order" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct engine_conn *conn = rig_connected();
        char disconnects[2][96], rooms[96];

        rig.socket->members_made = 1;
        snprintf(disconnects[0], sizeof disconnects[0], "a disconnect id-%zu: %s", i + 1,
                 engine_end_text(rows[i].how));
        snprintf(disconnects[1], sizeof disconnects[1], "b disconnect id-%zu: %s", i + 1,
                 engine_end_text(rows[i].how));
        snprintf(rooms, sizeof rooms, "rooms of id-%zu end %s", i + 1, rows[i].want);
        rig_closed(conn, rows[i].how);
        rig_expect(disconnects[0], disconnects[1], rooms);
    }
}

static void test_the_newest_of_two_with_one_id(void **state)
{
    (void)state;
    rig_connected();
    sio_socket_yield(rig.socket);
    rig_expect("a disconnect id-1: transport close, moved",
               "b disconnect id-1: transport close, moved", "c1 closes: forced server close");
    sio_socket_yield(rig.socket);
    rig_expect_nothing();
}

/* ---- tasks ------------------------------------------------------------------------------------------ */

struct job {
    struct sio_task task;
    const char *name;
    bool ends_on_drain, closes_on_drain;
};

static void on_job_gone(struct sio_task *task)
{
    note("%s gone", LIST_ENTRY(task, struct job, task)->name);
}

static void on_job_drain(struct sio_task *task)
{
    struct job *job = LIST_ENTRY(task, struct job, task);

    note("%s drains", job->name);
    if (job->closes_on_drain)
        sio_disconnect(task->socket, true);
    else if (job->ends_on_drain)
        sio_task_end(task);
}

static void test_tasks_end_with_their_socket(void **state)
{
    struct job one = { .name = "one" }, two = { .name = "two" };
    struct engine_conn *conn = rig_connected();

    (void)state;
    sio_task_begin(rig.socket, &one.task, on_job_gone);
    sio_task_begin(rig.socket, &two.task, on_job_gone);
    sio_task_end(&one.task);
    sio_task_end(&one.task);
    rig_closed(conn, ENGINE_TRANSPORT_CLOSE);
    rig_expect("two gone", "a disconnect id-1: transport close",
               "b disconnect id-1: transport close");
    assert_null(two.task.socket);
    sio_task_end(&two.task);
}

static void test_tasks_drain_in_turn(void **state)
{
    struct job one = { .name = "one", .ends_on_drain = true }, two = { .name = "two" };
    struct engine_conn *conn = rig_connected();

    (void)state;
    one.task.on_drain = two.task.on_drain = on_job_drain;
    sio_task_begin(rig.socket, &one.task, on_job_gone);
    sio_task_begin(rig.socket, &two.task, on_job_gone);
    rig_drain(conn);
    rig_drain(conn);
    rig_expect("rooms of id-1 go on", "one drains", "two drains", "rooms of id-1 go on",
               "two drains");
    sio_task_end(&two.task);
}

static void test_a_task_that_ends_the_connection(void **state)
{
    struct job one = { .name = "one", .closes_on_drain = true }, two = { .name = "two" };
    struct engine_conn *conn = rig_connected();

    (void)state;
    one.task.on_drain = two.task.on_drain = on_job_drain;
    sio_task_begin(rig.socket, &one.task, on_job_gone);
    sio_task_begin(rig.socket, &two.task, on_job_gone);
    rig_drain(conn);
    rig_expect("rooms of id-1 go on", "one drains", "c1 > 41", "two gone", "one gone",
               "a disconnect id-1: server namespace disconnect",
               "b disconnect id-1: server namespace disconnect",
               "c1 closes: server namespace disconnect");
}

/* ---- what apps remember ------------------------------------------------------------------------------- */

static void test_data(void **state)
{
    (void)state;
    rig_connected();
    assert_null(sio_data(rig.socket, "app").data);
    sio_set_data(rig.socket, "app", slice_of("{\"a\":1}"));
    sio_set_data(rig.socket, "other", slice_of("2"));
    sio_set_data(rig.socket, "app", sio_data(rig.socket, "app"));
    assert_true(slice_is(sio_data(rig.socket, "app"), "{\"a\":1}"));
    sio_set_data(rig.socket, "app", (struct slice){ NULL, 0 });
    assert_null(sio_data(rig.socket, "app").data);
    assert_true(slice_is(sio_data(rig.socket, "other"), "2"));
}

static void test_arguments(void **state)
{
    struct sio_event event = { 0 };

    (void)state;
    assert_true(json_parse(slice_of("[\"name\",1,[2]]"), &event.items));
    assert_true(slice_is(sio_argument(&event, 0).raw, "1"));
    assert_true(slice_is(sio_argument(&event, 1).raw, "[2]"));
    assert_int_equal(sio_argument(&event, 2).type, JSON_ABSENT);
}

/* ---- moving --------------------------------------------------------------------------------------------- */

static void pack(struct engine_conn *conn, struct buf *image)
{
    void *upper = conn->upper;

    conn->upper = NULL;
    buf_init(image, 65536);
    rig.engine.ops->pack(upper, image);
}

static struct engine_conn *unpack(enum engine_version version, struct slice image)
{
    struct engine_conn *conn = rig_conn(version, "");

    conn->upper = rig.engine.ops->unpack(conn, image, rig.engine.ctx);
    return conn;
}

static void test_a_move(void **state)
{
    struct engine_conn *conn = rig_connected();
    struct buf image;

    (void)state;
    sio_set_data(rig.socket, "app", slice_of("\"remember\""));
    rig_text(conn, "0/admin");
    rig_joined(RESULT_OK);
    rig_text(conn, "52-[\"x\"]");
    rig_binary(conn, "one");
    rig_forget_notes();
    assert_true(rig.engine.ops->is_at_rest(conn->upper));
    pack(conn, &image);
    rig_expect(
        "a disconnect id-1: transport close, moved", "b disconnect id-1: transport close, moved",
        "a disconnect id-2: transport close, moved", "b disconnect id-2: transport close, moved");
    conn = unpack(ENGINE_4, buf_slice(&image));
    assert_non_null(conn->upper);
    rig_expect_nothing(); /* not under the engine's own call */
    rig_turn();
    rig_expect("a connect / id-1 back", "b connect / id-1 back", "a connect /admin id-2 back",
               "b connect /admin id-2 back");
    rig_binary(conn, "two");
    rig_expect("b event id-1 x [\"x\"] with 2");
    assert_true(slice_is(sio_data(sio_find(rig.sio, slice_of("/"), slice_of("id-1")), "app"),
                         "\"remember\""));
    rig_pass(100000); /* it is in a namespace: nothing is due */
    rig_expect_nothing();
    assert_int_equal(rig.node.metrics.socketio_sockets, 2);
    rig_closed(conn, ENGINE_TRANSPORT_CLOSE);
    rig_forget_notes();
    buf_fini(&image);
}

/* It is told of its end like any other. */
static void test_a_move_that_does_not_fit(void **state)
{
    struct engine_conn *conn = rig_connected();
    struct buf image;

    (void)state;
    sio_set_data(rig.socket, "app", slice_of("\"remember\""));
    buf_init(&image, 20);
    rig.engine.ops->pack(conn->upper, &image);
    assert_true(image.has_overflowed);
    rig_expect("rooms of id-1 stay", "debts of id-1 stay");
    rig_closed(conn, ENGINE_TRANSPORT_ERROR);
    rig_expect("a disconnect id-1: transport error", "b disconnect id-1: transport error");
    buf_fini(&image);
}

/* A message that is faster than the next turn: the apps hear of the socket first. */
static void test_a_fast_client_that_moved(void **state)
{
    struct engine_conn *conn = rig_connected();
    struct buf image;

    (void)state;
    pack(conn, &image);
    rig_forget_notes();
    conn = unpack(ENGINE_4, buf_slice(&image));
    assert_false(rig.engine.ops->is_at_rest(conn->upper));
    rig_text(conn, "2[\"x\"]");
    rig_expect("a connect / id-1 back", "b connect / id-1 back", "b event id-1 x [\"x\"] with 0");
    rig_turn();
    rig_expect("c2 rested");
    buf_fini(&image);
}

/* Its end has to be told by somebody, so its beginning is. */
static void test_a_client_that_moved_and_went(void **state)
{
    struct engine_conn *conn = rig_connected();
    struct buf image;

    (void)state;
    pack(conn, &image);
    rig_forget_notes();
    rig_closed(unpack(ENGINE_4, buf_slice(&image)), ENGINE_PING_TIMEOUT);
    rig_expect("a connect / id-1 back", "b connect / id-1 back", "a disconnect id-1: ping timeout",
               "b disconnect id-1: ping timeout");
    buf_fini(&image);
}

/* Protocol 4: `/` was left by the client, and is not joined anew. */
static void test_a_move_of_protocol_4(void **state)
{
    struct engine_conn *conn = rig_open_conn(ENGINE_3, "");
    struct buf image;

    (void)state;
    rig_turn();
    rig_joined(RESULT_OK);
    rig_text(conn, "1");
    rig_forget_notes();
    pack(conn, &image);
    conn = unpack(ENGINE_3, buf_slice(&image));
    rig_pass(100000);
    rig_expect_nothing();
    rig_text(conn, "0/admin");
    rig_expect("a admit /admin /admin#sid-2 {}", "b admit /admin /admin#sid-2 {}");
    buf_fini(&image);
}

static void test_who_has_joined_nothing_moves_with_its_time(void **state)
{
    struct buf image;

    (void)state;
    pack(rig_open_conn(ENGINE_4, ""), &image);
    unpack(ENGINE_4, buf_slice(&image));
    rig_pass(45000);
    rig_expect("c2 closes: forced server close");
    buf_fini(&image);
}

static void test_it_moves_at_rest_only(void **state)
{
    struct engine_conn *conn = rig_connected();
    struct job job = { .name = "job" };

    (void)state;
    sio_task_begin(rig.socket, &job.task, on_job_gone);
    assert_false(rig.engine.ops->is_at_rest(conn->upper));
    rig_turn();
    rig_expect_nothing();
    sio_task_end(&job.task);
    rig_expect_nothing(); /* an app is still running */
    rig_turn();
    rig_expect("c1 rested");
    rig.decisions[0] = RIG_LATER;
    rig_text(conn, "0/admin");
    assert_false(rig.engine.ops->is_at_rest(conn->upper));
    sio_refuse(rig.waiting, slice_of("no"), (struct slice){ NULL, 0 });
    rig_turn();
    rig_expect("a admit /admin id-2 {}", "c1 > 44/admin,{\"message\":\"no\"}", "c1 rested");
}

static void test_broken_images(void **state)
{
    struct engine_conn *conn = rig_connected();
    struct buf image;

    (void)state;
    sio_set_data(rig.socket, "app", slice_of("1"));
    rig_text(conn, "52-[\"x\"]");
    rig_binary(conn, "one");
    pack(conn, &image);
    for (size_t len = 0; len < image.len; len++) {
        assert_null(unpack(ENGINE_4, (struct slice){ image.data, len })->upper);
        free(rig.conns[--rig.conn_count].handshake.query);
    }
    image.data[5] = '7'; /* the packet that is incomplete: version, joined, wanted, length, "52-… */
    assert_null(unpack(ENGINE_4, buf_slice(&image))->upper);
    image.data[4] = '6'; /* a BINARY_ACK without an id */
    image.data[5] = '2';
    assert_null(unpack(ENGINE_4, buf_slice(&image))->upper);
    image.data[4] = '5';
    rig_closed(unpack(ENGINE_4, buf_slice(&image)), ENGINE_TRANSPORT_CLOSE); /* as it was */
    buf_add_byte(&image, 'x');
    assert_null(unpack(ENGINE_4, buf_slice(&image))->upper);
    rig_turn();
    assert_int_equal(rig.node.metrics.socketio_sockets, 0);
    rig_forget_notes();
    buf_fini(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(test_send),
        RIG_TEST(test_a_client_that_takes_no_more),
        RIG_TEST(test_what_comes_before_it_is_connected),
        RIG_TEST(test_events_that_can_be_recovered),
        RIG_TEST(test_a_packet_gets_an_offset),
        RIG_TEST(test_an_event_that_may_be_lost),
        RIG_TEST(test_last_words),
        RIG_TEST(test_its_client_goes_while_an_event_is_on_its_way),
        RIG_TEST(test_found_while_it_lives),
        RIG_TEST(test_what_is_over_does_nothing),
        RIG_TEST(test_disconnect_and_close),
        RIG_TEST(test_close_while_another_namespace_is_decided),
        RIG_TEST(test_how_rooms_end),
        RIG_TEST(test_the_newest_of_two_with_one_id),
        RIG_TEST(test_tasks_end_with_their_socket),
        RIG_TEST(test_tasks_drain_in_turn),
        RIG_TEST(test_a_task_that_ends_the_connection),
        RIG_TEST(test_data),
        RIG_TEST(test_arguments),
        RIG_TEST(test_a_move),
        RIG_TEST(test_a_move_that_does_not_fit),
        RIG_TEST(test_a_fast_client_that_moved),
        RIG_TEST(test_a_client_that_moved_and_went),
        RIG_TEST(test_a_move_of_protocol_4),
        RIG_TEST(test_who_has_joined_nothing_moves_with_its_time),
        RIG_TEST(test_it_moves_at_rest_only),
        RIG_TEST(test_broken_images),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
