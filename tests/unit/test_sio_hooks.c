/* SPDX-License-Identifier: MIT */
/* The hooks over sockets, back ends and a Redis that do something when the test says so. */
#include "sio_hooks_rig.h"

#define SOCKET(id)                                                                                 \
    "\"socket\":{\"id\":\"" id "\",\"rooms\":[\"" id "\"],\"claims\":null,\"address\":\"::\","     \
    "\"query\":\"EIO=4&t=1\",\"data\":null}}"
#define EVENT(event, args, ack)                                                                    \
    "{\"type\":\"event\",\"id\":\"#\",\"sentAt\":1800000000000,\"namespace\":\"/"                  \
    "\",\"event\":\"" event "\",\"args\":" args ",\"attachments\":[],\"ack\":" ack ","
#define CHAT(args, ack) "call http://b/chat " EVENT("chat", args, ack) SOCKET("a")

static struct sio_socket a, b;

static int start(void **state)
{
    rig_start(state);
    socket_init(&a, "a", "/");
    socket_init(&b, "b", "/");
    a.is_connected = b.is_connected = true;
    return 0;
}

static int stop(void **state)
{
    socket_ends(&a, "transport close", false);
    socket_ends(&b, "transport close", false);
    return rig_stop(state);
}

/* ---- events ------------------------------------------------------------------------------------------ */

static void an_event_is_asked_about(void **state)
{
    (void)state;
    assert_true(socket_says(&a, "[\"chat\", 1.0 ,{\"a\":\"\\u00e4\"} ]", 7));
    expect(CHAT("[1.0 ,{\"a\":\"\\u00e4\"} ]", "true"));
    answer_call(RESULT_OK, 200, "{\"ack\":[\"ok\", 2.50]}");
    expect("a ack 7 [\"ok\", 2.50]");
    assert_true(list_is_empty(&a.tasks));
}

static void which_rule_is_meant(void **state)
{
    struct sio_socket admin;

    (void)state;
    socket_init(&admin, "x", "/admin");
    admin.is_connected = true;
    socket_says(&a, "[\"other\"]", 0);
    expect("call http://b/any " EVENT("other", "[]", "false") SOCKET("a"));
    answer_call(RESULT_OK, 204, "");
    assert_false(socket_says(&admin, "[\"other\"]", 0));
    assert_true(socket_says(&admin, "[\"kick\"]", 0));
    buf_clear(&rig.notes);
    answer_call(RESULT_OK, 204, "");
    rig.config.hook.count = 1;
    sio_hooks_app.configure(rig.app);
    assert_false(socket_says(&a, "[\"other\"]", 0));
    rig.config.hook.count = 0;
    sio_hooks_app.configure(rig.app);
    assert_false(socket_says(&a, "[\"chat\"]", 0));
}

static void attachments_are_base64(void **state)
{
    const struct slice bytes[] = { { "\1\2\3", 3 }, { "", 0 } };
    struct sio_event event = { .name = SLICE_LITERAL("chat"),
                               .attachments = bytes,
                               .attachment_count = 2,
                               .wants_ack = true,
                               .ack_id = 1 };

    (void)state;
    assert_true(
        json_parse(SLICE_LITERAL("[\"chat\",{\"_placeholder\":true,\"num\":0}]"), &event.items));
    sio_hooks_app.on_event(&a, &event, rig.app);
    expect("call http://b/chat "
           "{\"type\":\"event\",\"id\":\"#\",\"sentAt\":1800000000000,\"namespace\":\"/\","
           "\"event\":\"chat\",\"args\":[{\"_placeholder\":true,\"num\":0}],"
           "\"attachments\":[\"AQID\",\"\"],\"ack\":true," SOCKET("a"));
    answer_call(RESULT_OK, 200,
                "{\"ack\":[{\"_placeholder\":true,\"num\":0}],\"attachments\":[\"eHl6\"]}");
    expect("a ack 1 [{\"_placeholder\":true,\"num\":0}] with 1: xyz");
}

