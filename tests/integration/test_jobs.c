/* SPDX-License-Identifier: MIT */
/* Jobs and their mailboxes on a real Redis. A heartbeat ends here by the removal of its key. */
#include "store_fixture.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/channel.h"
#include "store/jobs.h"

#define REALM SLICE_LITERAL("default")

/* ---- one operation, waited for ---------------------------------------------------------------- */

struct answer {
    bool is_there;
    enum result result;
    uint64_t cursor, waiting;
    bool is_live;
    int64_t last_seen_ms;
    char text[8192];
};

static struct answer answer;
static struct store_op *slot;

static bool is_there(void *ctx)
{
    return ((struct answer *)ctx)->is_there;
}

static const char *wait_for_answer(void)
{
    support_wait(&loop, is_there, &answer, SUPPORT_WAIT_MS, "an answer");
    assert_null(slot);
    return answer.text;
}

static void expect_answer(void)
{
    memset(&answer, 0, sizeof answer);
}

static void take_answer(enum result result)
{
    assert_false(answer.is_there);
    answer.is_there = true;
    answer.result = result;
    snprintf(answer.text, sizeof answer.text, "%s", result_name(result));
}

static void on_polled(enum result result, const struct job_taken *taken, void *ctx)
{
    struct buf text;

    (void)ctx;
    take_answer(result);
    if (result != RESULT_OK)
        return;
    answer.cursor = taken->cursor;
    buf_init(&text, sizeof answer.text - 1);
    buf_add_byte(&text, '[');
    for (size_t i = 0; i < taken->count; i++) {
        buf_add_text(&text, i > 0 ? "," : "");
        buf_add_slice(&text, job_payload(taken, i));
    }
    assert_true(buf_add_byte(&text, ']'));
    memcpy(answer.text, text.data, text.len);
    answer.text[text.len] = '\0';
    buf_fini(&text);
}

static const char *ask(const char *job, const char *universe, bool is_safe, uint64_t ack)
{
    struct job_id id = { REALM, slice_of(job) };
    struct job_poll poll = {
        .universe = slice_of(universe), .ttl_ms = 60000, .is_safe = is_safe, .ack = ack
    };

    expect_answer();
    job_poll(store, &id, &poll, on_polled, NULL, &slot);
    assert_false(answer.is_there);
    return wait_for_answer();
}

/* "[…]" of what was taken, or how it ended. */
static const char *take(const char *job, const char *universe)
{
    return ask(job, universe, false, 0);
}

static const char *take_safely(const char *job, const char *universe, uint64_t ack)
{
    return ask(job, universe, true, ack);
}

static void on_enqueued(enum result result, bool is_live, void *ctx)
{
    (void)ctx;
    take_answer(result);
    answer.is_live = is_live;
    if (result == RESULT_OK)
        snprintf(answer.text, sizeof answer.text, "%s", is_live ? "live" : "queued");
}

static const char *send_command(const char *job, const struct job_command *command)
{
    struct job_id id = { REALM, slice_of(job) };

    expect_answer();
    job_enqueue(store, &id, command, on_enqueued, NULL, &slot);
    return wait_for_answer();
}

/* "live", "queued", or how it ended. */
static const char *send_scoped(const char *job, const char *payload, const char *scope)
{
    return send_command(job, &(struct job_command){ .payload = slice_of(payload),
                                                    .scope = slice_of(scope),
                                                    .ttl_ms = 60000,
                                                    .cap = 100 });
}

static const char *send_one(const char *job, const char *payload)
{
    return send_scoped(job, payload, NULL);
}

static void on_found(enum result result, const struct job *job, void *ctx)
{
    (void)ctx;
    take_answer(result);
    if (result != RESULT_OK)
        return;
    answer.last_seen_ms = job->last_seen_ms;
    answer.waiting = job->waiting;
    snprintf(answer.text, sizeof answer.text, "%.*s waits %" PRIu64, (int)job->universe.len,
             job->universe.data, job->waiting);
}

/* "<universe> waits <n>", or how it ended. */
static const char *find(const char *job)
{
    struct job_id id = { REALM, slice_of(job) };

    expect_answer();
    job_find(store, &id, on_found, NULL, &slot);
    return wait_for_answer();
}

static void end_heartbeat(const char *job)
{
    char command[128];

    snprintf(command, sizeof command, "DEL 'sb:{mailbox:default:%s}:hb'", job);
    free(support_redis_command(redis, command));
}

static void assert_redis(const char *command, const char *want)
{
    char *got = support_redis_command(redis, command);

    assert_string_equal(got, want);
    free(got);
}

