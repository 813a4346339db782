/* SPDX-License-Identifier: MIT */
/* The life of an agent's connection, row by row, over a store that answers when and as the test wants. */
#include "fleet_agent_rig.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* ---- admission -------------------------------------------------------------------------------------- */

static const struct {
    const char *name, *offers;
    bool are_shared_keys_off, is_good;
} tickets[] = {
    { "a key of the configuration", "good,rivalis-fleet.v1", false, true },
    { "an unknown one", "bad,rivalis-fleet.v1", false, false },
    { "none", "rivalis-fleet.v1", false, false },
    { "the sentinel first", "rivalis-fleet.v1,good", false, false },
    { "a shared one where there are none", "good,rivalis-fleet.v1", true, false },
    { "half a key", "goo,rivalis-fleet.v1", false, false },
};

static void who_comes_is_let_in_or_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(tickets); i++) {
        struct ws *ws;

        rig.config.fleet_shared_keys = !tickets[i].are_shared_keys_off;
        ws = arrive_with(tickets[i].offers);
        if (rig.notes.len == 0 || (ws->is_closing == tickets[i].is_good))
            fail_msg("%s", tickets[i].name);
        if (tickets[i].is_good)
            rig_expect("r: upgrade", "pause", "fleet/hello 1=A 2=3 3=1000 4=3",
                       "fleet/poll 1=poll_1 3=active 4=3", "continue");
        else
            rig_expect("r: upgrade", "pause", "close 4001 agent_refused");
        gone(ws);
    }
    assert_int_equal(rig.node.metrics.fleet_auth_failures[FLEET_AUDIENCE_AGENT], 5);
}

static void redis_is_asked(void **state)
{
    struct ws *ws;

    (void)state;
    rig.outcome.answer = AUTH_PENDING;
    ws = arrive_with("k,rivalis-fleet.v1");
    rig_expect("r: upgrade", "pause");
    rig_auth(AUTH_OK);
    rig_expect("fleet/hello 1=A 2=3 3=1000 4=3", "fleet/poll 1=poll_1 3=active 4=3", "continue");
    gone(ws);
    assert_int_equal(rig.identity.refs, 1);
}

static void redis_is_asked_again_while_it_is_away(void **state)
{
    struct ws *ws;

    (void)state;
    rig.outcome.answer = AUTH_UNKNOWN;
    ws = arrive_with("k,rivalis-fleet.v1");
    pass(2000);
    rig_expect("r: upgrade", "pause");
    rig.outcome.answer = AUTH_REFUSED;
    pass(600);
    rig_expect("close 4001 agent_refused");
    gone(ws);
}

static void who_cannot_be_judged_in_time_comes_again(void **state)
{
    struct ws *ws;

    (void)state;
    rig.outcome.answer = AUTH_UNKNOWN;
    ws = arrive_with("k,rivalis-fleet.v1");
    pass(9950);
    rig_expect("r: upgrade", "pause");
    pass(50);
    rig_expect("close 1013 store_down");
    pass(2000);
    gone(ws);
}

static void who_goes_before_he_is_judged(void **state)
{
    struct ws *ws;

    (void)state;
    rig.outcome.answer = AUTH_PENDING;
    ws = arrive_with("k,rivalis-fleet.v1");
    gone(ws);
    rig_expect("r: upgrade", "pause");
    assert_null(rig.check);
}

static void a_revoked_key_ends_it(void **state)
{
    struct ws *ws;

    (void)state;
    rig_auth(AUTH_OK);
    ws = arrive_with("k,rivalis-fleet.v1");
    buf_clear(&rig.notes);
    rig_revoke();
    rig_expect("close 4001 agent_revoked");
    gone(ws);
}

/* ---- registrations -------------------------------------------------------------------------------------- */

static char registered[] = "registration:7";

static struct ws *arrive_registered(void)
{
    struct ws *ws;

    rig.identity.subject = registered;
    rig_auth(AUTH_OK);
    rig.config.fleet_shared_keys = false;
    ws = arrive_with("frt_k,rivalis-fleet.v1");
    rig_expect("r: upgrade", "pause", "admit A to 7");
    return ws;
}