static const struct {
    const char *name;
    enum result result;
    int status;
    const char *body, *want;
} acks[] = {
    { "an answer", RESULT_OK, 200, "{\"ack\":[1]}", "a ack 5 [1]" },
    { "nothing to say", RESULT_OK, 204, "", "a ack 5 []" },
    { "an empty body", RESULT_OK, 200, " \n", "a ack 5 []" },
    { "no ack in it", RESULT_OK, 200, "{}", "a ack 5 []" },
    { "no JSON", RESULT_OK, 200, "ok",
      "a ack 5 [{\"error\":\"The back end's answer makes no sense.\"}]" },
    { "no object", RESULT_OK, 200, "[]",
      "a ack 5 [{\"error\":\"The back end's answer makes no sense.\"}]" },
    { "an ack whose attachments are others", RESULT_OK, 200,
      "{\"ack\":[{\"_placeholder\":true,\"num\":1}],\"attachments\":[\"AQID\"]}",
      "a ack 5 [{\"error\":\"The back end's answer makes no sense.\"}]" },
    { "attachments without an ack", RESULT_OK, 200, "{\"attachments\":[\"AQID\"]}",
      "a ack 5 [{\"error\":\"The back end's answer makes no sense.\"}]" },
    { "too many attachments", RESULT_OK, 200,
      "{\"ack\":[],\"attachments\":[\"AQID\",\"AQID\",\"AQID\",\"AQID\",\"AQID\",\"AQID\","
      "\"AQID\",\"AQID\",\"AQID\",\"AQID\",\"AQID\"]}",
      "a ack 5 [{\"error\":\"The back end's answer makes no sense.\"}]" },
    { "an ack that is no list", RESULT_OK, 200, "{\"ack\":{}}",
      "a ack 5 [{\"error\":\"The back end's answer makes no sense.\"}]" },
    { "500", RESULT_OK, 500, "{\"ack\":[1]}", "a ack 5 [{\"error\":\"The back end failed.\"}]" },
    { "302", RESULT_OK, 302, "", "a ack 5 [{\"error\":\"The back end failed.\"}]" },
    { "unavailable", RESULT_UNAVAILABLE, 0, NULL,
      "a ack 5 [{\"error\":\"The back end is unavailable.\"}]" },
    { "no answer", RESULT_UNCERTAIN, 0, NULL,
      "a ack 5 [{\"error\":\"The back end did not answer.\"}]" },
    { "too many", RESULT_REFUSED, 0, NULL, "a ack 5 [{\"error\":\"Too many requests.\"}]" },
};

static void what_becomes_the_acknowledgement(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof acks / sizeof acks[0]; i++) {
        for (uint64_t ack_id = 0; ack_id <= 5; ack_id += 5) {
            socket_says(&a, "[\"chat\"]", ack_id);
            buf_clear(&rig.notes);
            answer_call(acks[i].result, acks[i].status, acks[i].body);
            if (ack_id > 0)
                expect(acks[i].want);
            else
                expect_nothing();
        }
    }
    assert_int_equal(rig.node.metrics.hook_malformed, 12);
}

static void an_answer_is_carried_out_in_order(void **state)
{
    (void)state;
    socket_says(&a, "[\"chat\"]", 1);
    buf_clear(&rig.notes);
    answer_call(
        RESULT_OK, 200,
        "{\"ack\":[1],\"disconnect\":true,\"join\":[\"r\",\"s\"],\"leave\":[\"t\"],\"data\":{\"n\":"
        "1},"
        "\"emit\":[{\"event\":\"hi\",\"args\":[1, 2]},"
        "{\"event\":\"all\",\"rooms\":[]},"
        "{\"event\":\"r\\u006f\",\"args\":[],\"rooms\":[\"r\",\"\\u0073\"],\"except\":[\"a\"],"
        "\"namespace\":\"/x\",\"volatile\":true,\"attachments\":[\"AQID\"]},"
        "{\"event\":\"own\",\"attachments\":[\"eHl6\"]},{\"event\":\"last\"},"
        "{\"event\":\"bad\",\"rooms\":[\"1\",\"2\",\"3\"]}]}");
    expect("a data {\"n\":1}", "a leave t", "a join r", "a join s");
    answer_join(RESULT_OK);
    expect_nothing();
    answer_join(RESULT_OK);
    expect("a parts", "a send [\"hi\",1, 2]", "emit / [\"all\"]",
           "emit /x [\"r\\u006f\"] to r,s except a volatile with attachments",
           "a send [\"own\"] with xyz", "a send [\"last\"]", "a ack 1 [1]", "a disconnect");
    assert_int_equal(rig.node.metrics.hook_emits_failed, 3);
}

static void data_stands_in_later_bodies(void **state)
{
    (void)state;
    socket_says(&a, "[\"chat\"]", 0);
    answer_call(RESULT_OK, 200, "{\"data\":{\"n\":1.0}}");
    buf_clear(&rig.notes);
    socket_says(&a, "[\"chat\"]", 0);
    assert_non_null(strstr(rig.notes.data, "\"data\":{\"n\":1.0}}}"));
    buf_clear(&rig.notes);
    answer_call(RESULT_OK, 200, "{\"data\":null}");
    expect("a data ");
}

static void volatile_ones_wait_for_nobody(void **state)
{
    (void)state;
    a.is_full = true;
    socket_says(&a, "[\"chat\"]", 0);
    buf_clear(&rig.notes);
    answer_call(RESULT_OK, 200,
                "{\"emit\":[{\"event\":\"v\",\"volatile\":true},{\"event\":\"w\"}]}");
    expect("a send [\"w\"]");
}

static void a_join_that_fails_is_told(void **state)
{
    (void)state;
    socket_says(&a, "[\"chat\"]", 1);
    buf_clear(&rig.notes);
    answer_call(RESULT_OK, 200, "{\"ack\":[1],\"join\":[\"r\",\"s\"]}");
    answer_join(RESULT_REFUSED);
    answer_join(RESULT_OK);
    expect("a join r", "a join s", "a ack 1 [{\"error\":\"Too many rooms.\"}]");
}

