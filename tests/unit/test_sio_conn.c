/* SPDX-License-Identifier: MIT */
/* Connections of Socket.IO: packets to sockets, what a client may do when, binary packets, protocol 4. */
#include "sio_rig.h"

static void test_life(void **state)
{
    struct engine_conn *conn = rig_open_conn(ENGINE_4, "EIO=4");

    (void)state;
    rig_text(conn, "0{\"token\":\"123\"}");
    rig_expect("a admit / id-1 {\"token\":\"123\"}", "b admit / id-1 {\"token\":\"123\"}");
    rig_joined(RESULT_OK);
    rig_expect("c1 > 40{\"sid\":\"id-1\"}", "a connect / id-1", "b connect / id-1",
               "rooms of id-1 go on");
    rig_text(conn, "2[\"a\",1]");
    rig_expect("a event id-1 a [\"a\",1] with 0");
    rig_text(conn, "27[\"x\"]");
    rig_expect("b event id-1 x [\"x\"] with 0", "c1 > 437[1]");
    rig_text(conn, "312[\"ok\"]");
    rig_expect("answer of id-1 to 12: [\"ok\"] with 0");
    rig_text(conn, "1");
    rig_expect("a disconnect id-1: client namespace disconnect",
               "b disconnect id-1: client namespace disconnect");
    rig_text(conn, "0");
    rig_joined(RESULT_OK);
    rig_expect("a admit / id-2 {}", "b admit / id-2 {}", "c1 > 40{\"sid\":\"id-2\"}",
               "a connect / id-2", "b connect / id-2", "rooms of id-2 go on");
    rig_closed(conn, ENGINE_PING_TIMEOUT);
    rig_expect("a disconnect id-2: ping timeout", "b disconnect id-2: ping timeout");
    assert_int_equal(rig.node.metrics.socketio_connects, 2);
    assert_int_equal(rig.node.metrics.socketio_events, 2);
}

static void test_two_namespaces(void **state)
{
    struct engine_conn *conn = rig_connected();

    (void)state;
    rig_text(conn, "0/admin");
    rig_joined(RESULT_OK);
    rig_expect("a admit /admin id-2 {}", "b admit /admin id-2 {}",
               "c1 > 40/admin,{\"sid\":\"id-2\"}", "a connect /admin id-2", "b connect /admin id-2",
               "rooms of id-2 go on");
    rig_text(conn, "2/admin,3[\"x\"]");
    rig_expect("b event id-2 x [\"x\"] with 0", "c1 > 43/admin,3[1]");
    rig_text(conn, "1/admin");
    rig_forget_notes();
    rig_text(conn, "2[\"x\"]");
    rig_expect("b event id-1 x [\"x\"] with 0");
    rig_closed(conn, ENGINE_TRANSPORT_CLOSE);
    rig_forget_notes();
}

/* What a client sends that is in `/`, and nowhere else. */
static const struct {
    const char *name, *text, *want;
} in_root[] = {
    { "an unknown type", "abc", "c1 closes: forced close" },
    { "an event without an array", "2{}", "c1 closes: forced close" },
    { "an ack id that is none", "2abc[\"x\"]", "c1 closes: forced close" },
    { "too many attachments", "54-[\"x\"]", "c1 closes: forced close" },
    { "CONNECT again", "0", "c1 closes: forced server close" },
    { "an event for another namespace", "2/admin,[\"x\"]", "c1 closes: forced server close" },
    { "an answer for another namespace", "3/admin,1[]", "c1 closes: forced server close" },
    { "DISCONNECT of another namespace", "1/admin", "c1 closes: forced server close" },
    { "CONNECT_ERROR", "4\"no\"", "c1 closes: forced server close" },
    { "CONNECT_ERROR of another namespace", "4/admin,{}", "c1 closes: forced server close" },
    { "an unknown namespace", "0/random", "c1 > 44/random,{\"message\":\"Invalid namespace\"}" },
    { "one with a query, which belongs to the name", "0/admin?x=1",
      "c1 > 44/admin?x=1,{\"message\":\"Invalid namespace\"}" },
    { "an event of no app's", "2[\"a\",{}]", "a event id-1 a [\"a\",{}] with 0" },
};