static void a_registration_has_places(void **state)
{
    struct ws *ws = arrive_registered();

    (void)state;
    answer_admit(RESULT_UNAVAILABLE, NULL);
    pass(500);
    rig_expect("admit A to 7");
    answer_admit(RESULT_OK, "{}");
    rig_expect("fleet/hello 1=A 2=3 3=1000 4=3", "fleet/poll 1=poll_1 3=active 4=3", "continue");
    gone(ws);
    rig_expect("dismiss A from 7");
    answer("dismiss", RESULT_UNCERTAIN);
    pass(100);
    rig_expect("dismiss A from 7");
    answer("dismiss", RESULT_NOT_FOUND);
    assert_true(list_is_empty(&fake.fleet->agents));
}

static struct ws *join_registered(void)
{
    struct ws *ws = arrive_registered();

    answer_admit(RESULT_OK, "{}");
    say_state(ws, STATE(.poll = 1, .seq = 1));
    answer_apply(RESULT_OK);
    answer_model(RESULT_OK);
    buf_clear(&rig.notes);
    return ws;
}

static void a_place_that_may_be_lost_is_taken_again(void **state)
{
    struct ws *ws = join_registered();

    (void)state;
    answer_beat(1);
    fake.are_beats_held = true;
    pass(1000);
    buf_clear(&rig.notes);
    answer_beat(2); /* Redis is another one */
    rig_expect("streams begin anew", "admit A to 7");
    assert_int_equal(ops_waiting("admit"), 1);
    answer_admit(RESULT_UNCERTAIN, NULL);
    pass(100);
    answer_admit(RESULT_NOT_FOUND, NULL); /* nobody is thrown out for what Redis has lost */
    say_state(ws, STATE(.poll = 2, .seq = 2, .is_brief = true));
    answer("touch", RESULT_NOT_FOUND); /* its node was taken for dead */
    buf_clear(&rig.notes);
    answer_admit(RESULT_REFUSED, "{}"); /* another agent has the place */
    rig_expect("close 4001 agent_refused", "dismiss A from 7");
    answer("dismiss", RESULT_NOT_FOUND);
    gone(ws);
    assert_true(list_is_empty(&fake.fleet->agents));
}

static void a_registration_without_a_place_refuses(void **state)
{
    struct ws *ws = arrive_registered();

    (void)state;
    answer_admit(RESULT_REFUSED, "{}");
    rig_expect("close 4001 agent_refused");
    gone(ws);
}

static void who_goes_before_it_has_a_place_gives_it_back(void **state)
{
    struct ws *ws = arrive_registered();

    (void)state;
    gone(ws);
    rig_expect("cancel admit", "dismiss A from 7");
    answer("dismiss", RESULT_NOT_FOUND);
    assert_true(list_is_empty(&fake.fleet->agents));
}

/* Where nobody else would, for its node lives on. */
static void a_place_is_given_back_until_it_is_known_to_be_free(void **state)
{
    struct ws *ws = arrive_registered();

    (void)state;
    answer_admit(RESULT_UNCERTAIN, NULL);
    gone(ws);
    rig_expect("dismiss A from 7");
    answer("dismiss", RESULT_UNAVAILABLE);
    pass(100);
    rig_expect("dismiss A from 7");
    answer("dismiss", RESULT_UNCERTAIN);
    pass(1000); /* nor is a place asked for again */
    rig_expect("dismiss A from 7");
    assert_int_equal(rig.node.metrics.fleet_agents, 0);
    answer("dismiss", RESULT_OK);
    assert_true(list_is_empty(&fake.fleet->agents));
}

static void who_gets_no_place_in_time_gives_it_back(void **state)
{
    struct ws *ws = arrive_registered();

    (void)state;
    pass(10000);
    rig_expect("cancel admit", "dismiss A from 7", "close 1013 store_down");
    answer("dismiss", RESULT_UNAVAILABLE);
    gone(ws);
    pass(100);
    rig_expect("dismiss A from 7");
    answer("dismiss", RESULT_OK);
    assert_true(list_is_empty(&fake.fleet->agents));
}

static void who_gets_a_place_while_the_node_drains_goes_elsewhere(void **state)
{
    static const enum result results[] = { RESULT_OK, RESULT_UNCERTAIN };

    (void)state;
    for (size_t i = 0; i < COUNT(results); i++) {
        struct ws *ws;

        fake.id_count = 0;
        rig.node.is_draining = false;
        ws = arrive_registered();
        rig.node.is_draining = true;
        answer_admit(results[i], "{}");
        rig_expect("dismiss A from 7", "close 4003 agent_shutdown");
        gone(ws);
        answer("dismiss", RESULT_OK);
        assert_true(list_is_empty(&fake.fleet->agents));
    }
}