/* ---- order and bounds ---------------------------------------------------------------------------------- */

static void events_of_one_socket_wait_for_one_another(void **state)
{
    (void)state;
    socket_says(&a, "[\"chat\",1]", 1);
    socket_says(&a, "[\"chat\",2]", 2);
    socket_says(&b, "[\"chat\",3]", 3);
    expect(CHAT("[1]", "true"), "call http://b/chat " EVENT("chat", "[3]", "true") SOCKET("b"));
    answer_call(RESULT_OK, 200, "{\"join\":[\"r\"]}");
    expect("a join r");
    answer_join(RESULT_OK);
    expect("a ack 1 []", CHAT("[2]", "true"));
    assert_false(list_is_empty(&a.tasks));
    answer_call(RESULT_OK, 204, "");
    answer_call(RESULT_OK, 204, "");
    expect("b ack 3 []", "a ack 2 []");
    assert_true(list_is_empty(&a.tasks));
}

static void lines_are_bounded(void **state)
{
    (void)state;
    rig.config.hook_socket_queue = 300;
    for (int i = 0; i < 301; i++)
        socket_says(&a, "[\"chat\",1]", 1);
    assert_int_equal(rig.node.metrics.hook_events_waiting, 300);
    assert_int_equal(rig.node.metrics.hook_events_refused, 0);
    buf_clear(&rig.notes);
    socket_says(&a, "[\"chat\",2]", 2);
    expect("a ack 2 [{\"error\":\"Too many requests.\"}]");
    socket_says(&a, "[\"chat\",2]", 0);
    expect_nothing();
    for (int i = 0; i < 301; i++) /* one who says much takes nothing from others */
        socket_says(&b, "[\"chat\",1]", 1);
    buf_clear(&rig.notes);
    assert_int_equal(rig.node.metrics.hook_events_refused, 2);
    socket_says(&b, "[\"chat\",2]", 3);
    expect("b ack 3 [{\"error\":\"Too many requests.\"}]");
    assert_int_equal(rig.node.metrics.hook_events_refused, 3);
    while (rig.call_count > 0)
        answer_call(RESULT_OK, 204, "");
    buf_clear(&rig.notes);
    socket_says(&b, "[\"chat\",2]", 0);
    assert_true(rig.call_count == 1);
    buf_clear(&rig.notes);
}

/* ["chat","xxx…"] */
static char *large_event(size_t len)
{
    char *text = malloc(len + 32);

    strcpy(text, "[\"chat\",\"");
    memset(text + 9, 'x', len);
    strcpy(text + 9 + len, "\"]");
    return text;
}

static void bytes_in_line_are_bounded(void **state)
{
    enum { SOCKETS = 5, MIB = 1024 * 1024 };
    static const char *const ids[SOCKETS] = { "s0", "s1", "s2", "s3", "s4" };
    static struct sio_socket many[SOCKETS];
    char *text = large_event(7 * MIB), *small = large_event(1 * MIB);

    (void)state;
    for (int i = 0; i < SOCKETS; i++) {
        socket_init(&many[i], ids[i], "/");
        many[i].is_connected = true;
        socket_says(&many[i], "[\"chat\"]", 0);
    }
    for (int i = 0; i < SOCKETS; i++) {
        for (int n = 0; n < 2; n++)
            socket_says(&many[i], text, 1);
        buf_clear(&rig.notes);
        socket_says(&many[i], text, 2); /* its own share of 16 MiB, and at last the 64 MiB of all */
        assert_non_null(strstr(rig.notes.data, "[{\"error\":\"Too many requests.\"}]"));
        socket_says(&many[i], small, 0);
    }
    buf_clear(&rig.notes);
    assert_int_equal(rig.node.metrics.hook_events_refused, 7);
    while (rig.call_count > 0)
        answer_call(RESULT_OK, 204, "");
    assert_int_equal(rig.node.metrics.hook_events_waiting, 0);
    buf_clear(&rig.notes);
    free(text);
    free(small);
}

static void what_is_too_large_is_said(void **state)
{
    char *text = large_event(33 * 1024 * 1024);

    (void)state;
    socket_says(&a, text, 1);
    expect("a ack 1 [{\"error\":\"Too large.\"}]");
    free(text);
}

/* ---- sockets that end -------------------------------------------------------------------------------------- */

static void what_was_said_is_passed_on(void **state)
{
    (void)state;
    socket_says(&a, "[\"chat\",1]", 1);
    socket_says(&a, "[\"chat\",2]", 2);
    expect(CHAT("[1]", "true"));
    socket_ends(&a, "transport close", false);
    expect_nothing();
    answer_call(RESULT_OK, 200,
                "{\"ack\":[1],\"join\":[\"r\"],\"emit\":[{\"event\":\"x\"},"
                "{\"event\":\"y\",\"rooms\":[\"r\"]}],\"disconnect\":true,\"data\":1}");
    expect("emit / [\"y\"] to r", CHAT("[2]", "true"));
    answer_call(RESULT_OK, 204, "");
    expect_nothing();
}

