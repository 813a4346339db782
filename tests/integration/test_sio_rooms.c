/* SPDX-License-Identifier: MIT */
#include "rooms_rig.h"

#include "sio_name.h"
#include "store/rooms.h"

/* Rooms on two nodes: who is in one gets what is emitted to it, once, and in one order. */

/* ---- joining ------------------------------------------------------------------------------------------------ */

static void test_emit_reaches_the_members_of_all_nodes(void **state)
{
    struct client *a = client_in(&rig.a, "/", "A"), *b = client_in(&rig.b, "/", "B");
    struct client *c = client_in(&rig.b, "/", "C");

    (void)state;
    assert_int_equal(emit(&rig.a, "news", "[\"early\"]"), 0);
    assert_int_equal(client_join(a, "news"), RESULT_OK);
    assert_int_equal(emit(&rig.b, "news", "[\"one\",1]"), 1);
    client_expect(a, "42[\"one\",1]\n");
    assert_int_equal(client_join(b, "news"), RESULT_OK);
    assert_int_equal(emit(&rig.a, "news", "[\"two\"]"), 2);
    client_expect(a, "42[\"two\"]\n");
    client_expect(b, "42[\"two\"]\n");
    client_expect_nothing(c);
}

static void test_joins(void **state)
{
    static const struct {
        const char *name, *room;
        enum result want;
        uint32_t members; /* rooms that are counted afterwards */
    } rows[] = {
        { "a room", "r1", RESULT_OK, 1 },
        { "the same again", "r1", RESULT_OK, 1 },
        { "its own room", "A", RESULT_OK, 1 },
        { "no name", "", RESULT_INVALID, 1 },
        { "a control character", "r\n", RESULT_INVALID, 1 },
        { "another", "r2", RESULT_OK, 2 },
        { "a third", "r3", RESULT_OK, 3 },
        { "the last that it may", "r#4", RESULT_OK, 4 },
        { "one more", "r5", RESULT_REFUSED, 4 },
        { "one that it is in", "r2", RESULT_OK, 4 },
    };
    struct client *client = client_in(&rig.a, "/", "A");
    struct slice rooms[8];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        enum result got = client_join(client, rows[i].room);

        if (got != rows[i].want || client->socket.member_count != rows[i].members)
            fail_msg("%s: %s, in %u", rows[i].name, result_name(got), client->socket.member_count);
    }
    assert_int_equal(rig.a.node.metrics.limits[LIMIT_SOCKETIO_ROOMS], 1);
    assert_int_equal(sio_rooms(&client->socket, rooms, 8), 5);
    assert_true(slice_is(rooms[0], "A"));
    sio_leave(&client->socket, SLICE_LITERAL("r1"));
    sio_leave(&client->socket, SLICE_LITERAL("r1"));
    sio_leave(&client->socket, SLICE_LITERAL("A")); /* cannot be left */
    assert_false(sio_is_in(&client->socket, SLICE_LITERAL("r1")));
    assert_true(sio_is_in(&client->socket, SLICE_LITERAL("A")));
    assert_int_equal(client_join(client, "r5"), RESULT_OK);
}

static void test_many_members_cost_no_reads(void **state)
{
    struct client *clients[20];
    uint64_t reads;

    (void)state;
    for (size_t i = 0; i < 20; i++) {
        char id[8];

        snprintf(id, sizeof id, "s%zu", i);
        clients[i] = client_in(&rig.a, "/", id);
    }
    assert_int_equal(client_join(clients[0], "news"), RESULT_OK);
    for (int i = 0; i < 5; i++)
        emit(&rig.b, "news", "[\"old\"]");
    client_expect(clients[0], "42[\"old\"]\n42[\"old\"]\n42[\"old\"]\n42[\"old\"]\n42[\"old\"]\n");
    reads = hub_stats(rig.a.node.hub)->reads;
    for (size_t i = 1; i < 20; i++)
        assert_int_equal(client_join(clients[i], "news"), RESULT_OK);
    assert_int_equal(hub_stats(rig.a.node.hub)->reads, reads);
    assert_int_equal(emit(&rig.b, "news", "[\"new\"]"), 1);
    for (size_t i = 0; i < 20; i++)
        client_expect(clients[i], "42[\"new\"]\n");
}