static bool is_past(void *ctx)
{
    return store_now_ms(store) > *(int64_t *)ctx;
}

static void let_pass(uint32_t ms)
{
    int64_t until = store_now_ms(store) + ms;

    support_wait(&loop, is_past, &until, SUPPORT_WAIT_MS, "time passes");
}

/* ---- taking ---------------------------------------------------------------------------------- */

static void test_commands_are_taken_once_in_order(void **state)
{
    (void)state;
    assert_string_equal(send_one("j", "1"), "queued");
    assert_string_equal(send_one("j", "{\"a\" : 2}"), "queued");
    assert_string_equal(take("j", "u1"), "[1,{\"a\" : 2}]");
    assert_string_equal(take("j", "u1"), "[]");
    assert_string_equal(send_one("j", "3"), "live");
    assert_string_equal(take("j", "u1"), "[3]");
    end_heartbeat("j");
    assert_string_equal(send_one("j", "4"), "queued");
    assert_string_equal(take("other", "u1"), "[]");
    assert_string_equal(take("j", "u1"), "[4]");
    assert_redis("EXISTS 'sb:{mailbox:default:j}:q'", "0");
}

static void test_payloads_hold_any_bytes(void **state)
{
    static const char bytes[] = "\"\0\r\n\xff,]\"";
    struct job_command command = { .payload = { bytes, sizeof bytes - 1 },
                                   .ttl_ms = 60000,
                                   .cap = 100 };

    (void)state;
    assert_string_equal(send_command("j", &command), "queued");
    take("j", "u1");
    assert_int_equal(answer.result, RESULT_OK);
    assert_memory_equal(answer.text + 1, bytes, sizeof bytes - 1);
}

static void test_the_heartbeat_is_renewed(void **state)
{
    struct job_id id = { REALM, SLICE_LITERAL("j") };
    struct job_poll poll = { .universe = SLICE_LITERAL("u1"), .ttl_ms = 300 };
    int64_t seen;

    (void)state;
    for (int i = 0; i < 3; i++) {
        expect_answer();
        job_poll(store, &id, &poll, on_polled, NULL, &slot);
        assert_string_equal(wait_for_answer(), "[]");
        let_pass(150);
        assert_string_equal(find("j"), "u1 waits 0");
        seen = answer.last_seen_ms;
        assert_in_range(store_now_ms(store) - seen, 100, 300);
    }
    let_pass(350);
    assert_string_equal(find("j"), "not_found");
}

/* ---- whose ----------------------------------------------------------------------------------- */

static void test_a_job_belongs_to_who_polled_first(void **state)
{
    (void)state;
    assert_string_equal(take("j", "u1"), "[]");
    send_one("j", "1");
    assert_string_equal(take("j", "u2"), "conflict");
    assert_string_equal(take("j", "u1"), "[1]");
    end_heartbeat("j");
    assert_string_equal(take("j", "u2"), "[]");
    assert_string_equal(take("j", "u1"), "conflict");
    assert_string_equal(find("j"), "u2 waits 0");
}

static void test_a_scope_outlives_the_owner(void **state)
{
    (void)state;
    send_scoped("j", "1", "u1");
    send_one("j", "2");
    send_scoped("j", "3", "u2");
    send_scoped("j", "4", "u1");
    assert_string_equal(take("j", "u2"), "[2,3]");
    assert_string_equal(find("j"), "u2 waits 0");
    assert_string_equal(send_scoped("j", "5", "u1"), "refused");
    end_heartbeat("j");
    assert_string_equal(send_scoped("j", "6", "u1"), "queued");
    assert_string_equal(take("j", "u1"), "[1,4,6]");
}

static void test_prefixes_of_a_universe_are_others(void **state)
{
    (void)state;
    send_scoped("j", "1", "u1");
    assert_string_equal(take("j", "u"), "[]");
    assert_string_equal(take("j", "u1"), "conflict");
    end_heartbeat("j");
    assert_string_equal(take("j", "u11"), "[]");
    end_heartbeat("j");
    assert_string_equal(take("j", "u1"), "[1]");
}

/* ---- safe take ------------------------------------------------------------------------------- */