static void a_registration_that_ends_while_it_is_asked(void **state)
{
    struct ws *ws = arrive_registered();

    (void)state;
    rig_revoke();
    rig_expect("cancel admit", "dismiss A from 7", "close 4001 agent_refused");
    answer("dismiss", RESULT_OK);
    gone(ws);
    assert_true(list_is_empty(&fake.fleet->agents));
}

static const struct {
    const char *claims;
    bool holds;
} claims[] = {
    { "{}", true },
    { "{\"name\":\"eu1\",\"endpointUrl\":\"wss://e\",\"labels\":{}}", true },
    { "{\"name\":\"eu\\u0031\"}", true },
    { "{\"name\":\"eu2\"}", false },
    { "{\"endpointUrl\":\"wss://f\"}", false },
    { "{\"labels\":{\"region\":\"eu\"}}", false },
    { "nonsense", false },
};

static void a_state_says_what_its_registration_claims(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(claims); i++) {
        struct ws *ws;

        fake.id_count = 0;
        ws = arrive_registered();
        answer_admit(RESULT_OK, claims[i].claims);
        say_state(ws, STATE(.poll = 1, .seq = 1));
        if ((ops_waiting("apply") == 1) != claims[i].holds)
            fail_msg("%s", claims[i].claims);
        if (claims[i].holds)
            answer_apply(RESULT_NOT_FOUND); /* it waits, and goes with the rest */
        gone(ws);
        pass(100);
        if (claims[i].holds)
            answer_apply(RESULT_REFUSED);
        answer("dismiss", RESULT_OK);
        buf_clear(&rig.notes);
    }
}

/* ---- polls -------------------------------------------------------------------------------------------- */

static void a_state_is_applied_and_its_hash_known(void **state)
{
    struct ws *ws = arrive();

    (void)state;
    say_state(ws, STATE(.poll = 1, .seq = 1, .hash = "h1", .rooms = "abc", .status = "draining"));
    rig_expect("apply A whole seq=1 poll=1 +3 ~0 -0");
    pass(1000);
    rig_expect("fleet/poll 1=poll_2 3=active 4=3"); /* it is not there yet */
    answer_apply(RESULT_OK);
    answer_model(RESULT_OK);
    say_state(ws, STATE(.poll = 2, .seq = 2, .is_brief = true));
    rig_expect("touch A poll=2");
    answer("touch", RESULT_OK);
    pass(1000);
    rig_expect("fleet/poll 1=poll_3 2=h1 3=draining 4=3");
    say_state(ws, STATE(.poll = 3, .seq = 3, .hash = "", .rooms = "bcd"));
    rig_expect("apply A seq=3 poll=3 +1 ~0 -1");
    answer_apply(RESULT_OK);
    pass(1000);
    rig_expect("fleet/poll 1=poll_4 2= 3=active 4=3");
    left(ws);
}

static void every_twelfth_poll_asks_for_everything(void **state)
{
    struct ws *ws = join();
    char want[64];

    (void)state;
    for (unsigned poll = 2; poll <= 26; poll++) {
        bool is_full = poll == 13 || poll == 25;

        pass(1000);
        snprintf(want, sizeof want, "fleet/poll 1=poll_%u%s 3=active 4=3", poll,
                 is_full ? "" : " 2=h");
        rig_expect(want);
        say_state(ws, STATE(.poll = poll, .seq = poll, .is_brief = true));
        answer("touch", RESULT_OK);
        buf_clear(&rig.notes);
    }
    left(ws);
}

static void a_silent_agent_turns_stale_and_goes(void **state)
{
    struct ws *ws = join();

    (void)state;
    rig.config.fleet_heartbeat_ms = 1000;
    pass(1000); /* poll 2 */
    buf_clear(&rig.notes);
    pass(1999);
    assert_int_equal(ops_waiting("model"), 0);
    pass(1);
    assert_int_equal(ops_waiting("model"), 1);
    model_put(fake.ids[0], "n1", STATE_MESSAGE);
    buf_clear(&rig.notes);
    answer_model(RESULT_OK);
    rig_expect("stale A");
    answer("stale", RESULT_OK);
    pass(999);
    assert_false(ws->is_closing);
    buf_clear(&rig.notes);
    pass(1);
    rig_expect("remove A version=7", "close 4003 agent_silent");
    left(ws);
}