/* Whoever waits is told once, however it ends; and not when the socket has gone. */
static void test_joins_that_do_not_come_to_pass(void **state)
{
    struct client *leaver = client_in(&rig.a, "/", "A"), *goner = client_in(&rig.a, "/", "B");
    struct outcome left = { .is_over = false }, gone = { .is_over = false },
                   refused = { .is_over = false };

    (void)state;
    sio_join(&leaver->socket, SLICE_LITERAL("r"), on_joined, &left);
    sio_leave(&leaver->socket, SLICE_LITERAL("r"));
    assert_false(left.is_over);
    assert_int_equal(outcome_wait(&left, "the join that was overtaken"), RESULT_UNAVAILABLE);
    sio_join(&goner->socket, SLICE_LITERAL("r"), on_joined, &gone);
    sio_join(&goner->socket, SLICE_LITERAL(""), on_joined, &refused);
    client_end(goner, CHANNEL_LEAVE_IN_ORDER);
    sio_join(&goner->socket, SLICE_LITERAL("r"), on_joined, &gone);
    sio_join(&goner->socket, SLICE_LITERAL(""), on_joined, &refused);
    assert_true(list_is_empty(&goner->socket.members));
    client_expect_nothing(leaver);
    assert_false(gone.is_over || refused.is_over);
}

/* ---- order, and slow clients ---------------------------------------------------------------------------------- */

static void test_all_members_see_one_order(void **state)
{
    struct client *a = client_in(&rig.a, "/", "A"), *b = client_in(&rig.b, "/", "B");
    struct outcome outcomes[200];
    struct names rooms, except;
    int64_t end_ms = clock_ms() + SUPPORT_WAIT_MS;

    (void)state;
    client_join(a, "r");
    client_join(b, "r");
    memset(outcomes, 0, sizeof outcomes);
    for (size_t i = 0; i < 200; i++) {
        struct station *from = i % 2 == 0 ? &rig.a : &rig.b;
        char items[32];
        const struct sio_emit emit = {
            .to = target_of(&(struct whom){ "/", "r", NULL }, &rooms, &except),
            .items = { items, (size_t)snprintf(items, sizeof items, "[\"n\",%zu]", i) },
        };

        sio_emit(&from->sio, &emit, on_emitted, &outcomes[i], &outcomes[i].slot);
    }
    while ((a->packets < 200 || b->packets < 200) && clock_ms() < end_ms)
        uv_run(&rig.loop, UV_RUN_ONCE);
    assert_int_equal(a->packets, 200);
    assert_int_equal(b->packets, 200);
    assert_true(slice_equals(buf_slice(&a->got), buf_slice(&b->got)));
}

static void test_slow_client_holds_up_nobody_and_misses_nothing(void **state)
{
    struct client *slow = client_in(&rig.a, "/", "A"), *quick = client_in(&rig.a, "/", "B");

    (void)state;
    client_join(slow, "r");
    client_join(quick, "r");
    slow->room = 1;
    slow->waits = true;
    emit(&rig.b, "r", "[\"1\"]");
    emit(&rig.b, "r", "[\"2\"]");
    emit(&rig.b, "r", "[\"3\"]");
    client_expect(quick, "42[\"1\"]\n42[\"2\"]\n42[\"3\"]\n");
    client_expect(slow, "42[\"1\"]\n");
    slow->room = 1;
    sio_members_drain(&slow->socket);
    client_expect(slow, "42[\"2\"]\n");
    slow->room = -1;
    sio_members_drain(&slow->socket);
    client_expect(slow, "42[\"3\"]\n");
    emit(&rig.b, "r", "[\"4\"]");
    client_expect(slow, "42[\"4\"]\n");
}

static bool is_closed(void *ctx)
{
    return ((struct client *)ctx)->is_closed;
}

/* What it should have had is not kept any more: it is told. */
static void test_gap_ends_the_connection(void **state)
{
    struct client *slow = client_in(&rig.a, "/", "A"), *quick = client_in(&rig.b, "/", "B");

    (void)state;
    rig.b.config.room_keep = rig.b.config.live_bound = 16;
    sio_rooms_configure(&rig.b.sio);
    client_join(slow, "r");
    client_join(quick, "r");
    slow->room = 0;
    for (int i = 0; i < 160; i++)
        emit(&rig.b, "r", "[\"x\"]");
    slow->room = -1;
    sio_members_drain(&slow->socket);
    support_wait(&rig.loop, is_closed, slow, SUPPORT_WAIT_MS, "the slow one to be closed");
    assert_int_equal(slow->how, ENGINE_TOO_SLOW);
    assert_false(quick->is_closed);
    assert_int_equal(quick->packets, 160);
}

