/* SPDX-License-Identifier: MIT */
#include "rooms_rig.h"

#include "sio_entry.h"

/* Questions to rooms, and what comes back, over two nodes. */

struct asking {
    struct sio_ask *slot;
    bool is_over, is_complete;
    enum result result;
    uint32_t clients;
    size_t count;
    char text[4096]; /* "A[1] B[2]+abc ": in the order of the ids */
};

static int compare(const void *a, const void *b)
{
    const struct sio_answer *first = a, *second = b;

    return memcmp(first->socket.data, second->socket.data, 1);
}

static void on_asked(enum result result, const struct sio_answers *answers, void *ctx)
{
    struct asking *asking = ctx;
    struct sio_answer *sorted = xcalloc(answers->count + 1, sizeof *sorted);
    struct buf text;

    assert_null(asking->slot);
    assert_false(asking->is_over);
    asking->is_over = true;
    asking->result = result;
    asking->is_complete = answers->is_complete;
    asking->clients = answers->clients;
    asking->count = answers->count;
    if (answers->count > 0)
        memcpy(sorted, answers->items, answers->count * sizeof *sorted);
    qsort(sorted, answers->count, sizeof *sorted, compare);
    buf_init(&text, sizeof asking->text - 1);
    for (size_t i = 0; i < answers->count; i++) {
        buf_add_slice(&text, sorted[i].socket);
        buf_add_slice(&text, sorted[i].args);
        for (size_t k = 0; k < sorted[i].attachment_count; k++) {
            buf_add_byte(&text, '+');
            buf_add_slice(&text, sorted[i].attachments[k]);
        }
        buf_add_byte(&text, ' ');
    }
    if (text.len > 0)
        memcpy(asking->text, text.data, text.len);
    asking->text[text.len] = '\0';
    buf_fini(&text);
    free(sorted);
}

static void ask_as(struct station *station, const struct whom *whom, bool is_volatile,
                   uint32_t timeout_ms, struct asking *asking)
{
    struct names rooms, except;
    const struct sio_emit emit = { .to = target_of(whom, &rooms, &except),
                                   .items = SLICE_LITERAL("[\"q\"]"),
                                   .is_volatile = is_volatile };

    *asking = (struct asking){ .is_over = false };
    sio_ask(&station->sio, &emit, timeout_ms, on_asked, asking, &asking->slot);
    assert_non_null(asking->slot);
}

static void ask(struct station *station, const char *room, uint32_t timeout_ms,
                struct asking *asking)
{
    ask_as(station, &(struct whom){ "/", room, NULL }, false, timeout_ms, asking);
}

static bool is_told(void *ctx)
{
    return ((struct asking *)ctx)->is_over;
}

static void asking_expect(struct asking *asking, bool is_complete, uint32_t clients,
                          const char *text)
{
    support_wait(&rig.loop, is_told, asking, SUPPORT_WAIT_MS, "the answers");
    assert_int_equal(asking->result, RESULT_OK);
    assert_string_equal(asking->text, text);
    assert_int_equal(asking->clients, clients);
    assert_int_equal(asking->is_complete, is_complete);
}

static bool has_been_asked(void *ctx)
{
    return ((struct client *)ctx)->last_ack > 0;
}

/* The id that it is asked with. */
static uint64_t wait_for_question(struct client *client)
{
    support_wait(&rig.loop, has_been_asked, client, SUPPORT_WAIT_MS, "the question");
    assert_in_range(client->last_ack, 1, SIO_ACK_ID_MAX);
    return client->last_ack;
}

static bool answer_to(struct client *client, uint64_t id, const char *args)
{
    client->last_ack = 0;
    return sio_asks_answer(&client->socket, id, slice_of(args), NULL, 0);
}

static void answer(struct client *client, const char *args)
{
    assert_true(answer_to(client, wait_for_question(client), args));
}

/* ---- answers ------------------------------------------------------------------------------------------------ */