static void test_in_root(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof in_root / sizeof in_root[0]; i++) {
        char want[256];

        rig_open();
        rig_text(rig_connected(), in_root[i].text);
        snprintf(want, sizeof want, "%s\n", in_root[i].want);
        if (!slice_is(buf_slice(&rig.notes), want))
            fail_msg("%s: %.*s", in_root[i].name, (int)rig.notes.len, rig.notes.data);
        rig_forget_notes();
        sio_destroy(&rig.sio);
        buf_fini(&rig.notes);
    }
}

static void test_before_any_namespace(void **state)
{
    static const char *const texts[] = { "1", "2[\"x\"]", "31[]", "4{}" };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct engine_conn *conn = rig_open_conn(ENGINE_4, "");
        char want[64];

        rig_text(conn, texts[i]);
        snprintf(want, sizeof want, "c%u closes: forced server close", (unsigned)conn->number);
        rig_expect(want);
        rig_text(conn, "0"); /* nobody listens any more */
        rig_expect_nothing();
    }
    assert_int_equal(rig.node.metrics.socketio_bad_packets[SOCKETIO_MISPLACED], 4);
}

static void test_a_long_namespace(void **state)
{
    struct engine_conn *conn = rig_open_conn(ENGINE_4, "");
    char text[200] = "0/";

    (void)state;
    memset(text + 2, 'n', 128);
    rig_text(conn, text);
    rig_expect("c1 closes: forced close");
    assert_int_equal(rig.node.metrics.socketio_bad_packets[SOCKETIO_MALFORMED], 1);
}

static void test_too_many_namespaces(void **state)
{
    struct engine_conn *conn = rig_connected();

    (void)state;
    rig.config.socketio_max_namespaces = 1;
    rig_text(conn, "0/admin");
    rig_expect("c1 > 44/admin,{\"message\":\"Too many namespaces\"}");
    assert_int_equal(rig.node.metrics.socketio_refused[SOCKETIO_TOO_MANY_NAMESPACES], 1);
    rig_closed(conn, ENGINE_TRANSPORT_CLOSE);
    rig_forget_notes();
}

static void test_nobody_connects(void **state)
{
    struct engine_conn *conn = rig_open_conn(ENGINE_4, "");

    (void)state;
    rig_pass(44999);
    rig_expect_nothing();
    rig_pass(1);
    rig_expect("c1 closes: forced server close");
    assert_int_equal(rig.node.metrics.limits[LIMIT_SOCKETIO_CONNECT_TIME], 1);
    rig_closed(conn, ENGINE_TRANSPORT_CLOSE);
}

/* Neither an admission that is pending stops the time, nor does leaving start it again. */
static void test_the_time_to_connect(void **state)
{
    struct engine_conn *late = rig_open_conn(ENGINE_4, ""), *left = rig_connected();

    (void)state;
    rig.decisions[0] = RIG_LATER;
    rig_text(late, "0");
    rig_text(left, "1");
    rig_forget_notes();
    rig_pass(100000);
    rig_expect("c1 closes: forced server close");
    rig_closed(late, ENGINE_TRANSPORT_CLOSE);
    rig_expect("a gone");
    rig_closed(left, ENGINE_TRANSPORT_CLOSE);
}

/* ---- binary packets ------------------------------------------------------------------------------ */

static void test_binary(void **state)
{
    struct engine_conn *conn = rig_connected();

    (void)state;
    rig_text(conn,
             "52-9[\"x\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]");
    rig_binary(conn, "one");
    rig_expect_nothing();
    rig_binary(conn, "two");
    rig_expect("b event id-1 x [\"x\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,"
               "\"num\":1}] with 2",
               "c1 > 462-9[1]", "c1 > binary one", "c1 > binary two");
    rig_text(conn, "61-4[{\"_placeholder\":true,\"num\":0}]");
    rig_binary(conn, "");
    rig_expect("answer of id-1 to 4: [{\"_placeholder\":true,\"num\":0}] with 1");
    rig_pass(60000);
    rig_expect_nothing();
    rig_closed(conn, ENGINE_TRANSPORT_CLOSE);
    rig_forget_notes();
}