/* The first entry of a channel is read, and not volatile's fault. */
static void test_volatile_may_be_the_first(void **state)
{
    struct client *client = client_in(&rig.a, "/", "A");

    (void)state;
    emit_as(&rig.b, &(struct whom){ "/", "A", NULL }, "[\"now\"]", true);
    client_expect(client, "42[\"now\"]\n");
}

static void test_volatile_is_for_those_who_can_take_it_now(void **state)
{
    struct client *ready = client_in(&rig.a, "/", "A"), *busy = client_in(&rig.a, "/", "B");
    struct client *behind = client_in(&rig.a, "/", "C");
    const struct whom room = { "/", "r", NULL };

    (void)state;
    client_join(ready, "r");
    client_join(busy, "r");
    client_join(behind, "r");
    busy->engine.is_writable = false;
    behind->room = 0;
    emit(&rig.b, "r", "[\"first\"]");
    emit_as(&rig.b, &room, "[\"now\"]", true);
    emit(&rig.b, "r", "[\"last\"]");
    client_expect(ready, "42[\"first\"]\n42[\"now\"]\n42[\"last\"]\n");
    client_expect(busy, "42[\"first\"]\n42[\"last\"]\n");
    behind->room = -1;
    behind->waits = true;
    sio_members_drain(&behind->socket);
    client_expect(behind, "42[\"first\"]\n42[\"last\"]\n");
    assert_int_equal(rig.a.node.metrics.socketio_volatile_skipped, 2);
}

/* ---- whom an emit is for --------------------------------------------------------------------------------------- */

static void test_targets(void **state)
{
    /* A is in x; B in x and y; C in y; D in none; N in x of another namespace. All but A are on b. */
    static const struct {
        const char *name;
        struct whom whom;
        const char *want;
    } rows[] = {
        { "a room", { "/", "x", NULL }, "AB" },
        { "two rooms, each once", { "/", "x y", NULL }, "ABC" },
        { "all", { "/", NULL, NULL }, "ABCD" },
        { "all but a room", { "/", NULL, "x" }, "CD" },
        { "a room but one socket", { "/", "x", "B" }, "A" },
        { "rooms but a room", { "/", "x y", "y" }, "A" },
        { "a socket", { "/", "C", NULL }, "C" },
        { "two sockets", { "/", "A D", NULL }, "AD" },
        { "a room that nobody is in", { "/", "z", NULL }, "" },
        { "the room of that name elsewhere", { "/n", "x", NULL }, "N" },
        { "all elsewhere", { "/n", NULL, NULL }, "N" },
    };
    struct client *clients[] = { client_in(&rig.a, "/", "A"), client_in(&rig.b, "/", "B"),
                                 client_in(&rig.b, "/", "C"), client_in(&rig.b, "/", "D"),
                                 client_in(&rig.b, "/n", "N") };

    (void)state;
    client_join(clients[0], "x");
    client_join(clients[1], "x");
    client_join(clients[1], "y");
    client_join(clients[2], "y");
    client_join(clients[4], "x");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char got[8] = "";

        emit_as(&rig.b, &rows[i].whom, "[\"e\"]", false);
        for (size_t c = 0; c < 5; c++) {
            emit_as(&rig.a, &(struct whom){ clients[c]->socket.nsp, clients[c]->socket.id, NULL },
                    "[\"end\"]", false);
        }
        for (size_t c = 0; c < 5; c++) {
            const char *nsp = c == 4 ? "/n," : "";
            bool is_wanted = strchr(rows[i].want, clients[c]->socket.id[0]) != NULL;
            size_t packets = is_wanted ? 2 : 1;
            int64_t end_ms = clock_ms() + SUPPORT_WAIT_MS;
            char want[64];

            while (clients[c]->packets < packets && clock_ms() < end_ms)
                uv_run(&rig.loop, UV_RUN_ONCE);
            snprintf(want, sizeof want, "42%s[\"e\"]\n", nsp);
            if (memmem(clients[c]->got.data, clients[c]->got.len, want, strlen(want)) != NULL)
                strcat(got, (char[]){ clients[c]->socket.id[0], '\0' });
            clients[c]->packets = 0;
            buf_clear(&clients[c]->got);
        }
        if (strcmp(got, rows[i].want) != 0)
            fail_msg("%s: %s", rows[i].name, got);
    }
}