static void test_all_answer(void **state)
{
    struct client *a = client_in(&rig.a, "/", "A"), *b = client_in(&rig.b, "/", "B");
    struct client *c = client_in(&rig.b, "/", "C");
    struct asking asking;

    (void)state;
    client_join(a, "r");
    client_join(b, "r");
    client_join(c, "r");
    ask(&rig.a, "r", 60000, &asking);
    answer(b, "[2]");
    answer(a, "[1]");
    assert_false(asking.is_over);
    answer(c, "[]");
    asking_expect(&asking, true, 3, "A[1] B[2] C[] ");
    assert_null(a->socket.acks);
}

static void test_nobody_is_there(void **state)
{
    struct asking asking;

    (void)state;
    ask(&rig.a, "r", 60000, &asking);
    assert_false(asking.is_over);
    asking_expect(&asking, true, 0, "");
}

static void test_one_socket_of_another_node(void **state)
{
    struct client *b = client_in(&rig.b, "/", "B");
    struct asking asking;

    (void)state;
    ask(&rig.a, "B", 60000, &asking);
    answer(b, "[\"yes\"]");
    asking_expect(&asking, true, 1, "B[\"yes\"] ");
}

/* Nodes where nobody is meant tell so, too. */
static void test_targets_of_a_namespace(void **state)
{
    struct client *a = client_in(&rig.a, "/", "A"), *b = client_in(&rig.b, "/", "B");
    struct client *c = client_in(&rig.b, "/", "C");
    struct asking asking;

    (void)state;
    client_join(b, "x");
    client_join(c, "y");
    ask_as(&rig.a, &(struct whom){ "/", "x y", "C" }, false, 60000, &asking);
    answer(b, "[1]");
    asking_expect(&asking, true, 1, "B[1] ");
    assert_int_equal(a->packets + c->packets, 0);
    ask_as(&rig.a, &(struct whom){ "/", NULL, NULL }, false, 60000, &asking);
    answer(a, "[]");
    answer(b, "[]");
    answer(c, "[]");
    asking_expect(&asking, true, 3, "A[] B[] C[] ");
}

static void test_binary_answers(void **state)
{
    static const struct slice buffers[] = { { "xyz", 3 }, { "\0", 1 } };
    struct client *b = client_in(&rig.b, "/", "B");
    struct asking asking;
    uint64_t id;

    (void)state;
    ask(&rig.a, "B", 60000, &asking);
    id = wait_for_question(b);
    assert_true(sio_asks_answer(&b->socket, id, SLICE_LITERAL("[{},{}]"), buffers, 1));
    asking_expect(&asking, true, 1, "B[{},{}]+xyz ");
}

/* ---- those who do not answer ----------------------------------------------------------------------------------- */

/* Each part is allowed, all of them are more than one node says to another at once. */
static void test_an_answer_that_is_too_large(void **state)
{
    enum { PARTS = 8, PART_LEN = INBOX_TEXT_MAX / PARTS };
    struct client *b = client_in(&rig.b, "/", "B");
    char *bytes = xcalloc(1, PART_LEN);
    struct slice parts[PARTS];
    struct asking asking;
    uint64_t id;

    (void)state;
    for (size_t i = 0; i < PARTS; i++)
        parts[i] = (struct slice){ bytes, PART_LEN };
    client_join(b, "r");
    ask(&rig.a, "r", 60000, &asking);
    id = wait_for_question(b);
    assert_true(sio_asks_answer(&b->socket, id, SLICE_LITERAL("[]"), parts, PARTS));
    assert_null(b->socket.acks);
    asking_expect(&asking, false, 1, "");
    free(bytes);
}

static void test_time_runs_out(void **state)
{
    struct client *a = client_in(&rig.a, "/", "A"), *b = client_in(&rig.b, "/", "B");
    struct asking asking;
    uint64_t id;

    (void)state;
    client_join(a, "r");
    client_join(b, "r");
    ask(&rig.a, "r", 300, &asking);
    answer(b, "[2]");
    id = wait_for_question(a);
    asking_expect(&asking, false, 2, "B[2] ");
    answer_to(a, id, "[1]"); /* too late */
    assert_false(answer_to(a, id, "[1]"));
    assert_null(a->socket.acks);
}

