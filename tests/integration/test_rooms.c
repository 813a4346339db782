/* SPDX-License-Identifier: MIT */
#include "store_fixture.h"

#include <stdio.h>
#include <string.h>

#include "store/rooms.h"

/* Who is in a room, over nodes that come and go. */
#define MEMBERS "'sb:{room:default:%2F%23news}:members'"
#define NODES   "'sb:{room:default:%2F%23news}:nodes'"

static const struct room_id news = { { "default", 7 }, { "/#news", 6 } };

static struct {
    struct store_op *slot;
    bool is_over;
    enum result result;
    uint64_t members, next;
    size_t listed;
    char sockets[4096]; /* " s1 s2 " */
} answer;

static bool is_over(void *ctx)
{
    (void)ctx;
    return answer.is_over;
}

static void wait_for_end(void)
{
    support_wait(&loop, is_over, NULL, SUPPORT_WAIT_MS, "an answer");
    assert_null(answer.slot);
    assert_int_equal(answer.result, RESULT_OK);
    answer.is_over = false;
}

static void on_done(enum result result, void *ctx)
{
    (void)ctx;
    answer.result = result;
    answer.is_over = true;
}

static void on_counted(enum result result, uint64_t members, void *ctx)
{
    answer.members = members;
    on_done(result, ctx);
}

static void on_listed(enum result result, const struct room_page *page, void *ctx)
{
    size_t len = 0;

    for (size_t i = 0; i < page->count && len < sizeof answer.sockets - 32; i++)
        len += (size_t)snprintf(answer.sockets + len, sizeof answer.sockets - len, " %.*s",
                                (int)page->sockets[i].len, page->sockets[i].data);
    snprintf(answer.sockets + len, sizeof answer.sockets - len, " ");
    answer.listed = page->count;
    answer.next = page->next;
    on_done(result, ctx);
}

static struct room_member member_of(const char *socket, const char *node)
{
    return (struct room_member){ news, slice_of(socket), slice_of(node) };
}

static void join(const char *socket, const char *node)
{
    struct room_member member = member_of(socket, node);

    room_join(store, &member, on_done, NULL, &answer.slot);
    wait_for_end();
}

static void leave(const char *socket, const char *node)
{
    struct room_member member = member_of(socket, node);

    room_leave(store, &member, on_done, NULL, &answer.slot);
    wait_for_end();
}

/* "a b" */
static struct room_live live_of(const char *text, struct slice nodes[8])
{
    struct room_live live = { nodes, 0 };

    for (const char *at = text; *at != '\0'; at += *at == ' ') {
        size_t len = strcspn(at, " ");

        nodes[live.count++] = (struct slice){ at, len };
        at += len;
    }
    return live;
}

static uint64_t count(const char *nodes)
{
    struct slice room[8];
    struct room_live live = live_of(nodes, room);

    room_count(store, &news, &live, on_counted, NULL, &answer.slot);
    wait_for_end();
    return answer.members;
}

static const char *list(const char *nodes)
{
    struct slice room[8];
    struct room_live live = live_of(nodes, room);

    room_list(store, &news, &live, 0, 100, on_listed, NULL, &answer.slot);
    wait_for_end();
    assert_int_equal(answer.next, 0);
    return answer.sockets;
}

static uint64_t ask(const char *command)
{
    char *text = support_redis_command(redis, command);
    uint64_t number = strtoull(text, NULL, 10);

    free(text);
    return number;
}

enum act { JOIN, LEAVE };