/* Tokens are configured, and these sockets have none. */
static void test_restricted_sockets_hear_no_broadcasts(void **state)
{
    struct client *client = client_in(&rig.a, "/", "A");

    (void)state;
    client_join(client, "open");
    rig.a.node.jwts = (struct jwts *)&rig;
    emit_as(&rig.b, &(struct whom){ "/", NULL, NULL }, "[\"all\"]", false);
    emit_as(&rig.b, &(struct whom){ "/", NULL, "x" }, "[\"all\"]", false);
    emit_as(&rig.b, &(struct whom){ "/", "open x", NULL }, "[\"some\"]", false);
    client_expect(client, "42[\"some\"]\n");
    client_expect_nothing(client);
    rig.a.node.jwts = NULL;
}

static void test_attachments_go_along(void **state)
{
    static const struct slice buffers[] = { { "\x01\x02", 2 }, { "", 0 } };
    struct client *client = client_in(&rig.a, "/n", "A");
    struct slice room = SLICE_LITERAL("A");
    struct outcome outcome = { .is_over = false };
    const struct sio_emit emit = {
        .to = { .realm = sio_default_realm(),
                .nsp = SLICE_LITERAL("/n"),
                .rooms = &room,
                .room_count = 1 },
        .items = SLICE_LITERAL("[\"b\",{\"_placeholder\":true,\"num\":0},"
                               "{\"_placeholder\":true,\"num\":1}]"),
        .attachments = buffers,
        .attachment_count = 2,
    };
    struct why why = { "" };

    (void)state;
    assert_true(sio_emit_check(&rig.b.sio, &emit, &why));
    sio_emit(&rig.b.sio, &emit, on_emitted, &outcome, &outcome.slot);
    client_expect(client, "452-/n,[\"b\",{\"_placeholder\":true,\"num\":0},"
                          "{\"_placeholder\":true,\"num\":1}]\n");
    assert_int_equal(client->attachments, 2);
}

static void test_same_id_is_emitted_once(void **state)
{
    struct client *client = client_in(&rig.a, "/", "A");
    struct slice room = SLICE_LITERAL("A");
    struct outcome first = { .is_over = false }, second = { .is_over = false };
    struct sio_emit emit = {
        .to = { .realm = sio_default_realm(),
                .nsp = SLICE_LITERAL("/"),
                .rooms = &room,
                .room_count = 1 },
        .items = SLICE_LITERAL("[\"e\"]"),
        .once = SLICE_LITERAL("m1"),
    };

    (void)state;
    sio_emit(&rig.a.sio, &emit, on_emitted, &first, &first.slot);
    sio_emit(&rig.b.sio, &emit, on_emitted, &second, &second.slot);
    outcome_wait(&first, "the first");
    outcome_wait(&second, "the second");
    assert_int_equal(first.is_duplicate + second.is_duplicate, 1);
    client_expect(client, "42[\"e\"]\n");
    client_expect_nothing(client);
}

/* ---- orders ------------------------------------------------------------------------------------------------------ */

static void test_orders(void **state)
{
    struct client *a = client_in(&rig.a, "/", "A"), *b = client_in(&rig.b, "/", "B");
    struct client *c = client_in(&rig.b, "/", "C");

    (void)state;
    order(&rig.b, &(struct whom){ "/", "A B", NULL }, SIO_CONTROL_JOIN, "x y");
    client_expect_nothing(a);
    client_expect_nothing(b);
    client_join(a, "x"); /* in force, whoever began it */
    client_join(b, "x");
    emit(&rig.a, "x", "[\"e\"]");
    client_expect(a, "42[\"e\"]\n");
    client_expect(b, "42[\"e\"]\n");
    order(&rig.a, &(struct whom){ "/", "x", NULL }, SIO_CONTROL_LEAVE, "x");
    emit(&rig.a, "x", "[\"f\"]");
    client_expect_nothing(a);
    client_expect_nothing(b);
    assert_true(sio_is_in(&a->socket, SLICE_LITERAL("y")));
    order(&rig.a, &(struct whom){ "/", "y", "B" }, SIO_CONTROL_DISCONNECT, "");
    order(&rig.a, &(struct whom){ "/", "C", NULL }, SIO_CONTROL_CLOSE, "");
    client_expect_nothing(b);
    support_wait(&rig.loop, is_closed, c, SUPPORT_WAIT_MS, "one to be closed");
    assert_true(a->is_disconnected && !a->is_closed && a->is_over);
    assert_true(c->is_disconnected);
    assert_false(b->is_disconnected);
}