static void test_unknown_ids_and_second_answers(void **state)
{
    struct client *a = client_in(&rig.a, "/", "A"), *b = client_in(&rig.b, "/", "B");
    struct asking asking;
    uint64_t id;

    (void)state;
    client_join(a, "r");
    client_join(b, "r");
    assert_false(answer_to(a, 7, "[1]"));
    ask(&rig.a, "r", 60000, &asking);
    id = wait_for_question(a);
    assert_false(answer_to(a, id + 1, "[1]"));
    assert_true(answer_to(a, id, "[1]"));
    assert_false(answer_to(a, id, "[2]"));
    answer(b, "[3]");
    asking_expect(&asking, true, 2, "A[1] B[3] ");
}

/* It is over without it: nothing is left to be waited for. */
static void test_socket_ends_before_it_answers(void **state)
{
    struct client *a = client_in(&rig.a, "/", "A"), *b = client_in(&rig.b, "/", "B");
    struct asking asking;

    (void)state;
    client_join(a, "r");
    client_join(b, "r");
    ask(&rig.a, "r", 60000, &asking);
    wait_for_question(b);
    client_end(b, CHANNEL_LEAVE_IN_ORDER);
    answer(a, "[1]");
    asking_expect(&asking, false, 2, "A[1] ");
}

static void test_busy_client_passes_what_is_volatile(void **state)
{
    struct client *a = client_in(&rig.a, "/", "A"), *b = client_in(&rig.b, "/", "B");
    struct asking asking;

    (void)state;
    client_join(a, "r");
    client_join(b, "r");
    emit(&rig.b, "r", "[\"first\"]");
    client_expect(a, "42[\"first\"]\n");
    client_expect(b, "42[\"first\"]\n");
    b->engine.is_writable = false;
    ask_as(&rig.a, &(struct whom){ "/", "r", NULL }, true, 60000, &asking);
    answer(a, "[1]");
    asking_expect(&asking, false, 2, "A[1] ");
    assert_int_equal(b->packets, 1);
}

static void test_socket_owes_a_bounded_number(void **state)
{
    struct client *b = client_in(&rig.b, "/", "B");
    struct asking askings[4];

    (void)state;
    ask(&rig.a, "B", 60000, &askings[0]);
    ask(&rig.a, "B", 60000, &askings[1]);
    ask(&rig.a, "B", 60000, &askings[2]);
    asking_expect(&askings[2], false, 1, "");
    assert_int_equal(rig.b.node.metrics.limits[LIMIT_SOCKETIO_ACKS], 1);
    assert_int_equal(b->packets, 3); /* it hears the question */
    client_end(b, CHANNEL_LEAVE_IN_ORDER);
    asking_expect(&askings[0], false, 1, "");
    asking_expect(&askings[1], false, 1, "");
}

static bool is_later(void *ctx)
{
    return clock_ms() > *(int64_t *)ctx;
}

/* What it owes beyond its time makes room. */
static void test_late_debts_make_room(void **state)
{
    struct client *b = client_in(&rig.b, "/", "B");
    struct asking first, second, third;

    (void)state;
    ask(&rig.a, "B", 100, &first);
    ask(&rig.a, "B", 100, &second);
    asking_expect(&first, false, 1, "");
    asking_expect(&second, false, 1, "");
    support_wait(&rig.loop, is_later, (int64_t[]){ clock_ms() + 50 }, SUPPORT_WAIT_MS, "a moment");
    b->last_ack = 0;
    ask(&rig.a, "B", 60000, &third);
    answer(b, "[3]");
    asking_expect(&third, true, 1, "B[3] ");
    assert_int_equal(rig.b.node.metrics.limits[LIMIT_SOCKETIO_ACKS], 0);
}

/* It is asked when it takes the packet; the others need not wait for that to be counted. */
static void test_slow_client_is_asked_later(void **state)
{
    struct client *a = client_in(&rig.b, "/", "A"), *b = client_in(&rig.b, "/", "B");
    struct asking asking;

    (void)state;
    client_join(a, "r");
    client_join(b, "r");
    b->room = 0;
    ask(&rig.a, "r", 60000, &asking);
    answer(a, "[1]");
    b->room = -1;
    sio_members_drain(&b->socket);
    answer(b, "[2]");
    asking_expect(&asking, true, 2, "A[1] B[2] ");
}

/* ---- moving, giving up ------------------------------------------------------------------------------------------ */