static void test_members(void **state)
{
    static const struct {
        const char *name;
        enum act act;
        const char *socket, *node;
        uint64_t want;      /* on a and b    */
        uint64_t want_of_a; /* when b is dead: not dropped here, where only a's are counted */
    } rows[] = {
        { "the first", JOIN, "s1", "aaaaaaaaaa", 1, 1 },
        { "the same again", JOIN, "s1", "aaaaaaaaaa", 1, 1 },
        { "another of the node", JOIN, "s2", "aaaaaaaaaa", 2, 2 },
        { "one of another node", JOIN, "s3", "bbbbbbbbbb", 3, 2 },
        { "one moves", JOIN, "s1", "bbbbbbbbbb", 3, 1 },
        { "its old node lets go of it: too late", LEAVE, "s1", "aaaaaaaaaa", 3, 1 },
        { "its new node lets go of it", LEAVE, "s1", "bbbbbbbbbb", 2, 1 },
        { "it leaves again", LEAVE, "s1", "bbbbbbbbbb", 2, 1 },
        { "one that was never there leaves", LEAVE, "s9", "aaaaaaaaaa", 2, 1 },
        { "the last of a", LEAVE, "s2", "aaaaaaaaaa", 1, 0 },
        { "the last of all", LEAVE, "s3", "bbbbbbbbbb", 0, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t all, of_a;
        if (rows[i].act == JOIN)
            join(rows[i].socket, rows[i].node);
        else
            leave(rows[i].socket, rows[i].node);
        all = count("aaaaaaaaaa bbbbbbbbbb");
        of_a = ask("HGET " NODES " aaaaaaaaaa");
        if (all != rows[i].want || of_a != rows[i].want_of_a)
            fail_msg("%s: %llu in all, %llu of a", rows[i].name, (unsigned long long)all,
                     (unsigned long long)of_a);
    }
    assert_int_equal(ask("EXISTS " MEMBERS " " NODES), 0);
}

/* s1 on a; s2 and s3 on b, which dies. */
static void fill(void)
{
    join("s1", "aaaaaaaaaa");
    join("s2", "bbbbbbbbbb");
    join("s3", "bbbbbbbbbb");
}

static void test_dead_members_are_not_counted_and_dropped(void **state)
{
    (void)state;
    fill();
    assert_int_equal(count("aaaaaaaaaa bbbbbbbbbb"), 3);
    assert_int_equal(count("cccccccccc aaaaaaaaaa"), 1);
    assert_int_equal(ask("HLEN " MEMBERS), 1);
    assert_int_equal(ask("HLEN " NODES), 1);
    assert_int_equal(count("aaaaaaaaaa bbbbbbbbbb"), 1);
}

static void test_dead_members_are_not_listed_and_dropped(void **state)
{
    (void)state;
    fill();
    assert_string_equal(list("aaaaaaaaaa"), " s1 ");
    assert_int_equal(ask("HLEN " MEMBERS), 1);
    assert_int_equal(ask("HLEN " NODES), 1);
    assert_string_equal(list("aaaaaaaaaa bbbbbbbbbb"), " s1 ");
}

static void test_part_of_a_node_is_not_that_node(void **state)
{
    (void)state;
    fill();
    assert_int_equal(count("aaaaaaaaaax xaaaaaaaaaa bbbbbbbbbb"), 2);
    assert_int_equal(count(""), 0);
}

/* Too many to be dropped at once by who counts; who lists drops them page by page. */
static void test_large_room_is_told_of_in_pages(void **state)
{
    struct slice node = SLICE_LITERAL("aaaaaaaaaa");
    struct room_live live = { &node, 1 };
    size_t total = 0, pages = 0;
    uint64_t cursor = 0;

    (void)state;
    for (int i = 0; i < 1500; i++) {
        char socket[16];

        snprintf(socket, sizeof socket, "s%d", i);
        join(socket, i % 3 == 0 ? "bbbbbbbbbb" : "aaaaaaaaaa");
    }
    assert_int_equal(count("aaaaaaaaaa"), 1000);
    assert_int_equal(ask("HLEN " MEMBERS), 1500);
    do {
        room_list(store, &news, &live, cursor, 100, on_listed, NULL, &answer.slot);
        wait_for_end();
        assert_in_range(answer.listed, 0, 200);
        total += answer.listed;
        pages++;
        cursor = answer.next;
    } while (cursor != 0);
    assert_in_range(total, 1000, 1100); /* HSCAN may tell of one twice */
    assert_in_range(pages, 8, 40);
    assert_int_equal(ask("HLEN " MEMBERS), 1000);
    assert_int_equal(ask("HLEN " NODES), 1);
}

static void test_rooms_outlive_their_renewals(void **state)
{
    (void)state;
    fill();
    ask("PEXPIRE " MEMBERS " 1000");
    ask("PEXPIRE " NODES " 1000");
    join("s1", "aaaaaaaaaa");
    assert_true(ask("PTTL " MEMBERS) > 2 * ROOM_RENEW_MS);
    assert_true(ask("PTTL " NODES) > 2 * ROOM_RENEW_MS);
    flush(NULL);
    join("s1", "aaaaaaaaaa");
    assert_int_equal(count("aaaaaaaaaa"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_members, flush),
        cmocka_unit_test_setup(test_dead_members_are_not_counted_and_dropped, flush),
        cmocka_unit_test_setup(test_dead_members_are_not_listed_and_dropped, flush),
        cmocka_unit_test_setup(test_part_of_a_node_is_not_that_node, flush),
        cmocka_unit_test_setup(test_large_room_is_told_of_in_pages, flush),
        cmocka_unit_test_setup(test_rooms_outlive_their_renewals, flush),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