static void test_text_instead_of_an_attachment(void **state)
{
    struct engine_conn *conn = rig_connected();

    (void)state;
    rig_text(conn, "51-[\"x\"]");
    rig_text(conn, "2[\"x\"]");
    rig_expect("c1 closes: forced close");
    rig_binary(conn, "late");
    rig_expect_nothing();
    rig_closed(conn, ENGINE_TRANSPORT_CLOSE);
    rig_expect("a disconnect id-1: forced close", "b disconnect id-1: forced close");
}

static void test_an_attachment_of_nothing(void **state)
{
    struct engine_conn *conn = rig_connected();

    (void)state;
    rig_binary(conn, "x");
    rig_expect("c1 closes: forced close");
    rig_closed(conn, ENGINE_TRANSPORT_CLOSE);
    rig_forget_notes();
}

static void test_a_placeholder_of_nothing(void **state)
{
    struct engine_conn *conn = rig_connected();

    (void)state;
    rig_text(conn, "51-[\"x\",{\"_placeholder\":true,\"num\":1}]");
    rig_expect_nothing();
    rig_binary(conn, "x");
    rig_expect("c1 closes: forced close");
    rig_closed(conn, ENGINE_TRANSPORT_CLOSE);
    rig_forget_notes();
}

static void test_attachments_that_are_too_large(void **state)
{
    struct engine_conn *conn = rig_connected();
    char bytes[602];

    (void)state;
    memset(bytes, 'x', 601);
    bytes[601] = '\0';
    rig_text(conn, "52-[\"x\"]");
    rig_binary(conn, bytes);
    rig_binary(conn, bytes);
    rig_expect("c1 closes: forced close");
    assert_int_equal(rig.node.metrics.limits[LIMIT_SOCKETIO_ATTACHMENT_BYTES], 1);
    rig_closed(conn, ENGINE_TRANSPORT_CLOSE);
    rig_forget_notes();
}

static void test_attachments_that_do_not_come(void **state)
{
    struct engine_conn *conn = rig_connected();

    (void)state;
    rig_text(conn, "52-[\"x\"]");
    rig_pass(20000);
    rig_binary(conn, "x");
    rig_pass(9999);
    rig_expect_nothing();
    rig_pass(1);
    rig_expect("c1 closes: forced close");
    assert_int_equal(rig.node.metrics.limits[LIMIT_SOCKETIO_ATTACHMENT_TIME], 1);
    rig_closed(conn, ENGINE_TRANSPORT_CLOSE);
    rig_forget_notes();
}

/* ---- protocol 4 ------------------------------------------------------------------------------------ */

static void test_protocol_4(void **state)
{
    struct engine_conn *conn = rig_open_conn(ENGINE_3, "EIO=3&token=a%20b&x=%ff&y=\"&z");

    (void)state;
    rig_expect_nothing(); /* not under the engine's own call */
    rig_turn();
    rig_expect("a admit / sid-1 {\"EIO\":\"3\",\"token\":\"a b\",\"y\":\"\\\"\",\"z\":\"\"}",
               "b admit / sid-1 {\"EIO\":\"3\",\"token\":\"a b\",\"y\":\"\\\"\",\"z\":\"\"}");
    rig_joined(RESULT_OK);
    rig_expect("c1 > 40", "a connect / sid-1", "b connect / sid-1", "rooms of sid-1 go on");
    rig_text(conn, "0/admin?token=1&b=2");
    rig_joined(RESULT_OK);
    rig_expect("a admit /admin /admin#sid-1 {\"token\":\"1\",\"b\":\"2\"}",
               "b admit /admin /admin#sid-1 {\"token\":\"1\",\"b\":\"2\"}", "c1 > 40/admin,",
               "a connect /admin /admin#sid-1", "b connect /admin /admin#sid-1",
               "rooms of /admin#sid-1 go on");
    rig_text(conn, "2/admin?token=1&b=2,[\"x\"]");
    rig_expect("b event /admin#sid-1 x [\"x\"] with 0");
    rig_text(conn, "0/random,");
    rig_expect("c1 > 44/random,{\"message\":\"Invalid namespace\"}");
    rig_text(conn, "0");
    rig_expect("c1 closes: forced server close");
    rig_closed(conn, ENGINE_TRANSPORT_CLOSE);
    rig_forget_notes();
}