static void test_a_safe_take_keeps_until_acknowledged(void **state)
{
    uint64_t first, second;

    (void)state;
    send_one("j", "1");
    send_one("j", "2");
    assert_string_equal(take_safely("j", "u1", 0), "[1,2]");
    first = answer.cursor;
    assert_string_equal(take_safely("j", "u1", 0), "[1,2]");
    assert_int_equal(answer.cursor, first);
    assert_string_equal(take_safely("j", "u1", first - 1), "[2]");
    assert_int_equal(answer.cursor, first);
    send_one("j", "3");
    assert_string_equal(take_safely("j", "u1", first), "[3]");
    second = answer.cursor;
    assert_true(second > first);
    assert_string_equal(take_safely("j", "u1", second), "[]");
    assert_int_equal(answer.cursor, second);
    assert_string_equal(take_safely("j", "u1", second), "[]");
    assert_redis("EXISTS 'sb:{mailbox:default:j}:q'", "0");
}

static void test_an_unknown_cursor_removes_nothing(void **state)
{
    uint64_t cursor;

    (void)state;
    assert_string_equal(take_safely("j", "u1", 0), "[]");
    assert_int_equal(answer.cursor, 0);
    assert_string_equal(take_safely("j", "u1", 1), "invalid");
    send_one("j", "1");
    assert_string_equal(take_safely("j", "u1", 1), "invalid");
    assert_string_equal(take_safely("j", "u1", 0), "[1]");
    cursor = answer.cursor;
    assert_string_equal(take_safely("j", "u1", cursor + 1), "invalid");
    assert_string_equal(take_safely("j", "u1", UINT64_MAX), "invalid");
    assert_string_equal(take_safely("j", "u2", 0), "conflict");
    assert_string_equal(take_safely("j", "u1", 0), "[1]");
    assert_string_equal(take("j", "u1"), "[1]"); /* the plain way takes for good */
    assert_string_equal(take_safely("j", "u1", cursor), "[]");
}

static void test_an_ack_leaves_the_scopes_of_others(void **state)
{
    uint64_t cursor;

    (void)state;
    send_scoped("j", "1", "u1");
    send_one("j", "2");
    assert_string_equal(take_safely("j", "u2", 0), "[2]");
    cursor = answer.cursor;
    assert_string_equal(take_safely("j", "u2", cursor), "[]");
    end_heartbeat("j");
    assert_string_equal(take_safely("j", "u1", 0), "[1]");
}

/* ---- expiry, cap, ids ------------------------------------------------------------------------- */

static void test_commands_expire_one_by_one(void **state)
{
    struct job_command brief = { .payload = SLICE_LITERAL("1"), .ttl_ms = 50, .cap = 100 };
    uint64_t before = channel_stats(store)->dropped[CHANNEL_MAILBOX][DROP_EXPIRED];

    (void)state;
    send_command("j", &brief);
    send_one("j", "2");
    send_command("j", &brief);
    let_pass(60);
    take("j", "u1");
    assert_string_equal(answer.text, "[2]");
    assert_int_equal(channel_stats(store)->dropped[CHANNEL_MAILBOX][DROP_EXPIRED] - before, 2);
}

static void test_the_mailbox_lives_as_long_as_its_last_command(void **state)
{
    struct job_command brief = { .payload = SLICE_LITERAL("1"), .ttl_ms = 1000, .cap = 100 };

    (void)state;
    send_command("j", &brief);
    send_one("j", "2");
    send_command("j", &brief);
    char *ttl = support_redis_command(redis, "PTTL 'sb:{mailbox:default:j}:q'");
    assert_in_range(atoi(ttl), 59000, 62000);
    free(ttl);
}

static void test_the_oldest_goes_at_the_cap(void **state)
{
    struct job_command command = { .ttl_ms = 60000, .cap = 3 };
    uint64_t before = channel_stats(store)->dropped[CHANNEL_MAILBOX][DROP_OFFLINE_CAP];

    (void)state;
    for (int i = 0; i < 5; i++) {
        char digit = (char)('0' + i);

        command.payload = (struct slice){ &digit, 1 };
        send_command("j", &command);
    }
    assert_string_equal(take("j", "u1"), "[2,3,4]");
    assert_int_equal(channel_stats(store)->dropped[CHANNEL_MAILBOX][DROP_OFFLINE_CAP] - before, 2);
}

static void test_what_has_expired_takes_no_place(void **state)
{
    struct job_command brief = { .payload = SLICE_LITERAL("0"), .ttl_ms = 50, .cap = 3 };
    struct job_command command = { .payload = SLICE_LITERAL("1"), .ttl_ms = 60000, .cap = 3 };

    (void)state;
    send_command("j", &command);
    send_command("j", &brief);
    send_command("j", &brief);
    let_pass(60);
    send_command("j", &command);
    send_command("j", &command);
    assert_string_equal(take("j", "u1"), "[1,1,1]");
}

