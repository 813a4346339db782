/* SPDX-License-Identifier: MIT */
/* From CONNECT to its answer: who decides, what comes meanwhile, and everything that can end it. */
#include "sio_rig.h"

static struct engine_conn *asked(void)
{
    struct engine_conn *conn = rig_open_conn(ENGINE_4, "");

    rig.decisions[0] = RIG_LATER;
    rig_text(conn, "0");
    rig_expect("a admit / id-1 {}");
    return conn;
}

static void test_one_after_the_other(void **state)
{
    struct engine_conn *conn = asked();

    (void)state;
    rig.decisions[1] = RIG_LATER;
    sio_admit(rig.waiting);
    rig_expect("b admit / id-1 {}");
    sio_admit(rig.waiting);
    rig_expect_nothing();
    rig_joined(RESULT_OK);
    rig_expect("c1 > 40{\"sid\":\"id-1\"}", "a connect / id-1", "b connect / id-1",
               "rooms of id-1 go on");
    rig_closed(conn, ENGINE_TRANSPORT_CLOSE);
    rig_forget_notes();
}

static void test_the_second_refuses(void **state)
{
    struct engine_conn *conn = asked();

    (void)state;
    rig.decisions[1] = RIG_REFUSE;
    sio_admit(rig.waiting);
    rig_expect("b admit / id-1 {}", "c1 > 44{\"message\":\"Not \\\"authorized\\\"\",\"data\":"
                                    "{\"code\":\"E001\"}}");
    assert_int_equal(rig.node.metrics.socketio_refused[SOCKETIO_REFUSED], 1);
    assert_int_equal(rig.node.metrics.socketio_sockets, 0);
    rig.decisions[0] = rig.decisions[1] = RIG_ADMIT;
    rig_text(conn, "0{\"a\":1}"); /* the connection lives */
    rig_joined(RESULT_OK);
    rig_expect("a admit / id-2 {\"a\":1}", "b admit / id-2 {\"a\":1}", "c1 > 40{\"sid\":\"id-2\"}",
               "a connect / id-2", "b connect / id-2", "rooms of id-2 go on");
    rig_closed(conn, ENGINE_TRANSPORT_CLOSE);
    rig_forget_notes();
}

static void test_a_refusal_without_data(void **state)
{
    asked();
    (void)state;
    sio_refuse(rig.waiting, slice_of("no"), (struct slice){ NULL, 0 });
    rig_expect("c1 > 44{\"message\":\"no\"}");
}