static void a_late_answer_recovers(void **state)
{
    struct ws *ws = join();

    (void)state;
    pass(3950); /* poll 2, and two misses */
    model_put(fake.ids[0], "n1", STATE_MESSAGE);
    answer_model(RESULT_OK);
    answer("stale", RESULT_OK);
    buf_clear(&rig.notes);
    say_state(ws, STATE(.poll = 2, .seq = 2, .is_brief = true));
    rig_expect("touch A poll=2");
    answer("touch", RESULT_OK);
    pass(50);
    rig_expect("fleet/poll 1=poll_3 2=h 3=active 4=3");
    pass(2000); /* a new episode */
    assert_int_equal(ops_waiting("model"), 1);
    answer_model(RESULT_OK);
    answer("stale", RESULT_OK);
    left(ws);
}

static void who_never_joined_goes_without_a_word(void **state)
{
    struct ws *ws = arrive();

    (void)state;
    pass(2950);
    assert_false(ws->is_closing);
    buf_clear(&rig.notes);
    pass(50);
    assert_true(ws->is_closing);
    assert_int_equal(ops_waiting("remove") + ops_waiting("model") + ops_waiting("stale"), 0);
    gone(ws);
}

/* ---- gauges ---------------------------------------------------------------------------------------------- */

static void what_is_applied_is_counted(void **state)
{
    struct ws *ws = arrive(), *other;

    (void)state;
    say_state(ws, STATE(.poll = 1, .seq = 1, .rooms = "ab", .connections = 3));
    rig_expect_gauges("active 0 draining 0 other 0 stale 0 connections 0 rooms 0");
    answer_apply(RESULT_OK);
    rig_expect_gauges("active 1 draining 0 other 0 stale 0 connections 6 rooms 2");
    answer_model(RESULT_OK);
    other = join_with(STATE(.poll = 1, .seq = 1, .rooms = "c", .status = "asleep"));
    rig_expect_gauges("active 1 draining 0 other 1 stale 0 connections 6 rooms 3");
    left(other);
    pass(1000);
    say_state(ws, STATE(.poll = 2, .seq = 2, .rooms = "d", .connections = 1, .status = "draining"));
    answer_apply(RESULT_UNAVAILABLE);
    rig_expect_gauges("active 1 draining 0 other 0 stale 0 connections 6 rooms 2");
    pass(100);
    answer_apply(RESULT_OK);
    rig_expect_gauges("active 0 draining 1 other 0 stale 0 connections 1 rooms 1");
    buf_clear(&rig.notes);
    gone(ws);
    rig_expect_gauges("active 0 draining 1 other 0 stale 0 connections 1 rooms 1");
    answer_remove(RESULT_OK);
    rig_expect_gauges("active 0 draining 0 other 0 stale 0 connections 0 rooms 0");
    buf_clear(&rig.notes);
}

static void who_is_stale_is_counted(void **state)
{
    struct ws *ws = join();

    (void)state;
    model_put(fake.ids[0], "n1", STATE_MESSAGE);
    for (unsigned poll = 2; poll < 4; poll++) {
        pass(poll == 2 ? 3000 : 2950); /* the poll, and two misses */
        answer_model(RESULT_OK);
        rig_expect_gauges("active 1 draining 0 other 0 stale 0 connections 0 rooms 2");
        answer("stale", RESULT_OK);
        rig_expect_gauges("active 1 draining 0 other 0 stale 1 connections 0 rooms 2");
        say_state(ws, STATE(.poll = poll, .seq = poll, .rooms = "ab", .is_brief = poll == 2));
        if (poll == 2)
            answer("touch", RESULT_OK);
        else
            answer_apply(RESULT_OK);
        rig_expect_gauges("active 1 draining 0 other 0 stale 0 connections 0 rooms 2");
        pass(50);
    }
    left(ws);
}

/* ---- what it sends -------------------------------------------------------------------------------------- */