static void it_ends_while_it_joins(void **state)
{
    (void)state;
    socket_says(&a, "[\"chat\",1]", 1);
    answer_call(RESULT_OK, 200,
                "{\"join\":[\"r\",\"s\"],\"emit\":[{\"event\":\"y\",\"rooms\":[\"r\"]}]}");
    answer_join(RESULT_OK);
    buf_clear(&rig.notes);
    socket_ends(&a, "transport close", false);
    expect("emit / [\"y\"] to r");
    assert_int_equal(rig.join_count, 0);
}

static void the_node_stops_while_events_are_under_way(void **state)
{
    (void)state;
    rig_configure(NULL, "http://b/gone");
    socket_is_in(&a, false);
    answer_op("begin", RESULT_OK);
    socket_says(&a, "[\"chat\",1]", 1);
    socket_says(&a, "[\"chat\",2]", 1);
    socket_ends(&a, "server shutting down", false);
    buf_clear(&rig.notes);
    sio_hooks_app.close(rig.app);
    expect("set /|a n1.1 server shutting down at 0 grace 0", "cancel call", "cancel set",
           "set /|a n1.1 server shutting down at 0 grace 0");
    rig.app = sio_hooks_app.open(&rig.node, NULL);
}

/* ---- the connect hook ------------------------------------------------------------------------------------------ */

#define CONNECT                                                                                    \
    "call repeatable http://b/in "                                                                 \
    "{\"type\":\"connect\",\"id\":\"#\",\"sentAt\":1800000000000,\"namespace\":\"/\","             \
    "\"auth\":{\"token\":1.0},\"headers\":{\"origin\":null,\"user-agent\":\"browser\"}," SOCKET(   \
        "c")
#define ABOUT_C                                                                                    \
    "\"namespace\":\"/\",\"socket\":{\"id\":\"c\",\"claims\":{\"sub\":1.0},\"address\":\"::\"},"   \
    "\"connectedAt\":1800000000000"

static struct sio_socket c;

static void nobody_is_asked(void **state)
{
    (void)state;
    socket_init(&c, "c", "/");
    socket_knocks(&c);
    expect("c admitted");
    socket_is_in(&c, false);
    expect_nothing();
    socket_ends(&c, "transport close", false);
}

static void the_connect_hook_lets_in(void **state)
{
    (void)state;
    rig_configure("http://b/in", NULL);
    socket_init(&c, "c", "/");
    socket_knocks(&c);
    expect(CONNECT);
    answer_call(RESULT_OK, 200,
                "{\"join\":[\"r\"],\"data\":{\"n\":1},\"emit\":[{\"event\":\"hi\"}]}");
    expect("c admitted");
    socket_is_in(&c, false);
    expect("c data {\"n\":1}", "c join r");
    socket_says(&c, "[\"chat\"]", 0);
    expect_nothing(); /* until it is where it belongs */
    answer_join(RESULT_OK);
    assert_int_equal(rig.call_count, 1);
    answer_call(RESULT_OK, 204, "");
    assert_true(list_is_empty(&c.tasks));
    buf_clear(&rig.notes);
    socket_ends(&c, "transport close", false);
}

static const struct {
    const char *name;
    enum result result;
    int status;
    const char *body, *want;
    const char *end; /* of its session, where ends are told */
} refusals[] = {
    { "forbidden", RESULT_OK, 403, "{\"message\":\"no \\u0041\",\"data\":{\"code\":1.0}}",
      "c refused no A {\"code\":1.0}", "forget /|c n1.1" },
    { "unauthorized", RESULT_OK, 401, "", "c refused Forbidden ", "forget /|c n1.1" },
    { "no message", RESULT_OK, 403, "{\"message\":5}", "c refused Forbidden ", "forget /|c n1.1" },
    { "404", RESULT_OK, 404, "{\"message\":\"x\"}", "c refused Connect hook is unavailable ",
      "forget /|c n1.1" },
    { "500", RESULT_OK, 500, "", "c refused Connect hook is unavailable ",
      "set /|c n1.1 transport close at 0 grace 0" },
    { "302", RESULT_OK, 302, "", "c refused Connect hook is unavailable ",
      "set /|c n1.1 transport close at 0 grace 0" },
    { "a yes that makes no sense", RESULT_OK, 200, "yes", "c refused Connect hook is unavailable ",
      "set /|c n1.1 transport close at 0 grace 0" },
    { "no answer", RESULT_UNCERTAIN, 0, NULL, "c refused Connect hook is unavailable ",
      "set /|c n1.1 transport close at 0 grace 0" },
    { "out of reach", RESULT_UNAVAILABLE, 0, NULL, "c refused Connect hook is unavailable ",
      "forget /|c n1.1" },
    { "too many", RESULT_REFUSED, 0, NULL, "c refused Connect hook is unavailable ",
      "forget /|c n1.1" },
};