static bool has_yielded(void *ctx)
{
    return ((struct client *)ctx)->has_yielded;
}

static void come_back(struct client *client)
{
    client->socket.session = &client->session;
    sio_supersede(&client->socket);
}

static void test_newest_connection_wins(void **state)
{
    struct client *older = client_in(&rig.a, "/", "A"), *newer = client_in(&rig.b, "/", "A");

    (void)state;
    come_back(newer);
    support_wait(&rig.loop, has_yielded, older, SUPPORT_WAIT_MS, "the older to yield");
    client_expect_nothing(newer);
    assert_false(newer->has_yielded);
}

/* Each hears of the other; the one that was told of last has it. */
static void test_two_come_back_at_once(void **state)
{
    struct client *a = client_in(&rig.a, "/", "A"), *b = client_in(&rig.b, "/", "A");
    struct whom whom = { "/", "A", NULL };

    (void)state;
    come_back(a);
    come_back(b);
    while (!a->has_yielded && !b->has_yielded)
        uv_run(&rig.loop, UV_RUN_ONCE);
    emit_as(&rig.a, &whom, "[\"x\"]", false);
    client_expect(a->has_yielded ? b : a, "42[\"x\"]\n");
    assert_false(a->has_yielded && b->has_yielded);
}

/* Its node sees nobody who could take any; what is dropped until it can is told, and never passed over. */
static void test_slow_reader_misses_nothing_unseen(void **state)
{
    struct client *slow = client_in(&rig.a, "/", "A");
    int64_t end_ms;

    (void)state;
    assert_int_equal(client_join(slow, "r"), RESULT_OK);
    slow->room = 0;
    assert_int_equal(emit(&rig.b, "r", "[\"one\"]"), 1);
    end_ms = clock_ms() + 3 * (int64_t)STALL_MS;
    while (clock_ms() < end_ms)
        assert_int_equal(emit(&rig.b, "r", "[\"more\"]"), 1);
    slow->room = 1;
    sio_members_drain(&slow->socket);
    client_expect(slow, "42[\"one\"]\n");
}

static bool was_malformed(void *ctx)
{
    (void)ctx;
    return rig.a.node.metrics.socketio_malformed_entries > 0;
}

static void test_bad_entry_is_skipped(void **state)
{
    struct client *a = client_in(&rig.a, "/", "A"), *b = client_in(&rig.a, "/", "B");
    struct sio_channel channel;
    const struct channel_message message = { .payload = SLICE_LITERAL("nonsense") };

    (void)state;
    client_join(a, "r");
    client_join(b, "r");
    assert_true(
        sio_channel_of(&channel, sio_default_realm(), SLICE_LITERAL("/"), SLICE_LITERAL("r")));
    channel_append(rig.b.node.store, &channel.id, &message, NULL, NULL, NULL);
    support_wait(&rig.loop, was_malformed, NULL, SUPPORT_WAIT_MS, "the entry");
    assert_int_equal(rig.a.node.metrics.socketio_malformed_entries, 1); /* once a node */
    emit(&rig.b, "r", "[\"e\"]");
    client_expect(a, "42[\"e\"]\n");
    client_expect(b, "42[\"e\"]\n");
}

/* ---- moving ------------------------------------------------------------------------------------------------------ */

static struct client *client_move(struct client *client, struct station *to)
{
    struct buf image;
    struct unpack bytes;
    struct client *moved;

