/* SPDX-License-Identifier: MIT */
/* Commands at the node that has the agent, orders at the one that was asked, and what a node does for all of a realm. */
#include "fleet_agent_rig.h"

#include "order_wire.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static struct buf order_bytes;

/* ---- callers -------------------------------------------------------------------------------------------- */

static const char *const answers[FLEET_ANSWERS] = {
    [FLEET_ANSWER_OK] = "ok",
    [FLEET_ANSWER_ROOM_EXISTS] = "exists",
    [FLEET_ANSWER_NO_CANDIDATE] = "no candidate",
    [FLEET_ANSWER_UNKNOWN_INSTANCE] = "unknown",
    [FLEET_ANSWER_DRAINING] = "draining",
    [FLEET_ANSWER_BUSY] = "busy",
    [FLEET_ANSWER_FAILED] = "failed",
    [FLEET_ANSWER_DISCONNECTED] = "disconnected",
    [FLEET_ANSWER_TIMEOUT] = "timeout",
    [FLEET_ANSWER_UNAVAILABLE] = "unavailable",
};

static void on_answer(const struct order_result *result, void *ctx)
{
    if (result->answer == FLEET_ANSWER_OK)
        note("%s: ok %s %.*s", (const char *)ctx, name_of(result->instance),
             (int)result->endpoint_url.len, result->endpoint_url.data);
    else
        note("%s: %s", (const char *)ctx, answers[result->answer]);
}

static char caller[] = "c";

static struct order *create_room(void)
{
    struct fleet_place place = { .room = SLICE_LITERAL("r1") };
    struct order *order = order_create(the_realm(), &place, SLICE_LITERAL("match"),
                                       (struct slice){ NULL, 0 }, on_answer, caller);

    rig_expect("place r1 timeout=2000");
    return order;
}

/* A create that our own agent has. */
static struct order *create_here(void)
{
    struct order *order = create_room();

    answer_place(RESULT_OK, 0, 'A', "n1");
    rig_expect("fleet/cmd 1=cmd_5 2=create 3=r1 4=match");
    return order;
}

/* ---- at the agent's node ---------------------------------------------------------------------------------- */