static void the_connect_hook_refuses(void **state)
{
    (void)state;
    rig_configure("http://b/in", NULL);
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        socket_init(&c, "c", "/");
        socket_knocks(&c);
        buf_clear(&rig.notes);
        answer_call(refusals[i].result, refusals[i].status, refusals[i].body);
        expect(refusals[i].want);
    }
}

static void a_session_is_written_before_the_back_end_is_asked(void **state)
{
    struct jwt identity = { .claims = SLICE_LITERAL("{\"sub\":1.0}") };

    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        rig_stop(state);
        rig_start(state);
        rig_configure("http://b/in", "http://b/gone");
        socket_init(&c, "c", "/");
        c.identity = &identity;
        socket_knocks(&c);
        expect("begin /|c n1.1 " ABOUT_C);
        answer_op("begin", RESULT_OK);
        assert_int_equal(rig.call_count, 1);
        buf_clear(&rig.notes);
        answer_call(refusals[i].result, refusals[i].status, refusals[i].body);
        expect(refusals[i].end, refusals[i].want);
        answer_op(refusals[i].end[0] == 's' ? "set" : "forget", RESULT_OK);
    }
}

static void nobody_comes_in_without_a_store(void **state)
{
    static const enum result results[] = { RESULT_UNAVAILABLE, RESULT_UNCERTAIN };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        rig_configure("http://b/in", "http://b/gone");
        socket_init(&c, "c", "/");
        socket_knocks(&c);
        buf_clear(&rig.notes);
        answer_op("begin", results[i]);
        if (i == 0)
            expect("c refused The store is unavailable "); /* nothing was written */
        else
            expect("forget /|c n1.2", "c refused The store is unavailable ");
    }
    answer_op("forget", RESULT_UNAVAILABLE);
    rig.config.disconnect_hook = NULL;
    sio_hooks_app.configure(rig.app);
    pass(1000);
    expect("forget /|c n1.2");
    answer_op("forget", RESULT_CONFLICT);
    pass(5000);
    expect_nothing();
}

static void the_client_goes_while_it_is_decided(void **state)
{
    (void)state;
    rig_configure("http://b/in", "http://b/gone");
    socket_init(&c, "c", "/");
    socket_knocks(&c);
    buf_clear(&rig.notes);
    socket_ends(&c, "transport close", false); /* Redis was asked */
    answer_op("begin", RESULT_OK);
    expect("forget /|c n1.1");
    answer_op("forget", RESULT_OK);

    socket_init(&c, "c", "/");
    socket_knocks(&c);
    answer_op("begin", RESULT_OK);
    buf_clear(&rig.notes);
    socket_ends(&c, "transport close", false); /* the back end was asked */
    expect("set /|c n1.2 transport close at 0 grace 0", "cancel call");
    answer_op("set", RESULT_OK);

    socket_init(&c, "c", "/");
    socket_knocks(&c);
    answer_op("begin", RESULT_OK);
    answer_call(RESULT_OK, 204, "");
    buf_clear(&rig.notes);
    socket_ends(&c, "transport close", false); /* admitted, and not connected yet */
    expect("set /|c n1.3 transport close at 0 grace 0");
    answer_op("set", RESULT_OK);
}

/* ---- sessions --------------------------------------------------------------------------------------------------- */

#define BEGIN_A                                                                                    \
    "begin /|a n1.1 \"namespace\":\"/\",\"socket\":{\"id\":\"a\",\"claims\":null,"                 \
    "\"address\":\"::\"},\"connectedAt\":1800000000000"

/* With the claims of the ticks left out. */
static void pass_quietly(uint32_t ms)
{
    for (uint32_t passed = 0; passed < ms; passed += 1000) {
        pass(1000);
        for (size_t i = 0; i < rig.op_count;) {
            if (strcmp(rig.ops[i]->name, "claim") == 0)
                answer_claim(RESULT_OK, 0, false);
            else
                i++;
        }
    }
}

static void begin_a(void)
{
    rig_configure(NULL, "http://b/gone");
    socket_is_in(&a, false);
    expect(BEGIN_A);
    answer_op("begin", RESULT_OK);
}

static void an_end_is_written(void **state)
{
    (void)state;
    begin_a();
    socket_ends(&a, "ping timeout", false);
    expect("set /|a n1.1 ping timeout at 0 grace 0");
    answer_op("set", RESULT_OK);
    rig_configure(NULL, NULL);
    pass(60000);
    expect_nothing();
}

static const struct {
    const char *reason, *want;
} graces[] = {
    { "transport close", "set /|a n1.1 transport close at 0 grace 7000" },
    { "ping timeout", "set /|a n1.1 ping timeout at 0 grace 7000" },
    { "server shutting down", "set /|a n1.1 server shutting down at 0 grace 7000" },
    { "client namespace disconnect", "set /|a n1.1 client namespace disconnect at 0 grace 0" },
    { "server namespace disconnect", "set /|a n1.1 server namespace disconnect at 0 grace 0" },
};