    buf_init(&image, 65536);
    sio_members_pack(&client->socket, &image);
    sio_asks_pack(&client->socket, &image);
    client_end(client, CHANNEL_LEAVE_BROKEN);
    moved = client_make(to, client->socket.nsp, client->socket.id);
    strcpy(moved->engine.sid, client->engine.sid);
    unpack_init(&bytes, buf_slice(&image));
    moved->socket.state = SIO_CONNECTED;
    assert_true(sio_members_unpack(&moved->socket, &bytes));
    assert_true(sio_asks_unpack(&moved->socket, &bytes));
    assert_true(unpack_is_done(&bytes));
    assert_int_equal(moved->socket.members_made, client->socket.members_made);
    buf_fini(&image);
    return moved;
}

static bool has_last(void *ctx)
{
    const struct client *client = ctx;

    return client->got.len > 5 && memcmp(client->got.data + client->got.len - 5, "[99]\n", 5) == 0;
}

/* To and fro, while a hundred are emitted. */
static void test_move_loses_and_repeats_nothing(void **state)
{
    struct client *client = client_in(&rig.a, "/", "A");
    struct outcome outcomes[100];
    struct names rooms, except;
    uint64_t expected = 0;
    struct buf all;

    (void)state;
    buf_init(&all, RIG_TEXT_MAX);
    memset(outcomes, 0, sizeof outcomes);
    client_join(client, "r");
    for (size_t i = 0; i < 100; i++) {
        char items[32];
        const struct sio_emit emit = {
            .to = target_of(&(struct whom){ "/", "r", NULL }, &rooms, &except),
            .items = { items, (size_t)snprintf(items, sizeof items, "[%zu]", i) },
        };

        sio_emit(&rig.b.sio, &emit, on_emitted, &outcomes[i], &outcomes[i].slot);
        uv_run(&rig.loop, UV_RUN_NOWAIT);
        if (i % 10 != 9)
            continue;
        client->room = i == 49 ? 0 : -1; /* also while it is full */
        buf_add_slice(&all, buf_slice(&client->got));
        client = client_move(client, client->socket.sio == &rig.a.sio ? &rig.b : &rig.a);
    }
    outcome_wait(&outcomes[99], "the last emit");
    support_wait(&rig.loop, has_last, client, SUPPORT_WAIT_MS, "the last packet");
    buf_add_slice(&all, buf_slice(&client->got));
    for (size_t at = 0; at < all.len; expected++) {
        char want[16];
        size_t len =
            (size_t)snprintf(want, sizeof want, "42[%llu]\n", (unsigned long long)expected);

        if (all.len - at < len || memcmp(all.data + at, want, len) != 0)
            fail_msg("not %s at %.40s", want, all.data + at);
        at += len;
    }
    assert_int_equal(expected, 100);
    assert_false(client->is_closed);
    buf_fini(&all);
}

/* Longer away than the room keeps things. */
static void test_move_across_a_gap_is_told(void **state)
{
    struct client *client = client_in(&rig.a, "/", "A"), *other = client_in(&rig.b, "/", "B");

    (void)state;
    rig.b.config.room_keep = rig.b.config.live_bound = 16;
    sio_rooms_configure(&rig.b.sio);
    client_join(client, "r");
    client_join(other, "r");
    client->room = 0;
    for (int i = 0; i < 160; i++)
        emit(&rig.b, "r", "[\"x\"]");
    client = client_move(client, &rig.b);
    support_wait(&rig.loop, is_closed, client, SUPPORT_WAIT_MS, "it to be closed");
    assert_int_equal(client->how, ENGINE_TOO_SLOW);
}

static void test_images_that_make_no_sense(void **state)
{
    static const struct {
        const char *name;
        struct slice image;
    } rows[] = {
        { "nothing", { "", 0 } },
        { "more members than there are", { "\x01\x01", 2 } },
        { "a room twice", { "\x02\x02\x01r\x00\x00\x01r\x01\x00", 10 } },
        { "a room of bad bytes", { "\x01\x01\x01\x07\x00\x00", 6 } },
        { "a cursor that is cut", { "\x01\x01\x01r\x00\x01\x05", 7 } },
        { "neither begun nor not", { "\x01\x01\x01r\x00\x02\x05\x05", 8 } },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct client *client = client_make(&rig.a, "/", "A");
        struct unpack image;

        unpack_init(&image, rows[i].image);
        if (sio_members_unpack(&client->socket, &image))
            fail_msg("%s: was taken", rows[i].name);
        client_free(client);
    }
}