static void an_acknowledgement_settles(void **state)
{
    static const struct {
        const char *name;
        bool is_ok, exists;
        const char *settle, *want;
    } rows[] = {
        { "done", true, false, "settle A/5 done poll=1", "c: ok A \"wss://e\"" },
        { "refused", false, false, "settle A/5 failed poll=1", "c: failed" },
        { "exists there", false, true, "settle A/5 failed poll=1", "c: exists" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct ws *ws;

        fake.id_count = 0;
        ws = join();
        create_here();
        say_ack(ws, 5, rows[i].is_ok, rows[i].exists);
        rig_expect(rows[i].settle);
        answer("settle", RESULT_OK);
        rig_expect(rows[i].want);
        left(ws);
    }
    assert_int_equal(rig.node.metrics.fleet_commands[FLEET_CREATE][AGENT_ACKED], 1);
    assert_int_equal(rig.node.metrics.fleet_commands[FLEET_CREATE][AGENT_EXISTS], 1);
    assert_int_equal(rig.node.metrics.fleet_commands_ended, 3);
}

static void no_acknowledgement_in_time(void **state)
{
    struct ws *ws = join();

    (void)state;
    create_here();
    pass(1950);
    buf_clear(&rig.notes);
    pass(50);
    assert_int_equal(ops_waiting("settle"), 1);
    buf_clear(&rig.notes);
    answer("settle", RESULT_OK);
    rig_expect("c: timeout");
    say_ack(ws, 5, true, false); /* late */
    rig_expect("remove A version=7", "close 4003 agent_kicked");
    left(ws);
}

static void an_acknowledgement_that_loses_kicks(void **state)
{
    struct ws *ws = join();

    (void)state;
    create_here();
    say_ack(ws, 5, true, false);
    answer("settle", RESULT_NOT_FOUND);
    rig_expect("settle A/5 done poll=1");
    answer_beat(1); /* Redis has what it had */
    rig_expect("close 4003 agent_kicked", "c: timeout", "remove A version=7");
    left(ws);
}

static void an_acknowledgement_of_what_redis_lost_does_not(void **state)
{
    struct ws *ws = join();

    (void)state;
    create_here();
    say_ack(ws, 5, true, false);
    answer("settle", RESULT_NOT_FOUND);
    rig_expect("settle A/5 done poll=1");
    answer_beat(2);
    rig_expect("streams begin anew", "c: ok A \"wss://e\"");
    pass(1000);
    rig_expect("fleet/poll 1=poll_2 3=active 4=3", /* everybody is asked for everything */
               "streams begin anew");
    left(ws);
}

/* Redis was away meanwhile, and is back with all but the last that it was told. */
static void an_acknowledgement_after_a_break_does_not(void **state)
{
    struct ws *ws = join();

    (void)state;
    create_here();
    fake.stats.disconnects++;
    say_ack(ws, 5, true, false);
    answer("settle", RESULT_NOT_FOUND);
    answer_beat(1);
    rig_expect("settle A/5 done poll=1", "c: ok A \"wss://e\"");
    assert_false(ws->is_closing);
    left(ws);
}

static void an_acknowledgement_that_redis_kept_waiting_does_not(void **state)
{
    struct ws *ws;

    (void)state;
    rig.config.fleet_heartbeat_ms = 60000;
    ws = join();
    create_here();
    say_ack(ws, 5, true, false);
    for (uint32_t wait_ms = 100; wait_ms <= 1600; wait_ms *= 2) {
        answer("settle", RESULT_UNAVAILABLE);
        pass(wait_ms);
    }
    buf_clear(&rig.notes);
    answer("settle", RESULT_NOT_FOUND); /* it was overdue when Redis came back */
    rig_expect("c: ok A \"wss://e\"");
    assert_false(ws->is_closing);
    left(ws);
}

static void an_acknowledgement_that_is_not_read_is_not_late(void **state)
{
    static char padding[3 * 1024 * 1024];
    struct ws *ws;

    (void)state;
    memset(padding, 'x', sizeof padding - 1);
    rig.config.fleet_heartbeat_ms = 1000;
    ws = join();
    for (unsigned poll = 2; poll < 4; poll++) {
        pass(1000);
        say_state(ws, STATE(.poll = poll, .seq = poll, .rooms = "ab", .padding = padding));
    }
    buf_clear(&rig.notes);
    create_here(); /* while it is paused, for Redis does not answer */
    pass(3950);
    assert_int_equal(ops_waiting("settle"), 0);
    pass(50);
    answer("settle", RESULT_UNAVAILABLE); /* our guard */
    buf_clear(&rig.notes);
    answer_apply(RESULT_OK);
    answer_apply(RESULT_OK);
    say_ack(ws, 5, true, false);
    answer("settle", RESULT_NOT_FOUND);
    assert_false(ws->is_closing);
    left(ws);
}

static void a_repeat_that_finds_nothing_was_done(void **state)
{
    struct ws *ws = join();

    (void)state;
    create_here();
    say_ack(ws, 5, true, false);
    answer("settle", RESULT_UNCERTAIN);
    pass(100);
    rig_expect("settle A/5 done poll=1", "settle A/5 done poll=1");
    answer("settle", RESULT_NOT_FOUND);
    rig_expect("c: ok A \"wss://e\"");
    left(ws);
}

static void an_acknowledgement_comes_before_a_later_state(void **state)
{
    struct ws *ws = join();

    (void)state;
    pass(1000);
    buf_clear(&rig.notes);
    create_here();
    say_ack(ws, 5, true, false);
    say_state(ws, STATE(.poll = 2, .seq = 2, .is_brief = true));
    rig_expect("settle A/5 done poll=2");
    answer("settle", RESULT_UNAVAILABLE);
    pass(100);
    rig_expect("settle A/5 done poll=2");
    answer("settle", RESULT_OK);
    rig_expect("c: ok A \"wss://e\"", "touch A poll=2");
    answer("touch", RESULT_OK);
    left(ws);
}

static void who_acknowledges_twice_is_kicked(void **state)
{
    struct ws *ws = join();

    (void)state;
    create_here();
    say_ack(ws, 5, true, false);
    say_ack(ws, 5, true, false);
    rig_expect("settle A/5 done poll=1", "close 4003 agent_kicked");
    answer("settle", RESULT_OK);
    rig_expect("c: ok A \"wss://e\"", "remove A version=7");
    left(ws);
}

static void commands_end_with_their_agent(void **state)
{
    struct ws *ws = join();

    (void)state;
    create_here();
    gone(ws);
    rig_expect("remove A version=7");
    pass(5000 - 1000); /* no time-out of its own any more, and our guard … */
    rig_expect("settle A/5 timed out poll=0");
    answer("settle", RESULT_OK);
    rig_expect("c: timeout");
    answer_remove(RESULT_OK);
}

static void commands_end_when_the_record_has_gone(void **state)
{
    struct ws *ws = join();

    (void)state;
    create_here();
    gone(ws);
    rig_expect("remove A version=7");
    answer_remove(RESULT_OK);
    rig_expect("c: disconnected");
}

static void nobody_waits_for_redis_when_the_agent_has_gone(void **state)
{
    struct ws *ws = join();

    (void)state;
    create_here();
    gone(ws);
    answer_remove(RESULT_UNAVAILABLE);
    rig_expect("remove A version=7", "c: disconnected");
    pass(100);
    answer_remove(RESULT_OK);
    buf_clear(&rig.notes);
}

static void a_socket_that_takes_no_more_gets_none(void **state)
{
    struct ws *ws = join();

    (void)state;
    ws->is_full = true;
    create_room();
    answer_place(RESULT_OK, 0, 'A', "n1");
    rig_expect("settle A/5 disconnected poll=0");
    answer("settle", RESULT_OK);
    rig_expect("c: disconnected");
    left(ws);
}

/* ---- at the requester's node -------------------------------------------------------------------------------- */

static void refusals_are_answers(void **state)
{
    static const struct {
        enum result result;
        enum fleet_refusal refusal;
        const char *want;
    } rows[] = {
        { RESULT_REFUSED, FLEET_REFUSED_ROOM_EXISTS, "c: exists" },
        { RESULT_REFUSED, FLEET_REFUSED_NO_CANDIDATE, "c: no candidate" },
        { RESULT_REFUSED, FLEET_REFUSED_UNKNOWN_INSTANCE, "c: unknown" },
        { RESULT_REFUSED, FLEET_REFUSED_DRAINING, "c: draining" },
        { RESULT_REFUSED, FLEET_REFUSED_DISCONNECTED, "c: disconnected" },
        { RESULT_REFUSED, FLEET_REFUSED_BUSY, "c: busy" },
        { RESULT_UNAVAILABLE, 0, "c: unavailable" },
        { RESULT_UNCERTAIN, 0, "c: timeout" },
        { RESULT_INVALID, 0, "c: failed" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        create_room();
        answer_place(rows[i].result, rows[i].refusal, 'A', "");
        rig_expect(rows[i].want);
    }
}

static void another_node_is_asked(void **state)
{
    static const struct {
        const char *name;
        enum result result;
        const char *said, *settle, *want; /* settle NULL: the other node did */
    } rows[] = {
        { "done", RESULT_OK, "acked", NULL, "c: ok A \"wss://e\"" },
        { "refused", RESULT_OK, "refused", NULL, "c: failed" },
        { "exists", RESULT_OK, "exists", NULL, "c: exists" },
        { "late", RESULT_OK, "timed_out", NULL, "c: timeout" },
        { "gone", RESULT_OK, "gone", NULL, "c: disconnected" },
        { "not there", RESULT_OK, "absent", "settle A/5 disconnected poll=0", "c: disconnected" },
        { "the node is dead", RESULT_NOT_FOUND, NULL, "settle A/5 disconnected poll=0",
          "c: disconnected" },
        { "an older node", RESULT_INVALID, NULL, "settle A/5 disconnected poll=0",
          "c: disconnected" },
        { "never sent", RESULT_UNAVAILABLE, NULL, "settle A/5 disconnected poll=0",
          "c: unavailable" },
    };

    (void)state;
    name_of(SLICE_LITERAL("00000000000000aa"));
    for (size_t i = 0; i < COUNT(rows); i++) {
        create_room();
        answer_place(RESULT_OK, 0, 'A', "n2");
        rig_expect("call n2");
        answer_call(rows[i].result, rows[i].said);
        if (rows[i].settle != NULL) {
            rig_expect(rows[i].settle);
            answer("settle", i % 2 == 0 ? RESULT_OK : RESULT_NOT_FOUND); /* whoever did it */
        }
        rig_expect(rows[i].want);
    }
}

static void what_may_have_been_sent_waits_for_the_guard(void **state)
{
    static const struct {
        bool is_answered;
        enum result result;
        const char *said;
    } rows[] = { { true, RESULT_UNCERTAIN, NULL },
                 { true, RESULT_OK, "nonsense" },
                 { false, RESULT_OK, NULL } };

    (void)state;
    name_of(SLICE_LITERAL("00000000000000aa"));
    for (size_t i = 0; i < COUNT(rows); i++) {
        create_room();
        answer_place(RESULT_OK, 0, 'A', "n2");
        rig_expect("call n2");
        if (rows[i].is_answered)
            answer_call(rows[i].result, rows[i].said);
        pass(3950);
        rig_expect_nothing();
        pass(50);
        if (!rows[i].is_answered)
            rig_expect("cancel call", "settle A/5 timed out poll=0");
        else
            rig_expect("settle A/5 timed out poll=0");
        answer("settle", i == 0 ? RESULT_UNAVAILABLE : RESULT_OK);
        rig_expect("c: timeout");
    }
}

static void who_forgets_is_not_told(void **state)
{
    struct ws *ws = join();
    struct order *order = create_room();

    (void)state;
    order_forget(&order);
    assert_null(order);
    answer_place(RESULT_OK, 0, 'A', "n1");
    rig_expect("fleet/cmd 1=cmd_5 2=create 3=r1 4=match"); /* it goes its way */
    say_ack(ws, 5, true, false);
    answer("settle", RESULT_OK);
    rig_expect("settle A/5 done poll=1");
    assert_true(list_is_empty(&fake.fleet->orders));
    left(ws);
}

static void commands_without_a_room(void **state)
{
    struct ws *ws = join();

    (void)state;
    order_command(the_realm(), id_of('A'), FLEET_DRAIN, (struct slice){ NULL, 0 }, on_answer,
                  caller);
    answer_place(RESULT_OK, 0, 'A', "n1");
    rig_expect("command A op=2", "fleet/cmd 1=cmd_5 2=drain");
    say_ack(ws, 5, true, false);
    answer("settle", RESULT_OK);
    rig_expect("settle A/5 done poll=1", "c: ok A \"wss://e\"");
    left(ws);
}

/* ---- asked by another node -------------------------------------------------------------------------------------- */

static struct call_asked *question;

static void ask_until(const char *realm, struct slice instance, uint64_t until_ms)
{
    buf_init(&order_bytes, 4096);
    order_write(&order_bytes,
                &(struct order_text){ .realm = slice_of(realm),
                                      .instance = instance,
                                      .command = { .number = 5,
                                                   .until_ms = until_ms,
                                                   .op = FLEET_DESTROY,
                                                   .room_id = SLICE_LITERAL("r\0x") } });
    question = (struct call_asked *)&order_bytes;
    fake.asked(question, buf_slice(&order_bytes), fake.fleet);
    buf_fini(&order_bytes);
}

static void ask(const char *realm, struct slice instance)
{
    ask_until(realm, instance, (uint64_t)store_now_ms(NULL) + 2000);
}

static void another_node_asks(void **state)
{
    struct ws *ws = join();

    (void)state;
    ask("other", id_of('A'));
    rig_expect("answer absent");
    ask("default", SLICE_LITERAL("0000000000000000"));
    rig_expect("answer absent");
    ask("default", id_of('A'));
    buf_clear(&rig.notes);
    say_ack(ws, 5, true, false);
    answer("settle", RESULT_OK);
    rig_expect("settle A/5 done poll=1", "answer acked");
    fake.asked(question, SLICE_LITERAL("nonsense"), fake.fleet);
    rig_expect("answer absent");
    left(ws);
}

/* Its node's question lay in Redis, which was away. */
static void what_is_asked_too_late_is_not_sent(void **state)
{
    struct ws *ws = join();

    (void)state;
    ask_until("default", id_of('A'), (uint64_t)store_now_ms(NULL));
    rig_expect("answer absent");
    ask_until("default", id_of('A'), (uint64_t)store_now_ms(NULL) + 100);
    rig_expect("fleet/cmd 1=cmd_5 2=destroy 3=r");
    pass(100);
    rig_expect_nothing();
    pass(150); /* not a time-out of its own: it ends with others */
    rig_expect("settle A/5 timed out poll=1");
    answer("settle", RESULT_OK);
    rig_expect("answer timed_out");
    left(ws);
}

static void a_node_that_asked_dies(void **state)
{
    struct ws *ws = join();

    (void)state;
    ask("default", id_of('A'));
    buf_clear(&rig.notes);
    fake.asker_gone(fake.asker_ctx);
    say_ack(ws, 5, true, false);
    answer("settle", RESULT_OK);
    rig_expect("settle A/5 done poll=1"); /* the change stands */
    left(ws);
}

/* ---- the node's share in a realm ---------------------------------------------------------------------------------- */

static void a_lost_redis_is_noticed(void **state)
{
    struct ws *ws = join();

    (void)state;
    fake.are_beats_held = true;
    pass(1000);
    answer_beat(2);
    say_state(ws, STATE(.poll = 2, .seq = 2, .is_brief = true));
    answer("touch", RESULT_OK);
    buf_clear(&rig.notes);
    pass(1000);
    rig_expect("fleet/poll 1=poll_3 3=active 4=3");
    left(ws);
}

static void a_beat_that_failed_is_made_again_soon(void **state)
{
    (void)state;
    the_realm();
    fake.are_beats_held = true;
    fail_beat();
    pass(200);
    assert_int_equal(ops_waiting("beat"), 0);
    pass(50);
    answer_beat(1);
    pass(950);
    assert_int_equal(ops_waiting("beat"), 0);
    pass(50);
    assert_int_equal(ops_waiting("beat"), 1);
}

static void what_the_dead_left_is_removed(void **state)
{
    static const struct slice requester = SLICE_LITERAL("n3");
    struct fleet_lost lost = { .requester = requester, .command = 9 };
    struct store_op *op;

    (void)state;
    the_realm();
    fake.are_beats_held = true;
    model_put("00000000000000ff", "dead", STATE_MESSAGE);
    for (int i = 0; i < 3; i++) {
        answer_beat_with(1, "dead"); /* that soon after the start nothing is believed */
        assert_int_equal(ops_waiting("model"), 0);
        pass(1000);
    }
    answer_beat_with(1, "dead");
    answer_model(RESULT_OK);
    rig_expect("remove A version=3 orphan");
    op = take_op("remove");
    model_forget();
    op->done.removed(RESULT_OK, &(struct fleet_removed){ .lost = &lost, .lost_count = 1 }, op->ctx);
    free(op);
    rig_expect("tell n3 fleet.lost");
    answer_model(RESULT_OK);
    rig_expect_nothing();
    assert_int_equal(rig.op_count, 0);
}

/* Of three one cannot be removed: the others go all the same, and it is tried again when the dead are told of again. */
static void what_cannot_be_removed_is_passed_over(void **state)
{
    (void)state;
    the_realm();
    fake.are_beats_held = true;
    name_of(SLICE_LITERAL("00000000000000f0"));
    for (int i = 0; i < 3; i++) {
        answer_beat_with(1, NULL);
        pass(1000);
    }
    model_put("00000000000000f0", "dead", STATE_MESSAGE);
    answer_beat_with(1, "dead");
    assert_true(fake.wants_synced);
    answer_model(RESULT_OK);
    rig_expect("remove A version=3 orphan");
    answer_remove(RESULT_UNCERTAIN);
    assert_false(fake.wants_synced);
    model_put("00000000000000f1", "dead", STATE_MESSAGE);
    answer_model(RESULT_OK);
    rig_expect("remove B version=3 orphan");
    answer_remove(RESULT_CONFLICT);
    answer_model(RESULT_OK);
    rig_expect_nothing();
    pass(1000);
    model_forget();
    model_put("00000000000000f0", "dead", STATE_MESSAGE);
    answer_beat_with(1, "dead");
    assert_true(fake.wants_synced);
    answer_model(RESULT_OK);
    rig_expect("remove A version=3 orphan");
    model_forget();
    answer_remove(RESULT_OK);
    answer_model(RESULT_OK);
    assert_int_equal(rig.op_count, 0);
}

/* A beat is due; the agent answers its poll. */
static void pass_a_beat(struct ws *ws, unsigned poll, uint64_t epoch)
{
    pass(1000);
    say_state(ws, STATE(.poll = poll, .seq = poll, .is_brief = true));
    answer("touch", RESULT_OK);
    answer_beat(epoch);
    buf_clear(&rig.notes);
}

/* It had left, and Redis has forgotten that; who is here stays. */
static void what_came_back_with_redis_is_removed(void **state)
{
    struct ws *ws = join();

    (void)state;
    fake.are_beats_held = true;
    name_of(SLICE_LITERAL("00000000000000f0"));
    pass_a_beat(ws, 2, 2);
    model_put(fake.ids[0], "n1", STATE_MESSAGE);
    model_put("00000000000000f0", "n1", STATE_MESSAGE);
    answer_model(RESULT_UNAVAILABLE);
    rig_expect_nothing();
    pass_a_beat(ws, 3, 2); /* so it is looked at again */
    answer_model(RESULT_OK);
    rig_expect("remove B version=3");
    model_forget();
    model_put(fake.ids[0], "n1", STATE_MESSAGE);
    answer_remove(RESULT_OK);
    answer_model(RESULT_OK);
    rig_expect_nothing();
    pass_a_beat(ws, 4, 2);
    assert_int_equal(ops_waiting("model"), 0);
    left(ws);
}

static void a_loss_ends_its_order(void **state)
{
    struct buf loss;

    (void)state;
    name_of(SLICE_LITERAL("00000000000000aa"));
    create_room();
    answer_place(RESULT_OK, 0, 'A', "n2");
    buf_init(&loss, 64);
    order_loss_write(&loss, &(struct order_loss){ SLICE_LITERAL("default"), 6 });
    fake.lost(buf_slice(&loss), fake.fleet);
    rig_expect("call n2");
    buf_clear(&loss);
    order_loss_write(&loss, &(struct order_loss){ SLICE_LITERAL("default"), 5 });
    fake.lost(buf_slice(&loss), fake.fleet);
    rig_expect("c: disconnected", "cancel call");
    buf_fini(&loss);
}

static void a_node_that_stops_takes_its_agents_along(void **state)
{
    struct ws *one = join(), *other = join();

    (void)state;
    create_here();
    rig.node.is_draining = true;
    fleet_dialect.drain(rig.dialect);
    rig_expect("streams end", "remove A version=7", "close 4003 agent_shutdown",
               "remove B version=7", "close 4003 agent_shutdown");
    answer_remove(RESULT_OK);
    rig_expect("c: disconnected");
    answer_remove(RESULT_OK);
    gone(one);
    gone(other);
    one = arrive_with("good,rivalis-fleet.v1");
    rig_expect("r: upgrade", "pause", "close 4003 agent_shutdown");
    gone(one);
    rig.node.is_draining = false;
}

/* ---- the text ---------------------------------------------------------------------------------------------------- */

static void orders_are_read_as_they_were_written(void **state)
{
    struct order_text order = { .realm = SLICE_LITERAL("r"),
                                .instance = SLICE_LITERAL("i"),
                                .command = { .number = UINT64_MAX,
                                             .until_ms = 7,
                                             .op = FLEET_UNDRAIN,
                                             .room_id = SLICE_LITERAL("") } };
    struct order_text got;
    struct buf bytes;

    (void)state;
    buf_init(&bytes, 256);
    order_write(&bytes, &order);
    for (size_t len = 0; len < bytes.len; len++)
        assert_false(order_parse((struct slice){ bytes.data, len }, &got));
    assert_true(order_parse(buf_slice(&bytes), &got));
    assert_true(slice_is(got.realm, "r") && slice_is(got.instance, "i"));
    assert_true(got.command.until_ms == 7 && got.command.number == UINT64_MAX &&
                got.command.op == FLEET_UNDRAIN);
    assert_non_null(got.command.room_id.data);
    assert_int_equal(got.command.room_id.len, 0);
    assert_null(got.command.room_type.data);
    assert_null(got.command.options.data);
    buf_add_byte(&bytes, 'x');
    assert_false(order_parse(buf_slice(&bytes), &got));
    buf_fini(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_begin, rig_end)
        TEST(an_acknowledgement_settles),
        TEST(no_acknowledgement_in_time),
        TEST(an_acknowledgement_that_loses_kicks),
        TEST(an_acknowledgement_of_what_redis_lost_does_not),
        TEST(an_acknowledgement_after_a_break_does_not),
        TEST(an_acknowledgement_that_redis_kept_waiting_does_not),
        TEST(an_acknowledgement_that_is_not_read_is_not_late),
        TEST(a_repeat_that_finds_nothing_was_done),
        TEST(an_acknowledgement_comes_before_a_later_state),
        TEST(who_acknowledges_twice_is_kicked),
        TEST(commands_end_with_their_agent),
        TEST(commands_end_when_the_record_has_gone),
        TEST(nobody_waits_for_redis_when_the_agent_has_gone),
        TEST(a_socket_that_takes_no_more_gets_none),
        TEST(refusals_are_answers),
        TEST(another_node_is_asked),
        TEST(what_may_have_been_sent_waits_for_the_guard),
        TEST(who_forgets_is_not_told),
        TEST(commands_without_a_room),
        TEST(another_node_asks),
        TEST(what_is_asked_too_late_is_not_sent),
        TEST(a_node_that_asked_dies),
        TEST(a_lost_redis_is_noticed),
        TEST(a_beat_that_failed_is_made_again_soon),
        TEST(what_the_dead_left_is_removed),
        TEST(what_cannot_be_removed_is_passed_over),
        TEST(what_came_back_with_redis_is_removed),
        TEST(a_loss_ends_its_order),
        TEST(a_node_that_stops_takes_its_agents_along),
        cmocka_unit_test(orders_are_read_as_they_were_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