static void say_topic(struct ws *ws, const char *topic)
{
    struct buf inner;

    buf_init(&inner, 16);
    buf_add(&inner, "\3\0", 2);
    say(ws, topic, &inner);
    buf_fini(&inner);
}

static void say_broken(struct ws *ws)
{
    say_bytes(ws, SLICE_LITERAL("\xff\xff"));
}

static void say_nothing(struct ws *ws)
{
    say_bytes(ws, SLICE_LITERAL(""));
}

static void say_text_frame(struct ws *ws)
{
    ws->ops->on_message(ws, SLICE_LITERAL("{}"), WS_TEXT, ws->conn);
}

static void say_other_topic(struct ws *ws)
{
    say_topic(ws, "fleet/other");
}

static void say_long_topic(struct ws *ws)
{
    char topic[258];

    memset(topic, 'x', 257);
    topic[257] = '\0';
    say_topic(ws, topic);
}

static void say_json(struct ws *ws)
{
    struct buf inner;

    buf_init(&inner, 16);
    buf_add_text(&inner, "{}");
    say(ws, "fleet/state", &inner);
    say(ws, "fleet/ack", &inner);
    buf_fini(&inner);
}

static void say_foreign_poll(struct ws *ws)
{
    say_state(ws, STATE(.poll = 9, .seq = 1));
}

static void say_twice(struct ws *ws)
{
    say_state(ws, STATE(.poll = 1, .seq = 1, .is_brief = true));
    say_state(ws, STATE(.poll = 1, .seq = 2, .is_brief = true));
}

static void say_unknown_ack(struct ws *ws)
{
    say_ack(ws, 3, true, false);
}

static void say_too_much(struct ws *ws)
{
    for (int i = 0; i < 34 && !ws->is_closing; i++)
        say_json(ws);
}

static const struct {
    const char *name;
    void (*say)(struct ws *ws);
    const char *want; /* NULL: nothing happens */
} inbound[] = {
    { "no frame", say_broken, "close 4003 agent_invalid" },
    { "an empty frame", say_nothing, NULL },
    { "a text frame", say_text_frame, "close 4002 agent_text" },
    { "another topic", say_other_topic, "close 4003 agent_invalid" },
    { "a topic that is too long", say_long_topic, "close 4003 agent_invalid" },
    { "another version", say_json, NULL },
    { "a poll that was not sent", say_foreign_poll, "close 4003 agent_kicked" },
    { "a second answer", say_twice, "close 4003 agent_kicked" },
    { "an acknowledgement of nothing", say_unknown_ack, "close 4003 agent_kicked" },
    { "too much", say_too_much, "close 4003 agent_rate" },
};

static void what_it_sends_is_judged(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(inbound); i++) {
        struct ws *ws = arrive();
        const char *notes;

        inbound[i].say(ws);
        if (ops_waiting("touch") > 0)
            answer("touch", RESULT_NOT_FOUND);
        buf_add_byte(&rig.notes, '\0');
        notes = rig.notes.data;
        if (inbound[i].want != NULL ? strstr(notes, inbound[i].want) == NULL : notes[0] != '\0')
            fail_msg("%s: %s", inbound[i].name, notes);
        buf_clear(&rig.notes);
        gone(ws);
    }
}

static void the_bucket_holds_sixty_six(void **state)
{
    struct ws *ws = arrive();

    (void)state;
    for (int i = 0; i < 33; i++)
        say_json(ws);            /* two frames each */
    clock_hold(rig.now_ms + 61); /* two tokens more */
    say_json(ws);
    assert_false(ws->is_closing);
    say_json(ws);
    rig_expect("close 4003 agent_rate");
    gone(ws);
}

static void a_bad_state_counts_as_an_answer_only(void **state)
{
    struct ws *ws = join();

    (void)state;
    pass(1000);
    buf_clear(&rig.notes);
    say_state(ws, STATE(.poll = 2, .seq = 2, .hash = "h2", .is_bad = true));
    rig_expect_nothing();
    assert_int_equal(rig.node.metrics.fleet_states_rejected, 1);
    pass(1000);
    rig_expect("fleet/poll 1=poll_3 2=h 3=active 4=3");
    say_state(ws, STATE(.poll = 3, .seq = 1, .hash = "h3"));
    rig_expect_nothing(); /* out of order */
    left(ws);
}