/* pid and offset are ours; so is what is written with an escape. */
static void test_what_the_apps_see(void **state)
{
    static const char *const rows[][2] = {
        { "0{}", "a admit / id-1 {}" },
        { "0{ \"pid\" : \"p\" , \"offset\":\"o\" }", "a admit / id-1 {}" },
        { "0{\"pid\":\"p\",\"token\":\"t\",\"offset\":\"o\",\"n\":1.50}",
          "a admit / id-1 {\"token\":\"t\",\"n\":1.50}" },
        { "0{\"\\u0070id\":1,\"a\":{\"pid\":2}}", "a admit / id-1 {\"a\":{\"pid\":2}}" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        rig.id_count = 0;
        rig.decisions[0] = RIG_LATER;
        rig_text(rig_open_conn(ENGINE_4, ""), rows[i][0]);
        rig_expect(rows[i][1]);
    }
}

static void test_a_socket_that_can_be_recovered(void **state)
{
    struct engine_conn *conn = rig_open_conn(ENGINE_4, "");

    (void)state;
    rig.config.recovery_ms = 120000;
    rig_text(conn, "0");
    rig_joined(RESULT_OK);
    rig_expect("a admit / id-1 {}", "b admit / id-1 {}",
               "c1 > 40{\"sid\":\"id-1\",\"pid\":\"id-2\"}", "a connect / id-1", "b connect / id-1",
               "rooms of id-1 go on");
    rig_text(rig_open_conn(ENGINE_3, ""), "2[\"x\"]");
    rig_joined(RESULT_OK);
    rig_expect("a admit / sid-2 {}", "b admit / sid-2 {}", "c2 > 40", "a connect / sid-2",
               "b connect / sid-2", "rooms of sid-2 go on", "b event sid-2 x [\"x\"] with 0");
}

/* ---- meanwhile ------------------------------------------------------------------------------------- */

static void test_what_comes_meanwhile_is_kept(void **state)
{
    struct engine_conn *conn = asked();

    (void)state;
    rig_text(conn, "21[\"first\"]");
    rig_text(conn, "51-[\"second\",{\"_placeholder\":true,\"num\":0}]");
    rig_binary(conn, "two");
    rig_text(conn, "35[]");
    sio_admit(rig.waiting);
    rig_text(conn, "2[\"fourth\"]");
    rig_expect("b admit / id-1 {}");
    rig_joined(RESULT_OK);
    rig_expect("c1 > 40{\"sid\":\"id-1\"}", "a connect / id-1", "b connect / id-1",
               "rooms of id-1 go on", "b event id-1 first [\"first\"] with 0", "c1 > 431[1]",
               "b event id-1 second [\"second\",{\"_placeholder\":true,\"num\":0}] with 1",
               "answer of id-1 to 5: [] with 0", "b event id-1 fourth [\"fourth\"] with 0");
    rig_closed(conn, ENGINE_TRANSPORT_CLOSE);
    rig_forget_notes();
}

/* An app ends the socket while what was kept is handled: the rest is nobody's. */
static void test_what_was_kept_ends_the_socket(void **state)
{
    struct engine_conn *conn = asked();

    (void)state;
    rig_text(conn, "2[\"leave\"]");
    rig_text(conn, "2[\"x\"]");
    sio_admit(rig.waiting);
    rig_joined(RESULT_OK);
    rig_expect("b admit / id-1 {}", "c1 > 40{\"sid\":\"id-1\"}", "a connect / id-1",
               "b connect / id-1", "rooms of id-1 go on", "b event id-1 leave [\"leave\"] with 0",
               "c1 > 41", "a disconnect id-1: server namespace disconnect",
               "b disconnect id-1: server namespace disconnect");
    rig_closed(conn, ENGINE_TRANSPORT_CLOSE);
}

static void test_as_many_as_may_wait(void **state)
{
    struct engine_conn *conn = asked();

    (void)state;
    for (int i = 0; i < 16; i++)
        rig_text(conn, "2[\"x\"]");
    rig_expect_nothing();
    rig_text(conn, "2[\"x\"]");
    rig_expect("c1 closes: forced server close");
    assert_int_equal(rig.node.metrics.limits[LIMIT_SOCKETIO_ADMISSION_QUEUE], 1);
    rig_closed(conn, ENGINE_TRANSPORT_CLOSE);
    rig_expect("a gone");
}

/* {"token":"aaa…"}: what the apps are given, and what is between the client and us. */
static void connect_with(struct engine_conn *conn, size_t auth_len, size_t offset_len)
{
    size_t token_len = auth_len - strlen("{\"token\":\"\"}");
    struct buf text;

    buf_init(&text, 200000);
    buf_add_text(&text, "0{\"offset\":\"");
    for (size_t i = 0; i < offset_len; i++)
        buf_add_byte(&text, 'o');
    buf_add_text(&text, "\",\"token\":\"");
    for (size_t i = 0; i < token_len; i++)
        buf_add_byte(&text, 'a');
    buf_add_text(&text, "\"}");
    assert_true(buf_add_byte(&text, '\0'));
    rig_text(conn, text.data);
    buf_fini(&text);
}

static void test_as_large_as_a_payload_may_be(void **state)
{
    struct engine_conn *conn = rig_open_conn(ENGINE_4, "");

    (void)state;
    rig.decisions[0] = RIG_LATER;
    connect_with(conn, 65536, 70000);
    assert_int_equal(sio_admission_auth(rig.waiting).len, 65536);
    rig_forget_notes();
    rig_closed(conn, ENGINE_TRANSPORT_CLOSE);
    rig_expect("a gone");
    conn = rig_open_conn(ENGINE_4, "");
    connect_with(conn, 65537, 0);
    rig_expect("c2 closes: forced server close");
    assert_int_equal(rig.node.metrics.limits[LIMIT_SOCKETIO_ADMISSION_QUEUE], 1);
    rig_closed(conn, ENGINE_TRANSPORT_CLOSE);
}

static void test_as_many_bytes_as_may_wait(void **state)
{
    struct engine_conn *conn = asked();
    char *text = xmalloc(70000);

    (void)state;
    memset(text, ' ', 70000);
    memcpy(text, "2[\"x\"", 5);
    strcpy(text + 65535, "]");
    rig_text(conn, text);
    rig_expect_nothing();
    rig_text(conn, "2[\"x\"]");
    rig_expect("c1 closes: forced server close");
    rig_closed(conn, ENGINE_TRANSPORT_CLOSE);
    rig_expect("a gone");
    free(text);
}

static void test_a_refusal_drops_what_came(void **state)
{
    struct engine_conn *conn = asked();

    (void)state;
    rig_text(conn, "2[\"x\"]");
    sio_refuse(rig.waiting, slice_of("no"), (struct slice){ NULL, 0 });
    rig_expect("c1 > 44{\"message\":\"no\"}");
    rig_turn();
    rig_expect_nothing();
    rig_text(conn, "2[\"x\"]"); /* now it is nowhere */
    rig_expect("c1 closes: forced server close");
}

static void test_connect_again_meanwhile(void **state)
{
    struct engine_conn *conn = asked();

    (void)state;
    rig_text(conn, "0");
    rig_expect("c1 closes: forced server close");
    rig_closed(conn, ENGINE_TRANSPORT_CLOSE);
    rig_expect("a gone");
}

/* ---- ends ------------------------------------------------------------------------------------------- */

static void test_disconnect_cancels(void **state)
{
    struct engine_conn *conn = asked();

    (void)state;
    rig_text(conn, "2[\"x\"]");
    rig_text(conn, "1");
    rig_expect("a gone");
    rig.decisions[0] = RIG_ADMIT;
    rig_text(conn, "0");
    rig_text(conn, "1"); /* while its channels come into force */
    assert_int_equal(rig.join_count, 0);
    rig_expect("a admit / id-2 {}", "b admit / id-2 {}");
    rig_turn();
    rig_expect_nothing();
}

static void test_the_client_goes_away(void **state)
{
    struct engine_conn *conn = asked();

    (void)state;
    rig_closed(conn, ENGINE_PING_TIMEOUT);
    rig_expect("a gone");
}

static void test_redis_is_away(void **state)
{
    struct engine_conn *conn = rig_open_conn(ENGINE_4, "");

    (void)state;
    rig_text(conn, "0");
    rig_joined(RESULT_UNAVAILABLE);
    rig_expect("a admit / id-1 {}", "b admit / id-1 {}", "c1 closes: forced server close");
    assert_int_equal(rig.node.metrics.socketio_refused[SOCKETIO_UNAVAILABLE], 1);
    rig_closed(conn, ENGINE_TRANSPORT_CLOSE);
    rig_expect_nothing();
}

/* Two namespaces are decided in any order. */
static void test_each_on_its_own(void **state)
{
    struct engine_conn *conn = asked();
    struct sio_admission *first = rig.waiting;

    (void)state;
    rig_text(conn, "0/admin");
    rig_expect("a admit /admin id-2 {}");
    sio_admit(rig.waiting);
    rig_joined(RESULT_OK);
    rig_expect("b admit /admin id-2 {}", "c1 > 40/admin,{\"sid\":\"id-2\"}",
               "a connect /admin id-2", "b connect /admin id-2", "rooms of id-2 go on");
    sio_refuse(first, slice_of("no"), (struct slice){ NULL, 0 });
    rig_expect("c1 > 44{\"message\":\"no\"}");
    rig_closed(conn, ENGINE_TRANSPORT_CLOSE);
    rig_forget_notes();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(test_one_after_the_other),
        RIG_TEST(test_the_second_refuses),
        RIG_TEST(test_a_refusal_without_data),
        RIG_TEST(test_what_the_apps_see),
        RIG_TEST(test_a_socket_that_can_be_recovered),
        RIG_TEST(test_what_comes_meanwhile_is_kept),
        RIG_TEST(test_what_was_kept_ends_the_socket),
        RIG_TEST(test_as_many_as_may_wait),
        RIG_TEST(test_as_large_as_a_payload_may_be),
        RIG_TEST(test_as_many_bytes_as_may_wait),
        RIG_TEST(test_a_refusal_drops_what_came),
        RIG_TEST(test_connect_again_meanwhile),
        RIG_TEST(test_disconnect_cancels),
        RIG_TEST(test_the_client_goes_away),
        RIG_TEST(test_redis_is_away),
        RIG_TEST(test_each_on_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