/* ---- the list of members in Redis --------------------------------------------------------------------------------- */

struct counted {
    struct store_op *slot;
    const char *room;
    uint64_t want, got;
    bool is_asking;
};

static void on_counted(enum result result, uint64_t members, void *ctx)
{
    struct counted *counted = ctx;

    if (result == RESULT_OK) /* else Redis is on its way back: it is asked again */
        counted->got = members;
    counted->is_asking = false;
}

static bool is_count(void *ctx)
{
    static const struct slice nodes[] = { { "aaaaaaaaaa", 10 }, { "bbbbbbbbbb", 10 } };
    const struct room_live live = { nodes, 2 };
    struct counted *counted = ctx;
    struct sio_channel channel;

    if (counted->got == counted->want)
        return true;
    if (counted->is_asking)
        return false;
    sio_channel_of(&channel, sio_default_realm(), SLICE_LITERAL("/"), slice_of(counted->room));
    counted->is_asking = true;
    room_count(rig.a.node.store, &(struct room_id){ channel.id.realm, channel.id.id }, &live,
               on_counted, counted, &counted->slot);
    return false;
}

static void wait_for_count(const char *room, uint64_t want)
{
    struct counted counted = { .room = room, .want = want, .got = UINT64_MAX };

    support_wait(&rig.loop, is_count, &counted, SUPPORT_WAIT_MS, room);
    store_cancel(&counted.slot);
}

static void test_redis_knows_the_members(void **state)
{
    struct client *a = client_in(&rig.a, "/", "A"), *b = client_in(&rig.b, "/", "B");

    (void)state;
    client_join(a, "r");
    wait_for_count("r", 1);
    client_join(b, "r");
    wait_for_count("r", 2);
    a = client_move(a, &rig.b);
    wait_for_count("r", 2);
    sio_leave(&a->socket, SLICE_LITERAL("r"));
    wait_for_count("r", 1);
    client_join(a, "r");
    wait_for_count("r", 2);
    client_end(a, CHANNEL_LEAVE_BROKEN);
    client_end(b, CHANNEL_LEAVE_IN_ORDER);
    wait_for_count("r", 0);
}

/* Redis is away while they leave: it hears of it when it is back. */
static void test_departures_are_said_until_they_are_heard(void **state)
{
    struct client *a = client_in(&rig.a, "/", "A"), *b = client_in(&rig.a, "/", "B");

    (void)state;
    client_join(a, "r");
    client_join(b, "r");
    wait_for_count("r", 2);
    support_redis_kill(rig.redis);
    for (int i = 0; i < 20; i++)
        uv_run(&rig.loop, UV_RUN_NOWAIT);
    client_end(a, CHANNEL_LEAVE_IN_ORDER);
    support_redis_restart(rig.redis);
    support_wait(&rig.loop, are_healthy, NULL, SUPPORT_WAIT_MS, "both nodes to be well again");
    wait_for_count("r", 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_start, rig_stop)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(test_emit_reaches_the_members_of_all_nodes),
        TEST(test_joins),
        TEST(test_many_members_cost_no_reads),
        TEST(test_joins_that_do_not_come_to_pass),
        TEST(test_all_members_see_one_order),
        TEST(test_slow_client_holds_up_nobody_and_misses_nothing),
        TEST(test_gap_ends_the_connection),
        TEST(test_volatile_may_be_the_first),
        TEST(test_volatile_is_for_those_who_can_take_it_now),
        TEST(test_targets),
        TEST(test_restricted_sockets_hear_no_broadcasts),
        TEST(test_attachments_go_along),
        TEST(test_same_id_is_emitted_once),
        TEST(test_orders),
        TEST(test_newest_connection_wins),
        TEST(test_two_come_back_at_once),
        TEST(test_slow_reader_misses_nothing_unseen),
        TEST(test_bad_entry_is_skipped),
        TEST(test_move_loses_and_repeats_nothing),
        TEST(test_move_across_a_gap_is_told),
        TEST(test_images_that_make_no_sense),
        TEST(test_redis_knows_the_members),
        TEST(test_departures_are_said_until_they_are_heard),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