static void a_bad_state_of_a_stale_one_leaves_what_is_held(void **state)
{
    struct ws *ws = join();

    (void)state;
    pass(3950); /* poll 2, and two misses */
    model_put(fake.ids[0], "n1", STATE_MESSAGE);
    answer_model(RESULT_OK);
    answer("stale", RESULT_OK);
    buf_clear(&rig.notes);
    say_state(ws, STATE(.poll = 2, .seq = 2, .is_bad = true));
    rig_expect("touch A poll=0");
    answer("touch", RESULT_OK);
    left(ws);
}

/* What is no UTF-8 is replaced by three bytes each. */
static void what_is_too_large_for_a_record_is_refused(void **state)
{
    static char padding[2 * 1024 * 1024];
    struct ws *ws = arrive();

    (void)state;
    memset(padding, '\xff', sizeof padding - 1);
    say_state(ws, STATE(.poll = 1, .seq = 1, .padding = padding));
    rig_expect_nothing();
    assert_int_equal(rig.node.metrics.fleet_states_rejected, 1);
    pass(1000);
    rig_expect("fleet/poll 1=poll_2 3=active 4=3");
    gone(ws);
}

/* ---- the queue -------------------------------------------------------------------------------------------- */

static void what_redis_does_not_answer_is_tried_again(void **state)
{
    struct ws *ws = arrive();

    (void)state;
    say_state(ws, STATE(.poll = 1, .seq = 1, .rooms = "a"));
    rig_expect("apply A whole seq=1 poll=1 +1 ~0 -0");
    answer_apply(RESULT_UNAVAILABLE);
    pass(50);
    rig_expect_nothing();
    pass(50);
    rig_expect("apply A whole seq=1 poll=1 +1 ~0 -0");
    answer_apply(RESULT_UNCERTAIN);
    pass(200);
    rig_expect("apply A whole seq=1 poll=1 +1 ~0 -0 repeat");
    answer_apply(RESULT_UNAVAILABLE);
    pass(400);
    rig_expect("apply A whole seq=1 poll=1 +1 ~0 -0 repeat");
    answer_apply(RESULT_OK);
    answer_model(RESULT_OK);
    left(ws);
}

/* An error stays what it is. Where the link broke there was none: it may be tried for ever. */
static void what_redis_refuses_for_long_is_given_up(void **state)
{
    struct ws *ws;

    (void)state;
    rig.config.fleet_heartbeat_ms = 60000; /* nobody misses an answer meanwhile */
    ws = arrive();
    say_state(ws, STATE(.poll = 1, .seq = 1, .rooms = "a"));
    for (int i = 0; i < 20; i++) {
        fake.stats.disconnects++;
        answer_apply(RESULT_UNCERTAIN);
        pass(1600);
    }
    for (int i = 0; i < 7; i++) {
        answer_apply(RESULT_UNCERTAIN);
        assert_false(ws->is_closing);
        pass(1600);
    }
    buf_clear(&rig.notes);
    answer_apply(RESULT_UNCERTAIN);
    rig_expect("close 4003 agent_kicked");
    gone(ws);
    assert_true(list_is_empty(&fake.fleet->agents));
}

/* But its end is not: its record would stay. */
static void a_record_that_does_not_go_is_tried_again(void **state)
{
    struct ws *ws = join();

    (void)state;
    gone(ws);
    for (int i = 0; i < 20; i++) {
        answer_remove(RESULT_UNCERTAIN);
        pass(1600);
    }
    assert_false(list_is_empty(&fake.fleet->agents));
    answer_remove(RESULT_OK);
    assert_true(list_is_empty(&fake.fleet->agents));
}

static void a_leave_that_meets_what_is_newer_takes_its_time(void **state)
{
    struct ws *ws = join();

    (void)state;
    model_put(fake.ids[0], "n1", STATE_MESSAGE);
    gone(ws);
    rig_expect("remove A version=7");
    answer_remove(RESULT_CONFLICT);
    answer_model(RESULT_OK);
    rig_expect("remove A version=3");
    answer_remove(RESULT_CONFLICT);
    rig_expect_nothing();
    assert_int_equal(ops_waiting("model"), 0);
    pass(100);
    rig_expect("remove A version=7");
    answer_remove(RESULT_OK);
}