static void who_may_come_back_has_a_grace(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof graces / sizeof graces[0]; i++) {
        stop(state);
        start(state);
        rig.config.recovery_ms = 120000;
        rig.config.disconnect_grace_ms = 7000;
        begin_a();
        socket_ends(&a, graces[i].reason, false);
        expect(graces[i].want);
        answer_op("set", RESULT_OK);
    }
}

/* A goodbye is an end once nobody can come back any more; one that its client overtook is none. */
static void a_goodbye_that_was_overtaken(void **state)
{
    (void)state;
    a.is_recoverable = true;
    begin_a();
    socket_says(&a, "[\"chat\"]", 0);
    buf_clear(&rig.notes);
    socket_ends(&a, "client namespace disconnect", false);
    expect("a is forgotten");
    answer_call(RESULT_OK, 204, "");
    expect_nothing();
    answer_op("forgetting", RESULT_CONFLICT);
    rig_configure(NULL, NULL);
    pass(60000);
    expect_nothing();
}

static void a_goodbye_in_time(void **state)
{
    static const enum result results[] = { RESULT_OK, RESULT_NOT_FOUND, RESULT_UNCERTAIN };

    (void)state;
    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++) {
        stop(state);
        start(state);
        a.is_recoverable = true;
        begin_a();
        socket_ends(&a, "server namespace disconnect", false);
        expect("a is forgotten");
        answer_op("forgetting", results[i]);
        expect("set /|a n1.1 server namespace disconnect at 0 grace 0");
        answer_op("set", RESULT_OK);
    }
}

/* A node that is killed sets no grace: then it is the lease that leaves the time. */
static void a_long_grace_makes_a_long_lease(void **state)
{
    (void)state;
    rig.config.recovery_ms = 600000;
    rig.config.disconnect_grace_ms = 120000;
    rig.lease_ms = 130000;
    begin_a();
    pass_quietly(10000);
    answer_renew(RESULT_OK, false);
    buf_clear(&rig.notes);
    socket_ends(&a, "transport close", true);
}

static void an_end_waits_for_the_last_event(void **state)
{
    (void)state;
    begin_a();
    socket_says(&a, "[\"chat\"]", 0);
    buf_clear(&rig.notes);
    socket_ends(&a, "ping timeout", false);
    expect_nothing();
    rig.now_ms += 500;
    answer_call(RESULT_OK, 204, "");
    expect("set /|a n1.1 ping timeout at 0 grace 0");
    answer_op("set", RESULT_OK);
}

static void what_redis_did_not_take_is_said_again(void **state)
{
    (void)state;
    begin_a();
    socket_ends(&a, "ping timeout", false);
    rig_configure(NULL, NULL); /* what is to be told is told */
    answer_op("set", RESULT_UNAVAILABLE);
    buf_clear(&rig.notes);
    pass(999);
    expect_nothing();
    pass(1);
    expect("set /|a n1.1 ping timeout at 0 grace 0");
    answer_op("set", RESULT_UNCERTAIN);
    pass(1000);
    expect("set /|a n1.1 ping timeout at 0 grace 0");
    answer_op("set", RESULT_CONFLICT); /* the one before had gone through, and the end was told */
    pass(60000);
    expect_nothing();
}

static void a_beginning_that_failed_comes_before_the_end(void **state)
{
    (void)state;
    rig_configure(NULL, "http://b/gone");
    socket_is_in(&a, false);
    answer_op("begin", RESULT_UNAVAILABLE);
    socket_ends(&a, "ping timeout", false);
    expect(BEGIN_A, BEGIN_A);
    answer_op("begin", RESULT_OK);
    expect("set /|a n1.1 ping timeout at 0 grace 0");
    answer_op("set", RESULT_OK);
}

static void it_ends_while_its_beginning_is_written(void **state)
{
    (void)state;
    rig_configure(NULL, "http://b/gone");
    socket_is_in(&a, false);
    socket_ends(&a, "ping timeout", false);
    expect(BEGIN_A);
    answer_op("begin", RESULT_OK);
    expect("set /|a n1.1 ping timeout at 0 grace 0");
    answer_op("set", RESULT_OK);
}

static void sessions_are_renewed(void **state)
{
    (void)state;
    begin_a();
    rig.config.disconnect_hook = NULL;
    sio_hooks_app.configure(rig.app); /* no claims; what has begun goes on */
    pass(9000);
    expect_nothing();
    pass(1000);
    expect("renew 1 from /|a n1.1");
    pass(1000);
    expect_nothing(); /* one at a time */
    answer_renew(RESULT_UNAVAILABLE, false);
    pass(1000);
    expect("renew 1 from /|a n1.1");
    answer_renew(RESULT_OK, false);
    pass(9000);
    expect_nothing();
    pass(1000);
    expect("renew 1 from /|a n1.1");
    socket_ends(&a, "ping timeout", false); /* nobody wants to hear of it any more */
    expect("forget /|a n1.1");
    answer_renew(RESULT_OK, true);
    answer_op("forget", RESULT_OK);
    pass(60000);
    expect_nothing();
}