static void test_a_smaller_cap_takes_effect(void **state)
{
    struct job_command command = { .payload = SLICE_LITERAL("9"), .ttl_ms = 60000, .cap = 2 };

    (void)state;
    for (int i = 0; i < 5; i++)
        send_one("j", "1");
    send_command("j", &command);
    assert_string_equal(take("j", "u1"), "[1,9]");
}

static void test_an_id_is_stored_once(void **state)
{
    struct job_command command = {
        .payload = SLICE_LITERAL("1"), .once = SLICE_LITERAL("c 1:{}"), .ttl_ms = 200, .cap = 100
    };

    (void)state;
    assert_string_equal(send_command("j", &command), "queued");
    assert_string_equal(send_command("j", &command), "queued");
    assert_string_equal(send_command("k", &command), "queued");
    assert_string_equal(take("j", "u1"), "[1]");
    assert_string_equal(send_command("j", &command), "live");
    assert_string_equal(take("j", "u1"), "[]");
    assert_string_equal(take("k", "u1"), "[1]");
    let_pass(250);
    assert_string_equal(send_command("j", &command), "live");
    assert_string_equal(take("j", "u1"), "[1]");
}

static void test_live_only(void **state)
{
    struct job_command command = {
        .payload = SLICE_LITERAL("1"), .is_live_only = true, .ttl_ms = 60000, .cap = 100
    };

    (void)state;
    assert_string_equal(send_command("j", &command), "not_found");
    assert_string_equal(take("j", "u1"), "[]");
    assert_string_equal(send_command("j", &command), "live");
    assert_string_equal(take("j", "u1"), "[1]");
}

/* ---- looking --------------------------------------------------------------------------------- */

static void test_a_job_is_found_while_it_lives(void **state)
{
    struct job_command brief = { .payload = SLICE_LITERAL("1"), .ttl_ms = 50, .cap = 100 };

    (void)state;
    send_one("j", "1");
    assert_string_equal(find("j"), "not_found");
    take("j", "u 1");
    send_one("j", "2");
    send_command("j", &brief);
    let_pass(60);
    assert_string_equal(find("j"), "u 1 waits 1");
    end_heartbeat("j");
    assert_string_equal(find("j"), "not_found");
}

static char listed[4096], next_cursor[32];

static void on_page(enum result result, const struct job_page *page, void *ctx)
{
    (void)ctx;
    take_answer(result);
    for (size_t i = 0; i < page->count; i++) {
        struct slice job = job_page_item(page, i);
        size_t len = strlen(listed);

        snprintf(listed + len, sizeof listed - len, "%.*s ", (int)job.len, job.data);
    }
    snprintf(next_cursor, sizeof next_cursor, "%.*s", (int)page->next.len, page->next.data);
}

static const char *list_all(const char *universe)
{
    listed[0] = '\0';
    snprintf(next_cursor, sizeof next_cursor, "0");
    do {
        char cursor[sizeof next_cursor];

        snprintf(cursor, sizeof cursor, "%s", next_cursor);
        expect_answer();
        job_list(store, REALM, slice_of(universe), slice_of(cursor), on_page, NULL, &slot);
        assert_string_equal(wait_for_answer(), "ok");
    } while (strcmp(next_cursor, "0") != 0);
    return listed;
}

static void test_who_polls_is_listed(void **state)
{
    (void)state;
    assert_string_equal(list_all("u1"), "");
    take("a", "u1");
    take("b", "u1");
    take("c", "u2");
    take("c", "u1"); /* a conflict, and yet the index was told: the heartbeat knows better */
    assert_non_null(strstr(list_all("u1"), "a "));
    assert_non_null(strstr(list_all("u1"), "b "));
    assert_string_equal(list_all("u2"), "c ");
}

static void test_a_job_is_told_of_again_each_minute(void **state)
{
    char command[160];

    (void)state;
    take("j", "u1");
    free(support_redis_command(redis, "DEL 'sb:{jobs:default:u1}:live'"));
    take("j", "u1");
    assert_string_equal(list_all("u1"), "");
    snprintf(command, sizeof command, "SET 'sb:{mailbox:default:j}:hb' '%013lld %013lld u1'",
             (long long)store_now_ms(store) - 500, (long long)store_now_ms(store) - 61000);
    free(support_redis_command(redis, command));
    assert_string_equal(take("j", "u1"), "[]");
    assert_string_equal(list_all("u1"), "j ");
}