static void polls_go_on_while_redis_is_away(void **state)
{
    struct ws *ws = join();

    (void)state;
    fake.are_beats_held = true;
    for (unsigned poll = 2; poll < 12; poll++) {
        pass(1000);
        while (ops_waiting("beat") > 0)
            fail_beat();
        say_state(ws, STATE(.poll = poll, .seq = poll, .is_brief = true));
        if (ops_waiting("touch") > 0)
            answer("touch", RESULT_UNAVAILABLE);
    }
    assert_false(ws->is_closing);
    fake.are_beats_held = false;
    pass(1000);
    buf_clear(&rig.notes);
    while (ops_waiting("touch") > 0)
        answer("touch", RESULT_OK);
    say_state(ws, STATE(.poll = 12, .seq = 12, .is_brief = true));
    answer("touch", RESULT_OK);
    buf_clear(&rig.notes);
    pass(1000);
    rig_expect("fleet/poll 1=poll_13 3=active 4=3"); /* it asks for everything */
    left(ws);
}

static void an_answer_makes_the_one_before_it_idle(void **state)
{
    struct ws *ws = arrive();

    (void)state;
    say_state(ws, STATE(.poll = 1, .seq = 1, .rooms = "a"));
    for (unsigned poll = 2; poll < 6; poll++) {
        pass(1000);
        say_state(ws, STATE(.poll = poll, .seq = poll, .rooms = poll == 4 ? "xyz" : "b",
                            .is_brief = poll == 2 || poll == 5));
    }
    buf_clear(&rig.notes);
    answer_apply(RESULT_OK);
    rig_expect("apply A seq=4 poll=4 +3 ~0 -1");
    answer_model(RESULT_OK);
    answer_apply(RESULT_OK);
    rig_expect("touch A poll=5");
    answer("touch", RESULT_OK);
    rig_expect_nothing();
    left(ws);
}

static void too_much_that_waits_stops_the_reading(void **state)
{
    static char padding[3 * 1024 * 1024];
    struct ws *ws = arrive();

    (void)state;
    memset(padding, 'x', sizeof padding - 1);
    say_state(ws, STATE(.poll = 1, .seq = 1, .padding = padding));
    pass(1000);
    buf_clear(&rig.notes);
    say_state(ws, STATE(.poll = 2, .seq = 2, .padding = padding));
    rig_expect("pause");
    pass(1000); /* a poll … */
    buf_clear(&rig.notes);
    pass(9000); /* … whose answer nobody reads is not missed */
    assert_false(ws->is_closing);
    buf_clear(&rig.notes);
    answer_apply(RESULT_OK);
    rig_expect("apply A seq=2 poll=2 +0 ~0 -0", "continue");
    answer_model(RESULT_OK);
    answer_apply(RESULT_OK);
    left(ws);
}

static void a_lost_record_gets_everything(void **state)
{
    struct ws *ws = join();

    (void)state;
    pass(1000);
    buf_clear(&rig.notes);
    say_state(ws, STATE(.poll = 2, .seq = 2, .rooms = "bc"));
    rig_expect("apply A seq=2 poll=2 +1 ~0 -1");
    answer_apply(RESULT_NOT_FOUND);
    rig_expect("apply A whole seq=2 poll=2 +2 ~0 -0");
    answer_apply(RESULT_OK);
    answer_model(RESULT_OK);
    pass(1000);
    say_state(ws, STATE(.poll = 3, .seq = 3, .is_brief = true));
    answer("touch", RESULT_NOT_FOUND);
    buf_clear(&rig.notes);
    pass(1000);
    rig_expect("fleet/poll 1=poll_4 3=active 4=3");
    gone(ws);
    rig_expect_nothing(); /* there is nothing to remove */
}

static void an_orphan_is_replaced(void **state)
{
    struct ws *ws = arrive();
    struct fleet_applied conflict = { .orphan = SLICE_LITERAL("00000000000000ff") };

    (void)state;
    say_state(ws, STATE(.poll = 1, .seq = 1, .rooms = "a"));
    buf_clear(&rig.notes);
    model_put("00000000000000ff", "dead", STATE_MESSAGE);
    answer_apply_as(RESULT_CONFLICT, &conflict);
    answer_model(RESULT_OK);
    rig_expect("apply A whole seq=1 poll=1 +1 ~0 -0 for B");
    answer_apply_as(RESULT_CONFLICT, &conflict);
    model_forget();
    answer_model(RESULT_OK);
    rig_expect_nothing(); /* it has gone meanwhile, or cannot be read */
    pass(100);
    rig_expect("apply A whole seq=1 poll=1 +1 ~0 -0");
    answer_apply(RESULT_OK);
    answer_model(RESULT_OK);
    left(ws);
}