static void test_debt_moves_with_the_socket(void **state)
{
    struct client *b = client_in(&rig.b, "/", "B"), *moved;
    struct asking asking;
    struct unpack bytes;
    struct buf image;
    uint64_t id;

    (void)state;
    ask(&rig.a, "B", 60000, &asking);
    id = wait_for_question(b);
    buf_init(&image, 4096);
    sio_members_pack(&b->socket, &image);
    sio_asks_pack(&b->socket, &image);
    client_end(b, CHANNEL_LEAVE_BROKEN);
    moved = client_make(&rig.a, "/", "B");
    moved->socket.state = SIO_CONNECTED;
    unpack_init(&bytes, buf_slice(&image));
    assert_true(sio_members_unpack(&moved->socket, &bytes));
    assert_true(sio_asks_unpack(&moved->socket, &bytes));
    buf_fini(&image);
    assert_true(answer_to(moved, id, "[1]"));
    asking_expect(&asking, true, 1, "B[1] ");
}

static void test_asking_is_given_up(void **state)
{
    struct client *b = client_in(&rig.b, "/", "B");
    struct asking first, second;

    (void)state;
    ask(&rig.a, "B", 60000, &first);
    sio_ask_cancel(&first.slot); /* before it was sent */
    assert_null(first.slot);
    sio_ask_cancel(&first.slot);
    ask(&rig.a, "B", 60000, &second);
    wait_for_question(b);
    sio_ask_cancel(&second.slot);
    answer(b, "[1]");
    buf_clear(&b->got);
    client_expect_nothing(b);
    assert_false(first.is_over || second.is_over);
}

static void test_redis_is_away(void **state)
{
    struct client *b = client_in(&rig.b, "/", "B");
    struct asking asking;

    (void)state;
    (void)b;
    support_redis_kill(rig.redis);
    ask(&rig.a, "B", 60000, &asking);
    support_wait(&rig.loop, is_told, &asking, SUPPORT_WAIT_MS, "it to fail");
    assert_true(asking.result == RESULT_UNAVAILABLE || asking.result == RESULT_UNCERTAIN);
    assert_false(asking.is_complete);
    support_redis_restart(rig.redis);
    support_wait(&rig.loop, are_healthy, NULL, SUPPORT_WAIT_MS, "both nodes to be well again");
}

/* Words that make no sense, and words to nobody. */
static void test_bad_words_are_not_heard(void **state)
{
    static const struct slice words[] = {
        { "", 0 }, { "\x01", 1 }, { "\x01\x09", 2 }, { "\x01\x00\x7f", 3 }, { "\xff\xff\xff", 3 },
    };
    struct client *b = client_in(&rig.b, "/", "B");
    struct asking asking;
    struct buf word;
    uint64_t id;

    (void)state;
    ask(&rig.a, "B", 60000, &asking);
    id = wait_for_question(b);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        inbox_send(rig.b.node.inbox, SLICE_LITERAL("aaaaaaaaaa"), "sio-answer", words[i]);
    for (uint64_t what = 0; what < 4; what++) {
        buf_init(&word, 64);
        pack_number(&word, id);
        pack_number(&word, what);
        buf_add_text(&word, "\x7f"
                            "cut");
        inbox_send(rig.b.node.inbox, SLICE_LITERAL("aaaaaaaaaa"), "sio-answer", buf_slice(&word));
        buf_fini(&word);
    }
    assert_true(answer_to(b, id, "[1]"));
    asking_expect(&asking, true, 1, "B[1] ");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_start, rig_stop)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(test_all_answer),
        TEST(test_nobody_is_there),
        TEST(test_one_socket_of_another_node),
        TEST(test_targets_of_a_namespace),
        TEST(test_binary_answers),
        TEST(test_an_answer_that_is_too_large),
        TEST(test_time_runs_out),
        TEST(test_unknown_ids_and_second_answers),
        TEST(test_socket_ends_before_it_answers),
        TEST(test_busy_client_passes_what_is_volatile),
        TEST(test_socket_owes_a_bounded_number),
        TEST(test_late_debts_make_room),
        TEST(test_slow_client_is_asked_later),
        TEST(test_debt_moves_with_the_socket),
        TEST(test_asking_is_given_up),
        TEST(test_redis_is_away),
        TEST(test_bad_words_are_not_heard),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