static void test_the_index_forgets(void **state)
{
    (void)state;
    free(support_redis_command(redis, "ZADD 'sb:{jobs:default:u1}:live' 1000 dead"));
    take("j", "u1");
    assert_string_equal(list_all("u1"), "j ");
    char *ttl = support_redis_command(redis, "PTTL 'sb:{jobs:default:u1}:live'");
    assert_true(atoi(ttl) > 120000);
    free(ttl);
}

/* ---- waking ---------------------------------------------------------------------------------- */

static struct {
    unsigned ups, messages;
} heard;

static void on_news(struct topic *topic, enum topic_news news, struct slice message, void *ctx)
{
    (void)topic;
    (void)message;
    (void)ctx;
    heard.ups += news == TOPIC_UP;
    heard.messages += news == TOPIC_MESSAGE;
}

static bool is_subscribed(void *ctx)
{
    (void)ctx;
    return heard.ups > 0;
}

static bool was_woken(void *ctx)
{
    (void)ctx;
    return heard.messages > 0;
}

static void test_a_command_is_published(void **state)
{
    struct channel_id id = { CHANNEL_MAILBOX, REALM, SLICE_LITERAL("j") };
    struct topic *topic;
    struct key key;

    (void)state;
    channel_topic_key(&id, &key);
    topic = topic_subscribe(store, TOPIC_CHANNEL, key.text, on_news, NULL);
    support_wait(&loop, is_subscribed, NULL, SUPPORT_WAIT_MS, "the subscription");
    assert_string_equal(send_one("j", "1"), "queued");
    support_wait(&loop, was_woken, NULL, SUPPORT_WAIT_MS, "the publication");
    topic_unsubscribe(&topic);
}

/* ---- what goes wrong ---------------------------------------------------------------------------- */

static void test_a_cancelled_poll_says_nothing(void **state)
{
    struct job_id id = { REALM, SLICE_LITERAL("j") };
    struct job_poll poll = { .universe = SLICE_LITERAL("u1"), .ttl_ms = 60000 };

    (void)state;
    expect_answer();
    job_poll(store, &id, &poll, on_polled, NULL, &slot);
    store_cancel(&slot);
    assert_null(slot);
    assert_string_equal(find("j"), "not_found"); /* it only got as far as the index */
    assert_string_equal(take("j", "u1"), "[]");
}

static void test_scripts_come_back_after_a_flush(void **state)
{
    (void)state;
    take("j", "u1");
    free(support_redis_command(redis, "SCRIPT FLUSH"));
    assert_string_equal(send_one("j", "1"), "live");
    assert_string_equal(take("j", "u1"), "[1]");
}

static void test_without_redis_it_is_unavailable(void **state)
{
    (void)state;
    send_one("j", "1");
    support_redis_kill(redis);
    take("j", "u1");
    assert_true(answer.result == RESULT_UNAVAILABLE || answer.result == RESULT_UNCERTAIN);
    support_redis_restart(redis);
    support_wait(&loop, fixture_is_up, store, SUPPORT_WAIT_MS, "the store is up again");
    assert_string_equal(take("j", "u1"), "[1]");
}

#define TEST(name) cmocka_unit_test_setup(name, flush)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_commands_are_taken_once_in_order),
        TEST(test_payloads_hold_any_bytes),
        TEST(test_the_heartbeat_is_renewed),
        TEST(test_a_job_belongs_to_who_polled_first),
        TEST(test_a_scope_outlives_the_owner),
        TEST(test_prefixes_of_a_universe_are_others),
        TEST(test_a_safe_take_keeps_until_acknowledged),
        TEST(test_an_unknown_cursor_removes_nothing),
        TEST(test_an_ack_leaves_the_scopes_of_others),
        TEST(test_commands_expire_one_by_one),
        TEST(test_the_mailbox_lives_as_long_as_its_last_command),
        TEST(test_the_oldest_goes_at_the_cap),
        TEST(test_what_has_expired_takes_no_place),
        TEST(test_a_smaller_cap_takes_effect),
        TEST(test_an_id_is_stored_once),
        TEST(test_live_only),
        TEST(test_a_job_is_found_while_it_lives),
        TEST(test_who_polls_is_listed),
        TEST(test_a_job_is_told_of_again_each_minute),
        TEST(test_the_index_forgets),
        TEST(test_a_command_is_published),
        TEST(test_a_cancelled_poll_says_nothing),
        TEST(test_scripts_come_back_after_a_flush),
        TEST(test_without_redis_it_is_unavailable),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