static void a_session_that_was_lost_begins_anew(void **state)
{
    (void)state;
    begin_a();
    pass_quietly(10000);
    buf_clear(&rig.notes);
    answer_renew(RESULT_OK, true);
    expect(BEGIN_A);
    assert_int_equal(rig.node.metrics.hook_sessions_lost, 1);
    answer_op("begin", RESULT_OK);
    socket_ends(&a, "ping timeout", false);
    expect("set /|a n1.1 ping timeout at 10000 grace 0");
    answer_op("set", RESULT_OK);
}

static void many_are_renewed_in_batches(void **state)
{
    static struct sio_socket many[300];
    static char ids[300][16];

    (void)state;
    rig_configure(NULL, "http://b/gone");
    for (int i = 0; i < 300; i++) {
        snprintf(ids[i], sizeof ids[i], "s%d", i);
        socket_init(&many[i], ids[i], "/");
        socket_is_in(&many[i], false);
        answer_op("begin", RESULT_OK);
    }
    rig_configure(NULL, NULL);
    buf_clear(&rig.notes);
    pass(10000);
    expect("renew 256 from /|s0 n1.1");
    answer_renew(RESULT_OK, false);
    expect("renew 44 from /|s256 n1.257");
    answer_renew(RESULT_OK, false);
    expect_nothing();
    for (int i = 0; i < 300; i++)
        socket_ends(&many[i], "transport close", false);
    buf_clear(&rig.notes);
    for (int i = 0; i < 300; i++)
        answer_op("forget", RESULT_OK);
}

static void who_moves_is_not_gone(void **state)
{
    (void)state;
    begin_a();
    socket_ends(&a, "transport close", true);
    expect_nothing();
    socket_init(&a, "a", "/");
    socket_is_in(&a, true);
    expect("begin /|a n1.2 \"namespace\":\"/\",\"socket\":{\"id\":\"a\",\"claims\":null,"
           "\"address\":\"::\"},\"connectedAt\":1800000000000");
    answer_op("begin", RESULT_OK);
    socket_ends(&a, "transport close", true);
    socket_init(&a, "a", "/");
    socket_is_in(&a, true);
    socket_ends(&a, "transport close", true); /* while its beginning is written */
    buf_clear(&rig.notes);
}

/* With protocol 3 a socket's id is that of its connection. */
static void whoever_leaves_a_namespace_and_comes_again_is_another(void **state)
{
    static const char begin[] =
        "begin /chat|/chat#e\"#\" n1.%d \"namespace\":\"/chat\",\"socket\":{\"id\":\"/chat#e\","
        "\"claims\":null,\"address\":\"::\"},\"connectedAt\":%lld";
    char first[512], second[512], third[512], *stay;

    (void)state;
    rig_configure(NULL, "http://b/gone");
    snprintf(first, sizeof first, begin, 1, 1800000000000LL);
    snprintf(second, sizeof second, begin, 2, 1800000000500LL);
    snprintf(third, sizeof third, begin, 3, 1800000000500LL);
    socket_init(&a, "/chat#e", "/chat");
    a.handshake.version = ENGINE_3;
    socket_is_in(&a, false);
    expect(first);
    answer_op("begin", RESULT_OK);
    stay = xstrdup(a.stay);
    socket_ends(&a, "client namespace disconnect", false);
    expect("set /chat|/chat#e\"#\" n1.1 client namespace disconnect at 0 grace 0");
    answer_op("set", RESULT_OK);
    rig.now_ms += 500;
    socket_init(&a, "/chat#e", "/chat");
    a.handshake.version = ENGINE_3;
    socket_is_in(&a, false);
    expect(second);
    answer_op("begin", RESULT_OK);
    assert_string_not_equal(a.stay, stay);
    free(stay);
    stay = xstrdup(a.stay);
    socket_ends(&a, "transport close", true); /* moves on: the same session */
    socket_init(&a, "/chat#e", "/chat");
    a.handshake.version = ENGINE_3;
    a.stay = stay;
    socket_is_in(&a, true);
    expect(third);
    answer_op("begin", RESULT_OK);
    assert_ptr_equal(a.stay, stay);
    socket_ends(&a, "transport close", true);
}

/* ---- telling -------------------------------------------------------------------------------------------------------- */

#define GONE(id)                                                                                   \
    "call repeatable http://b/gone {\"type\":\"disconnect\",\"id\":\"" id                          \
    "\",\"namespace\":\"/\",\"reason\":\"ping timeout\",\"endedAt\":7}"