static void a_foreign_record_ends_it(void **state)
{
    struct ws *ws = join();

    (void)state;
    pass(1000);
    buf_clear(&rig.notes);
    say_state(ws, STATE(.poll = 2, .seq = 2, .is_brief = true));
    answer("touch", RESULT_CONFLICT);
    rig_expect("touch A poll=2", "close 4003 agent_kicked", "remove A version=7");
    answer_remove(RESULT_CONFLICT);
    answer_model(RESULT_OK);
    gone(ws);
}

static void the_record_goes_once(void **state)
{
    struct ws *ws = join();

    (void)state;
    gone(ws);
    rig_expect("remove A version=7");
    answer_remove(RESULT_UNAVAILABLE);
    pass(100);
    rig_expect("remove A version=7");
    answer_remove(RESULT_UNCERTAIN);
    pass(200);
    rig_expect("remove A version=7");
    answer_remove(RESULT_CONFLICT); /* somebody described a room of it */
    model_put(fake.ids[0], "n1", STATE_MESSAGE);
    answer_model(RESULT_OK);
    rig_expect("remove A version=3");
    answer_remove(RESULT_NOT_FOUND);
    assert_true(list_is_empty(&fake.fleet->agents));
}

static void what_was_said_before_it_went_is_told(void **state)
{
    struct ws *ws = arrive();

    (void)state;
    say_state(ws, STATE(.poll = 1, .seq = 1, .rooms = "a"));
    gone(ws);
    rig_expect("apply A whole seq=1 poll=1 +1 ~0 -0");
    answer_apply(RESULT_OK);
    rig_expect("remove A version=7");
    answer_remove(RESULT_OK);
    assert_true(list_is_empty(&fake.fleet->agents));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_begin, rig_end)
        TEST(who_comes_is_let_in_or_not),
        TEST(redis_is_asked),
        TEST(redis_is_asked_again_while_it_is_away),
        TEST(who_cannot_be_judged_in_time_comes_again),
        TEST(who_goes_before_he_is_judged),
        TEST(a_revoked_key_ends_it),
        TEST(a_registration_has_places),
        TEST(a_place_that_may_be_lost_is_taken_again),
        TEST(a_registration_without_a_place_refuses),
        TEST(who_goes_before_it_has_a_place_gives_it_back),
        TEST(a_place_is_given_back_until_it_is_known_to_be_free),
        TEST(who_gets_no_place_in_time_gives_it_back),
        TEST(who_gets_a_place_while_the_node_drains_goes_elsewhere),
        TEST(a_registration_that_ends_while_it_is_asked),
        TEST(a_state_says_what_its_registration_claims),
        TEST(a_state_is_applied_and_its_hash_known),
        TEST(every_twelfth_poll_asks_for_everything),
        TEST(a_silent_agent_turns_stale_and_goes),
        TEST(a_late_answer_recovers),
        TEST(who_never_joined_goes_without_a_word),
        TEST(what_is_applied_is_counted),
        TEST(who_is_stale_is_counted),
        TEST(what_it_sends_is_judged),
        TEST(the_bucket_holds_sixty_six),
        TEST(a_bad_state_counts_as_an_answer_only),
        TEST(a_bad_state_of_a_stale_one_leaves_what_is_held),
        TEST(what_is_too_large_for_a_record_is_refused),
        TEST(what_redis_does_not_answer_is_tried_again),
        TEST(what_redis_refuses_for_long_is_given_up),
        TEST(a_record_that_does_not_go_is_tried_again),
        TEST(a_leave_that_meets_what_is_newer_takes_its_time),
        TEST(polls_go_on_while_redis_is_away),
        TEST(an_answer_makes_the_one_before_it_idle),
        TEST(too_much_that_waits_stops_the_reading),
        TEST(a_lost_record_gets_everything),
        TEST(an_orphan_is_replaced),
        TEST(a_foreign_record_ends_it),
        TEST(the_record_goes_once),
        TEST(what_was_said_before_it_went_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