/* A message that is faster than the loop's next turn finds `/` being joined. */
static void test_protocol_4_with_a_fast_client(void **state)
{
    struct engine_conn *conn = rig_open_conn(ENGINE_3, "");

    (void)state;
    rig_text(conn, "2[\"x\"]");
    rig_expect("a admit / sid-1 {}", "b admit / sid-1 {}");
    rig_turn();
    rig_joined(RESULT_OK);
    rig_expect("c1 > 40", "a connect / sid-1", "b connect / sid-1", "rooms of sid-1 go on",
               "b event sid-1 x [\"x\"] with 0");
    rig_text(conn, "1");
    rig_forget_notes();
    rig_closed(conn, ENGINE_TRANSPORT_CLOSE);
}

/* --socketio-namespaces says nothing of `/`: the client is told, and may go on to another one. */
static void test_protocol_4_without_root(void **state)
{
    static char admin[] = "/admin", *namespaces[] = { admin };
    struct engine_conn *conn;

    (void)state;
    rig.config.socketio_namespaces = (struct strings){ namespaces, 1 };
    conn = rig_open_conn(ENGINE_3, "");
    rig_turn();
    rig_expect("c1 > 44{\"message\":\"Invalid namespace\"}");
    assert_int_equal(rig.node.metrics.socketio_refused[SOCKETIO_UNKNOWN_NAMESPACE], 1);
    rig_text(conn, "0/admin");
    rig_joined(RESULT_OK);
    rig_expect("a admit /admin /admin#sid-1 {}", "b admit /admin /admin#sid-1 {}", "c1 > 40/admin,",
               "a connect /admin /admin#sid-1", "b connect /admin /admin#sid-1",
               "rooms of /admin#sid-1 go on");
    rig_text(conn, "2[\"x\"]");
    rig_expect("c1 closes: forced server close");
    rig_closed(conn, ENGINE_TRANSPORT_CLOSE);
    rig_forget_notes();
}

static void test_refusals_of_protocol_4(void **state)
{
    struct engine_conn *conn = rig_open_conn(ENGINE_3, "");

    (void)state;
    rig_turn();
    rig_joined(RESULT_OK);
    rig_forget_notes();
    rig.decisions[0] = RIG_REFUSE;
    rig_text(conn, "0/admin");
    rig_expect("a admit /admin /admin#sid-1 {}", "c1 > 44/admin,{\"code\":\"E001\"}");
    rig.decisions[0] = RIG_LATER;
    rig_text(conn, "0/admin");
    sio_refuse(rig.waiting, slice_of("Not authorized"), (struct slice){ NULL, 0 });
    rig_expect("a admit /admin /admin#sid-1 {}", "c1 > 44/admin,\"Not authorized\"");
    rig_closed(conn, ENGINE_TRANSPORT_CLOSE);
    rig_forget_notes();
}

static void test_a_query_that_is_too_long(void **state)
{
    size_t len = 70000;
    char *query = xmalloc(len + 1);

    (void)state;
    memset(query, 'q', len);
    query[len] = '\0';
    rig_open_conn(ENGINE_3, query);
    rig_turn();
    rig_expect("a admit / sid-1 {}", "b admit / sid-1 {}");
    free(query);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(test_life),
        RIG_TEST(test_two_namespaces),
        cmocka_unit_test(test_in_root),
        RIG_TEST(test_before_any_namespace),
        RIG_TEST(test_a_long_namespace),
        RIG_TEST(test_too_many_namespaces),
        RIG_TEST(test_nobody_connects),
        RIG_TEST(test_the_time_to_connect),
        RIG_TEST(test_binary),
        RIG_TEST(test_text_instead_of_an_attachment),
        RIG_TEST(test_an_attachment_of_nothing),
        RIG_TEST(test_a_placeholder_of_nothing),
        RIG_TEST(test_attachments_that_are_too_large),
        RIG_TEST(test_attachments_that_do_not_come),
        RIG_TEST(test_protocol_4),
        RIG_TEST(test_protocol_4_with_a_fast_client),
        RIG_TEST(test_protocol_4_without_root),
        RIG_TEST(test_refusals_of_protocol_4),
        RIG_TEST(test_a_query_that_is_too_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