static void ends_are_told_and_settled(void **state)
{
    (void)state;
    rig_configure(NULL, "http://b/gone");
    pass(1000);
    expect("claim 16 for 15000");
    answer_claim(RESULT_OK, 2, false);
    expect(GONE("d0"), GONE("d1"));
    answer_claims_empty();
    answer_call(RESULT_OK, 204, "");
    expect("settle d0");
    answer_call(RESULT_OK, 404, "");
    expect("settle d1");
    answer_op("settle", RESULT_OK);
    answer_op("settle", RESULT_UNCERTAIN);
    pass(1000);
    expect("settle d1", "claim 16 for 15000");
    answer_op("settle", RESULT_OK);
    answer_claims_empty();
    assert_int_equal(rig.node.metrics.hook_ends_given_up, 1);
}

static const struct {
    const char *name;
    enum result result;
    int status;
} unheard[] = {
    { "500", RESULT_OK, 500 },
    { "a redirect", RESULT_OK, 302 },
    { "too many requests", RESULT_OK, 429 },
    { "timeout", RESULT_OK, 408 },
    { "no answer", RESULT_UNCERTAIN, 0 },
    { "out of reach", RESULT_UNAVAILABLE, 0 },
    { "too many wait", RESULT_REFUSED, 0 },
};

/* Redis hands it to somebody again. */
static void what_was_not_heard_is_left_alone(void **state)
{
    (void)state;
    rig_configure(NULL, "http://b/gone");
    for (size_t i = 0; i < sizeof unheard / sizeof unheard[0]; i++) {
        pass(1000);
        answer_claim(RESULT_OK, 1, false);
        answer_claims_empty();
        buf_clear(&rig.notes);
        answer_call(unheard[i].result, unheard[i].status, "");
        expect_nothing();
        assert_int_equal(rig.op_count, 0);
    }
}

static void what_is_more_is_claimed_at_once(void **state)
{
    (void)state;
    rig.config.hook_timeout_ms = 30000;
    rig_configure(NULL, "http://b/gone");
    pass(1000);
    expect("claim 16 for 35000");
    for (int i = 0; i < 16; i++)
        answer_claim(RESULT_OK, 4, i == 0);
    assert_int_equal(rig.op_count, 1);
    assert_int_equal(rig.call_count, 64);
    buf_clear(&rig.notes);
    pass(1000);
    answer_claim(RESULT_UNCERTAIN, 0, false);
    rig_configure(NULL, NULL);
    while (rig.op_count > 0)
        answer_claim(RESULT_OK, 4, true);
    buf_clear(&rig.notes);
    while (rig.call_count > 0)
        answer_call(RESULT_UNAVAILABLE, 0, NULL);
}

/* Never more at a time than can be told. */
static void claims_are_bounded(void **state)
{
    size_t asked = 0;

    (void)state;
    rig_configure(NULL, "http://b/gone");
    for (int i = 0; i < 40; i++) {
        pass(1000);
        while (rig.op_count > 0) {
            answer_claim(RESULT_OK, 4, false);
            asked += 4;
        }
        assert_true(rig.call_count <= 256);
    }
    assert_true(asked >= 200);
    buf_clear(&rig.notes);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_event_is_asked_about),
        TEST(which_rule_is_meant),
        TEST(attachments_are_base64),
        TEST(what_becomes_the_acknowledgement),
        TEST(an_answer_is_carried_out_in_order),
        TEST(data_stands_in_later_bodies),
        TEST(volatile_ones_wait_for_nobody),
        TEST(a_join_that_fails_is_told),
        TEST(events_of_one_socket_wait_for_one_another),
        TEST(lines_are_bounded),
        TEST(bytes_in_line_are_bounded),
        TEST(what_is_too_large_is_said),
        TEST(what_was_said_is_passed_on),
        TEST(it_ends_while_it_joins),
        TEST(the_node_stops_while_events_are_under_way),
        TEST(nobody_is_asked),
        TEST(the_connect_hook_lets_in),
        TEST(the_connect_hook_refuses),
        TEST(a_session_is_written_before_the_back_end_is_asked),
        TEST(nobody_comes_in_without_a_store),
        TEST(the_client_goes_while_it_is_decided),
        TEST(an_end_is_written),
        TEST(who_may_come_back_has_a_grace),
        TEST(a_goodbye_that_was_overtaken),
        TEST(a_goodbye_in_time),
        TEST(a_long_grace_makes_a_long_lease),
        TEST(an_end_waits_for_the_last_event),
        TEST(what_redis_did_not_take_is_said_again),
        TEST(a_beginning_that_failed_comes_before_the_end),
        TEST(it_ends_while_its_beginning_is_written),
        TEST(sessions_are_renewed),
        TEST(a_session_that_was_lost_begins_anew),
        TEST(many_are_renewed_in_batches),
        TEST(who_moves_is_not_gone),
        TEST(whoever_leaves_a_namespace_and_comes_again_is_another),
        TEST(ends_are_told_and_settled),
        TEST(what_was_not_heard_is_left_alone),
        TEST(what_is_more_is_claimed_at_once),
        TEST(claims_are_bounded),
    };

    return cmocka_run_group_tests_name("sio_hooks", tests, NULL, NULL);
}
